//! Guilds, their roles and their channels.
//!
//! Called by the library's people. Each change updates the world first and then sends the
//! events it implies.

use serde_json::json;

use super::State;
use crate::error::SimError;
use crate::protocol::intents;
use crate::world::{Guild, Overwrite, OverwriteTarget, Role, wire};

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
        change(entry);
        let event = wire::guild(entry);
        self.broadcast(guild, intents::GUILDS, "GUILD_UPDATE", &event);
        Ok(())
    }

    /// Adds a role above all others.
    pub(crate) fn add_role(
        &mut self,
        guild: u64,
        name: &str,
        permissions: u64,
    ) -> Result<u64, SimError> {
        let id = self.next_id();
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        let role = Role::new(id, name, permissions);
        let value = wire::role(&role, entry.roles.len());
        entry.roles.push(role);
        let event = json!({ "guild_id": guild.to_string(), "role": value });
        self.broadcast(guild, intents::GUILDS, "GUILD_ROLE_CREATE", &event);
        Ok(id)
    }

    /// Sets what a role may do; the guild's id means `@everyone`.
    pub(crate) fn set_role_permissions(
        &mut self,
        guild: u64,
        role: u64,
        permissions: u64,
    ) -> Result<(), SimError> {
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        let place = entry.roles.iter().position(|entry| entry.id == role);
        let place = place.ok_or(SimError::UnknownRole(role))?;
        entry.roles[place].permissions = permissions;
        let value = wire::role(&entry.roles[place], place);
        let event = json!({ "guild_id": guild.to_string(), "role": value });
        self.broadcast(guild, intents::GUILDS, "GUILD_ROLE_UPDATE", &event);
        Ok(())
    }

    /// Sets the exception for one target in a channel, and removes it if it changes nothing.
    pub(crate) fn set_overwrite(
        &mut self,
        channel: u64,
        target: Option<OverwriteTarget>,
        allow: u64,
        deny: u64,
    ) -> Result<(), SimError> {
        let (guild, _) = self
            .find_channel(channel)
            .ok_or(SimError::UnknownChannel(channel))?;
        let guild = guild.id;
        let target = target.unwrap_or(OverwriteTarget::Role(guild));
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        let place = entry.channels.iter().position(|entry| entry.id == channel);
        let place = place.ok_or(SimError::UnknownChannel(channel))?;
        let overwrites = &mut entry.channels[place].overwrites;
        overwrites.retain(|overwrite| overwrite.target != target);
        if allow | deny != 0 {
            overwrites.push(Overwrite {
                target,
                allow,
                deny,
            });
        }
        let event = wire::channel(entry, &entry.channels[place], place);
        self.broadcast(guild, intents::GUILDS, "CHANNEL_UPDATE", &event);
        Ok(())
    }
}
