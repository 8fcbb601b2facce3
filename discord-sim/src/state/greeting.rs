//! What a bot is told when it logs in: `READY`, and the guilds of its shard.
//!
//! Called by the gateway for each new session, and when a bot becomes a member of a guild.

use serde_json::{Value, json};

use super::State;
use super::sessions::Attachment;
use crate::protocol::intents;
use crate::world::wire;

impl State {
    /// READY, then a `GUILD_CREATE` for each guild of the shard.
    pub(crate) fn greet(&mut self, attachment: &Attachment, shard: (u64, u64)) {
        let resume_url = format!("ws://127.0.0.1:{}", self.ports.gateway);
        let Some(session) = self.sessions.current(attachment) else {
            return;
        };
        let (bot, wanted) = (session.application, session.intents);
        let guilds = self.guilds_of_shard(bot, shard).collect::<Vec<_>>();
        let unavailable = guilds
            .iter()
            .map(|id| json!({ "id": id.to_string(), "unavailable": true }));
        let ready = json!({
            "v": 10,
            "user": self.users.get(&bot).map(|user| wire::current_user(user, false)),
            "user_settings": {},
            "user_settings_proto": null,
            "relationships": [],
            "private_channels": [],
            "presences": [],
            "guild_join_requests": [],
            "guilds": unavailable.collect::<Vec<_>>(),
            "session_id": attachment.session,
            "session_type": "normal",
            "resume_gateway_url": resume_url,
            "geo_ordered_rtc_regions": [],
            "auth": {},
            "shard": [shard.0, shard.1],
            "application": { "id": bot.to_string(), "flags": 0 },
            "_trace": [],
        });
        let mut events = vec![("READY", ready)];
        if wanted & intents::GUILDS != 0 {
            let created = guilds
                .iter()
                .filter_map(|id| self.guild_create(*id, bot, wanted));
            events.extend(created.map(|data| ("GUILD_CREATE", data)));
        }
        if let Some(session) = self.sessions.current(attachment) {
            for (event, data) in events {
                session.send(event, &data);
            }
        }
        self.sessions.set_ready(attachment);
    }

    /// The guilds of a bot that belong to one of its shards.
    pub(crate) fn guilds_of_shard(
        &self,
        bot: u64,
        (shard, count): (u64, u64),
    ) -> impl Iterator<Item = u64> {
        let mine = self.guilds.iter().filter(move |guild| {
            guild.members.contains_key(&bot) && (guild.id >> 22) % count == shard
        });
        mine.map(|guild| guild.id)
    }

    /// A guild as this bot is told of it: with all members only if it asked for presences,
    /// else with itself and those in voice.
    pub(crate) fn guild_create(&self, guild: u64, bot: u64, wanted: u64) -> Option<Value> {
        let guild = self.find_guild(guild)?;
        let everyone = wanted & intents::GUILD_PRESENCES != 0;
        let shown = |user| everyone || user == bot || guild.voice.contains_key(&user);
        Some(wire::guild_create(self, guild, bot, shown))
    }
}
