//! Playing a sound: the one way in for slash commands and requests alike, with the same rules,
//! and the only writer of the play log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::time::timeout;

use crate::audio::{Prepared, Transcoder};
use crate::clock::Clock;
use crate::db::plays::{LOCAL, NewPlay};
use crate::discord::rest::Member;
use crate::domain::guilds::{Guilds, MissingRight};
use crate::domain::library::Library;
use crate::domain::play_log::PlayLog;
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, UserId};

/// How long an answer waits for its row. The row is written all the same. Contract 5.
const COMMIT_WAIT: Duration = Duration::from_secs(2);

/// Why a voice connection did not play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoiceError {
    /// Discord refused the connection.
    Refused,
    /// Discord did not answer in time.
    TimedOut,
    /// The prepared audio could not be read.
    Unreadable,
}

impl From<VoiceError> for Error {
    fn from(error: VoiceError) -> Self {
        match error {
            VoiceError::Refused => Self::Upstream("discord refused the voice connection", None),
            VoiceError::TimedOut => {
                Self::UpstreamTimeout("discord did not answer the voice connection, try again")
            }
            VoiceError::Unreadable => {
                Self::Conflict("this sound cannot be played: its audio could not be read".into())
            }
        }
    }
}

/// A track that is being sent. `ended` is fulfilled or dropped when it is over, for any reason.
#[derive(Debug)]
pub struct Started {
    /// Resolves when the track has ended, was stopped, replaced or lost its connection.
    pub ended: oneshot::Receiver<()>,
}

impl Started {
    /// Whether the track has ended.
    pub fn is_over(&mut self) -> bool {
        !matches!(self.ended.try_recv(), Err(TryRecvError::Empty))
    }
}

/// Voice connections, one per guild. The port that `bot` fills.
#[async_trait]
pub trait Voice: Send + Sync {
    /// Joins `channel` where the bot is not in it yet, stops what plays there, plays `audio` and
    /// returns once its first packets are on their way.
    ///
    /// # Errors
    /// [`VoiceError`]; nothing plays then.
    async fn play(
        &self,
        guild: GuildId,
        channel: ChannelId,
        audio: &Prepared,
    ) -> Result<Started, VoiceError>;
    /// Stops what plays; nothing happens where nothing does.
    async fn stop(&self, guild: GuildId);
    /// Leaves the channel; nothing happens where there is none. Returns once Discord knows.
    async fn leave(&self, guild: GuildId);
    /// The channel the bot is in.
    fn channel(&self, guild: GuildId) -> Option<ChannelId>;
}

/// The voice of an installation without a bot.
#[derive(Debug, Clone, Copy)]
pub struct Mute;

#[async_trait]
impl Voice for Mute {
    async fn play(&self, _: GuildId, _: ChannelId, _: &Prepared) -> Result<Started, VoiceError> {
        Err(VoiceError::Refused)
    }

    async fn stop(&self, _: GuildId) {}

    async fn leave(&self, _: GuildId) {}

    fn channel(&self, _: GuildId) -> Option<ChannelId> {
        None
    }
}

/// Who asks the player for something.
#[derive(Debug, Clone)]
pub struct Asker {
    /// The guild it is about.
    pub guild: GuildId,
    /// The member.
    pub user: UserId,
    /// The member as Discord described it in this very request; read from Discord where `None`.
    pub member: Option<Member>,
}

/// A play that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Play {
    /// Where.
    pub channel: ChannelId,
    /// The sound's name without its extension, as logged.
    pub sound: String,
    /// Whether its row was committed before this answer.
    pub logged: bool,
}

/// What is being sent in a guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NowPlaying {
    /// The sound's name without its extension.
    pub sound: String,
    /// Who asked for it.
    pub user: UserId,
    /// The same, as the log names them.
    pub user_tag: String,
    /// Unix milliseconds.
    pub started_ms: i64,
    /// Its length.
    pub length_ms: u64,
}

/// A guild's player as callers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayerState {
    /// The bot's voice channel.
    pub channel: Option<ChannelId>,
    /// What is being sent.
    pub now_playing: Option<NowPlaying>,
}

/// The players of all guilds.
pub struct Player {
    guilds: Arc<Guilds>,
    library: Arc<Library>,
    transcoder: Transcoder,
    voice: Arc<dyn Voice>,
    log: PlayLog,
    clock: Clock,
    /// What was started last in each guild, and how to know whether it is over.
    playing: Mutex<HashMap<GuildId, (NowPlaying, Started)>>,
}

impl Player {
    /// A player that follows callers through `voice`.
    pub fn new(
        guilds: Arc<Guilds>,
        library: Arc<Library>,
        transcoder: Transcoder,
        voice: Arc<dyn Voice>,
        log: PlayLog,
        clock: Clock,
    ) -> Self {
        Self {
            guilds,
            library,
            transcoder,
            voice,
            log,
            clock,
            playing: Mutex::default(),
        }
    }

