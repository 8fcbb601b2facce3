//! Voice connections as the domain sees them: the port that `bot` fills and the player drives.

use async_trait::async_trait;
use tokio::sync::{oneshot, watch};

use crate::audio::Prepared;
use crate::domain::settings::Volume;
use crate::error::Error;
use crate::ids::{ChannelId, GuildId};

/// Why a voice connection did not come about or did not play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoiceError {
    /// Discord refused the connection.
    Refused,
    /// Discord wants encryption that this connection does not have (close code 4017).
    NotEncrypted,
    /// Discord did not answer in time.
    TimedOut,
    /// The prepared audio could not be read.
    Unreadable,
    /// It was stopped before the audio began.
    Stopped,
    /// The connection ended before the audio began.
    Lost(Lost),
}

impl VoiceError {
    /// What went wrong, and what to do about it where there is something.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Refused => "discord refused the voice connection",
            Self::NotEncrypted => "discord demands encryption that this version does not have",
            Self::TimedOut => "discord did not answer the voice connection, try again",
            Self::Unreadable => "this sound cannot be played: its audio could not be read",
            Self::Stopped => "it was stopped before it began",
            Self::Lost(lost) => lost.reason(),
        }
    }
}

impl From<VoiceError> for Error {
    fn from(error: VoiceError) -> Self {
        match error {
            VoiceError::Refused | VoiceError::NotEncrypted | VoiceError::Lost(_) => {
                Self::Upstream(error.reason(), None)
            }
            VoiceError::TimedOut => Self::UpstreamTimeout(error.reason()),
            VoiceError::Unreadable | VoiceError::Stopped => {
                Self::Conflict(error.reason().to_owned())
            }
        }
    }
}

/// How a connection ended that nobody here wanted to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Somebody disconnected the bot, or its channel is gone.
    Removed,
    /// Discord wants encryption that the connection does not have.
    NotEncrypted,
    /// Discord finds that there are too many connections.
    Limited,
    /// Discord closed the connection for another reason.
    Closed,
    /// It broke and could not be restored.
    Broken,
}

impl Lost {
    /// What has become of the connection, and what to do about it where there is something.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Removed => "the bot was disconnected from its voice channel",
            Self::NotEncrypted => VoiceError::NotEncrypted.reason(),
            Self::Limited => "discord limits voice connections, try again later",
            Self::Closed => "discord closed the voice connection, try again",
            Self::Broken => "the voice connection broke, try again",
        }
    }
}

/// Becomes `Some` when a connection is gone for good.
pub type Line = watch::Receiver<Option<Lost>>;

/// A track that is being sent. `ended` is fulfilled or dropped when it is over, for any reason.
#[derive(Debug)]
pub struct Started {
    /// Resolves when the track has ended, was stopped, replaced or lost its connection.
    pub ended: oneshot::Receiver<()>,
}

/// What becomes of the tracks that play when another starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They end.
    End,
    /// They go on.
    Stay,
}

/// Voice connections, one per guild. The calls about one guild come one after another, except
/// [`channel`](Voice::channel).
#[async_trait]
pub trait Voice: Send + Sync {
    /// Connects to a channel, or moves there, whatever state the connection is in. What played
    /// ends.
    ///
    /// # Errors
    /// [`VoiceError`]; there is no connection then.
    async fn join(&self, guild: GuildId, channel: ChannelId) -> Result<Line, VoiceError>;
    /// Plays on the connection and returns once the first packets are on their way. What would
    /// clip at this volume, together with what else plays, plays that much quieter.
    ///
    /// # Errors
    /// [`VoiceError`]; what played before goes on unless it was to end.
    async fn play(
        &self,
        guild: GuildId,
        audio: &Prepared,
        volume: Volume,
        others: Others,
    ) -> Result<Started, VoiceError>;
    /// Sets the volume of what plays, as far as that does not clip.
    async fn set_volume(&self, guild: GuildId, volume: Volume);
    /// Ends what plays; nothing happens where nothing does.
    async fn stop(&self, guild: GuildId);
    /// Deafens the bot or lets it hear, which Discord shows; it is deafened after each join. Nothing
    /// happens where there is no connection. Returns once Discord knows.
    async fn set_deaf(&self, guild: GuildId, is_deaf: bool);
    /// Leaves the channel; nothing happens where there is none. Returns once Discord knows.
    async fn leave(&self, guild: GuildId);
    /// The bot is not in the guild any more: ends its connection and keeps nothing of it.
    async fn forget(&self, guild: GuildId);
    /// The channel the bot is in, as Discord sees it.
    fn channel(&self, guild: GuildId) -> Option<ChannelId>;
}

/// The voice of an installation without a bot.
#[derive(Debug, Clone, Copy)]
pub struct Mute;

#[async_trait]
impl Voice for Mute {
    async fn join(&self, _: GuildId, _: ChannelId) -> Result<Line, VoiceError> {
        Err(VoiceError::Refused)
    }

    async fn play(
        &self,
        _: GuildId,
        _: &Prepared,
        _: Volume,
        _: Others,
    ) -> Result<Started, VoiceError> {
        Err(VoiceError::Refused)
    }

    async fn set_volume(&self, _: GuildId, _: Volume) {}

    async fn stop(&self, _: GuildId) {}

    async fn set_deaf(&self, _: GuildId, _: bool) {}

    async fn leave(&self, _: GuildId) {}

    async fn forget(&self, _: GuildId) {}

    fn channel(&self, _: GuildId) -> Option<ChannelId> {
        None
    }
}
