//! Control requests about who sits where in voice, and what the voice server does to bots.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::answer::{Answered, Body, Refused};
use super::names::{InGuild, Named, OfUser, home};
use super::wait::bot;
use crate::error::SimError;
use crate::state::tickets::VoiceEnd;
use crate::state::voice::Hush;
use crate::state::{self, Shared};
use crate::world::ChannelKind;

/// Who joins or is moved, and where; the guild's first voice channel if none is named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    user: Named,
    channel: Option<Named>,
}

/// `POST /sim/guilds/{guild}/voice/join`
pub(super) async fn join(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(join): Body<Join>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        let user = join.user.user(state)?;
        let entry = home(state, guild)?;
        let first = || entry.first_channel(ChannelKind::Voice);
        let none = || Refused::unprocessable("the guild has no voice channel");
        let channel = match &join.channel {
            Some(named) => named.channel(entry)?,
            None => first().ok_or_else(none)?.id,
        };
        state.person_joins(user, guild, channel)?;
        Ok(StatusCode::NO_CONTENT)
    })
}

/// Who leaves or is disconnected.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Leave {
    user: Named,
}

/// `POST /sim/guilds/{guild}/voice/leave`
pub(super) async fn leave(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(leave): Body<Leave>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        let user = leave.user.user(state)?;
        state.person_leaves(user, guild)?;
        Ok(StatusCode::NO_CONTENT)
    })
}

/// How the voice server ends a bot's connection.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    bot: Option<Named>,
    by: By,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum By {
    Close {
        code: Option<u16>,
        #[serde(default)]
        reason: String,
    },
    Drop,
}

/// `POST /sim/guilds/{guild}/voice/end`
pub(super) async fn end(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(asked): Body<End>,
) -> Answered<StatusCode> {
    let end = match asked.by {
        By::Close {
            code: Some(code),
            reason,
        } => VoiceEnd::Close(code, reason.into()),
        By::Close { code: None, .. } => VoiceEnd::CloseWithoutCode,
        By::Drop => VoiceEnd::Drop,
    };
    shared.change(|state| {
        let user = bot(state, asked.bot.as_ref())?;
        if state.tickets.end(guild, user, end) {
            return Ok(StatusCode::NO_CONTENT);
        }
        Err(SimError::NotInVoice { user, guild }.into())
    })
}

/// What becomes of how somebody sits in voice; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// By administrators.
    mute: Option<bool>,
    deaf: Option<bool>,
    /// By itself.
    self_mute: Option<bool>,
    self_deaf: Option<bool>,
}

/// `PATCH /sim/guilds/{guild}/voice/states/{user}`
pub(super) async fn change(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    OfUser(user): OfUser,
    Body(change): Body<Change>,
) -> Answered<StatusCode> {
    let hush = Hush {
        mute: change.mute,
        deaf: change.deaf,
        self_mute: change.self_mute,
        self_deaf: change.self_deaf,
    };
    shared.change(|state| state.hush(user, guild, hush))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who plays which sound of a soundboard.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Play {
    user: Named,
    sound: Named,
}

/// `POST /sim/guilds/{guild}/voice/sounds`: to the channel that the member is in.
pub(super) async fn play_sound(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(play): Body<Play>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        let user = play.user.user(state)?;
        let sound = play.sound.sound(state)?;
        let seat = home(state, guild)?.voice.get(&user);
        let seat = seat.ok_or(SimError::NotInVoice { user, guild })?;
        state.play_sound_as_person(user, seat.channel, sound)?;
        Ok(StatusCode::NO_CONTENT)
    })
}

/// Whose voice server or encryption is meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    bot: Option<Named>,
}

/// `POST /sim/guilds/{guild}/voice/server/move`
pub(super) async fn move_server(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(whose): Body<Whose>,
) -> Answered<StatusCode> {
    operate(&shared, guild, &whose, state::State::move_voice_server)
}

/// `POST /sim/guilds/{guild}/voice/server/withdraw`
pub(super) async fn withdraw_server(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(whose): Body<Whose>,
) -> Answered<StatusCode> {
    operate(&shared, guild, &whose, state::State::withdraw_voice_server)
}

/// `POST /sim/guilds/{guild}/voice/dave/restart`
pub(super) async fn restart_dave(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(whose): Body<Whose>,
) -> Answered<StatusCode> {
    operate(&shared, guild, &whose, |state, bot, guild| {
        state.restart_dave_of(guild, bot)
    })
}

fn operate(
    shared: &Shared,
    guild: u64,
    whose: &Whose,
    operation: impl FnOnce(&mut state::State, u64, u64) -> bool,
) -> Answered<StatusCode> {
    shared.change(|state| {
        let user = bot(state, whose.bot.as_ref())?;
        if operation(state, user, guild) {
            return Ok(StatusCode::NO_CONTENT);
        }
        Err(SimError::NotInVoice { user, guild }.into())
    })
}
