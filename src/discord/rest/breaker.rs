//! Leaves Discord alone while it does not answer. Called by `rest::call`.

use std::time::Duration;

/// So many failures, one after the other and within [`WITHIN`], and nothing more is asked.
const FAILURES_MAX: u32 = 20;
const WITHIN: Duration = Duration::from_secs(30);
/// How long nothing is asked.
const PAUSE: Duration = Duration::from_secs(15);
/// Who comes while one request finds out how things are is told to come back so much later.
const TRIAL_PATIENCE: Duration = Duration::from_secs(1);

/// Closed, open, and after the pause half-open, with one request on trial.
#[derive(Debug)]
pub(super) struct Breaker(State);

#[derive(Debug)]
enum State {
    Closed { failures: u32, since: Duration },
    Open { until: Duration },
    Trial,
}

/// A request that was let through; it has to be told how it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    is_trial: bool,
}

impl Default for Breaker {
    fn default() -> Self {
        Self(State::Closed {
            failures: 0,
            since: Duration::ZERO,
        })
    }
}

impl Breaker {
    /// Lets a request through.
    ///
    /// # Errors
    /// After which time to come back.
    pub(super) fn admit(&mut self, now: Duration) -> Result<Pass, Duration> {
        match self.0 {
            State::Closed { .. } => Ok(Pass { is_trial: false }),
            State::Open { until } if now < until => Err(until.saturating_sub(now)),
            State::Open { .. } => {
                self.0 = State::Trial;
                Ok(Pass { is_trial: true })
            }
            State::Trial => Err(TRIAL_PATIENCE),
        }
    }

    /// Discord has answered.
    pub(super) fn succeed(&mut self, pass: Pass) {
        // What was under way when it opened says nothing of now.
        if pass.is_trial || matches!(self.0, State::Closed { .. }) {
            *self = Self::default();
        }
    }

    /// Discord has not answered, or with a failure of its own. True when nothing more is asked.
    pub(super) fn fail(&mut self, pass: Pass, now: Duration) -> bool {
        let (failures, since) = match self.0 {
            State::Closed { failures, since }
                if now.saturating_sub(since) <= WITHIN && failures > 0 =>
            {
                (failures + 1, since)
            }
            State::Closed { .. } => (1, now),
            State::Trial if pass.is_trial => (FAILURES_MAX, now),
            State::Open { .. } | State::Trial => return false,
        };
        if failures >= FAILURES_MAX {
            self.open(now + PAUSE);
            return true;
        }
        self.0 = State::Closed { failures, since };
        false
    }

    /// Nothing is asked until then, whatever comes.
    pub(super) fn open(&mut self, until: Duration) {
        self.0 = State::Open { until };
    }

    /// Nobody waits for the answer any more: if it was the one on trial, the next one is.
    pub(super) fn abandon(&mut self, pass: Pass) {
        if pass.is_trial && matches!(self.0, State::Trial) {
            self.open(Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(100);

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for failure in 1..=FAILURES_MAX {
            let pass = breaker.admit(START).unwrap();
            assert_eq!(breaker.fail(pass, START), failure == FAILURES_MAX);
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_and_closes_after_one_good_answer() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(START), Err(PAUSE));
        let later = START + PAUSE;
        let trial = breaker.admit(later).unwrap();
        assert_eq!(breaker.admit(later), Err(TRIAL_PATIENCE));
        assert!(breaker.fail(trial, later));
        assert_eq!(breaker.admit(later), Err(PAUSE));
        let trial = breaker.admit(later + PAUSE).unwrap();
        breaker.succeed(trial);
        let pass = breaker.admit(later + PAUSE).unwrap();
        assert!(!breaker.fail(pass, later + PAUSE));
        assert!(breaker.admit(later + PAUSE).is_ok());
    }

    #[test]
    fn a_trial_that_is_abandoned_leaves_room_for_the_next() {
        let mut breaker = opened();
        let trial = breaker.admit(START + PAUSE).unwrap();
        breaker.abandon(trial);
        let trial = breaker.admit(START + PAUSE).unwrap();
        // An old request's end changes nothing.
        breaker.succeed(Pass { is_trial: false });
        assert!(!breaker.fail(Pass { is_trial: false }, START + PAUSE));
        breaker.abandon(Pass { is_trial: false });
        assert_eq!(breaker.admit(START + PAUSE), Err(TRIAL_PATIENCE));
        breaker.succeed(trial);
        assert!(breaker.admit(START + PAUSE).is_ok());
    }

    #[test]
    fn failures_that_are_rare_or_among_good_answers_open_nothing() {
        let mut breaker = Breaker::default();
        for number in 0..200 {
            let now = START + Duration::from_secs(2) * number;
            let pass = breaker.admit(now).unwrap();
            assert!(!breaker.fail(pass, now));
        }
        for number in 0..200 {
            let pass = breaker.admit(START).unwrap();
            if number % 19 == 0 {
                breaker.succeed(pass);
            } else {
                assert!(!breaker.fail(pass, START));
            }
        }
    }
}
