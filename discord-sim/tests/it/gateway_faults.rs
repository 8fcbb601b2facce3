//! Faults of the gateway, seen by a raw client and by serenity.

use std::time::{Duration, Instant};

use discord_sim::{Cut, Effect, Fault, FaultId, HttpAnswer, Payloads, Point, Server, Sim};
use poise::serenity_prelude as serenity;
use serde_json::{Value, json};
use serenity::{ClientBuilder, GatewayError, GatewayIntents, HttpBuilder};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;

use crate::support::bot::Bot;
use crate::support::shard::{INTENTS, connect, identify, log_in, log_in_with, resume};
use crate::support::socket::Socket;
use crate::support::{PATIENCE, eventually, sim};

/// Long enough to be seen, and short.
const MOMENT: Duration = Duration::from_millis(50);

fn received(op: u64) -> Point {
    Point::Received(Payloads::gateway().op(op))
}

fn sent(op: u64) -> Point {
    Point::Sent(Payloads::gateway().op(op))
}

fn event(name: &str) -> Point {
    Point::Sent(Payloads::gateway().event(name))
}

/// Strikes the next time.
fn once(sim: &Sim, point: impl Into<Point>, effect: Effect) -> FaultId {
    sim.fault(Fault::on(point, effect).times(1)).unwrap()
}

/// Opcode 4 for the first guild: into its voice channel, or out of it.
fn voice(sim: &Sim, join: bool) -> Value {
    let guild = &sim.guilds()[0];
    let channel = guild.voice_channel.filter(|_| join);
    json!({
        "guild_id": guild.id.to_string(), "channel_id": channel.map(|id| id.to_string()),
        "self_mute": false, "self_deaf": false,
    })
}

/// Logged in, all guilds received.
async fn greeted(sim: &Sim) -> (Socket, Value) {
    let (mut socket, ready) = log_in(sim, INTENTS).await;
    socket.receive_event("GUILD_CREATE").await;
    socket.receive_event("GUILD_CREATE").await;
    (socket, ready)
}

#[tokio::test]
async fn gateway_connections_refused_reset_closed_silent_and_late() {
    let sim = sim().await;
    let url = format!("{}/?v=10&encoding=json", sim.gateway_url());
    for answer in [HttpAnswer::status(503), HttpAnswer::cloudflare(429)] {
        once(&sim, Server::Gateway, Effect::Answer(answer.clone()));
        let Error::Http(response) = connect_async(&url).await.unwrap_err() else {
            panic!("{answer:?} was not answered");
        };
        let body = response.body().clone().unwrap_or_default();
        match response.status().as_u16() {
            503 => assert!(body.starts_with(b"{")),
            429 => assert!(body.starts_with(b"<!DOCTYPE html>")),
            other => panic!("{other}"),
        }
    }
    for how in [Cut::Reset, Cut::Close] {
        once(&sim, Server::Gateway, Effect::Cut(how));
        let error = connect_async(&url).await.unwrap_err();
        assert!(!matches!(error, Error::Http(_)), "{how:?}: {error}");
    }
    once(&sim, Server::Gateway, Effect::Cut(Cut::HalfOpen));
    let silent = tokio::time::timeout(MOMENT, connect_async(&url)).await;
    assert!(silent.is_err());
    once(&sim, Server::Gateway, Effect::Delay(MOMENT.into()));
    let begun = Instant::now();
    connect(&sim).await;
    assert!(begun.elapsed() >= MOMENT);
}

#[tokio::test]
async fn gateway_close_codes_at_any_payload() {
    let sim = sim().await;
    let token = sim.application().bot_token;
    for code in [
        1_000, 1_001, 4_000, 4_001, 4_002, 4_003, 4_004, 4_005, 4_007, 4_008, 4_009, 4_010, 4_011,
        4_012, 4_013, 4_014, 4_999,
    ] {
        once(&sim, received(2), Effect::Close(Some(code)));
        let mut socket = connect(&sim).await;
        socket.send(2, identify(&token, INTENTS)).await;
        assert_eq!(socket.closed().await, code);
    }
    once(&sim, sent(10), Effect::Close(Some(4_000)));
    let url = format!("{}/?v=10&encoding=json", sim.gateway_url());
    let socket = Socket::connect(&url).await;
    assert_eq!(socket.closed().await, 4_000);
    // The event in whose place it was closed is sent again to who resumes.
    let (mut socket, ready) = greeted(&sim).await;
    once(&sim, event("VOICE_STATE_UPDATE"), Effect::Close(None));
    socket.send(4, voice(&sim, true)).await;
    assert_eq!(socket.ended().await, Some(None));
    let mut socket = connect(&sim).await;
    socket.send(6, resume(&sim, &ready, 3)).await;
    let state = socket.receive_event("VOICE_STATE_UPDATE").await;
    assert_eq!(state["channel_id"], voice(&sim, true)["channel_id"]);
    socket.receive_event("RESUMED").await;
}

