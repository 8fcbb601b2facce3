//! What people write, press, choose and fill in, over JSON, before a bot that answers by hand.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::answering::{Stage, callback, stage};
use crate::support::by_json::{act, get, get_status, post, send};
use crate::support::rest::DONE;
use crate::support::shard::LAB;

/// A person does something and the bot answers it; what the bot was told, and what the person
/// is told.
async fn meet(stage: &mut Stage, path: &str, body: Value, answer: Value) -> (Value, Value) {
    let Stage { sim, rest, socket } = stage;
    let bot = async {
        let event = socket.receive_event("INTERACTION_CREATE").await;
        assert_eq!(rest.post(&callback(&event), answer).await, DONE);
        event
    };
    let ((status, seen), event) = tokio::join!(post(sim, path, body), bot);
    assert_eq!(status, StatusCode::OK, "{path}: {seen}");
    (event, seen)
}

#[tokio::test]
async fn messages_are_written_changed_and_deleted_over_json() {
    let mut stage = stage().await;
    let general = "/sim/channels/general/messages";
    let body = json!({ "user": "ben", "content": "hi <@21>", "files": [
        { "name": "notes.txt", "text": "la la" },
        { "name": "horn.ogg", "base64": "T2dnUw==" },
    ] });
    let (status, created) = post(&stage.sim, general, body).await;
    assert_eq!(status, StatusCode::CREATED, "{created}");
    let id = created["id"].as_str().unwrap().to_owned();
    let told = stage.socket.receive_event("MESSAGE_CREATE").await;
    assert_eq!(
        (&told["id"], &told["content"]),
        (&json!(id), &json!("hi <@21>"))
    );
    let file = told["attachments"][1]["url"].as_str().unwrap();
    let file = reqwest::get(file).await.unwrap().bytes().await.unwrap();
    assert_eq!(&file[..], b"OggS");

    let one = format!("/sim/messages/{id}");
    let edit = json!({ "user": "ben", "content": "ho" });
    act(&stage.sim, Method::PATCH, &one, edit).await;
    let told = stage.socket.receive_event("MESSAGE_UPDATE").await;
    assert_eq!(told["id"], id);
    assert_eq!(get(&stage.sim, &one).await["content"], "ho");

    let reactions = format!("{one}/reactions");
    let trumpet = json!({ "user": "ada", "emoji": "🎺" });
    act(&stage.sim, Method::POST, &reactions, trumpet).await;
    let told = stage.socket.receive_event("MESSAGE_REACTION_ADD").await;
    assert_eq!(told["emoji"]["name"], "🎺");
    let seen = get(&stage.sim, &format!("{general}?user=ada")).await;
    assert_eq!(seen[0]["reactions"][0]["me"], true);
    let taken = format!("{reactions}?user=ada&emoji=%F0%9F%8E%BA");
    act(&stage.sim, Method::DELETE, &taken, Value::Null).await;
    stage.socket.receive_event("MESSAGE_REACTION_REMOVE").await;

    let answer = json!({ "user": "ada", "content": "what?", "reply_to": id });
    let (_, answer) = post(&stage.sim, general, answer).await;
    let told = stage.socket.receive_event("MESSAGE_CREATE").await;
    assert_eq!(told["message_reference"]["message_id"], id);
    let last = get(&stage.sim, &format!("{general}?limit=1")).await;
    assert_eq!(last.as_array().unwrap().len(), 1);
    assert_eq!(last[0]["id"], answer["id"]);

    let typing = json!({ "user": "ada" });
    act(&stage.sim, Method::POST, "/sim/channels/32/typing", typing).await;
    assert_eq!(
        stage.socket.receive_event("TYPING_START").await["user_id"],
        "11"
    );
    // Ben may not delete what ada wrote; she may, and owns the guild.
    let others = format!("/sim/messages/{}?user=ben", answer["id"].as_str().unwrap());
    let (status, refused) = send(&stage.sim, Method::DELETE, &others, None).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused["error"], "the member may not do this");
    act(
        &stage.sim,
        Method::DELETE,
        &format!("{one}?user=ada"),
        Value::Null,
    )
    .await;
    assert_eq!(stage.socket.receive_event("MESSAGE_DELETE").await["id"], id);
    assert_eq!(get_status(&stage.sim, &one).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn messages_are_waited_for_and_sent_directly_over_json() {
    let mut stage = stage().await;
    let open = json!({ "bot": "Yuri" });
    let (_, direct) = post(&stage.sim, "/sim/users/ben/direct-messages", open).await;
    let direct = format!("/sim/channels/{}", direct["id"].as_str().unwrap());
    let body = json!({ "user": "ben", "content": "psst" });
    let (status, _) = post(&stage.sim, &format!("{direct}/messages"), body).await;
    assert_eq!(status, StatusCode::CREATED);
    let told = stage.socket.receive_event("MESSAGE_CREATE").await;
    assert_eq!(
        (&told["content"], &told["guild_id"]),
        (&json!("psst"), &Value::Null)
    );
    let (status, _) = post(
        &stage.sim,
        &format!("{direct}/messages"),
        json!({ "user": "ada" }),
    )
    .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);

    let wait = |query: &str| format!("{direct}/wait/message?{query}");
    let never = get_status(&stage.sim, &wait("author=Yuri&timeout_ms=1")).await;
    assert_eq!(never, StatusCode::GATEWAY_TIMEOUT);
    let path = wait("author=Yuri&contains=back");
    let (sim, rest) = (&stage.sim, &stage.rest);
    let id = told["channel_id"].as_str().unwrap();
    let answer = json!({ "content": "psst back" });
    let channel = format!("/channels/{id}/messages");
    let (found, (status, _)) = tokio::join!(get(sim, &path), rest.post(&channel, answer));
    assert_eq!((status, &found["content"]), (200, &json!("psst back")));
    // A command can be used there too.
    let here = format!("{direct}/slash");
    let body = json!({ "user": "ben", "command": "board" });
    let answer = json!({ "type": 4, "data": { "content": "board" } });
    let (event, seen) = meet(&mut stage, &here, body, answer).await;
    assert_eq!(
        (&event["context"], &seen["kind"]),
        (&json!(1), &json!("reply"))
    );
}

