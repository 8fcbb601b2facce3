//! A folder of sounds, with the folders in it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::Outcome;
use super::source::{Item, Items, copy, is_database, is_hidden};

/// How deep folders lie in each other at most.
const DEPTH_MAX: usize = 16;
/// Files that are looked at.
const FILES_MAX: usize = 100_000;

/// The files of a folder, the uppermost first, by path.
pub(super) struct Folder {
    root: PathBuf,
    files: Vec<PathBuf>,
}

impl Folder {
    /// Lists a folder, and the databases in it. Hidden files and folders are left out, links are
    /// not followed. Blocks.
    ///
    /// # Errors
    /// When it cannot be read, or is too deep or too large.
    pub(super) fn open(root: &Path) -> io::Result<(Self, Vec<PathBuf>)> {
        let mut files = Vec::new();
        let mut folders = vec![(root.to_owned(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let name = entry.file_name();
                if name.to_str().is_some_and(is_hidden) {
                    continue;
                }
                if !entry.file_type()?.is_dir() {
                    files.push(entry.path());
                } else if depth < DEPTH_MAX {
                    folders.push((entry.path(), depth + 1));
                } else {
                    return Err(too_much("its folders lie more than 16 deep"));
                }
                if files.len() > FILES_MAX {
                    return Err(too_much("it holds more than 100000 files"));
                }
            }
        }
        files.sort_by_cached_key(|path| (path.components().count(), path.clone()));
        let (databases, files) = files
            .into_iter()
            .partition(|path| is_plain(path) && is_database(path));
        let root = root.to_owned();
        Ok((Self { root, files }, databases))
    }

    /// How many files there are.
    pub(super) fn files(&self) -> usize {
        self.files.len()
    }

    /// Copies one file after the other. Blocks.
    pub(super) fn read(self, spool: &Path, items: &Items) {
        for path in &self.files {
            let below = path.strip_prefix(&self.root).unwrap_or(path);
            let name = below.to_string_lossy().into_owned();
            let item = match open(path) {
                Ok(file) => {
                    let about = file.metadata();
                    let modified = about.and_then(|about| about.modified()).ok();
                    copy(file, spool).map(|file| Item {
                        name,
                        file,
                        modified,
                    })
                }
                Err(reason) => Ok(Item {
                    name,
                    file: Err(Outcome::Refused(reason)),
                    modified: None,
                }),
            };
            if items.blocking_send(item).is_err() {
                return;
            }
        }
    }
}

fn too_much(what: &'static str) -> io::Error {
    io::Error::other(what)
}

fn is_plain(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.is_file())
}

/// Opens a plain file, and nothing that stands in for one.
fn open(path: &Path) -> Result<File, String> {
    // Without NONBLOCK a pipe of that name would never open.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map(File::from);
    match file {
        Ok(file) if file.metadata().is_ok_and(|about| about.is_file()) => Ok(file),
        Ok(_) => Err("it is not a regular file".to_owned()),
        Err(rustix::io::Errno::LOOP) => Err("it is a link".to_owned()),
        Err(error) => Err(io::Error::from(error).kind().to_string()),
    }
}
