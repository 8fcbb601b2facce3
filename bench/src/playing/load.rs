//! Many guilds at once: processor time and memory of each, by what they play. Every number of
//! guilds has a process of its own, so that none inherits another's memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bench::figures::{Goals, Times, bytes, cell, number};
use bench::{Failed, process::Usage};
use tokio::task::JoinSet;

use crate::Plan;
use crate::cast::{self, Room, Who};
use crate::sounds::{LONG_MP3, LONG_OPUS};
use crate::stage::{Running, Stage};

/// Percent of a core for each guild that plays an Opus file as it is.
const EACH_PERCENT: f64 = 0.12;
/// Guilds that are dealt with at the same time.
const AT_ONCE: usize = 20;
/// Discord takes 120 gateway events of a bot a minute. Yuri's first join of a guild is two of them,
/// as songbird names the channel and the deafness one after the other.
const JOINS_A_MINUTE: usize = 50;
const MINUTE: Duration = Duration::from_mins(1);
/// From the last join, or the last first packet, to the measurement.
const RUNNING_IN: Duration = Duration::from_secs(2);

/// What the guilds do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Nothing,
    Opus,
    Mp3,
    /// The Opus file at 80 % volume.
    Quieter,
    /// The Opus file twice at the same time.
    Two,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "joined, silent",
            Self::Opus => "Opus file",
            Self::Mp3 => "MP3 file",
            Self::Quieter => "Opus file at 80 %",
            Self::Two => "two Opus files",
        }
    }
}

/// What came of it.
struct Measured {
    who: Who,
    guilds: usize,
    what: What,
    /// Percent of a core, of all guilds together.
    processor: f64,
    usage: Usage,
    /// A second, of each guild.
    packets: f64,
    gap_p99_ms: f64,
    breaks: usize,
}

impl Measured {
    fn each(&self) -> f64 {
        self.processor / number(self.guilds)
    }
}

pub(crate) async fn measure(stage: &Stage, plan: &Plan, goals: &mut Goals) -> Result<(), Failed> {
    let all = [What::Nothing, What::Opus, What::Quieter, What::Two];
    let mut results = Vec::new();
    let cast = stage.cast();
    let side_by_side = if cast.len() > 1 {
        &[What::Nothing, What::Opus, What::Mp3][..]
    } else {
        &[]
    };
    for guilds in plan.guilds_beside_peers {
        for who in &cast {
            let mut what = side_by_side.to_vec();
            if *who == Who::Yuri {
                what.extend(all.iter().filter(|what| !side_by_side.contains(what)));
            }
            match run(stage, plan, *who, guilds, &what, &mut results).await {
                // What Yuri does is measured all the same.
                Err(error) if *who != Who::Yuri => {
                    println!("\n{who} did not get through {guilds} guilds at once: {error}");
                }
                done => done?,
            }
        }
    }
    for guilds in plan.guilds.iter().copied() {
        run(stage, plan, Who::Yuri, guilds, &all, &mut results).await?;
    }
    print(&results);
    print_memory(&results);
    for result in &results {
        let counts = result.who == Who::Yuri && result.what == What::Opus;
        // One guild alone carries all that the process does besides.
        if counts && result.guilds > 1 {
            let guilds = result.guilds;
            let what = format!("processor for each of {guilds} guilds that play an Opus file");
            goals.at_most(&what, result.each(), EACH_PERCENT, "% of a core");
        }
    }
    Ok(())
}

/// Measures one bot in so many guilds.
async fn run(
    stage: &Stage,
    plan: &Plan,
    who: Who,
    guilds: usize,
    cases: &[What],
    results: &mut Vec<Measured>,
) -> Result<(), Failed> {
    let bot = Arc::new(stage.start(who).await?);
    let rooms = cast::rooms(who, guilds);
    let window = if guilds == 1 {
        plan.window * 2
    } else {
        plan.window
    };
    eprintln!("load: {who} joins {guilds} guilds ...");
    for (number, rooms) in rooms.chunks(JOINS_A_MINUTE).enumerate() {
        if number > 0 {
            tokio::time::sleep(MINUTE).await;
        }
        for_each(&bot, rooms, |bot, room| async move { bot.join(room).await }).await?;
    }
    for what in cases.iter().copied() {
        eprintln!("load: {who}, {guilds} guilds, {} ...", what.name());
        begin(&bot, &rooms, what).await?;
        tokio::time::sleep(RUNNING_IN).await;
        for room in &rooms {
            bot.sim.clear_heard(room.guild);
        }
        let (began, before) = (Instant::now(), bot.usage());
        tokio::time::sleep(window).await;
        let (usage, took) = (bot.usage(), began.elapsed());
        let used = usage.processor.saturating_sub(before.processor);
        let mut result = Measured {
            who,
            guilds,
            what,
            processor: 100.0 * used.as_secs_f64() / took.as_secs_f64(),
            usage,
            packets: f64::NAN,
            gap_p99_ms: f64::NAN,
            breaks: 0,
        };
        if what != What::Nothing {
            listen(&bot, &rooms, took, &mut result);
        }
        results.push(result);
        end(&bot, &rooms, what).await?;
    }
    let bot = Arc::into_inner(bot).ok_or("a guild is still busy")?;
    bot.stop().await
}

