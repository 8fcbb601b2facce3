//! Faults themselves: chance, order, what is refused, and `/sim/faults`.

use std::time::Duration;

use discord_sim::{
    Cut, Delivery, Effect, Fault, FaultError, FaultId, HttpAnswer, Latency, Packets, Payloads,
    Point, RateLimitScope, Requests, Server,
};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::sim;
use crate::support::wire::{Wire, get, header};

const ME: &str = "/users/@me";
/// Long enough to be seen, and short.
const MOMENT: Duration = Duration::from_millis(50);

fn me() -> Requests {
    Requests::to(ME).method("GET")
}

fn my_answer() -> Point {
    Point::Answer(me())
}

async fn json(response: Response) -> Value {
    response.json().await.unwrap()
}

#[tokio::test]
async fn the_same_seed_gives_the_same_faults() {
    let run = async |seed: u64| {
        let sim = sim().await;
        let refused = Effect::Answer(HttpAnswer::status(503));
        let late = Effect::Delay(Latency::uniform(Duration::ZERO, Duration::from_millis(3)));
        sim.fault(Fault::on(me(), refused).probability(0.5).seed(seed))
            .unwrap();
        sim.fault(Fault::on(my_answer(), late).probability(0.3).seed(seed))
            .unwrap();
        let mut struck = Vec::new();
        for _ in 0..40 {
            struck.push(get(&sim, ME).await.status().as_u16());
        }
        let faults = sim.requests().into_iter().map(|record| record.faults);
        (struck, faults.collect::<Vec<_>>())
    };
    let first = run(7).await;
    assert_eq!(run(7).await, first);
    assert_ne!(run(8).await, first);
    assert!(first.0.contains(&200) && first.0.contains(&503));
}

