//! Requests for the members of a guild (opcode 8), and the chunks that answer them.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::protocol::{Code, gateway_close as close, intents};
use crate::state::State;
use crate::state::sessions::Attachment;
use crate::world::{Guild, Member, snowflake, wire};

/// Discord's size of a chunk.
const CHUNK: usize = 1_000;
/// The most members that are found by ids, or by the beginning of a name.
const MOST_FOUND: usize = 100;
/// The longest nonce that is heeded, in bytes.
const LONGEST_NONCE: usize = 32;

#[derive(Deserialize)]
struct Request {
    guild_id: Value,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    limit: Option<u64>,
    #[serde(default)]
    presences: Option<bool>,
    #[serde(default)]
    user_ids: Value,
    #[serde(default)]
    nonce: Value,
}

/// Whom a request is for.
enum Wanted {
    /// Everyone, or as many as this.
    All { limit: usize },
    /// Those whose name begins so.
    Named { prefix: String, limit: usize },
    /// These.
    Ids(Vec<u64>),
}

impl Request {
    fn guild(&self) -> Option<u64> {
        match &self.guild_id {
            // A list was once allowed; one of one guild still is.
            Value::Array(one) => one.first().filter(|_| one.len() == 1),
            id => Some(id),
        }
        .and_then(snowflake::read)
    }

    fn wanted(&self) -> Option<Wanted> {
        let ids = match &self.user_ids {
            Value::Array(ids) => ids.as_slice(),
            id => std::slice::from_ref(id),
        };
        if !self.user_ids.is_null() {
            let ids = ids.iter().take(MOST_FOUND).map(snowflake::read);
            return ids.collect::<Option<_>>().map(Wanted::Ids);
        }
        let prefix = self.query.clone()?;
        let limit = usize::try_from(self.limit?).unwrap_or(usize::MAX);
        Some(if prefix.is_empty() {
            Wanted::All { limit }
        } else {
            Wanted::Named { prefix, limit }
        })
    }

    fn nonce(&self) -> Option<&str> {
        let nonce = self.nonce.as_str();
        nonce.filter(|nonce| !nonce.is_empty() && nonce.len() <= LONGEST_NONCE)
    }
}

impl State {
    pub(super) fn members_request(
        &mut self,
        attachment: &Attachment,
        data: &Value,
    ) -> Result<(), Code> {
        let request = Request::deserialize(data).map_err(|_| close::DECODE_ERROR)?;
        let guild = request.guild().ok_or(close::DECODE_ERROR)?;
        let wanted = request.wanted().ok_or(close::DECODE_ERROR)?;
        let Some(session) = self.sessions.current(attachment) else {
            return Ok(());
        };
        let (bot, asked) = (session.application, session.intents);
        let known = self.find_guild(guild);
        if known.is_none_or(|guild| guild.unavailable || !guild.members.contains_key(&bot)) {
            return Ok(());
        }
        if let Wanted::All { limit } = wanted {
            // Without the intent there is no answer at all.
            if asked & intents::GUILD_MEMBERS == 0 {
                return Ok(());
            }
            if limit == 0 && !self.count_list(attachment, bot, guild, &request) {
                return Ok(());
            }
        }
        let presences = request.presences == Some(true) && asked & intents::GUILD_PRESENCES != 0;
        let chunks = self.member_chunks(guild, &wanted, presences);
        for mut chunk in chunks {
            if let Some(nonce) = request.nonce() {
                chunk["nonce"] = json!(nonce);
            }
            if let Some(session) = self.sessions.current(attachment) {
                session.send("GUILD_MEMBERS_CHUNK", &chunk);
            }
        }
        Ok(())
    }

    /// Counts a request for everyone in a guild; one that comes too soon is told so.
    fn count_list(
        &mut self,
        attachment: &Attachment,
        bot: u64,
        guild: u64,
        request: &Request,
    ) -> bool {
        let now_ms = self.now_ms();
        let Err(wait_ms) = self.sessions.count_member_list(bot, guild, now_ms) else {
            return true;
        };
        let mut meta = json!({ "guild_id": guild.to_string() });
        if let Some(nonce) = request.nonce() {
            meta["nonce"] = json!(nonce);
        }
        let retry_after = std::time::Duration::from_millis(wait_ms).as_secs_f64();
        let limited = json!({ "opcode": 8, "retry_after": retry_after, "meta": meta });
        if let Some(session) = self.sessions.current(attachment) {
            session.send("RATE_LIMITED", &limited);
        }
        false
    }

    fn member_chunks(&self, guild: u64, wanted: &Wanted, presences: bool) -> Vec<Value> {
        let Some(guild) = self.find_guild(guild) else {
            return Vec::new();
        };
        let (members, not_found) = self.members_wanted(guild, wanted);
        let count = members.len().div_ceil(CHUNK).max(1);
        let chunk = |index: usize| {
            let members = members.iter().skip(index * CHUNK).take(CHUNK);
            let mut chunk = json!({
                "guild_id": guild.id.to_string(),
                "members": members.clone().map(|it| wire::member(self, it)).collect::<Vec<_>>(),
                "chunk_index": index,
                "chunk_count": count,
            });
            if let Wanted::Ids(_) = wanted {
                chunk["not_found"] = json!(not_found);
            }
            if presences {
                let online = members.filter(|member| self.is_online(member.user));
                let online = online.map(|member| self.short_presence(member.user));
                chunk["presences"] = online.collect();
            }
            chunk
        };
        (0..count).map(chunk).collect()
    }

    fn members_wanted<'a>(
        &self,
        guild: &'a Guild,
        wanted: &Wanted,
    ) -> (Vec<&'a Member>, Vec<String>) {
        let members = guild.members.values();
        match wanted {
            Wanted::All { limit: 0 } => (members.collect(), Vec::new()),
            Wanted::All { limit } => (members.take(*limit).collect(), Vec::new()),
            Wanted::Named { prefix, limit } => {
                let most = if *limit == 0 {
                    MOST_FOUND
                } else {
                    MOST_FOUND.min(*limit)
                };
                let named = members.filter(|member| self.answers_to(member, prefix));
                (named.take(most).collect(), Vec::new())
            }
            Wanted::Ids(ids) => {
                let (mut found, mut not_found) = (Vec::new(), Vec::new());
                for id in ids {
                    match guild.members.get(id) {
                        Some(member) => found.push(member),
                        None => not_found.push(id.to_string()),
                    }
                }
                (found, not_found)
            }
        }
    }
}
