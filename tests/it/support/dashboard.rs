//! A page of another site: people log in on it with Discord, and it asks the server with the token
//! that it is given for their code. Seed 002.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use discord_sim::Sim;
use reqwest::{Method, RequestBuilder, Url};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Answer, Server, Setup};

/// Where Discord sends people back to.
pub const CALLBACK: &str = "https://dash.test/callback?from=discord";
/// What the page proves with that it has started the login.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A server that expects logins from the page.
pub fn setup() -> Setup {
    Setup::with_discord()
        .set("YURI_LIMITS__BURST", "1000")
        .set("YURI_AUTH__CALLBACK_URIS", CALLBACK)
}

/// Discord's page on which `name` approves at once.
pub fn page(sim: &Sim, name: &str, scopes: &str) -> Url {
    sim.add_redirect_uri(CALLBACK);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let query = [
        ("client_id", &*sim.application().id.to_string()),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", scopes),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("login_hint", name),
    ];
    let page = format!("{}/oauth2/authorize", sim.api_url());
    Url::parse_with_params(&page, query).unwrap()
}

/// The code in the address that Discord sends the browser back to.
pub fn code(location: &str) -> String {
    let back = Url::parse(location).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code");
    code.unwrap().1.into_owned()
}

/// Lets `name` approve the page's login: the code that Discord sends it.
pub async fn approve(server: &Server, name: &str) -> String {
    approve_scopes(server, name, "identify guilds").await
}

/// The same for other scopes than are needed.
pub async fn approve_scopes(server: &Server, name: &str, scopes: &str) -> String {
    let page = page(server.sim(), name, scopes);
    let approved = Answer::of(server.client().get(page)).await;
    assert_eq!(approved.status, 302, "{}", approved.body);
    code(approved.header("location"))
}

/// What the page sends for a code.
pub fn body(code: &str) -> Value {
    json!({"code": code, "code_verifier": VERIFIER, "redirect_uri": CALLBACK})
}

/// Sends it.
pub async fn call_back(server: &Server, body: &Value) -> Answer {
    let request = server.request(Method::POST, "/api/auth/callback");
    Answer::of(request.json(body)).await
}

/// Somebody's login on the page.
#[derive(Clone)]
pub struct Bearer(pub String);

impl Bearer {
    /// Logs `name` in, as often as one likes.
    pub async fn login(server: &Server, name: &str) -> Self {
        server.let_log_in_often();
        let code = approve(server, name).await;
        let answer = call_back(server, &body(&code)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Self::of(&answer)
    }

    /// The token of an answer.
    pub fn of(answer: &Answer) -> Self {
        Self(answer.json()["token"].as_str().unwrap().to_owned())
    }

    /// Authorises a request with it.
    pub fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(&self.0)
    }

    /// Sends a `GET` with it and reads the answer.
    pub async fn get(&self, server: &Server, path: &str) -> Answer {
        Answer::of(self.sign(server.get(path))).await
    }

    /// Sends a `POST` without a body and reads the answer.
    pub async fn post(&self, server: &Server, path: &str) -> Answer {
        Answer::of(self.sign(server.request(Method::POST, path))).await
    }
}
