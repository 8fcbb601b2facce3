//! Soundboard sounds: made, changed, removed, and played to a voice channel.

use std::time::Duration;

use serde_json::{Value, json};

use super::sound_file;
use crate::error::SimError;
use crate::protocol::api_error::ApiError;
use crate::protocol::form::{Change, Form};
use crate::protocol::intents;
use crate::state::State;
use crate::state::audit::{Action, changes};
use crate::state::log::EventKind;
use crate::world::expressions::default_sounds;
use crate::world::{ChannelKind, EmojiName, Guild, Sound, permissions, wire};

/// The largest and the longest file of a sound, by Discord's documentation.
const LARGEST_KIB: usize = 512;
const LONGEST: Duration = Duration::from_millis(5_200);
/// What the audit log tells of a sound.
const AUDITED: [&str; 4] = ["name", "volume", "emoji_id", "emoji_name"];

/// What a client says of a sound; what it left out is `None`.
#[derive(Debug)]
pub(crate) struct SoundDraft {
    name: Option<String>,
    volume: Option<f64>,
    emoji: Change<EmojiName>,
    bytes: Vec<u8>,
}

impl SoundDraft {
    /// Reads what shall become a sound.
    pub(crate) fn read_new(body: &Value) -> Result<SoundDraft, ApiError> {
        let mut form = Form::new(body);
        form.require("name");
        form.require("sound");
        let bytes = form.file("sound", LARGEST_KIB);
        if let Some(bytes) = &bytes {
            let length = sound_file::length(bytes);
            // Discord documents what it takes, but not how it words these refusals.
            if length.is_none() {
                form.fault(
                    "sound",
                    "BINARY_TYPE_INVALID",
                    "Sound must be an MP3 or OGG file.",
                );
            } else if length > Some(LONGEST) {
                let message = "Sound cannot be longer than 5.2 seconds.";
                form.fault("sound", "SOUND_TOO_LONG", message);
            }
        }
        let draft = SoundDraft::read(&mut form, bytes.unwrap_or_default());
        form.finish()?;
        Ok(draft)
    }

    /// Reads what shall become of a sound.
    pub(crate) fn read_change(body: &Value) -> Result<SoundDraft, ApiError> {
        let mut form = Form::new(body);
        let draft = SoundDraft::read(&mut form, Vec::new());
        form.finish()?;
        Ok(draft)
    }

    fn read(form: &mut Form<'_>, bytes: Vec<u8>) -> SoundDraft {
        let (id, name) = (form.id("emoji_id"), form.text("emoji_name", 0..=32));
        let emoji = match (id, name) {
            (Some(id), name) => Some(EmojiName {
                id: Some(id),
                name: name.unwrap_or_default(),
                animated: false,
            }),
            (None, Some(name)) => EmojiName::read(&name).filter(|emoji| emoji.id.is_none()),
            (None, None) => None,
        };
        if emoji.is_none() && form.value("emoji_name").is_some() && form.is_sound() {
            form.fault("emoji_name", "BASE_TYPE_CHOICES", "Unknown Emoji");
        }
        let says_emoji = form.has("emoji_id") || form.has("emoji_name");
        SoundDraft {
            name: form.text("name", 2..=32),
            // Null stands for the default.
            volume: form
                .real("volume", 0.0..=1.0)
                .or_else(|| form.has("volume").then_some(1.0)),
            emoji: Change::of(says_emoji, emoji),
            bytes,
        }
    }
}

impl State {
    /// The sounds of a guild as a bot is shown them.
    pub(crate) fn read_sounds(&self, bot: u64, guild: u64) -> Result<Vec<Value>, ApiError> {
        let standing = self.standing(guild, bot)?;
        let home = self.home(guild, bot)?;
        if !standing.knows_makers() {
            return Ok(wire::sounds(home));
        }
        let sounds = home.sounds.iter().enumerate();
        let sounds = sounds.map(|(place, sound)| wire::sound_of(self, home, place, sound));
        Ok(sounds.collect())
    }

    /// One sound of a guild as a bot is shown it.
    pub(crate) fn read_sound(&self, bot: u64, guild: u64, id: u64) -> Result<Value, ApiError> {
        let standing = self.standing(guild, bot)?;
        let home = self.home(guild, bot)?;
        let (place, sound) = home.find_sound(id).ok_or(ApiError::UNKNOWN_SOUND)?;
        Ok(if standing.knows_makers() {
            wire::sound_of(self, home, place, sound)
        } else {
            wire::sound(home, place, sound)
        })
    }

