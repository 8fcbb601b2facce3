//! The messages a bot answers with: checking what it sends and building what others see.

use serde_json::{Value, json};

use super::Interaction;
use crate::protocol::api_error::{ApiError, FieldError};
use crate::protocol::intents;
use crate::state::State;
use crate::world::snowflake::{created_ms, iso};
use crate::world::wire;

pub(super) const EPHEMERAL: u64 = 1 << 6;
pub(super) const LOADING: u64 = 1 << 7;
const LONGEST_CONTENT: usize = 2_000;
const MOST_EMBEDS: usize = 10;
/// Message types: a slash command's own answer, and a reply to it.
const CHAT_INPUT_COMMAND: u8 = 20;
const REPLY: u8 = 19;

/// Checks the body of a message.
pub(super) fn check(body: &Value) -> Result<(), ApiError> {
    let content = match &body["content"] {
        Value::Null => "",
        Value::String(content) => content,
        _ => {
            let fault = FieldError::new(
                "content",
                "STRING_TYPE_CONVERT",
                "Could not interpret as string.",
            );
            return Err(ApiError::form(vec![fault]));
        }
    };
    if content.chars().count() > LONGEST_CONTENT {
        let message = format!("Must be {LONGEST_CONTENT} or fewer in length.");
        let fault = FieldError::new("content", "BASE_TYPE_MAX_LENGTH", message);
        return Err(ApiError::form(vec![fault]));
    }
    let count = |name: &str| body[name].as_array().map_or(0, Vec::len);
    if count("embeds") > MOST_EMBEDS {
        let message = format!("Must be {MOST_EMBEDS} or fewer in length.");
        let fault = FieldError::new("embeds", "BASE_TYPE_MAX_LENGTH", message);
        return Err(ApiError::form(vec![fault]));
    }
    if content.is_empty() && count("embeds") + count("components") + count("attachments") == 0 {
        return Err(ApiError::EMPTY_MESSAGE);
    }
    Ok(())
}

/// The flags of a message.
pub(super) fn flags(body: &Value) -> u64 {
    body["flags"].as_u64().unwrap_or(0)
}

impl State {
    /// Builds a message of the interaction's bot; the first one is the original response.
    pub(super) fn build_message(&mut self, entry: &Interaction, body: &Value, flags: u64) -> Value {
        let id = self.next_id();
        let original = entry.messages.first().map(|message| message["id"].clone());
        let user = self.users.get(&entry.user).map(wire::user);
        let application = entry.application.to_string();
        let mut metadata = json!({
            "id": entry.id.to_string(),
            "type": 2,
            "user": user,
            "authorizing_integration_owners": { "0": entry.guild.to_string() },
            "name": entry.command,
            "command_type": 1,
        });
        let kind = if original.is_some() {
            REPLY
        } else {
            CHAT_INPUT_COMMAND
        };
        if let Some(original) = &original {
            metadata["original_response_message_id"] = original.clone();
        }
        let mut message = json!({
            "id": id.to_string(),
            "type": kind,
            "channel_id": entry.channel.to_string(),
            "author": self.users.get(&entry.application).map(wire::user),
            "content": "",
            "timestamp": iso(created_ms(id)),
            "edited_timestamp": null,
            "tts": false,
            "mention_everyone": false,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "components": [],
            "pinned": false,
            "flags": flags,
            "application_id": application,
            "webhook_id": application,
            "interaction": {
                "id": entry.id.to_string(), "type": 2, "name": entry.command, "user": user,
            },
            "interaction_metadata": metadata,
        });
        write_body(&mut message, body);
        message
    }

    /// Tells the bot of its own public message, as it hears of every message in the guild.
    pub(super) fn announce_message(&mut self, entry: &Interaction, event: &str, message: &Value) {
        if flags(message) & EPHEMERAL != 0 {
            return;
        }
        let mut message = message.clone();
        message["guild_id"] = json!(entry.guild.to_string());
        message["member"] = self
            .find_member(entry.guild, entry.application)
            .map_or(Value::Null, |member| wire::member(self, member));
        if let Some(member) = message["member"].as_object_mut() {
            member.remove("user");
        }
        self.tell(
            entry.application,
            entry.guild,
            intents::GUILD_MESSAGES,
            event,
            &message,
        );
    }
}

/// Puts the parts a bot may set into a message; parts left out stay as they are.
pub(super) fn write_body(message: &mut Value, body: &Value) {
    for name in ["content", "embeds", "components"] {
        match body.get(name) {
            None => {}
            Some(Value::Null) => {
                message[name] = if name == "content" {
                    json!("")
                } else {
                    json!([])
                }
            }
            Some(value) => message[name] = value.clone(),
        }
    }
}

/// The empty message that clients show as "thinking...".
pub(super) fn loading_flags(ephemeral: bool) -> u64 {
    if ephemeral {
        LOADING | EPHEMERAL
    } else {
        LOADING
    }
}
