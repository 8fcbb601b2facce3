//! The limits of REST, as raw clients and serenity's own limiter meet them.

use std::time::Duration;

use discord_sim::{Quota, RateLimitScope, RateLimits, Requests, Settings, Sim};
use poise::serenity_prelude::HttpBuilder;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::discord_client;

/// The demo world, with Discord's limits.
async fn sim() -> Sim {
    Sim::start(Settings::default()).await.unwrap()
}

async fn ask(sim: &Sim, method: Method, path: &str) -> Response {
    let url = format!("{}/api/v10{path}", sim.api_url());
    let token = format!("Bot {}", sim.application().bot_token);
    let request = reqwest::Client::new().request(method, url);
    request.header("authorization", token).send().await.unwrap()
}

async fn get(sim: &Sim, path: &str) -> Response {
    ask(sim, Method::GET, path).await
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let value = response.headers().get(name);
    value.map(|value| value.to_str().unwrap())
}

fn number(response: &Response, name: &str) -> f64 {
    header(response, name).unwrap().parse().unwrap()
}

#[tokio::test]
async fn answers_tell_how_the_bucket_stands() {
    let sim = sim().await;
    let members = format!("/guilds/{}/members?limit=1", sim.guilds()[0].id);
    let first = get(&sim, &members).await;
    let second = get(&sim, &members).await;
    let left = |response| {
        let limit = header(response, "x-ratelimit-limit").unwrap().to_owned();
        let remaining = header(response, "x-ratelimit-remaining").unwrap();
        (limit, remaining.to_owned())
    };
    assert_eq!(left(&first), ("10".to_owned(), "9".to_owned()));
    assert_eq!(left(&second), ("10".to_owned(), "8".to_owned()));
    let reset = header(&first, "x-ratelimit-reset").unwrap();
    assert_eq!(header(&second, "x-ratelimit-reset"), Some(reset));
    assert!(reset.parse::<f64>().unwrap() > 1_700_000_000.0);
    assert_eq!(header(&first, "x-ratelimit-reset-after"), Some("10.000"));
    let bucket = header(&first, "x-ratelimit-bucket").unwrap();
    assert_eq!(header(&second, "x-ratelimit-bucket"), Some(bucket));
    assert!(
        sim.requests()
            .iter()
            .all(|record| { record.bucket.as_deref() == Some(bucket) && record.limited.is_none() })
    );

    // Another guild has a bucket of its own, with the same name.
    let other = get(&sim, &format!("/guilds/{}/members", sim.guilds()[1].id)).await;
    assert_eq!(left(&other), ("10".to_owned(), "9".to_owned()));
    assert_eq!(header(&other, "x-ratelimit-bucket"), Some(bucket));
    let used = sim.rate_limit_buckets();
    assert_eq!(used.iter().map(|bucket| bucket.used).sum::<u32>(), 3);

    // Most routes have none.
    let me = get(&sim, "/users/@me").await;
    assert_eq!(header(&me, "x-ratelimit-bucket"), None);
}

