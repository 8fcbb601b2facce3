//! Token buckets: per user for everything under `/api`, per address for those nobody knows.
//! Called by the guards of `http`.
//!
//! governor's GCRA is an exact token bucket. Its clock is ours, so tests move it.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use dashmap::DashMap;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{NotUntil, Quota, RateLimiter};
use moka::sync::Cache;

use crate::clock::Clock;
use crate::config::Config;
use crate::ids::UserId;

/// Most keys of one limiter; beyond them the unknown ones share one bucket.
const KEYS_MAX: usize = 100_000;

const HOUR: Duration = Duration::from_hours(1);
/// Messages to `/ws` at once, and the time until one more is admitted. Contract 4.
const SOCKET_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
const SOCKET_REFILL: Duration = Duration::from_millis(1_500);

/// Bots' tokens that Discord may refuse at once, whoever has brought them, and the time until one
/// more may be: in ten minutes a fiftieth at most of what it bans an address for.
const ALL_BOT_REFUSALS: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
const ALL_BOT_REFUSALS_REFILL: Duration = Duration::from_secs(6);

/// Most addresses that are kept out at once.
const BLOCKED_MAX: u64 = 100_000;

/// What a caller may still do, as the three headers say it. Seed 004, Rate Limiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Requests at once.
    pub limit: u32,
    /// Requests left now.
    pub remaining: u32,
    /// 0 while requests are left, else milliseconds until the next one, rounded up.
    pub reset_ms: u64,
}

/// Refused; the wait until the next request is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub Duration);

/// An address as far as it is limited: IPv6 by its /64, which one household holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressKey(u64);

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u64::from(v4.to_bits())),
            // 2000::/3 and every other /64 differ from the 32-bit numbers above.
            IpAddr::V6(v6) => Self(u64::try_from(v6.to_bits() >> 64).unwrap_or(u64::MAX)),
        }
    }
}

/// All limiters.
pub struct Limits {
    users: Keyed<UserId>,
    sockets: Keyed<UserId>,
    strangers: Keyed<AddressKey>,
    failures: Strikes<AddressKey>,
    oauth: Keyed<AddressKey>,
    bot_logins: Keyed<AddressKey>,
    bot_refusals: Strikes<AddressKey>,
    all_bot_refusals: Strikes<()>,
    uploads: Keyed<UserId>,
    archives: Keyed<UserId>,
}

impl Limits {
    /// The per-user buckets as configured, the others as `docs/api.md` has them.
    pub fn new(config: &Config, clock: &Clock) -> Self {
        let (users, uploads, archives) = (&config.limits, &config.uploads, &config.archives);
        let fixed = |burst: u32, refill_ms: u64| {
            let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
            Keyed::new(burst, Duration::from_millis(refill_ms), clock, KEYS_MAX)
        };
        let hourly = |burst: NonZeroU32| Keyed::new(burst, HOUR / burst.get(), clock, KEYS_MAX);
        Self {
            users: Keyed::new(users.burst, users.refill, clock, KEYS_MAX),
            sockets: Keyed::new(SOCKET_BURST, SOCKET_REFILL, clock, KEYS_MAX),
            strangers: fixed(60, 100),
            failures: Strikes::new(fixed(10, 60_000), clock),
            oauth: fixed(10, 6_000),
            bot_logins: fixed(10, 6_000),
            bot_refusals: Strikes::new(fixed(5, 720_000), clock),
            all_bot_refusals: Strikes::new(
                Keyed::new(ALL_BOT_REFUSALS, ALL_BOT_REFUSALS_REFILL, clock, 1),
                clock,
            ),
            uploads: hourly(uploads.per_hour),
            archives: hourly(archives.per_hour),
        }
    }

    /// Takes one token of a known caller's; the budget says what is left.
    ///
    /// # Errors
    /// The budget with the wait, when there is none; nothing is taken then.
    pub fn charge(&self, user: UserId) -> Result<Budget, Budget> {
        self.users.charge(&user)
    }

