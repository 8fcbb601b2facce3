//! The slash commands. poise parses and dispatches; each one asks the domain and says what came of
//! it, to the member who used it alone.

use std::future::{Ready, ready};
use std::sync::Arc;

use poise::{CreateReply, FrameworkError, FrameworkOptions};
use serenity::builder::{
    AutocompleteChoice, CreateAllowedMentions, CreateAutocompleteResponse, CreateCommand,
};

use super::directory::{discriminator, from_discord};
use crate::discord::rest::Member;
use crate::discord::user_tag;
use crate::domain::library::Library;
use crate::domain::player::{Asker, Player};
use crate::error::Error;
use crate::ids::{RoleId, UserId};

/// Choices that Discord shows at most, and how long each may be.
const CHOICES_MAX: usize = 25;
const CHOICE_CHARS_MAX: usize = 100;

/// What the commands work on.
pub(super) struct Data {
    pub(super) player: Arc<Player>,
    pub(super) library: Arc<Library>,
}

type Context<'a> = poise::Context<'a, Data, serenity::Error>;

/// How poise is to run the commands.
pub(super) fn options() -> FrameworkOptions<Data, serenity::Error> {
    FrameworkOptions {
        commands: commands(),
        on_error: |error| Box::pin(on_error(error)),
        allowed_mentions: Some(CreateAllowedMentions::new()),
        ..FrameworkOptions::default()
    }
}

/// The commands as Discord is told of them.
pub(super) fn declarations() -> Vec<CreateCommand> {
    poise::builtins::create_application_commands(&commands())
}

fn commands() -> Vec<poise::Command<Data, serenity::Error>> {
    vec![play(), stop(), leave()]
}

/// Play a sound in your voice channel
#[poise::command(slash_command, guild_only)]
async fn play(
    ctx: Context<'_>,
    #[description = "The sound's name"]
    #[autocomplete = "suggest"]
    sound: String,
) -> Result<(), serenity::Error> {
    // Joining takes longer than Discord waits for a first answer.
    ctx.defer_ephemeral().await?;
    let user = ctx.author();
    let tag = user_tag(&user.name, &discriminator(user.discriminator));
    let played = match asker(&ctx) {
        Ok(asker) => ctx.data().player.play(asker, tag, &sound).await,
        Err(error) => Err(error),
    };
    say(
        &ctx,
        played.map(|play| match play.position {
            0 => format!("▶ **{}**", escape(&play.sound)),
            before => format!("⏳ **{}**, {before} before it", escape(&play.sound)),
        }),
    )
    .await
}

/// Stop the sound that is playing
#[poise::command(slash_command, guild_only)]
async fn stop(ctx: Context<'_>) -> Result<(), serenity::Error> {
    ctx.defer_ephemeral().await?;
    let stopped = match asker(&ctx) {
        Ok(asker) => ctx.data().player.stop(&asker).await,
        Err(error) => Err(error),
    };
    say(&ctx, stopped.map(|_| "⏹ stopped".to_owned())).await
}

/// Leave the voice channel
#[poise::command(slash_command, guild_only)]
async fn leave(ctx: Context<'_>) -> Result<(), serenity::Error> {
    ctx.defer_ephemeral().await?;
    let left = match asker(&ctx) {
        Ok(asker) => ctx.data().player.leave(&asker).await,
        Err(error) => Err(error),
    };
    say(&ctx, left.map(|_| "👋 left the voice channel".to_owned())).await
}

/// Names for what has been typed so far.
fn suggest(ctx: Context<'_>, partial: &str) -> Ready<CreateAutocompleteResponse> {
    let fits = |name: &String| name.chars().count() <= CHOICE_CHARS_MAX;
    // A few more than are shown, for those that do not fit.
    let names = ctx.data().library.suggest(partial, 2 * CHOICES_MAX);
    let choices = names
        .into_iter()
        .filter(fits)
        .take(CHOICES_MAX)
        .map(AutocompleteChoice::from);
    ready(CreateAutocompleteResponse::new().set_choices(choices.collect()))
}

/// Who used a command, as Discord describes them in it.
fn asker(ctx: &Context<'_>) -> Result<Asker, Error> {
    let poise::Context::Application(application) = ctx else {
        return Err(Error::BAD_REQUEST);
    };
    let guild = ctx
        .guild_id()
        .and_then(from_discord)
        .ok_or(Error::NOT_A_MEMBER)?;
    let user = UserId::try_from(ctx.author().id.get()).map_err(|_| Error::NOT_A_MEMBER)?;
    let member = application.interaction.member.as_ref().map(|member| {
        let until = member.communication_disabled_until;
        let roles = member.roles.iter();
        Member {
            timed_out_until_ms: until.map(|until| until.unix_timestamp().saturating_mul(1_000)),
            roles: roles
                .filter_map(|role| RoleId::try_from(role.get()).ok())
                .collect(),
        }
    });
    Ok(Asker {
        guild,
        user,
        member,
    })
}

/// Tells the member what came of a command.
async fn say(ctx: &Context<'_>, result: Result<String, Error>) -> Result<(), serenity::Error> {
    let text = match result {
        Ok(text) => text,
        Err(error) => {
            let command = &ctx.command().name;
            match &error {
                Error::Internal(cause) => tracing::error!(%cause, %command, "a command failed"),
                Error::Upstream(_, Some(cause)) => {
                    tracing::warn!(%cause, %command, "Discord failed a command");
                }
                _ => {}
            }
            error.to_string()
        }
    };
    let reply = CreateReply::default()
        .content(text)
        .ephemeral(true)
        .allowed_mentions(CreateAllowedMentions::new());
    ctx.send(reply).await.map(drop)
}

async fn on_error(error: FrameworkError<'_, Data, serenity::Error>) {
    let text = match &error {
        FrameworkError::CommandPanic { payload, .. } => {
            tracing::error!(?payload, "{error}");
            "internal error"
        }
        FrameworkError::GuildOnly { .. } => "this command works in servers only",
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
        let reply = CreateReply::default().content(text).ephemeral(true);
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
        assert_eq!(names, ["play", "stop", "leave"]);
        for command in declared.as_array().unwrap() {
            assert_eq!(command["contexts"], serde_json::json!([0]), "{command}");
        }
        assert_eq!(declared[0]["options"][0]["autocomplete"], true);
        assert_eq!(declared[0]["options"][0]["required"], true);
    }
}
