//! A person fills in a form that a bot has shown.

use serde_json::{Value, json};

use super::component::check_values;
use super::resolved::Resolved;
use super::{Interaction, Outcome, Scene, What};
use crate::error::SimError;
use crate::state::State;
use crate::state::messages::components::{FILE_UPLOAD, LABEL, TEXT_DISPLAY, TEXT_INPUT};

/// A form that a bot shows to a person.
#[derive(Clone, Debug)]
pub struct Modal {
    /// What the bot tells it apart by.
    pub custom_id: String,
    /// Its heading.
    pub title: String,
    /// Its inputs as the bot sent them.
    pub components: Vec<Value>,
    interaction: u64,
}

impl Modal {
    /// The form that the bot has answered an interaction with.
    pub(super) fn of(entry: &Interaction) -> Option<Modal> {
        let Outcome::Modal {
            custom_id,
            title,
            components,
        } = &entry.outcome
        else {
            return None;
        };
        Some(Modal {
            custom_id: custom_id.clone(),
            title: title.clone(),
            components: components.clone(),
            interaction: entry.id,
        })
    }

    /// What the simulator tells it apart by.
    pub(crate) fn id(&self) -> u64 {
        self.interaction
    }
}

impl State {
    /// A form that a bot has shown.
    pub(crate) fn find_form(&self, id: u64) -> Option<Modal> {
        Modal::of(self.interactions.by_id.get(&id)?)
    }

    /// Sends the filled-in form to its bot; the interaction's id.
    pub(crate) fn submit_modal(
        &mut self,
        modal: &Modal,
        values: &[(&str, &str)],
    ) -> Result<u64, SimError> {
        let gone = || SimError::Refused(format!("the form {} is gone", modal.custom_id));
        let entry = self.interactions.by_id.get_mut(&modal.interaction);
        let entry = entry.ok_or_else(gone)?;
        if !matches!(entry.outcome, Outcome::Modal { .. }) {
            return Err(gone());
        }
        let (scene, message) = (entry.scene, entry.what.message());
        let details = json!({ "triggering_interaction_metadata": entry.metadata });
        let mut filled = Filled {
            state: self,
            scene,
            values,
            used: Vec::new(),
            resolved: Resolved::default(),
        };
        let components = modal
            .components
            .iter()
            .map(|component| filled.read(component));
        let components = components.collect::<Result<Vec<_>, _>>()?;
        let mut named = values.iter().map(|(name, _)| *name);
        if let Some(name) = named.find(|name| !filled.used.contains(name)) {
            return Err(SimError::UnknownComponent(name.to_owned()));
        }
        let mut data = json!({ "custom_id": modal.custom_id, "components": components });
        if !filled.resolved.is_empty() {
            data["resolved"] = filled.resolved.0;
        }
        let id = self.send_interaction(scene, What::Modal { message }, data, details)?;
        let line = format!("{} filled in {}", self.name_of(scene.user), modal.title);
        self.note_interaction(&scene, line);
        Ok(id)
    }
}

/// The values of a form, read by its components.
struct Filled<'a> {
    state: &'a State,
    scene: Scene,
    values: &'a [(&'a str, &'a str)],
    used: Vec<&'a str>,
    resolved: Resolved,
}

impl Filled<'_> {
    /// A component as it is sent back.
    fn read(&mut self, component: &Value) -> Result<Value, SimError> {
        let kind = component["type"].as_i64().unwrap_or(0);
        let mut sent = json!({ "type": kind, "id": component["id"] });
        match kind {
            TEXT_DISPLAY => {}
            LABEL => sent["component"] = self.input(&component["component"])?,
            _ => {
                let inputs = component["components"].as_array().into_iter().flatten();
                let inputs = inputs.map(|input| self.input(input));
                sent["components"] = inputs.collect::<Result<_, _>>()?;
            }
        }
        Ok(sent)
    }

    fn input(&mut self, input: &Value) -> Result<Value, SimError> {
        let custom_id = input["custom_id"].as_str().unwrap_or_default();
        let refuse = |reason: &str| SimError::Refused(format!("{custom_id}: {reason}"));
        let mut given = Vec::new();
        for (name, value) in self.values {
            if *name == custom_id {
                self.used.push(name);
                given.push(*value);
            }
        }
        let mut sent = json!({
            "type": input["type"], "id": input["id"], "custom_id": custom_id,
        });
        let required = input["required"] != false;
        match input["type"].as_i64() {
            Some(TEXT_INPUT) => {
                if given.len() > 1 {
                    return Err(refuse("is one text"));
                }
                let before = input["value"].as_str().unwrap_or_default();
                let text = given.first().copied().unwrap_or(before);
                check_text(input, text, required).map_err(refuse)?;
                sent["value"] = json!(text);
            }
            Some(FILE_UPLOAD) => {
                if required {
                    return Err(refuse("files cannot be uploaded here"));
                }
                sent["values"] = json!([]);
            }
            _ => {
                if required || !given.is_empty() {
                    let resolved = &mut self.resolved;
                    check_values(self.state, &self.scene, input, &given, resolved)
                        .map_err(refuse)?;
                }
                sent["values"] = json!(given);
            }
        }
        Ok(sent)
    }
}

fn check_text(input: &Value, text: &str, required: bool) -> Result<(), &'static str> {
    let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    if length == 0 {
        return if required { Err("is required") } else { Ok(()) };
    }
    if length > input["max_length"].as_u64().unwrap_or(4_000) {
        return Err("is too long");
    }
    if length < input["min_length"].as_u64().unwrap_or(0) {
        return Err("is too short");
    }
    Ok(())
}
