//! Faults of audio packets, seen by a raw client and by songbird.

use std::num::{NonZeroU8, NonZeroU64};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use discord_sim::{
    Application, Effect, Fault, FaultId, Guild, Latency, PacketKind, Packets, Settings, Sim, User,
    World,
};
use songbird::driver::retry::{Retry, Strategy};
use songbird::error::JoinError;

use crate::support::bot::Bot;
use crate::support::guest::{Guest, Speaker};
use crate::support::socket::Socket;
use crate::support::{PATIENCE, eventually, tone, trusting};

/// Long enough to be seen, and short.
const MOMENT: Duration = Duration::from_millis(50);
/// The head of an Opus frame of 20 ms in stereo.
const OPUS: u8 = 0xfc;

/// A client with a key, in a channel with a person.
async fn speaking() -> (Guest, Socket, Speaker) {
    let guest = Guest::new().await;
    let (socket, speaker) = guest.speak().await;
    (guest, socket, speaker)
}

fn audio() -> Packets {
    Packets::received().kind(PacketKind::Audio)
}

fn add(sim: &Sim, packets: Packets, effect: Effect) -> FaultId {
    sim.fault(Fault::on(packets, effect)).unwrap()
}

/// Sends so many frames, and waits until the fault has met them all.
async fn send(sim: &Sim, fault: FaultId, speaker: &mut Speaker, count: u8) {
    for n in 0..count {
        speaker.send(&[OPUS, n]).await;
    }
    let met = || {
        let mut reports = sim.faults().into_iter();
        reports.any(|report| report.id == fault && report.met == u64::from(count))
    };
    eventually("all packets have met the fault", met).await;
}

/// The numbers of the packets that were heard, in their order.
fn heard(guest: &Guest) -> Vec<u16> {
    let utterances = guest.sim.heard(guest.guild).utterances;
    let frames = utterances.iter().flat_map(|sound| &sound.frames);
    frames.map(|frame| frame.sequence).collect()
}

#[tokio::test]
async fn udp_packets_lost_from_the_client() {
    let (guest, _socket, mut speaker) = speaking().await;
    let loss = Fault::on(audio(), Effect::Swallow).skip(3).times(2);
    let loss = guest.sim.fault(loss).unwrap();
    send(&guest.sim, loss, &mut speaker, 8).await;
    assert!(guest.sim.wait_packets(guest.guild, 6, PATIENCE).await);
    assert_eq!(heard(&guest), [0, 1, 2, 5, 6, 7]);
    assert_eq!(guest.sim.heard(guest.guild).sequence_breaks, 1);
}

#[tokio::test]
async fn udp_packets_lost_and_late_by_the_same_seed_alike() {
    let run = async |seed| {
        let (guest, _socket, mut speaker) = speaking().await;
        let loss = Fault::on(audio(), Effect::Swallow).probability(0.3);
        let loss = guest.sim.fault(loss.seed(seed)).unwrap();
        send(&guest.sim, loss, &mut speaker, 100).await;
        let struck = guest.sim.remove_fault(loss).unwrap().struck;
        let left = 100 - usize::try_from(struck).unwrap();
        assert!(guest.sim.wait_packets(guest.guild, left, PATIENCE).await);
        heard(&guest)
    };
    let first = Box::pin(run(7)).await;
    assert!((50..90).contains(&first.len()), "{first:?}");
    assert_eq!(Box::pin(run(7)).await, first);
    assert_ne!(Box::pin(run(8)).await, first);
}

#[tokio::test]
async fn udp_packets_late_and_reordered_from_the_client() {
    let (guest, _socket, mut speaker) = speaking().await;
    // The second is overtaken by all that are sent meanwhile.
    let time = Duration::from_millis(300);
    let late = Fault::on(audio(), Effect::Delay(time.into())).nth(2);
    let late = guest.sim.fault(late).unwrap();
    let begun = Instant::now();
    send(&guest.sim, late, &mut speaker, 4).await;
    assert!(guest.sim.wait_packets(guest.guild, 4, PATIENCE).await);
    assert!(begun.elapsed() >= time);
    assert_eq!(heard(&guest), [0, 2, 3, 1]);

    // By chance: all come, and not in their order.
    guest.sim.clear_faults();
    guest.sim.clear_heard(guest.guild);
    let spread = Effect::Delay(Latency::uniform(Duration::ZERO, MOMENT));
    let spread = add(&guest.sim, audio(), spread);
    send(&guest.sim, spread, &mut speaker, 50).await;
    assert!(guest.sim.wait_packets(guest.guild, 50, PATIENCE).await);
    let mut numbers = heard(&guest);
    assert!(!numbers.is_sorted(), "{numbers:?}");
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(4..54));
}

