//! Commands as clients send them: checked, and stripped of what no command has.
//!
//! Source: the application command reference of Discord's documentation.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::Value;

use crate::protocol::form::Form;
use crate::protocol::kept::Kept;

/// Command types.
pub(super) const CHAT_INPUT: i64 = 1;
const ENTRY_POINT: i64 = 4;

/// Option types.
const SUBCOMMAND: i64 = 1;
const SUBCOMMAND_GROUP: i64 = 2;
const STRING: i64 = 3;
const INTEGER: i64 = 4;
const CHANNEL: i64 = 7;
const NUMBER: i64 = 10;
const ON_TOP: &[i64] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const IN_GROUP: &[i64] = &[SUBCOMMAND];
const IN_SUBCOMMAND: &[i64] = &[3, 4, 5, 6, 7, 8, 9, 10, 11];

const MOST_OPTIONS: usize = 25;
const LONGEST_NAME: usize = 32;
const LONGEST_DESCRIPTION: usize = 100;
const LONGEST_CHOICE: usize = 100;
const LONGEST_TEXT: i64 = 6_000;
/// Numbers beyond this are not exact in JavaScript.
const LARGEST: i64 = 1 << 53;
const CHANNEL_TYPES: &[i64] = &[0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16];
const LOCALES: &[&str] = &[
    "id", "da", "de", "en-GB", "en-US", "es-ES", "es-419", "fr", "hr", "it", "lt", "hu", "nl",
    "no", "pl", "pt-BR", "ro", "fi", "sv-SE", "vi", "tr", "cs", "el", "bg", "ru", "uk", "hi", "th",
    "zh-CN", "ja", "zh-TW", "ko",
];

/// Reads a command.
pub(super) fn read(form: &mut Form<'_>) -> Value {
    let mut kept = Kept::of(form);
    let kind = kept.choice("type", &[1, 2, 3, ENTRY_POINT]);
    let kind = kind.unwrap_or(CHAT_INPUT);
    name(&mut kept, kind == CHAT_INPUT);
    if kind == CHAT_INPUT {
        description(&mut kept);
        options(&mut kept, ON_TOP);
    }
    if kind == ENTRY_POINT {
        kept.choice("handler", &[1, 2]);
    }
    kept.bits("default_member_permissions");
    kept.flag("dm_permission");
    kept.flag("nsfw");
    kept.choices("integration_types", &[0, 1]);
    kept.choices("contexts", &[0, 1, 2]);
    kept.into_value()
}

/// Names of what is typed are written in a stricter way than those in menus.
fn name(kept: &mut Kept<'_, '_>, strict: bool) -> Option<String> {
    kept.form.require("name");
    let name = kept.text("name", 1..=LONGEST_NAME);
    if strict && name.as_deref().is_some_and(|name| !is_name(name)) {
        let code = "APPLICATION_COMMAND_INVALID_NAME";
        kept.form.fault("name", code, "Command name is invalid");
    }
    localizations(kept, "name_localizations", 1..=LONGEST_NAME, strict);
    name
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| matches!(c, '-' | '_' | '\'') || c.is_alphanumeric();
    name.chars().all(allowed) && name.to_lowercase() == name
}

fn description(kept: &mut Kept<'_, '_>) {
    kept.form.require("description");
    kept.text("description", 1..=LONGEST_DESCRIPTION);
    let length = 1..=LONGEST_DESCRIPTION;
    localizations(kept, "description_localizations", length, false);
}

/// A text in several languages.
fn localizations(kept: &mut Kept<'_, '_>, name: &str, length: RangeInclusive<usize>, strict: bool) {
    kept.object(name, |kept| {
        for locale in kept.form.names() {
            if !LOCALES.contains(&locale) {
                let message = format!("Value must be one of {{{}}}.", LOCALES.join(", "));
                kept.form.fault(locale, "BASE_TYPE_CHOICES", message);
                // One is enough to know them all.
                return;
            }
            let text = kept.text(locale, length.clone());
            if strict && text.is_some_and(|text| !is_name(&text)) {
                let code = "APPLICATION_COMMAND_INVALID_NAME";
                kept.form.fault(locale, code, "Command name is invalid");
            }
        }
    });
}

fn options(kept: &mut Kept<'_, '_>, allowed: &[i64]) {
    let mut names = BTreeSet::new();
    let mut optional_seen = false;
    let mut branches = 0;
    let count = kept.objects("options", 0..=MOST_OPTIONS, |kept| {
        kept.form.require("type");
        let kind = kept.choice("type", allowed).unwrap_or(0);
        if name(kept, true).is_some_and(|name| !names.insert(name)) {
            let code = "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS";
            kept.form.fault("name", code, "Option name already exists");
        }
        description(kept);
        let required = option(kept, kind);
        branches += usize::from(matches!(kind, SUBCOMMAND | SUBCOMMAND_GROUP));
        if required && optional_seen {
            let code = "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID";
            let message = "Required options must be placed before non-required options";
            kept.form.fault("", code, message);
        }
        optional_seen |= !required;
    });
    if branches > 0 && branches < count {
        let code = "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID";
        let message = "Sub-command and sub-command group option types are mutually exclusive \
                       to all other types";
        kept.form.fault("options", code, message);
    }
}

/// What an option has by its type; whether it is required.
fn option(kept: &mut Kept<'_, '_>, kind: i64) -> bool {
    match kind {
        SUBCOMMAND => {
            options(kept, IN_SUBCOMMAND);
            return false;
        }
        SUBCOMMAND_GROUP => {
            options(kept, IN_GROUP);
            return false;
        }
        STRING => {
            kept.number("min_length", 0..=LONGEST_TEXT);
            kept.number("max_length", 1..=LONGEST_TEXT);
        }
        INTEGER | NUMBER => {
            bound(kept, "min_value");
            bound(kept, "max_value");
        }
        CHANNEL => kept.choices("channel_types", CHANNEL_TYPES),
        _ => {}
    }
    if matches!(kind, STRING | INTEGER | NUMBER) {
        let completes = kept.flag("autocomplete").unwrap_or(false);
        if choices(kept, kind) > 0 && completes {
            let code = "APPLICATION_COMMAND_OPTIONS_CHOICES_AUTOCOMPLETE";
            let message = "Options cannot have both choices and autocomplete";
            kept.form.fault("", code, message);
        }
    }
    kept.flag("required").unwrap_or(false)
}

/// The least or the largest number of an option, as it was sent: some clients write that of a
/// whole number with a point, too.
fn bound(kept: &mut Kept<'_, '_>, name: &str) {
    if kept.form.real(name, f64::MIN..=f64::MAX).is_some()
        && let Some(value) = kept.form.value(name)
    {
        kept.put(name, value.clone());
    }
}

/// The choices of an option; how many there are.
fn choices(kept: &mut Kept<'_, '_>, kind: i64) -> usize {
    let mut names = BTreeSet::new();
    kept.objects("choices", 0..=MOST_OPTIONS, |kept| {
        kept.form.require("name");
        let name = kept.text("name", 1..=LONGEST_CHOICE);
        if name.is_some_and(|name| !names.insert(name)) {
            let code = "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_ALREADY_EXISTS";
            kept.form
                .fault("name", code, "Option choice name already exists");
        }
        localizations(kept, "name_localizations", 1..=LONGEST_CHOICE, false);
        kept.form.require("value");
        match kind {
            STRING => {
                kept.text("value", 1..=LONGEST_CHOICE);
            }
            INTEGER => {
                kept.number("value", -LARGEST..=LARGEST);
            }
            _ => {
                kept.real("value", f64::MIN..=f64::MAX);
            }
        }
    })
}
