//! Logging in: what IDENTIFY and RESUME ask for, and who may have it.
//!
//! Called by each gateway connection.

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::protocol::{Code, gateway_close as close, intents};
use crate::state::sessions::{Attachment, Outgoing, ResumeError};
use crate::state::starts::StartRefusal;
use crate::state::{LoginRefusal, State};

#[derive(Deserialize)]
pub(super) struct Identify {
    token: String,
    intents: u64,
    #[serde(default)]
    pub(super) compress: bool,
    #[serde(default)]
    shard: Value,
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

impl State {
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
        let shard = identify.shard()?;
        if identify.intents & !intents::KNOWN != 0 {
            return Err(close::INVALID_INTENTS);
        }
        if identify.intents & intents::PRIVILEGED & !enabled != 0 {
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
        let attachment = self.sessions.open(bot, identify.intents, shard, outlet);
        self.greet(&attachment, shard);
        let name = self.name_of(bot);
        self.note(format!("{name} logged in"));
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
