//! What the tests drive: the real application on a real socket, with a clock that they move and
//! the simulated Discord behind it.

pub mod browser;
pub mod child;
pub mod dashboard;
pub mod house;
pub mod node;
pub mod schemathesis;
pub mod socket;
pub mod stream;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use discord_sim::{Dave, Requests, Settings, Sim, World};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use rocket::Shutdown;
use rocket::fairing::AdHoc;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::Dispatch;
use tracing::dispatcher::with_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;
use yuri::app::{App, Running};
use yuri::clock::Clock;
use yuri::config::Config;
use yuri::db::plays::{NewPlay, append};
use yuri::db::tokens::Kind;
use yuri::db::users::{self, User};
use yuri::domain::settings::Volume;
use yuri::ids::{GuildId, UserId};
use yuri::{http, telemetry};

/// Where the tests' requests go: a name that their client resolves to the server's port.
pub const SITE: &str = "http://yuri.test";

/// 2019-04-06T18:48:02Z, the first instant of the API document's examples.
pub const START_MS: i64 = 1_554_576_482_000;

/// Discord wants so long between two sessions of a bot.
const BETWEEN_SESSIONS: Duration = Duration::from_secs(5);

/// A server to be started.
pub struct Setup {
    settings: Vec<(String, String)>,
    folder: TempDir,
    world: Option<World>,
    dave: Dave,
}

/// A started server, with what stands around it.
pub struct Server {
    pub app: Arc<App>,
    pub clock: Clock,
    pub address: SocketAddr,
    /// Takes what a test logs in its own words; what the server says is nobody's.
    recorder: Dispatch,
    sim: Option<Sim>,
    running: Option<Running>,
    shutdown: Shutdown,
    launched: JoinHandle<()>,
    settings: Vec<(String, String)>,
    folder: TempDir,
}

impl Setup {
    /// A server without Discord.
    pub fn offline() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sounds")).unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let settings = [
            ("ROCKET_PORT", "0".to_owned()),
            ("YURI_PUBLIC_URL", SITE.to_owned()),
            ("YURI_DATA_DIR", path("data")),
            ("YURI_SOUNDS__DIR", path("sounds")),
            ("YURI_SOUNDS__PREPARE_AHEAD", "false".to_owned()),
            ("YURI_DISCORD__VOICE_SETTLE_MS", "0".to_owned()),
        ];
        let settings = settings
            .map(|(key, value)| (key.to_owned(), value))
            .to_vec();
        Self {
            settings,
            folder,
            world: None,
            dave: Dave::Offered,
        }
    }

    /// A server whose bot is connected to a simulated Discord.
    pub fn with_discord() -> Self {
        Self::in_world(World::demo())
    }

    /// The same in a world of the test's.
    pub fn in_world(world: World) -> Self {
        Self {
            world: Some(world),
            ..Self::offline()
        }
    }

    /// Without end-to-end encryption: it needs a moment after each join, in which nobody is heard.
    pub fn without_encryption(mut self) -> Self {
        self.dave = Dave::Off;
        self
    }

    /// Adds a setting, by its variable.
    pub fn set(mut self, variable: &str, value: impl Into<String>) -> Self {
        self.settings.push((variable.to_owned(), value.into()));
        self
    }

    /// The folder of sounds.
    pub fn sounds(&self) -> PathBuf {
        self.folder.path().join("sounds")
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts everything and waits until it is ready.
    pub async fn start(self) -> Server {
        self.start_at(Clock::manual(START_MS)).await
    }

    /// The same with a clock of the test's.
    pub async fn start_at(mut self, clock: Clock) -> Server {
        let sim = if let Some(world) = self.world.take() {
            let authority = child::authority_path();
            let authority = authority.unwrap_or_else(|| self.folder.path().join("ca.pem"));
            let settings = Settings {
                world,
                dave: self.dave,
                authority_path: Some(authority.clone()),
                ..Settings::default()
            };
            let sim = Sim::start(settings).await.unwrap();
            for flow in ["login", "token"] {
                sim.add_redirect_uri(&format!("{SITE}/{flow}/authorize"));
            }
            let application = sim.application();
            self.settings.extend(
                [
                    ("YURI_DISCORD__API_URL", sim.api_url()),
                    ("YURI_DISCORD__CONNECT_TO", sim.https_addr().to_string()),
                    ("SSL_CERT_FILE", authority.display().to_string()),
                    ("YURI_DISCORD__BOT_TOKEN", application.bot_token),
                    ("YURI_DISCORD__CLIENT_ID", application.id.to_string()),
                    ("YURI_DISCORD__CLIENT_SECRET", application.client_secret),
                ]
                .map(|(key, value)| (key.to_owned(), value)),
            );
            Some(sim)
        } else {
            None
        };
        boot(self.settings, self.folder, sim, clock).await
    }
}

