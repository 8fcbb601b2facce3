//! Messages edited, deleted, answered, reacted to and pinned; and those of two alone.

use std::time::Duration;

use discord_sim::{SimError, permissions};
use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::rest::{DONE, Rest, error};
use crate::support::shard::{INTENTS, LAB, log_in};
use crate::support::writing::{ADA, BEN, GENERAL, MESSAGES, Stage, path, stage};

#[tokio::test]
async fn messages_are_edited_and_deleted_alone_and_together() {
    let Stage {
        sim,
        rest,
        mut listener,
    } = stage().await;
    let (_, message) = rest.post(MESSAGES, json!({ "content": "one" })).await;
    let (_, edited) = rest
        .patch(&path(&message), json!({ "content": "two" }))
        .await;
    assert_eq!(
        (&edited["content"], &edited["id"]),
        (&json!("two"), &message["id"])
    );
    assert!(edited["edited_timestamp"].is_string());
    assert_eq!(
        rest.patch(&path(&message), json!({ "content": null }))
            .await
            .1["code"],
        50006
    );
    assert_eq!(rest.delete(&path(&message)).await, DONE);
    assert_eq!(rest.delete(&path(&message)).await.1["code"], 10008);
    let event = listener.receive_event("MESSAGE_DELETE").await;
    assert_eq!(event["guild_id"], LAB.to_string());

    let others = [1, 2, 3].map(|n| sim.send_message(ADA, GENERAL, &n.to_string()).unwrap());
    let bulk = format!("{MESSAGES}/bulk-delete");
    let ids = json!({ "messages": others.map(|id| id.to_string()) });
    assert_eq!(
        rest.post(&bulk, ids.clone()).await,
        error(403, 50013, "Missing Permissions")
    );
    let otto = Rest::new(&sim.for_bot(22));
    assert_eq!(otto.post(&bulk, ids).await, DONE);
    let event = listener.receive_event("MESSAGE_DELETE_BULK").await;
    assert_eq!(event["ids"].as_array().unwrap().len(), 3);
    assert_eq!(otto.get(MESSAGES).await.1, json!([]));
    // What is gone already is not told again.
    let gone = json!({ "messages": others.map(|id| id.to_string()) });
    assert_eq!(otto.post(&bulk, gone).await, DONE);
    let one = json!({ "messages": ["1"] });
    assert_eq!(otto.post(&bulk, one).await.1["code"], 50016);
    let old = json!({ "messages": ["1", "2"] });
    assert_eq!(otto.post(&bulk, old).await.1["code"], 50034);
    let id = sim.send_message(ADA, GENERAL, "old").unwrap();
    let next = listener.receive().await;
    assert_eq!(next["t"], "MESSAGE_CREATE", "{next}");
    sim.advance_clock(Duration::from_hours(14 * 24 + 1));
    let stale = json!({ "messages": [id.to_string(), (id + 1).to_string()] });
    assert_eq!(otto.post(&bulk, stale).await.1["code"], 50034);
    // Who may manage messages may hide the embeds of others, but not change the text.
    let theirs = format!("{MESSAGES}/{id}");
    let (_, hidden) = otto.patch(&theirs, json!({ "flags": 4 })).await;
    assert_eq!(
        (&hidden["flags"], &hidden["edited_timestamp"]),
        (&json!(4), &Value::Null)
    );
    assert_eq!(otto.patch(&theirs, json!({})).await, (200, hidden));
    assert_eq!(
        otto.patch(&theirs, json!({ "content": "x" })).await.1["code"],
        50005
    );
    assert_eq!(otto.delete(&theirs).await, DONE);
}

#[tokio::test]
async fn replies_and_nonces() {
    let Stage { sim, rest, .. } = stage().await;
    let id = sim.send_message(ADA, GENERAL, "question").unwrap();
    let answer = |mentions: Value| {
        json!({
            "content": "answer", "allowed_mentions": mentions,
            "message_reference": { "message_id": id.to_string() },
        })
    };
    let (_, reply) = rest.post(MESSAGES, answer(Value::Null)).await;
    assert_eq!(
        (&reply["type"], &reply["mentions"][0]["id"]),
        (&json!(19), &json!("11"))
    );
    assert_eq!(reply["message_reference"]["message_id"], id.to_string());
    let (_, quiet) = rest.post(MESSAGES, answer(json!({ "parse": [] }))).await;
    assert_eq!(quiet["mentions"], json!([]));
    let (_, orphan) = rest
        .post(
            MESSAGES,
            json!({ "content": "x", "message_reference": {
                "message_id": "1", "fail_if_not_exists": false,
            } }),
        )
        .await;
    assert_eq!(
        (&orphan["type"], orphan.get("message_reference")),
        (&json!(0), None)
    );
    let once = || json!({ "content": "once", "nonce": 7, "enforce_nonce": true });
    let (_, first) = rest.post(MESSAGES, once()).await;
    let (_, second) = rest.post(MESSAGES, once()).await;
    assert_eq!(first["id"], second["id"]);
    sim.deny_permissions(GENERAL, permissions::READ_MESSAGE_HISTORY)
        .unwrap();
    assert_eq!(
        rest.post(MESSAGES, answer(Value::Null)).await.1["code"],
        160_002
    );
}

