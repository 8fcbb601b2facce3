//! Who may bring a bot: nobody, administrators, everybody.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::{ADA, LOGIN, Session, Stage, XENIA, flat, seen, setup, world};
use crate::support::browser::Browser;
use crate::support::dashboard::{Bearer, CALLBACK};
use crate::support::{Answer, Setup, Token};

fn for_admins() -> Setup {
    setup()
        .set("YURI_SESSIONS__MODE", "admins")
        .set("YURI_ADMINS", ADA.to_string())
        .set("YURI_AUTH__CALLBACK_URIS", CALLBACK)
}

impl Stage {
    /// A login of Xenia that is signed by somebody.
    async fn login_signed(&self, sign: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Answer {
        let request = self.request(Method::POST, LOGIN);
        let request = request.json(&json!({"token": self.token(XENIA)}));
        self.send(sign(request)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_they_are_off_nobody_logs_in() {
    let stage = Stage::start_with(for_admins().set("YURI_SESSIONS__MODE", "off")).await;
    let trials = stage.count_trials();
    let ada = stage.server.token(stage.server.user("ada")).await;
    let stranger = stage.login_signed(|request| request).await;
    assert_eq!(stranger.status, 403);
    assert_eq!(flat(&stranger), "sessions are switched off on this server");
    let admin = stage.login_signed(|request| ada.sign(request)).await;
    assert_eq!(
        (admin.status, &admin.body),
        (stranger.status, &stranger.body)
    );
    assert_eq!(trials.get(), 0);
    let nobody = Session("x".repeat(64));
    for path in ["/api/members", "/api/channels", "/api/messages?channelId=1"] {
        let refused = nobody.get(&stage, path).await;
        assert_eq!(refused.status, 401, "{path}");
        flat(&refused);
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_itself_only_administrators_let_bots_in() {
    // Nothing is set.
    let stage = Stage::start_with(Setup::in_world(world())).await;
    let request = stage.server.request(Method::POST, LOGIN);
    let request = request.json(&json!({"token": stage.token(XENIA)}));
    let stranger = Answer::of(request).await;
    assert_eq!(
        (stranger.status.as_u16(), flat(&stranger).as_str()),
        (401, "unauthorized")
    );
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_prove_that_they_are_by_any_credential() {
    let stage = Stage::start_with(for_admins()).await;
    let (trials, server) = (stage.count_trials(), &stage.server);
    let ada = server.token(server.user("ada")).await;
    let ben = server.token(server.user("ben")).await;
    let wrong = Token {
        secret: "x".repeat(64),
        ..ada.clone()
    };
    let stranger = stage.login_signed(|request| request).await;
    assert_eq!(
        (stranger.status.as_u16(), flat(&stranger).as_str()),
        (401, "unauthorized")
    );
    let refused = stage.login_signed(|request| wrong.sign(request)).await;
    assert_eq!(seen(&refused), seen(&stranger));
    let refused = stage
        .login_signed(|request| request.bearer_auth("x.y.z"))
        .await;
    assert_eq!(seen(&refused), seen(&stranger));
    let member = stage.login_signed(|request| ben.sign(request)).await;
    assert_eq!(member.status, 403, "{}", member.body);
    flat(&member);
    assert_eq!(trials.get(), 0, "Discord was asked for nothing");

    let by_token = stage.login_signed(|request| ada.sign(request)).await;
    let session = Session::of(&by_token);
    assert!(by_token.budget().is_some(), "it is charged to ada");
    assert_eq!(trials.get(), 1);
    let jwe = Bearer::login(server, "ada").await;
    Session::of(&stage.login_signed(|request| jwe.sign(request)).await);

    // A cookie alone could be any site's doing.
    let browser = Browser::login(server, "ada").await;
    let before = trials.get();
    let body = json!({"token": stage.token(XENIA)});
    let elsewhere = browser.request(Method::POST, LOGIN).json(&body);
    let elsewhere = stage.send(elsewhere).await;
    assert_eq!(elsewhere.status, 403, "{}", elsewhere.body);
    flat(&elsewhere);
    let evil = browser.request(Method::POST, LOGIN).json(&body);
    let evil = stage.send(evil.header("Origin", "https://evil.test")).await;
    let said = |answer: &Answer| (answer.status, answer.body.clone());
    assert_eq!(said(&evil), said(&elsewhere));
    assert!(evil.budget().is_none(), "such a page costs ada nothing");
    assert_eq!(trials.get(), before);
    let own = browser.own_request(Method::POST, LOGIN).json(&body);
    Session::of(&stage.send(own).await);

    // The session of a bot is no administrator's credential.
    let refused = stage.login_signed(|request| session.sign(request)).await;
    assert_eq!(
        (refused.status.as_u16(), flat(&refused).as_str()),
        (401, "unauthorized")
    );
    // Nor is one that an administrator has let in asked for more.
    assert!(session.is_alive(&stage).await);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_everybody_may_a_credential_must_still_be_good() {
    let stage = Stage::start().await;
    let ben = stage.server.token(stage.server.user("ben")).await;
    let wrong = Token {
        secret: "x".repeat(64),
        ..ben.clone()
    };
    Session::of(&stage.login_signed(|request| request).await);
    let known = stage.login_signed(|request| ben.sign(request)).await;
    let session = Session::of(&known);
    let trials = stage.count_trials();
    let refused = [
        stage.login_signed(|request| wrong.sign(request)).await,
        stage
            .login_signed(|request| request.bearer_auth("x.y.z"))
            .await,
        stage.login_signed(|request| session.sign(request)).await,
        stage
            .login_signed(|request| request.header("Authorization", "x"))
            .await,
    ];
    for answer in refused {
        assert_eq!(answer.status, 401, "{}", answer.body);
        assert_eq!(flat(&answer), "unauthorized");
    }
    assert_eq!(trials.get(), 0);
    stage.stop().await;
}
