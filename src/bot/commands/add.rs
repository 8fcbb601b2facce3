//! "Add to soundboard", in the menu of a message: its files become sounds of the server.

use std::fmt::Write as _;

use serenity::Error as Failed;
use serenity::model::channel::Message;

use super::{Context, Data, Said, acknowledge, asker, escape, language, log_failure, say};
use crate::domain::player::Asker;
use crate::domain::settings::Language;
use crate::error::Error;

/// The command as members see it.
pub(super) const ADD: &str = "Add to soundboard";
/// Discord allows ten files on a message.
const FILES_MAX: usize = 10;

/// Add the files of a message to this server's sounds
#[poise::command(context_menu_command = "Add to soundboard", guild_only)]
pub(super) async fn add_to_soundboard(ctx: Context<'_>, message: Message) -> Result<(), Failed> {
    acknowledge(&ctx).await?;
    let language = language(&ctx).await;
    let said = match asker(&ctx) {
        Ok(asker) => add(ctx.data(), &asker, &message, language).await,
        Err(error) => Err(error),
    };
    say(&ctx, said).await
}

async fn add(
    data: &Data,
    asker: &Asker,
    message: &Message,
    language: Language,
) -> Result<Said, Error> {
    data.player.check_may_play(asker).await?;
    if message.attachments.is_empty() {
        return Err(Error::Invalid("there is no file on this message"));
    }
    let mut lines = String::new();
    for file in message.attachments.iter().take(FILES_MAX) {
        let added = data
            .uploads
            .fetch(asker.guild, asker.user, &file.filename, &file.url);
        let line = match added.await {
            Ok(sound) => language.say(
                "⭐ **{}** is a sound of this server now",
                &[&escape(&sound.stem)],
            ),
            Err(error) => {
                log_failure(&error, ADD);
                let why = language.say(&error.to_string(), &[]);
                format!("✖ {}: {why}", escape(&file.filename))
            }
        };
        let _never_fails = writeln!(lines, "{line}");
    }
    Ok(Said::verbatim(lines.trim_end().to_owned()))
}
