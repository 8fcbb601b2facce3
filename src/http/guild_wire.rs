//! What guilds are made of, as answers and events write it: Discord's own names for everything, so
//! that programs for Discord's API can read it, but only what is named here.

use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::Instant;
use crate::clock::rfc3339;
use crate::discord::endpoints::{Id, Message};
use crate::discord::guild_data::{Channel, GuildMember, GuildRole, Profile};
use crate::domain::guild_data::ListedRole;
use crate::ids::{ChannelId, GuildId, RoleId, UserId};

/// A channel.
#[derive(Serialize, ToSchema)]
pub(super) struct ChannelData {
    #[schema(value_type = ChannelId)]
    id: String,
    #[schema(value_type = GuildId)]
    guild_id: String,
    #[schema(example = "general")]
    name: String,
    /// Discord's number for what it is for: 0 text, 2 voice, 4 category and so on.
    #[serde(rename = "type")]
    kind: u8,
    #[schema(value_type = Option<ChannelId>)]
    parent_id: Option<String>,
    position: i32,
    topic: Option<String>,
    nsfw: bool,
}

impl From<&Channel> for ChannelData {
    fn from(channel: &Channel) -> Self {
        Self {
            id: channel.id.to_string(),
            guild_id: channel.guild.to_string(),
            name: channel.name.clone(),
            kind: channel.kind,
            parent_id: channel.parent.map(|parent| parent.to_string()),
            position: channel.position,
            topic: channel.topic.clone(),
            nsfw: channel.is_nsfw,
        }
    }
}

/// A role.
#[derive(Serialize, ToSchema)]
pub(super) struct RoleData {
    #[schema(value_type = RoleId)]
    id: String,
    #[schema(example = "DJ")]
    name: String,
    color: u32,
    position: i32,
    /// Discord's bits, more than a number of JSON holds in JavaScript.
    #[schema(example = "1024")]
    permissions: String,
    managed: bool,
    hoist: bool,
    mentionable: bool,
    /// Whether the bot may give and take it; only in lists of roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool)]
    manageable: Option<bool>,
}

impl RoleData {
    /// A role of a list that says what the bot may do with it.
    pub(super) fn listed(listed: &ListedRole) -> Self {
        Self {
            manageable: Some(listed.is_manageable),
            ..Self::from(&listed.role)
        }
    }
}

impl From<&GuildRole> for RoleData {
    fn from(role: &GuildRole) -> Self {
        Self {
            id: role.id.to_string(),
            name: role.name.clone(),
            color: role.color,
            position: role.position,
            permissions: role.permissions.to_string(),
            managed: role.is_managed,
            hoist: role.is_hoisted,
            mentionable: role.is_mentionable,
            manageable: None,
        }
    }
}

/// A person or a bot.
#[derive(Serialize, ToSchema)]
pub(super) struct ProfileData {
    #[schema(value_type = UserId)]
    id: String,
    #[schema(example = "ada")]
    username: String,
    discriminator: String,
    global_name: Option<String>,
    avatar: Option<String>,
    bot: bool,
}

impl From<&Profile> for ProfileData {
    fn from(account: &Profile) -> Self {
        Self {
            id: account.id.to_string(),
            username: account.username.clone(),
            discriminator: account.discriminator.clone(),
            global_name: account.global_name.clone(),
            avatar: account.avatar.clone(),
            bot: account.is_bot,
        }
    }
}

/// A member.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberData {
    user: ProfileData,
    nick: Option<String>,
    #[schema(value_type = Vec<RoleId>)]
    roles: Vec<String>,
    #[schema(value_type = Option<Instant>)]
    joined_at: Option<String>,
    /// Until when the member is timed out.
    #[schema(value_type = Option<Instant>)]
    communication_disabled_until: Option<String>,
}

impl From<&GuildMember> for MemberData {
    fn from(member: &GuildMember) -> Self {
        let rights = &member.rights;
        Self {
            user: ProfileData::from(&member.account),
            nick: member.nick.clone(),
            roles: rights.roles.iter().map(RoleId::to_string).collect(),
            joined_at: member.joined_at_ms.map(rfc3339),
            communication_disabled_until: rights.timed_out_until_ms.map(rfc3339),
        }
    }
}

/// A message of a channel.
#[derive(Serialize, ToSchema)]
pub(super) struct MessageData {
    #[schema(value_type = String, pattern = "^[1-9][0-9]{0,19}$", example = "1104556121590808999")]
    id: Id,
    #[schema(value_type = ChannelId)]
    channel_id: Id,
    author: ProfileData,
    /// Empty for a bot that has not Discord's Message Content Intent.
    content: String,
    /// When it was written, as Discord writes it.
    #[schema(example = "2019-04-06T18:48:02.123000+00:00")]
    timestamp: String,
    edited_timestamp: Option<String>,
    pinned: bool,
}

impl From<&Message> for MessageData {
    fn from(message: &Message) -> Self {
        Self {
            id: message.id,
            channel_id: message.channel_id,
            author: ProfileData::from(&message.author),
            content: message.content.clone(),
            timestamp: message.timestamp.clone(),
            edited_timestamp: message.edited_timestamp.clone(),
            pinned: message.pinned,
        }
    }
}
