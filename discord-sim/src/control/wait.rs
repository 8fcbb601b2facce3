//! Control requests that wait until something is so: nobody has to ask again and again.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::answer::{Answered, Asked, Refused};
use super::names::{InGuild, Named, home};
use crate::state::{self, Shared};

/// How long to wait if nothing is said about it, and at most.
const PATIENCE: Duration = Duration::from_secs(10);
const MOST_PATIENCE: Duration = Duration::from_mins(5);

/// How long a request may wait.
pub(super) fn patience(timeout_ms: Option<u64>) -> Duration {
    timeout_ms
        .map_or(PATIENCE, Duration::from_millis)
        .min(MOST_PATIENCE)
}

/// Which bot is waited for, and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ready {
    bot: Option<Named>,
    timeout_ms: Option<u64>,
}

/// `GET /sim/wait/ready`: until the bot is logged in and has been told of all its guilds.
pub(super) async fn ready(
    State(shared): State<Arc<Shared>>,
    Asked(asked): Asked<Ready>,
) -> Answered<StatusCode> {
    let bot = shared.read(|state| bot(state, asked.bot.as_ref()))?;
    let ready = shared.wait_ready(bot, patience(asked.timeout_ms)).await;
    met(ready, "the bot is not logged in")
}

/// Which command is waited for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Command {
    name: String,
    bot: Option<Named>,
    timeout_ms: Option<u64>,
}

/// `GET /sim/wait/command`: until the bot has registered a command of this name.
pub(super) async fn command(
    State(shared): State<Arc<Shared>>,
    Asked(asked): Asked<Command>,
) -> Answered<StatusCode> {
    let bot = shared.read(|state| bot(state, asked.bot.as_ref()))?;
    let timeout = patience(asked.timeout_ms);
    let registered = shared.wait_command(bot, &asked.name, timeout).await;
    met(registered, "the bot has registered no such command")
}

/// Which bot is waited for, and where.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Voice {
    bot: Option<Named>,
    channel: Option<Named>,
    timeout_ms: Option<u64>,
}

/// `GET /sim/guilds/{guild}/wait/voice`: until the bot is in a voice channel and can send.
pub(super) async fn in_voice(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Asked(asked): Asked<Voice>,
) -> Answered<StatusCode> {
    let (bot, channel) = shared.read(|state| {
        let channel = asked.channel.as_ref();
        let channel = channel.map(|named| named.channel(home(state, guild)?));
        Ok::<_, Refused>((bot(state, asked.bot.as_ref())?, channel.transpose()?))
    })?;
    let timeout = patience(asked.timeout_ms);
    let arrived = shared.wait_in_voice(guild, bot, channel, timeout).await;
    met(arrived, "the bot is not there, or not connected")
}

/// How much is waited for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Packets {
    bot: Option<Named>,
    at_least: usize,
    timeout_ms: Option<u64>,
}

/// `GET /sim/guilds/{guild}/wait/packets`: until so many of the bot's have been heard.
pub(super) async fn packets(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Asked(asked): Asked<Packets>,
) -> Answered<StatusCode> {
    let bot = shared.read(|state| bot(state, asked.bot.as_ref()))?;
    let timeout = patience(asked.timeout_ms);
    let come = shared.wait_packets(guild, bot, asked.at_least, timeout);
    met(come.await, "fewer packets have come")
}

/// Which bot is waited for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Silence {
    bot: Option<Named>,
    timeout_ms: Option<u64>,
}

/// `GET /sim/guilds/{guild}/wait/out-of-voice`
pub(super) async fn out_of_voice(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Asked(asked): Asked<Silence>,
) -> Answered<StatusCode> {
    let bot = shared.read(|state| bot(state, asked.bot.as_ref()))?;
    let timeout = patience(asked.timeout_ms);
    let left = shared.wait_out_of_voice(guild, bot, timeout).await;
    met(left, "the bot is still in voice")
}

/// `GET /sim/guilds/{guild}/wait/encrypted`: until the people in the channel can hear it.
pub(super) async fn encrypted(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Asked(asked): Asked<Silence>,
) -> Answered<StatusCode> {
    let bot = shared.read(|state| bot(state, asked.bot.as_ref()))?;
    let timeout = patience(asked.timeout_ms);
    let encrypted = shared.wait_encrypted(guild, bot, timeout).await;
    met(encrypted, "what the bot sends is not encrypted end to end")
}

/// The bot that is named, or the first there is.
pub(super) fn bot(state: &state::State, named: Option<&Named>) -> Answered<u64> {
    let first = || state.applications.first().map_or(0, |bot| bot.id);
    named.map_or_else(|| Ok(first()), |named| named.bot(state))
}

fn met(is_so: bool, otherwise: &str) -> Answered<StatusCode> {
    is_so
        .then_some(StatusCode::NO_CONTENT)
        .ok_or_else(|| Refused::too_late(otherwise))
}
