//! What a test does to the gateway: cutting, stalling and refusing connections.
//!
//! "The bot" is the first application's unless the handle is [`for_bot`](Sim::for_bot)
//! another.

use crate::sim::Sim;
use crate::state::{ConnectionRefusal, Interruption, LoginRefusal};

impl Sim {
    /// Interrupts the gateway connections of the bot: those of one shard, or all. How many
    /// there were; sessions that wait to be resumed have none.
    ///
    /// Events sent before arrive before. After what ends the connection, the bot is not
    /// [ready](Sim::wait_bot_ready) until it has resumed or logged in again.
    pub fn interrupt_gateway(&self, shard: Option<u64>, interruption: Interruption) -> usize {
        let bot = self.bot;
        self.shared
            .change(|state| state.interrupt(bot, shard, interruption))
    }

    /// Refuses the next `count` connections to the gateway, whoever makes them; further calls
    /// queue behind.
    pub fn refuse_connections(&self, count: usize, refusal: ConnectionRefusal) {
        self.shared
            .change(|state| state.refusals.add_connections(count, refusal));
    }

    /// Refuses the next `count` times the bot identifies or resumes; further calls queue
    /// behind.
    pub fn refuse_logins(&self, count: usize, refusal: LoginRefusal) {
        let bot = self.bot;
        self.shared
            .change(|state| state.refusals.add_logins(bot, count, refusal));
    }

    /// Refuses nothing any more: no connection, and no login of the bot.
    pub fn clear_refusals(&self) {
        let bot = self.bot;
        self.shared.change(|state| state.refusals.clear(bot));
    }
}
