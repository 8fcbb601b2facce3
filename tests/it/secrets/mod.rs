//! No secret stands in the log, at its most talkative: neither on the console nor in the table nor
//! in what administrators hear.

mod guests;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use discord_sim::{Cut, Effect, Fault, HttpAnswer, Payloads, Point, Requests, Settings, Sim};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;
use yuri::config::DatabaseUrl;
use yuri::db::{Db, logs};

use crate::support::dashboard;
use crate::support::stream::Stream;

const PATIENCE: Duration = Duration::from_secs(30);
/// What Discord gives out once, so that it is known here and good for nothing.
const ACCESS: &str = "canary0access0token";
const VOICE: &str = "canary0voice0token";
const SESSION: &str = "canary0gateway0session";
const REFRESH: &str = "canary0refresh0token";
/// What a stranger presents.
const WRONG: &str = "canary0wrong0token0000000000000000000000000000000000000000000000";

/// The program, as an operator starts it.
struct Program {
    child: Child,
    console: std::thread::JoinHandle<String>,
    web: String,
    folder: TempDir,
}

impl Program {
    async fn start(sim: &Sim, folder: TempDir) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let web = format!("http://127.0.0.1:{port}");
        for flow in ["login", "token"] {
            sim.add_redirect_uri(&format!("{web}/{flow}/authorize"));
        }
        std::fs::create_dir(folder.path().join("sounds")).unwrap();
        let tone = folder.path().join("sounds/tone.ogg");
        std::fs::write(tone, crate::audio::fixture("tone-opus.ogg")).unwrap();
        let application = sim.application();
        let mut child = Command::new(env!("CARGO_BIN_EXE_yuri"))
            .args(["serve", "--until-input-ends"])
            .current_dir(folder.path())
            .env("SSL_CERT_FILE", folder.path().join("ca.pem"))
            .env("ROCKET_PORT", port.to_string())
            .env("YURI_LOG", "trace")
            .env("YURI_APP_LOG__LEVEL", "info")
            .env("YURI_ADMINS", sim.user_id("ada").unwrap().to_string())
            .env("YURI_LIMITS__BURST", "100")
            .env("YURI_SESSIONS__MODE", "open")
            .env("YURI_HTTP__TRUSTED_PROXIES", "127.0.0.1")
            .env("YURI_AUTH__CALLBACK_URIS", dashboard::CALLBACK)
            .env("YURI_DISCORD__API_URL", sim.api_url())
            .env("YURI_DISCORD__CONNECT_TO", sim.https_addr().to_string())
            .env("YURI_DISCORD__BOT_TOKEN", application.bot_token)
            .env("YURI_DISCORD__CLIENT_ID", application.id.to_string())
            .env("YURI_DISCORD__CLIENT_SECRET", application.client_secret)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = child.stderr.take().unwrap();
        let console = std::thread::spawn(move || {
            let mut told = String::new();
            errors.read_to_string(&mut told).unwrap();
            told
        });
        let ready = async {
            let ready = format!("{web}/ready");
            while !reqwest::get(&ready)
                .await
                .is_ok_and(|it| it.status() == 200)
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ready)
            .await
            .expect("it starts");
        Self {
            child,
            console,
            web,
            folder,
        }
    }

    /// Ends it; what it has said on its console and kept in its table, and the database's bytes.
    async fn stop(mut self) -> (String, String, String) {
        drop(self.child.stdin.take());
        let ended = tokio::task::spawn_blocking(move || self.child.wait().unwrap());
        assert!(ended.await.unwrap().success());
        let console = self.console.join().unwrap();
        let file = self.folder.path().join("data/yuri.sqlite3");
        let db = Db::open(&DatabaseUrl::Sqlite(file)).unwrap();
        let page = db.run(|conn| logs::page(conn, tracing::Level::TRACE, 0, 100_000));
        let table = format!("{:#?}", page.await.unwrap().entries);
        drop(db);
        let mut bytes = String::new();
        for entry in std::fs::read_dir(self.folder.path().join("data")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                bytes += &String::from_utf8_lossy(&std::fs::read(path).unwrap());
            }
        }
        (console, table, bytes)
    }
}