/// Has every guild do this.
async fn begin(bot: &Arc<Running>, rooms: &[Room], what: What) -> Result<(), Failed> {
    for_each(bot, rooms, move |bot, room| async move {
        match what {
            What::Nothing => {}
            What::Opus => drop(bot.play(room, LONG_OPUS).await?),
            What::Mp3 => drop(bot.play(room, LONG_MP3).await?),
            What::Quieter => {
                bot.command(room, "volume", &[("percent", "80")]).await?;
                bot.play(room, LONG_OPUS).await?;
            }
            What::Two => {
                bot.command(room, "settings", &[("mode", "2")]).await?;
                bot.play(room, LONG_OPUS).await?;
                bot.play(room, LONG_OPUS).await?;
            }
        }
        Ok(())
    })
    .await
}

/// Ends that, and leaves everything as it was.
async fn end(bot: &Arc<Running>, rooms: &[Room], what: What) -> Result<(), Failed> {
    for_each(bot, rooms, move |bot, room| async move {
        match what {
            What::Nothing => return Ok(()),
            What::Opus | What::Mp3 => {}
            What::Quieter => {
                bot.command(room, "volume", &[("percent", "100")]).await?;
            }
            What::Two => {
                bot.command(room, "settings", &[("mode", "0")]).await?;
            }
        }
        bot.stop_sound(room).await
    })
    .await
}

/// Does something in every guild, in several at the same time.
async fn for_each<F>(
    bot: &Arc<Running>,
    rooms: &[Room],
    act: impl Fn(Arc<Running>, Room) -> F,
) -> Result<(), Failed>
where
    F: Future<Output = Result<(), Failed>> + Send + 'static,
{
    let mut acts = JoinSet::new();
    for room in rooms {
        if acts.len() >= AT_ONCE
            && let Some(done) = acts.join_next().await
        {
            done??;
        }
        acts.spawn(act(Arc::clone(bot), *room));
    }
    while let Some(done) = acts.join_next().await {
        done??;
    }
    Ok(())
}

/// What was heard meanwhile, all guilds together.
fn listen(bot: &Running, rooms: &[Room], took: Duration, result: &mut Measured) {
    let mut gaps = Times::default();
    let mut packets = 0;
    for room in rooms {
        let heard = bot.sim.heard(room.guild);
        packets += heard.packets;
        result.breaks += heard.sequence_breaks;
        gaps.extend(
            heard
                .utterances
                .iter()
                .flat_map(discord_sim::Utterance::gaps),
        );
    }
    result.packets = number(packets) / took.as_secs_f64() / number(rooms.len());
    result.gap_p99_ms = gaps.p99();
}

fn print(results: &[Measured]) {
    println!("\n### Many guilds at once\n");
    println!(
        "| bot | guilds | what | % of a core | for each | packets/s | gap p99 ms | sequence breaks \
         | resident MiB | anonymous MiB |\n|---|---:|---|---:|---:|---:|---:|---:|---:|---:|"
    );
    for result in results {
        println!(
            "| {} | {} | {} | {:.2} | {:.3} | {} | {} | {} | {:.0} | {:.0} |",
            result.who,
            result.guilds,
            result.what.name(),
            result.processor,
            result.each(),
            cell(result.packets, 1),
            cell(result.gap_p99_ms, 1),
            result.breaks,
            bytes(result.usage.resident) / f64::from(1 << 20),
            bytes(result.usage.anonymous) / f64::from(1 << 20),
        );
    }
}

/// What a guild more costs: the difference between the most and the fewest, for each.
fn print_memory(results: &[Measured]) {
    println!(
        "\n| bot | what | guilds | resident KiB for each | anonymous KiB for each |\n\
         |---|---|---|---:|---:|"
    );
    for who in Who::ALL {
        for what in [What::Nothing, What::Opus] {
            let of = || {
                let is_it = move |result: &&Measured| result.who == who && result.what == what;
                results.iter().filter(is_it)
            };
            let fewest = of().min_by_key(|result| result.guilds);
            let most = of().max_by_key(|result| result.guilds);
            let Some((fewest, most)) = fewest.zip(most) else {
                continue;
            };
            let more = number(most.guilds - fewest.guilds);
            let each = |of: fn(&Usage) -> u64| {
                (bytes(of(&most.usage)) - bytes(of(&fewest.usage))) / more / 1024.0
            };
            println!(
                "| {who} | {} | {} to {} | {:.0} | {:.0} |",
                what.name(),
                fewest.guilds,
                most.guilds,
                each(|usage| usage.resident),
                each(|usage| usage.anonymous),
            );
        }
    }
}
