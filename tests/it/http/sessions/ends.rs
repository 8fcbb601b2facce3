//! How sessions end, and that nothing of them goes on.

use std::time::Duration;

use discord_sim::{Effect, HttpAnswer, Interruption, LoginRefusal, Payloads, Point, Requests};
use serde_json::json;

use super::{COMMON, LOGOUT, PATIENCE, Session, Stage, X_LAB, XENIA, Y_LAB, YOLANDA, flat};
use crate::support::Answer;

const MINUTE: Duration = Duration::from_mins(1);

/// Its routes are all closed to a session that has ended.
async fn assert_over(stage: &Stage, session: &Session) {
    for path in [
        format!("/api/members?guildId={COMMON}"),
        format!("/api/channels?guildId={COMMON}"),
        format!("/api/messages?channelId={}", X_LAB.general),
    ] {
        let refused = session.get(stage, &path).await;
        assert_eq!(refused.status, 401, "{path}: {}", refused.body);
        assert_eq!(flat(&refused), "unauthorized");
        assert_eq!(refused.budget(), None, "{path}");
    }
    let logout = session.post(stage, LOGOUT).await;
    assert_eq!(
        (logout.status.as_u16(), flat(&logout).as_str()),
        (401, "unauthorized")
    );
    let player = format!("/api/guilds/{COMMON}/player");
    let player = session.get(stage, &player).await;
    assert_eq!(
        (player.status.as_u16(), player.error().as_str()),
        (401, "unauthorized")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_ends_one_session_at_once() {
    let stage = Stage::start().await;
    let (first, second) = (stage.login(XENIA).await, stage.login(XENIA).await);
    let calls = stage.count_calls(XENIA);
    let answer = first.post(&stage, LOGOUT).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        "{\n  \"message\": \"Logged out successfully\"\n}"
    );
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.budget().is_some());
    assert_over(&stage, &first).await;
    assert_eq!(calls.get(), 0, "Discord has nothing to do with it");
    assert!(second.is_alive(&stage).await);
    // A body is of no interest.
    let with_body = second
        .post_json(&stage, LOGOUT, &json!({"all": true}))
        .await;
    assert_eq!(with_body.status, 200, "{}", with_body.body);
    assert_over(&stage, &second).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_log_out_at_once() {
    let stage = Stage::start().await;
    let session = stage.login(XENIA).await;
    let outs = (0..20).map(|_| session.post(&stage, LOGOUT));
    let answers = futures_util::future::join_all(outs).await;
    let count = |status: u16| answers.iter().filter(|it| it.status == status).count();
    // Some may be on their way when the first ends it.
    assert!(count(200) > 0);
    assert_eq!(count(200) + count(401), 20);
    assert_over(&stage, &session).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_hour_without_a_request_ends_a_session() {
    let stage = Stage::start().await;
    let (used, idle) = (stage.login(XENIA).await, stage.login(YOLANDA).await);
    idle.connect(&stage, Y_LAB.guild).await;
    let bot = stage.bot(YOLANDA);
    assert_eq!(bot.gateway_connections(), 1);
    stage.server.clock.advance(29 * MINUTE);
    assert!(used.is_alive(&stage).await);
    stage.server.clock.advance(2 * MINUTE);
    // Nobody has to ask for it to be closed.
    let closed = bot.wait_gateway_connections(0, PATIENCE);
    assert!(stage.in_time(closed).await);
    assert_over(&stage, &idle).await;
    stage.server.clock.advance(27 * MINUTE);
    assert!(used.is_alive(&stage).await);
    stage.server.clock.advance(30 * MINUTE);
    assert_over(&stage, &used).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_ends_a_session_however_much_it_is_used() {
    let stage = Stage::start().await;
    let session = stage.login(XENIA).await;
    session.connect(&stage, X_LAB.guild).await;
    // 23 hours and 40 minutes.
    for hours in 0..71 {
        stage.server.clock.advance(20 * MINUTE);
        assert!(session.is_alive(&stage).await, "{hours}");
    }
    stage.server.clock.advance(20 * MINUTE);
    assert_over(&stage, &session).await;
    stage.server.clock.advance(MINUTE);
    let bot = stage.bot(XENIA);
    let closed = bot.wait_gateway_connections(0, PATIENCE);
    assert!(stage.in_time(closed).await);
    let next = stage.login(XENIA).await;
    assert!(next.is_alive(&stage).await);
    stage.stop().await;
}

/// Whatever a request is told in which Discord's verdict is found out.
fn assert_failed(answer: &Answer) {
    let expected = [401, 502, 503];
    let status = answer.status.as_u16();
    assert!(expected.contains(&status), "{status} {}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn discords_401_ends_all_sessions_of_that_bot_and_no_other() {
    let stage = Stage::start().await;
    let of_xenia = [stage.login(XENIA).await, stage.login(XENIA).await];
    let yolanda = stage.login(YOLANDA).await;
    let no = Effect::Answer(HttpAnswer::status(401));
    let fault = stage.fail(Requests::to("/guilds/*/channels").of_bot(XENIA), no, 1);
    let path = format!("/api/channels?guildId={COMMON}");
    let calls = stage.count_calls(XENIA);
    let failed = of_xenia[0].get(&stage, &path).await;
    assert_failed(&failed);
    flat(&failed);
    stage.assert_struck(fault);
    for session in &of_xenia {
        stage.until_over(session).await;
        assert_over(&stage, session).await;
    }
    // For its guilds, the guild, the bot's own rights and the channels: never again after the 401.
    assert_eq!(calls.get(), 4);
    assert!(yolanda.is_alive(&stage).await);
    assert_eq!(yolanda.get(&stage, &path).await.status, 200);
    let ada = stage.server.token(stage.server.user("ada")).await;
    let own = stage
        .get_as(&ada, &format!("/api/guilds/{COMMON}/channels"))
        .await;
    assert_eq!(own.status, 200, "{}", own.body);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_logs_out_while_the_bot_is_being_connected_plays_nothing() {
    let stage = Stage::start().await;
    let (playing, other) = (stage.login(XENIA).await, stage.login(XENIA).await);
    let ready = Payloads::gateway().event("READY").of_bot(XENIA);
    stage.fail(Point::Sent(ready), Effect::Swallow, 1);
    let body = json!({"channel_id": X_LAB.lounge.to_string()});
    let join = format!("/api/guilds/{}/join", X_LAB.guild);
    let bot = stage.bot(XENIA);
    let (joined, ()) = tokio::join!(playing.post_json(&stage, &join, &body), async {
        // Nothing more comes on it.
        assert!(bot.wait_gateway_connections(1, PATIENCE).await);
        playing.logout(&stage).await;
        other.logout(&stage).await;
    });
    assert_eq!(joined.status, 401, "{}", joined.body);
    assert!(bot.wait_gateway_connections(0, PATIENCE).await);
    assert_eq!(bot.bot_voice_channel(X_LAB.guild), None);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_reset_ends_the_sessions_of_who_is_connected() {
    let stage = Stage::start().await;
    let of_xenia = [stage.login(XENIA).await, stage.login(XENIA).await];
    let yolanda = stage.login(YOLANDA).await;
    of_xenia[0].connect(&stage, X_LAB.guild).await;
    yolanda.connect(&stage, Y_LAB.guild).await;
    let connections = stage.count_connections();
    // The gateway closes with 4004.
    let new = stage.bot(XENIA).reset_bot_token();
    for session in &of_xenia {
        stage.until_over(session).await;
        assert_over(&stage, session).await;
    }
    assert_eq!(connections.get(), 0, "it is not tried again");
    assert!(yolanda.is_alive(&stage).await);
    assert_eq!(stage.bot(YOLANDA).gateway_connections(), 1);
    // The new one is as good as the first.
    let next = Session::of(&stage.try_login(&new).await);
    let path = format!("/api/channels?guildId={COMMON}");
    assert_eq!(next.get(&stage, &path).await.status, 200);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_gateway_refuses_ends_the_sessions() {
    let stage = Stage::start().await;
    let of_xenia = [stage.login(XENIA).await, stage.login(XENIA).await];
    let yolanda = stage.login(YOLANDA).await;
    stage.bot(XENIA).refuse_logins(1, LoginRefusal::Close(4004));
    let path = format!("/api/guilds/{}/volume", X_LAB.guild);
    let failed = of_xenia[0]
        .put_json(&stage, &path, &json!({"volume": 100}))
        .await;
    assert_failed(&failed);
    failed.error();
    for session in &of_xenia {
        stage.until_over(session).await;
        assert_over(&stage, session).await;
    }
    assert_eq!(stage.bot(XENIA).gateway_connections(), 0);
    yolanda.connect(&stage, Y_LAB.guild).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_ends_no_session() {
    let stage = Stage::start().await;
    let xenia = stage.login(XENIA).await;
    xenia.connect(&stage, X_LAB.guild).await;
    let bot = stage.bot(XENIA);
    let resume = Point::Received(Payloads::gateway().op(6).of_bot(XENIA));
    let resumes = stage.count(resume, Effect::Swallow);
    assert_eq!(bot.interrupt_gateway(None, Interruption::Drop), 1);
    let back = bot.wait_gateway_connections(1, PATIENCE);
    assert!(stage.in_time(back).await, "it comes back by itself");
    assert_eq!(resumes.get(), 1);
    assert!(xenia.is_alive(&stage).await);
    xenia.connect(&stage, X_LAB.guild).await;
    xenia.logout(&stage).await;
    assert!(bot.wait_gateway_connections(0, PATIENCE).await);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_of_a_bot_ends_the_sessions_of_its_old_one() {
    let stage = Stage::start().await;
    let old = [stage.login(XENIA).await, stage.login(XENIA).await];
    let yolanda = stage.login(YOLANDA).await;
    // It was not connected: nothing has told the server yet.
    let new = stage.bot(XENIA).reset_bot_token();
    assert!(old[0].is_alive(&stage).await);
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(Session::of(&stage.try_login(&new).await));
    }
    for session in &old {
        assert_over(&stage, session).await;
    }
    for session in sessions.iter().chain([&yolanda]) {
        assert!(session.is_alive(&stage).await);
    }
    sessions[0].connect(&stage, X_LAB.guild).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_server_closes_what_is_open() {
    let stage = Stage::start().await;
    let (xenia, yolanda) = (stage.login(XENIA).await, stage.login(YOLANDA).await);
    xenia.connect(&stage, X_LAB.guild).await;
    yolanda.connect(&stage, Y_LAB.guild).await;
    let bots = [stage.bot(XENIA), stage.bot(YOLANDA)];
    let server = stage.server.restart(&[]).await;
    for bot in &bots {
        assert!(bot.wait_gateway_connections(0, PATIENCE).await);
    }
    // Nothing of them was kept.
    let stage = Stage::of(server).await;
    for session in [&xenia, &yolanda] {
        assert_over(&stage, session).await;
    }
    assert_eq!(bots[0].gateway_connections(), 0);
    stage.login(XENIA).await;
    stage.stop().await;
}
