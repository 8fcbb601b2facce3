//! Voice connections: the domain's [`Voice`] port over songbird. One connection per guild; its
//! joins, plays and leaves go one after another, since songbird mixes them up otherwise.

use std::collections::HashMap;
use std::num::NonZeroU8;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use serenity::model::id as discord;
use songbird::driver::retry::{Retry, Strategy};
use songbird::driver::{DisposalThread, Scheduler, SchedulerConfig};
use songbird::error::JoinError;
use songbird::input::Input;
use songbird::{Call, Config, CoreEvent, Event, EventContext, EventHandler, Songbird};
use tokio::sync::watch;
use tokio::time::timeout;

use super::directory::{Directory, to_discord};
use super::track::{self, Playing};
use super::{mix, reasons};
use crate::audio::Prepared;
use crate::domain::guilds::Gateway;
use crate::domain::settings::Volume;
use crate::domain::voice::{Line, Lost, Others, Started, Voice, VoiceError};
use crate::ids::{ChannelId, GuildId};

/// songbird's own limits, and ours around all of it: without them a join can take a minute.
const DRIVER_PATIENCE: Duration = Duration::from_secs(3);
const GATEWAY_PATIENCE: Duration = Duration::from_secs(5);
const JOIN_PATIENCE: Duration = Duration::from_secs(10);
const RETRY_AFTER: Duration = Duration::from_millis(250);
const RETRIES_MAX: NonZeroU8 = NonZeroU8::MIN;
/// How long a leave may take to come back from Discord.
const LEAVE_PATIENCE: Duration = Duration::from_secs(2);
/// How often it is asked for.
const LEAVES_MAX: usize = 2;
/// The same for the bot's being deafened or not.
const DEAF_PATIENCE: Duration = Duration::from_secs(2);
/// How long parting from all guilds may take when the process ends.
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);

type SharedCall = Arc<tokio::sync::Mutex<Call>>;

/// The voice connections of all guilds.
pub(super) struct Calls(Arc<Inner>);

struct Inner {
    songbird: Arc<Songbird>,
    directory: Arc<Directory>,
    rooms: Mutex<HashMap<GuildId, Arc<Room>>>,
    /// Numbers the connections, so that the end of one is not taken for the end of the next.
    connections: AtomicU64,
}

/// A guild's place for a connection.
#[derive(Default)]
struct Room {
    /// Held by whoever joins or leaves; nobody else waits for that.
    door: tokio::sync::Mutex<()>,
    connection: Mutex<Option<Connection>>,
    /// Whether Discord may still have to say something to a leave.
    owes_leave: AtomicBool,
}

struct Connection {
    number: u64,
    call: SharedCall,
    lost: watch::Sender<Option<Lost>>,
    playing: Vec<Playing>,
}

/// The threads that send packets and that drop what was sent, for any number of bots.
#[derive(Clone)]
pub(super) struct Mixers {
    scheduler: Scheduler,
    disposer: DisposalThread,
}

impl Mixers {
    /// Those that look for work; others begin with what is to be sent.
    pub(super) fn new() -> Self {
        // A mixer that songbird moves to another thread because its own is late loses a packet,
        // and with it 20 ms of sound.
        let mut scheduling = SchedulerConfig::default();
        scheduling.move_expensive_tasks = false;
        Self {
            scheduler: Scheduler::new(scheduling),
            // Else songbird makes one for each bot.
            disposer: DisposalThread::run(),
        }
    }
}

impl Calls {
    pub(super) fn new(directory: Arc<Directory>, mixers: &Mixers) -> Self {
        let config = Config::default()
            .scheduler(mixers.scheduler.clone())
            .disposer(mixers.disposer.clone())
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
    async fn join(&self, guild: GuildId, channel: ChannelId) -> Result<Line, VoiceError> {
        self.0.enter(guild, channel).await
    }

    async fn play(
        &self,
        guild: GuildId,
        audio: &Prepared,
        volume: Volume,
        others: Others,
    ) -> Result<Started, VoiceError> {
        let input = track::parse(audio)?;
        let (room, peak) = (self.0.room(guild), audio.peak);
        room.play(input, peak, volume, others).await
    }

    async fn set_volume(&self, guild: GuildId, volume: Volume) {
        self.0.room(guild).set_volume(volume);
    }

    async fn stop(&self, guild: GuildId) {
        self.0.room(guild).stop().await;
    }

    async fn set_deaf(&self, guild: GuildId, is_deaf: bool) {
        let room = self.0.room(guild);
        let call = room.connection().as_ref().map(|it| Arc::clone(&it.call));
        let Some(call) = call else { return };
        if let Err(error) = call.lock().await.deafen(is_deaf).await {
            tracing::warn!(guild.id = %guild, %error, "Discord was not told who hears");
        }
        self.0
            .directory
            .wait_deaf(guild, is_deaf, DEAF_PATIENCE)
            .await;
    }

    async fn leave(&self, guild: GuildId) {
        self.0.leave(guild).await;
    }

    async fn forget(&self, guild: GuildId) {
        self.0.leave(guild).await;
        self.0.rooms().remove(&guild);
    }

    fn channel(&self, guild: GuildId) -> Option<ChannelId> {
        self.0.directory.own_channel(guild)
    }
}

impl Inner {
    async fn leave(&self, guild: GuildId) {
        let room = self.room(guild);
        let _door = room.door.lock().await;
        self.hang_up(guild, &room).await;
    }

