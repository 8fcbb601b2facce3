//! Messages: bots and people write, read, change and react, and hear of each other.

use discord_sim::{File, Settings, Sim, SimError, permissions};
use reqwest::Method;
use serde_json::json;

use crate::support::rest::{DONE, Rest, error, fault};
use crate::support::shard::{INTENTS, LAB, log_in, sim_of, two_bots};
use crate::support::sim;
use crate::support::writing::{ADA, BEN, GENERAL, MESSAGES, Stage, path, stage};

const LOUNGE: u64 = 33;

#[tokio::test]
async fn a_bot_writes_and_everyone_hears_of_it() {
    let Stage {
        sim,
        rest,
        mut listener,
    } = stage().await;
    let body = json!({
        "content": " hello <@11> <@&41> @everyone ", "nonce": "n1", "tts": false,
        "embeds": [{ "title": "T", "image": { "url": "https://example.com/a.png" } }],
        "components": [{ "type": 1, "components": [
            { "type": 2, "style": 1, "label": "L", "custom_id": "c" },
        ] }],
    });
    let (status, message) = rest.post(MESSAGES, body).await;
    assert_eq!(status, 200);
    assert_eq!(message["content"], "hello <@11> <@&41> @everyone");
    assert_eq!(message["author"]["id"], "21");
    assert_eq!(message["mentions"][0]["username"], "ada");
    assert_eq!(
        (&message["mention_roles"], &message["mention_everyone"]),
        (&json!(["41"]), &json!(true))
    );
    assert_eq!(message["embeds"][0]["type"], "rich");
    assert_eq!(message["components"][0]["components"][0]["id"], 2);
    assert_eq!(
        (&message["nonce"], &message["type"]),
        (&json!("n1"), &json!(0))
    );

    let event = listener.receive_event("MESSAGE_CREATE").await;
    assert_eq!(event["id"], message["id"]);
    assert_eq!(event["guild_id"], LAB.to_string());
    assert_eq!(event["channel_type"], 0);
    assert!(event["member"]["joined_at"].is_string() && event["member"]["user"].is_null());
    assert_eq!(event["mentions"][0]["member"]["roles"], json!([]));
    let (_, channel) = rest.get("/channels/32").await;
    assert_eq!(channel["last_message_id"], message["id"]);

    let seen = sim.messages(GENERAL);
    assert_eq!(seen[0].content, "hello <@11> <@&41> @everyone");
    let (_, read) = rest.get(&path(&message)).await;
    assert_eq!(read, message);
}

