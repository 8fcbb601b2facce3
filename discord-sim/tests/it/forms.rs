//! Forms, menus of users and messages, and the rules of answering.

use std::time::Duration;

use discord_sim::{Answer, File, SimError, Slash};
use reqwest::Method;
use serde_json::json;

use crate::support::answering::{BEN, callback, modal, reply, stage, webhook};
use crate::support::rest::{DONE, error, fault};
use crate::support::shard::LAB;

const ADA: u64 = 11;
const GENERAL: u64 = 32;

#[tokio::test]
async fn forms_are_shown_filled_in_and_answered() {
    let mut stage = stage().await;
    let sim = stage.sim.clone();
    let board = stage.board().await;
    let form = json!({ "type": 9, "data": {
        "custom_id": "upload", "title": "Upload", "components": [
            { "type": 1, "components": [{
                "type": 4, "custom_id": "name", "style": 1, "label": "Name",
                "min_length": 2, "max_length": 5,
            }] },
            { "type": 18, "label": "Notes", "component": {
                "type": 4, "custom_id": "notes", "style": 2, "required": false, "value": "none",
            } },
            { "type": 18, "label": "Who", "component": {
                "type": 5, "custom_id": "who", "required": false,
            } },
        ],
    } });
    let (event, seen) = stage.meet(sim.press(BEN, board, "go"), form).await;
    let modal = modal(seen);
    assert_eq!(
        (modal.custom_id.as_str(), modal.title.as_str()),
        ("upload", "Upload")
    );
    for (values, why) in [
        (vec![], "required"),
        (vec![("name", "x")], "too short"),
        (vec![("name", "xxxxxx")], "too long"),
        (vec![("name", "horn"), ("other", "x")], "no component other"),
    ] {
        let refused = sim
            .submit_modal(&modal, &values)
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains(why), "{refused}");
    }
    let values = [("name", "horn"), ("who", "11")];
    let answer = json!({ "type": 4, "data": { "content": "thanks" } });
    let (submitted, seen) = stage.meet(sim.submit_modal(&modal, &values), answer).await;
    assert_eq!(reply(seen).content, "thanks");
    assert_eq!(submitted["type"], 5);
    let components = &submitted["data"]["components"];
    assert_eq!(components[0]["components"][0]["value"], "horn");
    assert_eq!(components[1]["component"]["value"], "none");
    assert_eq!(components[2]["component"]["values"], json!(["11"]));
    assert_eq!(
        submitted["data"]["resolved"]["users"]["11"]["username"],
        "ada"
    );
    assert_eq!(submitted["message"]["id"], board.to_string());
    let told = &sim.messages(GENERAL)[1];
    assert_eq!(told.reply_to, Some(board));
    let (_, read) = stage
        .rest
        .get(&format!("{}/messages/@original", webhook(&submitted)))
        .await;
    let trigger = &read["interaction_metadata"]["triggering_interaction_metadata"];
    assert_eq!(trigger["id"], event["id"]);
}

#[tokio::test]
async fn commands_on_users_and_messages_carry_their_targets() {
    let mut stage = stage().await;
    let sim = stage.sim.clone();
    let hello = || json!({ "type": 4, "data": { "content": "hello" } });
    let (event, seen) = stage
        .meet(sim.use_on_user(BEN, GENERAL, "Greet", ADA), hello())
        .await;
    let data = &event["data"];
    assert_eq!(
        (&data["type"], &data["target_id"]),
        (&json!(2), &json!("11"))
    );
    assert!(data["resolved"]["members"]["11"].is_object());
    let reply = reply(seen);
    assert_eq!(
        (
            &reply.message["type"],
            &reply.message["interaction_metadata"]["target_user"]["id"]
        ),
        (&json!(23), &json!("11"))
    );
    let message = sim.send_message(ADA, GENERAL, "a link").unwrap();
    let (event, _) = stage
        .meet(
            sim.use_on_message(BEN, GENERAL, "Play this", message),
            hello(),
        )
        .await;
    let resolved = &event["data"]["resolved"]["messages"][message.to_string()];
    assert_eq!(resolved["content"], "a link");
    let unknown = SimError::UnknownCommand("Greet".to_owned());
    let used = sim.use_on_message(BEN, GENERAL, "Greet", message).await;
    assert_eq!(used.unwrap_err(), unknown);
    let used = sim.use_on_message(BEN, GENERAL, "Play this", 1).await;
    assert_eq!(used.unwrap_err(), SimError::UnknownMessage(1));
}

