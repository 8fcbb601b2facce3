//! Work that takes a whole core, done by a process of its own.

use std::io::Read as _;
use std::process::{Child, Stdio};

use bench::{Failed, process};

/// A core that is kept busy; dropping it ends that.
pub(crate) struct BusyCore(Child);

impl BusyCore {
    /// Keeps a core busy, one only.
    pub(crate) fn start(core: u32) -> Result<Self, Failed> {
        let child = process::pinned(core, &std::env::current_exe()?)
            .arg("--be-busy")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for BusyCore {
    fn drop(&mut self) {
        // Ended already, or about to be: either way there is nothing to report.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// Does nothing useful until standard input ends, which it does with the program that started
/// this one, however that ends.
pub(crate) fn spin_until_input_ends() {
    let waiting = std::thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()));
    while !waiting.is_finished() {
        std::hint::spin_loop();
    }
}
