//! `/socket.io`: with the official client, and with requests that no such client would send.

use std::time::Duration;

use discord_sim::{Channel, ChannelKind};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::node::{Node, Running};
use crate::support::socket::Socket;
use crate::support::{Answer, Server, Setup, Token};

const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

fn auth(token: &Token) -> Value {
    json!({"user_id": token.user.to_string(), "token": token.secret})
}

/// Reads what a client prints until it has printed all of these, in any order.
async fn all_of(client: &mut Running, names: &[&str]) {
    let mut missing = names.to_vec();
    while !missing.is_empty() {
        let line = client.next().await;
        let place = missing.iter().position(|name| line[0] == *name);
        missing.remove(place.unwrap_or_else(|| panic!("{line} instead of {missing:?}")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_hears_events_over_every_transport() {
    let Some(node) = Node::or_skip().await else {
        return;
    };
    let server = Setup::with_discord().start().await;
    let url = format!("http://{}", server.address);
    let ada = server.token(server.user("ada")).await;
    let cleo = server.token(server.user("cleo")).await;
    let listen = |options: Value| {
        let mut options = options;
        options["url"] = json!(url);
        node.start("listen.js", &options)
    };
    let mut stranger = listen(json!({"transports": ["websocket"], "auth": auth(&cleo)}));
    all_of(&mut stranger, &["connect", "ready"]).await;

    let transports = [
        (json!(["polling"]), "polling"),
        (json!(["websocket"]), "websocket"),
        (json!(["polling", "websocket"]), "websocket"),
    ];
    let mut clients = Vec::new();
    for (number, (transports, last)) in (1_u16..).zip(transports) {
        let mut client = listen(json!({"transports": transports, "auth": auth(&ada)}));
        if transports.as_array().unwrap().len() == 2 {
            all_of(&mut client, &["connect", "ready", "upgrade"]).await;
        } else {
            all_of(&mut client, &["connect", "ready"]).await;
        }
        server.set_volume(server.guild(), number).await;
        server.set_volume(server.guild(), number + 100).await;
        for volume in [number, number + 100] {
            let data = json!({"guild_id": server.guild().to_string(), "volume": volume});
            let heard = client.next().await;
            assert_eq!(heard, json!(["volume_changed", data, last]));
        }
        clients.push(client);
    }
    // What changes at Discord comes the same way.
    let channel = Channel::new(0, "new", ChannelKind::Text);
    let channel = server.sim().add_channel(server.guild().get(), channel);
    let channel = channel.unwrap().to_string();
    for client in &mut clients {
        let told = client.until("channel_create").await;
        assert_eq!(told[1]["id"], channel);
        let told = client.until("config:update").await;
        assert_eq!(told[1]["module"], "CHANNELS");
    }
    let mut wrong = listen(json!({"auth": {"user_id": "1", "token": "x".repeat(64)}}));
    let refused = wrong.until("connect_error").await;
    assert_eq!(refused[1], "unauthorized");
    let mut signed = listen(json!({
        "transports": ["websocket"],
        "extraHeaders": {"Authorization": basic(&server, &ada)},
    }));
    all_of(&mut signed, &["connect", "ready"]).await;

    server.app.tokens.revoke(ada.user, ada.id).await.unwrap();
    for mut client in clients.into_iter().chain([signed]) {
        let over = client.until("disconnect").await;
        assert_eq!(over[1], "io server disconnect");
    }
    server.stop().await;
    assert_eq!(
        stranger.next().await,
        json!(["disconnect", "transport close"])
    );
}

fn basic(server: &Server, token: &Token) -> String {
    let request = token.sign(server.get("/")).build().unwrap();
    request.headers()["authorization"]
        .to_str()
        .unwrap()
        .to_owned()
}

/// Begins a session without saying who it is; answers its address.
async fn begin(server: &Server) -> String {
    let opened = Answer::of(server.get(POLLING)).await;
    assert_eq!(opened.status, 200, "{}", opened.body);
    let first: Value = serde_json::from_str(opened.body.strip_prefix('0').unwrap()).unwrap();
    assert_eq!(first["upgrades"], json!(["websocket"]));
    assert_eq!(
        (&first["pingInterval"], &first["pingTimeout"]),
        (&json!(25_000), &json!(20_000))
    );
    format!("{POLLING}&sid={}", first["sid"].as_str().unwrap())
}

async fn send(server: &Server, path: &str, body: &str) -> Answer {
    Answer::of(server.request(Method::POST, path).body(body.to_owned())).await
}

async fn poll(server: &Server, path: &str) -> Answer {
    Answer::of(server.get(path)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_client_sends_ends_the_session() {
    let server = Setup::with_discord().start().await;
    for path in [
        "/socket.io/",
        "/socket.io/?EIO=3&transport=polling",
        "/socket.io/?EIO=4&transport=pigeon",
        "/socket.io/?EIO=4&transport=websocket",
        "/socket.io/?EIO=4&transport=polling&sid=unknown",
    ] {
        let refused = poll(&server, path).await;
        assert_eq!(refused.status, 400, "{path}");
        refused.error();
    }
    let evil = server.get(POLLING).header("Origin", "https://evil.example");
    assert_eq!(Answer::of(evil).await.status, 403);
    assert_eq!(send(&server, POLLING, "40").await.status, 400);

    for body in [
        "",
        "0{}",
        "b4",
        "40/admin,",
        "\u{1e}",
        &"4".repeat(16 * 1024 + 1),
    ] {
        let path = begin(&server).await;
        assert_eq!(send(&server, &path, body).await.status, 400, "{body:.9}");
        let over = poll(&server, &path).await;
        assert_eq!(over.error(), "this session has ended", "{body:.9}");
    }
    // Nobody is known yet: the namespace is refused, and may be asked for again.
    let path = begin(&server).await;
    let ada = server.token(server.user("ada")).await;
    assert_eq!(send(&server, &path, "40").await.body, "ok");
    assert_eq!(
        poll(&server, &path).await.body,
        r#"44{"message":"unauthorized"}"#
    );
    send(
        &server,
        &path,
        &format!("40{}\u{1e}42[\"hello\"]", auth(&ada)),
    )
    .await;
    let mut told = String::new();
    while !told.contains("ready") {
        told.push_str(&poll(&server, &path).await.body);
    }
    // One request waits; another ends it all.
    let (first, second) = tokio::join!(poll(&server, &path), poll(&server, &path));
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (400, 400));
    server.until(|app| app.feeds.count() == 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_gone_is_let_go() {
    let server = Setup::with_discord().start().await;
    let ada = server.token(server.user("ada")).await;
    let silent = begin(&server).await;
    let mut socket = Socket::signed(&server, "/socket.io/?EIO=4&transport=websocket", &ada).await;
    assert!(socket.next_text().await.unwrap().starts_with("0{"));
    socket.send_text("40").await;
    assert!(socket.next_text().await.unwrap().starts_with("40{"));
    assert!(
        socket
            .next_text()
            .await
            .unwrap()
            .starts_with("42[\"ready\",")
    );
    // It has not said what it wants.
    server.clock.advance(Duration::from_secs(10));
    let ended = async { while poll(&server, &silent).await.status != 400 {} };
    tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .expect("it has ended");
    // It is asked whether it is there, and answers once.
    server.clock.advance(Duration::from_secs(15));
    assert_eq!(socket.next_text().await.unwrap(), "2");
    socket.send_text("3").await;
    socket.ping().await;
    server.clock.advance(Duration::from_secs(25));
    assert_eq!(socket.next_text().await.unwrap(), "2");
    // The websocket itself is alive: only the session's own question is left open.
    socket.ping().await;
    server.clock.advance(Duration::from_secs(20));
    socket.closed(1000).await;
    server.until(|app| app.feeds.count() == 0).await;
    server.stop().await;
}
