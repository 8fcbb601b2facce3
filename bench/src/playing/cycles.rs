//! Into a channel, a sound, and out again, a thousand times: what the process holds then.

use std::time::Duration;

use bench::figures::{Goals, bytes, number};
use bench::{Failed, process};

use crate::Plan;
use crate::cast::{self, Who};
use crate::sounds::LONG_OPUS;
use crate::stage::{Running, Stage};

/// Guilds that take part in turn, at most.
const GUILDS: usize = 20;
/// A cycle needs three requests to the gateway, which allows 120 a minute.
const EACH: Duration = Duration::from_millis(1_600);
/// Lines of the table, beside the first.
const LINES: usize = 4;
/// From the last leave to what is held afterwards: songbird's last tasks end a little later.
const COOLING_DOWN: Duration = Duration::from_secs(15);
/// Memory that allocators keep, not what is lost by each cycle.
const MEMORY_MIB: f64 = 8.0;

/// What the process holds.
struct Held {
    cycles: usize,
    threads: usize,
    files: usize,
    resident_mib: f64,
    anonymous_mib: f64,
}

impl Held {
    async fn after(cycles: usize, bot: &Running) -> Result<Self, Failed> {
        tokio::time::sleep(COOLING_DOWN).await;
        let (pid, usage) = (bot.pid(), bot.usage());
        let mib = |count| bytes(count) / f64::from(1 << 20);
        Ok(Self {
            cycles,
            threads: process::threads(pid)?,
            files: process::open_files(pid)?,
            resident_mib: mib(usage.resident),
            anonymous_mib: mib(usage.anonymous),
        })
    }
}

pub(crate) async fn measure(stage: &Stage, plan: &Plan, goals: &mut Goals) -> Result<(), Failed> {
    let bot = stage.start(Who::Yuri).await?;
    let rooms = cast::rooms(Who::Yuri, GUILDS.min(plan.guilds[0]));
    let go_round = async |rounds: usize| {
        let mut next = tokio::time::interval(EACH);
        next.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for room in rooms.iter().cycle().take(rounds * rooms.len()) {
            next.tick().await;
            bot.play(*room, LONG_OPUS).await?;
            bot.leave(*room).await?;
            bot.sim.clear_heard(room.guild);
        }
        Ok::<(), Failed>(())
    };
    eprintln!("cycles: what is there once and for all ...");
    go_round(2).await?;
    let mut lines = vec![Held::after(0, &bot).await?];
    let rounds = plan.cycles.div_ceil(rooms.len() * LINES);
    for line in 1..=LINES {
        eprintln!("cycles: {line} of {LINES} ...");
        go_round(rounds).await?;
        lines.push(Held::after(line * rounds * rooms.len(), &bot).await?);
    }
    print(&lines, rooms.len());
    if let [first, .., last] = lines.as_slice() {
        let more = |of: fn(&Held) -> usize| number(of(last)) - number(of(first));
        let cycles = last.cycles;
        let left = |what: &str| format!("{what} left of {cycles} joins, plays and leaves");
        goals.at_most(&left("threads"), more(|held| held.threads), 0.0, "");
        goals.at_most(&left("open files"), more(|held| held.files), 0.0, "");
        let memory = last.anonymous_mib - first.anonymous_mib;
        goals.at_most(&left("memory"), memory, MEMORY_MIB, "MiB");
    }
    bot.stop().await
}

fn print(lines: &[Held], guilds: usize) {
    println!("\n### Joins, plays and leaves in {guilds} guilds\n");
    println!(
        "| so many | threads | open files | resident MiB | anonymous MiB |\n|---:|---:|---:|---:|---:|"
    );
    for held in lines {
        println!(
            "| {} | {} | {} | {:.1} | {:.1} |",
            held.cycles, held.threads, held.files, held.resident_mib, held.anonymous_mib,
        );
    }
}
