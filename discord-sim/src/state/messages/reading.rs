//! Reading what was written in a channel, by pages or one by one.

use serde_json::Value;

use crate::protocol::api_error::ApiError;
use crate::state::State;
use crate::world::{Message, permissions};

/// Which messages of a channel are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Page {
    /// The last ones.
    Newest,
    Before(u64),
    After(u64),
    Around(u64),
}

impl State {
    /// A page of messages, newest first. Who may not read what was written before gets none.
    pub(crate) fn read_messages(
        &self,
        bot: u64,
        channel: u64,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Value>, ApiError> {
        let access = self.access(bot, channel)?;
        access.demand_text()?;
        if access.bits & permissions::READ_MESSAGE_HISTORY == 0 {
            return Ok(Vec::new());
        }
        let all = || {
            let messages = self.messages.of(channel);
            messages.filter(|message| message.only_for.is_none())
        };
        let before = |id, limit| all().rev().filter(move |m| m.id < id).take(limit);
        let after = |id, limit| all().filter(move |m| m.id > id).take(limit);
        let mut found: Vec<&Message> = match page {
            Page::Newest => before(u64::MAX, limit).collect(),
            Page::Before(id) => before(id, limit).collect(),
            Page::After(id) => after(id, limit).collect(),
            Page::Around(id) => {
                let half = limit / 2;
                let middle = all().filter(|message| message.id == id);
                before(id, half)
                    .chain(middle)
                    .chain(after(id, limit - half))
                    .take(limit)
                    .collect()
            }
        };
        found.sort_by_key(|message| std::cmp::Reverse(message.id));
        let shown = found.into_iter();
        Ok(shown
            .map(|message| self.show_to_bot(message, bot))
            .collect())
    }

    /// One message.
    pub(crate) fn read_message(&self, bot: u64, channel: u64, id: u64) -> Result<Value, ApiError> {
        let access = self.access(bot, channel)?;
        access.demand_text()?;
        if access.bits & permissions::READ_MESSAGE_HISTORY == 0 {
            return Err(ApiError::MISSING_ACCESS);
        }
        let message = self.visible(channel, id)?;
        Ok(self.show_to_bot(message, bot))
    }

    /// What a person sees in a channel, oldest first.
    pub(crate) fn messages_seen_by(&self, user: u64, channel: u64) -> Vec<Message> {
        let messages = self.messages.of(channel);
        messages
            .filter(|message| message.is_for(user))
            .cloned()
            .collect()
    }
}