    /// Takes one token of a user's for a message to `/ws`: a bucket of its own, however many
    /// connections there are. Contract 4.
    ///
    /// # Errors
    /// The budget with the wait, when there is none; nothing is taken then.
    pub fn charge_socket(&self, user: UserId) -> Result<Budget, Budget> {
        self.sockets.charge(&user)
    }

    /// Counts a request that nobody has been identified for.
    ///
    /// # Errors
    /// When the address has sent too many.
    pub fn charge_stranger(&self, address: IpAddr) -> Result<(), Refused> {
        self.strangers.check(&address.into())
    }

    /// Whether a credential of this address may be looked up at all.
    ///
    /// # Errors
    /// While too many have failed.
    pub fn check_failures(&self, address: IpAddr) -> Result<(), Refused> {
        self.failures.check(&address.into())
    }

    /// Counts a credential that was not accepted. One too many stops the address's lookups until
    /// the next attempt is due.
    ///
    /// # Errors
    /// When the address has tried too many.
    pub fn charge_failure(&self, address: IpAddr) -> Result<(), Refused> {
        self.failures.strike(address.into())
    }

    /// Counts the start of a login.
    ///
    /// # Errors
    /// When the address has started too many.
    pub fn charge_oauth(&self, address: IpAddr) -> Result<(), Refused> {
        self.oauth.check(&address.into())
    }

    /// Counts an attempt to start a session of a bot, before its token is looked at. Contract 3.
    ///
    /// # Errors
    /// When the address has made too many.
    pub fn charge_bot_login(&self, address: IpAddr) -> Result<(), Refused> {
        self.bot_logins.check(&address.into())
    }

    /// Whether Discord may be asked about a bot's token that this address has brought.
    ///
    /// # Errors
    /// While too many of this address have been refused.
    pub fn check_bot_refusals(&self, address: IpAddr) -> Result<(), Refused> {
        self.bot_refusals.check(&address.into())
    }

    /// The same of all addresses: Discord counts them together.
    ///
    /// # Errors
    /// While too many have been refused.
    pub fn check_all_bot_refusals(&self) -> Result<(), Refused> {
        self.all_bot_refusals.check(&())
    }

    /// Counts a bot's token that was refused; `is_news` is whether Discord had to be asked.
    pub fn charge_bot_refusal(&self, address: IpAddr, is_news: bool) {
        self.bot_refusals.count(address.into());
        if is_news {
            self.all_bot_refusals.count(());
        }
    }

    /// Counts a sound that somebody brings in.
    ///
    /// # Errors
    /// When they have brought too many.
    pub fn charge_upload(&self, user: UserId) -> Result<(), Refused> {
        self.uploads.check(&user)
    }

    /// Counts an archive of sounds that somebody brings in.
    ///
    /// # Errors
    /// When they have brought too many.
    pub fn charge_archive(&self, user: UserId) -> Result<(), Refused> {
        self.archives.check(&user)
    }

    /// Drops the keys whose buckets are full again. Called once a minute.
    pub fn drop_idle(&self) {
        self.users.drop_idle();
        self.sockets.drop_idle();
        self.strangers.drop_idle();
        self.failures.allowed.drop_idle();
        self.oauth.drop_idle();
        self.bot_logins.drop_idle();
        self.bot_refusals.allowed.drop_idle();
        self.uploads.drop_idle();
        self.archives.drop_idle();
    }
}

/// Failures of which so many are allowed, and those who have had theirs.
struct Strikes<K: Clone + Copy + Eq + std::hash::Hash + Send + Sync + 'static> {
    allowed: Keyed<K>,
    /// Until when, on the monotonic clock, nothing is tried.
    blocked: Cache<K, Duration>,
    clock: Clock,
}

