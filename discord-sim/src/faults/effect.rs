//! What a fault does.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::HttpAnswer;

/// What a fault does where it strikes. The table in [`Fault`](crate::Fault) tells what can
/// happen where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// It takes longer. What comes behind on the same connection waits as well; packets
    /// overtake one another.
    Delay(Latency),
    /// It is lost: a payload is not heeded or not sent, a packet does not arrive.
    Swallow,
    /// The connection ends. What was to be done at this point is not done.
    Cut(Cut),
    /// This is answered instead. To a connection, in place of the WebSocket handshake.
    Answer(HttpAnswer),
    /// A value in the JSON of an answer, or in the data of a payload, becomes another. A
    /// number stays one and text stays text only if the new value says so.
    Set {
        /// Where, as a JSON pointer such as `/session_start_limit/remaining`; the last part
        /// may name something new.
        pointer: String,
        /// What it becomes.
        value: Value,
    },
    /// It is damaged: JSON breaks off in its middle, of a packet one byte is another.
    Garble,
    /// It is sent, or arrives, twice.
    Duplicate,
    /// A header of an answer is set, or taken away if there is no value. For the length of
    /// the body, see [`Delivery::WrongLength`].
    Header {
        /// Its name.
        name: String,
        /// Its value.
        #[serde(default)]
        value: Option<String>,
    },
    /// The answer is sent in an unusual way. If several faults want it, the last does.
    Deliver(Delivery),
    /// The server shows a certificate of an authority that nobody knows.
    Distrust,
    /// The connection is closed with this code, or with a close frame that has none, in
    /// place of what was to be done or sent.
    Close(Option<u16>),
    /// The client is asked to reconnect and resume (opcode 7), in place of what was to be
    /// done or sent. The connection stays open.
    Reconnect,
    /// The client is told that its session is invalid (opcode 9), in place of what was to be
    /// done or sent. The connection stays open.
    InvalidSession {
        /// Whether the client is told that it may resume. If not, the session is over, and
        /// the bot leaves voice.
        resumable: bool,
    },
}

impl Effect {
    /// Whether nothing is left at which another fault could strike.
    pub(super) fn ends(&self) -> bool {
        matches!(
            self,
            Effect::Swallow
                | Effect::Cut(_)
                | Effect::Close(_)
                | Effect::Reconnect
                | Effect::InvalidSession { .. }
        )
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// It is reset (TCP RST).
    Reset,
    /// It is closed, without what a protocol above TCP and TLS says at the end.
    Close,
    /// The server sends nothing more and says so (TCP FIN), but reads on.
    HalfClose,
    /// Nothing is sent or said any more, as behind a broken network. What comes is read and
    /// not heeded.
    HalfOpen,
}

/// How an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Delivery {
    /// The head, and nothing of the body ever.
    Stall,
    /// The head, then a byte of the body each time.
    Trickle {
        /// The time between two bytes.
        every_ms: u64,
    },
    /// A byte of the head each time, then the body at once.
    TrickleHead {
        /// The time between two bytes.
        every_ms: u64,
    },
    /// The head and half of the body; then the connection ends.
    Half(Cut),
    /// The length that the head tells is wrong by so many bytes, one that would be negative
    /// is 0. Then the connection is closed.
    WrongLength(i64),
    /// So many mebibytes of blanks come before the body, which is chunked: it tells no
    /// length.
    Oversize {
        /// How many, up to 65 536.
        mib: u32,
    },
}

/// How much longer something takes: between two times, each of them as likely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    pub(super) min_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_ms: Option<u64>,
}

impl Latency {
    /// Always the same; in whole milliseconds.
    pub fn fixed(time: Duration) -> Latency {
        Latency {
            min_ms: milliseconds(time),
            max_ms: None,
        }
    }

    /// At least the one and at most the other; in whole milliseconds.
    pub fn uniform(min: Duration, max: Duration) -> Latency {
        Latency {
            min_ms: milliseconds(min),
            max_ms: Some(milliseconds(max)),
        }
    }

    /// The time that these dice give.
    pub(crate) fn roll(self, dice: u64) -> Duration {
        let spread_ms = self.max_ms.unwrap_or(0).saturating_sub(self.min_ms);
        let more_ms = dice % spread_ms.saturating_add(1);
        Duration::from_millis(self.min_ms.saturating_add(more_ms))
    }
}

impl From<Duration> for Latency {
    fn from(time: Duration) -> Latency {
        Latency::fixed(time)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
