//! What the gateway connection knows: the port that `bot` fills and everybody who asks about guilds
//! reads.

use crate::discord::guild_data::{Channel, GuildInfo, GuildMember};
use crate::ids::{ChannelId, GuildId, RoleId, UserId};

/// The bot's own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotUser {
    /// Its user id.
    pub id: UserId,
    /// Its name as the play log writes names.
    pub tag: String,
}

/// A guild the bot is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guild {
    /// Its id.
    pub id: GuildId,
    /// Its name, chosen by its owner: untrusted text.
    pub name: String,
}

/// A role, as far as rights depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// Its id; that of `@everyone` is the guild's.
    pub id: RoleId,
    /// Discord's bits.
    pub permissions: u64,
}

/// What else is known of a guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuildDetails {
    /// The guild.
    pub guild: Guild,
    /// The hash of its picture.
    pub icon: Option<String>,
    /// Who owns it.
    pub owner: UserId,
    /// Its roles, `@everyone` among them.
    pub roles: Vec<Role>,
}

impl GuildDetails {
    /// Whether there is such a role; `@everyone` is none that a member has or has not.
    pub fn has_role(&self, role: RoleId) -> bool {
        self.is_own(role) && !self.is_everyone(role)
    }

    fn is_own(&self, role: RoleId) -> bool {
        self.roles.iter().any(|own| own.id == role)
    }

    pub(super) fn is_everyone(&self, role: RoleId) -> bool {
        role.get() == self.guild.id.get()
    }
}

/// A right that the bot itself lacks in a voice channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingRight {
    /// It may not see or join the channel.
    Connect,
    /// It may join but not be heard.
    Speak,
}

/// Why the bot is not connected to Discord.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Outage {
    /// Nothing was tried yet, or Discord cannot be reached: it is tried again.
    #[default]
    Unreachable,
    /// No session may be started before a limit is reset.
    StartsUsedUp,
    /// The token is wrong: somebody has to change it.
    TokenRefused,
    /// The application lacks an intent: somebody has to switch it on.
    IntentsRefused,
    /// Discord wants something that this version does not do.
    Refused,
}

impl Outage {
    /// The same in words, for whoever asks whether the server is ready.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unreachable => "the bot is not connected to Discord",
            Self::StartsUsedUp => {
                "the bot has to wait before it may start another session with Discord"
            }
            Self::TokenRefused => "Discord refuses the bot's token",
            Self::IntentsRefused => "Discord refuses the bot's intents",
            Self::Refused => "Discord refuses the bot's connection",
        }
    }
}

/// Members of a guild that the gateway has told of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownMembers {
    /// They, in no order.
    pub list: Vec<GuildMember>,
    /// Whether there are no others.
    pub is_complete: bool,
}

/// How somebody is in voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one of Discord's")]
pub struct VoiceSeat {
    /// Where.
    pub channel: ChannelId,
    /// Deafened by a moderator.
    pub is_deaf: bool,
    /// Muted by a moderator.
    pub is_mute: bool,
    /// Deafened by choice.
    pub is_self_deaf: bool,
    /// Muted by choice.
    pub is_self_mute: bool,
    /// Not permitted to speak.
    pub is_suppressed: bool,
}

