//! What the log's messages become for those who read them later or elsewhere: rows and events. It
//! never waits and holds a bounded number of them, from before there is a database.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{broadcast, mpsc};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::{Filtered, filter_fn};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::is_ours;
use crate::clock::Clock;
use crate::db::logs::LogEntry;

/// Messages that wait to be written.
const WAITING_MAX: usize = 1000;
/// Messages that a listener may be behind.
const BEHIND_MAX: usize = 256;
/// Longest text of a message's words, of each of its other fields, and of a stack trace.
const MESSAGE_MAX_BYTES: usize = 2048;
const FIELD_MAX_BYTES: usize = 1024;
const STACKTRACE_MAX_BYTES: usize = 8192;
/// Longest message with all of its fields; one that began before may go on.
const ALL_MAX_BYTES: usize = 4096;

/// Who writes the table, or is needed for that: what they say of a failure would only make the next
/// one. It stands on the console.
const WRITERS: [&str; 4] = ["yuri::db", "yuri::domain::app_log", "diesel", "r2d2"];

/// Takes messages in; a layer of the log.
pub struct Recorder {
    level: LevelFilter,
    clock: Clock,
    live: broadcast::Sender<Arc<LogEntry>>,
    waiting: mpsc::Sender<LogEntry>,
    lost: Arc<AtomicU64>,
}

/// Where they come out.
pub struct Records {
    /// As they come, for those who listen.
    pub live: broadcast::Sender<Arc<LogEntry>>,
    /// The same, to be written.
    pub waiting: mpsc::Receiver<LogEntry>,
    /// How many could not wait there, for want of room.
    pub lost: Arc<AtomicU64>,
}

/// Both ends. Messages of `level` and worse ones are taken, with the time of `clock`.
pub fn recorder(level: LevelFilter, clock: Clock) -> (Recorder, Records) {
    let live = broadcast::Sender::new(BEHIND_MAX);
    let (put, waiting) = mpsc::channel(WAITING_MAX);
    let lost = Arc::new(AtomicU64::new(0));
    let recorder = Recorder {
        level,
        clock,
        live: live.clone(),
        waiting: put,
        lost: Arc::clone(&lost),
    };
    let records = Records {
        live,
        waiting,
        lost,
    };
    (recorder, records)
}

impl Records {
    /// Those of a log that nobody has started.
    pub fn none() -> Self {
        recorder(LevelFilter::OFF, Clock::system()).1
    }
}

impl Recorder {
    /// The layer, with its filter.
    pub fn into_layer<S: Subscriber + for<'a> LookupSpan<'a>>(self) -> impl Layer<S> {
        let level = self.level;
        let filter = filter_fn(move |about| *about.level() <= level && may_be_recorded(about));
        Filtered::new(self, filter.with_max_level_hint(level))
    }
}

fn may_be_recorded(about: &Metadata<'_>) -> bool {
    let is_of = |writer: &&str| {
        let below = about.target().strip_prefix(*writer);
        below.is_some_and(|below| below.is_empty() || below.starts_with("::"))
    };
    about.is_event() && !WRITERS.iter().any(is_of)
}

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (message, stacktrace) = fields.finish(about.target());
        let entry = LogEntry {
            level: *about.level(),
            message,
            time_ms: self.clock.now_ms(),
            stacktrace,
        };
        let _nobody_listens = self.live.send(Arc::new(entry.clone()));
        if self.waiting.try_send(entry).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The texts of a message.
#[derive(Default)]
struct Fields {
    message: String,
    others: String,
    stacktrace: Option<String>,
}

impl Fields {
    /// The message, which is the words, then the fields, and before them who has said it, where it
    /// is not us; and the stack trace.
    fn finish(self, target: &str) -> (String, Option<String>) {
        let said_by = if is_ours(target) { "" } else { target };
        let colon = if is_ours(target) { "" } else { ": " };
        let message = [said_by, colon, &self.message, &self.others].concat();
        (message, self.stacktrace)
    }

