//! Emojis, of guilds and of applications.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use discord_sim::{Emoji, Sim, SimError, permissions};
use poise::serenity_prelude as serenity;
use serde_json::{Value, json};

use crate::support::bot;
use crate::support::rest::{DONE, Rest, error, fault};
use crate::support::shard::{INTENTS, LAB, fields, log_in, sim_of, two_bots};

const OTTO: u64 = 22;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot much of an image";
const GIF: &[u8] = b"GIF89anot much of one";
const OF_OTTO: &str = "/applications/22/emojis";

fn of_guild() -> String {
    format!("/guilds/{LAB}/emojis")
}

fn at(base: &str, emoji: &Value) -> String {
    format!("{base}/{}", emoji["id"].as_str().unwrap())
}

fn new(name: &str, image: &[u8]) -> Value {
    let image = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(image));
    json!({ "name": name, "image": image })
}

/// Yuri, who may do little, and Otto, who may do everything.
async fn stage() -> (Sim, Rest, Rest) {
    let sim = sim_of(two_bots(), []).await;
    let (yuri, otto) = (Rest::new(&sim), Rest::new(&sim.for_bot(OTTO)));
    (sim, yuri, otto)
}

#[tokio::test]
async fn an_emoji_is_made_changed_and_removed() {
    let (sim, yuri, otto) = stage().await;
    let (mut socket, _) = log_in(&sim, INTENTS).await;
    let (status, emoji) = otto.post(&of_guild(), new("horn", PNG)).await;
    assert_eq!((status, &emoji["animated"]), (201, &json!(false)));
    assert_eq!(
        fields(&emoji),
        [
            "animated",
            "available",
            "id",
            "managed",
            "name",
            "require_colons",
            "roles",
            "user"
        ]
    );
    let told = socket.receive_event("GUILD_EMOJIS_UPDATE").await;
    assert_eq!(
        told,
        json!({ "guild_id": LAB.to_string(), "emojis": [emoji] })
    );
    let change = json!({ "name": "tuba", "roles": ["41"] });
    let (_, changed) = otto.patch(&at(&of_guild(), &emoji), change).await;
    assert_eq!(
        (&changed["name"], &changed["roles"]),
        (&json!("tuba"), &json!(["41"]))
    );
    let (_, open) = otto
        .patch(&at(&of_guild(), &emoji), json!({ "roles": null }))
        .await;
    assert_eq!(open["roles"], json!([]));
    // Who may not make emojis is not told who did.
    let (_, list) = yuri.get(&of_guild()).await;
    assert_eq!(
        (&list[0]["name"], list[0].get("user")),
        (&json!("tuba"), None)
    );
    let (_, guild) = yuri.get(&format!("/guilds/{LAB}")).await;
    assert_eq!(guild["emojis"], list);
    let (_, moving) = otto.post(&of_guild(), new("spin", GIF)).await;
    assert_eq!(moving["animated"], true);
    let url = format!(
        "{}/emojis/{}.png",
        sim.api_url(),
        emoji["id"].as_str().unwrap()
    );
    let image = reqwest::get(url).await.unwrap();
    assert_eq!(image.headers()["content-type"], "image/png");
    assert_eq!(image.bytes().await.unwrap(), PNG);

    assert_eq!(otto.delete(&at(&of_guild(), &emoji)).await, DONE);
    let gone = error(404, 10014, "Unknown Emoji");
    assert_eq!(otto.get(&at(&of_guild(), &emoji)).await, gone);
    assert_eq!(otto.patch(&at(&of_guild(), &emoji), json!({})).await, gone);
    assert_eq!(otto.delete(&at(&of_guild(), &emoji)).await, gone);
    for n in 0..4 {
        let told = socket.receive_event("GUILD_EMOJIS_UPDATE").await;
        let count = told["emojis"].as_array().unwrap().len();
        assert_eq!(count, [1, 1, 2, 1][n]);
    }
    let (_, log) = otto
        .get(&format!("/guilds/{LAB}/audit-logs?action_type=61"))
        .await;
    let renamed = json!([{ "key": "name", "old_value": "horn", "new_value": "tuba" }]);
    assert_eq!(log["audit_log_entries"][1]["changes"], renamed);
}

