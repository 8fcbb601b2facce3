//! Faults of the voice gateway, seen by a raw client and by songbird.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use discord_sim::{
    Cut, Effect, Fault, FaultId, HttpAnswer, Payloads, Point, Server, Settings, Sim,
};
use serde_json::{Value, json};
use songbird::events::context_data::DisconnectReason;
use songbird::model::CloseCode;
use songbird::{CoreEvent, Event, EventContext, EventHandler};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Error;

use crate::support::bot::Bot;
use crate::support::guest::{Guest, MODE, select};
use crate::support::socket::Socket;
use crate::support::{PATIENCE, assert_lasts, tone, trusting};

/// Long enough to be seen, and short.
const MOMENT: Duration = Duration::from_millis(50);

fn received(op: u64) -> Point {
    Point::Received(Payloads::voice().op(op))
}

fn sent(op: u64) -> Point {
    Point::Sent(Payloads::voice().op(op))
}

/// Strikes the next time.
fn once(sim: &Sim, point: impl Into<Point>, effect: Effect) -> FaultId {
    sim.fault(Fault::on(point, effect).times(1)).unwrap()
}

#[tokio::test]
async fn voice_connections_refused_reset_closed_late_and_untrusted() {
    let guest = Guest::new().await;
    let (sim, endpoint) = (&guest.sim, &guest.endpoint);
    let connect = async || Socket::try_voice(sim, endpoint, "?v=4").await;
    once(
        sim,
        Server::Voice,
        Effect::Answer(HttpAnswer::cloudflare(503)),
    );
    let Err(Error::Http(response)) = connect().await else {
        panic!("it was not answered");
    };
    assert_eq!(response.status(), 503);
    for how in [Cut::Reset, Cut::Close] {
        once(sim, Server::Voice, Effect::Cut(how));
        let error = connect().await.err().expect("no connection");
        assert!(!matches!(error, Error::Http(_)), "{how:?}: {error}");
    }
    once(sim, Server::Voice, Effect::Distrust);
    let error = connect().await.err().expect("no connection");
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    once(sim, Server::Voice, Effect::Delay(MOMENT.into()));
    let begun = Instant::now();
    guest.connect().await;
    assert!(begun.elapsed() >= MOMENT);
}

#[tokio::test]
async fn voice_close_codes_at_any_payload() {
    let guest = Guest::new().await;
    let closed = |code| Effect::Close(Some(code));
    for (code, reason) in [
        (4_001, "Unknown opcode."),
        (4_004, "Authentication failed."),
        (4_006, "Session is no longer valid."),
        (4_009, "Session timeout."),
        (4_011, "Server not found."),
        (4_014, "Disconnected."),
        (4_015, "Voice server crashed."),
        (4_016, "Unknown encryption mode."),
        (4_017, "E2EE/DAVE protocol required."),
        (4_021, "Disconnected: Rate limited."),
        (4_022, "Disconnected: Call terminated."),
        (4_999, ""),
    ] {
        once(&guest.sim, received(0), closed(code));
        let mut socket = guest.connect().await;
        socket.send(0, guest.identify.clone()).await;
        assert_eq!(socket.ended().await, Some(Some((code, reason.to_owned()))));
    }
    for (op, effect, expected) in [
        (2, closed(4_015), Some(4_015)),
        (4, Effect::Close(None), None),
    ] {
        once(&guest.sim, sent(op), effect);
        let mut socket = guest.connect().await;
        socket.send(0, guest.identify.clone()).await;
        if op == 4 {
            socket.receive_op(2).await;
            socket.send(1, select("udp", MODE)).await;
        }
        let end = socket.ended().await.expect("a close frame");
        assert_eq!(end.map(|(code, _)| code), expected);
    }
    guest.enter().await;
}

#[tokio::test]
async fn voice_payloads_swallowed_both_ways() {
    let guest = Guest::new().await;
    let (mut socket, _) = guest.enter().await;
    for point in [received(3), sent(6)] {
        once(&guest.sim, point, Effect::Swallow);
        socket.send(3, json!(1)).await;
        socket.send(3, json!(2)).await;
        assert_eq!(socket.receive().await["d"], 2);
    }
    // No session description: the client waits for its key.
    let key = once(&guest.sim, sent(4), Effect::Swallow);
    socket.send(1, select("udp", MODE)).await;
    assert!(guest.sim.wait_fault(key, 1, PATIENCE).await);
    socket.send(3, json!(3)).await;
    let next = socket.receive().await;
    assert_ne!(next["op"], 4);
}

