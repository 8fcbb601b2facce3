//! Queries on `guild_registrations`: where Discord knows of commands of a guild's own. Called by
//! `domain::commands`.

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::guild_registrations;
use crate::ids::GuildId;

/// The guilds in which Discord knows of any.
///
/// # Errors
/// The database's.
pub fn list(conn: &mut AnyConnection) -> QueryResult<Vec<GuildId>> {
    let guilds = guild_registrations::table.select(guild_registrations::guild_id);
    let guilds: Vec<i64> = guilds.load(conn)?;
    Ok(guilds.into_iter().map(GuildId::from_db).collect())
}

/// Whether Discord knows of any in a guild.
///
/// # Errors
/// The database's.
pub fn exists(conn: &mut AnyConnection, guild: GuildId) -> QueryResult<bool> {
    let row = guild_registrations::table.find(guild.to_db());
    let rows: i64 = row.count().get_result(conn)?;
    Ok(rows > 0)
}

/// Discord knows of some. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn insert(conn: &mut AnyConnection, guild: GuildId) -> QueryResult<()> {
    delete(conn, guild)?;
    diesel::insert_into(guild_registrations::table)
        .values(guild_registrations::guild_id.eq(guild.to_db()))
        .execute(conn)
        .map(drop)
}

/// Discord knows of none any more. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn delete(conn: &mut AnyConnection, guild: GuildId) -> QueryResult<()> {
    let row = guild_registrations::table.find(guild.to_db());
    diesel::delete(row).execute(conn).map(drop)
}
