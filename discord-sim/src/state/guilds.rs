//! Guilds themselves.
//!
//! Called by REST on behalf of bots, and by the library's people and administrators. Each
//! change updates the world first and then sends the events it implies.

use super::State;
use super::audit::{Action, changes};
use crate::error::SimError;
use crate::protocol::intents;
use crate::world::{Guild, wire};

impl State {
    /// Changes the guild itself.
    pub(crate) fn change_guild(
        &mut self,
        guild: u64,
        change: impl FnOnce(&mut Guild),
    ) -> Result<(), SimError> {
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        let before = wire::guild(entry);
        change(entry);
        let event = wire::guild(entry);
        self.broadcast(guild, intents::GUILDS, "GUILD_UPDATE", &event);
        let changes = changes(&before, &event, &["name", "owner_id"]);
        self.audit_changes(guild, Action::GuildUpdate, guild, changes);
        Ok(())
    }
}
