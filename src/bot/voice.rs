//! Voice connections: the domain's [`Voice`] port over songbird. One connection per guild; its
//! joins, plays and leaves go one after another, since songbird mixes them up otherwise.

use std::collections::HashMap;
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use serenity::model::id as discord;
use songbird::driver::retry::{Retry, Strategy};
use songbird::driver::{Scheduler, SchedulerConfig};
use songbird::error::JoinError;
use songbird::input::codecs::{get_codec_registry, get_probe};
use songbird::input::{File, Input};
use songbird::{Call, Config, CoreEvent, Event, EventContext, EventHandler, Songbird};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::directory::{Directory, to_discord};
use super::track::{self, Playing};
use crate::audio::Prepared;
use crate::domain::guilds::Gateway;
use crate::domain::player::{Started, Voice, VoiceError};
use crate::ids::{ChannelId, GuildId};

/// songbird's own limits, and ours around all of it: without them a join can take a minute.
const DRIVER_PATIENCE: Duration = Duration::from_secs(3);
const GATEWAY_PATIENCE: Duration = Duration::from_secs(5);
const JOIN_PATIENCE: Duration = Duration::from_secs(10);
const RETRY_AFTER: Duration = Duration::from_millis(250);
const RETRIES_MAX: NonZeroU8 = NonZeroU8::MIN;
/// How long a play may wait for those before it in the same guild.
const TURN_PATIENCE: Duration = Duration::from_secs(10);
/// How long a leave may take to come back from Discord.
const LEAVE_PATIENCE: Duration = Duration::from_secs(2);
/// How long parting from all guilds may take when the process ends.
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);

type SharedCall = Arc<tokio::sync::Mutex<Call>>;

/// The voice connections of all guilds.
pub(super) struct Calls(Arc<Inner>);

struct Inner {
    songbird: Arc<Songbird>,
    directory: Arc<Directory>,
    /// Wait between a fresh join and the first sound: until clients and bot have agreed on the
    /// keys of the end-to-end encryption nobody hears anything, and there is no event for it.
    settle: Duration,
    rooms: Mutex<HashMap<GuildId, Arc<Room>>>,
    /// Numbers the connections, so that the end of one is not taken for the end of the next.
    connections: AtomicU64,
}

/// A guild's connection, if there is one; locked for as long as it is worked on.
type Room = tokio::sync::Mutex<Option<Connection>>;

struct Connection {
    number: u64,
    call: SharedCall,
    /// Becomes true when the connection is gone for good.
    is_lost: watch::Receiver<bool>,
    playing: Option<Playing>,
}

impl Calls {
    pub(super) fn new(directory: Arc<Directory>, settle: Duration) -> Self {
        // A mixer that songbird moves to another thread because its own is late loses a packet,
        // and with it 20 ms of sound.
        let mut scheduling = SchedulerConfig::default();
        scheduling.move_expensive_tasks = false;
        let config = Config::default()
            .scheduler(Scheduler::new(scheduling))
            .driver_timeout(Some(DRIVER_PATIENCE))
            .gateway_timeout(Some(GATEWAY_PATIENCE))
            .driver_retry(Retry {
                strategy: Strategy::Every(RETRY_AFTER.into()),
                retry_limit: Some(RETRIES_MAX),
            });
        Self(Arc::new(Inner {
            // Not `serenity()` and `set_config()`: that costs a thread for each call.
            songbird: Songbird::serenity_from_config(config),
            directory,
            settle,
            rooms: Mutex::default(),
            connections: AtomicU64::new(0),
        }))
    }

    /// What serenity passes voice events to.
    pub(super) fn songbird(&self) -> Arc<Songbird> {
        Arc::clone(&self.0.songbird)
    }

    /// Leaves all channels.
    pub(super) async fn close(&self) {
        let guilds: Vec<GuildId> = self.0.rooms().keys().copied().collect();
        let leaving: Vec<_> = guilds
            .into_iter()
            .map(|guild| {
                let inner = Arc::clone(&self.0);
                tokio::spawn(async move { inner.leave(guild).await })
            })
            .collect();
        let all = async {
            for task in leaving {
                let _ended = task.await;
            }
        };
        if timeout(CLOSE_PATIENCE, all).await.is_err() {
            tracing::warn!("not every voice channel could be left in time");
        }
    }
}

