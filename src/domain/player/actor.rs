//! One guild's player: a task that owns what plays and what waits there, so that joins, plays and
//! leaves never cross. It never waits for Discord itself: that is done beside it, one thing at a
//! time, and commands are heard meanwhile.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::handle::Handle;
use super::order::{Command, Order, Outcome, Parts, Reply, View};
use super::view::{NowPlaying, Queued, State};
use super::work::{Done, Task, Waiting, Work, answer, enter, tell};
use crate::db::plays::{LOCAL, NewPlay};
use crate::domain::settings::{GuildSettings, Mode};
use crate::domain::voice::{Line, Lost, Others, Started, VoiceError};
use crate::error::Error;
use crate::ids::{ChannelId, GuildId};

/// Commands that may wait; who comes then waits for room.
const COMMANDS_MAX: usize = 64;
/// Longest queue. Contract 5.
const QUEUE_MAX: usize = 50;
/// Sounds at once in mode `overlap`.
const OVERLAP_MAX: usize = 8;
/// Connections that are restored by ourselves within [`RESTORE_WINDOW`]; after that somebody has
/// to ask for a sound again.
const RESTORES_MAX: usize = 5;
const RESTORE_WINDOW: Duration = Duration::from_mins(10);

const STOPPED: &str = "it was stopped before it began";

/// Starts a guild's player.
pub(super) fn start(guild: GuildId, parts: Arc<Parts>, settings: Arc<GuildSettings>) -> Handle {
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    let view = View {
        state: State::Idle,
        reason: None,
        playing: Vec::new(),
        queue: Vec::new(),
    };
    let (shown, view) = watch::channel(view);
    let actor = Actor {
        guild,
        parts,
        settings,
        shown,
        own: commands.downgrade(),
        waiting: VecDeque::new(),
        starting: None,
        tracks: Vec::new(),
        work: None,
        is_wanted: Arc::default(),
        leaving: Vec::new(),
        connection: None,
        numbers: 0,
        alone_until: None,
        restores: VecDeque::new(),
    };
    tokio::spawn(actor.run(inbox));
    Handle { commands, view }
}

struct Track {
    number: u64,
    now: NowPlaying,
}

struct Actor {
    guild: GuildId,
    parts: Arc<Parts>,
    settings: Arc<GuildSettings>,
    shown: watch::Sender<View>,
    /// Weak: the player ends when nobody can ask it for anything any more.
    own: mpsc::WeakSender<Command>,
    waiting: VecDeque<Waiting>,
    /// What is being started.
    starting: Option<Queued>,
    tracks: Vec<Track>,
    work: Option<Work>,
    /// Whether what is being started is still wanted.
    is_wanted: Arc<AtomicBool>,
    /// Those who wait until the bot has left.
    leaving: Vec<Reply<()>>,
    /// The connection there is, by its number.
    connection: Option<u64>,
    numbers: u64,
    /// When the bot leaves because it is alone.
    alone_until: Option<Duration>,
    /// When connections were restored without being asked to.
    restores: VecDeque<Duration>,
}

impl Actor {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        loop {
            let clock = self.parts.clock.clone();
            let alone_until = self.alone_until;
            let work = async {
                match &mut self.work {
                    Some(work) => work.await,
                    None => std::future::pending().await,
                }
            };
            let alone = async {
                match alone_until {
                    Some(until) => clock.sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = inbox.recv() => match command {
                    Some(command) => self.handle(command).await,
                    None => return,
                },
                done = work => {
                    self.work = None;
                    self.starting = None;
                    match done {
                        Ok(done) => self.finish(done).await,
                        // It has logged its panic; whoever waited for it has been told.
                        Err(_) => self.advance(),
                    }
                }
                () = alone => {
                    self.alone_until = None;
                    tracing::info!(guild.id = %self.guild, "nobody else is in the channel");
                    self.clear("the bot has left the channel").await;
                    self.leave();
                }
            }
            self.look();
            self.show();
        }
    }

    async fn handle(&mut self, command: Command) {
        match command {
            Command::Play(order, reply) => self.take(order, reply),
            Command::Join(channel, reply) => self.join(channel, reply),
            Command::Stop(reply) => {
                self.clear(STOPPED).await;
                self.answer(Some(reply), Ok(()));
            }
            Command::Skip(reply) => {
                self.end_playing().await;
                self.answer(Some(reply), Ok(()));
            }
            Command::Leave(reply) => {
                self.clear("the bot has left the channel").await;
                self.leaving.push(reply);
                self.leave();
            }
            Command::Settings(settings) => {
                self.settings = settings;
                self.level().await;
            }
            Command::Look => {}
            Command::Ended(number) => {
                self.tracks.retain(|track| track.number != number);
                // What goes on has more room now.
                self.level().await;
                self.advance();
            }
            Command::Lost(number, lost) => self.lost(number, lost),
        }
    }

