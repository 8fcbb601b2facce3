//! The one place where the two backends differ: opening, migrating, transactions.
#![expect(
    missing_docs,
    reason = "derive(MultiConnection) writes bare public items into this file"
)]

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::r2d2::{HandleError, ManageConnection};
use diesel::{
    Connection, ConnectionError, PgConnection, QueryResult, RunQueryDsl, SqliteConnection,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::OpenError;
use crate::config::DatabaseUrl;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The busy timeout stands first: changing the journal mode may have to wait already.
const SQLITE_SETUP: &str = "PRAGMA busy_timeout = 5000;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA cache_size = -16000;
PRAGMA mmap_size = 1073741824;";

/// No query of a page waits longer; a lock that another session holds is not waited for for ever.
const POSTGRES_SETUP: &str = "SET statement_timeout = '5s'; SET TIME ZONE 'UTC';";

/// A connection to either backend.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Opens connections for the pool.
pub(super) struct Manager {
    url: DatabaseUrl,
}

impl Manager {
    pub(super) fn new(url: DatabaseUrl) -> Self {
        Self { url }
    }

    /// A connection, set up.
    pub(super) fn establish(&self) -> Result<AnyConnection, ConnectionError> {
        let failed = ConnectionError::CouldntSetupConfiguration;
        match &self.url {
            DatabaseUrl::Sqlite(path) => {
                let mut conn = SqliteConnection::establish(&path.to_string_lossy())?;
                conn.batch_execute(SQLITE_SETUP).map_err(failed)?;
                Ok(AnyConnection::Sqlite(conn))
            }
            DatabaseUrl::Postgres(url) => {
                let mut conn = PgConnection::establish(url)?;
                conn.batch_execute(POSTGRES_SETUP).map_err(failed)?;
                Ok(AnyConnection::Postgres(conn))
            }
        }
    }
}

impl ManageConnection for Manager {
    type Connection = AnyConnection;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<AnyConnection, Self::Error> {
        self.establish()
            .map_err(diesel::r2d2::Error::ConnectionError)
    }

    fn is_valid(&self, conn: &mut AnyConnection) -> Result<(), Self::Error> {
        ping(conn).map_err(diesel::r2d2::Error::QueryError)
    }

    /// A connection that a panic left in the middle of something is not used again.
    fn has_broken(&self, _: &mut AnyConnection) -> bool {
        std::thread::panicking()
    }
}

/// Sends the pool's own troubles to the log.
#[derive(Debug)]
pub(super) struct LogFaults;

impl HandleError<diesel::r2d2::Error> for LogFaults {
    fn handle_error(&self, error: diesel::r2d2::Error) {
        tracing::error!(%error, "database connection");
    }
}

/// Brings the tables up to date.
pub(super) fn migrate(
    conn: &mut AnyConnection,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    match conn {
        AnyConnection::Sqlite(conn) => conn.run_pending_migrations(SQLITE).map(drop),
        AnyConnection::Postgres(conn) => {
            // A migration may take its time.
            conn.batch_execute("SET statement_timeout = 0")?;
            conn.run_pending_migrations(POSTGRES).map(drop)
        }
    }
}

/// Runs `changes` between BEGIN and COMMIT. SQLite takes its write lock at once: a transaction
/// that reads first and writes later can be refused in the middle.
pub(super) fn transaction<T>(
    conn: &mut AnyConnection,
    changes: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    conn.batch_execute(match conn {
        AnyConnection::Sqlite(_) => "BEGIN IMMEDIATE",
        AnyConnection::Postgres(_) => "BEGIN",
    })?;
    let outcome = changes(conn).and_then(|value| {
        conn.batch_execute("COMMIT")?;
        Ok(value)
    });
    if outcome.is_err()
        && let Err(error) = conn.batch_execute("ROLLBACK")
    {
        tracing::error!(%error, "database rollback");
    }
    outcome
}

/// Lets the statements of this transaction take their time.
pub(super) fn take_time(conn: &mut AnyConnection) -> QueryResult<()> {
    match conn {
        AnyConnection::Sqlite(_) => Ok(()),
        AnyConnection::Postgres(conn) => conn.batch_execute("SET LOCAL statement_timeout = 0"),
    }
}

/// Brings what stands in SQLite's journal into the database itself.
pub(super) fn settle(conn: &mut AnyConnection) -> QueryResult<()> {
    match conn {
        AnyConnection::Sqlite(conn) => conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)"),
        AnyConnection::Postgres(_) => Ok(()),
    }
}

/// Copies an SQLite database as it is at this moment, also while others write to it. Blocks.
///
/// # Errors
/// [`OpenError::Connect`].
pub fn copy_sqlite(from: &Path, to: &Path) -> Result<(), OpenError> {
    let failed = |error: &dyn std::fmt::Display| OpenError::Connect(error.to_string());
    let mut address = read_only(from);
    let mut journal = from.as_os_str().to_owned();
    journal.push("-wal");
    if !Path::new(&journal).exists() {
        // Nobody has it open. Without this SQLite would make that file, and leave it there.
        address.push_str("&immutable=1");
    }
    let mut conn = SqliteConnection::establish(&address).map_err(|error| failed(&error))?;
    diesel::sql_query("VACUUM INTO ?")
        .bind::<diesel::sql_types::Text, _>(to.to_string_lossy())
        .execute(&mut conn)
        .map(drop)
        .map_err(|error| failed(&error))
}

/// The address of an SQLite file that is only read.
pub(super) fn read_only(path: &Path) -> String {
    let mut address = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            address.push(char::from(*byte));
        } else {
            address.extend(format!("%{byte:02X}").chars());
        }
    }
    address + "?mode=ro"
}

/// The cheapest query there is.
pub(super) fn ping(conn: &mut AnyConnection) -> QueryResult<()> {
    diesel::select(1.into_sql::<diesel::sql_types::Integer>())
        .execute(conn)
        .map(drop)
}

use diesel::IntoSql as _;
