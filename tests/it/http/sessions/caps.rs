//! How many sessions there may be, and how often anybody may try: who meets a limit is told to come
//! back, and nobody else loses anything.

use std::time::Duration;

use serde_json::json;

use super::{COMMON, LOGIN, PATIENCE, Session, Stage, XENIA, YOLANDA, ZORA, flat, junk, setup};
use crate::support::Answer;

const MINUTE: Duration = Duration::from_mins(1);

/// The answer to one session too many.
fn assert_too_many(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.body);
    assert_eq!(flat(answer), "too many sessions, try again later");
    assert_eq!(answer.header("retry-after"), "60");
}

async fn assert_alive(stage: &Stage, sessions: &[Session]) {
    for (number, session) in sessions.iter().enumerate() {
        assert!(session.is_alive(stage).await, "number {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_bots_together_have_so_many_sessions() {
    let stage = Stage::start_with(setup().set("YURI_SESSIONS__MAX", "2")).await;
    let first = [stage.login(XENIA).await, stage.login(YOLANDA).await];
    for bot in [ZORA, XENIA] {
        assert_too_many(&stage.try_login(&stage.token(bot)).await);
    }
    assert_alive(&stage, &first).await;
    first[0].logout(&stage).await;
    let next = stage.login(ZORA).await;
    assert_too_many(&stage.try_login(&stage.token(XENIA)).await);
    assert_alive(&stage, &[first[1].clone(), next]).await;
    // Those that end by themselves make room as well, in a moment.
    stage.server.clock.advance(31 * MINUTE);
    let room = tokio::time::timeout(PATIENCE, async {
        while stage.try_login(&stage.token(XENIA)).await.status == 429 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    room.await.expect("there is room again");
    stage.login(ZORA).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bot_has_three_sessions() {
    let stage = Stage::start().await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(stage.login(XENIA).await);
    }
    assert_too_many(&stage.try_login(&stage.token(XENIA)).await);
    sessions.push(stage.login(YOLANDA).await);
    assert_alive(&stage, &sessions).await;
    sessions.remove(1).logout(&stage).await;
    sessions.push(stage.login(XENIA).await);
    assert_too_many(&stage.try_login(&stage.token(XENIA)).await);
    assert_alive(&stage, &sessions).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_its_share_where_everybody_may() {
    let limited = || setup().set("YURI_SESSIONS__MAX_PER_ADDRESS", "2");
    let stage = Stage::start_with(limited()).await;
    let home = stage.home();
    let from_home = async |bot| stage.try_login_from(&home, &stage.token(bot)).await;
    let mut sessions = vec![
        Session::of(&from_home(XENIA).await),
        Session::of(&from_home(YOLANDA).await),
    ];
    assert_too_many(&from_home(ZORA).await);
    sessions.push(stage.login(ZORA).await);
    assert_alive(&stage, &sessions).await;
    sessions.remove(0).logout(&stage).await;
    sessions.push(Session::of(&from_home(ZORA).await));
    assert_too_many(&from_home(XENIA).await);
    assert_alive(&stage, &sessions).await;
    stage.stop().await;

    // A household of IPv6 is one, whatever addresses it takes.
    let stage = Stage::start_with(limited()).await;
    for (number, bot) in [(1, XENIA), (2, YOLANDA)] {
        let home = format!("2001:db8:7:7::{number}");
        let answer = stage.try_login_from(&home, &stage.token(bot)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let next = stage
        .try_login_from("2001:db8:7:7::3", &stage.token(ZORA))
        .await;
    assert_too_many(&next);
    let other = stage
        .try_login_from("2001:db8:7:8::3", &stage.token(ZORA))
        .await;
    assert_eq!(other.status, 200, "{}", other.body);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_have_no_share_of_an_address() {
    let setup = setup()
        .set("YURI_SESSIONS__MODE", "admins")
        .set("YURI_ADMINS", super::ADA.to_string())
        .set("YURI_SESSIONS__MAX_PER_ADDRESS", "1");
    let stage = Stage::start_with(setup).await;
    let ada = stage.server.token(stage.server.user("ada")).await;
    let home = stage.home();
    for bot in [XENIA, YOLANDA, ZORA] {
        let request = stage.request_from(&home, reqwest::Method::POST, LOGIN);
        let request = ada.sign(request.json(&json!({"token": stage.token(bot)})));
        Session::of(&stage.send(request).await);
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_tries_ten_times_and_then_once_in_six_seconds() {
    let setup = setup()
        .set("YURI_SESSIONS__MAX_PER_BOT", "100")
        .set("YURI_SESSIONS__MAX_PER_ADDRESS", "100");
    let stage = Stage::start_with(setup).await;
    let home = stage.home();
    // By the time that has passed there may have been one more.
    let began = stage.server.clock.monotonic();
    let mut admitted = 0;
    let refused = loop {
        let bot = [XENIA, YOLANDA, ZORA][admitted % 3];
        let answer = stage.try_login_from(&home, &stage.token(bot)).await;
        if answer.status != 200 {
            break answer;
        }
        admitted += 1;
    };
    let took = stage.server.clock.monotonic() - began;
    let more = usize::try_from(took.as_secs() / 6).unwrap();
    assert!(
        (10..=10 + more).contains(&admitted),
        "{admitted} in {took:?}"
    );
    assert_eq!(refused.status, 429, "{}", refused.body);
    flat(&refused);
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=6).contains(&wait), "{wait}");

    stage.login(XENIA).await;
    stage.server.clock.advance(Duration::from_secs(wait));
    let again = stage.try_login_from(&home, &stage.token(ZORA)).await;
    assert_eq!(again.status, 200, "{}", again.body);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_brings_five_refused_tokens_and_then_one_in_twelve_minutes() {
    let stage = Stage::start().await;
    let trials = stage.count_trials();
    let home = stage.home();
    let from_home = async |number| stage.try_login_from(&home, &junk(number)).await;
    for number in 0..5 {
        let refused = from_home(number).await;
        assert_eq!(refused.status, 401, "{number}: {}", refused.body);
    }
    let limited = from_home(5).await;
    assert_eq!(limited.status, 429, "{}", limited.body);
    flat(&limited);
    let wait: u64 = limited.header("retry-after").parse().unwrap();
    assert!((1..=720).contains(&wait), "{wait}");
    assert_eq!(trials.get(), 5);
    // Somebody else is not concerned.
    assert_eq!(stage.try_login(&junk(6)).await.status, 401);
    stage.login(XENIA).await;

    stage.server.clock.advance(12 * MINUTE);
    assert_eq!(from_home(7).await.status, 401);
    assert_eq!(from_home(8).await.status, 429);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_addresses_together_bring_a_hundred_refused_tokens_in_ten_minutes() {
    let stage = Stage::start().await;
    let session = stage.login(XENIA).await;
    let trials = stage.count_trials();
    // By the time that has passed there may have been some more.
    let began = stage.server.clock.monotonic();
    let mut refused = 0;
    let paused = loop {
        let answer = stage.try_login(&junk(refused)).await;
        if answer.status != 401 {
            break answer;
        }
        refused += 1;
    };
    let took = stage.server.clock.monotonic() - began;
    let more = took.as_secs() / 6;
    assert!(
        (100..=100 + more).contains(&refused),
        "{refused} in {took:?}"
    );
    assert_eq!(paused.status, 503, "{}", paused.body);
    assert!(!flat(&paused).is_empty());
    assert_eq!(trials.get(), refused);
    // What is known needs no question.
    assert_eq!(stage.try_login(&junk(0)).await.status, 401);
    assert_eq!(stage.try_login("password").await.status, 401);
    let path = format!("/api/channels?guildId={COMMON}");
    assert_eq!(session.get(&stage, &path).await.status, 200);
    assert!(session.is_alive(&stage).await);

    stage.server.clock.advance(11 * MINUTE);
    assert_eq!(stage.try_login(&junk(1_000)).await.status, 401);
    stage.login(YOLANDA).await;
    stage.stop().await;
}
