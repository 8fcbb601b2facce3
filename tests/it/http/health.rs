//! `/alive`, `/ready`, `/version`, and serving without Discord.

use yuri::domain::guilds::Outage;

use crate::support::{Answer, Setup, id};

#[tokio::test(flavor = "multi_thread")]
async fn each_says_what_it_knows() {
    let server = Setup::with_discord().start().await;
    for (path, body) in [
        ("/alive", "{\n  \"status\": \"alive\"\n}"),
        ("/ready", "{\n  \"status\": \"ready\"\n}"),
        (
            "/version",
            concat!("{\n  \"version\": \"", env!("CARGO_PKG_VERSION"), "\"\n}"),
        ),
    ] {
        let answer = Answer::of(server.get(path)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.as_str()),
            (200, body),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_that_discord_refuses_it_lives_but_is_not_ready() {
    let sim = discord_sim::Sim::start(discord_sim::Settings::default())
        .await
        .unwrap();
    let server = Setup::offline()
        .set("YURI_DISCORD__API_URL", sim.api_url())
        .set("YURI_DISCORD__BOT_TOKEN", "not.a.token")
        .set("YURI_DISCORD__CLIENT_ID", sim.application().id.to_string())
        .set("YURI_DISCORD__CLIENT_SECRET", "wrong")
        .start()
        .await;
    let token = server.token(id("1")).await;
    server
        .until(|app| app.guilds.gateway().outage() == Outage::TokenRefused)
        .await;
    let ready = Answer::of(server.get("/ready")).await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.error(), "Discord refuses the bot's token");
    assert_eq!(Answer::of(server.get("/alive")).await.status, 200);
    assert_eq!(token.get(&server, "/api/localsounds").await.status, 200);
    let logs = token.get(&server, "/api/logs/1").await;
    assert_eq!(logs.status, 503);
    assert_eq!(logs.error(), "the bot is not connected to Discord yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_discord_existing_tokens_are_served() {
    let setup = Setup::with_discord();
    let database = setup.data().join("yuri.sqlite3").display().to_string();
    let first = setup.start().await;
    let guild = first.guild();
    let browser = crate::support::browser::Browser::new(&first);
    let callback = browser.approve("/token", "ben").await;
    let body = browser.open(&callback).await.json();
    let user = first.user("ben");
    let token = crate::support::Token {
        user,
        id: 1,
        secret: body["token"].as_str().unwrap().to_owned(),
    };
    let folder = first.stop().await;

    let second = Setup::offline()
        .set("YURI_DATABASE__URL", database)
        .start()
        .await;
    assert_eq!(token.get(&second, "/api/localsounds").await.status, 200);
    assert_eq!(
        token
            .get(&second, &format!("/api/logs/{guild}"))
            .await
            .status,
        200
    );
    assert_eq!(token.get(&second, "/api/logs/999").await.status, 403);
    let play = token
        .post(
            &second,
            &format!("/api/guilds/{guild}/play"),
            r#"{"sound":"x"}"#,
        )
        .await;
    assert_eq!(play.status, 403);
    assert_eq!(Answer::of(second.get("/ready")).await.status, 200);
    second.stop().await;
    drop(folder);
}
