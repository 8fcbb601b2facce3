//! Slash commands between simulated people and a real poise bot.

use std::time::Duration;

use discord_sim::{Sim, SimError, permissions};

use crate::support::bot::Bot;
use crate::support::{eventually, sim};

struct Stage {
    sim: Sim,
    bot: Bot,
    guild: u64,
    ben: u64,
}

async fn stage() -> Stage {
    let sim = sim().await;
    let bot = Bot::start(&sim).await;
    let (guild, ben) = (sim.guilds()[0].id, sim.user_id("ben").unwrap());
    Stage {
        sim,
        bot,
        guild,
        ben,
    }
}

#[tokio::test]
async fn an_immediate_answer_is_the_reply() {
    let Stage {
        sim,
        bot,
        guild,
        ben,
    } = stage().await;
    let reply = sim
        .slash(ben, guild, "hello", &[("name", "world")])
        .await
        .unwrap();
    assert_eq!(reply.content, "hello world");
    assert!(!reply.ephemeral && !reply.deferred);
    assert_eq!(reply.acknowledged_after, reply.replied_after);
    assert_eq!(
        reply.message["interaction_metadata"]["user"]["username"],
        "ben"
    );
    bot.stop().await;
}

#[tokio::test]
async fn a_deferred_answer_is_waited_for() {
    let Stage {
        sim,
        guild,
        ben,
        bot: _bot,
    } = stage().await;
    let reply = sim.slash(ben, guild, "think", &[]).await.unwrap();
    assert_eq!(reply.content, "a thought");
    assert!(reply.deferred && !reply.ephemeral);
    assert!(reply.replied_after >= reply.acknowledged_after + Duration::from_millis(50));

    assert_eq!(reply.message["flags"], 0);

    let reply = sim.slash(ben, guild, "whisper", &[]).await.unwrap();
    assert_eq!(reply.content, "psst");
    assert!(reply.deferred && reply.ephemeral);
}

#[tokio::test]
async fn answers_can_be_edited_followed_up_deleted_and_read() {
    let Stage {
        sim,
        guild,
        ben,
        bot: _bot,
    } = stage().await;
    sim.clear_requests();
    assert_eq!(
        sim.slash(ben, guild, "edit", &[]).await.unwrap().content,
        "one"
    );
    // The bot reads its message back last, and panics if it is not the edited one.
    let read_back = || {
        let requests = sim.requests();
        requests
            .iter()
            .any(|read| read.method == "GET" && read.path.contains("@original"))
    };
    eventually("the bot has read its message", read_back).await;
    let deleted = sim
        .requests()
        .into_iter()
        .find(|request| request.method == "DELETE")
        .unwrap();
    assert_eq!(deleted.status, Some(204));
}

