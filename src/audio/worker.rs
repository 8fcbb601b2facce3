//! The decoding process: `yuri decode-worker`, started by `transcoder` for each new sound. It takes
//! away its own rights before it reads a byte, so that a hostile file costs this process and
//! nothing else.

use std::io::{self, ErrorKind, Read, Write as _};
use std::process::ExitCode;

use rlimit::Resource;

use super::facts::Level;
use super::reason::{FILE_BYTES_MAX, Reason};
use super::sink::SinkError;
use super::transcode::transcode;

/// Standard streams and a few more.
const FILES_MAX: u64 = 16;
/// A quarter of a megabit a second is twice what the encoder is set to.
const OUTPUT_BYTES_PER_MS: u64 = 32;
const OUTPUT_BYTES_MORE: u64 = 64 << 10;

/// The exit status that says that the disk is full.
pub(super) const DISK_FULL: u8 = 39;
/// How much the processor prefers everything else to work that nobody waits for.
const BACKGROUND_NICENESS: i32 = 15;

/// What the process is to do, and what it may use. Comes in front of the original, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    /// How loud the result is to become.
    pub(super) target: Level,
    /// Whether nobody waits for it.
    pub(super) is_background: bool,
    /// Longest result, in milliseconds.
    pub(super) length_ms: u64,
    /// Address space, in bytes.
    pub(super) memory_bytes: u64,
    /// Processor time, in seconds.
    pub(super) cpu_s: u64,
}

impl Order {
    const BYTES: usize = 40;

    /// As the worker reads them.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let target = i64::from(self.target.hundredths()).cast_unsigned();
        let is_background = u64::from(self.is_background);
        [
            target,
            is_background,
            self.length_ms,
            self.memory_bytes,
            self.cpu_s,
        ]
        .map(u64::to_le_bytes)
        .concat()
    }

    fn read(mut input: impl Read) -> io::Result<Self> {
        let mut bytes = [0; Self::BYTES];
        input.read_exact(&mut bytes)?;
        let number = |at: usize| {
            bytes[at..]
                .first_chunk()
                .map_or(0, |number| u64::from_le_bytes(*number))
        };
        let target = i32::try_from(number(0).cast_signed()).unwrap_or(0);
        Ok(Self {
            target: Level::from_hundredths(target),
            is_background: number(8) != 0,
            length_ms: number(16),
            memory_bytes: number(24),
            cpu_s: number(32),
        })
    }
}

/// Runs `yuri decode-worker`: an order and an original of any kind on standard input become
/// canonical Ogg Opus on standard output. The exit status is 0, or says what is wrong with the
/// file. Only [`Transcoder`](super::Transcoder) starts it.
pub fn worker_main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(SinkError::Refused(reason)) => ExitCode::from(reason.code()),
        Err(SinkError::Io(error)) if error.kind() == ErrorKind::StorageFull => {
            ExitCode::from(DISK_FULL)
        }
        Err(SinkError::Io(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), SinkError> {
    let mut input = io::stdin().lock();
    let order = Order::read(&mut input)?;
    confine(order)?;
    let mut bytes = Vec::new();
    input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(Reason::TooLarge.into());
    }
    let result = transcode(bytes, order.target, order.length_ms)?;
    let mut output = io::stdout().lock();
    output.write_all(&result)?;
    Ok(output.flush()?)
}

/// Sets limits that cannot be raised again.
fn confine(order: Order) -> io::Result<()> {
    let output = order.length_ms.saturating_mul(OUTPUT_BYTES_PER_MS) + OUTPUT_BYTES_MORE;
    for (resource, limit) in [
        (Resource::CORE, 0),
        (Resource::FSIZE, output),
        (Resource::NOFILE, FILES_MAX),
        (Resource::AS, order.memory_bytes),
        (Resource::DATA, order.memory_bytes),
    ] {
        rlimit::setrlimit(resource, limit, limit)?;
    }
    if order.is_background {
        rustix::process::nice(BACKGROUND_NICENESS)?;
    }
    // The soft limit ends the process with a signal of its own, which tells it from other kills.
    rlimit::setrlimit(Resource::CPU, order.cpu_s, order.cpu_s + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_arrive_as_they_were_sent() {
        let order = Order {
            target: Level::from_db(-16.0),
            is_background: true,
            length_ms: 600_000,
            memory_bytes: 512 << 20,
            cpu_s: 40,
        };
        assert_eq!(order.to_bytes().len(), Order::BYTES);
        assert_eq!(Order::read(&*order.to_bytes()).unwrap(), order);
        assert!(Order::read(&order.to_bytes()[1..]).is_err());
    }
}
