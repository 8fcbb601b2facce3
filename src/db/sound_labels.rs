//! Queries on `sound_labels`: tags and categories. Called by `domain::labels`.

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::sound_labels;
use crate::ids::GuildId;

/// How the operator's sounds are told from those of a guild, whose ids are positive.
const OPERATOR: i64 = 0;

/// What people say of a sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelRow {
    /// The guild whose own sound it is; `None`: the operator's.
    pub guild: Option<GuildId>,
    /// Its name without its extension.
    pub sound: String,
    /// One a line, in byte order.
    pub tags: String,
    /// One, or none.
    pub category: Option<String>,
}

/// Everything that was said.
///
/// # Errors
/// The database's.
pub fn list_all(conn: &mut AnyConnection) -> QueryResult<Vec<LabelRow>> {
    let rows: Vec<(i64, String, String, Option<String>)> = sound_labels::table
        .order((sound_labels::guild_id, sound_labels::sound))
        .select((
            sound_labels::guild_id,
            sound_labels::sound,
            sound_labels::tags,
            sound_labels::category,
        ))
        .load(conn)?;
    let row = |(guild, sound, tags, category)| LabelRow {
        guild: (guild != OPERATOR).then(|| GuildId::from_db(guild)),
        sound,
        tags,
        category,
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Keeps what is said of a sound in place of what was said before. Run inside
/// [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn replace(conn: &mut AnyConnection, row: &LabelRow) -> QueryResult<()> {
    delete(conn, row.guild, &row.sound)?;
    diesel::insert_into(sound_labels::table)
        .values((
            sound_labels::guild_id.eq(row.guild.map_or(OPERATOR, GuildId::to_db)),
            sound_labels::sound.eq(&row.sound),
            sound_labels::tags.eq(&row.tags),
            sound_labels::category.eq(row.category.as_deref()),
        ))
        .execute(conn)
        .map(drop)
}

/// Forgets what was said of a sound. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn delete(conn: &mut AnyConnection, guild: Option<GuildId>, sound: &str) -> QueryResult<()> {
    let guild = guild.map_or(OPERATOR, GuildId::to_db);
    let row = sound_labels::table.find((guild, sound));
    diesel::delete(row).execute(conn).map(drop)
}
