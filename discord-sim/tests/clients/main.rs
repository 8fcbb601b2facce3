//! Bots of other libraries, unmodified but for addresses and trust, each through the same scene.
//!
//! A client is a program of its own: `bot.rs` with serenity and songbird, `bot.py` with
//! discord.py, `bot.js` with discord.js and @discordjs/voice. The last two need Python 3.11 and
//! what `install.rs` gets for them from PyPI and npm, which is done once.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod bot;
mod install;
mod program;
mod scene;

use program::{Client, THIS_PROGRAM};

#[test]
fn serenity_with_songbird() {
    // This very test, run by itself as a child, is the bot.
    if std::env::var_os(THIS_PROGRAM).is_some() {
        bot::main().unwrap();
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(scene::play(Client::this_test("serenity_with_songbird")));
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_py() {
    if let Some(installed) = install::or_skip("discord.py").await {
        scene::play(Client::python(&installed, "bot.py")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_js() {
    if let Some(installed) = install::or_skip("discord.js").await {
        scene::play(Client::node(&installed, "bot.js")).await;
    }
}
