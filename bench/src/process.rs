//! What Linux says about processes: processor time, memory, the core they run on.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Failed;

/// The unit of processor time in `/proc`; 100 a second on every Linux of today.
const TICK: Duration = Duration::from_millis(10);

/// The core of the servers that are measured.
pub const SERVER_CORE: u32 = 0;
/// The core of the load.
pub const LOAD_CORE: u32 = 1;

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Resident pages of every kind.
    pub resident: u64,
    /// Of those, pages of mapped files: the program itself and the database.
    pub files: u64,
}

/// Processor time that a process with all its threads has used, in user and kernel mode.
pub fn processor_time(pid: u32) -> Duration {
    let ticks = stat(pid).into_iter().skip(11).take(2);
    let ticks = ticks.filter_map(|field| field.parse::<u32>().ok());
    TICK * ticks.sum::<u32>()
}

/// Memory of a process now.
pub fn memory(pid: u32) -> Memory {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kibibytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Memory {
        resident: kibibytes("VmRSS:") * 1024,
        files: kibibytes("RssFile:") * 1024,
    }
}

/// Threads of a process now.
///
/// # Errors
/// When there is no such process.
pub fn threads(pid: u32) -> Result<usize, Failed> {
    count(&format!("/proc/{pid}/task"))
}

/// Files and sockets that a process has open now.
///
/// # Errors
/// When there is no such process; and for any user but root, as the server hides its memory, and this
/// with it.
pub fn open_files(pid: u32) -> Result<usize, Failed> {
    count(&format!("/proc/{pid}/fd"))
}

fn count(folder: &str) -> Result<usize, Failed> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{folder}: {error}"))?;
    Ok(entries.count())
}

/// What a process and all that it has started have used so far, and hold now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Processor time, that of children which have ended included.
    pub processor: Duration,
    /// Resident memory in bytes; pages that processes share count for each.
    pub resident: u64,
    /// Of that, memory of no file: what the processes have for themselves.
    pub anonymous: u64,
}

/// Usage of a process with its children and theirs.
pub fn usage_with_children(pid: u32) -> Usage {
    let parents = parents();
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        let children = parents.iter().filter(|(_, of)| *of == parent);
        family.extend(children.map(|(child, _)| *child));
        next += 1;
    }
    let mut usage = Usage::default();
    for pid in family {
        // User and kernel mode, of the process itself and of children that it has waited for.
        let ticks = stat(pid).into_iter().skip(11).take(4);
        let ticks = ticks.filter_map(|field| field.parse::<u32>().ok());
        usage.processor += TICK * ticks.sum::<u32>();
        let memory = memory(pid);
        usage.resident += memory.resident;
        usage.anonymous += memory.resident.saturating_sub(memory.files);
    }
    usage
}

/// Every process with its parent.
fn parents() -> Vec<(u32, u32)> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|pid| Some((pid, stat(pid).get(1)?.parse().ok()?)))
        .collect()
}

/// The fields of `/proc/<pid>/stat` from the state on.
fn stat(pid: u32) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in the second field may itself hold spaces and brackets.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    fields.split(' ').map(str::to_owned).collect()
}

/// How much other work the machine has, as an average over the last minute.
pub fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(0.0)
}

/// A command that runs on one core only, where `taskset` is there to arrange it.
pub fn pinned(core: u32, program: &std::path::Path) -> Command {
    if can_pin() {
        let mut command = Command::new("taskset");
        command.arg("-c").arg(core.to_string()).arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// Keeps this thread, and those that it starts, on one core, away from the servers.
pub fn pin_self(core: u32) {
    if can_pin() {
        let pid = std::process::id().to_string();
        let status = Command::new("taskset")
            .args(["-c", "-p", &core.to_string(), &pid])
            .stdout(Stdio::null())
            .status();
        if !status.is_ok_and(|status| status.success()) {
            eprintln!("bench: the load could not be kept on core {core}");
        }
    }
}

/// Whether processes can be pinned: with one core or without `taskset` they are not.
pub fn can_pin() -> bool {
    let cores = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let several = cores
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count()
        > 1;
    let version = Command::new("taskset")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    several && version.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_uses_time() {
        let pid = std::process::id();
        assert!(memory(pid).resident > memory(pid).files);
        let all = usage_with_children(pid);
        assert!(all.resident > all.anonymous && all.anonymous > 0);
        // Ends, because waiting for it is what uses the time.
        while processor_time(pid) < TICK {
            std::hint::spin_loop();
        }
    }
}
