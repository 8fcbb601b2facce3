//! The commands, by slash, by mention and by button. poise parses and dispatches; each one asks the
//! domain and says what came of it: to the member who used it alone, where Discord can do that.

mod add;
mod board;
mod custom;
mod help;
mod look;
mod mention;
mod own;
mod play;
mod settings;
mod soundboard;

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use poise::{CreateReply, FrameworkError, FrameworkOptions};
use serenity::builder::{
    AutocompleteChoice, CreateAllowedMentions, CreateAutocompleteResponse, CreateCommand,
};
use serenity::model::guild::PartialMember;
use serenity::model::user::User;

use super::Parts;
use super::describe::{describe_rights, discriminator, roles};
use super::directory::from_discord;
use crate::discord::guild_data::Member;
use crate::discord::user_tag;
use crate::domain::player::{Asker, Who};
use crate::domain::settings::Language;
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// Choices that Discord shows at most, and how long each may be.
const CHOICES_MAX: usize = 25;
const CHOICE_CHARS_MAX: usize = 100;

/// What the commands work on.
pub(super) struct Data {
    pub(super) parts: Parts,
    /// What a message may begin with in place of a mention, if the bot may read it.
    pub(super) prefix: Option<String>,
}

impl Deref for Data {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Data {
    /// Somebody who asks for something in a guild, charged for it as for a request.
    ///
    /// # Errors
    /// 403 outside of guilds; 429 when they have asked for too much.
    fn admit(
        &self,
        guild: Option<GuildId>,
        user: &User,
        member: Option<Member>,
    ) -> Result<Asker, Error> {
        let asker = identify(guild, user, member)?;
        let charged = self.limits.charge(asker.user);
        charged.map_err(|budget| Error::Limited(Duration::from_millis(budget.reset_ms)))?;
        Ok(asker)
    }

