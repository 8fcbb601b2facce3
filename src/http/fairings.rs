//! What every answer carries, and the line that every request leaves in the log.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::Status;
use rocket::{Data, Request, Response};
use std::time::Instant;

use super::answer::request_id;
use super::guards::Charged;

/// Headers of every answer.
pub(super) struct Headers {
    /// Whether browsers are told to come over TLS only.
    pub(super) hsts: bool,
}

struct Arrived(Instant);

#[rocket::async_trait]
impl Fairing for Headers {
    fn info(&self) -> Info {
        Info {
            name: "headers and access log",
            kind: Kind::Request | Kind::Response,
        }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        request.local_cache(|| Arrived(Instant::now()));
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, answer: &mut Response<'r>) {
        answer.set_raw_header("X-Request-Id", request_id(request));
        let charged: &Charged = request.local_cache(Charged::default);
        if let Some(budget) = charged.budget {
            answer.set_raw_header("X-Ratelimit-Limit", budget.limit.to_string());
            answer.set_raw_header("X-Ratelimit-Remaining", budget.remaining.to_string());
            answer.set_raw_header("X-Ratelimit-Reset", budget.reset_ms.to_string());
        }
        if charged.user.is_some() || answer.status() == Status::Unauthorized {
            answer.set_raw_header("Cache-Control", "no-store");
        }
        if self.hsts {
            answer.set_raw_header("Strict-Transport-Security", "max-age=31536000");
        }
        // The route's template: a path or a query can hold what must not be logged.
        let route = request.route().map(|route| route.uri.as_str());
        let arrived = request.local_cache(|| Arrived(Instant::now())).0;
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(
                    target: "yuri::access",
                    method = request.method().as_str(),
                    route,
                    status = answer.status().code,
                    request_id = request_id(request),
                    user_id = charged.user.map(|user| user.to_string()),
                    session = charged.session.as_deref(),
                    duration_us = arrived.elapsed().as_micros(),
                    "request"
                )
            };
        }
        // Seed 001 wants each request of a session in the log; the others are for who looks for
        // something, and strangers could fill the log with theirs.
        if charged.session.is_some() {
            log!(info);
        } else {
            log!(debug);
        }
    }
}
