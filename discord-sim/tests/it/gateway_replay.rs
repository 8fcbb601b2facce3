//! How much a session remembers, and readers too slow for it.

use std::time::Duration;

use discord_sim::{Interruption, Sim};
use serde_json::Value;

use crate::support::shard::{LAB, connect, log_in, resume, sim_of, two_bots};
use crate::support::socket::Socket;

const GUILDS: u64 = 1;

/// So many events of the guild, each saying which it is.
fn events(sim: &Sim, numbers: std::ops::Range<u64>) {
    for number in numbers {
        sim.rename_guild(LAB, &number.to_string()).unwrap();
    }
}

/// The sequence numbers of all that comes until the session has resumed.
async fn replayed(socket: &mut Socket) -> Vec<u64> {
    let mut numbers = Vec::new();
    loop {
        let payload = socket.receive_op(0).await;
        numbers.extend(payload["s"].as_u64());
        if payload["t"] == "RESUMED" {
            return numbers;
        }
    }
}

#[tokio::test]
async fn a_thousand_events_can_be_missed_but_not_more() {
    let sim = sim_of(two_bots(), []).await;
    let (socket, ready) = log_in(&sim, GUILDS).await;
    sim.interrupt_gateway(None, Interruption::Drop);
    assert_eq!(socket.ended().await, None);
    // READY and GUILD_CREATE were 1 and 2.
    events(&sim, 3..1_003);
    let mut socket = connect(&sim).await;
    socket.send(6, resume(&sim, &ready, 2)).await;
    assert_eq!(replayed(&mut socket).await, (3..=1_003).collect::<Vec<_>>());
    sim.interrupt_gateway(None, Interruption::Drop);
    assert_eq!(socket.ended().await, None);
    events(&sim, 1_004..2_005);
    let mut late = connect(&sim).await;
    late.send(6, resume(&sim, &ready, 1_003)).await;
    let answer = late.receive().await;
    assert_eq!(
        (&answer["op"], &answer["d"]),
        (&9.into(), &Value::Bool(false))
    );
    // One who has seen one more is just in time.
    late.send(6, resume(&sim, &ready, 1_004)).await;
    assert_eq!(
        replayed(&mut late).await,
        (1_005..=2_005).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_cut_off_and_may_resume() {
    let sim = sim_of(two_bots(), []).await;
    let (socket, ready) = log_in(&sim, GUILDS).await;
    let (mut other, _) = log_in(&sim, GUILDS).await;
    other.receive_event("GUILD_CREATE").await;
    // One reads all that comes, the other nothing, until the system's buffers are full and
    // the simulator's as well.
    let mut sent = 2;
    while sim.interrupt_gateway(None, Interruption::Stall(Duration::ZERO)) == 2 {
        for number in 0..500 {
            let name = format!("{number} {}", "x".repeat(3_000));
            sim.rename_guild(LAB, &name).unwrap();
        }
        sent += 500;
        for _ in 0..500 {
            other.receive_event("GUILD_UPDATE").await;
        }
    }
    let (payloads, end) = socket.rest().await;
    assert_eq!(end, Some(Some((4_000, "Unknown error.".to_owned()))));
    let numbers = payloads.iter().filter_map(|payload| payload["s"].as_u64());
    let numbers = numbers.collect::<Vec<_>>();
    let last = *numbers.last().unwrap();
    assert_eq!(numbers, (2..=last).collect::<Vec<_>>());
    assert!(last < sent, "{last} of {sent}");
    let mut socket = connect(&sim).await;
    socket.send(6, resume(&sim, &ready, last)).await;
    assert_eq!(
        replayed(&mut socket).await,
        (last + 1..=sent + 1).collect::<Vec<_>>()
    );
}
