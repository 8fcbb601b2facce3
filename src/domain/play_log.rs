//! Writing the play log: one task, so that playing never waits for the database and a guild's
//! numbers are given in one place. `domain::player` is the only one that records.

use std::iter;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::db::Db;
use crate::db::plays::{NewPlay, append};
use crate::error::Error;

/// Plays that may wait to be written.
const WAITING_MAX: usize = 10_000;
/// Plays written in one transaction at most.
const BATCH_MAX: usize = 100;

/// How long the task waits for a database that is not available, time after time; the last one
/// again and again.
const RETRY_DELAYS: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// The play was not written: the queue is full, or the database refused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the play was not logged")]
pub struct NotLogged;

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
}

impl PlayLog {
    /// Starts the task.
    pub fn start(db: Db) -> Self {
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(write_all(db, waiting));
        Self { jobs }
    }

    /// Hands a play over at once; the future resolves when it is committed, and may be dropped.
    ///
    /// # Errors
    /// [`NotLogged`].
    pub fn record(&self, play: NewPlay) -> impl Future<Output = Result<(), NotLogged>> + use<> {
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

/// Writes plays in one transaction. Waits for a database that is locked, full or not there, for as
/// long as that takes: what comes in meanwhile waits in the queue.
async fn write(db: &Db, plays: Vec<NewPlay>) -> Result<(), Error> {
    let [.., last] = RETRY_DELAYS;
    let mut delays = RETRY_DELAYS.into_iter().chain(iter::repeat(last));
    loop {
        let rows = plays.clone();
        let written = db
            .write(move |conn| rows.iter().try_for_each(|play| append(conn, play)))
            .await;
        match (written, delays.next()) {
            (Err(Error::Unavailable(_) | Error::StorageFull), Some(delay)) => sleep(delay).await,
            (written, _) => return written,
        }
    }
}
