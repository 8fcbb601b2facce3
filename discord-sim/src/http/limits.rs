//! The rate limits of OAuth and REST at the door: who is let in, and what all are told.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, SERVER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::record::Fate;
use crate::protocol::cloudflare;
use crate::protocol::rate_limits::RateLimitScope;
use crate::state::Shared;
use crate::state::limits::{Admission, Call, Standing};

/// Lets a request in or refuses it.
pub(super) async fn limit(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(call) = request.extensions().get::<Call>() else {
        return next.run(request).await;
    };
    let admission = shared.change(|state| {
        let now_ms = state.now_ms();
        state.limiter.admit(call, now_ms)
    });
    let mut fate = Fate::default();
    let mut response = match admission {
        Admission::Granted(standing) => {
            let mut response = next.run(request).await;
            if let Some(standing) = standing {
                tell(response.headers_mut(), &standing);
                fate.bucket = Some(standing.bucket);
            }
            response
        }
        Admission::Limited {
            scope,
            retry_after_ms,
            standing,
        } => {
            let mut response = too_many(scope, retry_after_ms);
            if let Some(standing) = standing {
                tell(response.headers_mut(), &standing);
                fate.bucket = Some(standing.bucket);
            }
            fate.limited = Some(scope);
            response
        }
        Admission::Banned { for_ms } => {
            fate.banned = true;
            banned(for_ms)
        }
    };
    response.extensions_mut().insert(fate);
    response
}

fn tell(headers: &mut HeaderMap, standing: &Standing) {
    set(headers, "x-ratelimit-limit", standing.limit);
    set(headers, "x-ratelimit-remaining", standing.remaining);
    set(headers, "x-ratelimit-reset", seconds(standing.reset_ms));
    let reset_after = seconds(standing.reset_after_ms);
    set(headers, "x-ratelimit-reset-after", reset_after);
    set(headers, "x-ratelimit-bucket", &standing.bucket);
}

fn too_many(scope: RateLimitScope, retry_after_ms: u64) -> Response {
    let message = match scope {
        RateLimitScope::User | RateLimitScope::Global => "You are being rate limited.",
        RateLimitScope::Shared => "The resource is being rate limited.",
    };
    let global = scope == RateLimitScope::Global;
    let retry_after = std::time::Duration::from_millis(retry_after_ms).as_secs_f64();
    let body = json!({ "message": message, "retry_after": retry_after, "global": global });
    let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response();
    let headers = response.headers_mut();
    // The header knows whole seconds only; less than is told would be too soon.
    set(
        headers,
        RETRY_AFTER.as_str(),
        retry_after_ms.div_ceil(1_000),
    );
    set(headers, "x-ratelimit-scope", scope.name());
    if global {
        set(headers, "x-ratelimit-global", true);
    }
    response
}

fn banned(for_ms: u64) -> Response {
    let page = cloudflare::page(1015, "You are being rate limited");
    let mut response = (StatusCode::TOO_MANY_REQUESTS, page).into_response();
    let headers = response.headers_mut();
    set(headers, CONTENT_TYPE.as_str(), "text/html; charset=UTF-8");
    set(headers, SERVER.as_str(), "cloudflare");
    set(headers, RETRY_AFTER.as_str(), for_ms.div_ceil(1_000));
    response
}

fn set(headers: &mut HeaderMap, name: &'static str, value: impl ToString) {
    if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}
