//! Queries on the play log and its counters. `domain::play_log` alone writes; the routes read.
//!
//! A guild's plays carry the numbers `first_seq..=last_seq` without gaps, so the page at any depth
//! is a range of the primary key, and its cost is its own length.

use std::collections::HashMap;

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::{guild_counters, plays, sound_counts};
use crate::ids::{GuildId, UserId};

/// The `source` of a sound of our own library. Only these are counted in the statistics.
pub const LOCAL: &str = "local";

/// The `source` of a sound of Discord's own soundboard.
pub const DISCORD: &str = "discord";

/// Names in one statement, which takes a bounded number of values.
const NAMES_MAX: usize = 500;

/// A play about to be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlay {
    /// Where.
    pub guild: GuildId,
    /// When its audio started, in Unix milliseconds.
    pub time_ms: i64,
    /// Who asked for it.
    pub user: UserId,
    /// Their name then.
    pub user_tag: String,
    /// Where the sound came from: [`LOCAL`], [`DISCORD`] or what an import says.
    pub source: &'static str,
    /// The sound's name without extension.
    pub sound: String,
}

/// A logged play.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Play {
    /// When its audio started, in Unix milliseconds.
    pub time_ms: i64,
    user_id: i64,
    /// Who asked for it, as named then.
    pub user_tag: String,
    /// Where the sound came from.
    pub source: String,
    /// The sound's name without extension.
    pub sound: String,
}

impl Play {
    /// Who asked for it.
    pub fn user(&self) -> UserId {
        UserId::from_db(self.user_id)
    }
}

/// Part of a longer list, and how long that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries asked for.
    pub entries: Vec<T>,
    /// How many there are in all.
    pub total: i64,
}

/// Appends a play: its row, its number and its counter. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's; the transaction must then be given up.
pub fn append(conn: &mut AnyConnection, play: &NewPlay) -> QueryResult<()> {
    let guild = play.guild.to_db();
    let counters: Option<(i64, i64)> = guild_counters::table
        .find(guild)
        .select((guild_counters::last_seq, guild_counters::sounds))
        .first(conn)
        .optional()?;
    let new_sound = play.source == LOCAL && count_sound(conn, guild, &play.sound)?;
    let (last_seq, sounds) = counters.unwrap_or((0, 0));
    let (seq, sounds) = (last_seq + 1, sounds + i64::from(new_sound));
    if counters.is_some() {
        diesel::update(guild_counters::table.find(guild))
            .set((
                guild_counters::last_seq.eq(seq),
                guild_counters::sounds.eq(sounds),
            ))
            .execute(conn)?;
    } else {
        diesel::insert_into(guild_counters::table)
            .values((
                guild_counters::guild_id.eq(guild),
                guild_counters::first_seq.eq(1),
                guild_counters::last_seq.eq(seq),
                guild_counters::sounds.eq(sounds),
            ))
            .execute(conn)?;
    }
    diesel::insert_into(plays::table)
        .values((
            plays::guild_id.eq(guild),
            plays::seq.eq(seq),
            plays::time_ms.eq(play.time_ms),
            plays::user_id.eq(play.user.to_db()),
            plays::user_tag.eq(&play.user_tag),
            plays::source.eq(play.source),
            plays::sound.eq(&play.sound),
        ))
        .execute(conn)?;
    Ok(())
}

/// Counts one more play of a sound; says whether it is its first.
fn count_sound(conn: &mut AnyConnection, guild: i64, sound: &str) -> QueryResult<bool> {
    let known = diesel::update(sound_counts::table.find((guild, sound)))
        .set(sound_counts::count.eq(sound_counts::count + 1))
        .execute(conn)?;
    if known == 0 {
        diesel::insert_into(sound_counts::table)
            .values((
                sound_counts::guild_id.eq(guild),
                sound_counts::sound.eq(sound),
                sound_counts::count.eq(1),
            ))
            .execute(conn)?;
    }
    Ok(known == 0)
}

