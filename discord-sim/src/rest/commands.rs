//! Application commands: an application's own, for all guilds or for one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::body::{JsonBody, Path, snowflake};
use super::caller::Bot;
use crate::protocol::api_error::{ApiError, FieldError};
use crate::state::Shared;
use crate::state::registry::Scope;

type Answer = Result<(StatusCode, Json<Value>), ApiError>;

/// `GET /applications/{application}/commands`
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    bot: Bot,
    Path(application): Path<String>,
) -> Answer {
    Ok(list_of(&shared, everywhere(&bot, &application)?))
}

/// `PUT /applications/{application}/commands`
pub(super) async fn replace(
    State(shared): State<Arc<Shared>>,
    bot: Bot,
    Path(application): Path<String>,
    JsonBody(body): JsonBody,
) -> Answer {
    replace_of(&shared, everywhere(&bot, &application)?, &body)
}

/// `POST /applications/{application}/commands`
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    bot: Bot,
    Path(application): Path<String>,
    JsonBody(body): JsonBody,
) -> Answer {
    create_of(&shared, everywhere(&bot, &application)?, &body)
}

/// `GET /applications/{application}/commands/{command}`
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    bot: Bot,
    Path((application, command)): Path<(String, String)>,
) -> Answer {
    get_of(&shared, everywhere(&bot, &application)?, &command)
}

/// `PATCH /applications/{application}/commands/{command}`
pub(super) async fn edit(
    State(shared): State<Arc<Shared>>,
    bot: Bot,
    Path((application, command)): Path<(String, String)>,
    JsonBody(body): JsonBody,
) -> Answer {
    edit_of(&shared, everywhere(&bot, &application)?, &command, &body)
}

/// `DELETE /applications/{application}/commands/{command}`
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    bot: Bot,
    Path((application, command)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    delete_of(&shared, everywhere(&bot, &application)?, &command)
}

/// `GET /applications/{application}/guilds/{guild}/commands`
pub(super) async fn list_in_guild(
    State(shared): State<Arc<Shared>>,
    bot: Bot,
    Path((application, guild)): Path<(String, String)>,
) -> Answer {
    Ok(list_of(
        &shared,
        in_guild(&shared, &bot, &application, &guild)?,
    ))
}

/// `PUT /applications/{application}/guilds/{guild}/commands`
pub(super) async fn replace_in_guild(
    State(shared): State<Arc<Shared>>,
    bot: Bot,
    Path((application, guild)): Path<(String, String)>,
    JsonBody(body): JsonBody,
) -> Answer {
    replace_of(
        &shared,
        in_guild(&shared, &bot, &application, &guild)?,
        &body,
    )
}

/// `POST /applications/{application}/guilds/{guild}/commands`
pub(super) async fn create_in_guild(
    State(shared): State<Arc<Shared>>,
    bot: Bot,
    Path((application, guild)): Path<(String, String)>,
    JsonBody(body): JsonBody,
) -> Answer {
    create_of(
        &shared,
        in_guild(&shared, &bot, &application, &guild)?,
        &body,
    )
}

/// `GET /applications/{application}/guilds/{guild}/commands/{command}`
pub(super) async fn get_in_guild(
    State(shared): State<Arc<Shared>>,
    bot: Bot,
    Path((application, guild, command)): Path<(String, String, String)>,
) -> Answer {
    get_of(
        &shared,
        in_guild(&shared, &bot, &application, &guild)?,
        &command,
    )
}

/// `PATCH /applications/{application}/guilds/{guild}/commands/{command}`
pub(super) async fn edit_in_guild(
    State(shared): State<Arc<Shared>>,
    bot: Bot,
    Path((application, guild, command)): Path<(String, String, String)>,
    JsonBody(body): JsonBody,
) -> Answer {
    edit_of(
        &shared,
        in_guild(&shared, &bot, &application, &guild)?,
        &command,
        &body,
    )
}

/// `DELETE /applications/{application}/guilds/{guild}/commands/{command}`
pub(super) async fn delete_in_guild(
    State(shared): State<Arc<Shared>>,
    bot: Bot,
    Path((application, guild, command)): Path<(String, String, String)>,
) -> Result<StatusCode, ApiError> {
    delete_of(
        &shared,
        in_guild(&shared, &bot, &application, &guild)?,
        &command,
    )
}

/// The scope of all guilds, for the application itself.
fn everywhere(bot: &Bot, application: &str) -> Result<Scope, ApiError> {
    let application = snowflake("application_id", application)?;
    if application == bot.0 {
        Ok((application, None))
    } else {
        Err(ApiError::NOT_YOUR_APPLICATION)
    }
}

/// The scope of one guild that the bot is in.
fn in_guild(shared: &Shared, bot: &Bot, application: &str, guild: &str) -> Result<Scope, ApiError> {
    let (application, _) = everywhere(bot, application)?;
    let guild = snowflake("guild_id", guild)?;
    let inside = shared.read(|state| state.find_member(guild, application).is_some());
    if inside {
        Ok((application, Some(guild)))
    } else {
        Err(ApiError::MISSING_ACCESS)
    }
}

fn list_of(shared: &Shared, scope: Scope) -> (StatusCode, Json<Value>) {
    let commands = shared.read(|state| json!(state.commands.list(scope)));
    (StatusCode::OK, Json(commands))
}

fn replace_of(shared: &Shared, scope: Scope, body: &Value) -> Answer {
    let message = "Only iterables may be used in a ListType";
    let not_a_list = || FieldError::new("commands", "LIST_TYPE_CONVERT", message);
    let bodies = body
        .as_array()
        .ok_or_else(|| ApiError::form(vec![not_a_list()]))?;
    let commands = shared.change(|state| {
        state.with_registry(|registry, next_id| registry.replace(scope, bodies, next_id))
    });
    Ok((StatusCode::OK, Json(json!(commands?))))
}

fn create_of(shared: &Shared, scope: Scope, body: &Value) -> Answer {
    let created = shared.change(|state| {
        state.with_registry(|registry, next_id| registry.upsert(scope, body, next_id))
    });
    let (command, new) = created?;
    Ok((
        if new {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        },
        Json(command),
    ))
}

fn get_of(shared: &Shared, scope: Scope, command: &str) -> Answer {
    let id = snowflake("command_id", command)?;
    let found = shared.read(|state| state.commands.find_by_id(scope, id).cloned());
    Ok((
        StatusCode::OK,
        Json(found.ok_or(ApiError::UNKNOWN_COMMAND)?),
    ))
}

fn edit_of(shared: &Shared, scope: Scope, command: &str, body: &Value) -> Answer {
    let id = snowflake("command_id", command)?;
    let edited = shared.change(|state| {
        state.with_registry(|registry, next_id| registry.edit(scope, id, body, next_id))
    });
    Ok((StatusCode::OK, Json(edited?)))
}

fn delete_of(shared: &Shared, scope: Scope, command: &str) -> Result<StatusCode, ApiError> {
    let id = snowflake("command_id", command)?;
    let removed = shared.change(|state| state.commands.remove(scope, id));
    if removed {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::UNKNOWN_COMMAND)
    }
}
