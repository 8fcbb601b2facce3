//! Tags and categories: what people say of sounds. All of it is in memory; changes are written
//! through. It belongs to a name, so that it stays when an operator's file goes and comes back.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use unicode_normalization::UnicodeNormalization as _;

use crate::db::sound_labels::{self, LabelRow};
use crate::db::{AnyConnection, Db, QueryResult};
use crate::domain::changes::Nullable;
use crate::domain::library::Sound;
use crate::error::Error;
use crate::ids::GuildId;

/// Tags that a sound may have.
const TAGS_MAX: usize = 20;
/// Longest tag or category.
const CHARS_MAX: usize = 32;

/// What people say of a sound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// In lower case, in byte order, each once.
    pub tags: Vec<String>,
    /// One, or none.
    pub category: Option<String>,
}

impl Label {
    /// Takes tags and a category as somebody has written them; an empty category is none.
    ///
    /// # Errors
    /// 400 for more than 20 tags, and for words that have not 1 to 32 letters, digits, spaces,
    /// dashes and underscores.
    pub fn read(tags: &[impl AsRef<str>], category: Option<&str>) -> Result<Self, Error> {
        let tags = tags.iter().map(|tag| word(tag.as_ref()));
        let mut tags = tags.collect::<Result<Vec<_>, _>>()?;
        tags.sort();
        tags.dedup();
        if tags.len() > TAGS_MAX {
            return Err(Error::Invalid("a sound has 20 tags at most"));
        }
        let category = category.filter(|category| !category.trim().is_empty());
        let category = category.map(word).transpose()?;
        Ok(Self { tags, category })
    }

    fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.category.is_none()
    }
}

/// What is to be said of a sound; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelChange {
    /// In place of all its tags.
    pub tags: Option<Vec<String>>,
    /// In place of its category; null for none.
    pub category: Option<Nullable<String>>,
}

impl LabelChange {
    /// What is said then.
    ///
    /// # Errors
    /// As for [`Label::read`].
    pub(super) fn apply(&self, to: &Label) -> Result<Label, Error> {
        let category = match &self.category {
            None => to.category.as_deref(),
            Some(Nullable::Null) => None,
            Some(Nullable::Value(category)) => Some(category.as_str()),
        };
        Label::read(self.tags.as_ref().unwrap_or(&to.tags), category)
    }
}

/// A tag or a category as it is kept.
fn word(text: &str) -> Result<String, Error> {
    let word: String = text.trim().nfc().flat_map(char::to_lowercase).collect();
    let is_allowed = |it: char| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_');
    let is_short = (1..=CHARS_MAX).contains(&word.chars().count());
    if is_short && word.chars().all(is_allowed) {
        return Ok(word);
    }
    Err(Error::Invalid(
        "a tag has 1 to 32 letters, digits, spaces, dashes and underscores",
    ))
}

/// Whose own sound it is, and its name without its extension.
type Key = (Option<GuildId>, String);

/// The labels of all sounds.
pub struct Labels {
    db: Db,
    known: RwLock<HashMap<Key, Arc<Label>>>,
}

impl Labels {
    /// Reads what there is. Blocks.
    ///
    /// # Errors
    /// The database's.
    pub fn open(db: Db) -> Result<Self, Error> {
        let rows = db.run_blocking(sound_labels::list_all)?;
        let labels = rows.into_iter().map(|row| {
            let tags = row.tags.lines().map(str::to_owned).collect();
            let category = row.category;
            ((row.guild, row.sound), Arc::new(Label { tags, category }))
        });
        Ok(Self {
            db,
            known: RwLock::new(labels.collect()),
        })
    }

    /// What people say of a sound.
    pub fn get(&self, sound: &Sound) -> Arc<Label> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let label = known.get(&(sound.guild(), sound.stem.clone()));
        label.cloned().unwrap_or_default()
    }

    /// Those of some sounds that have a tag, in any letter case.
    pub fn retain_tagged(&self, sounds: &mut Vec<Arc<Sound>>, tag: &str) {
        let tag = word(tag).unwrap_or_default();
        sounds.retain(|sound| self.get(sound).tags.binary_search(&tag).is_ok());
    }

    /// Those of some sounds that are in a category, in any letter case.
    pub fn retain_in_category(&self, sounds: &mut Vec<Arc<Sound>>, category: &str) {
        let category = word(category).ok();
        sounds.retain(|sound| category.is_some() && self.get(sound).category == category);
    }

    /// The tags of some sounds, and how many have each.
    pub fn count_tags(&self, sounds: &[Arc<Sound>]) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for sound in sounds {
            for tag in &self.get(sound).tags {
                *counts.entry(tag.clone()).or_default() += 1;
            }
        }
        counts
    }

    /// Keeps what somebody says of a sound in place of what was said before.
    ///
    /// # Errors
    /// The database's; nothing has changed then.
    pub async fn set(&self, sound: &Sound, label: Label) -> Result<(), Error> {
        let (guild, stem) = (sound.guild(), sound.stem.clone());
        let row = (stem.clone(), label.clone());
        let written = self
            .db
            .write(move |conn| write(conn, guild, &row.0, &row.1));
        written.await?;
        self.keep(guild, stem, label);
        Ok(())
    }

    /// Changes what is said of a sound.
    ///
    /// # Errors
    /// As for [`Label::read`]; the database's. Nothing has changed then.
    pub async fn change(&self, sound: &Sound, change: &LabelChange) -> Result<(), Error> {
        let label = change.apply(&self.get(sound))?;
        self.set(sound, label).await
    }

    /// Remembers what is said of a sound, which is in its row by now.
    pub(super) fn keep(&self, guild: Option<GuildId>, stem: String, label: Label) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if label.is_empty() {
            known.remove(&(guild, stem));
        } else {
            known.insert((guild, stem), Arc::new(label));
        }
    }

    /// Forgets what was said of one of a guild's own sounds, whose row is gone by now.
    pub(super) fn forget(&self, guild: GuildId, stem: &str) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.remove(&(Some(guild), stem.to_owned()));
    }
}

/// Writes what is said of a sound; what says nothing needs no row. Run inside [`Db::write`].
pub(super) fn write(
    conn: &mut AnyConnection,
    guild: Option<GuildId>,
    stem: &str,
    label: &Label,
) -> QueryResult<()> {
    if label.is_empty() {
        return sound_labels::delete(conn, guild, stem);
    }
    let row = LabelRow {
        guild,
        sound: stem.to_owned(),
        tags: label.tags.join("\n"),
        category: label.category.clone(),
    };
    sound_labels::replace(conn, &row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_sorted_and_each_once() {
        let label = Label::read(&["Meme", " loud ", "meme", "ÄRGER"], Some("Memes")).unwrap();
        assert_eq!(label.tags, ["loud", "meme", "ärger"]);
        assert_eq!(label.category.as_deref(), Some("memes"));
        let none: [&str; 0] = [];
        assert_eq!(Label::read(&none, Some(" ")).unwrap(), Label::default());
        for bad in ["", "a\nb", "a,b", "<b>", &"x".repeat(33)] {
            assert!(Label::read(&[bad], None).is_err(), "{bad:?}");
        }
        let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
        assert!(Label::read(&many, None).is_err());
        assert!(Label::read(&many[..20], None).is_ok());
    }
}
