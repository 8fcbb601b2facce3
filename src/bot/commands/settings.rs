//! `/settings`: what a guild has chosen, seen and changed by those who manage it.

use poise::ChoiceParameter;
use serenity::Error as Failed;
use serenity::model::guild::Role;

use super::{Context, Said, acknowledge, asker, escape, say};
use crate::domain::changes::{Changes, Nullable, RoleChange};
use crate::domain::settings::{GuildSettings, Language, Mode};
use crate::error::Error;
use crate::ids::RoleId;

/// What a play does to the sounds before it, as Discord shows it.
#[derive(Clone, Copy, ChoiceParameter)]
enum ModeChoice {
    #[name = "replace: it ends them"]
    #[name_localized("de", "ersetzen: es beendet sie")]
    Replace,
    #[name = "queue: it waits for them"]
    #[name_localized("de", "anstellen: es wartet auf sie")]
    Queue,
    #[name = "overlap: it plays along"]
    #[name_localized("de", "überlagern: es spielt mit")]
    Overlap,
}

impl From<ModeChoice> for Mode {
    fn from(choice: ModeChoice) -> Self {
        match choice {
            ModeChoice::Replace => Self::Replace,
            ModeChoice::Queue => Self::Queue,
            ModeChoice::Overlap => Self::Overlap,
        }
    }
}

/// A language of the bot, or the guild's own.
#[derive(Clone, Copy, ChoiceParameter)]
enum LanguageChoice {
    #[name = "the server's own"]
    #[name_localized("de", "die des Servers")]
    Own,
    English,
    Deutsch,
}

impl From<LanguageChoice> for Option<Language> {
    fn from(choice: LanguageChoice) -> Self {
        match choice {
            LanguageChoice::Own => None,
            LanguageChoice::English => Some(Language::English),
            LanguageChoice::Deutsch => Some(Language::German),
        }
    }
}

/// See what is chosen for this server, and change it
#[poise::command(
    slash_command,
    guild_only,
    required_permissions = "MANAGE_GUILD",
    default_member_permissions = "MANAGE_GUILD",
    description_localized("de", "Zeigt und ändert, was für diesen Server gilt")
)]
#[expect(
    clippy::too_many_arguments,
    reason = "each is an option of the command"
)]
pub(super) async fn settings(
    ctx: Context<'_>,
    #[description = "What a play does to the sounds before it"]
    #[description_localized("de", "Was ein Sound mit denen vor ihm macht")]
    mode: Option<ModeChoice>,
    #[description = "Seconds until the bot leaves when it is alone; -1: never"]
    #[description_localized("de", "Sekunden, bis der Bot geht, wenn er allein ist; -1: nie")]
    #[min = -1]
    #[max = 86_400]
    leave_after_s: Option<i32>,
    #[description = "What the bot answers in"]
    #[description_localized("de", "Worin der Bot antwortet")]
    language: Option<LanguageChoice>,
    #[description = "What commands in messages begin with; - for none"]
    #[description_localized("de", "Womit Befehle in Nachrichten anfangen; - für nichts")]
    prefix: Option<String>,
    #[description = "Whether members' entrance sounds play"]
    #[description_localized("de", "Ob die Sounds der Mitglieder beim Betreten spielen")]
    entrances: Option<bool>,
    #[description = "Whether muting and unmuting at once plays a sound"]
    #[description_localized("de", "Ob kurzes Stummschalten einen Sound spielt")]
    fast_trigger: Option<bool>,
    #[description = "Whether the bot joins while a sound's name is typed"]
    #[description_localized("de", "Ob der Bot schon kommt, während ein Name getippt wird")]
    early_join: Option<bool>,
    #[description = "How loud sounds are made, in LUFS"]
    #[description_localized("de", "Wie laut Sounds gemacht werden, in LUFS")]
    #[min = -31]
    #[max = -5]
    loudness: Option<i32>,
    #[description = "A role that may play; again to take it back. With none, everybody may"]
    #[description_localized("de", "Eine Rolle, die spielen darf; noch einmal nimmt sie zurück")]
    dj_role: Option<Role>,
    #[description = "A role that may not play; again to take it back"]
    #[description_localized(
        "de",
        "Eine Rolle, die nicht spielen darf; noch einmal nimmt sie zurück"
    )]
    blocked_role: Option<Role>,
) -> Result<(), Failed> {
    acknowledge(&ctx).await?;
    let role = |role: Option<Role>| {
        let id = role.map(|role| RoleId::try_from(role.id.get()));
        id.transpose().map_err(|_| Error::BAD_REQUEST)
    };
    let now = async {
        let changes = Changes {
            prefix,
            language: language.map(|choice| Option::from(choice).into()),
            mode: mode.map(Into::into),
            volume: None,
            leave_after_s: leave_after_s.map(|seconds| match seconds {
                -1 => Nullable::Null,
                seconds => Nullable::Value(seconds.into()),
            }),
            loudness_lufs: loudness.map(|lufs| Nullable::Value(lufs.into())),
            dj_roles: role(dj_role)?.map(RoleChange::Toggle),
            blocked_roles: role(blocked_role)?.map(RoleChange::Toggle),
            entrances,
            fast_trigger,
            early_join,
        };
        let guild = asker(&ctx)?.guild;
        let data = ctx.data();
        let reads_messages = data.prefix.is_some();
        data.player.choose(guild, changes, reads_messages).await
    };
    say(&ctx, now.await.map(|now| Said::verbatim(shown(&now)))).await
}

/// All of it, by the names of the options.
fn shown(settings: &GuildSettings) -> String {
    let yes = |is_so: bool| if is_so { "✅" } else { "❌" }.to_owned();
    let roles = |roles: &[RoleId]| {
        let named: Vec<_> = roles.iter().map(|role| format!("<@&{role}>")).collect();
        named.join(" ")
    };
    let leave_after = settings
        .leave_after
        .map(|after| after.as_secs().to_string());
    let language = settings.language.map(|language| language.code().to_owned());
    let loudness = settings
        .loudness
        .map(|level| format!("{} LUFS", level.db()));
    let none = || "–".to_owned();
    let lines = [
        ("mode", settings.mode.name().to_owned()),
        ("volume", format!("{} %", settings.volume.percent())),
        ("leave_after_s", leave_after.unwrap_or_else(none)),
        ("language", language.unwrap_or_else(none)),
        (
            "prefix",
            settings.prefix.as_deref().map_or_else(none, escape),
        ),
        ("entrances", yes(settings.has_entrances)),
        ("fast_trigger", yes(settings.has_fast_trigger)),
        ("early_join", yes(settings.joins_early)),
        ("loudness", loudness.unwrap_or_else(none)),
        ("dj_role", roles(&settings.dj_roles)),
        ("blocked_role", roles(&settings.blocked_roles)),
    ];
    let lines = lines.map(|(name, value)| {
        let value = if value.is_empty() { none() } else { value };
        format!("`{name}` {value}")
    });
    lines.join("\n")
}
