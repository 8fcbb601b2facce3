//! What serenity holds, as the rest of the server takes it. Whatever asks the cache or hears an event
//! calls here.

use std::num::NonZeroU16;

use serenity::model::channel::{GuildChannel, PermissionOverwrite, PermissionOverwriteType};
use serenity::model::guild::{Guild, Member as DiscordMember, Role};
use serenity::model::id as discord;
use serenity::model::user::User;
use serenity::model::voice::VoiceState;

use crate::discord::guild_data::Member;
use crate::discord::guild_data::{
    Channel, GuildInfo, GuildMember, GuildRole, Overwrite, OverwriteTarget, Profile,
};
use crate::domain::guilds::VoiceSeat;
use crate::ids::{ChannelId, GuildId, RoleId, UserId};

/// A discriminator as Discord writes it: four digits, or nothing.
pub(super) fn discriminator(number: Option<NonZeroU16>) -> String {
    number.map_or_else(String::new, |number| format!("{number:04}"))
}

/// What a member's rights depend on.
pub(super) fn describe_rights(member: &DiscordMember) -> Member {
    let until = member.communication_disabled_until;
    Member {
        timed_out_until_ms: until.map(|until| until.unix_timestamp().saturating_mul(1_000)),
        roles: roles(&member.roles),
    }
}

/// Roles' ids as we take them.
pub(super) fn roles(roles: &[discord::RoleId]) -> Vec<RoleId> {
    let ids = roles.iter().map(|role| RoleId::try_from(role.get()));
    ids.filter_map(Result::ok).collect()
}

/// A member; `None` for ids that Discord does not give out.
pub(super) fn describe_member(member: &DiscordMember) -> Option<GuildMember> {
    let joined = member.joined_at;
    Some(GuildMember {
        account: describe_account(&member.user)?,
        nick: member.nick.clone(),
        joined_at_ms: joined.map(|joined| joined.unix_timestamp().saturating_mul(1_000)),
        rights: describe_rights(member),
    })
}

fn describe_account(user: &User) -> Option<Profile> {
    let discriminator = user.discriminator;
    Some(Profile {
        id: UserId::try_from(user.id.get()).ok()?,
        username: user.name.clone(),
        discriminator: discriminator.map_or_else(|| "0".to_owned(), |four| format!("{four:04}")),
        global_name: user.global_name.clone(),
        avatar: user.avatar.map(|hash| hash.to_string()),
        is_bot: user.bot,
    })
}

/// A channel; `None` for ids that Discord does not give out.
pub(super) fn describe_channel(channel: &GuildChannel) -> Option<Channel> {
    let parent = channel.parent_id;
    let overwrites = channel.permission_overwrites.iter();
    Some(Channel {
        id: ChannelId::try_from(channel.id.get()).ok()?,
        guild: GuildId::try_from(channel.guild_id.get()).ok()?,
        kind: channel.kind.into(),
        name: channel.name.clone(),
        parent: parent.and_then(|parent| ChannelId::try_from(parent.get()).ok()),
        position: channel.position.into(),
        topic: channel.topic.clone(),
        is_nsfw: channel.nsfw,
        overwrites: overwrites.filter_map(describe_overwrite).collect(),
    })
}

fn describe_overwrite(overwrite: &PermissionOverwrite) -> Option<Overwrite> {
    let target = match overwrite.kind {
        PermissionOverwriteType::Member(user) => {
            OverwriteTarget::Member(UserId::try_from(user.get()).ok()?)
        }
        PermissionOverwriteType::Role(role) => {
            OverwriteTarget::Role(RoleId::try_from(role.get()).ok()?)
        }
        _ => return None,
    };
    Some(Overwrite {
        target,
        allow: overwrite.allow.bits(),
        deny: overwrite.deny.bits(),
    })
}

/// A guild itself and its roles; `None` for ids that Discord does not give out.
pub(super) fn describe_guild(guild: &Guild) -> Option<GuildInfo> {
    Some(GuildInfo {
        id: GuildId::try_from(guild.id.get()).ok()?,
        name: guild.name.clone(),
        icon: guild.icon.map(|icon| icon.to_string()),
        description: guild.description.clone(),
        owner: UserId::try_from(guild.owner_id.get()).ok()?,
        premium_tier: guild.premium_tier.into(),
        preferred_locale: guild.preferred_locale.clone(),
        roles: guild.roles.values().filter_map(describe_role).collect(),
    })
}

/// A role; `None` for ids that Discord does not give out.
pub(super) fn describe_role(role: &Role) -> Option<GuildRole> {
    Some(GuildRole {
        id: RoleId::try_from(role.id.get()).ok()?,
        name: role.name.clone(),
        color: role.colour.0,
        position: role.position.into(),
        permissions: role.permissions.bits(),
        is_managed: role.managed,
        is_hoisted: role.hoist,
        is_mentionable: role.mentionable,
    })
}

/// How somebody is in voice; `None` for who is in none.
pub(super) fn describe_seat(state: &VoiceState) -> Option<VoiceSeat> {
    Some(VoiceSeat {
        channel: ChannelId::try_from(state.channel_id?.get()).ok()?,
        is_deaf: state.deaf,
        is_mute: state.mute,
        is_self_deaf: state.self_deaf,
        is_self_mute: state.self_mute,
        is_suppressed: state.suppress,
    })
}
