//! Gateway sessions: who is logged in, what they asked to hear, what they may resume.
//!
//! The connection tasks open, resume and detach sessions; every change of the world sends
//! its events through [`State::broadcast`] and [`State::tell`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::State;
use super::interruptions::Interruption;
use super::log::{EventKind, Log};
use crate::protocol::Code;
use crate::protocol::gateway_limits::GatewayLimits;
use crate::world::presence::Presence;
use crate::world::random_text;

/// How many events a session can miss and still resume.
const REPLAY: usize = 1_000;
/// How far a reader may fall behind. Holds a full replay and more.
pub(crate) const OUTLET: usize = 4_000;

/// How many changes of presence are heeded in 20 seconds.
const PRESENCES: usize = 5;
const PRESENCES_WINDOW_MS: u64 = 20_000;

/// All sessions, attached or waiting to be resumed, by id.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(crate) limits: GatewayLimits,
    pub(super) by_id: BTreeMap<String, Session>,
    log: Arc<Log>,
    attachments: u64,
    /// When a bot last asked for all members of a guild, in Unix milliseconds.
    member_lists_ms: BTreeMap<(u64, u64), u64>,
}

/// One logged-in shard of one bot.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) application: u64,
    /// The bot's, for the log.
    name: String,
    pub(crate) intents: u64,
    /// Of how many members on a guild is large.
    pub(super) large_threshold: usize,
    shard: (u64, u64),
    sequence: u64,
    replay: VecDeque<(u64, Utf8Bytes)>,
    pub(super) outlet: Option<mpsc::Sender<Outgoing>>,
    attachment: u64,
    /// Since when there is no connection, in Unix milliseconds.
    detached_ms: Option<u64>,
    ready: bool,
    /// When the bot changed its presence lately, in Unix milliseconds.
    presences_ms: Vec<u64>,
    log: Arc<Log>,
}

/// What a bot that identifies wants of its session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) intents: u64,
    pub(crate) shard: (u64, u64),
    pub(crate) large_threshold: usize,
}

/// What a session hands to its connection.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A numbered event.
    Event(Utf8Bytes),
    /// Something a test does to the connection.
    Interruption(Interruption),
}

/// A session as the control interface shows it.
#[derive(Debug, Serialize)]
pub(crate) struct SessionView {
    id: String,
    /// The shard's number, and how many there are.
    shard: (u64, u64),
    intents: u64,
    /// The number of the last event.
    sequence: u64,
    /// Whether there is a connection; else it waits to be resumed.
    connected: bool,
    /// Whether the bot was told of all its guilds.
    ready: bool,
}

/// Names a session together with one connection to it, so that the task of a connection
/// that was replaced cannot detach its successor.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) session: String,
    number: u64,
}

/// Why a session cannot be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResumeError {
    /// There is none of that id, it belongs to another bot, or it missed too much.
    Unknown,
    /// The client claims events it cannot have seen.
    Ahead,
}

impl Session {
    /// Numbers the event, keeps it for a resume, and hands it to the connection if there is one.
    pub(crate) fn send(&mut self, event: &str, data: &Value) {
        self.send_text(event, &data.to_string());
    }

