//! The commands that applications have registered, checked as Discord checks them.
//!
//! Written by REST; read when a person uses a command.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::protocol::api_error::FieldError;

/// Discord's limits.
const MOST_COMMANDS: usize = 100;
const MOST_OPTIONS: usize = 25;
const SUBCOMMAND: u64 = 1;
const SUBCOMMAND_GROUP: u64 = 2;
const LAST_OPTION_TYPE: u64 = 11;

/// Where a command is registered: an application, and a guild or everywhere.
pub(crate) type Scope = (u64, Option<u64>);

/// All registered commands, as REST returns them.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    by_scope: BTreeMap<Scope, Vec<Value>>,
}

impl Registry {
    /// The commands of one scope.
    pub(crate) fn list(&self, scope: Scope) -> &[Value] {
        self.by_scope.get(&scope).map_or(&[], Vec::as_slice)
    }

    /// Every command of an application.
    pub(crate) fn all_of(&self, application: u64) -> Vec<Value> {
        let scopes = self
            .by_scope
            .range((application, None)..=(application, Some(u64::MAX)));
        scopes.flat_map(|(_, commands)| commands).cloned().collect()
    }

    /// The command of a kind that is reached by this name in a guild, or in direct messages.
    pub(crate) fn find(
        &self,
        application: u64,
        guild: Option<u64>,
        name: &str,
        kind: u64,
    ) -> Option<&Value> {
        let of_guild = guild.map_or(&[][..], |guild| self.list((application, Some(guild))));
        let everywhere = self.list((application, None));
        let usable = |command: &&Value| is_usable(command, guild.is_some());
        let mut commands = of_guild.iter().chain(everywhere.iter().filter(usable));
        commands.find(|command| command["type"] == kind && command["name"] == name)
    }

    /// Replaces all commands of a scope; ids of those that stay by name are kept.
    pub(crate) fn replace(
        &mut self,
        scope: Scope,
        bodies: &[Value],
        mut next_id: impl FnMut() -> u64,
    ) -> Result<Vec<Value>, Vec<FieldError>> {
        if bodies.len() > MOST_COMMANDS {
            return Err(vec![too_many()]);
        }
        let mut faults = Vec::new();
        let mut commands = Vec::new();
        for (place, body) in bodies.iter().enumerate() {
            check(&place.to_string(), body, &mut faults);
            let id = self.find_same(scope, body).unwrap_or_else(&mut next_id);
            let command = complete(scope, body, id, next_id());
            if commands.iter().any(|other| is_same(other, &command)) {
                let code = "APPLICATION_COMMANDS_DUPLICATE_NAME";
                let path = format!("{place}.name");
                faults.push(FieldError::new(
                    &path,
                    code,
                    "Application command names must be unique",
                ));
            }
            commands.push(command);
        }
        if faults.is_empty() {
            self.by_scope.insert(scope, commands.clone());
            return Ok(commands);
        }
        Err(faults)
    }

