//! Members that bots change, move, throw out and ban, and what the bots are told of it.

use std::time::Duration;

use discord_sim::permissions::{
    BAN_MEMBERS, DEAFEN_MEMBERS, KICK_MEMBERS, MANAGE_GUILD, MANAGE_NICKNAMES, MANAGE_ROLES,
    MODERATE_MEMBERS, MOVE_MEMBERS, MUTE_MEMBERS,
};
use discord_sim::{Channel, ChannelKind, OverwriteTarget, Role, Sim, User};
use poise::serenity_prelude as serenity;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::bot;
use crate::support::rest::{DONE, Rest, error, fault};
use crate::support::shard::{GUILD_MEMBERS, INTENTS, LAB, log_in, sim_of, two_bots};
use crate::support::socket::Socket;

const ADA: u64 = 11;
const BEN: u64 = 12;
const CLEO: u64 = 13;
const YURI: u64 = 21;
const OTTO: u64 = 22;
const GENERAL: u64 = 32;
const LOUNGE: u64 = 33;
const STAFF: u64 = 43;

struct Stage {
    sim: Sim,
    /// Of Yuri, who stands above Ben with a role that a test chooses the rights of.
    yuri: Rest,
    /// Otto, who may do everything, listens.
    listener: Socket,
}

async fn stage() -> Stage {
    let mut guild = two_bots();
    guild.roles.insert(2, Role::new(STAFF, "staff", 0));
    let guild = guild.member_with_roles(YURI, &[STAFF]);
    let sim = sim_of(guild, [User::new(CLEO, "cleo")]).await;
    let (listener, _) = log_in(&sim.for_bot(OTTO), INTENTS | GUILD_MEMBERS).await;
    let yuri = Rest::new(&sim);
    Stage {
        sim,
        yuri,
        listener,
    }
}

impl Stage {
    fn grant(&self, bits: u64) {
        self.sim.set_role_permissions(LAB, STAFF, bits).unwrap();
    }

    /// Changes a member as Yuri.
    async fn change(&self, user: u64, body: Value) -> (u16, Value) {
        self.yuri.patch(&member(user), body).await
    }
}

fn member(user: u64) -> String {
    format!("/guilds/{LAB}/members/{user}")
}

fn ban(user: u64) -> String {
    format!("/guilds/{LAB}/bans/{user}")
}

fn refused() -> (u16, Value) {
    error(403, 50013, "Missing Permissions")
}

#[tokio::test]
async fn names_and_roles_are_changed_below_oneself() {
    let mut stage = stage().await;
    let nick = || json!({ "nick": "Benny" });
    assert_eq!(stage.change(BEN, nick()).await, refused());
    stage.grant(MANAGE_NICKNAMES | MANAGE_ROLES);
    let (_, changed) = stage.change(BEN, nick()).await;
    assert_eq!(changed["nick"], "Benny");
    let told = stage.listener.receive_event("GUILD_MEMBER_UPDATE").await;
    assert_eq!(told["nick"], "Benny");
    let (_, changed) = stage
        .change(BEN, json!({ "roles": ["41"], "nick": null }))
        .await;
    assert_eq!(
        (&changed["roles"], &changed["nick"]),
        (&json!(["41"]), &Value::Null)
    );
    let (_, changed) = stage.change(BEN, json!({ "roles": null })).await;
    assert_eq!(changed["roles"], json!([]));
    for above in [ADA, OTTO] {
        assert_eq!(stage.change(above, nick()).await, refused());
    }
    assert_eq!(
        stage.change(BEN, json!({ "roles": ["42"] })).await,
        refused()
    );
    let unknown = error(404, 10011, "Unknown Role");
    assert_eq!(stage.change(BEN, json!({ "roles": ["9"] })).await, unknown);
    let unknown = error(404, 10007, "Unknown Member");
    assert_eq!(stage.change(CLEO, nick()).await, unknown);
    assert_eq!(
        stage.change(9, nick()).await,
        error(404, 10013, "Unknown User")
    );

    let own = format!("/guilds/{LAB}/members/@me");
    assert_eq!(stage.yuri.patch(&own, nick()).await.1["nick"], "Benny");
    let older = stage
        .yuri
        .patch(&format!("{own}/nick"), json!({ "nick": "" }))
        .await;
    assert_eq!(older.1, json!({ "nick": null }));
    stage.sim.set_role_permissions(LAB, LAB, 0).unwrap();
    assert_eq!(stage.yuri.patch(&own, nick()).await, refused());
    let bad = json!({ "nick": "x".repeat(33), "mute": "x", "roles": ["1", "1"] });
    let bad = stage.change(BEN, bad).await;
    assert_eq!(fault(&bad, "nick"), "BASE_TYPE_MAX_LENGTH");
    assert_eq!(fault(&bad, "mute"), "BOOLEAN_TYPE_CONVERT");
    assert_eq!(fault(&bad, "roles.1"), "SET_TYPE_ALREADY_CONTAINS_VALUE");
}

