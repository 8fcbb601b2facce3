//! Who takes part: many bots, each in a guild of its own, and the server's own bot in another.

use std::net::Ipv4Addr;

use discord_sim::{Application, Guild, Sim, User, World};

use bench::Failed;

/// People of the server's own guild, in whose names the empty route is asked for.
pub(crate) const VISITORS: u64 = 10;
/// Members of each bot's guild beside the bot and the one in voice; the same people in all.
pub(crate) const MEMBERS: u64 = 20;
/// Text channels of each bot's guild, beside a category and a voice channel.
pub(crate) const TEXTS: u64 = 8;
/// Messages in the first of them.
const MESSAGES: usize = 50;

/// The server's own application and its guild. Snowflakes of different milliseconds, as real ones
/// are.
const OWN: u64 = 1_000 << 22;
const OWN_GUILD: u64 = 1_001 << 22;
const FIRST_VISITOR: u64 = 1_002 << 22;
const FIRST_MEMBER: u64 = 1_003 << 22;
const FIRST_BOT: u64 = 270_000_000_000;

/// A bot that somebody brings, with the ids of what is in its guild.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bot {
    pub(crate) application: u64,
    pub(crate) guild: u64,
    pub(crate) voice: u64,
    /// The channel that has messages.
    pub(crate) text: u64,
    /// Who sits in voice and owns the guild.
    person: u64,
    /// Where those who use it come from.
    pub(crate) address: Ipv4Addr,
}

/// So many bots.
pub(crate) fn bots(count: u16) -> Vec<Bot> {
    (0..count).map(bot).collect()
}

fn bot(number: u16) -> Bot {
    let base = (FIRST_BOT + u64::from(number)) << 22;
    let [high, low] = number.to_be_bytes();
    Bot {
        application: base,
        guild: base + 1,
        voice: base + 2,
        person: base + 3,
        text: base + 5,
        address: Ipv4Addr::new(10, 1, high, low),
    }
}

/// The name of a visitor.
pub(crate) fn visitor(number: u64) -> String {
    format!("visitor{number}")
}

/// All bots and guilds; the first application is the server's.
pub(crate) fn world(bots: &[Bot]) -> World {
    let mut own = Guild::new(OWN_GUILD, "Own", FIRST_VISITOR).member(OWN);
    let mut world = World::empty().application(Application::new(OWN, "Yuri"));
    for number in 0..VISITORS {
        let id = FIRST_VISITOR + number;
        world = world.user(User::new(id, &visitor(number)));
        own = own.member(id);
    }
    for number in 0..MEMBERS {
        let member = User::new(FIRST_MEMBER + number, &format!("member{number}"));
        world = world.user(member.bystander());
    }
    world = world.guild(own);
    for bot in bots {
        let (application, guild) = (bot.application, guild(bot));
        let name = format!("bot{application}");
        world = world
            .application(Application::new(application, &name))
            .user(User::new(bot.person, &format!("person{application}")).bystander())
            .guild(guild);
    }
    world
}

fn guild(bot: &Bot) -> Guild {
    let mut guild = Guild::new(bot.guild, &format!("Guild {}", bot.guild), bot.person)
        .category(bot.application + 4, "All")
        .voice(bot.voice, "Lounge");
    for number in 0..TEXTS {
        guild = guild.text(bot.text + number, &format!("text {number}"));
    }
    for number in 0..MEMBERS {
        guild = guild.member(FIRST_MEMBER + number);
    }
    guild
        .member(bot.application)
        .member(bot.person)
        .in_voice(bot.person, bot.voice)
}

/// Writes what is to be read.
pub(crate) fn write_messages(sim: &Sim, bots: &[Bot]) -> Result<(), Failed> {
    for bot in bots {
        for number in 0..MESSAGES {
            sim.send_message(bot.person, bot.text, &format!("message {number}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nothing_is_shared_by_two_bots() {
        let bots = bots(300);
        let ids: BTreeSet<u64> = bots
            .iter()
            .flat_map(|bot| [bot.application, bot.guild, bot.voice, bot.text, bot.person])
            .collect();
        let addresses: BTreeSet<Ipv4Addr> = bots.iter().map(|bot| bot.address).collect();
        assert_eq!((ids.len(), addresses.len()), (1500, 300));
        assert!(ids.iter().all(|id| *id > FIRST_MEMBER + MEMBERS));
    }
}