    /// Adds a command or replaces the one of the same name; true if it is new.
    pub(crate) fn upsert(
        &mut self,
        scope: Scope,
        body: &Value,
        mut next_id: impl FnMut() -> u64,
    ) -> Result<(Value, bool), Vec<FieldError>> {
        let mut faults = Vec::new();
        check("", body, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let before = self.find_same(scope, body);
        if before.is_none() && self.list(scope).len() >= MOST_COMMANDS {
            return Err(vec![too_many()]);
        }
        let command = complete(scope, body, before.unwrap_or_else(&mut next_id), next_id());
        let commands = self.by_scope.entry(scope).or_default();
        commands.retain(|other| !is_same(other, &command));
        commands.push(command.clone());
        Ok((command, before.is_none()))
    }

    /// Changes parts of a command; `None` if there is none of that id.
    pub(crate) fn edit(
        &mut self,
        scope: Scope,
        id: u64,
        body: &Value,
        mut next_id: impl FnMut() -> u64,
    ) -> Option<Result<Value, Vec<FieldError>>> {
        let commands = self.by_scope.get_mut(&scope)?;
        let place = commands.iter().position(|command| has_id(command, id))?;
        let mut merged = commands[place].clone();
        for (name, value) in body.as_object().into_iter().flat_map(Map::iter) {
            merged[name] = value.clone();
        }
        let mut faults = Vec::new();
        check("", &merged, &mut faults);
        if !faults.is_empty() {
            return Some(Err(faults));
        }
        commands[place] = complete(scope, &merged, id, next_id());
        Some(Ok(commands[place].clone()))
    }

    /// One command by its id.
    pub(crate) fn find_by_id(&self, scope: Scope, id: u64) -> Option<&Value> {
        self.list(scope).iter().find(|command| has_id(command, id))
    }

    /// Removes a command; false if there was none.
    pub(crate) fn remove(&mut self, scope: Scope, id: u64) -> bool {
        let Some(commands) = self.by_scope.get_mut(&scope) else {
            return false;
        };
        let before = commands.len();
        commands.retain(|command| !has_id(command, id));
        commands.len() < before
    }

    fn find_same(&self, scope: Scope, body: &Value) -> Option<u64> {
        self.list(scope)
            .iter()
            .find(|command| is_same(command, body))
            .and_then(id_of)
    }
}

/// Whether a global command can be used in guilds, or in direct messages.
fn is_usable(command: &Value, in_guild: bool) -> bool {
    match command["contexts"].as_array() {
        Some(contexts) => contexts.contains(&json!(u8::from(!in_guild))),
        None => in_guild || command["dm_permission"] != false,
    }
}

fn too_many() -> FieldError {
    let message = format!("Must be {MOST_COMMANDS} or fewer in length.");
    FieldError::new("commands", "BASE_TYPE_MAX_LENGTH", message)
}

fn id_of(command: &Value) -> Option<u64> {
    command["id"].as_str()?.parse().ok()
}

fn has_id(command: &Value, id: u64) -> bool {
    id_of(command) == Some(id)
}

/// Commands are told apart by type and name.
fn is_same(one: &Value, other: &Value) -> bool {
    one["name"] == other["name"] && kind(one) == kind(other)
}

fn kind(command: &Value) -> u64 {
    command.get("type").and_then(Value::as_u64).unwrap_or(1)
}

/// Fills in what Discord fills in.
fn complete((application, guild): Scope, body: &Value, id: u64, version: u64) -> Value {
    let mut command = json!({
        "id": id.to_string(),
        "application_id": application.to_string(),
        "version": version.to_string(),
        "default_member_permissions": null,
        "type": 1,
        "name": "",
        "name_localizations": null,
        "description": "",
        "description_localizations": null,
        "dm_permission": true,
        "contexts": null,
        "integration_types": [0],
        "nsfw": false,
    });
    let given = body.as_object().into_iter().flat_map(Map::iter);
    for (name, value) in given.filter(|(name, _)| !matches!(name.as_str(), "id" | "version")) {
        command[name] = value.clone();
    }
    if let Some(guild) = guild {
        command["guild_id"] = json!(guild.to_string());
    }
    command
}

fn check(path: &str, body: &Value, faults: &mut Vec<FieldError>) {
    let kind = kind(body);
    if !(1..=4).contains(&kind) {
        let message = "Value must be one of {1, 2, 3, 4}.";
        faults.push(FieldError::new(
            &join(path, "type"),
            "BASE_TYPE_CHOICES",
            message,
        ));
    }
    check_name(path, body, kind == 1, faults);
    if kind == 1 {
        check_text(path, body, "description", 1..=100, faults);
        check_options(path, body, faults);
    }
}

fn check_name(path: &str, body: &Value, strict: bool, faults: &mut Vec<FieldError>) {
    check_text(path, body, "name", 1..=32, faults);
    let name = body["name"].as_str().unwrap_or_default();
    let allowed = |c: char| matches!(c, '-' | '_' | '\'') || c.is_alphanumeric();
    if strict && (!name.chars().all(allowed) || name.to_lowercase() != name) {
        let code = "APPLICATION_COMMAND_INVALID_NAME";
        faults.push(FieldError::new(
            &join(path, "name"),
            code,
            "Command name is invalid",
        ));
    }
}

fn check_text(
    path: &str,
    body: &Value,
    name: &str,
    length: std::ops::RangeInclusive<usize>,
    faults: &mut Vec<FieldError>,
) {
    let path = join(path, name);
    match body[name].as_str() {
        None => faults.push(FieldError::new(
            &path,
            "BASE_TYPE_REQUIRED",
            "This field is required",
        )),
        Some(text) if !length.contains(&text.chars().count()) => {
            let (least, most) = (length.start(), length.end());
            let message = format!("Must be between {least} and {most} in length.");
            faults.push(FieldError::new(&path, "BASE_TYPE_BAD_LENGTH", message));
        }
        Some(_) => {}
    }
}

fn check_options(path: &str, body: &Value, faults: &mut Vec<FieldError>) {
    let options = body["options"].as_array().map_or(&[][..], Vec::as_slice);
    let path = join(path, "options");
    if options.len() > MOST_OPTIONS {
        let message = format!("Must be {MOST_OPTIONS} or fewer in length.");
        faults.push(FieldError::new(&path, "BASE_TYPE_MAX_LENGTH", message));
    }
    let mut optional_seen = false;
    for (place, option) in options.iter().enumerate() {
        let path = format!("{path}.{place}");
        check_name(&path, option, true, faults);
        check_text(&path, option, "description", 1..=100, faults);
        let kind = option["type"].as_u64().unwrap_or(0);
        if !(SUBCOMMAND..=LAST_OPTION_TYPE).contains(&kind) {
            let message = "Value is not a command option type.";
            faults.push(FieldError::new(
                &join(&path, "type"),
                "BASE_TYPE_CHOICES",
                message,
            ));
        }
        let required = option["required"] == true;
        if required && optional_seen {
            let code = "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID";
            let message = "Required options must be placed before non-required options";
            faults.push(FieldError::new(&path, code, message));
        }
        optional_seen |= !required;
        check_choices(&path, option, faults);
        if matches!(kind, SUBCOMMAND | SUBCOMMAND_GROUP) {
            check_options(&path, option, faults);
        }
    }
}

fn check_choices(path: &str, option: &Value, faults: &mut Vec<FieldError>) {
    let choices = option["choices"].as_array().map_or(0, Vec::len);
    if choices > MOST_OPTIONS {
        let message = format!("Must be {MOST_OPTIONS} or fewer in length.");
        let path = join(path, "choices");
        faults.push(FieldError::new(&path, "BASE_TYPE_MAX_LENGTH", message));
    }
    if choices > 0 && option["autocomplete"] == true {
        let code = "APPLICATION_COMMAND_OPTIONS_CHOICES_AUTOCOMPLETE";
        let message = "Options cannot have both choices and autocomplete";
        faults.push(FieldError::new(path, code, message));
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play() -> Value {
        let option =
            json!({ "type": 3, "name": "sound", "description": "which", "required": true });
        json!({ "name": "play", "description": "plays", "options": [option] })
    }

    #[test]
    fn replacing_keeps_ids_of_the_same_names() {
        let mut registry = Registry::default();
        let mut ids = 100..;
        let mut next_id = || ids.next().unwrap();
        let first = registry
            .replace((1, None), &[play()], &mut next_id)
            .unwrap();
        let second = registry
            .replace((1, None), &[play()], &mut next_id)
            .unwrap();
        assert_eq!(first[0]["id"], second[0]["id"]);
        assert_ne!(first[0]["version"], second[0]["version"]);
        assert!(registry.find(1, Some(5), "play", 1).is_some());
        assert!(registry.find(2, Some(5), "play", 1).is_none());
    }

    #[test]
    fn a_guilds_command_hides_the_global_one() {
        let mut registry = Registry::default();
        let mut next_id = || 7;
        registry.upsert((1, None), &play(), &mut next_id).unwrap();
        let (_, new) = registry
            .upsert((1, Some(5)), &play(), &mut next_id)
            .unwrap();
        assert!(new);
        assert_eq!(
            registry.find(1, Some(5), "play", 1).unwrap()["guild_id"],
            "5"
        );
        assert!(
            registry
                .find(1, Some(6), "play", 1)
                .unwrap()
                .get("guild_id")
                .is_none()
        );
    }

    #[test]
    fn faults_are_named_by_their_place() {
        let mut body = play();
        body["options"][0]["name"] = json!("Not Lower");
        body["description"] = json!("");
        let faults = Registry::default()
            .upsert((1, None), &body, || 1)
            .unwrap_err();
        let paths = faults
            .iter()
            .map(|fault| fault.path.as_str())
            .collect::<Vec<_>>();
        assert_eq!(paths, ["description", "options.0.name"]);
    }
}
