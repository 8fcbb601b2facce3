//! A person uses a slash command: finding the bot that has it and sending the interaction.

use std::time::Instant;

use serde_json::{Value, json};

use super::options::{self, Focus, Options};
use super::{Interaction, Kind, Outcome};
use crate::error::SimError;
use crate::state::State;
use crate::world::{Channel, ChannelKind, Guild, permissions, random_text, wire};

const SUBCOMMAND: u64 = 1;
const SUBCOMMAND_GROUP: u64 = 2;

/// What a person does with a command.
pub(crate) struct Use<'a> {
    /// Whose command it is; any bot's of the guild that has it if none is named.
    pub(crate) bot: Option<u64>,
    pub(crate) user: u64,
    pub(crate) guild: u64,
    /// The command's name; subcommands follow after spaces.
    pub(crate) command: &'a str,
    pub(crate) options: &'a [(&'a str, &'a str)],
    /// The option being completed and what stands in it, if it is not sent yet.
    pub(crate) completing: Option<(&'a str, &'a str)>,
}

impl State {
    /// Sends the interaction to the bot; returns the interaction's id.
    pub(crate) fn use_command(&mut self, using: &Use<'_>) -> Result<u64, SimError> {
        let Use { user, guild, .. } = *using;
        let home = self
            .find_guild(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        if !home.members.contains_key(&user) {
            return Err(SimError::NotAMember { user, guild });
        }
        let mut words = using.command.split_whitespace();
        let name = words.next().unwrap_or_default();
        let unknown = || SimError::UnknownCommand(using.command.to_owned());
        let bots = self.applications.iter().filter(|bot| {
            home.members.contains_key(&bot.id) && using.bot.is_none_or(|wanted| wanted == bot.id)
        });
        let mut found =
            bots.filter_map(|bot| Some((bot.id, self.commands.find(bot.id, guild, name)?)));
        let (application, command) = found.next().ok_or_else(unknown)?;
        let channel = home
            .first_channel(ChannelKind::Text)
            .or_else(|| home.first_channel(ChannelKind::Voice))
            .ok_or(SimError::Forbidden)?;
        self.check_allowed(home, channel, user, command)?;
        let path = descend(command, words).ok_or_else(unknown)?;
        let schema = path.last().map_or(command, |last| last);
        let schema = schema["options"].as_array().map_or(&[][..], Vec::as_slice);
        let focus = using
            .completing
            .map(|(option, partial)| Focus { option, partial });
        let options = options::read(self, home, schema, using.options, focus)?;
        let data = data(command, &path, options);
        let kind = if focus.is_some() {
            Kind::Autocomplete
        } else {
            Kind::Command
        };
        let mut entry = Interaction {
            id: 0,
            token: random_text(180),
            application,
            user,
            guild,
            channel: channel.id,
            command: using.command.to_owned(),
            kind,
            created: Instant::now(),
            acknowledged: None,
            replied: None,
            deferred: false,
            ephemeral: false,
            outcome: Outcome::None,
            messages: Vec::new(),
        };
        let mut event = self.interaction_event(&entry, home, channel, data);
        entry.id = self.next_id();
        event["id"] = json!(entry.id.to_string());
        if !self.tell(application, guild, 0, "INTERACTION_CREATE", &event) {
            return Err(SimError::Offline);
        }
        if kind == Kind::Command {
            let line = format!("{} used /{}", self.name_of(user), using.command);
            self.cue(guild, line.clone());
            self.note(line);
        }
        let id = entry.id;
        self.interactions.insert(entry);
        Ok(id)
    }

    fn check_allowed(
        &self,
        home: &Guild,
        channel: &Channel,
        user: u64,
        command: &Value,
    ) -> Result<(), SimError> {
        let bits = permissions::in_channel(home, channel, user, self.now_ms());
        let needed = command["default_member_permissions"].as_str();
        let allowed = match needed.and_then(|bits| bits.parse::<u64>().ok()) {
            None => true,
            Some(0) => bits == permissions::ALL,
            Some(needed) => bits & needed == needed,
        };
        let may_use = bits & permissions::USE_APPLICATION_COMMANDS != 0;
        if allowed && may_use {
            Ok(())
        } else {
            Err(SimError::Forbidden)
        }
    }

    fn interaction_event(
        &self,
        entry: &Interaction,
        home: &Guild,
        channel: &Channel,
        data: Value,
    ) -> Value {
        let now_ms = self.now_ms();
        let bits_of = |user| permissions::in_channel(home, channel, user, now_ms).to_string();
        let mut member = home
            .members
            .get(&entry.user)
            .map_or(Value::Null, |member| wire::member(self, member));
        member["permissions"] = json!(bits_of(entry.user));
        let place = home
            .channels
            .iter()
            .position(|other| other.id == channel.id)
            .unwrap_or(0);
        let mut shown_channel = wire::channel(home, channel, place);
        shown_channel["permissions"] = json!(bits_of(entry.user));
        json!({
            "application_id": entry.application.to_string(),
            "type": if entry.kind == Kind::Command { 2 } else { 4 },
            "data": data,
            "guild": { "id": home.id.to_string(), "locale": "en-US", "features": [] },
            "guild_id": home.id.to_string(),
            "channel": shown_channel,
            "channel_id": channel.id.to_string(),
            "member": member,
            "token": entry.token,
            "version": 1,
            "app_permissions": bits_of(entry.application),
            "locale": "en-US",
            "guild_locale": "en-US",
            "entitlements": [],
            "entitlement_sku_ids": [],
            "authorizing_integration_owners": { "0": home.id.to_string() },
            "context": 0,
            "attachment_size_limit": 10_485_760,
        })
    }
}

/// Follows the words after the command's name through its subcommands.
fn descend<'a>(command: &'a Value, words: impl Iterator<Item = &'a str>) -> Option<Vec<&'a Value>> {
    let is_branch =
        |option: &&Value| matches!(option["type"].as_u64(), Some(SUBCOMMAND | SUBCOMMAND_GROUP));
    let children = |at: &'a Value| {
        at["options"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(is_branch)
    };
    let mut path = Vec::new();
    let mut at = command;
    for word in words {
        at = children(at).find(|option| option["name"] == word)?;
        path.push(at);
    }
    // A command with subcommands cannot be used without one.
    children(at).next().is_none().then_some(path)
}

/// The `data` of the interaction: options wrapped in the subcommands that lead to them.
fn data(command: &Value, path: &[&Value], options: Options) -> Value {
    let mut values = options.values;
    for branch in path.iter().rev() {
        let wrapped = json!({ "name": branch["name"], "type": branch["type"], "options": values });
        values = vec![wrapped];
    }
    let mut data = json!({
        "id": command["id"],
        "name": command["name"],
        "type": 1,
        "options": values,
    });
    if let Some(guild) = command.get("guild_id") {
        data["guild_id"] = guild.clone();
    }
    if !options.resolved.is_null() {
        data["resolved"] = options.resolved;
    }
    data
}
