//! Control requests that make people do something.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ControlError, first_bot, guild_id};
use crate::error::SimError;
use crate::heard::recording::Recording;
use crate::state::interactions::Choice;
use crate::state::interactions::command::Use;
use crate::state::{self, Shared};
use crate::world::{ChannelKind, snowflake};

type Body<T> = Result<Json<T>, JsonRejection>;

/// Who joins, and where; the guild's first voice channel if none is named.
#[derive(Deserialize)]
pub(super) struct Join {
    user: Value,
    #[serde(default)]
    channel: Value,
}

/// `POST /sim/guilds/{guild}/voice/join`
pub(super) async fn join_voice(
    State(shared): State<Arc<Shared>>,
    Path(guild): Path<String>,
    body: Body<Join>,
) -> Result<StatusCode, ControlError> {
    let guild = guild_id(&shared, &guild)?;
    let Json(join) = body.map_err(refused)?;
    let user = user_id(&shared, &join.user)?;
    let first = || {
        shared.read(|state| {
            Some(
                state
                    .find_guild(guild)?
                    .first_channel(ChannelKind::Voice)?
                    .id,
            )
        })
    };
    let channel = snowflake::read(&join.channel).or_else(first).unwrap_or(0);
    shared.change(|state| state.person_joins(user, guild, channel))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who acts.
#[derive(Deserialize)]
pub(super) struct Who {
    user: Value,
}

/// `POST /sim/guilds/{guild}/voice/leave`
pub(super) async fn leave_voice(
    State(shared): State<Arc<Shared>>,
    Path(guild): Path<String>,
    body: Body<Who>,
) -> Result<StatusCode, ControlError> {
    let guild = guild_id(&shared, &guild)?;
    let user = user_id(&shared, &body.map_err(refused)?.user)?;
    shared.change(|state| state.person_leaves(user, guild))?;
    Ok(StatusCode::NO_CONTENT)
}

/// A command and its options, as text.
#[derive(Deserialize)]
pub(super) struct Slash {
    user: Value,
    command: String,
    #[serde(default)]
    options: BTreeMap<String, String>,
}

/// `POST /sim/guilds/{guild}/slash`
pub(super) async fn slash(
    State(shared): State<Arc<Shared>>,
    Path(guild): Path<String>,
    body: Body<Slash>,
) -> Result<Json<Value>, ControlError> {
    let guild = guild_id(&shared, &guild)?;
    let Json(slash) = body.map_err(refused)?;
    let user = user_id(&shared, &slash.user)?;
    let options = slash.options.iter();
    let options = options
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect::<Vec<_>>();
    let command = &slash.command;
    let using = Use {
        bot: None,
        user,
        guild,
        command,
        options: &options,
        completing: None,
    };
    let reply = shared.slash(&using).await?;
    Ok(Json(json!({
        "content": reply.content,
        "ephemeral": reply.ephemeral,
        "deferred": reply.deferred,
        "acknowledged_after_ms": reply.acknowledged_after.as_millis(),
        "replied_after_ms": reply.replied_after.as_millis(),
        "message": reply.message,
    })))
}

/// An option and what has been typed into it.
#[derive(Deserialize)]
pub(super) struct Autocomplete {
    user: Value,
    command: String,
    option: String,
    #[serde(default)]
    partial: String,
}

/// `POST /sim/guilds/{guild}/autocomplete`
pub(super) async fn autocomplete(
    State(shared): State<Arc<Shared>>,
    Path(guild): Path<String>,
    body: Body<Autocomplete>,
) -> Result<Json<Vec<Choice>>, ControlError> {
    let guild = guild_id(&shared, &guild)?;
    let Json(typed) = body.map_err(refused)?;
    let user = user_id(&shared, &typed.user)?;
    let completing = Some((typed.option.as_str(), typed.partial.as_str()));
    let using = Use {
        bot: None,
        user,
        guild,
        command: &typed.command,
        options: &[],
        completing,
    };
    Ok(Json(shared.autocomplete(&using).await?))
}

/// `DELETE /sim/requests`
pub(super) async fn clear_requests(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.change(state::State::clear_requests);
    StatusCode::NO_CONTENT
}

/// `DELETE /sim/guilds/{guild}/heard`
pub(super) async fn clear_heard(
    State(shared): State<Arc<Shared>>,
    Path(guild): Path<String>,
) -> Result<Json<Value>, ControlError> {
    let guild = guild_id(&shared, &guild)?;
    shared
        .hub
        .change(guild, first_bot(&shared), Recording::clear);
    Ok(Json(json!({})))
}

/// A user by name or id.
fn user_id(shared: &Shared, user: &Value) -> Result<u64, SimError> {
    shared.read(|state| {
        let named = user
            .as_str()
            .and_then(|name| state.find_user_named(name))
            .map(|user| user.id);
        let id = named.or_else(|| snowflake::read(user)).unwrap_or(0);
        if state.users.contains_key(&id) {
            Ok(id)
        } else {
            Err(SimError::UnknownUser(id))
        }
    })
}

pub(super) fn refused(rejection: JsonRejection) -> ControlError {
    ControlError(rejection.status(), rejection.body_text())
}
