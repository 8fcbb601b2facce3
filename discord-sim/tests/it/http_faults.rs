//! Faults of OAuth and REST, seen byte by byte and by serenity.

use std::time::{Duration, Instant};

use discord_sim::{
    Cut, Delivery, Effect, Fault, HttpAnswer, Latency, Point, RateLimitScope, Requests, Server, Sim,
};
use poise::serenity_prelude as serenity;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use serenity::HttpBuilder;

use crate::support::wire::{End, Wire, get, header};
use crate::support::{PATIENCE, discord_client, eventually, sim};

const ME: &str = "/users/@me";
/// Long enough to be seen, and short.
const MOMENT: Duration = Duration::from_millis(50);

fn me() -> Requests {
    Requests::to(ME).method("GET")
}

fn my_answer() -> Point {
    Point::Answer(me())
}

/// The answer to a request that a fault strikes.
async fn struck(sim: &Sim, point: impl Into<Point>, effect: Effect) -> Response {
    sim.clear_faults();
    let fault = sim.fault(Fault::on(point, effect)).unwrap();
    let response = get(sim, ME).await;
    let report = sim.remove_fault(fault).unwrap();
    assert_eq!((report.met, report.struck), (1, 1));
    let mut records = sim.requests().into_iter().rev();
    let record = records.find(|record| record.path.ends_with(ME)).unwrap();
    assert_eq!(record.faults, [fault]);
    response
}

async fn json(response: Response) -> Value {
    response.json().await.unwrap()
}

#[tokio::test]
async fn rest_4xx_and_5xx_as_discord_and_as_cloudflare_answer_and_html_and_redirects() {
    let sim = sim().await;
    for (status, message) in [
        (401, "401: Unauthorized"),
        (403, "Missing Permissions"),
        (404, "404: Not Found"),
        (500, "500: Internal Server Error"),
        (502, "502: Bad Gateway"),
        (503, "503: Service Unavailable"),
        (504, "504: Gateway Timeout"),
    ] {
        for point in [me().into(), my_answer()] {
            let answer = struck(&sim, point, Effect::Answer(HttpAnswer::status(status))).await;
            assert_eq!(answer.status(), status);
            assert_eq!(json(answer).await["message"], message);
        }
        let answer = struck(&sim, me(), Effect::Answer(HttpAnswer::cloudflare(status))).await;
        assert_eq!(answer.status(), status);
        assert_eq!(header(&answer, "server"), "cloudflare");
        assert!(header(&answer, "content-type").starts_with("text/html"));
        assert!(answer.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    }
    let html = HttpAnswer::html(200, "<p>Hello</p>");
    let html = struck(&sim, my_answer(), Effect::Answer(html)).await;
    assert_eq!(html.status(), StatusCode::OK);
    assert_eq!(html.text().await.unwrap(), "<p>Hello</p>");
    let elsewhere = HttpAnswer::redirect(302, format!("{}/api/v10/gateway", sim.api_url()));
    let elsewhere = struck(&sim, me(), Effect::Answer(elsewhere)).await;
    assert_eq!(json(elsewhere).await["url"], sim.gateway_url());
}

#[tokio::test]
async fn rest_429_user_global_shared_cloudflare_and_malformed() {
    let sim = sim().await;
    let second = Duration::from_millis(1_500);
    for (scope, global) in [
        (RateLimitScope::User, false),
        (RateLimitScope::Global, true),
        (RateLimitScope::Shared, false),
    ] {
        let invalid = sim.invalid_requests();
        let limited = HttpAnswer::rate_limited(scope, second);
        let limited = struck(&sim, me(), Effect::Answer(limited)).await;
        assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(header(&limited, "retry-after"), "2");
        assert_eq!(header(&limited, "x-ratelimit-scope"), scope.name());
        let is_global = header(&limited, "x-ratelimit-global") == "true";
        assert_eq!(is_global, global);
        let body = json(limited).await;
        assert_eq!(
            (&body["retry_after"], &body["global"]),
            (&json!(1.5), &json!(global))
        );
        let counts = scope != RateLimitScope::Shared;
        assert_eq!(sim.invalid_requests() - invalid, u32::from(counts));
    }
    let limited = || HttpAnswer::rate_limited(RateLimitScope::User, second);
    for nonsense in [
        json!("soon"),
        json!(-1),
        json!(-0.5),
        json!(1e308),
        json!(u64::MAX),
        json!(null),
    ] {
        let answer = limited().set("/retry_after", nonsense.clone());
        let answer = struck(&sim, me(), Effect::Answer(answer)).await;
        assert_eq!(json(answer).await["retry_after"], nonsense);
    }
    for nonsense in ["soon", "-1", "1e308", "1.5", ""] {
        let answer = limited().header("Retry-After", nonsense);
        let answer = struck(&sim, me(), Effect::Answer(answer)).await;
        assert_eq!(header(&answer, "retry-after"), nonsense);
    }
    // An address that is banned is told so by a page.
    let ban = HttpAnswer::cloudflare(429).header("retry-after", "60");
    let ban = struck(&sim, me(), Effect::Answer(ban)).await;
    assert_eq!(header(&ban, "retry-after"), "60");
    assert!(header(&ban, "content-type").starts_with("text/html"));
    assert!(ban.text().await.unwrap().contains("1015"));
    // Without a body, without any headers, and with one alone.
    let empty = struck(&sim, me(), Effect::Answer(limited().body(""))).await;
    assert_eq!(header(&empty, "retry-after"), "2");
    assert_eq!(empty.text().await.unwrap(), "");
    let bare = HttpAnswer::json(429, &json!({ "message": "no", "global": false }));
    let answer = struck(&sim, me(), Effect::Answer(bare.clone())).await;
    assert_eq!(header(&answer, "x-ratelimit-scope"), "");
    assert_eq!(json(answer).await["retry_after"], Value::Null);
    let alone = Effect::Answer(bare.header("retry-after", "3"));
    let answer = struck(&sim, me(), alone).await;
    assert_eq!(header(&answer, "retry-after"), "3");
}

#[tokio::test]
async fn rest_json_and_headers_changed_and_json_that_breaks_off() {
    let sim = sim().await;
    let set = |pointer: &str, value| Effect::Set {
        pointer: pointer.to_owned(),
        value,
    };
    let changed = struck(&sim, my_answer(), set("/username", json!(7))).await;
    let length = changed.content_length();
    let text = changed.text().await.unwrap();
    assert_eq!(length, u64::try_from(text.len()).ok());
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&body["username"], &body["bot"]), (&json!(7), &json!(true)));
    let replaced = struck(&sim, my_answer(), set("", json!([]))).await;
    assert_eq!(json(replaced).await, json!([]));
    let header_set = |value: Option<&str>| Effect::Header {
        name: "content-type".to_owned(),
        value: value.map(str::to_owned),
    };
    let text = struck(&sim, my_answer(), header_set(Some("text/plain"))).await;
    assert_eq!(header(&text, "content-type"), "text/plain");
    assert_eq!(json(text).await["username"], "Yuri");
    let typeless = struck(&sim, my_answer(), header_set(None)).await;
    assert_eq!(header(&typeless, "content-type"), "");

    let garbled = struck(&sim, my_answer(), Effect::Garble).await;
    assert_eq!(garbled.status(), StatusCode::OK);
    let text = garbled.text().await.unwrap();
    assert!(text.starts_with('{') && serde_json::from_str::<Value>(&text).is_err());
}

