//! Discord's JSON for users, members, roles, channels and guilds.
//!
//! Called by REST and the gateway. All documented fields are written, since strict clients
//! drop an object silently when one is missing.

mod application;
mod expressions;
mod message;

use serde_json::{Value, json};

pub(crate) use application::{INTENT_FLAGS, application, application_flags};
pub(crate) use expressions::{default_sound, emoji, emoji_of, sound, sound_of, sounds};
pub(crate) use message::{attachment, emoji_name, message};

use super::snowflake::iso;
use super::{Channel, ChannelKind, Guild, Member, Overwrite, OverwriteTarget, permissions};
use super::{Role, User};

/// Looks a user up by id; what only a running simulator can do for these functions.
pub(crate) trait People {
    /// The user, if one has this id.
    fn find_person(&self, id: u64) -> Option<&User>;
}

/// A user as anyone sees it.
pub(crate) fn user(user: &User) -> Value {
    json!({
        "id": user.id.to_string(),
        "username": user.username,
        "avatar": user.avatar,
        "discriminator": user.discriminator,
        "public_flags": 0,
        "flags": 0,
        "bot": user.bot,
        "banner": null,
        "accent_color": null,
        "global_name": user.global_name,
        "avatar_decoration_data": null,
        "collectibles": null,
        "banner_color": null,
        "clan": null,
        "primary_guild": null,
    })
}

/// A user as it sees itself.
pub(crate) fn current_user(account: &User, with_email: bool) -> Value {
    let mut value = user(account);
    value["mfa_enabled"] = json!(account.bot);
    value["locale"] = json!("en-US");
    value["premium_type"] = json!(0);
    if account.bot {
        value["verified"] = json!(true);
        value["bio"] = json!("");
    } else {
        value["bot"] = json!(false);
    }
    if with_email {
        value["email"] = json!(format!("{}@example.com", account.username));
        value["verified"] = json!(true);
    }
    value
}

/// A member, its user included.
pub(crate) fn member(people: &impl People, member: &Member) -> Value {
    json!({
        "user": people.find_person(member.user).map(user),
        "nick": member.nick,
        "avatar": null,
        "banner": null,
        "roles": member.roles.iter().map(u64::to_string).collect::<Vec<_>>(),
        "joined_at": iso(member.joined_at_ms),
        "premium_since": null,
        "deaf": member.deaf,
        "mute": member.mute,
        "flags": 0,
        "pending": false,
        "communication_disabled_until": member.timeout_until_ms.map(iso),
        "unusual_dm_activity_until": null,
        "avatar_decoration_data": null,
        "collectibles": null,
    })
}

/// A role at its place in the guild's list.
pub(crate) fn role(role: &Role, position: usize) -> Value {
    let mut value = json!({
        "id": role.id.to_string(),
        "name": role.name,
        "description": null,
        "permissions": role.permissions.to_string(),
        "position": position,
        "color": role.color,
        "colors": {
            "primary_color": role.color,
            "secondary_color": null,
            "tertiary_color": null,
        },
        "hoist": role.hoist,
        "managed": role.bot.is_some(),
        "mentionable": role.mentionable,
        "icon": null,
        "unicode_emoji": null,
        "flags": 0,
    });
    if let Some(bot) = role.bot {
        value["tags"] = json!({ "bot_id": bot.to_string() });
    }
    value
}

/// All roles of a guild.
pub(crate) fn roles(guild: &Guild) -> Vec<Value> {
    guild
        .roles
        .iter()
        .enumerate()
        .map(|(position, entry)| role(entry, position))
        .collect()
}

/// A channel at its place in the guild's list.
pub(crate) fn channel(guild: &Guild, channel: &Channel, position: usize) -> Value {
    let mut value = json!({
        "id": channel.id.to_string(),
        "type": channel.kind.number(),
        "guild_id": guild.id.to_string(),
        "name": channel.name,
        "position": position,
        "parent_id": channel.parent.map(|id| id.to_string()),
        "flags": 0,
        "permission_overwrites": channel.overwrites.iter().map(overwrite).collect::<Vec<_>>(),
    });
    if channel.kind != ChannelKind::Category {
        value["nsfw"] = json!(channel.nsfw);
        value["rate_limit_per_user"] = json!(channel.slowmode_s);
        value["last_message_id"] = json!(channel.last_message.map(|id| id.to_string()));
    }
    match channel.kind {
        ChannelKind::Text => {
            value["topic"] = json!(channel.topic);
            value["last_pin_timestamp"] = json!(channel.last_pin_ms.map(iso));
        }
        ChannelKind::Voice => {
            value["bitrate"] = json!(channel.bitrate_bps);
            value["user_limit"] = json!(channel.user_limit);
            value["rtc_region"] = json!(null);
            value["video_quality_mode"] = json!(1);
        }
        ChannelKind::Category => {}
    }
    value
}

