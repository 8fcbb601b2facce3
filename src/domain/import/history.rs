//! The database of the original server: its log, its counters, and what guilds and members had
//! chosen. Taken over row by row; what is there already, or was chosen since, stays. Tokens are left
//! behind.

use std::collections::HashMap;
use std::path::Path;

use chrono::{DateTime, NaiveDateTime};
use tokio::task::spawn_blocking;
use unicode_normalization::UnicodeNormalization as _;

use crate::config::is_prefix;
use crate::db::original::{Original, Row, Table};
use crate::db::plays::{LOCAL, NewPlay};
use crate::db::{AnyConnection, Db, QueryResult, favourites, guilds, history};
use crate::domain::favourites::FAVOURITES_MAX;
use crate::domain::occasions;
use crate::domain::settings::{Settings, Volume};
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// Plays that are taken over, of all guilds.
const PLAYS_MAX: usize = 2_000_000;
/// Loudest volume of the original, in percent. What is louder than ours becomes the loudest.
const VOLUME_MAX: u16 = 1_000;

/// What a database has brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brought {
    /// Plays that are in the log now.
    pub plays: usize,
    /// Plays that were counted, and are in no log.
    pub counts: i64,
    /// Guilds whose volume and prefix were taken over.
    pub guilds: usize,
    /// Favourites.
    pub favourites: usize,
    /// Members whose fast trigger was taken over.
    pub fast_triggers: usize,
    /// What could not be read, a line each.
    pub faults: Vec<String>,
}

/// Everything of use, read.
#[derive(Default)]
struct Rows {
    guilds: Vec<(GuildId, Volume, Option<String>)>,
    users: Vec<(UserId, Option<String>, Vec<String>)>,
    plays: HashMap<GuildId, Vec<NewPlay>>,
    counts: HashMap<GuildId, HashMap<String, i64>>,
    /// How many plays there are.
    taken: usize,
    faults: Vec<String>,
}

/// Takes a database of the original server over.
///
/// # Errors
/// The database's that is written to. What was written before stays; the same again writes the
/// rest.
pub async fn take_over(path: &Path, db: &Db, settings: &Settings) -> Result<Brought, Error> {
    let from = path.to_owned();
    let read = spawn_blocking(move || read(&from));
    let rows = read.await.map_err(Error::internal)?;
    let mut brought = Brought {
        faults: rows.faults,
        ..Brought::default()
    };
    for (guild, volume, prefix) in rows.guilds {
        let known = db.run(move |conn| guilds::find(conn, guild)).await?;
        if known.is_none() {
            let change = settings.update(guild, move |settings| {
                settings.volume = volume;
                settings.prefix = prefix;
            });
            change.await?;
            brought.guilds += 1;
        }
    }
    let users = rows.users;
    let write = db.write(move |conn| take_users(conn, &users));
    (brought.favourites, brought.fast_triggers) = write.await?;
    let mut counts = rows.counts;
    let mut plays = rows.plays;
    for guild in counts.keys() {
        plays.entry(*guild).or_default();
    }
    for (guild, plays) in plays {
        let counts: Vec<_> = counts.remove(&guild).into_iter().flatten().collect();
        let merge = db.write(move |conn| history::merge(conn, guild, &plays, &counts));
        let (plays, counted) = merge.await?;
        brought.plays += plays;
        brought.counts += counted;
    }
    Ok(brought)
}

fn take_users(
    conn: &mut AnyConnection,
    users: &[(UserId, Option<String>, Vec<String>)],
) -> QueryResult<(usize, usize)> {
    let (mut liked, mut triggers) = (0, 0);
    for (user, trigger, sounds) in users {
        if let Some(sound) = trigger {
            triggers += usize::from(occasions::adopt(conn, *user, sound)?);
        }
        let room = FAVOURITES_MAX.saturating_sub(favourites::list(conn, *user)?.len());
        for sound in sounds.iter().take(room) {
            liked += usize::from(favourites::insert(conn, *user, None, sound)?);
        }
    }
    Ok((liked, triggers))
}

/// Reads all that can be. Blocks.
fn read(path: &Path) -> Rows {
    let mut rows = Rows::default();
    let read = Original::open(path).map_err(|_| ()).and_then(|mut from| {
        let tables = [Table::Guilds, Table::Users, Table::Log, Table::Stats];
        let mut known = false;
        for table in tables {
            if from.has(table).map_err(drop)? {
                known = true;
                read_table(&mut from, table, &mut rows).map_err(drop)?;
            }
        }
        known.then_some(()).ok_or(())
    });
    if read.is_err() {
        let fault = "it cannot be read as a database of the original server".to_owned();
        rows.faults.push(fault);
    }
    rows.explain();
    rows
}

