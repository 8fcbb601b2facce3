//! Guilds: their roles, channels and members, and who sits in voice.
//!
//! Built by the caller as part of a [`World`](super::World), changed by the running state.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Emoji, Sound, permissions, random_text};

/// How many roles a guild has at most.
pub(crate) const MOST_ROLES: usize = 250;
/// How many channels a guild has at most, categories included.
pub(crate) const MOST_CHANNELS: usize = 500;

/// A guild ("server") with everything in it.
#[derive(Clone, Debug)]
pub struct Guild {
    /// Snowflake; also the id of the `@everyone` role.
    pub id: u64,
    /// Shown name.
    pub name: String,
    /// The owner's user id.
    pub owner: u64,
    /// Roles, `@everyone` first.
    pub roles: Vec<Role>,
    /// Channels in the order they are shown.
    pub channels: Vec<Channel>,
    /// Members by user id.
    pub members: BTreeMap<u64, Member>,
    /// Its emojis, oldest first.
    pub emojis: Vec<Emoji>,
    /// The sounds of its soundboard, oldest first.
    pub sounds: Vec<Sound>,
    /// Its level of boosts, from 0 to 3.
    pub premium_tier: u8,
    pub(crate) voice: BTreeMap<u64, VoiceState>,
    /// Who may not come back, and why.
    pub(crate) bans: BTreeMap<u64, Option<String>>,
    /// Whether an outage keeps it from the bots.
    pub(crate) unavailable: bool,
}

impl Guild {
    /// A guild with only the `@everyone` role; add the owner as a member too.
    pub fn new(id: u64, name: &str, owner: u64) -> Guild {
        Guild {
            id,
            name: name.to_owned(),
            owner,
            roles: vec![Role::new(id, "@everyone", permissions::EVERYONE)],
            channels: Vec::new(),
            members: BTreeMap::new(),
            emojis: Vec::new(),
            sounds: Vec::new(),
            premium_tier: 0,
            voice: BTreeMap::new(),
            bans: BTreeMap::new(),
            unavailable: false,
        }
    }

    /// Adds a category; the channels added after it belong to it.
    #[must_use]
    pub fn category(self, id: u64, name: &str) -> Guild {
        self.channel(Channel::new(id, name, ChannelKind::Category))
    }

    /// Adds a text channel.
    #[must_use]
    pub fn text(self, id: u64, name: &str) -> Guild {
        self.channel(Channel::new(id, name, ChannelKind::Text))
    }

    /// Adds a voice channel.
    #[must_use]
    pub fn voice(self, id: u64, name: &str) -> Guild {
        self.channel(Channel::new(id, name, ChannelKind::Voice))
    }

    /// Adds a channel, below the category added last if there is one.
    #[must_use]
    pub fn channel(mut self, mut channel: Channel) -> Guild {
        if channel.kind != ChannelKind::Category && channel.parent.is_none() {
            let category = self
                .channels
                .iter()
                .rfind(|c| c.kind == ChannelKind::Category);
            channel.parent = category.map(|category| category.id);
        }
        self.channels.push(channel);
        self
    }

    /// Adds a role above those added before.
    #[must_use]
    pub fn role(mut self, role: Role) -> Guild {
        self.roles.push(role);
        self
    }

    /// Adds a member without roles.
    #[must_use]
    pub fn member(self, user: u64) -> Guild {
        self.member_with_roles(user, &[])
    }

    /// Adds a member with roles.
    #[must_use]
    pub fn member_with_roles(mut self, user: u64, roles: &[u64]) -> Guild {
        self.members.insert(user, Member::new(user, roles));
        self
    }

    /// Seats a member in a voice channel from the start.
    #[must_use]
    pub fn in_voice(mut self, user: u64, channel: u64) -> Guild {
        self.voice
            .insert(user, VoiceState::new(channel, random_text(32)));
        self
    }

    pub(crate) fn find_channel(&self, id: u64) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    /// A role with its place; that of `@everyone` is 0.
    pub(crate) fn find_role(&self, id: u64) -> Option<(usize, &Role)> {
        let mut roles = self.roles.iter().enumerate();
        roles.find(|(_, role)| role.id == id)
    }

    pub(crate) fn has_voice_channel(&self, id: u64) -> bool {
        self.find_channel(id)
            .is_some_and(|channel| channel.kind == ChannelKind::Voice)
    }

    pub(crate) fn first_channel(&self, kind: ChannelKind) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.kind == kind)
    }
}

