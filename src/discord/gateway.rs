//! Where the gateway is, and how many sessions Discord lets the bot start. Called by `bot`.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use super::{Discord, read};
use crate::error::Error;

/// What Discord says before a bot connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayBot {
    /// The gateway's address.
    pub url: String,
    /// How many sessions may still be started.
    pub starts_remaining: u32,
    /// When that number is the full one again.
    pub reset_after: Duration,
}

/// Why Discord does not say it.
#[derive(Debug, thiserror::Error)]
pub enum GatewayBotError {
    /// It refuses the bot's token, now or earlier.
    #[error("discord refuses the bot's token")]
    TokenRefused,
    /// Too many requests: after this long the next one may be sent.
    #[error("discord limits this server now")]
    Limited(Duration),
    /// It cannot be reached, or answers nonsense.
    #[error(transparent)]
    Failed(#[from] Error),
}

#[derive(Deserialize)]
struct Answer {
    url: String,
    session_start_limit: StartLimit,
}

#[derive(Deserialize)]
struct StartLimit {
    remaining: u32,
    /// In milliseconds.
    reset_after: u64,
}

impl Discord {
    /// Asks for the gateway's address and what is left of the session start limit.
    ///
    /// # Errors
    /// [`GatewayBotError`]. After Discord has refused the bot's token once it is not asked again.
    pub async fn gateway_bot(&self) -> Result<GatewayBot, GatewayBotError> {
        let answer = match self.get_as_bot("/gateway/bot").await {
            Ok(answer) => answer,
            Err(_) if self.is_token_refused() => return Err(GatewayBotError::TokenRefused),
            Err(error) => return Err(error.into()),
        };
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            return Err(GatewayBotError::Limited(retry_after(&answer)));
        }
        let Answer {
            url,
            session_start_limit: limit,
        } = read(answer).await?;
        Ok(GatewayBot {
            url,
            starts_remaining: limit.remaining,
            reset_after: Duration::from_millis(limit.reset_after),
        })
    }
}

/// What an answer asks for; nothing where it does not say so, or not in numbers.
fn retry_after(answer: &Response) -> Duration {
    let seconds = answer.headers().get(RETRY_AFTER);
    let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or_default()
}
