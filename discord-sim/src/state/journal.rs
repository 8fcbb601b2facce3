//! The requests that came in.
//!
//! Written by the HTTP server; read by tests. The oldest are forgotten.

use serde::Serialize;

use super::State;
use super::log::EventKind;
use crate::faults::FaultId;
use crate::protocol::rate_limits::RateLimitScope;

const REQUESTS_KEPT: usize = 10_000;

/// How a request was authorised; the credential itself is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Authorization {
    /// No `Authorization` header.
    None,
    /// A bot token.
    Bot,
    /// A user's OAuth access token.
    Bearer,
    /// An application's id and secret.
    Basic,
    /// Anything else.
    Other,
}

impl Authorization {
    /// Reads the kind off an `Authorization` header.
    pub(crate) fn of(header: Option<&str>) -> Authorization {
        match header.map(|value| value.split(' ').next().unwrap_or_default()) {
            None => Authorization::None,
            Some("Bot") => Authorization::Bot,
            Some("Bearer") => Authorization::Bearer,
            Some("Basic") => Authorization::Basic,
            Some(_) => Authorization::Other,
        }
    }
}

/// One request to the simulated Discord.
#[derive(Clone, Debug, Serialize)]
pub struct RequestRecord {
    /// Such as `GET`.
    pub method: String,
    /// Path and query as they were sent.
    pub path: String,
    /// How it was authorised.
    pub authorization: Authorization,
    /// The status of the answer; none if it was never answered, because a fault has ended the
    /// connection or the client has given up.
    pub status: Option<u16>,
    /// The rate limit bucket it counts in, as `X-RateLimit-Bucket` names it.
    pub bucket: Option<String>,
    /// The limit it has met, if it was refused for that.
    pub limited: Option<RateLimitScope>,
    /// The faults that have struck it or its answer.
    pub faults: Vec<FaultId>,
    /// When the answer was ready, in Unix milliseconds.
    pub at_ms: u64,
}

impl State {
    /// The requests so far, oldest first.
    pub(crate) fn requests(&self) -> Vec<RequestRecord> {
        self.requests.iter().cloned().collect()
    }

    pub(crate) fn record(&mut self, request: RequestRecord) {
        if self.requests.len() == REQUESTS_KEPT {
            self.requests.pop_front();
        }
        let RequestRecord {
            method,
            path,
            status,
            ..
        } = &request;
        let outcome = status.map_or("not answered".to_owned(), |status| status.to_string());
        let path = without_secrets(path);
        self.note(EventKind::Request, format!("{method} {path}: {outcome}"));
        self.requests.push_back(request);
    }

    pub(crate) fn clear_requests(&mut self) {
        self.requests.clear();
    }

    /// Adds a line to the events.
    pub(crate) fn note(&self, kind: EventKind, line: String) {
        self.log.note(kind, line);
    }
}

/// A path as the log shows it: without its query and what is too long to be a name or an id,
/// such as the tokens of interactions.
fn without_secrets(path: &str) -> String {
    const LONGEST: usize = 40;
    let path = path.split('?').next().unwrap_or_default();
    let parts = path.split('/');
    let parts = parts.map(|part| if part.len() > LONGEST { "…" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn the_log_shows_no_tokens() {
        let token = "x".repeat(180);
        let path = format!("/api/v10/webhooks/21/{token}/messages/@original?wait=true");
        let shown = "/api/v10/webhooks/21/…/messages/@original";
        assert_eq!(without_secrets(&path), shown);
    }
}
