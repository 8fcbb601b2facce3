//! Somebody sets the system's clock while the server runs. Limits and waits do not notice;
//! lifetimes follow the new time. Security 3.1.

use std::time::Duration;

use reqwest::Method;
use yuri::db::plays::{LOCAL, NewPlay};

use crate::support::{Answer, START_MS, Server, Setup, Token, id};

const PATH: &str = "/api/localsounds";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DAY_MS: i64 = 86_400_000;

async fn ask(server: &Server, token: &Token) -> u16 {
    token.get(server, PATH).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_do_not_notice() {
    let server = Setup::offline().start().await;
    let token = server.token(id("1")).await;
    for step_ms in [DAY_MS, -2 * DAY_MS, DAY_MS] {
        for _ in 0..5 {
            assert_eq!(ask(&server, &token).await, 200);
        }
        let refused = token.get(&server, PATH).await;
        assert_eq!(refused.budget(), Some((5, 0, 2_000)));
        server.clock.set_wall(server.clock.now_ms() + step_ms);
        let refused = token.get(&server, PATH).await;
        assert_eq!(
            (refused.status.as_u16(), refused.budget()),
            (429, Some((5, 0, 2_000))),
            "{step_ms}"
        );
        server.clock.advance(Duration::from_secs(10));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_end_by_the_new_time_and_what_was_revoked_stays_so() {
    let setup = Setup::offline().set("YURI_LIMITS__BURST", "1000");
    let database = setup.data().join("yuri.sqlite3").display().to_string();
    let server = setup.start().await;
    let used = server.token(id("1")).await;
    let unused = server.token(id("2")).await;
    let revoked = server.token(id("3")).await;
    let path = format!("/api/tokens/{}", revoked.id);
    let ended = revoked.sign(server.request(Method::DELETE, &path));
    assert_eq!(Answer::of(ended).await.status, 200);
    server.clock.set_wall(START_MS + DAY_MS);
    assert_eq!(ask(&server, &used).await, 200);
    server.app.tokens.flush().await.unwrap();
    server.clock.set_wall(START_MS - DAY_MS);
    assert_eq!(ask(&server, &used).await, 200);
    assert_eq!(ask(&server, &revoked).await, 401);
    // A week from its last use, by the clock as it is now, also after a crash.
    server.app.tokens.flush().await.unwrap();
    let clock = server.clock.clone();
    let folder = server.stop().await;
    let server = Setup::offline()
        .set("YURI_DATABASE__URL", database)
        .start_at(clock.clone())
        .await;
    clock.set_wall(START_MS + 6 * DAY_MS);
    assert_eq!(ask(&server, &used).await, 401);
    assert_eq!(ask(&server, &unused).await, 200);
    assert_eq!(ask(&server, &revoked).await, 401);
    clock.advance(7 * DAY);
    assert_eq!(ask(&server, &unused).await, 401);
    server.stop().await;
    drop(folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_play_log_keeps_the_order_in_which_sounds_were_heard() {
    let server = Setup::offline().start().await;
    let user = id("1");
    server.add_user(user, &[id("7")]).await;
    let token = server.token(user).await;
    server.add_user(user, &[id("7")]).await;
    for (sound, at_ms) in [
        ("first", START_MS),
        ("second", START_MS + DAY_MS),
        ("third", START_MS - DAY_MS),
    ] {
        let play = NewPlay {
            guild: id("7"),
            time_ms: at_ms,
            user,
            user_tag: "zekro".into(),
            source: LOCAL,
            sound: sound.into(),
        };
        server.log(vec![play]).await;
    }
    let log = token.get(&server, "/api/logs/7").await.json();
    let results = log["results"].as_array().unwrap();
    let sounds: Vec<_> = results.iter().map(|play| &play["sound"]).collect();
    assert_eq!(sounds, ["third", "second", "first"]);
    server.stop().await;
}
