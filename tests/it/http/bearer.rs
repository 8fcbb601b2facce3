//! The Bearer header: the encrypted token of another site's page, which ones are good and for how
//! long.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};
use yuri::db::tokens::Kind;
use yuri::domain::seal::Cipher;
use yuri::secret::Key;

use crate::support::browser::Browser;
use crate::support::dashboard::{Bearer, setup};
use crate::support::node::Node;
use crate::support::socket::Socket;
use crate::support::stream::Stream;
use crate::support::{Answer, SITE, START_MS, Server, error_body};

const PATH: &str = "/api/localsounds";
const HOUR: Duration = Duration::from_secs(3600);
/// 32 bytes.
const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const HEADER: &str = r#"{"alg":"dir","enc":"A256GCM"}"#;

/// Seals what nobody else would.
fn seal(key: &str, header: &str, claims: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(header);
    let cipher = Cipher::new(&Key::from_base64(key).unwrap());
    let (nonce, sealed) = cipher.seal(header.as_bytes(), claims.as_bytes()).unwrap();
    let (text, tag) = sealed.split_at(sealed.len() - 16);
    let [nonce, text, tag] = [&nonce[..], text, tag].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}..{nonce}.{text}.{tag}")
}

/// The claims of a good token.
fn claims(server: &Server, token: &str) -> Value {
    let named = server.app.jwe.open(token).unwrap();
    let now = server.clock.now_ms() / 1000;
    json!({
        "iss": SITE, "sub": named.user.to_string(), "sid": named.secret.expose(),
        "iat": now, "exp": now + 3600, "jti": "x",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_an_hour_and_renewed_before() {
    let server = setup().start().await;
    let first = Bearer::login(&server, "ada").await;
    server.clock.advance(HOUR - Duration::from_secs(1));
    let renewed = first.post(&server, "/api/auth/refresh").await;
    assert_eq!(renewed.status, 200, "{}", renewed.body);
    assert_eq!(renewed.header("cache-control"), "no-store");
    assert_eq!(renewed.json()["expires"], "2019-04-06T20:48:01Z");
    let second = Bearer::of(&renewed);
    assert_ne!(first.0, second.0);
    let listed = second.get(&server, "/api/tokens").await.json();
    assert_eq!(listed["n"], 1, "the same session");
    assert_eq!(listed["results"][0]["kind"], "bearer");
    assert_eq!(first.get(&server, PATH).await.status, 200, "until it ends");

    // The leeway of five seconds is over.
    server.clock.advance(Duration::from_secs(6));
    assert_eq!(first.get(&server, PATH).await.status, 401);
    assert_eq!(first.post(&server, "/api/auth/refresh").await.status, 401);
    assert_eq!(second.get(&server, PATH).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_a_week_after_its_last_use() {
    let server = setup().set("YURI_AUTH__JWE_KEY", KEY).start().await;
    let ada = Bearer::login(&server, "ada").await;
    let mut claims = claims(&server, &ada.0);
    let mut at = async |after: Duration| {
        server.clock.advance(after);
        let now = server.clock.now_ms() / 1000;
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + 60);
        let token = Bearer(seal(KEY, HEADER, &claims.to_string()));
        token.get(&server, PATH).await.status.as_u16()
    };
    assert_eq!(at(6 * 24 * HOUR).await, 200);
    assert_eq!(at(6 * 24 * HOUR).await, 200);
    assert_eq!(at(7 * 24 * HOUR).await, 401);
}

/// Checks that a token is refused as every bad credential is. Each is a failure of one address,
/// which has a limit of its own: a minute passes.
async fn assert_refused(server: &Server, what: &str, token: &str) {
    let answer = Bearer(token.to_owned()).get(server, PATH).await;
    assert_eq!(answer.status, 401, "{what}");
    let expected = error_body(answer.status, "unauthorized");
    assert_eq!(answer.body, expected, "{what}");
    assert_eq!(answer.header("www-authenticate"), "xBasic realm=\"api\"");
    assert_eq!(answer.budget(), None);
    server.clock.advance(Duration::from_secs(60));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_header_is_refused() {
    let server = setup().set("YURI_AUTH__JWE_KEY", KEY).start().await;
    let ada = Bearer::login(&server, "ada").await.0;
    let sealed = |header: &str| seal(KEY, header, &claims(&server, &ada).to_string());
    let long = format!("{HEADER}{}", " ".repeat(100));
    for header in [
        r#"{"alg":"none","enc":"A256GCM"}"#,
        r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#,
        r#"{"alg":"A256KW","enc":"A256GCM"}"#,
        r#"{"alg":"A256GCMKW","enc":"A256GCM"}"#,
        r#"{"alg":"Dir","enc":"A256GCM"}"#,
        r#"{"alg":["dir"],"enc":"A256GCM"}"#,
        r#"{"enc":"A256GCM"}"#,
        r#"{"alg":"dir","alg":"dir","enc":"A256GCM"}"#,
        r#"{"alg":"dir"}"#,
        r#"{"alg":"dir","enc":"A128GCM"}"#,
        r#"{"alg":"dir","enc":"A256CBC-HS512"}"#,
        r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#,
        r#"{"alg":"dir","enc":"A256GCM","crit":["exp"]}"#,
        r#"{"alg":"dir","enc":"A256GCM","kid":"../../etc/passwd"}"#,
        r#"{"alg":"dir","enc":"A256GCM","typ":"at+jwt"}"#,
        "{}",
        "",
        &long,
    ] {
        assert_refused(&server, header, &sealed(header)).await;
    }
    for header in [HEADER, r#"{"typ":"JWT", "alg":"dir", "enc":"A256GCM"}"#] {
        let good = Bearer(sealed(header));
        assert_eq!(good.get(&server, PATH).await.status, 200, "{header}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_form_is_refused() {
    let server = setup().set("YURI_AUTH__JWE_KEY", KEY).start().await;
    let ada = Bearer::login(&server, "ada").await.0;
    let user = server.user("ada");
    let api = server.app.tokens.issue(user, Kind::Api).await.unwrap();
    let good = seal(KEY, HEADER, &claims(&server, &ada).to_string());
    let part = |place: usize, other: &str| {
        let mut parts: Vec<&str> = good.split('.').collect();
        parts[place] = other;
        parts.join(".")
    };
    let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let plain = encoded(&claims(&server, &ada).to_string());
    let unsigned = |alg: &str| format!("{}.{plain}.", encoded(&json!({"alg": alg}).to_string()));
    let other_key = STANDARD.encode([9; 32]);
    for (what, token) in [
        ("nothing", String::new()),
        ("dots", "....".to_owned()),
        ("an API token", api.token),
        ("a plain JWT", unsigned("none")),
        ("a signed JWT", format!("{}AAAA", unsigned("HS256"))),
        (
            "another key",
            seal(&other_key, HEADER, &claims(&server, &ada).to_string()),
        ),
        (
            "the same header, other order",
            part(0, &encoded(r#"{"enc":"A256GCM","alg":"dir"}"#)),
        ),
        ("a wrapped key", part(1, "AAAA")),
        ("a short nonce", part(2, "AAAA")),
        ("another nonce", part(2, "AAAAAAAAAAAAAAAA")),
        ("no text", part(3, "")),
        ("another tag", part(4, "AAAAAAAAAAAAAAAAAAAAAA")),
        ("a short tag", part(4, "AAAA")),
        ("six parts", format!("{good}.")),
        ("cut", good[..good.len() - 1].to_owned()),
        ("padded", format!("{good}==")),
        ("with a space", format!(" {good}")),
        ("no claims", seal(KEY, HEADER, "{}")),
        ("no JSON", seal(KEY, HEADER, "\u{0}")),
        ("a huge header", part(0, &"A".repeat(6_000))),
        ("a huge text", part(3, &"A".repeat(6_000))),
    ] {
        assert_refused(&server, what, &token).await;
    }
    let fresh = Bearer(good);
    assert_eq!(fresh.get(&server, PATH).await.status, 200);
    let twice = fresh.sign(fresh.sign(server.get(PATH)));
    assert_eq!(Answer::of(twice).await.status, 401);
    let as_cookie = format!("userid={user}; token={}", fresh.0);
    let as_cookie = Answer::of(server.get(PATH).header("Cookie", as_cookie)).await;
    assert_eq!(as_cookie.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_claims_are_refused() {
    let server = setup().set("YURI_AUTH__JWE_KEY", KEY).start().await;
    let ada = Bearer::login(&server, "ada").await.0;
    let ended = Bearer::login(&server, "ada").await;
    let ended_claims = claims(&server, &ended.0);
    assert_eq!(ended.post(&server, "/logout").await.status, 200);
    let user = server.user("ada");
    let issue = async |kind| server.app.tokens.issue(user, kind).await.unwrap().token;
    let (api, session) = (issue(Kind::Api).await, issue(Kind::Session).await);
    let ben = claims(&server, &Bearer::login(&server, "ben").await.0);
    // Times count from the moment.
    let refused = |what: &'static str, iat: i64, exp: i64, name: &'static str, value: Value| {
        let mut claims = claims(&server, &ada);
        let now = server.clock.now_ms() / 1000;
        claims["iat"] = json!(now + iat);
        claims["exp"] = json!(now.saturating_add(exp));
        claims[name] = value;
        let token = seal(KEY, HEADER, &claims.to_string());
        let server = &server;
        async move { assert_refused(server, what, &token).await }
    };
    let jti = || json!("x");
    refused("past", -3605, -5, "jti", jti()).await;
    refused("from the future", 6, 3606, "jti", jti()).await;
    refused("for longer", 0, 3601, "jti", jti()).await;
    refused("for ever", 0, i64::MAX, "jti", jti()).await;
    refused("for no time", 0, 0, "jti", jti()).await;
    for (what, name, value) in [
        ("from long ago", "iat", json!(i64::MIN)),
        ("a time as text", "exp", json!("1554580000")),
        ("no end", "exp", json!(null)),
        ("another issuer", "iss", json!("https://yuri.test")),
        ("another user", "sub", ben["sub"].clone()),
        ("no user", "sub", json!("ada")),
        ("a user as a number", "sub", json!(7)),
        ("another user's session", "sid", ben["sid"].clone()),
        ("no session", "sid", json!("")),
        ("an unknown session", "sid", json!("x".repeat(64))),
        ("an API token", "sid", json!(api)),
        ("a login of our page", "sid", json!(session)),
        (
            "a session that was ended",
            "sid",
            ended_claims["sid"].clone(),
        ),
        ("no jti", "jti", json!("")),
    ] {
        refused(what, 0, 3600, name, value).await;
    }
    assert_refused(&server, "logged out", &ended.0).await;
    let same = Bearer(seal(KEY, HEADER, &claims(&server, &ada).to_string()));
    assert_eq!(same.get(&server, PATH).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_does_what_a_login_does_but_make_tokens() {
    let server = setup().start().await;
    let ada = Bearer::login(&server, "ada").await;
    let deck = server.token(server.user("ada")).await;
    let create = ada.sign(server.request(Method::POST, "/api/tokens"));
    let created = Answer::of(create.json(&json!({"name": "x"}))).await;
    assert_eq!(
        (created.status.as_u16(), &*created.error()),
        (403, "log in with a browser to make a token")
    );
    let listed = ada.get(&server, "/api/tokens").await.json();
    let kinds = [&listed["results"][0]["kind"], &listed["results"][1]["kind"]];
    assert_eq!(kinds, ["bearer", "api"]);
    let path = format!("/api/tokens/{}", deck.id);
    let revoked = ada.sign(server.request(Method::DELETE, &path));
    assert_eq!(Answer::of(revoked).await.status, 200, "without any Origin");
    assert_eq!(deck.get(&server, PATH).await.status, 401);

    let deck = server.token(server.user("ada")).await;
    let renewed = deck.post(&server, "/api/auth/refresh", "").await;
    assert_eq!(
        (renewed.status.as_u16(), &*renewed.error()),
        (
            403,
            "only a token of POST /api/auth/callback can be renewed"
        )
    );
    let browser = Browser::login(&server, "ada").await;
    let renewed = browser.post("/api/auth/refresh", "").await;
    assert_eq!(renewed.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_is_heard_in_live_channels_until_it_logs_out() {
    let server = setup().start().await;
    let ada = Bearer::login(&server, "ada").await;
    let mut ws = Socket::open(&server, "/ws").await;
    ws.send("INIT", json!({"token": ada.0})).await;
    ws.expect("HELLO").await;
    let mut socketio = Socket::open(&server, "/socket.io/?EIO=4&transport=websocket").await;
    let connect = format!("40{}", json!({"token": ada.0}));
    socketio.send_text(&connect).await;
    let user = server.user("ada").to_string();
    while !socketio.next_text().await.unwrap().contains(&user) {}
    let mut stranger = Socket::open(&server, "/ws").await;
    let other = seal(&STANDARD.encode([9; 32]), HEADER, "{}");
    stranger.send("INIT", json!({"token": other})).await;
    stranger.expect("ERROR").await;

    let stream = Stream::greeted(ada.sign(server.get("/events"))).await;
    assert_eq!(ada.post(&server, "/logout").await.status, 200);
    stream.closes("revoked").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jose_package_opens_our_tokens_and_makes_its_own() {
    let Some(node) = Node::or_skip().await else {
        return;
    };
    let server = setup().set("YURI_AUTH__JWE_KEY", KEY).start().await;
    let ada = Bearer::login(&server, "ada").await;
    let now = START_MS / 1000;
    let argument = json!({"key": KEY, "token": ada.0, "issuer": SITE, "now": now});
    let mut program = node.start("jose.js", &argument);
    let opened = program.until("opened").await;
    assert_eq!(opened[1], json!({"alg": "dir", "enc": "A256GCM"}));
    let claims = &opened[2];
    let names: Vec<&String> = claims.as_object().unwrap().keys().collect();
    assert_eq!(names, ["exp", "iat", "iss", "jti", "sid", "sub"]);
    assert_eq!(claims["iss"], SITE);
    assert_eq!(claims["sub"], server.user("ada").to_string());
    assert_eq!(
        (&claims["iat"], &claims["exp"]),
        (&json!(now), &json!(now + 3600))
    );

    let made = program.until("made").await;
    let made = Bearer(made[1].as_str().unwrap().to_owned());
    let me = made.get(&server, "/api/users/@me").await;
    assert_eq!(
        (me.status.as_u16(), &me.json()["username"]),
        (200, &json!("ada"))
    );
    server.clock.advance(Duration::from_secs(65));
    assert_eq!(made.get(&server, PATH).await.status, 401);
    assert_eq!(ada.get(&server, PATH).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_jwe_key_ends_the_logins_and_made_ones_outlive_a_restart() {
    let server = setup().start().await;
    let ada = Bearer::login(&server, "ada").await;
    let server = server.restart(&[]).await;
    assert_eq!(ada.get(&server, PATH).await.status, 200);
    let server = server.restart(&[("YURI_AUTH__JWE_KEY", KEY)]).await;
    assert_eq!(ada.get(&server, PATH).await.status, 401);
    Bearer::login(&server, "ada").await;
}
