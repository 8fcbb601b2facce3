//! The server's side: which sounds are prepared, which cannot be, and a child process for those
//! that nobody asked for yet. `domain::player` calls [`Transcoder::prepare`] for what is to be
//! heard now, `domain::ingest` calls [`Transcoder::examine`] for everything else.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::future::Cache;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::cache::{Folder, Key};
use super::facts::{Facts, Level};
use super::ogg_opus::Stream;
use super::original::{self, Examined, Hash, Original, Unread};
use super::process::{self, Ended, Ending};
use super::reason::Reason;
use super::worker::Order;
use crate::clock::Clock;
use crate::error::Error;

/// Address space of a worker.
const MEMORY_BYTES_MAX: u64 = 512 << 20;
/// Decoders at work at once for sounds that somebody waits for.
const WORKERS_MAX: usize = 2;
/// Contents remembered; what is forgotten is looked up again.
const REMEMBERED_MAX: u64 = 100_000;
/// Sounds held in memory, by the size of their files: half an hour of them.
const MEMORY_CACHE_BYTES: u64 = 32 << 20;

/// A sound ready for the voice connection.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Canonical 48 kHz stereo Ogg Opus in 20 ms frames, in memory: whoever sends it waits for no
    /// disk.
    pub ogg: Bytes,
    /// Its length in milliseconds.
    pub length_ms: u64,
    /// The largest sample that comes of it, where 1 is full scale; 0.9 at most.
    pub peak: f32,
    /// Where it was found.
    pub origin: Origin,
}

/// Where a prepared sound came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was played lately.
    Memory,
    /// It was in the cache folder.
    Disk,
    /// It had to be decoded.
    Made,
}

/// What became of a sound that nobody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the cache; it was decoded for that.
    Made,
    /// It was in the cache already.
    Found,
    /// It cannot be played.
    Refused,
}

/// How sounds are prepared.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of the prepared files; made if it is not there. Nothing else may write to it.
    pub cache_dir: PathBuf,
    /// Most that the folder may hold, in bytes.
    pub cache_max_bytes: u64,
    /// The program to run as `<worker> decode-worker ...`: this one.
    pub worker: PathBuf,
    /// Longest sound that is played.
    pub max_length: Duration,
    /// How loud sounds are made where nothing else is asked for, in LUFS.
    pub target: Level,
    /// By which workers are waited for.
    pub clock: Clock,
}

impl Settings {
    /// Processor time that a worker may use: decoding and encoding go at many times the speed
    /// of playing, even in a build without optimisation.
    fn cpu(&self) -> Duration {
        Duration::from_secs(10) + self.max_length / 15
    }

    /// Time after which a worker is killed.
    fn wall(&self) -> Duration {
        self.cpu() * 3
    }

    fn order(&self, target: Level, urgency: Urgency) -> Order {
        Order {
            target,
            is_background: urgency == Urgency::Background,
            length_ms: self.max_length_ms(),
            memory_bytes: MEMORY_BYTES_MAX,
            cpu_s: self.cpu().as_secs(),
        }
    }

    fn max_length_ms(&self) -> u64 {
        u64::try_from(self.max_length.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Whether somebody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Urgency {
    Now,
    Background,
}

/// Prepares sounds, each content once for each loudness. Clones share everything.
#[derive(Clone)]
pub struct Transcoder {
    inner: Arc<Inner>,
    /// How loud sounds are made.
    target: Level,
}

struct Inner {
    settings: Settings,
    folder: Folder,
    /// What became of a content, so that copies and concurrent requests share the work.
    contents: Cache<Key, Verdict>,
    /// What was played lately.
    memory: Cache<Key, Stream>,
    workers: Semaphore,
}

/// What became of a content, and whether it was found or made. Only lasting results are
/// remembered.
type Verdict = Result<(Facts, Origin), Reason>;

/// Why there is no verdict this time.
#[derive(Debug)]
enum Failure {
    Missing,
    Changed,
    Busy,
    Io(io::Error),
}

impl From<Unread> for Failure {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Missing => Self::Missing,
            Unread::Changed => Self::Changed,
            Unread::Io(error) => Self::Io(error),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
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
            Failure::Io(error) if error.kind() == ErrorKind::StorageFull => Self::StorageFull,
            Failure::Io(error) => Self::internal(io::Error::new(error.kind(), error.to_string())),
        }
    }
}

impl Transcoder {
    /// Makes the cache folder and removes what an earlier process left unfinished in it. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let weight =
            |_: &Key, stream: &Stream| u32::try_from(stream.file.len()).unwrap_or(u32::MAX);
        let target = settings.target;
        let inner = Arc::new(Inner {
            folder: Folder::open(settings.cache_dir.clone(), settings.cache_max_bytes)?,
            settings,
            contents: Cache::new(REMEMBERED_MAX),
            memory: Cache::builder()
                .weigher(weight)
                .max_capacity(MEMORY_CACHE_BYTES)
                .build(),
            workers: Semaphore::new(WORKERS_MAX),
        });
        Ok(Self { inner, target })
    }

