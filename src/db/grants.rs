//! Queries on `user_grants`. Called by `domain::grants` and, with the login they belong to, by
//! `domain::login`.

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::AnyConnection;
use super::schema::{tokens, user_grants};
use super::tokens::Kind;
use crate::ids::UserId;

/// A grant as it is kept: encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which key it is encrypted with.
    pub key_id: String,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

type Row = (i64, String, Vec<u8>);

fn owned((user, key_id, bytes): Row) -> (UserId, Sealed) {
    (UserId::from_db(user), Sealed { key_id, bytes })
}

/// Keeps a user's grant, in place of what was kept before.
///
/// # Errors
/// The database's.
pub fn put(conn: &mut AnyConnection, user: UserId, grant: &Sealed, now_ms: i64) -> QueryResult<()> {
    let values = (
        user_grants::key_id.eq(&grant.key_id),
        user_grants::sealed.eq(&grant.bytes),
        user_grants::updated_ms.eq(now_ms),
    );
    let known = diesel::update(user_grants::table.find(user.to_db()))
        .set(values)
        .execute(conn)?;
    if known == 0 {
        diesel::insert_into(user_grants::table)
            .values((user_grants::user_id.eq(user.to_db()), values))
            .execute(conn)?;
    }
    Ok(())
}

/// A user's grant, if one is kept.
///
/// # Errors
/// The database's.
pub fn find(conn: &mut AnyConnection, user: UserId) -> QueryResult<Option<Sealed>> {
    let row: Option<(String, Vec<u8>)> = user_grants::table
        .find(user.to_db())
        .select((user_grants::key_id, user_grants::sealed))
        .first(conn)
        .optional()?;
    Ok(row.map(|(key_id, bytes)| Sealed { key_id, bytes }))
}

/// Keeps a grant in place of `old`; says whether that was still there.
///
/// # Errors
/// The database's.
pub fn replace(
    conn: &mut AnyConnection,
    user: UserId,
    old: &Sealed,
    new: &Sealed,
    now_ms: i64,
) -> QueryResult<bool> {
    let same = user_grants::table
        .filter(user_grants::user_id.eq(user.to_db()))
        .filter(user_grants::sealed.eq(&old.bytes));
    let replaced = diesel::update(same)
        .set((
            user_grants::key_id.eq(&new.key_id),
            user_grants::sealed.eq(&new.bytes),
            user_grants::updated_ms.eq(now_ms),
        ))
        .execute(conn)?;
    Ok(replaced > 0)
}

/// Removes a grant, if it is still this one; says whether it was.
///
/// # Errors
/// The database's.
pub fn delete(conn: &mut AnyConnection, user: UserId, grant: &Sealed) -> QueryResult<bool> {
    let same = user_grants::table
        .filter(user_grants::user_id.eq(user.to_db()))
        .filter(user_grants::sealed.eq(&grant.bytes));
    Ok(diesel::delete(same).execute(conn)? > 0)
}

/// Grants under other keys than this one, by user, from the one after `after` on: at most `limit`.
///
/// # Errors
/// The database's.
pub fn list_under_other_keys(
    conn: &mut AnyConnection,
    key_id: &str,
    after: Option<UserId>,
    limit: i64,
) -> QueryResult<Vec<(UserId, Sealed)>> {
    let rows: Vec<Row> = user_grants::table
        .filter(user_grants::key_id.ne(key_id))
        .filter(user_grants::user_id.gt(after.map_or(0, UserId::to_db)))
        .order(user_grants::user_id)
        .limit(limit)
        .select((
            user_grants::user_id,
            user_grants::key_id,
            user_grants::sealed,
        ))
        .load(conn)?;
    Ok(rows.into_iter().map(owned).collect())
}

/// The users, at most `limit`, whose grants no living session needs any more.
///
/// # Errors
/// The database's.
pub fn list_unneeded(
    conn: &mut AnyConnection,
    now_ms: i64,
    limit: i64,
) -> QueryResult<Vec<UserId>> {
    let sessions = tokens::table
        .filter(tokens::user_id.eq(user_grants::user_id))
        .filter(tokens::kind.eq(Kind::Bearer.to_db()))
        .filter(tokens::expires_ms.gt(now_ms));
    let users: Vec<i64> = user_grants::table
        .filter(not(exists(sessions)))
        .order(user_grants::updated_ms)
        .limit(limit)
        .select(user_grants::user_id)
        .load(conn)?;
    Ok(users.into_iter().map(UserId::from_db).collect())
}