    /// Takes the bot into `channel`.
    async fn enter(
        self: &Arc<Self>,
        guild: GuildId,
        channel: ChannelId,
    ) -> Result<Line, VoiceError> {
        let room = self.room(guild);
        let _door = room.door.lock().await;
        room.stop().await;
        if !room.is_settled().await {
            // Left over from an earlier session, or moved by somebody: songbird knows half of it
            // then, and a join would not be answered.
            self.hang_up(guild, &room).await;
        }
        let error = match timeout(JOIN_PATIENCE, self.join(guild, channel, &room)).await {
            Ok(Ok(line)) => return Ok(line),
            Ok(Err(error)) => {
                tracing::warn!(guild.id = %guild, channel.id = %channel, %error, "no voice");
                reasons::refusal(&error)
            }
            Err(_) => {
                tracing::warn!(guild.id = %guild, channel.id = %channel, "no voice in time");
                VoiceError::TimedOut
            }
        };
        self.hang_up(guild, &room).await;
        Err(error)
    }

    /// Joins a channel, or moves there.
    async fn join(
        self: &Arc<Self>,
        guild: GuildId,
        channel: ChannelId,
        room: &Room,
    ) -> Result<Line, JoinError> {
        // Without a bot songbird would panic: it has not been told who it is.
        if self.directory.bot().is_none() {
            return Err(JoinError::NoSender);
        }
        let joined = match self.ask(guild, channel).await {
            // What Discord said to an earlier leave was taken for an answer to this join. It is
            // about to let the bot in all the same: only after that can it be asked to let it out.
            Err(JoinError::Dropped) if room.owes_leave.swap(false, Ordering::AcqRel) => {
                self.directory
                    .wait_in_voice(guild, true, LEAVE_PATIENCE)
                    .await;
                self.hang_up(guild, room).await;
                self.ask(guild, channel).await
            }
            joined => joined,
        };
        let call = joined?;
        room.owes_leave.store(false, Ordering::Release);
        if let Some(connection) = &*room.connection() {
            return Ok(connection.lost.subscribe());
        }
        let (connection, line) = self.connected(guild, call).await;
        *room.connection() = Some(connection);
        Ok(line)
    }

    /// Asks Discord into a channel and connects to its voice server. `Dropped` also where Discord
    /// lets the bot in and somebody throws it out before that is done, or deletes the channel:
    /// songbird would go on connecting.
    async fn ask(&self, guild: GuildId, channel: ChannelId) -> Result<SharedCall, JoinError> {
        let (is_in, is_out) = (Some(channel), None);
        let thrown_out = async {
            self.directory.wait_own_channel(guild, is_in).await;
            self.directory.wait_own_channel(guild, is_out).await;
        };
        let call = self.songbird.get_or_insert(to_discord(guild));
        let joining = {
            let mut call = call.lock().await;
            let joining = call.join(discord::ChannelId::new(channel.get())).await?;
            // The bot hears nothing, and shows that it does not. Said now and not once it has
            // joined, since this names the channel as well: it would be let in again after
            // somebody has thrown it out.
            if !call.is_deaf() {
                call.deafen(true).await?;
            }
            joining
        };
        tokio::select! {
            joined = joining => joined.map(|()| call),
            () = thrown_out => Err(JoinError::Dropped),
        }
    }

    /// Takes charge of a call that has just been joined.
    async fn connected(self: &Arc<Self>, guild: GuildId, call: SharedCall) -> (Connection, Line) {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let (lost, line) = watch::channel(None);
        let mut locked = call.lock().await;
        let watcher = Watcher {
            inner: Arc::downgrade(self),
            guild,
            number,
        };
        locked.add_global_event(Event::Core(CoreEvent::DriverDisconnect), watcher);
        drop(locked);
        let connection = Connection {
            number,
            call,
            lost,
            playing: Vec::new(),
        };
        (connection, line)
    }

    /// Ends a guild's connection, whatever state it is in, and waits until Discord knows.
    async fn hang_up(&self, guild: GuildId, room: &Room) {
        let id = to_discord(guild);
        // A parked track would be heard again after the next join.
        room.stop().await;
        *room.connection() = None;
        let mut has_left = false;
        // What is asked for is lost where the gateway's connection breaks at this moment.
        for _ in 0..LEAVES_MAX {
            let is_in_voice = self.directory.own_channel(guild).is_some();
            if is_in_voice && self.directory.bot().is_some() {
                // Makes a call where there is none, to have somebody to leave with.
                let _call = self.songbird.get_or_insert(id);
            }
            if self.songbird.get(id).is_none() {
                return;
            }
            if let Err(error) = self.songbird.remove(id).await {
                tracing::warn!(guild.id = %guild, %error, "leaving voice failed");
            }
            let leaves = self.directory.wait_in_voice(guild, false, LEAVE_PATIENCE);
            has_left = is_in_voice && leaves.await;
            if has_left || !is_in_voice {
                break;
            }
            tracing::warn!(guild.id = %guild, "Discord still sees the bot in voice");
        }
        room.owes_leave.store(!has_left, Ordering::Release);
    }