#[tokio::test]
async fn reactions_are_counted_and_told() {
    let Stage {
        sim,
        rest,
        mut listener,
    } = stage().await;
    let id = sim.send_message(ADA, GENERAL, "horn").unwrap();
    let horn = format!("{MESSAGES}/{id}/reactions/%F0%9F%8E%BA");
    assert_eq!(rest.mark(&format!("{horn}/@me")).await, DONE);
    sim.react(BEN, id, "🎺").unwrap();
    let event = listener.receive_event("MESSAGE_REACTION_ADD").await;
    assert_eq!(
        (
            &event["emoji"]["name"],
            &event["user_id"],
            &event["message_author_id"]
        ),
        (&json!("🎺"), &json!("21"), &json!("11"))
    );
    assert_eq!(
        listener.receive_event("MESSAGE_REACTION_ADD").await["member"]["user"]["username"],
        "ben"
    );
    let (_, message) = rest.get(&format!("{MESSAGES}/{id}")).await;
    assert_eq!(
        (
            &message["reactions"][0]["count"],
            &message["reactions"][0]["me"]
        ),
        (&json!(2), &json!(true))
    );
    let (_, users) = rest.get(&format!("{horn}?after=12")).await;
    assert_eq!(
        (users.as_array().unwrap().len(), &users[0]["id"]),
        (1, &json!("21"))
    );
    assert_eq!(
        rest.delete(&format!("{horn}/12")).await,
        error(403, 50013, "Missing Permissions")
    );
    assert_eq!(rest.delete(&format!("{horn}/@me")).await, DONE);
    let otto = Rest::new(&sim.for_bot(22));
    sim.react(ADA, id, "🎺").unwrap();
    assert_eq!(otto.delete(&format!("{horn}/11")).await, DONE);
    sim.unreact(BEN, id, "🎺").unwrap();
    listener.receive_event("MESSAGE_REACTION_REMOVE").await;
    let unknown = format!("{MESSAGES}/{id}/reactions/horn/@me");
    assert_eq!(
        rest.mark(&unknown).await,
        error(400, 10014, "Unknown Emoji")
    );
    for clear in ["reactions/%F0%9F%8E%BA", "reactions"] {
        sim.react(BEN, id, "🎺").unwrap();
        assert_eq!(otto.delete(&format!("{MESSAGES}/{id}/{clear}")).await, DONE);
    }
    listener
        .receive_event("MESSAGE_REACTION_REMOVE_EMOJI")
        .await;
    listener.receive_event("MESSAGE_REACTION_REMOVE_ALL").await;
    sim.deny_permissions(GENERAL, permissions::ADD_REACTIONS)
        .unwrap();
    assert_eq!(rest.mark(&format!("{horn}/@me")).await.1["code"], 50013);
    assert_eq!(sim.react(BEN, id, "🎺").unwrap_err(), SimError::Forbidden);
    sim.deny_permissions(GENERAL, 0).unwrap();
    assert!(matches!(
        sim.react(BEN, id, "x").unwrap_err(),
        SimError::Refused(_)
    ));
}