#[tokio::test]
async fn rest_resets_before_and_after_the_work() {
    let sim = sim().await;
    let commands = format!("/applications/{}/commands", sim.application().id);
    let put = format!("PUT /api/v10{commands}");
    let body = r#"[{"name":"play","description":"Plays","type":1}]"#;
    let requests = Requests::to(commands).method("PUT");
    let unanswered = Effect::Cut(Cut::Reset);
    sim.fault(Fault::on(requests.clone(), unanswered.clone()).times(1))
        .unwrap();
    let (text, end) = Wire::send(&sim, &put, body).await.read_to_end().await;
    assert_eq!((text.as_str(), end), ("", End::Reset));
    assert!(sim.commands().is_empty());
    sim.fault(Fault::on(Point::Answer(requests), unanswered))
        .unwrap();
    let (text, end) = Wire::send(&sim, &put, body).await.read_to_end().await;
    assert_eq!((text.as_str(), end), ("", End::Reset));
    assert_eq!(sim.commands().len(), 1);
    let records = sim.requests();
    let seen = records
        .iter()
        .map(|record| (record.status, record.faults.len()));
    assert_eq!(seen.collect::<Vec<_>>(), [(None, 1), (None, 1)]);
}

#[tokio::test]
async fn rest_connections_reset_closed_half_closed_and_half_open() {
    let sim = sim().await;
    for point in [me().into(), my_answer()] {
        for (how, expected) in [
            (Cut::Reset, End::Reset),
            (Cut::Close, End::Closed),
            (Cut::HalfClose, End::Closed),
        ] {
            sim.clear_faults();
            sim.fault(Fault::on(point.clone(), Effect::Cut(how)))
                .unwrap();
            let mut wire = Wire::get(&sim, ME).await;
            assert_eq!(wire.read_to_end().await, (String::new(), expected));
            assert!(how != Cut::HalfClose || wire.is_read().await);
        }
        sim.clear_faults();
        sim.fault(Fault::on(point, Effect::Cut(Cut::HalfOpen)))
            .unwrap();
        let mut wire = Wire::get(&sim, ME).await;
        assert_eq!(wire.read_for(MOMENT).await, "");
    }
    assert!(sim.requests().iter().all(|record| record.status.is_none()));
}

