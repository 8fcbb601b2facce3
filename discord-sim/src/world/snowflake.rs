//! Ids, and the times that are written in them.

use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

/// The first second of 2015, from which snowflakes count, in Unix milliseconds.
const EPOCH_MS: u64 = 1_420_070_400_000;

/// Makes ids that grow, as Discord's do.
#[derive(Debug, Default)]
pub(crate) struct Snowflakes {
    last: u64,
}

impl Snowflakes {
    /// A new id, larger than all before.
    pub(crate) fn next(&mut self, now_ms: u64) -> u64 {
        self.last = (now_ms.saturating_sub(EPOCH_MS) << 22).max(self.last + 1);
        self.last
    }
}

/// Reads an id that may be written as a string or as a number.
pub(crate) fn read(value: &Value) -> Option<u64> {
    value
        .as_str()
        .map_or_else(|| value.as_u64(), |text| text.parse().ok())
}

/// When the id was made, in Unix milliseconds.
pub(crate) fn created_ms(id: u64) -> u64 {
    (id >> 22) + EPOCH_MS
}

/// A time as Discord writes it, such as `2024-01-01T12:00:00.000000+00:00`.
pub(crate) fn iso(unix_ms: u64) -> String {
    i64::try_from(unix_ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Micros, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_within_a_millisecond_and_tell_their_time() {
        let mut ids = Snowflakes::default();
        let first = ids.next(1_704_110_400_000);
        let second = ids.next(1_704_110_400_000);
        assert!(second > first);
        assert_eq!(created_ms(second), 1_704_110_400_000);
    }

    #[test]
    fn iso_is_discords_format() {
        assert_eq!(iso(1_704_110_400_000), "2024-01-01T12:00:00.000000+00:00");
    }
}
