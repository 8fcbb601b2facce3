//! A guild's player as callers see it.

use crate::ids::{ChannelId, UserId};

use crate::domain::settings::{GuildSettings, Mode, Volume};

/// What a guild's player is about. Contract 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// In no channel.
    Idle,
    /// On its way into a channel.
    Joining,
    /// In the channel, waiting until those in it can decrypt what is sent.
    Securing,
    /// In a channel, silent.
    Ready,
    /// Playing.
    Playing,
    /// The connection broke; the reason says how.
    Lost,
    /// Discord does not let the bot in; the reason says why.
    Refused,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Idle,
        Self::Joining,
        Self::Securing,
        Self::Ready,
        Self::Playing,
        Self::Lost,
        Self::Refused,
    ];

    /// The state as callers name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Joining => "joining",
            Self::Securing => "securing",
            Self::Ready => "ready",
            Self::Playing => "playing",
            Self::Lost => "lost",
            Self::Refused => "refused",
        }
    }
}

/// A sound that is being sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NowPlaying {
    /// Tells it from the same sound at another time.
    pub number: u64,
    /// Where.
    pub channel: ChannelId,
    /// The sound's name without its extension.
    pub sound: String,
    /// Who asked for it.
    pub user: UserId,
    /// The same, as the log names them.
    pub user_tag: String,
    /// When its audio started, in Unix milliseconds.
    pub started_ms: i64,
    /// Its length.
    pub length_ms: u64,
}

/// A sound that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The sound's name without its extension.
    pub sound: String,
    /// Who asked for it.
    pub user: UserId,
    /// The same, as the log names them.
    pub user_tag: String,
    /// Its length.
    pub length_ms: u64,
}

/// A guild's player at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayerState {
    /// The bot's voice channel.
    pub channel: Option<ChannelId>,
    /// What the player is about.
    pub state: State,
    /// Why the connection broke or was refused.
    pub reason: Option<&'static str>,
    /// What is being sent, the sound that started last at the end.
    pub playing: Vec<NowPlaying>,
    /// What waits, the next one first.
    pub queue: Vec<Queued>,
    /// How loud everything is.
    pub volume: Volume,
    /// What a play does to the sounds before it.
    pub mode: Mode,
}

impl PlayerState {
    /// That of a player that has not been asked for anything yet, in this channel or in none.
    pub fn untouched(channel: Option<ChannelId>, settings: &GuildSettings) -> Self {
        Self {
            channel,
            state: channel.map_or(State::Idle, |_| State::Ready),
            reason: None,
            playing: Vec::new(),
            queue: Vec::new(),
            volume: settings.volume,
            mode: settings.mode,
        }
    }
}
