//! What bots do after their first answer: follow up, edit, read and delete, by the token.

use serde_json::Value;

use super::{Interaction, Outcome, TOKEN_LIFE};
use crate::protocol::api_error::ApiError;
use crate::state::State;
use crate::state::messages::draft::{Draft, Purpose, Upload};
use crate::world::message::LOADING;

impl State {
    /// Takes a follow-up. The first one after "thinking..." takes its place.
    pub(crate) fn follow_up(
        &mut self,
        application: u64,
        token: &str,
        body: &Value,
        files: Vec<Upload>,
    ) -> Result<Value, ApiError> {
        self.with_interaction(application, token, |state, entry| {
            let draft = Draft::read(body, files, Purpose::Answer)?;
            if let Some(original) = state.loading(entry) {
                return state.change_answer(entry, Some(original), draft);
            }
            let mut message = state.new_answer(entry, draft.flags.unwrap_or(0));
            let bits = state.answering_bits(entry);
            state.compose(&mut message, draft, bits)?;
            let id = message.id;
            state.add_answer(entry, message);
            state.show_answer(entry, id)
        })
    }

    /// The message that still shows "thinking...".
    fn loading(&self, entry: &Interaction) -> Option<u64> {
        let message = self.messages.get(entry.scene.channel, entry.original?)?;
        (message.flags & LOADING != 0).then_some(message.id)
    }

    /// Edits a message of the interaction.
    pub(crate) fn edit_answer(
        &mut self,
        application: u64,
        token: &str,
        which: &str,
        body: &Value,
        files: Vec<Upload>,
    ) -> Result<Value, ApiError> {
        self.with_interaction(application, token, |state, entry| {
            let id = find(entry, which)?;
            let message = state.messages.get(entry.scene.channel, id);
            let flags = message.ok_or(ApiError::UNKNOWN_MESSAGE)?.flags;
            let draft = Draft::read(body, files, Purpose::Edit(flags))?;
            state.change_answer(entry, Some(id), draft)
        })
    }

    /// Changes a message of the interaction; "thinking..." is over then.
    pub(super) fn change_answer(
        &mut self,
        entry: &mut Interaction,
        id: Option<u64>,
        draft: Draft,
    ) -> Result<Value, ApiError> {
        let id = id.ok_or(ApiError::UNKNOWN_MESSAGE)?;
        let message = self.messages.get(entry.scene.channel, id);
        let mut message = message.ok_or(ApiError::UNKNOWN_MESSAGE)?.clone();
        let was_loading = message.flags & LOADING != 0;
        let bits = self.answering_bits(entry);
        self.compose(&mut message, draft, bits)?;
        message.flags &= !LOADING;
        if was_loading {
            self.put_back(message);
        } else {
            self.replace_message(message);
        }
        if entry.original == Some(id) {
            entry.seen.get_or_insert(self.now());
        }
        if matches!(entry.outcome, Outcome::Update) {
            entry.deferred = false;
        }
        self.show_answer(entry, id)
    }

    /// A message of the interaction.
    pub(crate) fn get_answer(
        &mut self,
        application: u64,
        token: &str,
        which: &str,
    ) -> Result<Value, ApiError> {
        self.with_interaction(application, token, |state, entry| {
            state.show_answer(entry, find(entry, which)?)
        })
    }

    fn show_answer(&self, entry: &Interaction, id: u64) -> Result<Value, ApiError> {
        let message = self.messages.get(entry.scene.channel, id);
        let message = message.ok_or(ApiError::UNKNOWN_MESSAGE)?;
        Ok(self.show_message(message, entry.scene.application))
    }

    /// Deletes a message of the interaction.
    pub(crate) fn delete_answer(
        &mut self,
        application: u64,
        token: &str,
        which: &str,
    ) -> Result<(), ApiError> {
        self.with_interaction(application, token, |state, entry| {
            let id = find(entry, which)?;
            state.show_answer(entry, id)?;
            state.remove_message(entry.scene.channel, id);
            entry.messages.retain(|other| *other != id);
            Ok(())
        })
    }

    /// Works on an acknowledged interaction whose token is still good.
    fn with_interaction<R>(
        &mut self,
        application: u64,
        token: &str,
        work: impl FnOnce(&mut State, &mut Interaction) -> Result<R, ApiError>,
    ) -> Result<R, ApiError> {
        let found = self.interactions.find_by_token(application, token);
        let id = found
            .filter(|entry| entry.acknowledged.is_some())
            .ok_or(ApiError::UNKNOWN_WEBHOOK)?
            .id;
        let entry = self.interactions.by_id.remove(&id);
        let mut entry = entry.ok_or(ApiError::UNKNOWN_WEBHOOK)?;
        let age = self.now().saturating_duration_since(entry.created);
        let result = if age > TOKEN_LIFE {
            Err(ApiError::INVALID_WEBHOOK_TOKEN)
        } else {
            work(self, &mut entry)
        };
        self.interactions.by_id.insert(id, entry);
        result
    }
}

fn find(entry: &Interaction, which: &str) -> Result<u64, ApiError> {
    let id = match which {
        "@original" => entry.original,
        id => id.parse().ok(),
    };
    id.filter(|id| entry.messages.contains(id))
        .ok_or(ApiError::UNKNOWN_MESSAGE)
}
