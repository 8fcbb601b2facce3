//! What this process uses of its machine, where Linux's `/proc` says so. `http` tells
//! administrators.

use std::fs;
use std::time::Duration;

/// `/proc` counts processor time in these: `USER_HZ` is 100 wherever Linux and Rust run.
const TICK: Duration = Duration::from_millis(10);

/// What this process uses; zero where that is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory that holds something, files of the system's that are mapped included, in bytes.
    pub resident_bytes: u64,
    /// The part of it that is the process's own, in bytes.
    pub heap_bytes: u64,
    /// The stack of the first thread, in bytes.
    pub stack_bytes: u64,
    /// Processor time since the start, of all threads.
    pub cpu_time: Duration,
}

impl Usage {
    /// As of now.
    pub fn read() -> Self {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        Self::parse(&text("/proc/self/status"), &text("/proc/self/stat"))
    }

    fn parse(status: &str, stat: &str) -> Self {
        let kibibytes = |name: &str| {
            let mut lines = status.lines().filter_map(|line| line.split_once(':'));
            let found = lines.find(|(field, _)| *field == name);
            let number = found.and_then(|(_, value)| value.split_whitespace().next());
            let number = number.and_then(|number| number.parse().ok());
            number.unwrap_or(0_u64).saturating_mul(1024)
        };
        // The program's name stands in brackets and may hold anything; after it come numbers.
        let numbers = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let ticks = |place: usize| -> u32 {
            let number = numbers.split_whitespace().nth(place);
            number.and_then(|ticks| ticks.parse().ok()).unwrap_or(0)
        };
        Self {
            resident_bytes: kibibytes("VmRSS"),
            heap_bytes: kibibytes("RssAnon"),
            stack_bytes: kibibytes("VmStk"),
            cpu_time: TICK * ticks(11).saturating_add(ticks(12)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_from_what_linux_says() {
        let status =
            "Name:\tyuri\nVmStk:\t     132 kB\nVmRSS:\t   20480 kB\nRssAnon:\t    9216 kB\n";
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 2054 0 0 0 150 50 0 0 20 0 9 0 100 1 2";
        let expected = Usage {
            resident_bytes: 20 << 20,
            heap_bytes: 9 << 20,
            stack_bytes: 132 << 10,
            cpu_time: Duration::from_secs(2),
        };
        assert_eq!(Usage::parse(status, stat), expected);
        assert_eq!(Usage::parse("", ""), Usage::default());
    }
}
