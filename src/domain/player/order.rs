//! What a guild's player is asked for and what it shows: plain values between [`Player`] and the
//! player's [`actor`].
//!
//! [`Player`]: super::Player
//! [`actor`]: super::actor

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::view::{NowPlaying, Queued, State};
use crate::audio::Prepared;
use crate::clock::Clock;
use crate::db::plays::{LOCAL, NewPlay};
use crate::domain::events::Events;
use crate::domain::guilds::Guilds;
use crate::domain::play_log::{NotLogged, PlayLog};
use crate::domain::settings::GuildSettings;
use crate::domain::voice::Voice;
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, UserId};

/// What all guilds' players work with.
pub(super) struct Parts {
    pub(super) guilds: Arc<Guilds>,
    pub(super) voice: Arc<dyn Voice>,
    pub(super) log: PlayLog,
    pub(super) events: Arc<Events>,
    pub(super) clock: Clock,
    /// Wait between a fresh join and the first sound: until clients and bot have agreed on the
    /// keys of the end-to-end encryption nobody hears anything, and there is no event for it.
    pub(super) settle: Duration,
}

/// A sound that somebody wants to hear.
pub(super) struct Order {
    pub(super) channel: ChannelId,
    pub(super) sound: String,
    pub(super) audio: Prepared,
    pub(super) user: UserId,
    pub(super) user_tag: String,
}

impl Order {
    /// The same as something that waits.
    pub(super) fn queued(&self) -> Queued {
        Queued {
            sound: self.sound.clone(),
            user: self.user,
            user_tag: self.user_tag.clone(),
            length_ms: self.audio.length_ms,
        }
    }

    /// The same as something that plays since `started_ms`, in Unix milliseconds; the `number` tells
    /// it from others.
    pub(super) fn now_playing(&self, number: u64, started_ms: i64) -> NowPlaying {
        NowPlaying {
            number,
            channel: self.channel,
            sound: self.sound.clone(),
            user: self.user,
            user_tag: self.user_tag.clone(),
            started_ms,
            length_ms: self.audio.length_ms,
        }
    }

    /// The same as a row of the log.
    pub(super) fn into_row(self, guild: GuildId, started_ms: i64) -> NewPlay {
        NewPlay {
            guild,
            time_ms: started_ms,
            user: self.user,
            user_tag: self.user_tag,
            source: LOCAL,
            sound: self.sound,
        }
    }
}

/// Resolves when a play is in the log.
pub(super) type Commit = Pin<Box<dyn Future<Output = Result<(), NotLogged>> + Send>>;

/// What came of an order.
pub(super) enum Outcome {
    /// Its audio is on its way.
    Started(Commit),
    /// It waits behind so many others, what plays included.
    Queued(usize),
}

/// Whoever waits for what comes of a command.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Error>>;

pub(super) enum Command {
    Play(Order, Reply<Outcome>),
    Join(ChannelId, Reply<()>),
    Stop(Reply<()>),
    Skip(Reply<()>),
    Leave(Reply<()>),
    /// The guild has chosen something else.
    Settings(Arc<GuildSettings>),
    /// Somebody came into or left a voice channel, or the connection has ended.
    Look,
    /// A track is over.
    Ended(u64),
}

/// What a player shows of itself without being asked.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// What it is busy with, or how its last connection ended.
    pub(super) state: State,
    pub(super) reason: Option<&'static str>,
    pub(super) playing: Vec<NowPlaying>,
    pub(super) queue: Vec<Queued>,
}

impl View {
    /// What the player is about, for a bot that is in this channel, and why.
    pub(super) fn seen_in(&self, channel: Option<ChannelId>) -> (State, Option<&'static str>) {
        let state = match self.state {
            busy @ (State::Joining | State::Securing) => busy,
            _ if !self.playing.is_empty() => State::Playing,
            _ if channel.is_some() => State::Ready,
            ended => ended,
        };
        let is_told = matches!(state, State::Lost | State::Refused);
        (state, self.reason.filter(|_| is_told))
    }
}
