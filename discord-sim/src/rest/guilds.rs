//! Guilds and what is in them, as far as the asking bot is a member.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::body::{Path, Query, snowflake};
use super::caller::Bot;
use crate::protocol::api_error::ApiError;
use crate::protocol::intents::GUILD_MEMBERS;
use crate::state::Shared;
use crate::state::audit::Wanted;
use crate::world::{permissions, wire};

const MOST_MEMBERS: u32 = 1_000;
const MOST_ENTRIES: u32 = 100;

/// `GET /guilds/{guild}`
pub(super) async fn guild(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(guild): Path<String>,
    query: Query,
) -> Result<Json<Value>, ApiError> {
    let id = snowflake("guild_id", &guild)?;
    let mut form = query.form();
    let with_counts = form.flag("with_counts").unwrap_or(false);
    form.finish()?;
    shared.read(|state| {
        // The guild itself does not even tell that it exists; what is in it does.
        let guild = state.home(id, bot).map_err(|_| ApiError::UNKNOWN_GUILD)?;
        let mut value = wire::guild(guild);
        if with_counts {
            value["approximate_member_count"] = json!(guild.members.len());
            value["approximate_presence_count"] = json!(guild.members.len());
        }
        Ok(Json(value))
    })
}

/// `GET /guilds/{guild}/channels`
pub(super) async fn channels(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(guild): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    shared.read(|state| Ok(Json(json!(wire::channels(state.home(guild, bot)?)))))
}

/// `GET /guilds/{guild}/roles`
pub(super) async fn roles(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(guild): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    shared.read(|state| Ok(Json(json!(wire::roles(state.home(guild, bot)?)))))
}

/// `GET /guilds/{guild}/audit-logs`
pub(super) async fn audit_log(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(guild): Path<String>,
    query: Query,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    let mut form = query.form();
    let wanted = Wanted {
        user: form.id("user_id"),
        action: form.number("action_type", 0..=i64::from(u8::MAX)),
        before: form.id("before").unwrap_or(u64::MAX),
        after: form.id("after"),
        limit: form.count("limit", 1..=MOST_ENTRIES).unwrap_or(50),
    };
    form.finish()?;
    shared.read(|state| {
        let standing = state.standing(guild, bot)?;
        standing.demand(permissions::VIEW_AUDIT_LOG)?;
        Ok(Json(state.show_audit_log(guild, wanted)))
    })
}

/// `GET /guilds/{guild}/members`: for bots with the members intent only.
pub(super) async fn members(
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
pub(super) async fn search_members(
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
pub(super) async fn member(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path((guild, user)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let (guild, user) = (snowflake("guild_id", &guild)?, snowflake("user_id", &user)?);
    shared.read(|state| {
        let guild = state.home(guild, bot)?;
        if !state.users.contains_key(&user) {
            return Err(ApiError::UNKNOWN_USER);
        }
        let member = guild.members.get(&user).ok_or(ApiError::UNKNOWN_MEMBER)?;
        Ok(Json(wire::member(state, member)))
    })
}

/// `GET /guilds/{guild}/voice-states/{user}`; `@me` is the bot.
pub(super) async fn voice_state(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path((guild, user)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    let user = if user == "@me" {
        bot
    } else {
        snowflake("user_id", &user)?
    };
    shared.read(|state| {
        let home = state.home(guild, bot)?;
        if !home.voice.contains_key(&user) {
            return Err(ApiError::UNKNOWN_VOICE_STATE);
        }
        let mut value = wire::voice_state(home, user, "");
        value["guild_id"] = json!(guild.to_string());
        value["member"] = home
            .members
            .get(&user)
            .map_or(Value::Null, |member| wire::member(state, member));
        Ok(Json(value))
    })
}
