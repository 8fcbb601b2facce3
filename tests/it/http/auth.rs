//! Logging in on another site's page: the callback and the logout.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use discord_sim::{Effect, Fault, HttpAnswer, Point, Requests};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::dashboard::{
    Bearer, CALLBACK, VERIFIER, approve, approve_scopes, body, call_back, setup,
};
use crate::support::{Answer, SITE, Server, Setup};

const PATH: &str = "/api/localsounds";
const HOUR: Duration = Duration::from_secs(3600);
const HEADER: &str = r#"{"alg":"dir","enc":"A256GCM"}"#;

/// What was sent to Discord about grants.
fn asked(server: &Server) -> Vec<String> {
    let requests = server.sim().requests().into_iter();
    let paths = requests.map(|request| request.path);
    paths
        .filter(|path| path.contains("oauth2/token") || path.contains("users/@me"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_logs_people_in() {
    let server = setup().start().await;
    let code = approve(&server, "ada").await;
    server.sim().clear_requests();
    let answer = call_back(&server, &body(&code)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.headers.get("set-cookie").is_none());
    insta::assert_snapshot!(asked(&server).join("\n"), @r"
    /api/v10/oauth2/token
    /api/v10/users/@me
    /api/v10/users/@me/guilds
    ");
    let ada = Bearer::of(&answer);
    insta::assert_snapshot!(answer.body.replace(&ada.0, "<token>"), @r#"
    {
      "token": "<token>",
      "expires": "2019-04-06T19:48:02Z"
    }
    "#);
    let parts: Vec<&str> = ada.0.split('.').collect();
    let header = URL_SAFE_NO_PAD.decode(parts[0]).unwrap();
    assert_eq!(
        (&*header, parts[1], parts.len()),
        (HEADER.as_bytes(), "", 5)
    );

    let sounds = ada.get(&server, PATH).await;
    assert_eq!(
        (sounds.status.as_u16(), sounds.budget().unwrap().0),
        (200, 1000)
    );
    let lower = server
        .get(PATH)
        .header("Authorization", format!("bEARER {}", ada.0));
    assert_eq!(Answer::of(lower).await.status, 200);
    let again = call_back(&server, &body(&code)).await;
    assert_eq!(
        (again.status.as_u16(), &*again.error()),
        (401, "unauthorized")
    );
    assert_eq!(ada.get(&server, PATH).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_taken_for_listed_pages_alone() {
    let server = setup().start().await;
    let code = approve(&server, "ada").await;
    let with = |name: &str, value: Value| {
        let mut body = body(&code);
        body[name] = value;
        body
    };
    server.sim().clear_requests();
    let close = [
        "https://dash.test/callback".to_owned(),
        format!("{CALLBACK}&x"),
        CALLBACK.to_uppercase(),
        format!("{SITE}/login/authorize"),
        String::new(),
    ];
    for other in close {
        let answer = call_back(&server, &with("redirect_uri", json!(other))).await;
        assert_eq!(answer.status, 403, "{other}");
        assert_eq!(
            answer.error(),
            "redirect_uri is not one of this server's callback_uris"
        );
        server.clock.advance(Duration::from_secs(6));
    }
    let short = &VERIFIER[1..];
    for verifier in [
        short,
        "",
        &"x".repeat(129),
        &format!("{short}ä"),
        &format!("{short}+"),
    ] {
        let answer = call_back(&server, &with("code_verifier", json!(verifier))).await;
        assert_eq!(answer.status, 400, "{verifier}");
        assert!(answer.error().starts_with("code_verifier must be"));
        server.clock.advance(Duration::from_secs(6));
    }
    for odd in [
        json!({}),
        json!([]),
        json!("x"),
        with("code", json!(1)),
        with("code", json!(null)),
        with("more", json!(1)),
    ] {
        let answer = call_back(&server, &odd).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.error()),
            (400, "bad request")
        );
        server.clock.advance(Duration::from_secs(6));
    }
    for code in ["", &"x".repeat(513)] {
        assert_eq!(call_back(&server, &body(code)).await.status, 401);
        server.clock.advance(Duration::from_secs(6));
    }
    assert!(asked(&server).is_empty(), "Discord knows of none of them");

    let other = "x".repeat(43);
    let wrong = call_back(&server, &with("code_verifier", json!(other))).await;
    assert_eq!(
        (wrong.status.as_u16(), &*wrong.error()),
        (401, "unauthorized")
    );

    let without_list = Setup::with_discord().start().await;
    let answer = call_back(&without_list, &body(&code)).await;
    assert_eq!(answer.status, 403);
    let offline = Setup::offline().set("YURI_AUTH__CALLBACK_URIS", CALLBACK);
    let offline = offline.start().await;
    assert_eq!(call_back(&offline, &body(&code)).await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_logins_that_ask_too_little_leave_nothing() {
    let server = setup().start().await;
    server.let_log_in_often();
    let refusals = [
        (
            "cleo",
            "identify guilds",
            "you must be a member of a guild the bot is also member of",
        ),
        (
            "ada",
            "identify",
            "the login must ask discord for the scopes identify and guilds",
        ),
    ];
    for (name, scopes, refusal) in refusals {
        let code = approve_scopes(&server, name, scopes).await;
        server.sim().clear_requests();
        let answer = call_back(&server, &body(&code)).await;
        assert_eq!((answer.status.as_u16(), &*answer.error()), (403, refusal));
        assert!(asked(&server).iter().any(|path| path.ends_with("/revoke")));
        let user = server.user(name);
        assert!(!server.app.grants.is_kept(user).await.unwrap());
    }
    let guilds = Point::Request(Requests::to("/users/@me/guilds"));
    let failure = Effect::Answer(HttpAnswer::status(500));
    server.sim().fault(Fault::on(guilds, failure)).unwrap();
    let code = approve(&server, "ada").await;
    server.sim().clear_requests();
    assert_eq!(call_back(&server, &body(&code)).await.status, 502);
    assert!(asked(&server).iter().any(|path| path.ends_with("/revoke")));
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_are_counted_like_starts_of_a_login() {
    let server = setup().start().await;
    for _ in 0..10 {
        assert_eq!(call_back(&server, &json!({})).await.status, 400);
    }
    let refused = call_back(&server, &json!({})).await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("retry-after")),
        (429, "6")
    );
    assert_eq!(Answer::of(server.get("/login")).await.status, 429);
    server.clock.advance(Duration::from_secs(6));
    assert_eq!(call_back(&server, &json!({})).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_logout_gives_the_grant_back() {
    let server = setup().start().await;
    let [first, second] = [
        Bearer::login(&server, "ada").await,
        Bearer::login(&server, "ada").await,
    ];
    let user = server.user("ada");
    server.sim().clear_requests();
    let answer = first.post(&server, "/logout").await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, "{}"));
    assert_eq!(answer.budget().unwrap().0, 1000, "charged");
    assert!(answer.headers.get("set-cookie").is_none());
    assert_eq!(first.get(&server, PATH).await.status, 401);
    assert_eq!(first.post(&server, "/api/auth/refresh").await.status, 401);
    assert_eq!(first.post(&server, "/logout").await.status, 401);
    assert!(asked(&server).is_empty(), "the other session needs it");
    assert!(server.app.grants.is_kept(user).await.unwrap());

    let listed = second.get(&server, "/api/tokens").await.json();
    let own = listed["results"][0]["id"].as_str().unwrap();
    let path = format!("/api/tokens/{own}");
    let revoked = second.sign(server.request(Method::DELETE, &path));
    assert_eq!(Answer::of(revoked).await.status, 200);
    assert_eq!(asked(&server), ["/api/v10/oauth2/token/revoke"]);
    assert!(!server.app.grants.is_kept(user).await.unwrap());

    let basic = server.token(user).await;
    assert_eq!(basic.post(&server, "/logout", "").await.status, 401);
    assert_eq!(basic.get(&server, PATH).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discord_does_not_take_back_is_tried_again() {
    let server = setup().start().await;
    let ada = Bearer::login(&server, "ada").await;
    let user = server.user("ada");
    let revoke = Point::Request(Requests::to("/oauth2/token/revoke"));
    let failure = Effect::Answer(HttpAnswer::status(500));
    let fault = Fault::on(revoke, failure);
    let fault = server.sim().fault(fault).unwrap();
    assert_eq!(ada.post(&server, "/logout").await.status, 200);
    assert!(server.app.grants.is_kept(user).await.unwrap());
    server.sim().remove_fault(fault);
    server.app.grants.tend().await;
    assert!(!server.app.grants.is_kept(user).await.unwrap());
    // The same for a session that was left to end.
    let ben = Bearer::login(&server, "ben").await;
    server.app.grants.tend().await;
    assert!(server.app.grants.is_kept(server.user("ben")).await.unwrap());
    server.clock.advance(7 * 24 * HOUR);
    server.app.grants.tend().await;
    assert!(!server.app.grants.is_kept(server.user("ben")).await.unwrap());
    assert_eq!(ben.get(&server, PATH).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_logins_leave_the_kept_grant_alone() {
    let server = setup().start().await;
    let ada = Bearer::login(&server, "ada").await;
    server.sim().clear_requests();
    let browser = Browser::login(&server, "ada").await;
    let callback = browser.approve("/token", "ada").await;
    assert_eq!(browser.open(&callback).await.status, 200);
    let revoked = asked(&server).iter().any(|path| path.ends_with("/revoke"));
    assert!(!revoked, "Discord would forget the kept one as well");
    server.clock.advance(Duration::from_secs(61));
    let guilds = ada.get(&server, "/api/users/@me/guilds").await;
    assert_eq!(
        (guilds.status.as_u16(), guilds.header("x-partial")),
        (200, "")
    );
}
