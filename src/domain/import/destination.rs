//! Where sounds go: into the operator's folder, beside what lies there, or into a guild, by the
//! same way as an upload: with a name, tags and whatever else an archive says of them.

use std::collections::HashSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt as _;
use tokio::task::spawn_blocking;
use unicode_normalization::UnicodeNormalization as _;

use super::manifest::About;
use crate::audio::{Original, Stamp, usual_extension};
use crate::domain::labels::{Label, Labels};
use crate::domain::library::{Library, Shelf, Sound};
use crate::domain::uploads::{self, Uploads, Wanted, write_failed};
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// How files are called that are not whole: the library does not look at hidden ones.
const UNFINISHED: &str = ".yuri-import-";
/// Longest name of a file, in bytes: what file systems allow, but for a number.
const NAME_BYTES_MAX: usize = 240;
/// Numbers that are tried for a name that is taken.
const NUMBERS_MAX: usize = 10_000;
/// How much of a file is enough to see what it is.
const HEAD_BYTES: u64 = 16;

/// Where sounds go.
pub enum Destination {
    /// The operator's folder.
    Operator(Operator),
    /// A guild.
    Guild(Guild),
}

/// The operator's folder.
pub struct Operator {
    dir: PathBuf,
    spool: PathBuf,
    labels: Option<Arc<Labels>>,
    is_dry: bool,
    /// Names and stems that are taken, in lower case.
    taken: HashSet<String>,
}

/// A guild's sounds.
pub struct Guild {
    id: GuildId,
    /// The member who brings them; `None` for the operator, who is believed what an archive says
    /// of them.
    member: Option<UserId>,
    uploads: Arc<Uploads>,
    library: Arc<Library>,
    labels: Arc<Labels>,
    spool: PathBuf,
}

impl Destination {
    /// The operator's folder, which is made if it is not there. What an earlier import left
    /// unfinished in it is removed. Without `labels` tags are left out. Blocks.
    ///
    /// # Errors
    /// 500 when it cannot be written to.
    pub fn operator(dir: &Path, labels: Option<Arc<Labels>>) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(write_failed)?;
        sweep(dir).map_err(write_failed)?;
        Ok(Self::Operator(Operator {
            dir: dir.to_owned(),
            spool: dir.to_owned(),
            labels,
            is_dry: false,
            taken: HashSet::new(),
        }))
    }

    /// The same for an import that only says what it would do, and writes to `spool` alone.
    pub fn dry_operator(dir: &Path, spool: &Path) -> Self {
        Self::Operator(Operator {
            dir: dir.to_owned(),
            spool: spool.to_owned(),
            labels: None,
            is_dry: true,
            taken: HashSet::new(),
        })
    }

    /// A guild; files on their way lie in `spool`. What `member` brings is theirs, and new; with
    /// `None` it is the operator's doing, and an archive may say whose it is and since when.
    pub fn guild(
        guild: GuildId,
        member: Option<UserId>,
        uploads: Arc<Uploads>,
        library: Arc<Library>,
        labels: Arc<Labels>,
        spool: &Path,
    ) -> Self {
        Self::Guild(Guild {
            id: guild,
            member,
            uploads,
            library,
            labels,
            spool: spool.to_owned(),
        })
    }

    /// Where files lie that are on their way.
    pub(super) fn spool(&self) -> &Path {
        match self {
            Self::Operator(operator) => &operator.spool,
            Self::Guild(guild) => &guild.spool,
        }
    }

    /// The sounds that are there: their files, and how they are called.
    pub(super) fn sounds(&mut self) -> Result<Vec<(PathBuf, String)>, Error> {
        match self {
            Self::Operator(operator) => operator.sounds().map_err(Error::internal),
            Self::Guild(guild) => {
                let own = guild.library.list_own(guild.id).into_iter();
                let own = own.map(|it| (it.original.path().to_owned(), it.stem.clone()));
                Ok(own.collect())
            }
        }
    }

    /// Passes where a file of so many bytes may come in.
    pub(super) fn check_room(&self, bytes: u64) -> Result<(), Error> {
        match self {
            Self::Operator(_) => Ok(()),
            Self::Guild(guild) => {
                guild.uploads.check_size(bytes)?;
                guild.uploads.check_room(guild.id, bytes)
            }
        }
    }

    /// Makes a sound of a file, called after the one of this name; answers how it is called.
    pub(super) async fn put(
        &mut self,
        file: NamedTempFile,
        name: &str,
        modified: Option<SystemTime>,
        about: Option<&About>,
    ) -> Result<String, Error> {
        match self {
            Self::Operator(operator) => operator.put(file, name, modified).await,
            Self::Guild(guild) => guild.put(&file, name, about).await,
        }
    }

    /// Keeps what is said of a sound, unless something was said already. Members say nothing of
    /// sounds that were there: those may be somebody else's.
    pub(super) async fn label(&self, sound: &str, about: &About) -> Result<(), Error> {
        if about.label == Label::default() {
            return Ok(());
        }
        let (labels, sound) = match self {
            Self::Operator(operator) => {
                let Some(labels) = &operator.labels else {
                    return Ok(());
                };
                (labels, Arc::new(operator.sound(sound)?))
            }
            Self::Guild(guild) => {
                if guild.member.is_some() {
                    return Ok(());
                }
                let mut own = guild.library.list_own(guild.id).into_iter();
                let Some(found) = own.find(|it| it.stem == sound) else {
                    return Ok(());
                };
                (&guild.labels, found)
            }
        };
        if *labels.get(&sound) == Label::default() {
            labels.set(&sound, about.label.clone()).await?;
        }
        Ok(())
    }
}

