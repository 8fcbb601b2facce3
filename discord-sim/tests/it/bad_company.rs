//! What one client or page does to others: nothing.

use std::time::Duration;

use discord_sim::{OverwriteTarget, Sim, permissions};
use reqwest::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use crate::support::guest::Guest;
use crate::support::rest::Rest;
use crate::support::shard::{LAB, sim_of, two_bots};
use crate::support::{PATIENCE, eventually, sim};

/// Opus frames of the right shape with nothing in them.
const FRAME: [u8; 4] = [0xfc, 1, 2, 3];
const LOUNGE: u64 = 33;

/// Both bots of the guild, in one voice channel.
async fn pair() -> (Sim, Guest, Guest) {
    let sim = sim_of(two_bots(), []).await;
    let first = Guest::join(sim.clone(), 8).await;
    let second = Guest::join(sim.for_bot(22), 8).await;
    (sim, first, second)
}

#[tokio::test]
async fn who_floods_the_voice_gateway_is_closed_alone() {
    let (_sim, first, second) = pair().await;
    let (mut noisy, _speaker) = first.speak().await;
    let (mut quiet, _listener) = second.speak().await;
    for number in 0..=100 {
        noisy
            .send(5, json!({ "speaking": number % 2, "delay": 0, "ssrc": 1 }))
            .await;
    }
    assert_eq!(noisy.closed().await, 4_021);
    quiet.send(3, json!({ "t": 1, "seq_ack": -1 })).await;
    quiet.receive_op(6).await;
}

#[tokio::test]
async fn the_same_said_again_is_no_news() {
    let (_sim, first, second) = pair().await;
    let (mut noisy, _speaker) = first.speak().await;
    let (mut quiet, _listener) = second.speak().await;
    for speaking in [1, 1, 1, 0] {
        noisy
            .send(5, json!({ "speaking": speaking, "delay": 0, "ssrc": 1 }))
            .await;
    }
    for speaking in [1, 0] {
        let told = quiet.receive_op(5).await;
        assert_eq!(told["d"]["speaking"], speaking);
    }
}

#[tokio::test]
async fn audio_cannot_be_turned_away_by_a_stranger() {
    let (_sim, first, second) = pair().await;
    let (_first_socket, mut listener) = first.speak().await;
    let (_second_socket, mut speaker) = second.speak().await;
    // Only the client has the key of this.
    listener.send(&FRAME).await;
    assert!(first.sim.wait_packets(LAB, 1, PATIENCE).await);
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    stranger
        .connect(listener.udp.peer_addr().unwrap())
        .await
        .unwrap();
    let mut request = [0; 74];
    request[1] = 1;
    request[3] = 70;
    request[4..8].copy_from_slice(&listener.ssrc.to_be_bytes());
    stranger.send(&request).await.unwrap();
    assert_eq!(stranger.recv(&mut request).await.unwrap(), 74);
    speaker.send(&FRAME).await;
    assert_eq!(listener.receive().await.1, FRAME);
}

#[tokio::test]
async fn who_may_not_speak_is_not_heard() {
    let mut guest = Guest::join(sim_of(two_bots(), []).await, 8).await;
    let (_socket, mut speaker) = guest.speak().await;
    let sim = guest.sim.clone();
    let bot = OverwriteTarget::Member(21);
    sim.set_overwrite(LOUNGE, bot, 0, permissions::SPEAK)
        .unwrap();
    speaker.send(&FRAME).await;
    eventually("a packet that nobody hears", || {
        sim.heard(LAB).muted_packets == 1
    })
    .await;
    assert_eq!(sim.heard(LAB).packets, 0);
    let (_, seat) = Rest::new(&sim)
        .get(&format!("/guilds/{LAB}/voice-states/@me"))
        .await;
    assert_eq!(seat["suppress"], true);
    sim.set_overwrite(LOUNGE, bot, 0, 0).unwrap();
    speaker.send(&FRAME).await;
    assert!(sim.wait_packets(LAB, 1, PATIENCE).await);
    guest.gateway.send(1, json!(null)).await;
}

#[tokio::test]
async fn a_server_that_is_gone_lets_nobody_in() {
    let mut guest = Guest::new().await;
    guest.sim.withdraw_voice_server(guest.guild).unwrap();
    guest.identify["session_id"] = json!("");
    guest.identify["token"] = json!("");
    let mut socket = guest.connect().await;
    socket.send(0, guest.identify.clone()).await;
    assert_eq!(socket.closed().await, 4_006);
}

#[tokio::test]
async fn time_has_an_end() {
    let sim = sim().await;
    let rest = Rest::new(&sim);
    for _ in 0..2 {
        sim.advance_clock(Duration::MAX);
        assert_eq!(rest.get("/users/@me").await.0, 200);
    }
    let moved = reqwest::Client::new()
        .post(format!("{}/sim/clock", sim.api_url()))
        .json(&json!({ "advance_ms": u64::MAX }))
        .send();
    assert_eq!(moved.await.unwrap().status(), StatusCode::OK);
    assert_eq!(rest.get("/users/@me").await.0, 200);
}

/// The first line of the answer to a handshake that says this of itself.
async fn handshake(sim: &Sim, headers: &str) -> String {
    let url = sim.gateway_url();
    let address = url.strip_prefix("ws://").unwrap();
    let mut stream = TcpStream::connect(address.trim_end_matches('/'))
        .await
        .unwrap();
    let request = format!(
        "GET /?v=10&encoding=json HTTP/1.1\r\n{headers}Connection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn pages_elsewhere_open_no_sockets() {
    let sim = sim().await;
    let own = "Host: 127.0.0.1:9\r\n";
    assert_eq!(handshake(&sim, own).await, "HTTP/1.1 101");
    for foreign in [
        "Host: evil.example\r\n",
        "Host: discord.com\r\n",
        "Host: localhost\r\nOrigin: http://evil.example\r\n",
        "Host: localhost\r\nOrigin: null\r\n",
        "",
    ] {
        assert_eq!(handshake(&sim, foreign).await, "HTTP/1.1 421", "{foreign}");
    }
}
