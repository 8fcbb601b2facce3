//! A person presses a button of a message, or chooses from one of its menus.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::resolved::Resolved;
use super::{Scene, What};
use crate::error::SimError;
use crate::state::State;
use crate::state::messages::components::{
    self, BUTTON, CHANNEL_SELECT, MENTIONABLE_SELECT, ROLE_SELECT, STRING_SELECT, USER_SELECT,
};

impl State {
    /// Sends the click to the bot that wrote the message; the interaction's id.
    pub(crate) fn use_component(
        &mut self,
        user: u64,
        message: u64,
        custom_id: &str,
        values: &[&str],
    ) -> Result<u64, SimError> {
        let unknown = || SimError::UnknownMessage(message);
        let found = self.messages.find(message).ok_or_else(unknown)?;
        let channel = found.channel;
        self.person_access(user, channel)?;
        if !found.is_for(user) {
            return Err(SimError::Forbidden);
        }
        let scene = Scene {
            application: found.author,
            user,
            channel,
            guild: self.guild_of(channel),
        };
        let missing = || SimError::UnknownComponent(custom_id.to_owned());
        let component = components::find(&found.components, custom_id).ok_or_else(missing)?;
        if component["disabled"] == true {
            return Err(SimError::Forbidden);
        }
        let mut resolved = Resolved::default();
        if component["type"] == BUTTON {
            if !values.is_empty() {
                return Err(refuse(custom_id, "a button has no values"));
            }
        } else {
            check_values(self, &scene, component, values, &mut resolved)
                .map_err(|reason| refuse(custom_id, reason))?;
        }
        let mut data = json!({
            "component_type": component["type"],
            "custom_id": custom_id,
            "id": component["id"],
        });
        if component["type"] != BUTTON {
            data["values"] = json!(values);
        }
        if !resolved.is_empty() {
            data["resolved"] = resolved.0;
        }
        let line = format!("{} used {custom_id}", self.name_of(user));
        let id = self.send_interaction(scene, What::Component { message }, data, Value::Null)?;
        self.note_interaction(&scene, line);
        Ok(id)
    }
}

/// Whether a client would send these values of a menu.
pub(super) fn check_values(
    state: &State,
    scene: &Scene,
    menu: &Value,
    values: &[&str],
    resolved: &mut Resolved,
) -> Result<(), &'static str> {
    let count = |name: &str| {
        let count = menu[name].as_u64().unwrap_or(1);
        usize::try_from(count).unwrap_or(usize::MAX)
    };
    if values.len() < count("min_values") {
        return Err("too few values are chosen");
    }
    if values.len() > count("max_values") {
        return Err("too many values are chosen");
    }
    if values.iter().collect::<BTreeSet<_>>().len() != values.len() {
        return Err("a value is chosen twice");
    }
    let kind = menu["type"].as_i64().unwrap_or(0);
    for value in values {
        if kind == STRING_SELECT {
            let options = menu["options"].as_array().into_iter().flatten();
            let mut known = options.map(|option| &option["value"]);
            if !known.any(|known| known == value) {
                return Err("is not one of the options");
            }
            continue;
        }
        let id = value.parse().map_err(|_| "is not an id")?;
        let found = match kind {
            USER_SELECT => resolved.add_user(state, scene, id),
            ROLE_SELECT => resolved.add_role(state, scene, id),
            MENTIONABLE_SELECT => {
                resolved.add_role(state, scene, id) || resolved.add_user(state, scene, id)
            }
            CHANNEL_SELECT => {
                let types = menu["channel_types"].as_array().map(Vec::as_slice);
                resolved.add_channel(state, scene, id, types)?;
                true
            }
            _ => return Err("is no menu"),
        };
        if !found {
            return Err("does not exist");
        }
    }
    Ok(())
}

fn refuse(custom_id: &str, reason: &str) -> SimError {
    SimError::Refused(format!("{custom_id}: {reason}"))
}
