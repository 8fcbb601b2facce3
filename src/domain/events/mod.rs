//! What happens, for those who listen: one bus for all live channels. The parts that change
//! something publish here; `http` listens through [`Feed`], which lets through what a listener may
//! see. Contract 9.

mod audience;
mod feed;
mod guild;

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;

use crate::clock::Clock;
use crate::db::logs::LogEntry;
use crate::domain::player::{Queued, State};
use crate::domain::settings::Volume;
use crate::ids::{ChannelId, GuildId, UserId};
pub use audience::{Audience, Scope};
pub use feed::{End, Feed, Feeds, News};
pub use guild::{GuildEvent, Part};

/// Events that are kept for those who come back, and the most that a listener may be behind.
const KEPT_MAX: usize = 1024;

/// A sound that somebody asked for, as events name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// The sound's name without its extension.
    pub sound: String,
    /// Where it is to be heard.
    pub channel: ChannelId,
    /// Who asked for it.
    pub user: UserId,
    /// The same, as the log names them.
    pub user_tag: String,
}

/// Something that has happened in a guild's player.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlayerEvent {
    /// It is about something else now.
    State {
        /// The bot's voice channel.
        channel: Option<ChannelId>,
        /// What it is about.
        state: State,
        /// Why the connection broke or was refused.
        reason: Option<&'static str>,
    },
    /// What waits is not what waited before, the next one first.
    Queue(Vec<Queued>),
    /// A sound is heard.
    Playing {
        /// The sound.
        track: Track,
        /// How loud everything is.
        volume: Volume,
    },
    /// A sound is heard no more, for whatever reason.
    Ended {
        /// The sound.
        track: Track,
        /// How loud everything is.
        volume: Volume,
    },
    /// A sound could not be played.
    Failed {
        /// The sound.
        track: Track,
        /// Why, and what to do about it where there is something.
        reason: &'static str,
    },
    /// A sound should have ended this long ago and has not.
    Stuck {
        /// The sound.
        track: Track,
        /// How long it may be late.
        threshold: Duration,
    },
    /// Everything is as loud as this now.
    Volume(Volume),
    /// The bot came into a channel.
    Joined {
        /// Which.
        channel: ChannelId,
        /// How loud everything is there.
        volume: Volume,
    },
    /// The bot is not in a channel any more.
    Left {
        /// Which.
        channel: ChannelId,
        /// How loud everything was there.
        volume: Volume,
    },
}

/// Something that has happened. A closed list: what is not in it is told to nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// In a guild's player.
    Player(GuildId, PlayerEvent),
    /// At Discord, in a guild.
    Guild(GuildId, GuildEvent),
    /// Something was logged that administrators should know.
    Log(Arc<LogEntry>),
}

/// An event with its place among all others.
#[derive(Debug)]
pub struct Published {
    /// Its place.
    pub mark: Mark,
    /// The event.
    pub event: Event,
}

/// The place of an event: which start of the server, and the how-manieth since. Written as two
/// numbers with a dash between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    start: u64,
    number: u64,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.number)
    }
}

/// A text that is no [`Mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an event")]
pub struct NotAMark;

impl FromStr for Mark {
    type Err = NotAMark;

    fn from_str(text: &str) -> Result<Self, NotAMark> {
        let (start, number) = text.split_once('-').ok_or(NotAMark)?;
        let read = |text: &str| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_plain).ok_or(NotAMark)
        };
        Ok(Self {
            start: read(start)?,
            number: read(number)?,
        })
    }
}

/// A listener has missed events: more than are kept, or of an earlier start of the server. What it
/// knows may be old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed;

/// The bus. Publishing never waits; who listens too slowly misses events and is told so.
pub struct Events {
    start: u64,
    kept: Mutex<Kept>,
    kept_max: usize,
    live: broadcast::Sender<Arc<Published>>,
    /// Beside the others: a flood of messages must cost nobody else an event, kept or live. They
    /// have no places of their own and are not kept; the table is.
    log: broadcast::Sender<Arc<LogEntry>>,
}

