//! What stands in for `https://cdn.discordapp.com`: the files that were uploaded.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::IntoResponse;

use super::body::{Path, snowflake};
use crate::protocol::api_error::ApiError;
use crate::state::Shared;

/// `GET /attachments/{channel}/{attachment}/{name}`
pub(super) async fn attachment(
    State(shared): State<Arc<Shared>>,
    Path((_, attachment, name)): Path<(String, String, String)>,
) -> Result<impl IntoResponse, ApiError> {
    let id = snowflake("attachment_id", &attachment)?;
    let found = shared.read(|state| state.files.find(id).cloned());
    let file = found
        .filter(|file| file.name == name)
        .ok_or(ApiError::NOT_FOUND)?;
    let content_type = file
        .content_type
        .unwrap_or_else(|| "application/octet-stream".to_owned());
    // Nobody's upload may run as a page of the simulator.
    let headers = [
        (CONTENT_TYPE, content_type),
        (CONTENT_DISPOSITION, "attachment".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, file.bytes))
}
