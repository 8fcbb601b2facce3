//! A reader of gateway events that forgives nothing: a missing or wrong field is an error,
//! where clients drop the event or go on without it.

use serde::de::DeserializeSeed as _;
use serde_json::Value;
use twilight_model::gateway::event::GatewayEventDeserializer;

/// Reads an event of the gateway, if this payload is one.
///
/// # Panics
///
/// If it cannot be read.
pub(crate) fn check(payload: &Value) {
    // Of `RATE_LIMITED` its `meta` is read as an enum with a name around it, which is not
    // what Discord documents.
    if payload["op"] != 0 || !payload["t"].is_string() || payload["t"] == "RATE_LIMITED" {
        return;
    }
    let text = payload.to_string();
    let reader = GatewayEventDeserializer::from_json(&text).expect("an event");
    let read = reader.deserialize(&mut serde_json::Deserializer::from_str(&text));
    if let Err(error) = read {
        panic!("{error} in {text}");
    }
}
