//! What an import works with: the parts of the server where it needs the database, a folder of its
//! own for what is on its way, and, where nothing may change, copies of everything.

use std::error::Error;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::app::{App, BuildError};
use crate::audio::{Level, Settings, Transcoder};
use crate::cli::serve::worker;
use crate::clock::Clock;
use crate::config::{Config, DatabaseUrl};
use crate::db::{self, OpenError};
use crate::telemetry::Records;

/// The folder in the data folder.
const FOLDER: &str = "import";

/// What an import works with.
pub(super) struct Workshop {
    /// The parts of the server, where rows are read or written.
    pub(super) app: Option<Arc<App>>,
    /// Finds out what files are.
    pub(super) transcoder: Transcoder,
    /// The operator's folder.
    pub(super) sounds_dir: PathBuf,
    place: Place,
}

/// A folder cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the folder {0}")]
pub(super) struct Unwritable(String, #[source] Box<dyn Error + Send + Sync>);

impl Unwritable {
    /// Of this folder, for this reason.
    pub(super) fn new(dir: &Path, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(dir.display().to_string(), error.into())
    }
}

/// A folder that is gone in the end.
enum Place {
    /// In the data folder, for one import at a time.
    Ours { dir: PathBuf, _lock: File },
    /// Elsewhere.
    Temporary(TempDir),
}

impl Workshop {
    /// Sets everything up. With `is_dry` nothing outside a temporary folder is written. Blocks.
    ///
    /// # Errors
    /// When a folder cannot be used, another import runs, or rows are needed and the server runs.
    pub(super) fn open(
        mut config: Config,
        is_dry: bool,
        needs_rows: bool,
    ) -> Result<Self, Box<dyn Error>> {
        let sounds_dir = config.sounds.dir.clone();
        let place = Place::open(&config.data_dir, is_dry)?;
        let (app, transcoder) = if needs_rows {
            if is_dry {
                mirror(&mut config, place.path())?;
            }
            let app = build(config)?;
            let transcoder = app.transcoder.clone();
            (Some(app), transcoder)
        } else {
            (None, alone(&config, place.path())?)
        };
        Ok(Self {
            app,
            transcoder,
            sounds_dir,
            place,
        })
    }

    /// Where to put what is on its way.
    pub(super) fn path(&self) -> &Path {
        self.place.path()
    }
}

impl Place {
    fn open(data_dir: &Path, is_dry: bool) -> Result<Self, Box<dyn Error>> {
        if is_dry {
            return Ok(Self::Temporary(TempDir::new()?));
        }
        let dir = data_dir.join(FOLDER);
        let lock = fs::create_dir_all(&dir)
            .and_then(|()| File::create(data_dir.join("import.lock")))
            .map_err(|error| Unwritable::new(data_dir, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err("another import is running".into()),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        // What an import left that was killed.
        fs::remove_dir_all(&dir)?;
        fs::create_dir(&dir)?;
        Ok(Self::Ours { dir, _lock: lock })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Ours { dir, .. } => dir,
            Self::Temporary(dir) => dir.path(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Ours { dir, .. } = self {
            let _removed_by_the_next_import = fs::remove_dir_all(dir);
        }
    }
}

/// The parts of the server, without its bot.
fn build(mut config: Config) -> Result<Arc<App>, Box<dyn Error>> {
    config.discord.bot_token = None;
    config.discord.client_id = None;
    config.discord.client_secret = None;
    let app = App::build(config, Clock::system(), worker()?, Records::none());
    app.map_err(|error| match error {
        BuildError::Database(OpenError::InUse(_)) => {
            "this needs the database, and the server is running: stop it first".into()
        }
        error => error.into(),
    })
}

/// A transcoder beside that of a server that may be running, with what that has prepared.
fn alone(config: &Config, place: &Path) -> Result<Transcoder, Box<dyn Error>> {
    let cache_dir = place.join("cache");
    link_files(&config.data_dir.join("cache"), &cache_dir)?;
    let settings = Settings {
        cache_dir,
        cache_max_bytes: config.sounds.cache_max_bytes,
        worker: worker()?,
        max_length: config.sounds.max_length,
        target: Level::from_db(config.sounds.loudness_lufs),
        clock: Clock::system(),
    };
    Ok(Transcoder::new(settings)?)
}

/// Has the parts of the server work on copies.
fn mirror(config: &mut Config, place: &Path) -> Result<(), Box<dyn Error>> {
    let DatabaseUrl::Sqlite(database) = &config.database else {
        return Err("--dry-run cannot copy a PostgreSQL database".into());
    };
    let copy = place.join("yuri.sqlite3");
    if database.exists() {
        db::copy_sqlite(database, &copy)?;
    }
    link_files(&config.data_dir.join("cache"), &place.join("cache"))?;
    let (sounds, copies) = (config.data_dir.join("sounds"), place.join("sounds"));
    for guild in list(&sounds)? {
        let to = copies.join(guild.file_name().unwrap_or_default());
        fs::create_dir_all(&to)?;
        for file in list(&guild)? {
            symlink(
                fs::canonicalize(&file)?,
                to.join(file.file_name().unwrap_or_default()),
            )?;
        }
    }
    config.database = DatabaseUrl::Sqlite(copy);
    place.clone_into(&mut config.data_dir);
    Ok(())
}

/// Gives the files of a folder a second name in another, as far as the file system does: only work
/// is saved by it.
fn link_files(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for path in list(from)? {
        let _done_again_otherwise =
            fs::hard_link(&path, to.join(path.file_name().unwrap_or_default()));
    }
    Ok(())
}

/// What is in a folder, if it is there.
fn list(dir: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
