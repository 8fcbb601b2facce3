//! Preparing sounds before somebody asks for them, with the processor time that nobody else wants:
//! at the start, and whenever the folder has changed. What is found out is kept in the database,
//! so that the next start asks that, and no file.
//!
//! `app` runs it; a play of a sound that is not prepared yet goes to the
//! [`Transcoder`] at once and waits for nothing here.

mod rows;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::audio::{Outcome, Stamp, Transcoder};
use crate::clock::Clock;
use crate::db::{Db, sound_files};
use crate::domain::library::{Library, Sound};
use crate::domain::settings::Settings;
use crate::error::Error;
use rows::Rules;

/// How long a folder that has changed is left alone: a file that is being copied into it changes
/// again and again. In real time, like the folder's own.
const SETTLE: Duration = Duration::from_millis(300);
/// When what failed is tried again, without a change of the folder.
const RETRY_AFTER: Duration = Duration::from_mins(1);
/// How often a file is tried that fails for reasons of ours.
const TRIES_MAX: u32 = 3;
/// Sounds prepared at once at most: one core stays free.
const LANES_MAX: usize = 4;
/// Rows written in one transaction.
const BATCH_MAX: usize = 50;

/// How far the work has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files that were looked into, of this look at the folder.
    pub done: usize,
    /// Files that have to be.
    pub total: usize,
    /// Looks at the folder that were worked off.
    pub passes: u64,
}

/// The background work.
pub struct Ingest {
    library: Arc<Library>,
    transcoder: Transcoder,
    settings: Arc<Settings>,
    db: Db,
    clock: Clock,
    /// Whether sounds are prepared before somebody asks for them.
    is_ahead: bool,
    progress: watch::Sender<Progress>,
}

/// What is known from earlier: the paths that have a row, with the stamps in them.
type Kept = HashMap<String, Stamp>;

/// What came of a look at the folder.
#[derive(Debug, Default)]
struct Tally {
    prepared: usize,
    found: usize,
    refused: usize,
    failed: usize,
}

impl Ingest {
    /// Work that has not begun. With `is_ahead` off it only remembers what plays have found out.
    pub fn new(
        library: Arc<Library>,
        transcoder: Transcoder,
        settings: Arc<Settings>,
        db: Db,
        clock: Clock,
        is_ahead: bool,
    ) -> Self {
        Self {
            library,
            transcoder,
            settings,
            db,
            clock,
            is_ahead,
            progress: watch::Sender::default(),
        }
    }

