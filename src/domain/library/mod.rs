//! All sounds: the operator's folder, kept true by a file watcher, and each guild's own, which
//! `domain::uploads` brings in. The list routes page through them, the player finds a sound in
//! them, commands and the page search them; all of it in memory.
//!
//! What a caller sends is only ever looked up here, never joined to a path.

mod index;
mod search;
mod watch;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use crate::ids::GuildId;
use index::Index;
pub use index::{Order, Shelf, Sound};
use search::Query;

/// The sounds, as they are now.
pub struct Library {
    dir: PathBuf,
    /// The operator's.
    index: RwLock<Arc<Index>>,
    /// The guilds' own.
    guilds: RwLock<HashMap<GuildId, Arc<Index>>>,
    /// Told of each look at the folder.
    looks: tokio::sync::watch::Sender<()>,
    watcher: std::sync::OnceLock<watch::Watcher>,
}

impl Library {
    /// Reads the folder and watches it from now on. A folder that is not there is an empty
    /// library until it appears. Blocks.
    pub fn open(dir: PathBuf) -> Arc<Self> {
        let library = Arc::new(Self {
            dir,
            index: RwLock::default(),
            guilds: RwLock::default(),
            looks: tokio::sync::watch::Sender::new(()),
            watcher: std::sync::OnceLock::new(),
        });
        if let Err(error) = library.rescan() {
            tracing::warn!(%error, "the folder of sounds cannot be read, trying again");
        }
        let _set_once = library.watcher.set(watch::start(&library));
        library
    }

    /// Part of the list of the operator's sounds and their number. `from` past the end is an empty
    /// part.
    pub fn page(&self, order: Order, from: usize, limit: usize) -> (Vec<Arc<Sound>>, usize) {
        self.index().page(order, from, limit)
    }

    /// The operator's sound that a name means: a full file name, else a stem, else either in any
    /// letter case; of two files with one stem the first in byte order. Contract 4.
    pub fn find(&self, name: &str) -> Option<Arc<Sound>> {
        self.index().find(name)
    }

    /// The sound that a name means in a guild: one of its own, else the operator's, both by the
    /// rules of [`find`](Self::find). Contract 4.
    pub fn find_in(&self, guild: GuildId, name: &str) -> Option<Arc<Sound>> {
        let own = self.shelf(guild).find(name);
        own.or_else(|| self.find(name))
    }

    /// The sound that a name means in a guild, or among the operator's where no guild is meant.
    pub fn find_at(&self, guild: Option<GuildId>, name: &str) -> Option<Arc<Sound>> {
        match guild {
            Some(guild) => self.find_in(guild, name),
            None => self.find(name),
        }
    }

    /// All sounds of a guild, by name: its own and the operator's, without those of the operator's
    /// in whose place it has one of its own.
    pub fn list_in(&self, guild: GuildId) -> Vec<Arc<Sound>> {
        let (own, all) = (self.shelf(guild), self.index());
        let replaced: HashSet<&str> = own.sounds().iter().map(|it| it.stem.as_str()).collect();
        let others = all.sounds().iter();
        let others = others.filter(|sound| !replaced.contains(sound.stem.as_str()));
        let mut sounds: Vec<_> = own.sounds().iter().chain(others).cloned().collect();
        sounds.sort_by(|a, b| a.name.cmp(&b.name));
        sounds
    }

    /// A guild's sounds that fit what somebody has typed, the best first: what begins with it, has
    /// a word that does, or contains it; where nothing does, what would with a mistake or two. Ties
    /// by name, each stem once, at most `limit`.
    pub fn search(&self, guild: GuildId, typed: &str, limit: usize) -> Vec<Arc<Sound>> {
        let (own, all) = (self.shelf(guild), self.index());
        let replaced: HashSet<&str> = own.meant().map(|it| it.stem.as_str()).collect();
        let others = all
            .meant()
            .filter(|it| !replaced.contains(it.stem.as_str()));
        let sounds: Vec<&Arc<Sound>> = own.meant().chain(others).collect();
        rank(&sounds, typed, limit)
    }

