//! What a test can do to gateway connections, seen by a raw client and by serenity.

use std::time::{Duration, Instant};

use discord_sim::{ConnectionRefusal, GatewayLimits, Interruption, LoginRefusal, Settings, Sim};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::support::bot::Bot;
use crate::support::shard::{INTENTS, connect, identify, log_in, resume};
use crate::support::socket::Socket;
use crate::support::{PATIENCE, sim};

#[tokio::test]
async fn a_client_is_asked_to_reconnect_and_to_beat() {
    let sim = sim().await;
    let (mut socket, ready) = log_in(&sim, INTENTS).await;
    assert_eq!(
        sim.interrupt_gateway(None, Interruption::RequestHeartbeat),
        1
    );
    assert_eq!(socket.receive_op(1).await["d"], Value::Null);
    assert_eq!(sim.interrupt_gateway(Some(0), Interruption::Reconnect), 1);
    let asked = socket.receive().await;
    assert_eq!(asked, json!({ "t": null, "s": null, "op": 7, "d": null }));
    assert_eq!(sim.interrupt_gateway(Some(1), Interruption::Reconnect), 0);
    socket.close(4_000).await;
    let mut socket = connect(&sim).await;
    socket.send(6, resume(&sim, &ready, 3)).await;
    socket.receive_event("RESUMED").await;
}

#[tokio::test]
async fn an_invalid_session_is_resumed_or_begun_anew() {
    let sim = sim().await;
    let (guild, lounge) = (sim.guilds()[0].id, sim.guilds()[0].voice_channel.unwrap());
    let (mut socket, ready) = log_in(&sim, INTENTS).await;
    let join = json!({
        "guild_id": guild.to_string(), "channel_id": lounge.to_string(),
        "self_mute": false, "self_deaf": false,
    });
    socket.send(4, join).await;
    socket.receive_event("VOICE_SERVER_UPDATE").await;
    let invalid = |resumable| Interruption::InvalidSession { resumable };
    assert_eq!(sim.interrupt_gateway(None, invalid(true)), 1);
    assert_eq!(socket.receive_op(9).await["d"], true);
    socket.vanish();
    let mut socket = connect(&sim).await;
    socket.send(6, resume(&sim, &ready, 5)).await;
    socket.receive_event("RESUMED").await;
    assert_eq!(sim.bot_voice_channel(guild), Some(lounge));

    assert_eq!(sim.interrupt_gateway(None, invalid(false)), 1);
    assert_eq!(sim.bot_voice_channel(guild), None);
    assert!(!sim.wait_bot_ready(Duration::ZERO).await);
    assert_eq!(socket.receive_op(9).await["d"], false);
    // The connection may begin anew, but not resume what is over.
    socket.send(6, resume(&sim, &ready, 5)).await;
    assert_eq!(socket.receive().await["op"], 9);
    sim.advance_clock(Duration::from_secs(5));
    socket
        .send(2, identify(&sim.application().bot_token, INTENTS))
        .await;
    socket.receive_event("READY").await;
    assert!(sim.wait_bot_ready(PATIENCE).await);
}

#[tokio::test]
async fn a_connection_ends_with_any_code_without_one_or_without_a_word() {
    let sim = sim().await;
    let ends = [
        (Some(4_000), "Unknown error."),
        (Some(1_001), "Going away."),
        (Some(4_999), ""),
        (None, ""),
    ];
    let (mut socket, ready) = log_in(&sim, INTENTS).await;
    for (code, reason) in ends {
        assert_eq!(sim.interrupt_gateway(None, Interruption::Close(code)), 1);
        assert!(!sim.wait_bot_ready(Duration::ZERO).await);
        let frame = code.map(|code| (code, reason.to_owned()));
        assert_eq!(socket.ended().await, Some(frame));
        socket = connect(&sim).await;
        socket.send(6, resume(&sim, &ready, 3)).await;
        socket.receive_event("RESUMED").await;
        assert!(sim.wait_bot_ready(Duration::ZERO).await);
    }
    for interruption in [Interruption::Drop, Interruption::HangUp] {
        assert_eq!(sim.interrupt_gateway(None, interruption), 1);
        assert_eq!(socket.ended().await, None);
        socket = connect(&sim).await;
        socket.send(6, resume(&sim, &ready, 3)).await;
        socket.receive_event("RESUMED").await;
    }
}

