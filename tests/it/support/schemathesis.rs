//! Schemathesis, which makes requests from a document and holds the answers against it, in cargo's
//! folder for test files.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use tokio::process::Command;

use super::node::{HERE, install_python};

const LIST: &str = "schemathesis.txt";
/// For all requests.
const PATIENCE: Duration = Duration::from_mins(15);

/// Schemathesis and what it needs.
pub struct Schemathesis(PathBuf);

impl Schemathesis {
    /// Installs what is not there yet; `None` where that cannot be done, most likely for want of a
    /// network. The test is then skipped, and says so; under `CI` it fails.
    pub async fn or_skip() -> Option<Self> {
        match install().await {
            Ok(there) => Some(there),
            Err(why) => {
                assert!(std::env::var_os("CI").is_none(), "no schemathesis: {why}");
                // Past the test runner, which would show it for failures only.
                let _ = writeln!(std::io::stderr(), "skipped: no schemathesis: {why}");
                None
            }
        }
    }

    /// Runs a program of `tests/clients` with some variables.
    pub async fn run(
        &self,
        program: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Output {
        // It leaves files where it is.
        let folder = tempfile::tempdir().unwrap();
        let running = Command::new("python3")
            .arg(Path::new(HERE).join(program))
            .args(arguments)
            .current_dir(folder.path())
            .env("PYTHONPATH", &self.0)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("NO_PROXY", "*")
            .envs(variables.iter().copied())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(PATIENCE, running).await;
        output.expect("it ends in time").unwrap()
    }
}

async fn install() -> Result<Schemathesis, String> {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    let failed = |error: std::io::Error| format!("{}: {error}", root.display());
    fs::create_dir_all(&root).map_err(failed)?;
    // Tests are processes of their own under some runners.
    let lock = File::create(root.join("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let wanted = fs::read_to_string(Path::new(HERE).join(LIST)).map_err(failed)?;
    let packages = root.join("python");
    let done = root.join("installed");
    if !fs::read_to_string(&done).is_ok_and(|there| there == wanted) {
        let _there_was_none = fs::remove_dir_all(&packages);
        install_python(LIST, &packages).await?;
        fs::write(done, wanted).map_err(failed)?;
    }
    Ok(Schemathesis(packages))
}
