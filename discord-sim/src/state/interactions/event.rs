//! `INTERACTION_CREATE`: what a bot is told of what a person did.

use serde_json::{Value, json};

use super::{Interaction, Outcome, Scene, What};
use crate::error::SimError;
use crate::state::State;
use crate::state::log::EventKind;
use crate::state::places::Place;
use crate::world::{permissions, random_text, wire};

/// The largest file a person may hand over, in bytes.
const LARGEST_FILE: u64 = 10_485_760;
const LOCALE: &str = "en-US";

impl State {
    /// Sends an interaction to its bot; its id.
    pub(super) fn send_interaction(
        &mut self,
        scene: Scene,
        what: What,
        data: Value,
        details: Value,
    ) -> Result<u64, SimError> {
        let id = self.next_id();
        let token = random_text(180);
        let mut event = self.interaction_event(id, &token, &scene, &what, data);
        if let Some(message) = what.message() {
            let message = self.messages.get(scene.channel, message);
            event["message"] = message.map_or(Value::Null, |message| {
                self.show_message(message, scene.application)
            });
        }
        let metadata = self.metadata(id, &scene, &what, details);
        let guild = scene.guild.unwrap_or(0);
        if !self.tell(scene.application, guild, 0, "INTERACTION_CREATE", &event) {
            return Err(SimError::Offline);
        }
        let created = self.now();
        self.interactions.insert(Interaction {
            id,
            token,
            scene,
            what,
            created,
            acknowledged: None,
            seen: None,
            deferred: false,
            ephemeral: false,
            outcome: Outcome::None,
            original: None,
            messages: Vec::new(),
            metadata,
        });
        Ok(id)
    }

    /// Takes note of what a person did, as something the bot may answer with sound.
    pub(super) fn note_interaction(&mut self, scene: &Scene, line: String) {
        if let Some(guild) = scene.guild {
            self.cue(guild, line.clone());
        }
        self.note(EventKind::Interaction, line);
    }

    fn interaction_event(
        &self,
        id: u64,
        token: &str,
        scene: &Scene,
        what: &What,
        data: Value,
    ) -> Value {
        let mut event = json!({
            "id": id.to_string(),
            "application_id": scene.application.to_string(),
            "type": what.number(),
            "data": data,
            "channel_id": scene.channel.to_string(),
            "token": token,
            "version": 1,
            "locale": LOCALE,
            "entitlements": [],
            "entitlement_sku_ids": [],
            "authorizing_integration_owners": owners(scene),
            "attachment_size_limit": LARGEST_FILE,
        });
        match self.find_place(scene.channel) {
            Some(Place::Guild(guild, channel)) => {
                let now_ms = self.now_ms();
                let bits_of = |user| {
                    let bits = permissions::in_channel(guild, channel, user, now_ms);
                    json!(bits.to_string())
                };
                let mut places = guild.channels.iter();
                let place = places.position(|other| other.id == channel.id);
                let mut shown = wire::channel(guild, channel, place.unwrap_or(0));
                shown["permissions"] = bits_of(scene.user);
                event["channel"] = shown;
                event["guild"] =
                    json!({ "id": guild.id.to_string(), "locale": LOCALE, "features": [] });
                event["guild_id"] = json!(guild.id.to_string());
                event["guild_locale"] = json!(LOCALE);
                event["app_permissions"] = bits_of(scene.application);
                event["context"] = json!(0);
                if let Some(member) = guild.members.get(&scene.user) {
                    event["member"] = wire::member(self, member);
                    event["member"]["permissions"] = bits_of(scene.user);
                }
            }
            Some(Place::Direct(direct)) => {
                event["channel"] = self.show_direct(direct);
                event["channel"]["permissions"] = json!(permissions::DIRECT.to_string());
                event["app_permissions"] = json!(permissions::DIRECT.to_string());
                event["context"] = json!(1);
                event["user"] = json!(self.users.get(&scene.user).map(wire::user));
            }
            None => {}
        }
        event
    }

    /// How the messages that answer the interaction tell of it.
    fn metadata(&self, id: u64, scene: &Scene, what: &What, details: Value) -> Value {
        let mut metadata = json!({
            "id": id.to_string(),
            "type": what.number(),
            "user": self.users.get(&scene.user).map(wire::user),
            "authorizing_integration_owners": owners(scene),
        });
        match what {
            What::Command { name, kind } => {
                metadata["name"] = json!(name);
                metadata["command_type"] = json!(kind);
            }
            What::Component { message } => {
                metadata["interacted_message_id"] = json!(message.to_string());
            }
            What::Modal { .. } | What::Autocomplete => {}
        }
        for (name, value) in details.as_object().into_iter().flatten() {
            metadata[name] = value.clone();
        }
        metadata
    }
}

/// For whom the application was installed where this happens.
fn owners(scene: &Scene) -> Value {
    json!({ "0": scene.guild.unwrap_or(0).to_string() })
}
