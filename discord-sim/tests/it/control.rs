//! The control interface and the page, and starting and stopping.

use discord_sim::{Interruption, Settings, Sim, StartError};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::bot::Bot;
use crate::support::by_json::{act, get, get_status, post};
use crate::support::{PATIENCE, sim};

/// The first guild as `/sim/state` shows it.
async fn guild_now(sim: &Sim) -> Value {
    get(sim, "/sim/state").await["guilds"][0].clone()
}

/// What has this name or user name in a list.
fn named<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    let mut entries = list.as_array().unwrap().iter();
    entries.find(|entry| entry["name"] == name || entry["user"]["username"] == name)
}

#[tokio::test]
async fn people_act_over_json() {
    let sim = sim().await;
    let bot = Bot::start(&sim).await;
    let guild = sim.guilds()[0].id;
    let lounge = sim.guilds()[0].voice_channel.unwrap().to_string();
    let path = |what: &str| format!("/sim/guilds/{guild}/{what}");
    let channel_of_ben = async || {
        let members = guild_now(&sim).await["members"].clone();
        named(&members, "ben").unwrap()["voice_channel"].clone()
    };
    assert_eq!(channel_of_ben().await, Value::Null);
    act(
        &sim,
        Method::POST,
        &path("voice/join"),
        json!({ "user": "ben" }),
    )
    .await;
    assert_eq!(channel_of_ben().await, lounge);
    let ben = sim.user_id("ben").unwrap();
    act(
        &sim,
        Method::POST,
        &path("voice/leave"),
        json!({ "user": ben }),
    )
    .await;
    assert_eq!(channel_of_ben().await, Value::Null);

    let hello = json!({ "user": "ben", "command": "hello", "options": { "name": "you" } });
    let (_, reply) = post(&sim, &path("slash"), hello).await;
    assert_eq!(
        (&reply["content"], &reply["ephemeral"]),
        (&json!("hello you"), &json!(false))
    );
    // Numbers may be written as such.
    let add = json!({ "bot": "Yuri", "user": "ben", "command": "add", "options": { "a": 3 } });
    let (_, reply) = post(&sim, &path("slash"), add).await;
    assert_eq!(reply["content"], "3.5");
    let seek = json!({ "user": "ben", "command": "seek", "option": "fruit", "partial": "b" });
    let (_, choices) = post(&sim, &path("autocomplete"), seek).await;
    assert_eq!(choices, json!([{ "name": "banana", "value": "banana" }]));
    let shown = get(&sim, "/sim/state").await["bots"][0].clone();
    assert_eq!(shown["ready"], true);
    assert_eq!(shown["token"], sim.application().bot_token);
    let commands = get(&sim, "/sim/commands?bot=Yuri").await;
    assert!(named(&commands, "hello").is_some());
    let events = get(&sim, "/sim/events").await;
    let events = events.as_array().unwrap().iter();
    let told = events.filter(|event| event["kind"] == "message" || event["kind"] == "interaction");
    let told = told.map(|event| event["event"].as_str().unwrap());
    assert_eq!(
        told.take(2).collect::<Vec<_>>(),
        ["Yuri wrote in general in Sound Lab: 3.5", "ben used /add"]
    );
    assert!(
        !get(&sim, "/sim/requests")
            .await
            .as_array()
            .unwrap()
            .is_empty()
    );
    act(&sim, Method::DELETE, "/sim/requests", Value::Null).await;
    assert_eq!(get(&sim, "/sim/requests").await, json!([]));
    bot.stop().await;
}

