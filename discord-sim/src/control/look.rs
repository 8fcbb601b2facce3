//! Control requests that only look.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ControlError, first_bot, guild_id};
use crate::heard::{Audio, Heard, Utterance};
use crate::state::{self, RequestRecord, Shared};
use crate::world::{Guild, wire};

/// `GET /sim/state`
pub(super) async fn state(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.read(|state| {
        let guilds = state
            .guilds
            .iter()
            .map(|entry| guild(state, entry))
            .collect::<Vec<_>>();
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
            "guilds": guilds,
        })
    }))
}

fn guild(state: &state::State, guild: &Guild) -> Value {
    let members = guild.members.values().map(|member| {
        let mut value = wire::member(state, member);
        value["voice_channel"] = json!(
            guild
                .voice
                .get(&member.user)
                .map(|voice| voice.channel.to_string())
        );
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

/// `GET /sim/requests`
pub(super) async fn requests(State(shared): State<Arc<Shared>>) -> Json<Vec<RequestRecord>> {
    Json(shared.read(state::State::requests))
}

/// `GET /sim/events`: newest first.
pub(super) async fn events(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let line = |(at_ms, event): (u64, &str)| json!({ "at_ms": at_ms, "event": event });
    Json(shared.read(|state| state.events().map(line).collect()))
}

/// `GET /sim/commands`
pub(super) async fn commands(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let bot = first_bot(&shared);
    Json(json!(shared.read(|state| state.commands.all_of(bot))))
}

/// `GET /sim/guilds/{guild}/heard`
pub(super) async fn heard(
    State(shared): State<Arc<Shared>>,
    Path(guild): Path<String>,
) -> Result<Json<Value>, ControlError> {
    let heard = heard_in(&shared, &guild)?;
    decode(move || Json(summary(&heard))).await
}

/// Which sound is wanted; all of them if none is named.
#[derive(Deserialize)]
pub(super) struct Which {
    utterance: Option<usize>,
}

/// `GET /sim/guilds/{guild}/heard.wav`
pub(super) async fn heard_wav(
    State(shared): State<Arc<Shared>>,
    Path(guild): Path<String>,
    Query(which): Query<Which>,
) -> Result<impl IntoResponse, ControlError> {
    let mut heard = heard_in(&shared, &guild)?;
    if let Some(index) = which.utterance {
        heard
            .utterances
            .retain(|utterance| utterance.index == index);
        if heard.utterances.is_empty() {
            let reason = format!("there is no utterance {index}");
            return Err(ControlError(StatusCode::NOT_FOUND, reason));
        }
    }
    let wav = decode(move || heard.audio().to_wav()).await?;
    Ok(([(header::CONTENT_TYPE, "audio/wav")], wav))
}

fn heard_in(shared: &Shared, guild: &str) -> Result<Heard, ControlError> {
    let guild = guild_id(shared, guild)?;
    let now = Instant::now();
    Ok(shared
        .hub
        .read(guild, first_bot(shared), |recording| recording.heard(now)))
}

/// Decoding takes long enough to be kept away from the other connections.
async fn decode<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<R, ControlError> {
    let failed = |error: tokio::task::JoinError| {
        ControlError(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    };
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

fn summary(heard: &Heard) -> Value {
    json!({
        "packets": heard.packets,
        "silence_frames": heard.silence_frames,
        "sequence_breaks": heard.sequence_breaks,
        "timestamp_breaks": heard.timestamp_breaks,
        "decrypt_failures": heard.decrypt_failures,
        "encrypted_frames": heard.encrypted_frames,
        "unencrypted_frames": heard.unencrypted_frames,
        "undecryptable_frames": heard.undecryptable_frames,
        "duration_ms": heard.duration().as_millis(),
        "utterances": heard.utterances.iter().map(sound).collect::<Vec<_>>(),
    })
}

fn sound(utterance: &Utterance) -> Value {
    let audio = utterance.audio();
    let longest_gap = utterance.gaps().into_iter().max().unwrap_or_default();
    json!({
        "index": utterance.index,
        "ended": utterance.ended,
        "packets": utterance.frames.len(),
        "duration_ms": utterance.duration().as_millis(),
        "packets_per_second": utterance.packets_per_second(),
        "longest_gap_ms": longest_gap.as_millis(),
        "sequence_breaks": utterance.sequence_breaks(),
        "timestamp_breaks": utterance.timestamp_breaks(),
        "decode_errors": audio.decode_errors,
        "frequency_hz": audio.frequency_hz(),
        "level_dbfs": level(&audio),
        "peak": audio.peak(),
    })
}

/// JSON has no infinity: silence has no level.
fn level(audio: &Audio) -> Option<f64> {
    Some(audio.level_dbfs()).filter(|level| level.is_finite())
}
