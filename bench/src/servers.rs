//! The processes that are measured: the server itself, twice with different amounts of data, and
//! the peers on the large data. All are kept on one core, the load is on another.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bench::load::Target;
use bench::process::SERVER_CORE;
use bench::product::{answers, free_address};
use bench::{Failed, process};

use crate::data::{self, Sizes, World};
use crate::peers::Peers;

/// Requests that each user may send at once: so many that none is refused.
const BURST: &str = "1000000";
/// How long a server may take to answer its first request.
const START_LIMIT: Duration = Duration::from_mins(2);

/// A running server; dropping it ends the process.
pub(crate) struct Server {
    pub(crate) name: String,
    address: SocketAddr,
    child: Child,
}

/// All servers of a run.
pub(crate) struct Fleet {
    /// Yuri with the small database and the small folder.
    pub(crate) small: Server,
    /// Yuri with the large ones.
    pub(crate) large: Server,
    /// The peers that could be installed, with the large ones.
    pub(crate) peers: Vec<Server>,
}

impl Fleet {
    /// Makes the data and starts every server.
    pub(crate) fn start(
        binary: &Path,
        peers: Option<&Peers>,
        folder: &Path,
        world: &World,
        sizes: Sizes,
    ) -> Result<Self, Failed> {
        println!("making {} and {} plays ...", data::SMALL_PLAYS, sizes.plays);
        let few = folder.join("sounds-few");
        let many = folder.join(format!("sounds-{}", sizes.files));
        data::make_sounds(&few, data::SMALL_FILES)?;
        data::make_sounds(&many, sizes.files)?;
        let small_home = prepare(
            binary,
            &folder.join("small"),
            &few,
            data::SMALL_PLAYS,
            world,
        )?;
        let large_home = prepare(binary, &folder.join("large"), &many, sizes.plays, world)?;
        let small = yuri(binary, "Yuri, small data", &small_home, &few)?;
        let large = yuri(binary, "Yuri", &large_home, &many)?;
        let mut started = Vec::new();
        if let Some(peers) = peers {
            for (name, (program, script)) in [
                ("Bun, bun:sqlite", peers.bun()),
                ("Fastify, better-sqlite3", peers.fastify()),
            ] {
                started.push(peer(name, &program, &script, &large_home, &many)?);
            }
        }
        Ok(Self {
            small,
            large,
            peers: started,
        })
    }

    /// Every server.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Server> {
        [&self.small, &self.large].into_iter().chain(&self.peers)
    }
}

/// A fresh data folder, its tables made by the server itself and filled by us.
fn prepare(
    binary: &Path,
    home: &Path,
    sounds: &Path,
    plays: u32,
    world: &World,
) -> Result<PathBuf, Failed> {
    if home.exists() {
        fs::remove_dir_all(home)?;
    }
    fs::create_dir_all(home)?;
    yuri(binary, "Yuri, first start", home, sounds)?.stop()?;
    data::fill(&home.join("yuri.sqlite3"), plays, world)?;
    Ok(home.to_owned())
}

fn yuri(binary: &Path, name: &str, home: &Path, sounds: &Path) -> Result<Server, Failed> {
    let address = free_address()?;
    let mut command = process::pinned(SERVER_CORE, binary);
    command
        .arg("serve")
        .env("YURI_DATA_DIR", home)
        .env("YURI_SOUNDS__DIR", sounds)
        .env("YURI_PUBLIC_URL", format!("http://{address}"))
        .env("YURI_LIMITS__BURST", BURST)
        .env("YURI_LOG", "warn")
        .env("ROCKET_ADDRESS", address.ip().to_string())
        .env("ROCKET_PORT", address.port().to_string());
    launch(name, command, address, home)
}

fn peer(
    name: &str,
    program: &Path,
    script: &Path,
    home: &Path,
    sounds: &Path,
) -> Result<Server, Failed> {
    let address = free_address()?;
    let mut command = process::pinned(SERVER_CORE, program);
    command
        .arg(script)
        .env("NODE_ENV", "production")
        .env("PEER_DATABASE", home.join("yuri.sqlite3"))
        .env("PEER_SOUNDS", sounds)
        .env("PEER_BURST", BURST)
        .env("PEER_PORT", address.port().to_string());
    launch(name, command, address, home)
}

fn launch(
    name: &str,
    mut command: Command,
    address: SocketAddr,
    home: &Path,
) -> Result<Server, Failed> {
    let log_path = home.join("bench.log");
    let log = File::options().create(true).append(true).open(&log_path)?;
    let child = command
        // A Rocket.toml of the folder that the benchmark is called from does not count.
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    let mut server = Server {
        name: name.to_owned(),
        address,
        child,
    };
    let start = Instant::now();
    while !answers(address, "/alive") {
        if let Some(status) = server.child.try_wait()? {
            let log = fs::read_to_string(&log_path).unwrap_or_default();
            return Err(format!("{name} ended at its start, {status}:\n{log}").into());
        }
        if start.elapsed() > START_LIMIT {
            return Err(format!("{name} does not answer; see {}", log_path.display()).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(server)
}

impl Server {
    /// What the load is sent to.
    pub(crate) fn target(&self) -> Target<'_> {
        Target {
            name: &self.name,
            address: self.address,
            pid: self.child.id(),
        }
    }

    /// Asks the process to end, and waits until it has.
    fn stop(mut self) -> Result<(), Failed> {
        // The shell has `kill` built in, so nothing need be installed.
        let ask = format!("kill -TERM {}", self.child.id());
        Command::new("sh").args(["-c", &ask]).status()?;
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > START_LIMIT {
                return Err(format!("{} does not end", self.name).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already, or about to be: either way there is nothing to report.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}
