//! Measures many sessions of many bots at once: what each holds and uses, and how quickly they are
//! opened and read.
//!
//! `cargo run --profile dist -p bench --bin sessions` builds the server as it is shipped, starts a
//! simulated Discord with a hundred bots in this process and the server in another, logs all bots
//! in, and has them read, join and play. Then the same bots read as fast as they are answered.
//!
//! A run in short: [`world`] says who takes part, [`stage`] starts simulator and server, [`door`]
//! asks, [`held`] looks at the process; `bench::routes` measures the reads.
#![expect(
    clippy::print_stdout,
    reason = "the tables are what this program is for"
)]

mod door;
mod held;
mod stage;
mod world;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bench::Failed;
use bench::figures::{Goals, Times, bytes, number};
use bench::installation::Installation;
use bench::load::Load;
use bench::process::{self, LOAD_CORE};
use bench::product::{self, target_folder};
use bench::routes::{self, Route};
use clap::Parser;
use tokio::runtime::Runtime;

use door::Session;
use held::{HEAD, Held};
use stage::Stage;
use world::Bot;

/// Idle connections to Discord are kept for 90 seconds; only then is a process without sessions what
/// it was.
const COOLING_DOWN: Duration = Duration::from_secs(95);
/// From the last join, or the last first packet, to the measurement.
const RUNNING_IN: Duration = Duration::from_secs(2);
/// Memory that allocators keep, not what is lost by each session.
const LEFT_MIB: f64 = 16.0;