/// Starts the server itself and waits until it is ready.
async fn boot(
    settings: Vec<(String, String)>,
    folder: TempDir,
    sim: Option<Sim>,
    clock: Clock,
) -> Server {
    let config = Config::load(folder.path(), settings.clone()).unwrap();
    let worker = Path::new(env!("CARGO_BIN_EXE_yuri")).to_owned();
    let (recorder, records) = telemetry::recorder(config.log.kept, clock.clone());
    let app = App::build(config, clock.clone(), worker, records).unwrap();
    let running = app.start();
    let (address, shutdown, launched) = launch(Arc::clone(&app)).await;
    let server = Server {
        app,
        clock,
        address,
        recorder: Dispatch::new(registry().with(recorder.into_layer())),
        sim,
        running: Some(running),
        shutdown,
        launched,
        settings,
        folder,
    };
    if server.sim.is_some() {
        server
            .until(|app| app.guilds.gateway().guilds().is_some())
            .await;
    }
    server
}

async fn launch(app: Arc<App>) -> (SocketAddr, Shutdown, JoinHandle<()>) {
    let (tell, told) = oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let liftoff = AdHoc::on_liftoff("address", move |rocket| {
        let config = rocket.config();
        let address = SocketAddr::new(config.address, config.port);
        tell.lock()
            .unwrap()
            .take()
            .unwrap()
            .send((address, rocket.shutdown()))
            .unwrap();
        Box::pin(async {})
    });
    let launched = tokio::spawn(async move {
        http::rocket(app).attach(liftoff).launch().await.unwrap();
    });
    let (address, shutdown) = told.await.expect("the server has started");
    (address, shutdown, launched)
}

impl Server {
    /// The simulated Discord.
    pub fn sim(&self) -> &Sim {
        self.sim.as_ref().expect("this server has no Discord")
    }

    /// The first guild of the simulated Discord: ada and ben are members, ada sits in voice.
    pub fn guild(&self) -> GuildId {
        GuildId::try_from(self.sim().guilds()[0].id).unwrap()
    }

    /// Changes a guild's volume, which its members are told.
    pub async fn set_volume(&self, guild: GuildId, percent: u16) {
        let volume = Volume::new(percent).unwrap();
        let change = self
            .app
            .player
            .change_settings(guild, move |settings| settings.volume = volume);
        change.await.unwrap();
    }

    /// Lifts Discord's limit of one list of guilds per user and second, which a login asks for.
    pub fn let_log_in_often(&self) {
        let guilds = Requests::to("/users/@me/guilds");
        self.sim().set_rate_limit(guilds, None);
    }

    /// A simulated user's id.
    pub fn user(&self, name: &str) -> UserId {
        UserId::try_from(self.sim().user_id(name).unwrap()).unwrap()
    }

    /// The folder of sounds.
    pub fn sounds(&self) -> PathBuf {
        self.folder.path().join("sounds")
    }

    /// A client that follows no redirects and keeps no cookies.
    pub fn client(&self) -> Client {
        self.client_builder().build().unwrap()
    }

    /// The same, unfinished.
    pub fn client_builder(&self) -> reqwest::ClientBuilder {
        Client::builder()
            .no_proxy()
            .resolve("yuri.test", self.address)
            .redirect(reqwest::redirect::Policy::none())
    }

