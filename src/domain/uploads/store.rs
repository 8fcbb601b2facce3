//! Where the files of the guilds' own sounds lie, and how one gets there: written beside, made
//! durable, then given its name. All of it blocks.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::ids::GuildId;

/// Where files are written before they are whole.
const INCOMING: &str = "incoming";

/// The folder.
pub(super) struct Store {
    dir: PathBuf,
    incoming: AtomicU64,
}

impl Store {
    /// Makes the folder, and removes what an earlier process left unfinished in it.
    ///
    /// # Errors
    /// When that cannot be done.
    pub(super) fn open(dir: PathBuf) -> io::Result<Self> {
        let incoming = dir.join(INCOMING);
        match fs::remove_dir_all(&incoming) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&incoming)?,
        }
        Ok(Self {
            dir,
            incoming: AtomicU64::new(0),
        })
    }

    /// Where a guild's file lies, or would.
    pub(super) fn path(&self, guild: GuildId, file: &str) -> PathBuf {
        self.dir.join(guild.to_string()).join(file)
    }

    /// A name for a file that is about to be written.
    pub(super) fn incoming(&self) -> PathBuf {
        let number = self.incoming.fetch_add(1, Ordering::Relaxed);
        self.incoming_dir().join(number.to_string())
    }

    /// Where they lie until then.
    pub(super) fn incoming_dir(&self) -> PathBuf {
        self.dir.join(INCOMING)
    }

    /// Gives a whole file its name; a crash leaves the one or the other.
    ///
    /// # Errors
    /// When it cannot be made durable or renamed; it has its old name then.
    pub(super) fn commit(&self, from: &Path, guild: GuildId, file: &str) -> io::Result<PathBuf> {
        let to = self.path(guild, file);
        let folder = self.dir.join(guild.to_string());
        if !folder.is_dir() {
            fs::create_dir_all(&folder)?;
            sync(&self.dir)?;
        }
        sync(from)?;
        fs::rename(from, &to)?;
        sync(&folder)?;
        Ok(to)
    }

    /// How many bytes could still be written to the file system it is on.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub(super) fn free_bytes(&self) -> io::Result<u64> {
        let about = rustix::fs::statvfs(&self.dir)?;
        Ok(about.f_bavail.saturating_mul(about.f_frsize))
    }

    /// Removes files that nobody knows of and that were left long ago: by a crash between a file
    /// and its row. Younger ones stay, for a database may have been put back to an earlier state.
    pub(super) fn sweep(&self, known: &HashSet<PathBuf>, before: SystemTime) {
        for path in self.list().unwrap_or_default() {
            if known.contains(&path) {
                continue;
            }
            let is_old = fs::metadata(&path)
                .and_then(|about| about.modified())
                .is_ok_and(|modified| modified < before);
            if is_old && fs::remove_file(&path).is_ok() {
                tracing::info!(?path, "a file that belongs to no sound was removed");
            }
        }
    }

    /// The files of all guilds.
    fn list(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_name() == INCOMING || !entry.file_type()?.is_dir() {
                continue;
            }
            for file in fs::read_dir(entry.path())? {
                files.push(file?.path());
            }
        }
        Ok(files)
    }
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn files_arrive_whole_and_leftovers_go() {
        let dir = tempfile::tempdir().unwrap();
        let guild = GuildId::try_from(7).unwrap();
        let store = Store::open(dir.path().join("sounds")).unwrap();
        let from = store.incoming();
        fs::write(&from, "sound").unwrap();
        let path = store.commit(&from, guild, "a.wav").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "sound");
        assert_eq!(path, store.path(guild, "a.wav"));
        assert!(store.free_bytes().unwrap() > 0);

        fs::write(store.incoming(), "half").unwrap();
        let stray = store.path(guild, "stray.wav");
        fs::write(&stray, "stray").unwrap();
        let store = Store::open(dir.path().join("sounds")).unwrap();
        assert_eq!(
            fs::read_dir(dir.path().join("sounds/incoming"))
                .unwrap()
                .count(),
            0
        );
        let known = HashSet::from([path.clone()]);
        let now = SystemTime::now();
        store.sweep(&known, now - Duration::from_mins(1));
        assert!(stray.exists());
        store.sweep(&known, now + Duration::from_mins(1));
        assert!(!stray.exists() && path.exists());
    }
}
