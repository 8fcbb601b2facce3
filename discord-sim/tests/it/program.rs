//! The program: what it writes down is how it is reached.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::support::PATIENCE;

#[tokio::test]
async fn the_environment_it_writes_leads_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sim.env");
    let mut program = Command::new(env!("CARGO_BIN_EXE_discord-sim"))
        .arg("--env")
        .arg(&file)
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(program.stdout.take().unwrap()).lines();
    let introduced = async {
        while let Some(line) = said.next_line().await.unwrap() {
            if line.starts_with("Ctrl-C") {
                return true;
            }
        }
        false
    };
    let introduced = tokio::time::timeout(PATIENCE, introduced).await;
    assert!(introduced.unwrap(), "it ended");

    let lines = std::fs::read_to_string(&file).unwrap();
    let lines = lines.lines().map(|line| line.split_once('=').unwrap());
    let environment = lines.collect::<BTreeMap<_, _>>();
    let api = format!("{}/api/v10", environment["DISCORD_SIM_URL"]);
    let client = reqwest::Client::new();
    let me = client.get(format!("{api}/users/@me")).header(
        "authorization",
        format!("Bot {}", environment["DISCORD_TOKEN"]),
    );
    let me = me.send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!(me["username"], "Yuri");
    let gateway = client.get(format!("{api}/gateway")).send().await.unwrap();
    let gateway = gateway.json::<Value>().await.unwrap();
    assert_eq!(gateway["url"], environment["DISCORD_SIM_GATEWAY"]);
    for name in ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] {
        let authority = std::fs::read_to_string(environment[name]).unwrap();
        assert!(authority.starts_with("-----BEGIN CERTIFICATE-----"));
    }
}
