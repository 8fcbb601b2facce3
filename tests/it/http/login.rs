//! The OAuth flows, at both ends and from outside.

use std::time::Duration;

use reqwest::{Method, Url};
use yuri::db::tokens::Kind;

use crate::support::browser::Browser;
use crate::support::{Answer, SITE, Server, Setup};

const NOT_OURS: &str = "this login was not started in this browser or is too old, start again";

/// What was sent to Discord besides the bot's own calls.
fn asked(server: &Server) -> Vec<String> {
    server
        .sim()
        .requests()
        .into_iter()
        .map(|request| request.path)
        .filter(|path| path.contains("oauth2/token") || path.contains("users/@me"))
        .collect()
}

/// The cookie that a started flow keeps in the browser, as it is sent back.
fn cookie_of(start: &Answer) -> String {
    let set = start.header("set-cookie");
    set.split(';').next().unwrap().to_owned()
}

/// The state that a started flow has sent to Discord.
fn state_of(start: &Answer) -> String {
    let page = Url::parse(start.header("location")).unwrap();
    let state = page.query_pairs().find(|(key, _)| key == "state");
    state.unwrap().1.into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorize_address_holds_what_it_must() {
    let server = Setup::with_discord().start().await;
    let request = server
        .get("/login")
        .header("Host", "evil.test")
        .header("X-Forwarded-Host", "evil.test");
    let answer = Answer::of(request).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (307, ""));
    let page = Url::parse(answer.header("location")).unwrap();
    let query: std::collections::HashMap<_, _> = page.query_pairs().into_owned().collect();
    assert_eq!(query["redirect_uri"], format!("{SITE}/login/authorize"));
    assert_eq!(query["scope"], "identify guilds");
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(
        (query["code_challenge"].len(), query["state"].len()),
        (43, 43)
    );
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("yuri_oauth_login="));
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/login; Max-Age=600"),
        "{cookie}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_leads_to_a_session_and_a_logout_ends_it() {
    let server = Setup::with_discord().start().await;
    let browser = Browser::login(&server, "ada").await;
    assert_eq!(browser.get("/api/localsounds").await.status, 200);
    assert!(browser.get("/").await.body.contains("Log out"));

    let cookies = browser_cookies(&server, &browser).await;
    let outsider = Answer::of(browser.request(Method::POST, "/logout")).await;
    assert_eq!(
        outsider.status, 403,
        "another site's page cannot log somebody out"
    );
    let answer = Answer::of(browser.own_request(Method::POST, "/logout")).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "{}"));
    let removed: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(removed.len(), 2);
    assert_eq!(browser.get("/api/localsounds").await.status, 401);
    let kept = Answer::of(server.get("/api/localsounds").header("Cookie", cookies)).await;
    assert_eq!(
        kept.status, 401,
        "a kept copy of the cookies is worth nothing"
    );
    let again = Answer::of(browser.own_request(Method::POST, "/logout")).await;
    assert_eq!(again.status, 200);

    let other = Browser::login(&server, "ben").await;
    let with_header = other
        .own_request(Method::POST, "/logout")
        .header("Authorization", "Basic x");
    assert_eq!(
        Answer::of(with_header).await.status,
        401,
        "a present header alone decides"
    );
    assert_eq!(other.get("/api/localsounds").await.status, 200);
}

