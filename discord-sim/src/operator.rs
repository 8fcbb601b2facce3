//! What the operators of Discord's voice servers do, as a test can do it to a bot.

use crate::error::SimError;
use crate::sim::Sim;
use crate::state::tickets::VoiceEnd;

impl Sim {
    /// Ends the bot's voice connection in a guild, as the voice server would. Where the bot is
    /// shown does not change, and the client may resume.
    ///
    /// # Errors
    ///
    /// [`SimError::NotInVoice`] if the bot has no open voice connection there.
    pub fn end_voice_connection(&self, guild: u64, end: VoiceEnd) -> Result<(), SimError> {
        let user = self.bot;
        let ended = self
            .shared
            .change(|state| state.tickets.end(guild, user, end));
        ended
            .then_some(())
            .ok_or(SimError::NotInVoice { user, guild })
    }

    /// Has the channel that the bot is in begin its end-to-end encryption anew (opcode 24,
    /// epoch 1): all its clients forget the group they are in and send new key packages.
    ///
    /// # Errors
    ///
    /// [`SimError::NotInVoice`] if the bot is in no channel of the guild whose clients are in
    /// a group.
    pub fn restart_dave(&self, guild: u64) -> Result<(), SimError> {
        let user = self.bot;
        let restarted = self
            .shared
            .change(|state| state.restart_dave_of(guild, user));
        restarted
            .then_some(())
            .ok_or(SimError::NotInVoice { user, guild })
    }

    /// Moves the bot to another voice server, as when the region of a channel changes: it is
    /// told of a new endpoint and token. Its old connection stays until it has opened the new
    /// one, for two seconds at most, and is closed with 4022.
    ///
    /// # Errors
    ///
    /// [`SimError::NotInVoice`] if the bot is in no voice channel of the guild.
    pub fn move_voice_server(&self, guild: u64) -> Result<(), SimError> {
        let user = self.bot;
        let moved = self
            .shared
            .change(|state| state.move_voice_server(user, guild));
        moved
            .then_some(())
            .ok_or(SimError::NotInVoice { user, guild })
    }

    /// Takes the bot's voice server away, as when it has failed: the bot is told that it has no
    /// endpoint (`null`), and its connection is closed with 4022. It has none until
    /// [`move_voice_server`](Sim::move_voice_server) gives it another, or it joins again.
    ///
    /// # Errors
    ///
    /// [`SimError::NotInVoice`] if the bot is in no voice channel of the guild.
    pub fn withdraw_voice_server(&self, guild: u64) -> Result<(), SimError> {
        let user = self.bot;
        let withdrawn = self
            .shared
            .change(|state| state.withdraw_voice_server(user, guild));
        withdrawn
            .then_some(())
            .ok_or(SimError::NotInVoice { user, guild })
    }
}
