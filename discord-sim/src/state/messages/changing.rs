//! Messages edited and deleted, one at a time or many at once.

use serde_json::{Value, json};

use super::MESSAGES;
use super::draft::Draft;
use crate::protocol::api_error::ApiError;
use crate::state::State;
use crate::state::log::EventKind;
use crate::world::message::SUPPRESS_EMBEDS;
use crate::world::snowflake::created_ms;
use crate::world::{Message, permissions};

/// How old a message may be to be deleted with others, in milliseconds.
const BULK_AGE_MS: u64 = 14 * 24 * 60 * 60 * 1_000;
/// How many messages are deleted at once.
pub(crate) const BULK: std::ops::RangeInclusive<usize> = 2..=100;

impl State {
    /// A bot edits a message: its own, or the flags of another's if it may.
    pub(crate) fn edit_as_bot(
        &mut self,
        bot: u64,
        channel: u64,
        id: u64,
        draft: Draft,
    ) -> Result<Value, ApiError> {
        let access = self.access(bot, channel)?;
        access.demand_text()?;
        let mut message = self.visible(channel, id)?.clone();
        if message.kind.is_system() {
            return Err(ApiError::SYSTEM_MESSAGE);
        }
        if message.author == bot && !draft.is_flags_only() {
            self.compose(&mut message, draft, access.bits)?;
            self.replace_message(message);
        } else {
            if message.author != bot {
                if !draft.is_flags_only() {
                    return Err(ApiError::NOT_YOUR_MESSAGE);
                }
                access.demand(permissions::MANAGE_MESSAGES)?;
            }
            // To hide embeds is no edit, and to send nothing no change.
            if let Some(flags) = draft.flags {
                message.flags = (message.flags & !SUPPRESS_EMBEDS) | (flags & SUPPRESS_EMBEDS);
                self.put_back(message);
            }
        }
        let message = self.visible(channel, id)?;
        Ok(self.show_message(message, bot))
    }

    /// Deletes a message of the bot, or another's if it may.
    pub(crate) fn delete_as_bot(
        &mut self,
        bot: u64,
        channel: u64,
        id: u64,
    ) -> Result<(), ApiError> {
        let access = self.access(bot, channel)?;
        access.demand_text()?;
        if self.visible(channel, id)?.author != bot {
            if access.guild.is_none() {
                return Err(ApiError::DIRECT_CHANNEL);
            }
            access.demand(permissions::MANAGE_MESSAGES)?;
        }
        self.remove_message(channel, id);
        Ok(())
    }

    /// Deletes many messages; those that are not there are none's business.
    pub(crate) fn bulk_delete(
        &mut self,
        bot: u64,
        channel: u64,
        ids: &[u64],
    ) -> Result<(), ApiError> {
        let access = self.access(bot, channel)?;
        access.demand_text()?;
        let guild = access.guild.ok_or(ApiError::DIRECT_CHANNEL)?;
        access.demand(permissions::MANAGE_MESSAGES)?;
        if !BULK.contains(&ids.len()) {
            return Err(ApiError::BULK_COUNT);
        }
        let oldest_ms = self.now_ms().saturating_sub(BULK_AGE_MS);
        if ids.iter().any(|id| created_ms(*id) < oldest_ms) {
            return Err(ApiError::BULK_TOO_OLD);
        }
        let visible = |id: &u64| self.visible(channel, *id).is_ok();
        let ids = ids.iter().copied().filter(visible).collect::<Vec<_>>();
        if ids.is_empty() {
            return Ok(());
        }
        for id in &ids {
            self.messages.remove(channel, *id);
        }
        let event = json!({
            "ids": ids.iter().map(u64::to_string).collect::<Vec<_>>(),
            "channel_id": channel.to_string(),
            "guild_id": guild.to_string(),
        });
        self.broadcast_in(channel, MESSAGES, "MESSAGE_DELETE_BULK", &event);
        let place = self.name_of_channel(channel);
        self.note(
            EventKind::Message,
            format!("{} messages were deleted in {place}", ids.len()),
        );
        Ok(())
    }

    /// A message that is not for one person alone.
    pub(super) fn visible(&self, channel: u64, id: u64) -> Result<&Message, ApiError> {
        self.messages
            .get(channel, id)
            .filter(|message| message.only_for.is_none())
            .ok_or(ApiError::UNKNOWN_MESSAGE)
    }

    /// Puts a changed message in the place of the one before, and tells of it.
    pub(in crate::state) fn replace_message(&mut self, mut message: Message) {
        message.edited_at_ms = Some(self.now_ms());
        self.put_back(message);
    }

    /// As [`replace_message`](State::replace_message), for what is no edit, as of a message
    /// that the person sees for the first time.
    pub(in crate::state) fn put_back(&mut self, message: Message) {
        let (channel, id) = (message.channel, message.id);
        if let Some(place) = self.messages.get_mut(channel, id) {
            *place = message;
            self.announce_message(channel, id, "MESSAGE_UPDATE");
        }
    }

    /// Removes a message and tells of it.
    pub(in crate::state) fn remove_message(&mut self, channel: u64, id: u64) {
        let Some(message) = self.messages.remove(channel, id) else {
            return;
        };
        if message.only_for.is_some() {
            return;
        }
        let mut event = json!({ "id": id.to_string(), "channel_id": channel.to_string() });
        if let Some(guild) = self.guild_of(channel) {
            event["guild_id"] = json!(guild.to_string());
        }
        self.broadcast_in(channel, MESSAGES, "MESSAGE_DELETE", &event);
        let author = self.name_of(message.author);
        let place = self.name_of_channel(channel);
        self.note(
            EventKind::Message,
            format!("a message of {author} was deleted in {place}"),
        );
    }
}

impl Draft {
    fn is_flags_only(&self) -> bool {
        self.content.is_none()
            && self.embeds.is_none()
            && self.components.is_none()
            && self.attachments.is_none()
            && self.files.is_empty()
    }
}
