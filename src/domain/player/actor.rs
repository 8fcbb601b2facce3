//! One guild's player: a task that owns what plays and what waits there, so that joins, plays and
//! leaves never cross. It never waits for Discord itself: that is done beside it, one thing at a
//! time, and commands are heard meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::handle::Handle;
use super::link::{self, Link, Restores};
use super::order::{Command, Order, Outcome, Parts, Reply};
use super::queue::{Queue, Waiting};
use super::screen::Screen;
use super::view::{NowPlaying, State};
use super::work::{
    Done, Entered, Starting, Task, Wish, Work, answer, enter, follow_track, refuse, tell,
};
use crate::domain::settings::{GuildSettings, Mode};
use crate::domain::voice::{Line, Others, Started, VoiceError};
use crate::error::Error;
use crate::ids::{ChannelId, GuildId};

/// Commands that may wait; who comes then waits for room.
const COMMANDS_MAX: usize = 64;
/// Longest queue. Contract 5.
const QUEUE_MAX: usize = 50;
/// Sounds at once in mode `overlap`.
const OVERLAP_MAX: usize = 8;

/// Starts a guild's player.
pub(super) fn start(guild: GuildId, parts: Arc<Parts>, settings: Arc<GuildSettings>) -> Handle {
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    let (shown, view) = Screen::new(guild, Arc::clone(&parts), settings.volume);
    let actor = Actor {
        guild,
        parts,
        settings,
        shown,
        own: commands.downgrade(),
        waiting: Queue::default(),
        starting: None,
        tracks: Vec::new(),
        work: None,
        wish: Arc::default(),
        leaving: Vec::new(),
        link: None,
        numbers: 0,
        alone_until: None,
        restores: Restores::default(),
        ended: None,
    };
    tokio::spawn(actor.run(inbox));
    Handle { commands, view }
}

