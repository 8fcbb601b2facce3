//! The roles of guilds, and who has them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::actor::Actor;
use super::body::{JsonBody, Path, snowflake};
use super::caller::Bot;
use crate::protocol::api_error::ApiError;
use crate::protocol::form::Form;
use crate::state::Shared;
use crate::state::by_bots::roles::RoleDraft;
use crate::world::{MOST_ROLES, wire};

/// The routes of roles.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(
            "/guilds/{guild}/roles",
            get(list).post(create).patch(reorder),
        )
        .route(
            "/guilds/{guild}/roles/{role}",
            get(get_one).patch(edit).delete(delete),
        )
        .route(
            "/guilds/{guild}/members/{user}/roles/{role}",
            put(give).delete(take),
        )
}

/// `GET /guilds/{guild}/roles`
async fn list(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(guild): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    shared.read(|state| Ok(Json(json!(wire::roles(state.home(guild, bot)?)))))
}

/// `GET /guilds/{guild}/roles/{role}`
async fn get_one(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path((guild, role)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let (guild, role) = (snowflake("guild_id", &guild)?, snowflake("role_id", &role)?);
    shared
        .read(|state| state.read_role(bot, guild, role))
        .map(Json)
}

/// `POST /guilds/{guild}/roles`
async fn create(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(guild): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    let draft = RoleDraft::read(&body)?;
    let role = actor.change(&shared, |state, bot| {
        state.create_role_as_bot(bot, guild, draft)
    })?;
    Ok(Json(role))
}

/// `PATCH /guilds/{guild}/roles`
async fn reorder(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(guild): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    // The body is the list itself.
    let body = json!({ "roles": body });
    let mut form = Form::new(&body);
    let moves = form.objects("roles", 0..=MOST_ROLES, |entry| {
        entry.require("id");
        let role = entry.id("id").unwrap_or(0);
        let place = entry.count("position", 1..=u32::from(u16::MAX));
        place.map(|place| (role, place))
    });
    form.finish()?;
    // Of a role that is named twice, the last place counts.
    let moves = moves.into_iter().flatten().flatten().collect();
    let roles = actor.change(&shared, |state, bot| {
        state.move_roles_as_bot(bot, guild, &moves)
    })?;
    Ok(Json(roles))
}

/// `PATCH /guilds/{guild}/roles/{role}`
async fn edit(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path((guild, role)): Path<(String, String)>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let (guild, role) = (snowflake("guild_id", &guild)?, snowflake("role_id", &role)?);
    let draft = RoleDraft::read(&body)?;
    let role = actor.change(&shared, |state, bot| {
        state.change_role_as_bot(bot, guild, role, draft)
    })?;
    Ok(Json(role))
}

/// `DELETE /guilds/{guild}/roles/{role}`
async fn delete(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path((guild, role)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (guild, role) = (snowflake("guild_id", &guild)?, snowflake("role_id", &role)?);
    actor.change(&shared, |state, bot| {
        state.remove_role_as_bot(bot, guild, role)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /guilds/{guild}/members/{user}/roles/{role}`
async fn give(
    state: State<Arc<Shared>>,
    actor: Actor,
    path: Path<(String, String, String)>,
) -> Result<StatusCode, ApiError> {
    set(state, actor, path, true)
}

/// `DELETE /guilds/{guild}/members/{user}/roles/{role}`
async fn take(
    state: State<Arc<Shared>>,
    actor: Actor,
    path: Path<(String, String, String)>,
) -> Result<StatusCode, ApiError> {
    set(state, actor, path, false)
}

fn set(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path((guild, user, role)): Path<(String, String, String)>,
    on: bool,
) -> Result<StatusCode, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    let (user, role) = (snowflake("user_id", &user)?, snowflake("role_id", &role)?);
    actor.change(&shared, |state, bot| {
        state.give_role_as_bot(bot, guild, (user, role), on)
    })?;
    Ok(StatusCode::NO_CONTENT)
}
