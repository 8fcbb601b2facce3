//! The operator's folder: an index in memory, kept true by a file watcher. The list route pages
//! through it, the player finds a sound in it, autocomplete asks it for suggestions.
//!
//! What a caller sends is only ever looked up here, never joined to a path.

mod index;
mod watch;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use index::Index;
pub use index::{Order, Sound};

/// The sounds, as they are now.
pub struct Library {
    dir: PathBuf,
    index: RwLock<Arc<Index>>,
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
            looks: tokio::sync::watch::Sender::new(()),
            watcher: std::sync::OnceLock::new(),
        });
        if let Err(error) = library.rescan() {
            tracing::warn!(%error, "the folder of sounds cannot be read, trying again");
        }
        let _set_once = library.watcher.set(watch::start(&library));
        library
    }

    /// Part of the list and the number of all sounds. `from` past the end is an empty part.
    pub fn page(&self, order: Order, from: usize, limit: usize) -> (Vec<Arc<Sound>>, usize) {
        self.index().page(order, from, limit)
    }

    /// The sound that a name means: a full file name, else a stem, else either in any letter
    /// case; of two files with one stem the first in byte order. Contract 4.
    pub fn find(&self, name: &str) -> Option<Arc<Sound>> {
        self.index().find(name)
    }

    /// Up to `limit` stems that `partial` could become: those that begin with it first, then
    /// those that contain it, each by name.
    pub fn suggest(&self, partial: &str, limit: usize) -> Vec<String> {
        self.index().suggest(partial, limit)
    }

    /// Resolves whenever the folder has been looked at again; what has changed is in the list by
    /// then.
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

    fn index(&self) -> Arc<Index> {
        Arc::clone(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }
}
