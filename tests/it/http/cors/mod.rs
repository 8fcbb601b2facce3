//! CORS: which pages of other origins read answers, what browsers are told before they send, and what
//! cookies are worth to a page that is not listed.

mod pages;
mod preflights;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderName;
use reqwest::{Method, RequestBuilder};
use rocket::http::Header;
use rocket::local::asynchronous::Client;
use serde_json::Value;
use yuri::db::tokens::Kind;

use crate::support::{Answer, SITE, Server, Setup, id};

const BOARD: &str = "https://board.example.org";
const OTHER_PORT: &str = "http://board.example.org:8080";
const PATH: &str = "/api/localsounds";

/// Origins that are not listed, most of them nearly.
const STRANGERS: [&str; 18] = [
    "https://evil.test",
    "null",
    "*",
    "",
    "https://board.example.org.evil.test",
    "https://evil.test/https://board.example.org",
    "https://board.example.org@evil.test",
    "https://evil-board.example.org",
    "https://evil.board.example.org",
    "https://example.org",
    "https://board.example.or",
    "http://board.example.org",
    "https://board.example.org:443",
    "http://board.example.org:80801",
    "https://Board.example.org",
    "HTTPS://board.example.org",
    "https://board.example.org/",
    "https://board.example.org, https://evil.test",
];

/// Paths that pages of other origins may use, and those only our own may.
const SHARED: [&str; 10] = [
    PATH,
    "/api/nothing",
    "/api/openapi.json",
    "/botapi/users/@me",
    "/token",
    "/token/authorize",
    "/logout",
    "/media/sounds/nice.ogg",
    "/events",
    "/socket.io/?EIO=4&transport=polling",
];
const OWN: [&str; 7] = [
    "/",
    "/login",
    "/login/authorize",
    "/ws",
    "/docs",
    "/alive",
    "/assets/yuri.css",
];

fn setup() -> Setup {
    Setup::offline()
        .set("YURI_LIMITS__BURST", "1000")
        .set("YURI_HTTP__CORS_ORIGINS", format!("{BOARD}, {OTHER_PORT}"))
}

/// The cookies of user 1's login.
async fn cookies(server: &Server) -> String {
    server.add_user(id("1"), &[]).await;
    let issued = server.app.tokens.issue(id("1"), Kind::Session);
    format!("token={}; userid=1", issued.await.unwrap().token)
}

/// What a browser asks before it sends such a request for a page.
fn preflight(server: &Server, path: &str, origin: &str) -> RequestBuilder {
    server
        .request(Method::OPTIONS, path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "PUT")
        .header("Access-Control-Request-Headers", "authorization")
}

/// Whether caches are told that an answer depends on the page that asks.
fn varies(answer: &Answer) -> bool {
    let lines = answer.headers.get_all("vary").iter();
    let mut names = lines.flat_map(|line| line.to_str().unwrap().split(','));
    names.any(|name| name.trim().eq_ignore_ascii_case("origin"))
}

/// The names of the headers that are for browsers with pages of other origins.
fn grants(answer: &Answer) -> Vec<&str> {
    let names = answer.headers.keys().map(HeaderName::as_str);
    names
        .filter(|name| name.starts_with("access-control-"))
        .collect()
}

/// Checks that pages of one origin may read an answer, and no others.
fn assert_read_by(answer: &Answer, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    let origins = answer.headers.get_all("access-control-allow-origin");
    assert_eq!(origins.iter().count(), 1);
    assert!(varies(answer), "{:?}", answer.headers);
}

