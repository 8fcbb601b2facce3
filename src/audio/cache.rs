//! The folder of prepared sounds: what is in it, and what goes when it gets too large. Nothing in
//! it is precious; all of it can be made again. Called by `transcoder`.

use std::collections::HashMap;
use std::fs::{self, DirEntry, File};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

use super::facts::{Level, hex};
use super::original::Hash;

/// Goes into the names of prepared files: a change of how they are made is a change of this.
pub const RECIPE: u16 = 2;
/// Ending of prepared files, and of those being written.
const PREPARED_SUFFIX: &str = ".opus.ogg";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// What a prepared file was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) hash: Hash,
    /// How loud it was to become.
    pub(super) target: Level,
}

impl Key {
    fn name(&self) -> String {
        let hash = hex(&self.hash);
        let target = self.target.hundredths();
        format!("{hash}.{RECIPE}.{target}{PREPARED_SUFFIX}")
    }
}

/// While one of these lives, the file that it stands for is not removed.
pub(super) type Pin = Arc<()>;

/// The folder.
pub(super) struct Folder {
    dir: PathBuf,
    max_bytes: u64,
    files: Mutex<Files>,
    temporaries: AtomicU64,
}

#[derive(Default)]
struct Files {
    by_name: HashMap<String, Entry>,
    total_bytes: u64,
    /// Counts uses.
    uses: u64,
}

struct Entry {
    bytes: u64,
    /// The number of its last use.
    used: u64,
    pin: Pin,
}

