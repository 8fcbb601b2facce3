//! The log on the console. `cli` starts it.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging to standard error, so that standard output stays with what a command answers.
/// `filter` is a level or a list like `info,yuri::access=debug`; one that cannot be read is `info`.
pub fn start(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let console = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // Fails only when a test has started logging before.
    let _already_started = tracing_subscriber::registry()
        .with(console)
        .with(filter)
        .with(filter_fn(may_be_logged))
        .try_init();
}

/// Other crates trace whole messages, tokens included: below info they are never heard.
fn may_be_logged(about: &Metadata<'_>) -> bool {
    let ours = about.target() == "yuri" || about.target().starts_with("yuri::");
    ours || *about.level() <= Level::INFO
}
