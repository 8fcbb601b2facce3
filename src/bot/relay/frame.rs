//! What the relay reads of a frame: its opcode, and no more than it must.

use std::io::{BufReader, Read as _};

use flate2::read::ZlibDecoder;
use serde::Deserialize;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

/// A READY is far shorter.
const READY_MAX_BYTES: u64 = 16 << 20;
/// Longer payloads of Discord's are events.
const CONTROL_MAX_BYTES: usize = 256;

/// What a client says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FromClient {
    /// It is still there.
    Heartbeat,
    /// It wants a new session.
    Identify,
    /// It wants the one that it had.
    Resume,
    /// It wants to be in a voice channel of this guild, or in none.
    Voice(u64),
    /// Something that is passed on.
    Other,
}

/// What Discord says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FromDiscord {
    /// Something happened; only a session has events.
    Event,
    /// Welcome.
    Hello,
    /// The session is over, and cannot be resumed.
    SessionOver,
    /// Something that is passed on.
    Other,
}

#[derive(Deserialize)]
struct Payload {
    op: u8,
    #[serde(default)]
    d: Value,
}

#[derive(Deserialize)]
struct Operation {
    op: u8,
}

#[derive(Deserialize)]
struct Ready {
    d: ReadyData,
}

#[derive(Deserialize)]
struct ReadyData {
    resume_gateway_url: String,
}

#[derive(Deserialize)]
struct VoiceState {
    d: VoiceStateGuild,
}

#[derive(Deserialize)]
struct VoiceStateGuild {
    guild_id: String,
}

/// Reads a client's frame.
pub(super) fn from_client(message: &Message) -> FromClient {
    let Message::Text(text) = message else {
        return FromClient::Other;
    };
    match serde_json::from_str(text) {
        Ok(Operation { op: 1 }) => FromClient::Heartbeat,
        Ok(Operation { op: 2 }) => FromClient::Identify,
        Ok(Operation { op: 6 }) => FromClient::Resume,
        Ok(Operation { op: 4 }) => {
            let state = serde_json::from_str::<VoiceState>(text).ok();
            let guild = state.and_then(|state| state.d.guild_id.parse().ok());
            guild.map_or(FromClient::Other, FromClient::Voice)
        }
        _ => FromClient::Other,
    }
}

/// Reads a frame of Discord's. What it compresses is an event.
pub(super) fn from_discord(message: &Message) -> FromDiscord {
    let text = match message {
        Message::Binary(_) => return FromDiscord::Event,
        Message::Text(text) => text,
        _ => return FromDiscord::Other,
    };
    if text.len() > CONTROL_MAX_BYTES {
        return match serde_json::from_str(text) {
            Ok(Operation { op: 10 }) => FromDiscord::Hello,
            _ => FromDiscord::Event,
        };
    }
    match serde_json::from_str(text) {
        Ok(Payload { op: 0, .. }) => FromDiscord::Event,
        Ok(Payload { op: 10, .. }) => FromDiscord::Hello,
        Ok(Payload {
            op: 9,
            d: Value::Bool(true),
        }) => FromDiscord::Other,
        Ok(Payload { op: 9, .. }) => FromDiscord::SessionOver,
        _ => FromDiscord::Other,
    }
}

/// Where the session that an event tells of is to be resumed; `None` for events that tell of none.
/// <https://docs.discord.com/developers/events/gateway-events#ready>
pub(super) fn resume_url(event: &Message) -> Option<String> {
    let ready: Ready = match event {
        Message::Text(text) => serde_json::from_str(text).ok()?,
        Message::Binary(bytes) => {
            let inflated = ZlibDecoder::new(&bytes[..]).take(READY_MAX_BYTES);
            serde_json::from_reader(BufReader::new(inflated)).ok()?
        }
        _ => return None,
    };
    Some(ready.d.resume_gateway_url)
}

/// Discord's answer to a heartbeat.
pub(super) fn heartbeat_ack() -> Message {
    Message::text(r#"{"t":null,"s":null,"op":11,"d":null}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_tells_where_its_session_is_resumed() {
        use std::io::Write as _;
        let ready = r#"{"t":"READY","s":1,"op":0,"d":{"v":10,"resume_gateway_url":"wss://b"}}"#;
        let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        deflated.write_all(ready.as_bytes()).unwrap();
        for message in [
            Message::text(ready),
            Message::binary(deflated.finish().unwrap()),
        ] {
            assert_eq!(
                resume_url(&message).as_deref(),
                Some("wss://b"),
                "{message}"
            );
        }
        let resumed = Message::text(r#"{"t":"RESUMED","s":9,"op":0,"d":{}}"#);
        for other in [
            resumed,
            Message::binary(vec![0x78, 0x9c]),
            Message::Ping("".into()),
        ] {
            assert_eq!(resume_url(&other), None, "{other}");
        }
    }

    #[test]
    fn frames_are_told_apart() {
        let discord = |text: &str| from_discord(&Message::text(text));
        for (text, expected) in [
            (r#"{"t":"READY","s":1,"op":0,"d":{}}"#, FromDiscord::Event),
            (
                r#"{"op":10,"d":{"heartbeat_interval":41250}}"#,
                FromDiscord::Hello,
            ),
            (
                r#"{"t":null,"s":null,"op":9,"d":false}"#,
                FromDiscord::SessionOver,
            ),
            (r#"{"op":9,"d":null}"#, FromDiscord::SessionOver),
            (r#"{"op":9,"d":true}"#, FromDiscord::Other),
            (r#"{"op":11}"#, FromDiscord::Other),
            ("{", FromDiscord::Other),
        ] {
            assert_eq!(discord(text), expected, "{text}");
        }
        let long = format!(r#"{{"d":"{}","op":0}}"#, "x".repeat(300));
        assert_eq!(discord(&long), FromDiscord::Event);
        assert_eq!(
            from_discord(&Message::binary(vec![0x78, 0x9c])),
            FromDiscord::Event
        );
        assert_eq!(from_discord(&Message::Ping("".into())), FromDiscord::Other);

        let client = |text: &str| from_client(&Message::text(text));
        assert_eq!(client(r#"{"op":1,"d":7}"#), FromClient::Heartbeat);
        assert_eq!(
            client(r#"{"op":2,"d":{"token":"x"}}"#),
            FromClient::Identify
        );
        assert_eq!(client(r#"{"op":6,"d":{}}"#), FromClient::Resume);
        assert_eq!(client(r#"{"op":4,"d":{}}"#), FromClient::Other);
        assert_eq!(
            client(r#"{"op":4,"d":{"guild_id":"7","channel_id":null}}"#),
            FromClient::Voice(7)
        );
        assert_eq!(client("x"), FromClient::Other);
    }
}
