//! The event log: as a list, and as a stream for those who follow it.
//!
//! The stream also tells when something has changed, so that nobody has to ask again and again.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::answer::Asked;
use crate::state::{EventKind, Shared};
use crate::stop::Stop;

/// How often a stream looks for changes, so that many at once are told as one.
const TICK: Duration = Duration::from_millis(200);

/// Which events are wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Those with greater numbers.
    after: Option<u64>,
    kind: Option<EventKind>,
}

/// `GET /sim/events`: newest first; as a stream for who accepts `text/event-stream`.
pub(super) fn events(
    State(shared): State<Arc<Shared>>,
    headers: &HeaderMap,
    Asked(wanted): Asked<Wanted>,
    stop: Stop,
) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let streams =
        text(header::ACCEPT.as_str()).is_some_and(|kinds| kinds.contains("text/event-stream"));
    let log = shared.read(|state| state.log.clone());
    if !streams {
        let mut events = log.after(wanted.after.unwrap_or(0));
        events.retain(|event| wanted.kind.is_none_or(|kind| kind == event.kind));
        events.reverse();
        return Json(events).into_response();
    }
    let mut last = log.follow();
    // A browser that has lost its stream says what it has seen.
    let seen = text("last-event-id").and_then(|id| id.parse().ok());
    let now = *last.borrow_and_update();
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let changes = shared.follow();
    let mut follower = Follower {
        shared,
        stop,
        kind: wanted.kind,
        after: seen.or(wanted.after).unwrap_or(now),
        last,
        changes,
        tick,
        speaking: BTreeSet::new(),
        waiting: VecDeque::new(),
    };
    follower.take_news();
    let messages = stream::unfold(follower, async |mut follower| {
        let message = follower.next().await?;
        Some((Ok::<_, Infallible>(message), follower))
    });
    let headers = [(header::CACHE_CONTROL, "no-store")];
    let stream = Sse::new(messages).keep_alive(KeepAlive::default());
    (headers, stream).into_response()
}

/// One stream.
struct Follower {
    shared: Arc<Shared>,
    stop: Stop,
    kind: Option<EventKind>,
    /// The number of the last event that was told.
    after: u64,
    last: watch::Receiver<u64>,
    changes: watch::Receiver<u64>,
    tick: Interval,
    speaking: BTreeSet<(u64, u64)>,
    waiting: VecDeque<Message>,
}

impl Follower {
    /// The next message; `None` once the simulator stops.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Some(message);
            }
            tokio::select! {
                () = self.stop.requested() => return None,
                _ = self.last.changed() => self.take_news(),
                _ = self.tick.tick() => self.take_changes(),
            }
        }
    }

    fn take_news(&mut self) {
        self.last.borrow_and_update();
        let news = self.shared.read(|state| state.log.after(self.after));
        for event in news {
            self.after = event.number;
            if self.kind.is_none_or(|kind| kind == event.kind) {
                let message = Message::default().id(event.number.to_string());
                self.waiting.extend(message.json_data(&event).ok());
            }
        }
    }

    fn take_changes(&mut self) {
        if self.changes.has_changed().unwrap_or(false) {
            self.changes.borrow_and_update();
            let message = Message::default().event("changed").data("{}");
            self.waiting.push_back(message);
        }
        let speaking = speaking(&self.shared);
        if speaking != self.speaking {
            let entry = |(guild, user): &(u64, u64)| -> Value {
                json!({ "guild_id": guild.to_string(), "user_id": user.to_string() })
            };
            let all = speaking.iter().map(entry).collect::<Vec<_>>();
            let message = Message::default().event("speaking");
            self.waiting.extend(message.json_data(all).ok());
            self.speaking = speaking;
        }
    }
}

/// The bots that are heard at this moment, by guild and user.
pub(super) fn speaking(shared: &Shared) -> BTreeSet<(u64, u64)> {
    let now = Instant::now();
    let seats = shared.read(|state| {
        let seats = state.guilds.iter().flat_map(|guild| {
            let bots = guild.voice.keys();
            bots.filter(|user| state.find_application(**user).is_some())
                .map(|user| (guild.id, *user))
        });
        seats.collect::<Vec<_>>()
    });
    let speaks = |(guild, user): &(u64, u64)| {
        shared
            .hub
            .read(*guild, *user, |recording| recording.speaks(now))
    };
    seats.into_iter().filter(speaks).collect()
}
