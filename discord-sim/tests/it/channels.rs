//! Channels that bots make, change, move and remove; guilds themselves, and voice regions.

use discord_sim::permissions::{CONNECT, EVERYONE, MANAGE_CHANNELS, MANAGE_GUILD, MANAGE_ROLES};
use discord_sim::{OverwriteTarget, Sim, permissions};
use poise::serenity_prelude as serenity;
use serde_json::{Value, json};

use crate::support::bot;
use crate::support::rest::{DONE, Rest, error, fault};
use crate::support::shard::{INTENTS, LAB, log_in, sim_of, two_bots};

const BEN: u64 = 12;
const YURI: u64 = 21;
const OTTO: u64 = 22;
const DJ: u64 = 41;
const GENERAL: u64 = 32;
const LOUNGE: u64 = 33;

async fn stage() -> (Sim, Rest, Rest) {
    let sim = sim_of(two_bots(), []).await;
    let (yuri, otto) = (Rest::new(&sim), Rest::new(&sim.for_bot(OTTO)));
    (sim, yuri, otto)
}

fn channels() -> String {
    format!("/guilds/{LAB}/channels")
}

fn at(channel: &Value) -> String {
    format!("/channels/{}", channel["id"].as_str().unwrap())
}

fn names(channels: &Value) -> Vec<&str> {
    let channels = channels.as_array().unwrap().iter();
    channels
        .map(|channel| channel["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_channel_is_made_changed_and_removed() {
    let (sim, _, otto) = stage().await;
    let (mut socket, _) = log_in(&sim, INTENTS).await;
    let new = json!({ "name": "Rooms", "type": 4, "position": 0 });
    let (status, category) = otto.post(&channels(), new).await;
    assert_eq!((status, &category["position"]), (201, &json!(0)));
    let new = json!({
        "name": "Sound Stage", "type": 0, "parent_id": category["id"], "topic": "noise",
        "nsfw": true, "rate_limit_per_user": 5,
        "permission_overwrites": [{ "id": "41", "type": 0, "allow": "1024", "deny": "0" }],
    });
    let (_, text) = otto.post(&channels(), new).await;
    assert_eq!(text["name"], "sound-stage");
    assert_eq!(
        (&text["topic"], &text["parent_id"]),
        (&json!("noise"), &category["id"])
    );
    assert_eq!(
        (&text["nsfw"], &text["rate_limit_per_user"]),
        (&json!(true), &json!(5))
    );
    assert_eq!(text["permission_overwrites"][0]["allow"], "1024");
    let told = socket.receive_event("CHANNEL_CREATE").await;
    assert_eq!(told["name"], "Rooms");
    assert_eq!(socket.receive_event("CHANNEL_CREATE").await, text);

    let change = json!({ "name": "Pit", "bitrate": 96_000, "user_limit": 9, "position": 0 });
    let (status, changed) = otto.patch(&format!("/channels/{LOUNGE}"), change).await;
    assert_eq!((status, &changed["name"]), (200, &json!("Pit")));
    assert_eq!(
        (&changed["bitrate"], &changed["user_limit"]),
        (&json!(96_000), &json!(9))
    );
    assert_eq!(
        names(&otto.get(&channels()).await.1),
        ["Pit", "Rooms", "general", "sound-stage"]
    );
    let order = json!([
        { "id": LOUNGE.to_string(), "position": 3, "parent_id": category["id"] },
        { "id": text["id"], "parent_id": null },
    ]);
    assert_eq!(otto.patch(&channels(), order).await, DONE);
    let (_, list) = otto.get(&channels()).await;
    assert_eq!(names(&list), ["Rooms", "general", "sound-stage", "Pit"]);
    assert_eq!(
        (&list[2]["parent_id"], &list[3]["parent_id"]),
        (&Value::Null, &category["id"])
    );

    let (status, was) = otto.delete(&at(&text)).await;
    assert_eq!((status, &was["id"]), (200, &text["id"]));
    let told = socket.receive_event("CHANNEL_DELETE").await;
    assert_eq!(told["id"], text["id"]);
    let gone = error(404, 10003, "Unknown Channel");
    assert_eq!(otto.get(&at(&text)).await, gone);
    assert_eq!(otto.patch(&at(&text), json!({})).await, gone);
    assert_eq!(otto.delete(&at(&text)).await, gone);
    let unknown = json!([{ "id": "1", "position": 0 }]);
    assert_eq!(otto.patch(&channels(), unknown).await, gone);
    let (_, log) = otto
        .get(&format!("/guilds/{LAB}/audit-logs?action_type=11"))
        .await;
    let entries = log["audit_log_entries"].as_array().unwrap();
    let bitrate = json!({ "key": "bitrate", "old_value": 64_000, "new_value": 96_000 });
    let told = entries
        .iter()
        .flat_map(|entry| entry["changes"].as_array().unwrap());
    assert!(told.into_iter().any(|change| *change == bitrate), "{log}");
}

#[tokio::test]
async fn who_may_not_manage_channels_changes_none() {
    let (sim, yuri, otto) = stage().await;
    let refused = error(403, 50013, "Missing Permissions");
    let general = format!("/channels/{GENERAL}");
    assert_eq!(
        yuri.post(&channels(), json!({ "name": "x" })).await,
        refused
    );
    assert_eq!(yuri.patch(&channels(), json!([])).await, refused);
    assert_eq!(yuri.patch(&general, json!({ "name": "x" })).await, refused);
    assert_eq!(yuri.delete(&general).await, refused);
    let target = OverwriteTarget::Member(YURI);
    sim.set_overwrite(GENERAL, target, MANAGE_CHANNELS, 0)
        .unwrap();
    assert_eq!(yuri.patch(&general, json!({ "name": "x" })).await.0, 200);
    // Exceptions are a right of their own, and give only what one has.
    let given = |allow: u64| {
        json!({ "permission_overwrites": [
            { "id": DJ.to_string(), "type": 0, "allow": allow.to_string() },
        ] })
    };
    assert_eq!(yuri.patch(&general, given(CONNECT)).await, refused);
    let exception = format!("{general}/permissions/{BEN}");
    let body = |allow: u64| json!({ "type": 1, "allow": allow.to_string() });
    assert_eq!(yuri.put(&exception, body(CONNECT)).await, refused);
    sim.set_overwrite(GENERAL, target, MANAGE_CHANNELS | MANAGE_ROLES, 0)
        .unwrap();
    assert_eq!(yuri.put(&exception, body(MANAGE_GUILD)).await, refused);
    assert_eq!(yuri.put(&exception, body(CONNECT)).await, DONE);
    assert_eq!(yuri.delete(&exception).await, DONE);
    let gone = error(404, 10009, "Unknown Permission Overwrite");
    assert_eq!(yuri.delete(&exception).await, gone);
    let nobody = format!("{general}/permissions/99");
    assert_eq!(
        yuri.put(&nobody, body(0)).await,
        error(404, 10013, "Unknown User")
    );
    let role = json!({ "type": 0 });
    assert_eq!(
        yuri.put(&nobody, role).await,
        error(404, 10011, "Unknown Role")
    );
    sim.set_overwrite(GENERAL, target, 0, permissions::VIEW_CHANNEL)
        .unwrap();
    assert_eq!(
        yuri.get(&general).await,
        error(403, 50001, "Missing Access")
    );
    assert_eq!(
        yuri.delete(&general).await,
        error(403, 50001, "Missing Access")
    );
    let (_, direct) = yuri
        .post("/users/@me/channels", json!({ "recipient_id": "12" }))
        .await;
    let action = error(403, 50003, "Cannot execute action on a DM channel");
    assert_eq!(yuri.patch(&at(&direct), json!({})).await, action);
    assert_eq!(yuri.delete(&at(&direct)).await, (200, direct.clone()));
    assert_eq!(
        otto.get(&at(&direct)).await,
        error(403, 50001, "Missing Access")
    );
}

#[tokio::test]
async fn what_is_no_channel_is_refused() {
    let (sim, _, otto) = stage().await;
    let bad = json!({
        "name": "", "type": 99, "topic": "x".repeat(1_025), "bitrate": 1, "user_limit": 100,
        "rate_limit_per_user": 21_601, "parent_id": "x",
        "permission_overwrites": [{ "type": 7 }],
    });
    let answer = otto.post(&channels(), bad).await;
    for (place, code) in [
        ("name", "BASE_TYPE_BAD_LENGTH"),
        ("type", "BASE_TYPE_CHOICES"),
        ("topic", "BASE_TYPE_MAX_LENGTH"),
        ("bitrate", "NUMBER_TYPE_MIN"),
        ("user_limit", "NUMBER_TYPE_MAX"),
        ("rate_limit_per_user", "NUMBER_TYPE_MAX"),
        ("parent_id", "NUMBER_TYPE_COERCE"),
        ("permission_overwrites.0.id", "BASE_TYPE_REQUIRED"),
        ("permission_overwrites.0.type", "BASE_TYPE_CHOICES"),
    ] {
        assert_eq!(fault(&answer, place), code, "{}", answer.1);
    }
    let lost = json!({ "name": "x", "parent_id": GENERAL.to_string() });
    let lost = otto.post(&channels(), lost).await;
    assert_eq!(fault(&lost, "parent_id"), "CHANNEL_PARENT_INVALID");
    let turned = otto
        .patch(&format!("/channels/{GENERAL}"), json!({ "type": 2 }))
        .await;
    assert_eq!(turned.1["code"], 50024);
    let none = otto.post(&channels(), json!({})).await;
    assert_eq!(fault(&none, "name"), "BASE_TYPE_REQUIRED");
    for n in 0..498 {
        let channel =
            discord_sim::Channel::new(0, &format!("c{n}"), discord_sim::ChannelKind::Text);
        sim.add_channel(LAB, channel).unwrap();
    }
    assert_eq!(
        otto.post(&channels(), json!({ "name": "x" })).await.1["code"],
        30013
    );
}

#[tokio::test]
async fn a_guild_is_renamed_and_previewed() {
    let (sim, yuri, otto) = stage().await;
    let (mut socket, _) = log_in(&sim, INTENTS).await;
    let guild = format!("/guilds/{LAB}");
    let rename = json!({ "name": "Studio" });
    let refused = error(403, 50013, "Missing Permissions");
    assert_eq!(yuri.patch(&guild, rename.clone()).await, refused);
    assert_eq!(otto.patch(&guild, rename.clone()).await.1["name"], "Studio");
    assert_eq!(socket.receive_event("GUILD_UPDATE").await["name"], "Studio");
    let short = otto.patch(&guild, json!({ "name": "x" })).await;
    assert_eq!(fault(&short, "name"), "BASE_TYPE_BAD_LENGTH");
    let (_, preview) = yuri.get(&format!("{guild}/preview")).await;
    assert_eq!(
        (&preview["name"], &preview["approximate_member_count"]),
        (&json!("Studio"), &json!(4))
    );
    sim.remove_bot(LAB).unwrap();
    let unknown = error(404, 10004, "Unknown Guild");
    assert_eq!(yuri.get(&format!("{guild}/preview")).await, unknown);
    assert_eq!(
        yuri.patch(&guild, rename).await,
        error(403, 50001, "Missing Access")
    );
    sim.set_role_permissions(LAB, LAB, EVERYONE | MANAGE_GUILD)
        .unwrap();
}

#[tokio::test]
async fn serenity_handles_channels_and_guilds() {
    let (sim, ..) = stage().await;
    let http = bot::http(&sim.for_bot(OTTO));
    let guild = serenity::GuildId::new(LAB);
    let new = serenity::CreateChannel::new("stage").kind(serenity::ChannelType::Voice);
    let channel = guild
        .create_channel(&http, new.user_limit(3))
        .await
        .unwrap();
    assert_eq!(
        (channel.name.as_str(), channel.user_limit),
        ("stage", Some(3))
    );
    let change = serenity::EditChannel::new().name("pit").bitrate(8_000);
    let changed = channel.id.edit(&http, change).await.unwrap();
    assert_eq!(changed.bitrate, Some(8_000));
    let exception = serenity::PermissionOverwrite {
        allow: serenity::Permissions::CONNECT,
        deny: serenity::Permissions::SPEAK,
        kind: serenity::PermissionOverwriteType::Role(serenity::RoleId::new(DJ)),
    };
    channel
        .id
        .create_permission(&http, exception.clone())
        .await
        .unwrap();
    channel
        .id
        .delete_permission(&http, exception.kind)
        .await
        .unwrap();
    let order = [(channel.id, 0)];
    guild.reorder_channels(&http, order).await.unwrap();
    assert_eq!(guild.channels(&http).await.unwrap().len(), 3);
    channel.id.delete(&http).await.unwrap();
    let rename = serenity::EditGuild::new().name("Studio");
    let mut partial = guild.to_partial_guild(&http).await.unwrap();
    partial.edit(&http, rename).await.unwrap();
    assert_eq!(http.get_guild_preview(guild).await.unwrap().name, "Studio");
    let counted = guild.to_partial_guild_with_counts(&http).await.unwrap();
    assert_eq!(counted.approximate_member_count, Some(4));
    assert!(!http.get_voice_regions().await.unwrap().is_empty());
    assert!(!http.get_guild_regions(guild).await.unwrap().is_empty());
    let yuri = bot::http(&sim);
    guild.leave(&yuri).await.unwrap();
    assert!(!sim.guilds()[0].has_bot);
}