impl Operator {
    fn sounds(&mut self) -> io::Result<Vec<(PathBuf, String)>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut there = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let name: String = name.nfc().collect();
            if name.starts_with('.') || !path.is_file() {
                continue;
            }
            self.take(&name);
            there.push((path, name));
        }
        there.sort();
        Ok(there)
    }

    /// Nobody else gets this name from now on, nor one with its stem.
    fn take(&mut self, name: &str) {
        self.taken.insert(name.to_lowercase());
        self.taken.insert(split(name).0.to_lowercase());
    }

    async fn put(
        &mut self,
        file: NamedTempFile,
        name: &str,
        modified: Option<SystemTime>,
    ) -> Result<String, Error> {
        let wanted = file_name(name, file.path()).map_err(write_failed)?;
        let mut file = file;
        for number in 1..NUMBERS_MAX {
            let name = numbered(&wanted, number);
            let (stem, _) = split(&name);
            if self.taken.contains(&name.to_lowercase())
                || self.taken.contains(&stem.to_lowercase())
            {
                continue;
            }
            self.take(&name);
            if self.is_dry {
                return Ok(name);
            }
            let (dir, to) = (self.dir.clone(), self.dir.join(&name));
            let kept = spawn_blocking(move || keep(file, &dir, &to, modified));
            match kept.await.map_err(Error::internal)?.map_err(write_failed)? {
                None => return Ok(name),
                // Somebody has dropped a file of this name just now.
                Some(again) => file = again,
            }
        }
        Err(Error::Conflict("all names like it are taken".to_owned()))
    }

    fn sound(&self, name: &str) -> Result<Sound, Error> {
        let path = self.dir.join(name);
        let stamp = Stamp::new(&fs::metadata(&path).map_err(Error::internal)?);
        let original = Original::new(path, stamp);
        Ok(Sound::new(name.to_owned(), Shelf::Operator, original, 0))
    }
}

