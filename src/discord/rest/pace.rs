//! How many requests a second: evenly, after a few at once. Called by `rest::account`.

use std::time::Duration;

/// A generic cell rate limiter: in any second no more than its rate and burst together.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    interval: Duration,
    /// How far ahead of the even pace a request may be.
    tolerance: Duration,
    /// When the next one is due at the even pace.
    due: Duration,
}

impl Pace {
    /// So many a second, and `burst` (at least 1) at once. Nothing has been used of it.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self {
            interval,
            tolerance: interval * burst.saturating_sub(1),
            due: Duration::ZERO,
        }
    }

    /// Takes the next place, and tells how long after `now` it is.
    ///
    /// # Errors
    /// The wait, when it is longer than `patience`; no place is taken then.
    pub(super) fn reserve(
        &mut self,
        now: Duration,
        patience: Duration,
    ) -> Result<Duration, Duration> {
        let wait = self.due.saturating_sub(self.tolerance).saturating_sub(now);
        if wait > patience {
            return Err(wait);
        }
        self.due = self.due.max(now) + self.interval;
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_the_rate_and_the_burst() {
        let mut pace = Pace::new(40, 5);
        let second = Duration::from_secs(1);
        let waits: Vec<_> = (0..)
            .map_while(|_| pace.reserve(Duration::ZERO, second).ok())
            .collect();
        assert_eq!(waits.len(), 45);
        assert_eq!(waits.iter().filter(|wait| wait.is_zero()).count(), 5);
        assert_eq!(waits.last(), Some(&second));
        // Who was refused took nothing: the next place is where it was.
        let refused = pace.reserve(Duration::ZERO, second);
        assert_eq!(refused, Err(Duration::from_millis(1025)));
        assert_eq!(pace.reserve(second, second), Ok(Duration::from_millis(25)));
        // After a pause there is a burst again, and no more.
        let later = Duration::from_mins(1);
        let at_once = (0..9).filter(|_| pace.reserve(later, Duration::ZERO).is_ok());
        assert_eq!(at_once.count(), 5);
    }
}
