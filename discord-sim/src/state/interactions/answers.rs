//! What bots answer to interactions: the callback, each type where it may be given.
//!
//! Called by REST with bodies that are valid JSON but otherwise unchecked.

use serde_json::{Value, json};

use super::{Choice, Interaction, Outcome, What};
use crate::protocol::api_error::ApiError;
use crate::protocol::form::Form;
use crate::state::State;
use crate::state::messages::components;
use crate::state::messages::draft::{Draft, Purpose, Upload};
use crate::world::message::{EPHEMERAL, LOADING, MessageKind, Trace};
use crate::world::{Message, permissions};

/// Callback types.
const MESSAGE: i64 = 4;
const DEFERRED_MESSAGE: i64 = 5;
const DEFERRED_UPDATE: i64 = 6;
const UPDATE: i64 = 7;
const CHOICES: i64 = 8;
const MODAL: i64 = 9;
const MOST_CHOICES: usize = 25;

impl What {
    /// The callback types that answer it.
    fn answers(&self) -> &'static [i64] {
        match self {
            What::Command { .. } => &[MESSAGE, DEFERRED_MESSAGE, MODAL],
            What::Autocomplete => &[CHOICES],
            What::Component { .. } => &[MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, MODAL],
            What::Modal { message: Some(_) } => {
                &[MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE]
            }
            What::Modal { message: None } => &[MESSAGE, DEFERRED_MESSAGE],
        }
    }
}

impl State {
    /// Takes the first answer; returns what `with_response=true` shows.
    pub(crate) fn answer_interaction(
        &mut self,
        id: u64,
        token: &str,
        body: &Value,
        files: Vec<Upload>,
    ) -> Result<Value, ApiError> {
        let mut entry = self
            .interactions
            .by_id
            .remove(&id)
            .ok_or(ApiError::UNKNOWN_INTERACTION)?;
        let result = self.answer(&mut entry, token, body, files);
        if entry.acknowledged.is_none() {
            // What was refused has left no trace.
            entry.original = None;
            entry.messages.clear();
            entry.deferred = false;
            entry.outcome = Outcome::None;
        }
        self.interactions.by_id.insert(id, entry);
        result
    }

    fn answer(
        &mut self,
        entry: &mut Interaction,
        token: &str,
        body: &Value,
        files: Vec<Upload>,
    ) -> Result<Value, ApiError> {
        if entry.token != token {
            return Err(ApiError::UNKNOWN_INTERACTION);
        }
        if entry.acknowledged.is_some() {
            return Err(ApiError::ACKNOWLEDGED);
        }
        let now = self.now();
        if now.saturating_duration_since(entry.created) > self.interactions.acknowledge_within {
            return Err(ApiError::UNKNOWN_INTERACTION);
        }
        let mut form = Form::new(body);
        form.require("type");
        let kind = form.choice("type", entry.what.answers());
        form.finish()?;
        let kind = kind.unwrap_or(0);
        match kind {
            MESSAGE => {
                let draft = draft(body, files, Purpose::Answer)?;
                self.first_message(entry, draft)?;
                entry.seen = Some(now);
            }
            DEFERRED_MESSAGE => {
                let flags = body["data"]["flags"].as_u64().unwrap_or(0);
                entry.deferred = true;
                let mut message = self.new_answer(entry, flags);
                message.flags |= LOADING;
                self.add_answer(entry, message);
            }
            DEFERRED_UPDATE => {
                entry.deferred = true;
                entry.outcome = Outcome::Update;
                self.take_over(entry)?;
            }
            UPDATE => {
                let flags = self.take_over(entry)?;
                let draft = draft(body, files, Purpose::Edit(flags))?;
                entry.outcome = Outcome::Update;
                self.change_answer(entry, entry.original, draft)?;
                entry.seen = Some(now);
            }
            CHOICES => entry.outcome = Outcome::Choices(choices(body)?),
            _ => entry.outcome = modal(body)?,
        }
        entry.acknowledged = Some(now);
        Ok(self.callback_resource(entry, kind))
    }

    /// The message a component is on becomes `@original`; its flags.
    fn take_over(&mut self, entry: &mut Interaction) -> Result<u64, ApiError> {
        let id = entry.what.message().ok_or(ApiError::UNKNOWN_MESSAGE)?;
        let message = self.messages.get(entry.scene.channel, id);
        let flags = message.ok_or(ApiError::UNKNOWN_MESSAGE)?.flags;
        entry.original = Some(id);
        entry.messages.push(id);
        Ok(flags)
    }

    fn first_message(&mut self, entry: &mut Interaction, draft: Draft) -> Result<(), ApiError> {
        let mut message = self.new_answer(entry, draft.flags.unwrap_or(0));
        let bits = self.answering_bits(entry);
        self.compose(&mut message, draft, bits)?;
        self.add_answer(entry, message);
        Ok(())
    }