    /// A bot makes a sound.
    pub(crate) fn create_sound_as_bot(
        &mut self,
        bot: u64,
        guild: u64,
        draft: SoundDraft,
    ) -> Result<Value, ApiError> {
        let standing = self.standing(guild, bot)?;
        standing.demand(permissions::CREATE_GUILD_EXPRESSIONS)?;
        let home = self.home(guild, bot)?;
        if home.sounds.len() >= home.sound_slots() {
            return Err(ApiError::TOO_MANY_SOUNDS);
        }
        check_emoji(home, &draft)?;
        let name = draft.name.unwrap_or_default();
        let mut sound = Sound::new(self.next_id(), &name, draft.bytes);
        sound.volume = draft.volume.unwrap_or(sound.volume);
        draft.emoji.apply(&mut sound.emoji);
        sound.user = Some(bot);
        let id = self
            .add_sound(guild, sound)
            .map_err(|_| ApiError::UNKNOWN_GUILD)?;
        self.read_sound(bot, guild, id)
    }

    /// A bot changes a sound.
    pub(crate) fn change_sound_as_bot(
        &mut self,
        bot: u64,
        guild: u64,
        id: u64,
        draft: SoundDraft,
    ) -> Result<Value, ApiError> {
        let standing = self.standing(guild, bot)?;
        let home = self.home(guild, bot)?;
        let (_, sound) = home.find_sound(id).ok_or(ApiError::UNKNOWN_SOUND)?;
        standing.demand_expression(sound.user)?;
        check_emoji(home, &draft)?;
        self.change_sound(guild, id, |sound| {
            if let Some(name) = draft.name {
                sound.name = name;
            }
            if let Some(volume) = draft.volume {
                sound.volume = volume;
            }
            draft.emoji.apply(&mut sound.emoji);
        })
        .map_err(|_| ApiError::UNKNOWN_SOUND)?;
        self.read_sound(bot, guild, id)
    }

    /// A bot removes a sound.
    pub(crate) fn remove_sound_as_bot(
        &mut self,
        bot: u64,
        guild: u64,
        id: u64,
    ) -> Result<(), ApiError> {
        let standing = self.standing(guild, bot)?;
        let (_, sound) = self
            .home(guild, bot)?
            .find_sound(id)
            .ok_or(ApiError::UNKNOWN_SOUND)?;
        standing.demand_expression(sound.user)?;
        self.remove_sound(guild, id)
            .map_err(|_| ApiError::UNKNOWN_SOUND)
    }

    /// Adds a sound, even where there is no slot left for it; one with the id 0 gets a new
    /// one.
    pub(crate) fn add_sound(&mut self, guild: u64, mut sound: Sound) -> Result<u64, SimError> {
        if sound.id == 0 {
            sound.id = self.next_id();
        }
        let id = sound.id;
        let mut guilds = self.guilds.iter();
        if guilds.any(|guild| guild.find_sound(id).is_some()) {
            return Err(SimError::Taken(id));
        }
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        entry.sounds.push(sound);
        let after = self.broadcast_sound(guild, id, "GUILD_SOUNDBOARD_SOUND_CREATE");
        let changes = changes(&Value::Null, &after, &AUDITED);
        self.audit_changes(guild, Action::SoundCreate, id, changes);
        Ok(id)
    }

    /// Changes a sound; its id stays.
    pub(crate) fn change_sound(
        &mut self,
        guild: u64,
        id: u64,
        change: impl FnOnce(&mut Sound),
    ) -> Result<(), SimError> {
        let before = self.show_sound(guild, id);
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        let sound = entry.sounds.iter_mut().find(|sound| sound.id == id);
        let sound = sound.ok_or(SimError::UnknownSound(id))?;
        change(sound);
        sound.id = id;
        let after = self.broadcast_sound(guild, id, "GUILD_SOUNDBOARD_SOUND_UPDATE");
        let changes = changes(&before, &after, &AUDITED);
        self.audit_changes(guild, Action::SoundUpdate, id, changes);
        Ok(())
    }

    /// Removes a sound.
    pub(crate) fn remove_sound(&mut self, guild: u64, id: u64) -> Result<(), SimError> {
        let before = self.show_sound(guild, id);
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        let (place, _) = entry.find_sound(id).ok_or(SimError::UnknownSound(id))?;
        entry.sounds.remove(place);
        let event = json!({ "sound_id": id.to_string(), "guild_id": guild.to_string() });
        let name = "GUILD_SOUNDBOARD_SOUND_DELETE";
        self.broadcast(guild, intents::GUILD_EXPRESSIONS, name, &event);
        let changes = changes(&before, &Value::Null, &AUDITED);
        self.audit_changes(guild, Action::SoundDelete, id, changes);
        Ok(())
    }

