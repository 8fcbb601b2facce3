//! How far an interaction has come, for those who wait for it.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Interaction, Modal, Outcome};
use crate::state::State;

/// What a person sees in answer to a command, a button, a menu or a form.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The message's id.
    pub id: u64,
    /// The message's text; empty if it consists of embeds only.
    pub content: String,
    /// Whether only the person who used the command sees it.
    pub ephemeral: bool,
    /// Whether the bot showed "thinking..." first.
    pub deferred: bool,
    /// From the command to the bot's first sign of life.
    pub acknowledged_after: Duration,
    /// From the command to the message.
    pub replied_after: Duration,
    /// The whole message as Discord would show it to a client.
    pub message: Value,
}

/// A suggestion for an option.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// What the person sees.
    pub name: String,
    /// What is sent when it is chosen.
    pub value: Value,
}

/// What became of a command, a button, a menu or a form.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A message of its own, or what took the place of "thinking...".
    Reply(Reply),
    /// The message that the component is on, or the form came from, was changed.
    Update(Reply),
    /// The bot took note and shows nothing yet; it may change the message later.
    Deferred,
    /// A form to fill in.
    Modal(Modal),
}

/// How far an interaction has come.
#[derive(Debug)]
pub(super) enum Progress {
    /// The bot may still acknowledge.
    Waiting,
    /// It may not any more.
    Expired,
    /// "thinking..."
    Acknowledged,
    Answered(Answer),
    Choices(Vec<Choice>),
}

impl State {
    pub(super) fn progress(&self, id: u64) -> Progress {
        let Some(entry) = self.interactions.by_id.get(&id) else {
            return Progress::Expired;
        };
        if entry.acknowledged.is_none() {
            let waited = self.now().saturating_duration_since(entry.created);
            return if waited > self.interactions.acknowledge_within {
                Progress::Expired
            } else {
                Progress::Waiting
            };
        }
        match &entry.outcome {
            Outcome::Choices(choices) => Progress::Choices(choices.clone()),
            Outcome::Modal { .. } => match Modal::of(entry) {
                Some(modal) => Progress::Answered(Answer::Modal(modal)),
                None => Progress::Acknowledged,
            },
            Outcome::Update if entry.deferred => Progress::Answered(Answer::Deferred),
            Outcome::Update => match self.reply(entry) {
                Some(reply) => Progress::Answered(Answer::Update(reply)),
                None => Progress::Answered(Answer::Deferred),
            },
            Outcome::None => match self.reply(entry) {
                Some(reply) => Progress::Answered(Answer::Reply(reply)),
                None => Progress::Acknowledged,
            },
        }
    }

    /// The answer's message, once the person sees it.
    fn reply(&self, entry: &Interaction) -> Option<Reply> {
        let message = self.messages.get(entry.scene.channel, entry.original?)?;
        let since = |at: std::time::Instant| at.saturating_duration_since(entry.created);
        Some(Reply {
            id: message.id,
            content: message.content.clone(),
            ephemeral: message.only_for.is_some(),
            deferred: entry.deferred,
            acknowledged_after: since(entry.acknowledged?),
            replied_after: since(entry.seen?),
            message: self.show_message(message, entry.scene.user),
        })
    }
}
