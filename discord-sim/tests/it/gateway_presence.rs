//! Presences: what bots and people say of themselves, and who sees it.

use std::time::Duration;

use discord_sim::{Activity, Status};
use serde_json::{Value, json};

use crate::support::shard::{
    GUILD_MEMBERS, GUILD_PRESENCES, INTENTS, LAB, connect, fields, identify, log_in, log_in_with,
    sim_of, two_bots,
};

#[tokio::test]
async fn a_bot_is_seen_to_come_change_and_go() {
    let sim = sim_of(two_bots(), []).await;
    let otto = sim.for_bot(22);
    let (mut watcher, _) = log_in(&otto, 1 | GUILD_PRESENCES).await;
    watcher.receive_event("GUILD_CREATE").await;
    // First of itself.
    let own = watcher.receive_event("PRESENCE_UPDATE").await;
    assert_eq!(
        (&own["user"], &own["status"]),
        (&json!({ "id": "22" }), &json!("online"))
    );

    let mut asked = identify(&sim.application().bot_token, INTENTS);
    asked["presence"] = json!({
        "since": 91_879_201, "afk": false, "status": "idle",
        "activities": [{ "name": "horns", "type": 2, "state": "loud", "party": {} }],
    });
    let (mut socket, _) = log_in_with(&sim, asked).await;
    let came = watcher.receive_event("PRESENCE_UPDATE").await;
    let created_at = came["activities"][0]["created_at"].clone();
    assert!(created_at.is_u64());
    assert_eq!(
        came,
        json!({
            "user": { "id": "21" }, "guild_id": LAB.to_string(), "status": "idle",
            "activities": [
                { "name": "horns", "type": 2, "state": "loud", "created_at": created_at },
            ],
            "client_status": { "web": "idle" },
        })
    );
    // Those who come later find it in the guild.
    let (mut late, _) = log_in(&otto, 1 | GUILD_PRESENCES).await;
    let guild = late.receive_event("GUILD_CREATE").await;
    let presences = guild["presences"].as_array().unwrap();
    assert_eq!(presences.len(), 2);
    assert_eq!(presences[0]["activities"], came["activities"]);
    assert_eq!(
        fields(&presences[0]),
        ["activities", "client_status", "status", "user"]
    );

    let invisible = json!({ "since": null, "activities": [], "status": "invisible", "afk": true });
    socket.send(3, invisible).await;
    let hidden = watcher.receive_event("PRESENCE_UPDATE").await;
    assert_eq!(
        (&hidden["status"], &hidden["client_status"]),
        (&json!("offline"), &json!({}))
    );
    socket
        .send(3, json!({ "status": "online", "activities": null }))
        .await;
    watcher.receive_event("PRESENCE_UPDATE").await;
    // A goodbye is seen; a lost connection is not, until the session is over.
    socket.close(1_000).await;
    assert_eq!(
        watcher.receive_event("PRESENCE_UPDATE").await["status"],
        "offline"
    );
}

#[tokio::test]
async fn wrong_presences_are_closed_and_too_many_ignored() {
    let sim = sim_of(two_bots(), []).await;
    let (mut socket, _) = log_in(&sim, 0).await;
    socket.send(3, Value::Null).await;
    assert_eq!(socket.closed().await, 4_002);
    for wrong in [
        json!({ "status": "away", "activities": [] }),
        json!({ "status": "online", "activities": [{ "name": "x" }] }),
    ] {
        let (mut socket, _) = log_in(&sim, 0).await;
        socket.send(3, wrong.clone()).await;
        assert_eq!(socket.closed().await, 4_002, "{wrong}");
        let mut socket = connect(&sim).await;
        let mut asked = identify(&sim.application().bot_token, 0);
        asked["presence"] = wrong.clone();
        socket.send(2, asked).await;
        assert_eq!(socket.closed().await, 4_002, "{wrong}");
    }
    let (mut socket, _) = log_in(&sim, GUILD_PRESENCES).await;
    let change = |name: &str| json!({ "status": "online", "activities": [{ "name": name, "type": 0 }], "since": null });
    for name in ["1", "2", "3", "4", "5", "6", "7"] {
        socket.send(3, change(name)).await;
    }
    for name in ["1", "2", "3", "4", "5"] {
        let seen = socket.receive_event("PRESENCE_UPDATE").await;
        assert_eq!(seen["activities"][0]["name"], name);
    }
    socket.send(1, Value::Null).await;
    assert_eq!(socket.receive().await["op"], 11);
    sim.advance_clock(Duration::from_secs(20));
    socket.send(3, change("8")).await;
    let seen = socket.receive_event("PRESENCE_UPDATE").await;
    assert_eq!(seen["activities"][0]["name"], "8");
}

#[tokio::test]
async fn people_are_seen_with_what_they_do() {
    let sim = sim_of(two_bots(), []).await;
    let (mut socket, _) = log_in(&sim, 1 | GUILD_PRESENCES | GUILD_MEMBERS).await;
    let (mut blind, _) = log_in(&sim.for_bot(22), INTENTS).await;
    assert_eq!(
        blind.receive_event("GUILD_CREATE").await["presences"],
        json!([])
    );
    socket.receive_event("GUILD_CREATE").await;
    let stream = Activity {
        url: Some("https://www.twitch.tv/ada".to_owned()),
        ..Activity::new(1, "live")
    };
    sim.set_presence(11, Status::DoNotDisturb, &[stream])
        .unwrap();
    let seen = loop {
        let seen = socket.receive_event("PRESENCE_UPDATE").await;
        if seen["user"]["id"] == "11" {
            break seen;
        }
    };
    assert_eq!(seen["client_status"], json!({ "desktop": "dnd" }));
    assert_eq!(seen["activities"][0]["url"], "https://www.twitch.tv/ada");
    // The same again is no news, and a new name is.
    sim.set_presence(12, Status::Offline, &[]).unwrap();
    sim.change_user(11, |ada| ada.global_name = Some("A.".to_owned()))
        .unwrap();
    let member = socket.receive().await;
    assert_eq!(
        (&member["t"], &member["d"]["user"]["global_name"]),
        (&json!("GUILD_MEMBER_UPDATE"), &json!("A."))
    );
    let seen = socket.receive_event("PRESENCE_UPDATE").await;
    assert_eq!(
        (&seen["user"]["global_name"], &seen["status"]),
        (&json!("A."), &json!("dnd"))
    );

    // Chunks carry them to those who may see them.
    let ask = json!({ "guild_id": LAB.to_string(), "query": "", "limit": 0, "presences": true });
    socket.send(8, ask.clone()).await;
    let chunk = socket.receive_event("GUILD_MEMBERS_CHUNK").await;
    let online = chunk["presences"].as_array().unwrap().iter();
    let online = online.map(|it| it["user"]["id"].as_str().unwrap());
    assert_eq!(online.collect::<Vec<_>>(), ["11", "21", "22"]);
    let some = json!({ "guild_id": LAB.to_string(), "user_ids": "11", "presences": true });
    blind.send(8, some).await;
    let chunk = blind.receive_event("GUILD_MEMBERS_CHUNK").await;
    assert_eq!(chunk.get("presences"), None);
}
