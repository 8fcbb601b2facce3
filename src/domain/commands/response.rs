//! What a custom command answers: plain data, checked when it is chosen and never evaluated. The
//! same form stands in the database and in the API's bodies.

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::placeholders::{self, Facts};
use crate::error::Error;

/// Longest response as it is kept, in bytes.
const BYTES_MAX: usize = 16 << 10;
/// Discord's bounds on messages and embeds, in characters.
/// <https://discord.com/developers/docs/resources/message#embed-object-embed-limits>
const CONTENT_MAX: usize = 2_000;
const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 4_096;
const FIELDS_MAX: usize = 25;
const FIELD_NAME_MAX: usize = 256;
const FIELD_VALUE_MAX: usize = 1_024;
const EMBED_MAX: usize = 6_000;
const URL_MAX: usize = 2_048;
/// Discord's colours are three bytes.
const COLOR_MAX: u32 = 0xff_ffff;
/// No file system takes longer names.
const SOUND_MAX: usize = 255;

/// What a command answers. Contract 7.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Response {
    /// A message of text.
    Text(Text),
    /// A message that is laid out.
    Embed(Embed),
    /// A sound in the asker's voice channel.
    Sound(Sound),
}

/// A message of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The text, in Discord's markdown, with placeholders; 1 to 2000 characters.
    pub content: String,
}

/// A message that is laid out: 6000 characters at most, one text at least.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embed {
    /// What stands on top, with placeholders; 1 to 256 characters.
    pub title: Option<String>,
    /// What stands below, with placeholders; 1 to 4096 characters.
    pub description: Option<String>,
    /// Where the title leads: https only, at most 2048 characters.
    pub url: Option<String>,
    /// The colour of its edge: red, green and blue, a byte each.
    pub color: Option<u32>,
    /// What stands side by side or one below the other; at most 25.
    #[serde(default)]
    pub fields: Vec<Field>,
}

/// A field of an embed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// What stands on top, with placeholders; 1 to 256 characters.
    pub name: String,
    /// What stands below, with placeholders; 1 to 1024 characters.
    pub value: String,
    /// Whether there may be another one beside it.
    #[serde(default)]
    pub inline: bool,
}

/// A sound to be played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sound {
    /// What it is called, as wherever a sound is named; 1 to 255 characters.
    pub sound: String,
}

impl Response {
    /// Reads a response of an API's body.
    ///
    /// # Errors
    /// 400 that names what cannot be; 413 where it is too long to be kept.
    pub fn read(value: Value) -> Result<Self, Error> {
        let shape = match value.get("type").and_then(Value::as_str) {
            Some("text") => "a response of type text has content, a text, and nothing else",
            Some("embed") => {
                "a response of type embed has title, description, url, color and fields, each with \
                 name, value and inline, and nothing else"
            }
            Some("sound") => "a response of type sound has sound, a name, and nothing else",
            _ => "response must have a type: text, embed or sound",
        };
        let response: Self = serde_json::from_value(value).map_err(|_| Error::Invalid(shape))?;
        response.check()?;
        if response.to_stored()?.len() > BYTES_MAX {
            return Err(Error::TooLarge(format!(
                "a response has at most {BYTES_MAX} bytes as JSON"
            )));
        }
        Ok(response)
    }

    /// As it is kept.
    ///
    /// # Errors
    /// None that could happen.
    pub(super) fn to_stored(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(Error::internal)
    }

    /// A response that was kept; `None` for what another version has written.
    pub(super) fn from_stored(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    fn check(&self) -> Result<(), Error> {
        match self {
            Self::Text(text) => check_text(
                &text.content,
                CONTENT_MAX,
                "content must be 1 to 2000 characters",
            ),
            Self::Embed(embed) => embed.check(),
            Self::Sound(Sound { sound }) => {
                let is_name = is_text(sound, SOUND_MAX) && !sound.contains(char::is_control);
                let fault = Error::Invalid("sound must be the name of a sound");
                is_name.then_some(()).ok_or(fault)
            }
        }
    }
}

impl Text {
    /// The text with facts in place of its placeholders, as long as Discord takes it.
    pub fn fill(&self, facts: &Facts) -> String {
        placeholders::fill(&self.content, facts, CONTENT_MAX)
    }
}

impl Embed {
    fn check(&self) -> Result<(), Error> {
        let title = self.title.iter().map(|text| {
            let fault = "title must be 1 to 256 characters";
            (text, TITLE_MAX, fault)
        });
        let description = self.description.iter().map(|text| {
            let fault = "description must be 1 to 4096 characters";
            (text, DESCRIPTION_MAX, fault)
        });
        let fields = self.fields.iter().flat_map(|field| {
            let name = "the name of a field must be 1 to 256 characters";
            let value = "the value of a field must be 1 to 1024 characters";
            [
                (&field.name, FIELD_NAME_MAX, name),
                (&field.value, FIELD_VALUE_MAX, value),
            ]
        });
        let mut chars = 0;
        for (text, chars_max, fault) in title.chain(description).chain(fields) {
            check_text(text, chars_max, fault)?;
            chars += text.chars().count();
        }
        let faults = [
            (
                chars == 0,
                "an embed has a title, a description or a field at least",
            ),
            (
                chars > EMBED_MAX,
                "an embed has at most 6000 characters in all",
            ),
            (
                self.fields.len() > FIELDS_MAX,
                "an embed has at most 25 fields",
            ),
            (
                self.color.is_some_and(|color| color > COLOR_MAX),
                "color must be 0 to 16777215",
            ),
            (
                self.url.as_deref().is_some_and(|url| !is_address(url)),
                "url must be an address that begins with https://, of at most 2048 characters",
            ),
        ];
        let fault = faults.into_iter().find(|(is_so, _)| *is_so);
        fault.map_or(Ok(()), |(_, fault)| Err(Error::Invalid(fault)))
    }

