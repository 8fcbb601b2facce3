//! The limits of REST: which requests share a bucket and how many it takes.
//!
//! Chosen in [`Settings`](crate::Settings); kept by the state for the HTTP server.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What REST grants. The defaults are Discord's as far as it tells them; a test makes them
/// small so that it reaches them, or switches them off.
#[derive(Clone, Debug)]
pub struct RateLimits {
    /// Whether buckets and the limit of each second are kept. Limits that a test sets or
    /// exhausts hold all the same.
    pub enforced: bool,
    /// How many requests a bot may make within [a second](RateLimits::GLOBAL_WINDOW),
    /// whatever they are for. Interactions and their messages do not count.
    pub global: u32,
    /// How many requests from one address may be answered with 401, 403 or 429 (other than
    /// of a shared limit) within [ten minutes](RateLimits::INVALID_WINDOW); after as many the
    /// address is banned.
    pub invalid_requests: u32,
    /// How long an address is banned. Discord does not say; this is made up.
    pub ban: Duration,
}

impl RateLimits {
    /// The window of `global`.
    pub const GLOBAL_WINDOW: Duration = Duration::from_secs(1);
    /// The window of `invalid_requests`, counted from the first of them.
    pub const INVALID_WINDOW: Duration = Duration::from_mins(10);
}

impl Default for RateLimits {
    fn default() -> RateLimits {
        RateLimits {
            enforced: true,
            global: 50,
            invalid_requests: 10_000,
            ban: Duration::from_hours(1),
        }
    }
}

/// How many requests a bucket takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How many within the window.
    pub requests: u32,
    /// Counted from the first of them; in whole milliseconds.
    pub window: Duration,
}

impl Quota {
    /// So many requests within a window.
    pub const fn new(requests: u32, window: Duration) -> Quota {
        Quota { requests, window }
    }
}

/// Whose limit a request has met; Discord's `X-RateLimit-Scope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RateLimitScope {
    /// The caller's own, of one bucket.
    User,
    /// The caller's own, of all requests.
    Global,
    /// That of a resource, which others may have used up. It does not count as an invalid
    /// request.
    Shared,
}

impl RateLimitScope {
    /// As the header names it.
    pub fn name(self) -> &'static str {
        match self {
            RateLimitScope::User => "user",
            RateLimitScope::Global => "global",
            RateLimitScope::Shared => "shared",
        }
    }
}

/// Routes that share a bucket for each caller and top-level resource.
struct Bucket {
    routes: &'static [(&'static str, &'static str)],
    requests: u32,
    window_ms: u64,
}

const fn bucket(
    routes: &'static [(&'static str, &'static str)],
    requests: u32,
    window_ms: u64,
) -> Bucket {
    Bucket {
        routes,
        requests,
        window_ms,
    }
}

