//! The server held against its document. What is asked, and what is left out and why:
//! `tests/clients/document.toml`.

use std::fs;

use discord_sim::Requests;
use yuri::clock::Clock;

use crate::audio::{fixture, fixtures};
use crate::support::child::is_voice_process;
use crate::support::schemathesis::Schemathesis;
use crate::support::{Server, Setup, Token};

/// ada's id at the simulated Discord: an administrator of this installation.
const ADA: &str = "182440710331105281";

#[test]
fn no_answer_contradicts_the_document() {
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    // Here, because what the process below says is heard for failures only.
    let Some(schemathesis) = runtime.block_on(Schemathesis::or_skip()) else {
        return;
    };
    if is_voice_process("http::schemathesis::no_answer_contradicts_the_document") {
        runtime.block_on(hold(&schemathesis));
    }
}

async fn text_channel(server: &Server, token: &Token) -> String {
    let path = format!("/api/guilds/{}/channels?type=text", server.guild());
    let channels = token.get(server, &path).await.json();
    channels["results"][0]["id"].as_str().unwrap().to_owned()
}

async fn hold(schemathesis: &Schemathesis) {
    let setup = Setup::with_discord()
        .set("YURI_ADMINS", ADA)
        .set("YURI_LIMITS__BURST", "1000000")
        .set("YURI_UPLOADS__PER_HOUR", "100000")
        .set("YURI_ARCHIVES__PER_HOUR", "100000")
        .set("YURI_SESSIONS__MODE", "open")
        .set("YURI_SESSIONS__MAX", "10000")
        .set("YURI_SESSIONS__MAX_PER_BOT", "10000")
        .set("YURI_SESSIONS__MAX_PER_ADDRESS", "10000")
        .set("YURI_HTTP__TRUSTED_PROXIES", "127.0.0.1");
    for name in ["tone.wav", "tone.ogg"] {
        let file = if name == "tone.ogg" {
            "tone-opus.ogg"
        } else {
            name
        };
        fs::write(setup.sounds().join(name), fixture(file)).unwrap();
    }
    let server = setup.start_at(Clock::system()).await;
    // The simulated Discord's limits are tested elsewhere: here they would hide what is behind.
    server.sim().set_rate_limit(Requests::all(), None);
    let ada = server.user("ada");
    assert_eq!(ada.to_string(), ADA);
    let token = server.token(ada).await;
    let guild = server.guild().to_string();
    let channel = text_channel(&server, &token).await;
    let bot_token = server.sim().application().bot_token;
    let address = format!("http://{}", server.address);
    let sounds = fixtures().display().to_string();
    let variables = [
        ("USER_ID", ADA),
        ("TOKEN", &token.secret),
        ("GUILD", &guild),
        ("CHANNEL", &channel),
        ("BOT_TOKEN", &bot_token),
    ];
    let held = schemathesis
        .run("document.py", &[&address, &sounds], &variables)
        .await;
    let told = String::from_utf8_lossy(&held.stdout);
    let errors = String::from_utf8_lossy(&held.stderr);
    assert!(held.status.success(), "{told}\n{errors}");
}
