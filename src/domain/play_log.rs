//! Writing the play log: one task, so that playing never waits for the database and a guild's
//! numbers are given in one place. `domain::player` is the only one that records. Each guild's
//! last plays are remembered for those who pick by them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use moka::sync::Cache;
use tokio::sync::{mpsc, oneshot};

use crate::db::Db;
use crate::db::plays::{LOCAL, NewPlay, append, page};
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// Plays that may wait to be written.
const WAITING_MAX: usize = 10_000;
/// A guild's last plays that are remembered, and guilds of which they are.
const RECENT_MAX: usize = 200;
const GUILDS_MAX: u64 = 1_000;
/// Plays written in one transaction at most.
const BATCH_MAX: usize = 100;

/// The play was not written: the queue is full, or the database refused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the play was not logged")]
pub struct NotLogged;

/// One of a guild's last plays of a sound of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentPlay {
    /// Who asked for it.
    pub user: UserId,
    /// The sound's name without its extension.
    pub sound: String,
}

/// The newest first.
type Recent = Arc<Mutex<VecDeque<RecentPlay>>>;

struct Job {
    /// Nothing for a caller who only waits for what stands before.
    play: Option<NewPlay>,
    committed: oneshot::Sender<()>,
}

impl Job {
    fn done(self) {
        let _nobody_waits = self.committed.send(());
    }
}

/// The way in, cheap to clone. The task ends when all clones are gone.
#[derive(Clone)]
pub struct PlayLog {
    jobs: mpsc::Sender<Job>,
    db: Db,
    recent: Cache<GuildId, Recent>,
}

impl PlayLog {
    /// Starts the task.
    pub fn start(db: Db) -> Self {
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(write_all(db.clone(), waiting));
        Self {
            jobs,
            db,
            recent: Cache::new(GUILDS_MAX),
        }
    }

    /// A guild's last plays of sounds of the library, the newest first, 200 at most.
    ///
    /// # Errors
    /// The database's.
    pub async fn recent(&self, guild: GuildId) -> Result<Vec<RecentPlay>, Error> {
        let known = if let Some(known) = self.recent.get(&guild) {
            known
        } else {
            let last = u32::try_from(RECENT_MAX).unwrap_or(u32::MAX);
            let read = self.db.quick(move |conn| page(conn, guild, 0, last));
            let plays = read.await?.entries.into_iter();
            let plays = plays.filter(|play| play.source == LOCAL);
            let plays = plays.map(|play| RecentPlay {
                user: play.user(),
                sound: play.sound,
            });
            let read = Arc::new(Mutex::new(plays.collect()));
            self.recent.get_with(guild, || read)
        };
        let plays = known.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(plays.iter().cloned().collect())
    }

    fn remember(&self, play: &NewPlay) {
        let known = self.recent.get(&play.guild);
        let Some(known) = known.filter(|_| play.source == LOCAL) else {
            return;
        };
        let mut plays = known.lock().unwrap_or_else(PoisonError::into_inner);
        plays.truncate(RECENT_MAX - 1);
        plays.push_front(RecentPlay {
            user: play.user,
            sound: play.sound.clone(),
        });
    }

    /// Hands a play over at once; the future resolves when it is committed, and may be dropped.
    ///
    /// # Errors
    /// [`NotLogged`].
    pub fn record(&self, play: NewPlay) -> impl Future<Output = Result<(), NotLogged>> + use<> {
        self.remember(&play);
        let (committed, commit) = oneshot::channel();
        let handed_over = self.jobs.try_send(Job {
            play: Some(play),
            committed,
        });
        async move {
            if handed_over.is_err() {
                tracing::error!("a play was not logged: too many wait to be written");
                return Err(NotLogged);
            }
            commit.await.map_err(|_| NotLogged)
        }
    }

    /// Waits until everything that was handed over before is written. Called at the end.
    pub async fn flush(&self) {
        let (committed, commit) = oneshot::channel();
        if self
            .jobs
            .send(Job {
                play: None,
                committed,
            })
            .await
            .is_ok()
        {
            let _written_or_logged_as_lost = commit.await;
        }
    }
}

async fn write_all(db: Db, mut waiting: mpsc::Receiver<Job>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let plays: Vec<NewPlay> = batch.iter().filter_map(|job| job.play.clone()).collect();
        if write(&db, plays).await.is_ok() {
            batch.drain(..).for_each(Job::done);
            continue;
        }
        // One that the database never takes must not cost the others.
        for job in batch.drain(..) {
            let play: Vec<NewPlay> = job.play.clone().into_iter().collect();
            match write(&db, play).await {
                Ok(()) => job.done(),
                Err(error) => tracing::error!(?error, play = ?job.play, "a play was not logged"),
            }
        }
    }
}

/// Writes plays in one transaction. Waits for a database that is not available: what comes in
/// meanwhile waits in the queue.
async fn write(db: &Db, plays: Vec<NewPlay>) -> Result<(), Error> {
    let plays = Arc::new(plays);
    db.write_patiently(move |conn| plays.iter().try_for_each(|play| append(conn, play)))
        .await
}
