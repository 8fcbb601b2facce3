//! Slash commands: what bots have registered, who uses them, what they answer.
//!
//! A person's command becomes an [`Interaction`] here and an event on the gateway; REST
//! brings the bot's answers back; the library call waits for them.

mod answers;
pub(crate) mod command;
mod message;
mod options;
mod wait;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

/// How long a bot has to acknowledge.
pub(crate) const ACKNOWLEDGE: Duration = Duration::from_secs(3);
/// How long it may edit and follow up after that.
const TOKEN_LIFE: Duration = Duration::from_mins(15);
/// How many interactions are remembered.
const KEPT: usize = 2_000;

/// What a person sees as the outcome of a slash command.
#[derive(Clone, Debug)]
pub struct Reply {
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

/// All interactions that can still be answered.
#[derive(Debug, Default)]
pub(crate) struct Interactions {
    by_id: BTreeMap<u64, Interaction>,
}

/// One use of a command, or one keystroke in an option that completes itself.
#[derive(Debug)]
pub(crate) struct Interaction {
    id: u64,
    token: String,
    application: u64,
    user: u64,
    guild: u64,
    channel: u64,
    command: String,
    kind: Kind,
    created: Instant,
    acknowledged: Option<Instant>,
    replied: Option<Instant>,
    deferred: bool,
    ephemeral: bool,
    outcome: Outcome,
    /// The bot's messages, the original response first.
    messages: Vec<Value>,
}

/// What kind of answer is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Command,
    Autocomplete,
}

/// What came that is not a message.
#[derive(Debug)]
enum Outcome {
    None,
    Choices(Vec<Choice>),
    /// A callback type nobody here can show, such as a modal.
    Other(u64),
}

/// How far an interaction has come, for those who wait.
#[derive(Debug)]
pub(crate) enum Progress {
    Waiting,
    Acknowledged,
    Replied(Reply),
    Choices(Vec<Choice>),
    Other(u64),
}

impl Interactions {
    fn insert(&mut self, interaction: Interaction) {
        if self.by_id.len() == KEPT {
            self.by_id.pop_first();
        }
        self.by_id.insert(interaction.id, interaction);
    }

    fn find_by_token(&mut self, application: u64, token: &str) -> Option<&mut Interaction> {
        let mut all = self.by_id.values_mut();
        all.find(|entry| entry.token == token && entry.application == application)
    }

    /// Forgets an interaction nobody waits for any more: late answers are refused.
    pub(crate) fn give_up(&mut self, id: u64) {
        self.by_id.remove(&id);
    }

    /// How far the interaction has come.
    pub(crate) fn progress(&self, id: u64) -> Progress {
        let Some(entry) = self.by_id.get(&id) else {
            return Progress::Waiting;
        };
        let Some(acknowledged) = entry.acknowledged else {
            return Progress::Waiting;
        };
        match &entry.outcome {
            Outcome::Choices(choices) => return Progress::Choices(choices.clone()),
            Outcome::Other(kind) => return Progress::Other(*kind),
            Outcome::None => {}
        }
        let (Some(replied), Some(message)) = (entry.replied, entry.messages.first()) else {
            return Progress::Acknowledged;
        };
        Progress::Replied(Reply {
            content: message["content"].as_str().unwrap_or_default().to_owned(),
            ephemeral: entry.ephemeral,
            deferred: entry.deferred,
            acknowledged_after: acknowledged.saturating_duration_since(entry.created),
            replied_after: replied.saturating_duration_since(entry.created),
            message: message.clone(),
        })
    }
}
