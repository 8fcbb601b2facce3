//! The rate limit on the wire: its headers, what is charged, and the buckets of strangers.

use std::time::Duration;

use reqwest::Method;
use yuri::ids::UserId;

use crate::support::{Answer, Setup, Token, id};

const PATH: &str = "/api/localsounds?limit=1";

#[tokio::test(flavor = "multi_thread")]
async fn five_at_once_refused_at_1999_ms_admitted_at_2000() {
    let server = Setup::offline().start().await;
    let token = server.token(id("1")).await;
    for remaining in [4, 3, 2, 1] {
        assert_eq!(
            token.get(&server, PATH).await.budget(),
            Some((5, remaining, 0))
        );
    }
    let last = token.get(&server, PATH).await;
    assert_eq!(
        (last.status.as_u16(), last.budget()),
        (200, Some((5, 0, 2000)))
    );

    server.clock.advance(Duration::from_millis(1999));
    let refused = token.get(&server, PATH).await;
    assert_eq!(
        (refused.status.as_u16(), refused.budget()),
        (429, Some((5, 0, 1)))
    );
    assert_eq!(refused.header("retry-after"), "1");

    server.clock.advance(Duration::from_millis(1));
    let admitted = token.get(&server, PATH).await;
    assert_eq!(
        (admitted.status.as_u16(), admitted.budget()),
        (200, Some((5, 0, 2000)))
    );

    server.clock.advance(Duration::from_secs(10));
    assert_eq!(token.get(&server, PATH).await.budget(), Some((5, 4, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_outcome_under_api_is_charged_and_says_so() {
    let server = Setup::offline().start().await;
    let token = server.token(id("1")).await;
    let expected = [
        (Method::GET, "/api/localsounds?limit=0", 400),
        (Method::GET, "/api/logs/1", 403),
        (Method::GET, "/api/nothing", 404),
        (Method::POST, "/api/localsounds", 405),
        (Method::POST, "/api/tokens", 415),
        (Method::GET, "/api/localsounds", 429),
    ];
    for (number, (method, path, status)) in expected.into_iter().enumerate() {
        let answer = Answer::of(token.sign(server.request(method, path))).await;
        assert_eq!(answer.status, status, "{path}");
        let remaining = 4_u64.saturating_sub(number as u64);
        assert_eq!(
            answer.budget().map(|budget| budget.1),
            Some(remaining),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        answer.error();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_health_are_not_charged() {
    let server = Setup::offline().start().await;
    let token = server.token(id("1")).await;
    for path in ["/", "/alive", "/ready", "/version", "/assets/yuri.css"] {
        let answer = token.get(&server, path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.budget()),
            (200, None),
            "{path}"
        );
    }
    assert_eq!(token.get(&server, PATH).await.budget(), Some((5, 4, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bucket_for_all_of_a_users_tokens_and_none_shared_between_users() {
    let server = Setup::offline().start().await;
    let user = id::<UserId>("1");
    let tokens = [server.token(user).await, server.token(user).await];
    let other = server.token(id("2")).await;
    for number in 0..5 {
        tokens[number % 2].get(&server, PATH).await;
    }
    assert_eq!(tokens[0].get(&server, PATH).await.status, 429);
    let fresh = server.token(user).await;
    assert_eq!(
        fresh.get(&server, PATH).await.status,
        429,
        "a new token does not refill"
    );
    assert_eq!(other.get(&server, PATH).await.budget(), Some((5, 4, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_same_time_exactly_five_are_admitted() {
    let server = Setup::offline().start().await;
    let token = server.token(id("1")).await;
    let answers = (0..40).map(|_| token.get(&server, PATH));
    let answers = futures_util::future::join_all(answers).await;
    let admitted = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((admitted, refused), (5, 35));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_can_be_configured() {
    let server = Setup::offline()
        .set("YURI_LIMITS__BURST", "1")
        .set("YURI_LIMITS__REFILL_MS", "500")
        .start()
        .await;
    let token = server.token(id("1")).await;
    assert_eq!(token.get(&server, PATH).await.budget(), Some((1, 0, 500)));
    assert_eq!(token.get(&server, PATH).await.status, 429);
    server.clock.advance(Duration::from_millis(500));
    assert_eq!(token.get(&server, PATH).await.budget(), Some((1, 0, 500)));
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_share_a_bucket_per_address() {
    let server = Setup::offline().start().await;
    let client = server.client();
    let url = format!("{}{PATH}", crate::support::SITE);
    let mut statuses = Vec::new();
    for _ in 0..61 {
        statuses.push(Answer::of(client.get(&url)).await);
    }
    let (last, admitted) = statuses.split_last().unwrap();
    assert!(
        admitted
            .iter()
            .all(|answer| answer.status == 401 && answer.budget().is_none())
    );
    assert_eq!((last.status.as_u16(), last.budget()), (429, None));
    assert_eq!(last.header("retry-after"), "1");
    assert_eq!(last.error(), "rate limit exceed");

    let known = server.token(id("1")).await;
    server.clock.advance(Duration::from_millis(100));
    assert_eq!(
        known.get(&server, PATH).await.status,
        200,
        "one more is admitted every 100 ms"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_limited_more_strictly() {
    let server = Setup::offline().start().await;
    let known = server.token(id("1")).await;
    assert_eq!(known.get(&server, PATH).await.status, 200);
    let wrong = Token {
        secret: "x".repeat(64),
        ..known.clone()
    };
    for _ in 0..10 {
        assert_eq!(wrong.get(&server, PATH).await.status, 401);
    }
    let refused = wrong.get(&server, PATH).await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("retry-after")),
        (429, "60")
    );
    assert_eq!(
        known.get(&server, PATH).await.status,
        200,
        "who is known is not kept out"
    );
    let good = server.token(id("2")).await;
    assert_eq!(
        good.get(&server, PATH).await.status,
        429,
        "a right guess is not looked up either"
    );
    server.clock.advance(Duration::from_mins(1));
    assert_eq!(good.get(&server, PATH).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_logins_is_limited_by_itself() {
    let server = Setup::with_discord().start().await;
    for _ in 0..5 {
        assert_eq!(Answer::of(server.get("/token")).await.status, 307);
        assert_eq!(Answer::of(server.get("/login")).await.status, 307);
    }
    let refused = Answer::of(server.get("/login")).await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("retry-after")),
        (429, "6")
    );
    server.clock.advance(Duration::from_secs(6));
    assert_eq!(Answer::of(server.get("/login")).await.status, 307);
}
