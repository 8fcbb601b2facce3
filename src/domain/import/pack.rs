//! The archive that a guild's sounds are exported as, and what its `manifest.json` says of them.
//! Written by `domain::archives`, read by [`manifest`](super::manifest).

use serde::{Deserialize, Serialize};

/// What the file is called, at the root of the archive.
pub(in crate::domain) const NAME: &str = "manifest.json";
/// Where the sounds lie.
pub(in crate::domain) const FOLDER: &str = "sounds/";
/// What says that it is ours.
pub(in crate::domain) const FORMAT: &str = "yuri-sounds";
/// Raised when an older server would read something else than what is meant.
pub(in crate::domain) const VERSION: u32 = 1;

/// The manifest. A reader passes over what it does not know.
#[derive(Serialize)]
pub(in crate::domain) struct Pack {
    pub(in crate::domain) format: &'static str,
    pub(in crate::domain) version: u32,
    pub(in crate::domain) guild: PackedGuild,
    pub(in crate::domain) exported_at: String,
    pub(in crate::domain) sounds: Vec<PackedSound>,
}

/// Whose sounds they were.
#[derive(Serialize)]
pub(in crate::domain) struct PackedGuild {
    pub(in crate::domain) id: String,
    pub(in crate::domain) name: String,
}

/// A sound of the archive. What is measured is for people; a server measures again.
#[derive(Serialize, Deserialize)]
pub(in crate::domain) struct PackedSound {
    /// Its path in the archive.
    pub(in crate::domain) file: String,
    pub(in crate::domain) name: String,
    /// Of the file, as digits.
    #[serde(default)]
    pub(in crate::domain) sha256: Option<String>,
    #[serde(default)]
    pub(in crate::domain) size_bytes: u64,
    #[serde(default)]
    pub(in crate::domain) length_ms: Option<u64>,
    #[serde(default)]
    pub(in crate::domain) loudness_lufs: Option<f64>,
    #[serde(default)]
    pub(in crate::domain) tags: Vec<String>,
    #[serde(default)]
    pub(in crate::domain) category: Option<String>,
    #[serde(default)]
    pub(in crate::domain) uploader_id: Option<String>,
    /// RFC 3339.
    #[serde(default)]
    pub(in crate::domain) created_at: Option<String>,
}
