//! Discord's own soundboards, with the bot's token. Called by `domain::soundboard`.
//! <https://discord.com/developers/docs/resources/soundboard>

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::Discord;
use super::rest::{Manner, Urgency, read, refusal};
use crate::error::Error;
use crate::ids::{ChannelId, GuildId};

/// A sound of a guild's soundboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeSound {
    /// Its id.
    pub id: u64,
    /// Its name, chosen by members: untrusted text.
    pub name: String,
    /// The Unicode emoji beside it, if it has one.
    pub emoji: Option<String>,
    /// Whether it can be played; a guild that loses boosts loses sounds.
    pub is_available: bool,
}

#[derive(Deserialize)]
struct List {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    sound_id: String,
    name: String,
    emoji_name: Option<String>,
    available: bool,
}

#[derive(Serialize)]
struct Send {
    sound_id: String,
    source_guild_id: String,
}

impl Discord {
    /// The sounds of a guild's soundboard, by name.
    ///
    /// # Errors
    /// 502 and 504 for Discord's failures, 429 where it limits us, 503 while it is left alone.
    pub async fn list_soundboard(&self, guild: GuildId) -> Result<Vec<NativeSound>, Error> {
        let path = format!("/guilds/{guild}/soundboard-sounds");
        // Somebody waits for the play.
        let manner = Manner::READ.with(Urgency::Interactive);
        let list: List = read(self.get_as_bot_with(&path, manner).await?)?;
        let sounds = list.items.into_iter().filter_map(|item| {
            Some(NativeSound {
                id: item.sound_id.parse().ok()?,
                name: item.name,
                emoji: item.emoji_name,
                is_available: item.available,
            })
        });
        let mut sounds: Vec<_> = sounds.collect();
        sounds.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        Ok(sounds)
    }

    /// Plays a sound of a guild's soundboard in a channel that the bot is in, neither muted nor
    /// deafened.
    ///
    /// # Errors
    /// 403 where the bot may not, 404 where the sound is gone, 502 and 504 for Discord's failures,
    /// 429 where it limits us, 503 while it is left alone.
    pub async fn send_sound(
        &self,
        guild: GuildId,
        channel: ChannelId,
        sound: u64,
    ) -> Result<(), Error> {
        let body = Send {
            sound_id: sound.to_string(),
            source_guild_id: guild.to_string(),
        };
        let path = format!("/channels/{channel}/send-soundboard-sound");
        let answer = self.post_as_bot(&path, &body).await?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            StatusCode::FORBIDDEN => Err(Error::Forbidden(
                "the bot may not play soundboard sounds in your voice channel, \
                 give it the Use Soundboard permission there",
            )),
            StatusCode::NOT_FOUND => Err(Error::NotFound("there is no such soundboard sound")),
            _ => Err(refusal(&answer)),
        }
    }
}
