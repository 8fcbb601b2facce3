//! The program itself, as an operator runs it, while a sound is heard: it is told to stop, killed,
//! or finds no room on its disk. Nothing that was acknowledged is lost. Security 3.1.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use discord_sim::{Settings, Sim};
use reqwest::{Client, Method, RequestBuilder};
use rlimit::Resource;
use serde_json::{Value, json};
use tempfile::TempDir;
use yuri::clock::Clock;
use yuri::config::DatabaseUrl;
use yuri::db::tokens::Kind;
use yuri::db::users::{self, User};
use yuri::db::{Db, plays};
use yuri::domain::tokens::Tokens;
use yuri::ids::{GuildId, UserId};

use super::stage::{ADA, GUILD, PATIENCE};
use super::voice_faults::sine;
use crate::audio::fixture;
use crate::support::Answer;
use crate::support::stream::Stream;

/// How soon the program ends. Security 3.1.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

struct Program {
    sim: Sim,
    child: Child,
    web: String,
    secret: String,
    folder: TempDir,
}

/// The rows of a database that nobody has open.
fn database(folder: &TempDir) -> Db {
    let file = folder.path().join("data/yuri.sqlite3");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    Db::open(&DatabaseUrl::Sqlite(file)).unwrap()
}

/// A token of ada's, made before there is a server.
async fn issue(folder: &TempDir) -> String {
    let db = database(folder);
    let user = UserId::try_from(ADA).unwrap();
    let ada = User {
        id: user,
        username: "ada".into(),
        global_name: None,
        discriminator: "0".into(),
        avatar: None,
    };
    db.write(move |conn| users::upsert(conn, &ada, &[], 0))
        .await
        .unwrap();
    let tokens = Tokens::new(db, Clock::system());
    tokens.issue(user, Kind::Api).await.unwrap().token
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

impl Program {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sounds = folder.path().join("sounds");
        std::fs::create_dir(&sounds).unwrap();
        let long = sine(440, Duration::from_secs(30));
        std::fs::write(sounds.join("long.wav"), long).unwrap();
        std::fs::write(sounds.join("tone.ogg"), fixture("tone-opus.ogg")).unwrap();
        let settings = Settings {
            authority_path: Some(folder.path().join("ca.pem")),
            ..Settings::default()
        };
        let sim = Sim::start(settings).await.unwrap();
        let application = sim.application();
        let secret = issue(&folder).await;
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        // What is beyond the limit of the size of files is refused then, and kills nobody.
        let child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" serve"])
            .arg(env!("CARGO_BIN_EXE_yuri"))
            .current_dir(folder.path())
            .env("SSL_CERT_FILE", folder.path().join("ca.pem"))
            .env("ROCKET_PORT", port.to_string())
            .env("YURI_LIMITS__BURST", "10000")
            .env("YURI_SOUNDS__PREPARE_AHEAD", "false")
            .env("YURI_DISCORD__VOICE_SETTLE_MS", "0")
            .env("YURI_DISCORD__API_URL", sim.api_url())
            .env("YURI_DISCORD__CONNECT_TO", sim.https_addr().to_string())
            .env("YURI_DISCORD__BOT_TOKEN", application.bot_token)
            .env("YURI_DISCORD__CLIENT_ID", application.id.to_string())
            .env("YURI_DISCORD__CLIENT_SECRET", application.client_secret)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let web = format!("http://127.0.0.1:{port}");
        let program = Self {
            sim,
            child,
            web,
            secret,
            folder,
        };
        let is_ready = async || {
            let answer = client().get(format!("{}/ready", program.web));
            answer.send().await.is_ok_and(|it| it.status() == 200)
        };
        let ready = async {
            while !is_ready().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, ready).await;
        in_time.expect("it starts");
        program
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = client().request(method, format!("{}{path}", self.web));
        request.basic_auth(ADA, Some(&self.secret))
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path);
        let request = request.header("Content-Type", "application/json");
        Answer::of(request.body(body.to_string())).await
    }

    async fn play(&self, sound: &str) -> Value {
        let path = format!("/api/guilds/{GUILD}/play");
        let played = self
            .send(Method::POST, &path, &json!({"sound": sound}))
            .await;
        assert_eq!(played.status, 200, "{}", played.body);
        let played = played.json();
        assert_eq!(played["state"], "playing", "{played}");
        played
    }

    /// The sounds of the log, newest first, as the program tells it.
    async fn log(&self) -> Vec<Value> {
        let path = format!("/api/logs/{GUILD}");
        let log = Answer::of(self.request(Method::GET, &path)).await;
        assert_eq!(log.status, 200, "{}", log.body);
        let results = log.json()["results"].take();
        let sounds = results.as_array().unwrap().iter();
        sounds.map(|play| play["sound"].clone()).collect()
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let killed = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(killed.success());
    }

    /// Lets no file grow beyond this; none where there is no limit.
    fn limit_files(&self, bytes: Option<u64>) {
        let id = i32::try_from(self.child.id()).unwrap();
        let limit = (bytes.unwrap_or(rlimit::INFINITY), rlimit::INFINITY);
        rlimit::prlimit(id, Resource::FSIZE, Some(limit), None).unwrap();
    }

    /// Waits until it has ended; its exit code, and how long that took.
    fn end(&mut self) -> (Option<i32>, Duration) {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), begin.elapsed());
            }
            assert!(begin.elapsed() < PATIENCE, "it ends");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The sounds of the log, newest first, as they stand in the database afterwards.
    async fn kept(&self) -> Vec<String> {
        let guild = GuildId::try_from(GUILD).unwrap();
        let db = database(&self.folder);
        let page = db.run(move |conn| plays::page(conn, guild, 0, 100)).await;
        let plays = page.unwrap().entries.into_iter();
        plays.map(|play| play.sound).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_while_it_plays_it_leaves_says_so_and_has_written_everything() {
    let mut program = Program::start().await;
    assert_eq!(program.play("long").await["logged"], true);
    assert!(program.sim.wait_packets(GUILD, 5, PATIENCE).await);
    let mut stream = Stream::greeted(program.request(Method::GET, "/events")).await;
    program.signal("TERM");
    let last = stream.until("closed").await;
    assert_eq!(last.data, json!({"reason": "shutdown"}));
    let out = program.sim.wait_bot_out_of_voice(GUILD, ENDS_WITHIN).await;
    assert!(out, "it leaves its channel");
    let (code, time) = program.end();
    assert_eq!(code, Some(0));
    assert!(time < ENDS_WITHIN, "{time:?}");
    // The one file is the whole database: it may be copied as it is.
    let journal = program.folder.path().join("data/yuri.sqlite3-wal");
    let left_bytes = journal.metadata().map_or(0, |journal| journal.len());
    assert_eq!(left_bytes, 0, "what was written is in the database itself");
    assert_eq!(program.kept().await, ["long"]);
    program.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_twice_does_not_wait_for_what_takes_long() {
    let mut program = Program::start().await;
    assert_eq!(program.play("tone").await["logged"], true);
    let file = program.folder.path().join("data/yuri.sqlite3");
    let mut holder = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    holder.batch_execute("BEGIN IMMEDIATE").unwrap();
    assert_eq!(program.play("tone").await["logged"], false);
    program.signal("TERM");
    let out = program.sim.wait_bot_out_of_voice(GUILD, ENDS_WITHIN).await;
    assert!(out, "it leaves its channel first");
    // The play waits to be written for another ten seconds.
    assert!(program.child.try_wait().unwrap().is_none());
    program.signal("TERM");
    let (code, time) = program.end();
    assert_eq!(code, Some(1), "not everything was done");
    assert!(time < Duration::from_secs(2), "{time:?}");
    drop(holder);
    assert_eq!(program.kept().await, ["tone"]);
    program.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_a_kill() {
    let mut program = Program::start().await;
    for logged in 1..=3 {
        assert_eq!(program.play("tone").await["logged"], true, "{logged}");
    }
    let path = format!("/api/guilds/{GUILD}/volume");
    let set = program
        .send(Method::PUT, &path, &json!({"volume": 70}))
        .await;
    assert_eq!(set.status, 200);
    program.signal("KILL");
    let (code, _) = program.end();
    assert_eq!(code, None, "by the signal");
    assert_eq!(program.kept().await, ["tone", "tone", "tone"]);
    program.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_to_write_sounds_are_heard_and_logged_as_soon_as_there_is_some() {
    let mut program = Program::start().await;
    assert_eq!(program.play("tone").await["logged"], true);
    program.limit_files(Some(1));
    program.sim.clear_heard(GUILD);
    assert_eq!(program.play("tone").await["logged"], false);
    let heard = program.sim.wait_utterance(GUILD, 0, PATIENCE).await;
    assert!(heard.is_some(), "it is heard all the same");
    // What is there is read, and who is known is known.
    assert_eq!(program.log().await, ["tone"]);
    let path = format!("/api/guilds/{GUILD}/volume");
    let refused = program
        .send(Method::PUT, &path, &json!({"volume": 70}))
        .await;
    assert!(
        [503, 507].contains(&refused.status.as_u16()),
        "{}",
        refused.body
    );
    refused.error();
    let player = program.request(Method::GET, &format!("/api/guilds/{GUILD}/player"));
    assert_eq!(Answer::of(player).await.json()["volume"], 100);

    program.limit_files(None);
    let until = Instant::now() + PATIENCE;
    while program.log().await.len() < 2 {
        assert!(Instant::now() < until, "it is logged");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let set = program
        .send(Method::PUT, &path, &json!({"volume": 70}))
        .await;
    assert_eq!(set.status, 200, "{}", set.body);
    program.signal("TERM");
    assert_eq!(program.end().0, Some(0));
    assert_eq!(program.kept().await, ["tone", "tone"]);
    program.sim.shutdown().await;
}
