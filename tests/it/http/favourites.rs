//! `/api/favorites` and `/api/settings/fasttrigger`, as clients of the original server use them.

use std::fs;

use reqwest::Method;
use yuri::domain::uploads::Wanted;
use yuri::ids::GuildId;

use crate::audio::fixture;
use crate::support::{Answer, Server, Setup, Token, id};

const ONLY: &str = "ident must be the name of a sound";
const TRIGGER: &str = "/api/settings/fasttrigger";

/// A server with the operator's sounds `nice` and `tür`; user 1 is a member of guild 7, which has
/// `nice` and `own` of its own.
async fn server() -> (Server, Token) {
    let setup = Setup::offline().set("YURI_LIMITS__BURST", "1000");
    for name in ["nice.ogg", "tür.flac"] {
        fs::write(setup.sounds().join(name), "x").unwrap();
    }
    let server = setup.start().await;
    let token = server.token(id("1")).await;
    let guild: GuildId = id("7");
    server.add_user(id("1"), &[guild]).await;
    for (name, file) in [("nice", "tone.wav"), ("own", "tone.mp3")] {
        let uploads = &server.app.uploads;
        let mut incoming = uploads.begin(guild, token.user).await.unwrap();
        incoming.write(&fixture(file)).await.unwrap();
        uploads.finish(incoming, Wanted::Name(name)).await.unwrap();
    }
    (server, token)
}

async fn send(server: &Server, token: &Token, method: Method, path: &str) -> Answer {
    Answer::of(token.sign(server.request(method, path))).await
}

