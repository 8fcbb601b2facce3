//! Emojis, of guilds and of applications.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::actor::Actor;
use super::body::{JsonBody, Path, snowflake};
use super::caller::Bot;
use crate::protocol::api_error::ApiError;
use crate::state::Shared;
use crate::state::expressions::EmojiDraft;
use crate::world::expressions::EmojiHome;

/// The routes of emojis.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(
            "/guilds/{home}/emojis",
            get(list_of_guild).post(create::<InGuild>),
        )
        .route(
            "/guilds/{home}/emojis/{emoji}",
            get(get_one::<InGuild>)
                .patch(edit::<InGuild>)
                .delete(delete::<InGuild>),
        )
        .route(
            "/applications/{home}/emojis",
            get(list_of_application).post(create::<InApplication>),
        )
        .route(
            "/applications/{home}/emojis/{emoji}",
            get(get_one::<InApplication>)
                .patch(edit::<InApplication>)
                .delete(delete::<InApplication>),
        )
}

/// Whose emojis a route is for.
trait Place {
    fn read(id: &str) -> Result<EmojiHome, ApiError>;
}

struct InGuild;

impl Place for InGuild {
    fn read(id: &str) -> Result<EmojiHome, ApiError> {
        snowflake("guild_id", id).map(EmojiHome::Guild)
    }
}

struct InApplication;

impl Place for InApplication {
    fn read(id: &str) -> Result<EmojiHome, ApiError> {
        snowflake("application_id", id).map(EmojiHome::Application)
    }
}

/// `GET /guilds/{guild}/emojis`
async fn list_of_guild(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(guild): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let home = InGuild::read(&guild)?;
    let emojis = shared.read(|state| state.read_emojis(bot, home))?;
    Ok(Json(json!(emojis)))
}

/// `GET /applications/{application}/emojis`
async fn list_of_application(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(application): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let home = InApplication::read(&application)?;
    let emojis = shared.read(|state| state.read_emojis(bot, home))?;
    Ok(Json(json!({ "items": emojis })))
}

/// `GET .../emojis/{emoji}`
async fn get_one<P: Place>(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path((home, emoji)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let (home, emoji) = (P::read(&home)?, snowflake("emoji_id", &emoji)?);
    shared
        .read(|state| state.read_emoji(bot, home, emoji))
        .map(Json)
}

/// `POST .../emojis`
async fn create<P: Place>(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(home): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let home = P::read(&home)?;
    let draft = EmojiDraft::read_new(&body)?;
    let emoji = actor.change(&shared, |state, bot| {
        state.create_emoji_as_bot(bot, home, draft)
    })?;
    Ok((StatusCode::CREATED, Json(emoji)))
}

/// `PATCH .../emojis/{emoji}`
async fn edit<P: Place>(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path((home, emoji)): Path<(String, String)>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let (home, emoji) = (P::read(&home)?, snowflake("emoji_id", &emoji)?);
    let draft = EmojiDraft::read_change(&body)?;
    let emoji = actor.change(&shared, |state, bot| {
        state.change_emoji_as_bot(bot, home, emoji, draft)
    })?;
    Ok(Json(emoji))
}

/// `DELETE .../emojis/{emoji}`
async fn delete<P: Place>(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path((home, emoji)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (home, emoji) = (P::read(&home)?, snowflake("emoji_id", &emoji)?);
    actor.change(&shared, |state, bot| {
        state.remove_emoji_as_bot(bot, home, emoji)
    })?;
    Ok(StatusCode::NO_CONTENT)
}
