//! Commands as messages: `@Yuri stop`, and any sound by its name alone. Without a privileged
//! intent Discord shows the bot only what mentions it.

use poise::{FrameworkContext, PrefixFrameworkOptions};
use serenity::Error as Failed;
use serenity::builder::{CreateAllowedMentions, CreateMessage};
use serenity::cache::Cache;
use serenity::model::channel::Message;
use serenity::model::id::GuildId;

use super::help::overview;
use super::play::started;
use super::{Data, Said, log_failure, partial};
use crate::bot::directory::from_discord;
use crate::domain::settings::Language;
use crate::error::Error;

/// How messages are read; with a prefix only where the bot may read those that do not mention it.
pub(super) fn options(may_read: bool) -> PrefixFrameworkOptions<Data, Failed> {
    let mut options = PrefixFrameworkOptions {
        mention_as_prefix: true,
        case_insensitive_commands: true,
        ..PrefixFrameworkOptions::default()
    };
    if may_read {
        options.dynamic_prefix = Some(|ctx| {
            let (data, guild) = (ctx.framework.user_data, ctx.guild_id);
            Box::pin(async move { Ok(prefix(data, guild).await.map(Into::into)) })
        });
    }
    options
}

/// What commands in a guild begin with, where the bot may read them at all.
async fn prefix(data: &Data, guild: Option<GuildId>) -> Option<String> {
    let usual = data.prefix.clone()?;
    let chosen = match guild.and_then(from_discord) {
        Some(guild) => data.settings.get(guild).await.ok(),
        None => None,
    };
    let chosen = chosen.and_then(|settings| settings.prefix.clone());
    Some(chosen.unwrap_or(usual))
}

/// A message for the bot that begins with no command: the name of a sound, or nothing.
pub(super) async fn not_a_command(
    ctx: FrameworkContext<'_, Data, Failed>,
    message: &Message,
    content_start: u16,
) {
    let (discord, data) = (ctx.serenity_context, ctx.user_data);
    let known = known_language(&discord.cache, message.guild_id);
    let guild = message.guild_id.and_then(from_discord);
    let language = data.language(guild, known).await;
    let text = message.content.get(usize::from(content_start)..);
    let said = match text.map(str::trim).unwrap_or_default() {
        "" => Ok(overview(ctx, language)),
        sound => play(data, message, sound).await,
    };
    let said = match said {
        Ok(said) => said.in_language(language),
        Err(error) => {
            log_failure(&error, "mention");
            language.say(&error.to_string(), &[])
        }
    };
    let reply = CreateMessage::new()
        .content(said)
        .reference_message(message)
        .allowed_mentions(CreateAllowedMentions::new());
    if let Err(error) = message.channel_id.send_message(discord, reply).await {
        tracing::warn!(%error, "an answer could not be delivered");
    }
}

async fn play(data: &Data, message: &Message, sound: &str) -> Result<Said, Error> {
    let guild = message.guild_id.and_then(from_discord);
    let member = message.member.as_ref().map(|member| partial(member));
    let asker = data.admit(guild, &message.author, member)?;
    let tag = super::tag_of(&message.author);
    let play = data.player.play(asker, tag, sound).await?;
    Ok(started(&play))
}

/// The language of a guild as the gateway has told it.
pub(super) fn known_language(cache: &Cache, guild: Option<GuildId>) -> Language {
    let guild = guild.and_then(|guild| cache.guild(guild));
    Language::of(guild.as_ref().map(|guild| guild.preferred_locale.as_str()))
}
