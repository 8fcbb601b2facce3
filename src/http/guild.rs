//! A guild and what it has chosen, over REST. Contract 7; the same as `/settings` in Discord.

use rocket::{get, patch};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::Object;

use super::answer::Json;
use super::commands::CommandAnswer;
use super::fields::{Fields, must_be, or_null, put};
use super::guards::{AppState, Body, Caller};
use super::openapi::{GuildPath, one_of_or_null};
use super::player::modes;
use crate::audio::Level;
use crate::domain::changes::{Changes, RoleChange};
use crate::domain::commands::Command;
use crate::domain::guilds::GuildDetails;
use crate::domain::settings::{GuildSettings, Language, Mode};
use crate::error::Error;
use crate::ids::{GuildId, NotASnowflake, RoleId};

#[derive(serde::Serialize, ToSchema)]
pub(super) struct GuildAnswer {
    #[schema(value_type = GuildId)]
    id: String,
    #[schema(example = "zekros Dev Server")]
    name: String,
    icon: Option<String>,
    prefix: Option<String>,
    #[schema(schema_with = languages)]
    language: Option<&'static str>,
    commands: Vec<CommandAnswer>,
    #[schema(schema_with = modes)]
    mode: &'static str,
    #[schema(maximum = 200, example = 85)]
    volume: u16,
    #[schema(maximum = 86400, example = 60)]
    leave_after_s: Option<u64>,
    #[schema(minimum = -31, maximum = -5)]
    loudness_lufs: Option<f64>,
    #[schema(value_type = Vec<RoleId>, max_items = 25)]
    dj_roles: Vec<String>,
    #[schema(value_type = Vec<RoleId>, max_items = 25)]
    blocked_roles: Vec<String>,
    entrances: bool,
    fast_trigger: bool,
    early_join: bool,
}

/// What may be changed: what is not named stays as it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "says to the document what `read` takes")]
struct GuildChange {
    /// Needs the operator's leave to read messages; null or empty: none.
    #[schema(required = false, max_length = 10, pattern = r"^\S*$", example = "!")]
    prefix: Option<String>,
    /// Null: the guild's own.
    #[schema(required = false, schema_with = languages)]
    language: Option<String>,
    #[schema(required = false, schema_with = modes)]
    mode: Option<String>,
    /// In percent.
    #[schema(required = false, maximum = 200, example = 85)]
    volume: u16,
    /// How long the bot stays alone in a channel; null: for ever.
    #[schema(required = false, minimum = 0, maximum = 86400)]
    leave_after_s: Option<i64>,
    /// Null: the operator's.
    #[schema(required = false, minimum = -31, maximum = -5)]
    loudness_lufs: Option<f64>,
    #[schema(required = false, value_type = Vec<RoleId>, max_items = 25)]
    dj_roles: Vec<String>,
    #[schema(required = false, value_type = Vec<RoleId>, max_items = 25)]
    blocked_roles: Vec<String>,
    #[schema(required = false)]
    entrances: bool,
    #[schema(required = false)]
    fast_trigger: bool,
    #[schema(required = false)]
    early_join: bool,
}

fn languages() -> Object {
    one_of_or_null(Language::ALL.map(Language::code))
}

/// A guild, for its members.
#[utoipa::path(
    get,
    path = "/api/guilds/{guild}",
    tag = "guilds",
    params(GuildPath),
    responses((status = 200, description = "The guild", body = GuildAnswer)),
)]
#[get("/api/guilds/<guild>")]
pub(super) async fn get_guild(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Json<GuildAnswer>, Error> {
    let guild = guild?;
    app.guilds.check_member(guild, caller.user()).await?;
    let details = app.guilds.get_details(guild)?;
    let settings = app.settings.get(guild).await?;
    let commands = app.commands.list(guild).await?;
    Ok(Json(answer(details, &settings, &commands)))
}

/// Changes what a guild has chosen, for those who manage it: all that is in the body, or nothing.
#[utoipa::path(
    patch,
    path = "/api/guilds/{guild}",
    tag = "guilds",
    params(GuildPath),
    request_body = GuildChange,
    responses(
        (status = 200, description = "The guild as it is now", body = GuildAnswer),
        (status = 403, description = "Not a member, or one who does not manage the guild"),
        (status = 409, description = "A prefix, and the operator lets the bot read no messages")
    ),
)]
#[patch("/api/guilds/<guild>", data = "<body>")]
pub(super) async fn change_guild(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
    body: Body<Fields>,
) -> Result<Json<GuildAnswer>, Error> {
    let guild = guild?;
    let changes = read(body.0)?;
    let details = app.guilds.check_manager(guild, caller.user()).await?;
    let reads_messages = app.config.discord.message_prefix.is_some();
    let settings = app.player.choose(guild, changes, reads_messages).await?;
    let commands = app.commands.list(guild).await?;
    Ok(Json(answer(details, &settings, &commands)))
}

