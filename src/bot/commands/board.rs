//! `/board`: a panel of buttons, one for each sound. It keeps nothing anywhere: each button says
//! itself what it does, so that a panel works for as long as its message stands.

use poise::{CreateReply, FrameworkContext};
use serenity::Error as Failed;
use serenity::all::{ComponentInteraction, FullEvent, Interaction};
use serenity::builder::{
    CreateActionRow, CreateAllowedMentions, CreateButton, CreateInteractionResponse,
    CreateInteractionResponseFollowup, CreateInteractionResponseMessage,
};
use serenity::model::application::ButtonStyle;

use super::{Context, Data, Said, asker, describe_rights, log_failure, say};
use crate::bot::directory::from_discord;
use crate::domain::library::Library;
use crate::domain::player::Asker;
use crate::domain::settings::Language;
use crate::error::Error;
use crate::ids::GuildId;

/// Buttons in a row, and rows of sounds; Discord's fifth row is for the panel itself.
const ROW: usize = 5;
const ROWS: usize = 4;
const PAGE: usize = ROW * ROWS;
/// What a button carries, with Discord's bound on it.
const PLAY: &str = "board:play:";
const TURN: &str = "board:page:";
const RANDOM: &str = "board:random";
const STOP: &str = "board:stop";
const CARRIED_CHARS_MAX: usize = 100;
const LABEL_CHARS_MAX: usize = 80;

/// Post a panel of buttons, one for each sound
#[poise::command(
    slash_command,
    prefix_command,
    guild_only,
    description_localized("de", "Zeigt Knöpfe für alle Sounds")
)]
pub(super) async fn board(ctx: Context<'_>) -> Result<(), Failed> {
    let allowed = match asker(&ctx) {
        Ok(asker) => {
            let may_play = ctx.data().player.check_may_play(&asker).await;
            may_play.map(|()| asker.guild)
        }
        Err(error) => Err(error),
    };
    let guild = match allowed {
        Ok(guild) => guild,
        Err(error) => return say(&ctx, Err(error)).await,
    };
    let panel = Panel::new(&ctx.data().library, guild, 0);
    if panel.pages == 0 {
        return say(&ctx, Ok(Said::plain("there are no sounds yet"))).await;
    }
    let reply = CreateReply::default()
        .content(panel.text(super::language(&ctx).await))
        .components(panel.rows)
        .reply(true);
    ctx.send(reply).await.map(drop)
}

/// A page of the panel.
struct Panel {
    rows: Vec<CreateActionRow>,
    /// How many pages there are, each with a sound at least.
    pages: usize,
    sounds: usize,
}

impl Panel {
    /// The page of this number, counted from 0, or the last one where sounds have gone.
    fn new(library: &Library, guild: GuildId, page: usize) -> Self {
        let sounds = library.list_in(guild);
        let carried = |name: &str| format!("{PLAY}{name}");
        let names: Vec<_> = sounds
            .iter()
            .filter(|sound| carried(&sound.name).chars().count() <= CARRIED_CHARS_MAX)
            .collect();
        let pages = names.len().div_ceil(PAGE);
        let page = page.min(pages.saturating_sub(1));
        let shown = names.iter().skip(page * PAGE).take(PAGE);
        let buttons: Vec<_> = shown
            .map(|sound| {
                let label: String = sound.stem.chars().take(LABEL_CHARS_MAX).collect();
                CreateButton::new(carried(&sound.name))
                    .label(label)
                    .style(ButtonStyle::Secondary)
            })
            .collect();
        let mut rows: Vec<_> = buttons
            .chunks(ROW)
            .map(|row| CreateActionRow::Buttons(row.to_vec()))
            .collect();
        rows.push(CreateActionRow::Buttons(controls(page, pages)));
        Self {
            rows,
            pages,
            sounds: names.len(),
        }
    }

    fn text(&self, language: Language) -> String {
        language.say("{} sounds", &[&self.sounds.to_string()])
    }
}

