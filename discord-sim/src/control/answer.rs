//! What control requests bring and what they are answered: JSON both ways, with a reason for
//! every refusal.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::error::SimError;

/// A control request that is not carried out, and why.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) reason: String,
}

/// What a handler answers with.
pub(super) type Answered<T> = Result<T, Refused>;

impl Refused {
    /// The address names something that does not exist.
    pub(super) fn not_found(reason: impl Into<String>) -> Refused {
        Refused {
            status: StatusCode::NOT_FOUND,
            reason: reason.into(),
        }
    }

    /// The body or the query asks for what cannot be.
    pub(super) fn unprocessable(reason: impl Into<String>) -> Refused {
        Refused {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            reason: reason.into(),
        }
    }

    /// What was waited for has not happened.
    pub(super) fn too_late(reason: impl Into<String>) -> Refused {
        Refused {
            status: StatusCode::GATEWAY_TIMEOUT,
            reason: reason.into(),
        }
    }
}

impl From<SimError> for Refused {
    fn from(error: SimError) -> Refused {
        let status = match error {
            SimError::Offline
            | SimError::NoAnswer
            | SimError::NoReply(_)
            | SimError::UnexpectedAnswer(_) => StatusCode::BAD_GATEWAY,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Refused {
            status,
            reason: error.to_string(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.reason }))).into_response()
    }
}

/// What a request's body says. Its type refuses fields it does not know.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Refused> {
        let read = Json::from_request(request, state).await;
        let Json(body) = read.map_err(|rejection: JsonRejection| Refused {
            status: rejection.status(),
            reason: rejection.body_text(),
        })?;
        Ok(Body(body))
    }
}

/// What a request's query says. Its type refuses fields it does not know.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asked<T>, Refused> {
        let read = Query::from_request_parts(parts, state).await;
        let Query(asked) = read.map_err(|rejection| Refused {
            status: StatusCode::BAD_REQUEST,
            reason: rejection.body_text(),
        })?;
        Ok(Asked(asked))
    }
}

/// Answers to addresses below `/sim/` that mean nothing.
pub(super) async fn unknown(uri: Uri) -> Refused {
    Refused::not_found(format!("there is nothing at {}", uri.path()))
}

/// Answers to methods that an address does not take.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Refused {
    Refused {
        status: StatusCode::METHOD_NOT_ALLOWED,
        reason: format!("{} cannot be asked to {method}", uri.path()),
    }
}