    /// A request without credentials.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client().request(method, format!("{SITE}{path}"))
    }

    /// A `GET` without credentials.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// An API token of a user who is made where there is none; no login is gone through.
    pub async fn token(&self, user: UserId) -> Token {
        self.add_user(user, &[]).await;
        let issued = self.app.tokens.issue(user, Kind::Api).await.unwrap();
        Token {
            user,
            id: issued.id,
            secret: issued.token,
        }
    }

    /// Keeps a user as a login would.
    pub async fn add_user(&self, id: UserId, guilds: &[GuildId]) {
        let user = User {
            id,
            username: "zekro".into(),
            global_name: None,
            discriminator: "9131".into(),
            avatar: None,
        };
        let guilds = guilds.to_vec();
        self.app
            .db
            .write(move |conn| users::upsert(conn, &user, &guilds, START_MS))
            .await
            .unwrap();
    }

    /// Logs plays as if they had been played, in this order.
    pub async fn log(&self, plays: Vec<NewPlay>) {
        self.app
            .db
            .write(move |conn| plays.iter().try_for_each(|play| append(conn, play)))
            .await
            .unwrap();
    }

    /// Runs something whose messages go to the server's application log.
    pub fn logging<T>(&self, work: impl FnOnce() -> T) -> T {
        with_default(&self.recorder, work)
    }

    /// Waits until something of the application is so.
    pub async fn until(&self, so: impl Fn(&App) -> bool) {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while !so(&self.app) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.expect("it became so");
    }

    /// Stops the server; its data folder stays until the returned value is dropped.
    pub async fn stop(self) -> TempDir {
        let (folder, sim, _) = self.halt().await;
        if let Some(sim) = sim {
            sim.shutdown().await;
        }
        folder
    }

    /// Stops the server and starts it anew with other settings; Discord goes on. Five seconds
    /// pass.
    pub async fn restart(self, changes: &[(&str, &str)]) -> Self {
        let clock = self.clock.clone();
        let (folder, sim, mut settings) = self.halt().await;
        let changes = changes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        settings.extend(changes);
        clock.advance(BETWEEN_SESSIONS);
        if let Some(sim) = &sim {
            sim.advance_clock(BETWEEN_SESSIONS);
        }
        boot(settings, folder, sim, clock).await
    }

    async fn halt(mut self) -> (TempDir, Option<Sim>, Vec<(String, String)>) {
        self.shutdown.clone().notify();
        (&mut self.launched).await.unwrap();
        self.running.take().unwrap().stop().await;
        let lock = self.folder.path().join("data/yuri.sqlite3.lock");
        let Self {
            app,
            folder,
            sim,
            settings,
            ..
        } = self;
        drop(app);
        // In a process of its own the database would be free now. In this one the last tasks of
        // the Discord client may hold the player for another moment.
        let freed = tokio::time::timeout(Duration::from_secs(20), async {
            while lock.exists() && std::fs::File::open(&lock).unwrap().try_lock().is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        freed.await.expect("the database is let go of");
        (folder, sim, settings)
    }
}

/// An API token.
#[derive(Clone)]
pub struct Token {
    pub user: UserId,
    pub id: i64,
    pub secret: String,
}

impl Token {
    /// Authorises a request with it.
    pub fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        request.basic_auth(self.user, Some(&self.secret))
    }

    /// Sends a `GET` with it and reads the answer.
    pub async fn get(&self, server: &Server, path: &str) -> Answer {
        Answer::of(self.sign(server.get(path))).await
    }

    /// Sends a `POST` of JSON with it and reads the answer.
    pub async fn post(&self, server: &Server, path: &str, body: &str) -> Answer {
        let request = self.sign(server.request(Method::POST, path));
        Answer::of(
            request
                .header("Content-Type", "application/json")
                .body(body.to_owned()),
        )
        .await
    }
}

/// An answer that was read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    /// Sends a request and reads the answer.
    pub async fn of(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        Self {
            status,
            headers,
            body: answer.text().await.unwrap(),
        }
    }

    /// A header, or the empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Limit, remaining and reset, as sent; nothing where they are not.
    pub fn budget(&self) -> Option<(u64, u64, u64)> {
        let number = |name: &str| self.header(name).parse().ok();
        Some((
            number("x-ratelimit-limit")?,
            number("x-ratelimit-remaining")?,
            number("x-ratelimit-reset")?,
        ))
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("a body of JSON")
    }

    /// The message of an error of the form that every error has; checks the form to the byte.
    pub fn error(&self) -> String {
        let message = self.json()["error"]["message"]
            .as_str()
            .expect("an error")
            .to_owned();
        assert_eq!(self.body, error_body(self.status, &message));
        assert_eq!(self.header("content-type"), "application/json");
        message
    }
}

/// The body of an error. Contract 1.
pub fn error_body(status: StatusCode, message: &str) -> String {
    format!(
        "{{\n  \"error\": {{\n    \"code\": {},\n    \"message\": {}\n  }}\n}}",
        status.as_u16(),
        serde_json::to_string(message).unwrap()
    )
}

/// An id of the API document's.
pub fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}