#[async_trait]
impl Voice for Calls {
    async fn play(
        &self,
        guild: GuildId,
        channel: ChannelId,
        audio: &Prepared,
    ) -> Result<Started, VoiceError> {
        let (inner, audio) = (Arc::clone(&self.0), audio.clone());
        // In a task of its own: a caller who goes away must not leave half a connection behind.
        let playing = tokio::spawn(async move { inner.play(guild, channel, &audio.path).await });
        playing.await.unwrap_or(Err(VoiceError::Refused))
    }

    async fn stop(&self, guild: GuildId) {
        let room = self.0.room(guild);
        if let Some(connection) = room.lock().await.as_mut() {
            connection.stop().await;
        }
    }

    async fn leave(&self, guild: GuildId) {
        let inner = Arc::clone(&self.0);
        let _ended = tokio::spawn(async move { inner.leave(guild).await }).await;
    }

    fn channel(&self, guild: GuildId) -> Option<ChannelId> {
        self.0.directory.own_channel(guild)
    }
}

impl Inner {
    async fn play(
        self: &Arc<Self>,
        guild: GuildId,
        channel: ChannelId,
        audio: &Path,
    ) -> Result<Started, VoiceError> {
        let input = open(audio).await?;
        let room = self.room(guild);
        // Whoever waited this long behind others does not want the sound any more.
        let turn = timeout(TURN_PATIENCE, room.lock()).await;
        let mut room = turn.map_err(|_| VoiceError::TimedOut)?;
        let is_fresh = self.enter(guild, channel, &mut room).await?;
        if is_fresh && self.directory.has_listeners(guild, channel) {
            sleep(self.settle).await;
        }
        let connection = room.as_mut().ok_or(VoiceError::Refused)?;
        connection.play(input).await
    }

    async fn leave(&self, guild: GuildId) {
        let room = self.room(guild);
        let mut room = room.lock().await;
        self.hang_up(guild, room.take()).await;
    }

    /// Makes sure that the bot is in `channel`; says whether it had to go there.
    async fn enter(
        self: &Arc<Self>,
        guild: GuildId,
        channel: ChannelId,
        room: &mut Option<Connection>,
    ) -> Result<bool, VoiceError> {
        if room
            .as_ref()
            .is_some_and(|connection| *connection.is_lost.borrow())
        {
            self.hang_up(guild, room.take()).await;
        }
        let mut is_settled = false;
        if let Some(connection) = room {
            // Somebody may have moved the bot: what Discord says counts.
            if self.directory.own_channel(guild) == Some(channel) {
                return Ok(false);
            }
            connection.stop().await;
            is_settled = connection.is_settled().await;
        }
        if !is_settled {
            // Left over from an earlier session, or moved by somebody: songbird knows half of it
            // then, and a join would not be answered.
            self.hang_up(guild, room.take()).await;
        }
        match timeout(JOIN_PATIENCE, self.join(guild, channel, room)).await {
            Ok(Ok(())) => Ok(true),
            Ok(Err(error)) => {
                tracing::warn!(guild.id = %guild, channel.id = %channel, %error, "no voice");
                self.hang_up(guild, room.take()).await;
                Err(match error {
                    JoinError::TimedOut => VoiceError::TimedOut,
                    _ => VoiceError::Refused,
                })
            }
            Err(_) => {
                tracing::warn!(guild.id = %guild, channel.id = %channel, "no voice in time");
                self.hang_up(guild, room.take()).await;
                Err(VoiceError::TimedOut)
            }
        }
    }

    /// Joins a channel, or moves there.
    async fn join(
        self: &Arc<Self>,
        guild: GuildId,
        channel: ChannelId,
        room: &mut Option<Connection>,
    ) -> Result<(), JoinError> {
        // Without a bot songbird would panic: it has not been told who it is.
        if self.directory.bot().is_none() {
            return Err(JoinError::NoSender);
        }
        let target = discord::ChannelId::new(channel.get());
        let joined = match self.songbird.join(to_discord(guild), target).await {
            // The answer to an earlier leave was taken for one to this join. Discord is about to
            // let the bot in all the same: only after that can it be asked to let it out.
            Err(JoinError::Dropped) => {
                self.directory
                    .wait_in_voice(guild, true, LEAVE_PATIENCE)
                    .await;
                self.hang_up(guild, room.take()).await;
                self.songbird.join(to_discord(guild), target).await
            }
            joined => joined,
        };
        let call = joined?;
        if room.is_none() {
            *room = Some(self.connected(guild, call).await);
        }
        Ok(())
    }

