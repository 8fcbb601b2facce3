//! What is in the folder, sorted both ways at once, so that a page costs its own length.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};

use unicode_normalization::UnicodeNormalization;

use super::search::{Fit, Query, fold};
use crate::audio::{Facts, Original, Reason, Stamp};
use crate::ids::{GuildId, UserId};

/// Whose a sound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// The operator's, for all guilds.
    Operator,
    /// A guild's own.
    Guild {
        /// The guild.
        guild: GuildId,
        /// The number of its row.
        id: i64,
        /// Who brought it, where that is known.
        uploader: Option<UserId>,
    },
}

/// One file, as long as its content stays the same.
#[derive(Debug)]
pub struct Sound {
    /// The file's name in NFC, with its extension.
    pub name: String,
    /// The text before its last dot: what the play log calls it.
    pub stem: String,
    /// The same as it is searched for.
    folded: String,
    /// Whose it is.
    pub shelf: Shelf,
    /// Where it lies, and what is known of its audio.
    pub original: Original,
    /// When the file was last changed, or the sound was brought, in Unix milliseconds.
    pub modified_ms: i64,
}

impl Sound {
    /// A sound of a name, which is in NFC.
    pub fn new(name: String, shelf: Shelf, original: Original, modified_ms: i64) -> Self {
        let stem = name
            .rsplit_once('.')
            .map_or(name.as_str(), |(stem, _)| stem)
            .to_owned();
        Self {
            folded: fold(&stem),
            name,
            stem,
            shelf,
            original,
            modified_ms,
        }
    }

    /// How well it fits what was typed, if it does.
    pub(super) fn fit(&self, query: &Query) -> Option<Fit> {
        query.fit(&self.folded)
    }

    /// How many mistakes lead from it to what was typed, if not too many do.
    pub(super) fn mistakes(&self, query: &Query) -> Option<usize> {
        query.mistakes(&self.folded)
    }

    /// The guild whose own sound it is.
    pub fn guild(&self) -> Option<GuildId> {
        match self.shelf {
            Shelf::Operator => None,
            Shelf::Guild { guild, .. } => Some(guild),
        }
    }

    /// Whether it can be played, as far as is known: one that nobody has looked into counts as
    /// playable.
    pub fn is_playable(&self) -> bool {
        self.reason().is_none()
    }

    /// Why it cannot be played, once that is known.
    pub fn reason(&self) -> Option<Reason> {
        self.original.examined()?.verdict.as_ref().err().copied()
    }

    /// What was measured of it, once that is known.
    pub fn facts(&self) -> Option<&Facts> {
        self.original.examined()?.verdict.as_ref().ok()
    }
}

/// Orders of the list. Seed 004, Get Local Sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By name, ascending in byte order.
    Name,
    /// Newest first, ties by name.
    Date,
}

/// A folder as it was read.
#[derive(Default)]
pub(super) struct Index {
    by_name: Vec<Arc<Sound>>,
    by_date: Vec<Arc<Sound>>,
    /// Positions in `by_name`.
    names: HashMap<String, usize>,
    stems: HashMap<String, usize>,
    /// Names and stems in lower case; a name goes before a stem.
    folded: HashMap<String, usize>,
}