#[derive(Default)]
struct Kept {
    last: u64,
    events: VecDeque<Arc<Published>>,
}

impl Events {
    /// A bus on which nothing has happened yet; `log` is what is logged.
    pub fn new(clock: &Clock, log: broadcast::Sender<Arc<LogEntry>>) -> Self {
        Self::keeping(KEPT_MAX, clock, log)
    }

    /// A bus that has no listeners: for the player of a bot that is nobody else's affair. Seed 001.
    pub fn unheard(clock: &Clock) -> Self {
        Self::keeping(1, clock, broadcast::Sender::new(1))
    }

    fn keeping(kept_max: usize, clock: &Clock, log: broadcast::Sender<Arc<LogEntry>>) -> Self {
        Self {
            start: u64::try_from(clock.now_ms()).unwrap_or_default(),
            kept: Mutex::default(),
            kept_max,
            live: broadcast::Sender::new(kept_max),
            log,
        }
    }

    /// Tells everybody who may know.
    pub fn publish(&self, event: Event) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last += 1;
        let mark = Mark {
            start: self.start,
            number: kept.last,
        };
        let published = Arc::new(Published { mark, event });
        if kept.events.len() >= self.kept_max {
            kept.events.pop_front();
        }
        kept.events.push_back(Arc::clone(&published));
        // Under the lock, so that all see the events in the order of their numbers.
        let _nobody_listens = self.live.send(published);
    }

    /// Everything from now on; with `after`, what is kept since then comes first, or the news that
    /// something is missing. The log is told to those who are `with_log`.
    fn subscribe(&self, after: Option<Mark>, with_log: bool) -> Subscription {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let live = self.live.subscribe();
        let last = Mark {
            start: self.start,
            number: kept.last,
        };
        let (has_missed, replay) = match after {
            None => (false, VecDeque::new()),
            Some(mark) => {
                let first = kept.events.front().map_or(1, |event| event.mark.number);
                let is_known = mark.start == self.start
                    && mark.number <= kept.last
                    && mark.number + 1 >= first;
                let since = |event: &&Arc<Published>| event.mark.number > mark.number;
                let known = kept.events.iter().filter(|_| is_known).filter(since);
                (!is_known, known.cloned().collect())
            }
        };
        let begins_after = after.filter(|_| !has_missed).unwrap_or(last);
        Subscription {
            begins_after,
            place: begins_after,
            has_missed,
            replay,
            live,
            log: with_log.then(|| self.log.subscribe()),
        }
    }
}

/// All events, for one listener, whether it may see them or not.
struct Subscription {
    begins_after: Mark,
    /// Of the last event.
    place: Mark,
    has_missed: bool,
    replay: VecDeque<Arc<Published>>,
    live: broadcast::Receiver<Arc<Published>>,
    log: Option<broadcast::Receiver<Arc<LogEntry>>>,
}

impl Subscription {
    /// The next event; waits for it. Cancel safe.
    ///
    /// # Errors
    /// [`Missed`], once for each gap. Gaps of the log are passed over.
    async fn next(&mut self) -> Result<Arc<Published>, Missed> {
        if std::mem::take(&mut self.has_missed) {
            return Err(Missed);
        }
        if let Some(event) = self.replay.pop_front() {
            self.place = event.mark;
            return Ok(event);
        }
        tokio::select! {
            biased;
            event = hear(&mut self.live) => {
                let event = event?;
                self.place = event.mark;
                Ok(event)
            }
            entry = hear_log(self.log.as_mut()) => Ok(Arc::new(Published {
                mark: self.place,
                event: Event::Log(entry),
            })),
        }
    }
}

async fn hear<T: Clone>(live: &mut broadcast::Receiver<T>) -> Result<T, Missed> {
    match live.recv().await {
        Ok(event) => Ok(event),
        Err(broadcast::error::RecvError::Lagged(_)) => Err(Missed),
        // The bus lives as long as the application.
        Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
    }
}

