//! The product that is measured: where its sources are, how it is built, and where it answers.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Failed;

/// The workspace that this program was built from.
pub fn workspace() -> PathBuf {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
    bench.parent().unwrap_or(bench).to_owned()
}

/// Cargo's target folder: this program is in `<target>/<profile>`.
///
/// # Errors
/// When it is not.
pub fn target_folder() -> Result<PathBuf, Failed> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent);
    Ok(target
        .ok_or("this program is not in a target folder")?
        .to_owned())
}

/// The server that was named, else one that is built as it is shipped; its path.
///
/// # Errors
/// When there is no such file, or the server does not build.
pub fn find_or_build(named: Option<&Path>, target: &Path) -> Result<PathBuf, Failed> {
    match named {
        Some(binary) => binary
            .canonicalize()
            .map_err(|error| format!("{}: {error}", binary.display()).into()),
        None => build(&workspace(), target),
    }
}

/// Builds the server as it is shipped; its path.
fn build(workspace: &Path, target: &Path) -> Result<PathBuf, Failed> {
    eprintln!("building the server (profile dist; minutes, the first time) ...");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "build",
            "--profile",
            "dist",
            "--package",
            "yuri",
            "--no-default-features",
        ])
        .arg("--locked")
        .arg("--target-dir")
        .arg(target)
        .current_dir(workspace)
        .stdin(Stdio::null())
        .status()?;
    if !status.success() {
        return Err("the server does not build".into());
    }
    Ok(target.join("dist/yuri"))
}

/// Standard output of a command that must succeed.
///
/// # Errors
/// What it says last on standard error, or why it cannot be run.
pub fn output(command: &mut Command) -> Result<String, Failed> {
    let done = command.stdin(Stdio::null()).output().map_err(|error| {
        format!(
            "{} cannot be run: {error}",
            command.get_program().to_string_lossy()
        )
    })?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&done.stderr);
    let lines: Vec<&str> = complaint
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    Err(lines[lines.len().saturating_sub(5)..].join("\n").into())
}

/// An address on which nothing listens now.
///
/// # Errors
/// When there is none left.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Whether a `GET` of this path is answered with 200.
pub fn answers(address: SocketAddr, path: &str) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(start.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}
