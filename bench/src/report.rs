//! The tables, as Markdown: what was measured, and what divided by what.

use std::time::Duration;

use crate::Options;
use crate::peers::Peers;
use crate::plan::{Plan, Ratio, Sense};
use crate::servers::{Fleet, Server};
use bench::load::{GENERATOR_SHARE_MAX, Measured, median, times_the_time};
use bench::process::{self, Memory};

/// Under what circumstances this run happens.
pub(crate) fn print_setting(options: &Options, fleet: &Fleet, peers: Option<&Peers>) {
    println!(
        "\n{} connections, {} rounds of {} ms, servers in turn{}; other work on this machine: \
         load {:.1}",
        options.connections,
        options.rounds,
        options.run_ms,
        if process::can_pin() {
            ", on one core, the load on another"
        } else {
            ", NOT pinned"
        },
        process::load_average(),
    );
    if let Some(peers) = peers {
        println!("{}", peers.versions());
    }
    println!(
        "{} servers on the large data, with the same answers\n",
        1 + fleet.peers.len()
    );
}

/// Both tables.
pub(crate) fn print(plan: &Plan, fleet: &Fleet, results: &[Vec<Measured>]) {
    let servers: Vec<&Server> = fleet.iter().collect();
    println!(
        "\n| route | server | requests/s | p50 ms | p99 ms | processor µs/request | memory MB \
         (without mapped files) |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|");
    for (case, rounds) in plan.cases.iter().zip(results) {
        let Memory { resident, files } =
            rounds.last().map_or(Memory::default(), |last| last.memory);
        println!(
            "| {} | {} | {:.0} | {:.2} | {:.2} | {:.1} | {} ({}) |",
            case.route,
            servers[case.server].name,
            median(rounds, |run| run.requests_per_s),
            median(rounds, |run| milliseconds(run.p50)),
            median(rounds, |run| milliseconds(run.p99)),
            median(rounds, |run| milliseconds(run.processor) * 1000.0),
            resident >> 20,
            (resident - files.min(resident)) >> 20,
        );
    }
    println!(
        "\nRatios within the run: median of the rounds (lowest to highest). \"times the requests\" \
         is better\nwhen larger, \"times the time\" when smaller.\n"
    );
    println!("| ratio | by requests/s | by processor time | goal |");
    println!("|---|---|---|---|");
    for ratio in &plan.ratios {
        print_ratio(ratio, &results[ratio.of], &results[ratio.to]);
    }
    warn_of_generator(plan, results);
}

fn print_ratio(ratio: &Ratio, of: &[Measured], to: &[Measured]) {
    let (speed, processor) = match ratio.sense {
        Sense::Speed => times_the_time(to, of),
        Sense::Cost => times_the_time(of, to),
    };
    let unit = match ratio.sense {
        Sense::Speed => "times the requests",
        Sense::Cost => "times the time",
    };
    let goal = ratio.goal.map_or_else(String::new, |goal| {
        let (relation, met) = match ratio.sense {
            Sense::Speed => ("at least", speed.median >= goal),
            Sense::Cost => ("at most", speed.median <= goal),
        };
        format!("{relation} {goal}: {}", if met { "met" } else { "missed" })
    });
    println!(
        "| {}, {unit} | {speed} | {processor} | {goal} |",
        ratio.title
    );
}

/// A generator without room to spare makes the quicker server look slower than it is.
fn warn_of_generator(plan: &Plan, results: &[Vec<Measured>]) {
    for (case, rounds) in plan.cases.iter().zip(results) {
        let share = median(rounds, |run| run.generator_share);
        if share > GENERATOR_SHARE_MAX {
            println!(
                "\nThe load generator used {:.0} % of its core for \"{}\" (server {}): that server \
                 may be\nquicker than shown; its processor time per request is not affected.",
                share * 100.0,
                case.route,
                case.server + 1,
            );
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
