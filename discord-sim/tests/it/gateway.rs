//! The gateway's manners, by a client that does what real ones never do.

use std::time::Duration;

use discord_sim::{Application, Guild, Settings, Sim, User, World};
use serde_json::{Value, json};

use crate::support::shard::{GUILD_MEMBERS, INTENTS, connect, identify, log_in, log_in_with};
use crate::support::{PATIENCE, sim};

#[tokio::test]
async fn a_login_is_told_of_its_guilds() {
    let sim = sim().await;
    let (mut socket, ready) = log_in(&sim, INTENTS).await;
    assert!(sim.wait_bot_ready(PATIENCE).await);
    assert_eq!(ready["user"]["username"], "Yuri");
    assert_eq!(ready["application"]["id"], sim.application().id.to_string());
    assert_eq!(ready["resume_gateway_url"], sim.gateway_url());
    assert_eq!(ready["guilds"].as_array().unwrap().len(), 2);
    let lab = socket.receive_event("GUILD_CREATE").await;
    assert_eq!(lab["name"], "Sound Lab");
    // Without the presences intent: the bot itself and those in voice.
    let members = lab["members"].as_array().unwrap().iter();
    let names = members.map(|member| member["user"]["username"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["ada", "Yuri"]);
    assert_eq!(
        (
            &lab["member_count"],
            lab["voice_states"].as_array().unwrap().len()
        ),
        (&json!(3), 1)
    );
    socket.send(1, json!(3)).await;
    assert_eq!(socket.receive_op(11).await["d"], Value::Null);
}

#[tokio::test]
async fn wrong_clients_are_closed_with_discords_codes() {
    let sim = sim().await;
    let token = sim.application().bot_token;
    let after_login = [
        (r#"{"op":2,"d":{"token":"x","intents":1}}"#, 4005),
        (
            r#"{"op":6,"d":{"token":"x","session_id":"x","seq":1}}"#,
            4005,
        ),
        (r#"{"op":0,"d":null}"#, 4001),
        (r#"{"op":5,"d":null}"#, 4001),
        (r#"{"op":7,"d":null}"#, 4001),
        (r#"{"op":9,"d":null}"#, 4001),
        (r#"{"op":10,"d":null}"#, 4001),
        (r#"{"op":11,"d":null}"#, 4001),
        (r#"{"op":99}"#, 4001),
        (r#"{"op":1,"d":"x"}"#, 4002),
        (r#"{"op":1,"d":-1}"#, 4002),
        (r#"{"op":1,"d":1.5}"#, 4002),
        (r#"{"op":3}"#, 4002),
        (r#"{"op":4,"d":null}"#, 4002),
        (r#"{"op":4,"d":{"guild_id":"x"}}"#, 4002),
        (r#"{"op":4,"d":{"guild_id":"1","channel_id":[]}}"#, 4002),
        (r#"{"op":4,"d":{"guild_id":"1","self_mute":1}}"#, 4002),
        (r#"{"op":8,"d":{}}"#, 4002),
        (r#"{"op":31,"d":{"guild_ids":"1"}}"#, 4002),
        (r#"{"op":31,"d":{"guild_ids":["x"]}}"#, 4002),
    ];
    for (text, code) in after_login {
        let (mut socket, _) = log_in(&sim, INTENTS).await;
        socket.send_text(text).await;
        assert_eq!(socket.closed().await, code, "{text}");
    }
    let identify = |rest: &str| format!(r#"{{"op":2,"d":{{"token":"{token}"{rest}}}}}"#);
    let long = format!(r#"{{"op":1,"d":"{}"}}"#, "x".repeat(5_000));
    let before_login = [
        ("", 4002),
        ("[]", 4002),
        ("null", 4002),
        ("{}", 4002),
        (r#"{"op":"x"}"#, 4002),
        (r#"{"op":-1}"#, 4002),
        (&long, 4002),
        (r#"{"op":2}"#, 4002),
        (r#"{"op":2,"d":{}}"#, 4002),
        (r#"{"op":2,"d":{"token":1,"intents":1}}"#, 4002),
        (r#"{"op":6,"d":{"token":"x","session_id":"x"}}"#, 4002),
        (r#"{"op":3,"d":{}}"#, 4003),
        (r#"{"op":4,"d":{}}"#, 4003),
        (r#"{"op":8,"d":{}}"#, 4003),
        (r#"{"op":31,"d":{}}"#, 4003),
        (r#"{"op":99}"#, 4001),
        (r#"{"op":2,"d":{"token":"wrong","intents":1}}"#, 4004),
        (
            r#"{"op":6,"d":{"token":"wrong","session_id":"x","seq":1}}"#,
            4004,
        ),
        (&identify(r#","intents":1,"shard":[1,1]"#), 4010),
        (&identify(r#","intents":1099511627776"#), 4013),
        (&identify(r#","intents":-1"#), 4013),
        (&identify(r#","intents":"1""#), 4013),
        (&identify(""), 4013),
    ];
    for (text, code) in before_login {
        let mut socket = connect(&sim).await;
        socket.send_text(text).await;
        assert_eq!(socket.closed().await, code, "{text}");
    }
}

#[tokio::test]
async fn a_session_is_resumed_with_what_it_missed() {
    let sim = sim().await;
    let (guild, ben) = (sim.guilds()[0].id, sim.user_id("ben").unwrap());
    let lounge = sim.guilds()[0].voice_channel.unwrap();
    let token = sim.application().bot_token;
    let (mut socket, ready) = log_in(&sim, INTENTS).await;
    socket.receive_event("GUILD_CREATE").await;
    let last = socket.receive_op(0).await["s"].as_u64().unwrap();
    socket.close(4_000).await;
    sim.join_voice(ben, guild, lounge).unwrap();

    let resume =
        |seq: u64| json!({ "token": token, "session_id": ready["session_id"], "seq": seq });
    let mut socket = connect(&sim).await;
    socket.send(6, resume(last)).await;
    let missed = socket.receive().await;
    assert_eq!(
        (&missed["t"], missed["s"].as_u64()),
        (&json!("VOICE_STATE_UPDATE"), Some(last + 1))
    );
    socket.receive_event("RESUMED").await;

    // A second connection takes the session over from the first.
    let mut other = connect(&sim).await;
    other.send(6, resume(last + 2)).await;
    other.receive_event("RESUMED").await;
    assert_eq!(socket.closed().await, 4_000);

    let mut ahead = connect(&sim).await;
    ahead.send(6, resume(1_000)).await;
    assert_eq!(ahead.closed().await, 4_007);
    let mut unknown = connect(&sim).await;
    unknown
        .send(6, json!({ "token": token, "session_id": "x", "seq": 1 }))
        .await;
    assert_eq!(unknown.receive_op(9).await["d"], false);
    sim.advance_clock(Duration::from_secs(5));
    unknown.send(2, identify(&token, INTENTS)).await;
    unknown.receive_event("READY").await;

    // A goodbye ends the session for good.
    other.close(1_000).await;
    let gone = async {
        loop {
            let mut late = connect(&sim).await;
            late.send(6, resume(last + 3)).await;
            let answer = late.receive().await;
            if answer["op"] == 9 {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn voice_requests_are_answered_only_where_the_bot_may_go() {
    let sim = sim().await;
    let guilds = sim.guilds();
    let (lab, lounge) = (guilds[0].id, guilds[0].voice_channel.unwrap());
    let (mut socket, ready) = log_in(&sim, INTENTS).await;
    let join = |guild: u64, channel: u64| {
        json!({
            "guild_id": guild.to_string(), "channel_id": channel.to_string(),
            "self_mute": false, "self_deaf": true,
        })
    };
    // Refused without a word: a text channel, a foreign guild, a closed channel.
    socket
        .send(4, join(lab, guilds[0].text_channel.unwrap()))
        .await;
    socket
        .send(4, join(guilds[2].id, guilds[2].voice_channel.unwrap()))
        .await;
    socket.send(1, Value::Null).await;
    socket.receive_op(11).await;
    sim.deny_permissions(lounge, discord_sim::permissions::CONNECT)
        .unwrap();
    socket.send(4, join(lab, lounge)).await;
    socket.send(1, Value::Null).await;
    socket.receive_op(11).await;
    assert_eq!(sim.bot_voice_channel(lab), None);
    sim.deny_permissions(lounge, 0).unwrap();

    socket.send(4, join(lab, lounge)).await;
    let state = socket.receive_event("VOICE_STATE_UPDATE").await;
    assert_eq!(
        (&state["session_id"], &state["self_deaf"]),
        (&ready["session_id"], &json!(true))
    );
    assert_eq!(state["member"]["user"]["username"], "Yuri");
    let server = socket.receive_event("VOICE_SERVER_UPDATE").await;
    assert!(
        server["endpoint"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert!(
        !sim.wait_bot_in_voice(lab, None, Duration::ZERO).await,
        "no audio yet"
    );

    // Logging out leaves voice.
    socket.close(1_000).await;
    assert!(sim.wait_bot_out_of_voice(lab, PATIENCE).await);
}

#[tokio::test]
async fn intents_decide_what_is_heard() {
    let sim = sim().await;
    let (guild, ben) = (sim.guilds()[0].id, sim.user_id("ben").unwrap());
    let (mut all, _) = log_in(&sim, INTENTS | GUILD_MEMBERS).await;
    let (mut few, _) = log_in(&sim, 1).await;
    let (mut none, _) = log_in(&sim, 0).await;
    sim.set_timeout(ben, guild, Some(4_102_444_800_000))
        .unwrap();
    sim.remove_bot(guild).unwrap();
    let update = all.receive_event("GUILD_MEMBER_UPDATE").await;
    assert_eq!(
        update["communication_disabled_until"],
        "2100-01-01T00:00:00.000000+00:00"
    );
    // Losing a guild is the first thing the other hears after its guilds.
    few.receive_event("GUILD_CREATE").await;
    few.receive_event("GUILD_CREATE").await;
    let next = few.receive().await;
    assert_eq!(
        (&next["t"], &next["d"]["id"]),
        (&json!("GUILD_DELETE"), &json!(guild.to_string()))
    );
    // Who asked for nothing hears nothing.
    none.send(1, Value::Null).await;
    assert_eq!(none.receive().await["op"], 11);
}

#[tokio::test]
async fn soundboards_are_told_of_the_guilds_the_bot_is_in() {
    let sim = sim().await;
    let guilds = sim.guilds();
    let (mut socket, _) = log_in(&sim, 0).await;
    let asked = guilds.iter().map(|guild| guild.id.to_string());
    let asked = json!({ "guild_ids": asked.collect::<Vec<_>>() });
    socket.send(31, asked).await;
    for guild in guilds.iter().filter(|guild| guild.has_bot) {
        let sounds = socket.receive_event("SOUNDBOARD_SOUNDS").await;
        assert_eq!(sounds["guild_id"], guild.id.to_string());
        assert!(sounds["soundboard_sounds"].is_array());
    }
    socket.send(1, Value::Null).await;
    assert_eq!(socket.receive().await["op"], 11);
}

#[tokio::test]
async fn privileged_intents_must_be_switched_on_and_shards_share_the_guilds() {
    let bot = Application {
        privileged_intents: 0,
        ..Application::new(21, "Plain")
    };
    let guild = |number: u64| {
        Guild::new(number << 22, "g", 11)
            .voice(number, "v")
            .member(11)
            .member(21)
    };
    let world = World::empty().user(User::new(11, "ada")).application(bot);
    let world = world.guild(guild(1)).guild(guild(2)).guild(guild(3));
    let sim = Sim::start(Settings {
        world,
        ..Settings::default()
    })
    .await
    .unwrap();
    let mut socket = connect(&sim).await;
    socket
        .send(2, identify(&sim.application().bot_token, GUILD_MEMBERS))
        .await;
    assert_eq!(socket.closed().await, 4_014);

    for (shard, count) in [(0, 1), (1, 2)] {
        let mut data = identify(&sim.application().bot_token, 1);
        data["shard"] = json!([shard, 2]);
        let (_, ready) = log_in_with(&sim, data).await;
        assert_eq!(
            ready["guilds"].as_array().unwrap().len(),
            count,
            "shard {shard}"
        );
    }
}
