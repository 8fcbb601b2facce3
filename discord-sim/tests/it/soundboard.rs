//! Soundboards: sounds that bots make, change, remove and play, and what others are told.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use discord_sim::{OverwriteTarget, Sim, SimError, Sound, User, permissions};
use poise::serenity_prelude as serenity;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::bot;
use crate::support::rest::{DONE, Rest, error, fault};
use crate::support::shard::{INTENTS, LAB, fields, log_in, sim_of, two_bots};
use crate::support::socket::Socket;

const ADA: u64 = 11;
const BEN: u64 = 12;
const YURI: u64 = 21;
const OTTO: u64 = 22;
const GENERAL: u64 = 32;
const LOUNGE: u64 = 33;
const SEND: &str = "/channels/33/send-soundboard-sound";
const MP3: &[u8] = include_bytes!("../../../sounds/airhorn.mp3");
const VORBIS: &[u8] = include_bytes!("../../../sounds/crickets.ogg");
const OPUS: &[u8] = include_bytes!("../../../sounds/boing.opus");

struct Stage {
    sim: Sim,
    /// Of Yuri, who may do little.
    yuri: Rest,
    /// Of Otto, who may do everything.
    otto: Rest,
    /// Yuri's gateway.
    socket: Socket,
}

async fn stage() -> Stage {
    let sim = sim_of(two_bots(), [User::new(13, "cleo")]).await;
    let (socket, _) = log_in(&sim, INTENTS).await;
    Stage {
        yuri: Rest::new(&sim),
        otto: Rest::new(&sim.for_bot(OTTO)),
        sim,
        socket,
    }
}

fn board() -> String {
    format!("/guilds/{LAB}/soundboard-sounds")
}

fn at(sound: &Value) -> String {
    format!("{}/{}", board(), sound["sound_id"].as_str().unwrap())
}

fn uri(bytes: &[u8]) -> String {
    format!("data:audio/mpeg;base64,{}", BASE64_STANDARD.encode(bytes))
}

impl Stage {
    /// Yuri joins the Lounge.
    async fn join(&mut self, self_deaf: bool) {
        let seat = json!({
            "guild_id": LAB.to_string(), "channel_id": LOUNGE.to_string(),
            "self_mute": false, "self_deaf": self_deaf,
        });
        self.socket.send(4, seat).await;
        self.socket.receive_event("VOICE_STATE_UPDATE").await;
    }

    async fn make(&self, name: &str) -> Value {
        let body = json!({ "name": name, "sound": uri(MP3), "emoji_name": "📯" });
        let (status, sound) = self.otto.post(&board(), body).await;
        assert_eq!(status, 201, "{sound}");
        sound
    }
}

#[tokio::test]
async fn a_sound_is_made_changed_and_removed() {
    let mut stage = stage().await;
    let sound = stage.make("horn").await;
    assert_eq!(
        fields(&sound),
        [
            "available",
            "emoji_id",
            "emoji_name",
            "guild_id",
            "name",
            "sound_id",
            "user",
            "volume"
        ]
    );
    assert_eq!(
        (&sound["volume"], &sound["emoji_name"], &sound["available"]),
        (&json!(1.0), &json!("📯"), &json!(true))
    );
    let told = stage
        .socket
        .receive_event("GUILD_SOUNDBOARD_SOUND_CREATE")
        .await;
    assert_eq!(told, sound);
    // Who may not make sounds is not told who did.
    let (_, list) = stage.yuri.get(&board()).await;
    assert_eq!(list["items"][0]["sound_id"], sound["sound_id"]);
    assert_eq!(list["items"][0].get("user"), None);
    assert_eq!(stage.otto.get(&at(&sound)).await, (200, sound.clone()));

    let change = json!({ "volume": 0.25, "emoji_name": null });
    let (status, changed) = stage.otto.patch(&at(&sound), change).await;
    assert_eq!((status, &changed["name"]), (200, &json!("horn")));
    assert_eq!(
        (&changed["volume"], &changed["emoji_name"]),
        (&json!(0.25), &Value::Null)
    );
    let told = stage
        .socket
        .receive_event("GUILD_SOUNDBOARD_SOUND_UPDATE")
        .await;
    assert_eq!(told["volume"], 0.25);
    let (_, reset) = stage
        .otto
        .patch(&at(&sound), json!({ "volume": null }))
        .await;
    assert_eq!(reset["volume"], 1.0);

    assert_eq!(stage.otto.delete(&at(&sound)).await, DONE);
    let told = stage
        .socket
        .receive_event("GUILD_SOUNDBOARD_SOUND_DELETE")
        .await;
    let expected = json!({ "sound_id": sound["sound_id"], "guild_id": LAB.to_string() });
    assert_eq!(told, expected);
    let gone = error(404, 10097, "Unknown sound");
    assert_eq!(stage.otto.get(&at(&sound)).await, gone);
    assert_eq!(stage.otto.delete(&at(&sound)).await, gone);
    assert_eq!(stage.otto.patch(&at(&sound), json!({})).await, gone);
}

