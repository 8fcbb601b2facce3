//! How bots answer interactions. The token in the path is the only credential asked for.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::body::{Path, Payload, Query, snowflake};

use crate::protocol::api_error::ApiError;
use crate::state::Shared;

/// `POST /interactions/{interaction}/{token}/callback`
pub(super) async fn callback(
    State(shared): State<Arc<Shared>>,
    Path((interaction, token)): Path<(String, String)>,
    query: Query,
    payload: Payload,
) -> Result<Response, ApiError> {
    let id = snowflake("interaction_id", &interaction)?;
    let mut form = query.form();
    let with_response = form.flag("with_response").unwrap_or(false);
    form.finish()?;
    let resource = shared
        .change(|state| state.answer_interaction(id, &token, &payload.body, payload.files))?;
    if with_response {
        return Ok(Json(resource).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /webhooks/{application}/{token}`
pub(super) async fn follow_up(
    State(shared): State<Arc<Shared>>,
    Path((application, token)): Path<(String, String)>,
    payload: Payload,
) -> Result<Json<Value>, ApiError> {
    let application = snowflake("webhook_id", &application)?;
    shared
        .change(|state| state.follow_up(application, &token, &payload.body, payload.files))
        .map(Json)
}

/// `GET /webhooks/{application}/{token}/messages/{message}`
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    Path((application, token, message)): Path<(String, String, String)>,
) -> Result<Json<Value>, ApiError> {
    let application = snowflake("webhook_id", &application)?;
    shared
        .change(|state| state.get_answer(application, &token, &message))
        .map(Json)
}

/// `PATCH /webhooks/{application}/{token}/messages/{message}`
pub(super) async fn edit(
    State(shared): State<Arc<Shared>>,
    Path((application, token, message)): Path<(String, String, String)>,
    payload: Payload,
) -> Result<Json<Value>, ApiError> {
    let application = snowflake("webhook_id", &application)?;
    shared
        .change(|state| {
            state.edit_answer(application, &token, &message, &payload.body, payload.files)
        })
        .map(Json)
}

/// `DELETE /webhooks/{application}/{token}/messages/{message}`
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path((application, token, message)): Path<(String, String, String)>,
) -> Result<StatusCode, ApiError> {
    let application = snowflake("webhook_id", &application)?;
    shared.change(|state| state.delete_answer(application, &token, &message))?;
    Ok(StatusCode::NO_CONTENT)
}
