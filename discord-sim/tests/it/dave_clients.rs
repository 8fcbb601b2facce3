//! End-to-end encryption and clients that do not take part in it, or not as they should.

use std::path::PathBuf;
use std::time::Duration;

use davey::{DaveSession, ProposalsOperationType};
use discord_sim::{Application, Dave, Guild, Settings, Sim, User, World};
use serde_json::{Value, json};

use crate::support::bot::Bot;
use crate::support::guest::Guest;
use crate::support::socket::Frame;
use crate::support::{PATIENCE, assert_lasts, eventually, tone, trusting};

const HALL: u64 = 31;
const STAGE: u64 = 32;

fn world() -> World {
    let guild = Guild::new(HALL, "Hall", 11)
        .voice(STAGE, "Stage")
        .member(11)
        .member(12)
        .member(21)
        .member(22)
        .in_voice(11, STAGE);
    World::empty()
        .user(User::new(11, "ada"))
        .user(User::new(12, "ben"))
        .application(Application::new(21, "One"))
        .application(Application::new(22, "Two"))
        .guild(guild)
}

/// ada and a playing songbird, and a guest that may come in.
async fn playing(authority: PathBuf, length: Duration) -> (Sim, Bot) {
    let settings = Settings {
        world: world(),
        authority_path: Some(authority),
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    let bot = Bot::start(&sim).await;
    bot.join(HALL, STAGE).await;
    assert!(sim.wait_bot_encrypted(HALL, PATIENCE).await);
    bot.play(HALL, tone::wav(440.0, length)).await;
    assert!(sim.wait_packets(HALL, 10, PATIENCE).await);
    (sim, bot)
}

async fn is_whole(sim: &Sim, length: Duration) {
    let sound = sim.wait_utterance(HALL, 0, PATIENCE).await.unwrap();
    let audio = sound.audio();
    let frequency = audio.frequency_hz().unwrap();
    assert!((frequency - 440.0).abs() < 1.0, "{frequency} Hz");
    assert_lasts(&sound, length);
    let heard = sim.heard(HALL);
    let faults = (
        heard.sequence_breaks,
        heard.timestamp_breaks,
        heard.unencrypted_frames,
        heard.undecryptable_frames,
        audio.decode_errors,
    );
    assert_eq!(faults, (0, 0, 0, 0, 0));
}

#[tokio::test]
async fn clients_that_cannot_encrypt_are_refused_where_it_is_required() {
    let settings = Settings {
        dave: Dave::Required,
        ..Settings::default()
    };
    let mut guest = Guest::of(settings, 8).await;
    for version in [json!(0), Value::Null] {
        guest.identify["max_dave_protocol_version"] = version;
        let mut socket = guest.connect().await;
        socket.send(0, guest.identify.clone()).await;
        let required = "E2EE/DAVE protocol required.".to_owned();
        let end = socket.ended().await.flatten();
        assert_eq!(end, Some((4_017, required)));
    }
    guest.identify["max_dave_protocol_version"] = json!("1");
    let mut socket = guest.connect().await;
    socket.send(0, guest.identify.clone()).await;
    assert_eq!(socket.closed().await, 4_002);
    guest.identify["max_dave_protocol_version"] = json!(1);
    guest.speak().await;
}

#[test]
fn nothing_is_lost_when_a_channel_goes_over_into_the_clear_and_back() {
    trusting(
        "dave_clients::nothing_is_lost_when_a_channel_goes_over_into_the_clear_and_back",
        |authority| async {
            let length = Duration::from_secs(5);
            let (sim, _bot) = playing(authority, length).await;
            let mut guest = Guest::join(sim.for_bot(22), 8).await;
            let (_socket, _speaker) = guest.speak().await;
            let clear =
                sim.wait_dave_group(HALL, PATIENCE, |group| group.epoch == 0 && group.is_settled);
            assert!(clear.await);
            let sealed = sim.heard(HALL);
            assert!(sim.wait_packets(HALL, sealed.packets + 25, PATIENCE).await);
            let open = sim.heard(HALL);
            let since = open.packets - sealed.packets;
            assert!(open.encrypted_frames - sealed.encrypted_frames < since / 2);

            let leave = json!({ "guild_id": HALL.to_string(), "channel_id": null });
            guest.gateway.send(4, leave).await;
            assert!(sim.wait_bot_encrypted(HALL, PATIENCE).await);
            let encrypted = sim.heard(HALL).encrypted_frames;
            let again = || sim.heard(HALL).encrypted_frames > encrypted + 10;
            eventually("frames are encrypted again", again).await;
            is_whole(&sim, length).await;
        },
    );
}

/// A client of version 8 with davey, which is given its frames by hand.
struct Member {
    guest: Guest,
    dave: DaveSession,
}

impl Member {
    async fn join(sim: Sim) -> Member {
        let mut guest = Guest::join(sim, 8).await;
        guest.identify["max_dave_protocol_version"] = json!(1);
        let user = guest.sim.application().id;
        let one = std::num::NonZeroU16::new(1).unwrap();
        let dave = DaveSession::new(one, user, STAGE, None).unwrap();
        Member { guest, dave }
    }
}

#[tokio::test]
async fn a_client_of_version_8_joins_commits_and_follows() {
    let settings = Settings {
        world: world(),
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    sim.leave_voice(11, HALL).unwrap();
    let Member { guest, mut dave } = Member::join(sim.clone()).await;
    let (mut socket, mut speaker) = guest.speak().await;
    // The session description was numbered 1; what follows counts on.
    let Frame::Binary(frame) = socket.receive_frame().await else {
        panic!("no external sender")
    };
    assert_eq!(frame[..3], [0, 2, 25]);
    dave.set_external_sender(&frame[3..]).unwrap();
    let package = dave.create_key_package().unwrap();
    socket.send_binary([&[26][..], &package].concat()).await;
    sim.join_voice(11, HALL, STAGE).unwrap();
    let Frame::Text(came) = socket.receive_frame().await else {
        panic!("proposals before the client was told who has come")
    };
    assert_eq!((&came["op"], &came["seq"]), (&json!(11), &json!(3)));
    let Frame::Binary(frame) = socket.receive_frame().await else {
        panic!("no proposals")
    };
    assert_eq!(frame[..4], [0, 4, 27, 0]);
    let done = dave
        .process_proposals(ProposalsOperationType::APPEND, &frame[4..], Some(&[11]))
        .unwrap()
        .unwrap();
    let commit = [&[28][..], &done.commit, &done.welcome.unwrap()].concat();
    socket.send_binary(commit.clone()).await;
    let Frame::Binary(frame) = socket.receive_frame().await else {
        panic!("no commit")
    };
    assert_eq!(frame[..3], [0, 5, 29]);
    assert_eq!(frame[5..], done.commit);
    dave.process_commit(&frame[5..]).unwrap();
    let transition = u16::from_be_bytes([frame[3], frame[4]]);
    // A late second one is nobody's concern.
    socket.send_binary(commit).await;
    socket
        .send(23, json!({ "transition_id": transition + 1 }))
        .await;
    socket
        .send(23, json!({ "transition_id": transition }))
        .await;
    let Frame::Text(execute) = socket.receive_frame().await else {
        panic!("no execution")
    };
    let expected = json!({ "op": 22, "d": { "transition_id": transition }, "seq": 6 });
    assert_eq!(execute, expected);
    let sealed = dave.encrypt_opus(&[0xfc, 1, 2, 3]).unwrap().into_owned();
    speaker.send(&sealed).await;
    assert!(sim.wait_packets(HALL, 1, PATIENCE).await);
    let group = sim.dave_group(HALL).unwrap();
    assert_eq!((group.epoch, group.members), (1, vec![21, 11]));
    assert_eq!(sim.heard(HALL).encrypted_frames, 1);
}

#[test]
fn garbage_of_every_kind_disturbs_nobody() {
    trusting(
        "dave_clients::garbage_of_every_kind_disturbs_nobody",
        |authority| async {
            let length = Duration::from_secs(6);
            let (sim, _bot) = playing(authority, length).await;
            let Member { guest, mut dave } = Member::join(sim.for_bot(22)).await;
            let package = dave.create_key_package().unwrap();
            let cut = &package[..package.len() / 2];
            let mut closed = Vec::new();
            for op in [0, 1, 3, 25, 26, 27, 28, 29, 30, 31, 32, 255] {
                for body in [&[][..], &[0xff; 40], cut] {
                    if op != 26 && op != 28 && !body.is_empty() {
                        continue;
                    }
                    let (mut socket, _speaker) = guest.speak().await;
                    socket.send_binary([&[op][..], body].concat()).await;
                    closed.push((op, socket.closed().await));
                }
            }
            for (op, code) in closed {
                let expected = if op == 26 || op == 28 { 4_002 } else { 4_001 };
                assert_eq!(code, expected, "opcode {op}");
            }
            // Readable, and still not for this user, or not for anyone.
            let one = std::num::NonZeroU16::new(1).unwrap();
            let mut other = DaveSession::new(one, 11, STAGE, None).unwrap();
            let foreign = other.create_key_package().unwrap();
            let mut spoilt = package.clone();
            *spoilt.last_mut().unwrap() ^= 1;
            for body in [foreign, spoilt] {
                let (mut socket, _speaker) = guest.speak().await;
                socket.send_binary([&[26][..], &body].concat()).await;
                let code = socket.closed().await;
                assert!([4_020, 4_002].contains(&code), "{code}");
            }
            // Answers that nobody has asked for, and ones that cannot be read.
            let (mut socket, _speaker) = guest.speak().await;
            socket.send(23, json!({ "transition_id": 7 })).await;
            socket.send(31, json!({ "transition_id": 7 })).await;
            socket.send(23, json!({ "transition_id": -1 })).await;
            assert_eq!(socket.closed().await, 4_002);
            // More than anyone needs.
            let (mut socket, _speaker) = guest.speak().await;
            for _ in 0..=100 {
                socket.send_binary([&[26][..], &package].concat()).await;
            }
            assert_eq!(socket.closed().await, 4_021);
            // A member that says nothing any more.
            let (mut socket, _speaker) = guest.speak().await;
            socket.send_binary([&[26][..], &package].concat()).await;
            let joined = sim.wait_dave_group(HALL, PATIENCE, |group| group.members.contains(&22));
            assert!(joined.await);
            sim.join_voice(12, HALL, STAGE).unwrap();
            is_whole(&sim, length).await;
        },
    );
}
