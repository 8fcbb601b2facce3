//! A sound's own file as it was when it was looked at, and what has become known of it since.
//! `domain::library` lists them; `transcoder` opens them.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read, Seek as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};

use super::facts::Facts;
use super::reason::{FILE_BYTES_MAX, Reason};

/// SHA-256 of a file's content.
pub type Hash = [u8; 32];

/// Everything of a file that changes with its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Its size in bytes.
    pub size_bytes: u64,
    /// When its content was changed last, in Unix nanoseconds.
    pub modified_ns: i64,
    /// When anything about it was, by the file system's own account.
    pub changed_ns: i64,
    /// Its number in the file system.
    pub inode: u64,
    /// Whether it is a plain file: no folder, no pipe, no device.
    pub is_file: bool,
}

impl Stamp {
    /// The stamp of what was looked at.
    pub fn new(metadata: &Metadata) -> Self {
        let ns = |s: i64, ns: i64| s.saturating_mul(1_000_000_000).saturating_add(ns);
        Self {
            size_bytes: metadata.len(),
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            is_file: metadata.is_file(),
        }
    }
}

/// What a sound turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// Of its content; `None` where that was not worth reading.
    pub hash: Option<Hash>,
    /// What was measured, or why it cannot be played.
    pub verdict: Result<Facts, Reason>,
}

/// A file and what is known of it. Another content is another one.
#[derive(Debug)]
pub struct Original {
    path: PathBuf,
    stamp: Stamp,
    examined: OnceLock<Examined>,
}

impl Original {
    /// A file that nothing is known of yet.
    pub fn new(path: PathBuf, stamp: Stamp) -> Self {
        Self {
            path,
            stamp,
            examined: OnceLock::new(),
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// As it was looked at.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// What it turned out to be, once that is known.
    pub fn examined(&self) -> Option<&Examined> {
        self.examined.get()
    }

    /// Keeps what it turned out to be, unless that is known.
    pub fn remember(&self, examined: Examined) {
        let _known_already = self.examined.set(examined);
    }

    /// Why it is not worth opening, if it is not.
    pub(super) fn refused_unread(&self) -> Option<Reason> {
        match self.stamp {
            stamp if !stamp.is_file => Some(Reason::NotAFile),
            stamp if stamp.size_bytes == 0 => Some(Reason::Empty),
            stamp if stamp.size_bytes > FILE_BYTES_MAX => Some(Reason::TooLarge),
            _ => None,
        }
    }
}

/// Why a file could not be read as it was looked at.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is gone.
    Missing,
    /// It is another one by now, or is being written.
    Changed,
    /// It cannot be read.
    Io(io::Error),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            _ => Self::Io(error),
        }
    }
}

/// Opens the file of that stamp, and no other that took its place, and hashes it. Blocks.
///
/// # Errors
/// [`Unread`].
pub(super) fn open(path: &Path, stamp: &Stamp) -> Result<(File, Hash), Unread> {
    // Without NONBLOCK a pipe of that name would never open.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from)?;
    let mut file = File::from(file);
    check(&file, stamp)?;
    let mut hash = Sha256::new();
    io::copy(&mut (&mut file).take(FILE_BYTES_MAX), &mut hash)?;
    file.rewind()?;
    Ok((file, hash.finalize().into()))
}

/// Whether an open file is still as it was.
///
/// # Errors
/// [`Unread`].
pub(super) fn check(file: &File, stamp: &Stamp) -> Result<(), Unread> {
    if Stamp::new(&file.metadata()?) == *stamp {
        Ok(())
    } else {
        Err(Unread::Changed)
    }
}
