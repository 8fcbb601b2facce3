//! Sounds that Discord plays by itself, at the bot's word: they are logged as plays of their own
//! source and never pass through the guild's actor, beyond its joining the channel.

use tokio::time::timeout;

use super::order::Command;
use super::{Asker, COMMIT_WAIT, Play, Player};
use crate::db::plays::{DISCORD, NewPlay};
use crate::error::Error;
use crate::ids::ChannelId;

impl Player {
    /// Has Discord play a sound in the asker's voice channel, by `send`, and logs it. Discord
    /// takes it only of those who are in the channel and not deafened.
    ///
    /// # Errors
    /// As for [`play`](Self::play), and those of `send`.
    pub async fn play_elsewhere(
        &self,
        asker: Asker,
        user_tag: String,
        sound: &str,
        send: impl AsyncFnOnce(ChannelId) -> Result<(), Error>,
    ) -> Result<Play, Error> {
        let (settings, channel) = self.check_play(&asker).await?;
        let guild = asker.guild;
        self.check_bot_rights(guild, channel)?;
        let actor = self.actor(guild, settings);
        actor.ask(|reply| Command::Join(channel, reply)).await?;
        let voice = &self.parts.voice;
        voice.set_deaf(guild, false).await;
        let outcome = send(channel).await;
        voice.set_deaf(guild, true).await;
        outcome?;
        let commit = self.parts.log.record(NewPlay {
            guild,
            time_ms: self.parts.clock.now_ms(),
            user: asker.user,
            user_tag,
            source: DISCORD,
            sound: sound.to_owned(),
        });
        Ok(Play {
            channel,
            sound: sound.to_owned(),
            position: 0,
            logged: matches!(timeout(COMMIT_WAIT, commit).await, Ok(Ok(()))),
        })
    }
}
