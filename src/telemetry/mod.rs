//! The log: on the console, and for the table and for administrators who listen. `cli` starts it.
//! And what the process uses, for who asks.

mod panics;
mod recorder;
mod usage;

use std::io::{self, IsTerminal as _, Write};

use indicatif::MultiProgress;
use tracing::{Level, Metadata};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};
pub use recorder::{Recorder, Records, recorder};
pub use usage::Usage;

/// Starts logging to standard error, so that standard output stays with what a command answers,
/// and to `recorder`. Panics are logged as well, from now on. Bars that are added to what it answers
/// stay below the log.
pub fn start(settings: &Log, recorder: Recorder) -> MultiProgress {
    let console = Console(MultiProgress::new());
    let bars = console.0.clone();
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(console);
    let lines = match settings.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // Fails only when a test has started logging before.
    let _already_started = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(recorder.into_layer())
        .with(filter_fn(may_be_logged))
        .try_init();
    panics::log();
    bars
}

/// Standard error, and the bars that are drawn at its end: they make way for each line.
struct Console(MultiProgress);

impl<'a> MakeWriter<'a> for Console {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Console {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write_all(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Other crates trace whole messages, tokens included: below info they are never heard.
fn may_be_logged(about: &Metadata<'_>) -> bool {
    is_ours(about.target()) || *about.level() <= Level::INFO
}

fn is_ours(target: &str) -> bool {
    target == "yuri" || target.starts_with("yuri::")
}
