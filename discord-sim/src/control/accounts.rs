//! Control requests about people: their accounts, and what they are in guilds.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::answer::{Answered, Body, Refused};
use super::guilds::created;
use super::names::{InGuild, Named, OfUser, home};
use crate::error::SimError;
use crate::state::Shared;
use crate::world::presence::Presence;
use crate::world::{Activity, Status, User};

/// A new person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    username: String,
    global_name: Option<String>,
}

/// `POST /sim/users`
pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    Body(new): Body<NewUser>,
) -> Answered<(StatusCode, Json<Value>)> {
    shared.change(|state| {
        if state.find_user_named(&new.username).is_some() {
            let reason = format!("the name {} is taken", new.username);
            return Err(Refused::unprocessable(reason));
        }
        let id = state.next_id();
        let mut user = User::new(id, &new.username);
        user.global_name = new.global_name;
        state.users.insert(id, user);
        Ok(created(id))
    })
}

/// What becomes of an account; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    username: Option<String>,
    /// Nothing, as text, takes it away.
    global_name: Option<String>,
    discriminator: Option<String>,
}

/// `PATCH /sim/users/{user}`
pub(super) async fn change(
    State(shared): State<Arc<Shared>>,
    OfUser(user): OfUser,
    Body(change): Body<Change>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        state.change_user(user, |account| {
            if let Some(name) = change.username {
                account.username = name;
            }
            if let Some(name) = change.global_name {
                account.global_name = Some(name).filter(|name| !name.is_empty());
            }
            if let Some(discriminator) = change.discriminator {
                account.discriminator = discriminator;
            }
        })
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether somebody is there, and what it does.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    status: Availability,
    #[serde(default)]
    activities: Vec<Doing>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Availability {
    Online,
    Idle,
    Dnd,
    Offline,
}

impl From<Availability> for Status {
    fn from(status: Availability) -> Status {
        match status {
            Availability::Online => Status::Online,
            Availability::Idle => Status::Idle,
            Availability::Dnd => Status::DoNotDisturb,
            Availability::Offline => Status::Offline,
        }
    }
}

/// An activity as bots send it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Doing {
    #[serde(rename = "type")]
    kind: u8,
    name: String,
    state: Option<String>,
    url: Option<String>,
}

impl From<Doing> for Activity {
    fn from(doing: Doing) -> Activity {
        let Doing {
            kind,
            name,
            state,
            url,
        } = doing;
        Activity {
            kind,
            name,
            state,
            url,
        }
    }
}

/// `PUT /sim/users/{user}/presence`
pub(super) async fn set_presence(
    State(shared): State<Arc<Shared>>,
    OfUser(user): OfUser,
    Body(shown): Body<Shown>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        let presence = Presence {
            status: shown.status.into(),
            activities: shown.activities.into_iter().map(Activity::from).collect(),
            since_ms: state.now_ms(),
        };
        state.set_presence(user, presence)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /sim/users/{user}/consents`
pub(super) async fn withdraw(
    State(shared): State<Arc<Shared>>,
    OfUser(user): OfUser,
) -> StatusCode {
    shared.change(|state| state.grants.withdraw(user));
    StatusCode::NO_CONTENT
}

/// Where users may be sent back to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Redirect {
    uri: String,
}

/// `POST /sim/redirect-uris`: for every application.
pub(super) async fn add_redirect(
    State(shared): State<Arc<Shared>>,
    Body(redirect): Body<Redirect>,
) -> StatusCode {
    shared.change(|state| state.add_redirect_uri(&redirect.uri));
    StatusCode::NO_CONTENT
}

/// Who becomes a member.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Who {
    user: Named,
}

/// `POST /sim/guilds/{guild}/members`
pub(super) async fn add_member(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(who): Body<Who>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        let user = who.user.user(state)?;
        state.add_member(guild, user)?;
        Ok(StatusCode::NO_CONTENT)
    })
}

/// `DELETE /sim/guilds/{guild}/members/{user}`
pub(super) async fn remove_member(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    OfUser(user): OfUser,
) -> Answered<StatusCode> {
    shared.change(|state| state.remove_member(guild, user))?;
    Ok(StatusCode::NO_CONTENT)
}

/// What becomes of a member; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeMember {
    roles: Option<Vec<Named>>,
    /// Nothing, as text, takes it away.
    nick: Option<String>,
    /// For how long from now; 0 ends a time-out.
    timeout_ms: Option<u64>,
}

/// `PATCH /sim/guilds/{guild}/members/{user}`
pub(super) async fn change_member(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    OfUser(user): OfUser,
    Body(change): Body<ChangeMember>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        let entry = home(state, guild)?;
        if !entry.members.contains_key(&user) {
            return Err(SimError::NotAMember { user, guild }.into());
        }
        let roles = change.roles.as_ref();
        let roles = roles.map(|roles| roles.iter().map(|role| role.role(entry)).collect());
        let roles: Option<Vec<u64>> = roles.transpose()?;
        let now_ms = state.now_ms();
        state.change_member(guild, user, |member| {
            if let Some(roles) = roles {
                member.roles = roles;
            }
            if let Some(nick) = change.nick {
                member.nick = Some(nick).filter(|nick| !nick.is_empty());
            }
            if let Some(timeout_ms) = change.timeout_ms {
                let until_ms = now_ms.saturating_add(timeout_ms);
                member.timeout_until_ms = Some(until_ms).filter(|_| timeout_ms > 0);
            }
        })?;
        Ok(StatusCode::NO_CONTENT)
    })
}

/// `PUT /sim/guilds/{guild}/bans/{user}`
pub(super) async fn ban(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    OfUser(user): OfUser,
) -> Answered<StatusCode> {
    shared.change(|state| state.ban(guild, user))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /sim/guilds/{guild}/bans/{user}`
pub(super) async fn unban(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    OfUser(user): OfUser,
) -> Answered<StatusCode> {
    shared.change(|state| state.unban(guild, user))?;
    Ok(StatusCode::NO_CONTENT)
}
