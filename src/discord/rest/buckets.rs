//! Discord's limits per route, as its answers tell them. Called by `rest::account`, which keeps one
//! set for each bot.
//!
//! Which routes share a bucket is known only from `X-RateLimit-Bucket`, and how much one takes only
//! from its answers: until there is one, a single request finds out while the others wait. Times are
//! those of the server's monotonic clock; they are reckoned from when an answer arrived, so that
//! latency makes us late, never early.

use std::collections::HashMap;
use std::time::Duration;

use super::route::Route;

/// Most buckets remembered at once, and most routes whose bucket is known.
const ENTRIES_MAX: usize = 4096;
const ROUTES_MAX: usize = 512;

/// What an answer says of its bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// Discord's name of it, if it says one.
    pub(super) bucket: Option<String>,
    /// How many requests it takes in its window.
    pub(super) limit: u32,
    /// How many are left.
    pub(super) remaining: u32,
    /// When it is full again, from then on.
    pub(super) reset_after: Duration,
}

/// How a request ended, for its bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// When it was sent.
    pub(super) sent_at: Duration,
    /// What the answer says of the bucket.
    pub(super) standing: Option<Standing>,
    /// A wait that was asked for.
    pub(super) wait: Option<Duration>,
    /// Whether the request was looked at: if the answer says nothing of a bucket then, it is of none.
    pub(super) is_heard: bool,
}

/// What a request counts for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Discord's name of the bucket; until it is known, the route.
    bucket: String,
    major: String,
}

/// Whether a request may be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Now. [`Buckets::finish`] has to be told of its end.
    Go(Key),
    /// Not before then.
    At(Duration),
    /// Not before another one has ended.
    AfterAnother,
}

/// The buckets of one bot.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    names: HashMap<String, String>,
    entries: HashMap<Key, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    quota: Quota,
    /// Sent and not yet ended.
    in_flight: u32,
    /// Discord wants nothing before then.
    blocked_until: Duration,
}

#[derive(Debug, Default, Clone, Copy)]
enum Quota {
    /// Nothing was answered yet.
    #[default]
    Unknown,
    /// Only the limit of all requests together holds.
    Free,
    Known {
        limit: u32,
        remaining: u32,
        /// The end of the window; `None` when a new one begins, and until its first answer.
        reset_at: Option<Duration>,
    },
}

impl Buckets {
    /// Whether a request may be sent now; it is counted then.
    pub(super) fn admit(&mut self, route: &Route, now: Duration) -> Admission {
        let key = self.key(route);
        if self.entries.len() >= ENTRIES_MAX && !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        let entry = self.entries.entry(key.clone()).or_default();
        entry.admit(now, key)
    }

    /// A request has ended; `None` when nobody knows how.
    pub(super) fn finish(
        &mut self,
        route: &Route,
        key: &Key,
        outcome: Option<&Outcome>,
        now: Duration,
    ) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.in_flight = entry.in_flight.saturating_sub(1);
        }
        let Some(outcome) = outcome else { return };
        let name = outcome
            .standing
            .as_ref()
            .and_then(|standing| standing.bucket.as_ref());
        if let Some(name) = name {
            if self.names.len() >= ROUTES_MAX && !self.names.contains_key(&route.template) {
                self.names.clear();
            }
            self.names.insert(route.template.clone(), name.clone());
        }
        let known = self.key(route);
        if known != *key
            && self
                .entries
                .get(key)
                .is_some_and(|entry| entry.in_flight == 0)
        {
            self.entries.remove(key);
        }
        self.entries.entry(known).or_default().learn(outcome, now);
    }

    fn key(&self, route: &Route) -> Key {
        let bucket = self.names.get(&route.template).unwrap_or(&route.template);
        Key {
            bucket: bucket.clone(),
            major: route.major.clone(),
        }
    }

    /// Forgets what says nothing any more, else what will say nothing soonest. There is always such
    /// a one: far fewer requests are under way than buckets are remembered.
    fn make_room(&mut self, now: Duration) {
        self.entries.retain(|_, entry| !entry.is_idle(now));
        if self.entries.len() < ENTRIES_MAX {
            return;
        }
        let waiting = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.in_flight == 0);
        let soonest = waiting.min_by_key(|(_, entry)| entry.resets_at());
        if let Some(key) = soonest.map(|(key, _)| key.clone()) {
            self.entries.remove(&key);
        }
    }
}

