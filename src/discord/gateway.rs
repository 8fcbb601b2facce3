//! Where the gateway is, and how many sessions Discord lets the bot start. Called by `bot`.

use std::time::Duration;

use serde::Deserialize;

use super::Discord;
use super::rest::{Manner, Urgency, read};
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
    /// Too many requests, or too many failures: after this long the next one may be sent.
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
        // Whoever connects tries again by itself, after longer times.
        let manner = Manner::READ.with(Urgency::Interactive).once();
        let answer = match self.get_as_bot_with("/gateway/bot", manner).await {
            Ok(answer) => answer,
            Err(_) if self.is_token_refused() => return Err(GatewayBotError::TokenRefused),
            Err(Error::UpstreamLimited(wait) | Error::UpstreamPaused(wait)) => {
                return Err(GatewayBotError::Limited(wait));
            }
            Err(error) => return Err(error.into()),
        };
        let Answer {
            url,
            session_start_limit: limit,
        } = read(answer)?;
        Ok(GatewayBot {
            url,
            starts_remaining: limit.remaining,
            reset_after: Duration::from_millis(limit.reset_after),
        })
    }
}
