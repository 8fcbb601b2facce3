//! A reader of gateway events that forgives nothing: a missing or wrong field is an error,
//! where clients drop the event or go on without it.

use poise::serenity_prelude::{Soundboard, SoundboardSoundDeleteEvent, SoundboardSoundsEvent};
use serde::de::{DeserializeOwned, DeserializeSeed as _};
use serde_json::Value;
use twilight_model::gateway::event::GatewayEventDeserializer;

/// Reads an event of the gateway, if this payload is one.
///
/// # Panics
///
/// If it cannot be read.
pub(crate) fn check(payload: &Value) {
    let event = payload["t"].as_str().unwrap_or_default();
    if payload["op"] != 0 || event.is_empty() || !is_known(event) {
        return;
    }
    if event.contains("SOUNDBOARD") {
        return check_sounds(event, &payload["d"]);
    }
    let text = payload.to_string();
    let reader = GatewayEventDeserializer::from_json(&text).expect("an event");
    let read = reader.deserialize(&mut serde_json::Deserializer::from_str(&text));
    if let Err(error) = read {
        panic!("{error} in {text}");
    }
}

/// Whether this reader knows the event as Discord documents it. Of `RATE_LIMITED` it wants the
/// `meta` to have a name around it.
fn is_known(event: &str) -> bool {
    !["RATE_LIMITED", "VOICE_CHANNEL_EFFECT_SEND"].contains(&event)
}

/// Sounds are read by serenity, which knows them.
fn check_sounds(event: &str, data: &Value) {
    fn read<T: DeserializeOwned>(data: &Value) -> Result<(), serde_json::Error> {
        serde_json::from_value::<T>(data.clone()).map(drop)
    }
    let read = match event {
        "SOUNDBOARD_SOUNDS" => read::<SoundboardSoundsEvent>(data),
        "GUILD_SOUNDBOARD_SOUND_DELETE" => read::<SoundboardSoundDeleteEvent>(data),
        _ => read::<Soundboard>(data),
    };
    if let Err(error) = read {
        panic!("{error} in {event} {data}");
    }
}
