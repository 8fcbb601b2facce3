//! Preflights: what a browser asks before it sends a page's request.

use std::time::Duration;

use reqwest::Method;

use super::{BOARD, PATH, SHARED, STRANGERS, assert_read_by, assert_unread, preflight, setup};
use crate::support::{Answer, Setup, id};

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_needs_no_credential_and_costs_nobody_a_request() {
    let server = Setup::offline()
        .set("YURI_HTTP__CORS_ORIGINS", BOARD)
        .start()
        .await;
    let token = server.token(id("1")).await;
    for path in SHARED {
        let asked = Answer::of(preflight(&server, path, BOARD)).await;
        assert_eq!(
            (asked.status.as_u16(), asked.body.as_str()),
            (204, ""),
            "{path}"
        );
        assert_eq!(asked.budget(), None, "{path}");
        assert_read_by(&asked, BOARD);
        let methods = asked.header("access-control-allow-methods");
        assert_eq!(methods, "GET, HEAD, POST, PUT, PATCH, DELETE");
        let headers = asked.header("access-control-allow-headers");
        let expected = "Authorization, Content-Type, If-Match, If-None-Match, If-Range, Range, \
             Last-Event-ID, X-Requested-With";
        assert_eq!(headers, expected, "what the request names is not repeated");
        assert_eq!(asked.header("access-control-max-age"), "600");
    }
    // A browser shows no credential with it; one that is shown is not looked at.
    let signed = token.sign(preflight(&server, PATH, BOARD));
    let signed = Answer::of(signed.header("Cookie", "token=x; userid=1")).await;
    assert_eq!((signed.status.as_u16(), signed.budget()), (204, None));
    assert_eq!(token.get(&server, PATH).await.budget(), Some((5, 4, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_tells_other_pages_nothing() {
    let server = setup().start().await;
    for origin in STRANGERS {
        let asked = Answer::of(preflight(&server, PATH, origin)).await;
        assert_eq!(
            (asked.status.as_u16(), asked.body.as_str()),
            (204, ""),
            "{origin}"
        );
        assert_unread(&asked, origin);
    }
    let two = preflight(&server, PATH, BOARD).header("Origin", STRANGERS[0]);
    assert_unread(&Answer::of(two).await, "two origins");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_options_are_a_wrong_method_as_ever() {
    let server = setup().start().await;
    let token = server.token(id("1")).await;
    let options = |path: &str| server.request(Method::OPTIONS, path);
    let asks = ("Access-Control-Request-Method", "PUT");
    for odd in [
        options(PATH),
        options(PATH).header("Origin", BOARD),
        options(PATH).header(asks.0, asks.1),
    ] {
        let told = Answer::of(token.sign(odd.try_clone().unwrap())).await;
        assert_eq!(
            (told.status.as_u16(), told.header("allow")),
            (405, "GET, HEAD")
        );
        assert!(told.budget().is_some());
        assert_eq!(Answer::of(odd).await.status, 401);
    }
    let told = Answer::of(options("/events").header("Origin", BOARD)).await;
    assert_eq!(
        (told.status.as_u16(), told.header("allow")),
        (405, "GET, HEAD")
    );
    let told = Answer::of(options("/logout")).await;
    assert_eq!((told.status.as_u16(), told.header("allow")), (405, "POST"));
    assert_eq!(Answer::of(options("/media/nothing")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn preflights_are_counted_by_address() {
    let server = setup().start().await;
    let token = server.token(id("1")).await;
    assert_eq!(token.get(&server, PATH).await.status, 200);
    // That one was looked up; what is known is not.
    for number in 1..60 {
        let asked = Answer::of(preflight(&server, PATH, BOARD)).await;
        assert_eq!(asked.status, 204, "{number}");
    }
    for path in [PATH, "/events"] {
        let refused = Answer::of(preflight(&server, path, BOARD)).await;
        assert_eq!(refused.status, 429, "{path}");
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(refused.error(), "rate limit exceed");
    }
    assert_eq!(token.get(&server, PATH).await.status, 200);
    server.clock.advance(Duration::from_millis(100));
    let admitted = Answer::of(preflight(&server, PATH, BOARD)).await;
    assert_eq!(admitted.status, 204);
}
