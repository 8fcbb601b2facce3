//! What a bot is told when it logs in: `READY`, and the guilds of its shard.
//!
//! Called by the gateway for each new session, and when a guild comes to a bot later.

use serde_json::{Value, json};

use super::State;
use super::sessions::{Attachment, Session};
use crate::protocol::intents;
use crate::world::{Guild, Member, wire};

/// What of a guild a session is told.
#[derive(Clone, Copy, Debug)]
struct Audience {
    bot: u64,
    intents: u64,
    large_threshold: usize,
}

impl Audience {
    fn of(session: &Session) -> Audience {
        Audience {
            bot: session.application,
            intents: session.intents,
            large_threshold: session.large_threshold,
        }
    }

    /// Without the presences intent, only the bot itself and those in voice are shown; of a
    /// large guild, those who are online or stand out.
    fn shows(self, state: &State, guild: &Guild, member: &Member) -> bool {
        if member.user == self.bot || guild.voice.contains_key(&member.user) {
            return true;
        }
        let all = guild.members.len() <= self.large_threshold;
        let stands_out = member.nick.is_some() || !member.roles.is_empty();
        self.sees_presences() && (all || stands_out || state.is_online(member.user))
    }

    fn sees_presences(self) -> bool {
        self.intents & intents::GUILD_PRESENCES != 0
    }
}

impl State {
    /// READY, then a `GUILD_CREATE` for each guild of the shard, or a `GUILD_DELETE` if it is
    /// unavailable.
    pub(crate) fn greet(&mut self, attachment: &Attachment, shard: (u64, u64)) {
        let Some(session) = self.sessions.current(attachment) else {
            return;
        };
        let audience = Audience::of(session);
        let bot = audience.bot;
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
            "resume_gateway_url": format!("ws://127.0.0.1:{}", self.ports.gateway),
            "geo_ordered_rtc_regions": [],
            "auth": {},
            "shard": [shard.0, shard.1],
            "application": {
                "id": bot.to_string(),
                "flags": self.find_application(bot).map_or(0, wire::application_flags),
            },
            "_trace": [],
        });
        let mut events = vec![("READY", ready)];
        if audience.intents & intents::GUILDS != 0 {
            let told = guilds
                .iter()
                .filter_map(|id| self.guild_event(*id, audience));
            events.extend(told);
        }
        if let Some(session) = self.sessions.current(attachment) {
            for (event, data) in events {
                session.send(event, &data);
            }
        }
        self.sessions.set_ready(attachment);
    }

    /// Tells a bot of a guild that it has come into or that is available again, or that has
    /// become unavailable.
    pub(super) fn announce_guild(&mut self, guild: u64, bot: u64) {
        let sessions = self
            .sessions
            .of(bot)
            .filter(|session| session.asked_for(intents::GUILDS) && session.covers(guild));
        let audiences = sessions.map(|session| (session.id.clone(), Audience::of(session)));
        for (id, audience) in audiences.collect::<Vec<_>>() {
            let told = self.guild_event(guild, audience);
            let session = self.sessions.by_id.get_mut(&id);
            if let (Some((event, data)), Some(session)) = (told, session) {
                session.send(event, &data);
            }
        }
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

    fn guild_event(&self, guild: u64, audience: Audience) -> Option<(&'static str, Value)> {
        let guild = self.find_guild(guild)?;
        if guild.unavailable {
            let data = json!({ "id": guild.id.to_string(), "unavailable": true });
            return Some(("GUILD_DELETE", data));
        }
        let members = guild.members.values();
        let members = members.filter(|member| audience.shows(self, guild, member));
        let members = members.map(|member| wire::member(self, member)).collect();
        let presences = if audience.sees_presences() {
            self.online(guild)
        } else {
            Vec::new()
        };
        let mut data = wire::guild_create(guild, audience.bot, members, presences);
        data["large"] = json!(guild.members.len() > audience.large_threshold);
        Some(("GUILD_CREATE", data))
    }
}
