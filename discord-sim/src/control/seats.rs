//! Control requests about who sits where in voice, and what the voice server does to bots.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::answer::{Answered, Body, Refused};
use super::names::{InGuild, Named, home};
use super::wait::bot;
use crate::error::SimError;
use crate::state::Shared;
use crate::state::tickets::VoiceEnd;
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
