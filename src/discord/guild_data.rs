//! What guilds are made of, with the bot's token: channels, roles and members, and messages that
//! the bot sends. Called by `domain::guilds` and `domain::guild_data`; `bot` makes the same values
//! from what the gateway tells. Only what is named here is read of an answer, and nothing else is
//! passed on.
//! <https://discord.com/developers/docs/resources/guild>

use std::borrow::Cow;
use std::str::FromStr;

use chrono::DateTime;
use reqwest::StatusCode;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::Discord;
use super::rest::{Manner, Urgency, read};
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, RoleId, UserId};

/// Most guilds that Discord lists at once.
pub const OWN_GUILDS_MAX: usize = 200;

/// A channel of a guild, and no thread.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Channel {
    /// Its id.
    #[serde(deserialize_with = "number")]
    pub id: ChannelId,
    /// Whose it is.
    #[serde(rename = "guild_id", deserialize_with = "number")]
    pub guild: GuildId,
    /// Discord's number for what it is for: 0 text, 2 voice, 4 category and so on.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Its name, chosen by members: untrusted text.
    pub name: String,
    /// The category it stands under.
    #[serde(default, rename = "parent_id", deserialize_with = "optional_number")]
    pub parent: Option<ChannelId>,
    /// Its place in the list.
    #[serde(default)]
    pub position: i32,
    /// What it is about: untrusted text.
    #[serde(default)]
    pub topic: Option<String>,
    /// Whether it is for adults only.
    #[serde(default, rename = "nsfw")]
    pub is_nsfw: bool,
    /// Exceptions from the guild's permissions.
    #[serde(default, rename = "permission_overwrites")]
    pub overwrites: Vec<Overwrite>,
}

/// Whom an overwrite is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverwriteTarget {
    /// Who has this role; for `@everyone` its id is the guild's.
    Role(RoleId),
    /// One member.
    Member(UserId),
}

/// An exception from the guild's permissions, in Discord's bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "OverwriteAnswer")]
pub struct Overwrite {
    /// Whom it is for.
    pub target: OverwriteTarget,
    /// What they may.
    pub allow: u64,
    /// What they may not.
    pub deny: u64,
}

#[derive(Deserialize)]
struct OverwriteAnswer {
    #[serde(deserialize_with = "number")]
    id: u64,
    #[serde(rename = "type")]
    kind: u8,
    #[serde(deserialize_with = "number")]
    allow: u64,
    #[serde(deserialize_with = "number")]
    deny: u64,
}

impl TryFrom<OverwriteAnswer> for Overwrite {
    type Error = crate::ids::NotASnowflake;

    fn try_from(answer: OverwriteAnswer) -> Result<Self, Self::Error> {
        let target = match answer.kind {
            0 => OverwriteTarget::Role(RoleId::try_from(answer.id)?),
            _ => OverwriteTarget::Member(UserId::try_from(answer.id)?),
        };
        Ok(Self {
            target,
            allow: answer.allow,
            deny: answer.deny,
        })
    }
}

/// A role of a guild.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GuildRole {
    /// Its id; that of `@everyone` is the guild's.
    #[serde(deserialize_with = "number")]
    pub id: RoleId,
    /// Its name, chosen by members: untrusted text.
    pub name: String,
    /// Red, green and blue in 24 bits; 0 is none.
    pub color: u32,
    /// Its height in the list; `@everyone` stands at 0.
    pub position: i32,
    /// Discord's bits.
    #[serde(deserialize_with = "number")]
    pub permissions: u64,
    /// Whether an integration gives and takes it.
    #[serde(rename = "managed")]
    pub is_managed: bool,
    /// Whether its members are listed apart.
    #[serde(rename = "hoist")]
    pub is_hoisted: bool,
    /// Whether everybody may mention it.
    #[serde(rename = "mentionable")]
    pub is_mentionable: bool,
}