    /// Plays a sound of the operator's folder in the asker's voice channel, and logs it once its
    /// audio has started. `user_tag` is what the log calls the asker. Contract 5.
    ///
    /// # Errors
    /// 403 where the asker is no member, is timed out, is not in voice, or where the bot may not
    /// connect or speak; 404 for an unknown sound; 409 for one that cannot be played; 502 and 504
    /// for Discord's voice. Nothing is logged then.
    pub async fn play(&self, asker: Asker, user_tag: String, sound: &str) -> Result<Play, Error> {
        self.check(&asker).await?;
        let channel = self.voice_channel(&asker)?;
        let file = self.library.find(sound).ok_or(Error::NotFound(
            "there is no sound of this name, see the list of sounds",
        ))?;
        self.check_bot_rights(asker.guild, channel)?;
        let audio = self.transcoder.prepare(&file.path).await?;

        let started = self.voice.play(asker.guild, channel, &audio).await?;
        let started_ms = self.clock.now_ms();
        let now_playing = NowPlaying {
            sound: file.stem.clone(),
            user: asker.user,
            user_tag: user_tag.clone(),
            started_ms,
            length_ms: audio.length_ms,
        };
        self.remember(asker.guild, now_playing, started);

        let committed = self.log.record(NewPlay {
            guild: asker.guild,
            time_ms: started_ms,
            user: asker.user,
            user_tag,
            source: LOCAL,
            sound: file.stem.clone(),
        });
        let logged = matches!(timeout(COMMIT_WAIT, committed).await, Ok(Ok(())));
        Ok(Play {
            channel,
            sound: file.stem.clone(),
            logged,
        })
    }

    /// Stops what plays in the guild; the bot stays in its channel.
    ///
    /// # Errors
    /// 403 as for [`play`](Self::play).
    pub async fn stop(&self, asker: &Asker) -> Result<PlayerState, Error> {
        self.check(asker).await?;
        self.voice_channel(asker)?;
        self.voice.stop(asker.guild).await;
        Ok(self.state(asker.guild))
    }

    /// Leaves the guild's voice channel.
    ///
    /// # Errors
    /// 403 as for [`play`](Self::play).
    pub async fn leave(&self, asker: &Asker) -> Result<PlayerState, Error> {
        self.check(asker).await?;
        self.voice_channel(asker)?;
        self.voice.leave(asker.guild).await;
        Ok(self.state(asker.guild))
    }

    /// The player of a guild; the caller has checked that the asker may see it.
    pub fn state(&self, guild: GuildId) -> PlayerState {
        PlayerState {
            channel: self.voice.channel(guild),
            now_playing: self.now_playing(guild),
        }
    }

    async fn check(&self, asker: &Asker) -> Result<(), Error> {
        let member = match &asker.member {
            Some(member) => member.clone(),
            None => self.guilds.get_member(asker.guild, asker.user).await?,
        };
        if member
            .timed_out_until_ms
            .is_some_and(|until| until > self.clock.now_ms())
        {
            return Err(Error::Forbidden("you are timed out in this guild"));
        }
        Ok(())
    }

    fn voice_channel(&self, asker: &Asker) -> Result<ChannelId, Error> {
        self.guilds
            .gateway()
            .voice_channel(asker.guild, asker.user)
            .ok_or(Error::Forbidden(
                "you need to be in a voice channel to perform this command",
            ))
    }

    fn check_bot_rights(&self, guild: GuildId, channel: ChannelId) -> Result<(), Error> {
        self.guilds.gateway().may_speak(guild, channel).map_err(|missing| match missing {
            MissingRight::Connect => Error::Forbidden(
                "the bot may not join your voice channel, give it the Connect permission there",
            ),
            MissingRight::Speak => Error::Forbidden(
                "the bot may not speak in your voice channel, give it the Speak permission there",
            ),
        })
    }

    /// What plays in a guild now.
    fn now_playing(&self, guild: GuildId) -> Option<NowPlaying> {
        let mut playing = self.playing.lock().unwrap_or_else(PoisonError::into_inner);
        let (now_playing, started) = playing.get_mut(&guild)?;
        if started.is_over() {
            playing.remove(&guild);
            return None;
        }
        Some(now_playing.clone())
    }

    /// Keeps what was started, unless it is over already: then another play may have been started
    /// and kept before this one came here.
    fn remember(&self, guild: GuildId, now_playing: NowPlaying, mut started: Started) {
        let mut playing = self.playing.lock().unwrap_or_else(PoisonError::into_inner);
        if !started.is_over() {
            playing.insert(guild, (now_playing, started));
        }
    }
}
