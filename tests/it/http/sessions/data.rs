//! What the data routes answer: the same objects as the dashboards' routes, in bare arrays, and of
//! channels those that the bot itself sees.

use discord_sim::permissions;
use serde_json::Value;

use super::{
    ADA, BEN, COMMON, LOBBY, Stage, X_LAB, X_ONLY, XENIA, Y_ONLY, YOLANDA, YURI, Z_LAB, ZORA, flat,
    setup,
};
use crate::support::Answer;

/// One field of each entry of a bare array.
fn listed(answer: &Answer, pointer: &str) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    let entries = json.as_array().expect("a bare array").iter();
    entries
        .map(|entry| entry.pointer(pointer).unwrap().as_str().unwrap().to_owned())
        .collect()
}

/// The entry with this value.
fn entry(list: &Value, pointer: &str, value: u64) -> Value {
    let value = Value::from(value.to_string());
    let mut entries = list.as_array().unwrap().iter();
    let found = entries.find(|entry| entry.pointer(pointer) == Some(&value));
    found.expect("it is listed").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_written_to_the_byte() {
    let stage = Stage::start().await;
    let zora = stage.login(ZORA).await;
    let channels = zora.get(&stage, "/api/channels").await;
    assert_eq!(channels.header("content-type"), "application/json");
    assert_eq!(channels.header("cache-control"), "no-store");
    assert_eq!(channels.header("x-partial"), "");
    insta::assert_snapshot!(channels.body, @r#"
    [
      {
        "id": "1202390117538988033",
        "guild_id": "1202390117538988032",
        "name": "general",
        "type": 0,
        "parent_id": null,
        "position": 0,
        "topic": null,
        "nsfw": false
      },
      {
        "id": "1202390117538988034",
        "guild_id": "1202390117538988032",
        "name": "Lounge",
        "type": 2,
        "parent_id": null,
        "position": 1,
        "topic": null,
        "nsfw": false
      }
    ]
    "#);
    let members = zora.get(&stage, "/api/members").await;
    assert_eq!(members.header("cache-control"), "no-store");
    assert_eq!(members.header("x-partial"), "");
    insta::assert_snapshot!(members.body, @r#"
    [
      {
        "user": {
          "id": "1201448000449118210",
          "username": "Zora",
          "discriminator": "4821",
          "global_name": null,
          "avatar": null,
          "bot": true
        },
        "nick": null,
        "roles": [],
        "joined_at": "2024-01-01T12:00:00Z",
        "communication_disabled_until": null
      },
      {
        "user": {
          "id": "1202390117538988035",
          "username": "owner-of-Z-Lab",
          "discriminator": "0",
          "global_name": null,
          "avatar": null,
          "bot": false
        },
        "nick": null,
        "roles": [],
        "joined_at": "2024-01-01T12:00:00Z",
        "communication_disabled_until": null
      }
    ]
    "#);
    let path = format!("/api/messages?channelId={}", Z_LAB.general);
    let none = zora.get(&stage, &path).await;
    assert_eq!((none.status.as_u16(), none.body.as_str()), (200, "[]"));
    let sim = stage.server.sim();
    let id = sim
        .send_message(Z_LAB.owner, Z_LAB.general, "hello")
        .unwrap();
    let one = zora.get(&stage, &path).await;
    let message = one.json()[0].clone();
    let timestamp = message["timestamp"].as_str().unwrap();
    let known = one
        .body
        .replace(&id.to_string(), "<id>")
        .replace(timestamp, "<when>");
    insta::assert_snapshot!(known, @r#"
    [
      {
        "id": "<id>",
        "channel_id": "1202390117538988033",
        "author": {
          "id": "1202390117538988035",
          "username": "owner-of-Z-Lab",
          "discriminator": "0",
          "global_name": null,
          "avatar": null,
          "bot": false
        },
        "content": "hello",
        "timestamp": "<when>",
        "edited_timestamp": null,
        "pinned": false
      }
    ]
    "#);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboards_are_told_the_same() {
    let stage = Stage::start_with(setup().set("YURI_DISCORD__BOTAPI_MESSAGES", "true")).await;
    let (server, sim) = (&stage.server, stage.server.sim());
    let xenia = stage.login(XENIA).await;
    let ada = server.token(server.user("ada")).await;
    let guild = format!("/api/guilds/{COMMON}");

    let members = xenia
        .get(&stage, &format!("/api/members?guildId={COMMON}"))
        .await;
    let names = listed(&members, "/user/username");
    assert_eq!(names, ["ada", "ben", "Yuri", "Xenia", "Yolanda"]);
    for user in [ADA, BEN, YURI, XENIA, YOLANDA] {
        let told = stage.get_as(&ada, &format!("{guild}/members/{user}")).await;
        assert_eq!(told.status, 200, "{}", told.body);
        assert_eq!(entry(&members.json(), "/user/id", user), told.json());
    }

    let channels = xenia
        .get(&stage, &format!("/api/channels?guildId={COMMON}"))
        .await;
    let told = stage.get_as(&ada, &format!("{guild}/channels")).await;
    let told = told.json()["results"].clone();
    assert_eq!(
        entry(&channels.json(), "/id", LOBBY),
        entry(&told, "/id", LOBBY)
    );

    for text in ["one", "two @everyone", "three"] {
        sim.send_message(BEN, LOBBY, text).unwrap();
    }
    let query = "limit=2";
    let messages = xenia
        .get(&stage, &format!("/api/messages?channelId={LOBBY}&{query}"))
        .await;
    assert_eq!(listed(&messages, "/content"), ["three", "two @everyone"]);
    let told = stage
        .get_as(&ada, &format!("/botapi/channels/{LOBBY}/messages?{query}"))
        .await;
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(messages.json(), told.json());
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_is_shown_the_channels_that_it_sees() {
    let stage = Stage::start().await;
    let sim = stage.server.sim();
    let (xenia, yolanda) = (stage.login(XENIA).await, stage.login(YOLANDA).await);
    let path = format!("/api/channels?guildId={COMMON}");
    let of_xenia = xenia.get(&stage, &path).await;
    assert_eq!(listed(&of_xenia, "/name"), ["lobby", "Hall", "x-only"]);
    let of_yolanda = yolanda.get(&stage, &path).await;
    assert_eq!(listed(&of_yolanda, "/name"), ["lobby", "Hall", "y-only"]);

    // What is hidden from it is not there, and what is not there is not hidden.
    sim.send_message(ADA, Y_ONLY, "not for Xenia").unwrap();
    sim.send_message(ADA, X_ONLY, "for Xenia").unwrap();
    let messages = |channel: u64| format!("/api/messages?channelId={channel}");
    let own = xenia.get(&stage, &messages(X_ONLY)).await;
    assert_eq!(listed(&own, "/content"), ["for Xenia"]);
    let hidden = xenia.get(&stage, &messages(Y_ONLY)).await;
    assert_eq!(
        (hidden.status.as_u16(), flat(&hidden).as_str()),
        (404, "there is no such channel")
    );
    let nowhere = xenia.get(&stage, &messages(1)).await;
    assert_eq!(nowhere.body, hidden.body);

    // A voice channel has messages, too.
    sim.send_message(X_LAB.owner, X_LAB.lounge, "spoken")
        .unwrap();
    let spoken = xenia.get(&stage, &messages(X_LAB.lounge)).await;
    assert_eq!(listed(&spoken, "/content"), ["spoken"]);

    // An administrator sees everything.
    let all = sim
        .add_role(COMMON, "all", permissions::ADMINISTRATOR)
        .unwrap();
    sim.set_roles(XENIA, COMMON, &[all]).unwrap();
    stage
        .server
        .clock
        .advance(std::time::Duration::from_mins(6));
    let of_xenia = xenia.get(&stage, &path).await;
    assert_eq!(
        listed(&of_xenia, "/name"),
        ["lobby", "Hall", "x-only", "y-only"]
    );
    let shown = xenia.get(&stage, &messages(Y_ONLY)).await;
    assert_eq!(listed(&shown, "/content"), ["not for Xenia"]);
    stage.stop().await;
}