#[tokio::test]
async fn a_sound_is_a_short_mp3_or_ogg_file() {
    let stage = stage().await;
    let post = async |body: Value| stage.otto.post(&board(), body).await;
    let of = |bytes: &[u8]| json!({ "name": "ab", "sound": uri(bytes) });
    for bytes in [VORBIS, OPUS] {
        assert_eq!(post(of(bytes)).await.0, 201);
    }
    let long = MP3.repeat(1 + 6_000 / 1_000);
    let large = vec![0; 512 * 1_024 + 1];
    for (bytes, code) in [
        (&b"RIFF"[..], "BINARY_TYPE_INVALID"),
        (b"", "BINARY_TYPE_INVALID"),
        (&OPUS[..60], "BINARY_TYPE_INVALID"),
        (&long, "SOUND_TOO_LONG"),
        (&large, "BINARY_TYPE_MAX_SIZE"),
    ] {
        let answer = post(of(bytes)).await;
        assert_eq!(fault(&answer, "sound"), code, "{}", answer.1);
    }
    let bad = post(json!({
        "name": "x", "sound": "horn.mp3", "volume": 1.5, "emoji_name": "horn",
    }))
    .await;
    assert_eq!(bad.0, 400);
    assert_eq!(fault(&bad, "sound"), "BINARY_TYPE_CONVERT");
    assert_eq!(fault(&bad, "volume"), "NUMBER_TYPE_MAX");
    assert_eq!(fault(&bad, "name"), "BASE_TYPE_BAD_LENGTH");
    let none = post(json!({})).await;
    assert_eq!(fault(&none, "name"), "BASE_TYPE_REQUIRED");
    assert_eq!(fault(&none, "sound"), "BASE_TYPE_REQUIRED");
    let letter = post(json!({ "name": "ab", "sound": uri(MP3), "emoji_name": "horn" })).await;
    assert_eq!(fault(&letter, "emoji_name"), "BASE_TYPE_CHOICES");
    assert_eq!(fault(&post(json!([])).await, ""), "MODEL_TYPE_CONVERT");
}

#[tokio::test]
async fn slots_come_with_boosts() {
    let stage = stage().await;
    for n in 0..8 {
        stage.make(&format!("sound {n}")).await;
    }
    let body = json!({ "name": "more", "sound": uri(MP3) });
    let full = error(400, 30045, "Maximum number of soundboard sounds reached");
    assert_eq!(stage.otto.post(&board(), body).await, full);
    stage.sim.set_premium_tier(LAB, 1).unwrap();
    let last = stage.make("more").await;
    // What was made with boosts stays without them, but cannot be played.
    stage.sim.set_premium_tier(LAB, 0).unwrap();
    let (_, last) = stage.otto.get(&at(&last)).await;
    assert_eq!(last["available"], false);
}

#[tokio::test]
async fn permissions_say_who_may_change_which() {
    let stage = stage().await;
    let sound = stage.make("horn").await;
    let body = || json!({ "name": "mine", "sound": uri(MP3) });
    let refused = error(403, 50013, "Missing Permissions");
    assert_eq!(stage.yuri.post(&board(), body()).await, refused);
    let granted = permissions::EVERYONE | permissions::CREATE_GUILD_EXPRESSIONS;
    stage.sim.set_role_permissions(LAB, LAB, granted).unwrap();
    let (_, own) = stage.yuri.post(&board(), body()).await;
    assert_eq!(own["user"]["id"], YURI.to_string());
    assert_eq!(stage.yuri.delete(&at(&own)).await, DONE);
    assert_eq!(stage.yuri.delete(&at(&sound)).await, refused);
    assert_eq!(stage.yuri.patch(&at(&sound), json!({})).await, refused);
    let granted = permissions::EVERYONE | permissions::MANAGE_GUILD_EXPRESSIONS;
    stage.sim.set_role_permissions(LAB, LAB, granted).unwrap();
    assert_eq!(stage.yuri.patch(&at(&sound), json!({})).await.0, 200);

    let unknown = error(404, 10004, "Unknown Guild");
    assert_eq!(stage.yuri.get("/guilds/1/soundboard-sounds").await, unknown);
    stage.sim.remove_member(YURI, LAB).unwrap();
    let outside = error(403, 50001, "Missing Access");
    assert_eq!(stage.yuri.get(&board()).await, outside);
    assert_eq!(stage.yuri.post(&board(), body()).await, outside);
    let id = stage.otto.get(&format!("{}/x", board())).await;
    assert_eq!(fault(&id, "sound_id"), "NUMBER_TYPE_COERCE");
}

