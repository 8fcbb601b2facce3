//! What somebody may mean who has typed a part of a name: their favourites, then what they played
//! last, then what fits best. Asked for each key that is pressed, so all of it is in memory.

use std::collections::HashSet;
use std::sync::Arc;

use crate::domain::favourites::Favourites;
use crate::domain::library::{Library, Sound};
use crate::domain::play_log::PlayLog;
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// Where suggestions come from.
pub struct Suggestions {
    library: Arc<Library>,
    favourites: Arc<Favourites>,
    log: PlayLog,
}

impl Suggestions {
    /// Suggestions from these sounds.
    pub fn new(library: Arc<Library>, favourites: Arc<Favourites>, log: PlayLog) -> Self {
        Self {
            library,
            favourites,
            log,
        }
    }

    /// Sounds of a guild for a member who has typed so much, at most `limit`, each stem once.
    pub async fn suggest(
        &self,
        guild: GuildId,
        user: UserId,
        typed: &str,
        limit: usize,
    ) -> Vec<Arc<Sound>> {
        let personal = match self.personal(guild, user).await {
            Ok(personal) => personal,
            Err(error) => {
                // The others are there all the same.
                tracing::warn!(?error, "favourites and last plays cannot be read");
                Vec::new()
            }
        };
        let personal = self.library.retain_fitting(personal, typed);
        let best = self.library.search(guild, typed, limit);
        let mut named = HashSet::new();
        let is_new = |sound: &Arc<Sound>| named.insert(sound.stem.clone());
        let all = personal.into_iter().chain(best).filter(is_new);
        all.take(limit).collect()
    }

    /// A member's favourites, and what they played last, the newest first.
    async fn personal(&self, guild: GuildId, user: UserId) -> Result<Vec<Arc<Sound>>, Error> {
        let mut sounds = self.favourites.list_in(user, guild).await?;
        let recent = self.log.recent(guild).await?;
        let own = recent.iter().filter(|play| play.user == user);
        sounds.extend(own.filter_map(|play| self.library.find_in(guild, &play.sound)));
        Ok(sounds)
    }
}
