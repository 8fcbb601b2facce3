//! Components of messages and modals: checked by Discord's rules, stripped of what components
//! of their type do not have, and numbered as it does.
//!
//! The older layout, rows of buttons and select menus, is told from the newer one by the
//! message's flag. Sources: the component reference of Discord's documentation.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::Value;

use crate::protocol::form::Form;
use crate::protocol::kept::Kept;
use crate::state::messages::embeds::check_url;

mod inputs;

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
    let components = form.objects("components", 0..=most, |component| {
        reader.read(component, allowed, IN_ROW).1
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
    Some(components.unwrap_or_default())
}

/// Reads the `components` of a modal.
pub(crate) fn read_modal(form: &mut Form<'_>) -> Vec<Value> {
    let mut reader = Reader::default();
    let allowed = &[ACTION_ROW, TEXT_DISPLAY, LABEL];
    form.require("components");
    let components = form.objects("components", 1..=5, |component| {
        reader.read(component, allowed, &[TEXT_INPUT]).1
    });
    components.unwrap_or_default()
}

/// What must hold for all components together.
#[derive(Default)]
struct Reader {
    count: usize,
    text: usize,
    custom_ids: BTreeSet<String>,
}

impl Reader {
    /// Reads one component that may be of these types, its own among them; `in_row` are those
    /// of a row's.
    fn read(&mut self, form: &mut Form<'_>, allowed: &[i64], in_row: &[i64]) -> (i64, Value) {
        self.count += 1;
        let mut kept = Kept::of(form);
        let number = kept.form.number("id", 0..=i64::from(i32::MAX));
        match number.filter(|number| *number != 0) {
            Some(number) => kept.put("id", number),
            None => kept.put("id", self.count),
        }
        kept.form.require("type");
        let Some(kind) = kept.number("type", i64::MIN..=i64::MAX) else {
            return (0, Value::Null);
        };
        if allowed.contains(&kind) {
            self.read_kind(&mut kept, kind, in_row);
        } else {
            let message = format!("Value of field \"type\" must be one of {}.", tuple(allowed));
            kept.form.fault("", "UNION_TYPE_CHOICES", message);
        }
        (kind, kept.into_value())
    }

    fn read_kind(&mut self, kept: &mut Kept<'_, '_>, kind: i64, in_row: &[i64]) {
        match kind {
            ACTION_ROW => self.row(kept, in_row),
            BUTTON => self.button(kept),
            TEXT_INPUT => self.text_input(kept),
            SECTION => {
                self.inner(kept, 1..=3, &[TEXT_DISPLAY], in_row);
                self.part(kept, "accessory", &[BUTTON, THUMBNAIL], in_row);
            }
            TEXT_DISPLAY => {
                kept.form.require("content");
                let text = kept.text("content", 1..=LONGEST_TEXT);
                self.text += text.map_or(0, |text| text.chars().count());
            }
            THUMBNAIL => media(kept, "media"),
            MEDIA_GALLERY => {
                kept.form.require("items");
                kept.objects("items", 1..=10, |item| media(item, "media"));
            }
            FILE => media(kept, "file"),
            SEPARATOR => {
                kept.flag("divider");
                kept.choice("spacing", &[1, 2]);
            }
            CONTAINER => {
                kept.number("accent_color", 0..=0xff_ffff);
                kept.flag("spoiler");
                self.inner(kept, 1..=MOST_COMPONENTS, IN_CONTAINER, in_row);
            }
            LABEL => {
                kept.form.require("label");
                kept.text("label", 1..=45);
                kept.text("description", 0..=100);
                self.part(kept, "component", IN_LABEL, in_row);
            }
            FILE_UPLOAD => {
                self.custom_id(kept);
                kept.number("min_values", 0..=10);
                kept.number("max_values", 1..=10);
                kept.flag("required");
            }
            _ => self.select(kept, kind),
        }
    }

    /// The components inside another one.
    fn inner(
        &mut self,
        kept: &mut Kept<'_, '_>,
        length: RangeInclusive<usize>,
        allowed: &[i64],
        in_row: &[i64],
    ) {
        kept.form.require("components");
        let inner = kept.form.objects("components", length, |inner| {
            self.read(inner, allowed, in_row).1
        });
        kept.put("components", inner.unwrap_or_default());
    }

    /// The one component in a place of another one.
    fn part(&mut self, kept: &mut Kept<'_, '_>, name: &str, allowed: &[i64], in_row: &[i64]) {
        kept.form.require(name);
        let part = kept
            .form
            .object(name, |inner| self.read(inner, allowed, in_row).1);
        kept.put(name, part.unwrap_or_default());
    }

    fn row(&mut self, kept: &mut Kept<'_, '_>, in_row: &[i64]) {
        let mut width = 0;
        kept.form.require("components");
        let inner = kept.form.objects("components", 1..=ROW_WIDTH, |inner| {
            let (kind, component) = self.read(inner, in_row, in_row);
            width += if kind == BUTTON { 1 } else { ROW_WIDTH };
            if width > ROW_WIDTH {
                let message = "The specified component exceeds the maximum width";
                inner.fault("", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", message);
            }
            component
        });
        kept.put("components", inner.unwrap_or_default());
    }
}

fn media(kept: &mut Kept<'_, '_>, name: &str) {
    kept.form.require(name);
    if name == "media" {
        kept.text("description", 0..=1_024);
    }
    kept.flag("spoiler");
    kept.object(name, |media| {
        media.form.require("url");
        if let Some(url) = media.text("url", 1..=2_048) {
            check_url(media.form, "url", &url, true);
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
