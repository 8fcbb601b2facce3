//! What a client sends to become a message or to change one, read and checked.
//!
//! Called by REST for messages in channels and by the answers to interactions.

use axum::body::Bytes;
use serde_json::Value;

use super::components;
use super::embeds;
use crate::protocol::api_error::ApiError;
use crate::protocol::form::Form;
use crate::world::message::{COMPONENTS_V2, EPHEMERAL, SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS};

const LONGEST_CONTENT: usize = 2_000;
const MOST_ATTACHMENTS: usize = 10;
/// The largest file anyone may upload to a guild without boosts, in bytes.
pub(crate) const LARGEST_FILE: usize = 10 * 1024 * 1024;
const LONGEST_NONCE: usize = 25;

/// A message to be; parts that were left out are `None`.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(super) content: Option<String>,
    pub(super) embeds: Option<Vec<Value>>,
    pub(super) components: Option<Vec<Value>>,
    pub(super) attachments: Option<Vec<Listed>>,
    pub(super) files: Vec<Upload>,
    pub(crate) flags: Option<u64>,
    pub(super) allowed: Option<AllowedMentions>,
    pub(super) reply: Option<Reference>,
    pub(super) nonce: Value,
    pub(super) enforce_nonce: bool,
    pub(super) tts: bool,
}

/// A file that came with a request.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    /// The `n` of `files[n]`.
    pub(crate) index: u64,
    pub(crate) name: String,
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Bytes,
}

/// An entry of `attachments`: one of the files, or an attachment to keep.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) id: u64,
    pub(super) filename: Option<String>,
    pub(super) description: Option<String>,
    pub(super) title: Option<String>,
}

/// Whom a message may mention.
#[derive(Debug)]
pub(super) struct AllowedMentions {
    pub(super) everyone: bool,
    pub(super) users: Which,
    pub(super) roles: Which,
    pub(super) replied_user: bool,
}

/// Which users, or roles.
#[derive(Debug)]
pub(super) enum Which {
    All,
    These(Vec<u64>),
}

impl Which {
    pub(super) fn has(&self, id: u64) -> bool {
        match self {
            Which::All => true,
            Which::These(ids) => ids.contains(&id),
        }
    }
}

/// The message that is answered.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) message: u64,
    pub(super) channel: Option<u64>,
    pub(super) must_exist: bool,
}

/// What a draft is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A new message in a channel.
    Post,
    /// The answer to an interaction.
    Answer,
    /// A change of a message with these flags.
    Edit(u64),
}

impl Draft {
    /// Reads a whole body.
    pub(crate) fn read(
        body: &Value,
        files: Vec<Upload>,
        purpose: Purpose,
    ) -> Result<Draft, ApiError> {
        let mut form = Form::new(body);
        let draft = Draft::read_form(&mut form, files, purpose);
        form.finish()?;
        draft
    }

    /// Reads the part of a body that is the message.
    pub(crate) fn read_form(
        form: &mut Form<'_>,
        files: Vec<Upload>,
        purpose: Purpose,
    ) -> Result<Draft, ApiError> {
        if files.len() > MOST_ATTACHMENTS {
            return Err(ApiError::TOO_MANY_ATTACHMENTS);
        }
        if files.iter().any(|file| file.bytes.len() > LARGEST_FILE) {
            return Err(ApiError::TOO_LARGE);
        }
        if form
            .value("sticker_ids")
            .and_then(Value::as_array)
            .is_some_and(|ids| !ids.is_empty())
        {
            return Err(ApiError::INVALID_STICKER);
        }
        let flags = form
            .number("flags", 0..=i64::from(u32::MAX))
            .and_then(|flags| u64::try_from(flags).ok());
        let flags = flags.map(|flags| flags & purpose.settable());
        let v2 = flags.unwrap_or(0) & COMPONENTS_V2 != 0 || purpose.is_v2();
        let draft = Draft {
            content: content(form),
            embeds: embeds::read(form),
            components: components::read(form, v2),
            attachments: listed(form, &files),
            files,
            flags,
            allowed: allowed_mentions(form),
            reply: reference(form),
            nonce: nonce(form),
            enforce_nonce: form.flag("enforce_nonce").unwrap_or(false),
            tts: form.flag("tts").unwrap_or(false),
        };
        if v2 {
            draft.refuse_legacy(form);
        }
        Ok(draft)
    }

    /// A message of components alone has no text and no embeds beside them.
    fn refuse_legacy(&self, form: &mut Form<'_>) {
        let has_content = self.content.as_ref().is_some_and(|text| !text.is_empty());
        let has_embeds = self.embeds.as_ref().is_some_and(|list| !list.is_empty());
        for (name, sent) in [("content", has_content), ("embeds", has_embeds)] {
            if sent {
                let code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2";
                let message = format!(
                    "The '{name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
                );
                form.fault(name, code, message);
            }
        }
    }
}

impl Purpose {
    fn settable(self) -> u64 {
        let always = SUPPRESS_EMBEDS | COMPONENTS_V2;
        match self {
            Purpose::Post => always | SUPPRESS_NOTIFICATIONS,
            Purpose::Answer => always | SUPPRESS_NOTIFICATIONS | EPHEMERAL,
            Purpose::Edit(_) => always,
        }
    }

    fn is_v2(self) -> bool {
        matches!(self, Purpose::Edit(flags) if flags & COMPONENTS_V2 != 0)
    }
}

fn content(form: &mut Form<'_>) -> Option<String> {
    if !form.has("content") {
        return None;
    }
    let text = form
        .text("content", 0..=LONGEST_CONTENT)
        .unwrap_or_default();
    Some(text.trim().to_owned())
}

