//! Where the gateway is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::caller::Bot;
use crate::state::Shared;

/// What Discord grants an ordinary bot in a day.
const SESSION_STARTS: u64 = 1_000;

/// `GET /gateway`
pub(super) async fn url(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "url": address(&shared) }))
}

/// `GET /gateway/bot`
pub(super) async fn url_for_bot(State(shared): State<Arc<Shared>>, _: Bot) -> Json<Value> {
    let started = shared.read(|state| state.sessions.started());
    Json(json!({
        "url": address(&shared),
        "shards": 1,
        "session_start_limit": {
            "total": SESSION_STARTS,
            "remaining": SESSION_STARTS.saturating_sub(started),
            "reset_after": 86_400_000,
            "max_concurrency": 1,
        },
    }))
}

fn address(shared: &Shared) -> String {
    format!("ws://127.0.0.1:{}", shared.ports.gateway)
}
