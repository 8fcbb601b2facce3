//! How often each bot has identified: the session start limit and its concurrency.
//!
//! Counted by the gateway at each IDENTIFY; shown by `GET /gateway/bot`. All by the
//! simulated clock.

use std::collections::BTreeMap;
use std::time::Duration;

use super::State;
use super::log::EventKind;
use crate::protocol::gateway_limits::GatewayLimits;
use crate::world::Application;

/// The session starts of all bots, by application id.
#[derive(Debug, Default)]
pub(crate) struct Starts(BTreeMap<u64, BotStarts>);

#[derive(Debug, Default)]
struct BotStarts {
    /// When the count begins anew, in Unix milliseconds.
    resets_at_ms: u64,
    used: u32,
    /// When a shard last identified, by rate limit key, in Unix milliseconds.
    last_ms: BTreeMap<u64, u64>,
}

/// What a bot is told of its session start limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StartLimit {
    pub(crate) remaining: u32,
    /// Until `remaining` is the total again; 0 if it is.
    pub(crate) reset_after_ms: u64,
}

/// Why a bot may not start a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartRefusal {
    /// Another shard of the same rate limit key identified just before.
    TooSoon,
    /// The limit of a day is used up.
    UsedUp,
}

impl Starts {
    fn limit(&self, bot: u64, total: u32, now_ms: u64) -> StartLimit {
        match self.0.get(&bot) {
            Some(starts) if now_ms < starts.resets_at_ms => StartLimit {
                remaining: total.saturating_sub(starts.used),
                reset_after_ms: starts.resets_at_ms - now_ms,
            },
            _ => StartLimit {
                remaining: total,
                reset_after_ms: 0,
            },
        }
    }

    fn count(
        &mut self,
        bot: u64,
        shard: u64,
        now_ms: u64,
        limits: &GatewayLimits,
    ) -> Result<(), StartRefusal> {
        let starts = self.0.entry(bot).or_default();
        if now_ms >= starts.resets_at_ms {
            starts.resets_at_ms = now_ms + milliseconds(GatewayLimits::STARTS_WINDOW);
            starts.used = 0;
        }
        if starts.used >= limits.session_starts {
            return Err(StartRefusal::UsedUp);
        }
        // Whatever becomes of it, it is an IDENTIFY.
        starts.used += 1;
        let key = shard % u64::from(limits.max_concurrency.max(1));
        let next_ms = starts.last_ms.get(&key).map_or(0, |last_ms| {
            last_ms + milliseconds(limits.identify_interval)
        });
        if now_ms < next_ms {
            return Err(StartRefusal::TooSoon);
        }
        starts.last_ms.insert(key, now_ms);
        Ok(())
    }
}

impl State {
    /// The session start limit of a bot as it is now.
    pub(crate) fn start_limit(&self, bot: u64) -> StartLimit {
        let total = self.sessions.limits.session_starts;
        self.starts.limit(bot, total, self.now_ms())
    }

    /// Counts an IDENTIFY. A bot that has used up its limit loses all its sessions and its
    /// token, as on Discord.
    pub(crate) fn count_start(&mut self, bot: u64, shard: u64) -> Result<(), StartRefusal> {
        let now_ms = self.now_ms();
        let counted = self.starts.count(bot, shard, now_ms, &self.sessions.limits);
        if counted == Err(StartRefusal::UsedUp) {
            self.reset_token(bot, "it identified too often");
        }
        counted
    }

    /// Gives a bot another token, and ends all its sessions; the log tells why.
    pub(crate) fn reset_token(&mut self, bot: u64, why: &str) {
        let applications = self.applications.iter_mut();
        for application in applications.filter(|application| application.id == bot) {
            application.bot_token = Application::new(bot, "").bot_token;
        }
        for session in self.sessions.expel(bot) {
            self.end_session(&session);
        }
        let line = format!(
            "{}'s sessions are over and its token is void: {why}",
            self.name_of(bot)
        );
        self.note(EventKind::Gateway, line);
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_counted_by_the_day_and_by_the_key() {
        let limits = GatewayLimits {
            session_starts: 4,
            max_concurrency: 2,
            ..GatewayLimits::default()
        };
        let mut starts = Starts::default();
        let mut count = |shard, now_ms| starts.count(21, shard, now_ms, &limits);
        assert_eq!(count(0, 1_000), Ok(()));
        assert_eq!(count(1, 1_000), Ok(()));
        // Shards 0 and 2 have the same key.
        assert_eq!(count(2, 5_999), Err(StartRefusal::TooSoon));
        assert_eq!(count(2, 6_000), Ok(()));
        assert_eq!(count(1, 20_000), Err(StartRefusal::UsedUp));
        let limit = |starts: &Starts, now_ms| starts.limit(21, 4, now_ms);
        let day_ms = 24 * 60 * 60 * 1_000;
        let used = StartLimit {
            remaining: 0,
            reset_after_ms: day_ms - 19_000,
        };
        let unused = StartLimit {
            remaining: 4,
            reset_after_ms: 0,
        };
        assert_eq!(limit(&starts, 20_000), used);
        assert_eq!(limit(&starts, 1_000 + day_ms), unused);
        assert_eq!(starts.limit(22, 4, 0), unused);
        assert_eq!(starts.count(21, 1, 1_000 + day_ms, &limits), Ok(()));
    }
}
