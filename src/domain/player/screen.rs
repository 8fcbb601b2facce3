//! What a guild's player shows of itself, to those who ask and to those who listen: whatever the
//! [`actor`](super::actor) changes here is published as what is different now.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::order::{Order, Parts, View};
use super::view::{NowPlaying, Queued, State};
use crate::domain::events::{Event, PlayerEvent, Track};
use crate::domain::settings::Volume;
use crate::ids::{ChannelId, GuildId};

/// The view, and what was published of it.
#[derive(Clone)]
pub(super) struct Screen(Arc<Inner>);

struct Inner {
    guild: GuildId,
    parts: Arc<Parts>,
    view: watch::Sender<View>,
    told: Mutex<Told>,
}

/// What those who listen know.
#[derive(Clone, PartialEq)]
struct Told {
    channel: Option<ChannelId>,
    state: State,
    reason: Option<&'static str>,
    playing: Vec<NowPlaying>,
    queue: Vec<Queued>,
    volume: Volume,
}

impl Screen {
    /// The screen of a player that has done nothing yet.
    pub(super) fn new(
        guild: GuildId,
        parts: Arc<Parts>,
        volume: Volume,
    ) -> (Self, watch::Receiver<View>) {
        let view = View {
            state: State::Idle,
            reason: None,
            playing: Vec::new(),
            queue: Vec::new(),
        };
        let channel = parts.voice.channel(guild);
        let told = Told {
            channel,
            state: view.seen_in(channel).0,
            reason: None,
            playing: Vec::new(),
            queue: Vec::new(),
            volume,
        };
        let (view, seen) = watch::channel(view);
        let inner = Inner {
            guild,
            parts,
            view,
            told: Mutex::new(told),
        };
        (Self(Arc::new(inner)), seen)
    }

    /// What the player is busy with.
    pub(super) fn busy(&self, state: State) {
        self.change(|view, _| {
            view.state = state;
            view.reason = None;
        });
    }

    /// What plays and what waits, where the bot is now, and how its last work or connection has
    /// ended where that is new.
    pub(super) fn sounds(
        &self,
        ended: Option<(State, Option<&'static str>)>,
        playing: Vec<NowPlaying>,
        queue: Vec<Queued>,
    ) {
        self.change(|view, _| {
            if let Some((state, reason)) = ended {
                (view.state, view.reason) = (state, reason);
            }
            view.playing = playing;
            view.queue = queue;
        });
    }

    /// How loud everything is.
    pub(super) fn volume(&self, volume: Volume) {
        self.change(|_, told| *told = volume);
    }

    /// Orders that come to nothing.
    pub(super) fn failed<'a>(
        &self,
        orders: impl IntoIterator<Item = &'a Order>,
        reason: &'static str,
    ) {
        for order in orders {
            let track = Track {
                sound: order.sound.clone(),
                channel: order.channel,
                user: order.user,
                user_tag: order.user_tag.clone(),
            };
            self.publish(PlayerEvent::Failed { track, reason });
        }
    }

    /// A sound that should have ended.
    pub(super) fn stuck(&self, now: &NowPlaying, threshold: Duration) {
        let track = track(now);
        self.publish(PlayerEvent::Stuck { track, threshold });
    }

    fn change(&self, change: impl FnOnce(&mut View, &mut Volume)) {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = told.clone();
        self.0.view.send_modify(|view| {
            change(view, &mut now.volume);
            now.channel = self.0.parts.voice.channel(self.0.guild);
            (now.state, now.reason) = view.seen_in(now.channel);
            now.playing.clone_from(&view.playing);
            now.queue.clone_from(&view.queue);
        });
        // Under the lock: whoever listens hears of changes in their order.
        for event in differences(&told, &now) {
            self.publish(event);
        }
        *told = now;
    }

    fn publish(&self, event: PlayerEvent) {
        self.0
            .parts
            .events
            .publish(Event::Player(self.0.guild, event));
    }
}

/// What has happened between two states of a player.
fn differences(before: &Told, now: &Told) -> Vec<PlayerEvent> {
    let mut events = Vec::new();
    let volume = now.volume;
    if before.channel != now.channel {
        let left = |channel| PlayerEvent::Left { channel, volume };
        let joined = |channel| PlayerEvent::Joined { channel, volume };
        events.extend(before.channel.map(left));
        events.extend(now.channel.map(joined));
    }
    let is_in = |playing: &[NowPlaying], it: &NowPlaying| {
        playing.iter().any(|other| other.number == it.number)
    };
    let ended = before
        .playing
        .iter()
        .filter(|it| !is_in(&now.playing, it))
        .map(|it| PlayerEvent::Ended {
            track: track(it),
            volume,
        });
    events.extend(ended);
    let begun = now
        .playing
        .iter()
        .filter(|it| !is_in(&before.playing, it))
        .map(|it| PlayerEvent::Playing {
            track: track(it),
            volume,
        });
    events.extend(begun);
    if (before.channel, before.state, before.reason) != (now.channel, now.state, now.reason) {
        events.push(PlayerEvent::State {
            channel: now.channel,
            state: now.state,
            reason: now.reason,
        });
    }
    if before.queue != now.queue {
        events.push(PlayerEvent::Queue(now.queue.clone()));
    }
    events
}

fn track(now: &NowPlaying) -> Track {
    Track {
        sound: now.sound.clone(),
        channel: now.channel,
        user: now.user,
        user_tag: now.user_tag.clone(),
    }
}
