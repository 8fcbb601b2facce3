//! The server's side: which sounds are prepared, which cannot be, and a child process for those
//! that nobody asked for yet. Called by `domain::player` through [`Transcoder::prepare`].

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::ogg_opus::read_length_ms;
use super::process::{self, Ended};
use super::reason::Reason;
use super::worker::{Bounds, FILE_BYTES_MAX};
use crate::error::Error;

/// Goes into the names of prepared files: a change of how they are made is a change of this.
const RECIPE: &[u8] = b"opus 128k 20ms stereo, 1\0";
/// Ending of prepared files, and of those being written.
const PREPARED_SUFFIX: &str = ".opus.ogg";
const TEMPORARY_SUFFIX: &str = ".tmp";
/// Address space of a worker.
const MEMORY_BYTES_MAX: u64 = 512 << 20;
/// Decoders at work at once.
const WORKERS_MAX: usize = 2;
/// Files and contents remembered; what is forgotten is looked up again.
const REMEMBERED_MAX: u64 = 100_000;

/// A sound ready for the voice connection: canonical 48 kHz stereo Ogg Opus in 20 ms frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The file that we wrote; it may disappear, and is made again by the next
    /// [`Transcoder::prepare`].
    pub path: PathBuf,
    /// Its length in milliseconds.
    pub length_ms: u64,
}

/// How sounds are prepared.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of the prepared files; made if it is not there. Nothing else may write to it.
    pub cache_dir: PathBuf,
    /// The program to run as `<worker> decode-worker ...`: this one.
    pub worker: PathBuf,
    /// Longest sound that is played.
    pub max_length: Duration,
}

impl Settings {
    /// Processor time that a worker may use: decoding and encoding go at many times the speed
    /// of playing, even in a build without optimisation.
    fn cpu(&self) -> Duration {
        Duration::from_secs(10) + self.max_length / 20
    }

    /// Time after which a worker is killed.
    fn wall(&self) -> Duration {
        self.cpu() * 3
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            length_ms: u64::try_from(self.max_length.as_millis()).unwrap_or(u64::MAX),
            memory_bytes: MEMORY_BYTES_MAX,
            cpu_s: self.cpu().as_secs(),
        }
    }
}

/// Prepares sounds, each content once. Clones share everything.
#[derive(Clone)]
pub struct Transcoder(Arc<Inner>);

struct Inner {
    settings: Settings,
    /// What became of a file as it was when it was last looked at.
    files: Cache<Stamp, Verdict>,
    /// What became of a content, so that copies and concurrent requests share the work.
    contents: Cache<String, Verdict>,
    workers: Semaphore,
    temporaries: AtomicU64,
}

/// What became of a sound. Only lasting results are remembered.
type Verdict = Result<Prepared, Reason>;

/// Why there is no verdict this time.
#[derive(Debug)]
enum Failure {
    Missing,
    Changed,
    Busy,
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            _ => Self::Io(error),
        }
    }
}

impl From<&Failure> for Error {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Missing => Self::NotFound("the file of this sound is gone"),
            Failure::Changed => Self::Conflict(
                "this sound cannot be played: its file is being written, try again".to_owned(),
            ),
            Failure::Busy => Self::Unavailable("the server is too busy for a new sound, try again"),
            Failure::Io(error) => Self::internal(io::Error::new(error.kind(), error.to_string())),
        }
    }
}

/// A file and everything that changes with its content.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Stamp {
    path: PathBuf,
    length_bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    inode: u64,
    is_file: bool,
}

impl Stamp {
    fn new(path: &Path, metadata: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            length_bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            is_file: metadata.is_file(),
        }
    }
}