/// Checks that no page of another origin may read an answer.
fn assert_unread(answer: &Answer, what: &str) {
    assert!(grants(answer).is_empty(), "{what}: {:?}", answer.headers);
    assert!(varies(answer), "{what}: {:?}", answer.headers);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_listed_origins_read_answers_and_no_others() {
    let server = setup().start().await;
    let token = server.token(id("1")).await;
    let get = || token.sign(server.get(PATH));
    for origin in [BOARD, OTHER_PORT] {
        let answer = Answer::of(get().header("Origin", origin)).await;
        assert_eq!(answer.status, 200);
        assert_read_by(&answer, origin);
    }
    // A credential in the header is no browser's own doing: the answer is the same, but not to be read.
    for origin in STRANGERS {
        let answer = Answer::of(get().header("Origin", origin)).await;
        assert_eq!(answer.status, 200, "{origin}");
        assert_unread(&answer, origin);
    }
    let two = get().header("Origin", BOARD).header("Origin", STRANGERS[0]);
    assert_unread(&Answer::of(two).await, "two origins");
    assert_unread(&Answer::of(get()).await, "no origin");
    let own = Answer::of(get().header("Origin", SITE)).await;
    assert_unread(&own, "an own page needs no leave");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_other_pages_says_so_always_and_the_rest_never() {
    let server = setup().start().await;
    for path in SHARED {
        for method in [Method::GET, Method::HEAD, Method::DELETE] {
            let request = || server.request(method.clone(), path);
            let plain = Answer::of(request()).await;
            assert_unread(&plain, &format!("{method} {path}"));
            let read = Answer::of(request().header("Origin", BOARD)).await;
            assert_read_by(&read, BOARD);
            assert_eq!(read.status, plain.status, "{method} {path}");
            server.clock.advance(Duration::from_secs(60));
        }
    }
    for path in OWN {
        let answer = Answer::of(server.get(path).header("Origin", BOARD)).await;
        assert!(grants(&answer).is_empty(), "{path}: {:?}", answer.headers);
        let asked = Answer::of(preflight(&server, path, BOARD)).await;
        assert_ne!(asked.status, 204, "{path}");
        assert!(grants(&asked).is_empty(), "{path}: {:?}", asked.headers);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_read_as_well() {
    let server = Setup::offline()
        .set("YURI_LIMITS__BURST", "6")
        .set("YURI_HTTP__CORS_ORIGINS", BOARD)
        .start()
        .await;
    let token = server.token(id("1")).await;
    let get = |path: &str| token.sign(server.get(path));
    let json = |path: &str| token.sign(server.request(Method::POST, path));
    let refused = [
        (server.get(PATH), 401),
        (get("/api/localsounds?limit=0"), 400),
        (get("/api/logs/1"), 403),
        (get("/api/nothing"), 404),
        (json(PATH), 405),
        (json("/api/tokens"), 415),
        (get("/botapi/nothing"), 403),
        (get(PATH), 429),
    ];
    for (request, status) in refused {
        let answer = Answer::of(request.header("Origin", BOARD)).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_read_by(&answer, BOARD);
        answer.error();
    }
}

#[rocket::get("/api/broken")]
fn break_down() -> rocket::http::Status {
    rocket::http::Status::InternalServerError
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_servers_is_read_as_well() {
    let server = setup().start().await;
    let rocket = yuri::http::rocket(Arc::clone(&server.app));
    let rocket = rocket.mount("/", rocket::routes![break_down]);
    let client = Client::untracked(rocket).await.unwrap();
    for (origin, expected) in [(BOARD, Some(BOARD)), (STRANGERS[0], None)] {
        let request = client
            .get("/api/broken")
            .header(Header::new("Origin", origin));
        let answer = request.dispatch().await;
        assert_eq!(answer.status().code, 500);
        let headers = answer.headers();
        assert_eq!(headers.get_one("Access-Control-Allow-Origin"), expected);
        assert_eq!(headers.get_one("Vary"), Some("Origin"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_read_nothing_for_another_sites_page_and_spend_nothing() {
    let server = Setup::offline()
        .set("YURI_HTTP__CORS_ORIGINS", BOARD)
        .start()
        .await;
    let cookies = cookies(&server).await;
    let send = |method: Method, path: &str, origin: &str| {
        let request = server.request(method, path).header("Cookie", &cookies);
        Answer::of(request.header("Origin", origin))
    };
    for origin in STRANGERS {
        let refused = send(Method::GET, "/api/logs/1", origin).await;
        assert_eq!(refused.status, 403, "{origin}");
        assert_eq!(
            (refused.error().as_str(), refused.budget()),
            ("forbidden", None)
        );
        assert_unread(&refused, origin);
    }
    for path in [
        PATH,
        "/api/nothing",
        "/botapi/users/@me",
        "/media/sounds/nice.ogg",
        "/events",
    ] {
        for method in [Method::GET, Method::HEAD, Method::PUT] {
            let refused = send(method.clone(), path, STRANGERS[0]).await;
            // A wrong method of a path that nobody is charged for is told to everybody.
            let is_odd = method == Method::PUT
                && ["/media", "/events"].iter().any(|it| path.starts_with(it));
            let expected = if is_odd { 405 } else { 403 };
            assert_eq!(refused.status, expected, "{method} {path}");
            assert_eq!(refused.budget(), None, "{method} {path}");
        }
    }
    assert_eq!(send(Method::GET, "/", STRANGERS[0]).await.status, 403);

    let own = Answer::of(server.get(PATH).header("Cookie", &cookies)).await;
    assert_eq!(own.budget(), Some((5, 4, 0)), "the first that is charged");
    let own = send(Method::GET, PATH, SITE).await;
    assert_eq!((own.status.as_u16(), own.budget()), (200, Some((5, 3, 0))));
    let listed = send(Method::GET, PATH, BOARD).await;
    assert_eq!(
        (listed.status.as_u16(), listed.budget()),
        (200, Some((5, 2, 0)))
    );
    assert_read_by(&listed, BOARD);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_cannot_have_an_address_kept_out() {
    let server = setup().start().await;
    for _ in 0..70 {
        let wrong = server.get(PATH).header("Cookie", "token=x; userid=1");
        let refused = Answer::of(wrong.header("Origin", STRANGERS[0])).await;
        assert_eq!(refused.status, 403);
    }
    let token = server.token(id("1")).await;
    assert_eq!(token.get(&server, PATH).await.status, 200);
}

/// A page of some origin, in a browser that does as the Fetch standard says.
#[tokio::test(flavor = "multi_thread")]
async fn all_that_the_document_names_can_be_sent_and_read() {
    let server = setup().start().await;
    let names = |list: &str| -> BTreeSet<String> {
        list.split(',')
            .map(|name| name.trim().to_lowercase())
            .collect()
    };
    let asked = Answer::of(preflight(&server, PATH, BOARD)).await;
    let methods = names(asked.header("access-control-allow-methods"));
    let sendable = names(asked.header("access-control-allow-headers"));
    let exposed = names(asked.header("access-control-expose-headers"));

    let document: Value = serde_json::from_str(&yuri::http::openapi_document().unwrap()).unwrap();
    let resolved = |value: &Value| match value["$ref"].as_str() {
        Some(place) => document.pointer(&place[1..]).unwrap().clone(),
        None => value.clone(),
    };
    let mut read = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        if OWN.contains(&path.as_str()) {
            continue;
        }
        for (method, operation) in item.as_object().unwrap() {
            assert!(methods.contains(method), "{method} {path}");
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for header in parameters.filter(|parameter| parameter["in"] == "header") {
                let name = header["name"].as_str().unwrap().to_lowercase();
                assert!(sendable.contains(&name), "{method} {path}: {name}");
            }
            for answer in operation["responses"].as_object().unwrap().values() {
                let answer = resolved(answer);
                for name in answer["headers"]
                    .as_object()
                    .into_iter()
                    .flat_map(serde_json::Map::keys)
                {
                    // Browsers go there by themselves and show no page the way.
                    if name != "Location" {
                        let name = name.to_lowercase();
                        assert!(exposed.contains(&name), "{method} {path}: {name}");
                        read += 1;
                    }
                }
            }
        }
    }
    assert!(read > 0, "the document names headers");
}