#[tokio::test]
async fn messages_are_read_by_pages() {
    let Stage { sim, rest, .. } = stage().await;
    let mut ids = Vec::new();
    for n in 0..60 {
        ids.push(sim.send_message(ADA, GENERAL, &n.to_string()).unwrap());
    }
    let contents = async |query: &str| {
        let (_, messages) = rest.get(&format!("{MESSAGES}{query}")).await;
        let messages = messages.as_array().unwrap().iter();
        messages
            .map(|message| {
                message["content"]
                    .as_str()
                    .unwrap()
                    .parse::<usize>()
                    .unwrap()
            })
            .collect::<Vec<_>>()
    };
    let newest = contents("").await;
    assert_eq!((newest.len(), newest[0]), (50, 59));
    assert_eq!(contents("?limit=2").await, [59, 58]);
    let (ten, fifty) = (ids[10], ids[50]);
    assert_eq!(contents(&format!("?limit=2&before={ten}")).await, [9, 8]);
    assert_eq!(contents(&format!("?limit=2&after={fifty}")).await, [52, 51]);
    assert_eq!(
        contents(&format!("?limit=3&around={ten}")).await,
        [11, 10, 9]
    );
    for (query, place, code) in [
        ("limit=0", "limit", "NUMBER_TYPE_MIN"),
        ("limit=101", "limit", "NUMBER_TYPE_MAX"),
        ("limit=x", "limit", "NUMBER_TYPE_COERCE"),
        ("before=-1", "before", "NUMBER_TYPE_COERCE"),
    ] {
        let answer = rest.get(&format!("{MESSAGES}?{query}")).await;
        assert_eq!(
            (answer.0, fault(&answer, place)),
            (400, json!(code)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn permissions_decide_who_reads_and_writes() {
    let Stage { sim, rest, .. } = stage().await;
    let id = sim.send_message(ADA, GENERAL, "x").unwrap();
    let one = format!("{MESSAGES}/{id}");
    let hello = || json!({ "content": "x" });
    let missing_access = error(403, 50001, "Missing Access");
    let missing = error(403, 50013, "Missing Permissions");
    let deny = |bits| sim.deny_permissions(GENERAL, bits).unwrap();

    deny(permissions::VIEW_CHANNEL);
    assert_eq!(rest.get(MESSAGES).await, missing_access);
    assert_eq!(rest.post(MESSAGES, hello()).await, missing_access);
    deny(permissions::READ_MESSAGE_HISTORY);
    assert_eq!(rest.get(MESSAGES).await, (200, json!([])));
    assert_eq!(rest.get(&one).await, missing_access);
    deny(permissions::SEND_MESSAGES);
    assert_eq!(rest.post(MESSAGES, hello()).await, missing);
    assert_eq!(rest.post("/channels/32/typing", json!({})).await, missing);
    assert_eq!(
        sim.send_message(BEN, GENERAL, "x").unwrap_err(),
        SimError::Forbidden
    );
    deny(permissions::EMBED_LINKS | permissions::ATTACH_FILES);
    let embed = json!({ "embeds": [{ "title": "T" }] });
    assert_eq!(rest.post(MESSAGES, embed).await, missing);
    let body = json!({ "content": "x" });
    let uploaded = rest.upload(Method::POST, MESSAGES, &body, &[("a.txt", b"a")]);
    assert_eq!(uploaded.await, missing);
    assert_eq!(
        rest.post(MESSAGES, json!({ "content": "x", "tts": true }))
            .await,
        missing
    );
    deny(0);
    assert_eq!(rest.post("/channels/32/typing", json!({})).await, DONE);
    assert_eq!(rest.delete(&one).await, missing);
    assert_eq!(
        rest.patch(&one, hello()).await,
        error(403, 50005, "Cannot edit a message authored by another user")
    );
    assert_eq!(
        rest.post("/channels/1/messages", hello()).await,
        error(404, 10003, "Unknown Channel")
    );
    assert_eq!(
        rest.get(&format!("{MESSAGES}/1")).await,
        error(404, 10008, "Unknown Message")
    );
    // The text of a voice channel is for those who may join it.
    let lounge = "/channels/33/messages";
    assert_eq!(rest.post(lounge, hello()).await.0, 200);
    sim.deny_permissions(LOUNGE, permissions::CONNECT).unwrap();
    assert_eq!(rest.post(lounge, hello()).await, missing_access);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_in_discords_words() {
    let rest = Rest::new(&sim_of(two_bots().category(34, "c"), []).await);
    let empty = error(400, 50006, "Cannot send an empty message");
    for body in [
        json!({}),
        json!({ "content": "  " }),
        json!({ "embeds": [] }),
    ] {
        assert_eq!(rest.post(MESSAGES, body).await, empty);
    }
    assert_eq!(
        rest.post("/channels/34/messages", json!({ "content": "x" }))
            .await,
        error(400, 50008, "Cannot send messages in a non-text channel")
    );
    let unknown = rest
        .post(
            MESSAGES,
            json!({ "content": "x", "message_reference": { "message_id": "1" } }),
        )
        .await;
    assert_eq!(
        fault(&unknown, "message_reference"),
        "REPLIES_UNKNOWN_MESSAGE"
    );
    let large = vec![0; 10 * 1024 * 1024 + 1];
    let sent = rest
        .upload(Method::POST, MESSAGES, &json!({}), &[("a", &large)])
        .await;
    assert_eq!(sent, error(413, 40005, "Request entity too large"));
    let eleven = [("a", &b"a"[..]); 11];
    let sent = rest
        .upload(Method::POST, MESSAGES, &json!({}), &eleven)
        .await;
    let text = "Maximum number of attachments in a message reached (10)";
    assert_eq!(sent, error(400, 30015, text));
    for content_type in ["text/plain", "", "multipart/form-data"] {
        let sent = rest.raw(Method::POST, MESSAGES, content_type, "{\"content\":\"x\"}");
        assert_eq!(
            fault(&sent.await, ""),
            "CONTENT_TYPE_INVALID",
            "{content_type}"
        );
    }
}

#[tokio::test]
async fn files_are_kept_and_served() {
    let Stage {
        sim,
        rest,
        mut listener,
    } = stage().await;
    let body = json!({
        "content": "", "embeds": [{ "title": "T", "image": { "url": "attachment://a_b.png" } }],
        "attachments": [{ "id": 0, "description": "a picture" }],
    });
    let files: [(&str, &[u8]); 2] = [("a b.png", b"png"), ("horn.ogg", b"OggS")];
    let (status, message) = rest.upload(Method::POST, MESSAGES, &body, &files).await;
    assert_eq!(status, 200);
    let [picture, horn] = [0, 1].map(|place| &message["attachments"][place]);
    assert_eq!(
        (
            &picture["filename"],
            &picture["description"],
            &picture["size"]
        ),
        (&json!("a_b.png"), &json!("a picture"), &json!(3))
    );
    assert_eq!(horn["content_type"], "audio/ogg");
    assert_eq!(message["embeds"][0]["image"]["url"], picture["url"]);
    let url = horn["url"].as_str().unwrap();
    let served = reqwest::get(url).await.unwrap();
    assert_eq!(served.headers()["content-type"], "audio/ogg");
    assert_eq!(served.bytes().await.unwrap(), &b"OggS"[..]);
    let other = url.replace("horn", "born");
    assert_eq!(reqwest::get(other).await.unwrap().status(), 404);

    // An edit keeps what it lists.
    let kept = json!({ "attachments": [{ "id": horn["id"] }] });
    let (_, edited) = rest
        .upload(Method::PATCH, &path(&message), &kept, &[("c.txt", b"c")])
        .await;
    let names = edited["attachments"].as_array().unwrap().iter();
    let names = names.map(|file| &file["filename"]).collect::<Vec<_>>();
    assert_eq!(names, ["horn.ogg", "c.txt"]);
    listener.receive_event("MESSAGE_UPDATE").await;

    let clip = File::new("clip.mp3", &b"ID3"[..]);
    sim.send_files(ADA, GENERAL, "", std::slice::from_ref(&clip))
        .unwrap();
    let event = listener.receive_event("MESSAGE_CREATE").await;
    assert_eq!(event["attachments"][0]["content_type"], "audio/mpeg");
    let id = event["attachments"][0]["id"].as_str().unwrap();
    assert_eq!(sim.attachment(id.parse().unwrap()), Some(clip));
}

#[tokio::test]
async fn people_write_and_bots_without_the_intent_read_only_what_is_theirs() {
    let Stage {
        sim, mut listener, ..
    } = stage().await;
    let (mut yuri, _) = log_in(&sim, INTENTS).await;
    let plain = sim.send_message(ADA, GENERAL, "secret").unwrap();
    assert_eq!(
        listener.receive_event("MESSAGE_CREATE").await["content"],
        "secret"
    );
    assert_eq!(yuri.receive_event("MESSAGE_CREATE").await["content"], "");
    sim.send_message(ADA, GENERAL, "<@21> play").unwrap();
    assert_eq!(
        yuri.receive_event("MESSAGE_CREATE").await["content"],
        "<@21> play"
    );
    let reply = sim.reply_to(BEN, plain, "I heard").unwrap();
    let event = listener.receive_event("MESSAGE_CREATE").await;
    assert_eq!(event["mentions"][0]["id"], "21");
    let event = listener.receive_event("MESSAGE_CREATE").await;
    assert_eq!(
        (&event["type"], &event["referenced_message"]["content"]),
        (&json!(19), &json!("secret"))
    );
    assert_eq!(event["mentions"][0]["id"], ADA.to_string());
    assert_eq!(
        sim.edit_message(ADA, reply, "x").unwrap_err(),
        SimError::Forbidden
    );
    sim.edit_message(BEN, reply, "I hear").unwrap();
    let event = listener.receive_event("MESSAGE_UPDATE").await;
    assert!(event["edited_timestamp"].is_string());
    sim.delete_message(ADA, reply).unwrap();
    let event = listener.receive_event("MESSAGE_DELETE").await;
    assert_eq!(event["id"], reply.to_string());
    assert_eq!(
        sim.delete_message(ADA, reply).unwrap_err(),
        SimError::UnknownMessage(reply)
    );
    let long = "x".repeat(2_001);
    assert!(matches!(
        sim.send_message(ADA, GENERAL, &long).unwrap_err(),
        SimError::Refused(_)
    ));
}

#[tokio::test]
async fn without_the_grant_rest_shows_no_content_either() {
    let mut settings = Settings::default();
    let mut yuri = discord_sim::Application::new(21, "Yuri");
    yuri.privileged_intents = 0;
    settings.world = discord_sim::World::empty()
        .user(discord_sim::User::new(ADA, "ada"))
        .application(yuri)
        .guild(
            discord_sim::Guild::new(31, "Lab", ADA)
                .text(GENERAL, "g")
                .member(ADA)
                .member(21),
        );
    let sim = Sim::start(settings).await.unwrap();
    let rest = Rest::new(&sim);
    sim.send_message(ADA, GENERAL, "secret").unwrap();
    sim.send_message(ADA, GENERAL, "<@21>").unwrap();
    let (_, messages) = rest.get(MESSAGES).await;
    assert_eq!(
        (&messages[0]["content"], &messages[1]["content"]),
        (&json!("<@21>"), &json!(""))
    );
}

#[tokio::test]
async fn a_channel_keeps_its_last_thousand() {
    let sim = sim().await;
    let (ada, guild) = (sim.user_id("ada").unwrap(), &sim.guilds()[0]);
    let channel = guild.text_channel.unwrap();
    for n in 0..1_001 {
        sim.send_message(ada, channel, &n.to_string()).unwrap();
    }
    let messages = sim.messages(channel);
    assert_eq!((messages.len(), messages[0].content.as_str()), (1_000, "1"));
}
