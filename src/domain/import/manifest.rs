//! What an archive says of its sounds: in the `manifest.json` of our own exports, or in the
//! `meta.json` of the original's successor, a list beside the folder `sounds`, where each file is
//! called after its `uid`.

use std::collections::HashMap;
use std::io::Read;
use std::time::SystemTime;

use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;

use super::pack::{self, PackedSound};
use crate::domain::labels::Label;
use crate::error::Error;
use crate::ids::UserId;

/// What the files are called.
pub(super) const NAMES: [&str; 2] = [pack::NAME, SUCCESSORS];
const SUCCESSORS: &str = "meta.json";
/// Their largest size.
const BYTES_MAX: u64 = 8 << 20;
/// Faults that are told.
const FAULTS_MAX: usize = 100;

/// The sounds that are named.
#[derive(Default)]
pub(super) struct Manifest {
    /// By path, or by path without the ending.
    sounds: HashMap<String, About>,
    /// What could not be read.
    pub(super) faults: Vec<String>,
}

/// What is said of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct About {
    /// How it is called; `None`: after its file.
    pub(super) name: Option<String>,
    /// Its tags and its category.
    pub(super) label: Label,
    /// When it was brought.
    pub(super) created: Option<SystemTime>,
    /// Who brought it.
    pub(super) uploader: Option<UserId>,
    /// What its content must be: SHA-256 as digits, the letters small.
    pub(super) sha256: Option<String>,
}

/// Our own manifest.
#[derive(Deserialize)]
struct Ours {
    version: u32,
    sounds: Vec<Value>,
}

/// An entry of the successor's, with what is of use here.
#[derive(Deserialize)]
struct Entry {
    uid: String,
    #[serde(default)]
    created_date: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Manifest {
    /// Reads the file of one of the [`NAMES`]; what cannot be read is passed over, and said.
    pub(super) fn read(&mut self, name: &str, from: impl Read) {
        let mut text = Vec::new();
        // One that is cut off is none.
        let whole = from.take(BYTES_MAX).read_to_end(&mut text);
        let value = whole
            .ok()
            .and_then(|_| serde_json::from_slice(&text).ok())
            .unwrap_or(Value::Null);
        if name == pack::NAME {
            self.read_ours(value);
        } else {
            self.read_successors(value);
        }
    }

    fn read_ours(&mut self, value: Value) {
        if value.get("format").and_then(Value::as_str) != Some(pack::FORMAT) {
            // Many programs call a file of theirs so.
            return;
        }
        let Ok(ours) = serde_json::from_value::<Ours>(value) else {
            return self.fault(pack::NAME, "it cannot be read".to_owned());
        };
        if ours.version != pack::VERSION {
            let text = format!("its version is {}, this server reads 1", ours.version);
            return self.fault(pack::NAME, text);
        }
        for (number, sound) in ours.sounds.into_iter().enumerate() {
            let Ok(sound) = serde_json::from_value::<PackedSound>(sound) else {
                self.fault(pack::NAME, format!("entry {number} cannot be read"));
                continue;
            };
            let label = Label::read(&sound.tags, sound.category.as_deref());
            let about = About {
                label: self.label(pack::NAME, &sound.file, label),
                created: sound.created_at.as_deref().and_then(instant),
                uploader: sound.uploader_id.and_then(|id| id.parse().ok()),
                sha256: sound.sha256.map(|digits| digits.to_ascii_lowercase()),
                name: Some(sound.name),
            };
            self.sounds.insert(sound.file, about);
        }
    }

    fn read_successors(&mut self, value: Value) {
        let Value::Array(entries) = value else {
            let text = "it is not the list that it should be";
            return self.fault(SUCCESSORS, text.to_owned());
        };
        for (number, entry) in entries.into_iter().enumerate() {
            let Ok(entry) = serde_json::from_value::<Entry>(entry) else {
                self.fault(SUCCESSORS, format!("entry {number} cannot be read"));
                continue;
            };
            let label = Label::read(&entry.tags.unwrap_or_default(), None);
            let about = About {
                label: self.label(SUCCESSORS, &entry.uid, label),
                created: entry.created_date.as_deref().and_then(instant),
                ..About::default()
            };
            let path = format!("{}{}", pack::FOLDER, entry.uid);
            self.sounds.insert(path, about);
        }
    }

    fn label(&mut self, file: &str, sound: &str, read: Result<Label, Error>) -> Label {
        read.unwrap_or_else(|error| {
            self.fault(file, format!("the tags of {sound}: {error}"));
            Label::default()
        })
    }

    fn fault(&mut self, file: &str, text: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(format!("{file}: {text}"));
        }
    }

    /// Whether it says more of any sound than its name.
    pub(super) fn has_labels(&self) -> bool {
        let mut all = self.sounds.values();
        all.any(|about| about.label != Label::default())
    }

    /// What it says of a file.
    pub(super) fn find(&self, file: &str) -> Option<&About> {
        let without_ending = || self.sounds.get(file.rsplit_once('.')?.0);
        self.sounds.get(file).or_else(without_ending)
    }
}

fn instant(text: &str) -> Option<SystemTime> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(SystemTime::from)
}
