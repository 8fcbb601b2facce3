//! Whether a world hangs together: what would otherwise fail far from its cause.
//!
//! Called once by [`Sim::start`](crate::Sim::start).

use std::collections::BTreeSet;

use super::{ChannelKind, Guild, World};

impl World {
    /// What is wrong with the world, if anything is.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut users = BTreeSet::new();
        for user in &self.users {
            if !users.insert(user.id) {
                return Err(format!("there are two users with the id {}", user.id));
            }
        }
        let mut ids = BTreeSet::new();
        for guild in &self.guilds {
            let channels = guild.channels.iter().map(|channel| channel.id);
            for id in std::iter::once(guild.id).chain(channels) {
                // Serenity's ids cannot be 0, and databases keep them as signed numbers.
                if id == 0 || i64::try_from(id).is_err() || !ids.insert(id) {
                    return Err(format!("{id} is no id, or not the only one of its kind"));
                }
            }
            check_guild(guild, &users).map_err(|fault| format!("{}: {fault}", guild.name))?;
        }
        Ok(())
    }
}

fn check_guild(guild: &Guild, users: &BTreeSet<u64>) -> Result<(), String> {
    let strangers = guild.members.keys().chain([&guild.owner]);
    if let Some(stranger) = strangers.into_iter().find(|user| !users.contains(user)) {
        return Err(format!("{stranger} is not a user of the world"));
    }
    for member in guild.members.values() {
        let known = |id: &u64| guild.roles.iter().any(|role| role.id == *id);
        if let Some(role) = member.roles.iter().find(|id| !known(id)) {
            return Err(format!("{role} is not a role"));
        }
    }
    for (user, voice) in &guild.voice {
        let channel = guild.find_channel(voice.channel);
        if channel.is_none_or(|channel| channel.kind != ChannelKind::Voice) {
            return Err(format!("{} is not a voice channel", voice.channel));
        }
        if !guild.members.contains_key(user) {
            return Err(format!("{user} is in voice but not a member"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::User;

    fn world(guild: Guild) -> World {
        World::empty().user(User::new(11, "ada")).guild(guild)
    }

    #[test]
    fn the_demo_hangs_together() {
        assert_eq!(World::demo().check(), Ok(()));
    }

    #[test]
    fn faults_are_named() {
        let guild = || Guild::new(31, "Lab", 11).text(32, "t").voice(33, "v");
        let faults = [
            (guild().member(12), "Lab: 12 is not a user of the world"),
            (guild().member_with_roles(11, &[7]), "Lab: 7 is not a role"),
            (
                guild().member(11).in_voice(11, 32),
                "Lab: 32 is not a voice channel",
            ),
            (
                guild().in_voice(11, 33),
                "Lab: 11 is in voice but not a member",
            ),
            (
                guild().text(31, "t"),
                "31 is no id, or not the only one of its kind",
            ),
            (
                guild().text(u64::MAX, "t"),
                "18446744073709551615 is no id, or not the only one of its kind",
            ),
        ];
        for (guild, fault) in faults {
            assert_eq!(world(guild).check(), Err(fault.to_owned()));
        }
    }
}
