//! Where sounds come from: a folder, an archive, or the database of the original server beside
//! them. Looked through once before anything is taken, so that a hostile archive is refused whole.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

use super::archive::{Bounds, Tar, Zip};
use super::folder::Folder;
use super::manifest::Manifest;
use super::{Outcome, destination};
use crate::audio::{FILE_BYTES_MAX, Hash};
use crate::domain::uploads::write_failed;
use crate::error::Error;

/// What a database of SQLite begins with.
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";
/// Where a tar names itself, and how.
const TAR_MAGIC: (usize, &[u8]) = (257, b"ustar");
/// Enough to see what a file is.
const HEAD_BYTES: u64 = 512;

/// Why nothing can be taken from somewhere.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It cannot be read.
    #[error("cannot read {0}")]
    Unreadable(String, #[source] io::Error),
    /// It is nothing that sounds are in.
    #[error(
        "{0} is no folder, no archive (zip, tar, tar.gz) and no database of the original server"
    )]
    Unknown(String),
    /// It is an archive that nobody packs for a good reason.
    #[error("the archive is refused, nothing was taken from it: {0}")]
    Hostile(String),
    /// It is an archive that holds more than it may.
    #[error("the archive is refused, nothing was taken from it: {0}")]
    TooMuch(String),
}

/// Files that may be sounds, looked through.
pub struct Source {
    kind: Kind,
    /// What the archive says of its sounds.
    pub(super) manifest: Arc<Manifest>,
    /// Databases of the original server.
    pub databases: Vec<PathBuf>,
}

enum Kind {
    Folder(Folder),
    Tar(Tar),
    Zip(Zip),
    Nothing,
}

/// A file on its way.
pub(super) struct Item {
    /// As the source calls it, with slashes.
    pub(super) name: String,
    /// Its copy; or why there is none.
    pub(super) file: Result<Copied, Outcome>,
    /// When it was changed last, where that is known.
    pub(super) modified: Option<SystemTime>,
}

/// A copy of a file.
pub(super) struct Copied {
    pub(super) file: NamedTempFile,
    pub(super) bytes: u64,
    /// SHA-256 of its content.
    pub(super) hash: Hash,
}

/// Where items go; the end of it ends the reading.
pub(super) type Items = mpsc::Sender<Result<Item, Error>>;

impl Source {
    /// Looks through a folder, an archive or a database. Blocks.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn open(path: &Path, bounds: &Bounds) -> Result<Self, Unusable> {
        let unreadable = |error| Unusable::Unreadable(path.display().to_string(), error);
        if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
            let (folder, databases) = Folder::open(path).map_err(unreadable)?;
            return Ok(Self {
                kind: Kind::Folder(folder),
                manifest: Arc::default(),
                databases,
            });
        }
        if is_database(path) {
            return Ok(Self {
                kind: Kind::Nothing,
                manifest: Arc::default(),
                databases: vec![path.to_owned()],
            });
        }
        Self::open_archive(path, bounds)
    }

    /// Looks through an archive. Blocks.
    ///
    /// # Errors
    /// [`Unusable`].
    pub(in crate::domain) fn open_archive(path: &Path, bounds: &Bounds) -> Result<Self, Unusable> {
        let shown = || path.display().to_string();
        let head = head(path).map_err(|error| Unusable::Unreadable(shown(), error))?;
        let (kind, manifest) = match head.as_slice() {
            [b'P', b'K', 3 | 5, 4 | 6, ..] => {
                let (zip, manifest) = Zip::open(path, bounds)?;
                (Kind::Zip(zip), manifest)
            }
            [0x1f, 0x8b, ..] => {
                let (tar, manifest) = Tar::open(path, true, bounds)?;
                (Kind::Tar(tar), manifest)
            }
            head if is_tar(head) => {
                let (tar, manifest) = Tar::open(path, false, bounds)?;
                (Kind::Tar(tar), manifest)
            }
            _ => return Err(Unusable::Unknown(shown())),
        };
        Ok(Self {
            kind,
            manifest: Arc::new(manifest),
            databases: Vec::new(),
        })
    }

    /// How many files there are to look at.
    pub fn files(&self) -> usize {
        match &self.kind {
            Kind::Folder(folder) => folder.files(),
            Kind::Tar(tar) => tar.files,
            Kind::Zip(zip) => zip.files,
            Kind::Nothing => 0,
        }
    }

    /// Whether it says something of its sounds, such as their tags.
    pub fn has_labels(&self) -> bool {
        self.manifest.has_labels()
    }

    /// What could not be read of what it says.
    pub fn faults(&self) -> &[String] {
        &self.manifest.faults
    }

    /// Copies one file after the other into `spool`. Blocks.
    pub(super) fn read(self, spool: &Path, items: &Items) {
        match self.kind {
            Kind::Folder(folder) => folder.read(spool, items),
            Kind::Tar(tar) => tar.read(spool, items),
            Kind::Zip(zip) => zip.read(spool, items),
            Kind::Nothing => {}
        }
    }
}

/// Whether a file is a database of SQLite. Blocks.
pub(super) fn is_database(path: &Path) -> bool {
    head(path).is_ok_and(|head| head.starts_with(SQLITE_MAGIC))
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

fn is_tar(head: &[u8]) -> bool {
    let (at, magic) = TAR_MAGIC;
    head.get(at..at + magic.len()) == Some(magic)
}

/// Whether nobody means a file of this name to be a sound.
pub(super) fn is_hidden(name: &str) -> bool {
    name.split('/')
        .any(|part| part.starts_with('.') || part == "__MACOSX")
}

/// Copies what `from` gives into a file of its own; says why not, where the fault is in `from`.
///
/// # Errors
/// When the copy cannot be written.
pub(super) fn copy(mut from: impl Read, spool: &Path) -> Result<Result<Copied, Outcome>, Error> {
    let mut file = destination::temporary(spool)?;
    let mut buffer = vec![0; 64 << 10];
    let mut bytes: u64 = 0;
    let mut hasher = Sha256::new();
    loop {
        let length = match from.read(&mut buffer) {
            Ok(0) => {
                let hash = hasher.finalize().into();
                return Ok(Ok(Copied { file, bytes, hash }));
            }
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => {
                let text = "it cannot be read, or is damaged".to_owned();
                return Ok(Err(Outcome::Refused(text)));
            }
        };
        bytes = bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        if bytes > FILE_BYTES_MAX {
            let text = format!("the file is larger than {} MiB", FILE_BYTES_MAX >> 20);
            return Ok(Err(Outcome::Refused(text)));
        }
        let some = buffer.get(..length).unwrap_or_default();
        hasher.update(some);
        file.write_all(some).map_err(write_failed)?;
    }
}