    /// Takes an order by the guild's mode.
    fn take(&mut self, order: Order, reply: Reply<Outcome>) {
        let mut waiting = Waiting {
            order,
            reply: Some(reply),
        };
        match self.settings.mode {
            Mode::Replace => {
                self.drop_waiting("another sound was asked for before this one began");
            }
            Mode::Queue => {
                if self.waiting.len() >= QUEUE_MAX {
                    waiting.refuse("the queue is full, try again later");
                    return;
                }
                let ahead =
                    self.tracks.len() + usize::from(self.work.is_some()) + self.waiting.len();
                if ahead > 0 {
                    let reply = waiting.reply.take();
                    self.waiting.push_back(waiting);
                    return self.answer(reply, Ok(Outcome::Queued(ahead)));
                }
            }
            Mode::Overlap => {
                if self.tracks.len() + self.waiting.len() >= OVERLAP_MAX {
                    waiting.refuse("too many sounds play at once, try again later");
                    return;
                }
            }
        }
        self.waiting.push_back(waiting);
        self.advance();
    }

    fn join(&mut self, channel: ChannelId, reply: Reply<()>) {
        if self.work.is_some() {
            let busy = "the bot is busy with another sound, try again";
            self.answer(Some(reply), Err(Error::Conflict(busy.to_owned())));
        } else if self.is_in(channel) {
            self.answer(Some(reply), Ok(()));
        } else {
            let (parts, shown, guild) = (Arc::clone(&self.parts), self.shown.clone(), self.guild);
            self.work = Some(tokio::spawn(async move {
                let (line, result) = enter(&parts, &shown, guild, channel).await;
                Done {
                    task: Task::Join(reply),
                    line,
                    started: result.map(|()| None),
                }
            }));
        }
    }

    /// Starts what waits, if it is its turn.
    fn advance(&mut self) {
        let is_turn = self.settings.mode != Mode::Queue || self.tracks.is_empty();
        if self.work.is_some() || !is_turn {
            return;
        }
        let Some(waiting) = self.waiting.pop_front() else {
            return;
        };
        self.starting = Some(waiting.order.queued());
        let channel = waiting.order.channel;
        let is_there = self.is_in(channel);
        let others = match self.settings.mode {
            Mode::Overlap => Others::Stay,
            Mode::Replace | Mode::Queue => Others::End,
        };
        let (parts, shown, guild) = (Arc::clone(&self.parts), self.shown.clone(), self.guild);
        let volume = self.settings.volume;
        let is_wanted = Arc::new(AtomicBool::new(true));
        self.is_wanted = Arc::clone(&is_wanted);
        self.work = Some(tokio::spawn(async move {
            let (line, entered) = if is_there {
                (None, Ok(()))
            } else {
                enter(&parts, &shown, guild, channel).await
            };
            let started = match entered {
                Ok(()) if !is_wanted.load(Ordering::Acquire) => Ok(None),
                Ok(()) => {
                    let audio = &waiting.order.audio;
                    parts
                        .voice
                        .play(guild, audio, volume, others)
                        .await
                        .map(Some)
                }
                Err(error) => Err(error),
            };
            Done {
                task: Task::Play(waiting),
                line,
                started,
            }
        }));
    }

    /// Leaves once nothing else is being done.
    fn leave(&mut self) {
        if self.work.is_some() {
            if self.leaving.is_empty() {
                let (nobody, _) = oneshot::channel();
                self.leaving.push(nobody);
            }
            return;
        }
        self.connection = None;
        let (parts, guild) = (Arc::clone(&self.parts), self.guild);
        self.work = Some(tokio::spawn(async move {
            parts.voice.leave(guild).await;
            Done {
                task: Task::Leave,
                line: None,
                started: Ok(None),
            }
        }));
    }

    async fn finish(&mut self, done: Done) {
        if let Some(line) = done.line {
            self.follow(line);
        }
        let (state, reason) = match &done.started {
            Ok(_) | Err(VoiceError::Unreadable) => (State::Idle, None),
            Err(error @ VoiceError::TimedOut) => (State::Lost, Some(error.reason())),
            Err(error) => (State::Refused, Some(error.reason())),
        };
        self.ended_as(state, reason);
        if let Some(reason) = reason {
            // What waits would only be refused one by one.
            self.drop_waiting(reason);
        }
        match done.task {
            Task::Play(waiting) => self.played(waiting, done.started).await,
            Task::Join(reply) => {
                self.answer(Some(reply), done.started.map(drop).map_err(Error::from));
            }
            Task::Leave => {
                for reply in std::mem::take(&mut self.leaving) {
                    self.answer(Some(reply), Ok(()));
                }
            }
        }
        if self.leaving.is_empty() {
            self.advance();
        } else {
            self.leave();
        }
    }

