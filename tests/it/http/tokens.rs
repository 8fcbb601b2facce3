//! Credentials: what is accepted, how long, and `/api/tokens`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use yuri::db::tokens::Kind;
use yuri::ids::UserId;

use crate::support::browser::Browser;
use crate::support::{Answer, SITE, Server, Setup, Token, error_body, id};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const PATH: &str = "/api/localsounds";

fn basic(text: &str) -> String {
    format!("Basic {}", STANDARD.encode(text))
}

async fn cookies(server: &Server, user: UserId) -> String {
    server.add_user(user, &[]).await;
    let issued = server.app.tokens.issue(user, Kind::Session).await.unwrap();
    format!("token={}; userid={user}", issued.token)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_credential_gets_the_same_401() {
    let server = Setup::offline().start().await;
    let Token {
        user,
        secret: token,
        ..
    } = server.token(id("1")).await;
    let revoked = server.token(user).await;
    server.app.tokens.revoke(user, revoked.id).await.unwrap();
    let session = server
        .app
        .tokens
        .issue(user, Kind::Session)
        .await
        .unwrap()
        .token;
    let bad = [
        basic(&format!("2:{token}")),
        basic(&format!("1:{}", "x".repeat(64))),
        basic(&format!("1:{}", revoked.secret)),
        basic(&format!("1:{session}")),
        basic(&format!("1:{token}x")),
        basic(&format!("1{token}")),
        basic(&format!("+1:{token}")),
        basic(&format!("1:{token}:")),
        basic(":"),
        basic(""),
        basic(&"x".repeat(10_000)),
        "Basic".to_owned(),
        "Basic !!!".to_owned(),
        "Basic \u{ff}".to_owned(),
        "basic".to_owned(),
        format!("Bearer {token}"),
        token.clone(),
    ];
    // Each would be its own failure of one address; the strict limit has a test of its own.
    for header in bad {
        let answer = Answer::of(server.get(PATH).header("Authorization", &header)).await;
        assert_eq!(answer.status, 401, "{header}");
        assert_eq!(answer.body, error_body(answer.status, "unauthorized"));
        assert_eq!(answer.budget(), None);
        server.clock.advance(Duration::from_secs(60));
    }
    let anonymous = Answer::of(server.get(PATH)).await;
    assert_eq!(anonymous.body, error_body(anonymous.status, "unauthorized"));

    let scheme = format!("bAsIc {}", STANDARD.encode(format!("1:{token}")));
    assert_eq!(
        Answer::of(server.get(PATH).header("Authorization", scheme))
            .await
            .status,
        200
    );
    let twice = server
        .get(PATH)
        .header("Authorization", basic(&format!("1:{token}")))
        .header("Authorization", basic(&format!("1:{token}")));
    assert_eq!(Answer::of(twice).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_header_beside_good_cookies_is_a_401() {
    let server = Setup::offline().start().await;
    let cookies = cookies(&server, id("1")).await;
    let good = Answer::of(server.get(PATH).header("Cookie", &cookies)).await;
    assert_eq!(good.status, 200);
    for header in ["Basic !!!", "Bearer x", ""] {
        let both = server
            .get(PATH)
            .header("Cookie", &cookies)
            .header("Authorization", header);
        assert_eq!(Answer::of(both).await.status, 401, "{header:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_is_sent_twice_is_none() {
    let server = Setup::offline().start().await;
    let cookies = cookies(&server, id("1")).await;
    for header in [
        format!("token=x; {cookies}"),
        format!("{cookies}; token=x"),
        format!("{cookies}; userid=2"),
        // Names are decoded before they are compared, as the jar does.
        format!("{cookies}; %74oken=x"),
        format!("{cookies}; %74oken=x; %75serid=2"),
        cookies.split_once("; ").unwrap().0.to_owned(),
    ] {
        let answer = Answer::of(server.get(PATH).header("Cookie", &header)).await;
        assert_eq!(answer.status, 401, "{header}");
    }
    let api = server.token(id("1")).await;
    let as_cookie = format!("token={}; userid=1", api.secret);
    let answer = Answer::of(server.get(PATH).header("Cookie", as_cookie)).await;
    assert_eq!(answer.status, 401, "an API token is no session");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_use_extends_a_week_up_to_ninety_days() {
    let server = Setup::offline().start().await;
    let unused = server.token(id("1")).await;
    let used = server.token(id("2")).await;
    server.clock.advance(7 * DAY - Duration::from_millis(1));
    assert_eq!(used.get(&server, PATH).await.status, 200);
    server.clock.advance(Duration::from_millis(1));
    assert_eq!(
        unused.get(&server, PATH).await.status,
        401,
        "a week after it was issued"
    );
    for _ in 0..13 {
        server.clock.advance(6 * DAY);
        assert_eq!(used.get(&server, PATH).await.status, 200);
    }
    // 85 days have passed; the last use would extend to 92.
    server.clock.advance(5 * DAY - Duration::from_millis(1));
    assert_eq!(used.get(&server, PATH).await.status, 200);
    server.clock.advance(Duration::from_millis(1));
    assert_eq!(
        used.get(&server, PATH).await.status,
        401,
        "ninety days after it was issued"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn extensions_outlive_the_process() {
    let setup = Setup::offline();
    let database = setup.data().join("yuri.sqlite3").display().to_string();
    let first = setup.start().await;
    let token = first.token(id("1")).await;
    first.clock.advance(6 * DAY);
    assert_eq!(token.get(&first, PATH).await.status, 200);
    let clock = first.clock.clone();
    let folder = first.stop().await;

    let second = Setup::offline()
        .set("YURI_DATABASE__URL", database)
        .start_at(clock.clone())
        .await;
    clock.advance(6 * DAY);
    assert_eq!(token.get(&second, PATH).await.status, 200);
    second.stop().await;
    drop(folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_holds_no_token() {
    let server = Setup::offline().start().await;
    let token = server.token(id("1")).await;
    assert_eq!(token.get(&server, PATH).await.status, 200);
    let folder = server.stop().await;
    for file in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes
                .windows(64)
                .any(|window| window == token.secret.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_make_list_and_revoke_named_tokens() {
    let server = Setup::with_discord()
        .set("YURI_LIMITS__BURST", "100")
        .start()
        .await;
    let browser = Browser::login(&server, "ada").await;
    let created = browser
        .post("/api/tokens", r#"{"name":" stream deck "}"#)
        .await;
    assert_eq!(created.status, 200);
    let body = created.json();
    let token = body["token"].as_str().unwrap().to_owned();
    let ada = server.user("ada");
    let mut listed = browser.get("/api/tokens").await.body;
    listed = listed.replace(&ada.to_string(), "<ada>");
    insta::assert_snapshot!(created.body.replace(&token, "<token>").replace(&ada.to_string(), "<ada>"), @r#"
    {
      "id": "2",
      "name": "stream deck",
      "token": "<token>",
      "user_id": "<ada>",
      "expires": "2019-04-13T18:48:02Z"
    }
    "#);
    insta::assert_snapshot!(listed, @r#"
    {
      "n": 2,
      "results": [
        {
          "id": "1",
          "kind": "session",
          "name": "",
          "created": "2019-04-06T18:48:02Z",
          "last_used": "2019-04-06T18:48:02Z",
          "expires": "2019-04-13T18:48:02Z",
          "current": true
        },
        {
          "id": "2",
          "kind": "api",
          "name": "stream deck",
          "created": "2019-04-06T18:48:02Z",
          "last_used": "2019-04-06T18:48:02Z",
          "expires": "2019-04-13T18:48:02Z",
          "current": false
        }
      ]
    }
    "#);

    let deck = Token {
        user: ada,
        id: 2,
        secret: token,
    };
    let own = deck.get(&server, "/api/tokens").await.json();
    assert_eq!(
        (&own["n"], &own["results"][0]["id"]),
        (&1.into(), &"2".into()),
        "sees itself alone"
    );
    let made = deck.post(&server, "/api/tokens", r#"{"name":"x"}"#).await;
    assert_eq!(
        (made.status.as_u16(), made.error().as_str()),
        (403, "log in with a browser to make a token")
    );
    let other = Answer::of(deck.sign(server.request(Method::DELETE, "/api/tokens/1"))).await;
    assert_eq!(other.status, 404, "revokes itself alone");

    let revoked = Answer::of(browser.own_request(Method::DELETE, "/api/tokens/2")).await;
    assert_eq!(
        (revoked.status.as_u16(), revoked.body.as_str()),
        (200, "{}")
    );
    assert_eq!(
        deck.get(&server, PATH).await.status,
        401,
        "at once, remembered or not"
    );
    let again = Answer::of(browser.own_request(Method::DELETE, "/api/tokens/2")).await;
    assert_eq!(again.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_touches_anothers_tokens() {
    let server = Setup::offline().start().await;
    let victim = server.token(id("1")).await;
    let cookies = cookies(&server, id("2")).await;
    let request = server
        .request(Method::DELETE, &format!("/api/tokens/{}", victim.id))
        .header("Cookie", cookies)
        .header("Origin", SITE);
    assert_eq!(Answer::of(request).await.status, 404);
    assert_eq!(victim.get(&server, PATH).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_named_tokens_are_enough() {
    let server = Setup::with_discord()
        .set("YURI_LIMITS__BURST", "100")
        .start()
        .await;
    server.let_log_in_often();
    let browser = Browser::login(&server, "ada").await;
    for number in 0..10 {
        let answer = browser
            .post("/api/tokens", &format!(r#"{{"name":"{number}"}}"#))
            .await;
        assert_eq!(answer.status, 200);
    }
    let refused = browser.post("/api/tokens", r#"{"name":"one more"}"#).await;
    assert_eq!(refused.status, 409);
    assert_eq!(
        refused.error(),
        "you have 10 named tokens, revoke one first"
    );
    let callback = browser.approve("/token", "ada").await;
    assert_eq!(
        browser.open(&callback).await.status,
        200,
        "a token without a name is not counted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_change_nothing_for_another_sites_page() {
    let server = Setup::offline()
        .set("YURI_LIMITS__BURST", "100")
        .set("YURI_HTTP__CORS_ORIGINS", "https://board.example.org")
        .start()
        .await;
    let cookies = cookies(&server, id("1")).await;
    let post = || {
        server
            .request(Method::POST, "/api/tokens")
            .header("Cookie", &cookies)
            .header("Content-Type", "application/json")
            .body(r#"{"name":"x"}"#)
    };
    let refused = [
        post(),
        post().header("Origin", "https://evil.test"),
        post().header("Origin", "null"),
        post().header("Origin", "https://yuri.test"),
        post().header("Origin", "http://yuri.test.evil.test"),
        post().header("Sec-Fetch-Site", "cross-site"),
        post().header("Sec-Fetch-Site", "same-site"),
        // Rocket makes a DELETE of such a form.
        server
            .request(Method::POST, "/api/tokens/1")
            .header("Cookie", &cookies)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body("_method=delete"),
    ];
    for request in refused {
        let answer = Answer::of(request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().as_str()),
            (403, "forbidden")
        );
    }
    let admitted = [
        post().header("Origin", SITE),
        post().header("Origin", "https://board.example.org"),
        post().header("Sec-Fetch-Site", "same-origin"),
    ];
    for request in admitted {
        assert_eq!(Answer::of(request).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_names_are_refused() {
    let server = Setup::with_discord()
        .set("YURI_LIMITS__BURST", "100")
        .start()
        .await;
    let browser = Browser::login(&server, "ada").await;
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(65));
    for body in [
        r#"{"name":""}"#,
        r#"{"name":"  "}"#,
        r#"{"name":"a\nb"}"#,
        &long,
    ] {
        let answer = browser.post("/api/tokens", body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().as_str()),
            (400, "name must be 1 to 64 characters")
        );
    }
    let too_large = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(browser.post("/api/tokens", &too_large).await.status, 413);
    for body in [
        "",
        "{",
        "[]",
        r#"{"name":1}"#,
        r#"{"name":"x","admin":true}"#,
        "{}",
    ] {
        let answer = browser.post("/api/tokens", body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().as_str()),
            (400, "bad request"),
            "{body}"
        );
    }
    for id in ["0x1", "-1", "abc", "1234567890", "%00"] {
        let path = format!("/api/tokens/{id}");
        let answer = Answer::of(browser.own_request(Method::DELETE, &path)).await;
        assert_eq!(answer.status, 400, "{id}");
    }
}