    /// An empty message of the interaction's bot; the first one is the original response.
    pub(super) fn new_answer(&mut self, entry: &Interaction, flags: u64) -> Message {
        let scene = &entry.scene;
        let mut message = Message::new(self.next_id(), scene.channel, scene.application);
        message.only_for = (flags & EPHEMERAL != 0).then_some(scene.user);
        message.flags = flags & EPHEMERAL;
        let mut metadata = entry.metadata.clone();
        let mut legacy = None;
        match (entry.original, &entry.what) {
            (Some(original), _) => {
                message.kind = MessageKind::Reply;
                message.reply_to = Some(original);
                metadata["original_response_message_id"] = json!(original.to_string());
            }
            (None, What::Command { name, kind }) => {
                message.kind = if *kind == 1 {
                    MessageKind::ChatInputCommand
                } else {
                    MessageKind::ContextMenuCommand
                };
                legacy = Some(json!({
                    "id": entry.id.to_string(), "type": 2, "name": name,
                    "user": entry.metadata["user"],
                }));
            }
            (None, what) => {
                message.reply_to = what.message();
                message.kind = match message.reply_to {
                    Some(_) => MessageKind::Reply,
                    None => MessageKind::ChatInputCommand,
                };
            }
        }
        message.interaction = Some(Box::new(Trace {
            application: scene.application,
            metadata,
            legacy,
        }));
        message
    }

    /// Shows a message of the interaction.
    pub(super) fn add_answer(&mut self, entry: &mut Interaction, message: Message) {
        entry.ephemeral = message.only_for.is_some();
        entry.original.get_or_insert(message.id);
        entry.messages.push(message.id);
        self.add_message(message);
    }

    /// What the bot may do in the messages by which it answers.
    pub(super) fn answering_bits(&self, entry: &Interaction) -> u64 {
        if entry.scene.guild.is_none() {
            return permissions::DIRECT;
        }
        self.permissions_in(entry.scene.channel, entry.scene.application)
    }

    fn callback_resource(&self, entry: &Interaction, kind: i64) -> Value {
        let message = entry
            .original
            .and_then(|id| self.messages.get(entry.scene.channel, id));
        let mut value = json!({
            "interaction": {
                "id": entry.id.to_string(),
                "type": entry.what.number(),
            },
            "resource": { "type": kind },
        });
        let Some(message) = message.filter(|_| kind != DEFERRED_UPDATE) else {
            return value;
        };
        let interaction = &mut value["interaction"];
        interaction["response_message_id"] = json!(message.id.to_string());
        interaction["response_message_loading"] = json!(message.flags & LOADING != 0);
        interaction["response_message_ephemeral"] = json!(message.only_for.is_some());
        value["resource"]["message"] = self.show_message(message, entry.scene.application);
        value
    }
}

/// The message in the `data` of a callback.
fn draft(body: &Value, files: Vec<Upload>, purpose: Purpose) -> Result<Draft, ApiError> {
    let mut form = Form::new(body);
    let draft = form.object("data", |data| Draft::read_form(data, files, purpose));
    form.finish()?;
    draft.unwrap_or(Ok(Draft::default()))
}

fn modal(body: &Value) -> Result<Outcome, ApiError> {
    let mut form = Form::new(body);
    form.require("data");
    let outcome = form.object("data", |data| {
        data.require("custom_id");
        data.require("title");
        Outcome::Modal {
            custom_id: data.text("custom_id", 1..=100).unwrap_or_default(),
            title: data.text("title", 1..=45).unwrap_or_default(),
            components: components::read_modal(data),
        }
    });
    form.finish()?;
    Ok(outcome.unwrap_or(Outcome::None))
}

fn choices(body: &Value) -> Result<Vec<Choice>, ApiError> {
    let mut form = Form::new(body);
    form.require("data");
    let choices = form.object("data", |data| {
        data.require("choices");
        data.objects("choices", 0..=MOST_CHOICES, |choice| {
            choice.require("name");
            choice.require("value");
            let name = choice.text("name", 1..=100).unwrap_or_default();
            let value = choice.value("value").cloned().unwrap_or_default();
            let usable = match &value {
                Value::String(text) => text.chars().count() <= 100,
                Value::Number(_) | Value::Null => true,
                _ => false,
            };
            if !usable {
                let message = "Must be a string of 100 or fewer characters, or a number.";
                choice.fault("value", "UNION_TYPE_CHOICES", message);
            }
            Choice { name, value }
        })
    });
    form.finish()?;
    Ok(choices.flatten().unwrap_or_default())
}
