//! What members express themselves with: the sounds of a guild's soundboard, and emojis.
//!
//! Part of a [`Guild`]; of an application too, as far as emojis go.

use super::{EmojiName, Guild};

/// How many emojis of either kind a guild holds at each level of boosts.
const EMOJI_SLOTS: [usize; 4] = [50, 100, 150, 250];
/// How many sounds a guild holds at each level of boosts, as Discord's help pages say.
const SOUND_SLOTS: [usize; 4] = [8, 24, 36, 48];

/// A sound of a guild's soundboard.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    /// Snowflake.
    pub id: u64,
    /// Shown name.
    pub name: String,
    /// How loud it is played, from 0 to 1.
    pub volume: f64,
    /// What stands beside the name.
    pub emoji: Option<EmojiName>,
    /// Who made it.
    pub user: Option<u64>,
    /// The file: MP3 or Ogg.
    pub bytes: Vec<u8>,
}

impl Sound {
    /// A sound at full volume that nobody in particular made.
    pub fn new(id: u64, name: &str, bytes: impl Into<Vec<u8>>) -> Sound {
        Sound {
            id,
            name: name.to_owned(),
            volume: 1.0,
            emoji: None,
            user: None,
            bytes: bytes.into(),
        }
    }
}

/// An emoji that a guild or an application has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emoji {
    /// Snowflake.
    pub id: u64,
    /// Letters, digits and underscores.
    pub name: String,
    /// The roles that may use it; none for everyone.
    pub roles: Vec<u64>,
    /// Whether it moves.
    pub animated: bool,
    /// Who made it.
    pub user: Option<u64>,
    /// The image.
    pub bytes: Vec<u8>,
}

impl Emoji {
    /// A still emoji for everyone, that nobody in particular made.
    pub fn new(id: u64, name: &str, bytes: impl Into<Vec<u8>>) -> Emoji {
        Emoji {
            id,
            name: name.to_owned(),
            roles: Vec::new(),
            animated: false,
            user: None,
            bytes: bytes.into(),
        }
    }
}

/// Who has emojis, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EmojiHome {
    Guild(u64),
    Application(u64),
}

/// The sounds that Discord offers in every guild: name and emoji, with ids from 1 up. Their
/// files are not here.
const DEFAULT_SOUNDS: [(&str, &str); 6] = [
    ("quack", "🦆"),
    ("airhorn", "🔊"),
    ("cricket", "🦗"),
    ("golf clap", "👏"),
    ("sad horn", "🎺"),
    ("ba dum tss", "🥁"),
];

/// The sounds that Discord offers in every guild.
pub(crate) fn default_sounds() -> impl Iterator<Item = Sound> {
    let sounds = (1..).zip(DEFAULT_SOUNDS);
    sounds.map(|(id, (name, emoji))| Sound {
        emoji: Some(EmojiName {
            id: None,
            name: emoji.to_owned(),
            animated: false,
        }),
        ..Sound::new(id, name, [])
    })
}

impl Guild {
    /// Adds a sound to the soundboard.
    #[must_use]
    pub fn sound(mut self, sound: Sound) -> Guild {
        self.sounds.push(sound);
        self
    }

    /// Adds an emoji.
    #[must_use]
    pub fn emoji(mut self, emoji: Emoji) -> Guild {
        self.emojis.push(emoji);
        self
    }

    /// How many still emojis it holds, and as many animated ones.
    pub(crate) fn emoji_slots(&self) -> usize {
        let slots = EMOJI_SLOTS.get(usize::from(self.premium_tier));
        slots.or(EMOJI_SLOTS.last()).copied().unwrap_or(0)
    }

    /// How many sounds its soundboard holds.
    pub(crate) fn sound_slots(&self) -> usize {
        let slots = SOUND_SLOTS.get(usize::from(self.premium_tier));
        slots.or(SOUND_SLOTS.last()).copied().unwrap_or(0)
    }

    /// A sound with its place in the soundboard.
    pub(crate) fn find_sound(&self, id: u64) -> Option<(usize, &Sound)> {
        let mut sounds = self.sounds.iter().enumerate();
        sounds.find(|(_, sound)| sound.id == id)
    }

    /// Whether a sound at this place can be played: a guild that has lost boosts keeps more
    /// than it may use.
    pub(crate) fn has_slot(&self, place: usize) -> bool {
        place < self.sound_slots()
    }
}
