//! Logging in by hand, for tests of the gateway.

use std::time::Duration;

use discord_sim::Sim;
use serde_json::{Value, json};

use super::socket::Socket;

/// Everything but the privileged intents.
pub(crate) const INTENTS: u64 = 53_575_421;

/// Connects and takes HELLO.
pub(crate) async fn connect(sim: &Sim) -> Socket {
    let mut socket = Socket::connect(&format!("{}/?v=10&encoding=json", sim.gateway_url())).await;
    assert_eq!(socket.receive().await["op"], 10);
    socket
}

/// The least that IDENTIFY must say.
pub(crate) fn identify(token: &str, intents: u64) -> Value {
    json!({ "token": token, "intents": intents, "properties": {} })
}

/// Logs in and hands back what READY said.
pub(crate) async fn log_in(sim: &Sim, intents: u64) -> (Socket, Value) {
    log_in_with(sim, identify(&sim.application().bot_token, intents)).await
}

/// Logs in with this payload of IDENTIFY.
pub(crate) async fn log_in_with(sim: &Sim, data: Value) -> (Socket, Value) {
    // Discord lets a bot identify every five seconds.
    sim.advance_clock(Duration::from_secs(5));
    let mut socket = connect(sim).await;
    socket.send(2, data).await;
    let ready = socket.receive_event("READY").await;
    (socket, ready)
}

/// Resumes the session that READY spoke of.
pub(crate) fn resume(sim: &Sim, ready: &Value, seq: u64) -> Value {
    let token = sim.application().bot_token;
    json!({ "token": token, "session_id": ready["session_id"], "seq": seq })
}
