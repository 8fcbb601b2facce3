//! `/ws`: every command, event and error of the original protocol.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use yuri::ids::GuildId;

use crate::audio::fixture;
use crate::support::child::voice_test;
use crate::support::socket::Socket;
use crate::support::{Answer, Setup, Token};

fn init(token: &Token) -> Value {
    json!({"user_id": token.user.to_string(), "token": token.secret})
}

fn fault(code: u8, kind: &str, message: &str) -> Value {
    json!({"code": code, "type": kind, "message": message, "data": null})
}

voice_test! {
    async fn every_command_does_what_it_says_and_is_told() {
        let setup = Setup::with_discord().set("YURI_ADMINS", "182440710331105281");
        fs::write(setup.sounds().join("tone.ogg"), fixture("tone-opus.ogg")).unwrap();
        let server = setup.start().await;
        let guild = server.sim().guilds().remove(0);
        let (id, channel) = (guild.id.to_string(), guild.voice_channel.unwrap().to_string());
        let ada = server.token(server.user("ada")).await;

        let mut socket = Socket::open(&server, "/ws").await;
        socket.send("INIT", init(&ada)).await;
        let hello = json!({"admin": true, "connected": false, "vol": 100, "voice_state": null});
        assert_eq!(socket.expect("HELLO").await, hello);

        socket.send_text(r#"{"name":"JOIN"}"#).await;
        let place = json!({"guild_id": id, "channel_id": channel, "vol": 100});
        assert_eq!(socket.expect("JOINED").await, place);
        let mut second = Socket::signed(&server, "/ws", &ada).await;
        let there = json!({"guild_id": id, "channel_id": channel});
        let hello = json!({"admin": true, "connected": true, "vol": 100, "voice_state": there});
        assert_eq!(second.expect("HELLO").await, hello);

        socket.send("PLAY", json!({"ident": "tone", "source": 0})).await;
        let track = json!({
            "ident": "tone", "source": 0, "guild_id": id, "channel_id": channel,
            "user_id": ada.user.to_string(), "user_tag": "zekro#9131",
        });
        let mut sounding = track.clone();
        sounding["vol"] = json!(100);
        for event in ["PLAYING", "END"] {
            assert_eq!(socket.expect(event).await, sounding);
            assert_eq!(second.expect(event).await, sounding);
        }
        for (asked, served) in [(json!(1000), 200), (json!(30.9), 30)] {
            socket.send("VOLUME", asked).await;
            let changed = json!({"guild_id": id, "vol": served});
            assert_eq!(socket.expect("VOLUME_CHANGED").await, changed);
        }
        socket.send_text(r#"{"name":"RANDOM"}"#).await;
        assert_eq!(socket.expect("PLAYING").await["vol"], 30);
        socket.send_text(r#"{"name":"STOP"}"#).await;
        assert_eq!(socket.expect("END").await["ident"], "tone");

        socket.send("PLAY", json!({"ident": "tone.ogg"})).await;
        socket.expect("PLAYING").await;
        // Longer than it can take, for a clock that runs ahead.
        server.clock.advance(Duration::from_secs(12));
        let stuck = json!({"threshold": 10_000, "track": track});
        assert_eq!(socket.expect("STUCK").await, stuck);
        socket.expect("END").await;
        socket.send_text(r#"{"name":"LEAVE"}"#).await;
        assert_eq!(socket.expect("LEFT").await["channel_id"], channel.as_str());
        assert_eq!(server.sim().bot_voice_channel(guild.id), None);
        server.stop().await;
        socket.closed(1001).await;
    }
}

voice_test! {
    async fn the_bot_joins_ahead_of_whoever_looks_at_a_client() {
        let server = Setup::with_discord().start().await;
        let guild = server.guild();
        let ada = server.token(server.user("ada")).await;
        let mut socket = Socket::signed(&server, "/ws", &ada).await;
        socket.expect("HELLO").await;
        socket.send_text(r#"{"name":"FOCUS"}"#).await;
        socket.send("VOLUME", json!(7)).await;
        socket.expect("VOLUME_CHANGED").await;
        assert_eq!(server.sim().bot_voice_channel(guild.get()), None, "the guild has not asked for it");

        let on = server.app.player.change_settings(guild, |settings| settings.joins_early = true);
        on.await.unwrap();
        socket.send_text(r#"{"name":"FOCUS"}"#).await;
        socket.expect("JOINED").await;
        socket.send_text(r#"{"name":"LEAVE"}"#).await;
        socket.expect("LEFT").await;

        let mut page = Socket::signed(&server, "/socket.io/?EIO=4&transport=websocket", &ada).await;
        assert!(page.next_text().await.unwrap().starts_with('0'));
        page.send_text("40").await;
        for begins in ["40{", r#"42["ready""#] {
            let told = page.next_text().await.unwrap();
            assert!(told.starts_with(begins), "{told}");
        }
        page.send_text(r#"42["focus"]"#).await;
        while !page.next_text().await.unwrap().starts_with(r#"42["joined""#) {}
        socket.expect("JOINED").await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_told_with_its_code() {
    let server = Setup::with_discord().start().await;
    let ada = server.token(server.user("ada")).await;
    let mut socket = Socket::signed(&server, "/ws", &ada).await;
    socket.expect("HELLO").await;
    let ident = fault(0, "bad command args", "ident must be a valid string value");
    let range = fault(
        0,
        "bad command args",
        "invalid value: must be in range [0, 1000]",
    );
    let cases = [
        (
            "INIT",
            init(&ada),
            fault(4, "bad command", "your connection is initialized already"),
        ),
        ("PLAY", json!({"ident": "", "source": 0}), ident.clone()),
        ("PLAY", Value::Null, ident),
        (
            "PLAY",
            json!({"ident": "dQw4w9WgXcQ", "source": 1}),
            fault(0, "bad command args", "source must be 0 (local)"),
        ),
        ("VOLUME", json!(1001), range.clone()),
        ("VOLUME", json!(-1), range),
        (
            "VOLUME",
            json!("30"),
            fault(0, "bad command args", "invalid command data format"),
        ),
        (
            "PLAY",
            json!({"ident": "nothing", "source": 0}),
            fault(
                3,
                "internal",
                "command failed: there is no sound of this name, see the list of sounds",
            ),
        ),
        (
            "DANCE",
            Value::Null,
            fault(4, "bad command", "unknown command"),
        ),
    ];
    for (name, data, expected) in cases {
        socket.send(name, data).await;
        assert_eq!(socket.expect("ERROR").await, expected, "{name}");
    }
    socket.send_text("{").await;
    let garbled = fault(0, "bad command args", "failed parsing data");
    assert_eq!(socket.expect("ERROR").await, garbled);
    // That were ten.
    let limited = |wait: u64| {
        json!({
            "code": 5, "type": "rate limit exceed", "data": {"reset_time": wait},
            "message": "Rate limit exceed. Wait reset_time * milliseconds until sending another command.",
        })
    };
    socket.send("STOP", Value::Null).await;
    assert_eq!(socket.expect("ERROR").await, limited(1_500));
    drop(socket);
    // Coming back refills nothing.
    let mut socket = Socket::signed(&server, "/ws", &ada).await;
    socket.expect("HELLO").await;
    server.clock.advance(Duration::from_millis(500));
    socket.send("STOP", Value::Null).await;
    assert_eq!(socket.expect("ERROR").await, limited(1_000));
    // The requests of the API are counted apart.
    assert_eq!(ada.get(&server, "/api/localsounds").await.status, 200);

    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_play_that_fails_is_told_to_all() {
    let setup = Setup::with_discord();
    fs::write(setup.sounds().join("tone.ogg"), fixture("tone-opus.ogg")).unwrap();
    let server = setup.start().await;
    let ada = server.token(server.user("ada")).await;
    let mut socket = Socket::signed(&server, "/ws", &ada).await;
    socket.expect("HELLO").await;
    // This process does not trust the simulated voice server.
    socket
        .send("PLAY", json!({"ident": "tone", "source": 0}))
        .await;
    let (mut failed, mut fault_told) = (Value::Null, Value::Null);
    while failed.is_null() || fault_told.is_null() {
        let (name, data) = socket.next().await;
        match name.as_str() {
            "JOINED" | "LEFT" => {}
            "PLAY_ERROR" => failed = data,
            "ERROR" => fault_told = data,
            _ => panic!("{name} {data}"),
        }
    }
    assert_eq!(failed["track"]["ident"], "tone");
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.starts_with("discord "), "{reason}");
    assert_eq!(
        fault_told,
        fault(3, "internal", &format!("command failed: {reason}"))
    );

    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_in_voice_is_told_so() {
    let server = Setup::with_discord().start().await;
    let ben = server.token(server.user("ben")).await;
    let mut elsewhere = Socket::signed(&server, "/ws", &ben).await;
    let hello = json!({"admin": false, "connected": false, "vol": 0, "voice_state": null});
    assert_eq!(elsewhere.expect("HELLO").await, hello);
    let absent = "you need to be in a voice channel to perform this command";
    for name in ["JOIN", "LEAVE", "RANDOM", "STOP"] {
        elsewhere.send(name, Value::Null).await;
        assert_eq!(
            elsewhere.expect("ERROR").await,
            fault(2, "forbidden", absent)
        );
    }
    elsewhere.send("PLAY", json!({"ident": "tone"})).await;
    assert_eq!(
        elsewhere.expect("ERROR").await,
        fault(2, "forbidden", absent)
    );
    elsewhere.send("VOLUME", json!(5)).await;
    assert_eq!(
        elsewhere.expect("ERROR").await,
        fault(2, "forbidden", absent)
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_to_those_who_are_in_voice_there() {
    let server = Setup::with_discord().start().await;
    let guild = server.sim().guilds().remove(0);
    let id = GuildId::try_from(guild.id).unwrap();
    let ben = server.token(server.user("ben")).await;
    let cleo = server.token(server.user("cleo")).await;
    let mut socket = Socket::signed(&server, "/ws", &ben).await;
    let mut elsewhere = Socket::signed(&server, "/ws", &cleo).await;
    socket.expect("HELLO").await;
    elsewhere.expect("HELLO").await;
    let channel = guild.voice_channel.unwrap();
    let in_voice = |is: bool| {
        let (user, server) = (ben.user, &server);
        server.until(move |app| app.guilds.gateway().voice_guild(user).is_some() == is)
    };
    let sim = server.sim();
    sim.join_voice(ben.user.get(), guild.id, channel).unwrap();
    in_voice(true).await;
    server.set_volume(id, 2).await;
    assert_eq!(socket.expect("VOLUME_CHANGED").await["vol"], 2);
    sim.leave_voice(ben.user.get(), guild.id).unwrap();
    in_voice(false).await;
    server.set_volume(id, 3).await;
    server.stop().await;
    socket.closed(1001).await;
    elsewhere.closed(1001).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_talks_who_has_not_logged_in() {
    let server = Setup::with_discord().start().await;
    let ada = server.token(server.user("ada")).await;
    let unauthorized = fault(1, "unauthorized", "unauthorized");

    let mut early = Socket::open(&server, "/ws").await;
    early.send("STOP", Value::Null).await;
    assert_eq!(early.expect("ERROR").await, unauthorized);
    early.closed(4001).await;

    let mut wrong = Socket::open(&server, "/ws").await;
    let garbled = fault(0, "bad command args", "failed parsing data");
    for text in [
        "",
        r#"{"name":"INIT"}"#,
        r#"{"name":"INIT","data":{"user_id":1}}"#,
    ] {
        wrong.send_text(text).await;
        assert_eq!(wrong.expect("ERROR").await, garbled);
    }
    let mut other = init(&ada);
    other["token"] = json!("x".repeat(64));
    wrong.send("INIT", other).await;
    assert_eq!(wrong.expect("ERROR").await, unauthorized);
    wrong.closed(4001).await;

    let mut silent = Socket::open(&server, "/ws").await;
    // It counts from when the server has seen it.
    silent.send_text("?").await;
    assert_eq!(silent.expect("ERROR").await, garbled);
    server.clock.advance(Duration::from_secs(5));
    let late = fault(1, "unauthorized", "INIT must come within 5 seconds");
    assert_eq!(silent.expect("ERROR").await, late);
    silent.closed(4001).await;

    let plain = Answer::of(server.get("/ws")).await;
    assert_eq!(plain.status, 400);
    assert_eq!(plain.error(), "this address speaks websocket, version 13");
    let cookies = format!("userid={}; token={}", ada.user, ada.secret);
    let cases: [(&[(&str, &str)], u16); 5] = [
        (&[("Authorization", "Basic AAAA")], 401),
        (&[("Cookie", &cookies)], 401),
        (&[("Origin", "https://evil.example")], 403),
        (&[("Origin", "null")], 403),
        (
            &[("Origin", "https://evil.example"), ("Cookie", &cookies)],
            403,
        ),
    ];
    for (headers, status) in cases {
        let refused = Socket::try_open(&server, "/ws", headers)
            .await
            .err()
            .unwrap();
        assert_eq!(refused.0, status, "{headers:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_need_a_page_of_ours() {
    let server = Setup::with_discord().start().await;
    let ada = server.token(server.user("ada")).await;
    let issued = server
        .app
        .tokens
        .issue(ada.user, yuri::db::tokens::Kind::Session)
        .await
        .unwrap();
    let cookies = format!("userid={}; token={}", ada.user, issued.token);
    let open = |origin: Option<&'static str>| {
        let headers = [
            ("Cookie", cookies.clone()),
            ("Origin", origin.unwrap_or_default().to_owned()),
        ];
        let server = &server;
        async move {
            let headers = headers
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            let headers = if origin.is_some() {
                &headers[..]
            } else {
                &headers[..1]
            };
            Socket::try_open(server, "/ws", headers).await
        }
    };
    assert_eq!(open(None).await.err().unwrap().0, 403);
    assert_eq!(
        open(Some("https://evil.example")).await.err().unwrap().0,
        403
    );
    let mut socket = open(Some("http://yuri.test")).await.unwrap();
    socket.expect("HELLO").await;
    server.app.tokens.revoke(ada.user, issued.id).await.unwrap();
    socket.closed(4001).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_floods_stalls_or_sends_odd_things_is_dropped() {
    let server = Setup::with_discord().start().await;
    let ada = server.token(server.user("ada")).await;
    let open = || async {
        let mut socket = Socket::signed(&server, "/ws", &ada).await;
        socket.expect("HELLO").await;
        socket
    };
    let mut bytes = open().await;
    bytes.send_bytes(b"{}").await;
    bytes.closed(1003).await;
    let mut long = open().await;
    long.send_text(&"x".repeat(16 * 1024 + 1)).await;
    long.closed(1009).await;
    let mut flood = open().await;
    for _ in 0..10 + 31 {
        flood.send("DANCE", Value::Null).await;
        flood.expect("ERROR").await;
    }
    flood.closed(1008).await;

    // Who answers pings stays, who does not is gone after forty seconds.
    let mut alive = open().await;
    let mut dead = open().await;
    for _ in 0..2 {
        server.clock.advance(Duration::from_secs(20));
        alive.ping().await;
    }
    server.until(|app| app.feeds.count() == 1).await;
    assert!(dead.is_gone().await);
    alive.ping().await;
    server.stop().await;
    alive.closed(1001).await;
}
