//! `/api/favorites`: the sounds that the caller likes. The routes of the original server, over the
//! favourites that commands change as well. Contract 4.

use rocket::Request;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::{delete, get, post};

use super::answer::{Done, Json, List, Page};
use super::error::fail;
use super::guards::{AppState, Caller};
use super::player::SOUND_MAX_BYTES;
use super::query::{InGuild, Twice, find};
use crate::app::App;
use crate::domain::favourites::Favourite;
use crate::error::Error;
use crate::ids::{GuildId, UserId};

const UNKNOWN: Error = Error::NotFound("sound was not found");

/// `guild`: where a name is looked for; the operator's sounds alone without it.
pub(super) struct Place(Option<GuildId>);

impl Place {
    /// The guild, if the caller is one of its members.
    pub(super) async fn enter(self, app: &App, user: UserId) -> Result<Option<GuildId>, Error> {
        if let Some(guild) = self.0 {
            app.guilds.check_member(guild, user).await?;
        }
        Ok(self.0)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Place {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let guild = match find(request, "guild") {
            Ok(None) => Some(None),
            Ok(Some(text)) => text.parse().ok().map(Some),
            Err(Twice) => None,
        };
        match guild {
            Some(guild) => Outcome::Success(Self(guild)),
            None => fail(request, Error::Invalid("guild must be the id of a guild")),
        }
    }
}

/// The names of the operator's sounds that the caller likes, those too that are gone for now; with
/// a guild, of those that are there in it.
#[utoipa::path(
    get,
    path = "/api/favorites",
    tag = "favourites",
    params(InGuild),
    responses((status = 200, description = "Names of sounds", body = List<String>)),
)]
#[get("/")]
pub(super) async fn list_favourites(
    app: &AppState,
    caller: Caller,
    place: Place,
) -> Result<Page<String>, Error> {
    let user = caller.user();
    let results: Vec<String> = if let Some(guild) = place.enter(app, user).await? {
        let sounds = app.favourites.list_in(user, guild).await?;
        sounds.iter().map(|sound| sound.stem.clone()).collect()
    } else {
        let all = app.favourites.list(user).await?;
        let operators = all.iter().filter(|it| it.guild.is_none());
        operators.map(|it| it.sound.clone()).collect()
    };
    Ok(Page {
        total: results.len().to_string(),
        results,
    })
}

/// Makes a sound one of the caller's favourites; it may be one already.
#[utoipa::path(
    post,
    path = "/api/favorites/{sound}",
    tag = "favourites",
    params(
        (
            "sound" = String,
            Path,
            description = "The sound's name.",
            min_length = 1,
            max_length = 255
        ),
        InGuild
    ),
    responses(
        (status = 201, description = "It is one", body = Done),
        (status = 404, description = "No sound has this name"),
        (status = 409, description = "There are as many as there may be")
    ),
)]
#[post("/<sound>")]
pub(super) async fn add_favourite(
    app: &AppState,
    caller: Caller,
    place: Place,
    sound: &str,
) -> Result<(Status, Json<Done>), Error> {
    check_name(sound)?;
    let guild = place.enter(app, caller.user()).await?;
    let sound = app.library.find_at(guild, sound).ok_or(UNKNOWN)?;
    app.favourites.add(caller.user(), &sound).await?;
    Ok((Status::Created, Json(Done {})))
}

/// Takes a favourite back; it may be none. A sound that is gone answers to the name it had.
#[utoipa::path(
    delete,
    path = "/api/favorites/{sound}",
    tag = "favourites",
    params(
        (
            "sound" = String,
            Path,
            description = "The sound's name.",
            min_length = 1,
            max_length = 255
        ),
        InGuild
    ),
    responses(
        (status = 200, description = "It is none", body = Done),
        (status = 404, description = "No sound has this name, and no favourite had it")
    ),
)]
#[delete("/<sound>")]
pub(super) async fn remove_favourite(
    app: &AppState,
    caller: Caller,
    place: Place,
    sound: &str,
) -> Result<Json<Done>, Error> {
    check_name(sound)?;
    let guild = place.enter(app, caller.user()).await?;
    let found = app.library.find_at(guild, sound);
    let is_known = found.is_some();
    let favourite = match found {
        Some(sound) => Favourite {
            guild: sound.guild(),
            sound: sound.stem.clone(),
        },
        None => Favourite {
            guild,
            sound: sound.to_owned(),
        },
    };
    let was_one = app.favourites.remove(caller.user(), favourite).await?;
    if is_known || was_one {
        return Ok(Json(Done {}));
    }
    Err(UNKNOWN)
}

fn check_name(sound: &str) -> Result<(), Error> {
    if sound.len() > SOUND_MAX_BYTES {
        return Err(Error::Invalid("the sound must be the name of a sound"));
    }
    Ok(())
}
