//! What several tests need: a running simulator, a real bot, tones, and trust.

pub(crate) mod answering;
pub(crate) mod bot;
pub(crate) mod by_json;
pub(crate) mod guest;
pub(crate) mod rest;
pub(crate) mod shard;
pub(crate) mod socket;
pub(crate) mod strict;
pub(crate) mod tone;
pub(crate) mod wire;
pub(crate) mod writing;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use discord_sim::{RateLimits, Settings, Sim, Utterance};

/// Long enough for a busy machine; nothing waits this long when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Tells a child where its simulator is to write its authority.
const AUTHORITY: &str = "DISCORD_SIM_TEST_AUTHORITY";

/// The demo world, in which nobody has to wait before asking again.
pub(crate) async fn sim() -> Sim {
    Sim::start(Settings {
        rate_limits: unlimited(),
        ..Settings::default()
    })
    .await
    .unwrap()
}

/// No rate limits.
pub(crate) fn unlimited() -> RateLimits {
    RateLimits {
        enforced: false,
        ..RateLimits::default()
    }
}

/// A client to which `discord.com` is the simulator.
pub(crate) fn discord_client(sim: &Sim) -> reqwest::Client {
    let authority = reqwest::Certificate::from_pem(sim.authority_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .add_root_certificate(authority)
        .resolve("discord.com", sim.https_addr());
    client.build().unwrap()
}

/// What was heard is as long as what was played, but for two packets at its end.
pub(crate) fn assert_lasts(heard: &Utterance, played: Duration) {
    let off = heard.duration().abs_diff(played);
    assert!(
        off <= Duration::from_millis(40),
        "{off:?} too long or short"
    );
}

/// Waits for something that only a client's own inside shows, and of which it tells nobody.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, waiting).await.is_ok(),
        "not so: {what}"
    );
}

/// Runs a test in a child process that trusts the authority its simulator will write.
///
/// `SSL_CERT_FILE` is read from the environment of the process, which a test may not change
/// under the feet of others; so the test's own binary is run again for this test alone.
/// `name` is the test's full name.
pub(crate) fn trusting<F: Future<Output = ()>>(name: &str, test: impl FnOnce(PathBuf) -> F) {
    if let Some(path) = std::env::var_os(AUTHORITY) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test(path.into()));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(AUTHORITY, &authority)
        .env("SSL_CERT_FILE", &authority)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&child.stdout);
    let err = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "no test is called {name}: {out}");
}