#[tokio::test]
async fn files_and_mentionables_are_options_and_direct_messages_a_place() {
    let mut stage = stage().await;
    let sim = stage.sim.clone();
    let channel = sim.direct_channel(BEN).unwrap();
    let slash = Slash::new("board")
        .file("clip", File::new("horn.ogg", &b"OggS"[..]))
        .option("who", "12")
        .in_channel(channel);
    let answer = json!({ "type": 4, "data": { "content": "got it" } });
    let (event, seen) = stage.meet(sim.use_command(BEN, 0, &slash), answer).await;
    assert_eq!(reply(seen).content, "got it");
    assert_eq!(
        (&event["context"], &event["user"]["id"]),
        (&json!(1), &json!("12"))
    );
    assert!(event.get("guild_id").is_none() && event.get("member").is_none());
    assert_eq!(event["channel"]["type"], 1);
    let id = event["data"]["options"][0]["value"].as_str().unwrap();
    let clip = &event["data"]["resolved"]["attachments"][id];
    assert_eq!(
        (&clip["filename"], &clip["ephemeral"]),
        (&json!("horn.ogg"), &json!(true))
    );
    let served = reqwest::get(clip["url"].as_str().unwrap()).await.unwrap();
    assert_eq!(served.bytes().await.unwrap(), &b"OggS"[..]);
    assert_eq!(sim.messages(channel)[0].content, "got it");
    let text = Slash::new("board").option("clip", "horn.ogg");
    assert!(sim.use_command(BEN, LAB, &text).await.is_err());
}

