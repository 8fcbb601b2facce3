//! A bot that changes something that the audit log tells of.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode;

use super::caller::Bot;
use crate::protocol::api_error::{ApiError, FieldError};
use crate::state::audit::By;
use crate::state::{self, Shared};

const HEADER: &str = "X-Audit-Log-Reason";
const LONGEST_REASON: usize = 512;

/// A bot, and the reason that it gives for the audit log; everyone else is refused.
pub(super) struct Actor(By);

impl Actor {
    /// Changes something on the bot's behalf.
    pub(super) fn change<R>(
        self,
        shared: &Shared,
        change: impl FnOnce(&mut state::State, u64) -> R,
    ) -> R {
        let bot = self.0.user;
        shared.change(|state| state.on_behalf(self.0, |state| change(state, bot)))
    }
}

impl FromRequestParts<Arc<Shared>> for Actor {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Actor, ApiError> {
        let Bot(user) = Bot::from_request_parts(parts, shared).await?;
        let header = parts.headers.get(HEADER);
        let reason = header.map(|value| percent_decode(value.as_bytes()).decode_utf8_lossy());
        let reason = reason.filter(|reason| !reason.is_empty());
        if let Some(reason) = &reason
            && reason.chars().count() > LONGEST_REASON
        {
            let message = format!("Must be {LONGEST_REASON} or fewer in length.");
            let fault = FieldError::new(HEADER, "BASE_TYPE_MAX_LENGTH", message);
            return Err(ApiError::form(vec![fault]));
        }
        let reason = reason.map(std::borrow::Cow::into_owned);
        Ok(Actor(By { user, reason }))
    }
}
