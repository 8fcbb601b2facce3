//! What changes in a guild at Discord, as listeners are told: a closed list, in types of ours.

use std::sync::Arc;

use crate::discord::guild_data::{Channel, GuildMember, GuildRole};
use crate::ids::{RoleId, UserId};

/// A part of what is known of a guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its channels.
    Channels,
    /// Its roles.
    Roles,
    /// Its members.
    Members,
    /// The guild itself.
    Guild,
    /// Its own commands: rows of ours.
    Commands,
    /// What it has chosen for its player and the bot: the same.
    Settings,
}

/// Something that has changed in a guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuildEvent {
    /// A channel was made.
    ChannelCreated(Arc<Channel>),
    /// A channel is another, or somebody else may use it.
    ChannelUpdated(Arc<Channel>),
    /// A channel is gone; this is what it was.
    ChannelDeleted(Arc<Channel>),
    /// A role was made.
    RoleCreated(GuildRole),
    /// A role is another.
    RoleUpdated(GuildRole),
    /// A role is gone.
    RoleDeleted(RoleId),
    /// The guild itself is another.
    Updated {
        /// Its name: untrusted text.
        name: String,
        /// The hash of its picture.
        icon: Option<String>,
    },
    /// Somebody has become a member.
    MemberAdded(Arc<GuildMember>),
    /// A member has other roles, another name or a time-out.
    MemberUpdated(Arc<GuildMember>),
    /// Somebody is no member any more.
    MemberRemoved(UserId),
    /// A part of what is known of the guild may be old: seed 003's `config:update`.
    Invalidated(Part),
}

/// Which of a guild's members are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told<'a> {
    /// All.
    Members,
    /// Those who manage the guild.
    Managers,
    /// Those who see the channel.
    WhoSee(&'a Channel),
}

impl GuildEvent {
    /// What of the guild is not any more what it was.
    pub fn part(&self) -> Part {
        match self {
            Self::ChannelCreated(_) | Self::ChannelUpdated(_) | Self::ChannelDeleted(_) => {
                Part::Channels
            }
            Self::RoleCreated(_) | Self::RoleUpdated(_) | Self::RoleDeleted(_) => Part::Roles,
            Self::Updated { .. } => Part::Guild,
            Self::MemberAdded(_) | Self::MemberUpdated(_) | Self::MemberRemoved(_) => Part::Members,
            Self::Invalidated(part) => *part,
        }
    }

    /// Who is told: whoever may read the same over REST.
    pub(super) fn told(&self) -> Told<'_> {
        match self {
            Self::ChannelCreated(channel)
            | Self::ChannelUpdated(channel)
            | Self::ChannelDeleted(channel) => Told::WhoSee(channel),
            Self::MemberAdded(_)
            | Self::MemberUpdated(_)
            | Self::MemberRemoved(_)
            | Self::Invalidated(Part::Members) => Told::Managers,
            Self::RoleCreated(_)
            | Self::RoleUpdated(_)
            | Self::RoleDeleted(_)
            | Self::Updated { .. }
            | Self::Invalidated(_) => Told::Members,
        }
    }
}