#[tokio::test]
async fn gateway_payloads_swallowed_both_ways() {
    let sim = sim().await;
    let (guild, lounge) = (sim.guilds()[0].id, sim.guilds()[0].voice_channel);
    let (mut socket, _) = greeted(&sim).await;
    let server = once(&sim, event("VOICE_SERVER_UPDATE"), Effect::Swallow);
    socket.send(4, voice(&sim, true)).await;
    socket.receive_event("VOICE_STATE_UPDATE").await;
    assert!(sim.wait_fault(server, 1, PATIENCE).await);
    let leave = once(&sim, received(4), Effect::Swallow);
    socket.send(4, voice(&sim, false)).await;
    assert!(sim.wait_fault(leave, 1, PATIENCE).await);
    assert_eq!(sim.bot_voice_channel(guild), lounge);
    // Two heartbeats, and one answer.
    once(&sim, sent(11), Effect::Swallow);
    socket.send(1, Value::Null).await;
    socket.send(1, Value::Null).await;
    assert_eq!(socket.receive().await["op"], 11);
    assert!(socket.is_silent(MOMENT).await);
}

#[tokio::test]
async fn gateway_payloads_late_in_their_order() {
    let sim = sim().await;
    let (guild, ben) = (sim.guilds()[0].id, sim.user_id("ben").unwrap());
    let lounge = sim.guilds()[0].voice_channel.unwrap();
    let (mut socket, _) = greeted(&sim).await;
    let late = Duration::from_millis(500);
    let fault = once(
        &sim,
        event("VOICE_STATE_UPDATE"),
        Effect::Delay(late.into()),
    );
    let begun = Instant::now();
    sim.join_voice(ben, guild, lounge).unwrap();
    sim.leave_voice(ben, guild).unwrap();
    assert!(sim.wait_fault(fault, 1, PATIENCE).await);
    // Heartbeats are answered meanwhile, and what comes behind the late one waits.
    socket.send(1, Value::Null).await;
    assert_eq!(socket.receive().await["op"], 11);
    let state = socket.receive_event("VOICE_STATE_UPDATE").await;
    assert_eq!(state["channel_id"], lounge.to_string());
    assert!(begun.elapsed() >= late);
    let state = socket.receive_event("VOICE_STATE_UPDATE").await;
    assert_eq!(state["channel_id"], Value::Null);
    // A heartbeat's answer can be late too.
    once(&sim, sent(11), Effect::Delay(MOMENT.into()));
    let begun = Instant::now();
    socket.send(1, Value::Null).await;
    assert_eq!(socket.receive().await["op"], 11);
    assert!(begun.elapsed() >= MOMENT);
}

#[tokio::test]
async fn gateway_payloads_duplicated_changed_and_broken_off() {
    let sim = sim().await;
    let (guild, ben) = (sim.guilds()[0].id, sim.user_id("ben").unwrap());
    let lounge = sim.guilds()[0].voice_channel.unwrap();
    let (mut socket, _) = greeted(&sim).await;
    let state = || event("VOICE_STATE_UPDATE");
    once(&sim, state(), Effect::Duplicate);
    sim.join_voice(ben, guild, lounge).unwrap();
    let first = socket.receive().await;
    assert_eq!(first["t"], "VOICE_STATE_UPDATE");
    assert_eq!(socket.receive().await, first);
    let mute = Effect::Set {
        pointer: "/self_mute".to_owned(),
        value: json!(true),
    };
    once(&sim, state(), mute);
    sim.leave_voice(ben, guild).unwrap();
    let changed = socket.receive_event("VOICE_STATE_UPDATE").await;
    assert_eq!(changed["self_mute"], true);
    once(&sim, state(), Effect::Garble);
    sim.join_voice(ben, guild, lounge).unwrap();
    let text = socket.receive_text().await;
    assert!(text.starts_with('{') && serde_json::from_str::<Value>(&text).is_err());
}

