//! Interactions: people use commands, press buttons, choose and fill in forms; bots answer.
//!
//! What a person does becomes an [`Interaction`] here and an event on the gateway; REST
//! brings the bot's answers back; the library call waits for them. Times are those of the
//! simulated clock.

mod answers;
pub(crate) mod command;
mod component;
mod event;
mod follow_ups;
mod modal;
mod options;
mod outcome;
mod resolved;
mod wait;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) use command::Use;
pub use command::{Slash, SlashOption};
pub use modal::Modal;
pub use outcome::{Answer, Choice, Reply};

/// How long it may edit and follow up after that.
const TOKEN_LIFE: Duration = Duration::from_mins(15);
/// How many interactions are remembered.
const KEPT: usize = 2_000;

/// All interactions that can still be answered.
#[derive(Debug)]
pub(crate) struct Interactions {
    by_id: BTreeMap<u64, Interaction>,
    /// How long a bot has to acknowledge.
    acknowledge_within: Duration,
}

impl Interactions {
    pub(super) fn new(acknowledge_within: Duration) -> Interactions {
        Interactions {
            by_id: BTreeMap::new(),
            acknowledge_within,
        }
    }
}

/// One thing a person did that a bot is to answer.
#[derive(Debug)]
pub(crate) struct Interaction {
    id: u64,
    token: String,
    scene: Scene,
    what: What,
    created: Instant,
    acknowledged: Option<Instant>,
    /// When the person saw what became of it.
    seen: Option<Instant>,
    deferred: bool,
    ephemeral: bool,
    outcome: Outcome,
    /// The message that is `@original`.
    original: Option<u64>,
    /// All messages the bot may change with the token.
    messages: Vec<u64>,
    /// How its messages tell of it: `interaction_metadata`.
    metadata: Value,
}

/// Who interacts with which bot, and where.
#[derive(Clone, Copy, Debug)]
struct Scene {
    application: u64,
    user: u64,
    channel: u64,
    /// None in direct messages.
    guild: Option<u64>,
}

/// What a person did.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// Used a command of a kind: 1 typed, 2 on a user, 3 on a message.
    Command { name: String, kind: u64 },
    /// Typed into an option that completes itself.
    Autocomplete,
    /// Pressed a button or chose from a menu on a message.
    Component { message: u64 },
    /// Filled in a form, which may have come from a component of a message.
    Modal { message: Option<u64> },
}

impl What {
    /// Discord's number for it.
    fn number(&self) -> u8 {
        match self {
            What::Command { .. } => 2,
            What::Component { .. } => 3,
            What::Autocomplete => 4,
            What::Modal { .. } => 5,
        }
    }

    /// The message it was done on.
    fn message(&self) -> Option<u64> {
        match self {
            What::Component { message } => Some(*message),
            What::Modal { message } => *message,
            What::Command { .. } | What::Autocomplete => None,
        }
    }
}

/// What the bot made of it, messages aside.
#[derive(Debug)]
enum Outcome {
    None,
    /// The message it was done on was changed, or will be.
    Update,
    Choices(Vec<Choice>),
    Modal {
        custom_id: String,
        title: String,
        components: Vec<Value>,
    },
}

impl Interactions {
    fn insert(&mut self, interaction: Interaction) {
        if self.by_id.len() == KEPT {
            self.by_id.pop_first();
        }
        self.by_id.insert(interaction.id, interaction);
    }

    fn find_by_token(&self, application: u64, token: &str) -> Option<&Interaction> {
        let mut all = self.by_id.values();
        all.find(|entry| entry.token == token && entry.scene.application == application)
    }

    /// Whether there is an interaction with this token.
    pub(crate) fn knows(&self, id: u64, token: &str) -> bool {
        self.by_id
            .get(&id)
            .is_some_and(|entry| entry.token == token)
    }

    /// Whether an acknowledged interaction of the application has this token.
    pub(crate) fn knows_webhook(&self, application: u64, token: &str) -> bool {
        let found = self.find_by_token(application, token);
        found.is_some_and(|entry| entry.acknowledged.is_some())
    }

    /// Forgets an interaction nobody waits for any more: late answers are refused.
    fn give_up(&mut self, id: u64) {
        self.by_id.remove(&id);
    }
}
