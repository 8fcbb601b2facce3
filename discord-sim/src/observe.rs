//! Watching the bot: its requests, its commands, where it is and what it is heard to play.
//!
//! "The bot" is the first application's unless the handle is [`for_bot`](Sim::for_bot)
//! another; waiting never polls.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::audio::dave::group::DaveGroup;
use crate::error::SimError;
use crate::heard::recording::Recording;
use crate::heard::{Heard, Utterance};
use crate::sim::Sim;
use crate::state::entries::VoiceEntry;
use crate::state::{Event, RequestRecord, State};

impl Sim {
    /// The requests to OAuth and REST, oldest first; the last ten thousand.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.read(State::requests)
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.change(State::clear_requests);
    }

    /// The event log: the last two thousand things that happened, oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.shared.read(|state| state.log.after(0))
    }

    /// The commands the bot has registered, global ones and those of guilds, as REST
    /// returns them.
    pub fn commands(&self) -> Vec<Value> {
        let bot = self.bot;
        self.shared.read(|state| state.commands.all_of(bot))
    }

    /// Waits until the bot has registered a command of this name.
    pub async fn wait_command(&self, name: &str, timeout: Duration) -> bool {
        self.shared.wait_command(self.bot, name, timeout).await
    }

    /// Moves the simulated time forward: OAuth codes and tokens, time-outs and new ids
    /// follow it. It goes a hundred years ahead of the real one at most.
    pub fn advance_clock(&self, by: Duration) {
        self.shared.change(|state| state.advance_clock(by));
    }

    /// Waits until the bot is logged in and has been told of all its guilds.
    pub async fn wait_bot_ready(&self, timeout: Duration) -> bool {
        self.shared.wait_ready(self.bot, timeout).await
    }

    /// How many gateway connections the bot has that have identified or resumed.
    pub fn gateway_connections(&self) -> usize {
        let bot = self.bot;
        self.shared.read(|state| state.sessions.connections(bot))
    }

    /// Waits until the bot has exactly so many of them.
    pub async fn wait_gateway_connections(&self, count: usize, timeout: Duration) -> bool {
        let bot = self.bot;
        let reached = self.shared.wait_for(timeout, |state| {
            (state.sessions.connections(bot) == count).then_some(())
        });
        reached.await.is_some()
    }

    /// The voice channel the bot is shown in.
    pub fn bot_voice_channel(&self, guild: u64) -> Option<u64> {
        let bot = self.bot;
        self.shared
            .read(|state| Some(state.find_guild(guild)?.voice.get(&bot)?.channel))
    }

    /// Waits until the bot is in this voice channel, or in any, and can send audio.
    pub async fn wait_bot_in_voice(
        &self,
        guild: u64,
        channel: Option<u64>,
        timeout: Duration,
    ) -> bool {
        let arrived = self.shared.wait_in_voice(guild, self.bot, channel, timeout);
        arrived.await
    }

    /// Waits until what the bot sends in a guild is encrypted end to end, which is when the
    /// people in its channel can hear it. Never so while it is alone, while somebody in the
    /// channel cannot take part, or where [`Settings::dave`](crate::Settings) is off.
    ///
    /// A bot that has just joined needs some hundredths of a second for it; what it plays
    /// meanwhile is lost (see [`Heard::unencrypted_frames`]).
    pub async fn wait_bot_encrypted(&self, guild: u64, timeout: Duration) -> bool {
        let encrypted = self.shared.wait_encrypted(guild, self.bot, timeout);
        encrypted.await
    }

    /// How the bot came into the guild's voice, the last time that it was in none before: when
    /// each step of it was taken.
    pub fn voice_entry(&self, guild: u64) -> Option<VoiceEntry> {
        let bot = self.bot;
        self.shared.read(|state| state.voice_entry(guild, bot))
    }

    /// The end-to-end encryption group of the channel that the bot is in; `None` if its
    /// clients do not speak DAVE, or the bot is in none.
    pub fn dave_group(&self, guild: u64) -> Option<DaveGroup> {
        let bot = self.bot;
        self.shared
            .read(|state| state.dave_group(guild, bot).cloned())
    }

    /// Waits until something is so of that group.
    pub async fn wait_dave_group(
        &self,
        guild: u64,
        timeout: Duration,
        mut is_so: impl FnMut(&DaveGroup) -> bool,
    ) -> bool {
        let bot = self.bot;
        let waiting = self.shared.wait_for(timeout, |state| {
            is_so(state.dave_group(guild, bot)?).then_some(())
        });
        waiting.await.is_some()
    }

    /// Waits until the bot is in no voice channel of the guild.
    pub async fn wait_bot_out_of_voice(&self, guild: u64, timeout: Duration) -> bool {
        let left = self.shared.wait_out_of_voice(guild, self.bot, timeout);
        left.await
    }

    /// What the bot was heard to play in a guild.
    pub fn heard(&self, guild: u64) -> Heard {
        let now = Instant::now();
        let hub = &self.shared.hub;
        let mut heard = hub.read(guild, self.bot, |recording| recording.heard(now));
        self.shared
            .read(|state| state.give_cues(guild, &mut heard.utterances));
        heard
    }

    /// What was heard in a voice channel, for each bot that has been there.
    pub fn heard_in(&self, channel: u64) -> BTreeMap<u64, Heard> {
        self.shared.heard_in(channel)
    }

    /// Notes that something was done in a guild that the bot may answer with sound: the next
    /// sound counts its [time](Utterance::after_cue) from here. Interactions and messages of
    /// people are noted without this.
    ///
    /// # Errors
    ///
    /// [`SimError::UnknownGuild`].
    pub fn mark(&self, guild: u64, what: &str) -> Result<(), SimError> {
        self.shared.change(|state| {
            state
                .find_guild(guild)
                .ok_or(SimError::UnknownGuild(guild))?;
            state.cue(guild, what.to_owned());
            Ok(())
        })
    }

    /// Forgets what was heard in a guild; the next sound is number 0 again.
    pub fn clear_heard(&self, guild: u64) {
        self.shared.hub.change(guild, self.bot, Recording::clear);
    }

    /// Waits until the `n`-th sound, counted from 0, has ended.
    pub async fn wait_utterance(
        &self,
        guild: u64,
        n: usize,
        timeout: Duration,
    ) -> Option<Utterance> {
        let bot = self.bot;
        self.shared.wait_utterance(guild, bot, n, timeout).await
    }

    /// Waits until so many packets have come.
    pub async fn wait_packets(&self, guild: u64, at_least: usize, timeout: Duration) -> bool {
        let bot = self.bot;
        self.shared
            .wait_packets(guild, bot, at_least, timeout)
            .await
    }
}