    /// The language that a guild has chosen, else the one that Discord knows.
    async fn language(&self, guild: Option<GuildId>, known: Language) -> Language {
        let Some(guild) = guild else { return known };
        let settings = self.settings.get(guild).await;
        let chosen = settings.ok().and_then(|settings| settings.language);
        chosen.unwrap_or(known)
    }
}

/// Somebody who does something in a guild.
fn identify(guild: Option<GuildId>, user: &User, member: Option<Member>) -> Result<Asker, Error> {
    Ok(Asker {
        guild: guild.ok_or(Error::NOT_A_MEMBER)?,
        user: UserId::try_from(user.id.get()).map_err(|_| Error::NOT_A_MEMBER)?,
        who: Who::Member(member),
    })
}

type Context<'a> = poise::Context<'a, Data, serenity::Error>;

/// How poise is to run the commands; `may_read` says whether the bot may read any message.
pub(super) fn options(may_read: bool) -> FrameworkOptions<Data, serenity::Error> {
    FrameworkOptions {
        commands: commands(),
        on_error: |error| Box::pin(on_error(error)),
        event_handler: |ctx, event| Box::pin(board::on_event(ctx, event)),
        prefix_options: mention::options(may_read),
        allowed_mentions: Some(CreateAllowedMentions::new()),
        ..FrameworkOptions::default()
    }
}

/// The commands as Discord is told of them.
pub(super) fn declarations() -> Vec<CreateCommand> {
    poise::builtins::create_application_commands(&commands())
}

/// What the commands are called.
pub(super) fn names() -> HashSet<String> {
    let commands = commands().into_iter();
    commands.map(|command| command.name.into_owned()).collect()
}

fn commands() -> Vec<poise::Command<Data, serenity::Error>> {
    let mut commands = play::commands();
    commands.push(board::board());
    commands.push(add::add_to_soundboard());
    commands.extend(look::commands());
    commands.push(soundboard::soundboard());
    commands.extend(own::commands());
    commands.push(settings::settings());
    commands.push(help::help());
    commands
}

/// Names for what has been typed so far.
async fn suggest(ctx: Context<'_>, partial: &str) -> CreateAutocompleteResponse {
    let guild = ctx.guild_id().and_then(from_discord);
    let Ok(asker) = identify(guild, ctx.author(), None) else {
        return CreateAutocompleteResponse::new();
    };
    // A few more than are shown, for those that do not fit.
    let suggestions = &ctx.data().suggestions;
    let sounds = suggestions.suggest(asker.guild, asker.user, partial, 2 * CHOICES_MAX);
    let sounds = sounds.await;
    let fitting = sounds
        .iter()
        .filter(|it| it.stem.chars().count() <= CHOICE_CHARS_MAX);
    let choices = fitting
        .take(CHOICES_MAX)
        .map(|sound| AutocompleteChoice::from(sound.stem.clone()));
    CreateAutocompleteResponse::new().set_choices(choices.collect())
}

/// The same for somebody who is about to play one: the bot may be there by then.
async fn suggest_to_play(ctx: Context<'_>, partial: &str) -> CreateAutocompleteResponse {
    let guild = ctx.guild_id().and_then(from_discord);
    let asker = identify(guild, ctx.author(), member(&ctx));
    let player = Arc::clone(&ctx.data().player);
    tokio::spawn(async move {
        let joined = match asker {
            Ok(asker) => player.expect_play(&asker).await,
            Err(error) => Err(error),
        };
        // Nobody has asked for it yet: the play will say what is in the way.
        if let Err(error) = joined {
            tracing::debug!(?error, "the bot did not join early");
        }
    });
    suggest(ctx, partial).await
}

/// Tags for what has been typed so far, those that most sounds have first.
async fn suggest_tag(ctx: Context<'_>, partial: &str) -> CreateAutocompleteResponse {
    let Some(guild) = ctx.guild_id().and_then(from_discord) else {
        return CreateAutocompleteResponse::new();
    };
    let data = ctx.data();
    let typed = partial.to_lowercase();
    let counts = data.labels.count_tags(&data.library.list_in(guild));
    let mut tags: Vec<_> = counts
        .into_iter()
        .filter(|(tag, _)| tag.contains(&typed))
        .collect();
    tags.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let choices = tags.into_iter().take(CHOICES_MAX);
    let choices = choices.map(|(tag, _)| AutocompleteChoice::from(tag));
    CreateAutocompleteResponse::new().set_choices(choices.collect())
}

/// Says that an answer will come, since joining takes longer than Discord waits for a first one.
async fn acknowledge(ctx: &Context<'_>) -> Result<(), serenity::Error> {
    match ctx {
        poise::Context::Application(_) => ctx.defer_ephemeral().await,
        // Messages wait for nothing.
        poise::Context::Prefix(_) => Ok(()),
    }
}

/// Who used a command, as Discord describes them in it, charged for it.
fn asker(ctx: &Context<'_>) -> Result<Asker, Error> {
    let guild = ctx.guild_id().and_then(from_discord);
    ctx.data().admit(guild, ctx.author(), member(ctx))
}

fn member(ctx: &Context<'_>) -> Option<Member> {
    match ctx {
        poise::Context::Application(application) => application
            .interaction
            .member
            .as_deref()
            .map(describe_rights),
        poise::Context::Prefix(prefix) => {
            let member = prefix.msg.member.as_ref();
            member.map(|member| partial(member))
        }
    }
}

/// A member as a message describes them. Who is timed out sends none.
fn partial(member: &PartialMember) -> Member {
    Member {
        timed_out_until_ms: None,
        roles: roles(&member.roles),
    }
}

/// What the log calls the member.
fn tag(ctx: &Context<'_>) -> String {
    tag_of(ctx.author())
}

fn tag_of(user: &User) -> String {
    user_tag(&user.name, &discriminator(user.discriminator))
}

/// The language of the guild a command was used in.
async fn language(ctx: &Context<'_>) -> Language {
    let known = match ctx {
        poise::Context::Application(application) => {
            Language::of(application.interaction.guild_locale.as_deref())
        }
        poise::Context::Prefix(_) => mention::known_language(ctx.cache(), ctx.guild_id()),
    };
    let guild = ctx.guild_id().and_then(from_discord);
    ctx.data().language(guild, known).await
}

/// Something to be said, in whatever language.
struct Said {
    text: &'static str,
    parts: Vec<String>,
    /// What follows it as it is.
    more: String,
}

impl Said {
    /// A text with parts in it.
    fn new(text: &'static str, parts: impl IntoIterator<Item = String>) -> Self {
        Self {
            text,
            parts: parts.into_iter().collect(),
            more: String::new(),
        }
    }

    /// A text that is whole.
    fn plain(text: &'static str) -> Self {
        Self::new(text, [])
    }

    /// Something that is the same in every language.
    fn verbatim(more: String) -> Self {
        Self::plain("").with(more)
    }

    /// Adds what follows, on a line of its own.
    fn with(self, more: String) -> Self {
        Self { more, ..self }
    }

