//! Channels by their own id.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::body::{Path, snowflake};
use super::caller::Bot;
use crate::protocol::api_error::ApiError;
use crate::state::Shared;
use crate::state::places::Place;
use crate::world::wire;

/// `GET /channels/{channel}`
pub(super) async fn channel(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(channel): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = snowflake("channel_id", &channel)?;
    shared.read(|state| {
        state.access(bot, id)?;
        match state.find_place(id).ok_or(ApiError::UNKNOWN_CHANNEL)? {
            Place::Direct(direct) => Ok(Json(state.show_direct(direct))),
            Place::Guild(guild, channel) => {
                let place = guild.channels.iter().position(|other| other.id == id);
                Ok(Json(wire::channel(guild, channel, place.unwrap_or(0))))
            }
        }
    })
}