#[tokio::test]
async fn http_connections_reset_closed_and_late_and_an_untrusted_certificate() {
    let sim = sim().await;
    let count = sim.requests().len();
    for (how, expected) in [(Cut::Reset, End::Reset), (Cut::Close, End::Closed)] {
        sim.fault(Fault::on(Server::Http, Effect::Cut(how)).times(1))
            .unwrap();
        let mut wire = Wire::connect(&sim).await;
        assert_eq!(wire.read_to_end().await, (String::new(), expected));
    }
    let late = Effect::Delay(MOMENT.into());
    sim.fault(Fault::on(Server::Http, late)).unwrap();
    let begun = Instant::now();
    assert_eq!(get(&sim, ME).await.status(), StatusCode::OK);
    assert!(begun.elapsed() >= MOMENT);
    assert_eq!(sim.requests().len(), count + 1);

    let ask = async || {
        discord_client(&sim)
            .get("https://discord.com/api/v10/gateway")
            .send()
            .await
    };
    let forged = sim
        .fault(Fault::on(Server::Https, Effect::Distrust))
        .unwrap();
    let error = ask().await.unwrap_err();
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    sim.remove_fault(forged).unwrap();
    assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn rest_latency_before_and_after_the_work() {
    let sim = sim().await;
    for point in [me().into(), my_answer()] {
        let begun = Instant::now();
        let late = Latency::uniform(MOMENT, 2 * MOMENT);
        let answer = struck(&sim, point, Effect::Delay(late)).await;
        assert!(begun.elapsed() >= MOMENT);
        assert_eq!(json(answer).await["username"], "Yuri");
    }
    // A client that does not wait is recorded.
    sim.clear_requests();
    let patience = Effect::Delay(Duration::from_hours(1).into());
    let fault = sim.fault(Fault::on(me(), patience)).unwrap();
    let mut wire = Wire::get(&sim, ME).await;
    assert!(sim.wait_fault(fault, 1, PATIENCE).await);
    assert_eq!(wire.read_for(MOMENT).await, "");
    drop(wire);
    eventually("the request is recorded", || !sim.requests().is_empty()).await;
    let record = sim.requests().remove(0);
    assert_eq!((record.status, record.faults), (None, vec![fault]));
}

async fn delivered(sim: &Sim, how: Delivery) -> Wire {
    sim.clear_faults();
    sim.fault(Fault::on(my_answer(), Effect::Deliver(how)))
        .unwrap();
    Wire::get(sim, ME).await
}

/// How long the head says the body is.
fn told(head: &str) -> usize {
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn rest_bodies_stalled_trickled_truncated_oversized_and_of_wrong_length() {
    let sim = sim().await;
    let whole = get(&sim, ME).await.text().await.unwrap();

    let mut stalled = delivered(&sim, Delivery::Stall).await;
    let head = stalled.read_for(MOMENT).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"));
    assert_eq!(told(&head), whole.len());

    let begun = Instant::now();
    let slow = Delivery::Trickle { every_ms: 1 };
    let (_, body, end) = delivered(&sim, slow).await.answer().await;
    assert_eq!((&body, end), (&whole, End::Closed));
    assert!(begun.elapsed() >= Duration::from_millis(u64::try_from(whole.len()).unwrap()));

    let begun = Instant::now();
    let slow = Delivery::TrickleHead { every_ms: 1 };
    let (head, body, _) = delivered(&sim, slow).await.answer().await;
    assert_eq!((&body, told(&head)), (&whole, whole.len()));
    assert!(begun.elapsed() >= Duration::from_millis(u64::try_from(head.len()).unwrap()));

    for (how, expected) in [(Cut::Reset, End::Reset), (Cut::Close, End::Closed)] {
        let mut wire = delivered(&sim, Delivery::Half(how)).await;
        if how == Cut::Reset {
            // What was sent before a reset may be lost with it.
            assert_eq!(wire.read_to_end().await.1, expected);
            continue;
        }
        let (head, body, end) = wire.answer().await;
        assert_eq!((told(&head), end), (whole.len(), expected));
        assert_eq!(body, whole[..whole.len() / 2]);
    }
    let mut half = delivered(&sim, Delivery::Half(Cut::HalfOpen)).await;
    assert!(
        half.read_for(MOMENT)
            .await
            .ends_with(&whole[..whole.len() / 2])
    );

    for by in [-10, 10, i64::MIN] {
        let (head, body, _) = delivered(&sim, Delivery::WrongLength(by))
            .await
            .answer()
            .await;
        let length = i64::try_from(whole.len()).unwrap();
        let wrong = i64::try_from(told(&head)).unwrap();
        assert_eq!((wrong, &body), (length.saturating_add(by).max(0), &whole));
    }
    delivered(&sim, Delivery::WrongLength(10)).await;
    assert!(get(&sim, ME).await.text().await.is_err());

    delivered(&sim, Delivery::Oversize { mib: 3 }).await;
    let oversized = get(&sim, ME).await;
    assert_eq!(oversized.content_length(), None);
    let text = oversized.text().await.unwrap();
    assert_eq!(text.len(), (3 << 20) + whole.len());
    assert_eq!(text.trim_start(), whole);
    assert!(
        sim.requests()
            .iter()
            .all(|record| record.status == Some(200))
    );
}
#[tokio::test]
async fn oauth_5xx_html_and_resets() {
    let sim = sim().await;
    let client = reqwest::Client::new();
    let token = Requests::to("/oauth2/token").method("POST");
    for (answer, expected) in [
        (HttpAnswer::status(503), "503: Service Unavailable"),
        (HttpAnswer::cloudflare(502), "Bad gateway"),
        (HttpAnswer::html(200, "<p>Hello</p>"), "<p>Hello</p>"),
    ] {
        let status = answer.clone();
        let fault = Fault::on(token.clone(), Effect::Answer(answer)).times(2);
        let fault = sim.fault(fault).unwrap();
        for version in ["", "/v10"] {
            let url = format!("{}/api{version}/oauth2/token", sim.api_url());
            let response = client.post(url).body("").send().await.unwrap();
            let text = response.text().await.unwrap();
            assert!(text.contains(expected), "{status:?}: {text}");
        }
        assert_eq!(sim.remove_fault(fault).unwrap().struck, 2);
    }
    let page = Requests::to("/oauth2/authorize");
    sim.fault(Fault::on(page, Effect::Cut(Cut::Reset))).unwrap();
    let url = format!("{}/oauth2/authorize", sim.api_url());
    assert!(client.get(url).send().await.is_err());
    assert_eq!(sim.requests().last().unwrap().status, None);
}

/// The statuses with which a request of serenity, its limiter on, is answered, and what it
/// makes of them.
async fn serenity_meets(
    sim: &Sim,
    http: &serenity::Http,
    answer: HttpAnswer,
) -> (Vec<u16>, serenity::Result<serenity::CurrentUser>) {
    sim.clear_requests();
    let fault = Fault::on(me(), Effect::Answer(answer)).times(2);
    let fault = sim.fault(fault).unwrap();
    let result = http.get_current_user().await;
    sim.remove_fault(fault);
    let records = sim.requests();
    (
        records.iter().filter_map(|record| record.status).collect(),
        result,
    )
}

#[tokio::test]
async fn serenitys_limiter_survives_429s_and_reports_401_5xx_and_html() {
    let sim = sim().await;
    let http = HttpBuilder::new(sim.application().bot_token);
    let http = http.client(discord_client(&sim)).build();
    for scope in [
        RateLimitScope::User,
        RateLimitScope::Shared,
        RateLimitScope::Global,
    ] {
        let begun = Instant::now();
        let limited = HttpAnswer::rate_limited(scope, MOMENT).header("retry-after", "0.05");
        let (statuses, result) = serenity_meets(&sim, &http, limited).await;
        assert_eq!(
            (statuses, result.unwrap().name.as_str()),
            (vec![429, 429, 200], "Yuri")
        );
        assert!(begun.elapsed() >= 2 * MOMENT, "{scope:?}");
    }
    // It asks again at once if it is told nonsense, and gives up if it is told nothing.
    let limited = HttpAnswer::rate_limited(RateLimitScope::User, MOMENT);
    let nonsense = limited.clone().header("retry-after", "soon");
    let (statuses, result) = serenity_meets(&sim, &http, nonsense).await;
    assert_eq!((statuses, result.is_ok()), (vec![429, 429, 200], true));
    let answers = [401, 403, 500, 503].map(HttpAnswer::status);
    let untold = limited.without_header("retry-after");
    let banned = HttpAnswer::cloudflare(429);
    for answer in answers.into_iter().chain([untold, banned]) {
        let (statuses, result) = serenity_meets(&sim, &http, answer).await;
        let serenity::Error::Http(error) = result.unwrap_err() else {
            panic!("{statuses:?} is no error of HTTP");
        };
        let status = statuses[0];
        let told = error.status_code().map(|code| code.as_u16());
        assert_eq!((statuses, told), (vec![status], Some(status)));
    }
    let html = HttpAnswer::html(200, "<p>Hello</p>");
    let (statuses, result) = serenity_meets(&sim, &http, html).await;
    assert_eq!((statuses, result.is_err()), (vec![200], true));
}