impl Transcoder {
    /// Makes the cache folder and removes what an earlier process left unfinished in it.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn new(settings: Settings) -> io::Result<Self> {
        std::fs::create_dir_all(&settings.cache_dir)?;
        for entry in std::fs::read_dir(&settings.cache_dir)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == &TEMPORARY_SUFFIX[1..])
            {
                std::fs::remove_file(path)?;
            }
        }
        Ok(Self(Arc::new(Inner {
            settings,
            files: Cache::new(REMEMBERED_MAX),
            contents: Cache::new(REMEMBERED_MAX),
            workers: Semaphore::new(WORKERS_MAX),
            temporaries: AtomicU64::new(0),
        })))
    }

    /// The playable form of `source`, made on the first call and found again on later ones until
    /// the file changes. A call for a known sound costs two looks at the file system.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the reason when the file cannot be played, [`Error::NotFound`]
    /// when it is gone, [`Error::Unavailable`] when the work did not finish in time,
    /// [`Error::Internal`] for faults of ours.
    pub async fn prepare(&self, source: &Path) -> Result<Prepared, Error> {
        let inner = &*self.0;
        let metadata = tokio::fs::metadata(source).await;
        let metadata = metadata.map_err(|error| Error::from(&Failure::from(error)))?;
        let stamp = Stamp::new(source, &metadata);
        loop {
            let verdict = inner
                .files
                .try_get_with_by_ref(&stamp, inner.examine(&stamp))
                .await
                .map_err(|failure| Error::from(&**failure))?;
            let prepared = verdict.map_err(|reason| inner.refusal(reason))?;
            if is_there(&prepared.path).await {
                return Ok(prepared);
            }
            // Somebody cleaned the cache up: forget, and make it again.
            inner.files.invalidate(&stamp).await;
        }
    }
}

impl Inner {
    fn refusal(&self, reason: Reason) -> Error {
        let text = reason.text(self.settings.max_length, FILE_BYTES_MAX);
        Error::Conflict(format!("this sound cannot be played: {text}"))
    }

    /// Looks into a file.
    async fn examine(&self, stamp: &Stamp) -> Result<Verdict, Arc<Failure>> {
        if !stamp.is_file {
            return Ok(Err(Reason::NotAFile));
        }
        if stamp.length_bytes == 0 {
            return Ok(Err(Reason::Empty));
        }
        if stamp.length_bytes > FILE_BYTES_MAX {
            return Ok(Err(Reason::TooLarge));
        }
        let opened = stamp.clone();
        let (file, hash) = spawn_blocking(move || open(&opened))
            .await
            .map_err(joined)?
            .map_err(Arc::new)?;
        let path = self
            .settings
            .cache_dir
            .join(format!("{hash}{PREPARED_SUFFIX}"));
        if matches!(self.contents.get(&hash).await, Some(Ok(_))) && !is_there(&path).await {
            self.contents.invalidate(&hash).await;
        }
        self.contents
            .try_get_with(hash, self.transcode(stamp, file, path))
            .await
    }

    /// Finds a content's prepared file, or makes it.
    async fn transcode(
        &self,
        stamp: &Stamp,
        source: File,
        path: PathBuf,
    ) -> Result<Verdict, Failure> {
        let found = path.clone();
        let length = spawn_blocking(move || File::open(found).and_then(read_length_ms)).await;
        if let Ok(Ok(Some(length_ms))) = length {
            // It may have been made when longer sounds were allowed.
            let is_allowed = Duration::from_millis(length_ms) <= self.settings.max_length;
            let prepared = Prepared { path, length_ms };
            return Ok(is_allowed.then_some(prepared).ok_or(Reason::TooLong));
        }
        let _permit = self.workers.acquire().await.map_err(|_| Failure::Busy)?;
        let temporary = self.create_temporary(&path).map_err(Failure::Io)?;
        let settings = &self.settings;
        let ended = process::run(
            &settings.worker,
            settings.bounds(),
            settings.wall(),
            source.try_clone()?,
            temporary.file.try_clone()?,
        );
        let ended = ended.await.map_err(Failure::Io)?;
        if Stamp::new(&stamp.path, &source.metadata()?) != *stamp {
            return Err(Failure::Changed);
        }
        match ended {
            Ended::Done => {}
            Ended::Refused(reason) => return Ok(Err(reason)),
            Ended::Interrupted => {
                tracing::warn!(sound.path = ?stamp.path, "decoding took too long or was stopped");
                return Err(Failure::Busy);
            }
        }
        let target = path.clone();
        let committed = spawn_blocking(move || temporary.commit(&target)).await;
        let length_ms = committed
            .map_err(io::Error::other)
            .flatten()
            .map_err(Failure::Io)?;
        Ok(Ok(Prepared { path, length_ms }))
    }

