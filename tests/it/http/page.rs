//! The web page: what each visitor is shown.

use std::fs;

use yuri::app::App;

use crate::support::browser::Browser;
use crate::support::{Answer, Setup};

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_asked_to_log_in_and_a_user_sees_the_board() {
    let setup = Setup::with_discord();
    fs::write(setup.sounds().join("nice.ogg"), "x").unwrap();
    fs::write(setup.sounds().join("<img src=x>.ogg"), "x").unwrap();
    let server = setup.start().await;
    let stranger = Answer::of(server.get("/")).await;
    assert_eq!(stranger.status, 200);
    assert_eq!(stranger.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(stranger.header("cache-control"), "no-store");
    assert!(stranger.body.contains("Log in with Discord"));
    assert!(!stranger.body.contains("nice"));

    let browser = Browser::login(&server, "ada").await;
    let board = browser.get("/").await;
    assert!(board.body.contains(">nice</button>"));
    assert!(board.body.contains(&server.sim().guilds()[0].name));
    assert!(!board.body.contains(&server.sim().guilds()[1].name));
    assert!(!board.body.contains("<img src=x>"), "names are text");
    let policy = board.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert_eq!(board.header("cache-control"), "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_that_cannot_be_played_says_why() {
    let setup = Setup::with_discord().set("YURI_SOUNDS__PREPARE_AHEAD", "true");
    fs::write(setup.sounds().join("bad.ogg"), "x").unwrap();
    let server = setup.start().await;
    let is_known = |app: &App| app.library.find("bad").is_some_and(|it| !it.is_playable());
    server.until(is_known).await;
    let board = Browser::login(&server, "ada").await.get("/").await;
    let button = board.body.lines().find(|line| line.contains("bad.ogg"));
    let button = button.unwrap().trim();
    assert!(
        button.contains("disabled title=\"the file holds no audio that is supported"),
        "{button}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_discord_the_page_says_what_to_do() {
    let server = Setup::offline()
        .set("YURI_DISCORD__CLIENT_SECRET", "hunter2hunter2")
        .start()
        .await;
    let page = Answer::of(server.get("/")).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("YURI_DISCORD__BOT_TOKEN"));
    assert!(page.body.contains("YURI_DISCORD__CLIENT_ID"));
    assert!(!page.body.contains("YURI_DISCORD__CLIENT_SECRET"));
    assert!(page.body.contains("http://yuri.test/login/authorize"));
    assert!(!page.body.contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_files_are_served() {
    let server = Setup::offline().start().await;
    for (name, kind) in [
        ("board.js", "text/javascript"),
        ("yuri.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let answer = Answer::of(server.get(&format!("/assets/{name}"))).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, kind)
        );
    }
}
