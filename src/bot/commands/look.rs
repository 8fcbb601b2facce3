//! Commands that only show something.

use std::fmt::Write as _;

use serenity::Error as Failed;

use super::{Context, Data, Said, acknowledge, asker, escape, say};
use crate::db::plays;
use crate::error::Error;
use crate::ids::GuildId;

/// Sounds on a page of the list, and hits of a search.
const PAGE: usize = 30;
/// Entries of the log and the statistics.
const ENTRIES: u32 = 20;
/// Discord's longest message, less what the frame around a list takes.
const CHARS_MAX: usize = 1_800;

/// All of this file.
pub(super) fn commands() -> Vec<poise::Command<Data, Failed>> {
    vec![queue(), search(), list(), log(), stats()]
}

/// Show what plays and what waits
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Zeigt, was spielt und was wartet")
)]
async fn queue(ctx: Context<'_>) -> Result<(), Failed> {
    let shown = match member_of(&ctx).await {
        Ok(guild) => ctx.data().player.state(guild).await,
        Err(error) => Err(error),
    };
    let said = shown.map(|player| {
        let playing = player
            .playing
            .iter()
            .map(|it| (&it.sound, &it.user_tag, "▶"));
        let waiting = player
            .queue
            .iter()
            .map(|it| (&it.sound, &it.user_tag, "⏳"));
        let line = |(sound, tag, mark): (&String, &String, &str)| {
            format!("{mark} **{}** · {}", escape(sound), escape(tag))
        };
        let lines: Vec<_> = playing.chain(waiting).map(line).collect();
        if lines.is_empty() {
            Said::plain("nothing plays")
        } else {
            Said::verbatim(fitting(lines))
        }
    });
    say(&ctx, said).await
}

/// Find sounds by a part of their names
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Findet Sounds über einen Teil ihres Namens")
)]
async fn search(
    ctx: Context<'_>,
    #[description = "A part of the name"]
    #[description_localized("de", "Ein Teil des Namens")]
    #[max_length = 100]
    #[rest]
    text: String,
) -> Result<(), Failed> {
    let said = member_of(&ctx).await.map(|guild| {
        let found = ctx.data().library.search(guild, &text, PAGE);
        if found.is_empty() {
            return Said::new("there is no sound like {}", [escape(&text)]);
        }
        let names = found.iter().map(|sound| escape(&sound.stem));
        Said::verbatim(fitting(names.collect()))
    });
    say(&ctx, said).await
}

/// List all sounds
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Listet alle Sounds auf")
)]
async fn list(
    ctx: Context<'_>,
    #[description = "Which page"]
    #[description_localized("de", "Welche Seite")]
    #[min = 1]
    #[max = 1_000_000]
    page: Option<u32>,
) -> Result<(), Failed> {
    let said = member_of(&ctx).await.map(|guild| {
        let page = page.map_or(1, |page| usize::try_from(page).unwrap_or(usize::MAX).max(1));
        let all = ctx.data().library.list_in(guild);
        let total = all.len();
        if total == 0 {
            return Said::plain("there are no sounds yet");
        }
        let rest = all.get((page - 1).saturating_mul(PAGE)..);
        let sounds: Vec<_> = rest.unwrap_or_default().iter().take(PAGE).collect();
        if sounds.is_empty() {
            return Said::new("there is no page {}", [page.to_string()]);
        }
        let names = sounds.iter().map(|sound| escape(&sound.name)).collect();
        let numbers = [sounds.len(), total, page, total.div_ceil(PAGE)];
        let numbers = numbers.map(|number| number.to_string());
        Said::new("{} of {} sounds, page {} of {}", numbers).with(fitting(names))
    });
    say(&ctx, said).await
}

/// Show what was played last
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Zeigt, was zuletzt gespielt wurde")
)]
async fn log(ctx: Context<'_>) -> Result<(), Failed> {
    let read = match member_of(&ctx).await {
        Ok(guild) => {
            let db = &ctx.data().db;
            db.quick(move |conn| plays::page(conn, guild, 0, ENTRIES))
                .await
        }
        Err(error) => Err(error),
    };
    let said = read.map(|page| {
        // Discord shows it in the reader's own time.
        let line = |play: &plays::Play| {
            let (sound, tag) = (escape(&play.sound), escape(&play.user_tag));
            format!("<t:{}:R> **{sound}** · {tag}", play.time_ms / 1_000)
        };
        match page.entries.as_slice() {
            [] => Said::plain("nothing has been played here yet"),
            entries => Said::verbatim(fitting(entries.iter().map(line).collect())),
        }
    });
    say(&ctx, said).await
}

/// Show what is played most
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Zeigt, was am meisten gespielt wird")
)]
async fn stats(ctx: Context<'_>) -> Result<(), Failed> {
    let read = match member_of(&ctx).await {
        Ok(guild) => {
            let db = &ctx.data().db;
            db.quick(move |conn| plays::top_sounds(conn, guild, ENTRIES))
                .await
        }
        Err(error) => Err(error),
    };
    let said = read.map(|page| {
        let line = |(sound, count): &(String, i64)| format!("{count} × **{}**", escape(sound));
        match page.entries.as_slice() {
            [] => Said::plain("nothing has been played here yet"),
            entries => Said::verbatim(fitting(entries.iter().map(line).collect())),
        }
    });
    say(&ctx, said).await
}

/// The guild that a command was used in, by somebody who may see what is in it.
async fn member_of(ctx: &Context<'_>) -> Result<GuildId, Error> {
    // Discord has told us of the member in the very command.
    acknowledge(ctx).await.map_err(Error::internal)?;
    asker(ctx).map(|asker| asker.guild)
}

/// As many lines as a message holds; the rest is counted.
pub(super) fn fitting(lines: Vec<String>) -> String {
    let mut text = String::new();
    let mut left = lines.len();
    for line in &lines {
        if text.chars().count() + line.chars().count() > CHARS_MAX {
            break;
        }
        text.push_str(line);
        text.push('\n');
        left -= 1;
    }
    if left > 0 {
        let _never_fails = write!(text, "… +{left}");
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn what_does_not_fit_is_counted() {
        assert_eq!(fitting(vec!["a".into(), "b".into()]), "a\nb");
        let long = fitting(vec!["x".repeat(500); 10]);
        assert!(long.ends_with("\n… +7"), "{}", &long[long.len() - 10..]);
        assert!(long.chars().count() < 2_000);
    }
}
