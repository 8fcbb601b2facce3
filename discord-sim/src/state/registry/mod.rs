//! The commands that applications have registered, checked as Discord checks them.
//!
//! Written by REST; read when a person uses a command.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::command::CHAT_INPUT;
use crate::protocol::api_error::ApiError;
use crate::protocol::form::Form;

mod command;

/// How many typed commands a scope holds.
const MOST_TYPED: usize = 100;
/// How many it holds of each kind that is used from a menu: 15 since 2025, 5 before.
const MOST_IN_MENUS: usize = 15;
/// How many it holds of all kinds together, more than which are not even read.
const MOST_COMMANDS: usize = MOST_TYPED + 3 * MOST_IN_MENUS;

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
    ) -> Result<Vec<Value>, ApiError> {
        if bodies.len() > MOST_COMMANDS {
            return Err(ApiError::TOO_MANY_COMMANDS);
        }
        let mut faults = Vec::new();
        let mut commands = Vec::<Value>::new();
        for (place, body) in bodies.iter().enumerate() {
            let mut form = Form::entry(place, body);
            let read = command::read(&mut form);
            if commands.iter().any(|other| is_same(other, &read)) {
                duplicate(&mut form);
            }
            faults.extend(form.into_faults());
            let id = self.find_same(scope, &read).unwrap_or_else(&mut next_id);
            commands.push(complete(scope, &read, id, next_id()));
        }
        if !faults.is_empty() {
            return Err(ApiError::form(faults));
        }
        for command in &commands {
            check_room(&commands, kind(command), 0)?;
        }
        self.by_scope.insert(scope, commands.clone());
        Ok(commands)
    }

    /// Adds a command or replaces the one of the same name; true if it is new.
    pub(crate) fn upsert(
        &mut self,
        scope: Scope,
        body: &Value,
        mut next_id: impl FnMut() -> u64,
    ) -> Result<(Value, bool), ApiError> {
        let mut form = Form::new(body);
        let read = command::read(&mut form);
        form.finish()?;
        let before = self.find_same(scope, &read);
        if before.is_none() {
            check_room(self.list(scope), kind(&read), 1)?;
        }
        let command = complete(scope, &read, before.unwrap_or_else(&mut next_id), next_id());
        let commands = self.by_scope.entry(scope).or_default();
        commands.retain(|other| !is_same(other, &command));
        commands.push(command.clone());
        Ok((command, before.is_none()))
    }

    /// Changes parts of a command; its type stays.
    pub(crate) fn edit(
        &mut self,
        scope: Scope,
        id: u64,
        body: &Value,
        mut next_id: impl FnMut() -> u64,
    ) -> Result<Value, ApiError> {
        let before = self.find_by_id(scope, id);
        let mut merged = before.ok_or(ApiError::UNKNOWN_COMMAND)?.clone();
        for (name, value) in body.as_object().into_iter().flat_map(Map::iter) {
            if name != "type" {
                merged[name] = value.clone();
            }
        }
        let mut form = Form::new(&merged);
        let read = command::read(&mut form);
        if self.find_same(scope, &read).is_some_and(|same| same != id) {
            duplicate(&mut form);
        }
        form.finish()?;
        let command = complete(scope, &read, id, next_id());
        let commands = self.by_scope.get_mut(&scope).into_iter().flatten();
        for entry in commands.filter(|entry| has_id(entry, id)) {
            *entry = command.clone();
        }
        Ok(command)
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

/// Refuses more commands of a kind than a scope holds.
fn check_room(commands: &[Value], wanted: i64, added: usize) -> Result<(), ApiError> {
    let count = commands
        .iter()
        .filter(|command| kind(command) == wanted)
        .count()
        + added;
    match wanted {
        CHAT_INPUT if count > MOST_TYPED => Err(ApiError::TOO_MANY_COMMANDS),
        CHAT_INPUT => Ok(()),
        _ if count > MOST_IN_MENUS => Err(ApiError::TOO_MANY_MENU_COMMANDS),
        _ => Ok(()),
    }
}

fn duplicate(form: &mut Form<'_>) {
    let code = "APPLICATION_COMMANDS_DUPLICATE_NAME";
    form.fault("name", code, "Application command names must be unique");
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

fn kind(command: &Value) -> i64 {
    let kind = command.get("type").and_then(Value::as_i64);
    kind.unwrap_or(CHAT_INPUT)
}

/// Fills in what Discord fills in.
fn complete((application, guild): Scope, read: &Value, id: u64, version: u64) -> Value {
    let mut command = json!({
        "id": id.to_string(),
        "application_id": application.to_string(),
        "version": version.to_string(),
        "default_member_permissions": null,
        "type": CHAT_INPUT,
        "name": "",
        "name_localizations": null,
        "description": "",
        "description_localizations": null,
        "dm_permission": true,
        "contexts": null,
        "integration_types": [0],
        "nsfw": false,
    });
    for (name, value) in read.as_object().into_iter().flat_map(Map::iter) {
        command[name] = value.clone();
    }
    if let Some(guild) = guild {
        command["guild_id"] = json!(guild.to_string());
    }
    command
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
        let error = Registry::default()
            .upsert((1, None), &body, || 1)
            .unwrap_err()
            .to_json();
        let description = &error["errors"]["description"]["_errors"][0]["code"];
        assert_eq!(description, "BASE_TYPE_BAD_LENGTH");
        let name = &error["errors"]["options"]["0"]["name"]["_errors"][0]["code"];
        assert_eq!(name, "APPLICATION_COMMAND_INVALID_NAME");
    }
}
