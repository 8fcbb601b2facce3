//! Embeds: checked by Discord's limits, and made what Discord makes of them.

use serde_json::{Map, Value, json};

use crate::protocol::form::Form;
use crate::world::snowflake::iso;

const MOST_EMBEDS: usize = 10;
const MOST_FIELDS: usize = 25;
/// Of all text in all embeds of a message.
const LONGEST_TEXT: usize = 6_000;
const LONGEST_URL: usize = 2_048;

/// Reads `embeds`; `None` if they were left out.
pub(super) fn read(form: &mut Form<'_>) -> Option<Vec<Value>> {
    if !form.has("embeds") {
        return None;
    }
    let mut total = 0;
    let embeds = form.objects("embeds", 0..=MOST_EMBEDS, |form| {
        let (embed, length) = embed(form);
        total += length;
        if total > LONGEST_TEXT && form.is_sound() {
            let message = format!("Embed size exceeds maximum size of {LONGEST_TEXT}");
            form.fault("", "MAX_EMBED_SIZE_EXCEEDED", message);
        }
        embed
    });
    Some(embeds.unwrap_or_default())
}

/// One embed and the length of its text.
fn embed(form: &mut Form<'_>) -> (Value, usize) {
    let mut length = 0;
    let mut embed = Map::new();
    embed.insert("type".to_owned(), json!("rich"));
    for (name, most) in [("title", 256), ("description", 4_096)] {
        put_text(&mut embed, form, name, most, &mut length);
    }
    put_url(&mut embed, form, "url", false);
    if let Some(time) = form.time("timestamp") {
        embed.insert("timestamp".to_owned(), json!(iso(time)));
    }
    if let Some(color) = form.number("color", 0..=0xff_ffff) {
        embed.insert("color".to_owned(), json!(color));
    }
    for name in ["image", "thumbnail"] {
        let image = form.object(name, |form| {
            form.require("url");
            let mut image = Map::new();
            put_url(&mut image, form, "url", true);
            image
        });
        if let Some(url) = image.as_ref().and_then(|image| image.get("url")) {
            let image = json!({
                "url": url, "proxy_url": url, "width": 0, "height": 0, "flags": 0,
            });
            embed.insert(name.to_owned(), image);
        }
    }
    for (name, text, most) in [("footer", "text", 2_048), ("author", "name", 256)] {
        let part = form.object(name, |form| {
            let mut part = Map::new();
            require_text(&mut part, form, text, most, &mut length);
            put_url(&mut part, form, "url", false);
            put_url(&mut part, form, "icon_url", true);
            part
        });
        if let Some(part) = part.filter(|part| !part.is_empty()) {
            embed.insert(name.to_owned(), Value::Object(part));
        }
    }
    let fields = form.objects("fields", 0..=MOST_FIELDS, |form| {
        let mut field = Map::new();
        for (name, most) in [("name", 256), ("value", 1_024)] {
            require_text(&mut field, form, name, most, &mut length);
        }
        let inline = form.flag("inline").unwrap_or(false);
        field.insert("inline".to_owned(), json!(inline));
        Value::Object(field)
    });
    if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
        embed.insert("fields".to_owned(), Value::Array(fields));
    }
    if embed.len() == 1 && form.is_sound() {
        form.fault(
            "description",
            "BASE_TYPE_REQUIRED",
            "This field is required",
        );
    }
    (Value::Object(embed), length)
}

fn put_text(
    into: &mut Map<String, Value>,
    form: &mut Form<'_>,
    name: &str,
    most: usize,
    length: &mut usize,
) {
    if let Some(text) = form.text(name, 0..=most).filter(|text| !text.is_empty()) {
        *length += text.chars().count();
        into.insert(name.to_owned(), json!(text));
    }
}

/// Text that must not be left out; spaces alone are no text.
fn require_text(
    into: &mut Map<String, Value>,
    form: &mut Form<'_>,
    name: &str,
    most: usize,
    length: &mut usize,
) {
    put_text(into, form, name, most, length);
    let sent = form.value(name).map(|value| value.as_str().unwrap_or("?"));
    if sent.is_none_or(|text| text.trim().is_empty()) {
        form.fault(name, "BASE_TYPE_REQUIRED", "This field is required");
    }
}