/// What must not be seen, by what it is.
#[derive(Default)]
struct Secrets(BTreeMap<String, String>);

impl Secrets {
    fn add(&mut self, what: &str, secret: &str) {
        assert!(secret.len() > 8, "{what}: {secret}");
        self.0.insert(what.to_owned(), secret.to_owned());
    }

    fn assert_absent(&self, place: &str, text: &str) {
        for (what, secret) in &self.0 {
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            assert!(line.is_none(), "{what} in {place}: {}", line.unwrap());
        }
    }
}

fn browser() -> Client {
    let builder = Client::builder().no_proxy().cookie_store(true);
    let builder = builder.redirect(reqwest::redirect::Policy::none());
    builder.build().unwrap()
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers()[name].to_str().unwrap().to_owned()
}

/// Goes through a login as `ada`: the callback's answer.
async fn log_in(client: &Client, web: &str, flow: &str, secrets: &mut Secrets) -> Response {
    let start = client.get(format!("{web}/{flow}")).send().await.unwrap();
    let cookie = header(&start, "set-cookie");
    let cookie = cookie.split([';', '=']).nth(1).unwrap();
    secrets.add(&format!("{flow}: the cookie of the flow"), cookie);
    let mut page = Url::parse(&header(&start, "location")).unwrap();
    page.query_pairs_mut().append_pair("login_hint", "ada");
    let approved = client.get(page).send().await.unwrap();
    let callback = Url::parse(&header(&approved, "location")).unwrap();
    for (name, value) in callback.query_pairs() {
        secrets.add(&format!("{flow}: {name}"), &value);
    }
    client.get(callback).send().await.unwrap()
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// Opens a websocket, sends a text once it is open, and reads until something like that comes.
async fn say(url: String, text: String, until: &str) -> Vec<String> {
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    socket.send(Message::text(text)).await.unwrap();
    let mut heard = Vec::new();
    let hear = async {
        while let Some(Ok(message)) = socket.next().await {
            heard.push(message.to_string());
            if heard.iter().any(|text| text.contains(until)) {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, hear)
        .await
        .expect("it answers");
    heard
}

fn set(event: &str, pointer: &str, value: &str) -> Fault {
    let payloads = Payloads::gateway().event(event);
    let effect = Effect::Set {
        pointer: pointer.to_owned(),
        value: json!(value),
    };
    Fault::on(Point::Sent(payloads), effect).times(1)
}

/// What happens, and the secrets that take part in it.
struct Story {
    sim: Sim,
    web: String,
    secrets: Secrets,
    /// Of a browser that is logged in.
    client: Client,
    /// Whose.
    user: String,
    /// The same user's API token.
    token: String,
}

impl Story {
    /// Logs in, for a session and for an API token.
    async fn begin(sim: Sim, web: String, mut secrets: Secrets) -> Self {
        let client = browser();
        let logged_in = log_in(&client, &web, "login", &mut secrets).await;
        assert_eq!(logged_in.status(), 307);
        let mut cookies = logged_in.headers().get_all("set-cookie").iter();
        let session = cookies.find_map(|it| it.to_str().unwrap().strip_prefix("token="));
        secrets.add("a session", session.unwrap().split(';').next().unwrap());
        let issued = log_in(&browser(), &web, "token", &mut secrets).await;
        let issued: Value = issued.json().await.unwrap();
        let text = |name: &str| issued[name].as_str().unwrap().to_owned();
        let (user, token) = (text("user_id"), text("token"));
        secrets.add("an API token", &token);
        let basic = STANDARD.encode(format!("{user}:{token}"));
        secrets.add("a Basic header", &basic);
        Self {
            sim,
            web,
            secrets,
            client,
            user,
            token,
        }
    }

    fn signed(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.web));
        request.basic_auth(&self.user, Some(&self.token))
    }

    /// A login that Discord refuses in its middle, and one of another browser.
    async fn log_in_badly(&mut self) {
        let access = Effect::Set {
            pointer: "/access_token".to_owned(),
            value: json!(ACCESS),
        };
        let answer = Point::Answer(Requests::to("/oauth2/token"));
        let wrong = Fault::on(answer, access).times(1);
        self.sim.fault(wrong).unwrap();
        let mut lost = Secrets::default();
        let refused = log_in(&browser(), &self.web, "login", &mut lost).await;
        assert!(refused.status().as_u16() >= 400, "{}", refused.status());
        for (what, secret) in lost.0 {
            self.secrets.add(&format!("refused {what}"), &secret);
        }
        let stray = format!("{}/login/authorize?code={WRONG}&state={WRONG}", self.web);
        assert!(status(browser().get(stray)).await >= 400);
    }

    /// A login on another site's page, to its end; and a token that nobody has made.
    async fn use_dashboard(&mut self) {
        let refresh = Effect::Set {
            pointer: "/refresh_token".to_owned(),
            value: json!(REFRESH),
        };
        let answer = Point::Answer(Requests::to("/oauth2/token"));
        let known = Fault::on(answer, refresh).times(1);
        self.sim.fault(known).unwrap();
        let page = dashboard::page(&self.sim, "ada", "identify guilds");
        let approved = browser().get(page).send().await.unwrap();
        let code = dashboard::code(&header(&approved, "location"));
        let ask = |method, path: &str| browser().request(method, format!("{}{path}", self.web));
        let callback = ask(Method::POST, "/api/auth/callback").json(&dashboard::body(&code));
        let answer: Value = callback.send().await.unwrap().json().await.unwrap();
        let mut token = answer["token"].as_str().unwrap().to_owned();
        let mut secrets = vec![("a code", code), ("a JWE", token.clone())];
        let renewed = ask(Method::POST, "/api/auth/refresh").bearer_auth(&token);
        let renewed: Value = renewed.send().await.unwrap().json().await.unwrap();
        renewed["token"].as_str().unwrap().clone_into(&mut token);
        secrets.push(("a renewed JWE", token.clone()));
        let damaged = format!("{token}x");
        for path in ["/api/users/@me", "/api/users/@me/guilds"] {
            assert_eq!(
                status(ask(Method::GET, path).bearer_auth(&token)).await,
                200
            );
            let wrong = ask(Method::GET, path).bearer_auth(&damaged);
            assert_eq!(status(wrong).await, 401);
        }
        // Discord knows no such grant any more when it is given back.
        self.sim.withdraw_consent(self.sim.user_id("ada").unwrap());
        let logout = ask(Method::POST, "/logout").bearer_auth(&token);
        assert_eq!(status(logout).await, 200);
        for (what, secret) in secrets {
            self.secrets.add(what, &secret);
        }
        self.secrets.add("a verifier", dashboard::VERIFIER);
    }

    /// Live channels, with the token and without a good one.
    async fn open_sockets(&mut self) {
        let ws = self.web.replace("http", "ws");
        for (token, hello, ready) in [
            (self.token.as_str(), "HELLO", "ready"),
            (WRONG, "unauthorized", "unauthorized"),
        ] {
            let known = json!({"user_id": self.user, "token": token});
            let init = json!({"name": "INIT", "data": known});
            say(format!("{ws}/ws"), init.to_string(), hello).await;
            let url = format!("{ws}/socket.io/?EIO=4&transport=websocket");
            let heard = say(url, format!("40{known}"), ready).await;
            let open: Value = serde_json::from_str(&heard[0][1..]).unwrap();
            let sid = open["sid"].as_str().unwrap();
            self.secrets.add(&format!("a socket, {ready}"), sid);
        }
    }

    /// Good requests, a refused one, and one that fails as Discord refuses the voice connection.
    async fn ask(&self) {
        let sounds = "/api/localsounds";
        assert_eq!(status(self.signed(Method::GET, sounds)).await, 200);
        let by_cookie = self.client.get(format!("{}{sounds}", self.web));
        assert_eq!(status(by_cookie).await, 200);
        let wrong = self
            .client
            .get(format!("{}{sounds}?token={WRONG}", self.web));
        let wrong = wrong.basic_auth(&self.user, Some(WRONG));
        assert_eq!(status(wrong).await, 401);
        let voice = set("VOICE_SERVER_UPDATE", "/token", VOICE);
        self.sim.fault(voice).unwrap();
        let path = format!("/api/guilds/{}/play", self.sim.guilds()[0].id);
        let play = || {
            self.signed(Method::POST, &path)
                .json(&json!({"sound": "tone"}))
        };
        assert_eq!(status(play()).await, 502);
        assert_eq!(status(play()).await, 200);
    }

    /// Commands in Discord: one that is answered, two whose answers do not arrive.
    async fn use_commands(&mut self) {
        let (ada, guild) = (self.sim.user_id("ada").unwrap(), self.sim.guilds()[0].id);
        let callbacks = Requests::to("/interactions/*/*/callback");
        let failures = [
            None,
            Some(Effect::Answer(HttpAnswer::status(500))),
            Some(Effect::Cut(Cut::Reset)),
        ];
        for failure in failures {
            if let Some(failure) = failure {
                let broken = Fault::on(Point::Request(callbacks.clone()), failure);
                self.sim.fault(broken).unwrap();
            }
            let command = self.sim.slash(ada, guild, "stop", &[]);
            let _there_may_be_no_answer = tokio::time::timeout(PATIENCE, command).await;
        }
        let mut tokens = BTreeSet::new();
        for request in self.sim.requests() {
            let parts: Vec<&str> = request.path.split(['/', '?']).collect();
            let place = parts.iter().position(|it| *it == "interactions");
            tokens.extend(place.map(|place| parts[place + 2].to_owned()));
        }
        assert_eq!(tokens.len(), 3);
        for (number, token) in tokens.iter().enumerate() {
            self.secrets.add(&format!("interaction {number}"), token);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_logged_whatever_happens() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        world: guests::world(),
        authority_path: Some(folder.path().join("ca.pem")),
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    sim.set_rate_limit(Requests::to("/users/@me/guilds"), None);
    sim.fault(set("READY", "/session_id", SESSION)).unwrap();
    let program = Program::start(&sim, folder).await;
    let mut secrets = Secrets::default();
    let application = sim.application();
    secrets.add("the bot's token", &application.bot_token);
    secrets.add("the application's secret", &application.client_secret);
    secrets.add("an access token", ACCESS);
    secrets.add("a voice token", VOICE);
    secrets.add("a gateway session", SESSION);
    secrets.add("a wrong token", WRONG);
    secrets.add("a refresh token", REFRESH);
    for name in ["cookies", "jwe", "grants"] {
        let key = program.folder.path().join("data/keys").join(name);
        let key = std::fs::read_to_string(key).unwrap();
        secrets.add(&format!("the key {name}"), key.trim());
    }

    let mut story = Story::begin(sim, program.web.clone(), secrets).await;
    let mut stream = Stream::greeted(story.signed(Method::GET, "/events")).await;
    story.log_in_badly().await;
    story.use_dashboard().await;
    story.open_sockets().await;
    story.ask().await;
    story.use_commands().await;
    let (of_guest, short_hash) = story.bring_a_bot().await;
    story.secrets.0.extend(of_guest.0.clone());

    let (console, table, database) = program.stop().await;
    // A session is told apart in the log without its id.
    assert!(console.contains(&short_hash), "{short_hash}: {console}");
    of_guest.assert_absent("the database", &database);
    let asked = story.sim.requests().into_iter();
    let asked: Vec<_> = asked.map(|request| request.path).collect();
    of_guest.assert_absent("addresses at Discord", &asked.join("\n"));
    let mut heard = Vec::new();
    while let Some(message) = stream.next().await {
        heard.push(format!("{message:?}"));
    }
    for (place, text, proof) in [
        ("the console", console, "yuri::access"),
        ("the table", table, "error in command"),
        ("what is heard", heard.join("\n"), "error in command"),
    ] {
        assert!(text.contains(proof), "{place}: {text}");
        story.secrets.assert_absent(place, &text);
    }
    story.sim.shutdown().await;
}
