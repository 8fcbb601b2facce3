//! Channels by their own id.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::Value;

use super::caller::{Bot, snowflake};
use crate::protocol::api_error::ApiError;
use crate::state::Shared;
use crate::world::{permissions, wire};

/// `GET /channels/{channel}`
pub(super) async fn channel(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(channel): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = snowflake("channel_id", &channel)?;
    shared.read(|state| {
        let (guild, channel) = state.find_channel(id).ok_or(ApiError::UNKNOWN_CHANNEL)?;
        if state.permissions_in(id, bot) & permissions::VIEW_CHANNEL == 0 {
            return Err(ApiError::MISSING_ACCESS);
        }
        let place = guild
            .channels
            .iter()
            .position(|other| other.id == id)
            .unwrap_or(0);
        Ok(Json(wire::channel(guild, channel, place)))
    })
}
