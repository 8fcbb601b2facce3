//! Rows: one pool over SQLite or PostgreSQL, and one file of queries per table. The domain and
//! the routes call [`Db::quick`], [`Db::run`] and [`Db::write`] with a query from those files.

mod connection;
pub mod favourites;
pub mod grants;
pub mod guild_commands;
pub mod guild_registrations;
pub mod guild_sounds;
pub mod guilds;
pub mod history;
pub mod logs;
pub mod original;
pub mod plays;
pub mod roles;
mod schema;
pub mod session_starts;
pub mod sound_files;
pub mod sound_labels;
pub mod tokens;
pub mod user_sounds;
pub mod users;

use std::fs::{self, File};
use std::iter;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use diesel::QueryResult;
use diesel::r2d2::Pool;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use connection::Manager;
pub use connection::{AnyConnection, copy_sqlite};

use crate::config::DatabaseUrl;
use crate::error::Error;

/// Connections kept open; a page is read in microseconds, so few are enough.
const POOL_SIZE: u32 = 8;
/// How long a query waits for a connection.
const POOL_WAIT: Duration = Duration::from_secs(5);

/// How long those wait who have time, time after time; the last one again and again.
const RETRY_DELAYS: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

const UNAVAILABLE: Error = Error::Unavailable("the database is not available, try again");

/// The database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process works on the same SQLite file.
    #[error("another process uses the database {0}; one process per database")]
    InUse(String),
    /// The folder or the lock file could not be made.
    #[error("cannot use the database file {0}")]
    File(String, #[source] std::io::Error),
    /// No connection.
    #[error("cannot connect to the database: {0}")]
    Connect(String),
    /// The tables could not be brought up to date.
    #[error("cannot migrate the database")]
    Migrate(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The database, cheap to clone.
#[derive(Clone)]
pub struct Db {
    pool: Pool<Manager>,
    /// Whether a short query is quicker than a change of thread.
    inline: bool,
    /// One writer at a time, so that none finds the file busy.
    writer: Arc<Mutex<()>>,
    /// Held while this process lives: a second one on the same file is refused.
    _lock: Option<Arc<File>>,
}

impl Db {
    /// Opens the database and brings its tables up to date. Blocks.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let lock = match url {
            DatabaseUrl::Sqlite(path) => Some(Arc::new(lock(path)?)),
            DatabaseUrl::Postgres(_) => None,
        };
        let manager = Manager::new(url.clone());
        let mut first = manager
            .establish()
            .map_err(|error| OpenError::Connect(error.to_string()))?;
        connection::migrate(&mut first).map_err(OpenError::Migrate)?;
        drop(first);
        let pool = Pool::builder()
            .max_size(POOL_SIZE)
            .connection_timeout(POOL_WAIT)
            // A broken connection is found by its next query; asking each time costs more.
            .test_on_check_out(matches!(url, DatabaseUrl::Postgres(_)))
            .error_handler(Box::new(connection::LogFaults))
            .build(manager)
            .map_err(|error| OpenError::Connect(error.to_string()))?;
        Ok(Self {
            pool,
            inline: lock.is_some(),
            writer: Arc::default(),
            _lock: lock,
        })
    }

    /// Runs a short, bounded query: on this very thread with SQLite, where it takes microseconds.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn quick<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut AnyConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        if self.inline
            && let Some(mut conn) = self.pool.try_get()
        {
            return query(&mut conn).map_err(failure);
        }
        self.run(query).await
    }

    /// Runs a query on a thread that may wait.
    ///
    /// # Errors
    /// 503 when there is no connection or the database is locked, 507 when its disk is full, 500
    /// for what else it refuses.
    pub async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut AnyConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let db = self.clone();
        let run = spawn_blocking(move || db.run_blocking(query));
        run.await.map_err(Error::internal)?
    }

    /// The same on this thread, which may wait: while the server is built.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_blocking<T>(
        &self,
        query: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        let mut conn = self.pool.get().map_err(|error| {
            tracing::error!(%error, "no database connection");
            UNAVAILABLE
        })?;
        query(&mut conn).map_err(failure)
    }

    /// Runs changes in one transaction; all of them count or none does.
    ///
    /// # Errors
    /// As [`run`](Self::run); nothing has changed then.
    pub async fn write<T: Send + 'static>(
        &self,
        changes: impl FnOnce(&mut AnyConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let _one_at_a_time = self.writer.lock().await;
        self.run(move |conn| connection::transaction(conn, changes))
            .await
    }

    /// The same, and waits for a database that is locked, full or not there, for as long as that
    /// takes.
    ///
    /// # Errors
    /// What it refuses for good.
    pub async fn write_patiently<T: Send + 'static>(
        &self,
        changes: impl Fn(&mut AnyConnection) -> QueryResult<T> + Clone + Send + 'static,
    ) -> Result<T, Error> {
        let [.., last] = RETRY_DELAYS;
        let mut delays = RETRY_DELAYS.into_iter().chain(iter::repeat(last));
        loop {
            match (self.write(changes.clone()).await, delays.next()) {
                (Err(Error::Unavailable(_) | Error::StorageFull), Some(delay)) => {
                    sleep(delay).await;
                }
                (written, _) => return written,
            }
        }
    }

    /// Brings all that is written into the one file of SQLite, which may be copied then as it is.
    /// Called at the end.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn settle(&self) -> Result<(), Error> {
        self.run(connection::settle).await
    }

    /// Whether a query is answered.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn check(&self) -> Result<(), Error> {
        self.run(connection::ping).await
    }
}

/// What a refusal of the database means: to wait, to make room, or a fault of ours.
fn failure(error: diesel::result::Error) -> Error {
    use diesel::result::DatabaseErrorKind::{ClosedConnection, SerializationFailure};
    use diesel::result::Error::{BrokenTransactionManager, DatabaseError};
    match &error {
        DatabaseError(ClosedConnection | SerializationFailure, _) | BrokenTransactionManager => {
            tracing::error!(%error, "the database went away");
            UNAVAILABLE
        }
        // SQLite's kinds are told apart by its words alone.
        DatabaseError(_, about) if about.message().contains("is locked") => {
            tracing::error!(%error, "the database is held by somebody else");
            UNAVAILABLE
        }
        DatabaseError(_, about)
            if about.message().contains("disk is full")
                || about.message().contains("No space left") =>
        {
            tracing::error!(%error, "there is no room to write");
            Error::StorageFull
        }
        // A quota, a file system that is read only now, a disk that fails: what is there may still
        // be read, and it may pass.
        DatabaseError(_, about)
            if about.message().contains("disk I/O error")
                || about.message().contains("readonly database") =>
        {
            tracing::error!(%error, "the database cannot be written");
            UNAVAILABLE
        }
        _ => Error::internal(error),
    }
}

/// Takes the file `<database>.lock` for this process.
fn lock(database: &Path) -> Result<File, OpenError> {
    let shown = database.display().to_string();
    let failed = |error| OpenError::File(shown.clone(), error);
    if let Some(folder) = database
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let file = File::create(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(OpenError::InUse(shown)),
        Err(fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}
