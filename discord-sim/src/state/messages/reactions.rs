//! Reactions to messages.

use serde_json::{Value, json};

use crate::error::SimError;
use crate::protocol::api_error::ApiError;
use crate::protocol::intents;
use crate::state::State;
use crate::world::{EmojiName, Message, Reaction, permissions, wire};

const MOST_REACTIONS: usize = 20;
const REACTIONS: (u64, u64) = (
    intents::GUILD_MESSAGE_REACTIONS,
    intents::DIRECT_MESSAGE_REACTIONS,
);

impl State {
    /// A bot reacts to a message.
    pub(crate) fn react_as_bot(
        &mut self,
        bot: u64,
        channel: u64,
        id: u64,
        emoji: &str,
    ) -> Result<(), ApiError> {
        let access = self.access(bot, channel)?;
        access.demand_text()?;
        access.demand(permissions::READ_MESSAGE_HISTORY)?;
        let emoji = EmojiName::read(emoji).ok_or(ApiError::UNKNOWN_EMOJI)?;
        let message = self.visible(channel, id)?;
        let emoji = if has_reaction(message, &emoji) {
            emoji
        } else {
            access.demand(permissions::ADD_REACTIONS)?;
            if message.reactions.len() == MOST_REACTIONS {
                return Err(ApiError::TOO_MANY_REACTIONS);
            }
            self.usable_emoji(bot, (access.guild, access.bits), emoji)
                .ok_or(ApiError::UNKNOWN_EMOJI)?
        };
        self.add_reaction(channel, id, bot, emoji);
        Ok(())
    }

    /// A bot takes a reaction back: its own, or another's if it may.
    pub(crate) fn unreact_as_bot(
        &mut self,
        bot: u64,
        channel: u64,
        id: u64,
        emoji: &str,
        user: u64,
    ) -> Result<(), ApiError> {
        let access = self.access(bot, channel)?;
        access.demand_text()?;
        if user != bot {
            access.demand(permissions::MANAGE_MESSAGES)?;
        }
        let emoji = EmojiName::read(emoji).ok_or(ApiError::UNKNOWN_EMOJI)?;
        self.visible(channel, id)?;
        self.remove_reaction(channel, id, user, &emoji);
        Ok(())
    }

    /// Who has reacted with an emoji, after a user's id.
    pub(crate) fn reactors(
        &self,
        bot: u64,
        channel: u64,
        id: u64,
        emoji: &str,
        (after, limit): (u64, usize),
    ) -> Result<Vec<Value>, ApiError> {
        let access = self.access(bot, channel)?;
        access.demand_text()?;
        access.demand(permissions::READ_MESSAGE_HISTORY)?;
        let emoji = EmojiName::read(emoji).ok_or(ApiError::UNKNOWN_EMOJI)?;
        let reactions = self.visible(channel, id)?.reactions.iter();
        let users = reactions
            .filter(|reaction| is_same(&reaction.emoji, &emoji))
            .flat_map(|reaction| &reaction.users);
        let mut users = users
            .copied()
            .filter(|user| *user > after)
            .collect::<Vec<_>>();
        users.sort_unstable();
        let users = users.iter().take(limit);
        Ok(users
            .filter_map(|user| self.users.get(user))
            .map(wire::user)
            .collect())
    }

    /// Takes all reactions off a message, or all of one emoji.
    pub(crate) fn clear_reactions(
        &mut self,
        bot: u64,
        channel: u64,
        id: u64,
        emoji: Option<&str>,
    ) -> Result<(), ApiError> {
        let access = self.access(bot, channel)?;
        access.demand_text()?;
        access.demand(permissions::MANAGE_MESSAGES)?;
        let emoji = emoji
            .map(|emoji| EmojiName::read(emoji).ok_or(ApiError::UNKNOWN_EMOJI))
            .transpose()?;
        self.visible(channel, id)?;
        let Some(message) = self.messages.get_mut(channel, id) else {
            return Ok(());
        };
        let before = message.reactions.len();
        message.reactions.retain(|entry| {
            emoji
                .as_ref()
                .is_some_and(|emoji| !is_same(&entry.emoji, emoji))
        });
        if message.reactions.len() == before {
            return Ok(());
        }
        let mut event = self.reaction_event(channel, id);
        let name = match &emoji {
            Some(emoji) => {
                event["emoji"] = wire::emoji_name(emoji);
                "MESSAGE_REACTION_REMOVE_EMOJI"
            }
            None => "MESSAGE_REACTION_REMOVE_ALL",
        };
        self.broadcast_in(channel, REACTIONS, name, &event);
        Ok(())
    }

