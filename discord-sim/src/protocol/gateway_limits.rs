//! The gateway's times and limits: Discord's own, and what a test may make of them.
//!
//! Chosen in [`Settings`](crate::Settings); heeded by the gateway's connections and sessions.

use std::time::Duration;

/// What the gateway grants. The defaults are Discord's; a test makes them small so that it
/// reaches them, or large so that it does not.
#[derive(Clone, Debug)]
pub struct GatewayLimits {
    /// How often clients must send a heartbeat (`heartbeat_interval` of HELLO). One that is
    /// silent for one and a half of it is closed with 4009.
    pub heartbeat_interval: Duration,
    /// How long a session without a connection can be resumed. Discord says "a few minutes".
    pub resume_window: Duration,
    /// How many events, heartbeats included, a connection may send in
    /// [60 seconds](GatewayLimits::EVENTS_WINDOW) before it is closed with 4008.
    pub events_per_minute: u32,
    /// How many times a bot may identify within [24 hours](GatewayLimits::STARTS_WINDOW).
    /// The next time all its sessions end and its token is replaced by a new one.
    pub session_starts: u32,
    /// How many shards of a bot may identify within `identify_interval`, each with another
    /// rate limit key (its number modulo this); at least 1.
    pub max_concurrency: u32,
    /// How long a shard must wait after another one of the same rate limit key; else it is
    /// told that its session is invalid. Zero switches this off.
    pub identify_interval: Duration,
    /// How many guilds a shard can hold; a login that would have more is closed with 4011.
    pub guilds_per_shard: u32,
    /// For how many guilds `GET /gateway/bot` recommends another shard; at least 1.
    pub guilds_per_recommended_shard: u32,
    /// How long a bot must wait before it asks for all members of the same guild again; else
    /// it is told `RATE_LIMITED`.
    pub member_list_interval: Duration,
}

impl GatewayLimits {
    /// The window of `events_per_minute`.
    pub const EVENTS_WINDOW: Duration = Duration::from_mins(1);
    /// The window of `session_starts`, counted from the first of them.
    pub const STARTS_WINDOW: Duration = Duration::from_hours(24);
}

impl Default for GatewayLimits {
    fn default() -> GatewayLimits {
        GatewayLimits {
            heartbeat_interval: Duration::from_millis(41_250),
            resume_window: Duration::from_mins(1),
            events_per_minute: 120,
            session_starts: 1_000,
            max_concurrency: 1,
            identify_interval: Duration::from_secs(5),
            guilds_per_shard: 2_500,
            guilds_per_recommended_shard: 1_000,
            member_list_interval: Duration::from_secs(30),
        }
    }
}