    /// An order was carried out, or could not be.
    async fn played(&mut self, waiting: Waiting, started: Result<Option<Started>, VoiceError>) {
        let Waiting { order, reply } = waiting;
        let started = match started {
            Ok(Some(started)) => started,
            Ok(None) => return Waiting { order, reply }.refuse(STOPPED),
            Err(error) => {
                return self.answer(reply, Err(error.into()));
            }
        };
        let started_ms = self.parts.clock.now_ms();
        let number = self.next_number();
        if self.settings.mode != Mode::Overlap {
            // They have ended; that they have is still on its way here.
            self.tracks.clear();
        }
        self.tracks.push(Track {
            number,
            now: NowPlaying {
                sound: order.sound.clone(),
                user: order.user,
                user_tag: order.user_tag.clone(),
                started_ms,
                length_ms: order.audio.length_ms,
            },
        });
        let own = self.own.clone();
        tokio::spawn(async move {
            let _over_either_way = started.ended.await;
            tell(&own, Command::Ended(number)).await;
        });
        let commit = self.parts.log.record(NewPlay {
            guild: self.guild,
            time_ms: started_ms,
            user: order.user,
            user_tag: order.user_tag,
            source: LOCAL,
            sound: order.sound,
        });
        self.answer(reply, Ok(Outcome::Started(Box::pin(commit))));
        if !self.is_wanted.load(Ordering::Acquire) {
            // It began just before it was stopped.
            self.end_playing().await;
        }
    }

    /// A connection is gone that nobody here wanted to end.
    fn lost(&mut self, number: u64, lost: Lost) {
        if self.connection != Some(number) {
            return;
        }
        self.connection = None;
        self.tracks.clear();
        let (state, reason) = match lost {
            Lost::Removed => (State::Idle, None),
            Lost::NotEncrypted => (State::Refused, Some(VoiceError::NotEncrypted.reason())),
            Lost::Limited => (State::Refused, Some("discord limits voice connections")),
            Lost::Closed => (State::Lost, Some("discord closed the voice connection")),
            Lost::Broken => (State::Lost, Some("the voice connection broke")),
        };
        self.ended_as(state, reason);
        let may_come_back = matches!(lost, Lost::Closed | Lost::Broken);
        if !may_come_back || !self.may_restore() {
            self.drop_waiting("the bot has lost its voice connection");
        }
        self.advance();
    }

    /// Whether a connection may be restored without being asked to; counts it.
    fn may_restore(&mut self) -> bool {
        let now = self.parts.clock.monotonic();
        let is_old = |at: &Duration| now.saturating_sub(*at) > RESTORE_WINDOW;
        self.restores.retain(|at| !is_old(at));
        let may = !self.waiting.is_empty() && self.restores.len() < RESTORES_MAX;
        if may {
            self.restores.push_back(now);
        }
        may
    }

    /// Ends what plays and drops what waits.
    async fn clear(&mut self, reason: &'static str) {
        self.drop_waiting(reason);
        self.tracks.clear();
        self.end_playing().await;
    }

    fn drop_waiting(&mut self, reason: &str) {
        for waiting in self.waiting.drain(..) {
            waiting.refuse(reason);
        }
    }

    async fn level(&self) {
        let volume = self.settings.volume;
        self.parts.voice.set_volume(self.guild, volume).await;
    }

    /// Ends what plays, and what is about to.
    async fn end_playing(&mut self) {
        self.is_wanted.store(false, Ordering::Release);
        self.parts.voice.stop(self.guild).await;
    }

    /// Hears of the end of a new connection.
    fn follow(&mut self, mut line: Line) {
        let number = self.next_number();
        self.connection = Some(number);
        // What played on the one before has ended with it.
        self.tracks.clear();
        let own = self.own.clone();
        tokio::spawn(async move {
            let lost = match line.wait_for(Option::is_some).await {
                Ok(lost) => lost.unwrap_or(Lost::Broken),
                // Ended by ourselves.
                Err(_) => return,
            };
            tell(&own, Command::Lost(number, lost)).await;
        });
    }

    fn is_in(&self, channel: ChannelId) -> bool {
        // Somebody may have moved the bot: what Discord says counts.
        self.connection.is_some() && self.parts.voice.channel(self.guild) == Some(channel)
    }

    /// Starts or stops the clock by which the bot leaves an empty channel.
    fn look(&mut self) {
        let channel = self.parts.voice.channel(self.guild);
        let gateway = self.parts.guilds.gateway();
        let is_alone = channel.is_some_and(|it| !gateway.has_listeners(self.guild, it));
        match self
            .settings
            .leave_after
            .filter(|_| is_alone && self.connection.is_some())
        {
            Some(after) => {
                let until = self.parts.clock.monotonic() + after;
                self.alone_until.get_or_insert(until);
            }
            None => self.alone_until = None,
        }
    }

    fn ended_as(&self, state: State, reason: Option<&'static str>) {
        self.shown.send_modify(|view| {
            view.state = state;
            view.reason = reason;
        });
    }

    /// Tells whoever waits, if anybody does, what came of a command; what they see then is true.
    fn answer<T>(&self, reply: Option<Reply<T>>, with: Result<T, Error>) {
        self.show();
        if let Some(reply) = reply {
            answer(reply, with);
        }
    }

    fn show(&self) {
        let waiting = self.waiting.iter().map(|waiting| waiting.order.queued());
        let queue: Vec<_> = self.starting.clone().into_iter().chain(waiting).collect();
        let playing: Vec<_> = self.tracks.iter().map(|track| track.now.clone()).collect();
        self.shown.send_modify(|view| {
            view.queue = queue;
            view.playing = playing;
        });
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}
