//! Turning what a person types into typed options, by the rules of the command's own schema.
//!
//! Refuses what Discord's client would not let a person send, so that a test fails where a
//! person would be stopped.

use serde_json::{Value, json};

use super::Scene;
use super::command::SlashOption;
use super::resolved::Resolved;
use crate::error::SimError;
use crate::state::State;
use crate::world::File;
use crate::world::file::media_type;

const STRING: u64 = 3;
const INTEGER: u64 = 4;
const BOOLEAN: u64 = 5;
const USER: u64 = 6;
const CHANNEL: u64 = 7;
const ROLE: u64 = 8;
const MENTIONABLE: u64 = 9;
const NUMBER: u64 = 10;
const ATTACHMENT: u64 = 11;

/// What is being typed and not sent yet.
#[derive(Clone, Copy)]
pub(super) struct Focus<'a> {
    pub(super) option: &'a str,
    pub(super) partial: &'a str,
}

/// Options ready to be sent.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) values: Vec<Value>,
    pub(super) resolved: Resolved,
}

/// Reads a person's options against the schema.
pub(super) fn read(
    state: &mut State,
    scene: &Scene,
    schema: &[Value],
    given: &[(String, SlashOption)],
    focus: Option<Focus<'_>>,
) -> Result<Options, SimError> {
    let known = |name: &str| schema.iter().any(|option| option["name"] == name);
    let named = given
        .iter()
        .map(|(name, _)| name.as_str())
        .chain(focus.map(|focus| focus.option));
    if let Some(name) = named.into_iter().find(|name| !known(name)) {
        return Err(invalid(name, "the command has no such option"));
    }
    let mut options = Options::default();
    for option in schema {
        let name = option["name"].as_str().unwrap_or_default();
        if let Some(focus) = focus.filter(|focus| focus.option == name) {
            if option["autocomplete"] != true {
                return Err(invalid(name, "does not complete itself"));
            }
            let partial = json!({
                "name": name, "type": option["type"], "value": focus.partial, "focused": true,
            });
            options.values.push(partial);
            continue;
        }
        let Some((_, entry)) = given.iter().find(|(given, _)| given == name) else {
            if option["required"] == true && focus.is_none() {
                return Err(invalid(name, "is required"));
            }
            continue;
        };
        let value = match entry {
            SlashOption::Text(text) => text_value(state, scene, option, text, &mut options),
            SlashOption::File(file) => file_value(state, scene, option, file, &mut options),
        };
        let value = value.map_err(|reason| invalid(name, reason))?;
        check_bounds(option, &value).map_err(|reason| invalid(name, reason))?;
        options
            .values
            .push(json!({ "name": name, "type": option["type"], "value": value }));
    }
    Ok(options)
}

fn text_value(
    state: &State,
    scene: &Scene,
    option: &Value,
    text: &str,
    options: &mut Options,
) -> Result<Value, &'static str> {
    let id = || text.parse::<u64>().map_err(|_| "is not an id");
    let resolved = &mut options.resolved;
    match option["type"].as_u64().unwrap_or(0) {
        STRING => Ok(json!(text)),
        INTEGER => text
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| "is not a whole number"),
        NUMBER => text
            .parse::<f64>()
            .map(Value::from)
            .map_err(|_| "is not a number"),
        BOOLEAN => text
            .parse::<bool>()
            .map(Value::from)
            .map_err(|_| "is neither true nor false"),
        USER if resolved.add_user(state, scene, id()?) => Ok(json!(text)),
        USER => Err("is not a user"),
        CHANNEL => {
            let types = option["channel_types"].as_array().map(Vec::as_slice);
            resolved.add_channel(state, scene, id()?, types)?;
            Ok(json!(text))
        }
        ROLE if resolved.add_role(state, scene, id()?) => Ok(json!(text)),
        ROLE => Err("is not a role of the guild"),
        MENTIONABLE
            if resolved.add_role(state, scene, id()?) || resolved.add_user(state, scene, id()?) =>
        {
            Ok(json!(text))
        }
        MENTIONABLE => Err("is neither a user nor a role"),
        ATTACHMENT => Err("wants a file"),
        _ => Err("is of a kind that cannot be typed"),
    }
}

fn file_value(
    state: &mut State,
    scene: &Scene,
    option: &Value,
    file: &File,
    options: &mut Options,
) -> Result<Value, &'static str> {
    if option["type"] != ATTACHMENT {
        return Err("does not take a file");
    }
    let content_type = media_type(&file.name).map(str::to_owned);
    let bytes = file.bytes.clone().into();
    let mut attachment = state.store_file(scene.channel, &file.name, content_type, bytes);
    attachment.ephemeral = true;
    options.resolved.add_attachment(&attachment);
    Ok(json!(attachment.id.to_string()))
}

fn check_bounds(option: &Value, value: &Value) -> Result<(), &'static str> {
    let choices = option["choices"]
        .as_array()
        .filter(|choices| !choices.is_empty());
    if choices.is_some_and(|choices| !choices.iter().any(|choice| choice["value"] == *value)) {
        return Err("is not one of the choices");
    }
    if let Some(number) = value.as_f64() {
        if option["min_value"]
            .as_f64()
            .is_some_and(|least| number < least)
        {
            return Err("is too small");
        }
        if option["max_value"]
            .as_f64()
            .is_some_and(|most| number > most)
        {
            return Err("is too large");
        }
    }
    if let Some(text) = value.as_str().filter(|_| option["type"] == STRING) {
        let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        if length > option["max_length"].as_u64().unwrap_or(6_000) {
            return Err("is too long");
        }
        if length < option["min_length"].as_u64().unwrap_or(0) {
            return Err("is too short");
        }
    }
    Ok(())
}

fn invalid(name: &str, reason: &str) -> SimError {
    SimError::InvalidOption {
        name: name.to_owned(),
        reason: reason.to_owned(),
    }
}