#[tokio::test]
async fn members_are_timed_out() {
    let mut stage = stage().await;
    let until = |at: &str| json!({ "communication_disabled_until": at });
    assert_eq!(
        stage.change(BEN, until("2099-01-01T00:00:00Z")).await,
        refused()
    );
    stage.grant(MODERATE_MEMBERS);
    let far = stage.change(BEN, until("2099-01-01T00:00:00Z")).await;
    assert_eq!(
        fault(&far, "communication_disabled_until"),
        "BASE_TYPE_BAD_TIME"
    );
    let soon = chrono::Utc::now() + Duration::from_hours(1);
    let (_, changed) = stage.change(BEN, until(&soon.to_rfc3339())).await;
    assert!(changed["communication_disabled_until"].is_string());
    let told = stage.listener.receive_event("GUILD_MEMBER_UPDATE").await;
    assert!(told["communication_disabled_until"].is_string());
    assert!(stage.sim.send_message(BEN, GENERAL, "x").is_err());
    stage
        .change(BEN, json!({ "communication_disabled_until": null }))
        .await;
    stage.sim.send_message(BEN, GENERAL, "x").unwrap();
    assert_eq!(
        stage.change(YURI, until(&soon.to_rfc3339())).await,
        refused()
    );
    let never = stage.change(BEN, until("soon")).await;
    assert_eq!(
        fault(&never, "communication_disabled_until"),
        "DATE_TIME_TYPE_PARSE"
    );
}

#[tokio::test]
async fn members_are_muted_moved_and_put_out_of_voice() {
    let mut stage = stage().await;
    let pit = Channel::new(0, "Pit", ChannelKind::Voice);
    let pit = stage.sim.add_channel(LAB, pit).unwrap();
    let move_to = |channel: u64| json!({ "channel_id": channel.to_string() });
    for body in [
        json!({ "mute": true }),
        json!({ "deaf": true }),
        move_to(pit),
    ] {
        assert_eq!(stage.change(BEN, body).await, refused());
    }
    stage.grant(MUTE_MEMBERS | DEAFEN_MEMBERS | MOVE_MEMBERS);
    let absent = error(400, 40032, "Target user is not connected to voice.");
    assert_eq!(stage.change(BEN, json!({ "mute": true })).await, absent);
    assert_eq!(stage.change(BEN, move_to(pit)).await, absent);
    stage.sim.join_voice(BEN, LAB, LOUNGE).unwrap();
    stage.listener.receive_event("VOICE_STATE_UPDATE").await;
    let (_, changed) = stage
        .change(BEN, json!({ "mute": true, "deaf": true }))
        .await;
    assert_eq!(
        (&changed["mute"], &changed["deaf"]),
        (&json!(true), &json!(true))
    );
    let told = stage.listener.receive_event("VOICE_STATE_UPDATE").await;
    assert_eq!((&told["mute"], &told["deaf"]), (&json!(true), &json!(true)));
    assert_eq!(stage.change(BEN, move_to(pit)).await.0, 200);
    let told = stage.listener.receive_event("VOICE_STATE_UPDATE").await;
    assert_eq!(told["channel_id"], pit.to_string());
    let wrong = error(400, 50024, "Cannot execute action on this channel type");
    assert_eq!(stage.change(BEN, move_to(GENERAL)).await, wrong);
    let unknown = error(404, 10003, "Unknown Channel");
    assert_eq!(stage.change(BEN, move_to(9)).await, unknown);
    let closed = OverwriteTarget::Member(YURI);
    let connect = discord_sim::permissions::CONNECT;
    stage.sim.set_overwrite(LOUNGE, closed, 0, connect).unwrap();
    assert_eq!(stage.change(BEN, move_to(LOUNGE)).await, refused());
    assert_eq!(
        stage.change(BEN, json!({ "channel_id": null })).await.0,
        200
    );
    let told = stage.listener.receive_event("VOICE_STATE_UPDATE").await;
    assert_eq!(
        (&told["channel_id"], &told["mute"]),
        (&Value::Null, &json!(true))
    );

    let seat = |user: &str| format!("/guilds/{LAB}/voice-states/{user}");
    let gone = error(404, 10065, "Unknown Voice State");
    assert_eq!(stage.yuri.get(&seat("12")).await, gone);
    assert_eq!(stage.yuri.get(&seat("@me")).await, gone);
    assert_eq!(stage.yuri.patch(&seat("@me"), json!({})).await, gone);
    stage.sim.join_voice(BEN, LAB, pit).unwrap();
    assert_eq!(stage.yuri.get(&seat("12")).await.1["mute"], true);
    // Only in stage channels there is something to change, and there are none.
    let suppress = json!({ "suppress": true });
    assert_eq!(stage.yuri.patch(&seat("12"), suppress.clone()).await, wrong);
    stage.grant(0);
    assert_eq!(stage.yuri.patch(&seat("12"), suppress).await, refused());
}

