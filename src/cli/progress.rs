//! Bars on the terminal: while a first start prepares many sounds, which `serve` shows, and while
//! `import` brings them in.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::watch;

use crate::domain::ingest::Progress;

/// Fewer files than this are done before anybody looks.
const MANY: usize = 20;

/// Shows the first look at the folder on `console`, if that is a terminal and there is much to do.
/// What is logged meanwhile stands above the bar.
pub(super) async fn show(console: MultiProgress, mut progress: watch::Receiver<Progress>) {
    if console.is_hidden() {
        return;
    }
    let mut bar: Option<ProgressBar> = None;
    loop {
        let now = *progress.borrow_and_update();
        if now.passes > 0 {
            break;
        }
        if now.total >= MANY {
            let bar = bar.get_or_insert_with(|| console.add(new_bar("preparing sounds")));
            bar.set_length(u64::try_from(now.total).unwrap_or(u64::MAX));
            bar.set_position(u64::try_from(now.done).unwrap_or(u64::MAX));
        }
        if progress.changed().await.is_err() {
            break;
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

/// A bar that says what is done.
pub(super) fn new_bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} [{wide_bar}] {pos}/{len}, {eta} left");
    ProgressBar::no_length()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what)
}
