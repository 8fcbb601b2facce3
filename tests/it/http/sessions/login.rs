//! The way in: what a good token is answered, and that all others are answered the same.

use std::time::Duration;

use discord_sim::{Effect, HttpAnswer, RateLimitScope, Requests};
use reqwest::Method;
use serde_json::json;

use super::{LOGIN, Stage, XENIA, YOLANDA, flat, junk, seen};
use crate::support::Answer;

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_is_answered_with_an_id_and_costs_one_call() {
    let stage = Stage::start().await;
    let (calls, identifies) = (stage.count_calls(XENIA), stage.count_identifies(XENIA));
    let connections = stage.count_connections();
    let token = stage.token(XENIA);
    let answer = stage.try_login(&token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let id = answer.json()["sessionId"].as_str().unwrap().to_owned();
    assert_eq!(
        answer.body,
        format!("{{\n  \"sessionId\": \"{id}\",\n  \"message\": \"Logged in successfully\"\n}}")
    );
    assert_eq!(id.len(), 64);
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("set-cookie"), "");
    assert!(!answer.header("x-request-id").is_empty());

    assert_eq!(
        (calls.get(), identifies.get(), connections.get()),
        (1, 0, 0)
    );
    let asked = stage.server.sim().requests().pop().unwrap();
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("GET", "/api/v10/users/@me")
    );
    let again = stage.try_login(&token).await;
    assert_eq!(again.status, 200, "{}", again.body);
    assert_ne!(again.json()["sessionId"], id);
    assert_eq!(stage.bot(XENIA).gateway_connections(), 0);
    stage.stop().await;
}

