//! Who hears of an event: every bot of a guild that asked for its kind and may know of it,
//! or one of them.
//!
//! Called by every change of the world.

use serde_json::{Value, json};

use super::State;
use super::sessions::Session;
use crate::protocol::intents;
use crate::world::{Guild, permissions, snowflake};

/// The events that tell of everything that can change what a member may do in a channel.
const CHANGES_OF_RIGHTS: [&str; 5] = [
    "CHANNEL_UPDATE",
    "GUILD_MEMBER_UPDATE",
    "GUILD_ROLE_DELETE",
    "GUILD_ROLE_UPDATE",
    "GUILD_UPDATE",
];

/// What a bot must be allowed to hear of an event, intents aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Nothing more than to be in the guild.
    Nothing,
    /// These permissions in the guild.
    InGuild(u64),
    /// To see this channel.
    ToSee(u64),
    /// To sit in this voice channel.
    ToSitIn(u64),
}

impl Need {
    /// What the documentation says of an event.
    fn of(event: &str, data: &Value) -> Need {
        let channel = || snowflake::read(&data["channel_id"]).unwrap_or(0);
        match event {
            "GUILD_BAN_ADD" | "GUILD_BAN_REMOVE" => Need::InGuild(permissions::BAN_MEMBERS),
            "GUILD_AUDIT_LOG_ENTRY_CREATE" => Need::InGuild(permissions::VIEW_AUDIT_LOG),
            "VOICE_CHANNEL_EFFECT_SEND" => Need::ToSitIn(channel()),
            "TYPING_START" | "CHANNEL_PINS_UPDATE" => Need::ToSee(channel()),
            _ if event.starts_with("MESSAGE_") => Need::ToSee(channel()),
            _ => Need::Nothing,
        }
    }

    fn is_met(self, guild: &Guild, bot: u64, now_ms: u64) -> bool {
        match self {
            Need::Nothing => guild.members.contains_key(&bot),
            Need::InGuild(bits) => permissions::in_guild(guild, bot, now_ms) & bits == bits,
            Need::ToSee(channel) => guild.find_channel(channel).is_some_and(|channel| {
                let bits = permissions::in_channel(guild, channel, bot, now_ms);
                bits & permissions::VIEW_CHANNEL != 0
            }),
            Need::ToSitIn(channel) => {
                let seat = guild.voice.get(&bot);
                seat.is_some_and(|seat| seat.channel == channel)
            }
        }
    }
}

impl State {
    /// Sends an event of a guild to every bot in it that asked for it and may hear it; an
    /// `intent` of 0 is asked for by all. Of messages, only what the bot may read is sent.
    pub(crate) fn broadcast(&mut self, guild: u64, intent: u64, event: &str, data: &Value) {
        if CHANGES_OF_RIGHTS.contains(&event) {
            self.route_audio(guild);
        }
        let now_ms = self.now_ms();
        let State {
            guilds, sessions, ..
        } = self;
        let Some(entry) = guilds.iter().find(|entry| entry.id == guild) else {
            return;
        };
        if entry.unavailable {
            return;
        }
        let need = Need::of(event, data);
        let whole = data.to_string();
        for session in sessions.by_id.values_mut() {
            if (session.asked_for(intent) || is_of_itself(session, event, data))
                && session.covers(guild)
                && need.is_met(entry, session.application, now_ms)
            {
                match without_content(session, event, data) {
                    Some(partial) => session.send(event, &partial),
                    None => session.send_text(event, &whole),
                }
            }
        }
    }

    /// Sends an event of a guild to one bot if it asked for it; an `intent` of 0 is asked
    /// for by all, and a `guild` of 0 stands for direct messages and what else has no guild.
    /// False if no connection takes it.
    pub(crate) fn tell(
        &mut self,
        application: u64,
        guild: u64,
        intent: u64,
        event: &str,
        data: &Value,
    ) -> bool {
        let mut taken = false;
        for session in self.sessions.by_id.values_mut() {
            if session.application == application
                && session.asked_for(intent)
                && session.covers(guild)
            {
                session.send(event, data);
                taken |= session.outlet.is_some();
            }
        }
        taken
    }
}

/// A bot always hears of changes to itself as a member.
fn is_of_itself(session: &Session, event: &str, data: &Value) -> bool {
    event == "GUILD_MEMBER_UPDATE" && names(&data["user"], session.application)
}

fn names(user: &Value, bot: u64) -> bool {
    snowflake::read(&user["id"]) == Some(bot)
}

/// A message as a bot gets it that may not read it: one without the content intent gets only
/// its own messages and those that mention it whole. `None` if it gets everything.
fn without_content(session: &Session, event: &str, data: &Value) -> Option<Value> {
    let is_message = matches!(event, "MESSAGE_CREATE" | "MESSAGE_UPDATE");
    (is_message && session.intents & intents::MESSAGE_CONTENT == 0)
        .then(|| stripped(session.application, data))
        .flatten()
}

/// A message without what `bot` may not read of it; `None` if it may read everything.
pub(super) fn stripped(bot: u64, message: &Value) -> Option<Value> {
    let mut mentions = message["mentions"].as_array().into_iter().flatten();
    let readable =
        names(&message["author"], bot) || mentions.any(|mentioned| names(mentioned, bot));
    let answered = message.get("referenced_message");
    let answered = answered.and_then(|answered| answered.is_object().then_some(answered));
    let answered = answered.and_then(|answered| stripped(bot, answered));
    if readable && answered.is_none() {
        return None;
    }
    let mut message = message.clone();
    if let Some(answered) = answered {
        message["referenced_message"] = answered;
    }
    if let (false, Some(fields)) = (readable, message.as_object_mut()) {
        fields.insert("content".to_owned(), json!(""));
        for list in ["embeds", "attachments", "components"] {
            fields.insert(list.to_owned(), json!([]));
        }
        fields.remove("poll");
    }
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_bot_may_read_is_left_of_a_message() {
        let message = |author: &str, mentions: Value| {
            json!({
                "author": { "id": author }, "mentions": mentions, "content": "psst",
                "embeds": [1], "attachments": [1], "components": [1], "poll": {}, "tts": false,
            })
        };
        let empty = |author: &str, mentions: Value| {
            json!({
                "author": { "id": author }, "mentions": mentions, "content": "",
                "embeds": [], "attachments": [], "components": [], "tts": false,
            })
        };
        assert_eq!(stripped(21, &message("21", json!([]))), None);
        assert_eq!(stripped(21, &message("11", json!([{ "id": "21" }]))), None);
        let other = json!([{ "id": "12" }]);
        let expected = empty("11", other.clone());
        assert_eq!(stripped(21, &message("11", other.clone())), Some(expected));
        // The message that is answered follows the same rule on its own.
        let mut answer = message("21", json!([]));
        answer["referenced_message"] = message("11", json!([]));
        let mut expected = message("21", json!([]));
        expected["referenced_message"] = empty("11", json!([]));
        assert_eq!(stripped(21, &answer), Some(expected));
        answer["referenced_message"] = Value::Null;
        assert_eq!(stripped(21, &answer), None);
    }

    #[test]
    fn what_must_be_allowed_is_read_off_the_event() {
        let data = json!({ "channel_id": "32" });
        assert_eq!(Need::of("MESSAGE_DELETE", &data), Need::ToSee(32));
        assert_eq!(Need::of("TYPING_START", &data), Need::ToSee(32));
        assert_eq!(
            Need::of("VOICE_CHANNEL_EFFECT_SEND", &data),
            Need::ToSitIn(32)
        );
        assert_eq!(Need::of("CHANNEL_UPDATE", &data), Need::Nothing);
    }
}
