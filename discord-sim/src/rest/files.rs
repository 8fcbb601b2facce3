//! What stands in for `https://cdn.discordapp.com`: files that were uploaded,
//! emojis and sounds.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::IntoResponse;

use super::body::{Path, snowflake};
use crate::protocol::api_error::ApiError;
use crate::state::Shared;
use crate::state::expressions::image::Image;

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

/// `GET /soundboard-sounds/{sound}`
pub(super) async fn sound(
    State(shared): State<Arc<Shared>>,
    Path(sound): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let id = snowflake("sound_id", &sound)?;
    let bytes = shared.read(|state| {
        let mut guilds = state.guilds.iter();
        let found = guilds.find_map(|guild| guild.find_sound(id));
        found.map(|(_, sound)| sound.bytes.clone())
    });
    let bytes = bytes.ok_or(ApiError::NOT_FOUND)?;
    let content_type = if bytes.starts_with(b"OggS") {
        "audio/ogg"
    } else {
        "audio/mpeg"
    };
    let headers = [
        (CONTENT_TYPE, content_type),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, bytes))
}

/// `GET /emojis/{emoji}.{ending}`: the image as it was sent, whatever the ending.
pub(super) async fn emoji(
    State(shared): State<Arc<Shared>>,
    Path(file): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let (id, _) = file.split_once('.').ok_or(ApiError::NOT_FOUND)?;
    let id = snowflake("emoji_id", id)?;
    let bytes = shared.read(|state| state.find_any_emoji(id).map(|emoji| emoji.bytes.clone()));
    let bytes = bytes.ok_or(ApiError::NOT_FOUND)?;
    let kind = Image::of(&bytes).map_or("application/octet-stream", Image::media_type);
    let headers = [(CONTENT_TYPE, kind), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((headers, bytes))
}