    fn show_sound(&self, guild: u64, id: u64) -> Value {
        let shown = self.find_guild(guild).and_then(|guild| {
            let (place, sound) = guild.find_sound(id)?;
            Some(wire::sound_of(self, guild, place, sound))
        });
        shown.unwrap_or_default()
    }

    fn broadcast_sound(&mut self, guild: u64, id: u64, event: &str) -> Value {
        let sound = self.show_sound(guild, id);
        self.broadcast(guild, intents::GUILD_EXPRESSIONS, event, &sound);
        sound
    }

    /// A bot plays a sound to the voice channel that it is in.
    pub(crate) fn play_sound_as_bot(
        &mut self,
        bot: u64,
        channel: u64,
        (sound, source): (u64, Option<u64>),
    ) -> Result<(), ApiError> {
        let access = self.access(bot, channel)?;
        access.guild.ok_or(ApiError::DIRECT_CHANNEL)?;
        self.play_sound(bot, channel, access.bits, (sound, source))
    }

    /// A person plays a sound to the voice channel that it is in.
    pub(crate) fn play_sound_as_person(
        &mut self,
        user: u64,
        channel: u64,
        sound: u64,
    ) -> Result<(), SimError> {
        let bits = self.person_access(user, channel)?;
        let mut guilds = self.guilds.iter();
        let source = guilds.find(|guild| guild.find_sound(sound).is_some());
        let source = source.map(|guild| guild.id);
        self.play_sound(user, channel, bits, (sound, source))
            .map_err(|error| SimError::Refused(error.explain()))
    }

    fn play_sound(
        &mut self,
        user: u64,
        channel: u64,
        bits: u64,
        (id, source): (u64, Option<u64>),
    ) -> Result<(), ApiError> {
        let (home, entry) = self
            .find_channel(channel)
            .ok_or(ApiError::UNKNOWN_CHANNEL)?;
        if entry.kind != ChannelKind::Voice {
            return Err(ApiError::WRONG_CHANNEL_TYPE);
        }
        let needed = permissions::SPEAK | permissions::USE_SOUNDBOARD;
        if bits & needed != needed {
            return Err(ApiError::MISSING_PERMISSIONS);
        }
        let seat = home.voice.get(&user);
        let seat = seat.filter(|seat| seat.channel == channel);
        let seat = seat.ok_or(ApiError::NOT_IN_VOICE)?;
        let member = home.members.get(&user).ok_or(ApiError::UNKNOWN_MEMBER)?;
        if seat.self_deaf || member.mute || member.deaf {
            return Err(ApiError::VOICE_EFFECT_REFUSED);
        }
        let guild = home.id;
        let source = source.unwrap_or(guild);
        let built_in = default_sounds().find(|sound| sound.id == id);
        let is_built_in = built_in.is_some();
        let sound = match built_in {
            Some(sound) => sound,
            None if source == guild => playable(home, id)?.clone(),
            None => {
                if bits & permissions::USE_EXTERNAL_SOUNDS == 0 {
                    return Err(ApiError::MISSING_PERMISSIONS);
                }
                let source = self.home(source, user).ok();
                let source = source.ok_or(ApiError::UNKNOWN_SOUND)?;
                playable(source, id)?.clone()
            }
        };
        let id = if is_built_in {
            json!(id)
        } else {
            json!(id.to_string())
        };
        let event = json!({
            "channel_id": channel.to_string(),
            "guild_id": guild.to_string(),
            "user_id": user.to_string(),
            "emoji": sound.emoji.as_ref().map(wire::emoji_name),
            "animation_type": null,
            "animation_id": null,
            "sound_id": id,
            "sound_volume": sound.volume,
        });
        let name = "VOICE_CHANNEL_EFFECT_SEND";
        self.broadcast(guild, intents::GUILD_VOICE_STATES, name, &event);
        let line = format!("{} played the sound {}", self.name_of(user), sound.name);
        self.note(EventKind::Voice, line);
        Ok(())
    }
}

/// Only emojis of the guild can stand beside its sounds.
fn check_emoji(guild: &Guild, draft: &SoundDraft) -> Result<(), ApiError> {
    let Change::To(EmojiName { id: Some(id), .. }) = &draft.emoji else {
        return Ok(());
    };
    let known = guild.emojis.iter().any(|emoji| emoji.id == *id);
    known.then_some(()).ok_or(ApiError::UNKNOWN_EMOJI)
}

/// A sound that has a slot.
fn playable(guild: &Guild, id: u64) -> Result<&Sound, ApiError> {
    let (place, sound) = guild.find_sound(id).ok_or(ApiError::UNKNOWN_SOUND)?;
    let has_slot = guild.has_slot(place);
    has_slot.then_some(sound).ok_or(ApiError::UNKNOWN_SOUND)
}