#[tokio::test]
async fn guilds_change_over_json() {
    let sim = sim().await;
    let guild = sim.guilds()[0].id;
    let path = |what: &str| format!("/sim/guilds/{guild}{what}");
    let change = json!({ "name": "Lab", "owner": "ben" });
    act(&sim, Method::PATCH, &path(""), change).await;
    let ben = sim.user_id("ben").unwrap();
    assert_eq!(sim.guilds()[0].name, "Lab");
    assert_eq!(sim.guilds()[0].owner, ben);

    // By name as well as by id.
    let role = json!({ "name": "dj", "permissions": ["CONNECT", "speak"] });
    let (status, created) = post(&sim, "/sim/guilds/Lab/roles", role).await;
    assert_eq!(status, StatusCode::CREATED);
    let shown = guild_now(&sim).await;
    let dj = named(&shown["roles"], "dj").unwrap();
    assert_eq!(dj["id"], created["id"]);
    assert_eq!(dj["permissions"], (3_u64 << 20).to_string());
    let change = json!({ "permissions": 8, "position": 1 });
    act(&sim, Method::PATCH, &path("/roles/dj"), change).await;
    let shown = guild_now(&sim).await;
    assert_eq!(shown["roles"][1]["permissions"], "8");
    let member = json!({ "roles": ["dj"], "nick": "Benny", "timeout_ms": 60_000 });
    act(&sim, Method::PATCH, &path("/members/ben"), member).await;
    let shown = guild_now(&sim).await;
    let member = named(&shown["members"], "ben").unwrap();
    assert_eq!(
        (&member["roles"], &member["nick"]),
        (&json!([dj["id"]]), &json!("Benny"))
    );
    assert!(member["communication_disabled_until"].is_string());
    let member = json!({ "nick": "", "timeout_ms": 0 });
    act(&sim, Method::PATCH, &path("/members/ben"), member).await;
    act(&sim, Method::DELETE, &path("/roles/dj"), Value::Null).await;
    let shown = guild_now(&sim).await;
    let member = named(&shown["members"], "ben").unwrap();
    assert_eq!(
        (&member["roles"], &member["nick"]),
        (&json!([]), &Value::Null)
    );
    assert!(member["communication_disabled_until"].is_null());

    let channel = json!({ "name": "Stage", "kind": "voice", "parent": "Lab", "user_limit": 2 });
    let (status, created) = post(&sim, &path("/channels"), channel).await;
    assert_eq!(status, StatusCode::CREATED);
    let overwrite = json!({ "role": "@everyone", "deny": ["CONNECT"] });
    act(
        &sim,
        Method::PUT,
        &path("/channels/Stage/overwrite"),
        overwrite,
    )
    .await;
    act(
        &sim,
        Method::PATCH,
        &path("/channels/Stage"),
        json!({ "name": "Cellar" }),
    )
    .await;
    let shown = guild_now(&sim).await;
    let cellar = named(&shown["channels"], "Cellar").unwrap();
    assert_eq!(
        (&cellar["id"], &cellar["user_limit"]),
        (&created["id"], &json!(2))
    );
    let denied = (1_u64 << 20).to_string();
    assert_eq!(cellar["permission_overwrites"][0]["deny"], denied);
    act(&sim, Method::DELETE, &path("/channels/Cellar"), Value::Null).await;
    assert!(named(&guild_now(&sim).await["channels"], "Cellar").is_none());
}