#[tokio::test]
async fn commands_buttons_menus_and_forms_are_used_over_json() {
    let mut stage = stage().await;
    let (slash, command) = (format!("/sim/guilds/{LAB}/slash"), "board");
    let rows = json!([
        { "type": 1, "components": [{ "type": 2, "style": 1, "label": "Go", "custom_id": "go" }] },
        { "type": 1, "components": [{ "type": 3, "custom_id": "pick", "max_values": 2, "options": [
            { "label": "A", "value": "a" }, { "label": "B", "value": "b" },
        ] }] },
    ]);
    // With a file, in the text of the voice channel.
    let body = json!({
        "bot": "Yuri", "user": "ben", "command": command, "channel": "Lounge",
        "options": { "clip": { "name": "horn.ogg", "base64": "T2dnUw==" }, "who": 12 },
    });
    let answer = json!({ "type": 4, "data": { "content": "board", "components": rows } });
    let (event, seen) = meet(&mut stage, &slash, body, answer).await;
    assert_eq!(event["channel_id"], "33");
    let clip = event["data"]["options"][0]["value"].as_str().unwrap();
    let clip = &event["data"]["resolved"]["attachments"][clip];
    assert_eq!(
        (&clip["filename"], &clip["size"]),
        (&json!("horn.ogg"), &json!(4))
    );
    assert_eq!(
        (&seen["kind"], &seen["content"]),
        (&json!("reply"), &json!("board"))
    );
    let message = seen["message"]["id"].as_str().unwrap().to_owned();

    let components = format!("/sim/messages/{message}/components");
    let body = json!({ "user": "ben", "custom_id": "pick", "values": ["b", "a"] });
    let (event, seen) = meet(&mut stage, &components, body, json!({ "type": 6 })).await;
    assert_eq!(event["data"]["values"], json!(["b", "a"]));
    assert_eq!(seen, json!({ "kind": "deferred" }));

    let form = json!({ "type": 9, "data": { "custom_id": "upload", "title": "Upload", "components": [
        { "type": 1, "components": [{ "type": 4, "custom_id": "name", "style": 1, "label": "Name" }] },
        { "type": 18, "label": "Who", "component": { "type": 5, "custom_id": "who", "max_values": 2 } },
    ] } });
    let body = json!({ "user": "ben", "custom_id": "go" });
    let (_, seen) = meet(&mut stage, &components, body, form).await;
    assert_eq!(
        (&seen["kind"], &seen["title"]),
        (&json!("form"), &json!("Upload"))
    );
    assert_eq!(seen["components"][1]["component"]["custom_id"], "who");
    let form = format!("/sim/forms/{}", seen["form"].as_str().unwrap());
    let (status, refused) = post(&stage.sim, &form, json!({ "values": { "name": "x" } })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused["error"].as_str().unwrap().contains("who: too few"),
        "{refused}"
    );
    let body = json!({ "values": { "name": "horn", "who": ["11", "12"] } });
    let update = json!({ "type": 7, "data": { "content": "done", "components": [] } });
    let (event, seen) = meet(&mut stage, &form, body, update).await;
    assert_eq!(
        event["data"]["components"][1]["component"]["values"],
        json!(["11", "12"])
    );
    assert_eq!(
        (&seen["kind"], &seen["content"]),
        (&json!("update"), &json!("done"))
    );

    for (path, command, on) in [("user", "Greet", "ada"), ("message", "Play this", &message)] {
        let path = format!("/sim/channels/33/{path}-command");
        let body = json!({ "user": "ben", "command": command, "on": on });
        let answer = json!({ "type": 4, "data": { "content": command, "flags": 64 } });
        let (event, seen) = meet(&mut stage, &path, body, answer).await;
        assert_eq!(
            (&event["data"]["name"], &seen["ephemeral"]),
            (&json!(command), &json!(true))
        );
        assert_eq!(seen["message"]["content"], command);
    }
    // What only ben sees says so.
    let all = get(&stage.sim, "/sim/channels/33/messages").await;
    assert_eq!(all[1]["only_for"], "12");
    let seen = get(&stage.sim, "/sim/channels/33/messages?user=ada").await;
    assert_eq!(seen.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn suggestions_know_the_other_options_over_json() {
    let mut stage = stage().await;
    let option = |name: &str, completes: bool| json!({ "type": 3, "name": name, "description": "d", "autocomplete": completes });
    let options = [option("kind", false), option("sound", true)];
    let command = json!([{ "name": "play", "description": "d", "options": options }]);
    let (status, _) = stage.rest.put("/applications/21/commands", command).await;
    assert_eq!(status, 200);
    for path in [
        format!("/sim/guilds/{LAB}/autocomplete"),
        "/sim/channels/32/autocomplete".to_owned(),
    ] {
        let body = json!({
            "user": "ben", "command": "play", "option": "sound", "partial": "h",
            "options": { "kind": "brass" },
        });
        let choices = json!([{ "name": "Horn", "value": "horn" }]);
        let answer = json!({ "type": 8, "data": { "choices": choices } });
        let (event, seen) = meet(&mut stage, &path, body, answer).await;
        assert_eq!(event["data"]["options"][0]["value"], "brass");
        assert_eq!(event["data"]["options"][1]["focused"], true);
        assert_eq!(seen, choices);
    }
}