struct Actor {
    guild: GuildId,
    parts: Arc<Parts>,
    settings: Arc<GuildSettings>,
    shown: Screen,
    /// Weak: the player ends when nobody can ask it for anything any more.
    own: mpsc::WeakSender<Command>,
    waiting: Queue,
    /// What is being started.
    starting: Option<Starting>,
    tracks: Vec<NowPlaying>,
    work: Option<Work>,
    /// Whether what is being started is still wanted.
    wish: Arc<Wish>,
    /// Those who wait until the bot has left.
    leaving: Vec<Reply<()>>,
    link: Option<Link>,
    /// Counts the tracks.
    numbers: u64,
    /// When the bot leaves because it is alone.
    alone_until: Option<Duration>,
    restores: Restores,
    /// How it ended what it was busy with, until that is shown.
    ended: Option<(State, Option<&'static str>)>,
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
                    let reply = self.starting.take().and_then(|starting| starting.reply);
                    match done {
                        Ok(done) => self.finish(done, reply).await,
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
        if self.see_loss() {
            self.show();
            self.advance();
        }
        match command {
            Command::Play(order, reply) => self.take(order, reply),
            Command::Join(channel, reply) => self.join(channel, reply),
            Command::Stop(reply) => {
                self.clear(VoiceError::Stopped.reason()).await;
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
                self.shown.volume(self.settings.volume);
                self.level().await;
            }
            Command::Look => {}
            Command::Ended(number) => {
                self.tracks.retain(|track| track.number != number);
                // What goes on has more room now.
                self.level().await;
                self.advance();
            }
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
                self.waiting
                    .clear("another sound was asked for before this one began");
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
                    self.waiting.push(waiting);
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
        self.waiting.push(waiting);
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
                let (entered, started) = match enter(&parts, &shown, guild, channel).await {
                    Ok(line) => (Entered::New(channel, line), Ok(None)),
                    Err(error) => (Entered::Failed, Err(error)),
                };
                Done {
                    task: Task::Join(reply),
                    entered,
                    started,
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
        let (guild, own) = (self.guild, self.channel());
        let gateway = self.parts.guilds.gateway();
        let can_be_heard = |it| own == Some(it) || gateway.may_speak(guild, it).is_ok();
        let Some(Waiting { order, reply }) = self.waiting.next(can_be_heard) else {
            return;
        };
        self.starting = Some(Starting {
            queued: order.queued(),
            reply,
        });
        let channel = order.channel;
        let is_there = self.is_in(channel);
        let others = match self.settings.mode {
            Mode::Overlap => Others::Stay,
            Mode::Replace | Mode::Queue => Others::End,
        };
        let (parts, shown, guild) = (Arc::clone(&self.parts), self.shown.clone(), self.guild);
        let volume = self.settings.volume;
        let wish = Arc::new(Wish::default());
        self.wish = Arc::clone(&wish);
        self.work = Some(tokio::spawn(async move {
            let entered = if is_there {
                Ok(Entered::Same)
            } else {
                let line = enter(&parts, &shown, guild, channel).await;
                line.map(|line| Entered::New(channel, line))
            };
            let (entered, started) = match entered {
                Ok(entered) if !wish.grant() => (entered, Ok(None)),
                Ok(entered) => {
                    let play = parts.voice.play(guild, &order.audio, volume, others);
                    (entered, play.await.map(Some))
                }
                Err(error) => (Entered::Failed, Err(error)),
            };
            Done {
                task: Task::Play(order),
                entered,
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
        self.link = None;
        let (parts, guild) = (Arc::clone(&self.parts), self.guild);
        self.work = Some(tokio::spawn(async move {
            parts.voice.leave(guild).await;
            Done {
                task: Task::Leave,
                entered: Entered::Failed,
                started: Ok(None),
            }
        }));
    }

    /// Something was done with Discord; `reply` is for whoever waits for a sound.
    async fn finish(&mut self, done: Done, reply: Option<Reply<Outcome>>) {
        match done.entered {
            Entered::Same => {}
            Entered::New(channel, line) => self.follow(channel, line),
            Entered::Failed => self.link = None,
        }
        let (state, reason) = link::after_work(&done.started);
        self.ended = Some((state, reason));
        if let Some(reason) = reason {
            // What waits would only be refused one by one.
            self.fail_waiting(reason);
        }
        self.see_loss();
        match done.task {
            Task::Play(order) => self.played(order, reply, done.started).await,
            Task::Join(reply) => {
                self.answer(Some(reply), done.started.map(drop).map_err(Error::from));
            }
            Task::Leave => {
                for reply in std::mem::take(&mut self.leaving) {
                    self.answer(Some(reply), Ok(()));
                }
            }
        }
        self.show();
        if self.leaving.is_empty() {
            self.advance();
        } else {
            self.leave();
        }
    }

    /// An order was carried out, or could not be.
    async fn played(
        &mut self,
        order: Order,
        reply: Option<Reply<Outcome>>,
        started: Result<Option<Started>, VoiceError>,
    ) {
        let started = match started {
            Ok(Some(started)) => started,
            // Whoever waited for it was told when it was withdrawn.
            Ok(None) => return,
            Err(error) => {
                self.shown.failed([&order], error.reason());
                return self.answer(reply, Err(error.into()));
            }
        };
        let started_ms = self.parts.clock.now_ms();
        let number = self.next_number();
        if self.settings.mode != Mode::Overlap {
            // They have ended; that they have is still on its way here.
            self.tracks.clear();
        }
        let now = order.now_playing(number, started_ms);
        self.tracks.push(now.clone());
        let shown = (Arc::clone(&self.parts), self.shown.clone());
        tokio::spawn(follow_track(started, now, shown, self.own.clone()));
        let commit = self
            .parts
            .log
            .record(order.into_row(self.guild, started_ms));
        self.answer(reply, Ok(Outcome::Started(Box::pin(commit))));
        if self.wish.is_withdrawn() {
            // It began just before it was stopped.
            self.end_playing().await;
        }
    }

    /// Notices that the connection is gone, though nobody here wanted to end it; whether it is.
    fn see_loss(&mut self) -> bool {
        let Some(lost) = self.link.as_ref().and_then(Link::lost) else {
            return false;
        };
        self.link = None;
        self.tracks.clear();
        let (state, reason) = link::after_loss(lost);
        self.ended = Some((state, reason));
        // Whatever else has ended it, somebody has decided so.
        let may_come_back = state == State::Lost;
        let now = self.parts.clock.monotonic();
        if !(may_come_back && self.waiting.len() > 0 && self.restores.allow(now)) {
            self.fail_waiting("the bot has lost its voice connection");
        }
        true
    }

    /// Ends what plays and drops what waits.
    async fn clear(&mut self, reason: &'static str) {
        self.waiting.clear(reason);
        self.tracks.clear();
        self.end_playing().await;
    }

    /// Drops what waits because it cannot be played.
    fn fail_waiting(&mut self, reason: &'static str) {
        self.shown.failed(self.waiting.orders(), reason);
        self.waiting.clear(reason);
    }

    async fn level(&self) {
        let volume = self.settings.volume;
        self.parts.voice.set_volume(self.guild, volume).await;
    }

    /// Ends what plays, and what is about to.
    async fn end_playing(&mut self) {
        if self.wish.withdraw()
            && let Some(starting) = self.starting.take()
        {
            refuse(starting.reply, VoiceError::Stopped.reason());
        }
        self.parts.voice.stop(self.guild).await;
    }

    /// Hears of the end of a new connection.
    fn follow(&mut self, channel: ChannelId, mut line: Line) {
        self.link = Some(Link::new(channel, line.clone()));
        // What played on the one before has ended with it.
        self.tracks.clear();
        let own = self.own.clone();
        tokio::spawn(async move {
            // Ended by ourselves, it says nothing.
            if line.wait_for(Option::is_some).await.is_ok() {
                tell(&own, Command::Look).await;
            }
        });
    }

    fn is_in(&self, channel: ChannelId) -> bool {
        self.channel() == Some(channel)
    }

    /// The channel that the connection leads to. Somebody may have moved the bot: what Discord
    /// says counts.
    fn channel(&self) -> Option<ChannelId> {
        let holds = self.link.as_ref().is_some_and(|it| it.lost().is_none());
        self.parts.voice.channel(self.guild).filter(|_| holds)
    }

    /// Starts or stops the clock by which the bot leaves an empty channel, and goes along where
    /// somebody has moved it.
    fn look(&mut self) {
        let channel = self.parts.voice.channel(self.guild);
        if self.work.is_none()
            && let Some(moved) = self.link.as_mut().and_then(|link| link.moved(channel))
        {
            // Else what waits would take it back.
            self.waiting.follow(&moved);
        }
        let gateway = self.parts.guilds.gateway();
        let is_alone = channel.is_some_and(|it| !gateway.has_listeners(self.guild, it));
        match self
            .settings
            .leave_after
            .filter(|_| is_alone && self.link.is_some())
        {
            Some(after) => {
                let until = self.parts.clock.monotonic() + after;
                self.alone_until.get_or_insert(until);
            }
            None => self.alone_until = None,
        }
    }

    /// Tells whoever waits, if anybody does, what came of a command; what they see then is true.
    fn answer<T>(&mut self, reply: Option<Reply<T>>, with: Result<T, Error>) {
        self.show();
        if let Some(reply) = reply {
            answer(reply, with);
        }
    }

    fn show(&mut self) {
        let ended = self.ended.take();
        let starting = self.starting.iter().map(|starting| starting.queued.clone());
        let queue: Vec<_> = starting.chain(self.waiting.shown()).collect();
        self.shown.sounds(ended, self.tracks.clone(), queue);
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}
