//! Who may ask REST how often: buckets, the limit of each second, and addresses that ask
//! for too much they may not have.
//!
//! The HTTP server asks before each request to OAuth and REST and tells what became of it.
//! All by the simulated clock; what has run out is forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::faults::requests::{Requests, parts, write_id};
use crate::protocol::rate_limits::{Quota, RateLimitScope, RateLimits, bucket_of};

/// How many windows of each kind are kept; beyond it the one that ends first is forgotten.
const WINDOWS_KEPT: usize = 10_000;

/// On whose account a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Account {
    /// A bot, by its application's id.
    Bot(u64),
    /// A user through an application.
    User { application: u64, user: u64 },
    /// Whoever shows no good credential.
    Address(IpAddr),
}

/// A request, as far as limits are concerned.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) account: Account,
    pub(crate) address: IpAddr,
    pub(crate) method: String,
    /// Without `/api` and the version.
    pub(crate) path: String,
    /// The path with `{}` for each parameter; none if there is no such route.
    pub(crate) template: Option<String>,
}

impl Call {
    /// The bot whose token the request has.
    pub(crate) fn bot(&self) -> Option<u64> {
        match self.account {
            Account::Bot(bot) => Some(bot),
            Account::User { .. } | Account::Address(_) => None,
        }
    }

    fn is_in(&self, requests: &Requests) -> bool {
        requests.include(&self.method, &self.path, self.bot())
    }

    /// The channel, guild or webhook at the top of the path; the last with its token.
    fn top_level_resource(&self) -> String {
        let mut parts = parts(&self.path);
        let length = match parts.next() {
            Some("channels" | "guilds") => 1,
            Some("webhooks") => 2,
            _ => 0,
        };
        parts.take(length).collect::<Vec<_>>().join("/")
    }

    /// Whether the request answers an interaction, which is not bound to the global limit.
    fn is_of_interaction(&self) -> bool {
        let mut parts = parts(&self.path);
        match parts.next() {
            Some("interactions") => true,
            Some("webhooks") => parts.nth(1).is_some(),
            _ => false,
        }
    }
}

/// How a bucket stands after a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) bucket: String,
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// When it is full again, in Unix milliseconds.
    pub(crate) reset_ms: u64,
    pub(crate) reset_after_ms: u64,
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is let in; its bucket, if it has one.
    Granted(Option<Standing>),
    /// It came too soon.
    Limited {
        scope: RateLimitScope,
        retry_after_ms: u64,
        standing: Option<Standing>,
    },
    /// Its address is banned for so much longer.
    Banned { for_ms: u64 },
}

/// A bucket that has been used lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RateLimitBucket {
    /// The opaque name in `X-RateLimit-Bucket`.
    pub bucket: String,
    /// The channel, guild or webhook it is of; empty if it is of none.
    pub resource: String,
    /// The bot it is of, by its application's id; none for users and for those unknown.
    #[serde(serialize_with = "write_id")]
    pub bot: Option<u64>,
    /// How many requests it has taken in its window.
    pub used: u32,
    /// Until its window ends.
    pub reset_after_ms: u64,
}

/// All limits and what has been used of them.
#[derive(Debug)]
pub(crate) struct Limiter {
    settings: RateLimits,
    /// Set by a test; the last that fits holds.
    quotas: Vec<(Requests, Option<Quota>)>,
    exhausted: Vec<Exhausted>,
    buckets: Windows<(Account, String, String)>,
    seconds: Windows<Account>,
    invalid: Windows<IpAddr>,
    banned_until_ms: HashMap<IpAddr, u64>,
}

/// A limit that a test has declared used up.
#[derive(Debug)]
struct Exhausted {
    requests: Requests,
    scope: RateLimitScope,
    until_ms: u64,
}

impl Limiter {
    pub(crate) fn new(settings: RateLimits) -> Limiter {
        Limiter {
            settings,
            quotas: Vec::new(),
            exhausted: Vec::new(),
            buckets: Windows::default(),
            seconds: Windows::default(),
            invalid: Windows::default(),
            banned_until_ms: HashMap::new(),
        }
    }

