//! Voice servers that are changed or taken away, bots that are moved, and audio that is sent on
//! from bot to bot.

use std::time::Duration;

use discord_sim::{Application, Guild, Settings, Sim, SimError, User, World};
use serde_json::json;

use crate::support::bot::Bot;
use crate::support::guest::Guest;
use crate::support::socket::Socket;
use crate::support::{PATIENCE, tone, trusting};

/// The code and reason with which the server ends a connection.
async fn end(socket: Socket) -> (u16, String) {
    socket.ended().await.flatten().unwrap()
}

fn call_terminated() -> (u16, String) {
    (4_022, "Disconnected: Call terminated.".to_owned())
}

#[tokio::test]
async fn a_moved_client_keeps_its_connection_until_it_has_another() {
    let mut guest = Guest::of(Settings::default(), 8).await;
    let (old, mut old_speaker) = guest.speak().await;
    let before = guest.endpoint.clone();
    guest.sim.move_voice_server(guest.guild).unwrap();
    assert!(guest.follow().await);
    assert_ne!(guest.endpoint, before);
    old_speaker.send(&[0xfc, 1, 2, 3]).await;
    assert!(guest.sim.wait_packets(guest.guild, 1, PATIENCE).await);

    // The new token is good at the new server only.
    let new = std::mem::replace(&mut guest.endpoint, before);
    let mut wrong = guest.connect().await;
    wrong.send(0, guest.identify.clone()).await;
    assert_eq!(wrong.closed().await, 4_006);
    guest.endpoint = new;
    let (new, mut speaker) = guest.speak().await;
    assert_eq!(end(old).await, call_terminated());
    speaker.send(&[0xfc, 1, 2, 3]).await;
    assert!(guest.sim.wait_packets(guest.guild, 2, PATIENCE).await);
    assert_ne!(speaker.ssrc, old_speaker.ssrc);

    // And back. Who does not follow is not waited for.
    guest.sim.move_voice_server(guest.guild).unwrap();
    assert!(guest.follow().await);
    assert_eq!(end(new).await, call_terminated());
}

#[tokio::test]
async fn a_client_whose_server_is_gone_waits_for_another() {
    let mut guest = Guest::of(Settings::default(), 8).await;
    let (socket, mut speaker) = guest.speak().await;
    let mut resume = guest.identify.clone();
    resume["seq_ack"] = json!(1);
    guest.sim.withdraw_voice_server(guest.guild).unwrap();
    assert!(!guest.follow().await);
    assert_eq!(end(socket).await, call_terminated());
    assert_eq!(guest.sim.bot_voice_channel(guest.guild), Some(guest.lounge));

    guest.sim.move_voice_server(guest.guild).unwrap();
    assert!(guest.follow().await);
    let mut resumed = guest.connect().await;
    resumed.send(7, resume).await;
    assert_eq!(resumed.closed().await, 4_006);
    let (_socket, mut new_speaker) = guest.speak().await;
    // Nobody listens where the old server was.
    speaker.send(&[0xfc, 1, 2, 3]).await;
    new_speaker.send(&[0xfc, 1, 2, 3]).await;
    assert!(guest.sim.wait_packets(guest.guild, 1, PATIENCE).await);
    assert_eq!(guest.sim.heard(guest.guild).packets, 1);

    guest
        .sim
        .leave_voice(guest.sim.application().id, guest.guild)
        .unwrap();
    let nobody = Err(SimError::NotInVoice {
        user: guest.sim.application().id,
        guild: guest.guild,
    });
    assert_eq!(guest.sim.move_voice_server(guest.guild), nobody);
    assert_eq!(guest.sim.withdraw_voice_server(guest.guild), nobody);
}

/// ada in the hall, and two bots that may come.
fn hall() -> World {
    let guild = Guild::new(31, "Hall", 11)
        .voice(32, "Stage")
        .voice(33, "Foyer")
        .member(11)
        .member(21)
        .member(22)
        .in_voice(11, 32);
    World::empty()
        .user(User::new(11, "ada"))
        .application(Application::new(21, "One"))
        .application(Application::new(22, "Two"))
        .guild(guild)
}

#[tokio::test]
async fn a_bot_that_is_moved_gets_a_connection_of_its_own_there() {
    let settings = Settings {
        world: hall(),
        ..Settings::default()
    };
    let mut guest = Guest::of(settings, 8).await;
    let (socket, _speaker) = guest.speak().await;
    guest.sim.join_voice(21, 31, 33).unwrap();
    let mut state = json!(null);
    while state["channel_id"] != "33" {
        state = guest.gateway.receive_event("VOICE_STATE_UPDATE").await;
    }
    assert!(guest.follow().await);
    let (_new, mut speaker) = guest.speak().await;
    assert_eq!(end(socket).await, (4_014, "Disconnected.".to_owned()));
    speaker.send(&[0xfc, 1, 2, 3]).await;
    assert!(guest.sim.wait_packets(31, 1, PATIENCE).await);
}

