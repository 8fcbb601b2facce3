//! Measures how Yuri plays, beside what one would write with discord.py or discord.js.
//!
//! `cargo run --profile dist -p bench --bin playing` builds the server as it is shipped, installs
//! the peers, starts a simulated Discord in this process and every bot in one of its own, gives
//! all of them the same commands over the same files, and prints tables for `docs/performance.md`.
//! Only what stands side by side in one run can be compared.
//!
//! A run in short: [`cast`] says who takes part, [`sounds`] makes the files, [`stage`] starts the
//! simulator and bots and gives commands; [`first_packet`], [`joining`], [`cadence`], [`load`] and
//! [`cycles`] measure; `bench::figures` prints.
#![expect(
    clippy::print_stdout,
    reason = "the tables are what this program is for"
)]

mod busy;
mod cadence;
mod cast;
mod clients;
mod cycles;
mod first_packet;
mod joining;
mod load;
mod sounds;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bench::figures::Goals;
use bench::product::{self, target_folder, workspace};
use bench::{Failed, process};
use clap::{Parser, ValueEnum};

use stage::Stage;

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// From a command to the first packet, the bot being in the channel.
    FirstPacket,
    /// From a command to the first packet that can be decrypted, the bot being in no channel.
    Joining,
    /// Packets and gaps over minutes, beside a loaded core.
    Cadence,
    /// Processor time and memory of many guilds.
    Load,
    /// What is left of a thousand joins, plays and leaves; of Yuri only, takes half an hour, and
    /// is left out unless it is named.
    Cycles,
}

/// Measures how Yuri plays, beside its peers, against a simulated Discord, and prints tables.
#[derive(Debug, Clone, Parser)]
struct Options {
    /// Measure this only; may be given several times.
    #[arg(long, value_name = "SECTION")]
    only: Vec<Section>,
    /// Small counts, to try the program; the figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Leave discord.js and discord.py out.
    #[arg(long)]
    no_peers: bool,
    /// Measure this binary instead of building one.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Plays of each format by each bot, and joins of each bot.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..1000))]
    rounds: u32,
    /// Seconds of one sound in the section `cadence`.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(5..=3500))]
    cadence_s: u64,
    /// Seconds that each case of the section `load` is measured; with one guild twice that.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=600))]
    window_s: u64,
    /// Guilds at once for Yuri alone in the section `load`; may be given several times.
    #[arg(long, default_values_t = [50, 200], value_parser = clap::value_parser!(u16).range(2..1000))]
    guilds: Vec<u16>,
    /// Keep a core busy until standard input ends.
    #[arg(long, hide = true)]
    be_busy: bool,
}

/// How much of everything is done.
#[derive(Debug, Clone)]
struct Plan {
    rounds: u32,
    /// Starts of Yuri with nothing prepared.
    fresh_starts: u32,
    cadence: Duration,
    window: Duration,
    /// Guilds at once, for Yuri alone and for all.
    guilds: Vec<usize>,
    guilds_beside_peers: [usize; 2],
    /// Joins, plays and leaves, all guilds together.
    cycles: usize,
}

impl Plan {
    fn new(options: &Options) -> Self {
        let full = Self {
            rounds: options.rounds,
            fresh_starts: 5,
            cadence: Duration::from_secs(options.cadence_s),
            window: Duration::from_secs(options.window_s),
            guilds: options.guilds.iter().copied().map(usize::from).collect(),
            guilds_beside_peers: [1, 20],
            cycles: 1000,
        };
        if !options.quick {
            return full;
        }
        Self {
            rounds: full.rounds.min(2),
            fresh_starts: 1,
            cadence: full.cadence.min(Duration::from_secs(10)),
            window: full.window.min(Duration::from_secs(3)),
            guilds: vec![5, 8],
            guilds_beside_peers: [1, 3],
            cycles: 40,
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.be_busy {
        busy::spin_until_input_ends();
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("playing: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failed> {
    let target = target_folder()?;
    let binary = product::find_or_build(options.server.as_deref(), &target)?;
    let folder = target.join("bench");
    let clients = if options.no_peers {
        None
    } else {
        clients::install(&workspace(), &folder.join("clients"))
    };
    let plan = Plan::new(options);
    let does = |section| options.only.is_empty() || options.only.contains(&section);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stage = Stage::build(&folder.join("playing"), binary, clients, &plan).await?;
        print_setting(&stage, options.quick);
        let mut goals = Goals::default();
        if does(Section::FirstPacket) {
            first_packet::measure(&stage, &plan, &mut goals).await?;
        }
        if does(Section::Joining) {
            joining::measure(&stage, &plan, &mut goals).await?;
        }
        if does(Section::Cadence) {
            cadence::measure(&stage, &plan, &mut goals).await?;
        }
        if does(Section::Load) {
            load::measure(&stage, &plan, &mut goals).await?;
        }
        // Discord's limit makes it long: only for whoever asks.
        if options.only.contains(&Section::Cycles) {
            cycles::measure(&stage, &plan, &mut goals).await?;
        }
        goals.print();
        stage.close().await;
        Ok(())
    })
}

/// Under what circumstances this run happens.
fn print_setting(stage: &Stage, quick: bool) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "\n{}; {cores} cores; other work on this machine: load {:.1}",
        stage.versions(),
        process::load_average(),
    );
    if quick {
        println!("\nA trial run (`--quick`): the figures mean nothing.");
    }
}
