//! Control requests that look at the whole simulator, and those that clear and advance it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Body;
use crate::state::{self, RequestRecord, Shared};
use crate::world::{Guild, wire};

/// `GET /sim/state`
pub(super) async fn state(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.read(everything))
}

/// Who and what there is.
pub(super) fn everything(state: &state::State) -> Value {
    let guilds = state.guilds.iter().map(|entry| guild(state, entry));
    let bots = state.applications.iter().map(|bot| {
        json!({
            "id": bot.id.to_string(),
            "name": bot.name,
            "ready": state.sessions.is_ready(bot.id),
            "redirect_uris": bot.redirect_uris,
        })
    });
    json!({
        "users": state.humans().map(wire::user).collect::<Vec<_>>(),
        "bots": bots.collect::<Vec<_>>(),
        "guilds": guilds.collect::<Vec<_>>(),
    })
}

fn guild(state: &state::State, guild: &Guild) -> Value {
    let members = guild.members.values().map(|member| {
        let mut value = wire::member(state, member);
        let seat = guild.voice.get(&member.user);
        value["voice_channel"] = json!(seat.map(|voice| voice.channel.to_string()));
        value
    });
    json!({
        "id": guild.id.to_string(),
        "name": guild.name,
        "owner_id": guild.owner.to_string(),
        "channels": wire::channels(guild),
        "roles": wire::roles(guild),
        "members": members.collect::<Vec<_>>(),
    })
}

/// `GET /sim/requests`: oldest first.
pub(super) async fn requests(State(shared): State<Arc<Shared>>) -> Json<Vec<RequestRecord>> {
    Json(shared.read(state::State::requests))
}

/// `DELETE /sim/requests`
pub(super) async fn clear_requests(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.change(state::State::clear_requests);
    StatusCode::NO_CONTENT
}

/// `GET /sim/events`: newest first.
pub(super) async fn events(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let line = |(at_ms, event): (u64, &str)| json!({ "at_ms": at_ms, "event": event });
    Json(shared.read(|state| state.events().map(line).collect()))
}

/// How far the clock goes ahead.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    advance_ms: u64,
}

/// `POST /sim/clock`
pub(super) async fn advance(
    State(shared): State<Arc<Shared>>,
    Body(advance): Body<Advance>,
) -> Json<Value> {
    Json(shared.change(|state| {
        state.advance_clock(Duration::from_millis(advance.advance_ms));
        json!({ "now_ms": state.now_ms() })
    }))
}

/// `GET /sim/clock`
pub(super) async fn clock(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "now_ms": shared.read(state::State::now_ms) }))
}
