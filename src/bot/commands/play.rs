//! Commands that change what is heard.

use serenity::Error as Failed;

use super::{
    Context, Data, Said, acknowledge, asker, escape, say, suggest_tag, suggest_to_play, tag,
};
use crate::domain::player::{Asker, Play};
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
    let player = &ctx.data().player;
    answer(&ctx, |asker| async move {
        let play = player.play(asker, tag(&ctx), &sound).await?;
        Ok(started(&play))
    })
    .await
}

/// Play any sound in your voice channel
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Spielt irgendeinen Sound in deinem Sprachkanal")
)]
async fn random(
    ctx: Context<'_>,
    #[rename = "tag"]
    #[description = "Only sounds with this tag"]
    #[description_localized("de", "Nur Sounds mit diesem Stichwort")]
    #[autocomplete = "suggest_tag"]
    #[rest]
    wanted: Option<String>,
) -> Result<(), Failed> {
    let player = &ctx.data().player;
    answer(&ctx, |asker| async move {
        let play = player.play_random(asker, tag(&ctx), wanted.as_deref());
        let play = play.await?;
        Ok(started(&play))
    })
    .await
}

/// Stop what plays and drop what waits
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Stoppt, was spielt, und verwirft, was wartet")
)]
async fn stop(ctx: Context<'_>) -> Result<(), Failed> {
    let player = &ctx.data().player;
    answer(&ctx, |asker| async move {
        player.stop(&asker).await?;
        Ok(Said::plain("⏹ stopped"))
    })
    .await
}

/// Go on with what waits
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Macht mit dem weiter, was wartet")
)]
async fn skip(ctx: Context<'_>) -> Result<(), Failed> {
    let player = &ctx.data().player;
    answer(&ctx, |asker| async move {
        player.skip(&asker).await?;
        Ok(Said::plain("⏭ skipped"))
    })
    .await
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
    let player = &ctx.data().player;
    answer(&ctx, |asker| async move {
        let volume = Volume::new(percent).ok_or(Error::BAD_REQUEST)?;
        let now = player.set_volume(&asker, volume).await?;
        let percent = now.volume.percent().to_string();
        Ok(Said::new(
            "all sounds play at {} % here from now on",
            [percent],
        ))
    })
    .await
}

/// Join your voice channel
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Kommt in deinen Sprachkanal")
)]
async fn join(ctx: Context<'_>) -> Result<(), Failed> {
    let player = &ctx.data().player;
    answer(&ctx, |asker| async move {
        player.join(&asker).await?;
        Ok(Said::plain("👋 joined your voice channel"))
    })
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
    let player = &ctx.data().player;
    answer(&ctx, |asker| async move {
        player.leave(&asker).await?;
        Ok(Said::plain("👋 left the voice channel"))
    })
    .await
}

/// Does what a command asks for, and says what came of it.
async fn answer<F>(ctx: &Context<'_>, act: impl FnOnce(Asker) -> F) -> Result<(), Failed>
where
    F: Future<Output = Result<Said, Error>>,
{
    let act = async {
        match asker(ctx) {
            Ok(asker) => act(asker).await,
            Err(error) => Err(error),
        }
    };
    // A sound need not wait until Discord has heard that an answer will come.
    let (acknowledged, done) = tokio::join!(acknowledge(ctx), act);
    acknowledged?;
    say(ctx, done).await
}

pub(super) fn started(play: &Play) -> Said {
    let sound = escape(&play.sound);
    match play.position {
        0 => Said::new("▶ **{}**", [sound]),
        before => Said::new("⏳ **{}**, {} before it", [sound, before.to_string()]),
    }
}
