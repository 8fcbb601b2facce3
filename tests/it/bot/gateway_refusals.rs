//! What Discord refuses for good is asked once; what it cannot do now is waited for; and whatever
//! the bot is waiting for, it can be stopped.

use std::time::Duration;

use discord_sim::{
    ConnectionRefusal, Cut, Delivery, Effect, Fault, HttpAnswer, Interruption, LoginRefusal, Point,
    RateLimitScope, Requests,
};
use yuri::domain::guilds::Outage;
use yuri::ids::{GuildId, UserId};

use super::installation::{Installation, Started};

const DAY: Duration = Duration::from_hours(24);

/// Nothing is asked of Discord any more, for days.
async fn assert_silence(house: &Installation, started: &Started) {
    let before = (house.identifies(), house.sim.requests().len());
    for _ in 0..3 {
        house.advance(DAY);
        started
            .stays(|_| (house.identifies(), house.sim.requests().len()) == before)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_shown_once() {
    let house = Installation::new()
        .await
        .set("YURI_DISCORD__BOT_TOKEN", "MTA5.not.it");
    let started = house.start().await;
    started
        .until(|started| started.outage() == Outage::TokenRefused)
        .await;
    assert_eq!(house.sim.invalid_requests(), 1);
    assert_eq!(house.identifies(), 0);
    assert_silence(&house, &started).await;
    // Nor is it shown for anything else.
    let requests = house.sim.requests().len();
    let guild = GuildId::try_from(house.sim.guilds()[0].id).unwrap();
    let user = UserId::try_from(house.sim.user_id("ada").unwrap()).unwrap();
    assert!(started.app.guilds.get_member(guild, user).await.is_err());
    assert_eq!(house.sim.requests().len(), requests);
    started.stop().await;
    house.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_gateway_refuses_is_shown_once() {
    let house = Installation::new().await;
    house.sim.refuse_logins(1, LoginRefusal::Close(4004));
    let started = house.start().await;
    started
        .until(|started| started.outage() == Outage::TokenRefused)
        .await;
    assert_silence(&house, &started).await;
    assert_eq!(house.identifies(), 1);
    started.stop().await;
    house.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn intents_that_discord_refuses_are_asked_for_once() {
    let house = Installation::new()
        .await
        .set("YURI_DISCORD__MESSAGE_PREFIX", "!");
    house.sim.refuse_logins(1, LoginRefusal::Close(4014));
    let started = house.start().await;
    started
        .until(|started| started.outage() == Outage::IntentsRefused)
        .await;
    assert_silence(&house, &started).await;
    assert_eq!(house.identifies(), 1);
    started.stop().await;
    house.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_voided_while_it_is_used_ends_the_bot() {
    let house = Installation::new().await;
    let started = house.start().await;
    started.until(Started::is_connected).await;
    house.sim.refuse_logins(1, LoginRefusal::Close(4004));
    house.sim.interrupt_gateway(None, Interruption::Drop);
    started
        .until(|started| started.outage() == Outage::TokenRefused)
        .await;
    assert!(!started.is_connected());
    assert_silence(&house, &started).await;
    assert_eq!((house.identifies(), house.resumes()), (1, 1));
    started.stop().await;
    house.sim.shutdown().await;
}

fn asked_for_the_gateway(house: &Installation) -> usize {
    let requests = house.sim.requests().into_iter();
    requests
        .filter(|request| request.path.ends_with("/gateway/bot"))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_none_are_waited_out() {
    let gateway = Requests::to("/gateway/bot");
    let html = HttpAnswer::cloudflare(502);
    for (what, effect) in [
        ("503", Effect::Answer(HttpAnswer::status(503))),
        ("html", Effect::Answer(html)),
        ("reset", Effect::Cut(Cut::Reset)),
    ] {
        let house = Installation::new().await;
        house
            .sim
            .fault(Fault::on(gateway.clone(), effect).times(3))
            .unwrap();
        let started = house.start().await;
        house.advance_until(|| started.is_connected()).await;
        // 5, 10 and 20 seconds, a quarter more or less.
        let waited = house.clock.monotonic();
        assert!(waited >= Duration::from_secs(26), "{what}: {waited:?}");
        assert!(asked_for_the_gateway(&house) <= 4, "{what}");
        assert_eq!(house.identifies(), 1, "{what}");
        started.stop().await;
        house.sim.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    let house = Installation::new().await;
    let stalled = Effect::Deliver(Delivery::Stall);
    let answer = Point::Answer(Requests::to("/gateway/bot"));
    house
        .sim
        .fault(Fault::on(answer, stalled).times(1))
        .unwrap();
    house.sim.refuse_connections(1, ConnectionRefusal::Silence);
    let started = house.start().await;
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        while !started.is_connected() {
            house.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.expect("a connection");
    assert_eq!(house.identifies(), 1);
    started.stop().await;
    house.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wait_that_discord_asks_for_is_kept_to() {
    let house = Installation::new().await;
    let limited = HttpAnswer::rate_limited(RateLimitScope::User, Duration::from_secs(100));
    let gateway = Requests::to("/gateway/bot");
    house
        .sim
        .fault(Fault::on(gateway, Effect::Answer(limited)).times(1))
        .unwrap();
    let started = house.start().await;
    started.until(|_| asked_for_the_gateway(&house) == 1).await;
    started.stays(|_| asked_for_the_gateway(&house) == 1).await;
    house.advance(Duration::from_millis(99_999));
    started.stays(|_| asked_for_the_gateway(&house) == 1).await;
    house.advance(Duration::from_secs(2));
    started.until(Started::is_connected).await;
    assert_eq!(asked_for_the_gateway(&house), 2);
    started.stop().await;
    house.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_lets_nobody_in_is_tried_again() {
    let house = Installation::new().await;
    for refusal in [
        ConnectionRefusal::Status(503),
        ConnectionRefusal::Drop,
        ConnectionRefusal::Reconnect,
        ConnectionRefusal::Close(4000),
    ] {
        house.sim.refuse_connections(1, refusal);
    }
    let started = house.start().await;
    house.advance_until(|| started.is_connected()).await;
    // Each refusal came before an IDENTIFY but for the last, and none was repeated at once.
    assert!(house.identifies() <= 2);
    assert!(house.clock.monotonic() >= Duration::from_secs(50));
    started.stop().await;
    house.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_it_waits_for_it_can_be_stopped() {
    // For another attempt.
    let house = Installation::new().await;
    let broken = Effect::Answer(HttpAnswer::status(503));
    house
        .sim
        .fault(Fault::on(Requests::to("/gateway/bot"), broken).times(1))
        .unwrap();
    let started = house.start().await;
    started.until(|_| asked_for_the_gateway(&house) == 1).await;
    started.stop().await;

    // For the gateway to say anything.
    house.sim.refuse_connections(1, ConnectionRefusal::Silence);
    let started = house.start().await;
    started.until(|_| asked_for_the_gateway(&house) == 2).await;
    started.stop().await;
    house.sim.clear_refusals();

    // For an answer to its login.
    house.sim.refuse_logins(1, LoginRefusal::Silence);
    let started = house.start().await;
    started.until(|_| house.identifies() == 1).await;
    started.stop().await;

    // For the distance to the last one.
    let started = house.start().await;
    started.stop().await;

    // For a session that it could resume.
    house.advance(Duration::from_secs(5));
    let started = house.start().await;
    started.until(Started::is_connected).await;
    house.sim.refuse_connections(1_000, ConnectionRefusal::Drop);
    house.sim.interrupt_gateway(None, Interruption::Drop);
    started.until(|started| !started.is_connected()).await;
    started.stop().await;
    house.sim.shutdown().await;
}
