//! The event log: a line for everything that happens, for people to follow.
//!
//! Written by every change of the world and by everything that is sent to bots; read by the
//! library and by the control interface. Its oldest entries are forgotten.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

const KEPT: usize = 2_000;

/// What an [`Event`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A request to REST or OAuth, and its answer.
    Request,
    /// An event that was sent to a bot over the gateway.
    Dispatch,
    /// Logins, interruptions and closes of gateway connections, and resets of tokens.
    Gateway,
    /// Who joins, leaves, moves, mutes and deafens in voice.
    Voice,
    /// Messages that were written or deleted.
    Message,
    /// Commands, buttons, menus and forms that people used.
    Interaction,
    /// Who joins and leaves guilds, and who authorises applications.
    Member,
}

/// One entry of the event log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Counted from 1; later events have greater numbers.
    pub number: u64,
    /// When it happened, in Unix milliseconds of the simulated time.
    pub at_ms: u64,
    /// What it is about.
    pub kind: EventKind,
    /// The line, for people to read.
    pub event: String,
}

/// The log, shared by all who write and follow it.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: Mutex<Entries>,
    last: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Entries {
    kept: VecDeque<Event>,
    last: u64,
    clock_ahead: Duration,
}

impl Log {
    /// Adds a line.
    pub(crate) fn note(&self, kind: EventKind, line: String) {
        tracing::debug!(event = line, "simulated");
        let mut entries = self.lock();
        if entries.kept.len() == KEPT {
            entries.kept.pop_front();
        }
        entries.last += 1;
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since_epoch.unwrap_or_default() + entries.clock_ahead;
        let event = Event {
            number: entries.last,
            at_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            kind,
            event: line,
        };
        entries.kept.push_back(event);
        let last = entries.last;
        drop(entries);
        self.last.send_replace(last);
    }

    /// Moves the time of what comes ahead of the real one.
    pub(super) fn set_clock_ahead(&self, ahead: Duration) {
        self.lock().clock_ahead = ahead;
    }

    /// The events after a number, oldest first.
    pub(crate) fn after(&self, number: u64) -> Vec<Event> {
        let entries = self.lock();
        let from = entries.kept.partition_point(|event| event.number <= number);
        entries.kept.range(from..).cloned().collect()
    }

    /// The number of the last event; changes with each.
    pub(crate) fn follow(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // A panic while it is held leaves nothing half done.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_events_and_their_numbers() {
        let log = Log::default();
        assert!(log.after(0).is_empty());
        for n in 1..=KEPT + 2 {
            log.note(EventKind::Voice, n.to_string());
        }
        let kept = log.after(0);
        assert_eq!((kept.len(), kept[0].number), (KEPT, 3));
        let last = u64::try_from(KEPT).unwrap() + 2;
        assert_eq!(*log.follow().borrow(), last);
        let news = log.after(last - 1);
        assert_eq!(
            news.iter().map(|event| event.number).collect::<Vec<_>>(),
            [last]
        );
        log.set_clock_ahead(Duration::from_hours(1));
        log.note(EventKind::Member, "later".to_owned());
        assert!(log.after(last)[0].at_ms >= news[0].at_ms + 3_600_000);
    }
}
