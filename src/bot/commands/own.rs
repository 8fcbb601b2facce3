//! Commands about what members have chosen for themselves: what is heard of them without a
//! command, and the sounds they like.

use serenity::Error as Failed;

use super::look::fitting;
use super::{Context, Data, Said, asker, escape, say, suggest};
use crate::domain::occasions::{Choice, Occasion};
use crate::domain::player::Asker;
use crate::error::Error;

/// All of this file.
pub(super) fn commands() -> Vec<poise::Command<Data, Failed>> {
    vec![favourite(), bind(), entrance()]
}

/// Make a sound one of your favourites, or take that back; without one, list them
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized(
        "de",
        "Macht einen Sound zum Favoriten oder nimmt das zurück; ohne ihn: die Liste"
    )
)]
async fn favourite(
    ctx: Context<'_>,
    #[description = "The sound's name"]
    #[description_localized("de", "Der Name des Sounds")]
    #[autocomplete = "suggest"]
    #[rest]
    sound: Option<String>,
) -> Result<(), Failed> {
    let said = match asker(&ctx) {
        Ok(asker) => liked(ctx.data(), &asker, sound).await,
        Err(error) => Err(error),
    };
    say(&ctx, said).await
}

async fn liked(data: &Data, asker: &Asker, sound: Option<String>) -> Result<Said, Error> {
    let favourites = &data.favourites;
    let Some(name) = sound else {
        let sounds = favourites.list_in(asker.user, asker.guild).await?;
        if sounds.is_empty() {
            return Ok(Said::plain("you have no favourites here yet"));
        }
        let names = sounds.iter().map(|sound| escape(&sound.stem));
        return Ok(Said::verbatim(fitting(names.collect())));
    };
    let sound = data.library.find_in(asker.guild, &name);
    let sound = sound.ok_or(Error::NotFound("sound was not found"))?;
    let text = if favourites.toggle(asker.user, &sound).await? {
        "⭐ **{}** is one of your favourites now"
    } else {
        "**{}** is no favourite of yours any more"
    };
    Ok(Said::new(text, [escape(&sound.stem)]))
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
    let asker = asker(ctx)?;
    let (guild, user) = (asker.guild, asker.user);
    ctx.data()
        .occasions
        .choose(Some(guild), user, occasion, choice)
        .await
}
