//! Components of messages and modals: checked by Discord's rules, and numbered as it does.
//!
//! The older layout, rows of buttons and select menus, is told from the newer one by the
//! message's flag. Sources: the component reference of Discord's documentation.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::protocol::form::Form;
use crate::state::messages::embeds::check_url;
use crate::world::message::EmojiName;

pub(crate) const ACTION_ROW: i64 = 1;
pub(crate) const BUTTON: i64 = 2;
pub(crate) const STRING_SELECT: i64 = 3;
pub(crate) const TEXT_INPUT: i64 = 4;
pub(crate) const USER_SELECT: i64 = 5;
pub(crate) const ROLE_SELECT: i64 = 6;
pub(crate) const MENTIONABLE_SELECT: i64 = 7;
pub(crate) const CHANNEL_SELECT: i64 = 8;
const SECTION: i64 = 9;
pub(crate) const TEXT_DISPLAY: i64 = 10;
const THUMBNAIL: i64 = 11;
const MEDIA_GALLERY: i64 = 12;
const FILE: i64 = 13;
const SEPARATOR: i64 = 14;
const CONTAINER: i64 = 17;
pub(crate) const LABEL: i64 = 18;
pub(crate) const FILE_UPLOAD: i64 = 19;

const IN_ROW: &[i64] = &[
    BUTTON,
    STRING_SELECT,
    USER_SELECT,
    ROLE_SELECT,
    MENTIONABLE_SELECT,
    CHANNEL_SELECT,
];
const IN_LABEL: &[i64] = &[
    STRING_SELECT,
    TEXT_INPUT,
    USER_SELECT,
    ROLE_SELECT,
    MENTIONABLE_SELECT,
    CHANNEL_SELECT,
    FILE_UPLOAD,
];
const IN_CONTAINER: &[i64] = &[
    ACTION_ROW,
    SECTION,
    TEXT_DISPLAY,
    MEDIA_GALLERY,
    FILE,
    SEPARATOR,
];
const ON_TOP: &[i64] = &[
    ACTION_ROW,
    SECTION,
    TEXT_DISPLAY,
    MEDIA_GALLERY,
    FILE,
    SEPARATOR,
    CONTAINER,
];

const ROW_WIDTH: usize = 5;
const MOST_ROWS: usize = 5;
/// Of all components of the newer layout together.
const MOST_COMPONENTS: usize = 40;
/// Of all text of the newer layout together.
const LONGEST_TEXT: usize = 4_000;

/// What Discord keeps of a component.
const KEPT: &[&str] = &[
    "accent_color",
    "accessory",
    "channel_types",
    "component",
    "components",
    "content",
    "custom_id",
    "default_values",
    "description",
    "disabled",
    "divider",
    "emoji",
    "file",
    "items",
    "label",
    "max_length",
    "max_values",
    "media",
    "min_length",
    "min_values",
    "options",
    "placeholder",
    "required",
    "sku_id",
    "spacing",
    "spoiler",
    "style",
    "type",
    "url",
    "value",
];

/// Reads the `components` of a message; `None` if they were left out.
pub(super) fn read(form: &mut Form<'_>, v2: bool) -> Option<Vec<Value>> {
    if !form.has("components") {
        return None;
    }
    let mut reader = Reader::default();
    let (most, allowed) = if v2 {
        (MOST_COMPONENTS, ON_TOP)
    } else {
        (MOST_ROWS, &[ACTION_ROW][..])
    };
    form.objects("components", 0..=most, |component| {
        reader.read(component, allowed, IN_ROW);
    });
    if reader.count > MOST_COMPONENTS {
        let message = "Number of components exceeds the maximum of 40";
        form.fault(
            "components",
            "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
            message,
        );
    }
    if reader.text > LONGEST_TEXT {
        let message = format!("The total text exceeds the maximum size of {LONGEST_TEXT}");
        form.fault(
            "components",
            "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
            message,
        );
    }
    Some(numbered(form))
}

/// Reads the `components` of a modal.
pub(crate) fn read_modal(form: &mut Form<'_>) -> Vec<Value> {
    let mut reader = Reader::default();
    let allowed = &[ACTION_ROW, TEXT_DISPLAY, LABEL];
    form.require("components");
    form.objects("components", 1..=5, |component| {
        reader.read(component, allowed, &[TEXT_INPUT]);
    });
    numbered(form)
}

/// The components as Discord keeps them, each with its number.
fn numbered(form: &Form<'_>) -> Vec<Value> {
    let sent = form.value("components").and_then(Value::as_array);
    let mut next = 0;
    let sent = sent.into_iter().flatten();
    sent.map(|component| keep(component, &mut next)).collect()
}

