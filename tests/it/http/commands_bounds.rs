//! What a guild's own commands may be over REST: every bound, and what is said of what is beyond.

use reqwest::Method;
use serde_json::{Value, json};

use super::commands::{create, path, send, server, text};
use crate::support::Answer;

const NAME: &str = "command must be 1 to 32 lower case letters, digits, - and _";
const PLACEHOLDER: &str = "a placeholder is unknown: there are {user}, {guild}, {channel} and \
                           {sound_count}";

/// Responses that cannot be, and what is said of them.
fn bad_responses() -> Vec<(Value, &'static str)> {
    const TYPES: &str = "response must have a type: text, embed or sound";
    const TEXT: &str = "a response of type text has content, a text, and nothing else";
    const CONTENT: &str = "content must be 1 to 2000 characters";
    let text = |content: Value| json!({"type": "text", "content": content});
    vec![
        (json!(null), TYPES),
        (json!("text"), TYPES),
        (json!([]), TYPES),
        (json!({}), TYPES),
        (json!({"type": "script", "content": "1"}), TYPES),
        (json!({"type": 1}), TYPES),
        (json!({"type": "text"}), TEXT),
        (text(json!(7)), TEXT),
        (json!({"type": "text", "content": "x", "tts": true}), TEXT),
        (text(json!("")), CONTENT),
        (text(json!(" \n ")), CONTENT),
        (text(json!("a\u{0}b")), CONTENT),
        (text(json!("x".repeat(2_001))), CONTENT),
        (text(json!("{name}")), PLACEHOLDER),
        (
            json!({"type": "sound"}),
            "a response of type sound has sound, a name, and nothing else",
        ),
        (
            json!({"type": "sound", "sound": ""}),
            "sound must be the name of a sound",
        ),
        (
            json!({"type": "sound", "sound": "a\nb"}),
            "sound must be the name of a sound",
        ),
    ]
}

