//! Control requests about guilds, their roles and their channels.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answered, Body, Refused};
use super::names::{Bits, InChannel, InGuild, Named, OfRole, home};
use crate::error::SimError;
use crate::state::Shared;
use crate::world::{Channel, ChannelKind, OverwriteTarget};

/// What becomes of a guild; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    name: Option<String>,
    owner: Option<Named>,
    available: Option<bool>,
}

/// `PATCH /sim/guilds/{guild}`
pub(super) async fn change(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(change): Body<Change>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        if let Some(owner) = &change.owner {
            let user = owner.user(state)?;
            let member = state.find_member(guild, user);
            member.ok_or(SimError::NotAMember { user, guild })?;
            state.change_guild(guild, |entry| entry.owner = user)?;
        }
        if let Some(name) = change.name {
            state.change_guild(guild, |entry| entry.name = name)?;
        }
        if let Some(available) = change.available {
            state.set_available(guild, available)?;
        }
        Ok(StatusCode::NO_CONTENT)
    })
}

/// A new role.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRole {
    name: String,
    #[serde(default)]
    permissions: Bits,
}

/// `POST /sim/guilds/{guild}/roles`
pub(super) async fn add_role(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(role): Body<NewRole>,
) -> Answered<(StatusCode, Json<Value>)> {
    let id = shared.change(|state| state.add_role(guild, &role.name, role.permissions.0))?;
    Ok(created(id))
}

/// What becomes of a role; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeRole {
    permissions: Option<Bits>,
    /// Right above `@everyone` is 1.
    position: Option<usize>,
}

/// `PATCH /sim/guilds/{guild}/roles/{role}`
pub(super) async fn change_role(
    State(shared): State<Arc<Shared>>,
    OfRole { guild, role }: OfRole,
    Body(change): Body<ChangeRole>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        if let Some(Bits(permissions)) = change.permissions {
            state.set_role_permissions(guild, role, permissions)?;
        }
        if let Some(place) = change.position {
            state.move_role(guild, role, place)?;
        }
        Ok(StatusCode::NO_CONTENT)
    })
}

/// `DELETE /sim/guilds/{guild}/roles/{role}`
pub(super) async fn remove_role(
    State(shared): State<Arc<Shared>>,
    OfRole { guild, role }: OfRole,
) -> Answered<StatusCode> {
    shared.change(|state| state.remove_role(guild, role))?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new channel.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewChannel {
    name: String,
    kind: ChannelKind,
    parent: Option<Named>,
    #[serde(default)]
    user_limit: u32,
}

/// `POST /sim/guilds/{guild}/channels`
pub(super) async fn add_channel(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(new): Body<NewChannel>,
) -> Answered<(StatusCode, Json<Value>)> {
    let id = shared.change(|state| {
        let parent = new.parent.as_ref();
        let parent = parent.map(|named| named.channel(home(state, guild)?));
        let channel = Channel {
            parent: parent.transpose()?,
            user_limit: new.user_limit,
            ..Channel::new(0, &new.name, new.kind)
        };
        Ok::<_, Refused>(state.add_channel(guild, channel)?)
    })?;
    Ok(created(id))
}

/// What becomes of a channel; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeChannel {
    name: Option<String>,
    user_limit: Option<u32>,
    /// A category.
    parent: Option<Named>,
}

/// `PATCH /sim/guilds/{guild}/channels/{channel}`
pub(super) async fn change_channel(
    State(shared): State<Arc<Shared>>,
    InChannel { guild, channel }: InChannel,
    Body(change): Body<ChangeChannel>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        let parent = change.parent.as_ref();
        let parent = parent.map(|named| named.channel(home(state, guild)?));
        let parent = parent.transpose()?;
        state.change_channel(channel, |entry| {
            entry.parent = parent.or(entry.parent);
            entry.name = change.name.unwrap_or_else(|| entry.name.clone());
            entry.user_limit = change.user_limit.unwrap_or(entry.user_limit);
        })?;
        Ok(StatusCode::NO_CONTENT)
    })
}

/// `DELETE /sim/guilds/{guild}/channels/{channel}`
pub(super) async fn remove_channel(
    State(shared): State<Arc<Shared>>,
    InChannel { channel, .. }: InChannel,
) -> Answered<StatusCode> {
    shared.change(|state| state.remove_channel(channel))?;
    Ok(StatusCode::NO_CONTENT)
}

/// An exception in one channel, for a role or a member; without bits there is none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Overwrite {
    role: Option<Named>,
    user: Option<Named>,
    #[serde(default)]
    allow: Bits,
    #[serde(default)]
    deny: Bits,
}

/// `PUT /sim/guilds/{guild}/channels/{channel}/overwrite`
pub(super) async fn set_overwrite(
    State(shared): State<Arc<Shared>>,
    InChannel { guild, channel }: InChannel,
    Body(asked): Body<Overwrite>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        let target = match (&asked.role, &asked.user) {
            (Some(role), None) => OverwriteTarget::Role(role.role(home(state, guild)?)?),
            (None, Some(user)) => OverwriteTarget::Member(user.user(state)?),
            _ => return Err(Refused::unprocessable("name either a role or a user")),
        };
        state.set_overwrite(channel, Some(target), asked.allow.0, asked.deny.0)?;
        Ok(StatusCode::NO_CONTENT)
    })
}

/// Something new, by its id.
pub(super) fn created(id: u64) -> (StatusCode, Json<Value>) {
    (StatusCode::CREATED, Json(json!({ "id": id.to_string() })))
}