/// The row for the panel itself: turning pages, any sound, silence.
fn controls(page: usize, pages: usize) -> Vec<CreateButton> {
    let turn = |to: Option<usize>, here: &str, label: &str| {
        // Two buttons may not carry the same, even where they do nothing.
        let carried = to.map_or_else(|| format!("{TURN}{here}"), |to| format!("{TURN}{to}"));
        CreateButton::new(carried)
            .label(label)
            .style(ButtonStyle::Primary)
            .disabled(to.is_none())
    };
    let next = Some(page + 1).filter(|next| *next < pages);
    let place = format!("{}/{pages}", page + 1);
    vec![
        turn(page.checked_sub(1), "first", "◀"),
        turn(None, "here", &place).style(ButtonStyle::Secondary),
        turn(next, "last", "▶"),
        CreateButton::new(RANDOM)
            .label("🎲")
            .style(ButtonStyle::Primary),
        CreateButton::new(STOP)
            .label("⏹")
            .style(ButtonStyle::Danger),
    ]
}

/// What poise leaves alone: presses of the panel's buttons.
pub(super) async fn on_event(
    ctx: FrameworkContext<'_, Data, Failed>,
    event: &FullEvent,
) -> Result<(), Failed> {
    if let FullEvent::InteractionCreate {
        interaction: Interaction::Component(press),
    } = event
    {
        return pressed(ctx, press).await;
    }
    Ok(())
}

async fn pressed(
    ctx: FrameworkContext<'_, Data, Failed>,
    press: &ComponentInteraction,
) -> Result<(), Failed> {
    let http = ctx.serenity_context;
    let data = ctx.user_data;
    let button = press.data.custom_id.as_str();
    let known = Language::of(press.guild_locale.as_deref());
    let guild = press.guild_id.and_then(from_discord);
    let language = data.language(guild, known).await;
    let asker = asker_of(data, press);
    if let (Some(page), Ok(asker)) = (button.strip_prefix(TURN), &asker) {
        let panel = Panel::new(&data.library, asker.guild, page.parse().unwrap_or(0));
        let message = CreateInteractionResponseMessage::new()
            .content(panel.text(language))
            .components(panel.rows);
        let update = CreateInteractionResponse::UpdateMessage(message);
        return press.create_response(http, update).await;
    }
    let act = async {
        match asker {
            Ok(asker) => act(data, asker, press, button).await,
            Err(error) => Err(error),
        }
    };
    // Joining takes longer than Discord waits for an answer, and a sound need not wait for it.
    let seen = press.create_response(http, CreateInteractionResponse::Acknowledge);
    let (seen, done) = tokio::join!(seen, act);
    seen?;
    let Err(error) = done else { return Ok(()) };
    log_failure(&error, "board");
    let refusal = CreateInteractionResponseFollowup::new()
        .content(language.say(&error.to_string(), &[]))
        .ephemeral(true)
        .allowed_mentions(CreateAllowedMentions::new());
    press.create_followup(http, refusal).await.map(drop)
}

async fn act(
    data: &Data,
    asker: Asker,
    press: &ComponentInteraction,
    button: &str,
) -> Result<(), Error> {
    let tag = super::tag_of(&press.user);
    let player = &data.player;
    match button {
        RANDOM => player.play_random(asker, tag, None).await.map(drop),
        STOP => player.stop(&asker).await.map(drop),
        button => match button.strip_prefix(PLAY) {
            Some(sound) => player.play(asker, tag, sound).await.map(drop),
            None => Err(Error::BAD_REQUEST),
        },
    }
}

/// Who has pressed, charged for it.
fn asker_of(data: &Data, press: &ComponentInteraction) -> Result<Asker, Error> {
    let guild = press.guild_id.and_then(from_discord);
    let member = press.member.as_ref().map(describe_rights);
    data.admit(guild, &press.user, member)
}