/// A login with this body.
async fn send(stage: &Stage, content_type: Option<&str>, body: impl Into<Vec<u8>>) -> Answer {
    let body: Vec<u8> = body.into();
    let request = stage.request(Method::POST, LOGIN).body(body);
    let request = match content_type {
        Some(content_type) => request.header("Content-Type", content_type),
        None => request,
    };
    stage.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_login_is_refused_before_discord_is_asked() {
    let stage = Stage::start().await;
    let trials = stage.count_trials();
    let json = Some("application/json");
    let good = stage.token(XENIA);
    let with_more = format!(r#"{{"token":"{good}","remember":true}}"#);
    let twice = format!(r#"{{"token":"{good}","token":"{good}"}}"#);
    let unfinished = format!(r#"{{"token":"{good}""#);
    let with_rest = format!(r#"{{"token":"{good}"}} x"#);
    for body in [
        "",
        "token",
        "null",
        "[]",
        "\"token\"",
        "{}",
        r#"{"Token":"a"}"#,
        r#"{"token":null}"#,
        r#"{"token":5}"#,
        r#"{"token":["a"]}"#,
        r#"{"token":{"token":"a"}}"#,
        r#"{"token":""}"#,
        r#"{"token":"  "}"#,
        r#"{"token":"\t\n"}"#,
        &with_more,
        &twice,
        &unfinished,
        &with_rest,
    ] {
        let refused = send(&stage, json, body).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.body);
        assert!(!flat(&refused).contains(&good), "{body}");
    }
    let refused = send(&stage, json, b"{\"token\":\"\xff\xfe\"}").await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    flat(&refused);

    // A kibibyte is read, and not a byte more.
    let of_length = |length: usize| format!(r#"{{"token":"{}"}}"#, "a".repeat(length - 12));
    for (length, status) in [(1024, 401), (1025, 413), (1 << 20, 413)] {
        let refused = send(&stage, json, of_length(length)).await;
        assert_eq!(refused.status, status, "{length}");
        flat(&refused);
    }
    let good = format!(r#"{{"token":"{good}"}}"#);
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let refused = send(&stage, content_type, good.clone()).await;
        assert_eq!(refused.status, 415, "{content_type:?}");
        flat(&refused);
    }
    assert_eq!(trials.get(), 0);
    assert_eq!(send(&stage, json, good).await.status, 200);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_tokens_cannot_be_told_apart() {
    let stage = Stage::start().await;
    let revoked = stage.token(XENIA);
    let renewed = stage.bot(XENIA).reset_bot_token();
    let trials = stage.count_trials();
    let good = stage.token(YOLANDA);
    let (head, rest) = good.split_once('.').unwrap();
    let mut answers = Vec::new();
    for (what, token, calls) in [
        ("no token at all", "password".to_owned(), 0),
        ("two parts", format!("{head}.abcdef"), 0),
        ("with its scheme", format!("Bot {good}"), 0),
        ("of nobody", format!("bm9ib2R5IGF0IGFsbCBoZXJl.{rest}"), 0),
        ("with another line", format!("{good}\r\nX-A: b"), 0),
        ("junk", junk(1), 1),
        ("the same junk", junk(1), 0),
        ("revoked", revoked.clone(), 1),
        ("revoked, again", revoked, 0),
        ("damaged", format!("{head}.Damage.{}", "d".repeat(38)), 1),
    ] {
        let before = trials.get();
        let refused = stage.try_login(&token).await;
        assert_eq!(trials.get() - before, calls, "{what}");
        answers.push((what, refused));
    }
    // What belongs to a person is good at Discord, and no bot's.
    let person = json!({"id": "5", "username": "a", "discriminator": "0", "bot": false});
    let without = json!({"id": "5", "username": "a", "discriminator": "0"});
    for (number, profile) in [(2, person), (3, without)] {
        let profile = Effect::Answer(HttpAnswer::json(200, &profile));
        let fault = stage.fail(Requests::to("/users/@me"), profile, 1);
        answers.push(("a person's", stage.try_login(&junk(number)).await));
        stage.assert_struck(fault);
    }
    let (_, first) = &answers[0];
    assert_eq!(first.status, 401);
    assert_eq!(flat(first), "unauthorized");
    for (what, answer) in &answers {
        assert_eq!(seen(answer), seen(first), "{what}");
    }

    assert_eq!(stage.try_login(&renewed).await.status, 200);
    // What Discord has refused is remembered for ten minutes.
    let before = trials.get();
    stage.server.clock.advance(Duration::from_secs(599));
    assert_eq!(stage.try_login(&junk(1)).await.status, 401);
    assert_eq!(trials.get() - before, 0);
    stage.server.clock.advance(Duration::from_secs(30));
    assert_eq!(stage.try_login(&junk(1)).await.status, 401);
    assert_eq!(trials.get() - before, 1);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discords_failures_are_no_verdict() {
    let stage = Stage::start().await;
    let token = stage.token(XENIA);
    let mine = || Requests::to("/users/@me").of_bot(XENIA);
    let half_a_minute = Duration::from_secs(30);
    let limited = HttpAnswer::rate_limited(RateLimitScope::User, half_a_minute);
    for (what, answer, times, status) in [
        ("500", HttpAnswer::status(500), 3, 502),
        (
            "html",
            HttpAnswer::html(200, "<html>welcome</html>"),
            1,
            502,
        ),
        ("nonsense", HttpAnswer::json(200, &json!({"id": 5})), 1, 502),
        ("limited", limited, 1, 429),
    ] {
        let fault = stage.fail(mine(), Effect::Answer(answer), times);
        let failed = stage.try_login(&token).await;
        assert_eq!(failed.status, status, "{what}: {}", failed.body);
        assert!(!flat(&failed).is_empty());
        if status == 429 {
            assert_eq!(failed.header("retry-after"), "30");
        }
        stage.assert_struck(fault);
        stage.server.clock.advance(Duration::from_mins(1));
        let good = stage.try_login(&token).await;
        assert_eq!(good.status, 200, "{what}: {}", good.body);
        super::Session::of(&good).logout(&stage).await;
    }
    stage.stop().await;
}
