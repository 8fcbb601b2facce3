//! Discord fails while a session asks for data: what callers are told, and that the session lives on.

use std::time::Duration;

use discord_sim::{
    Application, Cut, Effect, Guild, HttpAnswer, RateLimitScope, Requests, User, World,
};

use super::{Stage, X_LAB, XENIA, Y_LAB, YOLANDA, flat, setup_in};

/// Each data route, and what it asks Discord for.
fn routes() -> [(String, Requests); 3] {
    [
        (
            format!("/api/members?guildId={}", X_LAB.guild),
            Requests::to("/guilds/*/members").of_bot(XENIA),
        ),
        (
            format!("/api/channels?guildId={}", X_LAB.guild),
            Requests::to("/guilds/*/channels").of_bot(XENIA),
        ),
        (
            format!("/api/messages?channelId={}", X_LAB.general),
            Requests::to("/channels/*/messages").of_bot(XENIA),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discord_does_wrong_is_told_and_forgotten() {
    let stage = Stage::start().await;
    let xenia = stage.login(XENIA).await;
    let yolanda = stage.login(YOLANDA).await;
    let of_yolanda = format!("/api/channels?guildId={}", Y_LAB.guild);
    let half_a_minute = Duration::from_secs(30);
    let limited = HttpAnswer::rate_limited(RateLimitScope::User, half_a_minute);
    for (what, effect, times, status) in [
        ("500", Effect::Answer(HttpAnswer::status(500)), 3, 502),
        ("html", Effect::Answer(HttpAnswer::cloudflare(503)), 3, 502),
        ("reset", Effect::Cut(Cut::Reset), 3, 502),
        (
            "nonsense",
            Effect::Answer(HttpAnswer::json(200, &serde_json::json!({"a": 1}))),
            1,
            502,
        ),
        ("limited", Effect::Answer(limited), 1, 429),
    ] {
        for (path, requests) in routes() {
            // What was believed before is not believed any more.
            stage.server.clock.advance(Duration::from_mins(16));
            assert!(yolanda.is_alive(&stage).await);
            let fault = stage.fail(requests, effect.clone(), times);
            let failed = xenia.get(&stage, &path).await;
            assert_eq!(failed.status, status, "{what} {path}: {}", failed.body);
            assert!(!flat(&failed).is_empty());
            if status == 429 {
                assert_eq!(failed.header("retry-after"), "30", "{path}");
            }
            stage.assert_struck(fault);
            // It is nobody else's matter.
            let other = yolanda.get(&stage, &of_yolanda).await;
            assert_eq!(other.status, 200, "{what} {path}: {}", other.body);
            stage.server.clock.advance(Duration::from_mins(1));
            let good = xenia.get(&stage, &path).await;
            assert_eq!(good.status, 200, "{what} {path}: {}", good.body);
        }
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_limit_of_discords_is_waited_for() {
    let stage = Stage::start().await;
    let xenia = stage.login(XENIA).await;
    for (path, requests) in routes() {
        let limited = HttpAnswer::rate_limited(RateLimitScope::User, Duration::from_secs(1));
        let fault = stage.fail(requests, Effect::Answer(limited), 1);
        let good = xenia.get(&stage, &path).await;
        assert_eq!(good.status, 200, "{path}: {}", good.body);
        stage.assert_struck(fault);
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_without_the_members_intent_is_told_what_it_lacks() {
    const MODEST: u64 = 1_201_448_000_700_776_452;
    const GUILD: u64 = 1_204_600_000_200_000_000;
    let application = Application {
        privileged_intents: 0,
        ..Application::new(MODEST, "Modest")
    };
    let world = World::demo()
        .application(application)
        .user(User::new(GUILD + 2, "owner"))
        .guild(
            Guild::new(GUILD, "Small", GUILD + 2)
                .text(GUILD + 1, "general")
                .member(GUILD + 2)
                .member(MODEST),
        );
    let stage = Stage::start_with(setup_in(world)).await;
    let modest = stage.login(MODEST).await;
    let refused = modest.get(&stage, "/api/members").await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    let told = flat(&refused).to_lowercase();
    assert!(told.contains("intent"), "{told}");
    // Discord counts each refusal against the server's address.
    let asked = stage.count_requests(Requests::to("/guilds/*/members"));
    for _ in 0..60 {
        let refused = modest.get(&stage, "/api/members").await;
        assert_eq!(refused.status, 403, "{}", refused.body);
    }
    // The clock moves while answers are waited for.
    assert!(asked.get() <= 2, "{}", asked.get());
    // It needs none for the rest.
    let channels = modest.get(&stage, "/api/channels").await;
    assert_eq!(channels.status, 200, "{}", channels.body);
    assert!(modest.is_alive(&stage).await);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_whose_history_is_closed_to_the_bot_gives_nothing_away() {
    let stage = Stage::start().await;
    let sim = stage.server.sim();
    sim.send_message(X_LAB.owner, X_LAB.general, "before")
        .unwrap();
    let history = discord_sim::permissions::READ_MESSAGE_HISTORY;
    sim.deny_permissions(X_LAB.general, history).unwrap();
    let xenia = stage.login(XENIA).await;
    let path = format!("/api/messages?channelId={}", X_LAB.general);
    let told = xenia.get(&stage, &path).await;
    assert!(!told.body.contains("before"), "{}", told.body);
    // As Discord has it: a list of nothing, or a refusal.
    if told.status == 200 {
        assert_eq!(told.body, "[]");
    } else {
        let status = told.status.as_u16();
        assert!([403, 404].contains(&status), "{status} {}", told.body);
        flat(&told);
    }
    stage.stop().await;
}
