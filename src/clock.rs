//! Time, as everything that reads it sees it: the system's, or one that a test moves by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use governor::nanos::Nanos;
use tokio::sync::watch;

/// A wall clock and a monotonic one that belong together. Clones share the same time.
///
/// Lifetimes and log entries follow the wall clock; limits follow the monotonic one and so are
/// not disturbed when an operator sets the clock.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System {
        origin: Instant,
    },
    Manual {
        wall_ms: AtomicI64,
        monotonic_ns: AtomicU64,
        moved: watch::Sender<()>,
    },
}

impl Clock {
    /// The system's clocks.
    pub fn system() -> Self {
        Self(Arc::new(Source::System {
            origin: Instant::now(),
        }))
    }

    /// A clock that stands still at `wall_ms` (Unix milliseconds) until [`advance`](Self::advance).
    pub fn manual(wall_ms: i64) -> Self {
        Self(Arc::new(Source::Manual {
            wall_ms: AtomicI64::new(wall_ms),
            monotonic_ns: AtomicU64::new(0),
            moved: watch::Sender::new(()),
        }))
    }

    /// Moves a manual clock forward; the system's clock is not moved.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual {
            wall_ms,
            monotonic_ns,
            moved,
        } = &*self.0
        {
            wall_ms.fetch_add(
                i64::try_from(by.as_millis()).unwrap_or(i64::MAX),
                Ordering::SeqCst,
            );
            let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
            monotonic_ns.fetch_add(nanos, Ordering::SeqCst);
            moved.send_replace(());
        }
    }

    /// Sets the wall clock of a manual clock to `wall_ms` (Unix milliseconds), as somebody does who
    /// sets the system's: the monotonic one does not move.
    pub fn set_wall(&self, wall_ms: i64) {
        if let Source::Manual { wall_ms: wall, .. } = &*self.0 {
            wall.store(wall_ms, Ordering::SeqCst);
        }
    }

    /// Unix time in milliseconds, as the database keeps it.
    pub fn now_ms(&self) -> i64 {
        match &*self.0 {
            Source::System { .. } => Utc::now().timestamp_millis(),
            Source::Manual { wall_ms, .. } => wall_ms.load(Ordering::SeqCst),
        }
    }

    /// Waits until [`monotonic`](Self::monotonic) has come to `until`. Cancel safe.
    pub async fn sleep_until(&self, until: Duration) {
        match &*self.0 {
            Source::System { origin } => tokio::time::sleep_until((*origin + until).into()).await,
            Source::Manual { moved, .. } => {
                let mut moves = moved.subscribe();
                // The sender lives as long as this clock.
                let _until_then = moves.wait_for(|()| self.monotonic() >= until).await;
            }
        }
    }

    /// Time since this clock was made; never goes back.
    pub fn monotonic(&self) -> Duration {
        match &*self.0 {
            Source::System { origin } => origin.elapsed(),
            Source::Manual { monotonic_ns, .. } => {
                Duration::from_nanos(monotonic_ns.load(Ordering::SeqCst))
            }
        }
    }
}

impl governor::clock::Clock for Clock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.monotonic().into()
    }
}

/// An instant as every answer writes it: RFC 3339, UTC, `Z`, whole seconds (contract 1).
///
/// `unix_ms` outside the years chrono knows is written as the Unix epoch.
pub fn rfc3339(unix_ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(unix_ms)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = Clock::manual(1_554_577_682_000);
        clock.advance(Duration::from_millis(1999));
        assert_eq!(clock.now_ms(), 1_554_577_683_999);
        assert_eq!(clock.monotonic(), Duration::from_millis(1999));
    }

    #[test]
    fn instants_are_written_as_the_document_does() {
        assert_eq!(rfc3339(1_554_576_482_999), "2019-04-06T18:48:02Z");
        assert_eq!(rfc3339(i64::MAX), "1970-01-01T00:00:00Z");
    }
}
