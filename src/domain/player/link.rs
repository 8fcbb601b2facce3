//! What a guild's player knows of its voice connection: whether it holds, where it leads, and how
//! often it has been restored. The [`actor`](super::actor) asks.

use std::collections::VecDeque;
use std::time::Duration;

use super::view::State;
use crate::domain::voice::{Line, Lost, VoiceError};
use crate::ids::ChannelId;

/// Connections that are restored by ourselves within [`RESTORE_WINDOW`]; after that somebody has
/// to ask for a sound again. Security 3.1.
const RESTORES_MAX: usize = 5;
const RESTORE_WINDOW: Duration = Duration::from_mins(10);

/// A voice connection.
pub(super) struct Link {
    line: Line,
    /// Where it was joined, or where somebody has moved the bot to.
    channel: ChannelId,
    /// Whether Discord has shown the bot there.
    has_arrived: bool,
}

/// Somebody has moved the bot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) from: ChannelId,
    pub(super) to: ChannelId,
}

impl Link {
    pub(super) fn new(channel: ChannelId, line: Line) -> Self {
        Self {
            line,
            channel,
            has_arrived: false,
        }
    }

    /// How the connection has ended, if it has.
    pub(super) fn lost(&self) -> Option<Lost> {
        *self.line.borrow()
    }

    /// Compares where Discord shows the bot with where it was.
    pub(super) fn moved(&mut self, shown: Option<ChannelId>) -> Option<Move> {
        let to = shown?;
        let from = std::mem::replace(&mut self.channel, to);
        if from == to {
            self.has_arrived = true;
            return None;
        }
        if !self.has_arrived {
            // What is shown is older than the join.
            self.channel = from;
            return None;
        }
        Some(Move { from, to })
    }
}

/// When connections were restored without anybody asking.
#[derive(Debug, Default)]
pub(super) struct Restores(VecDeque<Duration>);

impl Restores {
    /// Whether a connection may be restored at this moment of the monotonic clock; counts it.
    pub(super) fn allow(&mut self, now: Duration) -> bool {
        self.0
            .retain(|at| now.saturating_sub(*at) <= RESTORE_WINDOW);
        let may = self.0.len() < RESTORES_MAX;
        if may {
            self.0.push_back(now);
        }
        may
    }
}

/// What a player shows of itself, and why, once its connection has ended like this.
pub(super) fn after_loss(lost: Lost) -> (State, Option<&'static str>) {
    match lost {
        Lost::Removed => (State::Idle, None),
        Lost::NotEncrypted | Lost::Limited => (State::Refused, Some(lost.reason())),
        Lost::Closed | Lost::Broken => (State::Lost, Some(lost.reason())),
    }
}

/// The same once something was done with Discord. A reason says that nothing more will come of
/// what waits; a connection that was lost meanwhile has a reason of its own.
pub(super) fn after_work<T>(done: &Result<T, VoiceError>) -> (State, Option<&'static str>) {
    match done {
        Ok(_) | Err(VoiceError::Unreadable | VoiceError::Stopped | VoiceError::Lost(_)) => {
            (State::Idle, None)
        }
        Err(error @ VoiceError::TimedOut) => (State::Lost, Some(error.reason())),
        Err(error) => (State::Refused, Some(error.reason())),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;

    fn channel(id: u64) -> ChannelId {
        ChannelId::try_from(id).unwrap()
    }

    #[test]
    fn a_move_is_one_only_after_the_arrival() {
        let (_alive, line) = watch::channel(None);
        let mut connection = Link::new(channel(2), line);
        // Where the bot was before is still shown, or nothing.
        assert_eq!(connection.moved(Some(channel(1))), None);
        assert_eq!(connection.moved(None), None);
        assert_eq!(connection.moved(Some(channel(2))), None);
        let (from, to) = (channel(2), channel(3));
        assert_eq!(connection.moved(Some(to)), Some(Move { from, to }));
        assert_eq!(connection.moved(Some(to)), None);
        assert_eq!(connection.moved(None), None);
    }

    #[test]
    fn five_restores_in_ten_minutes_are_enough() {
        let mut restores = Restores::default();
        let at = Duration::from_secs;
        assert!((0..5).all(|minute| restores.allow(at(minute * 60))));
        assert!(!restores.allow(at(600)));
        // The first is older than ten minutes now.
        assert!(restores.allow(at(601)));
        assert!(!restores.allow(at(659)));
    }
}
