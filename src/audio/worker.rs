//! The decoding process: `yuri decode-worker`, started by `transcoder` for each new sound. It takes
//! away its own rights before it reads a byte, so that a hostile file costs this process and
//! nothing else.

use std::io::{self, BufWriter, Read};
use std::process::ExitCode;

use rlimit::Resource;

use super::decode::transcode;
use super::reason::Reason;
use super::sink::SinkError;

/// Largest original that is read.
pub(super) const FILE_BYTES_MAX: u64 = 64 << 20;
/// Standard streams and a few more.
const FILES_MAX: u64 = 16;
/// A quarter of a megabit a second is twice what the encoder is set to.
const OUTPUT_BYTES_PER_MS: u64 = 32;
const OUTPUT_BYTES_MORE: u64 = 64 << 10;

/// What the process may use. Comes in front of the original, as three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Longest result, in milliseconds.
    pub(super) length_ms: u64,
    /// Address space, in bytes.
    pub(super) memory_bytes: u64,
    /// Processor time, in seconds.
    pub(super) cpu_s: u64,
}

impl Bounds {
    const BYTES: usize = 24;

    /// As the worker reads them.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        [self.length_ms, self.memory_bytes, self.cpu_s]
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
        Ok(Self {
            length_ms: number(0),
            memory_bytes: number(8),
            cpu_s: number(16),
        })
    }
}

/// Runs `yuri decode-worker`: bounds and an original of any kind on standard input become
/// canonical Ogg Opus on standard output. The exit status is 0, or says what is wrong with the
/// file. Only [`Transcoder`](super::Transcoder) starts it.
pub fn worker_main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(SinkError::Refused(reason)) => ExitCode::from(reason.exit_code()),
        Err(SinkError::Io(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), SinkError> {
    let mut input = io::stdin().lock();
    let bounds = Bounds::read(&mut input)?;
    confine(bounds)?;
    let mut bytes = Vec::new();
    input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(Reason::TooLarge.into());
    }
    transcode(bytes, BufWriter::new(io::stdout().lock()), bounds.length_ms)?;
    Ok(())
}

/// Sets limits that cannot be raised again.
fn confine(bounds: Bounds) -> io::Result<()> {
    let output = bounds.length_ms.saturating_mul(OUTPUT_BYTES_PER_MS) + OUTPUT_BYTES_MORE;
    for (resource, limit) in [
        (Resource::CORE, 0),
        (Resource::FSIZE, output),
        (Resource::NOFILE, FILES_MAX),
        (Resource::AS, bounds.memory_bytes),
        (Resource::DATA, bounds.memory_bytes),
    ] {
        rlimit::setrlimit(resource, limit, limit)?;
    }
    // The soft limit ends the process with a signal of its own, which tells it from other kills.
    rlimit::setrlimit(Resource::CPU, bounds.cpu_s, bounds.cpu_s + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_arrive_as_they_were_sent() {
        let bounds = Bounds {
            length_ms: 600_000,
            memory_bytes: 512 << 20,
            cpu_s: 40,
        };
        assert_eq!(bounds.to_bytes().len(), Bounds::BYTES);
        assert_eq!(Bounds::read(&*bounds.to_bytes()).unwrap(), bounds);
        assert!(Bounds::read(&bounds.to_bytes()[1..]).is_err());
    }
}
