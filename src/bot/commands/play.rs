//! Commands that change what is heard.

use serenity::Error as Failed;

use super::{Context, Data, Said, acknowledge, asker, escape, say, suggest_to_play, tag};
use crate::domain::player::Play;
use crate::domain::settings::Volume;
use crate::error::Error;

/// All of this file.
pub(super) fn commands() -> Vec<poise::Command<Data, Failed>> {
    vec![play(), random(), stop(), skip(), volume(), join(), leave()]
}

/// Play a sound in your voice channel
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Spielt einen Sound in deinem Sprachkanal")
)]
async fn play(
    ctx: Context<'_>,
    #[description = "The sound's name"]
    #[description_localized("de", "Der Name des Sounds")]
    #[autocomplete = "suggest_to_play"]
    #[rest]
    sound: String,
) -> Result<(), Failed> {
    // Joining takes longer than Discord waits for a first answer.
    acknowledge(&ctx).await?;
    let played = match asker(&ctx) {
        Ok(asker) => ctx.data().player.play(asker, tag(&ctx), &sound).await,
        Err(error) => Err(error),
    };
    say(&ctx, played.map(|play| started(&play))).await
}

/// Play any sound in your voice channel
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Spielt irgendeinen Sound in deinem Sprachkanal")
)]
async fn random(ctx: Context<'_>) -> Result<(), Failed> {
    acknowledge(&ctx).await?;
    let played = match asker(&ctx) {
        Ok(asker) => ctx.data().player.play_random(asker, tag(&ctx)).await,
        Err(error) => Err(error),
    };
    say(&ctx, played.map(|play| started(&play))).await
}

/// Stop what plays and drop what waits
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Stoppt, was spielt, und verwirft, was wartet")
)]
async fn stop(ctx: Context<'_>) -> Result<(), Failed> {
    acknowledge(&ctx).await?;
    let stopped = match asker(&ctx) {
        Ok(asker) => ctx.data().player.stop(&asker).await,
        Err(error) => Err(error),
    };
    say(&ctx, stopped.map(|_| Said::plain("⏹ stopped"))).await
}

/// Go on with what waits
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Macht mit dem weiter, was wartet")
)]
async fn skip(ctx: Context<'_>) -> Result<(), Failed> {
    acknowledge(&ctx).await?;
    let skipped = match asker(&ctx) {
        Ok(asker) => ctx.data().player.skip(&asker).await,
        Err(error) => Err(error),
    };
    say(&ctx, skipped.map(|_| Said::plain("⏭ skipped"))).await
}

/// Set how loud everything is
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Stellt ein, wie laut alles ist")
)]
async fn volume(
    ctx: Context<'_>,
    #[description = "Percent"]
    #[description_localized("de", "Prozent")]
    #[min = 0]
    #[max = 200]
    percent: u16,
) -> Result<(), Failed> {
    acknowledge(&ctx).await?;
    let set = match (asker(&ctx), Volume::new(percent)) {
        (Ok(asker), Some(volume)) => ctx.data().player.set_volume(&asker, volume).await,
        (Ok(_), None) => Err(Error::BAD_REQUEST),
        (Err(error), _) => Err(error),
    };
    let said = set.map(|player| {
        let percent = player.volume.percent().to_string();
        Said::new("all sounds play at {} % here from now on", [percent])
    });
    say(&ctx, said).await
}

/// Join your voice channel
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Kommt in deinen Sprachkanal")
)]
async fn join(ctx: Context<'_>) -> Result<(), Failed> {
    acknowledge(&ctx).await?;
    let joined = match asker(&ctx) {
        Ok(asker) => ctx.data().player.join(&asker).await,
        Err(error) => Err(error),
    };
    say(
        &ctx,
        joined.map(|_| Said::plain("👋 joined your voice channel")),
    )
    .await
}

/// Leave the voice channel
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Verlässt den Sprachkanal")
)]
async fn leave(ctx: Context<'_>) -> Result<(), Failed> {
    acknowledge(&ctx).await?;
    let left = match asker(&ctx) {
        Ok(asker) => ctx.data().player.leave(&asker).await,
        Err(error) => Err(error),
    };
    say(&ctx, left.map(|_| Said::plain("👋 left the voice channel"))).await
}

pub(super) fn started(play: &Play) -> Said {
    let sound = escape(&play.sound);
    match play.position {
        0 => Said::new("▶ **{}**", [sound]),
        before => Said::new("⏳ **{}**, {} before it", [sound, before.to_string()]),
    }
}
