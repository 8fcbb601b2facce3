//! Keeps the index true: the operating system's notices, gathered for a moment, and a look at the
//! whole folder now and then for file systems that send none.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::Library;

/// Copying a folder in is many notices: they are answered by one look.
const GATHER: Duration = Duration::from_millis(100);
/// But a folder that never comes to rest is looked at all the same.
const GATHER_MAX: Duration = Duration::from_secs(1);
/// How often the folder is looked at without a notice.
const LOOK_EVERY: Duration = Duration::from_mins(5);
/// The same while there is no folder to watch, or it cannot be read.
const LOOK_FOR_FOLDER_EVERY: Duration = Duration::from_secs(1);

/// Ends the watching thread when it is dropped, with its library.
pub(super) struct Watcher {
    wake: mpsc::Sender<()>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _thread_has_ended = self.wake.send(());
    }
}

/// Watches the folder of a library for as long as the library lives.
pub(super) fn start(library: &Arc<Library>) -> Watcher {
    let (notices, received) = mpsc::channel();
    let (wake, dir) = (notices.clone(), library.dir.clone());
    let library = Arc::downgrade(library);
    thread::spawn(move || run(&library, &dir, &notices, &received));
    Watcher { wake }
}

fn run(
    library: &Weak<Library>,
    dir: &Path,
    notices: &mpsc::Sender<()>,
    received: &mpsc::Receiver<()>,
) {
    let mut watching: Option<Watching> = None;
    loop {
        // Before the look at the folder, so that nothing happens between the two unnoticed.
        if watching
            .as_ref()
            .is_none_or(|watching| watching.is_over(dir))
        {
            watching = Watching::start(dir, notices);
        }
        // Also at first: the folder may have changed between the first look and the watch.
        let Some(library) = library.upgrade() else {
            return;
        };
        let read = library.rescan();
        drop(library);
        if let Err(error) = &read {
            tracing::warn!(%error, "the folder of sounds cannot be read, keeping what was known");
        }
        let patience = if watching.is_some() && read.is_ok() {
            LOOK_EVERY
        } else {
            LOOK_FOR_FOLDER_EVERY
        };
        match received.recv_timeout(patience) {
            Ok(()) => {
                let until = Instant::now() + GATHER_MAX;
                while received.recv_timeout(GATHER).is_ok() && Instant::now() < until {}
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

type Identity = Option<(u64, u64)>;

/// A watch of one folder. When the folder is removed it is over, whatever takes its name then.
struct Watching {
    _watcher: RecommendedWatcher,
    identity: Identity,
    is_removed: Arc<AtomicBool>,
}

impl Watching {
    fn start(dir: &Path, notices: &mpsc::Sender<()>) -> Option<Self> {
        let identity = identity_of(dir);
        identity?;
        let is_removed = Arc::new(AtomicBool::new(false));
        let watcher = watch(dir, notices, &is_removed)?;
        Some(Self {
            _watcher: watcher,
            identity,
            is_removed,
        })
    }

    /// Whether it is another folder now that has the name. Its number alone does not tell: the
    /// next folder may get the number of the one that was removed.
    fn is_over(&self, dir: &Path) -> bool {
        self.is_removed.load(Ordering::Acquire) || identity_of(dir) != self.identity
    }
}

fn watch(
    dir: &Path,
    notices: &mpsc::Sender<()>,
    is_removed: &Arc<AtomicBool>,
) -> Option<RecommendedWatcher> {
    let (notices, is_removed) = (notices.clone(), Arc::clone(is_removed));
    let own = dir.to_owned();
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if let Ok(event) = &event
            && event.kind.is_remove()
            && event.paths.contains(&own)
        {
            is_removed.store(true, Ordering::Release);
        }
        // Reading a sound is no change; a fault of the watch is a reason to look.
        if event.map_or(true, |event| {
            !event.kind.is_access() || ends_writing(&event)
        }) {
            let _library_is_gone = notices.send(());
        }
    });
    let watching = watcher.and_then(|mut watcher| {
        watcher.watch(dir, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    match watching {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "the folder of sounds cannot be watched, looking every second");
            None
        }
    }
}

fn ends_writing(event: &notify::Event) -> bool {
    use notify::event::{AccessKind, AccessMode, EventKind};
    event.kind == EventKind::Access(AccessKind::Close(AccessMode::Write))
}

#[cfg(unix)]
fn identity_of(dir: &Path) -> Identity {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(dir)
        .ok()
        .map(|about| (about.dev(), about.ino()))
}

#[cfg(not(unix))]
fn identity_of(dir: &Path) -> Identity {
    dir.is_dir().then_some((0, 0))
}
