//! One long sound of each bot at the same time, beside a core that other work has for itself:
//! packets a second, gaps, breaks.

use std::time::Duration;

use bench::figures::{Goals, Times, cell};
use bench::{Failed, process};

use crate::Plan;
use crate::busy::BusyCore;
use crate::cast::{self, Who};
use crate::sounds::LONGEST;
use crate::stage::Stage;

/// The core of the other work.
const BUSY_CORE: u32 = 1;
/// Packets a second, and by how much they may be missed.
const RATE: f64 = 50.0;
const RATE_OFF: f64 = 0.05;
const GAP_P99_MS: f64 = 25.0;
/// Between the first packet and the first that counts.
const RUNNING_IN: Duration = Duration::from_secs(1);

pub(crate) async fn measure(stage: &Stage, plan: &Plan, goals: &mut Goals) -> Result<(), Failed> {
    eprintln!("cadence: {} s ...", plan.cadence.as_secs());
    let mut bots = Vec::new();
    for who in stage.cast() {
        let bot = stage.start(who).await?;
        let room = cast::room(who, 0);
        bot.join(room).await?;
        bot.play(room, LONGEST).await?;
        bots.push(bot);
    }
    let other_work = BusyCore::start(BUSY_CORE)?;
    tokio::time::sleep(RUNNING_IN).await;
    for bot in &bots {
        bot.sim.clear_heard(cast::room(bot.who, 0).guild);
    }
    tokio::time::sleep(plan.cadence).await;
    let heard: Vec<_> = bots
        .iter()
        .map(|bot| (bot.who, bot.sim.heard(cast::room(bot.who, 0).guild)))
        .collect();
    drop(other_work);

    println!(
        "\n### {} s of one sound, all bots at once, {}\n",
        plan.cadence.as_secs(),
        if process::can_pin() {
            "another process busy on one core"
        } else {
            "another process busy, NOT kept on one core"
        },
    );
    println!(
        "| bot | packets/s | gap p50 ms | p99 ms | most ms | sequence breaks | not decrypted |\n\
         |---|---:|---:|---:|---:|---:|---:|"
    );
    for (who, heard) in heard {
        let sounds = heard.utterances.iter();
        let gaps: Times = sounds.flat_map(discord_sim::Utterance::gaps).collect();
        let span = heard.last_packet.zip(heard.first_packet);
        let span = span.map_or(Duration::ZERO, |(last, first)| last - first);
        let steps = u32::try_from(heard.packets.saturating_sub(1))?;
        let rate = f64::from(steps) / span.as_secs_f64();
        let unheard =
            heard.decrypt_failures + heard.unencrypted_frames + heard.undecryptable_frames;
        println!(
            "| {who} | {rate:.2} | {} | {} | {} | {} | {unheard} |",
            cell(gaps.p50(), 1),
            cell(gaps.p99(), 1),
            cell(gaps.most(), 1),
            heard.sequence_breaks,
        );
        if who == Who::Yuri {
            let seconds = plan.cadence.as_secs();
            goals.is_so(
                &format!("{RATE} packets a second over {seconds} s beside a loaded core"),
                format!("{rate:.2}"),
                (rate - RATE).abs() <= RATE_OFF,
            );
            goals.at_most("gap p99 there", gaps.p99(), GAP_P99_MS, "ms");
            let breaks = heard.sequence_breaks + usize::from(heard.utterances.len() > 1);
            goals.is_so(
                "no sequence break there",
                format!("{breaks}"),
                breaks == 0 && !gaps.is_empty(),
            );
        }
    }
    for bot in bots {
        bot.stop().await?;
    }
    Ok(())
}
