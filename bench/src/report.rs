//! The tables, as Markdown: what was measured, and what divided by what.

use std::time::Duration;

use crate::Options;
use crate::load::Measured;
use crate::peers::Peers;
use crate::plan::{Plan, Ratio, Sense};
use crate::servers::{Fleet, Server};
use bench::process::{self, Memory};

/// Above this share of its core the load generator may have been the limit.
const GENERATOR_SHARE_MAX: f64 = 0.9;

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
    let rounds = || of.iter().zip(to);
    let divide = |a: f64, b: f64| if b > 0.0 { a / b } else { f64::NAN };
    let (mut speed, mut processor): (Vec<f64>, Vec<f64>) = match ratio.sense {
        Sense::Speed => (
            rounds()
                .map(|(of, to)| divide(of.requests_per_s, to.requests_per_s))
                .collect(),
            rounds()
                .map(|(of, to)| divide(seconds(to.processor), seconds(of.processor)))
                .collect(),
        ),
        Sense::Cost => (
            rounds()
                .map(|(of, to)| divide(to.requests_per_s, of.requests_per_s))
                .collect(),
            rounds()
                .map(|(of, to)| divide(seconds(of.processor), seconds(to.processor)))
                .collect(),
        ),
    };
    let unit = match ratio.sense {
        Sense::Speed => "times the requests",
        Sense::Cost => "times the time",
    };
    let (speed, processor) = (Spread::of(&mut speed), Spread::of(&mut processor));
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

/// Values of the rounds.
struct Spread {
    lowest: f64,
    median: f64,
    highest: f64,
}

impl Spread {
    fn of(values: &mut [f64]) -> Self {
        values.sort_by(f64::total_cmp);
        let end = values.len().saturating_sub(1);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        let median = f64::midpoint(at(end / 2), at(end.div_ceil(2)));
        Self {
            lowest: at(0),
            median,
            highest: at(end),
        }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "**{:.2}** ({:.2} to {:.2})",
            self.median, self.lowest, self.highest
        )
    }
}

fn median(rounds: &[Measured], value: impl Fn(&Measured) -> f64) -> f64 {
    Spread::of(&mut rounds.iter().map(value).collect::<Vec<_>>()).median
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        let spread = Spread::of(&mut [4.0, 1.0, 3.0, 2.0]);
        assert_eq!(spread.to_string(), "**2.50** (1.00 to 4.00)");
        assert_eq!(
            Spread::of(&mut [7.0]).to_string(),
            "**7.00** (7.00 to 7.00)"
        );
    }
}
