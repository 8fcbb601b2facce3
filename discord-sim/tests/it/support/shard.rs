//! Logging in by hand, for tests of the gateway.

use discord_sim::Sim;
use serde_json::{Value, json};

use super::socket::Socket;

/// Everything but the privileged intents.
pub(crate) const INTENTS: u64 = 53_575_421;

pub(crate) async fn connect(sim: &Sim) -> Socket {
    let mut socket = Socket::connect(&format!("{}/?v=10&encoding=json", sim.gateway_url())).await;
    let hello = socket.receive().await;
    assert_eq!(
        (&hello["op"], &hello["d"]["heartbeat_interval"]),
        (&json!(10), &json!(41_250))
    );
    socket
}

pub(crate) fn identify(token: &str, intents: u64) -> Value {
    json!({ "token": token, "intents": intents, "properties": {} })
}

pub(crate) async fn log_in(sim: &Sim, intents: u64) -> (Socket, Value) {
    let mut socket = connect(sim).await;
    socket
        .send(2, identify(&sim.application().bot_token, intents))
        .await;
    let ready = socket.receive_event("READY").await;
    (socket, ready)
}