/// The same of embeds.
fn bad_embeds() -> Vec<(Value, &'static str)> {
    const EMBED: &str = "a response of type embed has title, description, url, color and fields, \
                         each with name, value and inline, and nothing else";
    const URL: &str =
        "url must be an address that begins with https://, of at most 2048 characters";
    let embed = |field: &str, value: Value| {
        let mut embed = json!({"type": "embed", "title": "T"});
        embed[field] = value;
        embed
    };
    let field = |name: &str, value: &str| json!({"name": name, "value": value});
    let mut bad = vec![
        (embed("description", json!("{constructor}")), PLACEHOLDER),
        (embed("fields", json!([field("{x}", "v")])), PLACEHOLDER),
        (
            json!({"type": "embed"}),
            "an embed has a title, a description or a field at least",
        ),
        (
            json!({"type": "embed", "url": "https://a.test", "color": 1}),
            "an embed has a title, a description or a field at least",
        ),
        (
            embed("title", json!("")),
            "title must be 1 to 256 characters",
        ),
        (
            embed("title", json!("x".repeat(257))),
            "title must be 1 to 256 characters",
        ),
        (
            embed("description", json!("x".repeat(4_097))),
            "description must be 1 to 4096 characters",
        ),
        (
            embed("color", json!(0x100_0000)),
            "color must be 0 to 16777215",
        ),
        (embed("color", json!(-1)), EMBED),
        (embed("color", json!("#fff")), EMBED),
        (embed("image", json!({"url": "https://a.test"})), EMBED),
        (embed("fields", json!(null)), EMBED),
        (embed("fields", json!([{"name": "n"}])), EMBED),
        (
            embed("fields", json!([{"name": "n", "value": "v", "inline": 1}])),
            EMBED,
        ),
        (
            embed("fields", json!(vec![field("n", "v"); 26])),
            "an embed has at most 25 fields",
        ),
        (
            embed("fields", json!([field("", "v")])),
            "the name of a field must be 1 to 256 characters",
        ),
        (
            embed("fields", json!([field("n", &"v".repeat(1_025))])),
            "the value of a field must be 1 to 1024 characters",
        ),
        (
            embed("fields", json!(vec![field("n", &"v".repeat(1_000)); 6])),
            "an embed has at most 6000 characters in all",
        ),
    ];
    for address in [
        "http://a.test",
        "a.test",
        "javascript:alert(1)",
        "https://",
        "https://a:b@c.test",
        "https://a.test/ b",
        "",
    ] {
        bad.push((embed("url", json!(address)), URL));
    }
    let long = format!("https://a.test/{}", "x".repeat(2_040));
    bad.push((embed("url", json!(long)), URL));
    bad
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_by_name_and_changes_nothing() {
    let (server, ada) = server().await;
    let list = path(&server);
    let one = create(&server, &ada, &text("rules", "x")).await;
    for (response, message) in bad_responses().into_iter().chain(bad_embeds()) {
        let new = json!({"command": "new", "response": response}).to_string();
        let change = json!({"response": response}).to_string();
        for (method, path, body) in [(Method::POST, &list, new), (Method::PATCH, &one, change)] {
            let answer = send(&server, &ada, method, path, &body, None).await;
            assert_eq!(answer.status, 400, "{body}");
            assert_eq!(answer.error(), message, "{body}");
        }
    }
    for name in [
        "",
        "Rules",
        "two words",
        "a.b",
        "@everyone",
        &"x".repeat(33),
    ] {
        let answer = ada.post(&server, &list, &text(name, "x")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().as_str()),
            (400, NAME),
            "{name}"
        );
    }
    for (body, message) in [
        ("{}", "a command has command and response"),
        (r#"{"command":"a"}"#, "a command has command and response"),
        (r#"{"command":7}"#, "command must be a text, given once"),
        (
            r#"{"command":"a","command":"b"}"#,
            "command must be a text, given once",
        ),
        (
            r#"{"command":"a","id":"9"}"#,
            "a field is unknown: there are command and response",
        ),
        ("[]", "bad request"),
        ("null", "bad request"),
        ("{", "bad request"),
        ("", "bad request"),
        (r#"{"command":"\ud800"}"#, "bad request"),
    ] {
        let answer = ada.post(&server, &list, body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.error(), message, "{body}");
    }
    let deep = format!(r#"{{"response":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    assert_eq!(ada.post(&server, &list, &deep).await.status, 400);
    let large = text("new", &"x".repeat(65 << 10));
    assert_eq!(ada.post(&server, &list, &large).await.status, 413);
    // Within Discord's bounds, and more than is kept: these characters have four bytes each.
    let wide = json!({"type": "embed", "description": "𝄞".repeat(4_096)});
    let wide = json!({"command": "new", "response": wide}).to_string();
    let wide = ada.post(&server, &list, &wide).await;
    assert_eq!(wide.status, 413);
    assert_eq!(wide.error(), "a response has at most 16384 bytes as JSON");
    let form = ada
        .sign(server.request(Method::POST, &list))
        .body("command=a");
    assert_eq!(Answer::of(form).await.status, 415);
    for id in ["0x1", "-1", "1234567890", "a", "%20"] {
        let path = format!("{list}/{id}");
        assert_eq!(ada.get(&server, &path).await.status, 400, "{id}");
        for method in [Method::PATCH, Method::DELETE] {
            let answer = send(&server, &ada, method, &path, "{}", None).await;
            assert_eq!(answer.status, 400, "{id}");
        }
    }
    let now = ada.get(&server, &list).await.json();
    assert_eq!(now["n"], 1);
    assert_eq!(
        now["results"][0]["response"],
        json!({"type": "text", "content": "x"})
    );
    assert_eq!(ada.get(&server, &one).await.header("etag"), "\"1\"");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_at_its_bounds_is_taken() {
    let (server, ada) = server().await;
    let field = json!({"name": "n".repeat(256), "value": "v".repeat(100), "inline": true});
    let full = json!({
        "type": "embed", "title": "t".repeat(256), "description": "d".repeat(2_180),
        "url": "https://a.test/b?c=d#e", "color": 0xff_ffff, "fields": vec![&field; 10],
    });
    let many = json!({
        "type": "embed", "title": null, "description": null, "url": null, "color": 0,
        "fields": vec![json!({"name": "n", "value": "v", "inline": false}); 25],
    });
    let long = json!({"type": "text", "content": "ü".repeat(2_000)});
    for (number, response) in [full, many, long].into_iter().enumerate() {
        let name = "n".repeat(30) + &number.to_string();
        let body = json!({"command": name, "response": response}).to_string();
        let made = ada.post(&server, &path(&server), &body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        assert_eq!(made.json()["response"], response);
    }
    server.stop().await;
}