impl<K: Clone + Copy + Eq + std::hash::Hash + Send + Sync + 'static> Strikes<K> {
    fn new(allowed: Keyed<K>, clock: &Clock) -> Self {
        Self {
            allowed,
            blocked: Cache::new(BLOCKED_MAX),
            clock: clock.clone(),
        }
    }

    fn check(&self, key: &K) -> Result<(), Refused> {
        let until = self.blocked.get(key).unwrap_or_default();
        match until.checked_sub(self.clock.monotonic()) {
            Some(wait) if !wait.is_zero() => Err(Refused(wait)),
            _ => Ok(()),
        }
    }

    /// Counts one. One too many stops whoever it was until the next is due.
    fn strike(&self, key: K) -> Result<(), Refused> {
        self.allowed.check(&key).inspect_err(|refused| {
            self.blocked.insert(key, self.clock.monotonic() + refused.0);
        })
    }

    /// Counts one. The last that is allowed stops whoever it was until the next is due.
    fn count(&self, key: K) {
        let (Ok(budget) | Err(budget)) = self.allowed.charge(&key);
        if budget.remaining == 0 {
            let wait = Duration::from_millis(budget.reset_ms);
            self.blocked.insert(key, self.clock.monotonic() + wait);
        }
    }
}

/// One limiter with a bucket per key.
struct Keyed<K: Clone + Eq + std::hash::Hash> {
    limiter: RateLimiter<K, BoundedStore<K>, Clock, StateInformationMiddleware>,
    burst: NonZeroU32,
    /// What asking for a whole burst adds to the wait for one token.
    rest_of_burst: Duration,
    clock: Clock,
}

impl<K: Clone + Eq + std::hash::Hash> Keyed<K> {
    fn new(burst: NonZeroU32, refill: Duration, clock: &Clock, keys_max: usize) -> Self {
        // A zero period is refused by the configuration.
        let quota = Quota::with_period(refill).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        Self {
            limiter: RateLimiter::new(
                quota.allow_burst(burst),
                BoundedStore::new(keys_max),
                clock.clone(),
            ),
            burst,
            rest_of_burst: refill.saturating_mul(burst.get() - 1),
            clock: clock.clone(),
        }
    }

    fn check(&self, key: &K) -> Result<(), Refused> {
        match self.limiter.check_key(key) {
            Ok(_) => Ok(()),
            Err(refused) => Err(Refused(self.wait(&refused))),
        }
    }

    fn charge(&self, key: &K) -> Result<Budget, Budget> {
        let limit = self.burst.get();
        match self.limiter.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let reset_ms = if remaining > 0 {
                    0
                } else {
                    self.reset_of_empty_ms(key)
                };
                Ok(Budget {
                    limit,
                    remaining,
                    reset_ms,
                })
            }
            Err(refused) => {
                let reset_ms = millis_up(self.wait(&refused)).max(1);
                Err(Budget {
                    limit,
                    remaining: 0,
                    reset_ms,
                })
            }
        }
    }

    /// The wait of a bucket that has just been emptied. Asking for a whole burst is always
    /// refused then, and so costs nothing.
    fn reset_of_empty_ms(&self, key: &K) -> u64 {
        match self.limiter.check_key_n(key, self.burst) {
            Ok(Err(refused)) => {
                millis_up(self.wait(&refused).saturating_sub(self.rest_of_burst)).max(1)
            }
            // Only when the bucket has refilled between the two checks.
            Ok(Ok(_)) | Err(_) => 0,
        }
    }

    fn wait(&self, refused: &NotUntil<Nanos>) -> Duration {
        refused.wait_time_from(governor::clock::Clock::now(&self.clock))
    }

    fn drop_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

