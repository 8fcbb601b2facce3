//! Commands about what is heard of a member without a command.

use serenity::Error as Failed;

use super::{Context, Data, Said, asker, escape, say, suggest};
use crate::domain::occasions::{Choice, Occasion};
use crate::error::Error;

/// All of this file.
pub(super) fn commands() -> Vec<poise::Command<Data, Failed>> {
    vec![bind(), entrance()]
}

/// Choose what plays when you mute and unmute at once
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Wählt, was spielt, wenn du dich kurz stummschaltest")
)]
async fn bind(
    ctx: Context<'_>,
    #[description = "The sound's name; any sound without it"]
    #[description_localized("de", "Der Name des Sounds; ohne ihn irgendeiner")]
    #[autocomplete = "suggest"]
    sound: Option<String>,
    #[description = "Play nothing"]
    #[description_localized("de", "Nichts spielen")]
    off: Option<bool>,
) -> Result<(), Failed> {
    let choice = match sound {
        _ if off == Some(true) => Choice::Nothing,
        Some(sound) => Choice::Sound(sound),
        None => Choice::Any,
    };
    let chosen = choose(&ctx, Occasion::FastTrigger, choice).await;
    let said = chosen.map(|choice| match choice {
        Choice::Nothing => Said::plain("muting and unmuting plays nothing from now on"),
        Choice::Any => Said::plain("muting and unmuting at once plays any sound from now on"),
        Choice::Sound(sound) => Said::new(
            "muting and unmuting at once plays **{}** from now on",
            [escape(&sound)],
        ),
    });
    say(&ctx, said).await
}

/// Choose what plays when you come into a voice channel
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Wählt, was spielt, wenn du in einen Sprachkanal kommst")
)]
async fn entrance(
    ctx: Context<'_>,
    #[description = "The sound's name; nothing without it"]
    #[description_localized("de", "Der Name des Sounds; ohne ihn nichts")]
    #[autocomplete = "suggest"]
    sound: Option<String>,
) -> Result<(), Failed> {
    let choice = sound.map_or(Choice::Nothing, Choice::Sound);
    let chosen = choose(&ctx, Occasion::Entrance, choice).await;
    let said = chosen.map(|choice| match choice {
        Choice::Sound(sound) => Said::new("**{}** announces you from now on", [escape(&sound)]),
        _ => Said::plain("nothing announces you from now on"),
    });
    say(&ctx, said).await
}

async fn choose(ctx: &Context<'_>, occasion: Occasion, choice: Choice) -> Result<Choice, Error> {
    let user = asker(ctx)?.user;
    ctx.data().occasions.choose(user, occasion, choice).await
}