#[tokio::test]
async fn gateway_reconnect_and_invalid_session_in_place_of_a_payload() {
    let sim = sim().await;
    let (mut socket, ready) = greeted(&sim).await;
    once(&sim, received(4), Effect::Reconnect);
    socket.send(4, voice(&sim, true)).await;
    assert_eq!(socket.receive().await["op"], 7);
    assert_eq!(sim.bot_voice_channel(sim.guilds()[0].id), None);
    socket.close(4_000).await;
    let mut socket = connect(&sim).await;
    let invalid = |resumable| Effect::InvalidSession { resumable };
    once(&sim, received(6), invalid(true));
    socket.send(6, resume(&sim, &ready, 3)).await;
    assert_eq!(socket.receive().await["d"], true);
    socket.send(6, resume(&sim, &ready, 3)).await;
    socket.receive_event("RESUMED").await;
    once(&sim, sent(11), invalid(false));
    socket.send(1, Value::Null).await;
    let answer = socket.receive().await;
    assert_eq!((&answer["op"], &answer["d"]), (&json!(9), &json!(false)));
    assert!(!sim.wait_bot_ready(Duration::ZERO).await);
}

#[tokio::test]
async fn gateway_connections_cut_in_place_of_a_payload() {
    let sim = sim().await;
    let ends = [Cut::Reset, Cut::Close, Cut::HalfClose];
    for point in [received(1), sent(11)] {
        for how in ends {
            once(&sim, point.clone(), Effect::Cut(how));
            let mut socket = connect(&sim).await;
            socket.send(1, Value::Null).await;
            assert_eq!(socket.ended().await, None, "{how:?}");
        }
        once(&sim, point, Effect::Cut(Cut::HalfOpen));
        let mut socket = connect(&sim).await;
        socket.send(1, Value::Null).await;
        socket.send(1, Value::Null).await;
        assert!(socket.is_silent(MOMENT).await);
    }
}

#[tokio::test]
async fn gateway_faults_of_one_shard_and_of_one_bot() {
    let sim = sim().await;
    let token = sim.application().bot_token;
    let mut shards = Vec::new();
    for shard in 0..2 {
        let mut data = identify(&token, INTENTS);
        data["shard"] = json!([shard, 2]);
        shards.push(log_in_with(&sim, data).await.0);
    }
    let bot = sim.application().id;
    let heartbeats = || Payloads::gateway().op(1);
    let of_shard = Point::Received(heartbeats().of_bot(bot).of_shard(1));
    let of_another = Point::Received(heartbeats().of_bot(bot + 1));
    let shard = once(&sim, of_shard, Effect::Close(Some(4_000)));
    let another = once(&sim, of_another, Effect::Close(Some(4_000)));
    for socket in &mut shards {
        socket.send(1, Value::Null).await;
    }
    let [mut first, second] = shards.try_into().ok().unwrap();
    first.receive_op(11).await;
    let (_, end) = second.rest().await;
    assert_eq!(end, Some(Some((4_000, "Unknown error.".to_owned()))));
    let reports = sim.faults().into_iter();
    let struck = reports.map(|report| (report.id, report.met, report.struck));
    let expected = [(shard, 1, 1), (another, 0, 0)];
    assert_eq!(struck.collect::<Vec<_>>(), expected);
    // A login is that of the bot and the shard that it claims to be.
    let of_shard = Payloads::gateway().op(2).of_bot(bot).of_shard(1);
    once(&sim, Point::Received(of_shard), Effect::Close(Some(4_010)));
    let mut socket = connect(&sim).await;
    let mut data = identify(&token, INTENTS);
    data["shard"] = json!([1, 2]);
    socket.send(2, data).await;
    assert_eq!(socket.closed().await, 4_010);
}

#[tokio::test]
async fn serenity_resumes_what_a_close_code_has_broken_off() {
    let sim = sim().await;
    let second = Fault::on(event("GUILD_CREATE"), Effect::Close(Some(4_000))).nth(2);
    let fault = sim.fault(second).unwrap();
    let bot = Bot::start(&sim).await;
    eventually("serenity knows both guilds", || {
        bot.cache.guild_count() == 2
    })
    .await;
    assert_eq!(sim.remove_fault(fault).unwrap().struck, 1);
    assert!(sim.wait_bot_ready(PATIENCE).await);
    bot.stop().await;
}

#[tokio::test]
async fn serenity_reports_the_close_code_4004() {
    let sim = sim().await;
    once(&sim, received(2), Effect::Close(Some(4_004)));
    let http = HttpBuilder::new(sim.application().bot_token);
    let http = http.proxy(sim.api_url()).ratelimiter_disabled(true);
    let client = ClientBuilder::new_with_http(http.build(), GatewayIntents::empty());
    let error = client.await.unwrap().start().await.unwrap_err();
    let refused = GatewayError::InvalidAuthentication;
    assert_eq!(error.to_string(), refused.to_string());
}
