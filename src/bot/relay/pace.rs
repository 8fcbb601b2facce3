//! How fast frames leave for Discord. It takes 120 a minute on a connection and closes one that
//! sends more, heartbeats included, with 4008; serenity sends as many as it is given.
//! <https://docs.discord.com/developers/events/gateway#rate-limiting>

use std::collections::VecDeque;
use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;

/// The time in which frames are counted.
const WINDOW: Duration = Duration::from_mins(1);
/// Frames that wait their turn leave in that time: ten fewer than Discord takes, for heartbeats
/// and logins, which never wait.
pub(super) const PER_WINDOW: usize = 110;
/// Frames that may wait. Of voice states one for each guild does.
const WAITING_MAX: usize = 4096;

/// What one connection has sent, and what it has yet to send.
#[derive(Default)]
pub(super) struct Pace {
    /// When each frame of the last minute left, the oldest first.
    sent: VecDeque<Duration>,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    /// The guild whose voice state it sets.
    voice: Option<u64>,
    frame: Message,
}

impl Pace {
    /// A frame that waits for nothing leaves.
    pub(super) fn count(&mut self, now: Duration) {
        while self.sent.front().is_some_and(|at| *at + WINDOW <= now) {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// A frame that is to leave in its turn. A voice state takes the place of one of the same
    /// guild that waits: only the last one counts. `false` if too many wait, and it is dropped.
    pub(super) fn hold(&mut self, voice: Option<u64>, frame: Message) -> bool {
        let same = self
            .waiting
            .iter_mut()
            .find(|waiting| voice.is_some() && waiting.voice == voice);
        if let Some(same) = same {
            same.frame = frame;
            return true;
        }
        let is_room = self.waiting.len() < WAITING_MAX;
        if is_room {
            self.waiting.push_back(Waiting { voice, frame });
        }
        is_room
    }

    /// The next frame whose turn has come.
    pub(super) fn next(&mut self, now: Duration) -> Option<Message> {
        if self.due()? > now {
            return None;
        }
        self.count(now);
        self.waiting.pop_front().map(|waiting| waiting.frame)
    }

    /// When the next frame may leave, if one waits.
    pub(super) fn due(&self) -> Option<Duration> {
        self.waiting.front()?;
        let full = self.sent.len().checked_sub(PER_WINDOW);
        Some(full.map_or(Duration::ZERO, |over| self.sent[over] + WINDOW))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn no_minute_has_more_than_it_may() {
        let mut pace = Pace::default();
        for number in 0..400 {
            assert!(pace.hold(Some(number), Message::text("")));
        }
        let mut left = Vec::new();
        for now in 0..240 {
            if now % 40 == 0 {
                pace.count(at(now));
                left.push(now);
            }
            while pace.next(at(now)).is_some() {
                left.push(now);
            }
        }
        assert_eq!(left.len(), 400 + 6);
        for from in 0..180 {
            let minute = left.iter().filter(|now| (from..from + 60).contains(*now));
            let count = minute.count();
            assert!(count <= PER_WINDOW + 2, "{count} from {from}");
        }
        assert_eq!(pace.due(), None);
    }

    #[test]
    fn frames_keep_their_order_and_of_a_guild_only_the_last_counts() {
        let mut pace = Pace::default();
        for (guild, text) in [(Some(1), "a"), (None, "b"), (Some(2), "c"), (None, "d")] {
            pace.hold(guild, Message::text(text));
        }
        pace.hold(Some(1), Message::text("e"));
        let left: Vec<_> = std::iter::from_fn(|| pace.next(at(1)))
            .map(|frame| frame.into_text().unwrap().to_string())
            .collect();
        assert_eq!(left, ["e", "b", "c", "d"]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut pace = Pace::default();
        let held = (0..5_000).filter(|_| pace.hold(None, Message::text("")));
        assert_eq!(held.count(), WAITING_MAX);
    }
}
