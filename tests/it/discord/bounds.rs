//! Answers that are no good ones: too long, too slow, of another kind, or pointing elsewhere.

use std::time::{Duration, Instant};

use discord_sim::{Delivery, Effect, HttpAnswer, Point, Requests};
use serde_json::json;

use super::{asked, fault, members, read_log, server};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_member_is_not_read_as_one() {
    let server = server().await;
    let token = server.token(server.user("ada")).await;
    let elsewhere = format!("{}/api/v10/users/@me", server.sim().api_url());
    for (what, answer) in [
        ("html", HttpAnswer::html(200, "<html>welcome</html>")),
        ("nonsense", HttpAnswer::json(200, &json!({"roles": 5}))),
        ("nothing", HttpAnswer::bare(204)),
        ("a redirect", HttpAnswer::redirect(302, elsewhere.clone())),
        ("a moved page", HttpAnswer::redirect(308, elsewhere)),
        ("a teapot", HttpAnswer::bare(418)),
    ] {
        server.sim().clear_requests();
        fault(server.sim(), members(), Effect::Answer(answer), Some(1));
        let answer = read_log(&server, &token).await;
        assert_eq!(answer.status, 502, "{what}: {}", answer.body);
        assert!(answer.error().starts_with("discord"), "{what}");
        // Neither again, nor somewhere else.
        assert_eq!(server.sim().requests().len(), 1, "{what}");
    }
    assert_eq!(read_log(&server, &token).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_given_up() {
    let server = server().await;
    let token = server.token(server.user("ada")).await;
    let endless = Effect::Deliver(Delivery::Oversize { mib: 5 });
    fault(server.sim(), Point::Answer(members()), endless, Some(1));
    let answer = read_log(&server, &token).await;
    assert_eq!((answer.status.as_u16(), asked(server.sim())), (502, 1));
    assert_eq!(answer.error(), "discord's answer could not be read");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_is_asked_for_again_and_waited_for_ten_seconds() {
    let server = server().await;
    let [ada, ben] = ["ada", "ben"].map(|name| server.user(name));
    let stranger = server.token(server.user("cleo")).await;
    assert_eq!(read_log(&server, &stranger).await.status, 403);
    let of = |user| Point::Answer(Requests::to(format!("/guilds/*/members/{user}")));
    fault(
        server.sim(),
        of(ada),
        Effect::Deliver(Delivery::Stall),
        Some(1),
    );
    let drip = Delivery::Trickle { every_ms: 500 };
    fault(server.sim(), of(ben), Effect::Deliver(drip), None);
    server.sim().clear_requests();
    let (ada, ben) = (server.token(ada).await, server.token(ben).await);
    let began = Instant::now();
    let (stalled, dripping) = tokio::join!(read_log(&server, &ada), read_log(&server, &ben));
    let took = began.elapsed();
    assert_eq!(stalled.status, 200);
    assert_eq!(dripping.status, 504);
    assert_eq!(
        dripping.error(),
        "discord did not answer in time, try again"
    );
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_eq!(asked(server.sim()), 4);
    server.stop().await;
}
