//! A client as a child process: how it is started, what it says, and its end.

use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::install::{HERE, Installed};

/// Set for a child that runs this test's own program to be the bot.
pub(crate) const THIS_PROGRAM: &str = "DISCORD_SIM_CLIENT";

/// How a client's complaints begin.
pub(crate) const PROBLEM: &str = "problem: ";

/// A program that is a bot.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    /// How many packets of an Ogg file's header it sends as if they were sound.
    pub(crate) ogg_headers: usize,
    command: Command,
}

impl Client {
    /// The test of this name, which then is to be the bot.
    pub(crate) fn this_test(name: &'static str) -> Client {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", name, "--nocapture"])
            .env(THIS_PROGRAM, name);
        Client {
            name,
            ogg_headers: 0,
            command,
        }
    }

    /// A file of this folder, by the system's Python.
    pub(crate) fn python(installed: &Installed, name: &'static str) -> Client {
        let mut command = Command::new("python3");
        command
            .arg("-s") // what the user has installed is another thing
            .arg(Path::new(HERE).join(name))
            .env("PYTHONPATH", installed.python_packages())
            .env("PYTHONUNBUFFERED", "1")
            .env("PATH", search_path(installed));
        // discord.py 2.7 passes every packet on that its Ogg reader finds.
        Client {
            name,
            ogg_headers: 2,
            command,
        }
    }

    /// A file of this folder, by an installed Node.
    pub(crate) fn node(installed: &Installed, name: &'static str) -> Client {
        let mut command = Command::new(installed.node());
        command
            .arg(Path::new(HERE).join(name))
            .env("NODE_PATH", installed.node_modules())
            .env("PATH", search_path(installed));
        Client {
            name,
            ogg_headers: 0,
            command,
        }
    }

    /// Starts it with more in its environment.
    pub(crate) fn start(mut self, environment: &[(&str, OsString)]) -> Running {
        let mut child = self
            .command
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the client to start");
        let output = Output::default();
        let readers = [
            tokio::spawn(output.clone().collect(child.stdout.take().unwrap())),
            tokio::spawn(output.clone().collect(child.stderr.take().unwrap())),
        ];
        Running {
            name: self.name,
            child,
            output,
            readers,
        }
    }
}

/// The client's `ffmpeg` before anybody else's.
fn search_path(installed: &Installed) -> OsString {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(installed.programs()).chain(std::env::split_paths(&inherited));
    std::env::join_paths(all).unwrap()
}

/// A client that was started; dropping it kills it and, if a test is failing, shows what it said.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    output: Output,
    readers: [JoinHandle<()>; 2],
}

impl Running {
    /// Closes its standard input, by which it knows that it is to log out and end.
    pub(crate) async fn end(&mut self, timeout: Duration) -> Option<ExitStatus> {
        drop(self.child.stdin.take());
        let ended = tokio::time::timeout(timeout, self.child.wait()).await;
        let status = ended.ok()?.unwrap();
        for reader in &mut self.readers {
            reader.await.unwrap();
        }
        Some(status)
    }

    /// Waits until it says a line.
    pub(crate) async fn wait_line(&self, line: &str, timeout: Duration) -> bool {
        let mut lines = self.output.0.subscribe();
        let said = lines.wait_for(|lines| lines.iter().any(|said| said == line));
        tokio::time::timeout(timeout, said)
            .await
            .is_ok_and(|said| said.is_ok())
    }

    /// The lines in which it complains, and its library with it.
    pub(crate) fn problems(&self) -> Vec<String> {
        let lines = self.output.0.borrow();
        let complaints = lines.iter().filter(|line| line.contains(PROBLEM));
        complaints.cloned().collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines = self.output.0.borrow();
            eprintln!("--- {} said:\n{}\n---", self.name, lines.join("\n"));
        }
    }
}

/// The lines of both of its outputs, as they come.
#[derive(Clone, Default)]
struct Output(watch::Sender<Vec<String>>);

impl Output {
    async fn collect(self, from: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(from).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let line = String::from_utf8_lossy(&line).into_owned();
            self.0.send_modify(|lines| lines.push(line));
        }
    }
}
