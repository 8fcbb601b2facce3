//! Guilds and their roles.
//!
//! Called by the library's people and administrators. Each change updates the world first and then sends the
//! events it implies.

use serde_json::json;

use super::State;
use super::audit::Action;
use crate::error::SimError;
use crate::protocol::intents;
use crate::world::{Guild, OverwriteTarget, Role, wire};

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
        self.audit(guild, Action::GuildUpdate, guild);
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
        self.audit(guild, Action::RoleCreate, id);
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
        self.audit(guild, Action::RoleUpdate, role);
        Ok(())
    }

    /// Moves a role to another place; 0 is that of `@everyone`, which none can take.
    pub(crate) fn move_role(&mut self, guild: u64, role: u64, to: usize) -> Result<(), SimError> {
        let (entry, place) = self.find_role(guild, role)?;
        let to = to.clamp(1, entry.roles.len() - 1);
        let moved = entry.roles.remove(place);
        entry.roles.insert(to, moved);
        let changed = place.min(to)..=place.max(to);
        let events = entry.roles.iter().enumerate();
        let events = events.filter(|(place, _)| changed.contains(place));
        let events = events.map(|(place, role)| wire::role(role, place));
        for role in events.collect::<Vec<_>>() {
            let event = json!({ "guild_id": guild.to_string(), "role": role });
            self.broadcast(guild, intents::GUILDS, "GUILD_ROLE_UPDATE", &event);
        }
        self.audit(guild, Action::RoleUpdate, role);
        Ok(())
    }

    /// Removes a role, and with it what it gave: members lose it without further events.
    pub(crate) fn remove_role(&mut self, guild: u64, role: u64) -> Result<(), SimError> {
        let (entry, place) = self.find_role(guild, role)?;
        entry.roles.remove(place);
        for member in entry.members.values_mut() {
            member.roles.retain(|held| *held != role);
        }
        for channel in &mut entry.channels {
            let target = OverwriteTarget::Role(role);
            channel
                .overwrites
                .retain(|overwrite| overwrite.target != target);
        }
        let event = json!({ "guild_id": guild.to_string(), "role_id": role.to_string() });
        self.broadcast(guild, intents::GUILDS, "GUILD_ROLE_DELETE", &event);
        self.audit(guild, Action::RoleDelete, role);
        Ok(())
    }

    /// A role that can be moved and removed: any but `@everyone`. With its guild and its place.
    fn find_role(&mut self, guild: u64, role: u64) -> Result<(&mut Guild, usize), SimError> {
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        let place = entry.roles.iter().position(|entry| entry.id == role);
        match place {
            Some(place) if place > 0 => Ok((entry, place)),
            _ => Err(SimError::UnknownRole(role)),
        }
    }
}
