//! What becomes of a payload that a gateway is about to send.

use std::time::Duration;

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use super::active::{Faults, Strike};
use super::answer::set;
use super::effect::Effect;
use super::point::Payload;

/// What is sent in place of a payload.
#[derive(Debug)]
pub(crate) struct Passage {
    /// How much later.
    pub(crate) delay: Duration,
    /// The payload itself, another one, or several.
    pub(crate) messages: Vec<Message>,
    /// What happens to the connection then.
    pub(crate) end: Option<Effect>,
}

impl Faults {
    /// Lets a payload pass, as far as faults let it.
    pub(crate) fn pass(&self, payload: &Payload<'_>, message: Message) -> Passage {
        let mut passage = Passage::from(message);
        for strike in self.on_sent(payload) {
            passage.meet(strike);
        }
        passage
    }
}

impl From<Message> for Passage {
    fn from(message: Message) -> Passage {
        Passage {
            delay: Duration::ZERO,
            messages: vec![message],
            end: None,
        }
    }
}

impl Passage {
    fn meet(&mut self, strike: Strike) {
        self.delay += strike.delay().unwrap_or_default();
        match strike.effect {
            Effect::Delay(_) => {}
            Effect::Set { pointer, value } => {
                for message in &mut self.messages {
                    change(message, &pointer, &value);
                }
            }
            Effect::Garble => {
                for message in &mut self.messages {
                    garble(message, strike.dice);
                }
            }
            Effect::Duplicate => self.messages.extend_from_within(..),
            Effect::Swallow => self.messages.clear(),
            end => {
                self.messages.clear();
                self.end = Some(end);
            }
        }
    }
}

/// Sets a value in the data of a payload that is JSON.
fn change(message: &mut Message, pointer: &str, value: &Value) {
    if let Message::Text(text) = &message
        && let Ok(mut json) = serde_json::from_str(text)
    {
        set(&mut json, &format!("/d{pointer}"), value.clone());
        *message = Message::text(json.to_string());
    }
}

/// Halves JSON, and changes a byte of anything else.
fn garble(message: &mut Message, dice: u64) {
    *message = match &message {
        Message::Text(text) => {
            let half = text.as_str().chars().take(text.chars().count() / 2);
            Message::text(half.collect::<String>())
        }
        Message::Binary(bytes) => {
            let mut bytes = bytes.to_vec();
            garble_byte(&mut bytes, dice);
            Message::binary(bytes)
        }
        _ => return,
    };
}

/// Makes one byte another.
pub(crate) fn garble_byte(bytes: &mut [u8], dice: u64) {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let place = dice.checked_rem(length).map(usize::try_from);
    if let Some(Ok(place)) = place
        && let Some(byte) = bytes.get_mut(place)
    {
        *byte = !*byte;
    }
}