#[tokio::test]
async fn suggestions_come_from_the_bot() {
    let Stage {
        sim,
        guild,
        ben,
        bot: _bot,
    } = stage().await;
    let choices = sim
        .autocomplete(ben, guild, "seek", "fruit", "ap")
        .await
        .unwrap();
    let names = choices
        .iter()
        .map(|choice| choice.name.as_str())
        .collect::<Vec<_>>();
    assert_eq!(names, ["apple", "apricot"]);
    assert_eq!(choices[0].value, "apple");
    assert!(
        sim.autocomplete(ben, guild, "seek", "fruit", "zz")
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn options_are_typed_by_their_schema() {
    let Stage {
        sim,
        guild,
        ben,
        bot: _bot,
    } = stage().await;
    let add = async |options: &[(&str, &str)]| sim.slash(ben, guild, "add", options).await;
    assert_eq!(add(&[("a", "2")]).await.unwrap().content, "2.5");
    assert_eq!(
        add(&[("a", "2"), ("b", "0.25")]).await.unwrap().content,
        "2.25"
    );
    let refused = [
        (vec![], "is required"),
        (vec![("a", "x")], "is not a whole number"),
        (vec![("a", "11")], "is too large"),
        (
            vec![("a", "1"), ("c", "1")],
            "the command has no such option",
        ),
    ];
    for (options, reason) in refused {
        let Err(SimError::InvalidOption { reason: given, .. }) = add(&options).await else {
            panic!("{options:?} was sent");
        };
        assert_eq!(given, reason);
    }
}

#[tokio::test]
async fn users_and_channels_are_resolved() {
    let Stage {
        sim,
        guild,
        ben,
        bot: _bot,
    } = stage().await;
    let ada = sim.user_id("ada").unwrap().to_string();
    let reply = sim
        .slash(ben, guild, "who user", &[("user", &ada)])
        .await
        .unwrap();
    assert_eq!(reply.content, "Ada of 0 roles");
    let channel = sim.guilds()[0].voice_channel.unwrap().to_string();
    let reply = sim
        .slash(ben, guild, "who channel", &[("channel", &channel)])
        .await
        .unwrap();
    assert_eq!(reply.content, "Lounge");
    let unknown = SimError::UnknownCommand("who".to_owned());
    assert_eq!(
        sim.slash(ben, guild, "who", &[]).await.unwrap_err(),
        unknown
    );
}

#[tokio::test]
async fn a_bot_that_does_not_answer_is_given_up() {
    let Stage {
        sim,
        guild,
        ben,
        bot: _bot,
    } = stage().await;
    assert_eq!(
        sim.slash(ben, guild, "sulk", &[]).await.unwrap_err(),
        SimError::NoAnswer
    );
}

#[tokio::test]
async fn not_everyone_may_use_every_command_everywhere() {
    let Stage {
        sim,
        bot,
        guild,
        ben,
    } = stage().await;
    let cleo = sim.user_id("cleo").unwrap();
    let hello = async |user| sim.slash(user, guild, "hello", &[("name", "x")]).await;
    assert_eq!(
        hello(cleo).await.unwrap_err(),
        SimError::NotAMember { user: cleo, guild }
    );
    let channel = sim.guilds()[0].text_channel.unwrap();
    sim.deny_permissions(channel, permissions::USE_APPLICATION_COMMANDS)
        .unwrap();
    assert_eq!(hello(ben).await.unwrap_err(), SimError::Forbidden);
    sim.deny_permissions(channel, 0).unwrap();
    sim.set_timeout(ben, guild, Some(u64::MAX)).unwrap();
    assert_eq!(hello(ben).await.unwrap_err(), SimError::Forbidden);
    sim.set_timeout(ben, guild, None).unwrap();
    assert!(hello(ben).await.is_ok());
    bot.stop().await;
    assert_eq!(hello(ben).await.unwrap_err(), SimError::Offline);
}

#[tokio::test]
async fn the_bots_cache_follows_the_world() {
    let Stage {
        sim,
        bot,
        guild,
        ben,
    } = stage().await;
    let id = poise::serenity_prelude::GuildId::new(guild);
    let cached = || bot.cache.guild(id).unwrap();
    eventually("the guild is cached", || bot.cache.guild(id).is_some()).await;

    let lounge = sim.guilds()[0].voice_channel.unwrap();
    sim.join_voice(ben, guild, lounge).unwrap();
    let channel = || {
        cached()
            .voice_states
            .get(&ben.into())
            .and_then(|voice| voice.channel_id)
    };
    eventually("ben is in voice", || channel() == Some(lounge.into())).await;
    let role = sim.add_role(guild, "DJ", 0).unwrap();
    eventually("there is a role", || {
        cached().roles.contains_key(&role.into())
    })
    .await;
    sim.set_roles(ben, guild, &[role]).unwrap();
    eventually("ben has it", || {
        cached().members[&ben.into()].roles == [role]
    })
    .await;
    // serenity 0.12.5 hears GUILD_UPDATE but leaves its cache as it was: ask REST.
    sim.set_owner(ben, guild).unwrap();
    sim.rename_guild(guild, "Sound Garden").unwrap();
    let fresh = bot.http.get_guild(id).await.unwrap();
    assert_eq!(
        (fresh.owner_id.get(), fresh.name.as_str()),
        (ben, "Sound Garden")
    );
    sim.deny_permissions(lounge, permissions::SPEAK).unwrap();
    let overwrites = || {
        cached().channels[&lounge.into()]
            .permission_overwrites
            .len()
    };
    eventually("the channel has an overwrite", || overwrites() == 1).await;
    sim.set_discriminator(ben, "9131").unwrap();
    let discriminator = || cached().members[&ben.into()].user.discriminator;
    eventually("ben has a number", || {
        discriminator().is_some_and(|n| n.get() == 9131)
    })
    .await;

    sim.remove_member(ben, guild).unwrap();
    eventually("ben is gone", || {
        !cached().members.contains_key(&ben.into())
    })
    .await;
    eventually("and not in voice", || channel().is_none()).await;
    sim.remove_bot(guild).unwrap();
    eventually("the bot is gone", || bot.cache.guild(id).is_none()).await;
    sim.add_bot(guild).unwrap();
    eventually("and back", || bot.cache.guild(id).is_some()).await;
}
