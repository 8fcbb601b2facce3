//! Queries on `logs`: what the server has logged. `domain::app_log` writes, administrators read.

use diesel::dsl::max;
use diesel::prelude::*;
use tracing::Level;

use super::AnyConnection;
use super::plays::Page;
use super::schema::logs;

/// A message of the application log. Contract 7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// How bad it is.
    pub level: Level,
    /// What has happened.
    pub message: String,
    /// When, in Unix milliseconds.
    pub time_ms: i64,
    /// How it came to it.
    pub stacktrace: Option<String>,
}

/// Levels as the table has them, the worst first.
const LEVELS: [(Level, i16); 5] = [
    (Level::ERROR, 1),
    (Level::WARN, 2),
    (Level::INFO, 3),
    (Level::DEBUG, 4),
    (Level::TRACE, 5),
];

fn number(level: Level) -> i16 {
    let known = LEVELS.iter().find(|(known, _)| *known == level);
    known.map_or(5, |(_, number)| *number)
}

fn level(number: i16) -> Level {
    let known = LEVELS.iter().find(|(_, known)| *known == number);
    known.map_or(Level::TRACE, |(level, _)| *level)
}

/// Appends messages and drops the oldest ones, so that `keep_max` are there at most. Run inside
/// [`super::Db::write`].
///
/// # Errors
/// The database's; the transaction must then be given up.
pub fn insert(conn: &mut AnyConnection, entries: &[LogEntry], keep_max: u32) -> QueryResult<()> {
    for entry in entries {
        diesel::insert_into(logs::table)
            .values((
                logs::level.eq(number(entry.level)),
                logs::message.eq(&entry.message),
                logs::time_ms.eq(entry.time_ms),
                logs::stacktrace.eq(&entry.stacktrace),
            ))
            .execute(conn)?;
    }
    let newest: Option<i64> = logs::table.select(max(logs::id)).first(conn)?;
    let until = newest.unwrap_or_default() - i64::from(keep_max);
    diesel::delete(logs::table.filter(logs::id.le(until)))
        .execute(conn)
        .map(drop)
}

/// Messages of a level and of worse ones, newest first, from the `from`-th on.
///
/// # Errors
/// The database's.
pub fn page(
    conn: &mut AnyConnection,
    at_least: Level,
    from: u32,
    limit: u32,
) -> QueryResult<Page<LogEntry>> {
    let wanted = || logs::table.filter(logs::level.le(number(at_least)));
    let total: i64 = wanted().count().get_result(conn)?;
    let rows: Vec<(i16, String, i64, Option<String>)> = wanted()
        .order(logs::id.desc())
        .offset(from.into())
        .limit(limit.into())
        .select((logs::level, logs::message, logs::time_ms, logs::stacktrace))
        .load(conn)?;
    let entry = |(severity, message, time_ms, stacktrace)| LogEntry {
        level: level(severity),
        message,
        time_ms,
        stacktrace,
    };
    let entries = rows.into_iter().map(entry).collect();
    Ok(Page { entries, total })
}

/// Drops the messages that were logged before `before_ms`. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn delete_before(conn: &mut AnyConnection, before_ms: i64) -> QueryResult<()> {
    diesel::delete(logs::table.filter(logs::time_ms.lt(before_ms)))
        .execute(conn)
        .map(drop)
}
