//! Putting old plays into the log, among those that are there. Called by `domain::import`; all
//! other plays come through `domain::play_log`.

use std::collections::HashMap;

use diesel::prelude::*;

use super::connection::{self, AnyConnection};
use super::plays::{LOCAL, NewPlay};
use super::schema::{guild_counters, plays, sound_counts};
use crate::ids::GuildId;

/// A row, but for its guild and its number.
type Kept = (i64, i64, String, String, String);

/// Puts a guild's old plays into its log, by time, before newer ones of the same instant; plays that
/// are in it already are not put there again. `counts` are the plays of local sounds that another
/// log had counted and not kept. Answers how many plays and counts are new. Run inside
/// [`super::Db::write`].
///
/// A log and its counters differ by what was counted without a row: what an earlier import has
/// brought is known by that, and not counted again.
///
/// # Errors
/// The database's; the transaction must then be given up.
pub fn merge(
    conn: &mut AnyConnection,
    guild: GuildId,
    old: &[NewPlay],
    counts: &[(String, i64)],
) -> QueryResult<(usize, i64)> {
    let id = guild.to_db();
    connection::take_time(conn)?;
    let there: Vec<Kept> = plays::table
        .filter(plays::guild_id.eq(id))
        .order(plays::seq)
        .select((
            plays::time_ms,
            plays::user_id,
            plays::user_tag,
            plays::source,
            plays::sound,
        ))
        .load(conn)?;
    let new = missing(&there, old);
    let added = new.len();

    let mut counters: HashMap<String, i64> = sound_counts::table
        .filter(sound_counts::guild_id.eq(id))
        .select((sound_counts::sound, sound_counts::count))
        .load(conn)?
        .into_iter()
        .collect();
    let mut rows: HashMap<&str, i64> = HashMap::new();
    for (_, _, _, source, sound) in &there {
        *rows.entry(sound).or_default() += i64::from(source == LOCAL);
    }
    let mut counted = 0;
    for (sound, count) in counts {
        let known = counters.get(sound).copied().unwrap_or_default();
        let without_row = known - rows.get(sound.as_str()).copied().unwrap_or_default();
        let more = (count - without_row).max(0);
        if more > 0 {
            *counters.entry(sound.clone()).or_default() += more;
            counted += more;
        }
    }
    if added == 0 && counted == 0 {
        return Ok((0, 0));
    }
    for (_, _, _, source, sound) in &new {
        if source == LOCAL {
            *counters.entry(sound.clone()).or_default() += 1;
        }
    }
    replace_counters(conn, id, &counters)?;
    let total = there.len() + added;
    replace_plays(conn, id, there, new)?;
    replace_bounds(conn, id, total, counters.len())?;
    Ok((added, counted))
}

/// Those of some plays that are not there as often, by time.
fn missing(there: &[Kept], old: &[NewPlay]) -> Vec<Kept> {
    let mut known: HashMap<&Kept, usize> = HashMap::new();
    for play in there {
        *known.entry(play).or_default() += 1;
    }
    let mut new = Vec::new();
    for play in old {
        let play: Kept = (
            play.time_ms,
            play.user.to_db(),
            play.user_tag.clone(),
            play.source.to_owned(),
            play.sound.clone(),
        );
        match known.get_mut(&play) {
            Some(left) if *left > 0 => *left -= 1,
            _ => new.push(play),
        }
    }
    new.sort_by_key(|play| play.0);
    new
}

/// Numbers a guild's plays anew: the order of those that were there stays as it was.
fn replace_plays(
    conn: &mut AnyConnection,
    guild: i64,
    there: Vec<Kept>,
    new: Vec<Kept>,
) -> QueryResult<()> {
    diesel::delete(plays::table.filter(plays::guild_id.eq(guild))).execute(conn)?;
    let mut merged = Vec::with_capacity(there.len() + new.len());
    let mut new = new.into_iter().peekable();
    for play in there {
        while let Some(older) = new.next_if(|older| older.0 <= play.0) {
            merged.push(older);
        }
        merged.push(play);
    }
    merged.extend(new);
    for (seq, (time_ms, user, user_tag, source, sound)) in (1_i64..).zip(merged) {
        diesel::insert_into(plays::table)
            .values((
                plays::guild_id.eq(guild),
                plays::seq.eq(seq),
                plays::time_ms.eq(time_ms),
                plays::user_id.eq(user),
                plays::user_tag.eq(user_tag),
                plays::source.eq(source),
                plays::sound.eq(sound),
            ))
            .execute(conn)?;
    }
    Ok(())
}

fn replace_counters(
    conn: &mut AnyConnection,
    guild: i64,
    counters: &HashMap<String, i64>,
) -> QueryResult<()> {
    diesel::delete(sound_counts::table.filter(sound_counts::guild_id.eq(guild))).execute(conn)?;
    for (sound, count) in counters {
        diesel::insert_into(sound_counts::table)
            .values((
                sound_counts::guild_id.eq(guild),
                sound_counts::sound.eq(sound),
                sound_counts::count.eq(count),
            ))
            .execute(conn)?;
    }
    Ok(())
}

fn replace_bounds(
    conn: &mut AnyConnection,
    guild: i64,
    plays: usize,
    sounds: usize,
) -> QueryResult<()> {
    let number = |number| i64::try_from(number).unwrap_or(i64::MAX);
    diesel::delete(guild_counters::table.find(guild)).execute(conn)?;
    diesel::insert_into(guild_counters::table)
        .values((
            guild_counters::guild_id.eq(guild),
            guild_counters::first_seq.eq(1),
            guild_counters::last_seq.eq(number(plays)),
            guild_counters::sounds.eq(number(sounds)),
        ))
        .execute(conn)
        .map(drop)
}
