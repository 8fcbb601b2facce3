//! Commands as messages: `@Yuri stop`, a guild's own commands, and any sound by its name alone. Without a privileged
//! intent Discord shows the bot only what mentions it.

use poise::{FrameworkContext, PrefixFrameworkOptions};
use serenity::Error as Failed;
use serenity::builder::{CreateAllowedMentions, CreateMessage};
use serenity::cache::Cache;
use serenity::model::channel::Message;
use serenity::model::id::GuildId;

use super::custom::{self, Answer};
use super::help::overview;
use super::{Data, log_failure};
use crate::bot::directory::from_discord;
use crate::domain::settings::Language;

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

/// A message for the bot that begins with no built-in command: one of the guild's own, the name of
/// a sound, or nothing.
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
    let answer = match text.map(str::trim).unwrap_or_default() {
        "" => Ok(Answer::Text(overview(ctx, language).in_language(language))),
        text => custom::said(discord, data, message, text, language).await,
    };
    let reply = CreateMessage::new()
        .reference_message(message)
        .allowed_mentions(CreateAllowedMentions::new());
    let reply = match answer {
        Ok(Answer::Text(text)) => reply.content(text),
        Ok(Answer::Embed(embed)) => reply.embed(*embed),
        Err(error) => {
            log_failure(&error, "mention");
            reply.content(language.say(&error.to_string(), &[]))
        }
    };
    if let Err(error) = message.channel_id.send_message(discord, reply).await {
        tracing::warn!(%error, "an answer could not be delivered");
    }
}

/// The language of a guild as the gateway has told it.
pub(super) fn known_language(cache: &Cache, guild: Option<GuildId>) -> Language {
    let guild = guild.and_then(|guild| cache.guild(guild));
    Language::of(guild.as_ref().map(|guild| guild.preferred_locale.as_str()))
}