    /// As [`send`](Session::send), with data that was written before.
    pub(super) fn send_text(&mut self, event: &str, data: &str) {
        self.sequence += 1;
        let sequence = self.sequence;
        // Names of events are plain words.
        let text = format!(r#"{{"t":"{event}","s":{sequence},"op":0,"d":{data}}}"#);
        let (name, shard) = (&self.name, self.shard.0);
        let line = format!("{event} to {name}, shard {shard}, number {sequence}");
        self.log.note(EventKind::Dispatch, line);
        let text = Utf8Bytes::from(text);
        if self.replay.len() == REPLAY {
            self.replay.pop_front();
        }
        self.replay.push_back((self.sequence, text.clone()));
        self.push(Outgoing::Event(text));
    }

    /// Whether the bot asked for events of this intent; 0 is asked for by all.
    pub(super) fn asked_for(&self, intent: u64) -> bool {
        intent == 0 || self.intents & intent != 0
    }

    /// Counts a change of the bot's presence; false if there were too many lately, which
    /// Discord ignores.
    pub(crate) fn may_change_presence(&mut self, now_ms: u64) -> bool {
        let recent = |at_ms: &u64| now_ms.saturating_sub(*at_ms) < PRESENCES_WINDOW_MS;
        self.presences_ms.retain(recent);
        let may = self.presences_ms.len() < PRESENCES;
        if may {
            self.presences_ms.push(now_ms);
        }
        may
    }

    /// Whether events of this guild belong to this shard. Those of no guild, 0, belong to the
    /// first.
    pub(super) fn covers(&self, guild: u64) -> bool {
        (guild >> 22) % self.shard.1 == self.shard.0
    }

    fn push(&mut self, outgoing: Outgoing) {
        // A reader so slow that its queue is full is cut off and may resume: nobody waits
        // for it. Dropping the outlet ends its connection task.
        if self
            .outlet
            .as_ref()
            .is_some_and(|outlet| outlet.try_send(outgoing).is_err())
        {
            self.outlet = None;
        }
    }

    pub(crate) fn view(&self) -> SessionView {
        SessionView {
            id: self.id.clone(),
            shard: self.shard,
            intents: self.intents,
            sequence: self.sequence,
            connected: self.outlet.is_some(),
            ready: self.ready,
        }
    }

    fn has_expired(&self, window: Duration, now_ms: u64) -> bool {
        self.detached_ms
            .is_some_and(|since_ms| u128::from(now_ms - since_ms.min(now_ms)) >= window.as_millis())
    }
}

impl Sessions {
    pub(crate) fn new(limits: GatewayLimits, log: Arc<Log>) -> Sessions {
        Sessions {
            limits,
            by_id: BTreeMap::new(),
            log,
            attachments: 0,
            member_lists_ms: BTreeMap::new(),
        }
    }

    /// Counts a request for all members of a guild; if it came too soon, how many
    /// milliseconds too soon.
    pub(crate) fn count_member_list(
        &mut self,
        application: u64,
        guild: u64,
        now_ms: u64,
    ) -> Result<(), u64> {
        let interval_ms = self.limits.member_list_interval.as_millis();
        let interval_ms = u64::try_from(interval_ms).unwrap_or(u64::MAX);
        let last_ms = self
            .member_lists_ms
            .entry((application, guild))
            .or_insert(0);
        let next_ms = last_ms.saturating_add(interval_ms);
        if now_ms < next_ms {
            return Err(next_ms - now_ms);
        }
        *last_ms = now_ms;
        Ok(())
    }

    /// Opens a session for a bot that has identified.
    pub(crate) fn open(
        &mut self,
        (application, name): (u64, String),
        wanted: Wanted,
        outlet: mpsc::Sender<Outgoing>,
    ) -> Attachment {
        self.attachments += 1;
        let id = random_text(32).to_ascii_lowercase();
        let session = Session {
            id: id.clone(),
            application,
            name,
            intents: wanted.intents,
            large_threshold: wanted.large_threshold,
            shard: wanted.shard,
            sequence: 0,
            replay: VecDeque::new(),
            outlet: Some(outlet),
            attachment: self.attachments,
            detached_ms: None,
            ready: false,
            presences_ms: Vec::new(),
            log: self.log.clone(),
        };
        self.by_id.insert(id.clone(), session);
        Attachment {
            session: id,
            number: self.attachments,
        }
    }

    /// Attaches a new connection to a session and replays what it missed after `sequence`.
    pub(crate) fn resume(
        &mut self,
        application: u64,
        id: &str,
        sequence: u64,
        outlet: mpsc::Sender<Outgoing>,
    ) -> Result<Attachment, ResumeError> {
        let session = self.by_id.get_mut(id).ok_or(ResumeError::Unknown)?;
        if session.application != application {
            return Err(ResumeError::Unknown);
        }
        if sequence > session.sequence {
            return Err(ResumeError::Ahead);
        }
        let oldest = session
            .replay
            .front()
            .map_or(session.sequence + 1, |(number, _)| *number);
        if sequence + 1 < oldest {
            return Err(ResumeError::Unknown);
        }
        self.attachments += 1;
        session.attachment = self.attachments;
        session.outlet = Some(outlet);
        session.detached_ms = None;
        let missed = session
            .replay
            .iter()
            .filter(|(number, _)| *number > sequence);
        for text in missed.map(|(_, text)| text.clone()).collect::<Vec<_>>() {
            session.push(Outgoing::Event(text));
        }
        session.send("RESUMED", &serde_json::json!({ "_trace": [] }));
        Ok(Attachment {
            session: id.to_owned(),
            number: self.attachments,
        })
    }

    /// The session, as long as this connection is its current one.
    pub(crate) fn current(&mut self, attachment: &Attachment) -> Option<&mut Session> {
        self.by_id
            .get_mut(&attachment.session)
            .filter(|session| session.attachment == attachment.number)
    }