    /// The same that makes sounds this loud, in LUFS.
    #[must_use]
    pub fn at(&self, target: Level) -> Self {
        let inner = Arc::clone(&self.inner);
        Self { inner, target }
    }

    /// The playable form of `original`, for somebody who waits. Made where it is not there yet,
    /// before everything that nobody waits for; found again on later calls: in memory when it was
    /// played lately, else by reading one file.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the reason when the file cannot be played, [`Error::NotFound`]
    /// when it is gone, [`Error::Unavailable`] when the work did not finish in time,
    /// [`Error::StorageFull`], [`Error::Internal`] for faults of ours.
    pub async fn prepare(&self, original: &Original) -> Result<Prepared, Error> {
        let inner = &self.inner;
        if let Some(examined) = original.examined() {
            if let Err(reason) = &examined.verdict {
                return Err(self.refusal(*reason));
            }
            if let Some(key) = self.key(examined.hash)
                && let Some(prepared) = inner.load(key).await
            {
                return Ok(prepared);
            }
        }
        // It is new, or somebody cleaned the cache up.
        let (examined, origin) = inner
            .look(original, self.target, Urgency::Now)
            .await
            .map_err(|failure| Error::from(&*failure))?;
        self.remember(original, examined.clone());
        if let Err(reason) = examined.verdict {
            return Err(self.refusal(reason));
        }
        let prepared = match self.key(examined.hash) {
            Some(key) => inner.load(key).await,
            None => None,
        };
        let gone = || Error::Unavailable("the server is too busy for a new sound, try again");
        let prepared = prepared.ok_or_else(gone)?;
        Ok(Prepared { origin, ..prepared })
    }

    /// Finds out what `original` is and prepares it, in the background: for this the processor
    /// is used that nobody else wants. One call at a time is worked on at once.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare), but for a file that cannot be played.
    pub async fn examine(&self, original: &Original) -> Result<Outcome, Error> {
        let look = self.inner.look(original, self.target, Urgency::Background);
        let look = look.await;
        let (examined, origin) = look.map_err(|failure| Error::from(&*failure))?;
        let outcome = match (&examined.verdict, origin) {
            (Err(_), _) => Outcome::Refused,
            (Ok(_), Origin::Made) => Outcome::Made,
            (Ok(_), _) => Outcome::Found,
        };
        self.remember(original, examined);
        Ok(outcome)
    }

    /// Whether the prepared form of this content is in the cache folder.
    pub fn is_cached(&self, hash: Hash) -> bool {
        self.key(Some(hash))
            .is_some_and(|key| self.inner.folder.has(&key))
    }

    /// Whether the cache folder could hold more without losing anything.
    pub fn has_room(&self) -> bool {
        self.inner.folder.has_room()
    }

    /// The longest sound that is played.
    pub fn max_length(&self) -> Duration {
        self.inner.settings.max_length
    }

    /// The same in milliseconds.
    pub fn max_length_ms(&self) -> u64 {
        self.inner.settings.max_length_ms()
    }

    /// How loud sounds are made, in LUFS.
    pub fn target(&self) -> Level {
        self.target
    }

    fn key(&self, hash: Option<Hash>) -> Option<Key> {
        let target = self.target;
        hash.map(|hash| Key { hash, target })
    }

    /// Keeps what a sound turned out to be. What was added to it for another loudness than the
    /// usual one is nothing to be remembered.
    fn remember(&self, original: &Original, examined: Examined) {
        if self.target == self.inner.settings.target || examined.verdict.is_err() {
            original.remember(examined);
        }
    }

    fn refusal(&self, reason: Reason) -> Error {
        let text = reason.text(self.inner.settings.max_length);
        Error::Conflict(format!("this sound cannot be played: {text}"))
    }
}

impl Inner {
    /// What was prepared, from memory or from its file.
    async fn load(self: &Arc<Self>, key: Key) -> Option<Prepared> {
        let pin = self.folder.find(&key);
        let (stream, origin) = if let Some(stream) = self.memory.get(&key).await {
            (stream, Origin::Memory)
        } else {
            let _until_it_is_read = pin?;
            let stream = self.read(key).await?;
            self.memory.insert(key, stream.clone()).await;
            (stream, Origin::Disk)
        };
        Some(Prepared {
            length_ms: stream.facts.length_ms,
            peak: stream.facts.peak(),
            ogg: stream.file,
            origin,
        })
    }

