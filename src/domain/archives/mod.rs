//! A guild's sounds by the archive: brought in by members, and handed out for keeping or for
//! another guild. Called by routes, which check who may; how much is checked here.
//!
//! Each is much work, so there are few at once, one of each guild, and one is decoded at a time.

mod export;

use std::collections::HashSet;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::audio::Transcoder;
use crate::clock::Clock;
use crate::config;
use crate::domain::import::{Bounds, Destination, Import, Outcome, Source, Unusable};
use crate::domain::labels::Labels;
use crate::domain::library::Library;
use crate::domain::limits::Limits;
use crate::domain::uploads::{Spool, Uploads};
use crate::error::Error;
use crate::ids::{GuildId, UserId};
pub use export::Export;

/// After so many bytes of an archive it is looked whether the disk has room for more.
const DISK_CHECK_BYTES: u64 = 1 << 20;

/// What became of a file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its path in the archive.
    pub file: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// Brings archives in and hands them out.
pub struct Archives {
    rules: config::Archives,
    uploads: Arc<Uploads>,
    library: Arc<Library>,
    labels: Arc<Labels>,
    transcoder: Transcoder,
    limits: Arc<Limits>,
    clock: Clock,
    /// The guilds of which one is on its way.
    busy: Arc<StdMutex<HashSet<GuildId>>>,
    /// Held by the one that is decoded.
    decoding: Mutex<()>,
}

/// An archive that a member sends.
pub struct IncomingArchive {
    guild: GuildId,
    member: UserId,
    spool: Spool,
    /// Bytes since the disk was looked at.
    unchecked_bytes: u64,
    _turn: Turn,
}

/// The leave to have an archive on its way; given back with this.
struct Turn {
    guild: GuildId,
    busy: Arc<StdMutex<HashSet<GuildId>>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.remove(&self.guild);
    }
}

impl Archives {
    /// Nothing is on its way.
    pub fn new(
        rules: config::Archives,
        uploads: Arc<Uploads>,
        library: Arc<Library>,
        labels: Arc<Labels>,
        transcoder: Transcoder,
        limits: Arc<Limits>,
        clock: Clock,
    ) -> Self {
        Self {
            rules,
            uploads,
            library,
            labels,
            transcoder,
            limits,
            clock,
            busy: Arc::default(),
            decoding: Mutex::default(),
        }
    }

    /// Begins to take an archive, `length` bytes long where that is known. It counts against the
    /// member's hour as one, whatever it holds.
    ///
    /// # Errors
    /// 413 when it is too long, 409 while another of this guild is on its way and where the guild
    /// has as many sounds as it may, 503 while too many are on their way, 429 after too many in an
    /// hour, 507 when the disk is nearly full.
    pub async fn begin(
        &self,
        guild: GuildId,
        member: UserId,
        length: Option<u64>,
    ) -> Result<IncomingArchive, Error> {
        let max_bytes = self.rules.max_bytes;
        if length.is_some_and(|length| length > max_bytes) {
            return Err(too_large(max_bytes));
        }
        let turn = self.turn(guild)?;
        self.uploads.check_room(guild, 0)?;
        self.uploads.check_disk(length.unwrap_or(0))?;
        let charged = self.limits.charge_archive(member);
        charged.map_err(|refused| Error::Limited(refused.0))?;
        Ok(IncomingArchive {
            guild,
            member,
            spool: self.uploads.spool(max_bytes, too_large).await?,
            unchecked_bytes: 0,
            _turn: turn,
        })
    }

    /// Adds what has come of an archive.
    ///
    /// # Errors
    /// 413 when that is more than one may have, 507 when the disk is full.
    pub async fn write(&self, archive: &mut IncomingArchive, chunk: &[u8]) -> Result<(), Error> {
        let more = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        archive.unchecked_bytes = archive.unchecked_bytes.saturating_add(more);
        if archive.unchecked_bytes >= DISK_CHECK_BYTES {
            self.uploads.check_disk(0)?;
            archive.unchecked_bytes = 0;
        }
        archive.spool.write(chunk).await
    }

    /// Makes sounds of what a whole archive holds; answers what became of each file. Names, tags
    /// and categories are those of its manifest, where it has one.
    ///
    /// # Errors
    /// 413 for an archive with too many entries, or that unpacks to too much; 415 for one that is
    /// none, is damaged, or holds what archives of sounds do not: nothing of it comes in. 507 when
    /// the disk is full: what was added before stays.
    pub async fn take(&self, mut archive: IncomingArchive) -> Result<Vec<Taken>, Error> {
        archive.spool.flush().await?;
        let bounds = Bounds {
            entries_max: self.rules.entries_max,
            unpacked_bytes_max: self.rules.unpacked_bytes_max,
            ratio_max: self.rules.ratio_max,
        };
        let _one_at_a_time = self.decoding.lock().await;
        let path = archive.spool.path().to_owned();
        let source = spawn_blocking(move || Source::open_archive(&path, &bounds));
        let source = source.await.map_err(Error::internal)?.map_err(refuse)?;
        let fault = |fault: &String| {
            let (file, reason) = fault.split_once(": ").unwrap_or(("", fault));
            Taken {
                file: file.to_owned(),
                outcome: Outcome::Refused(reason.to_owned()),
            }
        };
        let mut taken: Vec<Taken> = source.faults().iter().map(fault).collect();
        let destination = Destination::guild(
            archive.guild,
            Some(archive.member),
            Arc::clone(&self.uploads),
            Arc::clone(&self.library),
            Arc::clone(&self.labels),
            &self.uploads.spool_dir(),
        );
        let mut import = Import::new(self.transcoder.clone(), destination);
        let run = import.run(source, |step| {
            let known = step.file.map(|(file, outcome)| Taken { file, outcome });
            taken.extend(known);
        });
        run.await?;
        Ok(taken)
    }

    /// The leave to have an archive of this guild on its way.
    fn turn(&self, guild: GuildId) -> Result<Turn, Error> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if busy.contains(&guild) {
            let text = "an archive of this server is on its way already, wait until it is done";
            return Err(Error::Conflict(text.to_owned()));
        }
        if busy.len() >= self.rules.at_once {
            let text = "too many archives are on their way, try again when they are done";
            return Err(Error::Unavailable(text));
        }
        busy.insert(guild);
        Ok(Turn {
            guild,
            busy: Arc::clone(&self.busy),
        })
    }
}

fn too_large(max_bytes: u64) -> Error {
    Error::TooLarge(format!(
        "an archive may have {} MiB at most",
        max_bytes >> 20
    ))
}

/// Why nothing is taken, in words that name none of our paths.
fn refuse(unusable: Unusable) -> Error {
    match unusable {
        Unusable::Unreadable(..) => Error::internal(unusable),
        Unusable::Unknown(_) => {
            Error::Unsupported("the file is no archive (zip, tar, tar.gz)".to_owned())
        }
        Unusable::Hostile(_) => Error::Unsupported(unusable.to_string()),
        Unusable::TooMuch(_) => Error::TooLarge(unusable.to_string()),
    }
}
