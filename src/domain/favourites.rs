//! The sounds that members like. Commands and routes change them; suggestions name them first.

use std::sync::Arc;

use moka::future::Cache;
use tokio::sync::Mutex;

use crate::db::{Db, favourites};
use crate::domain::library::{Library, Sound};
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// Members whose favourites are remembered; others are read again.
const REMEMBERED_MAX: u64 = 10_000;
/// Favourites that a member may have.
pub(super) const FAVOURITES_MAX: usize = 500;

/// A sound that somebody likes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Favourite {
    /// The guild whose own sound it is; `None`: the operator's.
    pub guild: Option<GuildId>,
    /// Its name without its extension.
    pub sound: String,
}

/// The favourites of all members.
pub struct Favourites {
    db: Db,
    library: Arc<Library>,
    known: Cache<UserId, Arc<Vec<Favourite>>>,
    /// Held from reading or writing rows to remembering them, so that older ones are not
    /// remembered last.
    remembering: Mutex<()>,
}

impl Favourites {
    /// Favourites kept in a database.
    pub fn new(db: Db, library: Arc<Library>) -> Self {
        Self {
            db,
            library,
            known: Cache::new(REMEMBERED_MAX),
            remembering: Mutex::default(),
        }
    }

    /// A member's favourites, by name; those too whose sounds are gone for now.
    ///
    /// # Errors
    /// The database's.
    pub async fn list(&self, user: UserId) -> Result<Arc<Vec<Favourite>>, Error> {
        if let Some(known) = self.known.get(&user).await {
            return Ok(known);
        }
        let _one_at_a_time = self.remembering.lock().await;
        let rows = self
            .db
            .quick(move |conn| favourites::list(conn, user))
            .await?;
        Ok(self.remember(user, rows).await)
    }

    /// Makes a sound one of a member's favourites; it may be one already.
    ///
    /// # Errors
    /// 409 when the member has 500 favourites; the database's. Nothing has changed then.
    pub async fn add(&self, user: UserId, sound: &Sound) -> Result<(), Error> {
        let (guild, stem) = (sound.guild(), sound.stem.clone());
        let is_full = self.list(user).await?.len() >= FAVOURITES_MAX;
        if is_full && !self.has(user, sound).await? {
            let text = format!("you have {FAVOURITES_MAX} favourites, take one back first");
            return Err(Error::Conflict(text));
        }
        let _one_at_a_time = self.remembering.lock().await;
        let write = self.db.write(move |conn| {
            favourites::insert(conn, user, guild, &stem)?;
            favourites::list(conn, user)
        });
        let rows = write.await?;
        self.remember(user, rows).await;
        Ok(())
    }

    /// Takes a favourite back; says whether it was one.
    ///
    /// # Errors
    /// The database's.
    pub async fn remove(&self, user: UserId, favourite: Favourite) -> Result<bool, Error> {
        let _one_at_a_time = self.remembering.lock().await;
        let write = self.db.write(move |conn| {
            let was_one = favourites::delete(conn, user, favourite.guild, &favourite.sound)?;
            Ok((was_one, favourites::list(conn, user)?))
        });
        let (was_one, rows) = write.await?;
        self.remember(user, rows).await;
        Ok(was_one)
    }

    /// Makes a sound a favourite, or takes that back; says whether it is one now.
    ///
    /// # Errors
    /// As for [`add`](Self::add).
    pub async fn toggle(&self, user: UserId, sound: &Sound) -> Result<bool, Error> {
        let favourite = Favourite {
            guild: sound.guild(),
            sound: sound.stem.clone(),
        };
        if self.remove(user, favourite).await? {
            return Ok(false);
        }
        self.add(user, sound).await.map(|()| true)
    }

    /// Whether a member likes a sound.
    ///
    /// # Errors
    /// The database's.
    pub async fn has(&self, user: UserId, sound: &Sound) -> Result<bool, Error> {
        let is_it = |it: &Favourite| it.guild == sound.guild() && it.sound == sound.stem;
        Ok(self.list(user).await?.iter().any(is_it))
    }

    /// The sounds that a member likes and a guild has, by name.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_in(&self, user: UserId, guild: GuildId) -> Result<Vec<Arc<Sound>>, Error> {
        let all = self.list(user).await?;
        let here = all
            .iter()
            .filter(|it| it.guild.is_none_or(|it| it == guild));
        let found = here.filter_map(|it| {
            let sound = self.library.find_in(guild, &it.sound)?;
            (sound.guild() == it.guild).then_some(sound)
        });
        Ok(found.collect())
    }

    /// Rows have been changed by somebody else: nothing that is remembered counts any more.
    pub(super) async fn forget(&self) {
        let _one_at_a_time = self.remembering.lock().await;
        self.known.invalidate_all();
    }

    async fn remember(
        &self,
        user: UserId,
        rows: Vec<(Option<GuildId>, String)>,
    ) -> Arc<Vec<Favourite>> {
        let all = rows.into_iter();
        let all = all.map(|(guild, sound)| Favourite { guild, sound });
        let all = Arc::new(all.collect::<Vec<_>>());
        self.known.insert(user, Arc::clone(&all)).await;
        all
    }
}
