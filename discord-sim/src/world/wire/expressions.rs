//! Discord's JSON for emojis and soundboard sounds.

use serde_json::{Value, json};

use super::{People, user};
use crate::world::{Emoji, EmojiName, Guild, Sound};

/// An emoji that a guild or an application has made.
pub(crate) fn emoji(emoji: &Emoji) -> Value {
    json!({
        "id": emoji.id.to_string(),
        "name": emoji.name,
        "roles": emoji.roles.iter().map(u64::to_string).collect::<Vec<_>>(),
        "require_colons": true,
        "managed": false,
        "animated": emoji.animated,
        "available": true,
    })
}

/// An emoji with who made it, for those who may know.
pub(crate) fn emoji_of(people: &impl People, entry: &Emoji) -> Value {
    let mut value = emoji(entry);
    if let Some(maker) = entry.user.and_then(|id| people.find_person(id)) {
        value["user"] = user(maker);
    }
    value
}

/// A sound that Discord offers everywhere.
pub(crate) fn default_sound(sound: &Sound) -> Value {
    json!({
        "sound_id": sound.id.to_string(),
        "name": sound.name,
        "volume": sound.volume,
        "emoji_id": null,
        "emoji_name": sound.emoji.as_ref().map(|emoji| &emoji.name),
        "available": true,
    })
}

/// A sound at its place in the guild's soundboard.
pub(crate) fn sound(guild: &Guild, place: usize, sound: &Sound) -> Value {
    let (id, name) = split(sound.emoji.as_ref());
    json!({
        "sound_id": sound.id.to_string(),
        "name": sound.name,
        "volume": sound.volume,
        "emoji_id": id,
        "emoji_name": name,
        "guild_id": guild.id.to_string(),
        "available": guild.has_slot(place),
    })
}

/// A sound with who made it, for those who may know.
pub(crate) fn sound_of(people: &impl People, guild: &Guild, place: usize, entry: &Sound) -> Value {
    let mut value = sound(guild, place, entry);
    if let Some(maker) = entry.user.and_then(|id| people.find_person(id)) {
        value["user"] = user(maker);
    }
    value
}

/// All sounds of a guild.
pub(crate) fn sounds(guild: &Guild) -> Vec<Value> {
    let sounds = guild.sounds.iter().enumerate();
    sounds
        .map(|(place, entry)| sound(guild, place, entry))
        .collect()
}

/// Emojis of guilds are named by their id alone here, others by the character.
fn split(emoji: Option<&EmojiName>) -> (Option<String>, Option<&str>) {
    match emoji {
        Some(EmojiName { id: Some(id), .. }) => (Some(id.to_string()), None),
        Some(EmojiName { id: None, name, .. }) => (None, Some(name)),
        None => (None, None),
    }
}
