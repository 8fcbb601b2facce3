//! Who makes a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::protocol::api_error::ApiError;
use crate::state::Shared;
use crate::state::grants::Consent;

/// Whoever makes a request with a credential that is good.
pub(super) enum Caller {
    /// A bot, by its application's id.
    Bot(u64),
    /// A user through an application.
    User(Consent),
}

impl Caller {
    /// The user this caller is, if it may know (`identify` or any other scope).
    pub(super) fn user_with(&self, scope: &str) -> Result<u64, ApiError> {
        match self {
            Caller::Bot(id) => Ok(*id),
            Caller::User(consent) if consent.scopes.iter().any(|held| held == scope) => {
                Ok(consent.user)
            }
            Caller::User(_) => Err(ApiError::UNAUTHORIZED),
        }
    }
}

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Caller, ApiError> {
        let header = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let (scheme, token) = header
            .and_then(|value| value.split_once(' '))
            .ok_or(ApiError::UNAUTHORIZED)?;
        let caller = shared.read(|state| match scheme {
            "Bot" => state.find_bot(token).map(|bot| Caller::Bot(bot.id)),
            "Bearer" => {
                let token = state.grants.find_access(token, state.now_ms());
                token.map(|token| Caller::User(token.consent.clone()))
            }
            _ => None,
        });
        caller.ok_or(ApiError::UNAUTHORIZED)
    }
}

/// A bot; everyone else is refused.
pub(super) struct Bot(pub(super) u64);

impl FromRequestParts<Arc<Shared>> for Bot {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Bot, ApiError> {
        match Caller::from_request_parts(parts, shared).await? {
            Caller::Bot(id) => Ok(Bot(id)),
            Caller::User(_) => Err(ApiError::UNAUTHORIZED),
        }
    }
}
