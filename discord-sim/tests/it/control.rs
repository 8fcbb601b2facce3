//! The control interface and the page, and starting and stopping.

use discord_sim::{Settings, Sim, StartError};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::bot::Bot;
use crate::support::sim;

async fn get(sim: &Sim, path: &str) -> Value {
    reqwest::get(format!("{}{path}", sim.api_url()))
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

async fn post(sim: &Sim, path: &str, body: Value) -> (StatusCode, Value) {
    let url = format!("{}{path}", sim.api_url());
    let response = reqwest::Client::new()
        .post(url)
        .json(&body)
        .send()
        .await
        .unwrap();
    let status = response.status();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn people_act_over_json() {
    let sim = sim().await;
    let bot = Bot::start(&sim).await;
    let guild = sim.guilds()[0].id;
    let lounge = sim.guilds()[0].voice_channel.unwrap().to_string();
    let path = |what: &str| format!("/sim/guilds/{guild}/{what}");
    let channel_of_ben = async || {
        let state = get(&sim, "/sim/state").await;
        let members = state["guilds"][0]["members"].as_array().unwrap().clone();
        let ben = members
            .into_iter()
            .find(|m| m["user"]["username"] == "ben")
            .unwrap();
        ben["voice_channel"].clone()
    };
    assert_eq!(channel_of_ben().await, Value::Null);
    let joined = post(&sim, &path("voice/join"), json!({ "user": "ben" })).await;
    assert_eq!(joined.0, StatusCode::NO_CONTENT);
    assert_eq!(channel_of_ben().await, lounge);
    let ben = sim.user_id("ben").unwrap();
    post(
        &sim,
        &path("voice/leave"),
        json!({ "user": ben.to_string() }),
    )
    .await;
    assert_eq!(channel_of_ben().await, Value::Null);

    let hello = json!({ "user": "ben", "command": "hello", "options": { "name": "you" } });
    let (_, reply) = post(&sim, &path("slash"), hello).await;
    assert_eq!(
        (&reply["content"], &reply["ephemeral"]),
        (&json!("hello you"), &json!(false))
    );
    let seek = json!({ "user": "ben", "command": "seek", "option": "fruit", "partial": "b" });
    let (_, choices) = post(&sim, &path("autocomplete"), seek).await;
    assert_eq!(choices, json!([{ "name": "banana", "value": "banana" }]));
    assert_eq!(get(&sim, "/sim/state").await["bots"][0]["ready"], true);
    assert!(
        !get(&sim, "/sim/commands")
            .await
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert!(
        !get(&sim, "/sim/requests")
            .await
            .as_array()
            .unwrap()
            .is_empty()
    );
    let events = get(&sim, "/sim/events").await;
    assert_eq!(events[0]["event"], "ben used /hello");
    bot.stop().await;
}

#[tokio::test]
async fn nonsense_is_refused_with_a_reason() {
    let sim = sim().await;
    let guild = sim.guilds()[0].id;
    let join = format!("/sim/guilds/{guild}/voice/join");
    let (status, body) = post(&sim, &join, json!({ "user": "nobody" })).await;
    assert_eq!(
        (status, &body["error"]),
        (StatusCode::BAD_REQUEST, &json!("there is no user 0"))
    );
    assert_eq!(
        post(&sim, &join, json!({ "user": "cleo" })).await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        post(&sim, &join, json!([])).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let elsewhere = post(&sim, "/sim/guilds/1/voice/join", json!({ "user": "ada" })).await;
    assert_eq!(elsewhere.0, StatusCode::NOT_FOUND);
    let wav = format!("{}/sim/guilds/{guild}/heard.wav?utterance=3", sim.api_url());
    assert_eq!(
        reqwest::get(wav).await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    let heard = get(&sim, &format!("/sim/guilds/{guild}/heard")).await;
    assert_eq!(
        (&heard["packets"], &heard["utterances"]),
        (&json!(0), &json!([]))
    );
}

#[tokio::test]
async fn the_page_shows_the_world() {
    let sim = sim().await;
    let response = reqwest::get(sim.api_url()).await.unwrap();
    assert!(response.headers().contains_key("content-security-policy"));
    let page = response.text().await.unwrap();
    for text in [
        "Sound Lab",
        "Ada",
        "Lounge",
        "has sent nothing",
        "http-equiv=\"refresh\"",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let style = reqwest::get(format!("{}/sim/style.css", sim.api_url()))
        .await
        .unwrap();
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
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
    tokio::time::timeout(crate::support::PATIENCE, stopped)
        .await
        .unwrap();
}