#[tokio::test]
async fn pins_are_listed_newest_first() {
    let Stage {
        sim,
        rest,
        mut listener,
    } = stage().await;
    let ids = ["a", "b"].map(|text| sim.send_message(ADA, GENERAL, text).unwrap());
    let otto = Rest::new(&sim.for_bot(22));
    let pin = |id: u64| format!("{MESSAGES}/pins/{id}");
    assert_eq!(rest.mark(&pin(ids[0])).await.1["code"], 50013);
    for id in ids {
        assert_eq!(otto.mark(&pin(id)).await, DONE);
        let event = listener.receive_event("CHANNEL_PINS_UPDATE").await;
        assert_eq!(event["channel_id"], "32");
        let event = listener.receive_event("MESSAGE_CREATE").await;
        assert_eq!(
            (&event["type"], &event["message_reference"]["message_id"]),
            (&json!(6), &json!(id.to_string()))
        );
        sim.advance_clock(Duration::from_millis(1));
    }
    let (_, pins) = rest.get(&format!("{MESSAGES}/pins?limit=1")).await;
    assert_eq!(
        (&pins["items"][0]["message"]["content"], &pins["has_more"]),
        (&json!("b"), &json!(true))
    );
    let (_, old) = rest.get("/channels/32/pins").await;
    assert_eq!(
        (old.as_array().unwrap().len(), &old[1]["pinned"]),
        (2, &json!(true))
    );
    assert_eq!(otto.delete(&pin(ids[0])).await, DONE);
    let old_path = format!("/channels/32/pins/{}", ids[0]);
    assert_eq!(otto.mark(&old_path).await, DONE);
    assert_eq!(otto.delete(&old_path).await, DONE);
    let (_, newest) = rest.get(&format!("{MESSAGES}?limit=1")).await;
    let notice = newest[0]["id"].as_str().unwrap().parse().unwrap();
    let system = error(403, 50021, "Cannot execute action on a system message");
    assert_eq!(otto.mark(&pin(notice)).await, system);
    assert_eq!(
        rest.get("/channels/32/pins")
            .await
            .1
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn direct_messages_have_a_channel_of_their_own() {
    let Stage { sim, rest, .. } = stage().await;
    let (mut yuri, _) = log_in(&sim, INTENTS).await;
    let open = async |id: &str| {
        rest.post("/users/@me/channels", json!({ "recipient_id": id }))
            .await
    };
    let (status, channel) = open("11").await;
    assert_eq!((status, &channel["type"]), (200, &json!(1)));
    assert_eq!(channel["recipients"][0]["username"], "ada");
    assert_eq!(open("11").await.1["id"], channel["id"]);
    let id: u64 = channel["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(sim.direct_channel(ADA).unwrap(), id);
    let messages = format!("/channels/{id}/messages");
    let (_, sent) = rest.post(&messages, json!({ "content": "psst" })).await;
    assert!(sent.get("guild_id").is_none());
    assert_eq!(
        yuri.receive_event("MESSAGE_CREATE").await["channel_type"],
        1
    );
    let written = sim.send_message(ADA, id, "what?").unwrap();
    let event = yuri.receive_event("MESSAGE_CREATE").await;
    assert_eq!(
        (&event["content"], event.get("member")),
        (&json!("what?"), None)
    );
    sim.start_typing(ADA, id).unwrap();
    assert!(
        yuri.receive_event("TYPING_START")
            .await
            .get("guild_id")
            .is_none()
    );
    assert_eq!(
        rest.delete(&format!("{messages}/{written}")).await,
        error(403, 50003, "Cannot execute action on a DM channel")
    );
    let seen = sim
        .wait_message(id, PATIENCE, |message| message.content == "psst")
        .await;
    assert_eq!(seen.unwrap().author, 21);
    assert_eq!(
        sim.send_message(BEN, id, "x").unwrap_err(),
        SimError::Forbidden
    );

    assert_eq!(open("22").await.1["code"], 50007);
    assert_eq!(open("1").await, error(400, 50033, "Invalid Recipient(s)"));
    assert_eq!(
        rest.get(&format!("/channels/{id}")).await.1["id"],
        channel["id"]
    );
    let otto = Rest::new(&sim.for_bot(22));
    assert_eq!(
        otto.get(&messages).await,
        error(403, 50001, "Missing Access")
    );
    sim.remove_member(ADA, LAB).unwrap();
    assert_eq!(
        rest.post(&messages, json!({ "content": "x" })).await.1["code"],
        50278
    );
}

#[tokio::test]
async fn pins_and_reactions_have_their_limits() {
    let Stage { sim, .. } = stage().await;
    let otto = Rest::new(&sim.for_bot(22));
    let mut last = 0;
    for number in 0..=250 {
        last = sim.send_message(ADA, GENERAL, "x").unwrap();
        let pinned = otto.mark(&format!("{MESSAGES}/pins/{last}")).await;
        let full = "Maximum number of pins reached for the channel (250)";
        assert_eq!(
            pinned,
            if number < 250 {
                DONE
            } else {
                error(400, 30003, full)
            }
        );
    }
    for letter in '🇦'..='🇺' {
        let path = format!("{MESSAGES}/{last}/reactions/{letter}/@me");
        let added = otto.mark(&path).await;
        let full = error(403, 30010, "Maximum number of reactions reached (20)");
        assert_eq!(added, if letter < '🇺' { DONE } else { full });
    }
    let sticker = serde_json::json!({ "sticker_ids": ["1"] });
    let refused = error(400, 50081, "Invalid Sticker Sent");
    assert_eq!(otto.post(MESSAGES, sticker).await, refused);
}

#[tokio::test]
async fn what_discord_wrote_is_not_edited() {
    let Stage { sim, .. } = stage().await;
    let otto = Rest::new(&sim.for_bot(22));
    let id = sim.send_message(ADA, GENERAL, "keep").unwrap();
    assert_eq!(otto.mark(&format!("{MESSAGES}/pins/{id}")).await, DONE);
    let (_, messages) = otto.get(MESSAGES).await;
    assert_eq!(
        (&messages[0]["type"], &messages[0]["author"]["id"]),
        (&json!(6), &json!("22"))
    );
    let edited = otto
        .patch(&path(&messages[0]), json!({ "content": "x" }))
        .await;
    let refused = error(403, 50021, "Cannot execute action on a system message");
    assert_eq!(edited, refused);
}