    /// Reads a prepared file; one that is gone or damaged is forgotten.
    async fn read(self: &Arc<Self>, key: Key) -> Option<Stream> {
        let inner = Arc::clone(self);
        let read = spawn_blocking(move || {
            let stream = inner.folder.read(&key).ok();
            let stream = stream.and_then(Stream::read);
            if stream.is_none() {
                inner.folder.forget(&key);
            }
            stream
        });
        read.await.ok().flatten()
    }

    /// Looks into a file, and prepares it.
    async fn look(
        self: &Arc<Self>,
        original: &Original,
        target: Level,
        urgency: Urgency,
    ) -> Result<(Examined, Origin), Arc<Failure>> {
        let refused = |hash, reason| Examined {
            hash,
            verdict: Err(reason),
        };
        if let Some(reason) = original.refused_unread() {
            log_refusal(original.path(), reason, "");
            return Ok((refused(None, reason), Origin::Disk));
        }
        let (path, stamp) = (original.path().to_owned(), *original.stamp());
        let (file, hash) = spawn_blocking(move || original::open(&path, &stamp))
            .await
            .map_err(joined)?
            .map_err(|unread| Arc::new(unread.into()))?;
        let key = Key { hash, target };
        if matches!(self.contents.get(&key).await, Some(Ok(_))) && !self.folder.has(&key) {
            self.contents.invalidate(&key).await;
        }
        let entry = self
            .contents
            .entry(key)
            .or_try_insert_with(self.find_or_make(original, file, key, urgency))
            .await?;
        let is_fresh = entry.is_fresh();
        match entry.into_value() {
            Err(reason) => Ok((refused(Some(hash), reason), Origin::Disk)),
            Ok((facts, origin)) => {
                let origin = if is_fresh { origin } else { Origin::Disk };
                let verdict = Ok(facts);
                let hash = Some(hash);
                Ok((Examined { hash, verdict }, origin))
            }
        }
    }

    /// Finds a content's prepared file, or makes it.
    async fn find_or_make(
        self: &Arc<Self>,
        original: &Original,
        source: File,
        key: Key,
        urgency: Urgency,
    ) -> Result<Verdict, Failure> {
        if self.folder.has(&key)
            && let Some(stream) = self.read(key).await
        {
            // It may have been made when longer sounds were allowed.
            let is_allowed = stream.facts.length_ms <= self.settings.max_length_ms();
            let found = (stream.facts, Origin::Disk);
            return Ok(is_allowed.then_some(found).ok_or(Reason::TooLong));
        }
        // What nobody waits for does not stand in the way of what somebody does.
        let _permit = match urgency {
            Urgency::Now => Some(self.workers.acquire().await.map_err(|_| Failure::Busy)?),
            Urgency::Background => None,
        };
        let temporary = self.folder.create()?;
        let settings = &self.settings;
        let ending = process::run(
            &settings.worker,
            settings.order(key.target, urgency),
            &settings.clock,
            settings.wall(),
            source.try_clone()?,
            temporary.file.try_clone()?,
        );
        let Ending { ended, complaint } = ending.await?;
        original::check(&source, original.stamp())?;
        match ended {
            Ended::Done => {}
            Ended::Refused(reason) => {
                log_refusal(original.path(), reason, &complaint);
                return Ok(Err(reason));
            }
            Ended::Interrupted => {
                let path = original.path();
                tracing::warn!(sound.path = ?path, ?complaint, "a decoder was stopped");
                return Err(Failure::Busy);
            }
        }
        let inner = Arc::clone(self);
        let commit = spawn_blocking(move || inner.folder.commit(temporary, &key));
        let _pin = commit.await.map_err(io::Error::other)??;
        let stream = self.read(key).await;
        let stream = stream.ok_or_else(|| io::Error::other("the worker wrote no stream"))?;
        if urgency == Urgency::Now {
            self.memory.insert(key, stream.clone()).await;
        }
        Ok(Ok((stream.facts, Origin::Made)))
    }
}

/// The one line that a bad file is worth.
fn log_refusal(path: &Path, reason: Reason, complaint: &str) {
    tracing::warn!(sound.path = ?path, ?reason, decoder = ?complaint, "a sound cannot be played");
}

fn joined(error: tokio::task::JoinError) -> Arc<Failure> {
    Arc::new(Failure::Io(io::Error::other(error)))
}
