//! The settings of `[default.uploads]` and `[default.archives]`: what guilds may bring in. Read by
//! [`Config::load`](super::Config::load).

use std::num::NonZeroU32;
use std::time::Duration;

use super::source::Source;

/// The sounds that guilds bring in.
#[derive(Debug, Clone)]
pub struct Uploads {
    /// Most bytes of one.
    pub max_bytes: u64,
    /// Longest one.
    pub max_length: Duration,
    /// How many a guild may have.
    pub guild_sounds_max: usize,
    /// How many bytes all of a guild's may have.
    pub guild_bytes_max: u64,
    /// What is left free of the disk.
    pub disk_free_min_bytes: u64,
    /// How many a member may bring in an hour.
    pub per_hour: NonZeroU32,
    /// How long deleted ones can be restored.
    pub keep_deleted: Duration,
}

/// Archives of sounds that guilds bring in.
#[derive(Debug, Clone)]
pub struct Archives {
    /// Most bytes of one.
    pub max_bytes: u64,
    /// Most entries of one, folders among them.
    pub entries_max: usize,
    /// Most bytes of all entries of one together, unpacked.
    pub unpacked_bytes_max: u64,
    /// How many times its own size that may be, and a little for small ones.
    pub ratio_max: u64,
    /// How many a member may bring in an hour.
    pub per_hour: NonZeroU32,
    /// How many come in and go out at once.
    pub at_once: usize,
}

impl Uploads {
    pub(super) fn read(source: &mut Source) -> Self {
        const DAY: Duration = Duration::from_hours(24);
        let days = source.number("uploads.keep_deleted_days", 0, 3650);
        Self {
            max_bytes: source.number("uploads.max_mib", 1, 64) << 20,
            max_length: Duration::from_secs(source.number("uploads.max_length_s", 1, 3600)),
            guild_sounds_max: source.size("uploads.guild_sounds", 100_000),
            guild_bytes_max: source.number("uploads.guild_mib", 1, 1 << 24) << 20,
            disk_free_min_bytes: source.number("uploads.disk_free_mib", 0, 1 << 24) << 20,
            per_hour: read_per_hour(source, "uploads.per_hour"),
            keep_deleted: DAY * u32::try_from(days).unwrap_or(u32::MAX),
        }
    }
}

impl Archives {
    pub(super) fn read(source: &mut Source) -> Self {
        Self {
            max_bytes: source.number("archives.max_mib", 1, 1 << 24) << 20,
            entries_max: source.size("archives.entries", 10_000),
            unpacked_bytes_max: source.number("archives.unpacked_mib", 1, 1 << 24) << 20,
            ratio_max: source.number("archives.ratio", 1, 1_000),
            per_hour: read_per_hour(source, "archives.per_hour"),
            at_once: source.size("archives.at_once", 100),
        }
    }
}

fn read_per_hour(source: &mut Source, key: &str) -> NonZeroU32 {
    let more = source.number(key, 1, 1_000_000) - 1;
    NonZeroU32::MIN.saturating_add(u32::try_from(more).unwrap_or(0))
}
