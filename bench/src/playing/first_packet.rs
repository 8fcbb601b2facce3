//! From a command to the first packet, the bot being in the channel: every format, every bot, in
//! turn.

use std::collections::BTreeMap;
use std::time::Duration;

use bench::Failed;
use bench::figures::{Goals, Times, cell};

use crate::Plan;
use crate::cast::{self, Room, Who};
use crate::sounds::FORMATS;
use crate::stage::{Running, Stage, Yuri};

/// Two ticks of a mixer, and three.
const MEDIAN_MS: f64 = 40.0;
const P99_MS: f64 = 60.0;

/// What was measured of one bot and one format.
#[derive(Default)]
struct Case {
    /// Of files that were not prepared.
    ever: Times,
    /// The first play of a file since the process began.
    of_process: Times,
    later: Times,
}

/// By bot and format, each by its number.
type Cases = BTreeMap<(usize, usize), Case>;

pub(crate) async fn measure(stage: &Stage, plan: &Plan, goals: &mut Goals) -> Result<(), Failed> {
    eprintln!("first packet: Yuri, started with nothing prepared ...");
    let mut cases = Cases::new();
    for start in 0..plan.fresh_starts {
        measure_fresh(stage, usize::try_from(start)?, &mut cases).await?;
    }
    let casting = stage.cast();
    let mut bots = Vec::new();
    for who in &casting {
        let bot = stage.start(*who).await?;
        bot.join(cast::room(*who, 0)).await?;
        bots.push(bot);
    }
    for round in 0..usize::try_from(plan.rounds)? {
        eprintln!("first packet: round {} of {} ...", round + 1, plan.rounds);
        for (format, (_, _, file)) in FORMATS.iter().enumerate() {
            for turn in 0..bots.len() {
                let place = (turn + round) % bots.len();
                let bot = &bots[place];
                let took = once(bot, cast::room(bot.who, 0), file, round).await?;
                let case = cases.entry((place, format)).or_default();
                let times = if round == 0 {
                    &mut case.of_process
                } else {
                    &mut case.later
                };
                times.push(took);
            }
        }
    }
    for bot in bots {
        bot.stop().await?;
    }
    print(&casting, &cases);
    judge(&casting, &cases, goals);
    Ok(())
}

/// Every format once with nothing prepared, and once more after another start.
async fn measure_fresh(stage: &Stage, number: usize, cases: &mut Cases) -> Result<(), Failed> {
    for how in [Yuri::Fresh, Yuri::Again] {
        let yuri = stage.start_yuri(how).await?;
        let room = cast::room(Who::Yuri, 0);
        yuri.join(room).await?;
        for turn in 0..FORMATS.len() {
            let format = (turn + number) % FORMATS.len();
            let (_, _, file) = FORMATS[format];
            let took = once(&yuri, room, file, turn).await?;
            let case = cases.entry((0, format)).or_default();
            match how {
                Yuri::Fresh => case.ever.push(took),
                Yuri::Again | Yuri::Prepared => case.of_process.push(took),
            }
        }
        yuri.stop().await?;
    }
    Ok(())
}

/// Plays a sound and stops it, then waits for a while that differs from turn to turn, so that
/// commands come at every phase of a mixer's tick.
async fn once(bot: &Running, room: Room, file: &str, turn: usize) -> Result<Duration, Failed> {
    let start = bot.play(room, file).await?;
    bot.stop_sound(room).await?;
    let phase = u64::try_from(turn)? * 13 % 40;
    tokio::time::sleep(Duration::from_millis(150 + phase)).await;
    Ok(start.took())
}

fn print(bots: &[Who], cases: &Cases) {
    println!("\n### From command to first packet, the bot being in the channel\n");
    println!(
        "| format | bot | first ever: p50, most | first of a process: p50, most | later: p50 ms | \
         p99 ms | most ms |\n|---|---|---:|---:|---:|---:|---:|"
    );
    let row = |format: &str, who: Who, case: &Case| {
        println!(
            "| {format} | {who} | {} | {} | {} | {} | {} |",
            pair(&case.ever),
            pair(&case.of_process),
            cell(case.later.p50(), 1),
            cell(case.later.p99(), 1),
            cell(case.later.most(), 1),
        );
    };
    for (format, (name, _, _)) in FORMATS.iter().enumerate() {
        for (place, who) in bots.iter().enumerate() {
            if let Some(case) = cases.get(&(place, format)) {
                row(name, *who, case);
            }
        }
    }
    for (place, who) in bots.iter().enumerate() {
        row("all", *who, &of_all_formats(cases, place));
    }
}

fn pair(times: &Times) -> String {
    if times.is_empty() {
        return "–".to_owned();
    }
    format!("{}, {}", cell(times.p50(), 1), cell(times.most(), 1))
}

fn of_all_formats(cases: &Cases, place: usize) -> Case {
    let mut all = Case::default();
    let of_bot = cases.iter().filter(|((bot, _), _)| *bot == place);
    for (_, of) in of_bot {
        all.ever.extend(of.ever.iter());
        all.of_process.extend(of.of_process.iter());
        all.later.extend(of.later.iter());
    }
    all
}

/// First plays of prepared sounds count; those of sounds that are not prepared stand apart.
fn judge(bots: &[Who], cases: &Cases, goals: &mut Goals) {
    let prepared = |place: usize| {
        let case = of_all_formats(cases, place);
        let times = case.of_process.iter().chain(case.later.iter());
        times.collect::<Times>()
    };
    let yuri = prepared(0);
    goals.at_most(
        "first packet, first plays included, p50",
        yuri.p50(),
        MEDIAN_MS,
        "ms",
    );
    goals.at_most(
        "first packet, first plays included, p99",
        yuri.p99(),
        P99_MS,
        "ms",
    );
    let ever = of_all_formats(cases, 0).ever;
    goals.at_most(
        "first packet of a sound that was not prepared, p50",
        ever.p50(),
        MEDIAN_MS,
        "ms",
    );
    if let Some(place) = bots.iter().position(|who| *who == Who::DiscordJs) {
        for (format, (name, _, _)) in FORMATS.iter().enumerate() {
            let p50 = |place: usize| {
                let case = cases.get(&(place, format));
                case.map_or(f64::NAN, |case| case.later.p50())
            };
            let what = format!("first packet, {name}, p50: below discord.js");
            goals.below(&what, p50(0), p50(place), "ms");
        }
    }
}
