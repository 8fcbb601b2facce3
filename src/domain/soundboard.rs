//! Discord's own soundboard of a guild: what is on it, playing from it, and taking its sounds over.
//! Called by the commands and routes about it.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use crate::discord::Discord;
use crate::discord::soundboard::NativeSound;
use crate::domain::library::Sound;
use crate::domain::player::{Asker, Play, Player};
use crate::domain::uploads::Uploads;
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// How long a soundboard is believed to be as it was.
const LIFETIME: Duration = Duration::from_secs(30);
/// Guilds whose soundboards are remembered.
const GUILDS_MAX: u64 = 1_000;

/// What became of one sound that was to be taken over.
#[derive(Debug)]
pub struct Import {
    /// Its name on Discord's soundboard.
    pub name: String,
    /// The sound it is now, or why it is none.
    pub result: Result<Arc<Sound>, Error>,
}

/// The soundboards of all guilds.
pub struct Soundboard {
    discord: Option<Arc<Discord>>,
    player: Arc<Player>,
    uploads: Arc<Uploads>,
    known: Cache<GuildId, Arc<Vec<NativeSound>>>,
}

impl Soundboard {
    /// `discord` is `None` when no bot is configured; there are no soundboards then.
    pub fn new(discord: Option<Arc<Discord>>, player: Arc<Player>, uploads: Arc<Uploads>) -> Self {
        Self {
            discord,
            player,
            uploads,
            known: Cache::builder()
                .max_capacity(GUILDS_MAX)
                .time_to_live(LIFETIME)
                .build(),
        }
    }

    /// What is on a guild's soundboard, by name, as it was half a minute ago at most; the caller
    /// has checked that the asker may see it.
    ///
    /// # Errors
    /// 403 without a bot; 502, 503 and 504 for Discord's failures.
    pub async fn list(&self, guild: GuildId) -> Result<Arc<Vec<NativeSound>>, Error> {
        let discord = self.discord()?;
        if let Some(known) = self.known.get(&guild).await {
            return Ok(known);
        }
        let read = Arc::new(discord.list_soundboard(guild).await?);
        self.known.insert(guild, Arc::clone(&read)).await;
        Ok(read)
    }

    /// Plays a sound of the guild's soundboard, by its name in any letter case, in the asker's
    /// voice channel, and logs it.
    ///
    /// # Errors
    /// As for [`Player::play`]; 404 for a sound that is not there, 409 for one that Discord does
    /// not play now.
    pub async fn play(&self, asker: Asker, user_tag: String, name: &str) -> Result<Play, Error> {
        const NONE: Error = Error::NotFound("there is no such soundboard sound");
        let discord = Arc::clone(self.discord()?);
        self.player.check_may_play(&asker).await?;
        let sounds = self.list(asker.guild).await?;
        let folded = name.to_lowercase();
        let same = sounds.iter().find(|sound| sound.name == name);
        let sound = same.or_else(|| sounds.iter().find(|it| it.name.to_lowercase() == folded));
        let sound = sound.ok_or(NONE)?;
        if !sound.is_available {
            let text = "discord does not play this sound now: the server lost boosts";
            return Err(Error::Conflict(text.to_owned()));
        }
        let (guild, id) = (asker.guild, sound.id);
        let send = async move |channel| discord.send_sound(guild, channel, id).await;
        self.player
            .play_elsewhere(asker, user_tag, &sound.name, send)
            .await
    }

    /// Makes the sounds of a guild's soundboard sounds of its own, or the one of this name; the
    /// caller has checked that the asker may.
    ///
    /// # Errors
    /// As for [`list`](Self::list); 404 where there is no such sound. What becomes of each is in
    /// the answer.
    pub async fn import(
        &self,
        guild: GuildId,
        user: UserId,
        name: Option<&str>,
    ) -> Result<Vec<Import>, Error> {
        let discord = self.discord()?;
        let sounds = self.list(guild).await?;
        let is_wanted = |sound: &&NativeSound| name.is_none_or(|name| name == sound.name);
        let wanted: Vec<_> = sounds.iter().filter(is_wanted).collect();
        if wanted.is_empty() {
            return Err(Error::NotFound("there is no such soundboard sound"));
        }
        let mut imports = Vec::new();
        for sound in wanted {
            let address = discord.soundboard_file(sound.id);
            let result = self
                .uploads
                .import(guild, user, &sound.name, &address)
                .await;
            let name = sound.name.clone();
            imports.push(Import { name, result });
        }
        Ok(imports)
    }

    fn discord(&self) -> Result<&Arc<Discord>, Error> {
        self.discord.as_ref().ok_or(Error::NOT_A_MEMBER)
    }
}
