//! What becomes of one of a guild's own sounds that somebody changes: its name and what is said of
//! it, together or not at all.

use std::sync::Arc;

use super::{NOT_FOUND, Uploads, Wanted, free_name, names, owned};
use crate::audio::Original;
use crate::db::{favourites, guild_sounds, sound_labels};
use crate::domain::labels::{self, LabelChange};
use crate::domain::library::Sound;
use crate::error::Error;

/// What is to be changed of a sound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// What it is to be called; `None`: as it is.
    pub name: Option<String>,
    /// What is to be said of it.
    pub label: LabelChange,
}

impl Uploads {
    /// Changes one of a guild's own sounds; it stays whoever's favourite it was.
    ///
    /// # Errors
    /// 400 for a name, a tag or a category that sounds cannot have, 404 when it is not there any
    /// more, 409 when the name is taken; the database's. Nothing has changed then.
    pub async fn change(&self, sound: &Sound, change: &Change) -> Result<Arc<Sound>, Error> {
        let (guild, id) = owned(sound)?;
        let name = change.name.as_deref().map(names::check).transpose()?;
        let _one_at_a_time = self.changing.lock().await;
        let mut own = self.library.list_own(guild);
        let place = own.iter().position(|it| it.shelf == sound.shelf);
        let before = own.swap_remove(place.ok_or(NOT_FOUND)?);
        let label = change.label.apply(&self.labels.get(&before))?;
        let old = before.stem.clone();
        let new = match name {
            Some(name) => free_name(&own, name.clone(), Wanted::Name(&name))?,
            None => old.clone(),
        };
        let row = (old.clone(), new.clone(), label.clone());
        let write = move |conn: &mut _| {
            let (old, new, label) = row;
            if old != new {
                guild_sounds::rename(conn, id, &new)?;
                favourites::rename(conn, guild, &old, &new)?;
                sound_labels::delete(conn, Some(guild), &old)?;
            }
            labels::write(conn, Some(guild), &new, &label)
        };
        self.db.write(write).await?;
        if old == new {
            self.labels.keep(Some(guild), old, label);
            return Ok(before);
        }
        self.labels.forget(guild, &old);
        self.labels.keep(Some(guild), new.clone(), label);
        self.favourites.forget().await;
        let original = Original::new(before.original.path().to_owned(), *before.original.stamp());
        if let Some(examined) = before.original.examined() {
            original.remember(examined.clone());
        }
        let extension = before.name.rsplit_once('.').map_or("", |(_, end)| end);
        let file_name = format!("{new}.{extension}");
        let renamed = Sound::new(file_name, before.shelf, original, before.modified_ms);
        let renamed = Arc::new(renamed);
        self.show(guild, own, Some(Arc::clone(&renamed)));
        Ok(renamed)
    }
}
