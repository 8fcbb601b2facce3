//! The sounds and what is known of them. Built by `App`.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::audio::{self, Level, Transcoder};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::discord::Discord;
use crate::domain::archives::Archives;
use crate::domain::favourites::Favourites;
use crate::domain::labels::Labels;
use crate::domain::library::Library;
use crate::domain::limits::Limits;
use crate::domain::uploads::Uploads;

/// The sounds and what is known of them.
pub(super) struct Collection {
    pub(super) library: Arc<Library>,
    pub(super) labels: Arc<Labels>,
    pub(super) favourites: Arc<Favourites>,
    pub(super) uploads: Arc<Uploads>,
    pub(super) archives: Archives,
    pub(super) transcoder: Transcoder,
}

impl Collection {
    /// Opens what is in the operator's folder and in the data folder, and reads what is known of it.
    /// Blocks. `worker` is the program that decodes.
    pub(super) fn open(
        config: &Config,
        db: &Db,
        clock: &Clock,
        worker: PathBuf,
        limits: &Arc<Limits>,
        discord: Option<Arc<Discord>>,
    ) -> io::Result<Self> {
        let transcoder = Transcoder::new(audio::Settings {
            cache_dir: config.data_dir.join("cache"),
            cache_max_bytes: config.sounds.cache_max_bytes,
            worker,
            max_length: config.sounds.max_length,
            target: Level::from_db(config.sounds.loudness_lufs),
            clock: clock.clone(),
        })?;
        let library = Library::open(config.sounds.dir.clone());
        let labels = Arc::new(Labels::open(db.clone()).map_err(io::Error::other)?);
        let favourites = Arc::new(Favourites::new(db.clone(), Arc::clone(&library)));
        let uploads = Uploads::open(
            config.data_dir.join("sounds"),
            config.uploads.clone(),
            Arc::clone(&library),
            Arc::clone(&labels),
            Arc::clone(&favourites),
            transcoder.clone(),
            Arc::clone(limits),
            discord,
            db.clone(),
            clock.clone(),
        )?;
        let uploads = Arc::new(uploads);
        let archives = Archives::new(
            config.archives.clone(),
            Arc::clone(&uploads),
            Arc::clone(&library),
            Arc::clone(&labels),
            transcoder.clone(),
            Arc::clone(limits),
            clock.clone(),
        );
        Ok(Self {
            library,
            labels,
            favourites,
            uploads,
            archives,
            transcoder,
        })
    }
}
