//! The voice gateway's manners, by a client that does what real ones never do.

use serde_json::{Value, json};

use crate::support::guest::{Guest, MODE, select};
use crate::support::{PATIENCE, eventually};

#[tokio::test]
async fn who_has_no_right_to_enter_is_closed() {
    let guest = Guest::new().await;
    let with = |name: &str, value: Value| {
        let mut identify = guest.identify.clone();
        identify[name] = value;
        identify
    };
    let refused = [
        (0, with("token", json!("wrong")), 4004),
        (0, with("session_id", json!("wrong")), 4006),
        (0, with("user_id", json!("1")), 4006),
        (0, with("server_id", json!("1")), 4011),
        (
            0,
            with("server_id", json!(guest.sim.guilds()[1].id.to_string())),
            4006,
        ),
        (0, with("token", json!(3)), 4002),
        (0, Value::Null, 4002),
        (7, guest.identify.clone(), 4006),
        (1, select("udp", MODE), 4003),
        (5, json!({ "speaking": 1, "delay": 0, "ssrc": 1 }), 4003),
        (3, json!("x"), 4002),
        (99, Value::Null, 4001),
    ];
    for (op, data, code) in refused {
        let mut socket = guest.connect().await;
        socket.send(op, data.clone()).await;
        assert_eq!(socket.closed().await, code, "{op} {data}");
    }
    let mut garbage = guest.connect().await;
    garbage.send_text("{{{").await;
    assert_eq!(garbage.closed().await, 4002);
    // All that has not spoilt the right one.
    guest.enter().await;
}

#[tokio::test]
async fn a_wrong_choice_of_protocol_is_closed() {
    let guest = Guest::new().await;
    for (data, code) in [
        (select("webrtc", MODE), 4012),
        (select("udp", "xsalsa20_poly1305"), 4016),
        (json!({}), 4002),
    ] {
        let (mut socket, ready) = guest.enter().await;
        assert_eq!(
            ready["modes"],
            json!([MODE, "aead_xchacha20_poly1305_rtpsize"])
        );
        socket.send(1, data).await;
        assert_eq!(socket.closed().await, code);
    }
    let (mut twice, _) = guest.enter().await;
    twice.send(0, guest.identify.clone()).await;
    assert_eq!(twice.closed().await, 4005);
}

#[tokio::test]
async fn a_connection_is_resumed_with_its_key() {
    let guest = Guest::new().await;
    let (mut socket, mut speaker) = guest.speak().await;
    socket.send(3, json!(1_234)).await;
    assert_eq!(socket.receive_op(6).await["d"], 1_234);
    assert!(
        guest
            .sim
            .wait_bot_in_voice(guest.guild, Some(guest.lounge), PATIENCE)
            .await
    );
    speaker.send(&[0xfc, 1, 2, 3]).await;
    assert!(guest.sim.wait_packets(guest.guild, 1, PATIENCE).await);
    socket.close(4_000).await;

    let mut resumed = guest.connect().await;
    let mut resume = guest.identify.clone();
    resume.as_object_mut().unwrap().remove("user_id");
    resumed.send(7, resume.clone()).await;
    resumed.receive_op(9).await;
    speaker.send(&[0xfc, 1, 2, 3]).await;
    assert!(guest.sim.wait_packets(guest.guild, 2, PATIENCE).await);
    assert_eq!(guest.sim.heard(guest.guild).decrypt_failures, 0);

    // Once it has left the channel, there is nothing to resume.
    guest
        .sim
        .leave_voice(guest.sim.application().id, guest.guild)
        .unwrap();
    assert_eq!(resumed.closed().await, 4_014);
    let mut late = guest.connect().await;
    late.send(7, resume).await;
    assert_eq!(late.closed().await, 4_006);
}

#[tokio::test]
async fn others_who_come_and_go_are_announced() {
    let guest = Guest::new().await;
    let (mut socket, _speaker) = guest.speak().await;
    let (ada, ben) = (
        guest.sim.user_id("ada").unwrap(),
        guest.sim.user_id("ben").unwrap(),
    );
    assert_eq!(
        socket.receive_op(11).await["d"]["user_ids"],
        json!([ada.to_string()])
    );
    guest
        .sim
        .join_voice(ben, guest.guild, guest.lounge)
        .unwrap();
    assert_eq!(
        socket.receive_op(11).await["d"]["user_ids"],
        json!([ben.to_string()])
    );
    guest.sim.leave_voice(ben, guest.guild).unwrap();
    assert_eq!(socket.receive_op(13).await["d"]["user_id"], ben.to_string());
}

#[tokio::test]
async fn packets_of_garbage_are_counted_and_disturb_nothing() {
    let guest = Guest::new().await;
    let (_socket, mut speaker) = guest.speak().await;
    let sound = [0xfc, 1, 2, 3];
    speaker.send(&sound).await;
    let ssrc = speaker.ssrc.to_be_bytes();
    for length in [0, 1, 8, 11, 12, 13, 40, 74, 1_400, 9_000] {
        speaker.udp.send(&vec![0x80; length]).await.unwrap();
        let header = [&[0x80, 0x78, 0, 1, 0, 0, 0, 0], &ssrc[..]].concat();
        speaker
            .udp
            .send(&[header, vec![0; length]].concat())
            .await
            .unwrap();
    }
    speaker.send(&sound).await;
    speaker.send(&[]).await;
    assert!(guest.sim.wait_packets(guest.guild, 3, PATIENCE).await);
    let heard = guest.sim.heard(guest.guild);
    assert_eq!(
        (heard.packets, heard.decrypt_failures, heard.sequence_breaks),
        (3, 10, 0)
    );
    assert_eq!(heard.audio().decode_errors, 1, "the empty frame");
}

#[tokio::test]
async fn a_sound_ends_when_the_connection_does() {
    let guest = Guest::new().await;
    let (socket, mut speaker) = guest.speak().await;
    speaker.send(&[0xfc, 1, 2, 3]).await;
    assert!(guest.sim.wait_packets(guest.guild, 1, PATIENCE).await);
    assert!(!guest.sim.heard(guest.guild).utterances[0].ended);
    socket.close(1_000).await;
    let sound = guest
        .sim
        .wait_utterance(guest.guild, 0, PATIENCE)
        .await
        .unwrap();
    assert_eq!(sound.frames.len(), 1);
    // Only the gateway decides where the bot is shown.
    assert_eq!(guest.sim.bot_voice_channel(guest.guild), Some(guest.lounge));
    guest.gateway.close(1_000).await;
    let gone = || guest.sim.bot_voice_channel(guest.guild).is_none();
    eventually("the bot has left voice", gone).await;
}
