//! The table of the application log: one task writes it, so that nobody who logs waits. The layer
//! of `telemetry` hands the messages over; `app` starts it, `http` lets administrators read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::Level;

use crate::clock::Clock;
use crate::db::logs::{LogEntry, delete_before, insert, page};
use crate::db::plays::Page;
use crate::db::{Db, QueryResult};
use crate::error::Error;

/// Messages written in one transaction at most.
const BATCH_MAX: usize = 100;

/// The table. The task ends with it.
pub struct AppLog {
    db: Db,
    clock: Clock,
    keep: Duration,
    flushes: mpsc::Sender<oneshot::Sender<()>>,
}

impl AppLog {
    /// Starts to write what is `waiting`; `lost` counts what did not find room there. At most
    /// `keep_max` messages are kept, and none for longer than `keep`.
    pub fn start(
        db: Db,
        clock: Clock,
        waiting: mpsc::Receiver<LogEntry>,
        lost: Arc<AtomicU64>,
        keep: Duration,
        keep_max: u32,
    ) -> Self {
        let (flushes, asked) = mpsc::channel(1);
        let writer = Writer {
            db: db.clone(),
            clock: clock.clone(),
            waiting,
            lost,
            keep_max,
        };
        tokio::spawn(writer.run(asked));
        Self {
            db,
            clock,
            keep,
            flushes,
        }
    }

    /// Messages of a level and of worse ones, newest first, from the `from`-th on.
    ///
    /// # Errors
    /// The database's.
    pub async fn page(
        &self,
        at_least: Level,
        from: u32,
        limit: u32,
    ) -> Result<Page<LogEntry>, Error> {
        let query = move |conn: &mut _| page(conn, at_least, from, limit);
        self.db.run(query).await
    }

    /// Drops what is too old.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_old(&self) -> Result<(), Error> {
        let keep_ms = i64::try_from(self.keep.as_millis()).unwrap_or(i64::MAX);
        let before_ms = self.clock.now_ms().saturating_sub(keep_ms);
        self.db
            .write(move |conn| delete_before(conn, before_ms))
            .await
    }

    /// Waits until everything that was logged before is written. Called at the end.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.flushes.send(done).await.is_ok() {
            let _written_or_lost = flushed.await;
        }
    }
}

struct Writer {
    db: Db,
    clock: Clock,
    waiting: mpsc::Receiver<LogEntry>,
    lost: Arc<AtomicU64>,
    keep_max: u32,
}

impl Writer {
    async fn run(mut self, mut flushes: mpsc::Receiver<oneshot::Sender<()>>) {
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                biased;
                count = self.waiting.recv_many(&mut batch, BATCH_MAX) => match count {
                    // Nobody logs any more.
                    0 => return,
                    _ => self.write(batch).await,
                },
                asked = flushes.recv() => match asked {
                    Some(done) => {
                        self.write(batch).await;
                        let _nobody_waits = done.send(());
                    }
                    None => return,
                },
            }
        }
    }

    /// Writes messages, and that some were lost. Waits for a database that is not available: what
    /// comes in meanwhile waits in the queue.
    async fn write(&self, mut batch: Vec<LogEntry>) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            batch.push(self.loss(lost));
        }
        if batch.is_empty() {
            return;
        }
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let (batch, keep_max) = (Arc::new(batch), self.keep_max);
        let written = self
            .db
            .write_patiently(move |conn| -> QueryResult<()> { insert(conn, &batch, keep_max) });
        if let Err(error) = written.await {
            self.lost.fetch_add(count, Ordering::Relaxed);
            tracing::error!(?error, count, "messages of the log were not written");
        }
    }

    fn loss(&self, count: u64) -> LogEntry {
        LogEntry {
            level: Level::WARN,
            message: format!("messages are missing here: {count} could not be written"),
            time_ms: self.clock.now_ms(),
            stacktrace: None,
        }
    }
}
