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
}
