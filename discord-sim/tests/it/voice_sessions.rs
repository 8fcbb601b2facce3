//! Voice gateway versions, heartbeats, numbered messages, resuming, and ends of every kind.

use std::time::{Duration, Instant};

use discord_sim::{Settings, SimError, VoiceEnd};
use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::guest::Guest;
use crate::support::socket::Socket;

#[tokio::test]
async fn only_versions_that_discord_still_speaks_are_let_in() {
    let guest = Guest::new().await;
    for query in ["", "?v=", "?v=3", "?v=9", "?v=x", "?encoding=json"] {
        let refused = Socket::try_voice(&guest.sim, &guest.endpoint, query).await;
        let refused = refused.err().expect(query).to_string();
        assert!(refused.contains("400"), "{query}: {refused}");
    }
    for version in 4..=8 {
        let guest = Guest::of(Settings::default(), version).await;
        let (mut socket, _) = guest.enter().await;
        let (good, bad) = if version == 8 {
            (json!({ "t": 7, "seq_ack": -1 }), json!(7))
        } else {
            (json!(7), json!({ "t": 7, "seq_ack": -1 }))
        };
        socket.send(3, good.clone()).await;
        let mut expected = good;
        if let Some(object) = expected.as_object_mut() {
            object.remove("seq_ack");
        }
        assert_eq!(
            socket.receive_op(6).await,
            json!({ "op": 6, "d": expected })
        );
        socket.send(3, bad).await;
        assert_eq!(socket.closed().await, 4_002, "version {version}");
    }
}

#[tokio::test]
async fn a_client_without_a_pulse_is_closed() {
    let interval = Duration::from_millis(100);
    let settings = Settings {
        voice_heartbeat_interval: interval,
        ..Settings::default()
    };
    let guest = Guest::of(settings, 8).await;
    let started = Instant::now();
    let (mut alive, _) = guest.enter().await;
    // Not even let in.
    let dead = guest.connect().await;
    while started.elapsed() < 3 * interval {
        alive.send(3, json!({ "t": 1, "seq_ack": -1 })).await;
        alive.receive_op(6).await;
    }
    assert_eq!(dead.closed().await, 4_009);
    assert_eq!(alive.closed().await, 4_009);
    assert!(started.elapsed() >= 4 * interval);
}

#[tokio::test]
async fn what_was_missed_is_sent_again_to_who_counts() {
    let guest = Guest::of(Settings::default(), 8).await;
    let (mut socket, _speaker) = guest.speak().await;
    let clients = socket.receive_op(11).await;
    assert_eq!(clients["seq"], 2, "after the session description");
    let ben = guest.sim.user_id("ben").unwrap();
    let join = || guest.sim.join_voice(ben, guest.guild, guest.lounge);
    let leave = || guest.sim.leave_voice(ben, guest.guild);
    join().unwrap();
    let came = socket.receive_op(11).await;
    assert_eq!(
        (&came["seq"], &came["d"]["user_ids"]),
        (&json!(3), &json!([ben.to_string()]))
    );
    guest
        .sim
        .end_voice_connection(guest.guild, VoiceEnd::Drop)
        .unwrap();
    assert_eq!(socket.ended().await, None);
    leave().unwrap();

    let resume = |seq_ack: Value| {
        let mut resume = guest.identify.clone();
        resume["seq_ack"] = seq_ack;
        resume
    };
    // The one that says it has missed more gets more.
    for (seq_ack, missed) in [
        (json!(3), vec![(13, 4)]),
        (json!(2), vec![(11, 3), (13, 4)]),
    ] {
        let mut socket = guest.connect().await;
        socket.send(7, resume(seq_ack)).await;
        assert_eq!(socket.receive().await, json!({ "op": 9, "d": null }));
        for (op, seq) in missed {
            let message = socket.receive().await;
            assert_eq!((&message["op"], &message["seq"]), (&json!(op), &json!(seq)));
        }
        drop(socket);
    }
    for seq_ack in [json!(5), json!(40_000), json!(70_000), json!("3")] {
        let mut socket = guest.connect().await;
        socket.send(7, resume(seq_ack.clone())).await;
        let code = socket.closed().await;
        assert!([4_006, 4_002].contains(&code), "{seq_ack}: {code}");
    }

    // What is no longer kept cannot be sent again.
    for _ in 0..128 {
        join().unwrap();
        leave().unwrap();
    }
    let mut socket = guest.connect().await;
    socket.send(7, resume(json!(3))).await;
    assert_eq!(socket.closed().await, 4_006);
    let mut socket = guest.connect().await;
    socket.send(7, resume(json!(4))).await;
    assert_eq!(socket.receive().await["op"], 9);
    for seq in 5..=260 {
        assert_eq!(socket.receive().await["seq"], seq);
    }
}