#[tokio::test]
async fn what_is_no_emoji_is_refused() {
    let (_, yuri, otto) = stage().await;
    let faults = [
        (json!({}), "name", "BASE_TYPE_REQUIRED"),
        (json!({ "name": "ab" }), "image", "BASE_TYPE_REQUIRED"),
        (new("a", PNG), "name", "BASE_TYPE_BAD_LENGTH"),
        (new("air horn", PNG), "name", "STRING_TYPE_REGEX"),
        (new("ab", b"text"), "image", "IMAGE_INVALID"),
        (
            new("ab", &vec![0; 2_097_153]),
            "image",
            "BINARY_TYPE_MAX_SIZE",
        ),
        (
            json!({ "name": "ab", "image": "x" }),
            "image",
            "BINARY_TYPE_CONVERT",
        ),
        (json!("ab"), "", "MODEL_TYPE_CONVERT"),
    ];
    for (body, place, code) in faults {
        let answer = otto.post(&of_guild(), body).await;
        assert_eq!(fault(&answer, place), code, "{}", answer.1);
    }
    let large = [PNG, &vec![0; 262_144]].concat();
    let refused = otto.post(&of_guild(), new("ab", &large)).await;
    assert_eq!(refused.1["code"], 50138);
    let mut body = new("ab", PNG);
    body["roles"] = json!(["9"]);
    let refused = error(400, 50028, "Invalid Role");
    assert_eq!(otto.post(&of_guild(), body).await, refused);
    let refused = error(403, 50013, "Missing Permissions");
    assert_eq!(yuri.post(&of_guild(), new("ab", PNG)).await, refused);
    let unknown = error(404, 10004, "Unknown Guild");
    assert_eq!(yuri.get("/guilds/1/emojis").await, unknown);
    let id = yuri.get(&format!("{}/x", of_guild())).await;
    assert_eq!(fault(&id, "emoji_id"), "NUMBER_TYPE_COERCE");
}

#[tokio::test]
async fn slots_are_counted_apart_for_emojis_that_move() {
    let (sim, _, otto) = stage().await;
    for n in 0..50 {
        sim.add_emoji(LAB, Emoji::new(0, &format!("e{n}"), PNG))
            .unwrap();
    }
    let full = otto.post(&of_guild(), new("more", PNG)).await;
    assert_eq!(full.1["code"], 30008);
    let (status, _) = otto.post(&of_guild(), new("more", GIF)).await;
    assert_eq!(status, 201);
    for n in 1..50 {
        let mut moving = Emoji::new(0, &format!("g{n}"), GIF);
        moving.animated = true;
        sim.add_emoji(LAB, moving).unwrap();
    }
    let full = otto.post(&of_guild(), new("more", GIF)).await;
    assert_eq!(full.1["code"], 30018);
    sim.set_premium_tier(LAB, 1).unwrap();
    assert_eq!(otto.post(&of_guild(), new("more", PNG)).await.0, 201);
    let first = sim.emojis(LAB)[0].id;
    let twice = sim.add_emoji(LAB, Emoji::new(first, "x", PNG));
    assert_eq!(twice, Err(SimError::Taken(first)));
    sim.remove_emoji(LAB, first).unwrap();
    assert_eq!(
        sim.remove_emoji(LAB, first),
        Err(SimError::UnknownEmoji(first))
    );
    // An emoji beside a sound is one of the same guild.
    let sound = include_bytes!("../../../sounds/airhorn.mp3");
    let sound = format!("data:audio/mpeg;base64,{}", BASE64_STANDARD.encode(sound));
    let beside = |id: u64| json!({ "name": "horn", "sound": sound, "emoji_id": id.to_string() });
    let board = format!("/guilds/{LAB}/soundboard-sounds");
    assert_eq!(otto.post(&board, beside(first)).await.1["code"], 10014);
    let other = sim.emojis(LAB)[0].id;
    assert_eq!(
        otto.post(&board, beside(other)).await.1["emoji_id"],
        other.to_string()
    );
}

#[tokio::test]
async fn an_application_has_emojis_of_its_own() {
    let (sim, yuri, otto) = stage().await;
    let (status, emoji) = otto.post(OF_OTTO, new("horn", PNG)).await;
    assert_eq!((status, &emoji["user"]["id"]), (201, &json!("22")));
    let (_, list) = otto.get(OF_OTTO).await;
    assert_eq!(list, json!({ "items": [emoji] }));
    let (_, changed) = otto
        .patch(&at(OF_OTTO, &emoji), json!({ "name": "tuba" }))
        .await;
    assert_eq!(changed["name"], "tuba");
    let foreign = "You are not authorized to perform this action on this application";
    let foreign = error(403, 20012, foreign);
    assert_eq!(yuri.get(OF_OTTO).await, foreign);
    assert_eq!(yuri.delete(&at(OF_OTTO, &emoji)).await, foreign);
    assert_eq!(yuri.post(OF_OTTO, new("mine", PNG)).await, foreign);
    assert_eq!(sim.for_bot(OTTO).application().emojis[0].name, "tuba");
    assert_eq!(otto.delete(&at(OF_OTTO, &emoji)).await, DONE);
    let gone = error(404, 10014, "Unknown Emoji");
    assert_eq!(otto.get(&at(OF_OTTO, &emoji)).await, gone);
}

