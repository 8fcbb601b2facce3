//! The simulator's own interface: JSON under `/sim/` and a page at `/`.
//!
//! What the library offers to tests, for people, scripts and other languages.

mod act;
mod limits;
mod listen;
mod look;
mod page;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

use crate::error::SimError;
use crate::page as frame;
use crate::state::Shared;
use crate::stop::Stop;

/// The routes, relative to the root.
pub(crate) fn routes(stop: Stop) -> Router<Arc<Shared>> {
    let listen = async |shared, guild, asked| listen::listen(shared, guild, asked, stop);
    Router::new()
        .route("/", get(page::show))
        .route(frame::STYLE_PATH, get(frame::style))
        .route("/sim/state", get(look::state))
        .route(
            "/sim/requests",
            get(look::requests).delete(act::clear_requests),
        )
        .route("/sim/events", get(look::events))
        .route(
            "/sim/limits",
            get(limits::show).post(limits::set).delete(limits::restore),
        )
        .route("/sim/limits/exhausted", post(limits::exhaust))
        .route("/sim/commands", get(look::commands))
        .route(
            "/sim/guilds/{guild}/heard",
            get(look::heard).delete(act::clear_heard),
        )
        .route("/sim/guilds/{guild}/heard.wav", get(look::heard_wav))
        .route("/sim/guilds/{guild}/voice/listen", get(listen))
        .route("/sim/guilds/{guild}/voice/join", post(act::join_voice))
        .route("/sim/guilds/{guild}/voice/leave", post(act::leave_voice))
        .route("/sim/guilds/{guild}/slash", post(act::slash))
        .route("/sim/guilds/{guild}/autocomplete", post(act::autocomplete))
}

/// What a control request could not do, as 400 or 404 with the reason.
struct ControlError(StatusCode, String);

impl From<SimError> for ControlError {
    fn from(error: SimError) -> ControlError {
        ControlError(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

/// Reads the guild's id off the path.
fn guild_id(shared: &Shared, text: &str) -> Result<u64, ControlError> {
    let known = |id: &u64| shared.read(|state| state.find_guild(*id).is_some());
    let unknown = || ControlError(StatusCode::NOT_FOUND, format!("there is no guild {text}"));
    text.parse().ok().filter(known).ok_or_else(unknown)
}

/// The bot that is listened to.
fn first_bot(shared: &Shared) -> u64 {
    shared.read(|state| state.applications.first().map_or(0, |bot| bot.id))
}
