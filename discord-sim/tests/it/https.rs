//! REST over TLS, as `discord.com`.

use std::num::NonZeroU64;
use std::time::Duration;

use poise::serenity_prelude as serenity;
use reqwest::StatusCode;
use reqwest::header::{HOST, ORIGIN};
use serde_json::Value;
use serenity::{ClientBuilder, GatewayIntents, HttpBuilder};

use crate::support::{PATIENCE, discord_client, sim};

#[tokio::test]
async fn discord_com_answers_over_tls() {
    let sim = sim().await;
    let client = discord_client(&sim);
    let url = "https://discord.com/api/v10/gateway";
    let answer = client.get(url).send().await.unwrap();
    let gateway: Value = answer.json().await.unwrap();
    // Not over TLS: no client can be told what this name is to resolve to there.
    assert_eq!(gateway["url"], sim.gateway_url());

    let url = format!("https://{}/api/v10/users/@me", sim.https_addr());
    let token = format!("Bot {}", sim.application().bot_token);
    let answer = client.get(url).header("authorization", token).send().await;
    assert_eq!(
        answer.unwrap().json::<Value>().await.unwrap()["username"],
        "Yuri"
    );
    let records = sim.requests();
    let paths = records.iter().map(|record| record.path.as_str());
    assert!(paths.eq(["/api/v10/gateway", "/api/v10/users/@me"]));
}

#[tokio::test]
async fn who_does_not_know_the_authority_is_not_served() {
    let sim = sim().await;
    let client = reqwest::Client::builder().resolve("discord.com", sim.https_addr());
    let answer = client.build().unwrap();
    let answer = answer.get("https://discord.com/api/v10/gateway").send();
    assert!(answer.await.unwrap_err().is_connect());
    assert!(sim.requests().is_empty());
}

#[tokio::test]
async fn only_the_tls_port_goes_by_discords_names() {
    let sim = sim().await;
    let client = discord_client(&sim);
    let plain = format!("{}/api/v10/gateway", sim.api_url());
    let secure = format!("https://{}/api/v10/gateway", sim.https_addr());
    let answers = [
        (&plain, "discord.com", StatusCode::MISDIRECTED_REQUEST),
        (&plain, "localhost", StatusCode::OK),
        (&secure, "canary.discord.com", StatusCode::OK),
        (&secure, "example.com", StatusCode::MISDIRECTED_REQUEST),
    ];
    for (url, host, status) in answers {
        let request = client.get(url).header(HOST, host);
        assert_eq!(request.send().await.unwrap().status(), status, "{host}");
        let page = client.get(url).header(ORIGIN, format!("https://{host}"));
        assert_eq!(page.send().await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test]
async fn serenity_with_its_rate_limiter_on_runs_unchanged() {
    let sim = sim().await;
    // All that is not serenity's default is what `discord.com` resolves to.
    let http = HttpBuilder::new(sim.application().bot_token);
    let http = http.client(discord_client(&sim)).build();
    assert!(http.ratelimiter.is_some() && http.proxy.is_none());
    let client = ClientBuilder::new_with_http(http, GatewayIntents::non_privileged());
    let mut client = client.await.unwrap();
    let (shards, http) = (client.shard_manager.clone(), client.http.clone());
    let running = tokio::spawn(async move { client.start_autosharded().await });
    assert!(sim.wait_bot_ready(PATIENCE).await);
    let guild = NonZeroU64::new(sim.guilds()[0].id).unwrap();
    let guild = http.get_guild(guild.into()).await.unwrap();
    assert_eq!(guild.name, "Sound Lab");
    shards.shutdown_all().await;
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn idle_connections_do_not_hold_a_shutdown_up() {
    let sim = sim().await;
    let client = discord_client(&sim);
    for url in [sim.api_url(), "https://discord.com".to_owned()] {
        let url = format!("{url}/api/v10/gateway");
        assert!(client.get(url).send().await.unwrap().status().is_success());
    }
    let stopping = tokio::time::timeout(Duration::from_secs(1), sim.shutdown());
    assert!(stopping.await.is_ok());
}
