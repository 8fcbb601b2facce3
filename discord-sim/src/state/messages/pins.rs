//! Pinned messages.

use serde_json::{Value, json};

use crate::protocol::api_error::ApiError;
use crate::protocol::intents;
use crate::state::State;
use crate::world::message::MessageKind;
use crate::world::snowflake::iso;
use crate::world::{Message, permissions};

const MOST_PINS: usize = 250;
/// Pins are told to those who hear of the guild's channels.
const PINS: (u64, u64) = (intents::GUILDS, intents::DIRECT_MESSAGES);

impl State {
    /// Pins a message, or takes the pin off.
    pub(crate) fn pin_as_bot(
        &mut self,
        bot: u64,
        channel: u64,
        id: u64,
        on: bool,
    ) -> Result<(), ApiError> {
        let access = self.access(bot, channel)?;
        access.demand_text()?;
        access.demand(permissions::PIN_MESSAGES)?;
        let message = self.visible(channel, id)?;
        if message.kind.is_system() {
            return Err(ApiError::SYSTEM_MESSAGE);
        }
        if message.pinned_at_ms.is_some() == on {
            return Ok(());
        }
        if on && self.pinned(channel).count() >= MOST_PINS {
            return Err(ApiError::TOO_MANY_PINS);
        }
        let now_ms = self.now_ms();
        if let Some(message) = self.messages.get_mut(channel, id) {
            message.pinned_at_ms = on.then_some(now_ms);
        }
        if on {
            self.set_last_pin(channel, now_ms);
        }
        self.announce_message(channel, id, "MESSAGE_UPDATE");
        let mut event = json!({
            "channel_id": channel.to_string(),
            "last_pin_timestamp": self.last_pin(channel).map(iso),
        });
        if let Some(guild) = access.guild {
            event["guild_id"] = json!(guild.to_string());
        }
        self.broadcast_in(channel, PINS, "CHANNEL_PINS_UPDATE", &event);
        if on {
            let mut notice = Message::new(self.next_id(), channel, bot);
            notice.kind = MessageKind::Pinned;
            notice.reply_to = Some(id);
            self.add_message(notice);
        }
        Ok(())
    }

    /// The pinned messages before a time, newest pin first, and whether there are more.
    pub(crate) fn read_pins(
        &self,
        bot: u64,
        channel: u64,
        before_ms: u64,
        limit: usize,
    ) -> Result<(Vec<(u64, Value)>, bool), ApiError> {
        let access = self.access(bot, channel)?;
        access.demand_text()?;
        if access.bits & permissions::READ_MESSAGE_HISTORY == 0 {
            return Ok((Vec::new(), false));
        }
        let mut pins = self
            .pinned(channel)
            .filter(|(at_ms, _)| *at_ms < before_ms)
            .collect::<Vec<_>>();
        pins.sort_by_key(|(at_ms, message)| std::cmp::Reverse((*at_ms, message.id)));
        let more = pins.len() > limit;
        let shown = pins.into_iter().take(limit);
        let shown = shown.map(|(at_ms, message)| (at_ms, self.show_to_bot(message, bot)));
        Ok((shown.collect(), more))
    }

    fn pinned(&self, channel: u64) -> impl Iterator<Item = (u64, &Message)> {
        let messages = self.messages.of(channel);
        messages.filter_map(|message| Some((message.pinned_at_ms?, message)))
    }

    /// When the pin set last was set, as far as it is still there.
    fn last_pin(&self, channel: u64) -> Option<u64> {
        self.pinned(channel).map(|(at_ms, _)| at_ms).max()
    }
}
