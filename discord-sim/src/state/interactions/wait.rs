//! Doing what a person does, and waiting for what a bot makes of it.
//!
//! Called by the library and by the control interface on behalf of a person.

use std::time::Duration;

use super::command::{Target, Use};
use super::outcome::Progress;
use super::{Answer, Choice, Modal, Reply};
use crate::error::SimError;
use crate::state::{Shared, State};

/// How long a deferred reply may take before nobody waits any more.
const PATIENCE: Duration = Duration::from_secs(15);
/// The callback type of a form.
const MODAL: u64 = 9;

impl Shared {
    /// Uses a slash command and waits for the message the person finally sees.
    pub(crate) async fn slash(&self, using: &Use<'_>) -> Result<Reply, SimError> {
        match self.use_command(using).await? {
            Answer::Reply(reply) | Answer::Update(reply) => Ok(reply),
            Answer::Modal(_) => Err(SimError::UnexpectedAnswer(MODAL)),
            Answer::Deferred => Err(SimError::NoReply(PATIENCE)),
        }
    }

    /// Uses a slash command and waits for what becomes of it.
    pub(crate) async fn use_command(&self, using: &Use<'_>) -> Result<Answer, SimError> {
        self.interact(|state| state.use_command(using)).await
    }

    /// Uses a command on a user.
    pub(crate) async fn use_on_user(
        &self,
        target: &Target<'_>,
        on: u64,
    ) -> Result<Answer, SimError> {
        self.interact(|state| state.use_on_user(target, on)).await
    }

    /// Uses a command on a message.
    pub(crate) async fn use_on_message(
        &self,
        target: &Target<'_>,
        on: u64,
    ) -> Result<Answer, SimError> {
        self.interact(|state| state.use_on_message(target, on))
            .await
    }

    /// Presses a button, or chooses from a menu.
    pub(crate) async fn use_component(
        &self,
        user: u64,
        message: u64,
        custom_id: &str,
        values: &[&str],
    ) -> Result<Answer, SimError> {
        self.interact(|state| state.use_component(user, message, custom_id, values))
            .await
    }

    /// Fills in a form.
    pub(crate) async fn submit_modal(
        &self,
        modal: &Modal,
        values: &[(&str, &str)],
    ) -> Result<Answer, SimError> {
        self.interact(|state| state.submit_modal(modal, values))
            .await
    }

    /// Types into an option and waits for the suggestions.
    pub(crate) async fn autocomplete(&self, using: &Use<'_>) -> Result<Vec<Choice>, SimError> {
        let id = self.change(|state| state.use_command(using))?;
        let progress = self.acknowledged(id).await?;
        self.change(|state| state.interactions.give_up(id));
        match progress {
            Progress::Choices(choices) => Ok(choices),
            _ => Err(SimError::NoAnswer),
        }
    }

    async fn interact(
        &self,
        begin: impl FnOnce(&mut State) -> Result<u64, SimError>,
    ) -> Result<Answer, SimError> {
        let id = self.change(begin)?;
        if let Progress::Answered(answer) = self.acknowledged(id).await? {
            return Ok(answer);
        }
        let answered = |progress| match progress {
            Progress::Answered(answer) => Some(answer),
            _ => None,
        };
        self.wait_for(PATIENCE, |state| answered(state.progress(id)))
            .await
            .ok_or(SimError::NoReply(PATIENCE))
    }

    async fn acknowledged(&self, id: u64) -> Result<Progress, SimError> {
        let within = self.read(|state| state.interactions.acknowledge_within);
        let acknowledged = self.wait_for(within, |state| {
            Some(state.progress(id)).filter(|now| !matches!(now, Progress::Waiting))
        });
        match acknowledged.await {
            Some(Progress::Expired) | None => {
                self.change(|state| state.interactions.give_up(id));
                Err(SimError::NoAnswer)
            }
            Some(progress) => Ok(progress),
        }
    }
}
