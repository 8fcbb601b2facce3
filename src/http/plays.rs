//! `GET /api/logs/<guild>` and `GET /api/stats/<guild>`. Seed 004, Get Play Log, Get Play Stats.

use rocket::get;
use serde::Serialize;

use super::answer::Page;
use super::guards::{AppState, Caller};
use super::query::Paging;
use crate::app::App;
use crate::clock::rfc3339;
use crate::db;
use crate::error::Error;
use crate::ids::{GuildId, NotASnowflake};

/// Entries of a page where no limit is given.
const LIMIT_DEFAULT: u32 = 1000;
/// A page up to this long is read without a change of thread.
const LIMIT_QUICK: u32 = 100;

#[derive(Serialize)]
pub(super) struct PlayEntry {
    time: String,
    user_id: String,
    user_tag: String,
    guild_id: String,
    source: String,
    sound: String,
}

#[derive(Serialize)]
pub(super) struct SoundCount {
    sound: String,
    count: i64,
}

/// A guild's plays, newest first. For its members.
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
