//! The members of guilds, and who is banned.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::actor::Actor;
use super::body::{JsonBody, OptionalBody, Path, Query, snowflake};
use super::caller::Bot;
use crate::protocol::api_error::ApiError;
use crate::protocol::form::Form;
use crate::protocol::intents::GUILD_MEMBERS;
use crate::state::Shared;
use crate::state::by_bots::bans::read_deletion;
use crate::state::by_bots::members::{MemberDraft, read_nick};
use crate::world::wire;

const MOST_MEMBERS: u32 = 1_000;
const MOST_BANS_AT_ONCE: usize = 200;

/// The routes of members and bans.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/guilds/{guild}/members", get(list))
        .route("/guilds/{guild}/members/search", get(search))
        .route("/guilds/{guild}/members/@me", patch(edit_own))
        .route("/guilds/{guild}/members/@me/nick", patch(rename))
        .route(
            "/guilds/{guild}/members/{user}",
            get(get_one).patch(edit).delete(kick),
        )
        .route("/guilds/{guild}/bans", get(bans))
        .route(
            "/guilds/{guild}/bans/{user}",
            get(get_ban).put(ban).delete(unban),
        )
        .route("/guilds/{guild}/bulk-ban", post(ban_many))
}

/// `GET /guilds/{guild}/members`: for bots with the members intent only.
async fn list(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(guild): Path<String>,
    query: Query,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    let mut form = query.form();
    let limit = form.count("limit", 1..=MOST_MEMBERS).unwrap_or(1);
    let after = form.id("after");
    form.finish()?;
    shared.read(|state| {
        let guild = state.home(guild, bot)?;
        let application = state.find_application(bot).ok_or(ApiError::UNAUTHORIZED)?;
        if application.privileged_intents & GUILD_MEMBERS == 0 {
            return Err(ApiError::MISSING_ACCESS);
        }
        let members = guild
            .members
            .range(after.map_or(0, |after| after.saturating_add(1))..);
        let members = members
            .take(limit)
            .map(|(_, member)| wire::member(state, member));
        Ok(Json(members.collect()))
    })
}

/// `GET /guilds/{guild}/members/search`
async fn search(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(guild): Path<String>,
    query: Query,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    let mut form = query.form();
    form.require("query");
    let wanted = form.text("query", 1..=100).unwrap_or_default();
    let limit = form.count("limit", 1..=MOST_MEMBERS).unwrap_or(1);
    form.finish()?;
    shared.read(|state| {
        let guild = state.home(guild, bot)?;
        let members = guild.members.values();
        let found = members.filter(|member| state.answers_to(member, &wanted));
        Ok(Json(
            found
                .take(limit)
                .map(|member| wire::member(state, member))
                .collect(),
        ))
    })
}

/// `GET /guilds/{guild}/members/{user}`
async fn get_one(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(path): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let (guild, user) = ids(&path)?;
    shared
        .read(|state| state.read_member(bot, guild, user))
        .map(Json)
}

/// `PATCH /guilds/{guild}/members/{user}`
async fn edit(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(path): Path<(String, String)>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let (guild, user) = ids(&path)?;
    let draft = MemberDraft::read(&body)?;
    let member = actor.change(&shared, |state, bot| {
        state.change_member_as_bot(bot, guild, user, draft)
    })?;
    Ok(Json(member))
}

/// `PATCH /guilds/{guild}/members/@me`
async fn edit_own(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(guild): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    let mut form = Form::new(&body);
    let nick = read_nick(&mut form);
    form.finish()?;
    let member = actor.change(&shared, |state, bot| state.rename_as_bot(bot, guild, nick))?;
    Ok(Json(member))
}

/// `PATCH /guilds/{guild}/members/@me/nick`: the older way.
async fn rename(
    shared: State<Arc<Shared>>,
    actor: Actor,
    guild: Path<String>,
    body: JsonBody,
) -> Result<Json<Value>, ApiError> {
    let Json(member) = edit_own(shared, actor, guild, body).await?;
    Ok(Json(json!({ "nick": member["nick"] })))
}

/// `DELETE /guilds/{guild}/members/{user}`
async fn kick(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(path): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (guild, user) = ids(&path)?;
    actor.change(&shared, |state, bot| state.kick_as_bot(bot, guild, user))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /guilds/{guild}/bans`
async fn bans(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(guild): Path<String>,
    query: Query,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    let mut form = query.form();
    let limit = form.count("limit", 1..=MOST_MEMBERS).unwrap_or(1_000);
    let between = (form.id("after"), form.id("before"));
    form.finish()?;
    let bans = shared.read(|state| state.read_bans(bot, guild, between, limit))?;
    Ok(Json(json!(bans)))
}

/// `GET /guilds/{guild}/bans/{user}`
async fn get_ban(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(path): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let (guild, user) = ids(&path)?;
    shared
        .read(|state| state.read_ban(bot, guild, user))
        .map(Json)
}

/// `PUT /guilds/{guild}/bans/{user}`
async fn ban(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(path): Path<(String, String)>,
    query: Query,
    OptionalBody(body): OptionalBody,
) -> Result<StatusCode, ApiError> {
    let (guild, user) = ids(&path)?;
    let mut form = Form::new(&body);
    let mut asked = query.form();
    // Some clients still say it in the query.
    let deletion_s = read_deletion(&mut form).max(read_deletion(&mut asked));
    form.finish()?;
    asked.finish()?;
    actor.change(&shared, |state, bot| {
        state.ban_as_bot(bot, guild, user, deletion_s)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /guilds/{guild}/bans/{user}`
async fn unban(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(path): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (guild, user) = ids(&path)?;
    actor.change(&shared, |state, bot| state.unban_as_bot(bot, guild, user))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /guilds/{guild}/bulk-ban`
async fn ban_many(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(guild): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    let mut form = Form::new(&body);
    form.require("user_ids");
    let users = form.ids("user_ids", MOST_BANS_AT_ONCE).unwrap_or_default();
    let deletion_s = read_deletion(&mut form);
    form.finish()?;
    let (banned, failed) = actor.change(&shared, |state, bot| {
        state.ban_many_as_bot(bot, guild, &users, deletion_s)
    })?;
    let texts = |ids: Vec<u64>| ids.iter().map(u64::to_string).collect::<Vec<_>>();
    Ok(Json(
        json!({ "banned_users": texts(banned), "failed_users": texts(failed) }),
    ))
}

fn ids((guild, user): &(String, String)) -> Result<(u64, u64), ApiError> {
    Ok((snowflake("guild_id", guild)?, snowflake("user_id", user)?))
}
