//! Discord's JSON for messages and what hangs on them.
//!
//! Called by the state for events and by REST for answers.

use serde_json::{Value, json};

use super::{People, user};
use crate::world::message::{Attachment, EmojiName, Message, MessageKind, Reaction};
use crate::world::snowflake::{created_ms, iso};

/// A message as `viewer` sees it, without what only its events carry.
///
/// `guild` is the id of the guild it was written in; `answered` is the message it replies
/// to, null if that is gone.
pub(crate) fn message(
    people: &impl People,
    message: &Message,
    viewer: u64,
    guild: Option<u64>,
    answered: Option<Value>,
) -> Value {
    let person = |id: &u64| people.find_person(*id).map(user);
    let ids = |ids: &[u64]| ids.iter().map(u64::to_string).collect::<Vec<_>>();
    let mut value = json!({
        "id": message.id.to_string(),
        "type": message.kind.number(),
        "channel_id": message.channel.to_string(),
        "author": person(&message.author),
        "content": message.content,
        "timestamp": iso(created_ms(message.id)),
        "edited_timestamp": message.edited_at_ms.map(iso),
        "tts": message.tts,
        "mention_everyone": message.mentions.everyone,
        "mentions": message.mentions.users.iter().filter_map(person).collect::<Vec<_>>(),
        "mention_roles": ids(&message.mentions.roles),
        "attachments": message.attachments.iter().map(attachment).collect::<Vec<_>>(),
        "embeds": message.embeds,
        "components": message.components,
        "pinned": message.pinned_at_ms.is_some(),
        "flags": message.flags,
    });
    if !message.reactions.is_empty() {
        let reactions = message.reactions.iter();
        let reactions = reactions.map(|entry| reaction(entry, viewer));
        value["reactions"] = reactions.collect();
    }
    if !message.nonce.is_null() {
        value["nonce"] = message.nonce.clone();
    }
    if let Some(reply_to) = message.reply_to {
        let mut reference = json!({
            "type": 0,
            "channel_id": message.channel.to_string(),
            "message_id": reply_to.to_string(),
        });
        if let Some(guild) = guild {
            reference["guild_id"] = json!(guild.to_string());
        }
        value["message_reference"] = reference;
        if message.kind == MessageKind::Reply {
            value["referenced_message"] = answered.unwrap_or(Value::Null);
        }
    }
    if let Some(trace) = &message.interaction {
        value["application_id"] = json!(trace.application.to_string());
        value["webhook_id"] = json!(trace.application.to_string());
        value["interaction_metadata"] = trace.metadata.clone();
        if let Some(legacy) = &trace.legacy {
            value["interaction"] = legacy.clone();
        }
    }
    value
}

/// A file on a message.
pub(crate) fn attachment(attachment: &Attachment) -> Value {
    let mut value = json!({
        "id": attachment.id.to_string(),
        "filename": attachment.filename,
        "size": attachment.size,
        "url": attachment.url,
        "proxy_url": attachment.url,
        "flags": 0,
    });
    let texts = [
        ("title", &attachment.title),
        ("description", &attachment.description),
        ("content_type", &attachment.content_type),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            value[name] = json!(text);
        }
    }
    if attachment.ephemeral {
        value["ephemeral"] = json!(true);
    }
    value
}

/// An emoji as it is named in reactions, sounds and components.
pub(crate) fn emoji_name(emoji: &EmojiName) -> Value {
    let mut value = json!({ "id": emoji.id.map(|id| id.to_string()), "name": emoji.name });
    if emoji.animated {
        value["animated"] = json!(true);
    }
    value
}

fn reaction(reaction: &Reaction, viewer: u64) -> Value {
    json!({
        "emoji": emoji_name(&reaction.emoji),
        "count": reaction.users.len(),
        "count_details": { "burst": 0, "normal": reaction.users.len() },
        "me": reaction.users.contains(&viewer),
        "me_burst": false,
        "burst_me": false,
        "burst_count": 0,
        "burst_colors": [],
    })
}
