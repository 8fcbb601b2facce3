//! What people have done lately that a bot may answer with sound.
//!
//! Noted with each interaction and message, and when a test says so; given to what was heard.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{Shared, State};
use crate::heard::{Cue, Heard, Utterance};

/// How many are remembered, those of all guilds together.
const KEPT: usize = 1_000;

impl Shared {
    /// What was heard in a voice channel, for each bot that has been there.
    pub(crate) fn heard_in(&self, channel: u64) -> BTreeMap<u64, Heard> {
        let now = Instant::now();
        self.read(|state| {
            let Some((guild, _)) = state.find_channel(channel) else {
                return BTreeMap::new();
            };
            let heard = |bot: u64| {
                let heard = self
                    .hub
                    .read(guild.id, bot, |recording| recording.heard_in(channel, now));
                let mut heard = heard?;
                state.give_cues(guild.id, &mut heard.utterances);
                Some((bot, heard))
            };
            let bots = state.applications.iter().map(|bot| bot.id);
            bots.filter_map(heard).collect()
        })
    }
}

impl State {
    /// Notes that somebody does something in a guild.
    pub(crate) fn cue(&mut self, guild: u64, what: String) {
        if self.cues.len() == KEPT {
            self.cues.pop_front();
        }
        let at = Instant::now();
        self.cues.push_back((guild, Cue { what, at }));
    }

    /// Gives utterances of a guild the last thing that was done before each began.
    pub(crate) fn give_cues<'a>(
        &self,
        guild: u64,
        utterances: impl IntoIterator<Item = &'a mut Utterance>,
    ) {
        for utterance in utterances {
            let started = utterance.started_at();
            let mut cues = self.cues.iter().rev().filter(|(home, _)| *home == guild);
            let cue = cues.find(|(_, cue)| started.is_some_and(|started| cue.at <= started));
            utterance.cue = cue.map(|(_, cue)| cue.clone());
        }
    }
}
