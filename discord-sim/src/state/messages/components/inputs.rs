//! What people press, choose from and write into: buttons, select menus and text inputs.

use std::collections::BTreeSet;

use super::{CHANNEL_SELECT, Reader, STRING_SELECT, check_url};
use crate::protocol::kept::Kept;
use crate::world::message::EmojiName;

const CHANNEL_TYPES: &[i64] = &[0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16];

impl Reader {
    pub(super) fn custom_id(&mut self, kept: &mut Kept<'_, '_>) {
        kept.form.require("custom_id");
        if let Some(id) = kept.text("custom_id", 1..=100)
            && !self.custom_ids.insert(id)
        {
            let message = "Component custom id cannot be duplicated";
            kept.form
                .fault("custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", message);
        }
    }

    pub(super) fn button(&mut self, kept: &mut Kept<'_, '_>) {
        kept.form.require("style");
        let style = kept.choice("style", &[1, 2, 3, 4, 5, 6]);
        let has_id = kept.form.value("custom_id").is_some();
        let has_url = kept.form.value("url").is_some();
        kept.text("label", 0..=80);
        kept.flag("disabled");
        emoji(kept);
        match style {
            Some(5) => {
                kept.form.require("url");
                if let Some(url) = kept.text("url", 0..=512) {
                    check_url(kept.form, "url", &url, false);
                }
            }
            Some(6) => {
                kept.form.require("sku_id");
                kept.id("sku_id");
            }
            Some(_) if !has_id => {
                let code = "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED";
                kept.form
                    .fault("custom_id", code, "A custom id is required");
            }
            Some(_) => self.custom_id(kept),
            None => {}
        }
        if has_id && has_url {
            let code = "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE";
            let message = "A custom id and url cannot both be specified";
            kept.form.fault("custom_id", code, message);
        }
        let labelled = kept.form.value("label").is_some() || kept.form.value("emoji").is_some();
        if style.is_some_and(|style| style != 6) && !labelled {
            let message = "This field is required";
            kept.form.fault("label", "BASE_TYPE_REQUIRED", message);
        }
    }

    pub(super) fn select(&mut self, kept: &mut Kept<'_, '_>, kind: i64) {
        self.custom_id(kept);
        kept.text("placeholder", 0..=150);
        kept.flag("disabled");
        kept.flag("required");
        let least = kept.number("min_values", 0..=25);
        let most = kept.number("max_values", 1..=25);
        if let (Some(least), Some(most)) = (least, most)
            && least > most
        {
            let code = "SELECT_COMPONENT_MIN_VALUES_EXCEEDED";
            let message = format!("min_values must be equal to or less than {most}.");
            kept.form.fault("min_values", code, message);
        }
        match kind {
            STRING_SELECT => return options(kept, most.unwrap_or(1)),
            CHANNEL_SELECT => kept.choices("channel_types", CHANNEL_TYPES),
            _ => {}
        }
        kept.objects("default_values", 0..=25, |value| {
            value.form.require("id");
            value.id("id");
            value.text("type", 1..=10);
        });
    }

    pub(super) fn text_input(&mut self, kept: &mut Kept<'_, '_>) {
        self.custom_id(kept);
        kept.form.require("style");
        kept.choice("style", &[1, 2]);
        kept.text("label", 1..=45);
        kept.number("min_length", 0..=4_000);
        kept.number("max_length", 1..=4_000);
        kept.flag("required");
        kept.text("value", 0..=4_000);
        kept.text("placeholder", 0..=100);
    }
}

fn options(kept: &mut Kept<'_, '_>, most: i64) {
    let mut values = BTreeSet::new();
    let mut chosen = 0;
    kept.form.require("options");
    kept.objects("options", 1..=25, |option| {
        option.form.require("label");
        option.text("label", 1..=100);
        option.form.require("value");
        if let Some(value) = option.text("value", 1..=100)
            && !values.insert(value)
        {
            let code = "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED";
            let message = "The specified option value is already used";
            option.form.fault("value", code, message);
        }
        option.text("description", 0..=100);
        emoji(option);
        chosen += i64::from(option.flag("default").unwrap_or(false));
    });
    if chosen > most {
        let code = "SELECT_COMPONENT_TOO_MANY_DEFAULT_VALUES";
        let message = "The specified number of default values exceeds the specified maximum values";
        kept.form.fault("options", code, message);
    }
}

/// An emoji on a button or an option: by id, or a Unicode character.
fn emoji(kept: &mut Kept<'_, '_>) {
    kept.object("emoji", |emoji| {
        let id = emoji.id("id");
        let name = emoji.text("name", 0..=32);
        emoji.flag("animated");
        let read = name.and_then(|name| EmojiName::read(&name));
        let valid = id.is_some() || read.is_some_and(|emoji| emoji.id.is_none());
        if !valid && emoji.form.is_sound() {
            let message = "Invalid emoji";
            emoji
                .form
                .fault("name", "BUTTON_COMPONENT_INVALID_EMOJI", message);
        }
    });
}
