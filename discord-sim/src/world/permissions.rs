//! Permission bits and the rules by which roles and overwrites combine.
//!
//! Called by everything that asks "may this member do that": REST, the gateway's voice
//! requests and slash commands.

use super::{Channel, Guild, OverwriteTarget};

/// Throw members out.
pub const KICK_MEMBERS: u64 = 1 << 1;
/// Keep members out for good, and know who is.
pub const BAN_MEMBERS: u64 = 1 << 2;
/// Every permission at once.
pub const ADMINISTRATOR: u64 = 1 << 3;
/// Make, change and remove channels.
pub const MANAGE_CHANNELS: u64 = 1 << 4;
/// Change the guild itself.
pub const MANAGE_GUILD: u64 = 1 << 5;
/// React to messages with something new.
pub const ADD_REACTIONS: u64 = 1 << 6;
/// Read what administrators have done.
pub const VIEW_AUDIT_LOG: u64 = 1 << 7;
/// See a channel at all.
pub const VIEW_CHANNEL: u64 = 1 << 10;
/// Write in a text channel.
pub const SEND_MESSAGES: u64 = 1 << 11;
/// Write what is read aloud.
pub const SEND_TTS_MESSAGES: u64 = 1 << 12;
/// Delete the messages of others.
pub const MANAGE_MESSAGES: u64 = 1 << 13;
/// Have links and embeds shown.
pub const EMBED_LINKS: u64 = 1 << 14;
/// Upload files.
pub const ATTACH_FILES: u64 = 1 << 15;
/// Read what was written before.
pub const READ_MESSAGE_HISTORY: u64 = 1 << 16;
/// Notify everyone at once, and roles that nobody may mention.
pub const MENTION_EVERYONE: u64 = 1 << 17;
/// Use emojis of other guilds.
pub const USE_EXTERNAL_EMOJIS: u64 = 1 << 18;
/// Join a voice channel.
pub const CONNECT: u64 = 1 << 20;
/// Be heard in a voice channel.
pub const SPEAK: u64 = 1 << 21;
/// Mute others in voice.
pub const MUTE_MEMBERS: u64 = 1 << 22;
/// Deafen others in voice.
pub const DEAFEN_MEMBERS: u64 = 1 << 23;
/// Move members between voice channels, and enter full ones.
pub const MOVE_MEMBERS: u64 = 1 << 24;
/// Speak by voice activity instead of push-to-talk.
pub const USE_VAD: u64 = 1 << 25;
/// Change one's own name in the guild.
pub const CHANGE_NICKNAME: u64 = 1 << 26;
/// Change the names of others in the guild.
pub const MANAGE_NICKNAMES: u64 = 1 << 27;
/// Make, change and give roles.
pub const MANAGE_ROLES: u64 = 1 << 28;
/// Change and remove emojis and sounds that others made.
pub const MANAGE_GUILD_EXPRESSIONS: u64 = 1 << 30;
/// Use slash commands.
pub const USE_APPLICATION_COMMANDS: u64 = 1 << 31;
/// Time members out.
pub const MODERATE_MEMBERS: u64 = 1 << 40;
/// Play soundboard sounds in voice channels.
pub const USE_SOUNDBOARD: u64 = 1 << 42;
/// Make emojis and sounds, and change one's own.
pub const CREATE_GUILD_EXPRESSIONS: u64 = 1 << 43;
/// Play the sounds of other guilds.
pub const USE_EXTERNAL_SOUNDS: u64 = 1 << 45;
/// Pin messages.
pub const PIN_MESSAGES: u64 = 1 << 51;

/// What an owner or administrator has: every bit Discord has given a meaning.
pub const ALL: u64 = (1 << 53) - 1;

/// What `@everyone` may do in a guild nobody has configured, as far as it concerns a bot.
pub const EVERYONE: u64 = VIEW_CHANNEL
    | SEND_MESSAGES
    | READ_MESSAGE_HISTORY
    | CONNECT
    | SPEAK
    | USE_VAD
    | USE_APPLICATION_COMMANDS
    | ADD_REACTIONS
    | EMBED_LINKS
    | ATTACH_FILES
    | MENTION_EVERYONE
    | USE_EXTERNAL_EMOJIS
    | CHANGE_NICKNAME
    | USE_SOUNDBOARD
    | USE_EXTERNAL_SOUNDS
    | (1 << 0) // create invites
    | (1 << 9); // stream

/// What both sides may do in direct messages.
pub(crate) const DIRECT: u64 = VIEW_CHANNEL
    | SEND_MESSAGES
    | READ_MESSAGE_HISTORY
    | ADD_REACTIONS
    | EMBED_LINKS
    | ATTACH_FILES
    | MENTION_EVERYONE
    | USE_EXTERNAL_EMOJIS
    | PIN_MESSAGES;

/// All a timed-out member keeps.
const TIMED_OUT: u64 = VIEW_CHANNEL | READ_MESSAGE_HISTORY;

