//! Whose address counts: the peer's, unless a trusted proxy says otherwise.

use reqwest::RequestBuilder;

use crate::support::{Answer, Server, Setup};

/// Uses up the bucket of whoever `from` makes the request come from; answers how many were let in.
async fn admitted(
    server: &Server,
    from: impl Fn(RequestBuilder, usize) -> RequestBuilder,
) -> usize {
    let mut admitted = 0;
    for number in 0..70 {
        let request = from(server.get("/api/localsounds"), number);
        admitted += usize::from(Answer::of(request).await.status == 401);
    }
    admitted
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_address_of_anybody_is_not_believed() {
    let server = Setup::offline().start().await;
    let spoofed = |request: RequestBuilder, number: usize| {
        request
            .header("X-Forwarded-For", format!("198.51.100.{number}"))
            .header("X-Real-IP", format!("198.51.100.{number}"))
    };
    assert_eq!(admitted(&server, spoofed).await, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxys_is() {
    let server = Setup::offline()
        .set("YURI_HTTP__TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.0/8")
        .start()
        .await;
    let distinct = |request: RequestBuilder, number: usize| {
        request.header("X-Forwarded-For", format!("198.51.100.{number}"))
    };
    assert_eq!(admitted(&server, distinct).await, 70);
    let with_port = |request: RequestBuilder, number: usize| {
        request.header("X-Forwarded-For", format!("192.0.2.1:{}", 1000 + number))
    };
    assert_eq!(admitted(&server, with_port).await, 60);
    // What the client itself wrote stands left of what the proxies have added.
    let spoofed = |request: RequestBuilder, number: usize| {
        request.header(
            "X-Forwarded-For",
            format!("198.51.100.{number}, 203.0.113.7, 10.1.2.3"),
        )
    };
    assert_eq!(admitted(&server, spoofed).await, 60);
    let broken = |request: RequestBuilder, number: usize| {
        request.header("X-Forwarded-For", format!("198.51.100.{number}, nonsense"))
    };
    assert_eq!(admitted(&server, broken).await, 60);
}
