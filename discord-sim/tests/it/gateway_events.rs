//! The events of guilds, channels, roles, members and bans: their fields, and who hears them.

use discord_sim::{Channel, ChannelKind, OverwriteTarget, SimError, User, permissions};
use serde_json::{Value, json};

use crate::support::bot::Bot;
use crate::support::shard::{GUILD_MEMBERS, INTENTS, LAB, fields, log_in, sim_of, two_bots};
use crate::support::socket::Socket;
use crate::support::{eventually, sim};

const GUILDS: u64 = 1;
const GUILD_MODERATION: u64 = 1 << 2;
const GUILD_MESSAGE_TYPING: u64 = 1 << 11;

/// The next payload must be this event; its data.
async fn next(socket: &mut Socket, event: &str) -> Value {
    let mut payload = socket.receive().await;
    assert_eq!(payload["t"], event, "{payload}");
    payload["d"].take()
}

/// Logs Yuri in with these intents, and takes its guild if it asked for guilds.
async fn watch(sim: &discord_sim::Sim, intents: u64) -> Socket {
    let (mut socket, _) = log_in(sim, intents).await;
    if intents & GUILDS != 0 {
        next(&mut socket, "GUILD_CREATE").await;
    }
    socket
}

#[tokio::test]
async fn ready_and_guild_create_have_every_documented_field() {
    let sim = sim_of(two_bots(), []).await;
    let (mut socket, ready) = log_in(&sim, INTENTS).await;
    for field in [
        "v",
        "user",
        "guilds",
        "session_id",
        "resume_gateway_url",
        "shard",
        "application",
    ] {
        assert!(ready.get(field).is_some(), "{field}");
    }
    // All three privileged intents, for a small bot.
    let flags = 1_u64 << 13 | 1 << 15 | 1 << 19;
    assert_eq!(ready["application"], json!({ "id": "21", "flags": flags }));
    let guild = next(&mut socket, "GUILD_CREATE").await;
    for field in [
        "id",
        "name",
        "icon",
        "splash",
        "discovery_splash",
        "owner_id",
        "afk_channel_id",
        "afk_timeout",
        "verification_level",
        "default_message_notifications",
        "explicit_content_filter",
        "roles",
        "emojis",
        "features",
        "mfa_level",
        "application_id",
        "system_channel_id",
        "system_channel_flags",
        "rules_channel_id",
        "vanity_url_code",
        "description",
        "banner",
        "premium_tier",
        "preferred_locale",
        "public_updates_channel_id",
        "nsfw_level",
        "premium_progress_bar_enabled",
        "safety_alerts_channel_id",
        "incidents_data",
        "joined_at",
        "large",
        "unavailable",
        "member_count",
        "voice_states",
        "members",
        "channels",
        "threads",
        "presences",
        "stage_instances",
        "guild_scheduled_events",
        "soundboard_sounds",
    ] {
        assert!(guild.get(field).is_some(), "{field}");
    }
}

#[tokio::test]
async fn channels_come_change_and_go() {
    let sim = sim_of(two_bots(), []).await;
    let mut socket = watch(&sim, GUILDS).await;
    let category = Channel::new(0, "Sounds", ChannelKind::Category);
    let category = sim.add_channel(LAB, category).unwrap();
    let created = next(&mut socket, "CHANNEL_CREATE").await;
    assert_eq!(
        (&created["id"], &created["guild_id"], &created["type"]),
        (
            &json!(category.to_string()),
            &json!(LAB.to_string()),
            &json!(4)
        )
    );
    let voice = Channel {
        parent: Some(category),
        user_limit: 7,
        ..Channel::new(0, "Stage left", ChannelKind::Voice)
    };
    let voice = sim.add_channel(LAB, voice).unwrap();
    let created = next(&mut socket, "CHANNEL_CREATE").await;
    assert_eq!(
        fields(&created),
        [
            "bitrate",
            "flags",
            "guild_id",
            "id",
            "last_message_id",
            "name",
            "nsfw",
            "parent_id",
            "permission_overwrites",
            "position",
            "rate_limit_per_user",
            "rtc_region",
            "type",
            "user_limit",
            "video_quality_mode",
        ]
    );
    assert_eq!(
        (&created["parent_id"], &created["user_limit"]),
        (&json!(category.to_string()), &json!(7))
    );
    sim.change_channel(voice, |channel| "Stage right".clone_into(&mut channel.name))
        .unwrap();
    assert_eq!(
        next(&mut socket, "CHANNEL_UPDATE").await["name"],
        "Stage right"
    );
    sim.set_overwrite(voice, OverwriteTarget::Member(12), 0, permissions::SPEAK)
        .unwrap();
    let changed = next(&mut socket, "CHANNEL_UPDATE").await;
    assert_eq!(
        changed["permission_overwrites"],
        json!([{ "id": "12", "type": 1, "allow": "0", "deny": "2097152" }])
    );
    sim.remove_channel(category).unwrap();
    assert_eq!(
        next(&mut socket, "CHANNEL_UPDATE").await["parent_id"],
        Value::Null
    );
    assert_eq!(
        next(&mut socket, "CHANNEL_DELETE").await["id"],
        category.to_string()
    );

    let lost = |parent| Channel {
        parent: Some(parent),
        ..Channel::new(0, "x", ChannelKind::Text)
    };
    assert_eq!(
        sim.add_channel(LAB, lost(voice)),
        Err(SimError::UnknownChannel(voice))
    );
    let twin = Channel::new(voice, "x", ChannelKind::Text);
    assert_eq!(sim.add_channel(LAB, twin), Err(SimError::Taken(voice)));
    assert_eq!(
        sim.remove_channel(category),
        Err(SimError::UnknownChannel(category))
    );
}

