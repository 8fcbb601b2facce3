//! Every route with input that no client of good will sends: the documented status and body.

use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Answer, Server, Setup, Token, error_body, id};

async fn server() -> (Server, Token) {
    let server = Setup::offline()
        .set("YURI_LIMITS__BURST", "10000")
        .start()
        .await;
    let token = server.token(id("1")).await;
    server.add_user(id("1"), &[id("1")]).await;
    (server, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_are_no_guild() {
    let (server, token) = server().await;
    let bad = [
        "0",
        "-1",
        "+5",
        "007",
        "9223372036854775808",
        "18446744073709551616",
        "abc",
        "1%00",
        "%EF%BC%91%EF%BC%92",
        "1e3",
        "1.0",
        "%20",
        "1%20",
        "@me",
        "..",
        "%2e%2e",
        "1%2F2",
        "%ff",
        "%",
        "%zz",
        "",
        "1'--",
        "%3Cb%3E",
    ];
    for guild in bad {
        for list in ["logs", "stats"] {
            // Written by hand: a client would tidy the path up.
            let answer = raw(&server, &token, "GET", &format!("/api/{list}/{guild}")).await;
            let allowed = if matches!(guild, ".." | "%2e%2e" | "") {
                [400, 404]
            } else {
                [400, 400]
            };
            assert!(allowed.contains(&answer.0), "{list}/{guild}: {answer:?}");
            assert!(
                answer.1.starts_with("{\n  \"error\": {"),
                "{list}/{guild}: {answer:?}"
            );
        }
    }
    assert_eq!(token.get(&server, "/api/logs/1").await.status, 200);
}

/// Sends a request line as it is; answers the status and the body.
async fn raw(server: &Server, token: &Token, method: &str, target: &str) -> (u16, String) {
    use base64::Engine as _;
    let credential = format!("{}:{}", token.user, token.secret);
    let basic = base64::engine::general_purpose::STANDARD.encode(credential);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: yuri.test\r\nConnection: close\r\n\
         Authorization: Basic {basic}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_that_are_no_numbers() {
    let (server, token) = server().await;
    let bad = [
        "limit=-1",
        "limit=0",
        "limit=abc",
        "limit=%2B5",
        "limit=+5",
        "limit=",
        "limit",
        "limit=%20",
        "limit=9999999999",
        "limit=1e3",
        "limit=1&limit=2",
        "limit=1&%6cimit=1",
        "limit=%EF%BC%91",
        "from=-1",
        "from=abc",
        "from=",
        "from=1234567890",
        "from=1&from=1",
        "from=1.5",
        "from=0x1",
        "from=%00",
        "from=%ff",
    ];
    for query in bad {
        for path in ["/api/localsounds", "/api/logs/1", "/api/stats/1"] {
            let answer = token.get(&server, &format!("{path}?{query}")).await;
            assert_eq!(answer.status, 400, "{path}?{query}");
            let message = answer.error();
            let expected = if query.contains("from") {
                "from must be a number from 0 to 999999999"
            } else {
                "limit must be a number from 1 to 999999999"
            };
            assert_eq!(message, expected);
        }
    }
    for query in [
        "sort=SIZE",
        "sort=",
        "sort",
        "sort=NAME&sort=NAME",
        "sort=NAME%27%3BDROP",
    ] {
        let answer = token
            .get(&server, &format!("/api/localsounds?{query}"))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().as_str()),
            (400, "sort must be NAME or DATE")
        );
    }
    for query in ["", "&", "&&=", "other=%ff", "limit=1&", "Limit=x"] {
        let answer = token
            .get(&server, &format!("/api/localsounds?{query}"))
            .await;
        assert_eq!(answer.status, 200, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_methods_name_the_right_ones() {
    let (server, token) = server().await;
    let routes = [
        ("/api/localsounds", "GET, HEAD"),
        ("/api/logs/1", "GET, HEAD"),
        ("/api/stats/1", "GET, HEAD"),
        ("/api/tokens", "GET, HEAD, POST"),
        ("/api/tokens/1", "DELETE"),
        ("/api/guilds/1/play", "POST"),
        ("/api/guilds/1/stop", "POST"),
        ("/api/guilds/1/leave", "POST"),
        ("/api/guilds/1/player", "GET, HEAD"),
        ("/", "GET, HEAD"),
        ("/token", "GET, HEAD"),
        ("/token/authorize", "GET"),
        ("/login", "GET, HEAD"),
        ("/login/authorize", "GET"),
        ("/logout", "POST"),
        ("/alive", "GET, HEAD"),
    ];
    for (path, allowed) in routes {
        for method in [
            "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND",
        ] {
            if allowed.split(", ").any(|name| name == method) {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = Answer::of(token.sign(server.request(method.clone(), path))).await;
            if method.as_str() == "PROPFIND" {
                assert!(
                    [400, 405, 501].contains(&answer.status.as_u16()),
                    "{path}: {answer:?}"
                );
                continue;
            }
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), allowed, "{method} {path}");
            assert_eq!(answer.error(), "method not allowed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_are_json() {
    let (server, token) = server().await;
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/logs",
        "/nothing",
        "/assets/x",
        "/assets/../Cargo.toml",
    ] {
        let answer = token.get(&server, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.error(), "not found", "{path}");
    }
    let slash = token.get(&server, "/api/localsounds/").await;
    assert_eq!(slash.status, 200, "a slash at the end makes no difference");
    let stranger = Answer::of(server.get("/api/nothing").header("Accept", "text/html")).await;
    assert_eq!(stranger.body, error_body(stranger.status, "unauthorized"));
    assert_eq!(stranger.status, 401, "who it is comes first");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_what_it_must() {
    let (server, token) = server().await;
    for path in [
        "/",
        "/alive",
        "/api/localsounds",
        "/api/nothing",
        "/api/logs/x",
        "/nothing",
    ] {
        let answer = token.get(&server, path).await;
        assert_eq!(answer.header("x-request-id").len(), 16, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("server"), "", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_socket_disturbs_nobody() {
    let (server, token) = server().await;
    let garbage: [&[u8]; 4] = [
        b"\0\xff\xfe\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    for bytes in garbage {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _closed_either_way = stream.read_to_end(&mut answer).await;
        assert!(
            !answer.starts_with(b"HTTP/1.1 5"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert_eq!(token.get(&server, "/api/localsounds").await.status, 200);
}