/// A session's cookies, made beside the browser's own.
async fn browser_cookies(server: &Server, browser: &Browser) -> String {
    let ada = server.user("ada");
    let issued = server.app.tokens.issue(ada, Kind::Session).await.unwrap();
    let cookies = format!("token={}; userid={ada}", issued.token);
    let listed = browser.get("/api/tokens").await.json();
    assert_eq!(listed["n"], 2);
    // The browser's logout must not end this one; it is ended here.
    server.app.tokens.revoke(ada, issued.id).await.unwrap();
    cookies
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grant_is_given_back_and_nothing_of_it_is_kept() {
    let server = Setup::with_discord().start().await;
    let browser = Browser::new(&server);
    let callback = browser.approve("/token", "ada").await;
    server.sim().clear_requests();
    assert_eq!(browser.open(&callback).await.status, 200);
    let paths: Vec<String> = asked(&server);
    insta::assert_snapshot!(paths.join("\n"), @r"
    /api/v10/oauth2/token
    /api/v10/users/@me
    /api/v10/users/@me/guilds
    /api/v10/oauth2/token/revoke
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_to_all_of_the_bots_guilds_gets_nothing() {
    let server = Setup::with_discord().start().await;
    let browser = Browser::new(&server);
    let callback = browser.approve("/token", "cleo").await;
    let answer = browser.open(&callback).await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        answer.error(),
        "you must be a member of a guild the bot is also member of"
    );
    let revoked = asked(&server).iter().any(|path| path.ends_with("/revoke"));
    assert!(revoked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_without_the_cookie_asks_discord_nothing() {
    let server = Setup::with_discord().start().await;
    let victim = Browser::new(&server);
    let callback = victim.approve("/login", "ada").await;
    server.sim().clear_requests();

    let attacker = Browser::new(&server);
    let refused = [
        attacker.open(&callback).await,
        attacker.get("/token/authorize?code=x&state=y").await,
        attacker.get("/login/authorize").await,
    ];
    for answer in refused {
        assert_eq!(answer.status, 403);
        assert_eq!(answer.error(), NOT_OURS);
    }
    // Another browser's own flow does not fit either.
    let own = attacker.approve("/login", "ben").await;
    server.sim().clear_requests();
    let mixed = callback.clone();
    assert_eq!(attacker.open(&mixed).await.status, 403);
    assert_eq!(
        attacker.open(&own).await.status,
        403,
        "the cookie was used up"
    );
    assert!(asked(&server).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_is_good_for_its_own_callback() {
    let server = Setup::with_discord().start().await;
    let start = Answer::of(server.get("/login")).await;
    let (cookie, state) = (cookie_of(&start), state_of(&start));
    server.sim().clear_requests();
    // The browser would not send the other flow's cookie here; somebody who writes it by hand can.
    let crossed = cookie.replace("yuri_oauth_login=", "yuri_oauth_token=");
    let path = format!("/token/authorize?code=x&state={state}");
    let answer = Answer::of(server.get(&path).header("Cookie", crossed)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.error().as_str()),
        (403, NOT_OURS)
    );
    assert!(asked(&server).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_request_uses_nothing_up() {
    let server = Setup::with_discord().start().await;
    let browser = Browser::new(&server);
    let callback = browser.approve("/token", "ada").await;
    let path = callback.strip_prefix(SITE).unwrap();
    let head = Answer::of(browser.request(Method::HEAD, path)).await;
    assert_eq!((head.status.as_u16(), head.header("allow")), (405, "GET"));
    assert_eq!(browser.open(&callback).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_is_good_for_one_callback_even_where_the_cookie_is_kept() {
    let server = Setup::with_discord().start().await;
    let start = Answer::of(server.get("/token")).await;
    let cookie = cookie_of(&start);
    let mut page = Url::parse(start.header("location")).unwrap();
    page.query_pairs_mut().append_pair("login_hint", "ada");
    let client = server.client();
    let approve = || async {
        Answer::of(client.get(page.clone()))
            .await
            .header("location")
            .to_owned()
    };
    let [first, second] = [approve().await, approve().await];
    let open = |callback: String| Answer::of(client.get(callback).header("Cookie", &cookie));
    assert_eq!(open(first.clone()).await.status, 200);
    server.sim().clear_requests();
    assert_eq!(open(first).await.status, 403);
    assert_eq!(open(second).await.status, 403, "with a fresh code neither");
    assert!(asked(&server).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_or_tampered_cookie_is_no_cookie() {
    let server = Setup::with_discord().start().await;
    let late = Browser::new(&server);
    let callback = late.approve("/login", "ada").await;
    server.clock.advance(Duration::from_millis(600_001));
    assert_eq!(late.open(&callback).await.error(), NOT_OURS);

    let start = Answer::of(server.get("/login")).await;
    let cookie = cookie_of(&start);
    let state = state_of(&start);
    let flipped = if cookie.ends_with('A') { "B" } else { "A" };
    let tampered = format!("{}{flipped}", &cookie[..cookie.len() - 1]);
    server.sim().clear_requests();
    let request = server
        .get(&format!("/login/authorize?code=x&state={state}"))
        .header("Cookie", tampered);
    assert_eq!(Answer::of(request).await.status, 403);
    assert!(asked(&server).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discord_refuses_is_a_401_and_its_words_are_not_passed_on() {
    let server = Setup::with_discord().start().await;
    let browser = Browser::new(&server);
    let start = browser.get("/token").await;
    let cancelled = format!(
        "/token/authorize?error=access_denied&error_description=%3Cb%3Ehi&state={}",
        state_of(&start)
    );
    let answer = browser.get(&cancelled).await;
    assert_eq!(
        (answer.status.as_u16(), answer.error().as_str()),
        (401, "unauthorized")
    );

    let start = browser.get("/token").await;
    let wrong_code = format!("/token/authorize?code=wrong&state={}", state_of(&start));
    let answer = browser.get(&wrong_code).await;
    assert_eq!(
        (answer.status.as_u16(), answer.error().as_str()),
        (401, "unauthorized")
    );

    let start = browser.get("/token").await;
    server.sim().clear_requests();
    let twice = format!("/token/authorize?code=a&code=b&state={}", state_of(&start));
    assert_eq!(browser.get(&twice).await.error(), "bad request");
    assert!(asked(&server).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_a_page_where_it_opened_one() {
    let server = Setup::with_discord().start().await;
    let open = |path| Answer::of(server.get(path).header("Accept", "text/html,*/*"));
    let page = open("/login/authorize?code=x&state=y").await;
    assert_eq!(page.status, 403);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.body.contains(NOT_OURS));
    let api = open("/token/authorize?code=x&state=y").await;
    assert_eq!(api.header("content-type"), "application/json");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_revokes_another_credential() {
    let server = Setup::with_discord()
        .set("YURI_LIMITS__BURST", "100")
        .start()
        .await;
    server.let_log_in_often();
    let ada = server.user("ada");
    let token = server.token(ada).await;
    let first = Browser::login(&server, "ada").await;
    let second = Browser::login(&server, "ada").await;
    assert_eq!(token.get(&server, "/api/localsounds").await.status, 200);
    assert_eq!(first.get("/api/localsounds").await.status, 200);
    assert_eq!(second.get("/api/localsounds").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_application_nobody_can_log_in() {
    let server = Setup::offline().start().await;
    for path in ["/token", "/login"] {
        let answer = Answer::of(server.get(path)).await;
        assert_eq!(answer.status, 503);
        assert_eq!(
            answer.error(),
            "this server has no Discord application yet, see its start page"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_https_the_cookies_are_secure() {
    let server = Setup::with_discord()
        .set("YURI_PUBLIC_URL", "https://yuri.test")
        .start()
        .await;
    let start = Answer::of(server.get("/login")).await;
    assert!(start.header("set-cookie").contains("; Secure"));
    assert_eq!(
        start.header("strict-transport-security"),
        "max-age=31536000"
    );
}