fn answer(details: GuildDetails, settings: &GuildSettings, commands: &[Command]) -> GuildAnswer {
    let ids = |roles: &[RoleId]| roles.iter().map(ToString::to_string).collect();
    GuildAnswer {
        id: details.guild.id.to_string(),
        name: details.guild.name,
        icon: details.icon,
        prefix: settings.prefix.clone(),
        language: settings.language.map(Language::code),
        commands: commands.iter().map(CommandAnswer::from).collect(),
        mode: settings.mode.name(),
        volume: settings.volume.percent(),
        leave_after_s: settings.leave_after.map(|after| after.as_secs()),
        loudness_lufs: settings.loudness.map(Level::db),
        dj_roles: ids(&settings.dj_roles),
        blocked_roles: ids(&settings.blocked_roles),
        entrances: settings.has_entrances,
        fast_trigger: settings.has_fast_trigger,
        early_join: settings.joins_early,
    }
}

/// Reads the fields, each at most once. Their bounds are the domain's.
fn read(fields: Fields) -> Result<Changes, Error> {
    let mut changes = Changes::default();
    for (name, value) in fields.0 {
        match name.as_str() {
            "prefix" => {
                let text = or_null(&value, |value| value.as_str().map(str::to_owned));
                let text = text.map(|text| Option::from(text).unwrap_or_default());
                put(&mut changes.prefix, text).ok_or(must_be!(
                    "prefix",
                    "1 to 10 characters without white space, or null"
                ))
            }
            "language" => put(
                &mut changes.language,
                or_null(&value, |value| Language::coded(value.as_str()?)),
            )
            .ok_or(must_be!("language", "en, de or null")),
            "mode" => put(&mut changes.mode, value.as_str().and_then(Mode::named))
                .ok_or(must_be!("mode", "replace, queue or overlap")),
            "volume" => {
                let percent = value.as_u64().and_then(|percent| percent.try_into().ok());
                put(&mut changes.volume, percent).ok_or(must_be!("volume", "0 to 200"))
            }
            "leave_after_s" => put(&mut changes.leave_after_s, or_null(&value, Value::as_i64))
                .ok_or(must_be!("leave_after_s", "0 to 86400 or null")),
            "loudness_lufs" => put(&mut changes.loudness_lufs, or_null(&value, Value::as_f64))
                .ok_or(must_be!("loudness_lufs", "-31 to -5 or null")),
            "dj_roles" => put(&mut changes.dj_roles, roles(&value))
                .ok_or(must_be!("dj_roles", "a list of ids of roles, as strings")),
            "blocked_roles" => put(&mut changes.blocked_roles, roles(&value)).ok_or(must_be!(
                "blocked_roles",
                "a list of ids of roles, as strings"
            )),
            "entrances" => put(&mut changes.entrances, value.as_bool())
                .ok_or(must_be!("entrances", "true or false")),
            "fast_trigger" => put(&mut changes.fast_trigger, value.as_bool())
                .ok_or(must_be!("fast_trigger", "true or false")),
            "early_join" => put(&mut changes.early_join, value.as_bool())
                .ok_or(must_be!("early_join", "true or false")),
            _ => Err(Error::Invalid(
                "a field is unknown: there are prefix, language, mode, volume, leave_after_s, \
                 loudness_lufs, dj_roles, blocked_roles, entrances, fast_trigger and early_join",
            )),
        }?;
    }
    Ok(changes)
}

fn roles(value: &Value) -> Option<RoleChange> {
    let ids = value.as_array()?.iter();
    let ids: Option<Vec<RoleId>> = ids.map(|id| id.as_str()?.parse().ok()).collect();
    ids.map(RoleChange::Set)
}
