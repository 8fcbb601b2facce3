//! What the voice gateway sends, and how its versions frame it.
//!
//! Made by the state and the voice room, framed by the connection that sends it.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// A version of the voice gateway that is spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version(u8);

impl Version {
    /// Versions 4 to 8; Discord has discontinued the earlier ones.
    pub(crate) fn parse(text: &str) -> Option<Version> {
        let version = text.parse().ok()?;
        (4..=8).contains(&version).then_some(Version(version))
    }

    pub(crate) fn number(self) -> u8 {
        self.0
    }

    /// Whether messages are numbered, and those that a client missed sent again when it resumes.
    pub(crate) fn is_numbered(self) -> bool {
        self.0 >= 8
    }
}

/// A message that a client must not miss.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    /// Opcode and data.
    Json(u8, Value),
    /// Opcode and body, as DAVE's larger messages are sent.
    Binary(u8, Vec<u8>),
}

/// A message as it goes over the WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Framed {
    Text(String),
    Binary(Vec<u8>),
}

impl Message {
    /// Others have come into the channel.
    pub(crate) fn clients_connect(users: &[u64]) -> Message {
        let users = users.iter().map(u64::to_string).collect::<Vec<_>>();
        Message::Json(11, json!({ "user_ids": users }))
    }

    /// Someone has left the channel.
    pub(crate) fn client_disconnect(user: u64) -> Message {
        Message::Json(13, json!({ "user_id": user.to_string() }))
    }

    /// The message with its number, where the version has numbers.
    pub(crate) fn frame(&self, version: Version, sequence: u16) -> Framed {
        match self {
            Message::Json(op, data) => {
                // By hand, because the data can be large and need not be copied.
                let mut text = format!("{{\"op\":{op},\"d\":{data}");
                if version.is_numbered() {
                    let _ = write!(text, ",\"seq\":{sequence}");
                }
                text.push('}');
                Framed::Text(text)
            }
            Message::Binary(op, body) => {
                let mut bytes = Vec::with_capacity(3 + body.len());
                if version.is_numbered() {
                    bytes.extend(sequence.to_be_bytes());
                }
                bytes.push(*op);
                bytes.extend(body);
                Framed::Binary(bytes)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_that_discord_still_accepts_are_spoken() {
        for version in ["", "0", "3", "9", "-4", "4.0", "x"] {
            assert_eq!(Version::parse(version), None, "{version}");
        }
        for version in ["4", "5", "6", "7", "8"] {
            assert!(Version::parse(version).is_some(), "{version}");
        }
    }

    #[test]
    fn the_eighth_version_numbers_its_messages() {
        let [four, eight] = ["4", "8"].map(|text| Version::parse(text).unwrap());
        let json = Message::Json(13, json!({ "user_id": "7" }));
        assert_eq!(
            json.frame(four, 258),
            Framed::Text(r#"{"op":13,"d":{"user_id":"7"}}"#.to_owned())
        );
        assert_eq!(
            json.frame(eight, 258),
            Framed::Text(r#"{"op":13,"d":{"user_id":"7"},"seq":258}"#.to_owned())
        );
        let binary = Message::Binary(25, vec![7, 8]);
        assert_eq!(binary.frame(four, 258), Framed::Binary(vec![25, 7, 8]));
        assert_eq!(
            binary.frame(eight, 258),
            Framed::Binary(vec![1, 2, 25, 7, 8])
        );
    }
}