#[tokio::test]
async fn members_are_thrown_out() {
    let mut stage = stage().await;
    assert_eq!(stage.yuri.delete(&member(BEN)).await, refused());
    stage.grant(KICK_MEMBERS);
    for above in [ADA, OTTO] {
        assert_eq!(stage.yuri.delete(&member(above)).await, refused());
    }
    let (loud, ben) = (json!({}), member(BEN));
    let kicked = stage.yuri.because("loud", Method::DELETE, &ben, &loud);
    assert_eq!(kicked.await, DONE);
    let told = stage.listener.receive_event("GUILD_MEMBER_REMOVE").await;
    assert_eq!(told["user"]["id"], "12");
    let told = stage
        .listener
        .receive_event("GUILD_AUDIT_LOG_ENTRY_CREATE")
        .await;
    assert_eq!(
        (&told["action_type"], &told["user_id"], &told["reason"]),
        (&json!(20), &json!("21"), &json!("loud"))
    );
    let gone = error(404, 10007, "Unknown Member");
    assert_eq!(stage.yuri.delete(&member(BEN)).await, gone);
    assert_eq!(
        stage.yuri.delete(&member(9)).await,
        error(404, 10013, "Unknown User")
    );
}

#[tokio::test]
async fn users_are_banned_and_what_they_wrote_is_deleted() {
    let mut stage = stage().await;
    let bans = format!("/guilds/{LAB}/bans");
    assert_eq!(stage.yuri.mark(&ban(BEN)).await, refused());
    assert_eq!(stage.yuri.get(&bans).await, refused());
    stage.grant(BAN_MEMBERS);
    let old = stage.sim.send_message(BEN, GENERAL, "old").unwrap();
    stage.sim.advance_clock(Duration::from_mins(10));
    let new = stage.sim.send_message(BEN, GENERAL, "new").unwrap();
    let kept = stage.sim.send_message(ADA, GENERAL, "kept").unwrap();
    let body = json!({ "delete_message_seconds": 300 });
    let ben = ban(BEN);
    let banned = stage.yuri.because("noise", Method::PUT, &ben, &body);
    assert_eq!(banned.await, DONE);
    let left = stage
        .sim
        .messages(GENERAL)
        .iter()
        .map(|message| message.id)
        .collect::<Vec<_>>();
    assert_eq!(left, [old, kept]);
    stage.listener.receive_event("GUILD_BAN_ADD").await;
    let told = stage.listener.receive_event("MESSAGE_DELETE").await;
    assert_eq!(told["id"], new.to_string());
    let (_, one) = stage.yuri.get(&ban(BEN)).await;
    assert_eq!(
        (&one["reason"], &one["user"]["id"]),
        (&json!("noise"), &json!("12"))
    );
    let (_, list) = stage.yuri.get(&bans).await;
    assert_eq!(list, json!([one]));
    assert_eq!(
        stage.yuri.get(&format!("{bans}?after=12")).await.1,
        json!([])
    );
    assert_eq!(
        stage.yuri.get(&format!("{bans}?before=13&limit=1")).await.1,
        list
    );
    assert_eq!(stage.yuri.delete(&ban(BEN)).await, DONE);
    stage.listener.receive_event("GUILD_BAN_REMOVE").await;
    let gone = error(404, 10026, "Unknown Ban");
    assert_eq!(stage.yuri.delete(&ban(BEN)).await, gone);
    assert_eq!(stage.yuri.get(&ban(BEN)).await, gone);
    for above in [ADA, OTTO] {
        assert_eq!(stage.yuri.mark(&ban(above)).await, refused());
    }
    assert_eq!(
        stage.yuri.mark(&ban(9)).await,
        error(404, 10013, "Unknown User")
    );
    // Who is no member can be banned, and who is banned again.
    assert_eq!(stage.yuri.mark(&ban(CLEO)).await, DONE);
    assert_eq!(stage.yuri.mark(&ban(CLEO)).await, DONE);
    let long = stage
        .yuri
        .put(&ban(CLEO), json!({ "delete_message_seconds": 604_801 }))
        .await;
    assert_eq!(fault(&long, "delete_message_seconds"), "NUMBER_TYPE_MAX");
}

