//! What a test breaks: faults of every kind, and connections to the gateway.
//!
//! "The bot" is the first application's unless the handle is [`for_bot`](Sim::for_bot)
//! another.

use std::time::Duration;

use crate::faults::{Fault, FaultError, FaultId, FaultReport};
use crate::sim::Sim;
use crate::state::{ConnectionRefusal, Interruption, LoginRefusal};

impl Sim {
    /// Adds a fault behind the others.
    ///
    /// # Errors
    ///
    /// [`FaultError`] if it could never strike, or not like this.
    pub fn fault(&self, fault: Fault) -> Result<FaultId, FaultError> {
        self.shared.faults.add(fault)
    }

    /// Removes a fault; what had become of it, or nothing if it is not there.
    pub fn remove_fault(&self, id: FaultId) -> Option<FaultReport> {
        self.shared.faults.remove(id)
    }

    /// Removes all faults. What they have already done goes on: a delay to its end, a
    /// half-open connection until its client gives up.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// All faults, in the order in which they were added.
    pub fn faults(&self) -> Vec<FaultReport> {
        self.shared.faults.reports()
    }

    /// Waits until a fault has struck so often; false if it has not in time or is not there.
    pub async fn wait_fault(&self, id: FaultId, struck: u64, timeout: Duration) -> bool {
        self.shared.faults.wait(id, struck, timeout).await
    }

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
