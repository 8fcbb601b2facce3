//! The emojis on the buttons and options of a message: those of guilds must be there, and are
//! shown by the names that they have.

use serde_json::Value;

use crate::protocol::api_error::{ApiError, FieldError};
use crate::state::State;
use crate::world::{EmojiName, wire};

impl State {
    /// Looks up the emojis of components, for a bot that may do so much in a channel of the
    /// guild.
    pub(super) fn name_emojis(
        &self,
        bot: u64,
        place: (Option<u64>, u64),
        components: &mut [Value],
    ) -> Result<(), ApiError> {
        let mut faults = Vec::new();
        for (index, component) in components.iter_mut().enumerate() {
            let path = format!("components.{index}");
            self.name_emojis_in(bot, place, component, &path, &mut faults);
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(ApiError::form(faults))
        }
    }

    fn name_emojis_in(
        &self,
        bot: u64,
        place: (Option<u64>, u64),
        value: &mut Value,
        path: &str,
        faults: &mut Vec<FieldError>,
    ) {
        match value {
            Value::Array(values) => {
                for (index, value) in values.iter_mut().enumerate() {
                    let path = format!("{path}.{index}");
                    self.name_emojis_in(bot, place, value, &path, faults);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    let path = format!("{path}.{name}");
                    if name != "emoji" {
                        self.name_emojis_in(bot, place, value, &path, faults);
                        continue;
                    }
                    let id = value["id"].as_str().and_then(|id| id.parse().ok());
                    let Some(id) = id else { continue };
                    let wanted = EmojiName {
                        id: Some(id),
                        name: String::new(),
                        animated: false,
                    };
                    match self.usable_emoji(bot, place, wanted) {
                        Some(emoji) => *value = wire::emoji_name(&emoji),
                        None => faults.push(FieldError::new(
                            &format!("{path}.id"),
                            "BUTTON_COMPONENT_INVALID_EMOJI",
                            "Invalid emoji",
                        )),
                    }
                }
            }
            _ => {}
        }
    }
}