    /// Takes charge of a call that has just been joined.
    async fn connected(self: &Arc<Self>, guild: GuildId, call: SharedCall) -> Connection {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let (lost, is_lost) = watch::channel(false);
        let mut locked = call.lock().await;
        let watcher = Watcher {
            inner: Arc::downgrade(self),
            guild,
            number,
            lost,
        };
        locked.add_global_event(Event::Core(CoreEvent::DriverDisconnect), watcher);
        // The bot hears nothing, and shows that it does not.
        if let Err(error) = locked.deafen(true).await {
            tracing::debug!(%error, "the bot could not deafen itself");
        }
        drop(locked);
        Connection {
            number,
            call,
            is_lost,
            playing: None,
        }
    }

    /// Ends a guild's connection, whatever state it is in, and waits until Discord knows.
    async fn hang_up(&self, guild: GuildId, connection: Option<Connection>) {
        let id = to_discord(guild);
        if let Some(mut connection) = connection {
            // A parked track would be heard again after the next join.
            connection.stop().await;
        }
        let is_in_voice = self.directory.own_channel(guild).is_some();
        if is_in_voice && self.directory.bot().is_some() {
            // Makes a call where there is none, to have somebody to leave with.
            let _call = self.songbird.get_or_insert(id);
        }
        if self.songbird.get(id).is_some()
            && let Err(error) = self.songbird.remove(id).await
        {
            tracing::warn!(guild.id = %guild, %error, "leaving voice failed");
        }
        if is_in_voice
            && !self
                .directory
                .wait_in_voice(guild, false, LEAVE_PATIENCE)
                .await
        {
            tracing::warn!(guild.id = %guild, "Discord still sees the bot in voice");
        }
    }

    /// The connection of this number is gone.
    async fn lost(&self, guild: GuildId, number: u64) {
        let room = self.room(guild);
        let mut room = room.lock().await;
        if room
            .as_ref()
            .is_some_and(|connection| connection.number == number)
        {
            tracing::info!(guild.id = %guild, "the voice connection has ended");
            self.hang_up(guild, room.take()).await;
        }
    }

    fn room(&self, guild: GuildId) -> Arc<Room> {
        Arc::clone(self.rooms().entry(guild).or_default())
    }

    fn rooms(&self) -> std::sync::MutexGuard<'_, HashMap<GuildId, Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Plays in place of what plays now.
    async fn play(&mut self, input: Input) -> Result<Started, VoiceError> {
        let (track, playing, started, ended) = track::new(input);
        let _handle = self.call.lock().await.play_only(track);
        if let Some(replaced) = self.playing.replace(playing) {
            replaced.end();
        }
        let mut is_lost = self.is_lost.clone();
        let result = tokio::select! {
            result = started.wait() => result,
            _ = is_lost.wait_for(|is_lost| *is_lost) => Err(VoiceError::Refused),
        };
        if let Err(error) = result {
            self.stop().await;
            return Err(error);
        }
        Ok(Started { ended })
    }

    /// Whether songbird knows all about the connection, so that it can move by itself.
    async fn is_settled(&self) -> bool {
        self.call.lock().await.current_connection().is_some()
    }

    async fn stop(&mut self) {
        self.call.lock().await.stop();
        if let Some(playing) = self.playing.take() {
            playing.end();
        }
    }
}

/// Opens and parses a prepared file, before anything else is touched.
async fn open(path: &Path) -> Result<Input, VoiceError> {
    let input = Input::from(File::new(PathBuf::from(path)));
    let parsed = input
        .make_playable_async(get_codec_registry(), get_probe())
        .await;
    parsed.map_err(|error| {
        tracing::error!(sound.path = ?path, %error, "a prepared sound cannot be read");
        VoiceError::Unreadable
    })
}

/// Hears of a connection's end.
struct Watcher {
    inner: Weak<Inner>,
    guild: GuildId,
    number: u64,
    lost: watch::Sender<bool>,
}

#[async_trait]
impl EventHandler for Watcher {
    async fn act(&self, _: &EventContext<'_>) -> Option<Event> {
        self.lost.send_replace(true);
        if let Some(inner) = self.inner.upgrade() {
            let (guild, number) = (self.guild, self.number);
            // Not here: songbird's own events wait for this to return.
            tokio::spawn(async move { inner.lost(guild, number).await });
        }
        None
    }
}
