//! Who is in which guild, and as what.
//!
//! Called by REST and by the library's people. Each change updates the world first and then
//! sends the events it implies.

use serde_json::json;

use super::State;
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
        if !self.users.contains_key(&user) {
            return Err(SimError::UnknownUser(user));
        }
        let joined_at_ms = self.now_ms();
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        if entry.bans.contains(&user) {
            return Err(SimError::Banned { user, guild });
        }
        if entry.members.contains_key(&user) {
            return Ok(());
        }
        let member = Member {
            joined_at_ms,
            ..Member::new(user, &[])
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
        change(member);
        let member = member.clone();
        let mut event = wire::member(self, &member);
        event["guild_id"] = json!(guild.to_string());
        self.broadcast(guild, intents::GUILD_MEMBERS, "GUILD_MEMBER_UPDATE", &event);
        Ok(())
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
