//! What a test may do to gateway connections and logins: cut, stall and refuse them.
//!
//! Asked for through [`Sim`](crate::Sim); drawn by each new connection and each login, and
//! carried to running connections by their sessions.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::State;
use super::log::EventKind;

/// What befalls a running gateway connection; for
/// [`Sim::interrupt_gateway`](crate::Sim::interrupt_gateway).
///
/// Unless said otherwise the session stays, and can be resumed with what it missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// The client is asked to reconnect and resume (opcode 7); the connection stays open.
    Reconnect,
    /// The client is told that its session is invalid (opcode 9); the connection stays open.
    InvalidSession {
        /// Whether the client is told that it may resume. If not, the session is over, and
        /// the bot leaves voice.
        resumable: bool,
    },
    /// The client is asked for a heartbeat at once (opcode 1).
    RequestHeartbeat,
    /// The connection is closed with this code, or with a close frame that has none.
    Close(Option<u16>),
    /// The connection is reset, without a close frame.
    Drop,
    /// The connection ends in good order, but without a close frame.
    HangUp,
    /// The connection stays open, but nothing is answered or sent on it any more, as behind
    /// a broken network.
    HalfOpen,
    /// Events are held back for so long; heartbeats are answered. A new stall replaces the one
    /// before, so that zero ends it.
    Stall(Duration),
}

impl Interruption {
    /// Whether the session has lost its connection by this.
    pub(super) fn is_end(self) -> bool {
        match self {
            Interruption::Close(_)
            | Interruption::Drop
            | Interruption::HangUp
            | Interruption::HalfOpen => true,
            Interruption::InvalidSession { resumable } => !resumable,
            Interruption::Reconnect | Interruption::RequestHeartbeat | Interruption::Stall(_) => {
                false
            }
        }
    }
}

/// How a new gateway connection is refused; for
/// [`Sim::refuse_connections`](crate::Sim::refuse_connections).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionRefusal {
    /// The WebSocket handshake is answered with this HTTP status.
    Status(u16),
    /// The connection is reset before the handshake.
    Drop,
    /// The handshake succeeds, but no HELLO comes, nor anything else.
    Silence,
    /// The client is asked to reconnect (opcode 7) in place of HELLO.
    Reconnect,
    /// The connection is closed with this code after HELLO.
    Close(u16),
}

/// How a login, IDENTIFY or RESUME, is refused; for
/// [`Sim::refuse_logins`](crate::Sim::refuse_logins).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginRefusal {
    /// The client is told that its session is invalid (opcode 9).
    InvalidSession {
        /// Whether the client is told that it may resume.
        resumable: bool,
    },
    /// The connection is closed with this code.
    Close(u16),
    /// Nothing is answered but heartbeats.
    Silence,
}

/// What is in store for the next connections, and for the next logins of each bot.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    connections: VecDeque<ConnectionRefusal>,
    logins: BTreeMap<u64, VecDeque<LoginRefusal>>,
}

impl Refusals {
    pub(crate) fn add_connections(&mut self, count: usize, refusal: ConnectionRefusal) {
        self.connections.extend(std::iter::repeat_n(refusal, count));
    }

    pub(crate) fn add_logins(&mut self, bot: u64, count: usize, refusal: LoginRefusal) {
        let logins = self.logins.entry(bot).or_default();
        logins.extend(std::iter::repeat_n(refusal, count));
    }

    pub(crate) fn clear(&mut self, bot: u64) {
        self.connections.clear();
        self.logins.remove(&bot);
    }

    /// What the connection that has just come in meets.
    pub(crate) fn next_connection(&mut self) -> Option<ConnectionRefusal> {
        self.connections.pop_front()
    }

    /// What the login that this bot has just sent meets.
    pub(crate) fn next_login(&mut self, bot: u64) -> Option<LoginRefusal> {
        self.logins.get_mut(&bot)?.pop_front()
    }
}

impl State {
    /// Interrupts the connections of a bot's shard, or of all its shards; how many there were.
    pub(crate) fn interrupt(
        &mut self,
        bot: u64,
        shard: Option<u64>,
        interruption: Interruption,
    ) -> usize {
        let interrupted = self.sessions.interrupt(bot, shard, interruption);
        if interruption == (Interruption::InvalidSession { resumable: false }) {
            for session in &interrupted {
                self.end_session(session);
            }
        }
        let line = format!(
            "{} of {}'s connections met {interruption:?}",
            interrupted.len(),
            self.name_of(bot),
        );
        self.note(EventKind::Gateway, line);
        interrupted.len()
    }
}
