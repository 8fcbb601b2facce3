//! Control requests about what was heard: counters, sounds and what can be measured on them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answered, Asked, Body, Refused};
use super::names::{InGuild, Named, home};
use super::wait::patience;
use crate::heard::recording::Recording;
use crate::heard::{Audio, Heard, Utterance};
use crate::state::{self, Shared};

/// Whose sounds are meant, and where.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    bot: Option<Named>,
    channel: Option<Named>,
    /// One sound only, by its number; for the WAV file.
    utterance: Option<usize>,
}

/// What was heard, and what is needed to tell of it.
struct Found {
    guild: u64,
    bot: u64,
    bot_name: String,
    channel: Option<u64>,
    heard: Heard,
    /// The bots that have been in the channel, or in any of the guild.
    bots: Value,
    clock: Clock,
}

/// Turns the process's moments into simulated Unix milliseconds.
#[derive(Clone, Copy)]
struct Clock {
    now: Instant,
    now_ms: u64,
}

impl Clock {
    fn at_ms(self, moment: Instant) -> u64 {
        let ago = self.now.saturating_duration_since(moment).as_millis();
        self.now_ms.saturating_sub(u64::try_from(ago).unwrap_or(0))
    }
}

/// `GET /sim/guilds/{guild}/heard`
pub(super) async fn heard(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Asked(which): Asked<Which>,
) -> Answered<Json<Value>> {
    if which.utterance.is_some() {
        let reason = "one utterance is at heard/{utterance}, or in heard.wav";
        return Err(Refused::unprocessable(reason));
    }
    let found = find(&shared, guild, &which)?;
    decode(move || Json(summary(&found))).await
}

/// `GET /sim/guilds/{guild}/heard.wav`
pub(super) async fn wav(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Asked(which): Asked<Which>,
) -> Answered<impl IntoResponse> {
    let mut heard = find(&shared, guild, &which)?.heard;
    if let Some(index) = which.utterance {
        heard
            .utterances
            .retain(|utterance| utterance.index == index);
        if heard.utterances.is_empty() {
            return Err(Refused::not_found(format!("there is no utterance {index}")));
        }
    }
    let wav = decode(move || heard.audio().to_wav()).await?;
    Ok(([(header::CONTENT_TYPE, "audio/wav")], wav))
}

/// Whose sound is waited for, and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Awaited {
    bot: Option<Named>,
    timeout_ms: Option<u64>,
}

/// `GET /sim/guilds/{guild}/heard/{utterance}`: waits until it has ended.
pub(super) async fn utterance(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Path(place): Path<Vec<(String, String)>>,
    Asked(asked): Asked<Awaited>,
) -> Answered<Json<Value>> {
    let (_, index) = place.into_iter().next_back().unwrap_or_default();
    let no_number = |_| Refused::not_found(format!("{index} is no utterance's number"));
    let index = index.parse().map_err(no_number)?;
    let bot = shared.read(|state| match &asked.bot {
        Some(bot) => bot.bot(state),
        None => Ok(default_bot(&shared, state, guild)),
    })?;
    let timeout = patience(asked.timeout_ms);
    let found = shared.wait_utterance(guild, bot, index, timeout).await;
    let nothing = || Refused::too_late(format!("utterance {index} has not ended by now"));
    let found = found.ok_or_else(nothing)?;
    let clock = shared.read(clock);
    decode(move || Json(sound(&found, clock))).await
}