    fn put(&mut self, field: &Field, value: &dyn fmt::Display) {
        match field.name() {
            "message" => Capped::write(&mut self.message, MESSAGE_MAX_BYTES, value),
            "stacktrace" => {
                let text = self.stacktrace.get_or_insert_default();
                Capped::write(text, STACKTRACE_MAX_BYTES, value);
            }
            name if self.others.len() < ALL_MAX_BYTES => {
                self.others.push(' ');
                self.others.push_str(name);
                self.others.push('=');
                Capped::write(&mut self.others, FIELD_MAX_BYTES, value);
            }
            _ => {}
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, &format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, &value);
    }
}

/// The end of a text that may grow by so much.
struct Capped<'a> {
    text: &'a mut String,
    left_bytes: usize,
}

impl Capped<'_> {
    /// Appends a value, or what there is room for and an ellipsis.
    fn write(text: &mut String, max_bytes: usize, value: &dyn fmt::Display) {
        let mut end = Capped {
            text,
            left_bytes: max_bytes,
        };
        if write!(end, "{value}").is_err() {
            end.text.push('…');
        }
    }
}

impl fmt::Write for Capped<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for character in part.chars() {
            // Neither a terminal nor PostgreSQL takes all of them.
            let is_harmless = !character.is_control() || matches!(character, '\n' | '\t');
            let character = if is_harmless {
                character
            } else {
                char::REPLACEMENT_CHARACTER
            };
            let left = self.left_bytes.checked_sub(character.len_utf8());
            self.left_bytes = left.ok_or(fmt::Error)?;
            self.text.push(character);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;
    use tracing::{Level, error, info, warn};
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::registry;

    use super::*;

    fn record(log: impl FnOnce()) -> Records {
        let (recorder, records) = recorder(LevelFilter::WARN, Clock::manual(1_000));
        with_default(registry().with(recorder.into_layer()), log);
        records
    }

    fn messages(mut records: Records) -> Vec<String> {
        let next = || records.waiting.try_recv().ok();
        std::iter::from_fn(next)
            .map(|entry| entry.message)
            .collect()
    }

    #[test]
    fn a_message_is_its_words_and_its_fields() {
        let mut records = record(|| {
            let cause = Some("a \"cause\"".to_owned());
            error!(target: "yuri::bot", guild = %7, cause, count = 3, "it has {}", "failed");
        });
        let expected = LogEntry {
            level: Level::ERROR,
            message: r#"it has failed guild=7 cause=a "cause" count=3"#.to_owned(),
            time_ms: 1_000,
            stacktrace: None,
        };
        assert_eq!(records.waiting.try_recv(), Ok(expected));
    }

    #[test]
    fn what_is_harmless_or_of_the_writers_is_not_recorded() {
        let records = record(|| {
            info!(target: "yuri::bot", "all is well");
            error!(target: "yuri::db", "locked");
            error!(target: "yuri::db::connection", "rollback");
            error!(target: "yuri::domain::app_log", "not written");
            error!(target: "diesel", "no");
            warn!(target: "yuri::dbx", "its name only begins alike");
            warn!(target: "hyper::proto", "slow");
        });
        let expected = ["its name only begins alike", "hyper::proto: slow"];
        assert_eq!(messages(records), expected);
    }

    #[test]
    fn messages_are_bounded_and_free_of_control_characters() {
        let records = record(|| {
            warn!(target: "yuri", long = "ä".repeat(5_000), "a\0b\u{1b}[31mc\r\nd");
            let long = "x".repeat(100_000);
            warn!(target: "yuri", a = long, b = long, c = long, d = long, e = long, "{long}");
        });
        let messages = messages(records);
        let field = format!("{}…", "ä".repeat(FIELD_MAX_BYTES / 2));
        let expected = format!("a\u{fffd}b\u{fffd}[31mc\u{fffd}\nd long={field}");
        assert_eq!(messages[0], expected);
        assert!(messages[1].len() < 8 * 1024, "{}", messages[1].len());
    }

    #[test]
    fn what_cannot_wait_is_counted() {
        let records = record(|| (0..WAITING_MAX + 5).for_each(|n| warn!(target: "yuri", n, "!")));
        assert_eq!(records.lost.load(Ordering::Relaxed), 5);
        assert_eq!(messages(records).len(), WAITING_MAX);
    }
}
