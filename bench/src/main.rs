//! Measures the server as it is shipped, over loopback, beside what a user would pick instead.
//!
//! `cargo run --profile dist -p bench` builds the server, makes its databases and sound folders,
//! installs the peers, starts everything on one core and the load on another, and prints tables
//! for `docs/performance.md`. Only ratios within one run mean anything: absolute numbers move
//! with whatever else the machine does.
//!
//! A run in short: [`data`] makes files, [`servers`] starts processes, [`plan`] says what is asked
//! of whom, [`bench::load`] asks, [`report`] prints.
#![expect(
    clippy::print_stdout,
    reason = "the tables are what this program is for"
)]

mod data;
mod peers;
mod plan;
mod report;
mod servers;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bench::load::Load;
use bench::product::{self, target_folder, workspace};
use bench::{Failed, process};
use clap::Parser;

use data::{Sizes, World};
use plan::Plan;
use servers::Fleet;

/// Measures Yuri and its peers over loopback and prints tables.
#[derive(Debug, Clone, Parser)]
struct Options {
    /// Rounds; each asks every server once, in turn, every other round in reverse.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..100))]
    rounds: u32,
    /// Milliseconds of load for each server in each round.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(50..60_000))]
    run_ms: u64,
    /// Connections, all kept alive.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..1000))]
    connections: u16,
    /// Plays in the large database; the small one has 10 000.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(20_000..100_000_000))]
    plays: u32,
    /// Files in the large sound folder; the small one has 10.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(100..1_000_000))]
    files: u32,
    /// Leave Bun and Fastify out.
    #[arg(long)]
    no_peers: bool,
    /// Measure this binary instead of building one.
    #[arg(long)]
    server: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failed> {
    let target = target_folder()?;
    let folder = target.join("bench");
    let binary = product::find_or_build(options.server.as_deref(), &target)?;
    let peers = if options.no_peers {
        None
    } else {
        peers::install(&workspace(), &folder)
    };

    let world = World::new();
    let sizes = Sizes {
        plays: options.plays,
        files: options.files,
    };
    let fleet = Fleet::start(&binary, peers.as_ref(), &folder, &world, sizes)?;
    let plan = Plan::new(&world, &fleet, sizes);
    process::pin_self(process::LOAD_CORE);

    let load = Load::new(
        usize::from(options.connections),
        Duration::from_millis(options.run_ms),
    )?;
    println!("warming up, and comparing answers ...");
    for server in fleet.iter() {
        load.introduce(server.target(), plan.introductions())?;
    }
    plan.compare_answers(&load, &fleet)?;
    report::print_setting(options, &fleet, peers.as_ref());
    let results = plan.measure(&load, &fleet, options.rounds)?;
    report::print(&plan, &fleet, &results);
    Ok(())
}
