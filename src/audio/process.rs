//! Starting a decoding process, feeding it, and understanding how it ended. Called by
//! `transcoder`; what runs on the other side is `worker`.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

use super::reason::Reason;
use super::worker::{DISK_FULL, Order};
use crate::clock::Clock;

/// The allocator reserves a gigabyte of addresses at its start, more than the limit, unless it is
/// told not to: this many KiB then.
const ALLOCATOR_RESERVE: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "32768");
/// How much of a worker's complaints goes to the log.
const COMPLAINT_BYTES_MAX: u64 = 512;
/// Of a Rust program that panicked.
const PANICKED: i32 = 101;
/// Signals that a process gets for its own faults: illegal instruction, abort, bus error,
/// floating point, segment, processor time, file size.
const OWN_FAULTS: [i32; 7] = [4, 6, 7, 8, 11, 24, 25];

/// How a worker ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// What that says about the file.
    pub(super) ended: Ended,
    /// The start of what the worker said, for the log.
    pub(super) complaint: String,
}

/// What a worker's end says about the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It has been decoded.
    Done,
    /// It cannot be.
    Refused(Reason),
    /// Nothing: the worker was killed.
    Interrupted,
}

/// Has `program` decode `source` into `output`, in `patience` at most by `clock`.
///
/// # Errors
/// When the worker cannot be started or fed, or ends as no worker does.
pub(super) async fn run(
    program: &Path,
    order: Order,
    clock: &Clock,
    patience: Duration,
    source: File,
    output: File,
) -> io::Result<Ending> {
    let deadline = clock.monotonic() + patience;
    let mut child = Command::new(program)
        .arg("decode-worker")
        // The environment holds secrets that a decoder has no use for.
        .env_clear()
        .env(ALLOCATOR_RESERVE.0, ALLOCATOR_RESERVE.1)
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let fed = feed(child.stdin.take(), order, source);
    let work = async { tokio::join!(fed, wait(&mut child)) };
    let (fed, ended) = tokio::select! {
        both = work => both,
        () = clock.sleep_until(deadline) => {
            return Ok(Ending {
                ended: Ended::Refused(Reason::TimedOut),
                complaint: format!("no end after {} seconds", patience.as_secs()),
            });
        }
    };
    fed?;
    let (status, complaint) = ended?;
    tracing::debug!(worker.status = %status, worker.complaint = ?complaint, "decoded");
    Ok(Ending {
        ended: judge(status)?,
        complaint,
    })
}

/// Gives a worker its order and the file.
async fn feed(input: Option<ChildStdin>, order: Order, source: File) -> io::Result<()> {
    let Some(mut input) = input else {
        return Ok(());
    };
    let mut source = tokio::fs::File::from_std(source);
    let sent = async {
        input.write_all(&order.to_bytes()).await?;
        tokio::io::copy(&mut source, &mut input).await
    };
    match sent.await {
        // A worker that has seen enough ends without reading the rest.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Waits for a worker and for the start of what it has to say.
async fn wait(child: &mut Child) -> io::Result<(ExitStatus, String)> {
    let mut complaint = Vec::new();
    if let Some(mut stderr) = child.stderr.take() {
        let mut start = (&mut stderr).take(COMPLAINT_BYTES_MAX);
        start.read_to_end(&mut complaint).await?;
        // A pipe that nobody empties would stop the worker.
        tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await?;
    }
    let status = child.wait().await?;
    Ok((status, String::from_utf8_lossy(&complaint).into_owned()))
}

fn judge(status: ExitStatus) -> io::Result<Ended> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(Ended::Done),
        (Some(PANICKED), _) => Ok(Ended::Refused(Reason::Failed)),
        (Some(code), _) if code == i32::from(DISK_FULL) => Err(ErrorKind::StorageFull.into()),
        (Some(code), _) => Reason::from_code(code)
            .map(Ended::Refused)
            .ok_or_else(|| io::Error::other(format!("the worker ended with {code}"))),
        (None, Some(signal)) if OWN_FAULTS.contains(&signal) => Ok(Ended::Refused(Reason::Failed)),
        // Killed from outside: nothing that lasts.
        (None, _) => Ok(Ended::Interrupted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workers_end_says_what_is_wrong() {
        let code = |code: i32| judge(ExitStatus::from_raw(code << 8));
        assert_eq!(code(0).unwrap(), Ended::Done);
        assert_eq!(code(101).unwrap(), Ended::Refused(Reason::Failed));
        let truncated = i32::from(Reason::Truncated.code());
        assert_eq!(code(truncated).unwrap(), Ended::Refused(Reason::Truncated));
        assert!(code(1).is_err());
        let full = code(i32::from(DISK_FULL)).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        let signal = |signal: i32| judge(ExitStatus::from_raw(signal)).unwrap();
        for fault in OWN_FAULTS {
            assert_eq!(signal(fault), Ended::Refused(Reason::Failed));
        }
        for outside in [2, 9, 15] {
            assert_eq!(signal(outside), Ended::Interrupted);
        }
    }
}
