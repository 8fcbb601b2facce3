//! Outages of guilds: the bots in them are told, and hear nothing else until they are over.
//!
//! Called by the library.

use super::State;
use crate::error::SimError;

impl State {
    /// Begins or ends the outage of a guild.
    pub(crate) fn set_available(&mut self, guild: u64, available: bool) -> Result<(), SimError> {
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        if entry.unavailable != available {
            return Ok(());
        }
        entry.unavailable = !available;
        let members = entry.members.keys().copied();
        for member in members.collect::<Vec<_>>() {
            self.announce_guild(guild, member);
        }
        Ok(())
    }
}
