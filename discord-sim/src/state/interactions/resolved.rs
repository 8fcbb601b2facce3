//! The users, members, roles, channels, messages and files that an interaction names.

use serde_json::{Value, json};

use super::Scene;
use crate::state::State;
use crate::world::message::Message;
use crate::world::{Attachment, permissions, wire};

/// What goes out as `resolved`; null as long as nothing is named.
#[derive(Debug, Default)]
pub(super) struct Resolved(pub(super) Value);

impl Resolved {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_null()
    }

    /// A user, and the member it is; false if there is none.
    pub(super) fn add_user(&mut self, state: &State, scene: &Scene, id: u64) -> bool {
        let Some(user) = state.users.get(&id) else {
            return false;
        };
        let key = id.to_string();
        self.0["users"][&key] = wire::user(user);
        let guild = scene.guild.and_then(|guild| state.find_guild(guild));
        let member = guild.and_then(|guild| Some((guild, guild.members.get(&id)?)));
        if let Some((guild, member)) = member {
            let bits = permissions::in_guild(guild, id, state.now_ms());
            let mut value = wire::member(state, member);
            value["permissions"] = json!(bits.to_string());
            if let Some(value) = value.as_object_mut() {
                value.retain(|name, _| !matches!(name.as_str(), "user" | "deaf" | "mute"));
            }
            self.0["members"][&key] = value;
        }
        true
    }

    /// A role of the guild; false if there is none.
    pub(super) fn add_role(&mut self, state: &State, scene: &Scene, id: u64) -> bool {
        let guild = scene.guild.and_then(|guild| state.find_guild(guild));
        let roles = guild.map_or(&[][..], |guild| &guild.roles);
        let mut places = roles.iter().enumerate();
        let Some((place, role)) = places.find(|(_, role)| role.id == id) else {
            return false;
        };
        self.0["roles"][id.to_string()] = wire::role(role, place);
        true
    }

    /// A channel of the guild, if it is of one of these types; `Err` says what is wrong.
    pub(super) fn add_channel(
        &mut self,
        state: &State,
        scene: &Scene,
        id: u64,
        types: Option<&[Value]>,
    ) -> Result<(), &'static str> {
        let guild = scene.guild.and_then(|guild| state.find_guild(guild));
        let guild = guild.ok_or("is not a channel of the guild")?;
        let mut places = guild.channels.iter().enumerate();
        let (place, channel) = places
            .find(|(_, channel)| channel.id == id)
            .ok_or("is not a channel of the guild")?;
        let kind = json!(channel.kind.number());
        let allowed = types.filter(|types| !types.is_empty());
        if allowed.is_some_and(|types| !types.contains(&kind)) {
            return Err("is a channel of the wrong kind");
        }
        let bits = permissions::in_channel(guild, channel, scene.user, state.now_ms());
        let mut value = wire::channel(guild, channel, place);
        value["permissions"] = json!(bits.to_string());
        if let Some(value) = value.as_object_mut() {
            value.retain(|name, _| PARTIAL_CHANNEL.contains(&name.as_str()));
        }
        self.0["channels"][id.to_string()] = value;
        Ok(())
    }

    pub(super) fn add_attachment(&mut self, attachment: &Attachment) {
        self.0["attachments"][attachment.id.to_string()] = wire::attachment(attachment);
    }

    pub(super) fn add_message(&mut self, state: &State, scene: &Scene, message: &Message) {
        let value = state.show_message(message, scene.application);
        self.0["messages"][message.id.to_string()] = value;
    }
}

/// What Discord shows of a channel here.
const PARTIAL_CHANNEL: &[&str] = &[
    "flags",
    "guild_id",
    "id",
    "last_message_id",
    "last_pin_timestamp",
    "name",
    "nsfw",
    "parent_id",
    "permissions",
    "position",
    "rate_limit_per_user",
    "topic",
    "type",
];