#[tokio::test]
async fn who_sits_in_a_deleted_channel_is_put_out() {
    let sim = sim_of(two_bots(), []).await;
    let mut socket = watch(&sim, INTENTS).await;
    let join = json!({ "guild_id": LAB.to_string(), "channel_id": "33", "self_deaf": true });
    socket.send(4, join).await;
    let seated = socket.receive_event("VOICE_STATE_UPDATE").await;
    assert_eq!(
        fields(&seated),
        [
            "channel_id",
            "deaf",
            "guild_id",
            "member",
            "mute",
            "request_to_speak_timestamp",
            "self_deaf",
            "self_mute",
            "self_video",
            "session_id",
            "suppress",
            "user_id",
        ]
    );
    let server = socket.receive_event("VOICE_SERVER_UPDATE").await;
    assert_eq!(fields(&server), ["endpoint", "guild_id", "token"]);
    sim.remove_channel(33).unwrap();
    let out = socket.receive_event("VOICE_STATE_UPDATE").await;
    assert_eq!(
        (&out["channel_id"], &out["user_id"]),
        (&Value::Null, &json!("21"))
    );
    socket.receive_event("CHANNEL_DELETE").await;
}

#[tokio::test]
async fn roles_come_move_and_go() {
    let sim = sim_of(two_bots(), []).await;
    let mut socket = watch(&sim, GUILDS).await;
    let role = sim.add_role(LAB, "loud", permissions::SPEAK).unwrap();
    let created = next(&mut socket, "GUILD_ROLE_CREATE").await;
    assert_eq!(fields(&created), ["guild_id", "role"]);
    assert_eq!(
        fields(&created["role"]),
        [
            "color",
            "colors",
            "description",
            "flags",
            "hoist",
            "icon",
            "id",
            "managed",
            "mentionable",
            "name",
            "permissions",
            "position",
            "unicode_emoji",
        ]
    );
    assert_eq!(created["role"]["position"], 3);
    sim.move_role(LAB, role, 2).unwrap();
    for (name, place) in [("loud", 2), ("admin", 3)] {
        let moved = next(&mut socket, "GUILD_ROLE_UPDATE").await;
        assert_eq!(
            (&moved["role"]["name"], &moved["role"]["position"]),
            (&json!(name), &json!(place))
        );
    }
    sim.remove_role(LAB, 42).unwrap();
    let gone = next(&mut socket, "GUILD_ROLE_DELETE").await;
    assert_eq!(
        gone,
        json!({ "guild_id": LAB.to_string(), "role_id": "42" })
    );
    for kept in [42, LAB] {
        assert_eq!(sim.remove_role(LAB, kept), Err(SimError::UnknownRole(kept)));
    }
}