    /// Counts a request, unless it is refused.
    pub(crate) fn admit(&mut self, call: &Call, now_ms: u64) -> Admission {
        self.banned_until_ms
            .retain(|_, until_ms| now_ms < *until_ms);
        if let Some(until_ms) = self.banned_until_ms.get(&call.address) {
            let for_ms = until_ms - now_ms;
            return Admission::Banned { for_ms };
        }
        let template = call.template.as_deref().unwrap_or_default();
        let (bucket, quota) = bucket_of(&call.method, template);
        let quota = self.quota(call, quota);
        self.exhausted
            .retain(|exhausted| now_ms < exhausted.until_ms);
        let mut exhausted = self.exhausted.iter().rev();
        if let Some(found) = exhausted.find(|exhausted| call.is_in(&exhausted.requests)) {
            let retry_after_ms = found.until_ms - now_ms;
            let standing = Standing {
                bucket,
                limit: quota.map_or(1, |quota| quota.requests),
                remaining: 0,
                reset_ms: found.until_ms,
                reset_after_ms: retry_after_ms,
            };
            return Admission::Limited {
                scope: found.scope,
                retry_after_ms,
                standing: (found.scope != RateLimitScope::Global).then_some(standing),
            };
        }
        if self.settings.enforced && !call.is_of_interaction() {
            let all = Quota::new(self.settings.global, RateLimits::GLOBAL_WINDOW);
            if let Err(second) = self.seconds.take(call.account, all, now_ms) {
                return Admission::Limited {
                    scope: RateLimitScope::Global,
                    retry_after_ms: second.ends_ms - now_ms,
                    standing: None,
                };
            }
        }
        let Some(quota) = quota else {
            return Admission::Granted(None);
        };
        let key = (call.account, bucket.clone(), call.top_level_resource());
        let taken = self.buckets.take(key, quota, now_ms);
        let (Ok(window) | Err(window)) = taken;
        let standing = Standing {
            bucket,
            limit: quota.requests,
            remaining: quota.requests.saturating_sub(window.used),
            reset_ms: window.ends_ms,
            reset_after_ms: window.ends_ms - now_ms,
        };
        if taken.is_err() {
            return Admission::Limited {
                scope: RateLimitScope::User,
                retry_after_ms: standing.reset_after_ms,
                standing: Some(standing),
            };
        }
        Admission::Granted(Some(standing))
    }

    fn quota(&self, call: &Call, usual: Option<Quota>) -> Option<Quota> {
        let mut set = self.quotas.iter().rev();
        match set.find(|(requests, _)| call.is_in(requests)) {
            Some((_, quota)) => *quota,
            None => usual.filter(|_| self.settings.enforced),
        }
    }

    /// Counts a request that should not have been made, and bans its address if there were
    /// too many.
    pub(crate) fn count_invalid(&mut self, address: IpAddr, now_ms: u64) {
        let quota = Quota::new(u32::MAX, RateLimits::INVALID_WINDOW);
        let (Ok(window) | Err(window)) = self.invalid.take(address, quota, now_ms);
        if window.used < self.settings.invalid_requests {
            return;
        }
        if self.banned_until_ms.len() < WINDOWS_KEPT {
            let until_ms = now_ms.saturating_add(milliseconds(self.settings.ban));
            self.banned_until_ms.insert(address, until_ms);
        }
        self.invalid.forget(&address);
    }

    /// How many invalid requests are counted against all addresses together.
    pub(crate) fn invalid_requests(&self, now_ms: u64) -> u32 {
        self.invalid
            .running(now_ms)
            .map(|(_, window)| window.used)
            .sum()
    }

    /// Until when addresses are banned, in Unix milliseconds.
    pub(crate) fn bans(&self, now_ms: u64) -> impl Iterator<Item = (IpAddr, u64)> {
        let bans = self.banned_until_ms.iter();
        bans.filter(move |(_, until_ms)| now_ms < **until_ms)
            .map(|(address, until_ms)| (*address, *until_ms))
    }

    /// Limits some requests otherwise, or not at all.
    pub(crate) fn set_quota(&mut self, requests: Requests, quota: Option<Quota>) {
        self.quotas.retain(|(others, _)| *others != requests);
        self.quotas.push((requests, quota));
    }

