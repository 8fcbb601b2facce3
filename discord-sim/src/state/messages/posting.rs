//! New messages: of bots, checked as Discord checks them, and of people.

use serde_json::Value;

use super::draft::{Draft, Purpose, Reference, Upload};
use crate::error::SimError;
use crate::protocol::api_error::{ApiError, FieldError};
use crate::state::State;
use crate::state::places::Place;
use crate::world::file::media_type;
use crate::world::message::MessageKind;
use crate::world::snowflake::created_ms;
use crate::world::{File, Message, permissions};

/// For how long a nonce is remembered, in milliseconds.
const NONCE_LIFE_MS: u64 = 5 * 60 * 1_000;

impl State {
    /// A bot posts into a channel; the message as the bot sees it.
    pub(crate) fn post_as_bot(
        &mut self,
        bot: u64,
        channel: u64,
        draft: Draft,
    ) -> Result<Value, ApiError> {
        let access = self.access(bot, channel)?;
        access.demand_text()?;
        access.demand(permissions::SEND_MESSAGES | needs(&draft))?;
        if let Some(Place::Direct(direct)) = self.find_place(channel)
            && !self.share_a_guild(bot, direct.person)
        {
            return Err(ApiError::NO_MUTUAL_GUILDS);
        }
        if let Some(before) = self.same_nonce(bot, channel, &draft) {
            return Ok(self.show_message(before, bot));
        }
        let mut message = Message::new(self.next_id(), channel, bot);
        if let Some(reference) = &draft.reply
            && self.check_reference(channel, access.bits, reference)?
        {
            message.kind = MessageKind::Reply;
            message.reply_to = Some(reference.message);
        }
        self.compose(&mut message, draft, access.bits)?;
        let id = message.id;
        self.add_message(message);
        let message = self
            .messages
            .get(channel, id)
            .ok_or(ApiError::UNKNOWN_MESSAGE)?;
        Ok(self.show_message(message, bot))
    }

    /// Whether the message that is answered is there; if not, and if it must be, an error.
    fn check_reference(
        &self,
        channel: u64,
        bits: u64,
        reference: &Reference,
    ) -> Result<bool, ApiError> {
        let refuse = |code, message: &str| {
            let fault = FieldError::new("message_reference", code, message);
            Err(ApiError::form(vec![fault]))
        };
        if bits & permissions::READ_MESSAGE_HISTORY == 0 {
            return Err(ApiError::CANNOT_REPLY);
        }
        if reference.channel.is_some_and(|other| other != channel) {
            let message = "Cannot reply to a message in a different channel";
            return refuse("REPLIES_CANNOT_REFERENCE_OTHER_CHANNEL", message);
        }
        let answered = self.messages.get(channel, reference.message);
        match answered.filter(|answered| answered.only_for.is_none()) {
            Some(answered) if answered.kind.is_system() => {
                let message = "Cannot reply to a system message";
                refuse("REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE", message)
            }
            Some(_) => Ok(true),
            None if reference.must_exist => refuse("REPLIES_UNKNOWN_MESSAGE", "Unknown message"),
            None => Ok(false),
        }
    }

    /// The bot's message with the same nonce, if it wants none twice.
    fn same_nonce(&self, bot: u64, channel: u64, draft: &Draft) -> Option<&Message> {
        if !draft.enforce_nonce || draft.nonce.is_null() {
            return None;
        }
        let since_ms = self.now_ms().saturating_sub(NONCE_LIFE_MS);
        let recent = self.messages.of(channel).rev();
        recent
            .take_while(|message| created_ms(message.id) >= since_ms)
            .find(|message| message.author == bot && message.nonce == draft.nonce)
    }

    /// A bot shows that it is typing.
    pub(crate) fn type_as_bot(&mut self, bot: u64, channel: u64) -> Result<(), ApiError> {
        let access = self.access(bot, channel)?;
        access.demand_text()?;
        access.demand(permissions::SEND_MESSAGES)?;
        self.start_typing(bot, channel)
            .map_err(|_| ApiError::MISSING_ACCESS)
    }

    /// A person posts into a channel; the message's id.
    pub(crate) fn post_as_person(
        &mut self,
        user: u64,
        channel: u64,
        text: &str,
        files: &[File],
        reply_to: Option<u64>,
    ) -> Result<u64, SimError> {
        let bits = self.person_access(user, channel)?;
        let mut needed = permissions::SEND_MESSAGES;
        if !files.is_empty() {
            needed |= permissions::ATTACH_FILES;
        }
        if bits & needed != needed {
            return Err(SimError::Forbidden);
        }
        let files = files.iter().zip(0..).map(|(file, index)| Upload {
            index,
            name: file.name.clone(),
            content_type: media_type(&file.name).map(str::to_owned),
            bytes: file.bytes.clone().into(),
        });
        let body = serde_json::json!({ "content": text });
        let refused = |error: ApiError| SimError::Refused(error.explain());
        let draft = Draft::read(&body, files.collect(), Purpose::Post).map_err(refused)?;
        let mut message = Message::new(self.next_id(), channel, user);
        if let Some(answered) = reply_to {
            self.messages
                .get(channel, answered)
                .ok_or(SimError::UnknownMessage(answered))?;
            message.kind = MessageKind::Reply;
            message.reply_to = Some(answered);
        }
        self.compose(&mut message, draft, bits).map_err(refused)?;
        let id = message.id;
        if let Some(guild) = self.guild_of(channel) {
            self.cue(guild, self.line_of(&message));
        }
        self.add_message(message);
        Ok(id)
    }

    /// A person edits its message.
    pub(crate) fn edit_as_person(
        &mut self,
        user: u64,
        id: u64,
        text: &str,
    ) -> Result<(), SimError> {
        let message = self.messages.find(id).ok_or(SimError::UnknownMessage(id))?;
        if message.author != user {
            return Err(SimError::Forbidden);
        }
        let mut message = message.clone();
        let bits = self.person_access(user, message.channel)?;
        let body = serde_json::json!({ "content": text });
        let refused = |error: ApiError| SimError::Refused(error.explain());
        let purpose = Purpose::Edit(message.flags);
        let draft = Draft::read(&body, Vec::new(), purpose).map_err(refused)?;
        self.compose(&mut message, draft, bits).map_err(refused)?;
        self.replace_message(message);
        Ok(())
    }

    /// A person deletes its own message, or somebody's if it may.
    pub(crate) fn delete_as_person(&mut self, user: u64, id: u64) -> Result<(), SimError> {
        let message = self.messages.find(id).ok_or(SimError::UnknownMessage(id))?;
        let (author, channel) = (message.author, message.channel);
        let bits = self.person_access(user, channel)?;
        if author != user && bits & permissions::MANAGE_MESSAGES == 0 {
            return Err(SimError::Forbidden);
        }
        self.remove_message(channel, id);
        Ok(())
    }
}

/// The permissions that the parts of a draft need, beyond that to write.
fn needs(draft: &Draft) -> u64 {
    let has_embeds = draft.embeds.as_ref().is_some_and(|list| !list.is_empty());
    let parts = [
        (has_embeds, permissions::EMBED_LINKS),
        (!draft.files.is_empty(), permissions::ATTACH_FILES),
        (draft.tts, permissions::SEND_TTS_MESSAGES),
    ];
    let needed = parts.into_iter().filter(|(needed, _)| *needed);
    needed.fold(0, |bits, (_, bit)| bits | bit)
}