#[tokio::test]
async fn who_does_not_count_is_sent_what_was_not_written() {
    let guest = Guest::new().await;
    let (mut socket, _speaker) = guest.speak().await;
    assert_eq!(socket.receive_op(11).await.get("seq"), None);
    socket.close(4_000).await;
    let ben = guest.sim.user_id("ben").unwrap();
    guest
        .sim
        .join_voice(ben, guest.guild, guest.lounge)
        .unwrap();
    let mut socket = guest.connect().await;
    socket.send(7, guest.identify.clone()).await;
    assert_eq!(socket.receive().await["op"], 9);
    assert_eq!(
        socket.receive().await,
        json!({ "op": 11, "d": { "user_ids": [ben.to_string()] } })
    );
}

#[tokio::test]
async fn what_clients_tell_of_themselves_is_accepted() {
    let guest = Guest::of(Settings::default(), 8).await;
    let (mut socket, _speaker) = guest.speak().await;
    let video = json!({ "audio_ssrc": 1, "video_ssrc": 0, "rtx_ssrc": 0, "streams": [] });
    socket.send(12, video).await;
    socket.send(14, json!({ "codecs": [] })).await;
    socket.send(15, json!({ "any": 100 })).await;
    socket.send(18, json!({ "flags": 2 })).await;
    socket.send(20, json!({ "platform": 0 })).await;
    socket.send(16, json!({})).await;
    let version = socket.receive_op(16).await;
    assert!(version["d"]["voice"].is_string() && version["d"]["rtc_worker"].is_string());
    for op in [
        2, 4, 6, 8, 9, 10, 11, 13, 17, 19, 21, 22, 24, 25, 26, 30, 255,
    ] {
        let (mut socket, _) = guest.enter().await;
        socket.send(op, Value::Null).await;
        assert_eq!(socket.closed().await, 4_001, "opcode {op}");
    }
    for (bytes, code) in [
        (vec![], 4_002),
        (vec![25, 1], 4_001),
        (vec![b'{'; 5_000], 4_001),
    ] {
        let (mut socket, _) = guest.enter().await;
        socket.send_binary(bytes).await;
        assert_eq!(socket.closed().await, code);
    }
}

#[tokio::test]
async fn a_connection_can_be_ended_in_every_way() {
    let guest = Guest::of(Settings::default(), 8).await;
    let end = |end| guest.sim.end_voice_connection(guest.guild, end);
    let ends = [
        (
            VoiceEnd::Close(4_015, "Voice server crashed.".into()),
            Some(Some((4_015, "Voice server crashed.".to_owned()))),
        ),
        (VoiceEnd::CloseWithoutCode, Some(None)),
        (VoiceEnd::Drop, None),
    ];
    for (how, expected) in ends {
        let (socket, _speaker) = guest.speak().await;
        end(how.clone()).unwrap();
        assert_eq!(socket.ended().await, expected, "{how:?}");
    }
    let nobody = SimError::NotInVoice {
        user: guest.sim.application().id,
        guild: guest.guild,
    };
    assert_eq!(end(VoiceEnd::Drop), Err(nobody));
}

#[tokio::test]
async fn a_client_that_closes_is_answered_and_so_are_all_at_the_end() {
    let guest = Guest::of(Settings::default(), 8).await;
    let (socket, _speaker) = guest.speak().await;
    // Returns only when the server has closed its side too.
    tokio::time::timeout(PATIENCE, socket.close(1_000))
        .await
        .unwrap();
    let (socket, _speaker) = guest.speak().await;
    let sim = guest.sim.clone();
    let (end, ()) = tokio::join!(socket.ended(), sim.shutdown());
    assert_eq!(end, Some(Some((1_001, "Going away.".to_owned()))));
}
