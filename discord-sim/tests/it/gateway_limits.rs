//! The gateway's limits: heartbeats, events per minute, logins per day and at once, shards.

use std::time::Duration;

use discord_sim::{Application, GatewayLimits, Guild, Settings, Sim, User, World};
use serde_json::{Value, json};

use crate::support::rest::Rest;
use crate::support::shard::{INTENTS, connect, identify, log_in, log_in_with, resume};
use crate::support::{PATIENCE, sim};

async fn sim_with(gateway: GatewayLimits) -> Sim {
    let settings = Settings {
        gateway,
        ..Settings::default()
    };
    Sim::start(settings).await.unwrap()
}

async fn gateway_bot(sim: &Sim) -> Value {
    let request = reqwest::Client::new().get(format!("{}/api/v10/gateway/bot", sim.api_url()));
    let token = format!("Bot {}", sim.application().bot_token);
    let answer = request.header("authorization", token).send().await;
    answer.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn who_sends_no_heartbeats_is_closed_and_may_resume() {
    let sim = sim_with(GatewayLimits {
        heartbeat_interval: Duration::from_millis(300),
        ..GatewayLimits::default()
    })
    .await;
    let url = format!("{}/?v=10&encoding=json", sim.gateway_url());
    let mut socket = crate::support::socket::Socket::connect(&url).await;
    let hello = socket.receive().await;
    assert_eq!(hello["d"]["heartbeat_interval"], 300);
    socket
        .send(2, identify(&sim.application().bot_token, 1))
        .await;
    let ready = socket.receive_event("READY").await;
    // Nine intervals long, all is well.
    for _ in 0..3 {
        socket.send(1, json!(1)).await;
        socket.receive_op(11).await;
    }
    let alive = std::time::Instant::now();
    assert_eq!(socket.closed().await, 4_009);
    let silent = alive.elapsed();
    assert!(silent >= Duration::from_millis(440), "{silent:?}");

    let mut socket = connect(&sim).await;
    socket.send(6, resume(&sim, &ready, 1)).await;
    socket.receive_event("RESUMED").await;
    // One that has not even logged in is not waited for either.
    assert_eq!(connect(&sim).await.closed().await, 4_009);
}

#[tokio::test]
async fn who_sends_too_much_is_closed_and_may_resume() {
    let sim = sim().await;
    let (mut socket, ready) = log_in(&sim, 1).await;
    for _ in 0..119 {
        socket.send(1, Value::Null).await;
        socket.receive_op(11).await;
    }
    let presence = json!({ "since": null, "activities": [], "status": "dnd", "afk": false });
    socket.send(3, presence).await;
    assert_eq!(socket.closed().await, 4_008);
    let mut socket = connect(&sim).await;
    socket.send(6, resume(&sim, &ready, 3)).await;
    socket.receive_event("RESUMED").await;
}

#[tokio::test]
async fn a_bot_may_identify_once_in_five_seconds() {
    let sim = sim().await;
    let (_first, ready) = log_in(&sim, INTENTS).await;
    let token = sim.application().bot_token;
    let mut second = connect(&sim).await;
    second.send(2, identify(&token, INTENTS)).await;
    let refused = second.receive().await;
    assert_eq!((&refused["op"], &refused["d"]), (&json!(9), &json!(false)));
    // Resuming is no identifying.
    let mut third = connect(&sim).await;
    third.send(6, resume(&sim, &ready, 3)).await;
    third.receive_event("RESUMED").await;
    sim.advance_clock(Duration::from_secs(5));
    second.send(2, identify(&token, INTENTS)).await;
    second.receive_event("READY").await;
}

#[tokio::test]
async fn shards_of_different_keys_start_at_once() {
    let sim = sim_with(GatewayLimits {
        max_concurrency: 2,
        ..GatewayLimits::default()
    })
    .await;
    assert_eq!(
        gateway_bot(&sim).await["session_start_limit"]["max_concurrency"],
        2
    );
    let mut answers = Vec::new();
    for shard in 0..3 {
        let mut socket = connect(&sim).await;
        let mut data = identify(&sim.application().bot_token, INTENTS);
        data["shard"] = json!([shard, 4]);
        socket.send(2, data).await;
        answers.push(socket.receive().await);
    }
    assert_eq!(answers[0]["d"]["shard"], json!([0, 4]));
    assert_eq!(answers[1]["d"]["shard"], json!([1, 4]));
    assert_eq!(answers[2]["op"], 9);
}

#[tokio::test]
async fn the_session_start_limit_is_counted_and_enforced() {
    let sim = sim_with(GatewayLimits {
        session_starts: 2,
        ..GatewayLimits::default()
    })
    .await;
    let limit = |remaining: u32, reset_after: Value| {
        json!({
            "total": 2, "remaining": remaining, "reset_after": reset_after, "max_concurrency": 1,
        })
    };
    let unused = gateway_bot(&sim).await;
    assert_eq!(unused["session_start_limit"], limit(2, json!(0)));
    assert_eq!(
        (&unused["url"], &unused["shards"]),
        (&json!(sim.gateway_url()), &json!(1))
    );
    let (first, _) = log_in(&sim, INTENTS).await;
    let (second, ready) = log_in(&sim, INTENTS).await;
    second.vanish();
    let used = gateway_bot(&sim).await["session_start_limit"].take();
    let reset_after = used["reset_after"].as_u64().unwrap();
    let day_ms = 24 * 60 * 60 * 1_000;
    assert!(
        (day_ms - 30_000..=day_ms).contains(&reset_after),
        "{reset_after}"
    );
    assert_eq!(used, limit(0, used["reset_after"].clone()));

    // Once too often: all sessions are over, and the token is another.
    let token = sim.application().bot_token;
    let mut third = connect(&sim).await;
    third.send(2, identify(&token, INTENTS)).await;
    assert_eq!(third.closed().await, 4_004);
    assert_eq!(first.closed().await, 4_004);
    assert_ne!(sim.application().bot_token, token);
    let mut old = connect(&sim).await;
    old.send(2, identify(&token, INTENTS)).await;
    assert_eq!(old.closed().await, 4_004);
    let mut gone = connect(&sim).await;
    gone.send(6, resume(&sim, &ready, 3)).await;
    assert_eq!(gone.receive().await["op"], 9);

    // The next day there are new starts.
    sim.advance_clock(Duration::from_millis(day_ms));
    log_in(&sim, INTENTS).await;
    assert_eq!(
        gateway_bot(&sim).await["session_start_limit"]["remaining"],
        1
    );
}

#[tokio::test]
async fn a_token_that_is_reset_ends_its_connections_and_another_takes_its_place() {
    let sim = sim().await;
    assert_eq!(sim.gateway_connections(), 0);
    let (socket, _) = log_in(&sim, INTENTS).await;
    assert!(sim.wait_gateway_connections(1, PATIENCE).await);
    let old = sim.application().bot_token;
    let new = sim.reset_bot_token();
    assert_ne!(new, old);
    assert_eq!(new, sim.application().bot_token);
    assert_eq!(socket.closed().await, 4_004);
    assert!(sim.wait_gateway_connections(0, PATIENCE).await);
    let profile = async |token: &str| {
        let rest = Rest::with(&sim, format!("Bot {token}"));
        rest.get("/users/@me").await.0
    };
    assert_eq!((profile(&old).await, profile(&new).await), (401, 200));
    let mut refused = connect(&sim).await;
    refused.send(2, identify(&old, INTENTS)).await;
    assert_eq!(refused.closed().await, 4_004);

    // A connection that ends without a word counts no more, though it may be resumed.
    let (socket, _) = log_in(&sim, INTENTS).await;
    assert_eq!(sim.gateway_connections(), 1);
    socket.vanish();
    assert!(sim.wait_gateway_connections(0, PATIENCE).await);
}

#[tokio::test]
async fn many_guilds_need_many_shards() {
    let mut world = World::empty().user(User::new(11, "ada"));
    world = world.application(Application::new(21, "Yuri"));
    for number in 1..=5_u64 {
        world = world.guild(Guild::new(number << 22, "g", 11).member(11).member(21));
    }
    let sim = Sim::start(Settings {
        world,
        gateway: GatewayLimits {
            guilds_per_shard: 4,
            guilds_per_recommended_shard: 2,
            ..GatewayLimits::default()
        },
        ..Settings::default()
    })
    .await
    .unwrap();
    assert_eq!(gateway_bot(&sim).await["shards"], 3);
    let mut alone = connect(&sim).await;
    alone
        .send(2, identify(&sim.application().bot_token, INTENTS))
        .await;
    assert_eq!(alone.closed().await, 4_011);
    let mut data = identify(&sim.application().bot_token, INTENTS);
    for (shard, guilds) in [(0, [2, 4].as_slice()), (1, &[1, 3, 5])] {
        data["shard"] = json!([shard, 2]);
        let (_, ready) = log_in_with(&sim, data.clone()).await;
        let listed = guilds
            .iter()
            .map(|number: &u64| json!({ "id": (number << 22).to_string(), "unavailable": true }));
        assert_eq!(ready["guilds"], listed.collect::<Value>());
    }
    for wrong in [
        json!([2, 2]),
        json!([0, 0]),
        json!([0]),
        json!("0"),
        json!([-1, 2]),
    ] {
        let mut socket = connect(&sim).await;
        data["shard"] = wrong.clone();
        socket.send(2, data.clone()).await;
        assert_eq!(socket.closed().await, 4_010, "{wrong}");
    }
}
