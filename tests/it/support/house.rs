//! An application without Discord and without its HTTP side, and what outlives it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use yuri::app::{App, Running};
use yuri::clock::Clock;
use yuri::config::Config;
use yuri::telemetry::Records;

use crate::audio::worker;

/// What outlives a process: the folders of sounds and of data.
pub struct House(pub TempDir);

/// A process.
pub struct Process {
    pub app: Arc<App>,
    pub clock: Clock,
    running: Running,
}

impl House {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sounds")).unwrap();
        Self(folder)
    }

    pub fn start(&self) -> Process {
        self.start_with(&worker(), &[])
    }

    pub fn start_with(&self, worker: &Path, settings: &[(&str, &str)]) -> Process {
        let path = |name: &str| self.0.path().join(name).display().to_string();
        let ours = [
            ("YURI_DATA_DIR", path("data")),
            ("YURI_SOUNDS__DIR", path("sounds")),
        ];
        let settings = settings
            .iter()
            .map(|(key, value)| (*key, (*value).to_owned()));
        let environment = ours.into_iter().chain(settings);
        let environment = environment.map(|(key, value)| (key.to_owned(), value));
        let config = Config::load(self.0.path(), environment).unwrap();
        let clock = Clock::manual(0);
        let app = App::build(config, clock.clone(), worker.to_owned(), Records::none()).unwrap();
        let running = app.start();
        Process {
            app,
            clock,
            running,
        }
    }
}

impl Process {
    /// Ends it; the database is free then.
    pub async fn stop(self) {
        self.running.stop().await;
        let lock = self.app.config.data_dir.join("yuri.sqlite3.lock");
        drop(self.app);
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while fs::File::open(&lock).unwrap().try_lock().is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.expect("the database is free");
    }
}
