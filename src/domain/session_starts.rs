//! How often a bot may start a session with Discord's gateway (IDENTIFY). Discord voids the token
//! of a bot that does it 1000 times in a day, so starts are counted in the database, where a
//! process that crashes and is restarted for ever finds them. Called by `bot`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::db::{Db, session_starts};
use crate::ids::UserId;

/// Between two starts. Discord: one per five seconds.
pub const SPACING: Duration = Duration::from_secs(5);
/// What is counted together.
pub const WINDOW: Duration = Duration::from_hours(24);
/// Most starts within the window: a fifth of what Discord allows.
pub const STARTS_MAX: usize = 200;

/// The starts of one bot.
pub struct SessionStarts {
    db: Db,
    clock: Clock,
    bot: UserId,
    /// Those of this process, which count while the database cannot be asked.
    own: Mutex<Vec<i64>>,
}

impl SessionStarts {
    /// Those of the bot of this application.
    pub fn new(db: Db, clock: Clock, bot: UserId) -> Self {
        Self {
            db,
            clock,
            bot,
            own: Mutex::default(),
        }
    }

    /// The bot.
    pub fn bot(&self) -> UserId {
        self.bot
    }

    /// How long until another session may be started; zero for now.
    pub async fn wait(&self) -> Duration {
        let (bot, now_ms) = (self.bot, self.clock.now_ms());
        let starts = self
            .db
            .quick(move |conn| session_starts::list(conn, bot, window_begin(now_ms)))
            .await;
        starts.map_or_else(|_| self.own_wait(now_ms), |starts| wait(&starts, now_ms))
    }

    /// Counts a session that is about to be started, before it is.
    ///
    /// # Errors
    /// How long to wait; nothing is counted then, and nothing may be started.
    pub async fn take(&self) -> Result<(), Duration> {
        let (bot, now_ms) = (self.bot, self.clock.now_ms());
        let begin_ms = window_begin(now_ms);
        let taken = self.db.write(move |conn| {
            let wait = wait(&session_starts::list(conn, bot, begin_ms)?, now_ms);
            if wait.is_zero() {
                session_starts::delete_until(conn, begin_ms)?;
                session_starts::insert(conn, bot, now_ms)?;
            }
            Ok(wait)
        });
        let wait = match taken.await {
            Ok(wait) => wait,
            Err(error) => {
                // A full disk does not take the bot away from its guilds.
                tracing::error!(?error, "the start of a session cannot be written down");
                self.own_wait(now_ms)
            }
        };
        if !wait.is_zero() {
            return Err(wait);
        }
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.retain(|at_ms| *at_ms > begin_ms);
        own.push(now_ms);
        Ok(())
    }

    fn own_wait(&self, now_ms: i64) -> Duration {
        wait(
            &self.own.lock().unwrap_or_else(PoisonError::into_inner),
            now_ms,
        )
    }
}

fn window_begin(now_ms: i64) -> i64 {
    now_ms.saturating_sub(milliseconds(WINDOW))
}

/// How long to wait after these starts, which are in order. Starts in the future, seen after the
/// clock was set back, are among the many, but nobody keeps a distance from them.
fn wait(starts_ms: &[i64], now_ms: i64) -> Duration {
    let left = |from_ms: Option<&i64>, time: Duration| {
        let end_ms = from_ms.map_or(now_ms, |ms| (*ms).min(now_ms) + milliseconds(time));
        Duration::from_millis(end_ms.saturating_sub(now_ms).max(0).unsigned_abs())
    };
    let last = starts_ms.iter().rfind(|at_ms| **at_ms <= now_ms);
    let old = starts_ms.partition_point(|at_ms| *at_ms <= window_begin(now_ms));
    let recent = starts_ms.get(old..).unwrap_or_default();
    let oldest = recent.len().checked_sub(STARTS_MAX);
    let oldest = oldest.and_then(|index| recent.get(index));
    left(last, SPACING).max(left(oldest, WINDOW))
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn starts_keep_their_distance() {
        let after = |starts: &[i64], now_ms| wait(starts, now_ms).as_millis();
        assert_eq!(after(&[], 1_000), 0);
        assert_eq!(after(&[1_000], 1_000), 5_000);
        assert_eq!(after(&[1_000], 5_999), 1);
        assert_eq!(after(&[1_000], 6_000), 0);
        // The clock was set back.
        assert_eq!(after(&[DAY_MS], 1_000), 0);
        assert_eq!(after(&[900, DAY_MS], 1_000), 4_900);
    }

    #[test]
    fn a_day_has_so_many_and_no_more() {
        let step_ms = 60_000;
        let starts: Vec<i64> = (0..200).map(|start| start * step_ms).collect();
        let last_ms = 199 * step_ms;
        assert_eq!(wait(&starts[1..], last_ms + 5_000), Duration::ZERO);
        let waits = |now_ms| i64::try_from(wait(&starts, now_ms).as_millis()).unwrap();
        assert_eq!(waits(last_ms + 5_000), DAY_MS - last_ms - 5_000);
        assert_eq!(waits(DAY_MS - 1), 1);
        assert_eq!(waits(DAY_MS), 0);
        // One that was 201st waits for the second to be a day old.
        let more: Vec<i64> = starts.iter().copied().chain([DAY_MS]).collect();
        let then = wait(&more, DAY_MS + 10_000).as_millis();
        assert_eq!(i64::try_from(then).unwrap(), step_ms - 10_000);
    }
}