    /// A person reacts to a message that it sees, or takes that back.
    pub(crate) fn react_as_person(
        &mut self,
        user: u64,
        id: u64,
        text: &str,
        on: bool,
    ) -> Result<(), SimError> {
        let message = self.messages.find(id).ok_or(SimError::UnknownMessage(id))?;
        let channel = message.channel;
        let bits = self.person_access(user, channel)?;
        let unknown = || SimError::Refused(format!("{text} is no emoji"));
        let emoji = EmojiName::read(text).ok_or_else(unknown)?;
        if !on {
            self.remove_reaction(channel, id, user, &emoji);
            return Ok(());
        }
        let is_there = has_reaction(message, &emoji);
        let may_add = bits & permissions::ADD_REACTIONS != 0 || is_there;
        if message.only_for.is_some() || !may_add {
            return Err(SimError::Forbidden);
        }
        let emoji = if is_there {
            emoji
        } else {
            let guild = self.guild_of(channel);
            self.usable_emoji(user, (guild, bits), emoji)
                .ok_or_else(unknown)?
        };
        self.add_reaction(channel, id, user, emoji);
        Ok(())
    }

    fn add_reaction(&mut self, channel: u64, id: u64, user: u64, mut emoji: EmojiName) {
        let Some(message) = self.messages.get_mut(channel, id) else {
            return;
        };
        let author = message.author;
        let mut reactions = message.reactions.iter_mut();
        match reactions.find(|entry| is_same(&entry.emoji, &emoji)) {
            Some(entry) if entry.users.contains(&user) => return,
            Some(entry) => {
                entry.users.push(user);
                // It is called what it was called by who came first.
                emoji.clone_from(&entry.emoji);
            }
            None => message.reactions.push(Reaction {
                emoji: emoji.clone(),
                users: vec![user],
            }),
        }
        let mut event = self.reaction_event(channel, id);
        event["user_id"] = json!(user.to_string());
        event["emoji"] = wire::emoji_name(&emoji);
        event["message_author_id"] = json!(author.to_string());
        event["burst"] = json!(false);
        event["burst_colors"] = json!([]);
        event["type"] = json!(0);
        let guild = self.guild_of(channel);
        if let Some(member) = guild.and_then(|guild| self.find_member(guild, user)) {
            event["member"] = wire::member(self, member);
        }
        self.broadcast_in(channel, REACTIONS, "MESSAGE_REACTION_ADD", &event);
    }

    fn remove_reaction(&mut self, channel: u64, id: u64, user: u64, emoji: &EmojiName) {
        let Some(message) = self.messages.get_mut(channel, id) else {
            return;
        };
        let mut reactions = message.reactions.iter_mut();
        let Some(entry) = reactions.find(|entry| is_same(&entry.emoji, emoji)) else {
            return;
        };
        let before = entry.users.len();
        entry.users.retain(|reactor| *reactor != user);
        if entry.users.len() == before {
            return;
        }
        let emoji = entry.emoji.clone();
        message.reactions.retain(|entry| !entry.users.is_empty());
        let mut event = self.reaction_event(channel, id);
        event["user_id"] = json!(user.to_string());
        event["emoji"] = wire::emoji_name(&emoji);
        event["burst"] = json!(false);
        event["type"] = json!(0);
        self.broadcast_in(channel, REACTIONS, "MESSAGE_REACTION_REMOVE", &event);
    }

    fn reaction_event(&self, channel: u64, id: u64) -> Value {
        let mut event = json!({
            "channel_id": channel.to_string(),
            "message_id": id.to_string(),
        });
        if let Some(guild) = self.guild_of(channel) {
            event["guild_id"] = json!(guild.to_string());
        }
        event
    }
}

fn has_reaction(message: &Message, emoji: &EmojiName) -> bool {
    let mut reactions = message.reactions.iter();
    reactions.any(|reaction| is_same(&reaction.emoji, emoji))
}

/// Guilds' emojis are told apart by their ids, whatever they are called.
fn is_same(one: &EmojiName, other: &EmojiName) -> bool {
    match (one.id, other.id) {
        (None, None) => one.name == other.name,
        (one, other) => one == other,
    }
}
