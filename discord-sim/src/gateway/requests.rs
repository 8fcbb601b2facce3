//! What a logged-in bot may ask for on the gateway: voice moves, member lists, sounds.

use serde_json::{Value, json};

use crate::protocol::{Code, gateway_close as close, intents};
use crate::state::State;
use crate::state::sessions::Attachment;
use crate::world::{snowflake, wire};

/// Discord's size of a member chunk.
const CHUNK: usize = 1_000;

impl State {
    /// Answers one request of an identified connection.
    pub(super) fn gateway_request(
        &mut self,
        attachment: &Attachment,
        op: u64,
        data: &Value,
    ) -> Result<(), Code> {
        // A connection that was just replaced has nothing more to ask.
        let Some(session) = self.sessions.current(attachment) else {
            return Ok(());
        };
        let (bot, wanted) = (session.application, session.intents);
        match op {
            3 => data
                .get("status")
                .and_then(Value::as_str)
                .map(|_| ())
                .ok_or(close::DECODE_ERROR),
            4 => self.voice_request(bot, &attachment.session, data),
            8 => self.members_request(attachment, bot, wanted, data),
            _ => self.sounds_request(attachment, bot, data),
        }
    }

    fn voice_request(&mut self, bot: u64, session: &str, data: &Value) -> Result<(), Code> {
        let guild = data
            .get("guild_id")
            .and_then(snowflake::read)
            .ok_or(close::DECODE_ERROR)?;
        let channel = match data.get("channel_id") {
            None | Some(Value::Null) => None,
            Some(value) => Some(snowflake::read(value).ok_or(close::DECODE_ERROR)?),
        };
        let flag = |name| data.get(name).and_then(Value::as_bool).unwrap_or(false);
        self.move_bot(
            bot,
            session,
            guild,
            channel,
            (flag("self_mute"), flag("self_deaf")),
        );
        Ok(())
    }

    fn members_request(
        &mut self,
        attachment: &Attachment,
        bot: u64,
        wanted: u64,
        data: &Value,
    ) -> Result<(), Code> {
        let guild = data
            .get("guild_id")
            .and_then(snowflake::read)
            .ok_or(close::DECODE_ERROR)?;
        let query = data.get("query").and_then(Value::as_str);
        let limit = data.get("limit").and_then(Value::as_u64).unwrap_or(0);
        let ids = match data.get("user_ids") {
            Some(Value::Array(ids)) => Some(ids.iter().filter_map(snowflake::read).collect()),
            Some(one) if !one.is_null() => snowflake::read(one).map(|id| vec![id]),
            _ => None::<Vec<u64>>,
        };
        if query.is_none() && ids.is_none() {
            return Err(close::DECODE_ERROR);
        }
        // The whole list is for those with the members intent only.
        let whole = ids.is_none() && query == Some("") && limit == 0;
        let Some(entry) = self
            .find_guild(guild)
            .filter(|g| g.members.contains_key(&bot))
        else {
            return Ok(());
        };
        if whole && wanted & intents::GUILD_MEMBERS == 0 {
            return Ok(());
        }
        let asked = |user: u64| match &ids {
            Some(ids) => ids.contains(&user),
            None => self.name_of(user).starts_with(query.unwrap_or_default()),
        };
        let limit = if limit == 0 {
            CHUNK * 100
        } else {
            usize::try_from(limit).unwrap_or(CHUNK)
        };
        let members = entry
            .members
            .values()
            .filter(|member| asked(member.user))
            .take(limit);
        let members = members
            .map(|member| wire::member(self, member))
            .collect::<Vec<_>>();
        let missing = ids
            .iter()
            .flatten()
            .filter(|id| !entry.members.contains_key(id));
        let missing = missing.map(u64::to_string).collect::<Vec<_>>();
        let chunks = members
            .chunks(CHUNK)
            .map(<[Value]>::to_vec)
            .collect::<Vec<_>>();
        let count = chunks.len().max(1);
        let mut chunks = chunks.into_iter();
        for index in 0..count {
            let chunk = json!({
                "guild_id": guild.to_string(),
                "members": chunks.next().unwrap_or_default(),
                "chunk_index": index,
                "chunk_count": count,
                "not_found": missing,
                "nonce": data.get("nonce"),
            });
            if let Some(session) = self.sessions.current(attachment) {
                session.send("GUILD_MEMBERS_CHUNK", &chunk);
            }
        }
        Ok(())
    }

    fn sounds_request(
        &mut self,
        attachment: &Attachment,
        bot: u64,
        data: &Value,
    ) -> Result<(), Code> {
        let guilds = data
            .get("guild_ids")
            .and_then(Value::as_array)
            .ok_or(close::DECODE_ERROR)?;
        let guilds = guilds.iter().filter_map(snowflake::read);
        let mine = guilds.filter(|guild| self.find_member(*guild, bot).is_some());
        for guild in mine.collect::<Vec<_>>() {
            let sounds = json!({ "guild_id": guild.to_string(), "soundboard_sounds": [] });
            if let Some(session) = self.sessions.current(attachment) {
                session.send("SOUNDBOARD_SOUNDS", &sounds);
            }
        }
        Ok(())
    }
}
