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
use crate::state::{RequestRecord, Shared, State};

impl Sim {
    /// The requests to OAuth and REST, oldest first; the last ten thousand.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.read(State::requests)
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.change(State::clear_requests);
    }

    /// The commands the bot has registered, global ones and those of guilds, as REST
    /// returns them.
    pub fn commands(&self) -> Vec<Value> {
        let bot = self.bot;
        self.shared.read(|state| state.commands.all_of(bot))
    }

    /// Waits until the bot has registered a command of this name.
    pub async fn wait_command(&self, name: &str, timeout: Duration) -> bool {
        let bot = self.bot;
        let named = |command: &Value| command["name"] == name;
        self.shared
            .wait_for(timeout, |state| {
                state.commands.all_of(bot).iter().any(named).then_some(())
            })
            .await
            .is_some()
    }

    /// Moves the simulated time forward: OAuth codes and tokens, time-outs and new ids
    /// follow it.
    pub fn advance_clock(&self, by: Duration) {
        self.shared.change(|state| state.advance_clock(by));
    }

    /// Waits until the bot is logged in and has been told of all its guilds.
    pub async fn wait_bot_ready(&self, timeout: Duration) -> bool {
        let bot = self.bot;
        let ready = self
            .shared
            .wait_for(timeout, |state| state.sessions.is_ready(bot).then_some(()));
        ready.await.is_some()
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
        let bot = self.bot;
        let arrived = self.shared.wait_for(timeout, |state| {
            let now = state.find_guild(guild)?.voice.get(&bot)?.channel;
            let there = channel.is_none_or(|channel| channel == now);
            (there && state.tickets.is_connected(guild, bot)).then_some(())
        });
        arrived.await.is_some()
    }

    /// Waits until what the bot sends in a guild is encrypted end to end, which is when the
    /// people in its channel can hear it. Never so while it is alone, or while somebody in the
    /// channel cannot take part.
    ///
    /// A bot that has just joined needs some hundredths of a second for it; what it plays
    /// meanwhile is lost (see [`Heard::unencrypted_frames`]).
    pub async fn wait_bot_encrypted(&self, guild: u64, timeout: Duration) -> bool {
        let bot = self.bot;
        let encrypted = self.shared.wait_for(timeout, |state| {
            state.is_encrypted(guild, bot).then_some(())
        });
        encrypted.await.is_some()
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
        let bot = self.bot;
        let left = self.shared.wait_for(timeout, |state| {
            (!state.find_guild(guild)?.voice.contains_key(&bot)).then_some(())
        });
        left.await.is_some()
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
        wait_utterance(&self.shared, guild, bot, n, timeout).await
    }

    /// Waits until so many packets have come.
    pub async fn wait_packets(&self, guild: u64, at_least: usize, timeout: Duration) -> bool {
        let bot = self.bot;
        let hub = &self.shared.hub;
        let mut heard = hub.subscribe();
        let enough = || hub.read(guild, bot, |recording| recording.packets() >= at_least);
        let waiting = heard.wait_for(|_| enough());
        tokio::time::timeout(timeout, waiting)
            .await
            .is_ok_and(|waited| waited.is_ok())
    }
}

async fn wait_utterance(
    shared: &Shared,
    guild: u64,
    bot: u64,
    n: usize,
    timeout: Duration,
) -> Option<Utterance> {
    let deadline = Instant::now() + timeout;
    let mut heard = shared.hub.subscribe();
    loop {
        heard.borrow_and_update();
        let now = Instant::now();
        let (found, silent_at) = shared.hub.read(guild, bot, |recording| {
            (
                recording.find_utterance(n, now),
                recording.falls_silent_at(),
            )
        });
        let begun = found.is_some();
        if let Some(mut utterance) = found.filter(|utterance| utterance.ended) {
            shared.read(|state| state.give_cues(guild, [&mut utterance]));
            return Some(utterance);
        }
        if now >= deadline {
            return None;
        }
        // A sound may also end because nothing comes any more.
        let until = silent_at
            .filter(|at| begun && *at > now)
            .unwrap_or(deadline)
            .min(deadline);
        // Either way there is something to look at; the sender outlives this call.
        let _ = tokio::time::timeout_at(until.into(), heard.changed()).await;
    }
}
