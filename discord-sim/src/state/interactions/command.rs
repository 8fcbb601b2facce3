//! A person uses a command: finding the bot that has it and sending the interaction.

use serde_json::{Value, json};

use super::options::{self, Focus, Options};
use super::resolved::Resolved;
use super::{Scene, What};
use crate::error::SimError;
use crate::state::State;
use crate::state::places::Place;
use crate::world::{ChannelKind, File, permissions, wire};

const SUBCOMMAND: u64 = 1;
const SUBCOMMAND_GROUP: u64 = 2;
const CHAT_INPUT: u64 = 1;
const ON_USER: u64 = 2;
const ON_MESSAGE: u64 = 3;

/// A slash command with its options, as a person types it.
///
/// ```
/// use discord_sim::{File, Slash};
///
/// let upload = Slash::new("sound add")
///     .option("name", "horn")
///     .file("clip", File::new("horn.ogg", &b"OggS"[..]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Slash {
    pub(crate) command: String,
    pub(crate) options: Vec<(String, SlashOption)>,
    pub(crate) channel: Option<u64>,
}

/// What stands in an option of a [`Slash`].
#[derive(Clone, Debug)]
pub enum SlashOption {
    /// What was typed; users, roles and channels are named by their ids.
    Text(String),
    /// A file.
    File(File),
}

impl Slash {
    /// A command by its name; subcommands follow after spaces.
    pub fn new(command: &str) -> Slash {
        Slash {
            command: command.to_owned(),
            ..Slash::default()
        }
    }

    /// Fills in an option.
    #[must_use]
    pub fn option(mut self, name: &str, text: &str) -> Slash {
        let text = SlashOption::Text(text.to_owned());
        self.options.push((name.to_owned(), text));
        self
    }

    /// Fills in an option with a file.
    #[must_use]
    pub fn file(mut self, name: &str, file: File) -> Slash {
        self.options
            .push((name.to_owned(), SlashOption::File(file)));
        self
    }

    /// Uses it in this channel: another one of the guild, the text of a voice channel, or
    /// direct messages with the bot.
    #[must_use]
    pub fn in_channel(mut self, channel: u64) -> Slash {
        self.channel = Some(channel);
        self
    }
}

/// What a person does with a command.
pub(crate) struct Use<'a> {
    /// Whose command it is; any bot's of the guild that has it if none is named.
    pub(crate) bot: Option<u64>,
    pub(crate) user: u64,
    pub(crate) guild: u64,
    pub(crate) slash: &'a Slash,
    /// The option being completed and what stands in it, if it is not sent yet.
    pub(crate) completing: Option<(&'a str, &'a str)>,
}

/// What a command is used on, and whose it is.
pub(crate) struct Target<'a> {
    pub(crate) bot: Option<u64>,
    pub(crate) user: u64,
    pub(crate) channel: u64,
    /// The command's name.
    pub(crate) command: &'a str,
}

impl State {
    /// Sends a slash command to the bot; the interaction's id.
    pub(crate) fn use_command(&mut self, using: &Use<'_>) -> Result<u64, SimError> {
        let Use { user, guild, .. } = *using;
        let channel = match using.slash.channel {
            Some(channel) => channel,
            None => self.usual_channel(user, guild)?,
        };
        let typed = &using.slash.command;
        let mut words = typed.split_whitespace();
        let name = words.next().unwrap_or_default();
        let (scene, command) = self.find_command(using.bot, user, channel, name, CHAT_INPUT)?;
        let unknown = || SimError::UnknownCommand(typed.clone());
        let path = descend(&command, words).ok_or_else(unknown)?;
        let schema = path.last().map_or(&command, |last| last);
        let schema = schema["options"].as_array().map_or(&[][..], Vec::as_slice);
        let focus = using
            .completing
            .map(|(option, partial)| Focus { option, partial });
        let options = options::read(self, &scene, schema, &using.slash.options, focus)?;
        let data = data(&command, &path, options);
        if focus.is_some() {
            return self.send_interaction(scene, What::Autocomplete, data, Value::Null);
        }
        let what = What::Command {
            name: typed.clone(),
            kind: CHAT_INPUT,
        };
        let id = self.send_interaction(scene, what, data, Value::Null)?;
        let line = format!("{} used /{typed}", self.name_of(user));
        self.note_interaction(&scene, line);
        Ok(id)
    }