#[tokio::test]
async fn each_kind_of_interaction_has_its_answers() {
    let mut stage = stage().await;
    let board = stage.board().await;
    let sim = stage.sim.clone();
    let pressing = tokio::spawn(async move { sim.press(BEN, board, "go").await });
    let event = stage.socket.receive_event("INTERACTION_CREATE").await;
    let path = callback(&event);
    let cases = [
        (json!({}), "type", "BASE_TYPE_REQUIRED"),
        (json!({ "type": 1 }), "type", "BASE_TYPE_CHOICES"),
        (
            json!({ "type": 8, "data": { "choices": [] } }),
            "type",
            "BASE_TYPE_CHOICES",
        ),
        (json!({ "type": "x" }), "type", "NUMBER_TYPE_COERCE"),
        (
            json!({ "type": 4, "data": 7 }),
            "data",
            "MODEL_TYPE_CONVERT",
        ),
        (
            json!({ "type": 4, "data": { "content": "x".repeat(2_001) } }),
            "data.content",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            json!({ "type": 7, "data": { "components": [{ "type": 2 }] } }),
            "data.components.0",
            "UNION_TYPE_CHOICES",
        ),
        (json!({ "type": 9 }), "data", "BASE_TYPE_REQUIRED"),
        (
            json!({ "type": 9, "data": { "custom_id": "x", "title": "x".repeat(46) } }),
            "data.title",
            "BASE_TYPE_BAD_LENGTH",
        ),
    ];
    for (body, place, code) in cases {
        let answer = stage.rest.post(&path, body.clone()).await;
        assert_eq!(
            (answer.0, fault(&answer, place)),
            (400, json!(code)),
            "{body}"
        );
    }
    let empty = stage
        .rest
        .post(&path, json!({ "type": 4, "data": {} }))
        .await;
    assert_eq!(empty, error(400, 50006, "Cannot send an empty message"));
    let early = stage
        .rest
        .post(&webhook(&event), json!({ "content": "x" }))
        .await;
    assert_eq!(early, error(404, 10015, "Unknown Webhook"));
    let (status, shown) = stage
        .rest
        .upload(
            Method::POST,
            &format!("{path}?with_response=true"),
            &json!({ "type": 4, "data": { "content": "x", "flags": 64 } }),
            &[("a.txt", b"a")],
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(shown["interaction"]["response_message_ephemeral"], true);
    let attachment = &shown["resource"]["message"]["attachments"][0];
    assert_eq!(
        (&attachment["filename"], &attachment["ephemeral"]),
        (&json!("a.txt"), &json!(true))
    );
    let again = stage.rest.post(&path, json!({ "type": 6 })).await;
    assert_eq!(
        again,
        error(400, 40060, "Interaction has already been acknowledged.")
    );
    assert!(matches!(pressing.await.unwrap(), Ok(Answer::Reply(_))));
}

#[tokio::test]
async fn time_runs_out_by_the_simulated_clock() {
    let mut stage = stage().await;
    let (event, _) = stage.message(json!({ "content": "x" })).await;
    let sim = stage.sim.clone();
    sim.advance_clock(Duration::from_mins(14));
    let edit = format!("{}/messages/@original", webhook(&event));
    assert_eq!(
        stage.rest.patch(&edit, json!({ "content": "y" })).await.0,
        200
    );
    sim.advance_clock(Duration::from_secs(61));
    assert_eq!(
        stage.rest.patch(&edit, json!({ "content": "z" })).await,
        error(401, 50027, "Invalid Webhook Token")
    );
    let using = {
        let sim = sim.clone();
        tokio::spawn(async move { sim.slash(BEN, LAB, "board", &[]).await })
    };
    let event = stage.socket.receive_event("INTERACTION_CREATE").await;
    sim.advance_clock(Duration::from_millis(3_001));
    assert_eq!(using.await.unwrap().unwrap_err(), SimError::NoAnswer);
    let late = stage
        .rest
        .post(
            &callback(&event),
            json!({ "type": 4, "data": { "content": "x" } }),
        )
        .await;
    assert_eq!(late, error(404, 10062, "Unknown interaction"));
}

#[tokio::test]
async fn a_form_in_place_of_a_reply_is_no_reply() {
    let mut stage = stage().await;
    let sim = stage.sim.clone();
    let form = json!({ "type": 9, "data": { "custom_id": "f", "title": "F", "components": [
        { "type": 1, "components": [
            { "type": 4, "custom_id": "t", "style": 1, "label": "T", "required": false },
        ] },
    ] } });
    let bot = async {
        let event = stage.socket.receive_event("INTERACTION_CREATE").await;
        assert_eq!(stage.rest.post(&callback(&event), form).await, DONE);
    };
    let (seen, ()) = tokio::join!(sim.slash(BEN, LAB, "board", &[]), bot);
    assert_eq!(seen.unwrap_err(), SimError::UnexpectedAnswer(9));
}

#[tokio::test]
async fn who_sees_an_answer_is_settled_when_it_is_made() {
    let mut stage = stage().await;
    let sim = stage.sim.clone();
    for (deferred, follow, expected) in [(64, 1 << 15, (1 << 15) | 64), (0, 64, 0)] {
        let person = sim.clone();
        let using = async move { person.use_command(BEN, LAB, &Slash::new("board")).await };
        let using = tokio::spawn(using);
        let event = stage.socket.receive_event("INTERACTION_CREATE").await;
        let answer = json!({ "type": 5, "data": { "flags": deferred } });
        assert_eq!(stage.rest.post(&callback(&event), answer).await, DONE);
        let original = format!("{}/messages/@original", webhook(&event));
        let (_, answered) = if follow == 64 {
            let body = json!({ "content": "for all", "flags": follow });
            stage.rest.post(&webhook(&event), body).await
        } else {
            let text = json!([{ "type": 10, "content": "later" }]);
            let body = json!({ "components": text, "flags": follow });
            stage.rest.patch(&original, body).await
        };
        assert_eq!(answered["flags"], expected);
        // Embeds are hidden and shown; nothing else comes and goes.
        let (_, hidden) = stage.rest.patch(&original, json!({ "flags": 4 })).await;
        assert_eq!(hidden["flags"], expected | 4);
        let (_, shown) = stage.rest.patch(&original, json!({ "flags": 0 })).await;
        assert_eq!(shown["flags"], expected);
        assert_eq!(
            reply(using.await.unwrap().unwrap()).ephemeral,
            deferred == 64
        );
    }
}
