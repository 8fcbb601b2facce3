//! Soundboards: their sounds, and playing them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::actor::Actor;
use super::body::{JsonBody, Path, snowflake};
use super::caller::Bot;
use crate::protocol::api_error::ApiError;
use crate::protocol::form::Form;
use crate::state::Shared;
use crate::state::expressions::SoundDraft;
use crate::world::expressions::default_sounds;
use crate::world::wire;

/// The routes of soundboards.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/soundboard-default-sounds", get(defaults))
        .route("/guilds/{guild}/soundboard-sounds", get(list).post(create))
        .route(
            "/guilds/{guild}/soundboard-sounds/{sound}",
            get(get_one).patch(edit).delete(delete),
        )
        .route("/channels/{channel}/send-soundboard-sound", post(send))
}

/// `GET /soundboard-default-sounds`
async fn defaults(_: Bot) -> Json<Value> {
    Json(
        default_sounds()
            .map(|sound| wire::default_sound(&sound))
            .collect(),
    )
}

/// `GET /guilds/{guild}/soundboard-sounds`
async fn list(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(guild): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    let sounds = shared.read(|state| state.read_sounds(bot, guild))?;
    Ok(Json(json!({ "items": sounds })))
}

/// `GET /guilds/{guild}/soundboard-sounds/{sound}`
async fn get_one(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(path): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let (guild, sound) = ids(&path)?;
    shared
        .read(|state| state.read_sound(bot, guild, sound))
        .map(Json)
}

/// `POST /guilds/{guild}/soundboard-sounds`
async fn create(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(guild): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    let draft = SoundDraft::read_new(&body)?;
    let sound = actor.change(&shared, |state, bot| {
        state.create_sound_as_bot(bot, guild, draft)
    })?;
    Ok((StatusCode::CREATED, Json(sound)))
}

/// `PATCH /guilds/{guild}/soundboard-sounds/{sound}`
async fn edit(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(path): Path<(String, String)>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let (guild, sound) = ids(&path)?;
    let draft = SoundDraft::read_change(&body)?;
    let sound = actor.change(&shared, |state, bot| {
        state.change_sound_as_bot(bot, guild, sound, draft)
    })?;
    Ok(Json(sound))
}

/// `DELETE /guilds/{guild}/soundboard-sounds/{sound}`
async fn delete(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(path): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (guild, sound) = ids(&path)?;
    actor.change(&shared, |state, bot| {
        state.remove_sound_as_bot(bot, guild, sound)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /channels/{channel}/send-soundboard-sound`
async fn send(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(channel): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<StatusCode, ApiError> {
    let channel = snowflake("channel_id", &channel)?;
    let mut form = Form::new(&body);
    form.require("sound_id");
    let sound = form.id("sound_id").unwrap_or(0);
    let source = form.id("source_guild_id");
    form.finish()?;
    shared.change(|state| state.play_sound_as_bot(bot, channel, (sound, source)))?;
    Ok(StatusCode::NO_CONTENT)
}

fn ids((guild, sound): &(String, String)) -> Result<(u64, u64), ApiError> {
    Ok((snowflake("guild_id", guild)?, snowflake("sound_id", sound)?))
}