impl Entry {
    fn admit(&mut self, now: Duration, key: Key) -> Admission {
        if now < self.blocked_until {
            return Admission::At(self.blocked_until);
        }
        match &mut self.quota {
            Quota::Free => {}
            Quota::Unknown if self.in_flight == 0 => {}
            Quota::Unknown => return Admission::AfterAnother,
            Quota::Known {
                limit,
                remaining,
                reset_at,
            } => {
                if reset_at.is_some_and(|reset_at| reset_at <= now) {
                    // What is under way may arrive in the new window.
                    *remaining = limit.saturating_sub(self.in_flight);
                    *reset_at = None;
                }
                match (*remaining, *reset_at) {
                    (0, Some(reset_at)) => return Admission::At(reset_at),
                    (0, None) if self.in_flight > 0 => return Admission::AfterAnother,
                    // No answer to any of this window's has come: one finds out how it stands.
                    (0, None) => {}
                    _ => *remaining -= 1,
                }
            }
        }
        self.in_flight += 1;
        Admission::Go(key)
    }

    fn learn(&mut self, outcome: &Outcome, now: Duration) {
        if let Some(standing) = &outcome.standing {
            self.see(standing, outcome.sent_at, now);
        } else if outcome.is_heard {
            self.quota = Quota::Free;
        }
        if let Some(wait) = outcome.wait {
            self.blocked_until = self.blocked_until.max(now + wait);
        }
    }

    fn see(&mut self, standing: &Standing, sent_at: Duration, now: Duration) {
        let ends_at = now + standing.reset_after;
        let (remaining, reset_at) = match self.quota {
            Quota::Known {
                remaining,
                reset_at,
                ..
            } if reset_at.is_none_or(|known| sent_at + standing.reset_after <= known) => {
                // Answers may come in another order than they were given: none of a window that is
                // known, or may be, takes anything back. Whichever window it is of ends by then.
                let known = reset_at.unwrap_or_default();
                (remaining.min(standing.remaining), known.max(ends_at))
            }
            // Of a window that nothing was known of. What is under way may still be counted in it.
            _ => (standing.remaining.saturating_sub(self.in_flight), ends_at),
        };
        self.quota = Quota::Known {
            limit: standing.limit.max(1),
            remaining,
            reset_at: Some(reset_at),
        };
    }

    fn is_idle(&self, now: Duration) -> bool {
        self.in_flight == 0 && self.resets_at() <= now
    }