#[tokio::test]
async fn who_made_an_emoji_may_change_it() {
    let (sim, yuri, otto) = stage().await;
    let (_, of_otto) = otto.post(&of_guild(), new("horn", PNG)).await;
    let granted = permissions::EVERYONE | permissions::CREATE_GUILD_EXPRESSIONS;
    sim.set_role_permissions(LAB, LAB, granted).unwrap();
    let (_, own) = yuri.post(&of_guild(), new("mine", PNG)).await;
    let refused = error(403, 50013, "Missing Permissions");
    let rename = || json!({ "name": "other" });
    assert_eq!(
        yuri.patch(&at(&of_guild(), &of_otto), rename()).await,
        refused
    );
    assert_eq!(yuri.patch(&at(&of_guild(), &own), rename()).await.0, 200);
    assert_eq!(yuri.delete(&at(&of_guild(), &own)).await, DONE);
}

#[tokio::test]
async fn serenity_makes_and_reads_emojis() {
    let (sim, ..) = stage().await;
    let http = bot::http(&sim.for_bot(OTTO));
    http.set_application_id(serenity::ApplicationId::new(OTTO));
    let guild = serenity::GuildId::new(LAB);
    let image = serenity::CreateAttachment::bytes(PNG, "horn.png").to_base64();
    let emoji = guild.create_emoji(&http, "horn", &image).await.unwrap();
    let emoji = guild.edit_emoji(&http, emoji.id, "tuba").await.unwrap();
    assert_eq!(
        (emoji.name.as_str(), emoji.user.unwrap().id.get()),
        ("tuba", OTTO)
    );
    assert_eq!(guild.emojis(&http).await.unwrap().len(), 1);
    assert_eq!(guild.emoji(&http, emoji.id).await.unwrap().name, "tuba");
    guild.delete_emoji(&http, emoji.id).await.unwrap();
    let body = json!({ "name": "own", "image": image });
    let own = http.create_application_emoji(&body).await.unwrap();
    assert_eq!(http.get_application_emojis().await.unwrap().len(), 1);
    assert_eq!(
        http.get_application_emoji(own.id).await.unwrap().name,
        "own"
    );
    let renamed = json!({ "name": "mine" });
    http.edit_application_emoji(own.id, &renamed).await.unwrap();
    http.delete_application_emoji(own.id).await.unwrap();
}

#[tokio::test]
async fn reactions_are_with_emojis_that_one_may_use() {
    let (sim, yuri, otto) = stage().await;
    let message = sim.send_message(12, 32, "horn").unwrap();
    let react =
        |name: &str, id: u64| format!("/channels/32/messages/{message}/reactions/{name}:{id}/@me");
    let horn = sim.add_emoji(LAB, Emoji::new(0, "horn", PNG)).unwrap();
    let mut staff = Emoji::new(0, "staff", PNG);
    staff.roles = vec![42];
    let staff = sim.add_emoji(LAB, staff).unwrap();
    let (_, own) = otto.post(OF_OTTO, new("own", PNG)).await;
    let own = own["id"].as_str().unwrap().parse().unwrap();
    let unknown = error(400, 10014, "Unknown Emoji");
    assert_eq!(yuri.mark(&react("horn", 9)).await, unknown);
    assert_eq!(yuri.mark(&react("staff", staff)).await, unknown);
    assert_eq!(yuri.mark(&react("own", own)).await, unknown);
    // The id counts, not the name.
    assert_eq!(yuri.mark(&react("tuba", horn)).await, DONE);
    assert_eq!(otto.mark(&react("staff", staff)).await, DONE);
    assert_eq!(otto.mark(&react("own", own)).await, DONE);
    // What stands there already can be used by all.
    assert_eq!(yuri.mark(&react("own", own)).await, DONE);
    let (_, shown) = yuri.get(&format!("/channels/32/messages/{message}")).await;
    assert_eq!(shown["reactions"][0]["emoji"]["name"], "horn");
    assert_eq!(shown["reactions"][2]["count"], 2);
    let by_person = sim.react(12, message, &format!("x:{}", horn + 1));
    assert!(matches!(by_person, Err(SimError::Refused(_))));
}
