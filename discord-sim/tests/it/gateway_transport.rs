//! How the gateway's payloads travel: versions, encodings, compression and goodbyes.

use discord_sim::{Application, Guild, Settings, Sim, User, World};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::bot::Bot;
use crate::support::shard::{GUILD_PRESENCES, INTENTS, connect, identify, log_in};
use crate::support::socket::Socket;
use crate::support::{PATIENCE, eventually, sim};

#[tokio::test]
async fn what_is_not_spoken_here_is_refused() {
    let sim = sim().await;
    let refused = [
        ("encoding=etf", "only encoding=json is spoken here"),
        (
            "compress=zstd-stream",
            "only compress=zlib-stream is spoken here",
        ),
    ];
    for (query, reason) in refused {
        let url = format!("{}/?v=10&{query}", sim.gateway_url());
        let error = tokio_tungstenite::connect_async(url).await.unwrap_err();
        let Error::Http(response) = error else {
            panic!("{error}")
        };
        assert_eq!(response.status(), 400, "{query}");
        assert_eq!(response.body().as_deref(), Some(reason.as_bytes()));
    }
    for version in ["6", "11", "x"] {
        let url = format!("{}/?v={version}&encoding=json", sim.gateway_url());
        let mut socket = Socket::connect(&url).await;
        assert_eq!(socket.receive().await["op"], 10);
        assert_eq!(socket.closed().await, 4_012, "{version}");
    }
}

#[tokio::test]
async fn a_zlib_stream_carries_every_payload() {
    let sim = sim().await;
    let (guild, ben) = (sim.guilds()[0].id, sim.user_id("ben").unwrap());
    let lounge = sim.guilds()[0].voice_channel.unwrap();
    let url = format!(
        "{}/?v=10&encoding=json&compress=zlib-stream",
        sim.gateway_url()
    );
    let mut socket = Socket::connect(&url).await;
    assert_eq!(socket.receive().await["op"], 10);
    let mut asked = identify(&sim.application().bot_token, INTENTS);
    // Means nothing on such a connection.
    asked["compress"] = json!(true);
    socket.send(2, asked).await;
    let ready = socket.receive_event("READY").await;
    socket.receive_event("GUILD_CREATE").await;
    socket.receive_event("GUILD_CREATE").await;
    for _ in 0..3 {
        socket.send(1, Value::Null).await;
        socket.receive_op(11).await;
    }
    sim.join_voice(ben, guild, lounge).unwrap();
    let moved = socket.receive_event("VOICE_STATE_UPDATE").await;
    assert_eq!(moved["user_id"], ben.to_string());
    assert_eq!(socket.compressed, 8);

    // A new connection is a new stream.
    socket.close(4_000).await;
    let mut socket = Socket::connect(&url).await;
    let token = sim.application().bot_token;
    let resume = json!({ "token": token, "session_id": ready["session_id"], "seq": 3 });
    socket.send(6, resume).await;
    socket.receive_event("VOICE_STATE_UPDATE").await;
    socket.receive_event("RESUMED").await;
}

#[tokio::test]
async fn only_large_payloads_are_compressed_for_who_asks_for_it() {
    let mut world = World::empty().application(Application::new(21, "Yuri"));
    let mut guild = Guild::new(31 << 22, "Crowd", 100).member(21);
    for user in 100..200 {
        world = world.user(User::new(user, &format!("user{user}")));
        guild = guild.member(user);
    }
    let settings = Settings {
        world: world.guild(guild),
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    let mut asked = identify(&sim.application().bot_token, INTENTS | GUILD_PRESENCES);
    asked["compress"] = json!(true);
    asked["large_threshold"] = json!(250);
    let mut socket = connect(&sim).await;
    socket.send(2, asked).await;
    socket.receive_event("READY").await;
    assert_eq!(socket.compressed, 0);
    let guild = socket.receive_event("GUILD_CREATE").await;
    assert_eq!(guild["members"].as_array().unwrap().len(), 101);
    assert_eq!(socket.compressed, 1);
}

#[tokio::test]
async fn a_goodbye_is_answered_by_a_close_frame() {
    let sim = sim().await;
    for goodbye in [None, Some(1_000), Some(4_000)] {
        let url = format!("{}/?v=10&encoding=json", sim.gateway_url());
        let (mut stream, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let frame = goodbye.map(|code| CloseFrame {
            code: CloseCode::from(code),
            reason: "".into(),
        });
        stream.send(Message::Close(frame.clone())).await.unwrap();
        let answered = async {
            loop {
                match stream.next().await {
                    Some(Ok(Message::Close(answer))) => return answer,
                    Some(Ok(_)) => {}
                    other => panic!("no close frame: {other:?}"),
                }
            }
        };
        let answer = tokio::time::timeout(PATIENCE, answered).await.unwrap();
        assert_eq!(answer, frame);
        // And then the end, without an error.
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test]
async fn a_shutdown_says_goodbye() {
    let sim = sim().await;
    let (socket, _) = log_in(&sim, INTENTS).await;
    let (code, ()) = tokio::join!(socket.closed(), sim.shutdown());
    assert_eq!(code, 1_001);
}

#[tokio::test]
async fn serenity_reads_a_large_guild() {
    let mut guild = Guild::new(31 << 22, "Rooms", 11).member(11).member(21);
    for channel in 100..200 {
        guild = guild.voice(channel, &format!("room {channel}"));
    }
    let world = World::empty().user(User::new(11, "ada"));
    let settings = Settings {
        world: world.application(Application::new(21, "Yuri")).guild(guild),
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    // It asks for compression in IDENTIFY, and gets it for a payload of this size.
    let bot = Bot::start(&sim).await;
    let guild = serenity::model::id::GuildId::new(31 << 22);
    let knows_all = || {
        bot.cache
            .guild(guild)
            .is_some_and(|guild| guild.channels.len() == 100)
    };
    eventually("serenity knows all channels", knows_all).await;
    bot.stop().await;
}
