//! Putting a draft into a message: text, files, mentions, and what refers to them.

use serde_json::{Value, json};

use super::draft::{Draft, Listed, Upload};
use crate::protocol::api_error::{ApiError, FieldError};
use crate::state::State;
use crate::world::message::{EPHEMERAL, MessageKind, SUPPRESS_EMBEDS};
use crate::world::{Attachment, Message};

const MOST_ATTACHMENTS: usize = 10;
const SCHEME: &str = "attachment://";

impl State {
    /// Changes a message by a draft, as its author may: `bits` are the author's permissions
    /// in the channel. Parts that were left out stay as they are.
    pub(crate) fn compose(
        &mut self,
        message: &mut Message,
        draft: Draft,
        bits: u64,
    ) -> Result<(), ApiError> {
        let texts_change = draft.content.is_some() || draft.components.is_some();
        if let Some(content) = draft.content {
            message.content = content;
        }
        if let Some(embeds) = draft.embeds {
            message.embeds = embeds;
        }
        if let Some(mut components) = draft.components {
            let place = (self.guild_of(message.channel), bits);
            self.name_emojis(message.author, place, &mut components)?;
            message.components = components;
        }
        if let Some(flags) = draft.flags {
            // Who sees a message is settled when it is made; what is a message of components
            // alone stays one.
            message.flags = (message.flags & !SUPPRESS_EMBEDS) | (flags & !EPHEMERAL);
        }
        message.tts |= draft.tts;
        if !draft.nonce.is_null() {
            message.nonce = draft.nonce;
        }
        keep_listed(&mut message.attachments, draft.attachments.as_deref());
        if message.attachments.len() + draft.files.len() > MOST_ATTACHMENTS {
            return Err(ApiError::TOO_MANY_ATTACHMENTS);
        }
        if message.is_empty() && draft.files.is_empty() {
            return Err(ApiError::EMPTY_MESSAGE);
        }
        self.attach(message, draft.files, draft.attachments.as_deref());
        resolve(message)?;
        if texts_change {
            let guild = self.guild_of(message.channel);
            let mut text = message.content.clone();
            collect_text(&message.components, &mut text);
            message.mentions = self.mentions(guild, &text, draft.allowed.as_ref(), bits);
            let notify = draft.allowed.is_none_or(|allowed| allowed.replied_user);
            self.mention_answered(message, notify);
        }
        Ok(())
    }

    fn attach(&mut self, message: &mut Message, files: Vec<Upload>, listed: Option<&[Listed]>) {
        for file in files {
            let listed = listed.unwrap_or_default();
            let entry = listed.iter().find(|entry| entry.id == file.index);
            let name = entry.and_then(|entry| entry.filename.as_deref());
            let name = name.unwrap_or(&file.name);
            let channel = message.channel;
            let mut attachment = self.store_file(channel, name, file.content_type, file.bytes);
            attachment.description = entry.and_then(|entry| entry.description.clone());
            attachment.title = entry.and_then(|entry| entry.title.clone());
            attachment.ephemeral = message.only_for.is_some();
            message.attachments.push(attachment);
        }
    }

    /// A reply mentions whom it answers.
    fn mention_answered(&self, message: &mut Message, notify: bool) {
        let answered = message
            .reply_to
            .filter(|_| notify && message.kind == MessageKind::Reply)
            .and_then(|id| self.messages.get(message.channel, id));
        if let Some(answered) = answered
            && !message.mentions.users.contains(&answered.author)
        {
            message.mentions.users.push(answered.author);
        }
    }
}

/// Drops the attachments that are not listed; `None` keeps all.
fn keep_listed(attachments: &mut Vec<Attachment>, listed: Option<&[Listed]>) {
    let Some(listed) = listed else { return };
    attachments.retain_mut(|attachment| {
        let entry = listed.iter().find(|entry| entry.id == attachment.id);
        if let Some(description) = entry.and_then(|entry| entry.description.as_ref()) {
            attachment.description = Some(description.clone());
        }
        entry.is_some()
    });
}

/// Puts addresses in place of the names of attached files.
fn resolve(message: &mut Message) -> Result<(), ApiError> {
    let Message {
        embeds,
        components,
        attachments,
        ..
    } = message;
    let mut missing = None;
    for embed in embeds {
        // Discord leaves an embed's unknown file as it is.
        resolve_in(embed, attachments, &mut None);
    }
    for component in components {
        resolve_in(component, attachments, &mut missing);
    }
    let Some(name) = missing else { return Ok(()) };
    let code = "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND";
    let message = format!("The referenced attachment '{name}' was not found");
    let fault = FieldError::new("components", code, message);
    Err(ApiError::form(vec![fault]))
}

fn resolve_in(value: &mut Value, attachments: &[Attachment], missing: &mut Option<String>) {
    match value {
        Value::Array(values) => {
            for value in values {
                resolve_in(value, attachments, missing);
            }
        }
        Value::Object(fields) => {
            for name in ["url", "icon_url"] {
                let named = fields.get(name).and_then(Value::as_str);
                let Some(named) = named.and_then(|url| url.strip_prefix(SCHEME)) else {
                    continue;
                };
                let found = attachments
                    .iter()
                    .find(|attachment| attachment.filename == named);
                if let Some(found) = found {
                    fields.insert(name.to_owned(), json!(found.url));
                    fields.insert(format!("proxy_{name}"), json!(found.url));
                } else {
                    missing.get_or_insert_with(|| named.to_owned());
                }
            }
            for value in fields.values_mut() {
                resolve_in(value, attachments, missing);
            }
        }
        _ => {}
    }
}

/// The text that stands in components.
fn collect_text(components: &[Value], text: &mut String) {
    for component in components {
        if component["type"] == super::components::TEXT_DISPLAY {
            text.push('\n');
            text.push_str(component["content"].as_str().unwrap_or_default());
        }
        let inner = component["components"].as_array();
        collect_text(inner.map_or(&[], Vec::as_slice), text);
    }
}
