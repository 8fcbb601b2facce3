//! Archives. Both kinds are looked through before anything is taken: one that holds links, devices
//! or names that lead elsewhere, that unpacks to far more than it is, or that ends too early, is
//! refused whole. No name of an archive is ever joined to a path.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::NaiveDate;
use flate2::read::MultiGzDecoder;
use tar::EntryType;
use zip::ZipArchive;

use super::Outcome;
use super::manifest::{self, Manifest};
use super::source::{Item, Items, Unusable, copy, is_hidden};

/// What small archives may be, unpacked, beside so many times their own size.
const SLACK_BYTES: u64 = 16 << 20;
/// Long names and the like, each.
const EXTENSION_BYTES_MAX: u64 = 64 << 10;
/// Longest name: that of a path on most systems.
const NAME_BYTES_MAX: usize = 4 << 10;

const NAMES_TOO_LONG: &str = "its names are too long";

/// The bits of a Unix mode that say what a file is.
const MODE_KIND: u32 = 0o170_000;
const MODE_FILE: u32 = 0o100_000;
const MODE_FOLDER: u32 = 0o040_000;

/// What an archive may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most entries, folders among them.
    pub entries_max: usize,
    /// Most bytes of all entries together, unpacked.
    pub unpacked_bytes_max: u64,
    /// How many times the archive's own size that may be, and 16 MiB for small ones.
    pub ratio_max: u64,
}

impl Bounds {
    /// For those of the operator, who has the machine anyway.
    pub const OPERATOR: Self = Self {
        entries_max: 10_000,
        unpacked_bytes_max: 16 << 30,
        ratio_max: 100,
    };

    fn check_count(&self, entries: usize) -> Result<(), Unusable> {
        if entries > self.entries_max {
            let text = format!("it holds more than {} entries", self.entries_max);
            return Err(Unusable::TooMuch(text));
        }
        Ok(())
    }

    /// Most bytes of everything in this file, unpacked.
    fn unpacked_bytes(&self, file: &File) -> u64 {
        let packed = file.metadata().map_or(0, |about| about.len());
        let max = packed.saturating_mul(self.ratio_max);
        max.saturating_add(SLACK_BYTES).min(self.unpacked_bytes_max)
    }
}

/// A zip that was looked through.
pub(super) struct Zip {
    path: PathBuf,
    /// Entries that may be sounds.
    pub(super) files: usize,
}

/// A tar that was looked through.
pub(super) struct Tar {
    path: PathBuf,
    is_compressed: bool,
    unpacked_max: u64,
    /// Entries that may be sounds.
    pub(super) files: usize,
}

impl Zip {
    /// Looks through a zip. Blocks.
    ///
    /// # Errors
    /// [`Unusable`].
    pub(super) fn open(path: &Path, bounds: &Bounds) -> Result<(Self, Manifest), Unusable> {
        let file = open(path)?;
        let mut left = bounds.unpacked_bytes(&file);
        let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
        bounds.check_count(archive.len())?;
        if archive.has_duplicate_names() || archive.has_overlapping_entries().map_err(damaged)? {
            return Err(hostile("its entries lie over each other"));
        }
        let mut files = 0;
        for number in 0..archive.len() {
            let entry = archive.by_index_raw(number).map_err(damaged)?;
            let name = entry.name().map_err(damaged)?;
            check_name(&name)?;
            let kind = entry.unix_mode().unwrap_or(0) & MODE_KIND;
            if entry.is_symlink() || !matches!(kind, 0 | MODE_FILE | MODE_FOLDER) {
                return Err(no_file(&name));
            }
            left = left.checked_sub(entry.size()).ok_or_else(bomb)?;
            files += usize::from(!entry.is_dir() && is_wanted(&name));
        }
        let mut manifest = Manifest::default();
        for name in manifest::NAMES {
            if let Ok(entry) = archive.by_name(name) {
                manifest.read(name, entry);
            }
        }
        let path = path.to_owned();
        Ok((Self { path, files }, manifest))
    }

