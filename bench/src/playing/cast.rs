//! Who takes part: the bots, and the guilds that each of them is in. Everybody has guilds of its
//! own, with one person in voice in each, so that no bot hears another.

use std::fmt;

use discord_sim::{Application, Guild, User, World};

/// A bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Yuri,
    DiscordJs,
    DiscordPy,
}

impl Who {
    pub(crate) const ALL: [Self; 3] = [Self::Yuri, Self::DiscordJs, Self::DiscordPy];

    /// The id of its application.
    pub(crate) fn application(self) -> u64 {
        1_000_000 + self.number()
    }

    fn number(self) -> u64 {
        match self {
            Self::Yuri => 0,
            Self::DiscordJs => 1,
            Self::DiscordPy => 2,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Yuri => "Yuri",
            Self::DiscordJs => "discord.js",
            Self::DiscordPy => "discord.py",
        })
    }
}

/// A guild, its voice channel, and the person who owns the one and sits in the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) guild: u64,
    pub(crate) channel: u64,
    pub(crate) person: u64,
}

/// A bot's guild.
pub(crate) fn room(who: Who, index: usize) -> Room {
    // Snowflakes of different milliseconds, as real ones are.
    let base = ((who.number() + 1) * 1000 + u64::try_from(index).unwrap_or(0)) << 22;
    Room {
        guild: base,
        channel: base + 1,
        person: base + 2,
    }
}

/// A bot's first guilds.
pub(crate) fn rooms(who: Who, count: usize) -> Vec<Room> {
    (0..count).map(|index| room(who, index)).collect()
}

/// All bots in so many guilds each.
pub(crate) fn world(guilds: usize) -> World {
    let mut world = World::empty();
    for who in Who::ALL {
        let application = who.application();
        world = world.application(Application::new(application, &who.to_string()));
        for (index, room) in rooms(who, guilds).into_iter().enumerate() {
            let Room {
                guild,
                channel,
                person,
            } = room;
            world = world.user(User::new(person, &format!("{who} {index}")));
            world = world.guild(
                Guild::new(guild, &format!("{who} {index}"), person)
                    .voice(channel, "Lounge")
                    .member(person)
                    .member(application)
                    .in_voice(person, channel),
            );
        }
    }
    world
}
