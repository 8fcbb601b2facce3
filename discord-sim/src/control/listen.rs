//! What a voice channel hears, as a stream without an end for an `<audio>` element.
//!
//! Uncompressed, because browsers read ahead by the byte: Chromium begins to play after some
//! 220 kB, and then hands on what comes in pieces of 32 kB. That is half a second of these
//! samples, but many seconds of Opus.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use futures_util::stream;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use super::answer::{Answered, Asked, Refused};
use super::names::{InGuild, Named, home};
use crate::heard::live::{BLOCK, Ear};
use crate::heard::wav::{self, Format};
use crate::state::Shared;
use crate::stop::Stop;
use crate::world::Guild;

/// A listener that is this late skips what it has missed; one that is less late catches up.
const LATE: Duration = Duration::from_secs(1);

/// Which channel is listened to; without one, that of the guild in which a bot is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Where {
    channel: Option<Named>,
}

/// `GET /sim/guilds/{guild}/voice/listen`
pub(super) fn listen(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Asked(asked): Asked<Where>,
    stop: Stop,
) -> Answered<Response> {
    let channel = asked.channel.map(|named| {
        let channel_of = |guild: &Guild| {
            let channel = named.channel(guild)?;
            let no_voice = || Refused::unprocessable("this is no voice channel");
            guild
                .has_voice_channel(channel)
                .then_some(channel)
                .ok_or_else(no_voice)
        };
        shared.read(|state| channel_of(home(state, guild)?))
    });
    let channel = channel.transpose()?;
    let listener = Listener {
        shared,
        stop,
        guild,
        channel,
        followed: None,
        ear: Ear::default(),
        beat: Beat {
            due: Instant::now() + BLOCK,
        },
    };
    let head = Bytes::from(wav::header(Format::Float32, None));
    let blocks = stream::unfold(listener, async |mut listener| {
        let block = listener.next_block().await?;
        Some((block, listener))
    });
    let body = stream::once(ready(head)).chain(blocks);
    let headers = [
        (header::CONTENT_TYPE, "audio/wav"),
        (header::CACHE_CONTROL, "no-store"),
        (header::ACCEPT_RANGES, "none"),
    ];
    Ok((headers, Body::from_stream(body.map(Ok::<_, Infallible>))).into_response())
}

/// One stream. It does something only when its client takes the next block.
struct Listener {
    shared: Arc<Shared>,
    stop: Stop,
    guild: u64,
    /// The channel that was asked for.
    channel: Option<u64>,
    /// The bot whose channel is listened to if none was asked for.
    followed: Option<u64>,
    ear: Ear,
    beat: Beat,
}

impl Listener {
    /// The next block when it is due; `None` once the simulator stops.
    async fn next_block(&mut self) -> Option<Bytes> {
        let in_time = tokio::select! {
            () = self.stop.requested() => return None,
            in_time = self.beat.next() => in_time,
        };
        if !in_time {
            self.ear = Ear::default();
        }
        let (channel, bots) = self.around();
        self.ear.keep(&bots);
        for bot in bots {
            let place = self.ear.place(bot);
            let (mut frames, end) = self.shared.hub.read(self.guild, bot, |recording| {
                let frames = place.map(|place| recording.since(place));
                (frames.unwrap_or_default(), recording.end())
            });
            frames.retain(|frame| frame.channel == channel);
            self.ear.hear(bot, &frames, end);
        }
        Some(self.ear.next_block().into())
    }

    /// The channel that is listened to, and the bots in it.
    fn around(&mut self) -> (u64, Vec<u64>) {
        self.shared.read(|state| {
            let Some(guild) = state.find_guild(self.guild) else {
                return (0, Vec::new());
            };
            let bots = || state.applications.iter().map(|bot| bot.id);
            let channel_of = |bot: &u64| Some(guild.voice.get(bot)?.channel);
            if self.followed.as_ref().and_then(channel_of).is_none() {
                self.followed = bots().find(|bot| channel_of(bot).is_some());
            }
            let followed = || self.followed.as_ref().and_then(channel_of);
            let Some(channel) = self.channel.or_else(followed) else {
                return (0, Vec::new());
            };
            let inside = bots().filter(|bot| channel_of(bot) == Some(channel));
            (channel, inside.collect())
        })
    }
}

/// When blocks are due.
struct Beat {
    due: Instant,
}

impl Beat {
    /// Waits for the next block's time; false if blocks have been skipped.
    async fn next(&mut self) -> bool {
        sleep_until(self.due).await;
        let now = Instant::now();
        self.due += BLOCK;
        let in_time = now <= self.due + LATE;
        if !in_time {
            self.due = now + BLOCK;
        }
        in_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many blocks come at once after a stall, and whether any were skipped.
    async fn after(stall: Duration) -> (u32, bool) {
        let now = Instant::now();
        let mut beat = Beat { due: now - stall };
        let (mut blocks, mut in_time) = (0, true);
        while beat.due <= now {
            in_time &= beat.next().await;
            blocks += 1;
        }
        (blocks, in_time)
    }

    #[tokio::test]
    async fn a_listener_that_stalls_for_long_skips_what_it_has_missed() {
        assert_eq!(after(Duration::from_millis(500)).await, (26, true));
        assert_eq!(after(Duration::from_secs(3)).await, (1, false));
    }
}