    /// The bot and the shard of a session.
    pub(crate) fn owner(&self, id: &str) -> Option<(u64, u64)> {
        let session = self.by_id.get(id)?;
        Some((session.application, session.shard.0))
    }

    /// Marks the session as having been told of all its guilds.
    pub(crate) fn set_ready(&mut self, attachment: &Attachment) {
        if let Some(session) = self.current(attachment) {
            session.ready = true;
        }
    }

    /// Whether a bot is connected and has received `READY` and its guilds.
    pub(crate) fn is_ready(&self, application: u64) -> bool {
        self.of(application)
            .any(|session| session.ready && session.outlet.is_some())
    }

    /// The sessions of one bot.
    pub(crate) fn of(&self, application: u64) -> impl Iterator<Item = &Session> {
        self.by_id
            .values()
            .filter(move |session| session.application == application)
    }

    /// How many connections a bot has that have identified or resumed.
    pub(crate) fn connections(&self, application: u64) -> usize {
        let attached = self.of(application);
        attached.filter(|session| session.outlet.is_some()).count()
    }

    /// Closes all connections of a bot whose token is no longer good; the ids of their
    /// sessions and of those that wait to be resumed.
    pub(super) fn expel(&mut self, application: u64) -> Vec<String> {
        self.interrupt(application, None, Interruption::Close(Some(4004)));
        self.of(application)
            .map(|session| session.id.clone())
            .collect()
    }

    /// Hands an interruption to the connections of a bot's shard, or of all its shards; the
    /// ids of their sessions.
    pub(super) fn interrupt(
        &mut self,
        application: u64,
        shard: Option<u64>,
        interruption: Interruption,
    ) -> Vec<String> {
        let attached = self.by_id.values_mut().filter(|session| {
            session.application == application
                && shard.is_none_or(|shard| shard == session.shard.0)
                && session.outlet.is_some()
        });
        let mut interrupted = Vec::new();
        for session in attached {
            session.push(Outgoing::Interruption(interruption));
            if interruption.is_end() {
                session.outlet = None;
            }
            interrupted.push(session.id.clone());
        }
        interrupted
    }
}

impl State {
    /// The connection has ended: its session waits to be resumed, unless the client said
    /// goodbye. False if there is nothing to wait for.
    pub(crate) fn detach(&mut self, attachment: &Attachment, said_goodbye: bool) -> bool {
        let now_ms = self.now_ms();
        let Some(session) = self.sessions.current(attachment) else {
            return false;
        };
        session.outlet = None;
        session.detached_ms = Some(now_ms);
        if said_goodbye {
            self.end_session(&attachment.session);
        }
        !said_goodbye
    }

    /// Tells of a connection that the server closes for what its client did.
    pub(crate) fn note_close(&mut self, attachment: Option<&Attachment>, (code, reason): Code) {
        let session = attachment.and_then(|attachment| self.sessions.current(attachment));
        let bot = session.map(|session| session.application);
        let who = bot.map_or_else(|| "somebody".to_owned(), |bot| self.name_of(bot));
        self.note(
            EventKind::Gateway,
            format!("{who} was closed with {code}: {reason}"),
        );
    }

    /// Ends the session of this connection, unless another one has taken it over.
    pub(crate) fn give_up(&mut self, attachment: &Attachment) {
        if self.sessions.current(attachment).is_some() {
            self.end_session(&attachment.session);
        }
    }

    /// Ends all sessions that nobody has resumed in time.
    pub(super) fn expire_sessions(&mut self) {
        let now_ms = self.now_ms();
        let window = self.sessions.limits.resume_window;
        let expired = self.sessions.by_id.values();
        let expired = expired.filter(|session| session.has_expired(window, now_ms));
        for id in expired
            .map(|session| session.id.clone())
            .collect::<Vec<_>>()
        {
            self.end_session(&id);
        }
    }

    /// A session is over: its bot disappears from voice.
    pub(super) fn end_session(&mut self, id: &str) {
        let Some(session) = self.sessions.by_id.remove(id) else {
            return;
        };
        let bot = session.application;
        let seats = self.guilds.iter().filter(|guild| {
            guild
                .voice
                .get(&bot)
                .is_some_and(|state| state.session_id == session.id)
        });
        for guild in seats.map(|guild| guild.id).collect::<Vec<_>>() {
            self.unseat(guild, bot);
        }
        let line = format!("{} logged out", self.name_of(bot));
        self.note(EventKind::Gateway, line);
        if self.sessions.of(bot).next().is_none() {
            self.show(bot, Presence::default());
        }
    }
}
