//! Channels, and who may do what in them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::actor::Actor;
use super::body::{JsonBody, Path, snowflake};
use super::caller::Bot;
use crate::protocol::api_error::ApiError;
use crate::protocol::form::{Change, Form};
use crate::state::Shared;
use crate::state::by_bots::channels::{ChannelDraft, read_overwrite};
use crate::state::channels::ChannelMove;
use crate::world::{MOST_CHANNELS, wire};

/// The routes of channels.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(
            "/guilds/{guild}/channels",
            get(list).post(create).patch(reorder),
        )
        .route(
            "/channels/{channel}",
            get(get_one).patch(edit).delete(delete),
        )
        .route(
            "/channels/{channel}/permissions/{target}",
            put(permit).delete(forget),
        )
}

/// `GET /guilds/{guild}/channels`
async fn list(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(guild): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    shared.read(|state| Ok(Json(json!(wire::channels(state.home(guild, bot)?)))))
}

/// `GET /channels/{channel}`
async fn get_one(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(channel): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let channel = snowflake("channel_id", &channel)?;
    shared
        .read(|state| state.read_channel(bot, channel))
        .map(Json)
}

/// `POST /guilds/{guild}/channels`
async fn create(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(guild): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    let draft = ChannelDraft::read_new(&body)?;
    let channel = actor.change(&shared, |state, bot| {
        state.create_channel_as_bot(bot, guild, draft)
    })?;
    Ok((StatusCode::CREATED, Json(channel)))
}

/// `PATCH /guilds/{guild}/channels`
async fn reorder(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(guild): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<StatusCode, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    // The body is the list itself.
    let body = json!({ "channels": body });
    let mut form = Form::new(&body);
    let moves = form.objects("channels", 0..=MOST_CHANNELS, |entry| {
        entry.require("id");
        let channel = entry.id("id").unwrap_or(0);
        let parent = entry.id("parent_id");
        let wanted = ChannelMove {
            place: entry.count("position", 0..=u32::from(u16::MAX)),
            parent: Change::of(entry.has("parent_id"), parent),
        };
        (channel, wanted)
    });
    form.finish()?;
    // Of a channel that is named twice, the last entry counts.
    let moves = moves.into_iter().flatten().collect();
    actor.change(&shared, |state, bot| {
        state.move_channels_as_bot(bot, guild, &moves)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PATCH /channels/{channel}`
async fn edit(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(channel): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let channel = snowflake("channel_id", &channel)?;
    let draft = ChannelDraft::read_change(&body)?;
    let channel = actor.change(&shared, |state, bot| {
        state.change_channel_as_bot(bot, channel, draft)
    })?;
    Ok(Json(channel))
}

/// `DELETE /channels/{channel}`
async fn delete(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(channel): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let channel = snowflake("channel_id", &channel)?;
    let was = actor.change(&shared, |state, bot| {
        state.remove_channel_as_bot(bot, channel)
    })?;
    Ok(Json(was))
}

/// `PUT /channels/{channel}/permissions/{target}`
async fn permit(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path((channel, target)): Path<(String, String)>,
    JsonBody(body): JsonBody,
) -> Result<StatusCode, ApiError> {
    let channel = snowflake("channel_id", &channel)?;
    let target = snowflake("overwrite_id", &target)?;
    let mut form = Form::new(&body);
    let overwrite = read_overwrite(&mut form, target);
    form.finish()?;
    if let Some(overwrite) = overwrite {
        actor.change(&shared, |state, bot| {
            state.set_overwrite_as_bot(bot, channel, overwrite)
        })?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /channels/{channel}/permissions/{target}`
async fn forget(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path((channel, target)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let channel = snowflake("channel_id", &channel)?;
    let target = snowflake("overwrite_id", &target)?;
    actor.change(&shared, |state, bot| {
        state.remove_overwrite_as_bot(bot, channel, target)
    })?;
    Ok(StatusCode::NO_CONTENT)
}