    /// Copies one entry after the other. Blocks.
    pub(super) fn read(self, spool: &Path, items: &Items) {
        let archive = File::open(&self.path).map_err(zip::result::ZipError::from);
        let Ok(mut archive) = archive.and_then(|file| ZipArchive::new(BufReader::new(file))) else {
            return;
        };
        for number in 0..archive.len() {
            let Some(Ok(name)) = archive.name_for_index(number) else {
                continue;
            };
            let name = name.into_owned();
            if name.ends_with('/') || !is_wanted(&name) {
                continue;
            }
            let item = match archive.by_index(number) {
                Ok(entry) => {
                    let modified = entry.last_modified().and_then(instant);
                    let mut left = entry.size();
                    copy(Metered::new(entry, &mut left), spool).map(|file| Item {
                        name,
                        file,
                        modified,
                    })
                }
                Err(_) => Ok(Item {
                    name,
                    file: Err(Outcome::Refused(
                        "it is encrypted, or packed in a way that is not supported".to_owned(),
                    )),
                    modified: None,
                }),
            };
            if items.blocking_send(item).is_err() {
                return;
            }
        }
    }
}

impl Tar {
    /// Looks through a tar. Blocks.
    ///
    /// # Errors
    /// [`Unusable`].
    pub(super) fn open(
        path: &Path,
        is_compressed: bool,
        bounds: &Bounds,
    ) -> Result<(Self, Manifest), Unusable> {
        let mut tar = Self {
            path: path.to_owned(),
            is_compressed,
            unpacked_max: bounds.unpacked_bytes(&open(path)?),
            files: 0,
        };
        tar.check_size(bounds)?;
        let manifest = tar.check_entries()?;
        Ok((tar, manifest))
    }

    /// Looks at the entries as they lie there, so that no long name is read that is none.
    fn check_size(&self, bounds: &Bounds) -> Result<(), Unusable> {
        let mut left = self.unpacked_max;
        let mut archive = tar::Archive::new(self.unpack(&mut left)?);
        let mut count = 0;
        let mut walk = || -> io::Result<Result<(), Unusable>> {
            for entry in archive.entries()?.raw(true) {
                let entry = entry?;
                let kind = entry.header().entry_type();
                let is_extension = kind.is_gnu_longname()
                    || kind.is_gnu_longlink()
                    || kind.is_pax_local_extensions()
                    || kind.is_pax_global_extensions();
                if is_extension && entry.header().entry_size()? > EXTENSION_BYTES_MAX {
                    return Ok(Err(hostile(NAMES_TOO_LONG)));
                }
                count += usize::from(!is_extension);
                if let Err(refused) = bounds.check_count(count) {
                    return Ok(Err(refused));
                }
            }
            Ok(Ok(()))
        };
        let walked = walk();
        drop(archive);
        match walked {
            Ok(checked) => checked,
            Err(_) if left == 0 => Err(bomb()),
            Err(error) => Err(damaged(error)),
        }
    }

    /// Looks at what the entries are and what they are called; counts them, and reads the manifest.
    fn check_entries(&mut self) -> Result<Manifest, Unusable> {
        let mut left = self.unpacked_max;
        let mut manifest = Manifest::default();
        let mut files = 0;
        let mut archive = tar::Archive::new(self.unpack(&mut left)?);
        for entry in archive.entries().map_err(damaged)? {
            let entry = entry.map_err(damaged)?;
            let name = name_of(&entry);
            match entry.header().entry_type() {
                EntryType::XGlobalHeader => {}
                EntryType::Directory => check_name(&name)?,
                EntryType::Regular | EntryType::Continuous => {
                    check_name(&name)?;
                    if is_wanted(&name) {
                        files += 1;
                    } else if let Some(name) = manifest::NAMES.iter().find(|it| **it == name) {
                        manifest.read(name, entry);
                    }
                }
                _ => return Err(no_file(&name)),
            }
        }
        drop(archive);
        self.files = files;
        Ok(manifest)
    }