/// `DELETE /sim/guilds/{guild}/heard`
pub(super) async fn clear(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Asked(which): Asked<Which>,
) -> Answered<StatusCode> {
    let bots: Answered<Vec<u64>> = shared.read(|state| match &which.bot {
        Some(bot) => Ok(vec![bot.bot(state)?]),
        None => Ok(state.applications.iter().map(|bot| bot.id).collect()),
    });
    for bot in bots? {
        shared.hub.change(guild, bot, Recording::clear);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What was done.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    what: String,
}

/// `POST /sim/guilds/{guild}/mark`
pub(super) async fn mark(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(mark): Body<Mark>,
) -> Json<Value> {
    Json(shared.change(|state| {
        state.cue(guild, mark.what);
        json!({ "at_ms": state.now_ms() })
    }))
}

fn find(shared: &Shared, guild: u64, which: &Which) -> Answered<Found> {
    let about = |state: &state::State| -> Answered<_> {
        let guild_now = home(state, guild)?;
        let channel = which.channel.as_ref();
        let channel = channel.map(|named| named.channel(guild_now)).transpose()?;
        let counted = |bot: u64| {
            shared.hub.read(guild, bot, |recording| match channel {
                Some(channel) => recording.packets_in(channel),
                None => Some(recording.packets()).filter(|packets| *packets > 0),
            })
        };
        let bots = state.applications.iter().filter_map(|bot| {
            let seat = guild_now.voice.get(&bot.id);
            Some(json!({
                "id": bot.id.to_string(),
                "name": bot.name,
                "channel_id": seat.map(|seat| seat.channel.to_string()),
                "packets": counted(bot.id)?,
            }))
        });
        let bots = Value::from(bots.collect::<Vec<_>>());
        let bot = match &which.bot {
            Some(bot) => bot.bot(state)?,
            None => default_bot(shared, state, guild),
        };
        Ok((channel, clock(state), bots, bot, state.name_of(bot)))
    };
    let (channel, clock, bots, bot, bot_name) = shared.read(about)?;
    // Minutes of packets are copied while everybody else goes on.
    let heard = shared.hub.read(guild, bot, |recording| match channel {
        Some(channel) => recording.heard_in(channel, clock.now),
        None => Some(recording.heard(clock.now)),
    });
    let mut heard = heard.unwrap_or_default();
    shared.read(|state| state.give_cues(guild, &mut heard.utterances));
    Ok(Found {
        guild,
        bot,
        bot_name,
        channel,
        heard,
        bots,
        clock,
    })
}

/// The first bot that was heard in the guild, or the first there is.
fn default_bot(shared: &Shared, state: &state::State, guild: u64) -> u64 {
    let packets = |bot: u64| shared.hub.read(guild, bot, Recording::packets);
    let mut bots = state.applications.iter().map(|bot| bot.id);
    let first = bots.clone().next().unwrap_or(0);
    bots.find(|bot| packets(*bot) > 0).unwrap_or(first)
}

fn clock(state: &state::State) -> Clock {
    Clock {
        now: Instant::now(),
        now_ms: state.now_ms(),
    }
}

/// Decoding takes long enough to be kept away from the other connections.
async fn decode<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Answered<R> {
    let failed = |error: tokio::task::JoinError| Refused {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        reason: error.to_string(),
    };
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

fn summary(found: &Found) -> Value {
    let (heard, clock) = (&found.heard, found.clock);
    let sounds = heard.utterances.iter();
    json!({
        "guild_id": found.guild.to_string(),
        "bot": { "id": found.bot.to_string(), "name": found.bot_name },
        "channel_id": found.channel.map(|channel| channel.to_string()),
        "bots": found.bots,
        "packets": heard.packets,
        "silence_frames": heard.silence_frames,
        "sequence_breaks": heard.sequence_breaks,
        "timestamp_breaks": heard.timestamp_breaks,
        "decrypt_failures": heard.decrypt_failures,
        "encrypted_frames": heard.encrypted_frames,
        "unencrypted_frames": heard.unencrypted_frames,
        "undecryptable_frames": heard.undecryptable_frames,
        "muted_packets": heard.muted_packets,
        "first_packet_at_ms": heard.first_packet.map(|at| clock.at_ms(at)),
        "last_packet_at_ms": heard.last_packet.map(|at| clock.at_ms(at)),
        "duration_ms": heard.duration().as_millis(),
        "utterances": sounds.map(|utterance| sound(utterance, clock)).collect::<Vec<_>>(),
    })
}

fn sound(utterance: &Utterance, clock: Clock) -> Value {
    let audio = utterance.audio();
    let mut gaps = utterance.gaps();
    gaps.sort();
    let gap_ms = |gap: Option<&Duration>| gap.copied().unwrap_or_default().as_secs_f64() * 1_000.0;
    let cue = utterance.cue.as_ref();
    let cue = cue.map(|cue| json!({ "what": cue.what, "at_ms": clock.at_ms(cue.at) }));
    json!({
        "index": utterance.index,
        "channel_id": utterance.channel.to_string(),
        "ended": utterance.ended,
        "started_at_ms": utterance.started_at().map(|at| clock.at_ms(at)),
        "cue": cue,
        "after_cue_ms": utterance.after_cue().map(|after| after.as_secs_f64() * 1_000.0),
        "packets": utterance.frames.len(),
        "duration_ms": utterance.duration().as_millis(),
        "packets_per_second": utterance.packets_per_second(),
        "median_gap_ms": gap_ms(gaps.get(gaps.len() / 2)),
        "longest_gap_ms": gap_ms(gaps.last()),
        "sequence_breaks": utterance.sequence_breaks(),
        "timestamp_breaks": utterance.timestamp_breaks(),
        "decode_errors": audio.decode_errors,
        "frequency_hz": audio.frequency_hz(),
        "level_dbfs": level(&audio),
        "loudness_lufs": audio.loudness_lufs(),
        "peak": audio.peak(),
    })
}

/// JSON has no infinity: silence has no level.
fn level(audio: &Audio) -> Option<f64> {
    Some(audio.level_dbfs()).filter(|level| level.is_finite())
}
