//! Uploads to the program as it is started, which is killed in their midst, and on a disk that has
//! no room for them.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use discord_sim::{Settings, Sim};
use reqwest::{Body, Client, Method, Url};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::library_upload::{content_type, form};
use crate::audio::{fixture, sine, wav};
use crate::cli::run;
use crate::import::tar_of;

/// An installation with a simulated Discord, which outlive its processes.
struct Place {
    folder: TempDir,
    sim: Sim,
    port: u16,
    guild: u64,
}

/// A process that is killed when this is dropped, without warning.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What ada is known by.
struct Login {
    user: String,
    token: String,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sounds")).unwrap();
        let settings = Settings {
            authority_path: Some(folder.path().join("ca.pem")),
            ..Settings::default()
        };
        let sim = Sim::start(settings).await.unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let guild = sim.guilds()[0].id;
        let place = Self {
            folder,
            sim,
            port,
            guild,
        };
        place.sim.add_redirect_uri(&place.url("/token/authorize"));
        place
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Starts the program by a line of the shell, and waits until its bot is connected.
    async fn start(&self, line: &str) -> Process {
        let application = self.sim.application();
        let mut program: Command = run("sh");
        program
            .args(["-c", line])
            .arg(env!("CARGO_BIN_EXE_yuri"))
            .current_dir(self.folder.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .env("ROCKET_PORT", self.port.to_string())
            .env("YURI_DISCORD__API_URL", self.sim.api_url())
            .env(
                "YURI_DISCORD__CONNECT_TO",
                self.sim.https_addr().to_string(),
            )
            .env("SSL_CERT_FILE", self.folder.path().join("ca.pem"))
            .env("YURI_DISCORD__BOT_TOKEN", application.bot_token)
            .env("YURI_DISCORD__CLIENT_ID", application.id.to_string())
            .env("YURI_DISCORD__CLIENT_SECRET", application.client_secret);
        let process = Process(program.spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let ready = reqwest::get(self.url("/ready")).await;
            if ready.is_ok_and(|answer| answer.status() == 200) {
                return process;
            }
            assert!(Instant::now() < until, "it starts in time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A token of ada's, by the real redirects.
    async fn login(&self) -> Login {
        let browser = Client::builder()
            .no_proxy()
            .cookie_store(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let location =
            |answer: &reqwest::Response| answer.headers()["location"].to_str().unwrap().to_owned();
        let start = browser.get(self.url("/token")).send().await.unwrap();
        let mut page = Url::parse(&location(&start)).unwrap();
        page.query_pairs_mut().append_pair("login_hint", "ada");
        let approved = browser.get(page).send().await.unwrap();
        let done = browser.get(location(&approved)).send().await.unwrap();
        let issued: Value = done.json().await.unwrap();
        let text = |name: &str| issued[name].as_str().unwrap().to_owned();
        Login {
            user: text("user_id"),
            token: text("token"),
        }
    }

    async fn send(&self, login: &Login, route: &str, body: impl Into<Body>) -> (u16, Value) {
        let url = self.url(&format!("{route}?guild={}", self.guild));
        let request = Client::new()
            .request(Method::POST, url)
            .basic_auth(&login.user, Some(&login.token))
            .header("Content-Type", content_type())
            .body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// An upload of a whole body of this length, of which nothing has been sent.
    async fn begin(&self, login: &Login, route: &str, length: usize) -> TcpStream {
        let basic = STANDARD.encode(format!("{}:{}", login.user, login.token));
        let head = format!(
            "POST {route}?guild={} HTTP/1.1\r\nHost: yuri.test\r\nConnection: close\r\n\
             Authorization: Basic {basic}\r\nContent-Type: {}\r\nContent-Length: {length}\r\n\r\n",
            self.guild,
            content_type(),
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    /// The names of the guild's own sounds.
    async fn names(&self, login: &Login) -> Vec<String> {
        let url = self.url(&format!("/api/sounds?guild={}", self.guild));
        let request = Client::new()
            .get(url)
            .basic_auth(&login.user, Some(&login.token));
        let list: Value = request.send().await.unwrap().json().await.unwrap();
        let results = list["results"].as_array().unwrap().iter();
        let names = results.map(|it| it["name"].as_str().unwrap().to_owned());
        names.collect()
    }

    /// What is on its way, and what has arrived.
    fn files(&self) -> (Vec<PathBuf>, usize) {
        let sounds = self.folder.path().join("data/sounds");
        let list = |path: PathBuf| {
            let found = fs::read_dir(path).into_iter().flatten();
            found.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
        };
        let own = list(sounds.join(self.guild.to_string()));
        (list(sounds.join("incoming")), own.len())
    }

    async fn until(&self, so: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(Duration::from_secs(60), async {
            while !so(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        waited.await.expect("it became so");
    }
}

/// An archive of so many sounds, no two alike.
fn tones(many: u8) -> Vec<u8> {
    let tone = |number: u8| {
        let sine = sine(300.0 + 50.0 * f64::from(number), 16_000, 0.3);
        (format!("s{number:02}.wav"), wav(16_000, 1, 16_000, sine))
    };
    let tones: Vec<(String, Vec<u8>)> = (0..many).map(tone).collect();
    let entries = tones.iter().map(|(name, tone)| (name.as_str(), &tone[..]));
    tar_of(&entries.collect::<Vec<_>>())
}

const START: &str = "exec \"$0\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_shows_no_half_sound_and_keeps_none() {
    let place = Place::new().await;
    let process = place.start(START).await;
    let login = place.login().await;
    let whole = |content: &[u8]| form(&[("file", Some("x.wav"), content)]);
    let (status, _) = place
        .send(&login, "/api/sounds", whole(&fixture("tone.mp3")))
        .await;
    assert_eq!(status, 201);

    // In the midst of a single one, and of an archive.
    let mut process = process;
    for (route, content) in [
        ("/api/sounds", fixture("tone.wav")),
        ("/api/sounds/bulk", tones(2)),
    ] {
        let body = whole(&content);
        let mut sender = place.begin(&login, route, body.len()).await;
        sender.write_all(&body[..40_000]).await.unwrap();
        let has_come = |place: &Place| {
            let (coming, _) = place.files();
            coming
                .iter()
                .any(|path| fs::metadata(path).is_ok_and(|it| it.len() > 10_000))
        };
        place.until(has_come).await;
        drop(process);
        assert_eq!(place.files().0.len(), 1, "it had no time to clean up");
        process = place.start(START).await;
        assert_eq!(place.names(&login).await, ["x"], "{route}");
        assert_eq!(place.files(), (vec![], 1), "{route}");
    }

    // While the files of an archive become sounds, one after the other.
    let body = whole(&tones(20));
    let mut sender = place.begin(&login, "/api/sounds/bulk", body.len()).await;
    sender.write_all(&body).await.unwrap();
    place.until(|place| place.files().1 > 5).await;
    drop(process);
    let process = place.start(START).await;
    let names = place.names(&login).await;
    assert!((5..20).contains(&names.len()), "{names:?}");
    assert_eq!(place.files().0, Vec::<PathBuf>::new());
    // A file without its row is nobody's sound; every sound has its file, and can be heard.
    for name in &names {
        let url = place.url(&format!("/media/sounds/{name}.ogg?guild={}", place.guild));
        let request = Client::new()
            .get(url)
            .basic_auth(&login.user, Some(&login.token));
        assert_eq!(request.send().await.unwrap().status(), 200, "{name}");
    }
    // The rest comes in when it is sent again.
    let (status, report) = place.send(&login, "/api/sounds/bulk", body).await;
    assert_eq!(status, 200, "{report}");
    let results = report["results"].as_array().unwrap();
    let count = |state: &str| results.iter().filter(|it| it["state"] == state).count();
    assert_eq!(count("duplicate"), names.len() - 1);
    assert_eq!(count("added"), 21 - names.len());
    assert_eq!(place.names(&login).await.len(), 21);
    drop(process);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_disk_has_no_room_for_is_507_and_leaves_nothing() {
    let place = Place::new().await;
    // No file may be longer than 4 MiB (the shell counts in blocks of 512 bytes), and a process
    // that tries is told so: what a full disk does, on every machine.
    let line = "trap '' XFSZ; ulimit -f 8192 && exec \"$0\"";
    let process = place.start(line).await;
    let login = place.login().await;
    let long = vec![0; 9 << 20];
    let form = form(&[("file", Some("x.wav"), &long)]);
    for route in ["/api/sounds", "/api/sounds/bulk"] {
        let (status, body) = place.send(&login, route, form.clone()).await;
        assert_eq!(status, 507, "{route}: {body}");
        assert_eq!(body["error"]["message"], "the server's disk is full");
        place.until(|place| place.files() == (vec![], 0)).await;
        assert!(place.names(&login).await.is_empty());
    }
    drop(process);
}