    fn in_language(&self, language: Language) -> String {
        let parts: Vec<&str> = self.parts.iter().map(String::as_str).collect();
        let said = language.say(self.text, &parts);
        match (said.is_empty(), self.more.is_empty()) {
            (true, _) => self.more.clone(),
            (false, true) => said,
            (false, false) => format!("{said}\n{}", self.more),
        }
    }
}

/// Tells the member what came of a command.
async fn say(ctx: &Context<'_>, result: Result<Said, Error>) -> Result<(), serenity::Error> {
    let language = language(ctx).await;
    let text = match result {
        Ok(said) => said.in_language(language),
        Err(error) => {
            log_failure(&error, &ctx.command().name);
            language.say(&error.to_string(), &[])
        }
    };
    let reply = CreateReply::default()
        .content(text)
        .ephemeral(true)
        .reply(true)
        .allowed_mentions(CreateAllowedMentions::new());
    ctx.send(reply).await.map(drop)
}

/// Keeps what only the operator can do something about.
fn log_failure(error: &Error, command: &str) {
    match error {
        Error::Internal(cause) => tracing::error!(%cause, %command, "a command failed"),
        Error::Upstream(_, Some(cause)) => {
            tracing::warn!(%cause, %command, "Discord failed a command");
        }
        _ => {}
    }
}

async fn on_error(error: FrameworkError<'_, Data, serenity::Error>) {
    let text = match &error {
        FrameworkError::CommandPanic { payload, .. } => {
            tracing::error!(?payload, "{error}");
            "internal error"
        }
        FrameworkError::MissingUserPermissions { .. } => {
            "you need the Manage Server permission for this"
        }
        FrameworkError::GuildOnly { .. } => "this command works in servers only",
        FrameworkError::UnknownInteraction {
            framework,
            interaction,
            ..
        } => return custom::used(*framework, interaction).await,
        FrameworkError::UnknownCommand {
            msg,
            content_start,
            framework,
            ..
        } => return mention::not_a_command(*framework, msg, *content_start).await,
        FrameworkError::ArgumentParse {
            ctx: poise::Context::Prefix(_),
            ..
        } => "that is not how this command is used, see `/help`",
        FrameworkError::ArgumentParse { .. } | FrameworkError::CommandStructureMismatch { .. } => {
            "this command has changed, try again in a minute"
        }
        FrameworkError::Command { error: cause, .. } => {
            // The answer could not be delivered; another would not be either.
            tracing::warn!(%cause, "{error}");
            return;
        }
        _ => {
            tracing::warn!("{error}");
            return;
        }
    };
    if let Some(ctx) = error.ctx() {
        let text = language(&ctx).await.say(text, &[]);
        let reply = CreateReply::default()
            .content(text)
            .ephemeral(true)
            .reply(true);
        if let Err(error) = ctx.send(reply).await {
            tracing::warn!(%error, "an answer could not be delivered");
        }
    }
}

/// Text that a file's name gave us, so that Discord shows it and does nothing else with it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            escaped.push(' ');
            continue;
        }
        if matches!(
            character,
            '\\' | '*'
                | '_'
                | '~'
                | '`'
                | '|'
                | '>'
                | '<'
                | '#'
                | '@'
                | ':'
                | '['
                | ']'
                | '('
                | ')'
        ) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_nothing_but_show() {
        assert_eq!(escape("tür 2-a.b"), "tür 2-a.b");
        assert_eq!(escape("**@everyone** <@1>"), r"\*\*\@everyone\*\* \<\@1\>");
        assert_eq!(escape("https://a.b/[c](d)"), r"https\://a.b/\[c\]\(d\)");
        assert_eq!(escape("a\nb\\c"), r"a b\\c");
    }

    #[test]
    fn every_command_is_declared_for_guilds_alone() {
        let declared = serde_json::to_value(declarations()).unwrap();
        let names: Vec<_> = declared
            .as_array()
            .unwrap()
            .iter()
            .map(|it| &it["name"])
            .collect();
        let expected = [
            "play",
            "random",
            "stop",
            "skip",
            "volume",
            "join",
            "leave",
            "board",
            add::ADD,
            "queue",
            "search",
            "list",
            "log",
            "stats",
            "soundboard",
            "favourite",
            "bind",
            "entrance",
            "settings",
            "help",
        ];
        assert_eq!(names, expected);
        for command in declared.as_array().unwrap() {
            assert_eq!(command["contexts"], serde_json::json!([0]), "{command}");
        }
        assert_eq!(declared[0]["options"][0]["autocomplete"], true);
        assert_eq!(declared[0]["options"][0]["required"], true);
    }
}
