//! The application behind a bot's token.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

use super::body::JsonBody;
use super::caller::Bot;
use crate::protocol::api_error::ApiError;
use crate::state::Shared;
use crate::state::by_bots::application::ApplicationDraft;

/// The routes of the application.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/applications/@me", get(show).patch(edit))
        .route("/oauth2/applications/@me", get(show))
}

/// `GET /applications/@me` and `GET /oauth2/applications/@me`
async fn show(State(shared): State<Arc<Shared>>, Bot(bot): Bot) -> Result<Json<Value>, ApiError> {
    shared.read(|state| state.read_application(bot)).map(Json)
}

/// `PATCH /applications/@me`
async fn edit(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let draft = ApplicationDraft::read(&body)?;
    shared
        .change(|state| state.change_application(bot, draft))
        .map(Json)
}