/// All channels of a guild.
pub(crate) fn channels(guild: &Guild) -> Vec<Value> {
    guild
        .channels
        .iter()
        .enumerate()
        .map(|(place, entry)| channel(guild, entry, place))
        .collect()
}

fn overwrite(overwrite: &Overwrite) -> Value {
    let (id, kind) = match overwrite.target {
        OverwriteTarget::Role(id) => (id, 0),
        OverwriteTarget::Member(id) => (id, 1),
    };
    json!({
        "id": id.to_string(),
        "type": kind,
        "allow": overwrite.allow.to_string(),
        "deny": overwrite.deny.to_string(),
    })
}

/// Where somebody sits in voice; one who has just left had the session `left`.
///
/// Inside `GUILD_CREATE` the guild's id and the member are left out, as Discord does.
pub(crate) fn voice_state(guild: &Guild, user: u64, left: &str) -> Value {
    let seat = guild.voice.get(&user);
    let member = guild.members.get(&user);
    let channel = seat.and_then(|seat| guild.find_channel(seat.channel));
    // Whoever is timed out stays where they are; that passes.
    let may_speak = channel.is_none_or(|channel| {
        permissions::in_channel(guild, channel, user, u64::MAX) & permissions::SPEAK != 0
    });
    json!({
        "channel_id": seat.map(|seat| seat.channel.to_string()),
        "user_id": user.to_string(),
        "session_id": seat.map_or(left, |seat| &seat.session_id),
        "deaf": member.is_some_and(|member| member.deaf),
        "mute": member.is_some_and(|member| member.mute),
        "self_deaf": seat.is_some_and(|seat| seat.self_deaf),
        "self_mute": seat.is_some_and(|seat| seat.self_mute),
        "self_video": false,
        "suppress": !may_speak,
        "request_to_speak_timestamp": null,
    })
}

/// A guild as REST shows it.
pub(crate) fn guild(guild: &Guild) -> Value {
    let mut value = guild_settings();
    value["id"] = json!(guild.id.to_string());
    value["name"] = json!(guild.name);
    value["owner_id"] = json!(guild.owner.to_string());
    value["roles"] = json!(roles(guild));
    let system_channel = guild.first_channel(ChannelKind::Text);
    value["emojis"] = guild.emojis.iter().map(emoji).collect();
    value["premium_tier"] = json!(guild.premium_tier);
    value["system_channel_id"] = json!(system_channel.map(|channel| channel.id.to_string()));
    value
}

/// All that is the same in every guild here.
fn guild_settings() -> Value {
    json!({
        "icon": null,
        "icon_hash": null,
        "splash": null,
        "discovery_splash": null,
        "region": "deprecated",
        "afk_channel_id": null,
        "afk_timeout": 300,
        "widget_enabled": false,
        "widget_channel_id": null,
        "verification_level": 1,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "features": [],
        "mfa_level": 0,
        "application_id": null,
        "system_channel_flags": 0,
        "rules_channel_id": null,
        "max_presences": null,
        "max_members": 500_000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "vanity_url_code": null,
        "description": null,
        "banner": null,
        "premium_subscription_count": 0,
        "premium_progress_bar_enabled": false,
        "preferred_locale": "en-US",
        "public_updates_channel_id": null,
        "nsfw": false,
        "nsfw_level": 0,
        "stickers": [],
        "hub_type": null,
        "safety_alerts_channel_id": null,
        "incidents_data": null,
    })
}

/// A guild as `GUILD_CREATE` carries it, with the members and presences a bot is shown.
pub(crate) fn guild_create(
    entry: &Guild,
    bot: u64,
    members: Vec<Value>,
    presences: Vec<Value>,
) -> Value {
    let mut value = guild(entry);
    let joined = entry
        .members
        .get(&bot)
        .map(|member| iso(member.joined_at_ms));
    let voice = entry.voice.keys();
    let voice = voice.map(|user| voice_state(entry, *user, ""));
    value["joined_at"] = json!(joined);
    value["unavailable"] = json!(false);
    value["geo_restricted"] = json!(false);
    value["member_count"] = json!(entry.members.len());
    value["voice_states"] = json!(voice.collect::<Vec<_>>());
    value["members"] = json!(members);
    value["channels"] = json!(channels(entry));
    value["threads"] = json!([]);
    value["presences"] = json!(presences);
    value["stage_instances"] = json!([]);
    value["guild_scheduled_events"] = json!([]);
    value["soundboard_sounds"] = json!(sounds(entry));
    value
}