/// A guild's plays, newest first, from the `from`-th on. Seed 004, Get Play Log.
///
/// One statement finds the guild's bounds and the page: each statement is a transaction of its
/// own, and its locks cost more than its rows.
///
/// # Errors
/// The database's.
pub fn page(
    conn: &mut AnyConnection,
    guild: GuildId,
    from: u32,
    limit: u32,
) -> QueryResult<Page<Play>> {
    let rows: Vec<(i64, i64, Play)> = guild_counters::table
        .inner_join(
            plays::table.on(plays::guild_id
                .eq(guild_counters::guild_id)
                .and(plays::seq.le(guild_counters::last_seq - i64::from(from)))),
        )
        .filter(guild_counters::guild_id.eq(guild.to_db()))
        .order(plays::seq.desc())
        .limit(limit.into())
        .select((
            guild_counters::first_seq,
            guild_counters::last_seq,
            (
                plays::time_ms,
                plays::user_id,
                plays::user_tag,
                plays::source,
                plays::sound,
            ),
        ))
        .load(conn)?;
    let total = match rows.first() {
        Some((first_seq, last_seq, _)) => last_seq - first_seq + 1,
        None => count(conn, guild)?,
    };
    let entries = rows.into_iter().map(|(_, _, play)| play).collect();
    Ok(Page { entries, total })
}

/// How many plays of a guild are kept.
fn count(conn: &mut AnyConnection, guild: GuildId) -> QueryResult<i64> {
    let bounds: Option<(i64, i64)> = guild_counters::table
        .find(guild.to_db())
        .select((guild_counters::first_seq, guild_counters::last_seq))
        .first(conn)
        .optional()?;
    Ok(bounds.map_or(0, |(first_seq, last_seq)| last_seq - first_seq + 1))
}

/// How many plays of all guilds are kept.
///
/// # Errors
/// The database's.
pub fn count_all(conn: &mut AnyConnection) -> QueryResult<i64> {
    let bounds: Vec<(i64, i64)> = guild_counters::table
        .select((guild_counters::first_seq, guild_counters::last_seq))
        .load(conn)?;
    let counts = bounds
        .iter()
        .map(|(first_seq, last_seq)| last_seq - first_seq + 1);
    Ok(counts.sum())
}

/// A guild's local sounds by how often they were played, ties by name, and how many there are.
/// Seed 004, Get Play Stats.
///
/// # Errors
/// The database's.
pub fn top_sounds(
    conn: &mut AnyConnection,
    guild: GuildId,
    limit: u32,
) -> QueryResult<Page<(String, i64)>> {
    let rows: Vec<(i64, (String, i64))> = guild_counters::table
        .inner_join(sound_counts::table.on(sound_counts::guild_id.eq(guild_counters::guild_id)))
        .filter(guild_counters::guild_id.eq(guild.to_db()))
        .order((sound_counts::count.desc(), sound_counts::sound.asc()))
        .limit(limit.into())
        .select((
            guild_counters::sounds,
            (sound_counts::sound, sound_counts::count),
        ))
        .load(conn)?;
    // A limit is at least 1, so no rows are no sounds.
    let total = rows.first().map_or(0, |(sounds, _)| *sounds);
    let entries = rows.into_iter().map(|(_, entry)| entry).collect();
    Ok(Page { entries, total })
}

/// How often some local sounds were played in a guild, by name; what never was is not in it.
///
/// # Errors
/// The database's.
pub fn count_sounds(
    conn: &mut AnyConnection,
    guild: GuildId,
    sounds: &[String],
) -> QueryResult<HashMap<String, i64>> {
    let mut counts = HashMap::new();
    for names in sounds.chunks(NAMES_MAX) {
        let rows: Vec<(String, i64)> = sound_counts::table
            .filter(sound_counts::guild_id.eq(guild.to_db()))
            .filter(sound_counts::sound.eq_any(names))
            .select((sound_counts::sound, sound_counts::count))
            .load(conn)?;
        counts.extend(rows);
    }
    Ok(counts)
}
