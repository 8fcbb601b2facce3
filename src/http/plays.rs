//! `GET /api/logs/<guild>` and `GET /api/stats/<guild>`. Seed 004, Get Play Log, Get Play Stats.

use rocket::get;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{List, Page};
use super::guards::{AppState, Caller};
use super::openapi::{GuildPath, Instant};
use super::query::Paging;
use crate::app::App;
use crate::clock::rfc3339;
use crate::db;
use crate::error::Error;
use crate::ids::{GuildId, NotASnowflake, UserId};

/// Entries of a page where no limit is given.
const LIMIT_DEFAULT: u32 = 1000;
/// A page up to this long is read without a change of thread.
const LIMIT_QUICK: u32 = 100;

#[derive(Serialize, ToSchema)]
pub(super) struct PlayEntry {
    #[schema(value_type = Instant)]
    time: String,
    #[schema(value_type = UserId)]
    user_id: String,
    #[schema(example = "zekro#9131")]
    user_tag: String,
    #[schema(value_type = GuildId)]
    guild_id: String,
    #[schema(example = "local")]
    source: String,
    #[schema(example = "derbergruft")]
    sound: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SoundCount {
    #[schema(example = "nice")]
    sound: String,
    #[schema(minimum = 0, example = 98)]
    count: i64,
}

/// A guild's plays, newest first. For its members.
#[utoipa::path(
    get,
    path = "/api/logs/{guild}",
    tag = "plays",
    params(GuildPath, Paging),
    responses((status = 200, description = "The plays", body = List<PlayEntry>)),
)]
#[get("/api/logs/<guild>")]
pub(super) async fn list_plays(
    app: &AppState,
    caller: Caller,
    paging: Paging,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Page<PlayEntry>, Error> {
    let guild = guild?;
    app.guilds.check_member(guild, caller.user()).await?;
    let (from, limit) = (paging.from, limit(app, paging));
    let page = read(app, limit, move |conn| {
        db::plays::page(conn, guild, from, limit)
    })
    .await?;
    let guild_id = guild.to_string();
    let results = page
        .entries
        .into_iter()
        .map(|play| PlayEntry {
            time: rfc3339(play.time_ms),
            user_id: play.user().to_string(),
            user_tag: play.user_tag,
            guild_id: guild_id.clone(),
            source: play.source,
            sound: play.sound,
        })
        .collect();
    Ok(Page {
        results,
        total: page.total.to_string(),
    })
}

/// How often each local sound was played in a guild, most first. For its members.
#[utoipa::path(
    get,
    path = "/api/stats/{guild}",
    tag = "plays",
    params(
        GuildPath,
        (
            "limit" = Option<u32>,
            Query,
            description = "Most entries of the answer.",
            minimum = 1,
            maximum = 999_999_999
        )
    ),
    responses((status = 200, description = "The sounds", body = List<SoundCount>)),
)]
#[get("/api/stats/<guild>")]
pub(super) async fn list_stats(
    app: &AppState,
    caller: Caller,
    paging: Paging,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Page<SoundCount>, Error> {
    let guild = guild?;
    app.guilds.check_member(guild, caller.user()).await?;
    let limit = limit(app, paging);
    let page = read(app, limit, move |conn| {
        db::plays::top_sounds(conn, guild, limit)
    })
    .await?;
    let results = page
        .entries
        .into_iter()
        .map(|(sound, count)| SoundCount { sound, count })
        .collect();
    Ok(Page {
        results,
        total: page.total.to_string(),
    })
}

fn limit(app: &App, paging: Paging) -> u32 {
    paging
        .limit
        .unwrap_or(LIMIT_DEFAULT)
        .min(app.config.limits.page_max)
}

async fn read<T: Send + 'static>(
    app: &App,
    limit: u32,
    query: impl FnOnce(&mut db::AnyConnection) -> db::QueryResult<T> + Send + 'static,
) -> Result<T, Error> {
    if limit <= LIMIT_QUICK {
        app.db.quick(query).await
    } else {
        app.db.run(query).await
    }
}