#[tokio::test]
async fn udp_packets_duplicated_and_damaged_from_the_client() {
    let (guest, _socket, mut speaker) = speaking().await;
    let twice = Fault::on(audio(), Effect::Duplicate).nth(2);
    let twice = guest.sim.fault(twice).unwrap();
    send(&guest.sim, twice, &mut speaker, 3).await;
    assert!(guest.sim.wait_packets(guest.guild, 4, PATIENCE).await);
    assert_eq!(heard(&guest), [0, 1, 1, 2]);
    guest.sim.clear_faults();
    let damage = Fault::on(audio(), Effect::Garble).seed(3);
    guest.sim.fault(damage).unwrap();
    // One byte is another; most are encrypted or tell how, a few tell whose it is.
    let failures = || guest.sim.heard(guest.guild).decrypt_failures;
    for n in 0..10 {
        speaker.send(&[OPUS, n]).await;
    }
    eventually("damaged packets are not opened", || failures() > 5).await;
    assert_eq!(guest.sim.heard(guest.guild).packets, 4);
}

#[tokio::test]
async fn udp_answers_lost_late_duplicated_and_damaged_to_the_client() {
    let (guest, _socket, speaker) = speaking().await;
    let answers = || Packets::sent().kind(PacketKind::KeepAlive);
    let echo = async |bytes: &[u8; 8]| {
        speaker.udp.send(bytes).await.unwrap();
    };
    let receive = async || {
        let mut bytes = [0; 100];
        let receiving = tokio::time::timeout(PATIENCE, speaker.udp.recv(&mut bytes));
        let length = receiving.await.expect("a packet in time").unwrap();
        bytes[..length].to_vec()
    };
    speaker.discover().await;
    let lost = add(&guest.sim, answers(), Effect::Swallow);
    echo(b"swallows").await;
    assert!(guest.sim.wait_fault(lost, 1, PATIENCE).await);
    guest.sim.clear_faults();
    let twice = add(&guest.sim, answers(), Effect::Duplicate);
    echo(b"twofolds").await;
    assert_eq!(
        (receive().await, receive().await),
        (b"twofolds".into(), b"twofolds".into())
    );
    guest.sim.remove_fault(twice).unwrap();
    let damaged = add(&guest.sim, answers(), Effect::Garble);
    echo(b"brittle.").await;
    let bytes = receive().await;
    let wrong = bytes.iter().zip(b"brittle.").filter(|(a, b)| a != b);
    assert_eq!((bytes.len(), wrong.count()), (8, 1));
    guest.sim.remove_fault(damaged).unwrap();
    let late = Packets::sent().kind(PacketKind::Discovery);
    add(&guest.sim, late, Effect::Delay(MOMENT.into()));
    let begun = Instant::now();
    speaker.discover().await;
    assert!(begun.elapsed() >= MOMENT);
}