#[tokio::test]
async fn too_many_are_refused_until_the_window_ends() {
    let sim = sim().await;
    for _ in 0..2 {
        assert_eq!(get(&sim, "/gateway/bot").await.status(), StatusCode::OK);
    }
    let refused = get(&sim, "/gateway/bot").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&refused, "x-ratelimit-scope"), Some("user"));
    assert_eq!(header(&refused, "x-ratelimit-remaining"), Some("0"));
    assert_eq!(header(&refused, "x-ratelimit-global"), None);
    let reset_after = number(&refused, "x-ratelimit-reset-after");
    assert!(number(&refused, "retry-after") >= reset_after);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(
        body,
        json!({
            "message": "You are being rate limited.", "retry_after": reset_after, "global": false,
        })
    );
    let record = sim.requests().pop().unwrap();
    assert_eq!(record.limited, Some(RateLimitScope::User));
    sim.advance_clock(Duration::from_secs(5));
    assert_eq!(get(&sim, "/gateway/bot").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_global_limit_is_for_all_routes_together() {
    let sim = Sim::start(Settings {
        rate_limits: RateLimits {
            global: 2,
            ..RateLimits::default()
        },
        ..Settings::default()
    })
    .await
    .unwrap();
    // Each within the second of the one before, however slow the machine.
    let guild = format!("/guilds/{}", sim.guilds()[0].id);
    let refused = loop {
        let answers = [
            get(&sim, "/users/@me").await,
            get(&sim, &guild).await,
            get(&sim, "/gateway").await,
        ];
        let [.., last] = answers;
        if last.status() == StatusCode::TOO_MANY_REQUESTS {
            break last;
        }
    };
    assert_eq!(header(&refused, "x-ratelimit-global"), Some("true"));
    assert_eq!(header(&refused, "x-ratelimit-scope"), Some("global"));
    assert_eq!(header(&refused, "x-ratelimit-bucket"), None);
    assert_eq!(header(&refused, "retry-after"), Some("1"));
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["global"], true);
    assert!(body["retry_after"].as_f64().unwrap() <= 1.0);
    sim.advance_clock(Duration::from_secs(1));
    assert_eq!(get(&sim, "/users/@me").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn shared_limits_do_not_count_as_invalid() {
    let sim = sim().await;
    let time = Duration::from_mins(1);
    let me = Requests::to("/users/@me").of_bot(sim.application().id);
    sim.exhaust_rate_limit(me.clone(), RateLimitScope::Shared, time);
    let refused = get(&sim, "/users/@me").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&refused, "x-ratelimit-scope"), Some("shared"));
    assert_eq!(header(&refused, "x-ratelimit-remaining"), Some("0"));
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["message"], "The resource is being rate limited.");
    assert_eq!(sim.invalid_requests(), 0);
    assert_eq!(get(&sim, "/gateway").await.status(), StatusCode::OK);

    sim.exhaust_rate_limit(me, RateLimitScope::User, time);
    get(&sim, "/users/@me").await;
    assert_eq!(sim.invalid_requests(), 1);
    sim.advance_clock(time);
    assert_eq!(get(&sim, "/users/@me").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_address_that_asks_for_what_it_may_not_have_is_banned() {
    let sim = Sim::start(Settings {
        rate_limits: RateLimits {
            invalid_requests: 3,
            ..RateLimits::default()
        },
        ..Settings::default()
    })
    .await
    .unwrap();
    let url = format!("{}/api/v10/users/@me", sim.api_url());
    for expected in 0..3 {
        assert_eq!(sim.invalid_requests(), expected);
        let answer = reqwest::get(&url).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    let banned = get(&sim, "/users/@me").await;
    assert_eq!(banned.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&banned, "retry-after"), Some("3600"));
    assert_eq!(header(&banned, "x-ratelimit-scope"), None);
    assert!(
        header(&banned, "content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert!(banned.text().await.unwrap().contains("1015"));
    // The simulator itself is not behind it.
    let state = reqwest::get(format!("{}/sim/state", sim.api_url())).await;
    assert_eq!(state.unwrap().status(), StatusCode::OK);
    sim.advance_clock(Duration::from_hours(1));
    assert_eq!(get(&sim, "/users/@me").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn limits_are_seen_and_set_as_json() {
    let sim = sim().await;
    let url = format!("{}/sim/limits", sim.api_url());
    let client = reqwest::Client::new();
    let me = json!({ "path": "/users/@me", "bot": sim.application().id.to_string() });
    let quota = json!({ "requests": me, "quota": { "requests": 1, "window_ms": 60_000 } });
    let set = client.post(&url).json(&quota).send().await.unwrap();
    assert_eq!(set.status(), StatusCode::NO_CONTENT);
    let statuses = [
        get(&sim, "/users/@me").await.status().as_u16(),
        get(&sim, "/users/@me").await.status().as_u16(),
    ];
    assert_eq!(statuses, [200, 429]);
    let shown: Value = client.get(&url).send().await.unwrap().json().await.unwrap();
    let bucket = &shown["buckets"][0];
    assert_eq!((&bucket["used"], &bucket["bot"]), (&json!(1), &me["bot"]));
    assert_eq!(shown["invalid_requests"], 1);

    let exhausted = json!({ "requests": {}, "scope": "global", "for_ms": 60_000 });
    let exhaust = client.post(format!("{url}/exhausted")).json(&exhausted);
    assert_eq!(
        exhaust.send().await.unwrap().status(),
        StatusCode::NO_CONTENT
    );
    let refused = get(&sim, "/gateway").await;
    assert_eq!(header(&refused, "x-ratelimit-scope"), Some("global"));
    client.delete(&url).send().await.unwrap();
    assert_eq!(get(&sim, "/users/@me").await.status(), StatusCode::OK);

    for wrong in [
        json!({}),
        json!({ "requests": { "pth": "/" }, "quota": null }),
    ] {
        let set = client.post(&url).json(&wrong).send().await.unwrap();
        assert_eq!(set.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
}

#[tokio::test]
async fn serenitys_limiter_waits_as_it_is_told() {
    let sim = sim().await;
    let http = HttpBuilder::new(sim.application().bot_token);
    let http = http.client(discord_client(&sim)).build();
    let window = Duration::from_millis(200);
    let guild = sim.guilds()[0].id;
    let members = Requests::to("/guilds/*/members");
    sim.set_rate_limit(members, Some(Quota::new(2, window)));
    // Ahead of time, by the headers: nothing is refused.
    for _ in 0..6 {
        http.get_guild_members(guild.into(), None, None)
            .await
            .unwrap();
    }
    assert!(
        sim.requests()
            .iter()
            .all(|record| record.status == Some(200))
    );

    // Again after a refusal, of this bucket or of all.
    let guild = sim.guilds()[1].id;
    for scope in [RateLimitScope::Shared, RateLimitScope::Global] {
        sim.clear_requests();
        sim.exhaust_rate_limit(Requests::all(), scope, window);
        http.get_guild_members(guild.into(), None, None)
            .await
            .unwrap();
        let records = sim.requests();
        assert_eq!(records.first().unwrap().limited, Some(scope));
        assert_eq!(records.last().unwrap().status, Some(200));
    }
}