fn keep(component: &Value, next: &mut u64) -> Value {
    let mut kept = Map::new();
    *next += 1;
    let id = component["id"].as_u64().filter(|id| *id != 0);
    kept.insert("id".to_owned(), json!(id.unwrap_or(*next)));
    for (name, value) in component.as_object().into_iter().flatten() {
        let value = match (name.as_str(), value) {
            (name, _) if !KEPT.contains(&name) => continue,
            (_, Value::Null) => continue,
            ("components", Value::Array(inner)) => {
                inner.iter().map(|inner| keep(inner, next)).collect()
            }
            ("accessory" | "component", inner @ Value::Object(_)) => keep(inner, next),
            (_, value) => value.clone(),
        };
        kept.insert(name.clone(), value);
    }
    Value::Object(kept)
}

/// What must hold for all components together.
#[derive(Default)]
struct Reader {
    count: usize,
    text: usize,
    custom_ids: BTreeSet<String>,
}

impl Reader {
    /// Checks one component that may be of these types; `in_row` are those of a row's.
    fn read(&mut self, form: &mut Form<'_>, allowed: &[i64], in_row: &[i64]) -> i64 {
        self.count += 1;
        form.require("type");
        let Some(kind) = form.number("type", i64::MIN..=i64::MAX) else {
            return 0;
        };
        form.number("id", 0..=i64::from(i32::MAX));
        if !allowed.contains(&kind) {
            let message = format!("Value of field \"type\" must be one of {}.", tuple(allowed));
            form.fault("", "UNION_TYPE_CHOICES", message);
            return kind;
        }
        match kind {
            ACTION_ROW => self.row(form, in_row),
            BUTTON => self.button(form),
            TEXT_INPUT => self.text_input(form),
            SECTION => {
                form.require("components");
                form.objects("components", 1..=3, |inner| {
                    self.read(inner, &[TEXT_DISPLAY], in_row);
                });
                form.require("accessory");
                form.object("accessory", |inner| {
                    self.read(inner, &[BUTTON, THUMBNAIL], in_row);
                });
            }
            TEXT_DISPLAY => {
                form.require("content");
                let text = form.text("content", 1..=LONGEST_TEXT);
                self.text += text.map_or(0, |text| text.chars().count());
            }
            THUMBNAIL => media(form, "media"),
            MEDIA_GALLERY => {
                form.require("items");
                form.objects("items", 1..=10, |item| media(item, "media"));
            }
            FILE => media(form, "file"),
            SEPARATOR => {
                form.flag("divider");
                form.choice("spacing", &[1, 2]);
            }
            CONTAINER => {
                form.require("components");
                form.number("accent_color", 0..=0xff_ffff);
                form.flag("spoiler");
                form.objects("components", 1..=MOST_COMPONENTS, |inner| {
                    self.read(inner, IN_CONTAINER, in_row);
                });
            }
            LABEL => {
                form.require("label");
                form.text("label", 1..=45);
                form.text("description", 0..=100);
                form.require("component");
                form.object("component", |inner| {
                    self.read(inner, IN_LABEL, in_row);
                });
            }
            FILE_UPLOAD => {
                self.custom_id(form);
                form.number("min_values", 0..=10);
                form.number("max_values", 1..=10);
                form.flag("required");
            }
            _ => self.select(form, kind),
        }
        kind
    }

