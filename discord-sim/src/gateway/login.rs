//! Logging in: what IDENTIFY and RESUME ask for, and who may have it.
//!
//! Called by each gateway connection.

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::protocol::{Code, gateway_close as close, intents};
use crate::state::log::EventKind;
use crate::state::sessions::{Attachment, Outgoing, ResumeError, Wanted};
use crate::state::starts::StartRefusal;
use crate::state::{LoginRefusal, State};
use crate::world::Status;
use crate::world::presence::Presence;

/// How many members a large guild has, if the client does not say, and what it may say.
const LARGE: u64 = 50;
const LARGEST: u64 = 250;

#[derive(Deserialize)]
pub(super) struct Identify {
    token: String,
    #[serde(default)]
    intents: Value,
    #[serde(default)]
    pub(super) compress: bool,
    #[serde(default)]
    large_threshold: Option<u64>,
    #[serde(default)]
    shard: Value,
    #[serde(default)]
    presence: Value,
}

#[derive(Deserialize)]
pub(super) struct Resume {
    token: String,
    session_id: String,
    seq: u64,
}

/// What a login is answered with, when it is not closed.
pub(super) enum Answer {
    /// The connection is that of a session from now on.
    Attached(Attachment),
    /// The session is invalid, and whether it may be resumed.
    Invalid(bool),
    /// Nothing: a test wants it so.
    Nothing,
}

impl Identify {
    /// The intents, which must be said and have a meaning.
    fn intents(&self) -> Result<u64, Code> {
        let intents = self.intents.as_u64();
        let known = intents.filter(|intents| intents & !intents::KNOWN == 0);
        known.ok_or(close::INVALID_INTENTS)
    }

    fn large_threshold(&self) -> usize {
        let threshold = self.large_threshold.unwrap_or(LARGE);
        usize::try_from(threshold.clamp(LARGE, LARGEST)).unwrap_or(usize::MAX)
    }

    /// How the bot wants to be shown; simply online if it does not say.
    fn presence(&self, now_ms: u64) -> Result<Presence, Code> {
        if self.presence.is_null() {
            return Ok(Presence {
                status: Status::Online,
                activities: Vec::new(),
                since_ms: now_ms,
            });
        }
        Presence::read(&self.presence, now_ms).ok_or(close::DECODE_ERROR)
    }

    /// The shard and how many there are; the only one if the client names none.
    fn shard(&self) -> Result<(u64, u64), Code> {
        if self.shard.is_null() {
            return Ok((0, 1));
        }
        let (id, count) =
            <(u64, u64)>::deserialize(&self.shard).map_err(|_| close::INVALID_SHARD)?;
        if id >= count {
            return Err(close::INVALID_SHARD);
        }
        Ok((id, count))
    }
}

/// Whose connection it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Owner {
    pub(super) bot: Option<u64>,
    pub(super) shard: Option<u64>,
}

impl From<(u64, u64)> for Owner {
    fn from((bot, shard): (u64, u64)) -> Owner {
        Owner {
            bot: Some(bot),
            shard: Some(shard),
        }
    }
}

impl State {
    /// Whose a login claims to be.
    pub(super) fn claimed_owner(&self, login: &Value) -> Owner {
        let text = |name: &str| login.get(name).and_then(Value::as_str).unwrap_or_default();
        if let Some(owner) = self.sessions.owner(text("session_id")) {
            return owner.into();
        }
        let shard = login.get("shard").and_then(|shard| shard.get(0));
        Owner {
            bot: self.find_bot(text("token")).map(|bot| bot.id),
            shard: Some(shard.and_then(Value::as_u64).unwrap_or(0)),
        }
    }

    /// Opens a session, and greets it.
    pub(super) fn identify(
        &mut self,
        identify: &Identify,
        outlet: mpsc::Sender<Outgoing>,
    ) -> Result<Answer, Code> {
        let bot = self
            .find_bot(&identify.token)
            .ok_or(close::AUTHENTICATION_FAILED)?;
        let (bot, enabled) = (bot.id, bot.privileged_intents);
        let wanted = Wanted {
            shard: identify.shard()?,
            intents: identify.intents()?,
            large_threshold: identify.large_threshold(),
        };
        let (presence, shard) = (identify.presence(self.now_ms())?, wanted.shard);
        if wanted.intents & intents::PRIVILEGED & !enabled != 0 {
            return Err(close::DISALLOWED_INTENTS);
        }
        let guilds = self.guilds_of_shard(bot, shard).count();
        let most = usize::try_from(self.sessions.limits.guilds_per_shard);
        if most.is_ok_and(|most| guilds > most) {
            return Err(close::SHARDING_REQUIRED);
        }
        if let Some(refusal) = self.refusals.next_login(bot) {
            return refuse(refusal);
        }
        match self.count_start(bot, shard.0) {
            Ok(()) => {}
            Err(StartRefusal::TooSoon) => return Ok(Answer::Invalid(false)),
            Err(StartRefusal::UsedUp) => return Err(close::AUTHENTICATION_FAILED),
        }
        let name = self.name_of(bot);
        let attachment = self.sessions.open((bot, name.clone()), wanted, outlet);
        self.greet(&attachment, shard);
        self.show(bot, presence);
        self.note(EventKind::Gateway, format!("{name} logged in"));
        Ok(Answer::Attached(attachment))
    }

    /// Hands a session to this connection, with what it missed.
    pub(super) fn resume(
        &mut self,
        resume: &Resume,
        outlet: mpsc::Sender<Outgoing>,
    ) -> Result<Answer, Code> {
        let bot = self
            .find_bot(&resume.token)
            .ok_or(close::AUTHENTICATION_FAILED)?
            .id;
        if let Some(refusal) = self.refusals.next_login(bot) {
            return refuse(refusal);
        }
        let resumed = self
            .sessions
            .resume(bot, &resume.session_id, resume.seq, outlet);
        match resumed {
            Ok(attachment) => Ok(Answer::Attached(attachment)),
            Err(ResumeError::Ahead) => Err(close::INVALID_SEQUENCE),
            Err(ResumeError::Unknown) => Ok(Answer::Invalid(false)),
        }
    }
}

fn refuse(refusal: LoginRefusal) -> Result<Answer, Code> {
    match refusal {
        LoginRefusal::InvalidSession { resumable } => Ok(Answer::Invalid(resumable)),
        LoginRefusal::Close(code) => Err(close::with_reason(code)),
        LoginRefusal::Silence => Ok(Answer::Nothing),
    }
}
