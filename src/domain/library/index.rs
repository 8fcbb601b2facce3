//! What is in the folder, sorted both ways at once, so that a page costs its own length.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};

use unicode_normalization::UnicodeNormalization;

use crate::audio::{Facts, Original, Reason, Stamp};

/// One file, as long as its content stays the same.
#[derive(Debug)]
pub struct Sound {
    /// The file's name in NFC, with its extension.
    pub name: String,
    /// The text before its last dot: what the play log calls it.
    pub stem: String,
    /// Where it lies, and what is known of its audio.
    pub original: Original,
    /// When the file was last changed, in Unix milliseconds.
    pub modified_ms: i64,
}

impl Sound {
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

    fn new(mut by_name: Vec<Arc<Sound>>) -> Self {
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

    pub(super) fn suggest(&self, partial: &str, limit: usize) -> Vec<String> {
        let wanted = partial.nfc().collect::<String>().to_lowercase();
        let ranked = |begins: bool| {
            self.by_name
                .iter()
                .filter(move |sound| self.answers(sound))
                .filter_map({
                    let wanted = wanted.clone();
                    move |sound| {
                        let stem = sound.stem.to_lowercase();
                        let hit = if begins {
                            stem.starts_with(&wanted)
                        } else {
                            !stem.starts_with(&wanted) && stem.contains(&wanted)
                        };
                        hit.then(|| sound.stem.clone())
                    }
                })
        };
        ranked(true).chain(ranked(false)).take(limit).collect()
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
        let stem = name
            .rsplit_once('.')
            .map_or(name.as_str(), |(stem, _)| stem)
            .to_owned();
        let modified_ms = about.modified().map_or(0, unix_ms);
        sounds.push(Arc::new(Sound {
            name,
            stem,
            original: Original::new(path, stamp),
            modified_ms,
        }));
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
            Arc::new(Sound {
                name: (*name).to_owned(),
                stem: name
                    .rsplit_once('.')
                    .map_or(*name, |(stem, _)| stem)
                    .to_owned(),
                original: Original::new(name.into(), stamp),
                modified_ms: i64::try_from(number).unwrap(),
            })
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
    fn suggestions_begin_with_the_text_first_and_name_each_stem_once() {
        let index = index(&[
            "airhorn.mp3",
            "airhorn.ogg",
            "fair.wav",
            "air.wav",
            "bell.wav",
        ]);
        assert_eq!(index.suggest("AIR", 25), ["air", "airhorn", "fair"]);
        assert_eq!(index.suggest("", 2), ["air", "airhorn"]);
        assert!(index.suggest("zzz", 25).is_empty());
    }
}
