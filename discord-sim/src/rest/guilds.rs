//! Guilds themselves, as far as the asking bot is a member.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::actor::Actor;
use super::body::{JsonBody, Path, Query, snowflake};
use super::caller::Bot;
use crate::protocol::api_error::ApiError;
use crate::protocol::form::Form;
use crate::state::Shared;
use crate::state::audit::Wanted;
use crate::world::{permissions, wire};

const MOST_ENTRIES: u32 = 100;
/// What a preview tells of a guild.
const PREVIEWED: [&str; 9] = [
    "id",
    "name",
    "icon",
    "splash",
    "discovery_splash",
    "emojis",
    "features",
    "description",
    "stickers",
];

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

/// `GET /guilds/{guild}/preview`
pub(super) async fn preview(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(guild): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    shared.read(|state| {
        // Guilds that can be discovered show it to everyone; there are none.
        let guild = state
            .home(guild, bot)
            .map_err(|_| ApiError::UNKNOWN_GUILD)?;
        let whole = wire::guild(guild);
        let mut value = json!({
            "approximate_member_count": guild.members.len(),
            "approximate_presence_count": guild.members.len(),
        });
        for name in PREVIEWED {
            value[name] = whole[name].clone();
        }
        Ok(Json(value))
    })
}

/// `PATCH /guilds/{guild}`: its name; all else that guilds have is the same for all here.
pub(super) async fn edit(
    State(shared): State<Arc<Shared>>,
    actor: Actor,
    Path(guild): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    let mut form = Form::new(&body);
    let name = form.text("name", 2..=100);
    form.finish()?;
    actor.change(&shared, |state, bot| {
        let standing = state.standing(guild, bot)?;
        standing.demand(permissions::MANAGE_GUILD)?;
        if let Some(name) = name {
            state
                .change_guild(guild, |entry| entry.name = name)
                .map_err(|_| ApiError::UNKNOWN_GUILD)?;
        }
        Ok(Json(wire::guild(state.home(guild, bot)?)))
    })
}
