//! What bots answer to interactions: the callback, edits of it, and follow-ups.
//!
//! Called by REST with bodies that are valid JSON but otherwise unchecked.

use std::time::Instant;

use serde_json::{Value, json};

use super::message::{self, EPHEMERAL};
use super::{ACKNOWLEDGE, Choice, Interaction, Kind, Outcome, TOKEN_LIFE};
use crate::protocol::api_error::{ApiError, FieldError};
use crate::protocol::intents;
use crate::state::State;
use crate::world::snowflake::iso;

/// Callback types.
const MESSAGE: u64 = 4;
const DEFERRED_MESSAGE: u64 = 5;
const CHOICES: u64 = 8;
const MODAL: u64 = 9;
const MOST_CHOICES: usize = 25;

impl State {
    /// Takes the first answer; returns what `with_response=true` shows.
    pub(crate) fn answer_interaction(
        &mut self,
        id: u64,
        token: &str,
        body: &Value,
    ) -> Result<Value, ApiError> {
        let mut entry = self
            .interactions
            .by_id
            .remove(&id)
            .ok_or(ApiError::UNKNOWN_INTERACTION)?;
        let result = self.answer(&mut entry, token, body);
        self.interactions.by_id.insert(id, entry);
        result
    }

    fn answer(
        &mut self,
        entry: &mut Interaction,
        token: &str,
        body: &Value,
    ) -> Result<Value, ApiError> {
        if entry.token != token {
            return Err(ApiError::UNKNOWN_INTERACTION);
        }
        if entry.acknowledged.is_some() {
            return Err(ApiError::ACKNOWLEDGED);
        }
        let now = Instant::now();
        if now.saturating_duration_since(entry.created) > ACKNOWLEDGE {
            return Err(ApiError::UNKNOWN_INTERACTION);
        }
        let kind = body["type"].as_u64().unwrap_or(0);
        let data = &body["data"];
        match (entry.kind, kind) {
            (Kind::Command, MESSAGE) => {
                message::check(data)?;
                entry.ephemeral = message::flags(data) & EPHEMERAL != 0;
                self.first_message(entry, data, message::flags(data));
                entry.replied = Some(now);
            }
            (Kind::Command, DEFERRED_MESSAGE) => {
                entry.deferred = true;
                entry.ephemeral = message::flags(data) & EPHEMERAL != 0;
                self.first_message(entry, &Value::Null, message::loading_flags(entry.ephemeral));
            }
            (Kind::Command, MODAL) => entry.outcome = Outcome::Other(kind),
            (Kind::Autocomplete, CHOICES) => entry.outcome = Outcome::Choices(choices(data)?),
            _ => {
                let message = "This interaction cannot be answered with this type.";
                let fault = FieldError::new("type", "BASE_TYPE_CHOICES", message);
                return Err(ApiError::form(vec![fault]));
            }
        }
        entry.acknowledged = Some(now);
        Ok(callback_resource(entry, kind))
    }

    fn first_message(&mut self, entry: &mut Interaction, data: &Value, flags: u64) {
        let message = self.build_message(entry, data, flags);
        self.announce_message(entry, "MESSAGE_CREATE", &message);
        entry.messages.push(message);
    }

    /// Takes a follow-up. The first one after "thinking..." takes its place.
    pub(crate) fn follow_up(
        &mut self,
        application: u64,
        token: &str,
        body: &Value,
    ) -> Result<Value, ApiError> {
        self.with_interaction(application, token, |state, entry| {
            message::check(body)?;
            if entry.deferred && entry.replied.is_none() && !entry.messages.is_empty() {
                return state.edit(entry, 0, body);
            }
            let message = state.build_message(entry, body, message::flags(body));
            state.announce_message(entry, "MESSAGE_CREATE", &message);
            entry.messages.push(message.clone());
            entry.replied.get_or_insert_with(Instant::now);
            Ok(message)
        })
    }

    /// Edits a message of the interaction.
    pub(crate) fn edit_answer(
        &mut self,
        application: u64,
        token: &str,
        which: &str,
        body: &Value,
    ) -> Result<Value, ApiError> {
        self.with_interaction(application, token, |state, entry| {
            let place = find(entry, which)?;
            let mut after = entry.messages[place].clone();
            message::write_body(&mut after, body);
            message::check(&after)?;
            state.edit(entry, place, body)
        })
    }

