//! Packets of Engine.IO 4 and, inside its messages, of Socket.IO 5: as much of both as a server
//! needs that tells events of one namespace in text.
//! <https://socket.io/docs/v4/engine-io-protocol/>, <https://socket.io/docs/v4/socket-io-protocol/>

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::live::wire::json;

/// Stands between the packets of one body.
pub(super) const SEPARATOR: char = '\u{1e}';
/// Nothing; ends a request that waits for packets.
pub(super) const NOOP: &str = "6";
/// The server ends the session; the client may come back.
pub(super) const CLOSE: &str = "1";
pub(super) const PING: &str = "2";
/// A client tries whether websockets work, and the answer.
pub(super) const PROBE: &str = "2probe";
pub(super) const PROBE_ANSWER: &str = "3probe";
/// The client goes on with its websocket.
pub(super) const UPGRADE: &str = "5";
/// The server ends the client's part in the namespace; it does not come back by itself.
pub(super) const DISCONNECT: &str = "41";

/// What a client says.
#[derive(Debug, PartialEq)]
pub(super) enum Packet {
    /// It is still there.
    Pong,
    /// It goes.
    Close,
    /// It wants to hear events, and says who it is.
    Connect(Value),
    /// It wants to hear no more.
    Disconnect,
    /// Somebody looks at it.
    Focus,
    /// Something that changes nothing here.
    Other,
}

/// The first packet of a session.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Open<'a> {
    pub(super) sid: &'a str,
    pub(super) upgrades: &'a [&'a str],
    pub(super) ping_interval: u128,
    pub(super) ping_timeout: u128,
    pub(super) max_payload: usize,
}

/// What a client may say who it is with: `auth` of its options.
#[derive(Deserialize)]
pub(super) struct Auth {
    #[serde(default)]
    pub(super) user_id: String,
    pub(super) token: String,
}

#[derive(Serialize)]
struct Connected<'a> {
    sid: &'a str,
}

#[derive(Serialize)]
struct Refused<'a> {
    message: &'a str,
}

/// The first packet of a session.
pub(super) fn open(open: &Open<'_>) -> String {
    format!("0{}", json(open))
}

/// The client takes part in the namespace from now on.
pub(super) fn connected(sid: &str) -> String {
    format!("40{}", json(&Connected { sid }))
}

/// The client does not take part.
pub(super) fn refused(message: &str) -> String {
    format!("44{}", json(&Refused { message }))
}

/// An event.
pub(super) fn event(name: &str, data: impl Serialize) -> String {
    format!("42{}", json(&(name, data)))
}

/// Reads a packet; `None` for what is none, or of a kind that only servers send.
pub(super) fn read(packet: &str) -> Option<Packet> {
    let kind = packet.chars().next()?;
    let rest = packet.get(1..)?;
    match kind {
        '1' => Some(Packet::Close),
        '3' => Some(Packet::Pong),
        '4' => read_message(rest),
        _ => None,
    }
}

fn read_message(message: &str) -> Option<Packet> {
    let rest = message.get(1..)?;
    match message.chars().next()? {
        '0' if rest.is_empty() => Some(Packet::Connect(Value::Null)),
        '0' => serde_json::from_str(rest).ok().map(Packet::Connect),
        '1' => Some(Packet::Disconnect),
        '2' if is_event(rest, "focus") => Some(Packet::Focus),
        // Other events, and acknowledgements: nothing is asked for here.
        '2' | '3' => Some(Packet::Other),
        _ => None,
    }
}

/// Whether an event is of this name; whatever else it says is passed over.
fn is_event(event: &str, name: &str) -> bool {
    let event = serde_json::from_str::<Vec<Value>>(event);
    event.is_ok_and(|event| event.first().is_some_and(|first| first == name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn packets_are_read_and_everything_else_is_not() {
        let auth = json!({"user_id": "1", "token": "t"});
        assert_eq!(read(&format!("40{auth}")), Some(Packet::Connect(auth)));
        assert_eq!(read("40"), Some(Packet::Connect(Value::Null)));
        assert_eq!(read("41"), Some(Packet::Disconnect));
        assert_eq!(read(r#"42["hi"]"#), Some(Packet::Other));
        assert_eq!(read(r#"42["focus",{"x":1}]"#), Some(Packet::Focus));
        assert_eq!(read(r#"42["focus""#), Some(Packet::Other));
        assert_eq!(read("3"), Some(Packet::Pong));
        assert_eq!(read("1"), Some(Packet::Close));
        for other in [
            "",
            "4",
            "40/admin,",
            "40{",
            "45",
            "2",
            "0{}",
            "bAAAA",
            "é",
            "4é",
            "9",
        ] {
            assert_eq!(read(other), None, "{other:?}");
        }
    }

    #[test]
    fn packets_are_written_as_the_documents_have_them() {
        let first = Open {
            sid: "a",
            upgrades: &["websocket"],
            ping_interval: 25_000,
            ping_timeout: 20_000,
            max_payload: 16_384,
        };
        let expected = r#"0{"sid":"a","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":16384}"#;
        assert_eq!(open(&first), expected);
        assert_eq!(connected("b"), r#"40{"sid":"b"}"#);
        assert_eq!(refused("no"), r#"44{"message":"no"}"#);
        assert_eq!(
            event("left", json!({"volume": 1})),
            r#"42["left",{"volume":1}]"#
        );
    }
}
