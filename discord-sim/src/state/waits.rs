//! Waiting for what a bot does.
//!
//! Called by the library's observers and by the control interface; waiting never polls.

use std::time::{Duration, Instant};

use super::Shared;
use crate::heard::Utterance;

/// False, or nothing, when the time is over.
impl Shared {
    /// Until the bot is logged in and has been told of all its guilds.
    pub(crate) async fn wait_ready(&self, bot: u64, timeout: Duration) -> bool {
        let ready = self.wait_for(timeout, |state| state.sessions.is_ready(bot).then_some(()));
        ready.await.is_some()
    }

    /// Until the bot has registered a command of this name.
    pub(crate) async fn wait_command(&self, bot: u64, name: &str, timeout: Duration) -> bool {
        let registered = self.wait_for(timeout, |state| {
            let commands = state.commands.all_of(bot);
            let mut names = commands.iter().map(|command| &command["name"]);
            names.any(|registered| registered == name).then_some(())
        });
        registered.await.is_some()
    }

    /// Until the bot is in this voice channel, or in any, and can send audio.
    pub(crate) async fn wait_in_voice(
        &self,
        guild: u64,
        bot: u64,
        channel: Option<u64>,
        timeout: Duration,
    ) -> bool {
        let arrived = self.wait_for(timeout, |state| {
            let now = state.find_guild(guild)?.voice.get(&bot)?.channel;
            let there = channel.is_none_or(|channel| channel == now);
            (there && state.tickets.is_connected(guild, bot)).then_some(())
        });
        arrived.await.is_some()
    }

    /// Until the bot is in no voice channel of the guild.
    pub(crate) async fn wait_out_of_voice(&self, guild: u64, bot: u64, timeout: Duration) -> bool {
        let left = self.wait_for(timeout, |state| {
            (!state.find_guild(guild)?.voice.contains_key(&bot)).then_some(())
        });
        left.await.is_some()
    }

    /// Until what the bot sends is encrypted end to end.
    pub(crate) async fn wait_encrypted(&self, guild: u64, bot: u64, timeout: Duration) -> bool {
        let encrypted = self.wait_for(timeout, |state| {
            state.is_encrypted(guild, bot).then_some(())
        });
        encrypted.await.is_some()
    }

    /// Until so many of the bot's packets have come.
    pub(crate) async fn wait_packets(
        &self,
        guild: u64,
        bot: u64,
        at_least: usize,
        timeout: Duration,
    ) -> bool {
        let hub = &self.hub;
        let mut heard = hub.subscribe();
        let enough = || hub.read(guild, bot, |recording| recording.packets() >= at_least);
        let waiting = heard.wait_for(|_| enough());
        let waited = tokio::time::timeout(timeout, waiting).await;
        waited.is_ok_and(|waited| waited.is_ok())
    }

    /// Until a sound of the bot has ended.
    pub(crate) async fn wait_utterance(
        &self,
        guild: u64,
        bot: u64,
        index: usize,
        timeout: Duration,
    ) -> Option<Utterance> {
        let deadline = Instant::now() + timeout;
        let mut heard = self.hub.subscribe();
        loop {
            heard.borrow_and_update();
            let now = Instant::now();
            let (found, silent_at) = self.hub.read(guild, bot, |recording| {
                let found = recording.find_utterance(index, now);
                (found, recording.falls_silent_at())
            });
            let begun = found.is_some();
            if let Some(mut utterance) = found.filter(|utterance| utterance.ended) {
                self.read(|state| state.give_cues(guild, [&mut utterance]));
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
}