/// A guild itself, and its roles.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GuildInfo {
    /// Its id.
    #[serde(deserialize_with = "number")]
    pub id: GuildId,
    /// Its name, chosen by its owner: untrusted text.
    pub name: String,
    /// The hash of its picture.
    pub icon: Option<String>,
    /// What it says of itself: untrusted text.
    pub description: Option<String>,
    /// Who owns it.
    #[serde(rename = "owner_id", deserialize_with = "number")]
    pub owner: UserId,
    /// Its level of boosts, 0 to 3.
    pub premium_tier: u8,
    /// Its language, as Discord names it.
    pub preferred_locale: String,
    /// Its roles, `@everyone` among them.
    pub roles: Vec<GuildRole>,
}

/// A person or a bot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Profile {
    /// Its id.
    #[serde(deserialize_with = "number")]
    pub id: UserId,
    /// Its name: untrusted text.
    pub username: String,
    /// Four digits where there are such still, else `0`.
    pub discriminator: String,
    /// What it wants to be called: untrusted text.
    #[serde(default)]
    pub global_name: Option<String>,
    /// The hash of its picture.
    #[serde(default)]
    pub avatar: Option<String>,
    /// Whether it is a bot.
    #[serde(default, rename = "bot")]
    pub is_bot: bool,
}

/// A member of a guild, as far as rights depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// Until when the member is timed out, in Unix milliseconds.
    pub timed_out_until_ms: Option<i64>,
    /// The roles it was given; `@everyone` is not among them.
    pub roles: Vec<RoleId>,
}

/// A member of a guild.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "MemberAnswer")]
pub struct GuildMember {
    /// Who it is.
    pub account: Profile,
    /// What it is called in this guild: untrusted text.
    pub nick: Option<String>,
    /// Since when it is a member, in Unix milliseconds.
    pub joined_at_ms: Option<i64>,
    /// What its rights depend on.
    pub rights: Member,
}

#[derive(Deserialize)]
struct MemberAnswer {
    user: Profile,
    nick: Option<String>,
    roles: Vec<String>,
    joined_at: Option<String>,
    communication_disabled_until: Option<String>,
}

impl From<MemberAnswer> for GuildMember {
    fn from(answer: MemberAnswer) -> Self {
        let unix_ms = |instant: Option<String>| {
            let instant = DateTime::parse_from_rfc3339(&instant?).ok()?;
            Some(instant.timestamp_millis())
        };
        let roles = answer.roles.iter().filter_map(|role| role.parse().ok());
        Self {
            account: answer.user,
            nick: answer.nick,
            joined_at_ms: unix_ms(answer.joined_at),
            rights: Member {
                timed_out_until_ms: unix_ms(answer.communication_disabled_until),
                roles: roles.collect(),
            },
        }
    }
}

#[derive(Serialize)]
struct Post<'a> {
    content: &'a str,
    allowed_mentions: Nobody,
}

/// Of those whom a message mentions none is told.
#[derive(Serialize)]
struct Nobody {
    parse: [&'static str; 0],
}

#[derive(Deserialize)]
struct Posted {
    #[serde(deserialize_with = "number")]
    id: u64,
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
    ) -> Result<Option<GuildMember>, Error> {
        let path = format!("/guilds/{guild}/members/{user}");
        let manner = Manner::READ.with(urgency);
        let answer = self.get_as_bot_with(&path, manner).await?;
        if matches!(
            answer.status(),
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN
        ) {
            return Ok(None);
        }
        read(answer).map(Some)
    }

    /// A guild that the bot is in.
    ///
    /// # Errors
    /// As [`find_member`](Self::find_member).
    pub async fn get_guild(&self, guild: GuildId) -> Result<GuildInfo, Error> {
        read(self.get_as_bot(&format!("/guilds/{guild}")).await?)
    }

    /// A guild's channels, without threads.
    ///
    /// # Errors
    /// As [`find_member`](Self::find_member).
    pub async fn list_channels(&self, guild: GuildId) -> Result<Vec<Channel>, Error> {
        read(
            self.get_as_bot(&format!("/guilds/{guild}/channels"))
                .await?,
        )
    }

