//! What has happened: the requests that came in, and a line for each event worth showing.
//!
//! Written by the HTTP server and by every change of the world; read by tests and the page.
//! Both lists forget their oldest entries.

use serde::Serialize;

use super::State;
use crate::protocol::rate_limits::RateLimitScope;

const REQUESTS_KEPT: usize = 10_000;
const EVENTS_KEPT: usize = 500;

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
    /// The status of the answer.
    pub status: u16,
    /// The rate limit bucket it counts in, as `X-RateLimit-Bucket` names it.
    pub bucket: Option<String>,
    /// The limit it has met, if it was refused for that.
    pub limited: Option<RateLimitScope>,
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
        self.requests.push_back(request);
    }

    pub(crate) fn clear_requests(&mut self) {
        self.requests.clear();
    }

    /// The last events with their Unix milliseconds, newest first.
    pub(crate) fn events(&self) -> impl Iterator<Item = (u64, &str)> {
        self.events
            .iter()
            .rev()
            .map(|(at_ms, line)| (*at_ms, line.as_str()))
    }

    /// Adds a line to the events.
    pub(crate) fn note(&mut self, line: String) {
        if self.events.len() == EVENTS_KEPT {
            self.events.pop_front();
        }
        tracing::debug!(event = line, "simulated");
        let now_ms = self.now_ms();
        self.events.push_back((now_ms, line));
    }
}
