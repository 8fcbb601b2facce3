//! Where messages stand: the channels of guilds, and the direct messages of bots.
//!
//! Called by everything that is done in a channel of either kind.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::State;
use crate::error::SimError;
use crate::protocol::api_error::ApiError;
use crate::world::snowflake::iso;
use crate::world::{Channel, ChannelKind, Guild, permissions, wire};

/// The direct messages between bots and people, by channel id.
#[derive(Debug, Default)]
pub(crate) struct Directs {
    by_id: BTreeMap<u64, Direct>,
}

/// The direct messages of one bot and one person.
#[derive(Clone, Debug)]
pub(crate) struct Direct {
    pub(crate) id: u64,
    pub(crate) bot: u64,
    pub(crate) person: u64,
    pub(crate) last_message: Option<u64>,
    pub(crate) last_pin_ms: Option<u64>,
}

/// A channel, wherever it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    Guild(&'a Guild, &'a Channel),
    Direct(&'a Direct),
}

/// What a bot may do in a channel that it can see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    /// The channel's guild; none in direct messages.
    pub(crate) guild: Option<u64>,
    pub(crate) bits: u64,
    kind: Option<ChannelKind>,
}

impl Access {
    /// Refuses who lacks one of these permissions.
    pub(crate) fn demand(self, bits: u64) -> Result<(), ApiError> {
        if self.bits & bits == bits {
            Ok(())
        } else {
            Err(ApiError::MISSING_PERMISSIONS)
        }
    }

    /// Refuses channels that hold no messages.
    pub(crate) fn demand_text(self) -> Result<(), ApiError> {
        match self.kind {
            Some(ChannelKind::Category) => Err(ApiError::NON_TEXT_CHANNEL),
            // The text of a voice channel is for those who may join it.
            Some(ChannelKind::Voice) if self.bits & permissions::CONNECT == 0 => {
                Err(ApiError::MISSING_ACCESS)
            }
            _ => Ok(()),
        }
    }
}

impl State {
    /// A channel of a guild, or direct messages.
    pub(crate) fn find_place(&self, channel: u64) -> Option<Place<'_>> {
        let of_guild = self.find_channel(channel);
        of_guild
            .map(|(guild, channel)| Place::Guild(guild, channel))
            .or_else(|| self.directs.by_id.get(&channel).map(Place::Direct))
    }

    /// The guild that a channel belongs to.
    pub(crate) fn guild_of(&self, channel: u64) -> Option<u64> {
        self.find_channel(channel).map(|(guild, _)| guild.id)
    }

    /// What the bot may do in a channel; refused if it cannot see it.
    pub(crate) fn access(&self, bot: u64, channel: u64) -> Result<Access, ApiError> {
        match self.find_place(channel).ok_or(ApiError::UNKNOWN_CHANNEL)? {
            Place::Direct(direct) if direct.bot == bot => Ok(Access {
                guild: None,
                bits: permissions::DIRECT,
                kind: None,
            }),
            Place::Direct(_) => Err(ApiError::MISSING_ACCESS),
            Place::Guild(guild, entry) => {
                let bits = permissions::in_channel(guild, entry, bot, self.now_ms());
                if bits & permissions::VIEW_CHANNEL == 0 {
                    return Err(ApiError::MISSING_ACCESS);
                }
                Ok(Access {
                    guild: Some(guild.id),
                    bits,
                    kind: Some(entry.kind),
                })
            }
        }
    }

    /// What a person may do in a channel; refused if it cannot see it.
    pub(crate) fn person_access(&self, user: u64, channel: u64) -> Result<u64, SimError> {
        let place = self.find_place(channel);
        match place.ok_or(SimError::UnknownChannel(channel))? {
            Place::Direct(direct) if direct.person == user || direct.bot == user => {
                Ok(permissions::DIRECT)
            }
            Place::Direct(_) => Err(SimError::Forbidden),
            Place::Guild(guild, entry) => {
                if !guild.members.contains_key(&user) {
                    let guild = guild.id;
                    return Err(SimError::NotAMember { user, guild });
                }
                let bits = permissions::in_channel(guild, entry, user, self.now_ms());
                if entry.kind == ChannelKind::Category || bits & permissions::VIEW_CHANNEL == 0 {
                    return Err(SimError::Forbidden);
                }
                Ok(bits)
            }
        }
    }

    /// The direct messages of a bot and a person, opened if they were not.
    pub(crate) fn open_direct(&mut self, bot: u64, person: u64) -> u64 {
        let mut open = self.directs.by_id.values();
        let open = open.find(|direct| direct.bot == bot && direct.person == person);
        if let Some(direct) = open {
            return direct.id;
        }
        let id = self.next_id();
        let direct = Direct {
            id,
            bot,
            person,
            last_message: None,
            last_pin_ms: None,
        };
        self.directs.by_id.insert(id, direct);
        id
    }

    /// Direct messages as Discord shows their channel.
    pub(crate) fn show_direct(&self, direct: &Direct) -> Value {
        json!({
            "id": direct.id.to_string(),
            "type": 1,
            "flags": 0,
            "last_message_id": direct.last_message.map(|id| id.to_string()),
            "last_pin_timestamp": direct.last_pin_ms.map(iso),
            "recipients": [self.users.get(&direct.person).map(wire::user)],
        })
    }

    /// Whether a bot and a person are members of the same guild.
    pub(crate) fn share_a_guild(&self, bot: u64, person: u64) -> bool {
        let shared =
            |guild: &Guild| guild.members.contains_key(&bot) && guild.members.contains_key(&person);
        self.guilds.iter().any(shared)
    }

    pub(super) fn set_last_message(&mut self, channel: u64, message: u64) {
        if let Some(direct) = self.directs.by_id.get_mut(&channel) {
            direct.last_message = Some(message);
        } else if let Some(entry) = self.find_channel_mut(channel) {
            entry.last_message = Some(message);
        }
    }

    pub(super) fn set_last_pin(&mut self, channel: u64, at_ms: u64) {
        if let Some(direct) = self.directs.by_id.get_mut(&channel) {
            direct.last_pin_ms = Some(at_ms);
        } else if let Some(entry) = self.find_channel_mut(channel) {
            entry.last_pin_ms = Some(at_ms);
        }
    }

    pub(super) fn find_channel_mut(&mut self, id: u64) -> Option<&mut Channel> {
        let mut channels = self.guilds.iter_mut().flat_map(|guild| &mut guild.channels);
        channels.find(|channel| channel.id == id)
    }
}
