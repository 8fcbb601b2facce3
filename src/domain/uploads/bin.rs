//! What becomes of a guild's sounds that are deleted: they can be restored for a while.

use std::sync::Arc;

use super::{NOT_FOUND, Uploads, Wanted, free_name, owned, sound};
use crate::db::guild_sounds;
use crate::domain::library::{Shelf, Sound};
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// A sound in the bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// Its number, by which it is restored.
    pub id: i64,
    /// Its name without its extension.
    pub name: String,
    /// Who brought it, where that is known.
    pub uploader: Option<UserId>,
    /// Since when it is there, in Unix milliseconds.
    pub deleted_ms: i64,
}

impl Uploads {
    /// Puts one of a guild's own sounds into the bin; answers for whose, and what is there now.
    ///
    /// # Errors
    /// 404 when it is not there any more; the database's.
    pub async fn delete(&self, sound: &Sound) -> Result<(GuildId, Deleted), Error> {
        let (guild, id) = owned(sound)?;
        let _one_at_a_time = self.changing.lock().await;
        let mut own = self.library.list_own(guild);
        let place = own.iter().position(|it| it.shelf == sound.shelf);
        let gone = own.swap_remove(place.ok_or(NOT_FOUND)?);
        let deleted_ms = self.clock.now_ms();
        let write = move |conn: &mut _| guild_sounds::set_deleted(conn, id, Some(deleted_ms));
        self.db.write(write).await?;
        self.show(guild, own, None);
        tracing::info!(guild.id = %guild, sound = sound.name, "a sound was deleted");
        let uploader = match gone.shelf {
            Shelf::Guild { uploader, .. } => uploader,
            Shelf::Operator => None,
        };
        let name = gone.stem.clone();
        let deleted = Deleted {
            id,
            name,
            uploader,
            deleted_ms,
        };
        Ok((guild, deleted))
    }

    /// What a guild has in its bin, what went there last first.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_deleted(&self, guild: GuildId) -> Result<Vec<Deleted>, Error> {
        let rows = self
            .db
            .run(move |conn| guild_sounds::list_deleted(conn, guild));
        let rows = rows.await?.into_iter();
        let deleted = rows.filter_map(|row| {
            Some(Deleted {
                id: row.id,
                uploader: row.uploader(),
                deleted_ms: row.deleted_ms?,
                name: row.name,
            })
        });
        Ok(deleted.collect())
    }

    /// Takes a sound out of a guild's bin.
    ///
    /// # Errors
    /// 404 when it is not there, or its file is gone; 409 when another has its name by now, or
    /// when the guild has as many as it may.
    pub async fn restore(&self, guild: GuildId, id: i64) -> Result<Arc<Sound>, Error> {
        let one_at_a_time = self.changing.lock().await;
        let rows = self
            .db
            .run(move |conn| guild_sounds::list_deleted(conn, guild));
        let row = rows.await?.into_iter().find(|row| row.id == id);
        let row = row.ok_or(NOT_FOUND)?;
        let own = self.library.list_own(guild);
        self.check_room(guild, u64::try_from(row.size_bytes).unwrap_or(0))?;
        free_name(&own, row.name.clone(), Wanted::Name(&row.name))?;
        let path = self.store.path(guild, &row.file);
        let restored = sound(&row, &path);
        let restored = restored.map_err(|_| Error::NotFound("the file of this sound is gone"))?;
        let write = move |conn: &mut _| guild_sounds::set_deleted(conn, id, None);
        self.db.write(write).await?;
        let restored = Arc::new(restored);
        self.show(guild, own, Some(Arc::clone(&restored)));
        drop(one_at_a_time);
        // What was known of it went with it.
        if let Err(error) = self.transcoder.examine(&restored.original).await {
            tracing::warn!(
                ?error,
                sound = restored.name,
                "a restored sound was not looked into"
            );
        }
        Ok(restored)
    }

    /// Forgets what has been in a bin for too long, and removes its files. Called now and then.
    ///
    /// # Errors
    /// The database's; the files stay then.
    pub async fn purge(&self) -> Result<(), Error> {
        let days = i64::try_from(self.rules.keep_deleted.as_millis()).unwrap_or(i64::MAX);
        let before = self.clock.now_ms().saturating_sub(days);
        let _one_at_a_time = self.changing.lock().await;
        let rows = self
            .db
            .run(move |conn| guild_sounds::list_deleted_before(conn, before));
        let rows = rows.await?;
        if rows.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let write = move |conn: &mut _| guild_sounds::delete(conn, &ids);
        self.db.write(write).await?;
        for row in rows {
            let path = self.store.path(row.guild(), &row.file);
            if let Err(error) = tokio::fs::remove_file(path).await {
                tracing::warn!(%error, sound = row.name, "a deleted sound's file stays");
            }
        }
        Ok(())
    }
}