    fn create_temporary(&self, target: &Path) -> io::Result<Temporary> {
        // Somebody may have removed the whole folder.
        std::fs::create_dir_all(&self.settings.cache_dir)?;
        Temporary::create(target, self.temporaries.fetch_add(1, Ordering::Relaxed))
    }
}

async fn is_there(path: &Path) -> bool {
    tokio::fs::try_exists(path).await.unwrap_or(false)
}

/// Opens the file of `stamp`, and no other that took its place, and hashes it: the hash is in
/// hexadecimal.
fn open(stamp: &Stamp) -> Result<(File, String), Failure> {
    // Without NONBLOCK a pipe of that name would never open.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(&stamp.path, flags, Mode::empty()).map_err(io::Error::from)?;
    let mut file = File::from(file);
    if Stamp::new(&stamp.path, &file.metadata()?) != *stamp {
        return Err(Failure::Changed);
    }
    let mut hash = Sha256::new_with_prefix(RECIPE);
    io::copy(&mut (&mut file).take(FILE_BYTES_MAX), &mut hash)?;
    io::Seek::rewind(&mut file)?;
    Ok((file, format!("{:x}", hash.finalize())))
}

fn joined(error: tokio::task::JoinError) -> Arc<Failure> {
    Arc::new(Failure::Io(io::Error::other(error)))
}

/// A file being written; removed unless it is committed.
struct Temporary {
    file: File,
    path: PathBuf,
}

impl Temporary {
    fn create(target: &Path, number: u64) -> io::Result<Self> {
        let mut path = target.as_os_str().to_owned();
        path.push(format!(".{number}{TEMPORARY_SUFFIX}"));
        let path = PathBuf::from(path);
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        Ok(Self { file, path })
    }

    /// Gives the file its name once it is whole and on the disk; answers its length in
    /// milliseconds.
    fn commit(mut self, target: &Path) -> io::Result<u64> {
        self.file.flush()?;
        let length_ms = read_length_ms(&self.file)?
            .ok_or_else(|| io::Error::other("the worker wrote no stream"))?;
        self.file.sync_all()?;
        std::fs::rename(&self.path, target)?;
        if let Some(folder) = target.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(length_ms)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a commit there is none of this name any more.
        let _gone_already = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abandoned_file_is_removed_and_a_whole_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.opus.ogg");
        let files = || std::fs::read_dir(folder.path()).unwrap().count();

        drop(Temporary::create(&target, 1).unwrap());
        assert_eq!(files(), 0);
        assert!(
            Temporary::create(&target, 2)
                .unwrap()
                .commit(&target)
                .is_err()
        );
        assert_eq!(files(), 0);

        let whole = Temporary::create(&target, 3).unwrap();
        let mut writer = super::super::ogg_opus::Writer::new(&whole.file).unwrap();
        writer.push(&vec![0.0; 9_600]).unwrap();
        writer.finish().unwrap();
        assert_eq!(whole.commit(&target).unwrap(), 100);
        assert!(target.exists());
        assert_eq!(files(), 1);
    }

    #[tokio::test]
    async fn leftovers_are_swept_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.opus.ogg.7.tmp"), "half").unwrap();
        std::fs::write(folder.path().join("y.opus.ogg"), "whole").unwrap();
        let settings = Settings {
            cache_dir: folder.path().to_owned(),
            worker: PathBuf::from("/nowhere"),
            max_length: Duration::from_mins(10),
        };
        let transcoder = Transcoder::new(settings).unwrap();
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1);

        let missing = transcoder.prepare(&folder.path().join("none.mp3")).await;
        assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
        let no_file = transcoder.prepare(folder.path()).await;
        assert!(matches!(no_file, Err(Error::Conflict(_))), "{no_file:?}");
    }
}