#[tokio::test]
async fn faults_compose_with_each_other_and_with_limits() {
    let sim = sim().await;
    let minute = Duration::from_mins(1);
    sim.exhaust_rate_limit(me(), RateLimitScope::User, minute);
    // Struck before it is counted, and after it was refused.
    let early = sim.fault(Fault::on(me(), Effect::Answer(HttpAnswer::status(503))).nth(1));
    let late = sim.fault(Fault::on(my_answer(), Effect::Delay(MOMENT.into())));
    let later = Effect::Deliver(Delivery::Half(Cut::Close));
    let later = sim.fault(Fault::on(my_answer(), later).skip(1));
    let (early, late, later) = (early.unwrap(), late.unwrap(), later.unwrap());
    assert_eq!(
        get(&sim, ME).await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    let (head, ..) = Wire::get(&sim, ME).await.answer().await;
    assert!(head.starts_with("http/1.1 429 too many requests"), "{head}");
    let records = sim.requests();
    let seen = records
        .iter()
        .map(|record| (record.limited, record.faults.clone()));
    let expected = [
        (None, vec![early, late]),
        (Some(RateLimitScope::User), vec![late, later]),
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    // A cut leaves nothing at which another could strike.
    sim.clear_faults();
    let cut = sim.fault(Fault::on(me(), Effect::Cut(Cut::Close))).unwrap();
    let idle = sim.fault(Fault::on(Requests::all(), Effect::Delay(MOMENT.into())));
    Wire::get(&sim, ME).await.read_to_end().await;
    let reports = sim.faults();
    let struck = reports
        .iter()
        .map(|report| (report.id, report.met, report.struck));
    let expected = [(cut, 1, 1), (idle.unwrap(), 0, 0)];
    assert_eq!(struck.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let sim = sim().await;
    let answer = || Effect::Answer(HttpAnswer::status(503));
    let impossible: [(Point, Effect); 8] = [
        (me().into(), Effect::Swallow),
        (me().into(), Effect::Deliver(Delivery::Stall)),
        (Server::Http.into(), Effect::Distrust),
        (Server::Http.into(), answer()),
        (Point::Received(Payloads::gateway()), Effect::Garble),
        (Point::Sent(Payloads::voice()), Effect::Reconnect),
        (Point::Sent(Payloads::gateway()), answer()),
        (Packets::sent().into(), Effect::Cut(Cut::Reset)),
    ];
    for (point, effect) in impossible {
        let refused = sim.fault(Fault::on(point.clone(), effect.clone()));
        let impossible = matches!(refused, Err(FaultError::Impossible { .. }));
        assert!(impossible, "{point:?} {effect:?}: {refused:?}");
    }
    let delay = |min, max| {
        let time = |ms| Duration::from_millis(ms);
        Effect::Delay(Latency::uniform(time(min), time(max)))
    };
    let event = Payloads::gateway().event("READY");
    let header = |name: &str, value: &str| Effect::Header {
        name: name.to_owned(),
        value: Some(value.to_owned()),
    };
    let set = |pointer: &str| Effect::Set {
        pointer: pointer.to_owned(),
        value: Value::Null,
    };
    let close = |code| Fault::on(Point::Sent(Payloads::gateway()), Effect::Close(Some(code)));
    let invalid = [
        Fault::on(me(), answer()).probability(1.1),
        Fault::on(me(), answer()).probability(f64::NAN),
        Fault::on(me(), answer()).times(0),
        Fault::on(me(), delay(2, 1)),
        Fault::on(me(), delay(0, u64::MAX)),
        Fault::on(me(), Effect::Answer(HttpAnswer::status(199))),
        Fault::on(my_answer(), header("no name", "")),
        Fault::on(my_answer(), header("x", "\n")),
        Fault::on(my_answer(), header("content-length", "7")),
        Fault::on(my_answer(), set("username")),
        Fault::on(
            my_answer(),
            Effect::Deliver(Delivery::Oversize { mib: 65_537 }),
        ),
        Fault::on(Point::Received(event.clone()), Effect::Swallow),
        Fault::on(Point::Sent(event.op(1)), Effect::Swallow),
        Fault::on(Point::Sent(Payloads::voice().of_shard(1)), Effect::Swallow),
        Fault::on(
            Point::Sent(Payloads::gateway().of_guild(1)),
            Effect::Swallow,
        ),
        close(1_005),
        close(5_000),
    ];
    for fault in invalid {
        let refused = sim.fault(fault.clone());
        let invalid = matches!(refused, Err(FaultError::Invalid(_)));
        assert!(invalid, "{fault:?}: {refused:?}");
    }
    assert!(sim.faults().is_empty());
}

#[tokio::test]
async fn faults_are_added_seen_and_removed_as_json() {
    let sim = sim().await;
    let url = format!("{}/sim/faults", sim.api_url());
    let client = reqwest::Client::new();
    let bot = sim.application().id.to_string();
    let added = json!({
        "on": { "request": { "method": "GET", "path": ME, "bot": bot } },
        "effect": { "answer": {
            "status": 429, "scope": "shared", "retry_after_ms": 250, "headers": { "retry-after": null },
        } },
        "skip": 1, "times": 1,
    });
    let answer = client.post(&url).json(&added).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let report = json(answer).await;
    assert_eq!((&report["met"], &report["struck"]), (&json!(0), &json!(0)));
    assert_eq!(get(&sim, ME).await.status(), StatusCode::OK);
    let limited = get(&sim, ME).await;
    assert_eq!(header(&limited, "x-ratelimit-scope"), "shared");
    assert_eq!(header(&limited, "retry-after"), "");
    assert_eq!(json(limited).await["retry_after"], json!(0.25));
    let one = format!("{url}/{}", report["id"]);
    let report = json(client.get(&one).send().await.unwrap()).await;
    assert_eq!((&report["met"], &report["struck"]), (&json!(2), &json!(1)));
    assert_eq!(report["fault"]["on"], added["on"]);
    let all = json(client.get(&url).send().await.unwrap()).await;
    assert_eq!(all, json!([report]));
    let removed = client.delete(&one).send().await.unwrap();
    assert_eq!(json(removed).await, report);
    let gone = client.delete(&one).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);

    // Everything that can be said in Rust can be said in JSON, and read back.
    let point = |point: Value| json!({ "on": point, "effect": "swallow" });
    let effect = |effect: Value| json!({ "on": { "answer": {} }, "effect": effect });
    let accepted = [
        point(json!({ "received": { "gateway": "main", "op": 4, "shard": 0 } })),
        point(json!({ "sent": { "gateway": "main", "event": "READY", "bot": bot } })),
        point(json!({ "sent": { "gateway": "voice", "op": 2, "guild": "7" } })),
        point(json!({ "packet": { "direction": "received", "kind": "audio", "guild": "7" } })),
        json!({ "on": { "connection": "voice" }, "effect": "distrust" }),
        json!({ "on": { "received": { "gateway": "main" } }, "effect": { "close": 4000 } }),
        json!({ "on": { "received": { "gateway": "main" } }, "effect": { "close": null } }),
        json!({ "on": { "sent": { "gateway": "main" } }, "effect": "reconnect" }),
        json!({
            "on": { "sent": { "gateway": "main" } },
            "effect": { "invalid_session": { "resumable": false } }, "probability": 0.5, "seed": 3,
        }),
        effect(json!({ "delay": { "min_ms": 1, "max_ms": 2 } })),
        effect(json!({ "cut": "half_close" })),
        effect(json!({ "set": { "pointer": "/a", "value": [1] } })),
        effect(json!({ "header": { "name": "x-a", "value": "b" } })),
        effect(json!({ "deliver": "stall" })),
        effect(json!({ "deliver": { "half": "reset" } })),
        effect(json!({ "deliver": { "wrong_length": -1 } })),
    ];
    for fault in &accepted {
        let answer = client.post(&url).json(fault).send().await.unwrap();
        let status = answer.status();
        let report = json(answer).await;
        assert_eq!((status, &report["fault"]), (StatusCode::CREATED, fault));
    }
    assert_eq!(sim.faults().len(), accepted.len());
    let cleared = client.delete(&url).send().await.unwrap();
    assert_eq!(cleared.status(), StatusCode::NO_CONTENT);
    assert!(sim.faults().is_empty());

    let refused = [
        json!({}),
        json!({ "on": { "request": { "pth": "/" } }, "effect": "swallow" }),
        json!({ "on": { "request": {} }, "effect": "swallow" }),
        json!({ "on": { "request": {} }, "effect": { "answer": { "status": 500, "scope": "user" } } }),
        json!({ "on": { "request": {} }, "effect": { "answer": { "status": 200, "json": 1, "text": "" } } }),
        json!({ "on": { "request": {} }, "effect": { "answer": { "status": 200 } }, "tmes": 1 }),
    ];
    for fault in refused {
        let answer = client.post(&url).json(&fault).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{fault}");
        assert!(json(answer).await["error"].is_string());
    }
}

#[tokio::test]
async fn a_fault_that_is_not_there_is_not_awaited() {
    let sim = sim().await;
    let id: FaultId = sim.fault(Fault::on(me(), Effect::Cut(Cut::Close))).unwrap();
    sim.clear_faults();
    assert!(!sim.wait_fault(id, 0, Duration::ZERO).await);
}