#[tokio::test]
async fn sounds_are_played_to_the_channel_one_is_in() {
    let mut stage = stage().await;
    let sound = stage.make("horn").await;
    let horn = json!({ "sound_id": sound["sound_id"] });
    let post = async |yuri: &Rest, body: &Value| yuri.post(SEND, body.clone()).await;
    let absent = error(400, 40032, "Target user is not connected to voice.");
    assert_eq!(post(&stage.yuri, &horn).await, absent);
    stage.join(false).await;
    assert_eq!(post(&stage.yuri, &horn).await, DONE);
    let told = stage
        .socket
        .receive_event("VOICE_CHANNEL_EFFECT_SEND")
        .await;
    let expected = json!({
        "channel_id": "33", "guild_id": LAB.to_string(), "user_id": "21",
        "emoji": { "id": null, "name": "📯" }, "animation_type": null, "animation_id": null,
        "sound_id": sound["sound_id"], "sound_volume": 1.0,
    });
    assert_eq!(told, expected);
    // What Discord offers everywhere has a number for an id.
    let (_, built_in) = stage.yuri.get("/soundboard-default-sounds").await;
    assert_eq!(built_in[0]["name"], "quack");
    let quack = json!({ "sound_id": built_in[0]["sound_id"] });
    assert_eq!(post(&stage.yuri, &quack).await, DONE);
    let told = stage
        .socket
        .receive_event("VOICE_CHANNEL_EFFECT_SEND")
        .await;
    assert_eq!(told["sound_id"], 1);

    let unknown = error(404, 10097, "Unknown sound");
    assert_eq!(
        post(&stage.yuri, &json!({ "sound_id": "99" })).await,
        unknown
    );
    let elsewhere = json!({ "sound_id": sound["sound_id"], "source_guild_id": "7" });
    assert_eq!(post(&stage.yuri, &elsewhere).await, unknown);
    let none = post(&stage.yuri, &json!({})).await;
    assert_eq!(fault(&none, "sound_id"), "BASE_TYPE_REQUIRED");
    let text = stage
        .yuri
        .post("/channels/32/send-soundboard-sound", horn.clone());
    let wrong = error(400, 50024, "Cannot execute action on this channel type");
    assert_eq!(text.await, wrong);
    let nowhere = stage
        .yuri
        .post("/channels/1/send-soundboard-sound", horn.clone());
    assert_eq!(nowhere.await, error(404, 10003, "Unknown Channel"));

    stage.join(true).await;
    let deaf = "Cannot send voice effect when user is server muted, deafened, or suppressed";
    assert_eq!(post(&stage.yuri, &horn).await, error(403, 50167, deaf));
    stage.join(false).await;
    for bit in [permissions::SPEAK, permissions::USE_SOUNDBOARD] {
        let target = OverwriteTarget::Member(YURI);
        stage.sim.set_overwrite(LOUNGE, target, 0, bit).unwrap();
        let refused = error(403, 50013, "Missing Permissions");
        assert_eq!(post(&stage.yuri, &horn).await, refused);
    }
}

#[tokio::test]
async fn people_play_sounds_and_tests_seed_them() {
    let mut stage = stage().await;
    // Only who sits there is told what is played in a channel.
    stage.join(false).await;
    let Stage {
        sim,
        mut socket,
        yuri,
        ..
    } = stage;
    let id = sim.add_sound(LAB, Sound::new(0, "boing", OPUS)).unwrap();
    assert_eq!(
        sim.add_sound(LAB, Sound::new(id, "x", OPUS)),
        Err(SimError::Taken(id))
    );
    let told = socket.receive_event("GUILD_SOUNDBOARD_SOUND_CREATE").await;
    assert_eq!((&told["name"], told.get("user")), (&json!("boing"), None));
    assert!(matches!(
        sim.play_sound(BEN, LOUNGE, id),
        Err(SimError::Refused(_))
    ));
    sim.join_voice(BEN, LAB, LOUNGE).unwrap();
    sim.play_sound(BEN, LOUNGE, id).unwrap();
    let told = socket.receive_event("VOICE_CHANNEL_EFFECT_SEND").await;
    assert_eq!(
        (&told["user_id"], &told["sound_id"]),
        (&json!("12"), &json!(id.to_string()))
    );
    assert!(matches!(
        sim.play_sound(ADA, GENERAL, id),
        Err(SimError::Refused(_))
    ));

    sim.change_sound(LAB, id, |sound| sound.volume = 0.5)
        .unwrap();
    assert_eq!(sim.sounds(LAB)[0].name, "boing");
    socket
        .send(31, json!({ "guild_ids": [LAB.to_string(), "1"] }))
        .await;
    let sounds = socket.receive_event("SOUNDBOARD_SOUNDS").await;
    assert_eq!(sounds["guild_id"], LAB.to_string());
    assert_eq!(sounds["soundboard_sounds"][0]["volume"], 0.5);
    let (mut later, _) = log_in(&sim, INTENTS).await;
    let guild = later.receive_event("GUILD_CREATE").await;
    assert_eq!(guild["soundboard_sounds"][0]["volume"], 0.5);

    let url = format!("{}/soundboard-sounds/{id}", sim.api_url());
    let file = reqwest::get(url).await.unwrap();
    assert_eq!(file.headers()["content-type"], "audio/ogg");
    assert_eq!(file.bytes().await.unwrap(), OPUS);
    let none = reqwest::get(format!("{}/soundboard-sounds/1", sim.api_url()));
    assert_eq!(none.await.unwrap().status(), 404);
    sim.remove_sound(LAB, id).unwrap();
    assert_eq!(sim.remove_sound(LAB, id), Err(SimError::UnknownSound(id)));
    assert_eq!(yuri.get(&board()).await.1, json!({ "items": [] }));
}

