//! Discord fails: what is tried again, what is not, and when it is left alone.

use std::time::Duration;

use discord_sim::{Cut, Delivery, Effect, HttpAnswer, Point, Requests};
use futures_util::future::join_all;
use yuri::discord::rest::Urgency;
use yuri::error::Error;
use yuri::ids::{ChannelId, GuildId, UserId};
use yuri::secret::Secret;

use super::{Client, asked, fault, members, read_log, server};
use crate::support::Answer;
use crate::support::browser::Browser;

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_tried_again_twice() {
    let server = server().await;
    let token = server.token(server.user("ada")).await;
    let on_request = || Point::Request(members());
    let on_answer = || Point::Answer(members());
    for (what, point, effect) in [
        ("503", on_request(), Effect::Answer(HttpAnswer::status(503))),
        (
            "html",
            on_request(),
            Effect::Answer(HttpAnswer::cloudflare(502)),
        ),
        ("reset", on_request(), Effect::Cut(Cut::Reset)),
        ("closed", on_request(), Effect::Cut(Cut::Close)),
        (
            "half",
            on_answer(),
            Effect::Deliver(Delivery::Half(Cut::Close)),
        ),
        (
            "short",
            on_answer(),
            Effect::Deliver(Delivery::WrongLength(9)),
        ),
    ] {
        // What is known of the member is forgotten by then.
        server.clock.advance(MINUTE);
        server.sim().clear_requests();
        fault(server.sim(), point.clone(), effect.clone(), Some(2));
        let answer = read_log(&server, &token).await;
        assert_eq!(
            (answer.status.as_u16(), asked(server.sim())),
            (200, 3),
            "{what}"
        );

        server.clock.advance(MINUTE);
        server.sim().clear_requests();
        fault(server.sim(), point, effect, Some(3));
        let answer = read_log(&server, &token).await;
        assert_eq!(
            (answer.status.as_u16(), asked(server.sim())),
            (502, 3),
            "{what}"
        );
        assert!(answer.error().starts_with("discord"), "{}", answer.body);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_something_is_sent_once() {
    let server = server().await;
    let client = Client::new(&server, server.clock.clone());
    let play = Requests::to("/channels/*/send-soundboard-sound");
    for effect in [
        Effect::Answer(HttpAnswer::status(503)),
        Effect::Cut(Cut::Reset),
    ] {
        server.sim().clear_requests();
        fault(server.sim(), play.clone(), effect, Some(1));
        let channel = ChannelId::try_from(1).unwrap();
        let sent = client.discord.send_sound(client.guild, channel, 1).await;
        assert!(matches!(sent, Err(Error::Upstream(..))), "{sent:?}");
        assert_eq!(server.sim().requests().len(), 1);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_reads_again_but_redeems_once() {
    let server = server().await;
    server.let_log_in_often();
    let broken = || Effect::Answer(HttpAnswer::status(503));
    fault(server.sim(), Requests::to("/users/@me"), broken(), Some(2));
    Browser::login(&server, "ada").await;

    server.sim().clear_requests();
    fault(
        server.sim(),
        Requests::to("/oauth2/token"),
        broken(),
        Some(1),
    );
    let browser = Browser::new(&server);
    let callback = browser.approve("/login", "ada").await;
    let answer = browser.open(&callback).await;
    assert_eq!(answer.status, 502);
    let redeemed = server.sim().requests();
    let redeemed = redeemed
        .iter()
        .filter(|it| it.path.ends_with("/oauth2/token"));
    assert_eq!(redeemed.count(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_many_failures_it_is_left_alone_and_then_tried_once() {
    let server = server().await;
    let token = server.token(server.user("ada")).await;
    let broken = Effect::Answer(HttpAnswer::status(500));
    fault(server.sim(), members(), broken, None);
    // Who asks for the same member at the same time waits for the same request: these are ten.
    let mut others = Vec::new();
    for id in 1..=10 {
        others.push(server.token(UserId::try_from(id).unwrap()).await);
    }
    let readers = others.iter().map(|token| read_log(&server, token));
    let answers = join_all(readers).await;
    assert!(
        answers
            .iter()
            .all(|it| [502, 503].contains(&it.status.as_u16()))
    );
    assert_eq!(asked(server.sim()), 20);

    let answer = read_log(&server, &token).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (503, "15")
    );
    assert_eq!(
        answer.error(),
        "discord is not asked anything for the moment, try again"
    );
    // Not for a login either.
    assert_eq!(login(&server).await.status, 503);
    server.clock.advance(Duration::from_secs(15));
    assert_eq!(read_log(&server, &token).await.status, 502);
    assert_eq!(asked(server.sim()), 21, "one on trial");
    assert_eq!(read_log(&server, &token).await.status, 503);

    server.sim().clear_faults();
    server.clock.advance(Duration::from_secs(15));
    assert_eq!(read_log(&server, &token).await.status, 200);
    assert_eq!(login(&server).await.status, 307);
    server.stop().await;
}

async fn login(server: &crate::support::Server) -> Answer {
    let browser = Browser::new(server);
    let callback = browser.approve("/login", "ada").await;
    browser.open(&callback).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_shown_once() {
    let server = server().await;
    let token = server.token(server.user("ada")).await;
    fault(
        server.sim(),
        members(),
        Effect::Answer(HttpAnswer::status(401)),
        None,
    );
    for _ in 0..100 {
        let answer = read_log(&server, &token).await;
        assert_eq!(answer.status, 502);
        assert_eq!(answer.error(), "discord refuses the bot's token");
    }
    assert_eq!(asked(server.sim()), 1);
    let ready = Answer::of(server.get("/ready")).await;
    assert_eq!(
        (ready.status.as_u16(), &*ready.error()),
        (503, "Discord refuses the bot's token")
    );
    server.stop().await;
}

/// Nobody knows yet that it is wrong when all of these come.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_costs_one_invalid_request() {
    let server = server().await;
    let client = Client::with(&server, server.clock.clone(), |config| {
        config.bot_token = Some(Secret::new("MTA5.wrong.token".to_owned()));
    });
    let asking = (1..=50).map(|guild| {
        let guild = GuildId::try_from(guild).unwrap();
        let user = UserId::try_from(1).unwrap();
        client
            .discord
            .find_member(guild, user, Urgency::Interactive)
    });
    for refused in join_all(asking).await {
        assert!(matches!(refused, Err(Error::Upstream(..))), "{refused:?}");
    }
    assert!(client.discord.is_token_refused());
    assert_eq!(server.sim().invalid_requests(), 1);
    server.stop().await;
}