#[tokio::test]
async fn a_half_open_connection_answers_nothing_and_the_session_lives() {
    let sim = sim().await;
    let (guild, ben) = (sim.guilds()[0].id, sim.user_id("ben").unwrap());
    let lounge = sim.guilds()[0].voice_channel.unwrap();
    let (mut dead, ready) = log_in(&sim, INTENTS).await;
    dead.receive_event("GUILD_CREATE").await;
    dead.receive_event("GUILD_CREATE").await;
    assert_eq!(sim.interrupt_gateway(None, Interruption::HalfOpen), 1);
    assert_eq!(sim.interrupt_gateway(None, Interruption::HalfOpen), 0);
    sim.join_voice(ben, guild, lounge).unwrap();
    let mut socket = connect(&sim).await;
    socket.send(6, resume(&sim, &ready, 3)).await;
    socket.receive_event("VOICE_STATE_UPDATE").await;
    socket.receive_event("RESUMED").await;
    // The dead one is still open, and silent.
    dead.send(1, Value::Null).await;
    assert!(dead.is_silent(Duration::from_millis(100)).await);
}

#[tokio::test]
async fn a_stall_holds_back_events_and_nothing_else() {
    let sim = sim().await;
    let (guild, ben) = (sim.guilds()[0].id, sim.user_id("ben").unwrap());
    let lounge = sim.guilds()[0].voice_channel.unwrap();
    let (mut socket, _) = log_in(&sim, INTENTS).await;
    socket.receive_event("GUILD_CREATE").await;
    socket.receive_event("GUILD_CREATE").await;
    for end in [
        Interruption::Stall(Duration::ZERO),
        Interruption::Stall(Duration::from_millis(50)),
    ] {
        sim.interrupt_gateway(None, Interruption::Stall(Duration::MAX));
        sim.join_voice(ben, guild, lounge).unwrap();
        sim.leave_voice(ben, guild).unwrap();
        socket.send(1, Value::Null).await;
        assert_eq!(socket.receive().await["op"], 11);
        sim.interrupt_gateway(None, end);
        let came = socket.receive_event("VOICE_STATE_UPDATE").await;
        assert_eq!(came["channel_id"], lounge.to_string());
        let left = socket.receive_event("VOICE_STATE_UPDATE").await;
        assert_eq!(left["channel_id"], Value::Null);
    }
}

#[tokio::test]
async fn connections_are_refused_in_turn() {
    let sim = sim().await;
    let url = format!("{}/?v=10&encoding=json", sim.gateway_url());
    sim.refuse_connections(2, ConnectionRefusal::Status(503));
    sim.refuse_connections(1, ConnectionRefusal::Drop);
    sim.refuse_connections(1, ConnectionRefusal::Silence);
    sim.refuse_connections(1, ConnectionRefusal::Reconnect);
    sim.refuse_connections(1, ConnectionRefusal::Close(4_000));
    for _ in 0..2 {
        match tokio_tungstenite::connect_async(&url).await.unwrap_err() {
            Error::Http(response) => assert_eq!(response.status(), 503),
            other => panic!("{other}"),
        }
    }
    let dropped = tokio_tungstenite::connect_async(&url).await.unwrap_err();
    assert!(!matches!(dropped, Error::Http(_)), "{dropped}");
    let mut silent = Socket::connect(&url).await;
    assert!(silent.is_silent(Duration::from_millis(100)).await);
    let mut turned_away = Socket::connect(&url).await;
    assert_eq!(turned_away.receive().await["op"], 7);
    let mut closed = Socket::connect(&url).await;
    assert_eq!(closed.receive().await["op"], 10);
    assert_eq!(closed.closed().await, 4_000);
    connect(&sim).await;

    sim.refuse_connections(100, ConnectionRefusal::Drop);
    sim.clear_refusals();
    connect(&sim).await;
}

