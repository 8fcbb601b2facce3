//! How bots answer interactions. The token in the path is the only credential asked for; a
//! body is read only for one that is known.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::body::{Path, Payload, Query, snowflake};
use crate::protocol::api_error::ApiError;
use crate::state::Shared;

/// The interaction of a path, by its id and its token.
pub(super) struct Asked {
    id: u64,
    token: String,
}

impl FromRequestParts<Arc<Shared>> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Asked, ApiError> {
        let Path((id, token)) = Path::<(String, String)>::from_request_parts(parts, shared).await?;
        let id = snowflake("interaction_id", &id)?;
        if shared.read(|state| state.interactions.knows(id, &token)) {
            Ok(Asked { id, token })
        } else {
            Err(ApiError::UNKNOWN_INTERACTION)
        }
    }
}

/// The webhook of an interaction: the application and the token that a path begins with.
pub(super) struct Webhook {
    application: u64,
    token: String,
    /// The message that the path ends with, if it does.
    message: String,
}

impl FromRequestParts<Arc<Shared>> for Webhook {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Webhook, ApiError> {
        let Path(path) = Path::<Vec<String>>::from_request_parts(parts, shared).await?;
        let mut path = path.into_iter();
        let mut next = || path.next().unwrap_or_default();
        let (application, token, message) = (next(), next(), next());
        let application = snowflake("webhook_id", &application)?;
        if shared.read(|state| state.interactions.knows_webhook(application, &token)) {
            Ok(Webhook {
                application,
                token,
                message,
            })
        } else {
            Err(ApiError::UNKNOWN_WEBHOOK)
        }
    }
}

/// `POST /interactions/{interaction}/{token}/callback`
pub(super) async fn callback(
    State(shared): State<Arc<Shared>>,
    Asked { id, token }: Asked,
    query: Query,
    payload: Payload,
) -> Result<Response, ApiError> {
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
    webhook: Webhook,
    payload: Payload,
) -> Result<Json<Value>, ApiError> {
    let Webhook {
        application, token, ..
    } = webhook;
    shared
        .change(|state| state.follow_up(application, &token, &payload.body, payload.files))
        .map(Json)
}

/// `GET /webhooks/{application}/{token}/messages/{message}`
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    webhook: Webhook,
) -> Result<Json<Value>, ApiError> {
    let Webhook {
        application,
        token,
        message,
    } = webhook;
    shared
        .change(|state| state.get_answer(application, &token, &message))
        .map(Json)
}

/// `PATCH /webhooks/{application}/{token}/messages/{message}`
pub(super) async fn edit(
    State(shared): State<Arc<Shared>>,
    webhook: Webhook,
    payload: Payload,
) -> Result<Json<Value>, ApiError> {
    let Webhook {
        application,
        token,
        message,
    } = webhook;
    shared
        .change(|state| {
            state.edit_answer(application, &token, &message, &payload.body, payload.files)
        })
        .map(Json)
}

/// `DELETE /webhooks/{application}/{token}/messages/{message}`
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    webhook: Webhook,
) -> Result<StatusCode, ApiError> {
    let Webhook {
        application,
        token,
        message,
    } = webhook;
    shared.change(|state| state.delete_answer(application, &token, &message))?;
    Ok(StatusCode::NO_CONTENT)
}
