//! Users as they see themselves and each other, and what a token stands for.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::body::{JsonBody, Path, Query, snowflake};
use super::caller::{Bot, Caller};
use crate::protocol::api_error::ApiError;
use crate::protocol::form::Form;
use crate::state::Shared;
use crate::state::places::Place;
use crate::world::snowflake::iso;
use crate::world::{permissions, wire};

const MOST_GUILDS: u32 = 200;

/// `GET /users/@me`
pub(super) async fn me(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
) -> Result<Json<Value>, ApiError> {
    let user = caller.user_with("identify")?;
    let with_email = matches!(caller, Caller::User(_)) && caller.user_with("email").is_ok();
    shared.read(|state| {
        let user = state.users.get(&user).ok_or(ApiError::UNKNOWN_USER)?;
        Ok(Json(wire::current_user(user, with_email)))
    })
}

/// `GET /users/{user}`
pub(super) async fn user(
    State(shared): State<Arc<Shared>>,
    _: Bot,
    Path(user): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let user = snowflake("user_id", &user)?;
    shared.read(|state| {
        let user = state.users.get(&user).ok_or(ApiError::UNKNOWN_USER)?;
        Ok(Json(wire::user(user)))
    })
}

/// `POST /users/@me/channels`: opens direct messages with a person.
pub(super) async fn open_direct(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let mut form = Form::new(&body);
    form.require("recipient_id");
    let person = form.id("recipient_id").unwrap_or(0);
    form.finish()?;
    shared.change(|state| {
        let user = state.users.get(&person);
        let user = user.ok_or(ApiError::INVALID_RECIPIENT)?;
        if user.bot {
            return Err(ApiError::CANNOT_MESSAGE);
        }
        let id = state.open_direct(bot, person);
        match state.find_place(id) {
            Some(Place::Direct(direct)) => Ok(Json(state.show_direct(direct))),
            _ => Err(ApiError::UNKNOWN_CHANNEL),
        }
    })
}

/// `GET /users/@me/guilds`
pub(super) async fn my_guilds(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    query: Query,
) -> Result<Json<Value>, ApiError> {
    let user = caller.user_with("guilds")?;
    let mut form = query.form();
    let limit = form.count("limit", 1..=MOST_GUILDS).unwrap_or(200);
    let (before, after) = (form.id("before"), form.id("after"));
    let with_counts = form.flag("with_counts").unwrap_or(false);
    form.finish()?;
    shared.read(|state| {
        let now_ms = state.now_ms();
        let mut mine = state
            .guilds
            .iter()
            .filter(|guild| guild.members.contains_key(&user))
            .filter(|guild| after.is_none_or(|after| guild.id > after))
            .filter(|guild| before.is_none_or(|before| guild.id < before))
            .collect::<Vec<_>>();
        mine.sort_by_key(|guild| guild.id);
        if before.is_some() && after.is_none() {
            // Discord counts a page before an id from that id backwards.
            mine = mine.split_off(mine.len().saturating_sub(limit));
        }
        let guilds = mine.into_iter().take(limit).map(|guild| {
            let mut value = json!({
                "id": guild.id.to_string(),
                "name": guild.name,
                "icon": null,
                "banner": null,
                "owner": guild.owner == user,
                "permissions": permissions::in_guild(guild, user, now_ms).to_string(),
                "features": [],
            });
            if with_counts {
                value["approximate_member_count"] = json!(guild.members.len());
                value["approximate_presence_count"] = json!(guild.members.len());
            }
            value
        });
        Ok(Json(guilds.collect()))
    })
}

/// `DELETE /users/@me/guilds/{guild}`: a bot leaves.
pub(super) async fn leave_guild(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(guild): Path<String>,
) -> Result<StatusCode, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    let left = shared.change(|state| state.remove_member(guild, bot));
    left.map(|()| StatusCode::NO_CONTENT)
        .map_err(|_| ApiError::UNKNOWN_GUILD)
}

/// `GET /users/@me/guilds/{guild}/member`
pub(super) async fn my_member(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(guild): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let Caller::User(_) = caller else {
        return Err(ApiError::UNAUTHORIZED);
    };
    let user = caller.user_with("guilds.members.read")?;
    let guild = snowflake("guild_id", &guild)?;
    shared.read(|state| {
        let member = state
            .find_member(guild, user)
            .ok_or(ApiError::UNKNOWN_GUILD)?;
        Ok(Json(wire::member(state, member)))
    })
}

/// `GET /oauth2/@me`
pub(super) async fn authorization(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    headers: axum::http::HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let Caller::User(consent) = caller else {
        return Err(ApiError::UNAUTHORIZED);
    };
    let token = headers.get(axum::http::header::AUTHORIZATION);
    let token = token
        .and_then(|value| value.to_str().ok())
        .and_then(|v| v.split_once(' '));
    let (_, token) = token.ok_or(ApiError::UNAUTHORIZED)?;
    shared.read(|state| {
        let token = state.grants.find_access(token, state.now_ms());
        let expires_ms = token.ok_or(ApiError::UNAUTHORIZED)?.expires_ms;
        let application = state.find_application(consent.application);
        let application = application.ok_or(ApiError::UNAUTHORIZED)?;
        let may_know = consent.scopes.iter().any(|scope| scope == "identify");
        let mut value = json!({
            "application": {
                "id": application.id.to_string(),
                "name": application.name,
                "icon": null,
                "description": application.description,
                "hook": true,
                "bot_public": true,
                "bot_require_code_grant": false,
                "verify_key": format!("{:064x}", application.id),
            },
            "scopes": consent.scopes,
            "expires": iso(expires_ms),
        });
        if let Some(user) = state.users.get(&consent.user).filter(|_| may_know) {
            value["user"] = wire::user(user);
        }
        Ok(Json(value))
    })
}
