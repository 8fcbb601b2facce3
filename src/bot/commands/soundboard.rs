//! `/soundboard`: Discord's own soundboard of the server.

use std::fmt::Write as _;

use serenity::Error as Failed;
use serenity::builder::{AutocompleteChoice, CreateAutocompleteResponse};

use super::look::fitting;
use super::{
    CHOICES_MAX, Context, Said, acknowledge, asker, escape, language, log_failure, say, tag,
};
use crate::bot::directory::from_discord;
use crate::discord::soundboard::NativeSound;
use crate::domain::player::Asker;
use crate::domain::settings::Language;
use crate::domain::soundboard::{Import, Soundboard};
use crate::error::Error;

/// List and play the sounds of Discord's own soundboard, or take them over
#[poise::command(
    slash_command,
    guild_only,
    subcommand_required,
    subcommands("list", "play", "import"),
    description_localized(
        "de",
        "Zeigt und spielt Discords eigenes Soundboard, oder übernimmt es"
    )
)]
#[expect(
    clippy::unused_async,
    reason = "poise calls it as a command; its subcommands do the work"
)]
pub(super) async fn soundboard(_: Context<'_>) -> Result<(), Failed> {
    Ok(())
}

/// List the sounds of Discord's own soundboard
#[poise::command(
    slash_command,
    guild_only,
    description_localized("de", "Listet die Sounds von Discords eigenem Soundboard auf")
)]
async fn list(ctx: Context<'_>) -> Result<(), Failed> {
    acknowledge(&ctx).await?;
    let said = match asker(&ctx) {
        Ok(asker) => shown(&ctx.data().soundboard, &asker).await,
        Err(error) => Err(error),
    };
    say(&ctx, said).await
}

async fn shown(soundboard: &Soundboard, asker: &Asker) -> Result<Said, Error> {
    let sounds = soundboard.list(asker.guild).await?;
    if sounds.is_empty() {
        return Ok(Said::plain("this server's soundboard is empty"));
    }
    let line = |sound: &NativeSound| {
        let emoji = sound.emoji.as_deref().unwrap_or("🔊");
        format!("{emoji} **{}**", escape(&sound.name))
    };
    Ok(Said::verbatim(fitting(sounds.iter().map(line).collect())))
}

/// Play a sound of Discord's own soundboard
#[poise::command(
    slash_command,
    guild_only,
    description_localized("de", "Spielt einen Sound von Discords eigenem Soundboard")
)]
async fn play(
    ctx: Context<'_>,
    #[description = "The sound's name"]
    #[description_localized("de", "Der Name des Sounds")]
    #[autocomplete = "suggest_native"]
    sound: String,
) -> Result<(), Failed> {
    acknowledge(&ctx).await?;
    let played = match asker(&ctx) {
        Ok(asker) => {
            let soundboard = &ctx.data().soundboard;
            soundboard.play(asker, tag(&ctx), &sound).await
        }
        Err(error) => Err(error),
    };
    say(&ctx, played.map(|play| super::play::started(&play))).await
}

/// Make the sounds of Discord's own soundboard sounds of this server
#[poise::command(
    slash_command,
    guild_only,
    required_permissions = "MANAGE_GUILD",
    description_localized(
        "de",
        "Macht die Sounds von Discords Soundboard zu Sounds dieses Servers"
    )
)]
async fn import(
    ctx: Context<'_>,
    #[description = "Only this one"]
    #[description_localized("de", "Nur diesen")]
    #[autocomplete = "suggest_native"]
    sound: Option<String>,
) -> Result<(), Failed> {
    acknowledge(&ctx).await?;
    let language = language(&ctx).await;
    let imported = match asker(&ctx) {
        Ok(asker) => {
            let soundboard = &ctx.data().soundboard;
            let import = soundboard.import(asker.guild, asker.user, sound.as_deref());
            import.await
        }
        Err(error) => Err(error),
    };
    let said = imported.map(|imports| {
        let lines = imports.iter().map(|import| told(import, language));
        Said::verbatim(fitting(lines.collect()))
    });
    say(&ctx, said).await
}

fn told(import: &Import, language: Language) -> String {
    let mut line = String::new();
    let _never_fails = match &import.result {
        Ok(sound) => write!(line, "⭐ **{}**", escape(&sound.stem)),
        Err(error) => {
            log_failure(error, "soundboard import");
            let why = language.say(&error.to_string(), &[]);
            write!(line, "✖ {}: {why}", escape(&import.name))
        }
    };
    line
}

/// Sounds of Discord's own soundboard for what has been typed so far.
async fn suggest_native(ctx: Context<'_>, partial: &str) -> CreateAutocompleteResponse {
    let guild = ctx.guild_id().and_then(from_discord);
    let sounds = match guild {
        Some(guild) => ctx.data().soundboard.list(guild).await.unwrap_or_default(),
        None => return CreateAutocompleteResponse::new(),
    };
    let typed = partial.to_lowercase();
    let fits = |sound: &&NativeSound| sound.name.to_lowercase().contains(&typed);
    let fitting = sounds.iter().filter(fits).take(CHOICES_MAX);
    let choices = fitting.map(|sound| AutocompleteChoice::from(sound.name.clone()));
    CreateAutocompleteResponse::new().set_choices(choices.collect())
}