    fn edit(
        &mut self,
        entry: &mut Interaction,
        place: usize,
        body: &Value,
    ) -> Result<Value, ApiError> {
        let first_content = place == 0 && entry.replied.is_none();
        let now_ms = self.now_ms();
        let message = entry
            .messages
            .get_mut(place)
            .ok_or(ApiError::UNKNOWN_MESSAGE)?;
        message::write_body(message, body);
        if !first_content {
            message["edited_timestamp"] = json!(iso(now_ms));
        }
        message["flags"] = json!(message::flags(message) & !message::LOADING);
        let message = message.clone();
        if place == 0 {
            entry.replied.get_or_insert_with(Instant::now);
        }
        self.announce_message(entry, "MESSAGE_UPDATE", &message);
        Ok(message)
    }

    /// A message of the interaction.
    pub(crate) fn get_answer(
        &mut self,
        application: u64,
        token: &str,
        which: &str,
    ) -> Result<Value, ApiError> {
        self.with_interaction(application, token, |_, entry| {
            let place = find(entry, which)?;
            Ok(entry.messages[place].clone())
        })
    }

    /// Deletes a message of the interaction.
    pub(crate) fn delete_answer(
        &mut self,
        application: u64,
        token: &str,
        which: &str,
    ) -> Result<(), ApiError> {
        self.with_interaction(application, token, |state, entry| {
            let place = find(entry, which)?;
            let message = entry.messages.remove(place);
            let event = json!({
                "id": message["id"],
                "channel_id": message["channel_id"],
                "guild_id": entry.guild.to_string(),
            });
            if message::flags(&message) & EPHEMERAL == 0 {
                let intent = intents::GUILD_MESSAGES;
                state.tell(
                    entry.application,
                    entry.guild,
                    intent,
                    "MESSAGE_DELETE",
                    &event,
                );
            }
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
        let mut entry = self
            .interactions
            .by_id
            .remove(&id)
            .ok_or(ApiError::UNKNOWN_WEBHOOK)?;
        let result = if entry.created.elapsed() > TOKEN_LIFE {
            Err(ApiError::INVALID_WEBHOOK_TOKEN)
        } else {
            work(self, &mut entry)
        };
        self.interactions.by_id.insert(id, entry);
        result
    }
}

fn find(entry: &Interaction, which: &str) -> Result<usize, ApiError> {
    let place = match which {
        // Deleting the original does not make a follow-up the original.
        "@original" => entry
            .messages
            .iter()
            .position(|message| message["type"] == 20),
        id => entry
            .messages
            .iter()
            .position(|message| message["id"] == id),
    };
    place.ok_or(ApiError::UNKNOWN_MESSAGE)
}

fn choices(data: &Value) -> Result<Vec<Choice>, ApiError> {
    let fault = |message: &str| {
        ApiError::form(vec![FieldError::new(
            "data.choices",
            "BASE_TYPE_BAD_LENGTH",
            message,
        )])
    };
    let given = data["choices"]
        .as_array()
        .ok_or_else(|| fault("This field is required"))?;
    if given.len() > MOST_CHOICES {
        return Err(fault("Must be 25 or fewer in length."));
    }
    let choice = |choice: &Value| {
        let name = choice["name"]
            .as_str()
            .filter(|name| (1..=100).contains(&name.chars().count()));
        let name = name.ok_or_else(|| fault("Must be between 1 and 100 in length."))?;
        Ok(Choice {
            name: name.to_owned(),
            value: choice["value"].clone(),
        })
    };
    given.iter().map(choice).collect()
}

fn callback_resource(entry: &Interaction, kind: u64) -> Value {
    let original = entry.messages.first();
    let mut value = json!({
        "interaction": {
            "id": entry.id.to_string(),
            "type": if entry.kind == Kind::Command { 2 } else { 4 },
            "response_message_id": original.map(|message| message["id"].clone()),
            "response_message_loading": entry.deferred,
            "response_message_ephemeral": entry.ephemeral,
        },
        "resource": { "type": kind },
    });
    if let Some(message) = original {
        value["resource"]["message"] = message.clone();
    }
    value
}