fn read_table(from: &mut Original, table: Table, rows: &mut Rows) -> QueryResult<()> {
    let mut after = i64::MIN;
    loop {
        let some = from.rows(table, after)?;
        let Some(last) = some.last() else {
            return Ok(());
        };
        after = last.number;
        for row in some {
            let taken = match table {
                Table::Guilds => rows.take_guild(&row),
                Table::Users => rows.take_user(&row),
                Table::Log => rows.take_play(&row),
                Table::Stats => rows.take_count(&row),
            };
            if let Err(reason) = taken {
                let fault = format!("{} row {}: {reason}", table.name(), row.number);
                rows.faults.push(fault);
            }
        }
    }
}

impl Rows {
    fn take_guild(&mut self, row: &Row) -> Result<(), &'static str> {
        let guild = id(row, 0).ok_or("its guild is no id")?;
        let percent = match text(row, 1)? {
            "" => Volume::FULL.percent(),
            percent => percent.parse().map_err(|_| "its volume is no number")?,
        };
        if percent > VOLUME_MAX {
            return Err("its volume is above 1000");
        }
        let volume = Volume::new(percent).unwrap_or(Volume::LOUDEST);
        let prefix = match text(row, 2)? {
            "" => None,
            prefix if is_prefix(prefix) => Some(prefix.to_owned()),
            _ => return Err("its prefix is not 1 to 10 characters without white space"),
        };
        if volume != Volume::FULL || prefix.is_some() {
            self.guilds.push((guild, volume, prefix));
        }
        Ok(())
    }

    fn take_user(&mut self, row: &Row) -> Result<(), &'static str> {
        let user = id(row, 0).ok_or("its user is no id")?;
        let trigger = match text(row, 1)? {
            "" => None,
            sound => Some(sound.nfc().collect()),
        };
        let sounds = text(row, 2)?.split('|').filter(|sound| !sound.is_empty());
        let sounds = sounds.map(|sound| sound.nfc().collect()).collect();
        self.users.push((user, trigger, sounds));
        Ok(())
    }

    fn take_play(&mut self, row: &Row) -> Result<(), &'static str> {
        if self.taken >= PLAYS_MAX {
            return Err("there are more than 2000000 before it");
        }
        let guild = id(row, 3).ok_or("its guild is no id")?;
        let source = match text(row, 4)? {
            "local" => LOCAL,
            "youtube" => "youtube",
            "http" => "http",
            _ => return Err("its source is not local, youtube or http"),
        };
        let play = NewPlay {
            guild,
            time_ms: instant_ms(text(row, 0)?).ok_or("its time is none")?,
            user: id(row, 1).ok_or("its user is no id")?,
            user_tag: text(row, 2)?.to_owned(),
            source,
            sound: sound(row, 5)?,
        };
        self.taken += 1;
        self.plays.entry(guild).or_default().push(play);
        Ok(())
    }

    fn take_count(&mut self, row: &Row) -> Result<(), &'static str> {
        let guild = id(row, 0).ok_or("its guild is no id")?;
        let count = text(row, 2)?.parse::<u32>();
        let count = count.map_err(|_| "its count is no number")?;
        let counts = self.counts.entry(guild).or_default();
        *counts.entry(sound(row, 1)?).or_default() += i64::from(count);
        Ok(())
    }

    /// Takes from the counts what the log has rows of.
    fn explain(&mut self) {
        for (guild, counts) in &mut self.counts {
            for play in self.plays.get(guild).into_iter().flatten() {
                if play.source == LOCAL
                    && let Some(count) = counts.get_mut(&play.sound)
                {
                    *count -= 1;
                }
            }
            counts.retain(|_, count| *count > 0);
        }
    }
}

/// A column as text; nothing is the empty one.
fn text(row: &Row, column: usize) -> Result<&str, &'static str> {
    let bytes = row.columns.get(column).and_then(Option::as_deref);
    std::str::from_utf8(bytes.unwrap_or_default()).map_err(|_| "it is not written in UTF-8")
}

fn id<T: std::str::FromStr>(row: &Row, column: usize) -> Option<T> {
    text(row, column).ok()?.parse().ok()
}

fn sound(row: &Row, column: usize) -> Result<String, &'static str> {
    match text(row, column)? {
        "" => Err("it names no sound"),
        sound => Ok(sound.nfc().collect()),
    }
}

/// An instant as SQLite or the original's driver writes it, in UTC.
fn instant_ms(text: &str) -> Option<i64> {
    let plain = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok();
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Some(time.timestamp_millis()),
        Err(_) => plain().map(|time| time.and_utc().timestamp_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::instant_ms;

    #[test]
    fn instants_are_read_in_both_forms() {
        for text in [
            "2019-04-06 18:48:02",
            "2019-04-06T18:48:02Z",
            "2019-04-06T20:48:02+02:00",
        ] {
            assert_eq!(instant_ms(text), Some(1_554_576_482_000), "{text}");
        }
        for text in ["", "yesterday", "2019-04-06", "2019-13-06 18:48:02"] {
            assert_eq!(instant_ms(text), None, "{text}");
        }
    }
}