fn listed(form: &mut Form<'_>, files: &[Upload]) -> Option<Vec<Listed>> {
    if !form.has("attachments") {
        return None;
    }
    let listed = form.objects("attachments", 0..=MOST_ATTACHMENTS, |entry| {
        entry.require("id");
        let id = entry.id("id").unwrap_or(0);
        // Numbers this small are places in the list of files; all else is an id.
        let is_place = id < 1_000;
        if is_place && entry.is_sound() && !files.iter().any(|file| file.index == id) {
            entry.fault("", "ATTACHMENT_NOT_FOUND", "Attachment data not found");
        }
        Listed {
            id,
            filename: entry.text("filename", 0..=1_024),
            description: entry.text("description", 0..=1_024),
            title: entry.text("title", 0..=1_024),
        }
    });
    Some(listed.unwrap_or_default())
}

fn nonce(form: &mut Form<'_>) -> Value {
    let fault = match form.value("nonce") {
        None => return Value::Null,
        Some(Value::String(text)) if text.chars().count() > LONGEST_NONCE => (
            "NONCE_TYPE_TOO_LONG",
            "Must be 25 or fewer characters long.",
        ),
        Some(Value::Number(number)) if number.is_f64() => (
            "NONCE_TYPE_INVALID_TYPE",
            "This field must be a string or integer.",
        ),
        Some(value @ (Value::String(_) | Value::Number(_))) => return value.clone(),
        Some(_) => (
            "NONCE_TYPE_INVALID_TYPE",
            "This field must be a string or integer.",
        ),
    };
    form.fault("nonce", fault.0, fault.1);
    Value::Null
}

fn reference(form: &mut Form<'_>) -> Option<Reference> {
    form.object("message_reference", |reference| {
        // Forwards, type 1, are not known here.
        reference.choice("type", &[0]);
        reference.require("message_id");
        Some(Reference {
            message: reference.id("message_id")?,
            channel: reference.id("channel_id"),
            must_exist: reference.flag("fail_if_not_exists").unwrap_or(true),
        })
    })?
}

fn allowed_mentions(form: &mut Form<'_>) -> Option<AllowedMentions> {
    const MOST: usize = 100;
    form.object("allowed_mentions", |allowed| {
        let parse = allowed.array("parse", 0..=3).unwrap_or_default();
        let has = |kind: &str| parse.iter().any(|entry| entry == kind);
        let known = ["users", "roles", "everyone"];
        for (place, entry) in parse.iter().enumerate() {
            if !known.iter().any(|kind| entry == kind) {
                let message = "Value must be one of ('users', 'roles', 'everyone').";
                allowed.fault(&format!("parse.{place}"), "BASE_TYPE_CHOICES", message);
            }
        }
        let mut which = |kind: &str| {
            let ids = allowed.ids(kind, MOST).unwrap_or_default();
            if has(kind) && !ids.is_empty() {
                let code = "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE";
                let message =
                    format!("parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive.");
                allowed.fault("", code, message);
            }
            if has(kind) {
                Which::All
            } else {
                Which::These(ids)
            }
        };
        AllowedMentions {
            everyone: has("everyone"),
            users: which("users"),
            roles: which("roles"),
            replied_user: allowed.flag("replied_user").unwrap_or(false),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Result<Draft, Value> {
        Draft::read(&body, Vec::new(), Purpose::Post).map_err(|error| error.to_json())
    }

    fn code(body: Value, path: &[&str]) -> Value {
        let error = read(body).unwrap_err();
        let place = path
            .iter()
            .fold(&error["errors"], |place, key| &place[*key]);
        place["_errors"][0]["code"].clone()
    }

    #[test]
    fn parts_left_out_are_told_from_parts_made_empty() {
        let draft = read(json!({ "content": null, "embeds": [] })).unwrap();
        assert_eq!(draft.content.as_deref(), Some(""));
        assert_eq!(draft.embeds, Some(Vec::new()));
        assert_eq!(draft.components, None);
        assert_eq!(
            read(json!({ "content": "  x\n" }))
                .unwrap()
                .content
                .as_deref(),
            Some("x")
        );
    }

    #[test]
    fn faults_are_discords() {
        let long = "x".repeat(2_001);
        let cases = [
            (
                json!({ "content": long }),
                vec!["content"],
                "BASE_TYPE_MAX_LENGTH",
            ),
            (
                json!({ "content": 5 }),
                vec!["content"],
                "STRING_TYPE_CONVERT",
            ),
            (
                json!({ "nonce": [] }),
                vec!["nonce"],
                "NONCE_TYPE_INVALID_TYPE",
            ),
            (
                json!({ "nonce": long }),
                vec!["nonce"],
                "NONCE_TYPE_TOO_LONG",
            ),
            (
                json!({ "attachments": [{ "id": 0 }] }),
                vec!["attachments", "0"],
                "ATTACHMENT_NOT_FOUND",
            ),
            (
                json!({ "allowed_mentions": { "parse": ["users"], "users": ["1"] } }),
                vec!["allowed_mentions"],
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
            ),
            (
                json!({ "message_reference": { "type": 1, "message_id": "1" } }),
                vec!["message_reference", "type"],
                "BASE_TYPE_CHOICES",
            ),
            (
                json!({ "content": "x", "flags": 1 << 15 }),
                vec!["content"],
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
            ),
        ];
        for (body, path, expected) in cases {
            assert_eq!(code(body.clone(), &path), expected, "{body}");
        }
        assert_eq!(
            read(json!({ "sticker_ids": ["1"] })).unwrap_err()["code"],
            50081
        );
    }
}
