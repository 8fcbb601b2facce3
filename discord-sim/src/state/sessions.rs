//! Gateway sessions: who is logged in, what they asked to hear, what they may resume.
//!
//! The connection tasks open, resume and detach sessions; every change of the world sends
//! its events through [`State::broadcast`] and [`State::tell`].

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::world::random_text;

/// How many events a session can miss and still resume.
const REPLAY: usize = 1_000;
/// How far a reader may fall behind. Holds a full replay and more.
pub(crate) const OUTLET: usize = 4_000;

/// All sessions, attached or waiting to be resumed, by id.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    pub(super) by_id: BTreeMap<String, Session>,
    attachments: u64,
    started: u64,
}

/// One logged-in shard of one bot.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) application: u64,
    pub(crate) intents: u64,
    shard: (u64, u64),
    sequence: u64,
    replay: VecDeque<(u64, Utf8Bytes)>,
    pub(super) outlet: Option<mpsc::Sender<Utf8Bytes>>,
    attachment: u64,
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

#[derive(Serialize)]
struct Dispatch<'a> {
    t: &'a str,
    s: u64,
    op: u8,
    d: &'a Value,
}

impl Session {
    /// Numbers the event, keeps it for a resume, and hands it to the connection if there is one.
    pub(crate) fn send(&mut self, event: &str, data: &Value) {
        self.sequence += 1;
        let dispatch = Dispatch {
            t: event,
            s: self.sequence,
            op: 0,
            d: data,
        };
        let Ok(text) = serde_json::to_string(&dispatch).map(Utf8Bytes::from) else {
            return;
        };
        if self.replay.len() == REPLAY {
            self.replay.pop_front();
        }
        self.replay.push_back((self.sequence, text.clone()));
        self.push(text);
    }

    /// Whether events of this guild belong to this shard.
    pub(super) fn covers(&self, guild: u64) -> bool {
        (guild >> 22) % self.shard.1 == self.shard.0
    }

    fn push(&mut self, frame: Utf8Bytes) {
        // A reader so slow that its queue is full is cut off and may resume: nobody waits
        // for it. Dropping the outlet ends its connection task.
        if self
            .outlet
            .as_ref()
            .is_some_and(|outlet| outlet.try_send(frame).is_err())
        {
            self.outlet = None;
        }
    }
}

impl Sessions {
    /// Opens a session for a bot that has identified.
    pub(crate) fn open(
        &mut self,
        application: u64,
        intents: u64,
        shard: (u64, u64),
        outlet: mpsc::Sender<Utf8Bytes>,
    ) -> Attachment {
        self.attachments += 1;
        self.started += 1;
        let id = random_text(32).to_ascii_lowercase();
        let session = Session {
            id: id.clone(),
            application,
            intents,
            shard,
            sequence: 0,
            replay: VecDeque::new(),
            outlet: Some(outlet),
            attachment: self.attachments,
            ready: false,
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
        outlet: mpsc::Sender<Utf8Bytes>,
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
        let missed = session
            .replay
            .iter()
            .filter(|(number, _)| *number > sequence);
        for text in missed.map(|(_, text)| text.clone()).collect::<Vec<_>>() {
            session.push(text);
        }
        session.send("RESUMED", &serde_json::json!({ "_trace": [] }));
        Ok(Attachment {
            session: id.to_owned(),
            number: self.attachments,
        })
    }

    /// Forgets the connection; true if it was the session's current one.
    pub(crate) fn detach(&mut self, attachment: &Attachment) -> bool {
        self.current(attachment).is_some_and(|session| {
            session.outlet = None;
            true
        })
    }

    /// Removes the session unless another connection has taken it over.
    pub(crate) fn close(&mut self, attachment: &Attachment) -> Option<Session> {
        self.current(attachment)?;
        self.by_id.remove(&attachment.session)
    }

    /// The session, as long as this connection is its current one.
    pub(crate) fn current(&mut self, attachment: &Attachment) -> Option<&mut Session> {
        self.by_id
            .get_mut(&attachment.session)
            .filter(|session| session.attachment == attachment.number)
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

    /// How many sessions were ever started.
    pub(crate) fn started(&self) -> u64 {
        self.started
    }
}