/// What `user` may do in the guild, channels aside; 0 for someone who is no member.
pub(crate) fn in_guild(guild: &Guild, user: u64, now_ms: u64) -> u64 {
    let Some(member) = guild.members.get(&user) else {
        return 0;
    };
    if guild.owner == user {
        return ALL;
    }
    let granted = guild
        .roles
        .iter()
        .filter(|role| role.id == guild.id || member.roles.contains(&role.id))
        .fold(0, |bits, role| bits | role.permissions);
    if granted & ADMINISTRATOR != 0 {
        return ALL;
    }
    if member.is_timed_out(now_ms) {
        granted & TIMED_OUT
    } else {
        granted
    }
}

/// How high a member stands: at the place of its highest role, its owner above everyone.
pub(crate) fn rank(guild: &Guild, user: u64) -> usize {
    if guild.owner == user {
        return usize::MAX;
    }
    let held = guild.members.get(&user).map(|member| &member.roles);
    let places = held.into_iter().flatten();
    let places = places.filter_map(|role| guild.find_role(*role));
    places.map(|(place, _)| place).max().unwrap_or(0)
}

/// What `user` may do in one channel: the guild's permissions after the channel's overwrites.
pub(crate) fn in_channel(guild: &Guild, channel: &Channel, user: u64, now_ms: u64) -> u64 {
    let base = in_guild(guild, user, now_ms);
    let Some(member) = guild.members.get(&user) else {
        return 0;
    };
    if base == ALL {
        return ALL;
    }
    let mut bits = base;
    let mut apply = |deny: u64, allow: u64| bits = (bits & !deny) | allow;
    // Discord's order: @everyone, then all roles at once, then the member.
    for overwrite in &channel.overwrites {
        if overwrite.target == OverwriteTarget::Role(guild.id) {
            apply(overwrite.deny, overwrite.allow);
        }
    }
    let of_roles = channel.overwrites.iter().filter(|overwrite| {
        matches!(overwrite.target, OverwriteTarget::Role(id)
            if id != guild.id && member.roles.contains(&id))
    });
    let (deny, allow) = of_roles.fold((0, 0), |(deny, allow), overwrite| {
        (deny | overwrite.deny, allow | overwrite.allow)
    });
    apply(deny, allow);
    for overwrite in &channel.overwrites {
        if overwrite.target == OverwriteTarget::Member(user) {
            apply(overwrite.deny, overwrite.allow);
        }
    }
    if member.is_timed_out(now_ms) {
        bits &= TIMED_OUT;
    }
    // A channel one cannot see gives no other right either.
    if bits & VIEW_CHANNEL == 0 { 0 } else { bits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Overwrite, Role};

    fn guild() -> Guild {
        Guild::new(1, "g", 10)
            .voice(5, "Lounge")
            .member(10)
            .member(20)
    }

    #[test]
    fn owner_has_everything() {
        let guild = guild();
        assert_eq!(in_guild(&guild, 10, 0), ALL);
        assert_eq!(in_channel(&guild, &guild.channels[0], 10, 0), ALL);
    }

    #[test]
    fn stranger_has_nothing() {
        let guild = guild();
        assert_eq!(in_guild(&guild, 99, 0), 0);
        assert_eq!(in_channel(&guild, &guild.channels[0], 99, 0), 0);
    }

    #[test]
    fn role_overwrite_beats_everyone_and_member_beats_role() {
        let mut guild = guild().role(Role::new(7, "dj", 0));
        guild.members.get_mut(&20).unwrap().roles.push(7);
        let everyone = Overwrite {
            target: OverwriteTarget::Role(1),
            allow: 0,
            deny: CONNECT,
        };
        let dj = Overwrite {
            target: OverwriteTarget::Role(7),
            allow: CONNECT,
            deny: 0,
        };
        let member = Overwrite {
            target: OverwriteTarget::Member(20),
            allow: 0,
            deny: CONNECT,
        };
        guild.channels[0].overwrites = vec![dj, everyone];
        assert_ne!(in_channel(&guild, &guild.channels[0], 20, 0) & CONNECT, 0);
        guild.channels[0].overwrites.push(member);
        assert_eq!(in_channel(&guild, &guild.channels[0], 20, 0) & CONNECT, 0);
    }

    #[test]
    fn timed_out_member_may_only_look() {
        let mut guild = guild();
        guild.members.get_mut(&20).unwrap().timeout_until_ms = Some(1_000);
        assert_eq!(in_guild(&guild, 20, 999), TIMED_OUT);
        assert_eq!(in_guild(&guild, 20, 1_000), EVERYONE);
    }

    #[test]
    fn hidden_channel_gives_no_rights() {
        let mut guild = guild();
        let hidden = Overwrite {
            target: OverwriteTarget::Role(1),
            allow: 0,
            deny: VIEW_CHANNEL,
        };
        guild.channels[0].overwrites = vec![hidden];
        assert_eq!(in_channel(&guild, &guild.channels[0], 20, 0), 0);
    }
}
