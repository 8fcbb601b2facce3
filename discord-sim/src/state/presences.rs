//! Who is online and does what.
//!
//! Bots are online from their login to the end of their last session; people are what the
//! library says. Each change tells the bots with the presences intent.

use serde_json::{Value, json};

use super::State;
use crate::error::SimError;
use crate::protocol::intents;
use crate::world::presence::{Presence, Status};
use crate::world::{Guild, User, wire};

impl State {
    /// Changes how a person is shown.
    pub(crate) fn set_presence(&mut self, user: u64, presence: Presence) -> Result<(), SimError> {
        if !self.users.contains_key(&user) {
            return Err(SimError::UnknownUser(user));
        }
        self.show(user, presence);
        Ok(())
    }

    /// Changes how a user is shown; tells nobody if it looks the same.
    pub(crate) fn show(&mut self, user: u64, presence: Presence) {
        let before = self.presences.get(&user).cloned().unwrap_or_default();
        let news = !before.looks_like(&presence);
        self.presences.insert(user, presence);
        if news {
            self.broadcast_presence(user, &json!({ "id": user.to_string() }));
        }
    }

    /// Shows a user's presence to all guilds it is in, with as much of the user as is given.
    pub(super) fn broadcast_presence(&mut self, user: u64, account: &Value) {
        let mut update = self.presence_value(user, account.clone());
        for guild in self.guilds_of(user) {
            update["guild_id"] = json!(guild.to_string());
            self.broadcast(guild, intents::GUILD_PRESENCES, "PRESENCE_UPDATE", &update);
        }
    }

    /// Whether a user is seen to be online.
    pub(crate) fn is_online(&self, user: u64) -> bool {
        let presence = self.presences.get(&user);
        presence.is_some_and(|presence| presence.status != Status::Offline)
    }

    /// The presences of those of a guild's members who are online.
    pub(crate) fn online(&self, guild: &Guild) -> Vec<Value> {
        let online = guild.members.keys().filter(|user| self.is_online(**user));
        online.map(|user| self.short_presence(*user)).collect()
    }

    /// A presence with no more of the user than the id.
    pub(crate) fn short_presence(&self, user: u64) -> Value {
        self.presence_value(user, json!({ "id": user.to_string() }))
    }

    fn presence_value(&self, user: u64, account: Value) -> Value {
        let is_bot = self.users.get(&user).is_some_and(|user| user.bot);
        let offline = Presence::default();
        let presence = self.presences.get(&user).unwrap_or(&offline);
        presence.value(account, is_bot)
    }

    /// The guilds a user is a member of.
    pub(super) fn guilds_of(&self, user: u64) -> Vec<u64> {
        let guilds = self.guilds.iter();
        let guilds = guilds.filter(|guild| guild.members.contains_key(&user));
        guilds.map(|guild| guild.id).collect()
    }

    /// Changes a user's account, and tells everyone who may see it.
    pub(crate) fn change_user(
        &mut self,
        user: u64,
        change: impl FnOnce(&mut User),
    ) -> Result<(), SimError> {
        let account = self
            .users
            .get_mut(&user)
            .ok_or(SimError::UnknownUser(user))?;
        change(account);
        // Who somebody is does not change.
        account.id = user;
        let (seen, own) = (wire::user(account), wire::current_user(account, false));
        if self.find_application(user).is_some() {
            self.tell(user, 0, 0, "USER_UPDATE", &own);
        }
        for guild in self.guilds_of(user) {
            self.change_member(guild, user, |_| {})?;
        }
        self.broadcast_presence(user, &seen);
        Ok(())
    }
}