/// Every bucket there is. A route that is in none has no limit but the global one, as on
/// Discord. Discord publishes no numbers and may change them at any time.
const BUCKETS: [Bucket; 23] = [
    // What authors of client libraries have observed, in buckets and in numbers.
    bucket(
        &[
            ("POST", "/channels/{}/messages"),
            ("PATCH", "/channels/{}/messages/{}"),
        ],
        5,
        5_000,
    ),
    bucket(&[("DELETE", "/channels/{}/messages/{}")], 5, 1_000),
    bucket(
        &[
            ("PUT", "/channels/{}/messages/{}/reactions/{}/@me"),
            ("DELETE", "/channels/{}/messages/{}/reactions/{}/@me"),
            ("DELETE", "/channels/{}/messages/{}/reactions/{}/{}"),
        ],
        1,
        250,
    ),
    bucket(&[("POST", "/channels/{}/typing")], 5, 5_000),
    bucket(&[("POST", "/webhooks/{}/{}")], 5, 2_000),
    bucket(&[("GET", "/guilds/{}/members")], 10, 10_000),
    bucket(&[("GET", "/guilds/{}/members/search")], 10, 10_000),
    bucket(&[("PATCH", "/guilds/{}/members/{}")], 10, 10_000),
    bucket(&[("GET", "/users/@me/guilds")], 1, 1_000),
    bucket(&[("GET", "/gateway/bot")], 2, 5_000),
    bucket(&[("POST", "/applications/{}/commands")], 5, 20_000),
    bucket(&[("PUT", "/applications/{}/commands")], 5, 20_000),
    bucket(&[("PATCH", "/applications/{}/commands/{}")], 5, 20_000),
    bucket(&[("DELETE", "/applications/{}/commands/{}")], 5, 20_000),
    bucket(
        &[("POST", "/applications/{}/guilds/{}/commands")],
        5,
        20_000,
    ),
    bucket(&[("PUT", "/applications/{}/guilds/{}/commands")], 5, 20_000),
    bucket(
        &[("PATCH", "/applications/{}/guilds/{}/commands/{}")],
        5,
        20_000,
    ),
    bucket(
        &[("DELETE", "/applications/{}/guilds/{}/commands/{}")],
        5,
        20_000,
    ),
    bucket(&[("POST", "/guilds/{}/roles")], 250, 48 * 60 * 60 * 1_000),
    bucket(
        &[
            ("PUT", "/guilds/{}/members/{}/roles/{}"),
            ("DELETE", "/guilds/{}/members/{}/roles/{}"),
        ],
        10,
        10_000,
    ),
    // Made up: a bucket exists here, its numbers are guessed.
    bucket(
        &[
            ("POST", "/guilds/{}/emojis"),
            ("PATCH", "/guilds/{}/emojis/{}"),
            ("DELETE", "/guilds/{}/emojis/{}"),
        ],
        50,
        60 * 60 * 1_000,
    ),
    bucket(
        &[
            ("POST", "/guilds/{}/soundboard-sounds"),
            ("PATCH", "/guilds/{}/soundboard-sounds/{}"),
            ("DELETE", "/guilds/{}/soundboard-sounds/{}"),
        ],
        5,
        5_000,
    ),
    bucket(&[("POST", "/channels/{}/send-soundboard-sound")], 5, 5_000),
];

/// The bucket of a route, by its opaque name, and what it takes if it is limited.
///
/// A template has `{}` in place of each parameter.
pub(crate) fn bucket_of(method: &str, template: &str) -> (String, Option<Quota>) {
    let shares = |bucket: &&Bucket| bucket.routes.contains(&(method, template));
    let Some(bucket) = BUCKETS.iter().find(shares) else {
        return (name(method, template), None);
    };
    let (method, template) = bucket.routes.first().copied().unwrap_or_default();
    let window = Duration::from_millis(bucket.window_ms);
    let quota = Quota::new(bucket.requests, window);
    (name(method, template), Some(quota))
}

fn name(method: &str, template: &str) -> String {
    let digest = Sha256::digest(format!("{method} {template}"));
    let mut name = String::with_capacity(32);
    for byte in digest.iter().take(16) {
        // A string takes whatever is written to it.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_routes_share_a_bucket_and_most_have_none() {
        let post = bucket_of("POST", "/channels/{}/messages");
        assert_eq!(post, bucket_of("PATCH", "/channels/{}/messages/{}"));
        assert_eq!(post.1, Some(Quota::new(5, Duration::from_secs(5))));
        assert_eq!(post.0.len(), 32);
        let get = bucket_of("GET", "/channels/{}/messages");
        assert_ne!(post.0, get.0);
        assert_eq!(get.1, None);
    }

    #[test]
    fn no_route_is_in_two_buckets() {
        let mut routes = BUCKETS
            .iter()
            .flat_map(|bucket| bucket.routes)
            .collect::<Vec<_>>();
        let count = routes.len();
        routes.sort_unstable();
        routes.dedup();
        assert_eq!(routes.len(), count);
    }
}
