//! From a command to the first packet that somebody can decrypt, the bot being in no channel: how
//! long, and which part of the way takes it.

use std::time::{Duration, Instant};

use bench::Failed;
use bench::figures::{Goals, Times, cell};
use discord_sim::VoiceEntry;

use crate::Plan;
use crate::cast::{self, Room, Who};
use crate::sounds::OPUS;
use crate::stage::{Running, Stage, Start};

/// How long before the command its option is completed.
const TYPING: Duration = Duration::from_secs(1);
/// A play of a bot that is in the channel already, which the early join is to come down to.
const JOINED_P50_MS: f64 = 40.0;

/// What was measured of one bot.
#[derive(Default)]
struct Case {
    title: String,
    all: Times,
    /// The parts of the way, in its order.
    parts: [Times; 5],
    lost: Vec<usize>,
}

impl Case {
    fn push(&mut self, start: Start, entry: Option<VoiceEntry>) {
        self.all.push(start.took());
        self.lost.push(start.lost);
        let Some(entry) = entry else { return };
        let steps = [
            Some(start.asked),
            Some(entry.asked),
            entry.identified,
            entry.described,
            entry.encrypted,
            Some(start.heard),
        ];
        for (part, step) in self.parts.iter_mut().zip(steps.windows(2)) {
            if let [Some(from), Some(to)] = step {
                part.push(to.saturating_duration_since(*from));
            }
        }
    }
}

pub(crate) async fn measure(stage: &Stage, plan: &Plan, goals: &mut Goals) -> Result<(), Failed> {
    let mut bots = Vec::new();
    let mut cases = Vec::new();
    for who in stage.cast() {
        bots.push(stage.start(who).await?);
        cases.push(Case {
            title: who.to_string(),
            ..Case::default()
        });
    }
    let mut early = Case {
        title: "Yuri, `early_join`, typed a second before".to_owned(),
        ..Case::default()
    };
    for round in 0..plan.rounds {
        eprintln!("joining: round {} of {} ...", round + 1, plan.rounds);
        for (bot, case) in bots.iter().zip(&mut cases) {
            let room = cast::room(bot.who, 0);
            if bot.who == Who::Yuri {
                let start = typed_before(bot, room, round).await?;
                early.push(start, None);
            }
            let start = from_outside(bot, room, round).await?;
            case.push(start, bot.sim.voice_entry(room.guild));
        }
    }
    for bot in bots {
        bot.leave(cast::room(bot.who, 0)).await?;
        bot.stop().await?;
    }
    goals.at_most(
        "first packet where the option was completed a second before, p50",
        early.all.p50(),
        JOINED_P50_MS,
        "ms",
    );
    cases.insert(1, early);
    print(&cases);
    Ok(())
}

/// Plays a sound in a channel that the bot is not in.
async fn from_outside(bot: &Running, room: Room, round: u32) -> Result<Start, Failed> {
    leave(bot, room, round).await?;
    let start = bot.play(room, OPUS).await?;
    bot.stop_sound(room).await?;
    Ok(start)
}

/// The same, where somebody begins to type the sound's name a second before.
async fn typed_before(bot: &Running, room: Room, round: u32) -> Result<Start, Failed> {
    bot.command(room, "settings", &[("early_join", "true")])
        .await?;
    leave(bot, room, round).await?;
    let typed = Instant::now();
    bot.sim
        .autocomplete(room.person, room.guild, "play", "sound", "op")
        .await?;
    tokio::time::sleep_until((typed + TYPING).into()).await;
    let start = bot.play(room, OPUS).await?;
    bot.stop_sound(room).await?;
    bot.command(room, "settings", &[("early_join", "false")])
        .await?;
    Ok(start)
}

/// Leaves, and waits for a while that differs from round to round.
async fn leave(bot: &Running, room: Room, round: u32) -> Result<(), Failed> {
    bot.leave(room).await?;
    let phase = u64::from(round) * 37 % 500;
    tokio::time::sleep(Duration::from_millis(1_000 + phase)).await;
    Ok(())
}

fn print(cases: &[Case]) {
    println!(
        "\n### From command to the first packet that can be decrypted, the bot being in no channel\n"
    );
    println!(
        "| bot | p50 ms | p99 ms | of it: command to opcode 4 | to identify | to session \
         description | to the DAVE group | to first packet | 20 ms packets lost before |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|"
    );
    for case in cases {
        let parts: Vec<String> = case.parts.iter().map(|part| cell(part.p50(), 1)).collect();
        let mut lost = case.lost.clone();
        lost.sort_unstable();
        println!(
            "| {} | {} | {} | {} | {} |",
            case.title,
            cell(case.all.p50(), 1),
            cell(case.all.p99(), 1),
            parts.join(" | "),
            lost.get(lost.len() / 2).copied().unwrap_or_default(),
        );
    }
    println!("\nThe parts are medians.");
}
