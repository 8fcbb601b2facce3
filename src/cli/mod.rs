//! The commands. `main` calls [`main`]; each command has its file.

#[cfg(feature = "demo")]
mod demo;
mod import;
mod openapi;
mod progress;
mod serve;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::audio;
use crate::config::Config;

/// A Discord sound bot with a REST API and a sound board.
#[derive(Parser)]
#[command(name = "yuri", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server (the default); settings come from Rocket.toml and the environment.
    Serve(serve::Options),
    /// Bring sounds in from a folder or an archive.
    Import(import::Options),
    /// Print the API's document, OpenAPI 3.1 in JSON.
    Openapi,
    /// Try it: a simulated Discord and the server, without credentials, on this machine alone.
    #[cfg(feature = "demo")]
    Demo(demo::Options),
    /// Decode a sound from standard input; started by the server for every new sound.
    #[command(hide = true)]
    DecodeWorker,
}

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        None => serve::run(&serve::Options::default()),
        Some(Command::Serve(options)) => serve::run(&options),
        Some(Command::Import(options)) => import::run(options),
        Some(Command::Openapi) => openapi::run(),
        #[cfg(feature = "demo")]
        Some(Command::Demo(options)) => demo::run(&options),
        Some(Command::DecodeWorker) => audio::worker_main(),
    }
}

/// The configuration of this process.
fn load_config() -> Result<Config, crate::config::Faults> {
    Config::load(Path::new("."), crate::config::environment())
}

/// Tells a person what went wrong, with its causes, on standard error.
fn complain(error: &dyn std::error::Error) -> ExitCode {
    eprint!("yuri: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprint!(": {cause}");
        source = cause.source();
    }
    eprintln!();
    ExitCode::FAILURE
}
