//! Queries on `session_starts`: when bots identified at Discord's gateway. Called by
//! `domain::session_starts`.

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::session_starts;
use crate::ids::UserId;

/// When a bot started sessions after `after_ms`, in Unix milliseconds, in that order.
///
/// # Errors
/// The database's.
pub fn list(conn: &mut AnyConnection, bot: UserId, after_ms: i64) -> QueryResult<Vec<i64>> {
    session_starts::table
        .filter(session_starts::bot_id.eq(bot.to_db()))
        .filter(session_starts::at_ms.gt(after_ms))
        .order(session_starts::at_ms)
        .select(session_starts::at_ms)
        .load(conn)
}

/// Keeps that a bot starts a session. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn insert(conn: &mut AnyConnection, bot: UserId, at_ms: i64) -> QueryResult<()> {
    diesel::insert_into(session_starts::table)
        .values((
            session_starts::bot_id.eq(bot.to_db()),
            session_starts::at_ms.eq(at_ms),
        ))
        .execute(conn)
        .map(drop)
}

/// Forgets what was at `until_ms` or before. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn delete_until(conn: &mut AnyConnection, until_ms: i64) -> QueryResult<()> {
    diesel::delete(session_starts::table.filter(session_starts::at_ms.le(until_ms)))
        .execute(conn)
        .map(drop)
}
