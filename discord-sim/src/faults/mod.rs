//! Faults: what goes wrong on purpose, where, and how often.
//!
//! Plain values, chosen through [`Sim`](crate::Sim) and `/sim/faults`; every server asks
//! [`active::Faults`] at each of its points whether something strikes.

pub(crate) mod active;
pub(crate) mod answer;
pub(crate) mod arrival;
mod check;
pub(crate) mod cut;
pub(crate) mod effect;
pub(crate) mod passage;
pub(crate) mod point;
pub(crate) mod requests;

use serde::{Deserialize, Serialize};

use effect::Effect;
use point::Point;

/// Something that goes wrong on purpose: where it strikes, what it does there, how often.
///
/// By itself a fault strikes each time and until it is removed. Several may strike at the same
/// place: they do so in the order in which they were added, until one ends it.
///
/// ```no_run
/// # async fn example(sim: discord_sim::Sim) -> Result<(), discord_sim::FaultError> {
/// use std::time::Duration;
/// use discord_sim::{HttpAnswer, Cut, Effect, Fault, Latency, Packets, Payloads, Point, Requests};
///
/// let messages = Requests::to("/channels/*/messages").method("POST");
/// // The third message is refused, and so is the fourth.
/// let refused = Effect::Answer(HttpAnswer::status(503));
/// sim.fault(Fault::on(messages.clone(), refused).skip(2).times(2))?;
/// // Each tenth or so is posted, but its connection breaks before the answer.
/// let unanswered = Effect::Cut(Cut::Reset);
/// sim.fault(Fault::on(Point::Answer(messages), unanswered).probability(0.1).seed(7))?;
/// // Nobody is told which voice server to use.
/// let servers = Payloads::gateway().event("VOICE_SERVER_UPDATE");
/// let silence = sim.fault(Fault::on(Point::Sent(servers), Effect::Swallow))?;
/// // A third of the audio is lost and the rest comes in disorder.
/// let audio = Packets::received();
/// sim.fault(Fault::on(audio.clone(), Effect::Swallow).probability(0.3))?;
/// let late = Latency::uniform(Duration::ZERO, Duration::from_millis(100));
/// sim.fault(Fault::on(audio, Effect::Delay(late)))?;
///
/// // Later:
/// assert!(sim.wait_fault(silence, 1, Duration::from_secs(5)).await);
/// sim.clear_faults();
/// # Ok(())
/// # }
/// ```
///
/// # What can strike where
///
/// | | request | answer | connection | payload received | payload sent | packet |
/// |---|---|---|---|---|---|---|
/// | [`Delay`](Effect::Delay) | x | x | x | | x | x |
/// | [`Swallow`](Effect::Swallow) | | | | x | x | x |
/// | [`Cut`](Effect::Cut) | x | x | x | x | x | |
/// | [`Answer`](Effect::Answer) | x | x | gateways | | | |
/// | [`Set`](Effect::Set) | | x | | | x | |
/// | [`Garble`](Effect::Garble) | | x | | | x | x |
/// | [`Duplicate`](Effect::Duplicate) | | | | | x | x |
/// | [`Header`](Effect::Header), [`Deliver`](Effect::Deliver) | | x | | | | |
/// | [`Distrust`](Effect::Distrust) | | | TLS | | | |
/// | [`Close`](Effect::Close) | | | | x | x | |
/// | [`Reconnect`](Effect::Reconnect), [`InvalidSession`](Effect::InvalidSession) | | | | gateway | gateway | |
///
/// # As JSON
///
/// `POST /sim/faults` takes the same words:
/// `{"on": {"request": {"path": "/users/@me"}}, "effect": {"answer": {"status": 503}}, "times": 2}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub(crate) on: Point,
    pub(crate) effect: Effect,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) skip: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<u64>,
    #[serde(default = "always", skip_serializing_if = "is_always")]
    pub(crate) probability: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) seed: u64,
}

impl Fault {
    /// What happens where; [`Requests`](crate::Requests) stand for the moment in which they
    /// come in.
    pub fn on(point: impl Into<Point>, effect: Effect) -> Fault {
        Fault {
            on: point.into(),
            effect,
            skip: 0,
            times: None,
            probability: 1.0,
            seed: 0,
        }
    }

    /// Lets the first so many pass.
    #[must_use]
    pub fn skip(self, skip: u64) -> Fault {
        Fault { skip, ..self }
    }

    /// Strikes so many times at most.
    #[must_use]
    pub fn times(self, times: u64) -> Fault {
        let times = Some(times);
        Fault { times, ..self }
    }

    /// Strikes once, at the `n`-th, counted from 1.
    #[must_use]
    pub fn nth(self, n: u64) -> Fault {
        self.skip(n.saturating_sub(1)).times(1)
    }

    /// Strikes each time by chance, from 0 (never) to 1 (always).
    #[must_use]
    pub fn probability(self, probability: f64) -> Fault {
        Fault {
            probability,
            ..self
        }
    }

    /// Decides by these dice: faults that are equal, and meet the same in the same order, do
    /// the same. Without it the seed is 0.
    #[must_use]
    pub fn seed(self, seed: u64) -> Fault {
        Fault { seed, ..self }
    }
}

/// Names a fault that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub(crate) u64);

impl std::fmt::Display for FaultId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A fault that was added, and what has become of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultReport {
    /// Its name.
    pub id: FaultId,
    /// As it was added.
    pub fault: Fault,
    /// How often it could have struck.
    pub met: u64,
    /// How often it has.
    pub struck: u64,
}

/// Why a fault cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// There is no such effect at that point.
    #[error("{effect} cannot happen to {point}")]
    Impossible {
        /// What was to happen.
        effect: &'static str,
        /// To what.
        point: &'static str,
    },
    /// A value is out of bounds.
    #[error("{0}")]
    Invalid(String),
}

fn always() -> f64 {
    1.0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::float_cmp,
    reason = "the signature is serde's, and the value is never computed"
)]
fn is_always(probability: &f64) -> bool {
    *probability == 1.0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
