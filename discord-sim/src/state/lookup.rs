//! Finding things in the state by id, name or token.

use super::State;
use crate::world::wire::People;
use crate::world::{Application, Channel, Guild, Member, User, permissions};

impl People for State {
    fn find_person(&self, id: u64) -> Option<&User> {
        self.users.get(&id)
    }
}

impl State {
    pub(crate) fn find_guild(&self, id: u64) -> Option<&Guild> {
        self.guilds.iter().find(|guild| guild.id == id)
    }

    pub(crate) fn find_guild_mut(&mut self, id: u64) -> Option<&mut Guild> {
        self.guilds.iter_mut().find(|guild| guild.id == id)
    }

    pub(crate) fn find_member(&self, guild: u64, user: u64) -> Option<&Member> {
        self.find_guild(guild)?.members.get(&user)
    }

    /// A channel of any guild, with its guild.
    pub(crate) fn find_channel(&self, id: u64) -> Option<(&Guild, &Channel)> {
        self.guilds
            .iter()
            .find_map(|guild| Some((guild, guild.find_channel(id)?)))
    }

    pub(crate) fn find_application(&self, id: u64) -> Option<&Application> {
        self.applications
            .iter()
            .find(|application| application.id == id)
    }

    /// The application whose bot token this is, with or without the `Bot ` prefix.
    pub(crate) fn find_bot(&self, token: &str) -> Option<&Application> {
        let token = token.strip_prefix("Bot ").unwrap_or(token);
        self.applications
            .iter()
            .find(|application| application.bot_token == token)
    }

    pub(crate) fn find_user_named(&self, username: &str) -> Option<&User> {
        self.users.values().find(|user| user.username == username)
    }

    /// People one can be, by id: no bots, no bystanders.
    pub(crate) fn humans(&self) -> impl Iterator<Item = &User> {
        self.users
            .values()
            .filter(|user| !user.bot && !user.bystander)
    }

    /// Whether a member is found by this beginning of a name, in either letter case.
    pub(crate) fn answers_to(&self, member: &Member, prefix: &str) -> bool {
        let prefix = prefix.to_lowercase();
        let user = self.users.get(&member.user);
        let names = [
            member.nick.as_deref(),
            user.map(|user| user.username.as_str()),
            user.map(User::display_name),
        ];
        let mut names = names.into_iter().flatten();
        names.any(|name| name.to_lowercase().starts_with(&prefix))
    }

    /// Who shares the voice channel with this member.
    pub(crate) fn others_in_voice(&self, guild: u64, user: u64) -> Vec<u64> {
        let Some(guild) = self.find_guild(guild) else {
            return Vec::new();
        };
        let Some(own) = guild.voice.get(&user) else {
            return Vec::new();
        };
        let others = guild.voice.iter();
        let others = others.filter(|(id, state)| **id != user && state.channel == own.channel);
        others.map(|(id, _)| *id).collect()
    }

    /// The name an event line shows for a user.
    pub(crate) fn name_of(&self, user: u64) -> String {
        self.users
            .get(&user)
            .map_or_else(|| user.to_string(), |user| user.username.clone())
    }

    /// What the user may do in the channel; 0 if there is no such channel.
    pub(crate) fn permissions_in(&self, channel: u64, user: u64) -> u64 {
        self.find_channel(channel).map_or(0, |(guild, channel)| {
            permissions::in_channel(guild, channel, user, self.now_ms())
        })
    }
}