    /// Refuses some requests for a while, as if they had been too many.
    pub(crate) fn exhaust(
        &mut self,
        requests: Requests,
        scope: RateLimitScope,
        time: Duration,
        now_ms: u64,
    ) {
        let until_ms = now_ms.saturating_add(milliseconds(time));
        self.exhausted.retain(|others| others.requests != requests);
        self.exhausted.push(Exhausted {
            requests,
            scope,
            until_ms,
        });
    }

    /// The buckets whose windows have not ended.
    pub(crate) fn buckets(&self, now_ms: u64) -> Vec<RateLimitBucket> {
        let running = self.buckets.running(now_ms);
        let buckets = running.map(|((account, bucket, resource), window)| RateLimitBucket {
            bucket: bucket.clone(),
            resource: resource.clone(),
            bot: match account {
                Account::Bot(bot) => Some(*bot),
                Account::User { .. } | Account::Address(_) => None,
            },
            used: window.used,
            reset_after_ms: window.ends_ms - now_ms,
        });
        let mut buckets = buckets.collect::<Vec<_>>();
        buckets.sort_by(|a, b| (&a.bucket, &a.resource).cmp(&(&b.bucket, &b.resource)));
        buckets
    }

    /// Forgets everything but the settings.
    pub(crate) fn restore(&mut self) {
        *self = Limiter::new(self.settings.clone());
    }
}

/// Counts by key, each over a window that begins with the first.
#[derive(Debug)]
struct Windows<K>(HashMap<K, Window>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    used: u32,
    ends_ms: u64,
}