    /// The embed with facts in place of its placeholders, as long as Discord takes it: what facts
    /// have made too long loses its end, and fields for which there is no room are left out.
    #[must_use]
    pub fn fill(&self, facts: &Facts) -> Self {
        let mut room = EMBED_MAX;
        let mut fill = |text: &str, chars_max: usize| {
            let filled = placeholders::fill(text, facts, chars_max.min(room));
            room -= filled.chars().count();
            filled
        };
        let title = self.title.as_deref().map(|text| fill(text, TITLE_MAX));
        let description = self.description.as_deref();
        let description = description.map(|text| fill(text, DESCRIPTION_MAX));
        let fields = self.fields.iter().map(|field| Field {
            name: fill(&field.name, FIELD_NAME_MAX),
            value: fill(&field.value, FIELD_VALUE_MAX),
            inline: field.inline,
        });
        let is_there = |field: &Field| !field.name.is_empty() && !field.value.is_empty();
        Self {
            title,
            description,
            url: self.url.clone(),
            color: self.color,
            fields: fields.filter(is_there).collect(),
        }
    }
}

fn check_text(text: &str, chars_max: usize, fault: &'static str) -> Result<(), Error> {
    if !is_text(text, chars_max) {
        return Err(Error::Invalid(fault));
    }
    placeholders::check(text)
}

/// Whether there is something to be read, and not too much of it.
fn is_text(text: &str, chars_max: usize) -> bool {
    let is_shown = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().count() <= chars_max && !text.trim().is_empty() && text.chars().all(is_shown)
}

/// Whether it leads somewhere, over TLS, and shows no credentials.
fn is_address(text: &str) -> bool {
    let is_whole = text.starts_with("https://") && !text.contains(char::is_whitespace);
    let leads = |url: Url| url.has_host() && url.username().is_empty() && url.password().is_none();
    text.chars().count() <= URL_MAX && is_whole && Url::parse(text).is_ok_and(leads)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_read_is_kept_as_it_is() {
        let embed = json!({
            "type": "embed", "title": "T", "description": null, "url": "https://a.test/b?c",
            "color": 0xff_ffff, "fields": [{"name": "n", "value": "v", "inline": true}],
        });
        for value in [
            json!({"type": "text", "content": "Hi {user}\r\n\t@everyone"}),
            embed,
            json!({"type": "sound", "sound": "tür 2.wav"}),
        ] {
            let response = Response::read(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(&response).unwrap(), value);
            let stored = response.to_stored().unwrap();
            assert_eq!(Response::from_stored(&stored), Some(response));
        }
        assert_eq!(Response::from_stored(r#"{"type":"song"}"#), None);
    }

    #[test]
    fn facts_make_no_embed_too_long() {
        let facts = Facts {
            user: "u".repeat(64),
            guild: "g".repeat(200),
            channel: "<#1>".to_owned(),
            sound_count: 3,
        };
        let long = "{guild}".repeat(146);
        let field = Field {
            name: "{user}".repeat(40),
            value: long.clone(),
            inline: false,
        };
        let embed = Embed {
            title: Some("{guild}{guild}".to_owned()),
            description: Some(long),
            url: None,
            color: None,
            fields: vec![field; 3],
        };
        embed.check().unwrap();
        let filled = embed.fill(&facts);
        let chars = |text: &str| text.chars().count();
        let title = filled.title.as_deref().unwrap();
        let description = filled.description.as_deref().unwrap();
        assert_eq!((chars(title), chars(description)), (256, 4_096));
        let fields: Vec<_> = filled
            .fields
            .iter()
            .map(|field| chars(&field.value))
            .collect();
        assert_eq!(fields, [1_024, 112]);
    }
}
