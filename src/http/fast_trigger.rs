//! `/api/settings/fasttrigger`: what is heard when the caller mutes and unmutes at once. The routes
//! of the original server, over the choice that `/bind` changes as well. Contract 4.

use rocket::{get, post};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::answer::Json;
use super::guards::{AppState, Body, Caller};
use super::player::SOUND_MAX_BYTES;
use super::query::InGuild;
use crate::domain::occasions::{Choice, Occasion};
use crate::error::Error;

/// `ident` is empty for any sound, and null for none at all, which the original did not know.
#[derive(Serialize, ToSchema)]
pub(super) struct FastTrigger {
    #[schema(example = "nice")]
    ident: Option<String>,
    random: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FastTriggerBody {
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 255, example = "nice")]
    ident: Ident,
    #[serde(default)]
    random: bool,
}

#[derive(Default)]
enum Ident {
    #[default]
    Missing,
    Null,
    Name(String),
}

impl<'de> Deserialize<'de> for Ident {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Option::deserialize(deserializer)?;
        Ok(name.map_or(Self::Null, Self::Name))
    }
}

impl From<Choice> for FastTrigger {
    fn from(choice: Choice) -> Self {
        let (ident, random) = match choice {
            Choice::Sound(sound) => (Some(sound), false),
            Choice::Any => (Some(String::new()), true),
            Choice::Nothing => (None, false),
        };
        Self { ident, random }
    }
}

/// What the caller has chosen.
#[utoipa::path(
    get,
    path = "/api/settings/fasttrigger",
    tag = "favourites",
    responses((status = 200, description = "What is heard", body = FastTrigger)),
)]
#[get("/api/settings/fasttrigger")]
pub(super) async fn get_fast_trigger(
    app: &AppState,
    caller: Caller,
) -> Result<Json<FastTrigger>, Error> {
    let chosen = app.occasions.choice(caller.user(), Occasion::FastTrigger);
    Ok(Json(chosen.await?.into()))
}

/// Chooses a sound, any sound, or none.
#[utoipa::path(
    post,
    path = "/api/settings/fasttrigger",
    tag = "favourites",
    params(InGuild),
    request_body = FastTriggerBody,
    responses(
        (status = 200, description = "What is heard from now on", body = FastTrigger),
        (status = 404, description = "No sound has this name")
    ),
)]
#[post("/api/settings/fasttrigger", data = "<body>")]
pub(super) async fn choose_fast_trigger(
    app: &AppState,
    caller: Caller,
    guild: InGuild,
    body: Body<FastTriggerBody>,
) -> Result<Json<FastTrigger>, Error> {
    let choice = match body.0 {
        FastTriggerBody { random: true, .. } => Choice::Any,
        FastTriggerBody { ident, .. } => match ident {
            Ident::Null => Choice::Nothing,
            Ident::Name(name) if name.len() <= SOUND_MAX_BYTES => Choice::Sound(name),
            Ident::Name(_) | Ident::Missing => {
                return Err(Error::Invalid("ident must be the name of a sound"));
            }
        },
    };
    let guild = guild.enter(app, caller.user()).await?;
    let occasion = Occasion::FastTrigger;
    let chosen = app.occasions.choose(guild, caller.user(), occasion, choice);
    Ok(Json(chosen.await?.into()))
}
