//! The peers: Bun with bun:sqlite, Fastify with better-sqlite3. Installed from `bench/peers` by
//! npm into the target folder; where that fails the run goes on without them and says why.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bench::Failed;
use bench::product::output;

/// What of `bench/peers` is copied to where npm installs.
const FILES: [&str; 5] = [
    "package.json",
    "package-lock.json",
    "app.js",
    "bun.js",
    "fastify.js",
];

/// The installed peers.
#[derive(Debug)]
pub(crate) struct Peers {
    folder: PathBuf,
    /// Node.js itself, not a wrapper around it.
    node: PathBuf,
}

impl Peers {
    /// The program and the script that make a Bun server.
    pub(crate) fn bun(&self) -> (PathBuf, PathBuf) {
        (
            self.folder.join("node_modules/.bin/bun"),
            self.folder.join("bun.js"),
        )
    }

    /// The program and the script that make a Fastify server.
    pub(crate) fn fastify(&self) -> (PathBuf, PathBuf) {
        (self.node.clone(), self.folder.join("fastify.js"))
    }

    /// Which versions are measured.
    pub(crate) fn versions(&self) -> String {
        let version = |package: &str| {
            let path = self
                .folder
                .join("node_modules")
                .join(package)
                .join("package.json");
            let parsed: Option<serde_json::Value> = fs::read_to_string(path)
                .ok()
                .and_then(|text| serde_json::from_str(&text).ok());
            let version = parsed.as_ref().and_then(|json| json["version"].as_str());
            format!("{package} {}", version.unwrap_or("?"))
        };
        let node = output(Command::new(&self.node).arg("--version")).unwrap_or_default();
        let [bun, fastify, sqlite] = ["bun", "fastify", "better-sqlite3"].map(version);
        format!("{bun}, {fastify}, {sqlite}, node {}", node.trim())
    }
}

/// Installs the peers, or says why there are none.
pub(crate) fn install(workspace: &Path, folder: &Path) -> Option<Peers> {
    match try_install(&workspace.join("bench/peers"), &folder.join("peers")) {
        Ok(peers) => Some(peers),
        Err(error) => {
            eprintln!("bench: going on without Bun and Fastify: {error}");
            None
        }
    }
}

fn try_install(source: &Path, folder: &Path) -> Result<Peers, Failed> {
    let node = output(Command::new("node").args(["-p", "process.execPath"]))
        .map_err(|error| format!("Node.js 20 or newer is needed ({error})"))?;
    let node = PathBuf::from(node.trim());
    fs::create_dir_all(folder)?;
    let stamp = folder.join("installed");
    let wanted = format!(
        "{}\n{}",
        node.display(),
        fs::read_to_string(source.join(FILES[1]))?
    );
    let is_installed = fs::read_to_string(&stamp).is_ok_and(|found| found == wanted);
    for file in FILES {
        fs::copy(source.join(file), folder.join(file))?;
    }
    if !is_installed {
        println!("installing Bun and Fastify with npm (compiles better-sqlite3 if it must) ...");
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(folder);
        // Headers beside Node.js spare node-gyp a download.
        let prefix = node
            .parent()
            .and_then(Path::parent)
            .unwrap_or(Path::new("/usr"));
        if prefix.join("include/node/node.h").exists() {
            npm.env("npm_config_nodedir", prefix);
        }
        output(&mut npm).map_err(|error| format!("npm ci failed: {error}"))?;
        fs::write(&stamp, wanted)?;
    }
    let peers = Peers {
        folder: folder.to_owned(),
        node,
    };
    // What npm left out (an install script that was not allowed to run) shows here.
    output(Command::new(peers.bun().0).arg("--version"))
        .map_err(|error| format!("Bun does not start: {error}"))?;
    let load = "const D = require('better-sqlite3'); new D(':memory:')";
    output(
        Command::new(&peers.node)
            .args(["-e", load])
            .current_dir(folder),
    )
    .map_err(|error| format!("better-sqlite3 does not load: {error}"))?;
    Ok(peers)
}
