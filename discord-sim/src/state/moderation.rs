//! Bans.
//!
//! Called by REST on behalf of bots, and by the library's administrators.

use serde_json::json;

use super::State;
use super::audit::Action;
use crate::error::SimError;
use crate::protocol::intents;
use crate::world::wire;

impl State {
    /// Throws a member out for good, or keeps out who never was one.
    pub(crate) fn ban(&mut self, guild: u64, user: u64) -> Result<(), SimError> {
        if !self.users.contains_key(&user) {
            return Err(SimError::UnknownUser(user));
        }
        let reason = self.reason();
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        if entry.bans.contains_key(&user) {
            return Ok(());
        }
        entry.bans.insert(user, reason);
        if entry.members.contains_key(&user) {
            self.remove_member(guild, user)?;
        }
        self.broadcast_ban(guild, user, "GUILD_BAN_ADD");
        self.audit(guild, Action::MemberBanAdd, user);
        Ok(())
    }

    /// Lets a banned user come back.
    pub(crate) fn unban(&mut self, guild: u64, user: u64) -> Result<(), SimError> {
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        if entry.bans.remove(&user).is_none() {
            return Err(SimError::UnknownUser(user));
        }
        self.broadcast_ban(guild, user, "GUILD_BAN_REMOVE");
        self.audit(guild, Action::MemberBanRemove, user);
        Ok(())
    }

    fn broadcast_ban(&mut self, guild: u64, user: u64, event: &str) {
        let data = json!({
            "guild_id": guild.to_string(),
            "user": self.users.get(&user).map(wire::user),
        });
        self.broadcast(guild, intents::GUILD_MODERATION, event, &data);
    }
}
