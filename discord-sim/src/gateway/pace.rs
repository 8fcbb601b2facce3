//! How fast one connection may send: its heartbeats, and its events per minute.
//!
//! Kept by each gateway connection, by the real time.

use std::time::Duration;

use tokio::time::Instant;

use crate::protocol::gateway_limits::GatewayLimits;
use crate::protocol::{Code, gateway_close as close};

/// What a connection has sent lately.
#[derive(Debug)]
pub(super) struct Pace {
    /// How often heartbeats are due.
    pub(super) interval: Duration,
    /// By when the next one must have come.
    pub(super) deadline: Instant,
    since: Instant,
    events: u32,
    most_events: u32,
}

impl Pace {
    pub(super) fn new(limits: &GatewayLimits, now: Instant) -> Pace {
        let interval = limits.heartbeat_interval;
        Pace {
            interval,
            deadline: after(now, patience(interval)),
            since: now,
            events: 0,
            most_events: limits.events_per_minute,
        }
    }

    /// Counts an event of the client, of whatever kind.
    pub(super) fn count(&mut self, now: Instant) -> Result<(), Code> {
        if now - self.since >= GatewayLimits::EVENTS_WINDOW {
            self.since = now;
            self.events = 0;
        }
        self.events += 1;
        if self.events > self.most_events {
            return Err(close::RATE_LIMITED);
        }
        Ok(())
    }

    /// A heartbeat has come.
    pub(super) fn beat(&mut self, now: Instant) {
        self.deadline = after(now, patience(self.interval));
    }
}

/// The interval with the tolerance for slow networks that Discord speaks of.
fn patience(interval: Duration) -> Duration {
    interval.saturating_mul(3) / 2
}

/// A moment in the future; one that no clock can tell is as good as never.
pub(super) fn after(start: Instant, time: Duration) -> Instant {
    const NEVER: Duration = Duration::from_hours(24 * 365);
    start + time.min(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_by_the_minute() {
        let limits = GatewayLimits {
            events_per_minute: 2,
            ..GatewayLimits::default()
        };
        let start = Instant::now();
        let mut pace = Pace::new(&limits, start);
        for now in [start, start + Duration::from_mins(1)] {
            let counted = [(); 3].map(|()| pace.count(now).is_ok());
            assert_eq!(counted, [true, true, false]);
        }
    }

    #[test]
    fn a_heartbeat_is_awaited_for_one_and_a_half_intervals() {
        let start = Instant::now();
        let mut pace = Pace::new(&GatewayLimits::default(), start);
        assert_eq!(pace.deadline - start, Duration::from_millis(61_875));
        pace.beat(start + Duration::from_mins(1));
        assert_eq!(pace.deadline - start, Duration::from_millis(121_875));
        assert!(after(start, Duration::MAX) > start);
    }
}
