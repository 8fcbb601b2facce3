//! Turning what a person types into typed options, by the rules of the command's own schema.
//!
//! Refuses what Discord's client would not let a person send, so that a test fails where a
//! person would be stopped.

use serde_json::{Value, json};

use crate::error::SimError;
use crate::state::State;
use crate::world::{Guild, permissions, wire};

const STRING: u64 = 3;
const INTEGER: u64 = 4;
const BOOLEAN: u64 = 5;
const USER: u64 = 6;
const CHANNEL: u64 = 7;
const ROLE: u64 = 8;
const NUMBER: u64 = 10;

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
    /// The users, members, roles and channels that the options name.
    pub(super) resolved: Value,
}

/// Reads a person's options against the schema.
pub(super) fn read(
    state: &State,
    guild: &Guild,
    schema: &[Value],
    given: &[(&str, &str)],
    focus: Option<Focus<'_>>,
) -> Result<Options, SimError> {
    let known = |name: &str| schema.iter().any(|option| option["name"] == name);
    let named = given
        .iter()
        .map(|(name, _)| *name)
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
        let Some((_, text)) = given.iter().find(|(given, _)| *given == name) else {
            if option["required"] == true && focus.is_none() {
                return Err(invalid(name, "is required"));
            }
            continue;
        };
        let value = value(state, guild, option, text, &mut options.resolved)
            .map_err(|reason| invalid(name, reason))?;
        check_bounds(option, &value).map_err(|reason| invalid(name, reason))?;
        options
            .values
            .push(json!({ "name": name, "type": option["type"], "value": value }));
    }
    Ok(options)
}

fn value(
    state: &State,
    guild: &Guild,
    option: &Value,
    text: &str,
    resolved: &mut Value,
) -> Result<Value, &'static str> {
    let id = || text.parse::<u64>().map_err(|_| "is not an id");
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
        USER => {
            let id = id()?;
            let user = state.users.get(&id).ok_or("is not a user")?;
            resolved["users"][text] = wire::user(user);
            if let Some(member) = guild.members.get(&id) {
                let bits = permissions::in_guild(guild, id, state.now_ms());
                let mut member = wire::member(state, member);
                member["permissions"] = json!(bits.to_string());
                if let Some(member) = member.as_object_mut() {
                    member.retain(|name, _| !matches!(name.as_str(), "user" | "deaf" | "mute"));
                }
                resolved["members"][text] = member;
            }
            Ok(json!(text))
        }
        CHANNEL => {
            let id = id()?;
            let channel = guild
                .find_channel(id)
                .ok_or("is not a channel of the guild")?;
            let allowed = option["channel_types"]
                .as_array()
                .filter(|kinds| !kinds.is_empty());
            if allowed.is_some_and(|kinds| !kinds.contains(&json!(channel.kind.number()))) {
                return Err("is a channel of the wrong kind");
            }
            resolved["channels"][text] = json!({
                "id": text,
                "name": channel.name,
                "type": channel.kind.number(),
                "parent_id": channel.parent.map(|id| id.to_string()),
                "permissions": permissions::ALL.to_string(),
            });
            Ok(json!(text))
        }
        ROLE => {
            let id = id()?;
            let place = guild.roles.iter().position(|role| role.id == id);
            let place = place.ok_or("is not a role of the guild")?;
            resolved["roles"][text] = wire::role(&guild.roles[place], place);
            Ok(json!(text))
        }
        _ => Err("is of a kind that cannot be typed"),
    }
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