/// A guild with two bots in one channel.
async fn two_bots() -> (Guest, Guest) {
    let guild = Guild::new(31, "Hall", 11)
        .voice(32, "Stage")
        .member(11)
        .member(21)
        .member(22);
    let world = World::empty()
        .user(User::new(11, "ada"))
        .application(Application::new(21, "One"))
        .application(Application::new(22, "Two"))
        .guild(guild);
    let settings = Settings {
        world,
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    let one = Guest::join(sim.clone(), 8).await;
    (one, Guest::join(sim.for_bot(22), 8).await)
}

#[tokio::test]
async fn udp_audio_lost_to_one_bot_and_heard_of_another() {
    let (one, two) = two_bots().await;
    let (_one_socket, mut one_speaker) = one.speak().await;
    let (_two_socket, mut two_speaker) = two.speak().await;
    one_speaker.discover().await;
    two_speaker.discover().await;
    let to_two = Packets::sent().of_bot(22).of_guild(31);
    let lost = Fault::on(to_two, Effect::Swallow).nth(1);
    let lost = one.sim.fault(lost).unwrap();
    let from_others = Fault::on(Packets::all().of_guild(32), Effect::Swallow);
    one.sim.fault(from_others).unwrap();
    one_speaker.send(b"lost").await;
    assert!(one.sim.wait_fault(lost, 1, PATIENCE).await);
    one_speaker.send(b"sent").await;
    assert_eq!(two_speaker.receive().await.1, b"sent");
    two_speaker.send(b"back").await;
    assert_eq!(one_speaker.receive().await.1, b"back");
}

#[tokio::test]
async fn udp_black_hole_and_what_comes_after_it() {
    let (guest, _socket, mut speaker) = speaking().await;
    let hole = add(&guest.sim, Packets::all(), Effect::Swallow);
    speaker.udp.send(b"anybody?").await.unwrap();
    send_into(&guest.sim, hole, &mut speaker).await;
    assert_eq!(guest.sim.heard(guest.guild).packets, 0);
    guest.sim.remove_fault(hole).unwrap();
    speaker.discover().await;
    speaker.send(&[OPUS, 9]).await;
    assert!(guest.sim.wait_packets(guest.guild, 1, PATIENCE).await);
    assert_eq!(heard(&guest), [3]);
}

/// Three frames and what was sent before are gone.
async fn send_into(sim: &Sim, hole: FaultId, speaker: &mut Speaker) {
    for n in 0..3 {
        speaker.send(&[OPUS, n]).await;
    }
    assert!(sim.wait_fault(hole, 4, PATIENCE).await);
}

async fn start(authority: PathBuf) -> (Sim, Bot, u64, u64) {
    let settings = Settings {
        authority_path: Some(authority),
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    let bot = Bot::start(&sim).await;
    let lab = sim.guilds()[0].clone();
    (sim, bot, lab.id, lab.voice_channel.unwrap())
}

#[test]
fn songbird_plays_on_through_udp_loss_delay_and_disorder() {
    trusting(
        "udp_faults::songbird_plays_on_through_udp_loss_delay_and_disorder",
        |authority| async {
            let (sim, bot, guild, channel) = start(authority).await;
            bot.join(guild, channel).await;
            assert!(sim.wait_bot_encrypted(guild, PATIENCE).await);
            // What overtakes the first frame of a key shuts the ones before it out: listeners
            // take nonces below the first they have seen for repeated.
            bot.play(guild, tone::wav(500.0, Duration::from_millis(200)))
                .await;
            sim.wait_utterance(guild, 0, PATIENCE).await.unwrap();
            let loss = Fault::on(audio(), Effect::Swallow).probability(0.2).seed(5);
            let loss = sim.fault(loss).unwrap();
            let spread = Latency::uniform(Duration::ZERO, Duration::from_millis(60));
            add(&sim, audio(), Effect::Delay(spread));
            bot.play(guild, tone::wav(440.0, Duration::from_secs(2)))
                .await;
            let sound = sim.wait_utterance(guild, 1, PATIENCE).await.unwrap();
            let report = sim.remove_fault(loss).unwrap();
            assert!((10..=40).contains(&report.struck), "{report:?}");
            assert!((60..100).contains(&sound.frames.len()));
            assert!(sound.sequence_breaks() > 10);
            let heard = sim.heard(guild);
            assert_eq!((heard.decrypt_failures, heard.undecryptable_frames), (0, 0));

            // Afterwards all is as before.
            sim.clear_faults();
            bot.play(guild, tone::wav(600.0, Duration::from_millis(500)))
                .await;
            let sound = sim.wait_utterance(guild, 2, PATIENCE).await.unwrap();
            assert_eq!(sound.sequence_breaks(), 0);
            assert!((sound.audio().frequency_hz().unwrap() - 600.0).abs() < 1.0);
            bot.stop().await;
        },
    );
}

#[test]
fn songbird_reports_that_udp_is_a_black_hole() {
    trusting(
        "udp_faults::songbird_reports_that_udp_is_a_black_hole",
        |authority| async {
            let (sim, bot, guild, channel) = start(authority).await;
            let hole = add(&sim, Packets::all(), Effect::Swallow);
            let retry = Retry {
                strategy: Strategy::Every(Duration::from_millis(10).into()),
                retry_limit: NonZeroU8::new(1),
            };
            let id = NonZeroU64::new(guild).unwrap();
            let call = bot.songbird.get_or_insert(id);
            call.lock().await.set_config(
                songbird::Config::default()
                    .driver_timeout(Some(Duration::from_millis(500)))
                    .driver_retry(retry),
            );
            let channel = NonZeroU64::new(channel).unwrap();
            let joined = bot.songbird.join(id, channel).await;
            let error = joined.expect_err("no connection");
            assert!(matches!(error, JoinError::Driver(_)), "{error}");
            assert!(sim.remove_fault(hole).unwrap().struck >= 1);
            bot.stop().await;
        },
    );
}
