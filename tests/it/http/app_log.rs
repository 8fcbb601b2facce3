//! The application log: what administrators read and hear of it, and what nobody else does.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::json;
use tracing::{error, info, warn};
use yuri::ids::UserId;

use crate::support::socket::Socket;
use crate::support::stream::Stream;
use crate::support::{Answer, Server, Setup, Token, id};

const ADMIN: &str = "182440710331105281";
const OTHER: &str = "182440710331105282";

fn setup() -> Setup {
    Setup::offline()
        .set("YURI_ADMINS", ADMIN)
        .set("YURI_LIMITS__BURST", "1000")
}

async fn admin(server: &Server) -> Token {
    server.token(id::<UserId>(ADMIN)).await
}

/// The messages of a list, once all that was logged before is written.
async fn messages(server: &Server, admin: &Token, query: &str) -> Vec<String> {
    server.app.app_log.flush().await;
    let read = admin.get(server, &format!("/api/admin/logs{query}")).await;
    assert_eq!(read.status, 200, "{}", read.body);
    let results = read.json()["results"].take();
    let text = |entry: &serde_json::Value| entry["message"].as_str().unwrap().to_owned();
    results.as_array().unwrap().iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_read_it_newest_first() {
    let server = setup().start().await;
    let admin = admin(&server).await;
    server.logging(|| {
        info!("all is well");
        warn!(guild.id = 7, "Discord was not told");
    });
    server.clock.advance(Duration::from_secs(60));
    server.logging(|| error!(stacktrace = "in a\nin b", "it went wrong"));
    server.app.app_log.flush().await;
    let read = admin.get(&server, "/api/admin/logs").await;
    assert_eq!(read.header("x-total-count"), "2");
    insta::assert_snapshot!(read.body, @r#"
    {
      "n": 2,
      "results": [
        {
          "level": "error",
          "message": "it::http::app_log: it went wrong",
          "timestamp": "2019-04-06T18:49:02Z",
          "stacktrace": "in a\nin b"
        },
        {
          "level": "warn",
          "message": "it::http::app_log: Discord was not told guild.id=7",
          "timestamp": "2019-04-06T18:48:02Z",
          "stacktrace": null
        }
      ]
    }
    "#);
    let of = |query| messages(&server, &admin, query);
    assert_eq!(of("?level=warn").await.len(), 2);
    assert_eq!(of("?level=error").await.len(), 1);
    assert!(of("?limit=1").await[0].ends_with("it went wrong"));
    assert!(of("?from=1&limit=5").await[0].contains("not told"));
    assert_eq!(of("?from=2").await.len(), 0);
    for query in ["level=", "level=WARN", "level=2", "level=warn&level=warn"] {
        let wrong = admin
            .get(&server, &format!("/api/admin/logs?{query}"))
            .await;
        let told = (wrong.status.as_u16(), wrong.error());
        let expected = "level must be error, warn, info, debug or trace";
        assert_eq!(told, (400, expected.to_owned()), "{query}");
    }
    let nobody = Answer::of(server.get("/api/admin/logs")).await;
    assert_eq!(nobody.status, 401);
    let other = server.token(id::<UserId>(OTHER)).await;
    let refused = other.get(&server, "/api/admin/logs").await;
    assert_eq!(
        (refused.status.as_u16(), refused.error().as_str()),
        (403, "forbidden")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_hear_it_and_nobody_else() {
    let server = setup().start().await;
    let admin = admin(&server).await;
    let other = server.token(id::<UserId>(OTHER)).await;
    let mut stream = Stream::greeted(admin.sign(server.get("/events"))).await;
    let mut strange = Stream::greeted(other.sign(server.get("/events"))).await;
    let socket_io = "/socket.io/?EIO=4&transport=websocket";
    let mut sockets = Vec::new();
    for token in [&admin, &other] {
        let mut socket = Socket::signed(&server, socket_io, token).await;
        assert!(socket.next_text().await.unwrap().starts_with("0{"));
        socket.send_text("40").await;
        assert!(socket.next_text().await.unwrap().starts_with("40{"));
        let ready = socket.next_text().await.unwrap();
        assert!(ready.starts_with("42[\"ready\","), "{ready}");
        sockets.push(socket);
    }
    let mut original = Socket::signed(&server, "/ws", &admin).await;
    original.expect("HELLO").await;

    server.logging(|| warn!(target: "yuri::bot", "no voice"));
    let data = json!({
        "level": "warn",
        "message": "no voice",
        "timestamp": "2019-04-06T18:48:02Z",
        "stacktrace": null,
    });
    let told = stream.next().await.unwrap();
    assert_eq!((told.name.as_str(), &told.data), ("log", &data));
    let told = sockets[0].next_text().await.unwrap();
    let told: serde_json::Value = serde_json::from_str(&told[2..]).unwrap();
    assert_eq!(told, json!(["Log", data]));
    // The others hear the next thing there is: that it is over.
    server.clock.advance(Duration::from_secs(15));
    assert_eq!(strange.next().await.unwrap().comment, "ping");
    server.clock.advance(Duration::from_secs(10));
    assert_eq!(sockets[1].next_text().await.unwrap(), "2");
    original.ping().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_newest_and_nothing_for_longer_than_it_is_told() {
    let settings = [
        ("YURI_APP_LOG__KEEP_MAX", "3"),
        ("YURI_APP_LOG__KEEP_DAYS", "2"),
    ];
    let setup = settings
        .iter()
        .fold(setup(), |setup, (key, value)| setup.set(key, *value));
    let server = setup.start().await;
    let admin = admin(&server).await;
    server.logging(|| (0..5).for_each(|n| warn!(target: "yuri", "{n}")));
    assert_eq!(messages(&server, &admin, "").await, ["4", "3", "2"]);
    server.clock.advance(Duration::from_secs(24 * 60 * 60));
    server.logging(|| warn!(target: "yuri", "5"));
    server.app.app_log.flush().await;
    server.clock.advance(Duration::from_secs(24 * 60 * 60 + 1));
    server.app.app_log.delete_old().await.unwrap();
    assert_eq!(messages(&server, &admin, "").await, ["5"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_nothing_holds_nobody_up_and_the_loss_is_counted() {
    let setup = setup();
    let file = setup.data().join("yuri.sqlite3");
    let server = setup.start().await;
    let admin = admin(&server).await;
    let mut stream = Stream::greeted(admin.sign(server.get("/events"))).await;
    let mut holder = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    holder.batch_execute("BEGIN IMMEDIATE").unwrap();
    server.logging(|| warn!(target: "yuri", "first"));
    // Who listens needs no table.
    assert_eq!(stream.next().await.unwrap().data["message"], "first");
    server.logging(|| (0..1_500).for_each(|n| warn!(target: "yuri", n, "flood")));
    holder.batch_execute("ROLLBACK").unwrap();
    let kept = messages(&server, &admin, "?limit=9999").await;
    let told = |message: &&String| message.starts_with("messages are missing here: ");
    let counts: Vec<usize> = kept
        .iter()
        .filter(told)
        .map(|message| message.split(' ').nth(4).unwrap().parse().unwrap())
        .collect();
    assert_eq!(counts.len(), 1, "{counts:?}");
    assert!(counts[0] >= 400, "{counts:?}");
    assert_eq!(kept.len() - 1 + counts[0], 1_501);
    server.stop().await;
}