    fn row(&mut self, form: &mut Form<'_>, in_row: &[i64]) {
        form.require("components");
        let mut width = 0;
        form.objects("components", 1..=ROW_WIDTH, |inner| {
            let kind = self.read(inner, in_row, in_row);
            width += if kind == BUTTON { 1 } else { ROW_WIDTH };
            if width > ROW_WIDTH {
                let message = "The specified component exceeds the maximum width";
                inner.fault("", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", message);
            }
        });
    }

    fn custom_id(&mut self, form: &mut Form<'_>) {
        form.require("custom_id");
        if let Some(id) = form.text("custom_id", 1..=100)
            && !self.custom_ids.insert(id)
        {
            let message = "Component custom id cannot be duplicated";
            form.fault("custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", message);
        }
    }

    fn button(&mut self, form: &mut Form<'_>) {
        form.require("style");
        let style = form.choice("style", &[1, 2, 3, 4, 5, 6]);
        let (has_id, has_url) = (
            form.value("custom_id").is_some(),
            form.value("url").is_some(),
        );
        form.text("label", 0..=80);
        form.flag("disabled");
        emoji(form);
        match style {
            Some(5) => {
                form.require("url");
                if let Some(url) = form.text("url", 0..=512) {
                    check_url(form, "url", &url, false);
                }
            }
            Some(6) => {
                form.require("sku_id");
                form.id("sku_id");
            }
            Some(_) if !has_id => {
                let code = "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED";
                form.fault("custom_id", code, "A custom id is required");
            }
            Some(_) => self.custom_id(form),
            None => {}
        }
        if has_id && has_url {
            let code = "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE";
            let message = "A custom id and url cannot both be specified";
            form.fault("custom_id", code, message);
        }
        let labelled = form.value("label").is_some() || form.value("emoji").is_some();
        if style.is_some_and(|style| style != 6) && !labelled {
            form.fault("label", "BASE_TYPE_REQUIRED", "This field is required");
        }
    }

    fn select(&mut self, form: &mut Form<'_>, kind: i64) {
        self.custom_id(form);
        form.text("placeholder", 0..=150);
        form.flag("disabled");
        form.flag("required");
        let least = form.number("min_values", 0..=25);
        let most = form.number("max_values", 1..=25);
        if let (Some(least), Some(most)) = (least, most)
            && least > most
        {
            let message = format!("min_values must be equal to or less than {most}.");
            form.fault(
                "min_values",
                "SELECT_COMPONENT_MIN_VALUES_EXCEEDED",
                message,
            );
        }
        match kind {
            STRING_SELECT => options(form, most.unwrap_or(1)),
            CHANNEL_SELECT => {
                form.array("channel_types", 0..=25);
            }
            _ => {}
        }
        form.objects("default_values", 0..=25, |value| {
            value.require("id");
            value.id("id");
            value.text("type", 1..=10);
        });
    }

    fn text_input(&mut self, form: &mut Form<'_>) {
        self.custom_id(form);
        form.require("style");
        form.choice("style", &[1, 2]);
        form.text("label", 1..=45);
        form.number("min_length", 0..=4_000);
        form.number("max_length", 1..=4_000);
        form.flag("required");
        form.text("value", 0..=4_000);
        form.text("placeholder", 0..=100);
    }
}

fn options(form: &mut Form<'_>, most: i64) {
    let mut values = BTreeSet::new();
    let mut chosen = 0;
    form.require("options");
    form.objects("options", 1..=25, |option| {
        option.require("label");
        option.text("label", 1..=100);
        option.require("value");
        if let Some(value) = option.text("value", 1..=100)
            && !values.insert(value)
        {
            let message = "The specified option value is already used";
            option.fault("value", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message);
        }
        option.text("description", 0..=100);
        emoji(option);
        chosen += i64::from(option.flag("default").unwrap_or(false));
    });
    if chosen > most {
        let message = "The specified number of default values exceeds the specified maximum values";
        form.fault(
            "options",
            "SELECT_COMPONENT_TOO_MANY_DEFAULT_VALUES",
            message,
        );
    }
}

/// An emoji on a button or an option: by id, or a Unicode character.
fn emoji(form: &mut Form<'_>) {
    form.object("emoji", |emoji| {
        let id = emoji.id("id");
        let name = emoji.text("name", 0..=32);
        let valid = id.is_some()
            || name
                .and_then(|name| EmojiName::read(&name))
                .is_some_and(|emoji| emoji.id.is_none());
        if !valid && emoji.is_sound() {
            emoji.fault("name", "BUTTON_COMPONENT_INVALID_EMOJI", "Invalid emoji");
        }
    });
}

fn media(form: &mut Form<'_>, name: &str) {
    form.require(name);
    form.text("description", 0..=1_024);
    form.flag("spoiler");
    form.object(name, |media| {
        media.require("url");
        if let Some(url) = media.text("url", 1..=2_048) {
            check_url(media, "url", &url, true);
        }
    });
}

/// Numbers as Discord's errors list them: `(1,)`, `(1, 2)`.
fn tuple(numbers: &[i64]) -> String {
    match numbers {
        [one] => format!("({one},)"),
        numbers => {
            let numbers = numbers.iter().map(i64::to_string).collect::<Vec<_>>();
            format!("({})", numbers.join(", "))
        }
    }
}

/// The component with this `custom_id`, wherever it stands.
pub(crate) fn find<'a>(components: &'a [Value], custom_id: &str) -> Option<&'a Value> {
    components.iter().find_map(|component| {
        if component["custom_id"] == custom_id {
            return Some(component);
        }
        let inner = component["components"].as_array();
        inner.and_then(|inner| find(inner, custom_id)).or_else(|| {
            ["accessory", "component"].iter().find_map(|name| {
                component
                    .get(name)
                    .and_then(|inner| find(std::slice::from_ref(inner), custom_id))
            })
        })
    })
}

#[cfg(test)]
mod tests;
