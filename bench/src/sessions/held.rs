//! What the server's process holds and uses in each state, and what a bot more costs.

use std::time::{Duration, Instant};

use bench::figures::{bytes, number};
use bench::{Failed, process};

/// The head of a table of states.
pub(crate) const HEAD: &str = "| state | % of a core | of it each bot | resident MiB | of it not of \
     files | of it each bot, KiB | threads | open files |\n|---|---:|---:|---:|---:|---:|---:|---:|";

/// What the process holds and uses while nothing is asked of it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// The state it is in.
    state: String,
    /// Percent of a core.
    processor: f64,
    resident: u64,
    /// Memory of no file, in bytes.
    pub(crate) anonymous: u64,
    pub(crate) threads: usize,
    pub(crate) files: usize,
}

impl Held {
    /// Looks at a process for so long, and at what it holds at the end.
    pub(crate) async fn watch(state: String, pid: u32, window: Duration) -> Result<Self, Failed> {
        eprintln!("{state}: {} s ...", window.as_secs());
        let (began, before) = (Instant::now(), process::usage_with_children(pid));
        tokio::time::sleep(window).await;
        let (took, usage) = (began.elapsed(), process::usage_with_children(pid));
        let used = usage.processor.saturating_sub(before.processor);
        Ok(Self {
            state,
            processor: 100.0 * used.as_secs_f64() / took.as_secs_f64(),
            resident: usage.resident,
            anonymous: usage.anonymous,
            threads: process::threads(pid)?,
            files: process::open_files(pid)?,
        })
    }

    /// What each of so many costs, beside a state without them: percent of a core, and KiB of
    /// memory of no file.
    fn each(&self, without: &Self, count: usize) -> (f64, f64) {
        let count = number(count);
        let memory = bytes(self.anonymous) - bytes(without.anonymous);
        (
            (self.processor - without.processor) / count,
            memory / count / 1024.0,
        )
    }

    /// A line of that table; with what each bot costs, where a state is named that it is beside.
    pub(crate) fn line(&self, beside: Option<(&Self, usize)>) -> String {
        let mib = |count| bytes(count) / f64::from(1 << 20);
        let each = beside.map(|(without, count)| self.each(without, count));
        let (processor, memory) = each.map_or(("–".to_owned(), "–".to_owned()), |each| {
            (format!("{:.3}", each.0), format!("{:.0}", each.1))
        });
        format!(
            "| {} | {:.2} | {processor} | {:.1} | {:.1} | {memory} | {} | {} |",
            self.state,
            self.processor,
            mib(self.resident),
            mib(self.anonymous),
            self.threads,
            self.files,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(processor: f64, anonymous: u64) -> Held {
        Held {
            state: "some".to_owned(),
            processor,
            resident: 3 << 20,
            anonymous,
            threads: 4,
            files: 5,
        }
    }

    #[test]
    fn what_each_costs_is_the_difference() {
        let (without, with) = (held(1.0, 1 << 20), held(3.0, 2 << 20));
        let beside = with.line(Some((&without, 10)));
        assert_eq!(beside, "| some | 3.00 | 0.200 | 3.0 | 2.0 | 102 | 4 | 5 |");
        let alone = without.line(None);
        assert_eq!(alone, "| some | 1.00 | – | 3.0 | 1.0 | – | 4 | 5 |");
    }
}
