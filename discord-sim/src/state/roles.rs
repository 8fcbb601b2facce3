//! The roles of guilds.
//!
//! Called by REST on behalf of bots, and by the library's people and administrators. Each
//! change updates the world first and then sends the events it implies.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::State;
use super::audit::{Action, changes};
use crate::error::SimError;
use crate::protocol::intents;
use crate::world::{Guild, OverwriteTarget, Role, wire};

/// What the audit log tells of a role.
const AUDITED: [&str; 5] = ["name", "permissions", "color", "hoist", "mentionable"];

impl State {
    /// Adds a role above all others.
    pub(crate) fn add_role(
        &mut self,
        guild: u64,
        name: &str,
        permissions: u64,
    ) -> Result<u64, SimError> {
        let role = Role::new(self.next_id(), name, permissions);
        self.insert_role(guild, role, usize::MAX)
    }

    /// Adds a role at a place; the one right above `@everyone` is 1.
    pub(crate) fn insert_role(
        &mut self,
        guild: u64,
        role: Role,
        place: usize,
    ) -> Result<u64, SimError> {
        let id = role.id;
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        let count = entry.roles.len();
        let place = place.clamp(1, count);
        let value = wire::role(&role, place);
        entry.roles.insert(place, role);
        let event = json!({ "guild_id": guild.to_string(), "role": value });
        self.broadcast(guild, intents::GUILDS, "GUILD_ROLE_CREATE", &event);
        self.broadcast_roles(guild, place + 1..=count);
        let changes = changes(&Value::Null, &value, &AUDITED);
        self.audit_changes(guild, Action::RoleCreate, id, changes);
        Ok(id)
    }

    /// Sets what a role may do; the guild's id means `@everyone`.
    pub(crate) fn set_role_permissions(
        &mut self,
        guild: u64,
        role: u64,
        permissions: u64,
    ) -> Result<(), SimError> {
        self.change_role(guild, role, |role| role.permissions = permissions)
    }

    /// Changes a role; its id stays.
    pub(crate) fn change_role(
        &mut self,
        guild: u64,
        role: u64,
        change: impl FnOnce(&mut Role),
    ) -> Result<(), SimError> {
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        let mut roles = entry.roles.iter_mut().enumerate();
        let found = roles.find(|(_, entry)| entry.id == role);
        let (place, entry) = found.ok_or(SimError::UnknownRole(role))?;
        let before = wire::role(entry, place);
        change(entry);
        entry.id = role;
        let after = wire::role(entry, place);
        self.broadcast_roles(guild, place..=place);
        let changes = changes(&before, &after, &AUDITED);
        self.audit_changes(guild, Action::RoleUpdate, role, changes);
        Ok(())
    }

    /// Moves a role to another place; 0 is that of `@everyone`, which none can take.
    pub(crate) fn move_role(&mut self, guild: u64, role: u64, to: usize) -> Result<(), SimError> {
        self.move_roles(guild, &BTreeMap::from([(role, to)]))
    }

    /// Moves roles to other places, the lowest first, and tells once of each that stands
    /// elsewhere in the end.
    pub(crate) fn move_roles(
        &mut self,
        guild: u64,
        moves: &BTreeMap<u64, usize>,
    ) -> Result<(), SimError> {
        for role in moves.keys() {
            self.find_role(guild, *role)?;
        }
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        let before = entry.roles.iter().map(|role| role.id).collect::<Vec<_>>();
        let mut moves = moves.iter().collect::<Vec<_>>();
        moves.sort_by_key(|(_, to)| **to);
        for (role, to) in &moves {
            let to = (**to).clamp(1, entry.roles.len() - 1);
            if let Some((place, _)) = entry.find_role(**role) {
                let taken = entry.roles.remove(place);
                entry.roles.insert(to, taken);
            }
        }
        let after = entry.roles.iter().map(|role| role.id).enumerate();
        let changed = after.filter(|(place, role)| before.get(*place) != Some(role));
        let changed = changed.collect::<Vec<_>>();
        for (place, _) in &changed {
            self.broadcast_roles(guild, *place..=*place);
        }
        for (role, _) in moves {
            if changed.iter().any(|(_, id)| id == role) {
                self.audit(guild, Action::RoleUpdate, *role);
            }
        }
        Ok(())
    }

    /// Removes a role, and with it what it gave: members lose it without further events.
    pub(crate) fn remove_role(&mut self, guild: u64, role: u64) -> Result<(), SimError> {
        let (entry, place) = self.find_role(guild, role)?;
        let before = entry.roles.remove(place);
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
        let changes = changes(&wire::role(&before, place), &Value::Null, &AUDITED);
        self.audit_changes(guild, Action::RoleDelete, role, changes);
        Ok(())
    }

    /// A role that can be moved and removed: any but `@everyone`. With its guild and its place.
    fn find_role(&mut self, guild: u64, role: u64) -> Result<(&mut Guild, usize), SimError> {
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        match entry.find_role(role) {
            Some((place, _)) if place > 0 => Ok((entry, place)),
            _ => Err(SimError::UnknownRole(role)),
        }
    }

    /// Tells of the roles at these places as they now are.
    fn broadcast_roles(&mut self, guild: u64, places: RangeInclusive<usize>) {
        let roles = self.find_guild(guild).map(wire::roles).unwrap_or_default();
        for place in places {
            let Some(role) = roles.get(place) else {
                return;
            };
            let event = json!({ "guild_id": guild.to_string(), "role": role });
            self.broadcast(guild, intents::GUILDS, "GUILD_ROLE_UPDATE", &event);
        }
    }
}