#[tokio::test]
async fn bans_and_the_audit_log_are_told_to_those_who_may_know() {
    let sim = sim_of(two_bots(), []).await;
    let mut yuri = watch(&sim, GUILD_MODERATION).await;
    let mut otto = watch(&sim.for_bot(22), GUILD_MODERATION | GUILD_MEMBERS).await;
    sim.ban(12, LAB).unwrap();
    let removed = next(&mut otto, "GUILD_MEMBER_REMOVE").await;
    assert_eq!(fields(&removed), ["guild_id", "user"]);
    let banned = next(&mut otto, "GUILD_BAN_ADD").await;
    assert_eq!(
        (&banned["guild_id"], &banned["user"]["username"]),
        (&json!(LAB.to_string()), &json!("ben"))
    );
    let mut logged = next(&mut otto, "GUILD_AUDIT_LOG_ENTRY_CREATE").await;
    assert!(logged["id"].take().is_string());
    assert_eq!(
        logged,
        json!({
            "guild_id": LAB.to_string(), "id": null, "user_id": "11", "target_id": "12",
            "action_type": 22, "changes": [],
        })
    );
    let banned = SimError::Banned {
        user: 12,
        guild: LAB,
    };
    assert_eq!(sim.add_member(12, LAB), Err(banned));
    sim.unban(12, LAB).unwrap();
    next(&mut otto, "GUILD_BAN_REMOVE").await;
    assert_eq!(
        next(&mut otto, "GUILD_AUDIT_LOG_ENTRY_CREATE").await["action_type"],
        23
    );
    assert_eq!(sim.unban(12, LAB), Err(SimError::UnknownUser(12)));
    sim.add_member(12, LAB).unwrap();
    // Yuri has the intent, but not the permissions.
    yuri.send(1, Value::Null).await;
    assert_eq!(yuri.receive().await["op"], 11);
}

#[tokio::test]
async fn members_and_accounts_change() {
    let sim = sim_of(two_bots(), []).await;
    let mut socket = watch(&sim, GUILDS | GUILD_MEMBERS).await;
    sim.set_nick(12, LAB, Some("B.")).unwrap();
    let changed = next(&mut socket, "GUILD_MEMBER_UPDATE").await;
    for field in [
        "guild_id",
        "roles",
        "user",
        "nick",
        "avatar",
        "banner",
        "joined_at",
        "premium_since",
        "deaf",
        "mute",
        "flags",
        "pending",
        "communication_disabled_until",
        "avatar_decoration_data",
        "collectibles",
    ] {
        assert!(changed.get(field).is_some(), "{field}");
    }
    assert_eq!(changed["nick"], "B.");
    // The bot's own account is an event of its own, which needs no intent.
    let (mut deaf, _) = log_in(&sim, 0).await;
    sim.change_user(21, |bot| "Juri".clone_into(&mut bot.username))
        .unwrap();
    let own = next(&mut deaf, "USER_UPDATE").await;
    assert_eq!(
        (&own["username"], &own["id"]),
        (&json!("Juri"), &json!("21"))
    );
    // Changes to the bot as a member are told to it with or without the intent.
    assert_eq!(
        next(&mut deaf, "GUILD_MEMBER_UPDATE").await["user"]["username"],
        "Juri"
    );
    sim.rename_guild(LAB, "Laboratory").unwrap();
    socket.receive_event("USER_UPDATE").await;
    next(&mut socket, "GUILD_MEMBER_UPDATE").await;
    assert_eq!(
        next(&mut socket, "GUILD_UPDATE").await["name"],
        "Laboratory"
    );
}

#[tokio::test]
async fn members_come_and_go_and_so_does_the_bot() {
    let sim = sim_of(two_bots(), [User::new(13, "cleo")]).await;
    let mut yuri = watch(&sim, GUILDS).await;
    let mut otto = watch(&sim.for_bot(22), GUILDS | GUILD_MEMBERS).await;
    sim.add_member(13, LAB).unwrap();
    let came = next(&mut otto, "GUILD_MEMBER_ADD").await;
    assert_eq!(
        (&came["guild_id"], &came["user"]["username"]),
        (&json!(LAB.to_string()), &json!("cleo"))
    );
    sim.remove_member(13, LAB).unwrap();
    next(&mut otto, "GUILD_MEMBER_REMOVE").await;
    sim.remove_bot(LAB).unwrap();
    // Without `unavailable`: it is not an outage.
    let gone = next(&mut yuri, "GUILD_DELETE").await;
    assert_eq!(gone, json!({ "id": LAB.to_string() }));
    assert_eq!(
        next(&mut otto, "GUILD_MEMBER_REMOVE").await["user"]["id"],
        "21"
    );
    sim.add_bot(LAB).unwrap();
    let back = next(&mut yuri, "GUILD_CREATE").await;
    assert_eq!(
        (&back["id"], &back["member_count"]),
        (&json!(LAB.to_string()), &json!(4))
    );
}

