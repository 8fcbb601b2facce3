//! What pages of other origins do, in a browser that keeps the rules.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{BOARD, PATH, STRANGERS, assert_read_by, assert_unread, setup};
use crate::support::{Answer, Server, Setup, Token, id};

/// A page of some origin, in a browser that does as the Fetch standard says.
struct Page<'a> {
    server: &'a Server,
    origin: &'a str,
}

impl Page<'_> {
    /// Sends a request as the page's script would; `None` where the script is told of nothing but a
    /// failure.
    async fn fetch(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Answer> {
        let names: Vec<String> = headers
            .iter()
            .map(|(name, _)| name.to_lowercase())
            .collect();
        let asked = self
            .server
            .request(Method::OPTIONS, path)
            .header("Origin", self.origin)
            .header("Access-Control-Request-Method", method.as_str())
            .header("Access-Control-Request-Headers", names.join(","));
        let asked = Answer::of(asked).await;
        let listed = |name: &str| {
            let values = asked.header(name).split(',');
            values
                .map(|value| value.trim().to_lowercase())
                .collect::<BTreeSet<_>>()
        };
        let methods = listed("access-control-allow-methods");
        let sendable = listed("access-control-allow-headers");
        let may_send = asked.status.is_success()
            && self.may_read(&asked)
            && methods.contains(&method.as_str().to_lowercase())
            && names.iter().all(|name| sendable.contains(name));
        if !may_send {
            return None;
        }
        let request = self.server.request(method, path);
        let mut request = request.header("Origin", self.origin);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = Answer::of(request.body(body.to_owned())).await;
        self.may_read(&answer).then_some(answer)
    }

    fn may_read(&self, answer: &Answer) -> bool {
        answer.header("access-control-allow-origin") == self.origin
            && answer.header("access-control-allow-credentials") == "true"
    }
}

fn basic(server: &Server, token: &Token) -> String {
    let request = token.sign(server.get("/")).build().unwrap();
    let header = &request.headers()["authorization"];
    header.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_page_works_with_the_api_as_a_browser_lets_it() {
    let server = setup().start().await;
    let token = server.token(id("1")).await;
    let credential = basic(&server, &token);
    let signed = [("Authorization", credential.as_str())];
    let page = |origin| Page {
        server: &server,
        origin,
    };
    let board = page(BOARD);
    let read = board.fetch(Method::GET, PATH, &signed, "").await.unwrap();
    assert_eq!(
        (read.status.as_u16(), read.json()["n"].clone()),
        (200, json!(0))
    );
    let shown = read.header("access-control-expose-headers");
    for name in ["X-Ratelimit-Remaining", "X-Total-Count", "X-Request-Id"] {
        assert!(shown.split(", ").any(|it| it == name), "{shown}");
        assert!(!read.header(name).is_empty(), "{name}");
    }
    // Logins have no credential yet, and a body of JSON.
    let typed = [("Content-Type", "application/json")];
    let refused = board
        .fetch(Method::POST, "/api/auth/callback", &typed, "{}")
        .await
        .unwrap();
    assert_eq!(refused.status, 400, "{}", refused.body);

    let both = [signed[0], typed[0]];
    let path = "/api/settings/fasttrigger";
    let body = r#"{"random":true}"#;
    let changed = board.fetch(Method::POST, path, &both, body).await.unwrap();
    assert_eq!(changed.status, 200, "{}", changed.body);

    let odd = [signed[0], ("X-Odd", "1")];
    let unasked = board.fetch(Method::GET, PATH, &odd, "").await;
    assert!(unasked.is_none(), "a header that no route reads");
    let budget = token.get(&server, PATH).await.budget().unwrap();
    for origin in [STRANGERS[0], "null"] {
        let stranger = page(origin);
        let read = stranger.fetch(Method::GET, PATH, &signed, "").await;
        assert!(read.is_none(), "{origin}");
        let sent = stranger.fetch(Method::POST, path, &both, body).await;
        assert!(sent.is_none(), "{origin}");
    }
    let after = token.get(&server, PATH).await.budget().unwrap();
    assert_eq!(after.1, budget.1 - 1, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_page_hears_events() {
    let server = Setup::with_discord()
        .set("YURI_HTTP__CORS_ORIGINS", BOARD)
        .start()
        .await;
    let ada = server.token(server.user("ada")).await;
    let stream = ada.sign(server.get("/events")).header("Origin", BOARD);
    let stream = stream.send().await.unwrap();
    assert_eq!(stream.status(), 200);
    assert_eq!(stream.headers()["access-control-allow-origin"], BOARD);
    drop(stream);

    // As the official client polls: text without further headers, so that no preflight comes first.
    let polling = "/socket.io/?EIO=4&transport=polling";
    let opened = Answer::of(server.get(polling).header("Origin", BOARD)).await;
    assert_eq!(opened.status, 200, "{}", opened.body);
    assert_read_by(&opened, BOARD);
    let first: Value = serde_json::from_str(opened.body.strip_prefix('0').unwrap()).unwrap();
    let session = format!("{polling}&sid={}", first["sid"].as_str().unwrap());
    let post = server
        .request(Method::POST, &session)
        .header("Origin", BOARD);
    let post = post.header("Content-Type", "text/plain;charset=UTF-8");
    let taken = Answer::of(post.body("40")).await;
    assert_eq!((taken.status.as_u16(), taken.body.as_str()), (200, "ok"));
    assert_read_by(&taken, BOARD);
    let heard = Answer::of(server.get(&session).header("Origin", BOARD)).await;
    assert_read_by(&heard, BOARD);
    let evil = Answer::of(server.get(polling).header("Origin", STRANGERS[0])).await;
    assert_eq!(evil.status, 403);
    assert_unread(&evil, "another site's page");
    server.stop().await;
}
