//! The commands that guilds have made for themselves, as `domain::commands` keeps them. poise knows
//! the built-in ones alone: what it does not know comes here, by slash from `on_error` and as a
//! message from `mention`.

use poise::FrameworkContext;
use serenity::Error as Failed;
use serenity::all::{CommandInteraction, CommandType, Context as Serenity};
use serenity::builder::{
    CreateAllowedMentions, CreateEmbed, CreateInteractionResponse,
    CreateInteractionResponseMessage, EditInteractionResponse,
};
use serenity::model::channel::Message;
use serenity::model::id::ChannelId;

use super::play::started;
use super::{Data, describe_rights, escape, log_failure, partial, tag_of};
use crate::bot::directory::{from_discord, to_discord};
use crate::domain::commands::{self, Command, Facts, Response};
use crate::domain::player::Asker;
use crate::domain::settings::Language;
use crate::error::Error;
use crate::ids::GuildId;

/// What somebody is answered in a message.
pub(super) enum Answer {
    Text(String),
    Embed(Box<CreateEmbed>),
}

/// Somebody has used a slash command that is none of the built-in ones.
pub(super) async fn used(ctx: FrameworkContext<'_, Data, Failed>, used: &CommandInteraction) {
    if used.data.kind != CommandType::ChatInput {
        tracing::warn!(command = %used.data.name, "a command of a menu is unknown");
        return;
    }
    if let Err(error) = answer(ctx.serenity_context, ctx.user_data, used).await {
        tracing::warn!(%error, "an answer could not be delivered");
    }
}

async fn answer(discord: &Serenity, data: &Data, used: &CommandInteraction) -> Result<(), Failed> {
    let guild = used.guild_id.and_then(from_discord);
    let known = Language::of(used.guild_locale.as_deref());
    let language = data.language(guild, known).await;
    let message = CreateInteractionResponseMessage::new();
    let message = message.allowed_mentions(CreateAllowedMentions::new());
    let message = match find(data, used, guild).await {
        Ok((asker, command)) => {
            let facts = || {
                let member = used.member.as_deref();
                let name = member.map(serenity::all::Member::display_name);
                let name = name.unwrap_or_else(|| used.user.display_name());
                facts(discord, data, asker.guild, used.channel_id, name)
            };
            match &command.response {
                Response::Text(text) => message.content(text.fill(&facts())),
                Response::Embed(embed) => message.embed(show(embed.fill(&facts()))),
                Response::Sound(sound) => {
                    return play(discord, data, used, asker, &sound.sound, language).await;
                }
            }
        }
        // Nobody else sees it.
        Err(error) => message.content(tell(&error, language)).ephemeral(true),
    };
    used.create_response(discord, CreateInteractionResponse::Message(message))
        .await
}

/// Who has used which command.
async fn find(
    data: &Data,
    used: &CommandInteraction,
    guild: Option<GuildId>,
) -> Result<(Asker, Command), Error> {
    let member = used.member.as_deref().map(describe_rights);
    let asker = data.admit(guild, &used.user, member)?;
    let command = data.commands.find(asker.guild, &used.data.name).await?;
    let command = command.ok_or(Error::NotFound(
        "this command has changed, try again in a minute",
    ))?;
    data.player.check_not_blocked(&asker).await?;
    Ok((asker, command))
}

/// Plays the sound of a slash command, and says the same as `/play`.
async fn play(
    discord: &Serenity,
    data: &Data,
    used: &CommandInteraction,
    asker: Asker,
    sound: &str,
    language: Language,
) -> Result<(), Failed> {
    // Joining takes longer than Discord waits for an answer, and a sound need not wait for it.
    let play = data.player.play(asker, tag_of(&used.user), sound);
    let (deferred, play) = tokio::join!(used.defer_ephemeral(discord), play);
    deferred?;
    let text = match play {
        Ok(play) => started(&play).in_language(language),
        Err(error) => tell(&error, language),
    };
    let edit = EditInteractionResponse::new().content(text);
    let edit = edit.allowed_mentions(CreateAllowedMentions::new());
    used.edit_response(discord, edit).await.map(drop)
}

/// What a message means that begins with no built-in command: one of the guild's own, or else the
/// name of a sound.
pub(super) async fn said(
    discord: &Serenity,
    data: &Data,
    message: &Message,
    text: &str,
    language: Language,
) -> Result<Answer, Error> {
    let guild = message.guild_id.and_then(from_discord);
    let member = message.member.as_deref();
    let asker = data.admit(guild, &message.author, member.map(partial))?;
    let command = data.commands.find(asker.guild, text).await?;
    if command.is_some() {
        data.player.check_not_blocked(&asker).await?;
    }
    let facts = || {
        let nick = member.and_then(|member| member.nick.as_deref());
        let name = nick.unwrap_or_else(|| message.author.display_name());
        facts(discord, data, asker.guild, message.channel_id, name)
    };
    let sound = match command.map(|command| command.response) {
        Some(Response::Text(text)) => return Ok(Answer::Text(text.fill(&facts()))),
        Some(Response::Embed(embed)) => {
            return Ok(Answer::Embed(Box::new(show(embed.fill(&facts())))));
        }
        Some(Response::Sound(sound)) => sound.sound,
        None => text.to_owned(),
    };
    let play = data.player.play(asker, tag_of(&message.author), &sound);
    Ok(Answer::Text(started(&play.await?).in_language(language)))
}

/// What placeholders stand for. Names are shown and do nothing else.
fn facts(discord: &Serenity, data: &Data, guild: GuildId, channel: ChannelId, user: &str) -> Facts {
    let known = discord.cache.guild(to_discord(guild));
    Facts {
        user: escape(user),
        guild: known.map(|known| escape(&known.name)).unwrap_or_default(),
        channel: format!("<#{channel}>"),
        sound_count: data.library.list_in(guild).len(),
    }
}

fn show(embed: commands::Embed) -> CreateEmbed {
    let fields = embed.fields.into_iter();
    let fields = fields.map(|field| (field.name, field.value, field.inline));
    let mut shown = CreateEmbed::new().fields(fields);
    if let Some(title) = embed.title {
        shown = shown.title(title);
    }
    if let Some(description) = embed.description {
        shown = shown.description(description);
    }
    if let Some(url) = embed.url {
        shown = shown.url(url);
    }
    if let Some(color) = embed.color {
        shown = shown.color(color);
    }
    shown
}

fn tell(error: &Error, language: Language) -> String {
    log_failure(error, "custom");
    language.say(&error.to_string(), &[])
}
