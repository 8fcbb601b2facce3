//! OAuth as a web application meets it: the page, codes, PKCE, tokens.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use discord_sim::Sim;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::sim;

const BACK: &str = "http://127.0.0.1:9/login/authorize";
const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more";

/// A field and what it is changed to, or `None` to leave it out.
type Change<'a> = (&'a str, Option<&'a str>);

/// A web application with one registered redirect address.
struct App {
    sim: Sim,
    client: reqwest::Client,
}

impl App {
    async fn new() -> App {
        let sim = sim().await;
        sim.add_redirect_uri(BACK);
        let policy = reqwest::redirect::Policy::none();
        App {
            sim,
            client: reqwest::Client::builder().redirect(policy).build().unwrap(),
        }
    }

    /// Asks for authorization with these fields in place of the usual ones.
    async fn authorize(&self, changes: &[Change<'_>]) -> Response {
        let id = self.sim.application().id.to_string();
        let mut fields = vec![
            ("client_id", id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", BACK),
            ("scope", "identify guilds"),
            ("state", "a state & more"),
            ("login_hint", "ada"),
        ];
        for (name, value) in changes {
            fields.retain(|(field, _)| field != name);
            fields.extend(value.map(|value| (*name, value)));
        }
        let url = format!("{}/oauth2/authorize", self.sim.api_url());
        self.client.get(url).query(&fields).send().await.unwrap()
    }

    /// A fresh code for ada, bound to the verifier's challenge.
    async fn code(&self) -> String {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let changes = [
            ("code_challenge", Some(&*challenge)),
            ("code_challenge_method", Some("S256")),
        ];
        let (_, fields) = location(&self.authorize(&changes).await);
        fields["code"].as_str().unwrap().to_owned()
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        let application = self.sim.application();
        let url = format!("{}{path}", self.sim.api_url());
        let request = self.client.post(url).form(fields);
        let request =
            request.basic_auth(application.id.to_string(), Some(application.client_secret));
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    async fn redeem(&self, code: &str, verifier: &str) -> (StatusCode, Value) {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", BACK),
            ("code_verifier", verifier),
        ];
        self.post("/api/oauth2/token", &fields).await
    }

    async fn get(&self, path: &str, access: &str) -> (StatusCode, Value) {
        let url = format!("{}/api/v10{path}", self.sim.api_url());
        let response = self
            .client
            .get(url)
            .bearer_auth(access)
            .send()
            .await
            .unwrap();
        (response.status(), response.json().await.unwrap())
    }
}

/// Where a redirect leads, and the fields it carries there.
fn location(response: &Response) -> (String, Value) {
    assert_eq!(response.status(), StatusCode::FOUND);
    let location = response.headers()["location"].to_str().unwrap();
    let (base, query) = location.split_once('?').unwrap();
    let fields = form_urlencoded::parse(query.as_bytes());
    let fields = fields
        .map(|(name, value)| (name.into_owned(), json!(value)))
        .collect();
    (base.to_owned(), Value::Object(fields))
}

#[tokio::test]
async fn a_whole_login() {
    let app = App::new().await;
    let (status, token) = app.redeem(&app.code().await, VERIFIER).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(token["token_type"], "Bearer");
    assert_eq!(token["expires_in"], 604_800);
    assert_eq!(token["scope"], "identify guilds");

    let access = token["access_token"].as_str().unwrap();
    let (_, me) = app.get("/users/@me", access).await;
    assert_eq!(
        (&me["username"], &me["global_name"]),
        (&json!("ada"), &json!("Ada"))
    );
    assert_eq!(me["discriminator"], "0");
    assert!(me.get("email").is_none());
    let (_, guilds) = app.get("/users/@me/guilds", access).await;
    let names = guilds
        .as_array()
        .unwrap()
        .iter()
        .map(|guild| &guild["name"]);
    assert_eq!(names.collect::<Vec<_>>(), ["Sound Lab", "Book Club"]);
    assert_eq!(guilds[0]["owner"], true);
    assert_eq!(guilds[0]["permissions"], "9007199254740991");
    assert_eq!(guilds[1]["owner"], false);
    let (_, authorization) = app.get("/oauth2/@me", access).await;
    assert_eq!(authorization["scopes"], json!(["identify", "guilds"]));
    assert_eq!(authorization["user"]["username"], "ada");
}

#[tokio::test]
async fn the_page_lists_the_people_and_a_way_out() {
    let app = App::new().await;
    let response = app.authorize(&[("login_hint", None)]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = response.text().await.unwrap();
    for name in ["Ada", "Ben", "Cleo"] {
        assert!(page.contains(&format!("Continue as {name}")), "{page}");
    }
    assert!(page.contains("error=access_denied"), "{page}");
    assert!(!page.contains("<script"), "{page}");

    // What the button does, as a browser would follow it.
    let (_, from) = page.split_once("href=\"?").unwrap();
    let (query, _) = from.split_once('"').unwrap();
    let url = format!(
        "{}/oauth2/authorize?{}",
        app.sim.api_url(),
        query.replace("&amp;", "&")
    );
    let (base, fields) = location(&app.client.get(url).send().await.unwrap());
    assert_eq!(
        (base.as_str(), &fields["state"]),
        (BACK, &json!("a state & more"))
    );
    assert!(fields["code"].is_string());
}

#[tokio::test]
async fn a_wrong_application_or_address_is_never_redirected_to() {
    let app = App::new().await;
    let slash = format!("{BACK}/");
    let wrong = [
        ("client_id", None),
        ("client_id", Some("1")),
        ("client_id", Some("x")),
        ("redirect_uri", None),
        ("redirect_uri", Some(slash.as_str())),
        ("redirect_uri", Some("http://127.0.0.1:10/login/authorize")),
    ];
    for change in wrong {
        let response = app.authorize(&[change]).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{change:?}");
        assert!(response.headers().get("location").is_none());
    }
    let twice = format!(
        "{}/oauth2/authorize?client_id={}&client_id=1",
        app.sim.api_url(),
        app.sim.application().id
    );
    assert_eq!(
        app.client.get(twice).send().await.unwrap().status(),
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn other_faults_are_reported_to_the_application() {
    let app = App::new().await;
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let faults: [(&[Change<'_>], &str); 6] = [
        (
            &[("response_type", Some("token"))],
            "unsupported_response_type",
        ),
        (&[("scope", None)], "invalid_scope"),
        (&[("scope", Some("identify everything"))], "invalid_scope"),
        (&[("code_challenge", Some(&challenge))], "invalid_request"),
        (
            &[
                ("code_challenge", Some(VERIFIER)),
                ("code_challenge_method", Some("plain")),
            ],
            "invalid_request",
        ),
        (
            &[("code_challenge_method", Some("S256"))],
            "invalid_request",
        ),
    ];
    for (changes, error) in faults {
        let (base, fields) = location(&app.authorize(changes).await);
        assert_eq!(base, BACK);
        assert_eq!(fields["error"], error, "{changes:?}");
        assert_eq!(fields["state"], "a state & more");
        assert!(fields.get("code").is_none());
    }
}

#[tokio::test]
async fn codes_are_good_once_with_their_verifier_and_for_ten_minutes() {
    let app = App::new().await;
    let code = app.code().await;
    assert_eq!(app.redeem(&code, VERIFIER).await.0, StatusCode::OK);
    let used = app.redeem(&code, VERIFIER).await;
    let wrong_verifier = app
        .redeem(&app.code().await, &VERIFIER.replace('a', "b"))
        .await;
    let no_verifier = app.redeem(&app.code().await, "").await;
    let unknown = app.redeem("nonsense", VERIFIER).await;
    let stale = app.code().await;
    app.sim.advance_clock(Duration::from_mins(10));
    let stale = app.redeem(&stale, VERIFIER).await;
    for (status, body) in [used, wrong_verifier, no_verifier, unknown, stale] {
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(body["error"], "invalid_grant");
        assert!(body["error_description"].is_string());
    }
}

#[tokio::test]
async fn tokens_are_refreshed_revoked_withdrawn_and_expire() {
    let app = App::new().await;
    let (_, first) = app.redeem(&app.code().await, VERIFIER).await;
    let refresh = first["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let (status, second) = app.post("/api/v10/oauth2/token", &fields).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        app.post("/api/oauth2/token", &fields).await.1["error"],
        "invalid_grant"
    );
    let status_of = async |token: &Value| {
        app.get("/users/@me", token["access_token"].as_str().unwrap())
            .await
            .0
    };
    assert_eq!(status_of(&first).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status_of(&second).await, StatusCode::OK);

    app.sim.advance_clock(Duration::from_hours(7 * 24));
    assert_eq!(status_of(&second).await, StatusCode::UNAUTHORIZED);

    let (_, third) = app.redeem(&app.code().await, VERIFIER).await;
    let fields = [("token", third["access_token"].as_str().unwrap())];
    assert_eq!(
        app.post("/api/oauth2/token/revoke", &fields).await,
        (StatusCode::OK, json!({}))
    );
    assert_eq!(
        app.post("/api/v10/oauth2/token/revoke", &fields).await.0,
        StatusCode::OK
    );
    assert_eq!(status_of(&third).await, StatusCode::UNAUTHORIZED);

    let (_, fourth) = app.redeem(&app.code().await, VERIFIER).await;
    app.sim.withdraw_consent(app.sim.user_id("ada").unwrap());
    assert_eq!(status_of(&fourth).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn clients_prove_who_they_are() {
    let app = App::new().await;
    let application = app.sim.application();
    let id = application.id.to_string();
    let url = format!("{}/api/oauth2/token", app.sim.api_url());
    let code = app.code().await;
    let grant = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ];
    let form = |extra: &[(&'static str, String)]| {
        let fields = grant
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        app.client
            .post(&url)
            .form(&fields.chain(extra.iter().cloned()).collect::<Vec<_>>())
    };
    let wrong_secret = [
        ("client_id", id.clone()),
        ("client_secret", "wrong".to_owned()),
    ];
    let other_id = [("client_id", "1".to_owned())];
    let refused = [
        form(&[]),
        form(&wrong_secret),
        form(&[]).basic_auth(&id, Some("wrong")),
        form(&other_id).basic_auth(&id, Some(&application.client_secret)),
        form(&[]).header("authorization", "Basic %%%"),
    ];
    for request in refused {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(
            response.json::<Value>().await.unwrap(),
            json!({ "error": "invalid_client" })
        );
    }
    // None of that has spent the code.
    let right = [
        ("client_id", id),
        ("client_secret", application.client_secret),
    ];
    assert_eq!(form(&right).send().await.unwrap().status(), StatusCode::OK);

    let unsupported = app
        .post("/api/oauth2/token", &[("grant_type", "password")])
        .await;
    assert_eq!(unsupported.1["error"], "unsupported_grant_type");
    let missing = app.post("/api/oauth2/token", &[]).await;
    assert_eq!(missing.1["error"], "invalid_request");
    let twice = [
        ("grant_type", "refresh_token"),
        ("grant_type", "refresh_token"),
    ];
    assert_eq!(
        app.post("/api/oauth2/token", &twice).await.1["error"],
        "invalid_request"
    );
}

#[tokio::test]
async fn scopes_are_held_to() {
    let app = App::new().await;
    let only_guilds = [("scope", Some("guilds"))];
    let (_, fields) = location(&app.authorize(&only_guilds).await);
    let (_, token) = app.redeem(fields["code"].as_str().unwrap(), VERIFIER).await;
    let access = token["access_token"].as_str().unwrap();
    assert_eq!(app.get("/users/@me/guilds", access).await.0, StatusCode::OK);
    let refused = (
        StatusCode::UNAUTHORIZED,
        json!({ "message": "401: Unauthorized", "code": 0 }),
    );
    assert_eq!(app.get("/users/@me", access).await, refused);
    // And no user's token reads what is a bot's to read.
    let guild = app.sim.guilds()[0].id;
    assert_eq!(app.get(&format!("/guilds/{guild}"), access).await, refused);
}

#[tokio::test]
async fn a_user_is_shown_as_a_member() {
    let app = App::new().await;
    let scope = [("scope", Some("guilds.members.read"))];
    let (_, fields) = location(&app.authorize(&scope).await);
    let (_, token) = app.redeem(fields["code"].as_str().unwrap(), VERIFIER).await;
    let access = token["access_token"].as_str().unwrap();
    let guild = app.sim.guilds()[0].id;
    let path = format!("/users/@me/guilds/{guild}/member");
    let (status, member) = app.get(&path, access).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(member["user"]["username"], "ada");
    let (status, unknown) = app.get("/users/@me/guilds/1/member", access).await;
    assert_eq!(
        (status, &unknown["code"]),
        (StatusCode::NOT_FOUND, &json!(10004))
    );
}