    /// The connection of this number is gone.
    async fn lost(&self, guild: GuildId, number: u64, how: Lost) {
        let room = self.room(guild);
        let is_it = |connection: &Connection| connection.number == number;
        if let Some(connection) = room.connection().as_ref().filter(|it| is_it(it)) {
            connection.lost.send_replace(Some(how));
        }
        let _door = room.door.lock().await;
        let is_still_it = room.connection().as_ref().is_some_and(is_it);
        if is_still_it {
            tracing::info!(guild.id = %guild, ?how, "the voice connection has ended");
            self.hang_up(guild, &room).await;
        }
    }

    fn room(&self, guild: GuildId) -> Arc<Room> {
        Arc::clone(self.rooms().entry(guild).or_default())
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<GuildId, Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Brings what plays to a level at which it does not clip, together with one of another
    /// `peak` that is about to play; answers the factor of each.
    fn level(&mut self, volume: Volume, peak: Option<f32>) -> f32 {
        self.playing.retain(Playing::is_on);
        let peaks = self.playing.iter().map(Playing::peak).chain(peak);
        let factor = mix::factor(volume, peaks);
        for playing in &self.playing {
            playing.set_volume(factor);
        }
        factor
    }
}

impl Room {
    async fn play(
        &self,
        input: Input,
        peak: f32,
        volume: Volume,
        others: Others,
    ) -> Result<Started, VoiceError> {
        let (call, mut line, factor) = match &mut *self.connection() {
            Some(connection) => {
                let factor = match others {
                    Others::End => mix::factor(volume, [peak]),
                    Others::Stay => connection.level(volume, Some(peak)),
                };
                let line = connection.lost.subscribe();
                (Arc::clone(&connection.call), line, factor)
            }
            // Its end is on its way to whoever wants to play.
            None => return Err(VoiceError::Lost(Lost::Broken)),
        };
        let (track, signals, started, ended) = track::new(input);
        let track = track.volume(factor);
        let handle = match others {
            Others::End => call.lock().await.play_only(track),
            Others::Stay => call.lock().await.play(track),
        };
        self.add(Playing::new(handle, signals.clone(), peak), others);
        let result = tokio::select! {
            // First: the end of a connection stops what is on it.
            biased;
            lost = lost(&mut line) => Err(VoiceError::Lost(lost)),
            result = started.wait() => result,
        };
        match result {
            Ok(()) => Ok(Started { ended }),
            Err(error) => {
                signals.end();
                Err(error)
            }
        }
    }

    /// Keeps a track that has been started.
    fn add(&self, playing: Playing, others: Others) {
        if let Some(connection) = &mut *self.connection() {
            connection.playing.retain(Playing::is_on);
            if others == Others::End {
                for replaced in connection.playing.drain(..) {
                    replaced.end();
                }
            }
            connection.playing.push(playing);
        } else {
            playing.end();
        }
    }

    fn set_volume(&self, volume: Volume) {
        if let Some(connection) = &mut *self.connection() {
            connection.level(volume, None);
        }
    }

    /// Whether songbird knows all about the connection, so that it can move by itself.
    async fn is_settled(&self) -> bool {
        let call = match &*self.connection() {
            Some(connection) if connection.lost.borrow().is_none() => Arc::clone(&connection.call),
            _ => return false,
        };
        call.lock().await.current_connection().is_some()
    }

    async fn stop(&self) {
        let (call, playing) = match &mut *self.connection() {
            Some(connection) => (
                Arc::clone(&connection.call),
                std::mem::take(&mut connection.playing),
            ),
            None => return,
        };
        call.lock().await.stop();
        playing.iter().for_each(Playing::end);
    }

    fn connection(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the end of a connection; one that we have ended ourselves breaks.
async fn lost(line: &mut Line) -> Lost {
    match line.wait_for(Option::is_some).await {
        Ok(lost) => (*lost).unwrap_or(Lost::Broken),
        Err(_) => Lost::Broken,
    }
}

/// Hears of a connection's end.
struct Watcher {
    inner: Weak<Inner>,
    guild: GuildId,
    number: u64,
}

#[async_trait]
impl EventHandler for Watcher {
    async fn act(&self, context: &EventContext<'_>) -> Option<Event> {
        let EventContext::DriverDisconnect(about) = context else {
            return None;
        };
        let how = reasons::loss(about.reason);
        if let Some(inner) = self.inner.upgrade() {
            let (guild, number) = (self.guild, self.number);
            // Not here: songbird's own events wait for this to return.
            tokio::spawn(async move { inner.lost(guild, number, how).await });
        }
        None
    }
}
