//! The program as people start it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Url};
use rustix::pty::OpenptFlags;
use serde_json::Value;
use yuri::config::DatabaseUrl;
use yuri::db::{Db, logs};

pub fn yuri(arguments: &[&str]) -> Command {
    let mut command = run(env!("CARGO_BIN_EXE_yuri"));
    command.args(arguments);
    command
}

/// A program in an environment without our settings.
pub fn run(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars() {
        if name.starts_with("YURI_") || name.starts_with("ROCKET_") {
            command.env_remove(name);
        }
    }
    command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Ends a process as a supervisor does, and checks that it ends well and soon.
fn terminate(mut process: Child) -> String {
    // The shell's own `kill`: the program of that name is not on every machine.
    let kill = format!("kill -TERM {}", process.id());
    let killed = Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(killed.success());
    let until = Instant::now() + Duration::from_secs(20);
    while process.try_wait().unwrap().is_none() {
        assert!(Instant::now() < until, "it ends in time");
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = process.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {errors}", output.status);
    errors
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_plays_a_sound_for_a_login_through_the_real_redirects() {
    let mut demo = yuri(&["demo", "--json", "--port", "0"]).spawn().unwrap();
    let mut output = BufReader::new(demo.stdout.take().unwrap());
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        line
    });
    let ready: Value = serde_json::from_str(&line.await.unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (web, guild) = (text(&ready["web"]), text(&ready["guilds"][0]["id"]));
    assert_eq!(ready["guilds"].as_array().unwrap().len(), 2);
    let authority = std::path::PathBuf::from(text(&ready["ca"]));
    assert!(authority.exists());

    let browser = Client::builder()
        .no_proxy()
        .cookie_store(true)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let location =
        |answer: &reqwest::Response| answer.headers()["location"].to_str().unwrap().to_owned();
    let start = browser.get(format!("{web}/login")).send().await.unwrap();
    let mut page = Url::parse(&location(&start)).unwrap();
    assert!(page.as_str().starts_with(&text(&ready["discord"])));
    page.query_pairs_mut().append_pair("login_hint", "ada");
    let approved = browser.get(page).send().await.unwrap();
    let done = browser.get(location(&approved)).send().await.unwrap();
    assert_eq!(
        (done.status().as_u16(), location(&done).as_str()),
        (307, "/")
    );

    let board = browser
        .get(&web)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(board.contains("data-sound=\"airhorn.mp3\""), "{board}");
    let played: Value = browser
        .post(format!("{web}/api/guilds/{guild}/play"))
        .header("Origin", &web)
        .header("Content-Type", "application/json")
        .body(r#"{"sound":"airhorn.mp3","source":"local"}"#)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(played["state"], "playing", "{played}");
    assert_eq!(played["channel_id"], ready["guilds"][0]["voice_channel"]);
    let read = async |path: String| -> Value {
        browser
            .get(format!("{web}{path}"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    };
    let logged = read(format!("/api/logs/{guild}")).await;
    assert_eq!(logged["results"][0]["user_id"], ready["users"]["ada"]);
    assert_eq!(logged["results"][0]["sound"], "airhorn");
    assert_eq!(
        read(format!("/api/stats/{guild}")).await["results"][0]["count"],
        1
    );

    bring_a_bot(&web, &text(&ready["discord"])).await;

    terminate(demo);
    assert!(!authority.exists(), "everything it made is removed");
}

/// Another bot than the server's own can be brought, and plays.
async fn bring_a_bot(web: &str, discord: &str) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let program = Client::builder().no_proxy().build().unwrap();
    let state = format!("{discord}/sim/state");
    let state: Value = program
        .get(state)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let bots = state["bots"].as_array().unwrap();
    let guest = bots.iter().find(|bot| bot["name"] == "Guest").unwrap();
    let login = program.post(format!("{web}/api/auth/login"));
    let login = login.json(&serde_json::json!({"token": guest["token"]}));
    let login: Value = login.send().await.unwrap().json().await.unwrap();
    let session = text(&login["sessionId"]);
    let ask = async |path: &str| -> Value {
        let request = program.get(format!("{web}{path}"));
        let request = request.header("Authorization", &session);
        request.send().await.unwrap().json().await.unwrap()
    };
    let channels = ask("/api/channels").await;
    let of_kind = |kind: u64| {
        let mut channels = channels.as_array().unwrap().iter();
        let found = channels.find(|channel| channel["type"] == kind);
        found.unwrap().clone()
    };
    let messages = ask(&format!(
        "/api/messages?channelId={}",
        text(&of_kind(0)["id"])
    ))
    .await;
    assert_eq!(messages[0]["content"], "Who plays the airhorn in here?");
    let parlour = of_kind(2);
    let house = text(&parlour["guild_id"]);
    let play = program.post(format!("{web}/api/guilds/{house}/play"));
    let play = play.header("Authorization", &session);
    let sound = serde_json::json!({"sound": "airhorn", "channel_id": parlour["id"]});
    let played: Value = play
        .json(&sound)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(played["state"], "playing", "{played}");
    assert_eq!(played["logged"], true, "{played}");
}

#[test]
fn wrong_settings_stop_the_start_and_are_all_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = yuri(&["serve"])
        .current_dir(folder.path())
        .env("ROCKET_PORT", "0x50")
        .env("YURI_LIMITS__BURST", "none")
        .env("YURI_DISCORD__BOT_TOKEN", "hunter2 hunter2")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    insta::assert_snapshot!(told, @r"
    yuri: the configuration has faults:
      port (from ROCKET_PORT): `0x50` is not a port
      discord.bot_token (from YURI_DISCORD__BOT_TOKEN): the value has characters that no such secret has
      limits.burst (from YURI_LIMITS__BURST): `none` is not a number from 1 to 1000000
    ");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing was made"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_ends_in_order_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let server = run("sh")
        .args(["-c", "ulimit -Sn 256 && exec \"$0\""])
        .arg(env!("CARGO_BIN_EXE_yuri"))
        .current_dir(folder.path())
        .env("ROCKET_PORT", port.to_string())
        .spawn()
        .unwrap();
    let alive = format!("http://127.0.0.1:{port}/alive");
    let until = Instant::now() + Duration::from_secs(20);
    while reqwest::get(&alive).await.is_err() {
        assert!(Instant::now() < until, "it starts in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let key = folder.path().join("data/keys/cookies");
    let mode = std::os::unix::fs::PermissionsExt::mode(&key.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    // Live channels are files.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let files: Vec<&str> = files.unwrap().split_whitespace().collect();
    assert_eq!(files[3], files[4], "as many as the system allows");

    let second = yuri(&["serve"])
        .current_dir(folder.path())
        .env("ROCKET_PORT", "0")
        .output()
        .unwrap();
    assert!(!second.status.success());
    let told = String::from_utf8(second.stderr).unwrap();
    assert!(
        told.contains("another process uses the database data/yuri.sqlite3"),
        "{told}"
    );

    let log = terminate(server);
    assert!(log.contains("stopping"), "{log}");
    // What was logged before there was a database is kept as well.
    let database = DatabaseUrl::Sqlite(folder.path().join("data/yuri.sqlite3"));
    let kept = Db::open(&database)
        .unwrap()
        .quick(|conn| logs::page(conn, tracing::Level::TRACE, 0, 100))
        .await
        .unwrap();
    let said = "YURI_DISCORD__BOT_TOKEN is not set: the bot is off and nobody can log in";
    assert!(
        kept.entries.iter().any(|entry| entry.message == said),
        "{kept:?}"
    );
}

#[test]
fn the_log_can_be_read_by_programs() {
    let folder = tempfile::tempdir().unwrap();
    let output = yuri(&["serve", "--until-input-ends"])
        .current_dir(folder.path())
        .env("ROCKET_PORT", "0")
        .env("YURI_LOG_FORMAT", "json")
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    let lines = told.lines().map(serde_json::from_str);
    let lines: Vec<Value> = lines.collect::<Result<_, _>>().expect("an object a line");
    let (first, last) = (&lines[0], lines.last().unwrap());
    assert_eq!(
        (&first["level"], &first["target"]),
        (&"WARN".into(), &"yuri::cli::serve".into())
    );
    let message = first["message"].as_str().unwrap();
    assert!(message.starts_with("YURI_DISCORD__"), "{message}");
    assert_eq!(last["message"], "stopping");
}

#[test]
fn the_help_names_the_commands() {
    let mut process = yuri(&["--help"]).spawn().unwrap();
    let mut help = String::new();
    process
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut help)
        .unwrap();
    assert!(process.wait().unwrap().success());
    for command in ["serve", "demo", "import"] {
        assert!(help.contains(command), "{help}");
    }
    assert!(!help.contains("decode-worker"), "{help}");
}

/// A terminal: the side that a program writes to, and the side that people see.
pub fn terminal() -> (File, File) {
    let seen = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&seen).unwrap();
    rustix::pty::unlockpt(&seen).unwrap();
    let name = rustix::pty::ptsname(&seen, Vec::new()).unwrap();
    let written = File::options()
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    (written, File::from(seen))
}

#[test]
fn a_first_start_with_many_files_shows_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sounds")).unwrap();
    let tone = crate::audio::fixture("tone.wav");
    for number in 0..20 {
        // Each another content: ever shorter.
        let start = &tone[..tone.len() - 4 * number];
        let path = folder.path().join(format!("sounds/{number}.wav"));
        std::fs::write(path, [start, &vec![0; 4 * number]].concat()).unwrap();
    }
    let (terminal, mut seen) = terminal();
    let server = yuri(&["serve"])
        .current_dir(folder.path())
        .env("ROCKET_PORT", "0")
        .env("TERM", "xterm")
        .stderr(terminal)
        .spawn()
        .unwrap();
    let mut screen = String::new();
    while !screen.contains("the sounds are ready") {
        let mut some = [0; 4_096];
        let length = seen.read(&mut some).expect("it goes on until they are");
        screen.push_str(&String::from_utf8_lossy(&some[..length]));
    }
    assert!(screen.contains("preparing sounds ["), "{screen}");
    assert!(screen.contains("/20, "), "{screen}");
    terminate(server);
}
