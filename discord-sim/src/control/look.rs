//! Control requests that look at the whole simulator, and those that clear and advance it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answered, Asked, Body};
use super::events::speaking;
use super::names::Named;
use crate::state::sessions::Session;
use crate::state::{self, RequestRecord, Shared};
use crate::world::expressions::default_sounds;
use crate::world::{Application, Guild, wire};

/// Of which guild everything is to be told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    guild: Option<Named>,
}

/// `GET /sim/state`: everything; with `?guild=` no members, roles and channels of others.
pub(super) async fn state(
    State(shared): State<Arc<Shared>>,
    Asked(which): Asked<Which>,
) -> Answered<Json<Value>> {
    let speaking = speaking(&shared);
    shared.read(|state| {
        let only = which.guild.map(|guild| guild.guild(state)).transpose()?;
        let guilds = state.guilds.iter().map(|entry| {
            let mut shown = overview(state, entry, &speaking);
            if only.is_none_or(|only| only == entry.id) {
                add_details(state, entry, &mut shown);
            }
            shown
        });
        Ok(Json(json!({
            "now_ms": state.now_ms(),
            "users": state.humans().map(wire::user).collect::<Vec<_>>(),
            "bots": state.applications.iter().map(|bot| show_bot(state, bot)).collect::<Vec<_>>(),
            "guilds": guilds.collect::<Vec<_>>(),
        })))
    })
}

fn show_bot(state: &state::State, bot: &Application) -> Value {
    let sessions = state.sessions.of(bot.id).map(Session::view);
    let voice = state.guilds.iter().filter_map(|guild| {
        let seat = guild.voice.get(&bot.id)?;
        let group = state.dave_group(guild.id, bot.id);
        let group = group.filter(|group| group.epoch > 0).map(|group| {
            let members = group.members.iter().map(u64::to_string);
            json!({
                "epoch": group.epoch,
                "members": members.collect::<Vec<_>>(),
                "is_settled": group.is_settled,
                "transitions": group.transitions,
            })
        });
        Some(json!({
            "guild_id": guild.id.to_string(),
            "channel_id": seat.channel.to_string(),
            "connected": state.tickets.is_connected(guild.id, bot.id),
            "encrypted": state.is_encrypted(guild.id, bot.id),
            "dave_group": group,
        }))
    });
    json!({
        "id": bot.id.to_string(),
        "name": bot.name,
        "token": bot.bot_token,
        "ready": state.sessions.is_ready(bot.id),
        "redirect_uris": bot.redirect_uris,
        "sessions": sessions.collect::<Vec<_>>(),
        "voice": voice.collect::<Vec<_>>(),
    })
}

fn overview(state: &state::State, guild: &Guild, speaking: &BTreeSet<(u64, u64)>) -> Value {
    let voice = guild.voice.keys().map(|user| {
        let mut shown = wire::voice_state(guild, *user, "");
        shown["name"] = json!(state.name_of(*user));
        shown["speaking"] = json!(speaking.contains(&(guild.id, *user)));
        shown
    });
    json!({
        "id": guild.id.to_string(),
        "name": guild.name,
        "owner_id": guild.owner.to_string(),
        "unavailable": guild.unavailable,
        "member_count": guild.members.len(),
        "voice_states": voice.collect::<Vec<_>>(),
    })
}

fn add_details(state: &state::State, guild: &Guild, shown: &mut Value) {
    let members = guild.members.values().map(|member| {
        let mut value = wire::member(state, member);
        let seat = guild.voice.get(&member.user);
        value["voice_channel"] = json!(seat.map(|voice| voice.channel.to_string()));
        value
    });
    shown["members"] = members.collect();
    shown["channels"] = json!(wire::channels(guild));
    shown["roles"] = json!(wire::roles(guild));
    let everywhere = default_sounds().collect::<Vec<_>>();
    let sounds = guild.sounds.iter().chain(&everywhere);
    let sounds = sounds.map(|sound| json!({ "id": sound.id.to_string(), "name": sound.name }));
    shown["sounds"] = sounds.collect();
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