fn millis_up(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// States by key, never more than a bound: memory does not grow with the keys that arrive.
struct BoundedStore<K: Eq + std::hash::Hash> {
    states: DashMap<K, InMemoryState>,
    overflow: InMemoryState,
    keys_max: usize,
}

impl<K: Clone + Eq + std::hash::Hash> BoundedStore<K> {
    fn new(keys_max: usize) -> Self {
        Self {
            states: DashMap::new(),
            overflow: InMemoryState::default(),
            keys_max,
        }
    }
}

impl<K: Clone + Eq + std::hash::Hash> StateStore for BoundedStore<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let known = self.states.contains_key(key);
        if known || self.states.len() < self.keys_max {
            self.states.measure_and_replace(key, measure)
        } else {
            self.overflow
                .measure_and_replace(&NotKeyed::NonKey, measure)
        }
    }
}

impl<K: Clone + Eq + std::hash::Hash> ShrinkableKeyedStateStore<K> for BoundedStore<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        self.states.retain_recent(drop_below);
    }

    fn shrink_to_fit(&self) {
        ShrinkableKeyedStateStore::shrink_to_fit(&self.states);
    }

    fn len(&self) -> usize {
        self.states.len()
    }

    fn is_empty(&self) -> bool {
        self.states.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(keys_max: usize) -> (Keyed<u32>, Clock) {
        let clock = Clock::manual(0);
        clock.advance(Duration::from_secs(1));
        let burst = NonZeroU32::new(5).unwrap();
        (
            Keyed::new(burst, Duration::from_secs(2), &clock, keys_max),
            clock,
        )
    }

    fn charge(keyed: &Keyed<u32>, key: u32) -> (bool, u32, u64) {
        let (admitted, budget) = match keyed.charge(&key) {
            Ok(budget) => (true, budget),
            Err(budget) => (false, budget),
        };
        assert_eq!(budget.limit, 5);
        (admitted, budget.remaining, budget.reset_ms)
    }

    #[test]
    fn five_at_once_then_one_every_two_seconds() {
        let (keyed, clock) = keyed(10);
        for remaining in [4, 3, 2, 1] {
            assert_eq!(charge(&keyed, 1), (true, remaining, 0));
        }
        assert_eq!(charge(&keyed, 1), (true, 0, 2000));
        clock.advance(Duration::from_millis(415));
        assert_eq!(charge(&keyed, 1), (false, 0, 1585));
        clock.advance(Duration::from_millis(1584));
        assert_eq!(charge(&keyed, 1), (false, 0, 1), "refused at 1999 ms");
        clock.advance(Duration::from_millis(1));
        assert_eq!(charge(&keyed, 1), (true, 0, 2000), "admitted at 2000 ms");
        assert_eq!(
            charge(&keyed, 2),
            (true, 4, 0),
            "another caller is not touched"
        );
    }

    #[test]
    fn part_of_a_millisecond_is_rounded_up() {
        let (keyed, clock) = keyed(10);
        (0..5).for_each(|_| assert!(keyed.charge(&1).is_ok()));
        clock.advance(Duration::from_nanos(1_999_999_999));
        assert_eq!(charge(&keyed, 1), (false, 0, 1));
    }

    #[test]
    fn refused_requests_consume_nothing() {
        let (keyed, clock) = keyed(10);
        (0..100).for_each(|_| _ = keyed.charge(&1));
        clock.advance(Duration::from_secs(10));
        assert_eq!(charge(&keyed, 1), (true, 4, 0));
    }

    #[test]
    fn keys_are_bounded_and_idle_ones_dropped() {
        let (keyed, clock) = keyed(3);
        for key in 0..100 {
            let _refused_once_the_shared_bucket_is_empty = keyed.charge(&key);
        }
        assert_eq!(keyed.limiter.len(), 3);
        assert_eq!(
            charge(&keyed, 0),
            (true, 3, 0),
            "a known key keeps its own bucket"
        );
        assert!(!charge(&keyed, 1000).0, "the unknown ones share one");
        clock.advance(Duration::from_secs(11));
        keyed.drop_idle();
        assert_eq!(keyed.limiter.len(), 0);
    }

    #[test]
    fn addresses_are_told_apart_as_far_as_one_can_hold_them() {
        let key = |text: &str| AddressKey::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