#[tokio::test]
async fn what_one_bot_sends_the_others_in_the_channel_receive() {
    let settings = Settings {
        world: hall(),
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    let mut one = Guest::join(sim.clone(), 8).await;
    let two = Guest::join(sim.for_bot(22), 4).await;
    let (mut one_socket, mut one_speaker) = one.speak().await;
    one_socket
        .send(5, json!({ "speaking": 5, "delay": 0, "ssrc": 0 }))
        .await;
    one_socket.send(3, json!({ "t": 1, "seq_ack": -1 })).await;
    one_socket.receive_op(6).await;
    let (mut two_socket, mut two_speaker) = two.speak().await;
    // Who comes later is told who has spoken.
    let told = two_socket.receive_op(5).await["d"].take();
    let expected = json!({
        "user_id": "21", "ssrc": one_speaker.ssrc, "speaking": 5, "delay": null,
    });
    assert_eq!(told, expected);
    one_speaker.discover().await;
    two_speaker.discover().await;

    one_speaker.send(b"one").await;
    let (header, opus) = two_speaker.receive().await;
    assert_eq!(
        (&header[..4], opus.as_slice()),
        (&[0x80, 0x78, 0, 0][..], &b"one"[..])
    );
    assert_eq!(header[8..], one_speaker.ssrc.to_be_bytes());
    two_speaker.send(b"two").await;
    assert_eq!(one_speaker.receive().await.1, b"two");
    // Frames that are encrypted end to end are nothing to a client without DAVE.
    let sealed = [&b"text"[..], &[0; 8], &[1, 12, 0xfa, 0xfa]].concat();
    one_speaker.send(&sealed).await;
    one_speaker.send(b"clear").await;
    assert_eq!(two_speaker.receive().await.1, b"clear");

    // The deaf and those elsewhere receive nothing.
    let deaf = json!({ "guild_id": "31", "channel_id": "32", "self_deaf": true });
    one.gateway.send(4, deaf).await;
    let mut state = json!(null);
    while state["self_deaf"] != true {
        state = one.gateway.receive_event("VOICE_STATE_UPDATE").await;
    }
    two_speaker.send(b"unheard").await;
    assert!(two.sim.wait_packets(31, 2, PATIENCE).await);
    let hear = json!({ "guild_id": "31", "channel_id": "32", "self_deaf": false });
    one.gateway.send(4, hear).await;
    while state["self_deaf"] != false {
        state = one.gateway.receive_event("VOICE_STATE_UPDATE").await;
    }
    two_speaker.send(b"heard").await;
    assert_eq!(one_speaker.receive().await.1, b"heard");
    sim.leave_voice(22, 31).unwrap();
    assert_eq!(two_socket.closed().await, 4_014);
    one_speaker.send(b"nobody").await;
    assert!(sim.wait_packets(31, 3, PATIENCE).await);
}

#[test]
fn a_playing_bot_follows_its_voice_server() {
    trusting(
        "voice_servers::a_playing_bot_follows_its_voice_server",
        |authority| async {
            let settings = Settings {
                world: hall(),
                authority_path: Some(authority),
                ..Settings::default()
            };
            let sim = Sim::start(settings).await.unwrap();
            let bot = Bot::start(&sim).await;
            bot.join(31, 32).await;
            assert!(sim.wait_bot_encrypted(31, PATIENCE).await);
            bot.play(31, tone::wav(440.0, Duration::from_secs(30)))
                .await;
            assert!(sim.wait_packets(31, 25, PATIENCE).await);
            for by_way_of_none in [false, true] {
                let before = sim.heard(31).first_packet;
                if by_way_of_none {
                    sim.withdraw_voice_server(31).unwrap();
                }
                sim.move_voice_server(31).unwrap();
                assert!(sim.wait_bot_in_voice(31, Some(32), PATIENCE).await);
                assert!(sim.wait_bot_encrypted(31, PATIENCE).await);
                sim.clear_heard(31);
                assert!(sim.wait_packets(31, 25, PATIENCE).await, "{before:?}");
                let sound = &sim.heard(31).utterances[0];
                let frequency = sound.audio().frequency_hz().unwrap();
                assert!((frequency - 440.0).abs() < 2.0, "{frequency} Hz");
                assert_eq!(sound.sequence_breaks(), 0);
            }
        },
    );
}
