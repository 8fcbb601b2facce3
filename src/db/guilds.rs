//! Queries on `guilds` and `guild_roles`: what a guild has chosen. Called by `domain::settings`.

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::{guild_roles, guilds};
use crate::ids::{GuildId, RoleId};

/// A guild's row as it is kept; `domain::settings` gives the numbers their meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The columns.
    pub columns: Columns,
    /// Roles of which a member needs one to play; none: everybody may.
    pub dj_roles: Vec<RoleId>,
    /// Roles that may not play.
    pub blocked_roles: Vec<RoleId>,
}

/// The columns of `guilds`, but for the id.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = guilds, treat_none_as_null = true)]
pub struct Columns {
    /// 0: replace, 1: queue, 2: overlap.
    pub mode: i16,
    /// Percent.
    pub volume: i16,
    /// Seconds; `None`: the bot stays.
    pub leave_after_s: Option<i32>,
    /// `en` or `de`.
    pub language: Option<String>,
    /// What commands in messages begin with.
    pub prefix: Option<String>,
    /// Whether entrance sounds are played.
    pub entrances: bool,
    /// Whether muting and unmuting plays a sound.
    pub fast_trigger: bool,
    /// Whether the bot joins ahead of a play.
    pub early_join: bool,
    /// Hundredths of a LUFS; `None`: as the operator wants it.
    pub loudness_clufs: Option<i32>,
}

/// How `guild_roles.kind` is written.
const DJ: i16 = 0;
const BLOCKED: i16 = 1;

/// What a guild has chosen, if it has chosen anything.
///
/// # Errors
/// The database's.
pub fn find(conn: &mut AnyConnection, guild: GuildId) -> QueryResult<Option<Row>> {
    let row = guilds::table
        .find(guild.to_db())
        .select(Columns::as_select())
        .first(conn)
        .optional()?;
    let Some(columns) = row else {
        return Ok(None);
    };
    let roles: Vec<(i64, i16)> = guild_roles::table
        .filter(guild_roles::guild_id.eq(guild.to_db()))
        .order(guild_roles::role_id)
        .select((guild_roles::role_id, guild_roles::kind))
        .load(conn)?;
    let of_kind = |wanted: i16| {
        let fitting = roles.iter().filter(|(_, kind)| *kind == wanted);
        fitting.map(|(id, _)| RoleId::from_db(*id)).collect()
    };
    Ok(Some(Row {
        columns,
        dj_roles: of_kind(DJ),
        blocked_roles: of_kind(BLOCKED),
    }))
}

/// How loud sounds are in guilds that have chosen that, each loudness once.
///
/// # Errors
/// The database's.
pub fn list_loudness(conn: &mut AnyConnection) -> QueryResult<Vec<i32>> {
    let chosen: Vec<Option<i32>> = guilds::table
        .filter(guilds::loudness_clufs.is_not_null())
        .select(guilds::loudness_clufs)
        .distinct()
        .load(conn)?;
    Ok(chosen.into_iter().flatten().collect())
}

/// Keeps what a guild has chosen, in place of what was kept before. A role that is in both lists
/// is kept as blocked.
///
/// # Errors
/// The database's.
pub fn upsert(conn: &mut AnyConnection, guild: GuildId, row: &Row) -> QueryResult<()> {
    let id = guild.to_db();
    let known = diesel::update(guilds::table.find(id))
        .set(&row.columns)
        .execute(conn)?;
    if known == 0 {
        diesel::insert_into(guilds::table)
            .values((guilds::id.eq(id), &row.columns))
            .execute(conn)?;
    }
    diesel::delete(guild_roles::table.filter(guild_roles::guild_id.eq(id))).execute(conn)?;
    let dj = row.dj_roles.iter().map(|role| (role, DJ));
    let blocked = row.blocked_roles.iter().map(|role| (role, BLOCKED));
    let dj = dj.filter(|(role, _)| !row.blocked_roles.contains(role));
    for (role, kind) in dj.chain(blocked) {
        diesel::insert_into(guild_roles::table)
            .values((
                guild_roles::guild_id.eq(id),
                guild_roles::role_id.eq(role.to_db()),
                guild_roles::kind.eq(kind),
            ))
            .execute(conn)?;
    }
    Ok(())
}
