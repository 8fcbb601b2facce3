//! Panics, as errors of the log.

use std::backtrace::Backtrace;
use std::panic::{self, PanicHookInfo};

/// Logs every panic of this process from now on, in place of what Rust prints of it.
pub(super) fn log() {
    panic::set_hook(Box::new(tell));
}

fn tell(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or_default();
    let place = panic.location().map(ToString::to_string);
    let stacktrace = Backtrace::force_capture();
    tracing::error!(place, %stacktrace, "a part of the server panicked: {message}");
}

#[cfg(test)]
mod tests {
    use tracing::level_filters::LevelFilter;
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::registry;

    use super::*;
    use crate::clock::Clock;
    use crate::telemetry::recorder;

    #[test]
    fn a_panic_is_recorded_with_its_place_and_its_stack() {
        let (recorder, mut records) = recorder(LevelFilter::WARN, Clock::manual(7));
        let before = panic::take_hook();
        log();
        let panicked = with_default(registry().with(recorder.into_layer()), || {
            panic::catch_unwind(|| panic!("nobody has thought of {}", "this"))
        });
        panic::set_hook(before);
        assert!(panicked.is_err());
        let entry = records.waiting.try_recv().unwrap();
        let begin = "a part of the server panicked: nobody has thought of this place=src/";
        assert!(entry.message.starts_with(begin), "{}", entry.message);
        let stacktrace = entry.stacktrace.as_deref().unwrap();
        assert!(stacktrace.contains("panics::tests"), "{stacktrace}");
    }
}