    fn resets_at(&self) -> Duration {
        match self.quota {
            Quota::Known {
                reset_at: Some(reset_at),
                ..
            } => reset_at.max(self.blocked_until),
            _ => self.blocked_until,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;
    use reqwest::Method;

    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn route(major: u64) -> Route {
        Route::of(&Method::GET, &format!("/guilds/{major}/members"))
    }

    fn standing(limit: u32, remaining: u32, reset_after: Duration) -> Standing {
        Standing {
            bucket: Some("b".to_owned()),
            limit,
            remaining,
            reset_after,
        }
    }

    fn answer(sent_at: Duration, standing: Option<Standing>) -> Outcome {
        Outcome {
            sent_at,
            standing,
            wait: None,
            is_heard: true,
        }
    }

    fn go(buckets: &mut Buckets, route: &Route, now: Duration) -> Key {
        match buckets.admit(route, now) {
            Admission::Go(key) => key,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_request_finds_out_what_a_bucket_takes() {
        let mut buckets = Buckets::default();
        let (one, other) = (route(1), route(2));
        let first = go(&mut buckets, &one, ms(0));
        assert_eq!(buckets.admit(&one, ms(0)), Admission::AfterAnother);
        // Another guild's is another bucket.
        let _other = go(&mut buckets, &other, ms(0));
        let found = answer(ms(0), Some(standing(3, 2, ms(1000))));
        buckets.finish(&one, &first, Some(&found), ms(100));
        let _second = go(&mut buckets, &one, ms(100));
        let _third = go(&mut buckets, &one, ms(100));
        assert_eq!(buckets.admit(&one, ms(100)), Admission::At(ms(1100)));
        // A new window: two of the three places may be those of the requests under way.
        let _fourth = go(&mut buckets, &one, ms(1100));
        assert_eq!(buckets.admit(&one, ms(1100)), Admission::AfterAnother);
    }

    #[test]
    fn routes_of_one_bucket_share_it() {
        let mut buckets = Buckets::default();
        let post = Route::of(&Method::POST, "/channels/1/messages");
        let patch = Route::of(&Method::PATCH, "/channels/1/messages/2");
        for route in [&post, &patch] {
            let key = go(&mut buckets, route, ms(0));
            let found = answer(ms(0), Some(standing(5, 0, ms(5000))));
            buckets.finish(route, &key, Some(&found), ms(0));
        }
        assert_eq!(buckets.admit(&post, ms(10)), Admission::At(ms(5000)));
        assert_eq!(buckets.entries.len(), 1);
    }

    #[test]
    fn a_route_without_a_bucket_is_free_until_a_wait_is_asked_for() {
        let mut buckets = Buckets::default();
        let route = route(1);
        let key = go(&mut buckets, &route, ms(0));
        buckets.finish(&route, &key, Some(&answer(ms(0), None)), ms(0));
        let keys: Vec<_> = (0..100).map(|_| go(&mut buckets, &route, ms(0))).collect();
        let limited = Outcome {
            wait: Some(ms(300)),
            is_heard: false,
            ..answer(ms(0), None)
        };
        buckets.finish(&route, &keys[0], Some(&limited), ms(50));
        buckets.finish(&route, &keys[1], Some(&answer(ms(0), None)), ms(60));
        assert_eq!(buckets.admit(&route, ms(70)), Admission::At(ms(350)));
        let _next = go(&mut buckets, &route, ms(350));
    }

    #[test]
    fn a_request_without_an_answer_lets_the_next_one_find_out() {
        let mut buckets = Buckets::default();
        let route = route(1);
        let key = go(&mut buckets, &route, ms(0));
        buckets.finish(&route, &key, None, ms(10));
        let key = go(&mut buckets, &route, ms(10));
        let found = answer(ms(10), Some(standing(1, 0, ms(100))));
        buckets.finish(&route, &key, Some(&found), ms(20));
        let key = go(&mut buckets, &route, ms(120));
        assert_eq!(buckets.admit(&route, ms(120)), Admission::AfterAnother);
        buckets.finish(&route, &key, None, ms(130));
        let _next = go(&mut buckets, &route, ms(130));
    }

    #[test]
    fn memory_is_bounded_by_what_is_soonest_of_no_use() {
        let mut buckets = Buckets::default();
        for major in 0..6_000 {
            let route = route(major);
            let key = go(&mut buckets, &route, ms(major));
            let found = answer(ms(major), Some(standing(5, 0, ms(60_000))));
            buckets.finish(&route, &key, Some(&found), ms(major));
            assert!(buckets.entries.len() <= ENTRIES_MAX + 1);
        }
        assert_eq!(
            buckets.admit(&route(5_999), ms(6_000)),
            Admission::At(ms(65_999))
        );
        for name in 0..2_000_u32 {
            let word: String = name
                .to_string()
                .bytes()
                .map(|digit| char::from(digit + 49))
                .collect();
            let route = Route::of(&Method::GET, &format!("/guilds/1/{word}"));
            let key = go(&mut buckets, &route, ms(100_000));
            let found = answer(ms(100_000), Some(standing(5, 4, ms(10))));
            buckets.finish(&route, &key, Some(&found), ms(100_000));
        }
        assert!(buckets.names.len() <= ROUTES_MAX);
    }

    /// Discord's side: a window that begins with its first request.
    #[derive(Debug)]
    struct Server {
        limit: u32,
        window_ms: u64,
        ends_ms: u64,
        used: u32,
    }

    impl Server {
        /// What it answers; `None` is a 429.
        fn take(&mut self, now_ms: u64) -> Option<Standing> {
            if now_ms >= self.ends_ms {
                self.ends_ms = now_ms + self.window_ms;
                self.used = 0;
            }
            if self.used == self.limit {
                return None;
            }
            self.used += 1;
            let reset_after = ms(self.ends_ms - now_ms);
            Some(standing(self.limit, self.limit - self.used, reset_after))
        }
    }

    proptest! {
        /// Whatever the latency there and back, nothing that is asked for is refused.
        #[test]
        fn no_request_is_ever_too_much(
            limit in 1_u32..8,
            window_ms in 20_u64..400,
            latencies in prop::collection::vec((0_u64..150, 0_u64..150), 1..40),
        ) {
            let mut server = Server { limit, window_ms, ends_ms: 0, used: 0 };
            let mut buckets = Buckets::default();
            let route = route(1);
            let mut latencies = latencies.into_iter().cycle();
            // When each arrives, and when its answer does; then the answers on their way.
            let mut going: Vec<(u64, u64, u64, Key)> = Vec::new();
            let mut coming: VecDeque<(u64, Outcome, Key)> = VecDeque::new();
            let mut answered = 0;
            for now_ms in 0..3_000_u64 {
                let now = ms(now_ms);
                while let Admission::Go(key) = buckets.admit(&route, now) {
                    let (there, back) = latencies.next().unwrap();
                    going.push((now_ms + there, now_ms + there + back, now_ms, key));
                }
                going.retain(|(arrives_ms, returns_ms, sent_ms, key)| {
                    if *arrives_ms > now_ms {
                        return true;
                    }
                    let standing = server.take(now_ms).expect("not too many");
                    coming.push_back((*returns_ms, answer(ms(*sent_ms), Some(standing)), key.clone()));
                    false
                });
                coming.retain(|(returns_ms, outcome, key)| {
                    if *returns_ms > now_ms {
                        return true;
                    }
                    buckets.finish(&route, key, Some(outcome), now);
                    answered += 1;
                    false
                });
            }
            // And none waits for ever: one a window at least, and the ways there and back.
            prop_assert!(answered >= 3_000 / (window_ms + 600), "{answered}");
        }
    }
}
