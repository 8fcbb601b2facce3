//! Queries on `favourites`: the sounds that members like. Called by `domain::favourites`.

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::favourites;
use crate::ids::{GuildId, UserId};

/// How the operator's sounds are told from those of a guild, whose ids are positive.
const OPERATOR: i64 = 0;

/// A member's favourites, by name: whose own sound each is (`None`: the operator's), and its name
/// without its extension.
///
/// # Errors
/// The database's.
pub fn list(conn: &mut AnyConnection, user: UserId) -> QueryResult<Vec<(Option<GuildId>, String)>> {
    let rows: Vec<(i64, String)> = favourites::table
        .filter(favourites::user_id.eq(user.to_db()))
        .order((favourites::sound, favourites::guild_id))
        .select((favourites::guild_id, favourites::sound))
        .load(conn)?;
    let guild = |id: i64| (id != OPERATOR).then(|| GuildId::from_db(id));
    Ok(rows
        .into_iter()
        .map(|(id, sound)| (guild(id), sound))
        .collect())
}

/// Adds a favourite; says whether it is new. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn insert(
    conn: &mut AnyConnection,
    user: UserId,
    guild: Option<GuildId>,
    sound: &str,
) -> QueryResult<bool> {
    let guild = guild.map_or(OPERATOR, GuildId::to_db);
    let key = (user.to_db(), guild, sound);
    let known: i64 = favourites::table.find(key).count().get_result(conn)?;
    if known > 0 {
        return Ok(false);
    }
    let row = (
        favourites::user_id.eq(user.to_db()),
        favourites::guild_id.eq(guild),
        favourites::sound.eq(sound),
    );
    diesel::insert_into(favourites::table)
        .values(row)
        .execute(conn)?;
    Ok(true)
}

/// Takes a favourite back; says whether it was one. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn delete(
    conn: &mut AnyConnection,
    user: UserId,
    guild: Option<GuildId>,
    sound: &str,
) -> QueryResult<bool> {
    let guild = guild.map_or(OPERATOR, GuildId::to_db);
    let row = favourites::table.find((user.to_db(), guild, sound));
    Ok(diesel::delete(row).execute(conn)? > 0)
}

/// A guild's own sound has another name: it stays whoever's favourite it was. Run inside
/// [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn rename(conn: &mut AnyConnection, guild: GuildId, old: &str, new: &str) -> QueryResult<()> {
    let guild = guild.to_db();
    // Left over from one that had the name before.
    let taken = favourites::table
        .filter(favourites::guild_id.eq(guild))
        .filter(favourites::sound.eq(new));
    diesel::delete(taken).execute(conn)?;
    let rows = favourites::table
        .filter(favourites::guild_id.eq(guild))
        .filter(favourites::sound.eq(old));
    let renamed = diesel::update(rows).set(favourites::sound.eq(new));
    renamed.execute(conn).map(drop)
}
