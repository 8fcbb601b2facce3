//! Bringing many sounds in at once: a folder or an archive, into the operator's folder or into a
//! guild. `cli::import` runs it for the operator and shows what it tells, `domain::archives` for
//! members.
//!
//! Every file is copied to a place of its own, decoded there, and only then given its name; what
//! was there before is never touched.

mod archive;
mod destination;
mod folder;
mod history;
mod manifest;
pub(super) mod pack;
mod source;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::audio::{Hash, Original, Reason, Stamp, Transcoder, hex};
use crate::domain::uploads::has_sound_ending;
use crate::error::Error;
pub use archive::Bounds;
pub use destination::Destination;
pub use history::{Brought, take_over};
use manifest::About;
use source::{Copied, Item};
pub use source::{Source, Unusable};

/// Files that are read ahead of those that are decoded.
const AHEAD: usize = 2;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is a sound of this name now.
    Added(String),
    /// Its audio is there already, as a sound of this name.
    Duplicate(String),
    /// It was to be a sound and is none, for this reason.
    Refused(String),
    /// It was not meant to be a sound, for this reason.
    PassedOver(String),
}

/// What is told while the work goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Files that were looked at.
    pub done: usize,
    /// Files that there are.
    pub total: usize,
    /// The last one, as the source calls it, and what became of it; `None` while the sounds that
    /// are there already are looked at.
    pub file: Option<(String, Outcome)>,
}

/// Sounds of known content and audio, by name.
#[derive(Default)]
struct Known {
    contents: HashMap<Hash, String>,
    /// By the prepared form: the same audio in another container, or with other tags, has the same.
    audio: HashMap<Hash, String>,
}

/// One import.
pub struct Import {
    transcoder: Transcoder,
    destination: Destination,
    known: Known,
}

impl Import {
    /// An import that puts sounds into `destination`; `transcoder` finds out what they are.
    pub fn new(transcoder: Transcoder, destination: Destination) -> Self {
        Self {
            transcoder,
            destination,
            known: Known::default(),
        }
    }

    /// Brings in what `source` holds, and tells each step.
    ///
    /// # Errors
    /// 507 when the disk is full, 500 when a folder cannot be written. What was brought in before
    /// stays; running it again brings in the rest.
    pub async fn run(&mut self, source: Source, mut tell: impl FnMut(Step)) -> Result<(), Error> {
        self.learn(&mut tell).await?;
        let total = source.files();
        let labels = Arc::clone(&source.manifest);
        let spool = self.destination.spool().to_owned();
        let (items, mut received) = mpsc::channel(AHEAD);
        let reading = spawn_blocking(move || source.read(&spool, &items));
        let mut done = 0;
        while let Some(item) = received.recv().await {
            let mut item = item?;
            let (name, about) = (item.name.clone(), labels.find(&item.name));
            let created = about.and_then(|about| about.created);
            item.modified = created.or(item.modified);
            let outcome = self.take(item, about).await?;
            if let Outcome::Added(sound) | Outcome::Duplicate(sound) = &outcome
                && let Some(about) = about
            {
                self.destination.label(sound, about).await?;
            }
            done += 1;
            let file = Some((name, outcome));
            tell(Step { done, total, file });
        }
        reading.await.map_err(Error::internal)
    }

    /// Looks at the sounds that are there.
    async fn learn(&mut self, tell: &mut impl FnMut(Step)) -> Result<(), Error> {
        let there = self.destination.sounds()?;
        let total = there.len();
        for (number, (path, name)) in there.into_iter().enumerate() {
            if let Some((content, audio)) = self.examine(path).await {
                self.known.contents.entry(content).or_insert(name.clone());
                self.known.audio.entry(audio).or_insert(name);
            }
            let done = number + 1;
            tell(Step {
                done,
                total,
                file: None,
            });
        }
        Ok(())
    }

    /// The content and the audio of a file that can be played.
    async fn examine(&self, path: PathBuf) -> Option<(Hash, Hash)> {
        let stamp = Stamp::new(&std::fs::metadata(&path).ok()?);
        let original = Original::new(path, stamp);
        let prepared = self.transcoder.prepare(&original).await.ok()?;
        let content = original.examined()?.hash?;
        Some((content, Sha256::digest(&prepared.ogg).into()))
    }

    /// Takes one file in, or says why not.
    async fn take(&mut self, item: Item, about: Option<&About>) -> Result<Outcome, Error> {
        let Copied { file, bytes, hash } = match item.file {
            Ok(copied) => copied,
            Err(outcome) => return Ok(outcome),
        };
        let said = about.and_then(|about| about.sha256.as_deref());
        if said.is_some_and(|digits| digits != hex(&hash)) {
            let text = "it is not the file that the archive's manifest names";
            return Ok(Outcome::Refused(text.to_owned()));
        }
        if let Some(name) = self.known.contents.get(&hash) {
            return Ok(Outcome::Duplicate(name.clone()));
        }
        // Before the work of decoding it.
        if let Err(error) = self.destination.check_room(bytes) {
            return refuse(error);
        }
        let status = file.as_file().metadata().map_err(Error::internal)?;
        let original = Original::new(file.path().to_owned(), Stamp::new(&status));
        let prepared = match self.transcoder.prepare(&original).await {
            Ok(prepared) => prepared,
            Err(error) => {
                let max = self.transcoder.max_length();
                let reason = original.examined().and_then(|it| it.verdict.clone().err());
                return match reason {
                    Some(Reason::NoAudio | Reason::Empty) if !has_sound_ending(&item.name) => {
                        Ok(Outcome::PassedOver("it is no sound".to_owned()))
                    }
                    Some(reason) => Ok(Outcome::Refused(reason.text(max))),
                    None => refuse(error),
                };
            }
        };
        let audio: Hash = Sha256::digest(&prepared.ogg).into();
        if let Some(name) = self.known.audio.get(&audio) {
            return Ok(Outcome::Duplicate(name.clone()));
        }
        let put = self.destination.put(file, &item.name, item.modified, about);
        match put.await {
            Ok(name) => {
                self.known.contents.insert(hash, name.clone());
                self.known.audio.insert(audio, name.clone());
                Ok(Outcome::Added(name))
            }
            Err(error) => refuse(error),
        }
    }
}

/// What an error means for a file; one that is no fault of the file's ends the import.
fn refuse(error: Error) -> Result<Outcome, Error> {
    match error {
        Error::StorageFull | Error::Internal(_) => Err(error),
        error => Ok(Outcome::Refused(error.to_string())),
    }
}
