//! Where the gateway is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::caller::Bot;
use crate::state::Shared;

/// `GET /gateway`
pub(super) async fn url(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "url": address(&shared) }))
}

/// `GET /gateway/bot`
pub(super) async fn url_for_bot(State(shared): State<Arc<Shared>>, Bot(bot): Bot) -> Json<Value> {
    let url = address(&shared);
    shared.read(|state| {
        let limits = &state.sessions.limits;
        let start = state.start_limit(bot);
        let guilds = state.guilds.iter();
        let guilds = guilds
            .filter(|guild| guild.members.contains_key(&bot))
            .count();
        let per_shard = usize::try_from(limits.guilds_per_recommended_shard.max(1));
        let shards = guilds.div_ceil(per_shard.unwrap_or(usize::MAX)).max(1);
        Json(json!({
            "url": url,
            "shards": shards,
            "session_start_limit": {
                "total": limits.session_starts,
                "remaining": start.remaining,
                "reset_after": start.reset_after_ms,
                "max_concurrency": limits.max_concurrency,
            },
        }))
    })
}

fn address(shared: &Shared) -> String {
    format!("ws://127.0.0.1:{}", shared.ports.gateway)
}