#[tokio::test]
async fn voice_payloads_late_duplicated_changed_and_broken_off() {
    let guest = Guest::new().await;
    let (mut socket, _) = guest.enter().await;
    once(&guest.sim, sent(6), Effect::Delay(MOMENT.into()));
    let begun = Instant::now();
    socket.send(3, json!(1)).await;
    assert_eq!(socket.receive().await["d"], 1);
    assert!(begun.elapsed() >= MOMENT);
    once(&guest.sim, sent(6), Effect::Duplicate);
    socket.send(3, json!(2)).await;
    assert_eq!(socket.receive().await["d"], 2);
    assert_eq!(socket.receive().await["d"], 2);
    let wrong = Effect::Set {
        pointer: String::new(),
        value: json!("soon"),
    };
    once(&guest.sim, sent(6), wrong);
    socket.send(3, json!(3)).await;
    assert_eq!(socket.receive().await["d"], "soon");
    once(&guest.sim, sent(6), Effect::Garble);
    socket.send(3, json!(4)).await;
    let text = socket.receive_text().await;
    assert!(text.starts_with('{') && serde_json::from_str::<Value>(&text).is_err());
}

#[tokio::test]
async fn voice_stalls_do_not_cost_a_client_its_session() {
    let settings = Settings {
        voice_heartbeat_interval: 4 * MOMENT,
        ..Settings::default()
    };
    let guest = Guest::of(settings, 4).await;
    let (mut socket, _) = guest.enter().await;
    // Longer than a heartbeat may be late.
    once(&guest.sim, sent(6), Effect::Delay((8 * MOMENT).into()));
    socket.send(3, json!(1)).await;
    socket.send(3, json!(2)).await;
    for expected in [1, 2] {
        assert_eq!(socket.receive().await["d"], expected);
    }
}

#[tokio::test]
async fn voice_connections_cut_in_place_of_a_payload() {
    let guest = Guest::new().await;
    for point in [received(3), sent(6)] {
        for how in [Cut::Reset, Cut::Close, Cut::HalfClose] {
            once(&guest.sim, point.clone(), Effect::Cut(how));
            let mut socket = guest.connect().await;
            socket.send(3, json!(1)).await;
            assert_eq!(socket.ended().await, None, "{how:?}");
        }
        once(&guest.sim, point, Effect::Cut(Cut::HalfOpen));
        let mut socket = guest.connect().await;
        socket.send(3, json!(1)).await;
        socket.send(3, json!(2)).await;
        assert!(socket.is_silent(MOMENT).await);
    }
}

#[tokio::test]
async fn voice_faults_of_one_call() {
    let guest = Guest::of(Settings::default(), 8).await;
    let bot = guest.sim.application().id;
    let here = || Payloads::voice().of_bot(bot).of_guild(guest.guild);
    let elsewhere = Payloads::voice().of_guild(guest.sim.guilds()[1].id);
    let elsewhere = Fault::on(Point::Received(elsewhere), Effect::Close(None));
    guest.sim.fault(elsewhere).unwrap();
    let refused = |op| Point::Received(here().op(op));
    once(&guest.sim, refused(0), Effect::Close(Some(4_006)));
    let mut socket = guest.connect().await;
    socket.send(0, guest.identify.clone()).await;
    assert_eq!(socket.closed().await, 4_006);
    let (socket, _speaker) = guest.speak().await;
    socket.vanish();
    // Who resumes names no user; the session tells whose it is.
    once(&guest.sim, refused(7), Effect::Close(Some(4_009)));
    let mut resume = guest.identify.clone();
    resume.as_object_mut().unwrap().remove("user_id");
    let mut socket = guest.connect().await;
    socket.send(7, resume.clone()).await;
    assert_eq!(socket.closed().await, 4_009);
    let mut socket = guest.connect().await;
    socket.send(7, resume).await;
    socket.receive_op(9).await;
    let struck = guest.sim.faults().into_iter().map(|report| report.struck);
    assert_eq!(struck.collect::<Vec<_>>(), [0, 1, 1]);
}