/// An address; that of an image may also be a file of the same message.
fn put_url(into: &mut Map<String, Value>, form: &mut Form<'_>, name: &str, image: bool) {
    let Some(url) = form
        .text(name, 0..=LONGEST_URL)
        .filter(|url| !url.is_empty())
    else {
        return;
    };
    if check_url(form, name, &url, image) {
        into.insert(name.to_owned(), json!(url));
    }
}

/// Whether the text is an address, with a fault if it is not.
pub(super) fn check_url(form: &mut Form<'_>, name: &str, url: &str, attachment: bool) -> bool {
    let Some((scheme, rest)) = url.split_once("://").filter(|(_, rest)| !rest.is_empty()) else {
        form.fault(name, "URL_TYPE_INVALID_URL", "Not a well formed URL.");
        return false;
    };
    let known = matches!(scheme, "http" | "https") || (attachment && scheme == "attachment");
    if !known {
        let schemes = if attachment {
            "'http', 'https', 'attachment'"
        } else {
            "'http', 'https'"
        };
        let scheme = scheme.chars().take(20).collect::<String>();
        let message =
            format!("Scheme \"{scheme}\" is not supported. Scheme must be one of ({schemes}).");
        form.fault(name, "URL_TYPE_INVALID_SCHEME", message);
        return false;
    }
    if rest.contains(char::is_whitespace) {
        form.fault(name, "URL_TYPE_INVALID_URL", "Not a well formed URL.");
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(embed: &Value) -> Vec<(String, &'static str)> {
        let body = json!({ "embeds": [embed] });
        let mut form = Form::new(&body);
        read(&mut form);
        let faults = form.into_faults().into_iter();
        faults.map(|fault| (fault.path, fault.code)).collect()
    }

    #[test]
    fn an_embed_becomes_rich() {
        let body = json!({ "embeds": [{
            "title": "T", "timestamp": "2024-01-01T00:00:00Z", "color": 5,
            "image": { "url": "attachment://a.png" }, "fields": [{ "name": "n", "value": "v" }],
            "unknown": 1,
        }] });
        let mut form = Form::new(&body);
        let embeds = read(&mut form).unwrap();
        assert!(form.is_sound());
        let embed = &embeds[0];
        assert_eq!(
            (&embed["type"], &embed["fields"][0]["inline"]),
            (&json!("rich"), &json!(false))
        );
        assert_eq!(embed["timestamp"], "2024-01-01T00:00:00.000000+00:00");
        assert!(embed.get("unknown").is_none());
    }

    #[test]
    fn limits_are_discords() {
        let long = "x".repeat(2_000);
        let field = json!({ "name": "n", "value": "x".repeat(1_000) });
        let cases = [
            (json!({}), "embeds.0.description", "BASE_TYPE_REQUIRED"),
            (
                json!({ "title": long }),
                "embeds.0.title",
                "BASE_TYPE_MAX_LENGTH",
            ),
            (
                json!({ "url": "x" }),
                "embeds.0.url",
                "URL_TYPE_INVALID_URL",
            ),
            (
                json!({ "image": { "url": "ftp://x" } }),
                "embeds.0.image.url",
                "URL_TYPE_INVALID_SCHEME",
            ),
            (
                json!({ "fields": [{ "name": "n" }] }),
                "embeds.0.fields.0.value",
                "BASE_TYPE_REQUIRED",
            ),
            (
                json!({ "fields": [{ "name": "", "value": "v" }] }),
                "embeds.0.fields.0.name",
                "BASE_TYPE_REQUIRED",
            ),
            (
                json!({ "title": "T", "author": { "name": " " } }),
                "embeds.0.author.name",
                "BASE_TYPE_REQUIRED",
            ),
            (
                json!({ "title": "T", "footer": { "text": "" } }),
                "embeds.0.footer.text",
                "BASE_TYPE_REQUIRED",
            ),
            (
                json!({ "description": long, "fields": vec![field; 5] }),
                "embeds.0",
                "MAX_EMBED_SIZE_EXCEEDED",
            ),
            (
                json!({ "color": 0x100_0000 }),
                "embeds.0.color",
                "NUMBER_TYPE_MAX",
            ),
            (json!(3), "embeds.0", "MODEL_TYPE_CONVERT"),
        ];
        for (embed, path, code) in cases {
            assert_eq!(faults(&embed), [(path.to_owned(), code)], "{embed}");
        }
    }
}