    /// A guild's members by id, at most `limit` (1 to 1000), those after `after`. The application
    /// needs the Guild Members intent.
    ///
    /// # Errors
    /// 403 where it has not; else as [`find_member`](Self::find_member).
    pub async fn list_members(
        &self,
        guild: GuildId,
        limit: u32,
        after: Option<UserId>,
    ) -> Result<Vec<GuildMember>, Error> {
        let after = after.map_or_else(String::new, |after| format!("&after={after}"));
        let path = format!("/guilds/{guild}/members?limit={limit}{after}");
        let answer = self.get_as_bot(&path).await?;
        if answer.status() == StatusCode::FORBIDDEN {
            return Err(Error::NO_MEMBERS_INTENT);
        }
        read(answer)
    }

    /// The first 200 of the guilds that the bot is in: ids and names.
    ///
    /// # Errors
    /// As [`find_member`](Self::find_member).
    pub async fn list_own_guilds(&self) -> Result<Vec<(GuildId, String)>, Error> {
        #[derive(Deserialize)]
        struct Own {
            #[serde(deserialize_with = "number")]
            id: GuildId,
            name: String,
        }
        let path = format!("/users/@me/guilds?limit={OWN_GUILDS_MAX}");
        let guilds: Vec<Own> = read(self.get_as_bot(&path).await?)?;
        Ok(guilds.into_iter().map(|own| (own.id, own.name)).collect())
    }

    /// Sends a message of 1 to 2000 characters as the bot; nobody is told of mentions in it.
    /// Answers its id.
    ///
    /// # Errors
    /// 403 where the bot may not write there, 404 where the channel is gone; else as
    /// [`find_member`](Self::find_member).
    pub async fn send_message(&self, channel: ChannelId, content: &str) -> Result<u64, Error> {
        let post = Post {
            content,
            allowed_mentions: Nobody { parse: [] },
        };
        let path = format!("/channels/{channel}/messages");
        let answer = self.post_as_bot(&path, &post).await?;
        match answer.status() {
            StatusCode::FORBIDDEN => Err(Error::BOT_MAY_NOT_WRITE),
            StatusCode::NOT_FOUND => Err(Error::NO_CHANNEL),
            _ => {
                let posted: Posted = read(answer)?;
                Ok(posted.id)
            }
        }
    }
}

/// A number that Discord writes as a text, as it does with ids and permissions.
pub(super) fn number<'de, D: Deserializer<'de>, T: FromStr>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom("not a number"))
}

/// The same where there may be none.
pub(super) fn optional_number<'de, D: Deserializer<'de>, T: FromStr>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    let read = |text: Cow<'_, str>| text.parse().map_err(|_| D::Error::custom("not a number"));
    text.map(read).transpose()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_may_hold_more_than_is_known_and_less_than_is_usual() {
        let channel: Channel = serde_json::from_value(json!({
            "id": "70", "guild_id": "7", "type": 99, "name": "new", "webhook_token": "secret",
            "permission_overwrites": [{"id": "7", "type": 0, "allow": "0", "deny": "1024"}],
        }))
        .unwrap();
        assert_eq!((channel.kind, channel.parent), (99, None));
        let everyone = OverwriteTarget::Role("7".parse().unwrap());
        assert_eq!(channel.overwrites[0].target, everyone);
        assert_eq!(channel.overwrites[0].deny, 1024);
        let member: GuildMember = serde_json::from_value(json!({
            "user": {"id": "5", "username": "ada", "discriminator": "0"}, "roles": ["8", "x"],
            "communication_disabled_until": "2019-04-06T18:48:02+00:00",
        }))
        .unwrap();
        assert_eq!(member.rights.roles, ["8".parse().unwrap()]);
        assert_eq!(member.rights.timed_out_until_ms, Some(1_554_576_482_000));
        assert_eq!((member.joined_at_ms, member.account.is_bot), (None, false));
        for id in ["0", "-1", "9223372036854775808", "a", ""] {
            let channel = json!({"id": id, "guild_id": "7", "type": 0, "name": "x"});
            assert!(serde_json::from_value::<Channel>(channel).is_err(), "{id}");
        }
    }
}
