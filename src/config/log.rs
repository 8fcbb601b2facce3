//! Settings of the log.

use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::source::Source;

/// The log.
#[derive(Debug, Clone)]
pub struct Log {
    /// What the console shows: a level, or a list like `info,yuri::access=debug`.
    pub filter: String,
    /// How the console shows it.
    pub format: LogFormat,
    /// What is kept in the database and told to administrators: this level and what is worse.
    pub kept: LevelFilter,
    /// How long it is kept.
    pub keep: Duration,
    /// How many messages are kept at most.
    pub keep_max: u32,
}

/// How the console shows the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: an object a line.
    Json,
}

impl Log {
    pub(super) fn read(source: &mut Source) -> Self {
        const DAY: Duration = Duration::from_hours(24);
        let filter = source.parse("log", "info".to_owned(), |text| {
            is_filter(text)
                .then(|| text.to_owned())
                .ok_or("is not a level (error, warn, info, debug, trace) or a list of them")
        });
        let format = source.parse("log_format", LogFormat::Text, |text| match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err("is not text or json"),
        });
        // Below, each request would be a row.
        let kept = source.parse("app_log.level", LevelFilter::WARN, |text| match text {
            "off" => Ok(LevelFilter::OFF),
            "error" => Ok(LevelFilter::ERROR),
            "warn" => Ok(LevelFilter::WARN),
            "info" => Ok(LevelFilter::INFO),
            _ => Err("is not off, error, warn or info"),
        });
        let days = source.number("app_log.keep_days", 1, 3650);
        let keep_max = source.number("app_log.keep_max", 1, 1_000_000);
        Self {
            filter,
            format,
            kept,
            keep: DAY * u32::try_from(days).unwrap_or(u32::MAX),
            keep_max: u32::try_from(keep_max).unwrap_or(u32::MAX),
        }
    }
}

/// Whether a text is a level, or a list of levels and of targets with theirs.
fn is_filter(text: &str) -> bool {
    text.split(',').all(|part| {
        let level = part
            .rsplit_once('=')
            .map_or(part, |(_, level)| level)
            .trim();
        matches!(level, "off" | "error" | "warn" | "info" | "debug" | "trace")
    })
}