    /// How far the work has come, from now on.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Works until `stopped`; what is being decoded then is given up.
    pub async fn run(&self, mut stopped: watch::Receiver<bool>) {
        tokio::select! {
            () = self.work() => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }

    async fn work(&self) {
        let mut looks = self.library.looks();
        let mut loudness = self.settings.loudness_changes();
        let mut tries = HashMap::new();
        let (mut kept, known) = self.recall().await;
        let mut is_first = true;
        loop {
            looks.borrow_and_update();
            loudness.borrow_and_update();
            let tally = self.pass(&mut kept, &mut tries, is_first).await;
            self.pass_for_guilds().await;
            if is_first || tally.prepared + tally.refused > 0 {
                tracing::info!(
                    known = if is_first { known } else { 0 },
                    prepared = tally.prepared,
                    found = tally.found,
                    refused = tally.refused,
                    "the sounds are ready"
                );
            }
            is_first = false;
            let retry = self.clock.monotonic() + RETRY_AFTER;
            self.progress.send_modify(|progress| {
                *progress = Progress {
                    passes: progress.passes + 1,
                    ..Progress::default()
                }
            });
            tokio::select! {
                changed = looks.changed() => if changed.is_err() { return },
                changed = loudness.changed() => if changed.is_err() { return },
                () = self.clock.sleep_until(retry), if tally.failed > 0 => {}
            }
            sleep(SETTLE).await;
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            max_length_ms: self.transcoder.max_length_ms(),
            target: self.transcoder.target(),
        }
    }

    fn sounds(&self) -> Vec<Arc<Sound>> {
        self.library.list_all()
    }

    /// Reads everything that is known, in one query, and tells it the library; answers also for
    /// how many of its sounds that was something.
    async fn recall(&self) -> (Kept, usize) {
        let rows = match self.db.run(sound_files::list).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(?error, "what is known of the sounds cannot be read");
                Vec::new()
            }
        };
        let rules = self.rules();
        let mut examined: HashMap<&str, _> = rows
            .iter()
            .filter_map(|row| {
                let examined = rows::examined(row, rules)?;
                Some((row.path.as_str(), (rows::stamp(row), examined)))
            })
            .collect();
        let mut known = 0;
        for sound in self.sounds() {
            let path = sound.original.path().to_str().unwrap_or_default();
            if let Some((stamp, examined)) = examined.remove(path)
                && stamp == *sound.original.stamp()
            {
                sound.original.remember(examined);
                known += 1;
            }
        }
        let kept = rows
            .iter()
            .map(|row| (row.path.clone(), rows::stamp(row)))
            .collect();
        (kept, known)
    }

    /// Works off what the folder holds now.
    async fn pass(
        &self,
        kept: &mut Kept,
        tries: &mut HashMap<(String, Stamp), u32>,
        is_first: bool,
    ) -> Tally {
        let sounds = self.sounds();
        self.forget(&sounds, kept).await;
        let is_given_up = |sound: &Sound| {
            let failed = path(sound).and_then(|path| tries.get(&(path, *sound.original.stamp())));
            failed.is_some_and(|failed| *failed >= TRIES_MAX)
        };
        let queue: VecDeque<Arc<Sound>> = sounds
            .iter()
            .filter(|sound| self.is_ahead && !is_given_up(sound))
            .filter(|sound| match sound.original.examined() {
                None => true,
                // Somebody may have emptied the cache; what it lost by its bound is left alone.
                Some(examined) => {
                    let is_lost = |hash| !self.transcoder.is_cached(hash);
                    is_first && sound.is_playable() && examined.hash.is_some_and(is_lost)
                }
            })
            .cloned()
            .collect();
        let total = queue.len();
        self.progress
            .send_modify(|progress| (progress.done, progress.total) = (0, total));

        let mut tally = Tally::default();
        let mut results = start_lanes(&self.transcoder, queue);
        let mut batch = Vec::new();
        while results.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let done: Vec<Arc<Sound>> = batch.iter().map(|(sound, _)| Arc::clone(sound)).collect();
            for (sound, outcome) in batch.drain(..) {
                match outcome {
                    Ok(Outcome::Made) => tally.prepared += 1,
                    Ok(Outcome::Found) => tally.found += 1,
                    Ok(Outcome::Refused) => tally.refused += 1,
                    // The folder changes: there will be another look.
                    Err(Error::NotFound(_) | Error::Conflict(_)) => {}
                    Err(error) => {
                        tally.failed += 1;
                        let about = path(&sound).map(|path| (path, *sound.original.stamp()));
                        let failed = about.map_or(0, |about| {
                            let failed = tries.entry(about).or_default();
                            *failed += 1;
                            *failed
                        });
                        let path = sound.original.path();
                        tracing::error!(?error, sound.path = ?path, failed, "a sound was not prepared");
                    }
                }
            }
            self.keep(&done, kept).await;
            self.progress
                .send_modify(|progress| progress.done += done.len());
        }
        // What plays have found out meanwhile.
        self.keep(&sounds, kept).await;
        tally
    }

    /// Prepares what is known by now as loud as some guilds want it, as long as there is room.
    async fn pass_for_guilds(&self) {
        if !self.is_ahead {
            return;
        }
        let targets = match self.settings.list_loudness().await {
            Ok(targets) => targets,
            Err(error) => {
                tracing::warn!(?error, "how loud guilds want their sounds cannot be read");
                return;
            }
        };
        for target in targets {
            let transcoder = self.transcoder.at(target);
            let is_missing = |sound: &Arc<Sound>| {
                let examined = sound.original.examined();
                let hash = examined.and_then(|examined| examined.hash);
                sound.is_playable() && hash.is_some_and(|hash| !transcoder.is_cached(hash))
            };
            let queue = self.sounds().into_iter().filter(is_missing).collect();
            let mut results = start_lanes(&transcoder, queue);
            while let Some((sound, outcome)) = results.recv().await {
                if let Err(error) = outcome {
                    let path = sound.original.path();
                    tracing::warn!(?error, sound.path = ?path, "a sound was not prepared");
                }
            }
        }
    }

    /// Writes what is known and not written yet.
    async fn keep(&self, sounds: &[Arc<Sound>], kept: &mut Kept) {
        let rules = self.rules();
        let rows: Vec<_> = sounds
            .iter()
            .filter(|sound| sound.original.examined().is_some())
            .filter(|sound| {
                let path = sound.original.path().to_str();
                path.is_some_and(|path| kept.get(path) != Some(sound.original.stamp()))
            })
            .filter_map(|sound| rows::row(&sound.original, rules))
            .collect();
        if rows.is_empty() {
            return;
        }
        let new: Vec<_> = rows
            .iter()
            .map(|row| (row.path.clone(), rows::stamp(row)))
            .collect();
        let written = self
            .db
            .write(move |conn| sound_files::replace(conn, &rows))
            .await;
        match written {
            Ok(()) => kept.extend(new),
            Err(error) => tracing::warn!(?error, "what is known of the sounds was not written"),
        }
    }

    /// Forgets files that are not there any more. An empty folder may be one that was not mounted:
    /// then everything stays.
    async fn forget(&self, sounds: &[Arc<Sound>], kept: &mut Kept) {
        if sounds.iter().all(|sound| sound.guild().is_some()) {
            return;
        }
        let there: HashSet<&str> = sounds
            .iter()
            .filter_map(|sound| sound.original.path().to_str())
            .collect();
        let gone = |path: &String| !there.contains(path.as_str());
        let paths: Vec<String> = kept.keys().filter(|path| gone(path)).cloned().collect();
        if paths.is_empty() {
            return;
        }
        let deleted = self
            .db
            .write(move |conn| sound_files::delete(conn, &paths))
            .await;
        match deleted {
            Ok(()) => kept.retain(|path, _| !gone(path)),
            Err(error) => tracing::warn!(?error, "sounds that are gone were not forgotten"),
        }
    }
}

/// Starts decoding; the results come in any order, until all are there or the receiver is dropped.
fn start_lanes(
    transcoder: &Transcoder,
    queue: VecDeque<Arc<Sound>>,
) -> mpsc::Receiver<(Arc<Sound>, Result<Outcome, Error>)> {
    let cores = available_parallelism().map_or(1, usize::from);
    let lanes = cores.saturating_sub(1).clamp(1, LANES_MAX).min(queue.len());
    let (results, received) = mpsc::channel(BATCH_MAX);
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..lanes {
        let (queue, results) = (Arc::clone(&queue), results.clone());
        let transcoder = transcoder.clone();
        tokio::spawn(async move {
            loop {
                let next = queue
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .pop_front();
                let Some(sound) = next else { return };
                let is_known = sound.original.examined().is_some();
                if is_known && !transcoder.has_room() {
                    continue;
                }
                let work = transcoder.examine(&sound.original);
                tokio::select! {
                    outcome = work => {
                        if results.send((sound, outcome)).await.is_err() {
                            return;
                        }
                    }
                    () = results.closed() => return,
                }
            }
        });
    }
    received
}

fn path(sound: &Sound) -> Option<String> {
    sound.original.path().to_str().map(str::to_owned)
}