    /// Uses a command on a user; the interaction's id.
    pub(crate) fn use_on_user(&mut self, target: &Target<'_>, on: u64) -> Result<u64, SimError> {
        let (scene, command) = self.find_target(target, ON_USER)?;
        let mut resolved = Resolved::default();
        if !resolved.add_user(self, &scene, on) {
            return Err(SimError::UnknownUser(on));
        }
        let details = json!({ "target_user": self.users.get(&on).map(wire::user) });
        self.use_on(scene, &command, ON_USER, (on, resolved), details)
    }

    /// Uses a command on a message; the interaction's id.
    pub(crate) fn use_on_message(&mut self, target: &Target<'_>, on: u64) -> Result<u64, SimError> {
        let (scene, command) = self.find_target(target, ON_MESSAGE)?;
        let message = self.messages.get(target.channel, on);
        let message = message
            .filter(|message| message.is_for(target.user))
            .ok_or(SimError::UnknownMessage(on))?;
        let mut resolved = Resolved::default();
        resolved.add_message(self, &scene, message);
        let details = json!({ "target_message_id": on.to_string() });
        self.use_on(scene, &command, ON_MESSAGE, (on, resolved), details)
    }

    fn find_target(&self, target: &Target<'_>, kind: u64) -> Result<(Scene, Value), SimError> {
        let Target {
            bot, user, channel, ..
        } = *target;
        self.find_command(bot, user, channel, target.command, kind)
    }

    fn use_on(
        &mut self,
        scene: Scene,
        command: &Value,
        kind: u64,
        (target, resolved): (u64, Resolved),
        details: Value,
    ) -> Result<u64, SimError> {
        let mut data = json!({
            "id": command["id"],
            "name": command["name"],
            "type": kind,
            "target_id": target.to_string(),
            "resolved": resolved.0,
        });
        if let Some(guild) = command.get("guild_id") {
            data["guild_id"] = guild.clone();
        }
        let name = command["name"].as_str().unwrap_or_default().to_owned();
        let line = format!("{} used {name}", self.name_of(scene.user));
        let id = self.send_interaction(scene, What::Command { name, kind }, data, details)?;
        self.note_interaction(&scene, line);
        Ok(id)
    }

    /// The channel a member is taken to be in, if none is named: the first text channel, or
    /// the first voice channel.
    fn usual_channel(&self, user: u64, guild: u64) -> Result<u64, SimError> {
        let home = self
            .find_guild(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        if !home.members.contains_key(&user) {
            return Err(SimError::NotAMember { user, guild });
        }
        home.first_channel(ChannelKind::Text)
            .or_else(|| home.first_channel(ChannelKind::Voice))
            .map(|channel| channel.id)
            .ok_or(SimError::Forbidden)
    }

    /// The command that a person reaches by this name in a channel, if it may use it.
    fn find_command(
        &self,
        wanted: Option<u64>,
        user: u64,
        channel: u64,
        name: &str,
        kind: u64,
    ) -> Result<(Scene, Value), SimError> {
        let bits = self.person_access(user, channel)?;
        let place = self.find_place(channel);
        let place = place.ok_or(SimError::UnknownChannel(channel))?;
        let guild = self.guild_of(channel);
        let is_here = |bot: u64| match place {
            Place::Guild(guild, _) => guild.members.contains_key(&bot),
            Place::Direct(direct) => direct.bot == bot,
        };
        let asked = |bot: u64| is_here(bot) && wanted.is_none_or(|wanted| wanted == bot);
        let mut here = self.applications.iter().filter(|bot| asked(bot.id));
        let found =
            here.find_map(|bot| Some((bot.id, self.commands.find(bot.id, guild, name, kind)?)));
        let (application, command) =
            found.ok_or_else(|| SimError::UnknownCommand(name.to_owned()))?;
        if guild.is_some() && !may_use(command, bits) {
            return Err(SimError::Forbidden);
        }
        let scene = Scene {
            application,
            user,
            channel,
            guild,
        };
        Ok((scene, command.clone()))
    }
}

/// Whether a member with these permissions may use the command.
fn may_use(command: &Value, bits: u64) -> bool {
    let needed = command["default_member_permissions"].as_str();
    let allowed = match needed.and_then(|bits| bits.parse::<u64>().ok()) {
        None => true,
        Some(0) => bits == permissions::ALL,
        Some(needed) => bits & needed == needed,
    };
    allowed && bits & permissions::USE_APPLICATION_COMMANDS != 0
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
        "type": CHAT_INPUT,
        "options": values,
    });
    if let Some(guild) = command.get("guild_id") {
        data["guild_id"] = guild.clone();
    }
    if !options.resolved.is_empty() {
        data["resolved"] = options.resolved.0;
    }
    data
}