#[tokio::test]
async fn logins_are_refused_in_turn() {
    let sim = sim().await;
    let token = sim.application().bot_token;
    sim.refuse_logins(1, LoginRefusal::InvalidSession { resumable: true });
    sim.refuse_logins(1, LoginRefusal::Close(4_004));
    sim.refuse_logins(1, LoginRefusal::Silence);
    let mut socket = connect(&sim).await;
    socket
        .send(6, json!({ "token": token, "session_id": "x", "seq": 1 }))
        .await;
    assert_eq!(socket.receive().await["d"], true);
    socket.send(2, identify(&token, INTENTS)).await;
    assert_eq!(socket.closed().await, 4_004);
    let mut socket = connect(&sim).await;
    socket.send(2, identify(&token, INTENTS)).await;
    socket.send(1, Value::Null).await;
    assert_eq!(socket.receive().await["op"], 11);
    // A refused login has used up nothing.
    socket.send(2, identify(&token, INTENTS)).await;
    socket.receive_event("READY").await;
}

#[tokio::test]
async fn a_session_that_nobody_resumes_is_over_by_the_clock() {
    let sim = sim().await;
    let (guild, lounge) = (sim.guilds()[0].id, sim.guilds()[0].voice_channel.unwrap());
    let (mut socket, ready) = log_in(&sim, INTENTS).await;
    let join = json!({ "guild_id": guild.to_string(), "channel_id": lounge.to_string() });
    socket.send(4, join).await;
    socket.receive_event("VOICE_SERVER_UPDATE").await;
    socket.vanish();
    // Not before somebody has noticed.
    crate::support::eventually("the connection is gone", || {
        sim.interrupt_gateway(None, Interruption::Stall(Duration::ZERO)) == 0
    })
    .await;
    sim.advance_clock(Duration::from_secs(59));
    assert_eq!(sim.bot_voice_channel(guild), Some(lounge));
    sim.advance_clock(Duration::from_secs(1));
    assert_eq!(sim.bot_voice_channel(guild), None);
    let mut socket = connect(&sim).await;
    socket.send(6, resume(&sim, &ready, 3)).await;
    assert_eq!(socket.receive().await["op"], 9);
}

#[tokio::test]
async fn serenity_survives_what_can_be_survived() {
    let sim = Sim::start(Settings {
        gateway: GatewayLimits {
            // Serenity notices a dead connection by its heartbeats.
            heartbeat_interval: Duration::from_millis(500),
            ..GatewayLimits::default()
        },
        ..Settings::default()
    })
    .await
    .unwrap();
    let bot = Bot::start(&sim).await;
    let guild = sim.guilds()[0].id;
    let ada = sim.user_id("ada").unwrap();
    let interruptions = [
        Interruption::Reconnect,
        Interruption::InvalidSession { resumable: true },
        Interruption::Close(Some(4_000)),
        Interruption::Drop,
        Interruption::HalfOpen,
        Interruption::InvalidSession { resumable: false },
    ];
    for interruption in interruptions {
        sim.advance_clock(Duration::from_secs(5));
        assert_eq!(
            sim.interrupt_gateway(None, interruption),
            1,
            "{interruption:?}"
        );
        assert!(sim.wait_bot_ready(PATIENCE).await, "{interruption:?}");
        let reply = sim.slash(ada, guild, "hello", &[("name", "ada")]).await;
        assert_eq!(reply.unwrap().content, "hello ada", "{interruption:?}");
    }
    // Serenity waits five seconds for the answer to its goodbye.
    let stopping = Instant::now();
    bot.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(5));
}
