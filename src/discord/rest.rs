//! Requests with the bot's token. Called by `domain::guilds`.

use chrono::DateTime;
use reqwest::header::AUTHORIZATION;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::{Discord, WAIT_MAX, read, send, wait_asked};
use crate::error::Error;
use crate::ids::{GuildId, RoleId, UserId};

/// A member of a guild, as far as rights depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// Until when the member is timed out, in Unix milliseconds.
    pub timed_out_until_ms: Option<i64>,
    /// The roles it was given; `@everyone` is not among them.
    pub roles: Vec<RoleId>,
}

#[derive(Deserialize)]
struct MemberAnswer {
    communication_disabled_until: Option<String>,
    roles: Vec<String>,
}

impl Discord {
    /// The member as Discord has it now; `None` when it is no member, or the bot not there. A
    /// wait that Discord asks for is kept to once, if it is short.
    ///
    /// # Errors
    /// 502 and 504 for Discord's failures, 503 where it limits us. After it has refused the bot's
    /// token once it is not asked again.
    pub async fn find_member(&self, guild: GuildId, user: UserId) -> Result<Option<Member>, Error> {
        let path = format!("/guilds/{guild}/members/{user}");
        let mut answer = self.get_as_bot(&path).await?;
        if let Some(wait) = wait_asked(&answer).filter(|wait| *wait <= WAIT_MAX) {
            sleep(wait).await;
            answer = self.get_as_bot(&path).await?;
        }
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
        let roles = member.roles.iter().filter_map(|role| role.parse().ok());
        Ok(Some(Member {
            timed_out_until_ms,
            roles: roles.collect(),
        }))
    }

    pub(super) async fn get_as_bot(&self, path: &str) -> Result<Response, Error> {
        self.send_as_bot(self.http.get(self.url(path))).await
    }

    pub(super) async fn post_as_bot(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Response, Error> {
        let request = self.http.post(self.url(path)).json(body);
        self.send_as_bot(request).await
    }

    async fn send_as_bot(&self, request: RequestBuilder) -> Result<Response, Error> {
        const REFUSED: Error = Error::Upstream("discord refuses the bot's token", None);
        if self.is_token_refused() {
            return Err(REFUSED);
        }
        let token = format!("Bot {}", self.bot_token.expose());
        let answer = send(request.header(AUTHORIZATION, token)).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.refuse_token();
            tracing::error!("discord refuses the bot's token; it is not asked anything more");
            return Err(REFUSED);
        }
        Ok(answer)
    }
}
