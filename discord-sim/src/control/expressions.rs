//! Control requests by which guilds get sounds and emojis, and lose them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::answer::{Answered, Body, Refused};
use super::files::Upload;
use super::guilds::created;
use super::names::{InGuild, OfEmoji, OfSound};
use crate::state::Shared;
use crate::world::expressions::EmojiHome;
use crate::world::{Emoji, EmojiName, File, Sound};

/// A new sound.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSound {
    file: Upload,
    volume: Option<f64>,
    emoji: Option<String>,
}

/// `POST /sim/guilds/{guild}/sounds`: called like its file.
pub(super) async fn add_sound(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(new): Body<NewSound>,
) -> Answered<(StatusCode, Json<Value>)> {
    let file = File::try_from(new.file)?;
    let mut sound = Sound::new(0, stem(&file.name), file.bytes);
    if let Some(volume) = new.volume {
        if !(0.0..=1.0).contains(&volume) {
            return Err(Refused::unprocessable("a volume is between 0 and 1"));
        }
        sound.volume = volume;
    }
    if let Some(emoji) = new.emoji {
        let none = || Refused::unprocessable(format!("{emoji} is no emoji"));
        sound.emoji = Some(EmojiName::read(&emoji).ok_or_else(none)?);
    }
    let id = shared.change(|state| state.add_sound(guild, sound))?;
    Ok(created(id))
}

/// `DELETE /sim/guilds/{guild}/sounds/{sound}`
pub(super) async fn remove_sound(
    State(shared): State<Arc<Shared>>,
    OfSound { guild, sound }: OfSound,
) -> Answered<StatusCode> {
    shared.change(|state| state.remove_sound(guild, sound))?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new emoji.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEmoji {
    file: Upload,
    #[serde(default)]
    animated: bool,
}

/// `POST /sim/guilds/{guild}/emojis`: called like its file.
pub(super) async fn add_emoji(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(new): Body<NewEmoji>,
) -> Answered<(StatusCode, Json<Value>)> {
    let file = File::try_from(new.file)?;
    let emoji = Emoji {
        animated: new.animated,
        ..Emoji::new(0, stem(&file.name), file.bytes)
    };
    let home = EmojiHome::Guild(guild);
    let id = shared.change(|state| state.add_emoji(home, emoji))?;
    Ok(created(id))
}

/// `DELETE /sim/guilds/{guild}/emojis/{emoji}`
pub(super) async fn remove_emoji(
    State(shared): State<Arc<Shared>>,
    OfEmoji { guild, emoji }: OfEmoji,
) -> Answered<StatusCode> {
    let home = EmojiHome::Guild(guild);
    shared.change(|state| state.remove_emoji(home, emoji))?;
    Ok(StatusCode::NO_CONTENT)
}

/// A file's name without its ending.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