/// A role of a guild.
#[derive(Clone, Debug)]
pub struct Role {
    /// Snowflake.
    pub id: u64,
    /// Shown name.
    pub name: String,
    /// [Permission bits](permissions).
    pub permissions: u64,
    /// `0xRRGGBB`, 0 for none.
    pub color: u32,
    /// Whether its members are listed apart.
    pub hoist: bool,
    /// Whether anyone may mention it.
    pub mentionable: bool,
    /// The application this role was made for, if it is a bot's own role.
    pub bot: Option<u64>,
}

impl Role {
    /// A colourless role.
    pub fn new(id: u64, name: &str, permissions: u64) -> Role {
        Role {
            id,
            name: name.to_owned(),
            permissions,
            color: 0,
            hoist: false,
            mentionable: false,
            bot: None,
        }
    }
}

/// What a channel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// Messages.
    Text,
    /// Sound.
    Voice,
    /// A heading above other channels.
    Category,
}

impl ChannelKind {
    /// Discord's number for it.
    pub(crate) fn number(self) -> u8 {
        match self {
            ChannelKind::Text => 0,
            ChannelKind::Voice => 2,
            ChannelKind::Category => 4,
        }
    }
}

/// A channel of a guild.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Snowflake.
    pub id: u64,
    /// Shown name.
    pub name: String,
    /// What it is for.
    pub kind: ChannelKind,
    /// The category it stands under.
    pub parent: Option<u64>,
    /// Exceptions from the guild's permissions.
    pub overwrites: Vec<Overwrite>,
    /// How many may be in a voice channel at once; 0 for any number.
    pub user_limit: u32,
    /// What it is about.
    pub topic: Option<String>,
    /// Whether it is for adults only.
    pub nsfw: bool,
    /// How long members have to wait between messages, in seconds.
    pub slowmode_s: u32,
    /// Of a voice channel, in bits a second.
    pub bitrate_bps: u32,
    /// The message written last.
    pub last_message: Option<u64>,
    /// When a message was last pinned, in Unix milliseconds.
    pub last_pin_ms: Option<u64>,
}

impl Channel {
    /// A channel without overwrites and limits.
    pub fn new(id: u64, name: &str, kind: ChannelKind) -> Channel {
        Channel {
            id,
            name: name.to_owned(),
            kind,
            parent: None,
            overwrites: Vec::new(),
            user_limit: 0,
            topic: None,
            nsfw: false,
            slowmode_s: 0,
            bitrate_bps: 64_000,
            last_message: None,
            last_pin_ms: None,
        }
    }
}

/// Whom an [`Overwrite`] concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverwriteTarget {
    /// Everyone with this role; the guild's id means `@everyone`.
    Role(u64),
    /// One member.
    Member(u64),
}

/// An exception from the guild's permissions in one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overwrite {
    /// Whom it concerns.
    pub target: OverwriteTarget,
    /// Bits granted.
    pub allow: u64,
    /// Bits taken away.
    pub deny: u64,
}

/// A user's membership of one guild.
#[derive(Clone, Debug)]
pub struct Member {
    /// The user's id.
    pub user: u64,
    /// The name shown in this guild, if it differs.
    pub nick: Option<String>,
    /// Role ids, `@everyone` left out.
    pub roles: Vec<u64>,
    /// When the user joined, in Unix milliseconds.
    pub joined_at_ms: u64,
    /// Whether moderators have muted the member in voice.
    pub mute: bool,
    /// Whether moderators have deafened the member in voice.
    pub deaf: bool,
    /// Until when the member is timed out, in Unix milliseconds.
    pub timeout_until_ms: Option<u64>,
}

impl Member {
    pub(crate) fn new(user: u64, roles: &[u64]) -> Member {
        Member {
            user,
            nick: None,
            roles: roles.to_vec(),
            // A fixed date long ago: worlds are the same on every run.
            joined_at_ms: 1_704_110_400_000,
            mute: false,
            deaf: false,
            timeout_until_ms: None,
        }
    }

    pub(crate) fn is_timed_out(&self, now_ms: u64) -> bool {
        self.timeout_until_ms.is_some_and(|until| now_ms < until)
    }
}

/// Where a member sits in voice, and how.
#[derive(Clone, Debug)]
pub(crate) struct VoiceState {
    pub(crate) channel: u64,
    pub(crate) session_id: String,
    pub(crate) self_mute: bool,
    pub(crate) self_deaf: bool,
}

impl VoiceState {
    pub(crate) fn new(channel: u64, session_id: String) -> VoiceState {
        VoiceState {
            channel,
            session_id,
            self_mute: false,
            self_deaf: false,
        }
    }
}
