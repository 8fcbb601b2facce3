//! Who is in which guild, and as what.
//!
//! Called by REST and by the library's people. Each change updates the world first and then
//! sends the events it implies.

use serde_json::json;

use super::State;
use super::audit::{Action, changes};
use super::log::EventKind;
use crate::error::SimError;
use crate::protocol::intents;
use crate::world::{Member, wire};

/// The intents of typing, in guilds and in direct messages.
const TYPING: (u64, u64) = (
    intents::GUILD_MESSAGE_TYPING,
    intents::DIRECT_MESSAGE_TYPING,
);

impl State {
    /// Adds a member; for a bot this is the invitation.
    pub(crate) fn add_member(&mut self, guild: u64, user: u64) -> Result<(), SimError> {
        self.add_member_with(guild, user, &[])
    }

    /// Adds a member who has roles from the beginning.
    pub(super) fn add_member_with(
        &mut self,
        guild: u64,
        user: u64,
        roles: &[u64],
    ) -> Result<(), SimError> {
        if !self.users.contains_key(&user) {
            return Err(SimError::UnknownUser(user));
        }
        let joined_at_ms = self.now_ms();
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        if entry.bans.contains_key(&user) {
            return Err(SimError::Banned { user, guild });
        }
        if entry.members.contains_key(&user) {
            return Ok(());
        }
        let member = Member {
            joined_at_ms,
            ..Member::new(user, roles)
        };
        entry.members.insert(user, member.clone());
        let mut event = wire::member(self, &member);
        event["guild_id"] = json!(guild.to_string());
        self.broadcast(guild, intents::GUILD_MEMBERS, "GUILD_MEMBER_ADD", &event);
        self.announce_guild(guild, user);
        self.note_in(guild, &format!("{} became a member of", self.name_of(user)));
        Ok(())
    }

    /// Removes a member; for a bot this is being thrown out of the guild.
    pub(crate) fn remove_member(&mut self, guild: u64, user: u64) -> Result<(), SimError> {
        self.unseat(guild, user);
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        entry
            .members
            .remove(&user)
            .ok_or(SimError::NotAMember { user, guild })?;
        let event = json!({
            "guild_id": guild.to_string(),
            "user": self.users.get(&user).map(wire::user),
        });
        self.broadcast(guild, intents::GUILD_MEMBERS, "GUILD_MEMBER_REMOVE", &event);
        if self.find_application(user).is_some() {
            let event = json!({ "id": guild.to_string() });
            self.tell(user, guild, intents::GUILDS, "GUILD_DELETE", &event);
        }
        self.note_in(guild, &format!("{} was removed from", self.name_of(user)));
        Ok(())
    }

    /// Changes a member and tells those who follow members, and the bot it may concern.
    pub(crate) fn change_member(
        &mut self,
        guild: u64,
        user: u64,
        change: impl FnOnce(&mut Member),
    ) -> Result<(), SimError> {
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        let member = entry
            .members
            .get_mut(&user)
            .ok_or(SimError::NotAMember { user, guild })?;
        let before = member.clone();
        change(member);
        let member = member.clone();
        self.audit_member(guild, &before, &member);
        let mut event = wire::member(self, &member);
        event["guild_id"] = json!(guild.to_string());
        self.broadcast(guild, intents::GUILD_MEMBERS, "GUILD_MEMBER_UPDATE", &event);
        Ok(())
    }

    /// Notes what administrators and bots have changed of a member.
    fn audit_member(&mut self, guild: u64, before: &Member, after: &Member) {
        const AUDITED: [&str; 4] = ["nick", "mute", "deaf", "communication_disabled_until"];
        let user = after.user;
        let shown = [before, after].map(|member| wire::member(self, member));
        let [shown_before, shown_after] = &shown;
        let changes = changes(shown_before, shown_after, &AUDITED);
        if !changes.is_empty() {
            self.audit_changes(guild, Action::MemberUpdate, user, changes);
        }
        let names = |roles: &[u64], without: &[u64]| {
            let home = self.find_guild(guild);
            let roles = roles.iter().filter(|role| !without.contains(role));
            let roles = roles.filter_map(|role| home?.find_role(*role));
            let roles =
                roles.map(|(_, role)| json!({ "id": role.id.to_string(), "name": role.name }));
            roles.collect::<Vec<_>>()
        };
        let given = names(&after.roles, &before.roles);
        let taken = names(&before.roles, &after.roles);
        let roles = [("$add", given), ("$remove", taken)].into_iter();
        let roles = roles.filter(|(_, roles)| !roles.is_empty());
        let roles = roles.map(|(key, roles)| json!({ "key": key, "new_value": roles }));
        let roles = roles.collect::<Vec<_>>();
        if !roles.is_empty() {
            self.audit_changes(guild, Action::MemberRoleUpdate, user, roles);
        }
    }

    /// Somebody begins to type in a channel or in direct messages.
    pub(crate) fn start_typing(&mut self, user: u64, channel: u64) -> Result<(), SimError> {
        self.person_access(user, channel)?;
        let mut event = json!({
            "channel_id": channel.to_string(),
            "user_id": user.to_string(),
            "timestamp": self.now_ms() / 1_000,
        });
        let guild = self.guild_of(channel);
        if let Some(member) = guild.and_then(|guild| self.find_member(guild, user)) {
            event["member"] = wire::member(self, member);
        }
        if let Some(guild) = guild {
            event["guild_id"] = json!(guild.to_string());
        }
        self.broadcast_in(channel, TYPING, "TYPING_START", &event);
        Ok(())
    }

    fn note_in(&mut self, guild: u64, what: &str) {
        let name = self
            .find_guild(guild)
            .map(|guild| guild.name.clone())
            .unwrap_or_default();
        self.note(EventKind::Member, format!("{what} {name}"));
    }
}