/// What the gateway connection knows. The port that `bot` fills; [`Offline`] when there is none.
pub trait Gateway: Send + Sync {
    /// The guilds the bot is in; `None` before the first connection is ready.
    fn guilds(&self) -> Option<Vec<Guild>>;
    /// One guild, if the bot is in it. `None` as well before the first connection is ready.
    fn guild(&self, guild: GuildId) -> Option<Guild>;
    /// What else is known of a guild that the bot is in; `None` as well while it is out of order.
    fn details(&self, guild: GuildId) -> Option<GuildDetails>;
    /// The channels of a guild, without threads; `None` where [`details`](Self::details) is.
    fn channels(&self, guild: GuildId) -> Option<Vec<Channel>>;
    /// One of the channels of a guild.
    fn channel(&self, guild: GuildId, channel: ChannelId) -> Option<Channel>;
    /// The guild that has this channel, of those that the bot is in.
    fn channel_guild(&self, channel: ChannelId) -> Option<GuildId>;
    /// The guild itself and its roles; `None` where [`details`](Self::details) is.
    fn info(&self, guild: GuildId) -> Option<GuildInfo>;
    /// A member as of now. Without the Guild Members intent only the bot itself, as Discord tells
    /// of nobody else's roles then.
    fn member(&self, guild: GuildId, user: UserId) -> Option<GuildMember>;
    /// The members that are known of as of now: without the Guild Members intent the bot and those
    /// in voice. `None` while Discord does not tell of changes.
    fn members(&self, guild: GuildId) -> Option<KnownMembers>;
    /// How somebody is in voice now.
    fn voice_seat(&self, guild: GuildId, user: UserId) -> Option<VoiceSeat>;
    /// The voice channel a member is in now.
    fn voice_channel(&self, guild: GuildId, user: UserId) -> Option<ChannelId>;
    /// The guild in whose voice channels a user is now, in one that the bot is in too.
    fn voice_guild(&self, user: UserId) -> Option<GuildId>;
    /// Whether anyone but the bot is in a voice channel.
    fn has_listeners(&self, guild: GuildId, channel: ChannelId) -> bool;
    /// Whether anyone in a voice channel would hear the bot: people who are not deafened.
    fn has_ears(&self, guild: GuildId, channel: ChannelId) -> bool;
    /// Whether the bot may join a channel and speak there.
    ///
    /// # Errors
    /// The first right that is missing.
    fn may_speak(&self, guild: GuildId, channel: ChannelId) -> Result<(), MissingRight>;
    /// The bot's account; `None` before the first connection is ready.
    fn bot(&self) -> Option<BotUser>;
    /// Whether the connection is up now.
    fn is_connected(&self) -> bool;
    /// Why it is not, where it is not.
    fn outage(&self) -> Outage;
}

/// The gateway of an installation without a bot: knows nothing.
#[derive(Debug, Clone, Copy)]
pub struct Offline;

impl Gateway for Offline {
    fn guilds(&self) -> Option<Vec<Guild>> {
        None
    }

    fn guild(&self, _: GuildId) -> Option<Guild> {
        None
    }

    fn details(&self, _: GuildId) -> Option<GuildDetails> {
        None
    }

    fn channels(&self, _: GuildId) -> Option<Vec<Channel>> {
        None
    }

    fn channel(&self, _: GuildId, _: ChannelId) -> Option<Channel> {
        None
    }

    fn channel_guild(&self, _: ChannelId) -> Option<GuildId> {
        None
    }

    fn info(&self, _: GuildId) -> Option<GuildInfo> {
        None
    }

    fn member(&self, _: GuildId, _: UserId) -> Option<GuildMember> {
        None
    }

    fn members(&self, _: GuildId) -> Option<KnownMembers> {
        None
    }

    fn voice_seat(&self, _: GuildId, _: UserId) -> Option<VoiceSeat> {
        None
    }

    fn voice_channel(&self, _: GuildId, _: UserId) -> Option<ChannelId> {
        None
    }

    fn voice_guild(&self, _: UserId) -> Option<GuildId> {
        None
    }

    fn has_listeners(&self, _: GuildId, _: ChannelId) -> bool {
        false
    }

    fn has_ears(&self, _: GuildId, _: ChannelId) -> bool {
        false
    }

    fn may_speak(&self, _: GuildId, _: ChannelId) -> Result<(), MissingRight> {
        Err(MissingRight::Connect)
    }

    fn bot(&self) -> Option<BotUser> {
        None
    }

    fn is_connected(&self) -> bool {
        false
    }

    fn outage(&self) -> Outage {
        Outage::default()
    }
}