#[tokio::test]
async fn accounts_change_over_json() {
    let sim = sim().await;
    let guild = sim.guilds()[0].id;
    let path = |what: &str| format!("/sim/guilds/{guild}{what}");
    let (status, _) = post(&sim, "/sim/users", json!({ "username": "eve" })).await;
    assert_eq!(status, StatusCode::CREATED);
    let change = json!({ "global_name": "Eve", "discriminator": "0007" });
    act(&sim, Method::PATCH, "/sim/users/eve", change).await;
    let eve = sim
        .users()
        .into_iter()
        .find(|user| user.username == "eve")
        .unwrap();
    assert_eq!((eve.display_name(), &*eve.discriminator), ("Eve", "0007"));
    let presence = json!({ "status": "idle", "activities": [{ "type": 2, "name": "horns" }] });
    act(&sim, Method::PUT, "/sim/users/eve/presence", presence).await;
    act(&sim, Method::DELETE, "/sim/users/eve/consents", Value::Null).await;

    let is_member = async || named(&guild_now(&sim).await["members"], "eve").is_some();
    act(
        &sim,
        Method::POST,
        &path("/members"),
        json!({ "user": "eve" }),
    )
    .await;
    assert!(is_member().await);
    act(&sim, Method::DELETE, &path("/members/eve"), Value::Null).await;
    assert!(!is_member().await);
    act(&sim, Method::PUT, &path("/bans/eve"), Value::Null).await;
    let (status, answer) = post(&sim, &path("/members"), json!({ "user": "eve" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer["error"].as_str().unwrap().contains("is banned"));
    act(&sim, Method::DELETE, &path("/bans/eve"), Value::Null).await;
    act(
        &sim,
        Method::POST,
        &path("/members"),
        json!({ "user": "eve" }),
    )
    .await;
    // A bot is invited and thrown out like a person.
    act(&sim, Method::DELETE, &path("/members/Yuri"), Value::Null).await;
    assert!(!sim.guilds()[0].has_bot);
    act(
        &sim,
        Method::POST,
        &path("/members"),
        json!({ "user": "Yuri" }),
    )
    .await;
    assert!(sim.guilds()[0].has_bot);

    let before = get(&sim, "/sim/clock").await["now_ms"].as_u64().unwrap();
    let (_, after) = post(&sim, "/sim/clock", json!({ "advance_ms": 3_600_000 })).await;
    assert!(after["now_ms"].as_u64().unwrap() >= before + 3_600_000);
}

#[tokio::test]
async fn connections_are_broken_over_json() {
    let sim = sim().await;
    let never = get_status(&sim, "/sim/wait/ready?timeout_ms=1").await;
    assert_eq!(never, StatusCode::GATEWAY_TIMEOUT);
    let refusal = json!({ "by": { "status": { "code": 503 } } });
    act(
        &sim,
        Method::POST,
        "/sim/gateway/refusals/connections",
        refusal,
    )
    .await;
    let refusal = json!({ "count": 2, "by": { "invalid_session": { "resumable": false } } });
    act(&sim, Method::POST, "/sim/gateway/refusals/logins", refusal).await;
    act(&sim, Method::DELETE, "/sim/gateway/refusals", Value::Null).await;
    let bot = Bot::start(&sim).await;
    assert_eq!(
        get_status(&sim, "/sim/wait/ready").await,
        StatusCode::NO_CONTENT
    );
    let command = get_status(&sim, "/sim/wait/command?name=hello").await;
    assert_eq!(command, StatusCode::NO_CONTENT);
    let command = get_status(&sim, "/sim/wait/command?name=nothing&timeout_ms=1").await;
    assert_eq!(command, StatusCode::GATEWAY_TIMEOUT);

    for by in [
        json!("reconnect"),
        json!("heartbeat_request"),
        json!({ "stall": { "ms": 0 } }),
        json!({ "close": { "code": 4000 } }),
    ] {
        let interruption = json!({ "bot": "Yuri", "shard": 0, "by": by });
        let (status, answer) = post(&sim, "/sim/gateway/interruptions", interruption).await;
        assert_eq!(
            (status, answer),
            (StatusCode::OK, json!({ "connections": 1 }))
        );
        assert!(sim.wait_bot_ready(PATIENCE).await);
    }
    assert_eq!(
        sim.interrupt_gateway(Some(0), Interruption::RequestHeartbeat),
        1
    );
    bot.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_an_error_and_shutdown_frees_it() {
    let sim = sim().await;
    let port = sim.api_url().rsplit(':').next().unwrap().parse().unwrap();
    let again = || {
        Sim::start(Settings {
            port,
            ..Settings::default()
        })
    };
    assert!(matches!(again().await, Err(StartError::Listen { port: taken, .. }) if taken == port));
    sim.shutdown().await;
    assert!(again().await.is_ok());
}

#[tokio::test]
async fn dropping_the_last_handle_stops_the_servers() {
    let sim = sim().await;
    let (other, url) = (sim.clone(), sim.api_url());
    drop(sim);
    assert!(reqwest::get(&url).await.is_ok());
    drop(other);
    let stopped = async { while reqwest::get(&url).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, stopped).await.unwrap();
}