#[tokio::test]
async fn many_are_banned_at_once() {
    let stage = stage().await;
    let path = format!("/guilds/{LAB}/bulk-ban");
    let body = json!({ "user_ids": ["11", "12", "13"] });
    stage.grant(BAN_MEMBERS);
    assert_eq!(stage.yuri.post(&path, body.clone()).await, refused());
    stage.grant(BAN_MEMBERS | MANAGE_GUILD);
    let (_, banned) = stage.yuri.post(&path, body).await;
    let expected = json!({ "banned_users": ["12", "13"], "failed_users": ["11"] });
    assert_eq!(banned, expected);
    // Who is banned already is not banned again.
    let lift = format!("/guilds/{LAB}/bans/{CLEO}");
    assert_eq!(stage.yuri.delete(&lift).await, DONE);
    let again = json!({ "user_ids": ["12", "13"] });
    let (_, banned) = stage.yuri.post(&path, again).await;
    let expected = json!({ "banned_users": ["13"], "failed_users": ["12"] });
    assert_eq!(banned, expected);
    let nobody = stage
        .yuri
        .post(&path, json!({ "user_ids": ["11", "12"] }))
        .await;
    assert_eq!(nobody, error(400, 500_000, "Failed to ban users"));
    let none = stage.yuri.post(&path, json!({})).await;
    assert_eq!(fault(&none, "user_ids"), "BASE_TYPE_REQUIRED");
}

#[tokio::test]
async fn serenity_handles_members_and_bans() {
    let stage = stage().await;
    let http = bot::http(&stage.sim.for_bot(OTTO));
    let guild = serenity::GuildId::new(LAB);
    let ben = serenity::UserId::new(BEN);
    stage.sim.join_voice(BEN, LAB, LOUNGE).unwrap();
    let change = serenity::EditMember::new().nickname("Benny").mute(true);
    let member = guild.edit_member(&http, ben, change).await.unwrap();
    assert_eq!((member.nick.as_deref(), member.mute), (Some("Benny"), true));
    let lounge = serenity::ChannelId::new(LOUNGE);
    guild.move_member(&http, ben, lounge).await.unwrap();
    guild.disconnect_member(&http, ben).await.unwrap();
    guild.edit_nickname(&http, Some("Ottokar")).await.unwrap();
    assert_eq!(guild.members(&http, Some(10), None).await.unwrap().len(), 4);
    let found = guild.search_members(&http, "ben", Some(5)).await.unwrap();
    assert_eq!(found.len(), 1);
    guild.kick_with_reason(&http, ben, "loud").await.unwrap();
    guild
        .ban_with_reason(&http, ben, 1, "still loud")
        .await
        .unwrap();
    let bans = guild.bans(&http, None, None).await.unwrap();
    assert_eq!(bans[0].reason.as_deref(), Some("still loud"));
    assert!(http.get_ban(guild, ben).await.unwrap().is_some());
    guild.unban(&http, ben).await.unwrap();
    assert!(http.get_ban(guild, ben).await.unwrap().is_none());
    let log = guild
        .audit_logs(&http, None, None, None, None)
        .await
        .unwrap();
    assert!(log.entries.len() >= 6, "{:?}", log.entries);
}