/// Measures many sessions of many bots, and prints tables.
#[derive(Debug, Parser)]
struct Options {
    /// Bots, each with a session.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(2..=900))]
    bots: u16,
    /// How many of them play at once.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=900))]
    playing: u16,
    /// Seconds that each state is looked at.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=300))]
    window_s: u64,
    /// Rounds of reads; each asks for every route once, in turn, every other round in reverse.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..20))]
    rounds: u32,
    /// Milliseconds of load for each route in each round.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(50..=5_000))]
    run_ms: u64,
    /// Connections of that load, all kept alive.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..1000))]
    connections: u16,
    /// Small counts, to try the program; the figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Measure this binary instead of building one.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

/// How much of everything is done.
#[derive(Debug, Clone)]
struct Plan {
    bots: u16,
    playing: usize,
    window: Duration,
    cooling_down: Duration,
    rounds: u32,
    run: Duration,
    connections: usize,
}

impl Plan {
    fn new(options: &Options) -> Self {
        let full = Self {
            bots: options.bots,
            playing: usize::from(options.playing.min(options.bots)),
            window: Duration::from_secs(options.window_s),
            cooling_down: COOLING_DOWN,
            rounds: options.rounds,
            run: Duration::from_millis(options.run_ms),
            connections: usize::from(options.connections),
        };
        if !options.quick {
            return full;
        }
        Self {
            bots: full.bots.min(5),
            playing: full.playing.min(2),
            window: full.window.min(Duration::from_secs(3)),
            cooling_down: Duration::from_secs(3),
            rounds: 1,
            run: full.run.min(Duration::from_millis(100)),
            connections: full.connections.min(8),
        }
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sessions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failed> {
    let target = target_folder()?;
    let binary = product::find_or_build(options.server.as_deref(), &target)?;
    let plan = Plan::new(options);
    // Before there are threads: the simulator shares the core of the load.
    process::pin_self(LOAD_CORE);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let folder = target.join("bench/sessions");
    let stage = runtime.block_on(Stage::build(&folder, binary, &plan))?;
    print_setting(options, &plan);
    let mut goals = Goals::default();
    runtime.block_on(hold(&stage, &plan, &mut goals))?;
    read(&stage, &plan, &runtime)?;
    goals.print();
    runtime.block_on(stage.close());
    Ok(())
}

/// Under what circumstances this run happens.
fn print_setting(options: &Options, plan: &Plan) {
    println!(
        "\n{} bots, each in a guild of its own with {} members and {} channels{}; other work on \
         this machine: load {:.1}",
        plan.bots,
        world::MEMBERS + 2,
        world::TEXTS + 2,
        if process::can_pin() {
            "; the server on one core, simulator and clients on another"
        } else {
            "; NOT pinned"
        },
        process::load_average(),
    );
    if options.quick {
        println!("\nA trial run (`--quick`): the figures mean nothing.");
    }
}

/// What sessions hold and use, from none to none.
async fn hold(stage: &Stage, plan: &Plan, goals: &mut Goals) -> Result<(), Failed> {
    let (server, door) = stage.start().await?;
    let pid = server.pid();
    let look = async |state: String| Held::watch(state, pid, plan.window).await;

    eprintln!("one bot goes ahead ...");
    stage.go_ahead(&door).await?;
    tokio::time::sleep(plan.cooling_down).await;
    let none = look("no session".to_owned()).await?;

    let count = usize::from(plan.bots);
    let (sessions, logins) = stage.log_in(&door, stage.measured()).await?;
    let logged_in = look(format!("{count} sessions")).await?;

    stage.read(&door, &sessions).await?;
    let read = look("members, channels and messages read".to_owned()).await?;

    eprintln!("{count} bots join ...");
    stage.join(&door, &sessions).await?;
    tokio::time::sleep(RUNNING_IN).await;
    let joined = look("all in voice, silent".to_owned()).await?;

    let players = sessions.get(..plan.playing).unwrap_or_default();
    stage.play(&door, players).await?;
    tokio::time::sleep(RUNNING_IN).await;
    for session in players {
        let sim = stage.sim.for_bot(session.bot.application);
        sim.clear_heard(session.bot.guild);
    }
    let playing = look(format!("{} of them playing", players.len())).await?;
    let (packets, breaks) = listen(stage, players);
    stage.stop(&door, players).await?;

    stage.log_out(&door, &sessions).await?;
    tokio::time::sleep(plan.cooling_down).await;
    let left = look("all logged out".to_owned()).await?;
    let identifies = stage.count_identifies().await?;
    server.stop().await?;

    print_logins(&logins, count);
    println!("\n### What sessions hold and use\n\n{HEAD}");
    let lines = [
        none.line(None),
        logged_in.line(Some((&none, count))),
        read.line(Some((&none, count))),
        joined.line(Some((&none, count))),
        playing.line(Some((&joined, players.len()))),
        left.line(None),
    ];
    println!("{}", lines.join("\n"));
    println!(
        "\nWhat each bot costs is beside the first line; what each that plays costs is beside the \
         line before.\nOf each that plays {:.1} packets/s were heard, with {breaks} sequence breaks \
         in all.",
        packets / plan.window.as_secs_f64() / number(players.len()),
    );
    judge(goals, &none, &left, &identifies);
    Ok(())
}

/// The packets that were heard of these, and the breaks among them.
fn listen(stage: &Stage, players: &[Session]) -> (f64, usize) {
    let heard = players.iter().map(|session| {
        let sim = stage.sim.for_bot(session.bot.application);
        sim.heard(session.bot.guild)
    });
    heard.fold((0.0, 0), |(packets, breaks), heard| {
        (
            packets + number(heard.packets),
            breaks + heard.sequence_breaks,
        )
    })
}

fn print_logins(logins: &Times, count: usize) {
    println!(
        "\n### {count} logins at once\n\n| p50 ms | p99 ms | most ms |\n|---:|---:|---:|\n\
         | {:.1} | {:.1} | {:.1} |",
        logins.p50(),
        logins.p99(),
        logins.most(),
    );
}

fn judge(goals: &mut Goals, before: &Held, after: &Held, identifies: &[u64]) {
    let fewest = identifies.iter().min().copied().unwrap_or_default();
    let most = identifies.iter().max().copied().unwrap_or_default();
    goals.is_so(
        "each bot has identified once",
        format!("{fewest} to {most} times"),
        (fewest, most) == (1, 1),
    );
    let more = |of: fn(&Held) -> usize| number(of(after)) - number(of(before));
    goals.at_most("threads left", more(|held| held.threads), 0.0, "");
    goals.at_most("open files left", more(|held| held.files), 0.0, "");
    let memory = bytes(after.anonymous) - bytes(before.anonymous);
    let memory = memory / f64::from(1 << 20);
    goals.at_most("memory left", memory, LEFT_MIB, "MiB");
}

/// What reads cost beside the empty route, in a process of its own.
fn read(stage: &Stage, plan: &Plan, runtime: &Runtime) -> Result<(), Failed> {
    let ((server, door), bots) = (runtime.block_on(stage.start())?, stage.measured());
    let visitors = runtime.block_on(log_visitors_in(&server))?;
    let (sessions, _) = runtime.block_on(stage.log_in(&door, bots))?;
    let load = Load::new(plan.connections, plan.run)?;
    let routes = [
        Route::nothing(visitors),
        reads("channels", &sessions, door::channels),
        reads("members", &sessions, door::members),
    ];
    println!(
        "\n### Reads of sessions, from what REST has told\n\n{} connections, {} rounds of {} ms.\n",
        plan.connections,
        plan.rounds,
        plan.run.as_millis(),
    );
    routes::compare(&load, server.target(), &routes, plan.rounds)?;
    runtime.block_on(stage.join(&door, &sessions))?;
    println!("\n### The same, all bots being connected to the gateway\n");
    routes::compare(&load, server.target(), &routes, plan.rounds)?;
    runtime.block_on(stage.log_out(&door, &sessions))?;
    runtime.block_on(server.stop())
}

/// A read of every session in turn.
fn reads(title: &str, sessions: &[Session], path: fn(&Bot) -> String) -> Route {
    let asked = sessions.iter();
    Route::new(
        title,
        asked.map(|session| (path(&session.bot), session.id.clone())),
    )
}

/// The `Authorization` headers of those who ask for the empty route.
async fn log_visitors_in(server: &Installation) -> Result<Vec<String>, Failed> {
    let mut all = Vec::new();
    for (number, host) in (0..world::VISITORS).zip(1..) {
        let address = Ipv4Addr::new(10, 2, 0, host);
        let visitor = server.log_in(&world::visitor(number), address).await?;
        all.push(visitor.authorization());
    }
    Ok(all)
}
