//! Where members sit in voice, and the regions that voice servers stand in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::body::{JsonBody, Path, snowflake};
use super::caller::Bot;
use crate::protocol::api_error::ApiError;
use crate::protocol::form::Form;
use crate::state::Shared;
use crate::world::wire;

/// Some of the regions that Discord has.
const REGIONS: [(&str, &str); 6] = [
    ("brazil", "Brazil"),
    ("rotterdam", "Rotterdam"),
    ("singapore", "Singapore"),
    ("us-central", "US Central"),
    ("us-east", "US East"),
    ("us-west", "US West"),
];

/// The routes of voice states and regions.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/voice/regions", get(regions))
        .route("/guilds/{guild}/regions", get(regions_of_guild))
        .route(
            "/guilds/{guild}/voice-states/{user}",
            get(get_state).patch(edit_state),
        )
}

/// `GET /voice/regions`
async fn regions(_: Bot) -> Json<Value> {
    Json(all_regions())
}

/// `GET /guilds/{guild}/regions`
async fn regions_of_guild(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(guild): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let guild = snowflake("guild_id", &guild)?;
    shared.read(|state| state.home(guild, bot).map(|_| Json(all_regions())))
}

fn all_regions() -> Value {
    let region = |(id, name): (&str, &str)| {
        json!({
            "id": id, "name": name, "optimal": id == "rotterdam",
            "deprecated": false, "custom": false,
        })
    };
    REGIONS.map(region).into_iter().collect()
}

/// `GET /guilds/{guild}/voice-states/{user}`; `@me` is the bot.
async fn get_state(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path((guild, user)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let (guild, user) = (snowflake("guild_id", &guild)?, whose(bot, &user)?);
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

/// `PATCH /guilds/{guild}/voice-states/{user}`; `@me` is the bot.
async fn edit_state(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path((guild, user)): Path<(String, String)>,
    JsonBody(body): JsonBody,
) -> Result<StatusCode, ApiError> {
    let (guild, user) = (snowflake("guild_id", &guild)?, whose(bot, &user)?);
    let mut form = Form::new(&body);
    form.id("channel_id");
    form.flag("suppress");
    form.time("request_to_speak_timestamp");
    form.finish()?;
    shared.read(|state| state.change_voice_state_as_bot(bot, guild, user))?;
    Ok(StatusCode::NO_CONTENT)
}

fn whose(bot: u64, user: &str) -> Result<u64, ApiError> {
    if user == "@me" {
        Ok(bot)
    } else {
        snowflake("user_id", user)
    }
}