#[tokio::test]
async fn typing_is_seen_by_those_who_see_the_channel() {
    let sim = sim_of(two_bots(), []).await;
    let mut yuri = watch(&sim, GUILD_MESSAGE_TYPING).await;
    let mut otto = watch(&sim.for_bot(22), GUILD_MESSAGE_TYPING).await;
    sim.start_typing(11, 32).unwrap();
    let typing = next(&mut yuri, "TYPING_START").await;
    assert_eq!(
        fields(&typing),
        ["channel_id", "guild_id", "member", "timestamp", "user_id"]
    );
    assert!(
        typing["timestamp"].as_u64().unwrap() < 100_000_000_000,
        "in seconds"
    );
    next(&mut otto, "TYPING_START").await;
    sim.deny_permissions(32, permissions::VIEW_CHANNEL).unwrap();
    sim.start_typing(11, 32).unwrap();
    // An administrator sees all channels.
    next(&mut otto, "TYPING_START").await;
    yuri.send(1, Value::Null).await;
    assert_eq!(yuri.receive().await["op"], 11);
    let stranger = SimError::NotAMember {
        user: 99,
        guild: LAB,
    };
    assert_eq!(sim.start_typing(99, 32), Err(stranger));
}

#[tokio::test]
async fn an_outage_takes_a_guild_away_and_gives_it_back() {
    let sim = sim_of(two_bots(), []).await;
    let mut socket = watch(&sim, GUILDS).await;
    sim.set_guild_available(LAB, false).unwrap();
    let gone = next(&mut socket, "GUILD_DELETE").await;
    assert_eq!(gone, json!({ "id": LAB.to_string(), "unavailable": true }));
    // Nothing is heard of it, and nothing answered.
    sim.rename_guild(LAB, "Dark").unwrap();
    socket
        .send(8, json!({ "guild_id": LAB.to_string(), "user_ids": "11" }))
        .await;
    let (mut late, ready) = log_in(&sim, GUILDS).await;
    assert_eq!(
        ready["guilds"],
        json!([{ "id": LAB.to_string(), "unavailable": true }])
    );
    assert_eq!(next(&mut late, "GUILD_DELETE").await, gone);
    sim.set_guild_available(LAB, true).unwrap();
    for socket in [&mut socket, &mut late] {
        let back = next(socket, "GUILD_CREATE").await;
        assert_eq!(
            (&back["name"], &back["unavailable"]),
            (&json!("Dark"), &json!(false))
        );
    }
}

#[tokio::test]
async fn serenitys_cache_follows() {
    let sim = sim().await;
    let bot = Bot::start(&sim).await;
    let lab = sim.guilds()[0].id;
    let guild = serenity::model::id::GuildId::new(lab);
    let knows = |what: &dyn Fn(&serenity::model::guild::Guild) -> bool| {
        bot.cache.guild(guild).is_some_and(|guild| what(&guild))
    };
    let channel = sim
        .add_channel(lab, Channel::new(0, "new", ChannelKind::Voice))
        .unwrap();
    let id = serenity::model::id::ChannelId::new(channel);
    eventually("a channel came", || {
        knows(&|g| g.channels.contains_key(&id))
    })
    .await;
    sim.change_channel(channel, |channel| "newer".clone_into(&mut channel.name))
        .unwrap();
    eventually("it changed", || knows(&|g| g.channels[&id].name == "newer")).await;
    sim.remove_channel(channel).unwrap();
    eventually("it went", || knows(&|g| !g.channels.contains_key(&id))).await;

    let role = sim.add_role(lab, "dj", 0).unwrap();
    let id = serenity::model::id::RoleId::new(role);
    eventually("a role came", || knows(&|g| g.roles.contains_key(&id))).await;
    sim.move_role(lab, role, 1).unwrap();
    eventually("it moved", || knows(&|g| g.roles[&id].position == 1)).await;
    sim.remove_role(lab, role).unwrap();
    eventually("it went", || knows(&|g| !g.roles.contains_key(&id))).await;

    let ben = sim.user_id("ben").unwrap();
    let member = serenity::model::id::UserId::new(ben);
    sim.set_nick(ben, lab, Some("B.")).unwrap();
    let nick = Some("B.".to_owned());
    eventually("a member changed", || {
        knows(&|g| g.members.get(&member).is_some_and(|it| it.nick == nick))
    })
    .await;
    sim.ban(ben, lab).unwrap();
    eventually("it went", || knows(&|g| !g.members.contains_key(&member))).await;

    sim.set_guild_available(lab, false).unwrap();
    eventually("the guild went", || bot.cache.guild(guild).is_none()).await;
    sim.set_guild_available(lab, true).unwrap();
    eventually("it came back", || bot.cache.guild(guild).is_some()).await;
    bot.stop().await;
}