    /// Those of some sounds that fit what somebody has typed, ranked as in
    /// [`search`](Self::search); ties keep their order.
    pub fn rank(sounds: &[Arc<Sound>], typed: &str) -> Vec<Arc<Sound>> {
        let sounds: Vec<&Arc<Sound>> = sounds.iter().collect();
        rank(&sounds, typed, usize::MAX)
    }

    /// Those of some sounds that fit what somebody has typed, in their order.
    pub fn retain_fitting(&self, mut sounds: Vec<Arc<Sound>>, typed: &str) -> Vec<Arc<Sound>> {
        let query = Query::new(typed);
        sounds.retain(|sound| sound.fit(&query).is_some());
        sounds
    }

    /// A guild's own sounds, by name.
    pub fn list_own(&self, guild: GuildId) -> Vec<Arc<Sound>> {
        self.shelf(guild).sounds().to_vec()
    }

    /// All sounds there are, the operator's first.
    pub fn list_all(&self) -> Vec<Arc<Sound>> {
        let mut sounds = self.page(Order::Date, 0, usize::MAX).0;
        let guilds = self.guilds.read().unwrap_or_else(PoisonError::into_inner);
        for own in guilds.values() {
            sounds.extend_from_slice(own.sounds());
        }
        sounds
    }

    /// Puts a guild's own sounds in place of those it had.
    pub fn put(&self, guild: GuildId, sounds: Vec<Arc<Sound>>) {
        let mut guilds = self.guilds.write().unwrap_or_else(PoisonError::into_inner);
        if sounds.is_empty() {
            guilds.remove(&guild);
        } else {
            guilds.insert(guild, Arc::new(Index::new(sounds)));
        }
        drop(guilds);
        self.looks.send_replace(());
    }

    /// Resolves whenever the folder has been looked at again or a guild's sounds have changed; what
    /// has changed is in the list by then.
    pub fn looks(&self) -> tokio::sync::watch::Receiver<()> {
        self.looks.subscribe()
    }

    /// Reads the folder again. Called by the watcher. Blocks.
    ///
    /// # Errors
    /// When it cannot be read; what was known stays.
    fn rescan(&self) -> io::Result<()> {
        let index = Arc::new(Index::read(&self.dir, &self.index())?);
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = index;
        self.looks.send_replace(());
        Ok(())
    }

    /// A guild's own sounds.
    fn shelf(&self, guild: GuildId) -> Arc<Index> {
        let guilds = self.guilds.read().unwrap_or_else(PoisonError::into_inner);
        guilds.get(&guild).cloned().unwrap_or_default()
    }

    fn index(&self) -> Arc<Index> {
        Arc::clone(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Those of some sounds that fit what somebody has typed; where none does, those that would with a
/// mistake or two. The best first, at most `limit`.
fn rank(sounds: &[&Arc<Sound>], typed: &str, limit: usize) -> Vec<Arc<Sound>> {
    let query = Query::new(typed);
    let fitting = best(sounds, limit, |sound| sound.fit(&query));
    if fitting.is_empty() {
        return best(sounds, limit, |sound| sound.mistakes(&query));
    }
    fitting
}

/// Those of some sounds that have a rank, the lowest first, ties by name.
fn best<R: Ord>(
    sounds: &[&Arc<Sound>],
    limit: usize,
    rank: impl Fn(&Sound) -> Option<R>,
) -> Vec<Arc<Sound>> {
    let ranked = sounds
        .iter()
        .filter_map(|sound| Some((rank(sound)?, *sound)));
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_by(|(a_rank, a), (b_rank, b)| a_rank.cmp(b_rank).then_with(|| a.stem.cmp(&b.stem)));
    ranked.truncate(limit);
    ranked
        .into_iter()
        .map(|(_, sound)| Arc::clone(sound))
        .collect()
}
