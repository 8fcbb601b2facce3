//! What every handler reads the same way: paths, query strings, JSON bodies and forms.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::protocol::api_error::{ApiError, FieldError};
use crate::protocol::form::Form;
use crate::state::Shared;
use crate::state::messages::draft::Upload;

/// The largest JSON in a request, in bytes: an image of 2 MiB in base64 fits in.
const LARGEST_JSON: usize = 4 * 1024 * 1024;

/// Parts of the path; those that are no text lead nowhere.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Shared>> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Path<T>, ApiError> {
        let path = axum::extract::Path::from_request_parts(parts, shared).await;
        path.map(|axum::extract::Path(path)| Path(path))
            .map_err(|_| ApiError::NOT_FOUND)
    }
}

/// The query string; of a field given twice, the last counts.
pub(super) struct Query(Value);

impl Query {
    /// Reads it like a body.
    pub(super) fn form(&self) -> Form<'_> {
        Form::new(&self.0)
    }
}

impl FromRequestParts<Arc<Shared>> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Query, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let fields = form_urlencoded::parse(query.as_bytes());
        let fields = fields.map(|(name, value)| (name.into_owned(), Value::from(value)));
        Ok(Query(Value::Object(fields.collect())))
    }
}

/// A JSON body.
pub(super) struct JsonBody(pub(super) Value);

impl FromRequest<Arc<Shared>> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<JsonBody, ApiError> {
        if !content_type(&request).starts_with("application/json") {
            return Err(wrong_content_type("'application/json'"));
        }
        let bytes = Bytes::from_request(request, shared).await;
        parse(&bytes.map_err(|_| ApiError::TOO_LARGE)?).map(JsonBody)
    }
}

/// A JSON body that may be left out altogether, which is as good as an empty object.
pub(super) struct OptionalBody(pub(super) Value);

impl FromRequest<Arc<Shared>> for OptionalBody {
    type Rejection = ApiError;

    async fn from_request(
        request: Request,
        shared: &Arc<Shared>,
    ) -> Result<OptionalBody, ApiError> {
        let is_typed = !content_type(&request).is_empty();
        let bytes = Bytes::from_request(request, shared).await;
        let bytes = bytes.map_err(|_| ApiError::TOO_LARGE)?;
        if bytes.is_empty() {
            return Ok(OptionalBody(Value::Object(Map::new())));
        }
        if !is_typed {
            return Err(wrong_content_type("'application/json'"));
        }
        parse(&bytes).map(OptionalBody)
    }
}

/// A JSON body, or a form of several parts with files beside it.
pub(super) struct Payload {
    pub(super) body: Value,
    pub(super) files: Vec<Upload>,
}

impl FromRequest<Arc<Shared>> for Payload {
    type Rejection = ApiError;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Payload, ApiError> {
        let content_type = content_type(&request);
        if content_type.starts_with("application/json") {
            let JsonBody(body) = JsonBody::from_request(request, shared).await?;
            let files = Vec::new();
            return Ok(Payload { body, files });
        }
        if !content_type.starts_with("multipart/form-data") {
            let known = "'application/json', 'multipart/form-data'";
            return Err(wrong_content_type(known));
        }
        let multipart = Multipart::from_request(request, shared).await;
        let multipart = multipart.map_err(|_| wrong_content_type("'multipart/form-data'"))?;
        read_parts(multipart).await
    }
}

async fn read_parts(mut multipart: Multipart) -> Result<Payload, ApiError> {
    let mut fields = Map::new();
    let mut json = None;
    let mut files = Vec::new();
    while let Some(field) = multipart.next_field().await.map_err(|e| broken(&e))? {
        let name = field.name().unwrap_or_default().to_owned();
        if let Some(index) = file_index(&name) {
            files.push(upload(index, field).await?);
            continue;
        }
        let text = field.bytes().await.map_err(|e| broken(&e))?;
        if name == "payload_json" {
            json = Some(parse(&text)?);
        } else {
            fields.insert(name, String::from_utf8_lossy(&text).into());
        }
    }
    let body = json.unwrap_or(Value::Object(fields));
    Ok(Payload { body, files })
}

async fn upload(index: u64, field: Field<'_>) -> Result<Upload, ApiError> {
    let name = field.file_name().unwrap_or("unknown").to_owned();
    let content_type = field.content_type().map(str::to_owned);
    let bytes = field.bytes().await.map_err(|e| broken(&e))?;
    Ok(Upload {
        index,
        name,
        content_type,
        bytes,
    })
}

/// The `n` of `files[n]`; the older `file` is the first.
fn file_index(name: &str) -> Option<u64> {
    if name == "file" {
        return Some(0);
    }
    name.strip_prefix("files[")?.strip_suffix(']')?.parse().ok()
}

fn broken(error: &MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::TOO_LARGE
    } else {
        wrong_content_type("'multipart/form-data'")
    }
}

fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    // As values, JSON takes many times the room.
    if bytes.len() > LARGEST_JSON {
        return Err(ApiError::TOO_LARGE);
    }
    serde_json::from_slice(bytes).map_err(|_| ApiError::INVALID_JSON)
}

fn content_type(request: &Request) -> &str {
    let header = request.headers().get(CONTENT_TYPE);
    header
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn wrong_content_type(expected: &str) -> ApiError {
    let message = format!("Expected \"Content-Type\" header to be one of {{{expected}}}.");
    ApiError::form(vec![FieldError::new("", "CONTENT_TYPE_INVALID", message)])
}

/// Reads an id of the path; `name` is what Discord calls it in its error.
pub(super) fn snowflake(name: &str, value: &str) -> Result<u64, ApiError> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    value
        .parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| ApiError::not_snowflake(name, value))
}