/// A bot that plays a tone of so long in the first guild.
async fn playing(authority: std::path::PathBuf, length: Duration) -> (Sim, Bot, u64) {
    let settings = Settings {
        authority_path: Some(authority),
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    let bot = Bot::start(&sim).await;
    let lab = sim.guilds()[0].clone();
    bot.join(lab.id, lab.voice_channel.unwrap()).await;
    assert!(sim.wait_bot_encrypted(lab.id, PATIENCE).await);
    bot.play(lab.id, tone::wav(440.0, length)).await;
    (sim, bot, lab.id)
}

#[test]
fn songbird_plays_on_through_the_voice_close_code_4015() {
    trusting(
        "voice_faults::songbird_plays_on_through_the_voice_close_code_4015",
        |authority| async {
            let length = Duration::from_secs(2);
            let (sim, bot, guild) = playing(authority, length).await;
            let resumed = Fault::on(received(7), Effect::Swallow).probability(0.0);
            let resumed = sim.fault(resumed).unwrap();
            let crash = Fault::on(sent(11), Effect::Close(Some(4_015)));
            let crash = sim.fault(crash.times(1)).unwrap();
            // Somebody joins, and the message that tells of it is where it breaks.
            assert!(sim.wait_packets(guild, 10, PATIENCE).await);
            let lounge = sim.guilds()[0].voice_channel.unwrap();
            sim.join_voice(sim.user_id("ben").unwrap(), guild, lounge)
                .unwrap();
            assert!(sim.wait_fault(crash, 1, PATIENCE).await);
            // The end of a connection ends what is recorded of it; the rest is another sound.
            sim.wait_utterance(guild, 1, PATIENCE).await.unwrap();
            let heard = sim.heard(guild).duration();
            assert!(heard > length * 3 / 4, "{heard:?}");
            assert_eq!(sim.remove_fault(resumed).unwrap().met, 1);
            // Once it is back it is as before.
            assert!(sim.wait_bot_encrypted(guild, PATIENCE).await);
            let next = sim.heard(guild).utterances.len();
            bot.play(guild, tone::wav(600.0, length / 4)).await;
            let sound = sim.wait_utterance(guild, next, PATIENCE).await.unwrap();
            assert_lasts(&sound, length / 4);
            bot.stop().await;
        },
    );
}

/// Tells why songbird was disconnected.
struct Reasons(mpsc::UnboundedSender<Option<DisconnectReason>>);

#[poise::async_trait]
impl EventHandler for Reasons {
    async fn act(&self, context: &EventContext<'_>) -> Option<Event> {
        if let EventContext::DriverDisconnect(data) = context {
            self.0.send(data.reason).unwrap();
        }
        None
    }
}

#[test]
fn songbird_reports_the_voice_close_codes_4006_and_4014() {
    trusting(
        "voice_faults::songbird_reports_the_voice_close_codes_4006_and_4014",
        |authority| async move {
            for (code, expected) in [
                (4_006, CloseCode::SessionInvalid),
                (4_014, CloseCode::Disconnected),
            ] {
                let (sim, bot, guild) = playing(authority.clone(), PATIENCE).await;
                let (reasons, mut told) = mpsc::unbounded_channel();
                let id = NonZeroU64::new(guild).unwrap();
                let call = bot.songbird.get(id).unwrap();
                call.lock()
                    .await
                    .add_global_event(Event::Core(CoreEvent::DriverDisconnect), Reasons(reasons));
                once(&sim, sent(11), Effect::Close(Some(code)));
                let lounge = sim.guilds()[0].voice_channel.unwrap();
                sim.join_voice(sim.user_id("ben").unwrap(), guild, lounge)
                    .unwrap();
                let reason = tokio::time::timeout(PATIENCE, told.recv()).await;
                let reason = reason.expect("a reason in time").unwrap();
                assert_eq!(reason, Some(DisconnectReason::WsClosed(Some(expected))));
                bot.stop().await;
            }
        },
    );
}
