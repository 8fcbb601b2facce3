//! The program: what it takes, what it prints, and how it ends.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use discord_sim::{Settings, Sim, World};
use reqwest::StatusCode;
use serde_json::Value;

fn program(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_discord-sim"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Sends a signal by the shell's own `kill`, and waits for a good end.
fn end(mut child: Child, signal: &str) {
    let kill = format!("kill -{signal} {}", child.id());
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
    assert!(child.wait().unwrap().success());
}

/// What it says on its way out of a failed start.
fn complaint(arguments: &[&str]) -> String {
    let output = program(arguments).wait_with_output().unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_world_of_ones_own_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (world, authority) = (path("world.json"), path("ca.pem"));
    let text = r#"{
        "users": [{ "username": "eve" }],
        "applications": [{ "id": "21", "name": "Horn", "bot_token": "old", "client_secret": "s" }],
        "guilds": [{ "id": "31", "name": "Den", "owner": "eve", "members": ["Horn"],
                     "channels": [{ "id": "32", "name": "Pit", "kind": "voice" }] }]
    }"#;
    std::fs::write(&world, text).unwrap();
    let mut child = program(&[
        "--json",
        "--world",
        &world,
        "--bot-token",
        "my.own.token",
        "--authority",
        &authority,
        "--require-dave",
        "--redirect-uri",
        "http://127.0.0.1/back",
    ]);
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["authority"], authority);
    assert!(
        std::fs::read_to_string(&authority)
            .unwrap()
            .contains("BEGIN CERTIFICATE")
    );
    let application = &ready["applications"][0];
    assert_eq!(
        (
            &application["id"],
            &application["bot_token"],
            &application["client_secret"]
        ),
        (&"21".into(), &"my.own.token".into(), &"s".into())
    );
    let guild = &ready["guilds"][0];
    assert_eq!(
        (
            &guild["id"],
            &guild["voice_channel"],
            &guild["text_channel"],
            &guild["has_bot"]
        ),
        (&"31".into(), &"32".into(), &Value::Null, &true.into())
    );
    assert_eq!(ready["users"][0]["username"], "eve");
    assert!(
        ready["gateway"]
            .as_str()
            .unwrap()
            .starts_with("ws://127.0.0.1:")
    );

    let api = ready["api"].as_str().unwrap();
    let me = reqwest::Client::new()
        .get(format!("{api}/api/v10/users/@me"))
        .header("authorization", "Bot my.own.token")
        .send()
        .await
        .unwrap();
    assert_eq!(me.json::<Value>().await.unwrap()["username"], "Horn");
    let page = "client_id=21&response_type=code&scope=identify&redirect_uri=http://127.0.0.1/back";
    let page = reqwest::get(format!("{api}/oauth2/authorize?{page}"))
        .await
        .unwrap();
    assert_eq!(page.status(), StatusCode::OK);

    end(child, "INT");
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "one line of JSON and nothing else");
}

#[tokio::test]
async fn the_demo_introduces_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sim.env");
    let mut child = program(&["--no-dave", "--env", file.to_str().unwrap()]);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("Ctrl-C") {
        assert_ne!(out.read_line(&mut text).unwrap(), 0, "{text}");
    }
    for part in [
        "Yuri's bot token",
        "Sound Lab",
        "ada, ben, cleo",
        "SSL_CERT_FILE=",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let page = text.lines().find(|line| line.contains("its page")).unwrap();
    let page = page.split_whitespace().next_back().unwrap();
    assert_eq!(reqwest::get(page).await.unwrap().status(), StatusCode::OK);

    // What it writes down leads to it.
    let lines = std::fs::read_to_string(&file).unwrap();
    let lines = lines.lines().map(|line| line.split_once('=').unwrap());
    let environment = lines.collect::<BTreeMap<_, _>>();
    let api = format!("{}/api/v10", environment["DISCORD_SIM_URL"]);
    let get = async |path: &str| {
        let token = format!("Bot {}", environment["DISCORD_TOKEN"]);
        let request = reqwest::Client::new().get(format!("{api}{path}"));
        let answer = request.header("authorization", token).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    assert_eq!(get("/users/@me").await["username"], "Yuri");
    assert_eq!(
        get("/gateway").await["url"],
        environment["DISCORD_SIM_GATEWAY"]
    );
    for name in ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] {
        let authority = std::fs::read_to_string(environment[name]).unwrap();
        assert!(authority.starts_with("-----BEGIN CERTIFICATE-----"));
    }
    end(child, "TERM");
}

#[test]
fn what_it_cannot_do_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let world = folder.path().join("world.json");
    let world = world.to_str().unwrap();
    assert!(complaint(&["--world", world]).contains("cannot read"));
    std::fs::write(
        world,
        r#"{ "guilds": [{ "name": "Den", "owner": "eve" }] }"#,
    )
    .unwrap();
    let fault = complaint(&["--world", world]);
    assert!(
        fault.ends_with("world.json: guilds[0].owner: there is no user eve\n"),
        "{fault}"
    );
    std::fs::write(world, "{}").unwrap();
    assert!(complaint(&["--world", world, "--bot-token", "t"]).contains("there is none"));
    let nowhere = complaint(&["--authority", "/nowhere/ca.pem"]);
    assert!(
        nowhere.contains("cannot write the certificate authority"),
        "{nowhere}"
    );
    assert!(nowhere.contains("No such file"), "{nowhere}");
    assert!(complaint(&["--require-dave", "--no-dave"]).contains("cannot be used with"));
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    assert!(complaint(&["--port", &port]).contains(&format!("cannot listen on 127.0.0.1:{port}")));
}

/// The README's "A world of your own" is one.
#[tokio::test]
async fn the_world_in_the_readme_starts() {
    let readme = include_str!("../../README.md");
    let (_, json) = readme.split_once("```json\n").unwrap();
    let (json, _) = json.split_once("```").unwrap();
    let settings = Settings {
        world: World::from_json(json).unwrap(),
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    assert_eq!(sim.application().bot_token, "keep.this.token");
    assert_eq!(sim.guilds()[0].voice_channel, Some(32));
}