async fn hear_log(log: Option<&mut broadcast::Receiver<Arc<LogEntry>>>) -> Arc<LogEntry> {
    let Some(log) = log else {
        return std::future::pending().await;
    };
    loop {
        if let Ok(entry) = hear(log).await {
            return entry;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(percent: u16) -> Event {
        let guild = GuildId::try_from(7).unwrap();
        let volume = Volume::new(percent % 200).unwrap();
        Event::Player(guild, PlayerEvent::Volume(volume))
    }

    fn bus(events: u16) -> Events {
        let bus = Events::new(&Clock::manual(1_000), broadcast::Sender::new(2));
        (1..=events).for_each(|number| bus.publish(volume(number)));
        bus
    }

    async fn numbers(subscription: &mut Subscription, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            numbers.push(subscription.next().await.unwrap().mark.number);
        }
        numbers
    }

    #[tokio::test]
    async fn who_comes_back_hears_what_came_meanwhile_and_nothing_twice() {
        let bus = bus(3);
        let mut late = bus.subscribe(Some("1000-1".parse().unwrap()), false);
        bus.publish(volume(4));
        assert_eq!(numbers(&mut late, 3).await, [2, 3, 4]);
        let mut fresh = bus.subscribe(None, false);
        let mut current = bus.subscribe(Some("1000-4".parse().unwrap()), false);
        bus.publish(volume(5));
        assert_eq!(numbers(&mut fresh, 1).await, [5]);
        assert_eq!(numbers(&mut current, 1).await, [5]);
    }

    #[tokio::test]
    async fn who_was_away_too_long_is_told() {
        let bus = bus(1_030);
        // Of another start, of the future, and of longer ago than is kept.
        for mark in ["999-3", "1000-9999", "1000-5"] {
            let mut subscription = bus.subscribe(Some(mark.parse().unwrap()), false);
            assert_eq!(subscription.next().await.unwrap_err(), Missed, "{mark}");
            bus.publish(volume(1));
            assert!(subscription.next().await.is_ok(), "{mark}");
        }
        let mut oldest = bus.subscribe(Some("1000-9".parse().unwrap()), false);
        assert_eq!(numbers(&mut oldest, 1).await, [10]);
    }

    #[tokio::test]
    async fn who_reads_too_slowly_misses_events_and_is_told() {
        let bus = bus(0);
        let mut slow = bus.subscribe(None, false);
        (0..=1_024).for_each(|_| bus.publish(volume(1)));
        assert_eq!(slow.next().await.unwrap_err(), Missed);
        assert_eq!(numbers(&mut slow, 1).await, [2]);
    }

    #[tokio::test]
    async fn a_flood_of_messages_takes_nothing_from_other_events() {
        let bus = bus(3);
        let entry = |number: usize| LogEntry {
            level: tracing::Level::WARN,
            message: number.to_string(),
            time_ms: 0,
            stacktrace: None,
        };
        let mut admin = bus.subscribe(Some("1000-2".parse().unwrap()), true);
        let mut other = bus.subscribe(None, false);
        for number in 0..2_000 {
            let _told = bus.log.send(Arc::new(entry(number)));
        }
        bus.publish(volume(4));
        assert_eq!(numbers(&mut other, 1).await, [4]);
        assert_eq!(numbers(&mut admin, 2).await, [3, 4]);
        for number in [1_998, 1_999] {
            let told = admin.next().await.unwrap();
            // A place to come back to, where nothing is missed.
            assert_eq!(told.mark.number, 4);
            assert_eq!(told.event, Event::Log(Arc::new(entry(number))));
        }
    }

    #[test]
    fn marks_are_read_as_they_are_written_and_nothing_else_is() {
        let mark = Mark {
            start: 12,
            number: 34,
        };
        assert_eq!(mark.to_string().parse(), Ok(mark));
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "+1-2",
            "1-2-3",
            "1- 2",
            "1-99999999999999999999",
        ] {
            assert_eq!(text.parse::<Mark>(), Err(NotAMark), "{text:?}");
        }
    }
}
