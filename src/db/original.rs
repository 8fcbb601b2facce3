//! Reading the SQLite file of the original server. Everything in it is text without rules: columns
//! are read as bytes, and the caller makes of them what it can. Called by `domain::import`.

use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable};

use super::connection::read_only;

/// Rows read at once.
const ROWS_MAX: i64 = 10_000;
/// Longest text that is of use: longer ones are cut off while they are read.
const TEXT_BYTES_MAX: u32 = 4_096;

/// A file, opened.
pub struct Original(SqliteConnection);

/// A table of the original, with the columns that are of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `guild_id`, `volume`, `prefix`.
    Guilds,
    /// `user_id`, `fast_trigger`, `favorites`.
    Users,
    /// `time`, `user_id`, `user_tag`, `guild_id`, `source`, `sound`.
    Log,
    /// `guild_id`, `sound`, `count`.
    Stats,
}

impl Table {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guilds => "guilds",
            Self::Users => "users",
            Self::Log => "sounds_log",
            Self::Stats => "sounds_stats",
        }
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Guilds => &["guild_id", "volume", "prefix"],
            Self::Users => &["user_id", "fast_trigger", "favorites"],
            Self::Log => &["time", "user_id", "user_tag", "guild_id", "source", "sound"],
            Self::Stats => &["guild_id", "sound", "count"],
        }
    }
}

/// A row: its number in its table, and its columns in the order of [`Table`]'s; `None` where there
/// is nothing, or the column was not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub number: i64,
    /// The columns.
    pub columns: Vec<Option<Vec<u8>>>,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    c0: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    c1: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    c2: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    c3: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    c4: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    c5: Option<Vec<u8>>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Original {
    /// Opens a file; it is only read. Blocks.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, ConnectionError> {
        SqliteConnection::establish(&read_only(path)).map(Self)
    }

    /// Whether it has a table with its first column, which those of other programs have not.
    ///
    /// # Errors
    /// The database's.
    pub fn has(&mut self, table: Table) -> QueryResult<bool> {
        match table.columns().first() {
            Some(column) => self.has_column(table, column),
            None => Ok(false),
        }
    }

    fn has_column(&mut self, table: Table, column: &str) -> QueryResult<bool> {
        let query = "SELECT count(*) AS count FROM pragma_table_info(?) WHERE name = ?";
        let count: Count = diesel::sql_query(query)
            .bind::<diesel::sql_types::Text, _>(table.name())
            .bind::<diesel::sql_types::Text, _>(column)
            .get_result(&mut self.0)?;
        Ok(count.count > 0)
    }

    /// The next rows after a number, by number; none at the end. Blocks.
    ///
    /// # Errors
    /// The database's.
    pub fn rows(&mut self, table: Table, after: i64) -> QueryResult<Vec<Row>> {
        let mut selected = Vec::new();
        let width = table.columns().len();
        for place in 0..6 {
            let column = table.columns().get(place);
            let there = match column {
                Some(column) => self.has_column(table, column)?,
                None => false,
            };
            selected.push(match column.filter(|_| there) {
                Some(column) => {
                    format!("substr(CAST(`{column}` AS BLOB), 1, {TEXT_BYTES_MAX}) AS c{place}")
                }
                None => format!("NULL AS c{place}"),
            });
        }
        let query = format!(
            "SELECT rowid AS number, {} FROM `{}` WHERE rowid > ? ORDER BY rowid LIMIT {ROWS_MAX}",
            selected.join(", "),
            table.name()
        );
        let found: Vec<Found> = diesel::sql_query(query)
            .bind::<BigInt, _>(after)
            .load(&mut self.0)?;
        let row = |found: Found| {
            let Found {
                number,
                c0,
                c1,
                c2,
                c3,
                c4,
                c5,
            } = found;
            let mut columns = vec![c0, c1, c2, c3, c4, c5];
            columns.truncate(width);
            Row { number, columns }
        };
        Ok(found.into_iter().map(row).collect())
    }
}
