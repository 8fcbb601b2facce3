//! Sounds and emojis: of other guilds, out of garbage, and seeded as JSON.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use discord_sim::{Application, Guild, Settings, Sim, Sound, User, World, permissions};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::rest::{DONE, Rest, error, fault};
use crate::support::shard::{INTENTS, LAB, log_in, sim_of, two_bots};
use crate::support::{by_json, unlimited};

const ADA: u64 = 11;
const BEN: u64 = 12;
const YURI: u64 = 21;
const OTTO: u64 = 22;
const LOUNGE: u64 = 33;
const SEND: &str = "/channels/33/send-soundboard-sound";
const MP3: &[u8] = include_bytes!("../../../sounds/airhorn.mp3");
const OPUS: &[u8] = include_bytes!("../../../sounds/boing.opus");

fn board() -> String {
    format!("/guilds/{LAB}/soundboard-sounds")
}

#[tokio::test]
async fn sounds_of_other_guilds_are_a_right_of_their_own() {
    let club = Guild::new(2 << 22, "Club", ADA)
        .voice(35, "Bar")
        .member(ADA);
    let elsewhere = 35 << 22;
    let world = World::empty()
        .user(User::new(ADA, "ada"))
        .application(Application::new(YURI, "Yuri"))
        .guild(
            Guild::new(LAB, "Lab", ADA)
                .voice(LOUNGE, "Lounge")
                .member(ADA)
                .member(YURI),
        )
        .guild(
            club.member(YURI)
                .sound(Sound::new(elsewhere, "boing", OPUS)),
        );
    let settings = Settings {
        world,
        rate_limits: unlimited(),
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    let (mut socket, _) = log_in(&sim, INTENTS).await;
    let seat = json!({ "guild_id": LAB.to_string(), "channel_id": LOUNGE.to_string() });
    socket.send(4, seat).await;
    socket.receive_event("VOICE_STATE_UPDATE").await;
    let yuri = Rest::new(&sim);
    let boing = |source: Option<u64>| {
        let source = source.map(|id| id.to_string());
        json!({ "sound_id": elsewhere.to_string(), "source_guild_id": source })
    };
    let unknown = error(404, 10097, "Unknown sound");
    assert_eq!(yuri.post(SEND, boing(None)).await, unknown);
    assert_eq!(yuri.post(SEND, boing(Some(2 << 22))).await, DONE);
    let told = socket.receive_event("VOICE_CHANNEL_EFFECT_SEND").await;
    assert_eq!(
        (&told["guild_id"], &told["sound_id"]),
        (&json!(LAB.to_string()), &json!(elsewhere.to_string()))
    );
    sim.deny_permissions(LOUNGE, permissions::USE_EXTERNAL_SOUNDS)
        .unwrap();
    let refused = error(403, 50013, "Missing Permissions");
    assert_eq!(yuri.post(SEND, boing(Some(2 << 22))).await, refused);
    let quack = json!({ "sound_id": "1" });
    assert_eq!(yuri.post(SEND, quack).await, DONE);
}

#[tokio::test]
async fn bodies_of_garbage_are_refused() {
    let sim = sim_of(two_bots(), []).await;
    let otto = Rest::new(&sim.for_bot(OTTO));
    let invalid = error(400, 50109, "The request body contains invalid JSON.");
    for path in [
        &*board(),
        SEND,
        &format!("/guilds/{LAB}/emojis"),
        &format!("/guilds/{LAB}/roles"),
    ] {
        let garbage = otto.raw(Method::POST, path, "application/json", "{\"name\": \"x");
        assert_eq!(garbage.await, invalid, "{path}");
        let form = otto.raw(Method::POST, path, "text/plain", "{}").await;
        assert_eq!(fault(&form, ""), "CONTENT_TYPE_INVALID", "{path}");
        assert_eq!(
            fault(&otto.post(path, json!([1])).await, ""),
            "MODEL_TYPE_CONVERT"
        );
    }
    let ban = format!("/guilds/{LAB}/bans/{BEN}");
    let garbage = otto.raw(Method::PUT, &ban, "application/json", "[");
    assert_eq!(garbage.await, invalid);
}

#[tokio::test]
async fn sounds_and_emojis_are_seeded_over_json() {
    let sim = sim_of(two_bots(), []).await;
    let otto = Rest::new(&sim.for_bot(OTTO));
    let base = format!("/sim/guilds/{LAB}");
    let file =
        |name: &str, bytes: &[u8]| json!({ "name": name, "base64": BASE64_STANDARD.encode(bytes) });
    let add = json!({ "file": file("boing.opus", OPUS), "volume": 0.5, "emoji": "📯" });
    let (status, sound) = by_json::post(&sim, &format!("{base}/sounds"), add).await;
    assert_eq!(status, 201);
    let (_, list) = otto.get(&board()).await;
    assert_eq!(list["items"][0]["sound_id"], sound["id"]);
    assert_eq!(
        (&list["items"][0]["name"], &list["items"][0]["volume"]),
        (&json!("boing"), &json!(0.5))
    );
    let loud = json!({ "file": file("x.mp3", MP3), "volume": 2 });
    let (status, _) = by_json::post(&sim, &format!("{base}/sounds"), loud).await;
    assert_eq!(status, 422);
    let add = json!({ "file": file("horn.png", b"\x89PNG") });
    let (status, emoji) = by_json::post(&sim, &format!("{base}/emojis"), add).await;
    assert_eq!(
        (status.as_u16(), &sim.emojis(LAB)[0].name),
        (201, &"horn".to_owned())
    );
    for gone in [
        format!("{base}/sounds/boing"),
        format!("{base}/emojis/{}", emoji["id"].as_str().unwrap()),
    ] {
        by_json::act(&sim, Method::DELETE, &gone, Value::Null).await;
        let (status, _) = by_json::send(&sim, Method::DELETE, &gone, None).await;
        assert_eq!(status, 404, "{gone}");
    }
}
