//! Queries on `guild_sounds`: the sounds that belong to one guild each. Called by
//! `domain::uploads`.

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::guild_sounds;
use crate::ids::{GuildId, UserId};

/// A sound about to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGuildSound {
    /// The guild.
    pub guild: GuildId,
    /// Its name without its extension.
    pub name: String,
    /// What its file is called at the end.
    pub extension: String,
    /// The file's name in the guild's folder.
    pub file: String,
    /// Its size.
    pub size_bytes: i64,
    /// SHA-256 of its content.
    pub hash: Vec<u8>,
    /// Who brought it.
    pub uploader: Option<UserId>,
    /// When, in Unix milliseconds.
    pub created_ms: i64,
}

/// A sound that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct GuildSound {
    /// Number of the sound.
    pub id: i64,
    guild_id: i64,
    /// Its name without its extension.
    pub name: String,
    /// What its file is called at the end.
    pub extension: String,
    /// The file's name in the guild's folder.
    pub file: String,
    /// Its size.
    pub size_bytes: i64,
    /// SHA-256 of its content.
    pub hash: Vec<u8>,
    uploader_id: Option<i64>,
    /// When it was brought, in Unix milliseconds.
    pub created_ms: i64,
    /// Since when it is in the bin, in Unix milliseconds.
    pub deleted_ms: Option<i64>,
}

impl GuildSound {
    /// The guild.
    pub fn guild(&self) -> GuildId {
        GuildId::from_db(self.guild_id)
    }

    /// Who brought it, where that is known.
    pub fn uploader(&self) -> Option<UserId> {
        self.uploader_id.map(UserId::from_db)
    }
}

/// In the order of [`GuildSound`]'s fields.
const COLUMNS: (
    guild_sounds::id,
    guild_sounds::guild_id,
    guild_sounds::name,
    guild_sounds::extension,
    guild_sounds::file,
    guild_sounds::size_bytes,
    guild_sounds::hash,
    guild_sounds::uploader_id,
    guild_sounds::created_ms,
    guild_sounds::deleted_ms,
) = (
    guild_sounds::id,
    guild_sounds::guild_id,
    guild_sounds::name,
    guild_sounds::extension,
    guild_sounds::file,
    guild_sounds::size_bytes,
    guild_sounds::hash,
    guild_sounds::uploader_id,
    guild_sounds::created_ms,
    guild_sounds::deleted_ms,
);

/// A name as there may be one of each in a guild.
fn key(name: &str) -> String {
    name.to_lowercase()
}

/// All sounds of all guilds, those in the bin too.
///
/// # Errors
/// The database's.
pub fn list_all(conn: &mut AnyConnection) -> QueryResult<Vec<GuildSound>> {
    let all = guild_sounds::table.order(guild_sounds::id).select(COLUMNS);
    all.load(conn)
}

/// What a guild calls the sound of this content, if it has one that is not in the bin.
///
/// # Errors
/// The database's.
pub fn find_name(
    conn: &mut AnyConnection,
    guild: GuildId,
    hash: &[u8],
) -> QueryResult<Option<String>> {
    guild_sounds::table
        .filter(guild_sounds::guild_id.eq(guild.to_db()))
        .filter(guild_sounds::hash.eq(hash))
        .filter(guild_sounds::deleted_ms.is_null())
        .order(guild_sounds::id)
        .select(guild_sounds::name)
        .first(conn)
        .optional()
}

/// What a guild has in its bin, what went there last first.
///
/// # Errors
/// The database's.
pub fn list_deleted(conn: &mut AnyConnection, guild: GuildId) -> QueryResult<Vec<GuildSound>> {
    guild_sounds::table
        .filter(guild_sounds::guild_id.eq(guild.to_db()))
        .filter(guild_sounds::deleted_ms.is_not_null())
        .order((guild_sounds::deleted_ms.desc(), guild_sounds::id))
        .select(COLUMNS)
        .load(conn)
}

/// What has been in the bin since before an instant.
///
/// # Errors
/// The database's.
pub fn list_deleted_before(
    conn: &mut AnyConnection,
    before_ms: i64,
) -> QueryResult<Vec<GuildSound>> {
    guild_sounds::table
        .filter(guild_sounds::deleted_ms.lt(before_ms))
        .order(guild_sounds::id)
        .select(COLUMNS)
        .load(conn)
}

/// Keeps a sound; answers its number. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's, so for a name that another sound of the guild has.
pub fn insert(conn: &mut AnyConnection, new: &NewGuildSound) -> QueryResult<i64> {
    diesel::insert_into(guild_sounds::table)
        .values((
            guild_sounds::guild_id.eq(new.guild.to_db()),
            guild_sounds::name.eq(&new.name),
            guild_sounds::name_key.eq(key(&new.name)),
            guild_sounds::extension.eq(&new.extension),
            guild_sounds::file.eq(&new.file),
            guild_sounds::size_bytes.eq(new.size_bytes),
            guild_sounds::hash.eq(&new.hash),
            guild_sounds::uploader_id.eq(new.uploader.map(UserId::to_db)),
            guild_sounds::created_ms.eq(new.created_ms),
        ))
        .returning(guild_sounds::id)
        .get_result(conn)
}

/// Gives a sound another name. Run inside [`super::Db::write`].
///
/// # Errors
/// As for [`insert`].
pub fn rename(conn: &mut AnyConnection, id: i64, name: &str) -> QueryResult<()> {
    let values = (
        guild_sounds::name.eq(name),
        guild_sounds::name_key.eq(key(name)),
    );
    let row = diesel::update(guild_sounds::table.find(id));
    row.set(values).execute(conn).map(drop)
}

/// Puts a sound into the bin, or takes it out again. Run inside [`super::Db::write`].
///
/// # Errors
/// As for [`insert`].
pub fn set_deleted(conn: &mut AnyConnection, id: i64, deleted_ms: Option<i64>) -> QueryResult<()> {
    let row = diesel::update(guild_sounds::table.find(id));
    row.set(guild_sounds::deleted_ms.eq(deleted_ms))
        .execute(conn)
        .map(drop)
}

/// Forgets sounds. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn delete(conn: &mut AnyConnection, ids: &[i64]) -> QueryResult<()> {
    for id in ids {
        diesel::delete(guild_sounds::table.find(id)).execute(conn)?;
    }
    Ok(())
}