impl<K> Default for Windows<K> {
    fn default() -> Windows<K> {
        Windows(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash> Windows<K> {
    /// Counts one more, unless there were enough; the window either way.
    fn take(&mut self, key: K, quota: Quota, now_ms: u64) -> Result<Window, Window> {
        if self.0.len() >= WINDOWS_KEPT && !self.0.contains_key(&key) {
            self.make_room(now_ms);
        }
        let fresh = Window {
            used: 0,
            ends_ms: now_ms.saturating_add(milliseconds(quota.window)),
        };
        let window = self.0.entry(key).or_insert(fresh);
        if now_ms >= window.ends_ms {
            *window = fresh;
        }
        if window.used >= quota.requests {
            return Err(*window);
        }
        window.used += 1;
        Ok(*window)
    }

    fn forget(&mut self, key: &K) {
        self.0.remove(key);
    }

    fn running(&self, now_ms: u64) -> impl Iterator<Item = (&K, &Window)> {
        self.0
            .iter()
            .filter(move |(_, window)| now_ms < window.ends_ms)
    }

    fn make_room(&mut self, now_ms: u64) {
        self.0.retain(|_, window| now_ms < window.ends_ms);
        if self.0.len() < WINDOWS_KEPT {
            return;
        }
        let first = self.0.iter().min_by_key(|(_, window)| window.ends_ms);
        if let Some(first) = first.map(|(key, _)| key.clone()) {
            self.0.remove(&first);
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000;

    fn call(account: u64, method: &str, path: &str, template: &str) -> Call {
        Call {
            account: Account::Bot(account),
            address: [127, 0, 0, 1].into(),
            method: method.to_owned(),
            path: path.to_owned(),
            template: Some(template.to_owned()),
        }
    }

    fn message(channel: u64) -> Call {
        let path = format!("/channels/{channel}/messages");
        call(7, "POST", &path, "/channels/{}/messages")
    }

    /// How many of so many calls are let in.
    fn granted(limiter: &mut Limiter, call: &Call, count: usize, now_ms: u64) -> usize {
        let granted =
            (0..count).filter(|_| matches!(limiter.admit(call, now_ms), Admission::Granted(_)));
        granted.count()
    }

    #[test]
    fn a_bucket_is_of_one_caller_and_channel_and_fills_at_once() {
        let mut limiter = Limiter::new(RateLimits::default());
        assert_eq!(granted(&mut limiter, &message(1), 9, 0), 5);
        assert_eq!(granted(&mut limiter, &message(2), 9, 0), 5);
        let mut other = message(1);
        other.account = Account::Bot(8);
        assert_eq!(granted(&mut limiter, &other, 9, 0), 5);
        // An edit counts with the messages, a deletion does not.
        let path = "/channels/1/messages/2";
        let edit = call(7, "PATCH", path, "/channels/{}/messages/{}");
        assert_eq!(granted(&mut limiter, &edit, 9, 4_999), 0);
        let delete = call(7, "DELETE", path, "/channels/{}/messages/{}");
        assert_eq!(granted(&mut limiter, &delete, 9, 4_999), 5);
        assert_eq!(granted(&mut limiter, &message(1), 9, 5_000), 5);
        let refused = limiter.admit(&message(1), 6_000);
        let Admission::Limited {
            scope: RateLimitScope::User,
            retry_after_ms: 4_000,
            standing: Some(standing),
        } = refused
        else {
            panic!("{refused:?}");
        };
        let left = (standing.limit, standing.remaining, standing.reset_ms);
        assert_eq!(left, (5, 0, 10_000));
    }

    #[test]
    fn all_together_are_fifty_a_second_but_for_interactions() {
        let mut limiter = Limiter::new(RateLimits::default());
        let me = call(7, "GET", "/users/@me", "/users/@me");
        assert_eq!(granted(&mut limiter, &me, 60, 0), 50);
        let refused = Admission::Limited {
            scope: RateLimitScope::Global,
            retry_after_ms: 600,
            standing: None,
        };
        assert_eq!(limiter.admit(&message(1), 400), refused);
        let template = "/interactions/{}/{}/callback";
        let callback = call(7, "POST", "/interactions/1/x/callback", template);
        assert_eq!(granted(&mut limiter, &callback, 60, 400), 60);
        assert_eq!(granted(&mut limiter, &me, 60, SECOND), 50);
    }

    #[test]
    fn what_is_not_enforced_can_be_set_and_exhausted() {
        let mut limiter = Limiter::new(RateLimits {
            enforced: false,
            ..RateLimits::default()
        });
        assert_eq!(granted(&mut limiter, &message(1), 60, 0), 60);
        let quota = Quota::new(2, Duration::from_secs(1));
        limiter.set_quota(Requests::all(), Some(quota));
        limiter.set_quota(Requests::to("/channels/2/**"), None);
        assert_eq!(granted(&mut limiter, &message(1), 60, 0), 2);
        assert_eq!(granted(&mut limiter, &message(2), 60, 0), 60);
        let time = Duration::from_secs(1);
        limiter.exhaust(Requests::all(), RateLimitScope::Shared, time, SECOND);
        let refused = limiter.admit(&message(2), SECOND);
        let Admission::Limited {
            scope: RateLimitScope::Shared,
            retry_after_ms: 1_000,
            standing: Some(_),
        } = refused
        else {
            panic!("{refused:?}");
        };
        assert_eq!(granted(&mut limiter, &message(2), 1, 2 * SECOND), 1);
        limiter.restore();
        assert_eq!(granted(&mut limiter, &message(1), 60, 0), 60);
    }

    #[test]
    fn an_address_with_too_many_invalid_requests_is_banned() {
        let mut limiter = Limiter::new(RateLimits {
            invalid_requests: 3,
            ban: Duration::from_secs(1),
            ..RateLimits::default()
        });
        let address = [127, 0, 0, 1].into();
        for now_ms in [0, 1, 600_000, 600_001] {
            limiter.count_invalid(address, now_ms);
        }
        // The first two are ten minutes old.
        assert_eq!(limiter.invalid_requests(600_001), 2);
        limiter.count_invalid(address, 600_002);
        assert_eq!(limiter.bans(600_002).count(), 1);
        let banned = Admission::Banned { for_ms: 1_000 };
        assert_eq!(limiter.admit(&message(1), 600_002), banned);
        let mut elsewhere = message(1);
        elsewhere.address = [127, 0, 0, 2].into();
        assert_eq!(granted(&mut limiter, &elsewhere, 1, 600_002), 1);
        assert_eq!(granted(&mut limiter, &message(1), 1, 601_002), 1);
    }

    #[test]
    fn no_more_is_kept_than_can_be() {
        let mut limiter = Limiter::new(RateLimits::default());
        for channel in 0..20_000 {
            limiter.admit(&message(channel), channel / 20);
        }
        assert!(limiter.buckets.0.len() <= WINDOWS_KEPT);
        assert!(limiter.buckets(2_000).len() <= WINDOWS_KEPT);
        assert!(limiter.buckets(SECOND * 60).is_empty());
    }
}
