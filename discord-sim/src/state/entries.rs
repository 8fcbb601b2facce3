//! How bots came into voice, step by step, and when.
//!
//! Noted by the gateways as it happens; read by [`Sim::voice_entry`](crate::Sim::voice_entry).

use std::time::Instant;

use super::State;
use crate::audio::dave::group::DaveGroup;

/// How a bot came into a guild's voice, the last time that it was in none before. A step that
/// has not been taken, or is never to be, has no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoiceEntry {
    /// It asked to join (opcode 4 of the gateway).
    pub asked: Instant,
    /// The voice gateway let it in (opcode 0 there).
    pub identified: Option<Instant>,
    /// It was told of its key (opcode 4 there): it may send.
    pub described: Option<Instant>,
    /// It was in the channel's end-to-end encryption group: those in the channel may hear it.
    pub encrypted: Option<Instant>,
}

impl State {
    /// A bot that is in no channel of the guild asks to join one.
    pub(super) fn begin_entry(&mut self, guild: u64, bot: u64) {
        let entry = VoiceEntry {
            asked: Instant::now(),
            identified: None,
            described: None,
            encrypted: None,
        };
        self.entries.insert((guild, bot), entry);
    }

    /// The bot takes a step of its way in; only the first time counts.
    pub(super) fn advance_entry(
        &mut self,
        guild: u64,
        bot: u64,
        step: impl FnOnce(&mut VoiceEntry) -> &mut Option<Instant>,
    ) {
        if let Some(entry) = self.entries.get_mut(&(guild, bot)) {
            step(entry).get_or_insert_with(Instant::now);
        }
    }

    /// A channel's group has changed.
    pub(super) fn note_group(&mut self, channel: u64, group: &DaveGroup) {
        if !group.is_settled {
            return;
        }
        let Some(guild) = self.find_channel(channel).map(|(guild, _)| guild.id) else {
            return;
        };
        for member in &group.members {
            self.advance_entry(guild, *member, |entry| &mut entry.encrypted);
        }
    }

    /// How the bot came into the guild's voice.
    pub(crate) fn voice_entry(&self, guild: u64, bot: u64) -> Option<VoiceEntry> {
        self.entries.get(&(guild, bot)).copied()
    }
}
