//! Messages: kept by channel, shown to bots and people, and told of as events.
//!
//! Called by REST on behalf of bots, by the answers to interactions, and by the library's
//! people.

pub(crate) mod changing;
pub(crate) mod components;
mod composing;
pub(crate) mod draft;
mod embeds;
mod emojis;
mod mentions;
mod pins;
mod posting;
mod reactions;
mod reading;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub(crate) use reading::Page;

use super::State;
use super::dispatch::stripped;
use super::places::Place;
use crate::protocol::intents;
use crate::state::log::EventKind;
use crate::world::message::{LOADING, MessageKind};
use crate::world::{Message, wire};

/// How many messages a channel keeps; the oldest are forgotten.
const KEPT: usize = 1_000;

/// All messages, by channel and id.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    by_channel: BTreeMap<u64, BTreeMap<u64, Message>>,
}

impl Messages {
    /// The messages of a channel, oldest first.
    pub(crate) fn of(&self, channel: u64) -> impl DoubleEndedIterator<Item = &Message> {
        self.by_channel
            .get(&channel)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// One message of a channel.
    pub(crate) fn get(&self, channel: u64, id: u64) -> Option<&Message> {
        self.by_channel.get(&channel)?.get(&id)
    }

    pub(super) fn get_mut(&mut self, channel: u64, id: u64) -> Option<&mut Message> {
        self.by_channel.get_mut(&channel)?.get_mut(&id)
    }

    /// A message of any channel.
    pub(crate) fn find(&self, id: u64) -> Option<&Message> {
        self.by_channel
            .values()
            .find_map(|messages| messages.get(&id))
    }

    fn insert(&mut self, message: Message) {
        let messages = self.by_channel.entry(message.channel).or_default();
        if messages.len() == KEPT {
            messages.pop_first();
        }
        messages.insert(message.id, message);
    }

    fn remove(&mut self, channel: u64, id: u64) -> Option<Message> {
        self.by_channel.get_mut(&channel)?.remove(&id)
    }

    /// Forgets a channel that is gone.
    pub(super) fn forget(&mut self, channel: u64) {
        self.by_channel.remove(&channel);
    }
}

impl State {
    /// A message as the viewer sees it.
    pub(crate) fn show_message(&self, message: &Message, viewer: u64) -> Value {
        let guild = self.guild_of(message.channel);
        let answered = message
            .reply_to
            .and_then(|id| self.messages.get(message.channel, id));
        // What only one person sees is not shown by way of a message that all see.
        let answered =
            answered.filter(|answered| answered.only_for.is_none() || message.only_for.is_some());
        let answered = answered.map(|answered| wire::message(self, answered, viewer, guild, None));
        wire::message(self, message, viewer, guild, answered)
    }

    /// A message as REST shows it to a bot: without what it may not read, unless it was
    /// granted the content of messages.
    fn show_to_bot(&self, message: &Message, bot: u64) -> Value {
        let value = self.show_message(message, bot);
        let granted = self
            .find_application(bot)
            .is_some_and(|bot| bot.privileged_intents & intents::MESSAGE_CONTENT != 0);
        if granted || self.guild_of(message.channel).is_none() {
            return value;
        }
        stripped(bot, &value).unwrap_or(value)
    }

    /// Keeps a new message and tells of it.
    pub(super) fn add_message(&mut self, message: Message) {
        let (channel, id) = (message.channel, message.id);
        self.set_last_message(channel, id);
        let line = self.line_of(&message);
        self.messages.insert(message);
        self.announce_message(channel, id, "MESSAGE_CREATE");
        self.note(EventKind::Message, line);
    }

    /// Tells of a message that was written or changed.
    pub(super) fn announce_message(&mut self, channel: u64, id: u64, event: &str) {
        let Some(message) = self.messages.get(channel, id) else {
            return;
        };
        // Only the person it is for sees an ephemeral message; no bot hears of it.
        if message.only_for.is_some() {
            return;
        }
        let event_data = self.message_event(message);
        self.broadcast_in(channel, MESSAGES, event, &event_data);
    }

    /// A message as its events carry it: with the guild, and the members it names.
    fn message_event(&self, message: &Message) -> Value {
        let mut value = self.show_message(message, 0);
        let Some(guild) = self.guild_of(message.channel) else {
            value["channel_type"] = json!(1);
            return value;
        };
        value["guild_id"] = json!(guild.to_string());
        let partial = |user: u64| {
            let member = self.find_member(guild, user)?;
            let mut member = wire::member(self, member);
            member.as_object_mut()?.remove("user");
            Some(member)
        };
        if let Some(member) = partial(message.author) {
            value["member"] = member;
        }
        if let Some((_, channel)) = self.find_channel(message.channel) {
            value["channel_type"] = json!(channel.kind.number());
        }
        for mention in value["mentions"].as_array_mut().into_iter().flatten() {
            let id = mention["id"].as_str().and_then(|id| id.parse().ok());
            if let Some(member) = id.and_then(partial) {
                mention["member"] = member;
            }
        }
        value
    }

    /// Sends an event of a channel to those who asked for its kind: the bots of its guild,
    /// or the one that takes part in the direct messages.
    pub(super) fn broadcast_in(
        &mut self,
        channel: u64,
        (in_guild, in_direct): (u64, u64),
        event: &str,
        data: &Value,
    ) {
        match self.find_place(channel) {
            Some(Place::Guild(guild, _)) => {
                let guild = guild.id;
                self.broadcast(guild, in_guild, event, data);
            }
            Some(Place::Direct(direct)) => {
                let bot = direct.bot;
                self.tell(bot, 0, in_direct, event, data);
            }
            None => {}
        }
    }

    /// What the event log says of a new message.
    fn line_of(&self, message: &Message) -> String {
        const SHOWN: usize = 60;
        let author = self.name_of(message.author);
        let place = self.name_of_channel(message.channel);
        if message.kind == MessageKind::Pinned {
            return format!("{author} pinned a message in {place}");
        }
        if message.flags & LOADING != 0 {
            return format!("{author} is thinking in {place}");
        }
        let text = message.content.chars().take(SHOWN).collect::<String>();
        format!("{author} wrote in {place}: {text}")
    }
}

/// The intents of messages, in guilds and in direct messages.
const MESSAGES: (u64, u64) = (intents::GUILD_MESSAGES, intents::DIRECT_MESSAGES);
