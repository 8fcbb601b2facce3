//! Reads with the bot's token. Called by `domain::guilds`.

use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;

use super::{Discord, read, send};
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// A member of a guild, as far as rights depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Until when the member is timed out, in Unix milliseconds.
    pub timed_out_until_ms: Option<i64>,
}

impl Member {
    /// A member who is timed out until an instant, if at all.
    pub fn new(timed_out_until_ms: Option<i64>) -> Self {
        Self { timed_out_until_ms }
    }
}

#[derive(Deserialize)]
struct MemberAnswer {
    communication_disabled_until: Option<String>,
}

impl Discord {
    /// The member as Discord has it now; `None` when it is no member, or the bot not there.
    ///
    /// # Errors
    /// 429 where Discord limits us; 502 and 504 for its failures.
    pub async fn find_member(&self, guild: GuildId, user: UserId) -> Result<Option<Member>, Error> {
        let request = self
            .http
            .get(self.url(&format!("/guilds/{guild}/members/{user}")))
            .header(AUTHORIZATION, format!("Bot {}", self.bot_token.expose()));
        let answer = send(request).await?;
        if matches!(
            answer.status(),
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN
        ) {
            return Ok(None);
        }
        let member: MemberAnswer = read(answer).await?;
        let timed_out_until_ms = member
            .communication_disabled_until
            .and_then(|until| DateTime::parse_from_rfc3339(&until).ok())
            .map(|until| until.timestamp_millis());
        Ok(Some(Member::new(timed_out_until_ms)))
    }
}
