//! The limits of REST under `/sim/limits`: what is used, set and exhausted.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Body;
use crate::faults::requests::Requests;
use crate::protocol::rate_limits::{Quota, RateLimitScope};
use crate::state::Shared;

/// `GET /sim/limits`
pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.read(|state| {
        let now_ms = state.now_ms();
        let bans = state.limiter.bans(now_ms);
        let bans =
            bans.map(|(address, until_ms)| json!({ "address": address, "until_ms": until_ms }));
        json!({
            "buckets": state.limiter.buckets(now_ms),
            "invalid_requests": state.limiter.invalid_requests(now_ms),
            "bans": bans.collect::<Vec<_>>(),
        })
    }))
}

/// Which requests are limited to what; to nothing if there is no quota.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    requests: Requests,
    quota: Option<QuotaBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaBody {
    requests: u32,
    window_ms: u64,
}

/// `POST /sim/limits`
pub(super) async fn set(
    State(shared): State<Arc<Shared>>,
    Body(Limit { requests, quota }): Body<Limit>,
) -> StatusCode {
    let quota =
        quota.map(|quota| Quota::new(quota.requests, Duration::from_millis(quota.window_ms)));
    shared.change(|state| state.limiter.set_quota(requests, quota));
    StatusCode::NO_CONTENT
}

/// Which requests have been too many, and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exhausted {
    requests: Requests,
    scope: RateLimitScope,
    for_ms: u64,
}

/// `POST /sim/limits/exhausted`
pub(super) async fn exhaust(
    State(shared): State<Arc<Shared>>,
    Body(exhausted): Body<Exhausted>,
) -> StatusCode {
    let time = Duration::from_millis(exhausted.for_ms);
    shared.change(|state| {
        let now_ms = state.now_ms();
        let Exhausted {
            requests, scope, ..
        } = exhausted;
        state.limiter.exhaust(requests, scope, time, now_ms);
    });
    StatusCode::NO_CONTENT
}

/// `DELETE /sim/limits`
pub(super) async fn restore(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.change(|state| state.limiter.restore());
    StatusCode::NO_CONTENT
}
