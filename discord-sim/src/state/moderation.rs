//! Bans, and the audit log that tells of them and of other administration.
//!
//! Called by the library's administrators, and by every change that they make.

use serde_json::json;

use super::State;
use crate::error::SimError;
use crate::protocol::intents;
use crate::world::wire;

/// What an entry of the audit log tells of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    GuildUpdate,
    ChannelCreate,
    ChannelUpdate,
    ChannelDelete,
    MemberBanAdd,
    MemberBanRemove,
    RoleCreate,
    RoleUpdate,
    RoleDelete,
}

impl State {
    /// Throws a member out for good, or keeps out who never was one.
    pub(crate) fn ban(&mut self, guild: u64, user: u64) -> Result<(), SimError> {
        if !self.users.contains_key(&user) {
            return Err(SimError::UnknownUser(user));
        }
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        if !entry.bans.insert(user) {
            return Ok(());
        }
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
        if !entry.bans.remove(&user) {
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

    /// Tells who may read the audit log of what the guild's owner has done. The log itself is
    /// not kept.
    pub(super) fn audit(&mut self, guild: u64, action: Action, target: u64) {
        let Some(owner) = self.find_guild(guild).map(|guild| guild.owner) else {
            return;
        };
        let entry = json!({
            "guild_id": guild.to_string(),
            "id": self.next_id().to_string(),
            "user_id": owner.to_string(),
            "target_id": target.to_string(),
            "action_type": action.number(),
            "changes": [],
        });
        let event = "GUILD_AUDIT_LOG_ENTRY_CREATE";
        self.broadcast(guild, intents::GUILD_MODERATION, event, &entry);
    }
}

impl Action {
    fn number(self) -> u8 {
        match self {
            Action::GuildUpdate => 1,
            Action::ChannelCreate => 10,
            Action::ChannelUpdate => 11,
            Action::ChannelDelete => 12,
            Action::MemberBanAdd => 22,
            Action::MemberBanRemove => 23,
            Action::RoleCreate => 30,
            Action::RoleUpdate => 31,
            Action::RoleDelete => 32,
        }
    }
}
