//! The limits of REST, as a test sets them and sees what is left.

use std::time::Duration;

use crate::faults::requests::Requests;
use crate::protocol::rate_limits::{Quota, RateLimitScope};
use crate::sim::Sim;
use crate::state::RateLimitBucket;

impl Sim {
    /// Limits some requests to a quota of their bucket, or not at all; even if limits are
    /// [not enforced](crate::RateLimits::enforced). What was set last holds where both fit.
    ///
    /// It changes how much a bucket takes, not which requests share one: those of the same
    /// route, caller and channel, guild or webhook.
    pub fn set_rate_limit(&self, requests: Requests, quota: Option<Quota>) {
        self.shared
            .change(|state| state.limiter.set_quota(requests, quota));
    }

    /// Answers some requests with 429 for a while, of the simulated time, as if there had
    /// been too many before: by the caller itself, or with [`RateLimitScope::Shared`] by
    /// others. With [`RateLimitScope::Global`] the answer says that it is for all requests;
    /// it is given to these.
    pub fn exhaust_rate_limit(&self, requests: Requests, scope: RateLimitScope, time: Duration) {
        self.shared.change(|state| {
            let now_ms = state.now_ms();
            state.limiter.exhaust(requests, scope, time, now_ms);
        });
    }

    /// Begins anew with the limits of the start: nothing used, nobody banned.
    pub fn restore_rate_limits(&self) {
        self.shared.change(|state| state.limiter.restore());
    }

    /// The buckets of which something is used at this moment.
    pub fn rate_limit_buckets(&self) -> Vec<RateLimitBucket> {
        self.shared
            .read(|state| state.limiter.buckets(state.now_ms()))
    }

    /// How many invalid requests count against all addresses together: answered with 401,
    /// 403 or 429 (other than of a shared limit) in the last ten minutes.
    pub fn invalid_requests(&self) -> u32 {
        self.shared
            .read(|state| state.limiter.invalid_requests(state.now_ms()))
    }
}
