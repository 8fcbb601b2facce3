//! `/help`: what the bot can do, in one message.

use poise::FrameworkContext;
use serenity::Error as Failed;

use super::{Context, Data, Said, acknowledge, language, say};
use crate::domain::settings::Language;

/// Say what I can do
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Sagt, was ich kann")
)]
pub(super) async fn help(ctx: Context<'_>) -> Result<(), Failed> {
    acknowledge(&ctx).await?;
    let said = overview(ctx.framework(), language(&ctx).await);
    say(&ctx, Ok(said)).await
}

/// Every command with what it does.
pub(super) fn overview(ctx: FrameworkContext<'_, Data, Failed>, language: Language) -> Said {
    let name = ctx.serenity_context.cache.current_user().name.clone();
    // Those of menus are not typed.
    let typed = ctx.options.commands.iter();
    let typed = typed.filter(|command| command.slash_action.is_some());
    let lines = typed.map(|command| {
        let translated = command.description_localizations.iter();
        let what = translated
            .filter(|(locale, _)| locale.as_ref() == language.code())
            .map(|(_, description)| description)
            .next()
            .or(command.description.as_ref());
        format!("`/{}` {}", command.name, what.map_or("", AsRef::as_ref))
    });
    let lines: Vec<_> = lines.collect();
    Said::new(
        "Use a command, or mention me with one or with the name of a sound: `@{} tada`",
        [name],
    )
    .with(lines.join("\n"))
}
