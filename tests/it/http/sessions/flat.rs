//! The form of errors on the five routes, who is let in there, and what each request of a known
//! session is told about its limit.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, COOKIE};
use serde_json::json;

use super::{LOGIN, LOGOUT, Session, Stage, X_LAB, XENIA, YOLANDA, flat, seen, setup};
use crate::support::Answer;
use crate::support::browser::Browser;

/// The routes that take a session and nothing else.
fn own() -> [(Method, String); 4] {
    let guild = X_LAB.guild;
    [
        (Method::GET, format!("/api/members?guildId={guild}")),
        (Method::GET, format!("/api/channels?guildId={guild}")),
        (
            Method::GET,
            format!("/api/messages?channelId={}", X_LAB.general),
        ),
        (Method::POST, LOGOUT.to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_credential_opens_them() {
    let stage = Stage::start().await;
    let server = &stage.server;
    let ada = server.token(server.user("ada")).await;
    let browser = Browser::login(server, "ada").await;
    let Session(id) = stage.login(XENIA).await;
    let (user, other) = (ada.user, "x".repeat(64));
    for (method, path) in own() {
        let ask = || stage.request(method.clone(), &path);
        let by_cookie = browser.own_request(method.clone(), &path);
        let as_cookie = format!("token={id}; userid={user}; session={id}");
        let in_query = format!(
            "{path}{}sessionId={id}",
            if path.contains('?') { '&' } else { '?' }
        );
        let requests = [
            ("nothing", ask()),
            ("a token", ada.sign(ask())),
            (
                "a cookie",
                by_cookie.header("X-Forwarded-For", stage.home()),
            ),
            ("Bearer", ask().bearer_auth(&id)),
            ("Basic", ask().basic_auth(user, Some(&id))),
            ("Bot", ask().header(AUTHORIZATION, format!("Bot {id}"))),
            (
                "a bot's token",
                ask().header(AUTHORIZATION, stage.token(XENIA)),
            ),
            ("as a cookie", ask().header(COOKIE, as_cookie)),
            ("unknown", ask().header(AUTHORIZATION, &other)),
            ("shorter", ask().header(AUTHORIZATION, &id[..63])),
            ("longer", ask().header(AUTHORIZATION, format!("{id}x"))),
            ("lower case", ask().header(AUTHORIZATION, id.to_lowercase())),
            ("empty", ask().header(AUTHORIZATION, "")),
            (
                "twice",
                ask().header(AUTHORIZATION, &id).header(AUTHORIZATION, &id),
            ),
            ("in the query", stage.request(method.clone(), &in_query)),
        ];
        let mut first = None;
        for (what, request) in requests {
            let refused = stage.send(request).await;
            assert_eq!(refused.status, 401, "{what} {path}: {}", refused.body);
            assert_eq!(flat(&refused), "unauthorized");
            let refused = seen(&refused);
            assert_eq!(
                first.get_or_insert(refused.clone()),
                &refused,
                "{what} {path}"
            );
        }
    }
    // Nothing of all that has ended it.
    assert!(Session(id).is_alive(&stage).await);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_methods_are_told_the_right_one() {
    let stage = Stage::start().await;
    let xenia = stage.login(XENIA).await;
    for (path, wrong, right) in [
        ("/api/members", Method::POST, "GET"),
        ("/api/channels", Method::DELETE, "GET"),
        ("/api/messages", Method::PUT, "GET"),
        (LOGOUT, Method::GET, "POST"),
        (LOGIN, Method::GET, "POST"),
    ] {
        let refused = xenia.sign(stage.request(wrong.clone(), path));
        let refused = stage.send(refused).await;
        assert_eq!(refused.status, 405, "{wrong} {path}: {}", refused.body);
        flat(&refused);
        let allowed: Vec<_> = refused.header("allow").split(", ").collect();
        assert!(allowed.contains(&right), "{path}: {allowed:?}");
        // Who is nobody is told that, in the same form.
        let stranger = stage.send(stage.request(wrong, path)).await;
        assert!([401, 405].contains(&stranger.status.as_u16()), "{path}");
        flat(&stranger);
    }
    // Beside them, errors are objects.
    let ada = stage.server.token(stage.server.user("ada")).await;
    for path in [
        "/api/members/1",
        "/api/auth",
        "/api/auth/nothing",
        "/api/login",
    ] {
        let refused = ada.get(&stage.server, path).await;
        assert_eq!(refused.status, 404, "{path}: {}", refused.body);
        refused.error();
    }
    assert!(xenia.is_alive(&stage).await);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_of_a_session_is_charged_to_its_bot() {
    let stage = Stage::start_with(setup().set("YURI_LIMITS__BURST", "5")).await;
    let first = stage.login(XENIA).await;
    let second = stage.login(XENIA).await;
    let other = stage.login(YOLANDA).await;
    let remaining = |answer: &Answer| answer.budget().map(|budget| budget.1);
    let requests = [
        (
            &first,
            format!("/api/messages?channelId={}", X_LAB.general),
            200,
        ),
        (&second, "/api/messages".to_owned(), 400),
        (&first, "/api/channels?guildId=1".to_owned(), 404),
        (&second, format!("/api/guilds/{}/player", X_LAB.guild), 200),
        (&first, "/api/members".to_owned(), 400),
    ];
    let mut left = Vec::new();
    for (session, path, status) in requests {
        let answer = session.get(&stage, &path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        let (limit, rest, reset_ms) = answer.budget().expect("the three headers");
        assert_eq!(limit, 5);
        assert_eq!(reset_ms == 0, rest > 0, "{path}");
        left.push(rest);
    }
    // The clock may have gone on while Discord was asked, and given something back.
    assert_eq!(left[0], 4);
    assert!(left.windows(2).all(|pair| pair[1] <= pair[0]), "{left:?}");
    // Whichever route and session: it is empty now, or soon.
    let refused = loop {
        let answer = second.get(&stage, "/api/messages").await;
        if answer.status != 400 {
            break answer;
        }
    };
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert_eq!(flat(&refused), "rate limit exceed");
    assert_eq!(remaining(&refused), Some(0));
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(refused.header("cache-control"), "no-store");
    let logout = first.post(&stage, LOGOUT).await;
    assert_eq!(logout.status, 429, "{}", logout.body);
    // An error of the player's is an object, with the same limit.
    let body = json!({"sound": "x", "channel_id": X_LAB.lounge.to_string()});
    let path = format!("/api/guilds/{}/play", X_LAB.guild);
    let play = first.post_json(&stage, &path, &body).await;
    assert_eq!(
        (play.status.as_u16(), play.error().as_str()),
        (429, "rate limit exceed")
    );
    assert_eq!(remaining(&play), Some(0));

    assert_eq!(
        remaining(&other.get(&stage, "/api/messages").await),
        Some(4)
    );
    stage.server.clock.advance(Duration::from_secs(2));
    assert_eq!(first.get(&stage, "/api/messages").await.status, 400);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_limited_in_the_same_form() {
    let stage = Stage::start().await;
    let home = stage.home();
    let mut answers = Vec::new();
    for _ in 0..70 {
        let request = stage.request_from(&home, Method::GET, "/api/members");
        // The clock stands still.
        let answer = Answer::of(request).await;
        assert_eq!(answer.budget(), None);
        flat(&answer);
        answers.push(answer.status.as_u16());
    }
    assert!(answers.contains(&429), "{answers:?}");
    assert!(answers.iter().all(|status| [401, 429].contains(status)));
    stage.stop().await;
}
