//! Which of a sender's frames the people in the channel can hear.
//!
//! Set by the group whenever its members or keys change; asked by the UDP task for every
//! frame, which therefore never waits for the group's own work.

use std::time::{Duration, Instant};

use super::frame::SenderKey;
pub(crate) use super::frame::is_sealed;

/// The Opus frame that may always be sent in the clear.
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];
/// How long keys are kept after a transition, for what was on its way, and how long frames in
/// the clear are taken after an upgrade.
pub(crate) const TRANSITION: Duration = Duration::from_secs(10);

/// What becomes of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Heard as it came.
    Clear,
    /// Heard once opened.
    Opened(Vec<u8>),
    /// Dropped: it was sent in the clear although it had to be encrypted.
    NotSealed,
    /// Dropped: it is encrypted, and nobody here has the key.
    NotOpened,
}

/// Whether frames in the clear are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passthrough {
    /// End-to-end encryption is not in force, or nobody is there to insist on it.
    On,
    /// It has just come into force.
    Until(Instant),
    /// It is in force.
    Off,
}

#[derive(Debug)]
struct Epoch {
    serial: u64,
    key: SenderKey,
    until: Option<Instant>,
}

/// What the people in a channel can hear of one sender.
#[derive(Debug)]
pub(crate) struct Hearing {
    passthrough: Passthrough,
    /// The newest last.
    epochs: Vec<Epoch>,
}

impl Default for Hearing {
    /// Everything that is not encrypted.
    fn default() -> Hearing {
        Hearing {
            passthrough: Passthrough::On,
            epochs: Vec::new(),
        }
    }
}

impl Hearing {
    pub(super) fn set_passthrough(&mut self, passthrough: Passthrough) {
        self.passthrough = passthrough;
    }

    /// Adds the sender's key in a new epoch, which this number stands for.
    pub(super) fn add_key(&mut self, serial: u64, secret: Vec<u8>) {
        let key = SenderKey::new(secret);
        self.epochs.push(Epoch {
            serial,
            key,
            until: None,
        });
    }

    /// The transition to this epoch is executed, or its group given up: keys of others are
    /// kept for a while longer.
    pub(super) fn keep_only(&mut self, serial: Option<u64>, now: Instant) {
        self.epochs
            .retain(|entry| entry.until.is_none_or(|until| until > now));
        let others = self
            .epochs
            .iter_mut()
            .filter(|entry| Some(entry.serial) != serial);
        for entry in others {
            entry.until.get_or_insert(now + TRANSITION);
        }
    }

    /// Listens to a frame.
    pub(crate) fn hear(&mut self, frame: &[u8], now: Instant) -> Verdict {
        if frame == SILENCE {
            return Verdict::Clear;
        }
        if !is_sealed(frame) {
            let passes = match self.passthrough {
                Passthrough::On => true,
                Passthrough::Until(until) => now < until,
                Passthrough::Off => false,
            };
            return if passes {
                Verdict::Clear
            } else {
                Verdict::NotSealed
            };
        }
        let mut known = self
            .epochs
            .iter_mut()
            .rev()
            .filter(|entry| entry.until.is_none_or(|until| until > now));
        known
            .find_map(|entry| entry.key.open(frame))
            .map_or(Verdict::NotOpened, Verdict::Opened)
    }
}