    /// Copies one entry after the other. Blocks.
    pub(super) fn read(self, spool: &Path, items: &Items) {
        let mut left = self.unpacked_max;
        let Ok(unpacked) = self.unpack(&mut left) else {
            return;
        };
        let mut archive = tar::Archive::new(unpacked);
        let Ok(entries) = archive.entries() else {
            return;
        };
        for entry in entries {
            // It was looked through: whoever changes it meanwhile gets what is still there.
            let Ok(entry) = entry else { return };
            let name = name_of(&entry);
            let is_file = matches!(
                entry.header().entry_type(),
                EntryType::Regular | EntryType::Continuous
            );
            if !is_file || !is_wanted(&name) {
                continue;
            }
            let seconds = entry.header().mtime().ok().filter(|seconds| *seconds > 0);
            let modified = seconds.and_then(|seconds| {
                SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
            });
            let item = copy(entry, spool).map(|file| Item {
                name,
                file,
                modified,
            });
            if items.blocking_send(item).is_err() {
                return;
            }
        }
    }

    fn unpack<'a>(&self, left: &'a mut u64) -> Result<Metered<'a, Box<dyn Read>>, Unusable> {
        let file = BufReader::new(open(&self.path)?);
        let unpacked: Box<dyn Read> = if self.is_compressed {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        Ok(Metered::new(unpacked, left))
    }
}

/// A reader that gives no more than was agreed on; nothing is left when it would have.
struct Metered<'a, R> {
    inner: R,
    left: &'a mut u64,
}

impl<'a, R> Metered<'a, R> {
    fn new(inner: R, left: &'a mut u64) -> Self {
        Self { inner, left }
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let bytes = u64::try_from(length).unwrap_or(u64::MAX);
        let Some(left) = self.left.checked_sub(bytes) else {
            *self.left = 0;
            return Err(io::Error::other("more than was agreed on"));
        };
        *self.left = left;
        Ok(length)
    }
}

fn open(path: &Path) -> Result<File, Unusable> {
    let unreadable = |error| Unusable::Unreadable(path.display().to_string(), error);
    File::open(path).map_err(unreadable)
}

fn name_of<R: Read>(entry: &tar::Entry<'_, R>) -> String {
    let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    name.strip_prefix("./").map_or(name.clone(), str::to_owned)
}

/// Whether an entry is looked at as a sound.
fn is_wanted(name: &str) -> bool {
    !is_hidden(name) && !manifest::NAMES.contains(&name)
}

/// Passes for names that stay below the folder where an archive is unpacked.
fn check_name(name: &str) -> Result<(), Unusable> {
    if name.len() > NAME_BYTES_MAX {
        return Err(hostile(NAMES_TOO_LONG));
    }
    let has_drive = name.as_bytes().get(1) == Some(&b':');
    let mut parts = name.split(['/', '\\']);
    if name.starts_with(['/', '\\']) || has_drive || parts.any(|part| part == "..") {
        return Err(hostile(&format!("the name {name:?} leads out of it")));
    }
    if name.contains('\0') {
        return Err(hostile(&format!("the name {name:?} is none")));
    }
    Ok(())
}

fn instant(time: zip::DateTime) -> Option<SystemTime> {
    let day = NaiveDate::from_ymd_opt(time.year().into(), time.month().into(), time.day().into())?;
    let time = day.and_hms_opt(
        time.hour().into(),
        time.minute().into(),
        time.second().into(),
    )?;
    Some(time.and_utc().into())
}

fn hostile(why: &str) -> Unusable {
    Unusable::Hostile(why.to_owned())
}

fn no_file(name: &str) -> Unusable {
    hostile(&format!("{name:?} is a link, a device or the like"))
}

fn bomb() -> Unusable {
    Unusable::TooMuch("it unpacks to far more than archives of sounds do".to_owned())
}

fn damaged(_: impl std::error::Error) -> Unusable {
    hostile("it is damaged, or ends too early")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        for name in ["a.mp3", "./a.mp3", "a/b.mp3", "a..b", "..a/b", "tür/ä.ogg"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in [
            "/etc/passwd",
            "../a",
            "a/../../b",
            "..",
            "a\\..\\b",
            "\\a",
            "C:\\a",
            "c:a",
            "a\0",
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