async fn names(server: &Server, token: &Token, query: &str) -> Vec<String> {
    let answer = token.get(server, &format!("/api/favorites{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    let names: Vec<String> = serde_json::from_value(body["results"].clone()).unwrap();
    assert_eq!(body["n"], names.len());
    assert_eq!(answer.header("x-total-count"), names.len().to_string());
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn favourites_are_added_listed_and_removed() {
    let (server, token) = server().await;
    let none = token.get(&server, "/api/favorites").await;
    assert_eq!(none.body, "{\n  \"n\": 0,\n  \"results\": []\n}");
    for path in [
        "/api/favorites/T%C3%9CR.flac",
        "/api/favorite/nice",
        "/api/favorites/nice",
    ] {
        let added = send(&server, &token, Method::POST, path).await;
        assert_eq!((added.status.as_u16(), added.body.as_str()), (201, "{}"));
    }
    let listed = token.get(&server, "/api/favorites").await;
    insta::assert_snapshot!(listed.body, @r#"
    {
      "n": 2,
      "results": [
        "nice",
        "tür"
      ]
    }
    "#);
    assert_eq!(listed.header("cache-control"), "no-store");
    let other = server.token(id("2")).await;
    assert!(names(&server, &other, "").await.is_empty());

    for path in ["/api/favorites/NICE", "/api/favorite/nice.ogg"] {
        let removed = send(&server, &token, Method::DELETE, path).await;
        assert_eq!(
            (removed.status.as_u16(), removed.body.as_str()),
            (200, "{}")
        );
    }
    assert_eq!(names(&server, &token, "").await, ["tür"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_favourite_outlives_its_file() {
    let (server, token) = server().await;
    send(&server, &token, Method::POST, "/api/favorites/nice").await;
    fs::remove_file(server.sounds().join("nice.ogg")).unwrap();
    server.until(|app| app.library.find("nice").is_none()).await;
    assert_eq!(names(&server, &token, "").await, ["nice"]);
    let gone = send(&server, &token, Method::POST, "/api/favorites/nice").await;
    assert_eq!(gone.status, 404);
    let removed = send(&server, &token, Method::DELETE, "/api/favorites/nice").await;
    assert_eq!(removed.status, 200);
    let again = send(&server, &token, Method::DELETE, "/api/favorites/nice").await;
    assert_eq!(again.status, 404);
    assert_eq!(again.error(), "sound was not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_names_its_own_sounds() {
    let (server, token) = server().await;
    for name in ["nice", "own", "tür"] {
        let path = format!("/api/favorites/{name}?guild=7");
        let added = send(&server, &token, Method::POST, &path).await;
        assert_eq!(added.status, 201, "{}", added.body);
    }
    assert_eq!(
        names(&server, &token, "?guild=7").await,
        ["nice", "own", "tür"]
    );
    // The operator's sound of that name is another one.
    assert_eq!(names(&server, &token, "").await, ["tür"]);
    let path = "/api/favorites/own";
    assert_eq!(
        send(&server, &token, Method::DELETE, path).await.status,
        404
    );
    let path = "/api/favorites/own?guild=7";
    assert_eq!(
        send(&server, &token, Method::DELETE, path).await.status,
        200
    );
    assert_eq!(names(&server, &token, "?guild=7").await, ["nice", "tür"]);

    let stranger = token.get(&server, "/api/favorites?guild=8").await;
    assert_eq!(stranger.status, 403);
    assert_eq!(stranger.error(), "you must be a member of this guild");
    let elsewhere = format!("{TRIGGER}?guild=8");
    let chosen = token.post(&server, &elsewhere, r#"{"random":true}"#);
    assert_eq!(chosen.await.status, 403);
    for query in ["guild=", "guild=x", "guild=7&guild=7", "guild=0"] {
        let bad = token.get(&server, &format!("/api/favorites?{query}")).await;
        assert_eq!(bad.status, 400, "{query}");
        assert_eq!(bad.error(), "guild must be the id of a guild");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_sound_is_no_favourite() {
    let (server, token) = server().await;
    for name in ["nothing", "%2e%2e%2fnice", "nice%00", "%ff"] {
        for method in [Method::POST, Method::DELETE] {
            let path = format!("/api/favorites/{name}");
            let answer = send(&server, &token, method, &path).await;
            assert_eq!(answer.status, 404, "{name}");
            assert_eq!(answer.error(), "sound was not found");
        }
    }
    let long = format!("/api/favorites/{}", "x".repeat(256));
    assert_eq!(send(&server, &token, Method::POST, &long).await.status, 400);
    let wrong = send(&server, &token, Method::PUT, "/api/favorites/nice").await;
    assert_eq!(wrong.status, 405);
    assert_eq!(wrong.header("allow"), "DELETE, POST");
    let stranger = Answer::of(server.request(Method::POST, "/api/favorites/nice")).await;
    assert_eq!(stranger.status, 401);
    assert!(names(&server, &token, "").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fast_trigger_is_a_sound_any_or_none() {
    let (server, token) = server().await;
    let any = token.get(&server, TRIGGER).await;
    insta::assert_snapshot!(any.body, @r#"
    {
      "ident": "",
      "random": true
    }
    "#);
    let chosen = token.post(&server, TRIGGER, r#"{"ident":"NICE.ogg","random":false}"#);
    let chosen = chosen.await;
    insta::assert_snapshot!(chosen.body, @r#"
    {
      "ident": "nice",
      "random": false
    }
    "#);
    assert_eq!(token.get(&server, TRIGGER).await.body, chosen.body);
    let here = format!("{TRIGGER}?guild=7");
    let own = token.post(&server, &here, r#"{"ident":"own"}"#);
    assert_eq!(own.await.json()["ident"], "own");
    let none = token.post(&server, TRIGGER, r#"{"ident":null,"random":false}"#);
    insta::assert_snapshot!(none.await.body, @r#"
    {
      "ident": null,
      "random": false
    }
    "#);
    let random = token.post(&server, TRIGGER, r#"{"ident":"nice","random":true}"#);
    assert_eq!(random.await.body, any.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fast_trigger_that_cannot_be_changes_nothing() {
    let (server, token) = server().await;
    token.post(&server, TRIGGER, r#"{"ident":"nice"}"#).await;
    for name in ["", "nothing", "own"] {
        let body = serde_json::json!({ "ident": name, "random": false }).to_string();
        let answer = token.post(&server, TRIGGER, &body).await;
        assert_eq!(answer.status, 404, "{name}");
        assert_eq!(answer.error(), "sound was not found");
    }
    let long = serde_json::json!({ "ident": "x".repeat(256) }).to_string();
    for (body, message) in [
        (long.as_str(), ONLY),
        ("{}", ONLY),
        (r#"{"random":false}"#, ONLY),
        (r#"{"ident":1}"#, "bad request"),
        (r#"{"ident":"nice","random":1}"#, "bad request"),
        (r#"{"ident":"nice","colour":1}"#, "bad request"),
        ("", "bad request"),
    ] {
        let answer = token.post(&server, TRIGGER, body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.error(), message, "{body}");
    }
    assert_eq!(token.get(&server, TRIGGER).await.json()["ident"], "nice");
}