impl Folder {
    /// Makes the folder, removes what an earlier process left unfinished in it or made by another
    /// recipe, and what is too much. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub(super) fn open(dir: PathBuf, max_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let mut found: Vec<(SystemTime, String, u64)> = Vec::new();
        for entry in fs::read_dir(&dir)? {
            found.extend(keep(&entry?)?);
        }
        // Reading sets this time: the file system remembers what was used last.
        found.sort();
        let folder = Self {
            dir,
            max_bytes,
            files: Mutex::default(),
            temporaries: AtomicU64::new(0),
        };
        for (_, name, bytes) in found {
            folder.files().insert(name, bytes);
        }
        folder.make_room();
        Ok(folder)
    }

    /// Where the file of a key lies, or would.
    pub(super) fn path(&self, key: &Key) -> PathBuf {
        self.dir.join(key.name())
    }

    /// Whether there is a file of this key.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.files().by_name.contains_key(&key.name())
    }

    /// Whether it could hold more without losing anything.
    pub(super) fn has_room(&self) -> bool {
        self.files().total_bytes < self.max_bytes / 10 * 9
    }

    /// Counts a use of a key's file, and keeps it from being removed.
    pub(super) fn find(&self, key: &Key) -> Option<Pin> {
        let mut files = self.files();
        files.uses += 1;
        let uses = files.uses;
        let entry = files.by_name.get_mut(&key.name())?;
        entry.used = uses;
        Some(Arc::clone(&entry.pin))
    }

    /// Reads the file of a key. Blocks.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub(super) fn read(&self, key: &Key) -> io::Result<Vec<u8>> {
        let path = self.path(key);
        let bytes = fs::read(&path)?;
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        };
        let omitted = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        };
        let times = Timestamps {
            last_access: omitted,
            last_modification: now,
        };
        // Only so that the next process knows; what is older goes first.
        let _order_is_worth_no_failure =
            rustix::fs::utimensat(CWD, &path, &times, AtFlags::empty());
        Ok(bytes)
    }

    /// Removes the file of a key: it is not what it should be, or is gone already. Blocks.
    pub(super) fn forget(&self, key: &Key) {
        self.files().remove(&key.name());
        let _gone_already = fs::remove_file(self.path(key));
    }

    /// A new file to write to, which [`commit`](Self::commit) takes. Blocks.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn create(&self) -> io::Result<Temporary> {
        // Somebody may have removed the whole folder.
        fs::create_dir_all(&self.dir)?;
        let number = self.temporaries.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(format!("{number}{TEMPORARY_SUFFIX}"));
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        Ok(Temporary { file, path })
    }

    /// Gives a whole file its name; others may have to go for it. Blocks.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub(super) fn commit(&self, temporary: Temporary, key: &Key) -> io::Result<Pin> {
        let bytes = temporary.file.metadata()?.len();
        fs::rename(&temporary.path, self.path(key))?;
        let pin = self.files().insert(key.name(), bytes);
        self.make_room();
        Ok(pin)
    }

    /// Removes what was not used for longest, until the rest fits.
    fn make_room(&self) {
        let mut gone = Vec::new();
        {
            let mut files = self.files();
            if files.total_bytes <= self.max_bytes {
                return;
            }
            let mut oldest: Vec<(u64, String)> = files
                .by_name
                .iter()
                .filter(|(_, entry)| Arc::strong_count(&entry.pin) == 1)
                .map(|(name, entry)| (entry.used, name.clone()))
                .collect();
            oldest.sort();
            for (_, name) in oldest {
                if files.total_bytes <= self.max_bytes {
                    break;
                }
                files.remove(&name);
                gone.push(name);
            }
        }
        for name in gone {
            if let Err(error) = fs::remove_file(self.dir.join(name)) {
                tracing::warn!(%error, "a prepared sound could not be removed");
            }
        }
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files {
    fn insert(&mut self, name: String, bytes: u64) -> Pin {
        self.remove(&name);
        self.uses += 1;
        self.total_bytes += bytes;
        let pin = Pin::default();
        let entry = Entry {
            bytes,
            used: self.uses,
            pin: Arc::clone(&pin),
        };
        self.by_name.insert(name, entry);
        pin
    }

    fn remove(&mut self, name: &str) {
        if let Some(entry) = self.by_name.remove(name) {
            self.total_bytes -= entry.bytes;
        }
    }
}

/// When a file was used last, its name and its size, or nothing where it was removed or is none
/// of ours.
fn keep(entry: &DirEntry) -> io::Result<Option<(SystemTime, String, u64)>> {
    let Ok(name) = entry.file_name().into_string() else {
        return Ok(None);
    };
    let is_old = name
        .strip_suffix(PREPARED_SUFFIX)
        .map(|stem| stem.split('.').nth(1) != Some(&RECIPE.to_string()));
    match is_old {
        Some(false) => {
            let about = entry.metadata()?;
            Ok(Some((about.modified()?, name, about.len())))
        }
        None if !name.ends_with(TEMPORARY_SUFFIX) => Ok(None),
        _ => fs::remove_file(entry.path()).map(|()| None),
    }
}

/// A file being written; removed unless it is committed.
pub(super) struct Temporary {
    /// The file.
    pub(super) file: File,
    path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a commit there is none of this name any more.
        let _gone_already = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    fn key(number: u8) -> Key {
        Key {
            hash: [number; 32],
            target: Level::from_db(-16.0),
        }
    }

    fn add(folder: &Folder, number: u8, bytes: usize) -> Pin {
        let mut temporary = folder.create().unwrap();
        temporary.file.write_all(&vec![number; bytes]).unwrap();
        folder.commit(temporary, &key(number)).unwrap()
    }

    fn held(folder: &Folder) -> Vec<u8> {
        (0..10).filter(|it| folder.has(&key(*it))).collect()
    }

    fn on_disk(dir: &Path) -> usize {
        fs::read_dir(dir).unwrap().count()
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path().to_owned(), 300).unwrap();
        for number in 1..4 {
            add(&folder, number, 100);
        }
        assert!(!folder.has_room());
        folder.find(&key(1));
        add(&folder, 4, 100);
        assert_eq!(held(&folder), [1, 3, 4]);
        assert_eq!(on_disk(dir.path()), 3);
        // One that is held stays; one larger than all room goes as soon as it may.
        let held_one = folder.find(&key(3));
        let large = add(&folder, 5, 1_000);
        assert_eq!(held(&folder), [3, 5]);
        drop((held_one, large));
        add(&folder, 6, 100);
        assert_eq!(held(&folder), [6]);
        assert_eq!(folder.read(&key(6)).unwrap(), [6; 100]);
        folder.forget(&key(6));
        assert!(folder.read(&key(6)).is_err());
        assert_eq!((held(&folder).len(), on_disk(dir.path())), (0, 0));
        assert!(folder.has_room());
    }

    #[test]
    fn the_next_process_finds_everything_and_sweeps() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path().to_owned(), 1_000).unwrap();
        for number in 1..4 {
            add(&folder, number, 100);
            let age = Duration::from_secs(100 - u64::from(number));
            let file = File::options().write(true).open(folder.path(&key(number)));
            file.unwrap().set_modified(SystemTime::now() - age).unwrap();
        }
        folder.read(&key(1)).unwrap();
        let hash = "0".repeat(64);
        for left in [
            "7.tmp".to_owned(),
            format!("{hash}.opus.ogg"),
            format!("{hash}.1.-1600.opus.ogg"),
        ] {
            fs::write(dir.path().join(left), "left").unwrap();
        }
        fs::write(dir.path().join("README"), "not ours").unwrap();

        let folder = Folder::open(dir.path().to_owned(), 1_000).unwrap();
        assert_eq!(held(&folder), [1, 2, 3]);
        assert_eq!(on_disk(dir.path()), 4);
        // Another bound: the one that was read lately stays.
        let folder = Folder::open(dir.path().to_owned(), 150).unwrap();
        assert_eq!(held(&folder), [1]);
    }

    #[test]
    fn abandoned_files_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path().join("cache"), 1_000).unwrap();
        let temporary = folder.create().unwrap();
        assert!(temporary.path.exists());
        drop(temporary);
        assert_eq!(on_disk(&dir.path().join("cache")), 0);
        fs::remove_dir(dir.path().join("cache")).unwrap();
        add(&folder, 1, 10);
        assert_eq!(held(&folder), [1]);
    }
}
