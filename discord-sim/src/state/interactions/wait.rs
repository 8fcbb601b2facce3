//! Waiting for what a bot makes of a slash command.
//!
//! Called by the library and by the control interface on behalf of a person.

use std::time::Duration;

use super::command::Use;
use super::{ACKNOWLEDGE, Choice, Progress, Reply};
use crate::error::SimError;
use crate::state::Shared;

/// How long a deferred reply may take before nobody waits any more.
const PATIENCE: Duration = Duration::from_secs(15);

impl Shared {
    /// Uses a command and waits for the message the person finally sees.
    pub(crate) async fn slash(&self, using: &Use<'_>) -> Result<Reply, SimError> {
        let id = self.change(|state| state.use_command(using))?;
        match self.acknowledged(id).await? {
            Progress::Replied(reply) => return Ok(reply),
            Progress::Other(kind) => return Err(SimError::UnexpectedAnswer(kind)),
            _ => {}
        }
        let replied = |progress| match progress {
            Progress::Replied(reply) => Some(reply),
            _ => None,
        };
        self.wait_for(PATIENCE, |state| replied(state.interactions.progress(id)))
            .await
            .ok_or(SimError::NoReply(PATIENCE))
    }

    /// Types into an option and waits for the suggestions.
    pub(crate) async fn autocomplete(&self, using: &Use<'_>) -> Result<Vec<Choice>, SimError> {
        let id = self.change(|state| state.use_command(using))?;
        let progress = self.acknowledged(id).await?;
        self.change(|state| state.interactions.give_up(id));
        match progress {
            Progress::Choices(choices) => Ok(choices),
            Progress::Other(kind) => Err(SimError::UnexpectedAnswer(kind)),
            _ => Err(SimError::NoAnswer),
        }
    }

    async fn acknowledged(&self, id: u64) -> Result<Progress, SimError> {
        let acknowledged = self.wait_for(ACKNOWLEDGE, |state| {
            Some(state.interactions.progress(id)).filter(|now| !matches!(now, Progress::Waiting))
        });
        if let Some(progress) = acknowledged.await {
            return Ok(progress);
        }
        self.change(|state| state.interactions.give_up(id));
        Err(SimError::NoAnswer)
    }
}
