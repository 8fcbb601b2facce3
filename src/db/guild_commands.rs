//! Queries on `guild_commands`: what guilds have made to be asked. Called by `domain::commands`.

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::guild_commands;
use crate::ids::GuildId;

/// A command as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Row {
    /// Its number, never given to another one.
    pub id: i64,
    /// What it is called, once in its guild.
    pub command: String,
    /// What it answers, as JSON.
    pub response: String,
    /// 1 at first; grows with each change.
    pub version: i64,
}

/// The commands of a guild, by name.
///
/// # Errors
/// The database's.
pub fn list(conn: &mut AnyConnection, guild: GuildId) -> QueryResult<Vec<Row>> {
    guild_commands::table
        .filter(guild_commands::guild_id.eq(guild.to_db()))
        .order(guild_commands::command)
        .select((
            guild_commands::id,
            guild_commands::command,
            guild_commands::response,
            guild_commands::version,
        ))
        .load(conn)
}

/// The guilds that have commands.
///
/// # Errors
/// The database's.
pub fn list_guilds(conn: &mut AnyConnection) -> QueryResult<Vec<GuildId>> {
    let guilds = guild_commands::table.select(guild_commands::guild_id);
    let guilds: Vec<i64> = guilds.distinct().load(conn)?;
    Ok(guilds.into_iter().map(GuildId::from_db).collect())
}

/// Keeps a command; answers its number. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's, so for a name that another command of the guild has.
pub fn insert(
    conn: &mut AnyConnection,
    guild: GuildId,
    command: &str,
    response: &str,
) -> QueryResult<i64> {
    diesel::insert_into(guild_commands::table)
        .values((
            guild_commands::guild_id.eq(guild.to_db()),
            guild_commands::command.eq(command),
            guild_commands::response.eq(response),
            guild_commands::version.eq(1),
        ))
        .returning(guild_commands::id)
        .get_result(conn)
}

/// Puts another name, answer and version in place of a command's. Run inside
/// [`super::Db::write`].
///
/// # Errors
/// As for [`insert`].
pub fn update(conn: &mut AnyConnection, row: &Row) -> QueryResult<()> {
    diesel::update(guild_commands::table.find(row.id))
        .set((
            guild_commands::command.eq(&row.command),
            guild_commands::response.eq(&row.response),
            guild_commands::version.eq(row.version),
        ))
        .execute(conn)
        .map(drop)
}

/// Forgets a command. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn delete(conn: &mut AnyConnection, id: i64) -> QueryResult<()> {
    let row = guild_commands::table.find(id);
    diesel::delete(row).execute(conn).map(drop)
}
