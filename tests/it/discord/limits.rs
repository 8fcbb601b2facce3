//! Discord wants us to wait, or has had enough of us.

use std::time::Duration;

use discord_sim::{Effect, HttpAnswer, Quota, RateLimitScope};
use futures_util::future::join_all;
use serde_json::json;
use yuri::clock::Clock;
use yuri::discord::rest::Urgency;
use yuri::error::Error;
use yuri::ids::UserId;

use super::{Client, asked, fault, members, read_log, read_log_in_time, server};
use crate::support::Server;
use crate::support::browser::Browser;

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

fn limited(scope: RateLimitScope, wait: Duration) -> Effect {
    Effect::Answer(HttpAnswer::rate_limited(scope, wait))
}

fn users(server: &Server) -> [UserId; 2] {
    ["ada", "ben"].map(|name| server.user(name))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_wait_is_kept_to() {
    let server = server().await;
    let token = server.token(server.user("ada")).await;
    let wait = Duration::from_millis(1500);
    for scope in [
        RateLimitScope::User,
        RateLimitScope::Shared,
        RateLimitScope::Global,
    ] {
        server.clock.advance(Duration::from_mins(1));
        server.sim().clear_requests();
        fault(server.sim(), members(), limited(scope, wait), Some(1));
        let asked_at = server.clock.monotonic();
        let answer = read_log_in_time(&server, &token).await;
        assert_eq!(
            (answer.status.as_u16(), asked(server.sim())),
            (200, 2),
            "{scope:?}"
        );
        let waited = server.clock.monotonic() - asked_at;
        assert!(waited >= wait, "{scope:?}: {waited:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_wait_is_the_callers() {
    const BODY: &str = "{\n  \"error\": {\n    \"code\": 429,\n    \"message\": \
        \"discord limits this server now, try again\",\n    \"retry_after\": 30.0\n  }\n}";
    let server = server().await;
    let [ada, ben] = users(&server);
    let (ada, ben) = (server.token(ada).await, server.token(ben).await);
    fault(
        server.sim(),
        members(),
        limited(RateLimitScope::User, HALF_A_MINUTE),
        Some(1),
    );
    for token in [&ada, &ben] {
        let answer = read_log(&server, token).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (429, BODY));
        assert_eq!(answer.header("retry-after"), "30");
        // Its own limit is another matter.
        let (limit, remaining, reset_ms) = answer.budget().unwrap();
        assert!(limit == 100_000 && remaining > 99_000 && reset_ms == 0);
    }
    server.clock.advance(Duration::from_secs(20));
    let answer = read_log(&server, &ben).await;
    assert_eq!(answer.json()["error"]["retry_after"], json!(10.0));
    assert_eq!(asked(server.sim()), 1, "the others were not sent");
    server.clock.advance(Duration::from_secs(10));
    assert_eq!(read_log(&server, &ben).await.status, 200);
    assert_eq!(asked(server.sim()), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_one_bucket_stops_one_and_of_all_stops_all() {
    let server = server().await;
    let [ada, _] = users(&server);
    for (scope, stops_all) in [
        (RateLimitScope::User, false),
        (RateLimitScope::Global, true),
    ] {
        let client = Client::new(&server, server.clock.clone());
        fault(
            server.sim(),
            members(),
            limited(scope, HALF_A_MINUTE),
            Some(1),
        );
        let refused = client.ask(ada).await;
        assert!(
            matches!(refused, Err(Error::UpstreamLimited(it)) if it == HALF_A_MINUTE),
            "{scope:?}: {refused:?}"
        );
        server.sim().clear_requests();
        let other = client.discord.list_soundboard(client.guild).await;
        assert_eq!(other.is_err(), stops_all, "{scope:?}: {other:?}");
        assert_eq!(server.sim().requests().is_empty(), stops_all);
        client.clock.advance(HALF_A_MINUTE);
        assert!(client.ask(ada).await.unwrap());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_cannot_be_read_is_five_seconds_long() {
    let server = server().await;
    let token = server.token(server.user("ada")).await;
    for (header, seconds) in [
        ("-1", json!(-1)),
        ("abc", json!("abc")),
        ("1e308", json!(1e308)),
    ] {
        let answer = HttpAnswer::rate_limited(RateLimitScope::User, Duration::ZERO)
            .header("retry-after", header)
            .header("x-ratelimit-reset-after", header)
            .set("/retry_after", seconds);
        server.clock.advance(Duration::from_mins(1));
        server.sim().clear_requests();
        fault(
            server.sim(),
            members(),
            Effect::Answer(answer.clone()),
            Some(1),
        );
        let asked_at = server.clock.monotonic();
        assert_eq!(
            read_log_in_time(&server, &token).await.status,
            200,
            "{header}"
        );
        assert!(server.clock.monotonic() - asked_at >= Duration::from_secs(5));
        assert_eq!(asked(server.sim()), 2, "{header}");

        // Again and again: the caller hears of it.
        server.clock.advance(Duration::from_mins(1));
        server.sim().clear_requests();
        fault(server.sim(), members(), Effect::Answer(answer), Some(2));
        assert_eq!(
            read_log_in_time(&server, &token).await.status,
            429,
            "{header}"
        );
        assert_eq!(asked(server.sim()), 2, "{header}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_by_cloudflare_stops_everything() {
    let server = server().await;
    let token = server.token(server.user("ada")).await;
    for (status, retry_after, wait) in [(429, "120", 120), (429, "soon", 60), (403, "5", 60)] {
        server.clock.advance(Duration::from_mins(1));
        server.sim().clear_requests();
        let ban = HttpAnswer::cloudflare(status).header("retry-after", retry_after);
        fault(server.sim(), members(), Effect::Answer(ban), Some(1));
        for _ in 0..3 {
            let answer = read_log(&server, &token).await;
            assert_eq!(answer.status, 503, "{status}");
            assert_eq!(answer.header("retry-after"), wait.to_string());
        }
        let browser = Browser::new(&server);
        let callback = browser.approve("/login", "ada").await;
        server.sim().clear_requests();
        assert_eq!(browser.open(&callback).await.status, 503);
        assert!(server.sim().requests().is_empty());
        server.clock.advance(Duration::from_secs(wait));
        assert_eq!(read_log(&server, &token).await.status, 200);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_requests_are_rationed_and_then_there_are_none() {
    let server = server().await;
    let [ada, _] = users(&server);
    let few = |config: &mut yuri::config::Discord| config.invalid_requests_max = 10;
    let client = Client::with(&server, server.clock.clone(), few);
    fault(
        server.sim(),
        members(),
        Effect::Answer(HttpAnswer::status(403)),
        None,
    );
    let mut seen = 0;
    for (urgency, more) in [(Urgency::Background, 4), (Urgency::Interactive, 6)] {
        for _ in 0..more {
            assert!(!client.ask_with(ada, urgency).await.unwrap());
        }
        seen += more;
        let refused = client.ask_with(ada, urgency).await;
        // Counts are kept for ten minutes, to ten seconds.
        let wait = Duration::from_secs(610);
        assert!(
            matches!(refused, Err(Error::UpstreamPaused(it)) if it == wait),
            "{urgency:?}: {refused:?}"
        );
        assert_eq!(asked(server.sim()), seen);
    }
    // The limits of a login's requests are not those of the bot, but the address is the same.
    let login = client
        .oauth
        .exchange("code", "http://localhost/", "verifier");
    assert!(matches!(login.await, Err(Error::UpstreamPaused(_))));
    server.sim().clear_faults();
    client.clock.advance(Duration::from_secs(610));
    assert!(client.ask_with(ada, Urgency::Background).await.unwrap());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_have_used_up_is_not_counted_against_us() {
    let server = server().await;
    let [ada, _] = users(&server);
    let few = |config: &mut yuri::config::Discord| config.invalid_requests_max = 10;
    for (scope, ends_in_silence) in [
        (RateLimitScope::Shared, false),
        (RateLimitScope::User, true),
    ] {
        let client = Client::with(&server, server.clock.clone(), few);
        fault(
            server.sim(),
            members(),
            limited(scope, HALF_A_MINUTE),
            Some(12),
        );
        for _ in 0..12 {
            assert!(client.ask(ada).await.is_err());
            client.clock.advance(HALF_A_MINUTE);
        }
        server.sim().clear_faults();
        let last = client.ask(ada).await;
        assert_eq!(
            matches!(last, Err(Error::UpstreamPaused(_))),
            ends_in_silence,
            "{scope:?}: {last:?}"
        );
    }
    server.stop().await;
}

/// With the time of the network, as Discord counts it.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_never_overdrawn() {
    let server = server().await;
    let quota = Quota::new(4, Duration::from_secs(1));
    server.sim().set_rate_limit(members(), Some(quota));
    let client = Client::new(&server, Clock::system());
    let client = &client;
    let asking = (1..=12).map(|user| async move {
        client.ask(UserId::try_from(user).unwrap()).await.unwrap();
    });
    join_all(asking).await;
    let requests = server.sim().requests();
    let of_members = || requests.iter().filter(|it| it.path.contains("/members/"));
    assert_eq!(of_members().count(), 12);
    assert!(of_members().all(|request| request.limited.is_none()));
    server.stop().await;
}