impl Index {
    /// Reads a folder. Hidden files and names that are not UTF-8 are no sounds; links are
    /// followed to plain files. A folder that is not there has none. What has not changed since
    /// `before` is taken over from there, with all that is known of it.
    ///
    /// # Errors
    /// When the folder is there but cannot be read: nothing is known about it then.
    pub(super) fn read(dir: &Path, before: &Self) -> io::Result<Self> {
        match list(dir, before) {
            Ok(sounds) => Ok(Self::new(sounds)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Sounds in both orders, in whatever order they come.
    pub(super) fn new(mut by_name: Vec<Arc<Sound>>) -> Self {
        by_name.sort_by(|a, b| {
            let paths = || a.original.path().cmp(b.original.path());
            a.name.cmp(&b.name).then_with(paths)
        });
        // Two spellings of one NFC name: the first in byte order is meant.
        by_name.dedup_by(|later, first| later.name == first.name);
        let mut by_date = by_name.clone();
        by_date.sort_by(|a, b| {
            b.modified_ms
                .cmp(&a.modified_ms)
                .then_with(|| a.name.cmp(&b.name))
        });
        let mut index = Self {
            by_name,
            by_date,
            ..Self::default()
        };
        for (position, sound) in index.by_name.iter().enumerate() {
            index.names.insert(sound.name.clone(), position);
            index.stems.entry(sound.stem.clone()).or_insert(position);
        }
        for (position, sound) in index.by_name.iter().enumerate() {
            index
                .folded
                .entry(sound.name.to_lowercase())
                .or_insert(position);
        }
        for (position, sound) in index.by_name.iter().enumerate() {
            index
                .folded
                .entry(sound.stem.to_lowercase())
                .or_insert(position);
        }
        index
    }

    pub(super) fn page(&self, order: Order, from: usize, limit: usize) -> (Vec<Arc<Sound>>, usize) {
        let list = match order {
            Order::Name => &self.by_name,
            Order::Date => &self.by_date,
        };
        let rest = list.get(from..).unwrap_or_default();
        (rest[..limit.min(rest.len())].to_vec(), list.len())
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<Sound>> {
        let name: String = name.nfc().collect();
        let position = self
            .names
            .get(&name)
            .or_else(|| self.stems.get(&name))
            .or_else(|| self.folded.get(&name.to_lowercase()))?;
        self.by_name.get(*position).cloned()
    }

    /// All sounds, by name.
    pub(super) fn sounds(&self) -> &[Arc<Sound>] {
        &self.by_name
    }

    /// The sounds that their stems mean.
    pub(super) fn meant(&self) -> impl Iterator<Item = &Arc<Sound>> {
        self.by_name.iter().filter(|sound| self.answers(sound))
    }

    /// Whether a sound is the one that its stem means.
    fn answers(&self, sound: &Sound) -> bool {
        self.stems
            .get(&sound.stem)
            .and_then(|position| self.by_name.get(*position))
            .is_some_and(|first| first.name == sound.name)
    }
}

fn list(dir: &Path, before: &Index) -> io::Result<Vec<Arc<Sound>>> {
    let mut sounds = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(file_name) = entry.file_name().into_string() else {
            continue;
        };
        // A file that goes away while the folder is read is not there.
        let Ok(about) = fs::metadata(entry.path()) else {
            continue;
        };
        if file_name.starts_with('.') || !about.is_file() {
            continue;
        }
        let name: String = file_name.nfc().collect();
        let (path, stamp) = (entry.path(), Stamp::new(&about));
        let known = before
            .names
            .get(&name)
            .and_then(|position| before.by_name.get(*position));
        if let Some(known) = known
            && known.original.path() == path
            && *known.original.stamp() == stamp
        {
            sounds.push(Arc::clone(known));
            continue;
        }
        let modified_ms = about.modified().map_or(0, unix_ms);
        let original = Original::new(path, stamp);
        let sound = Sound::new(name, Shelf::Operator, original, modified_ms);
        sounds.push(Arc::new(sound));
    }
    Ok(sounds)
}

fn unix_ms(time: SystemTime) -> i64 {
    let after = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(after.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(names: &[&str]) -> Index {
        let stamp = Stamp::new(&fs::metadata(".").unwrap());
        let sound = |(number, name): (usize, &&str)| {
            let original = Original::new(name.into(), stamp);
            let modified_ms = i64::try_from(number).unwrap();
            let name = (*name).to_owned();
            Arc::new(Sound::new(name, Shelf::Operator, original, modified_ms))
        };
        Index::new(names.iter().enumerate().map(sound).collect())
    }

    fn found(index: &Index, name: &str) -> Option<String> {
        index.find(name).map(|sound| sound.name.clone())
    }

    #[test]
    fn a_full_name_goes_before_a_stem_and_both_before_another_case() {
        let index = index(&[
            "a.b",
            "a.b.mp3",
            "NICE.wav",
            "nice.ogg",
            "nice.mp3",
            "tür.flac",
        ]);
        let meant = [
            ("a.b", Some("a.b")),
            ("a", Some("a.b")),
            ("a.b.mp3", Some("a.b.mp3")),
            ("nice", Some("nice.mp3")),
            ("nice.ogg", Some("nice.ogg")),
            ("NICE", Some("NICE.wav")),
            ("NiCe", Some("NICE.wav")),
            ("Nice.Ogg", Some("nice.ogg")),
            ("tu\u{308}r", Some("tür.flac")),
            ("TÜR", Some("tür.flac")),
            ("", None),
            ("nic", None),
            ("../nice", None),
        ];
        for (name, expected) in meant {
            assert_eq!(found(&index, name).as_deref(), expected, "{name:?}");
        }
    }

    #[test]
    fn pages_end_where_the_list_does() {
        let index = index(&["c", "a", "b"]);
        let names = |order, from, limit| -> Vec<String> {
            index
                .page(order, from, limit)
                .0
                .iter()
                .map(|sound| sound.name.clone())
                .collect()
        };
        assert_eq!(names(Order::Name, 0, usize::MAX), ["a", "b", "c"]);
        assert_eq!(names(Order::Date, 0, 2), ["b", "a"]);
        assert_eq!(names(Order::Name, 2, 5), ["c"]);
        assert!(names(Order::Name, 3, 5).is_empty());
        assert!(names(Order::Name, 999_999_999, 1).is_empty());
    }

    #[test]
    fn each_stem_means_one() {
        let index = index(&["airhorn.mp3", "airhorn.ogg", "fair.wav"]);
        let meant = index.meant().map(|sound| sound.name.as_str());
        assert_eq!(meant.collect::<Vec<_>>(), ["airhorn.mp3", "fair.wav"]);
    }
}
