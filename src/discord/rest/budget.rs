//! The invalid requests of this process: Discord bans an address after 10 000 of them in ten
//! minutes. Called by `rest::call`.

use std::collections::VecDeque;
use std::time::Duration;

/// What Discord counts over.
const WINDOW: Duration = Duration::from_mins(10);
/// So long share one count: what is remembered does not grow with the number of requests.
const STEP: Duration = Duration::from_secs(10);

/// Whose calls have to stop when many were invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Nobody's.
    Quiet,
    /// Nobody's, but the log says so: a tenth of the budget is used.
    Noticed,
    /// Those in the background: two fifths are used.
    Scarce,
    /// All: nothing is left.
    Spent,
}

/// Invalid requests of the last ten minutes: answered with 401, 403 or 429, but for a 429 of a
/// resource that others share.
/// <https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans>
#[derive(Debug)]
pub(super) struct Budget {
    max: u32,
    /// When each count began, oldest first.
    counts: VecDeque<(Duration, u32)>,
}

impl Budget {
    /// At most `max` in ten minutes.
    pub(super) fn new(max: u32) -> Self {
        Self {
            max,
            counts: VecDeque::new(),
        }
    }

    /// Counts one. A level that is reached by it is told, once.
    pub(super) fn count(&mut self, now: Duration) -> Option<Level> {
        let before = self.level(now);
        match self.counts.back_mut() {
            Some((began, count)) if now.saturating_sub(*began) < STEP => {
                *count = count.saturating_add(1);
            }
            _ => self.counts.push_back((now, 1)),
        }
        let after = self.level(now);
        (after > before).then_some(after)
    }

    /// How much is used.
    pub(super) fn level(&mut self, now: Duration) -> Level {
        self.forget(now);
        self.level_of(self.counts.iter().map(|(_, count)| *count).sum())
    }

    /// How long until the level is below `level` again if nothing is added.
    pub(super) fn wait(&mut self, now: Duration, level: Level) -> Duration {
        self.forget(now);
        let mut left: u32 = self.counts.iter().map(|(_, count)| *count).sum();
        for (began, count) in &self.counts {
            left -= *count;
            if self.level_of(left) < level {
                return (*began + STEP + WINDOW).saturating_sub(now);
            }
        }
        Duration::ZERO
    }

    fn level_of(&self, used: u32) -> Level {
        let used = u64::from(used);
        let max = u64::from(self.max);
        if used >= max {
            Level::Spent
        } else if used * 5 >= max * 2 {
            Level::Scarce
        } else if used * 10 >= max {
            Level::Noticed
        } else {
            Level::Quiet
        }
    }

    /// A count is kept until its youngest is too old.
    fn forget(&mut self, now: Duration) {
        while let Some((began, _)) = self.counts.front()
            && now >= *began + STEP + WINDOW
        {
            self.counts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_rise_with_what_is_used_and_fall_with_time() {
        let mut budget = Budget::new(5000);
        let (start, later) = (Duration::from_secs(100), Duration::from_secs(400));
        let at = |budget: &mut Budget, now: Duration, count: u32| {
            (0..count)
                .filter_map(|_| budget.count(now))
                .collect::<Vec<_>>()
        };
        assert_eq!(at(&mut budget, start, 499), []);
        assert_eq!(at(&mut budget, start, 1), [Level::Noticed]);
        assert_eq!(at(&mut budget, start, 1500), [Level::Scarce]);
        assert_eq!(at(&mut budget, later, 2999), []);
        assert_eq!(at(&mut budget, later, 2), [Level::Spent]);
        assert_eq!(
            budget.wait(later, Level::Spent),
            Duration::from_secs(310),
            "the first 2000 are ten minutes old then, the last of their ten seconds as well"
        );
        assert_eq!(budget.wait(later, Level::Scarce), Duration::from_secs(610));
        assert_eq!(budget.level(Duration::from_secs(709)), Level::Spent);
        assert_eq!(budget.level(Duration::from_secs(710)), Level::Scarce);
        assert_eq!(budget.level(Duration::from_secs(1010)), Level::Quiet);
        assert_eq!(budget.wait(later, Level::Spent), Duration::ZERO);
    }

    #[test]
    fn what_is_remembered_does_not_grow() {
        let mut budget = Budget::new(10);
        for second in 0..100_000 {
            budget.count(Duration::from_secs(second));
        }
        assert!(budget.counts.len() <= 62, "{}", budget.counts.len());
    }
}
