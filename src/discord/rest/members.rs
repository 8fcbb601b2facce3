//! Members of guilds, with the bot's token. Called by `domain::guilds`.

use chrono::DateTime;
use reqwest::StatusCode;
use serde::Deserialize;

use super::{Manner, Urgency, read};
use crate::discord::Discord;
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
    /// The member as Discord has it now; `None` when it is no member, or the bot not there.
    ///
    /// # Errors
    /// 502 and 504 for Discord's failures, 429 where it limits us, 503 while it is left alone. After
    /// it has refused the bot's token once it is not asked again.
    pub async fn find_member(
        &self,
        guild: GuildId,
        user: UserId,
        urgency: Urgency,
    ) -> Result<Option<Member>, Error> {
        let path = format!("/guilds/{guild}/members/{user}");
        let manner = Manner::READ.with(urgency);
        let answer = self.get_as_bot_with(&path, manner).await?;
        if matches!(
            answer.status(),
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN
        ) {
            return Ok(None);
        }
        let member: MemberAnswer = read(answer)?;
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
}