#[tokio::test]
async fn the_audit_log_tells_who_did_it_and_why() {
    let stage = stage().await;
    let body = json!({ "name": "horn", "sound": uri(MP3) });
    let reason = "caf%C3%A9%20noise";
    let (_, sound) = stage
        .otto
        .because(reason, Method::POST, &board(), &body)
        .await;
    stage
        .sim
        .remove_sound(LAB, sound["sound_id"].as_str().unwrap().parse().unwrap())
        .unwrap();
    let path = format!("/guilds/{LAB}/audit-logs");
    let (_, log) = stage.otto.get(&path).await;
    let entries = log["audit_log_entries"].as_array().unwrap();
    let told = entries
        .iter()
        .map(|entry| (&entry["action_type"], &entry["user_id"]));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [(&json!(132), &json!("11")), (&json!(130), &json!("22"))]
    );
    assert_eq!(entries[1]["reason"], "café noise");
    assert_eq!(entries[1]["target_id"], sound["sound_id"]);
    assert_eq!(
        entries[1]["changes"][0],
        json!({ "key": "name", "new_value": "horn" })
    );
    let count = async |query: &str| {
        let (_, log) = stage.otto.get(&format!("{path}?{query}")).await;
        log["audit_log_entries"].as_array().unwrap().len()
    };
    assert_eq!(count("user_id=22").await, 1);
    assert_eq!(count("action_type=132").await, 1);
    assert_eq!(count("limit=1").await, 1);
    let first = entries[1]["id"].as_str().unwrap();
    assert_eq!(count(&format!("before={first}")).await, 0);
    assert_eq!(count(&format!("after={first}")).await, 1);
    assert_eq!(
        stage.yuri.get(&path).await,
        error(403, 50013, "Missing Permissions")
    );
    let limit = stage.otto.get(&format!("{path}?limit=101")).await;
    assert_eq!(fault(&limit, "limit"), "NUMBER_TYPE_MAX");
    let endless = "x".repeat(513);
    let refused = stage
        .otto
        .because(&endless, Method::POST, &board(), &body)
        .await;
    assert_eq!(
        fault(&refused, "X-Audit-Log-Reason"),
        "BASE_TYPE_MAX_LENGTH"
    );
}

#[tokio::test]
async fn serenity_makes_changes_and_plays_sounds() {
    let mut stage = stage().await;
    let http = bot::http(&stage.sim.for_bot(OTTO));
    let guild = serenity::GuildId::new(LAB);
    let file = serenity::CreateAttachment::bytes(MP3, "airhorn.mp3");
    let new = serenity::CreateSoundboard::new("horn", &file).volume(0.5);
    let sound = guild.create_soundboard(&http, new).await.unwrap();
    assert_eq!((sound.name.as_str(), sound.guild_id), ("horn", Some(guild)));
    let change = serenity::EditSoundboard::new().name("tuba");
    let changed = guild
        .edit_soundboard(&http, sound.id, change)
        .await
        .unwrap();
    assert_eq!(changed.name, "tuba");
    assert_eq!(guild.get_soundboards(&http).await.unwrap().len(), 1);
    assert_eq!(
        guild.get_soundboard(&http, sound.id).await.unwrap().name,
        "tuba"
    );
    assert_eq!(
        http.list_default_soundboard_sounds().await.unwrap().len(),
        6
    );

    stage.join(false).await;
    let yuri = bot::http(&stage.sim);
    let channel = serenity::ChannelId::new(LOUNGE);
    let play = channel.send_soundboard(&yuri, sound.id, Some(guild));
    play.await.unwrap();
    let log = guild
        .audit_logs(&http, None, None, None, None)
        .await
        .unwrap();
    assert_eq!(log.entries.len(), 2);
    guild
        .delete_soundboard(&http, sound.id, None)
        .await
        .unwrap();
    assert!(guild.get_soundboard(&http, sound.id).await.is_err());
}