impl Guild {
    async fn put(
        &self,
        file: &NamedTempFile,
        name: &str,
        about: Option<&About>,
    ) -> Result<String, Error> {
        let said = about.cloned().unwrap_or_default();
        let (uploader, created) = match self.member {
            Some(member) => (Some(member), None),
            None => (said.uploader, said.created),
        };
        let mut incoming = self.uploads.begin_import(self.id, uploader).await?;
        incoming.label = said.label;
        incoming.created_ms =
            created.map(|created| DateTime::<Utc>::from(created).timestamp_millis());
        let from = tokio::fs::File::open(file.path()).await;
        let mut from = from.map_err(Error::internal)?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = from.read(&mut buffer).await.map_err(Error::internal)?;
            if length == 0 {
                break;
            }
            incoming
                .write(buffer.get(..length).unwrap_or_default())
                .await?;
        }
        let wanted = said
            .name
            .as_deref()
            .map_or(Wanted::After(name), Wanted::Like);
        let sound = self.uploads.finish(incoming, wanted).await?;
        Ok(sound.stem.clone())
    }
}

/// A file that is gone when nothing comes of it. While it is open it is locked, so that whoever
/// finds it knows that it is not forgotten.
///
/// # Errors
/// When it cannot be made.
pub(super) fn temporary(dir: &Path) -> Result<NamedTempFile, Error> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    // As any new file, by the process's own mask: the server may run as somebody else.
    builder.permissions(Permissions::from_mode(0o666));
    let file = builder.tempfile_in(dir).map_err(write_failed)?;
    let _where_locks_are_known = file.as_file().try_lock();
    Ok(file)
}

/// Removes what an import left that did not end.
fn sweep(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|it| it.starts_with(UNFINISHED));
        if is_ours && File::open(entry.path())?.try_lock().is_ok() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Gives a whole file its name, and never one that is taken: then it is given back.
fn keep(
    file: NamedTempFile,
    dir: &Path,
    to: &Path,
    modified: Option<SystemTime>,
) -> io::Result<Option<NamedTempFile>> {
    if let Some(modified) = modified {
        file.as_file().set_modified(modified)?;
    }
    file.as_file().sync_all()?;
    match file.persist_noclobber(to) {
        Ok(_) => File::open(dir)?.sync_all().map(|()| None),
        Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => Ok(Some(taken.file)),
        Err(failed) => Err(failed.error),
    }
}

/// What a file may be called in the folder: as it was, where that is a good name.
fn file_name(name: &str, path: &Path) -> io::Result<String> {
    let name: String = name.rsplit('/').next().unwrap_or_default().nfc().collect();
    let is_odd = |it: char| it.is_control() || it == '\\' || uploads::is_formatting(it);
    let is_shown = !name.starts_with('.') && !split(&name).0.trim().is_empty();
    if is_shown && name.len() <= NAME_BYTES_MAX && !name.contains(is_odd) {
        return Ok(name);
    }
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    let mut stem = uploads::name_of_file(&name);
    while stem.len() > NAME_BYTES_MAX / 2 {
        stem.pop();
    }
    Ok(format!("{}.{}", stem.trim_end(), usual_extension(&head)))
}

/// A name with a number behind its stem, but for the first.
fn numbered(name: &str, number: usize) -> String {
    let (stem, ending) = split(name);
    match number {
        1 => name.to_owned(),
        number => format!("{stem} {number}{ending}"),
    }
}

/// The text before the last dot, and the rest with it.
fn split(name: &str) -> (&str, &str) {
    name.rfind('.').map_or((name, ""), |at| name.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_stay_and_others_become_good() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "OggS").unwrap();
        let long = format!("{}.mp3", "🎺".repeat(64));
        for (name, kept) in [
            ("memes/Air Horn!.mp3", "Air Horn!.mp3"),
            ("tu\u{308}r.FLAC", "tür.FLAC"),
            ("no ending", "no ending"),
            ("a\nb.mp3", "a b.ogg"),
            ("a\u{202e}3pm.exe", "a 3pm.exe.ogg"),
            ("x/.mp3", "sound.ogg"),
            ("x\\y.mp3", "y.ogg"),
            ("", "sound.ogg"),
            (&long, "sound.ogg"),
        ] {
            assert_eq!(file_name(name, &path).unwrap(), kept, "{name:?}");
        }
        let long = format!("{}.mp3", "ä".repeat(200));
        assert!(file_name(&long, &path).unwrap().len() < NAME_BYTES_MAX);
        assert_eq!(numbered("a.b.mp3", 2), "a.b 2.mp3");
    }
}
