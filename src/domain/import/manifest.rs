//! What the archive of the original's successor says of its sounds: `meta.json` at its root, a list
//! beside the folder `sounds`, where each file is called after its `uid`.

use std::collections::HashMap;
use std::io::Read;
use std::time::SystemTime;

use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::labels::Label;

/// What the file is called.
pub(super) const NAME: &str = "meta.json";
/// Its largest size.
const BYTES_MAX: u64 = 8 << 20;
/// Where the sounds lie.
const FOLDER: &str = "sounds/";

/// The sounds that it names.
#[derive(Default)]
pub(super) struct Manifest {
    sounds: HashMap<String, About>,
    /// What could not be read of it.
    pub(super) faults: Vec<String>,
}

/// What it says of one.
#[derive(Clone, Default)]
pub(super) struct About {
    /// Its tags.
    pub(super) label: Label,
    /// When it was brought.
    pub(super) created: Option<SystemTime>,
}

/// An entry, with what is of use here.
#[derive(Deserialize)]
struct Entry {
    uid: String,
    #[serde(default)]
    created_date: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Manifest {
    /// Reads one; what cannot be read is passed over, and said.
    pub(super) fn read(from: impl Read) -> Self {
        let mut manifest = Self::default();
        let mut text = Vec::new();
        let read = from.take(BYTES_MAX).read_to_end(&mut text);
        let entries = read
            .ok()
            .and_then(|_| serde_json::from_slice::<Vec<Value>>(&text).ok());
        let Some(entries) = entries else {
            let fault = format!("{NAME}: it is not the list that it should be");
            manifest.faults.push(fault);
            return manifest;
        };
        for (number, entry) in entries.into_iter().enumerate() {
            let Ok(entry) = serde_json::from_value::<Entry>(entry) else {
                let fault = format!("{NAME}: entry {number} cannot be read");
                manifest.faults.push(fault);
                continue;
            };
            let label = Label::read(&entry.tags.unwrap_or_default(), None);
            let label = label.unwrap_or_else(|error| {
                let fault = format!("{NAME}: the tags of {}: {error}", entry.uid);
                manifest.faults.push(fault);
                Label::default()
            });
            let created = entry.created_date.as_deref();
            let created = created.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
            let created = created.map(SystemTime::from);
            manifest.sounds.insert(entry.uid, About { label, created });
        }
        manifest
    }

    /// Whether it says more of any sound than its name.
    pub(super) fn has_labels(&self) -> bool {
        let mut all = self.sounds.values();
        all.any(|about| about.label != Label::default())
    }

    /// What it says of a file.
    pub(super) fn find(&self, file: &str) -> Option<&About> {
        let (uid, _) = file.strip_prefix(FOLDER)?.rsplit_once('.')?;
        self.sounds.get(uid)
    }
}
