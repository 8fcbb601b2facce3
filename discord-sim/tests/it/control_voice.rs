//! Who is muted and deafened, voice servers, groups and the event log, over JSON.

use std::time::Duration;

use discord_sim::{EventKind, Settings, Sim, SimError};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::bot::Bot;
use crate::support::by_json::{act, get, get_status, post};
use crate::support::guest::Guest;
use crate::support::{PATIENCE, sim, tone, trusting};

/// An Opus frame of a fiftieth of a second.
const FRAME: [u8; 4] = [0xfc, 1, 2, 3];

async fn seat_of(sim: &Sim, name: &str) -> Value {
    let state = get(sim, "/sim/state").await;
    let seats = state["guilds"][0]["voice_states"]
        .as_array()
        .unwrap()
        .clone();
    seats.into_iter().find(|seat| seat["name"] == name).unwrap()
}

#[tokio::test]
async fn a_muted_bot_is_not_heard() {
    let mut guest = Guest::new().await;
    let (_socket, mut speaker) = guest.speak().await;
    let (sim, guild) = (guest.sim.clone(), guest.guild);
    let (ada, bot) = (sim.user_id("ada").unwrap(), sim.application().id);
    let states = |user: &str| format!("/sim/guilds/{guild}/voice/states/{user}");
    let muted = json!({ "mute": true, "deaf": true });
    act(&sim, Method::PATCH, &states("Yuri"), muted).await;
    let told = guest.gateway.receive_event("VOICE_STATE_UPDATE").await;
    assert_eq!(
        (&told["user_id"], &told["mute"]),
        (&json!(bot.to_string()), &json!(true))
    );
    assert_eq!(
        (&told["deaf"], &told["self_mute"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(told["member"]["mute"], true);
    speaker.send(&FRAME).await;
    // Its answer comes after that packet has.
    speaker.discover().await;
    sim.set_mute(bot, guild, false).unwrap();
    speaker.send(&FRAME).await;
    assert_eq!(
        get_status(
            &sim,
            &format!("/sim/guilds/{guild}/wait/packets?at_least=1")
        )
        .await,
        StatusCode::NO_CONTENT
    );
    let heard = get(&sim, &format!("/sim/guilds/{guild}/heard")).await;
    assert_eq!(
        (&heard["packets"], &heard["muted_packets"]),
        (&json!(1), &json!(1))
    );
    let never = format!("/sim/guilds/{guild}/wait/packets?at_least=9&timeout_ms=1");
    assert_eq!(get_status(&sim, &never).await, StatusCode::GATEWAY_TIMEOUT);

    // The sounds that are everywhere are played by name or id.
    let sounds = format!("/sim/guilds/{guild}/voice/sounds");
    for sound in ["quack", "1"] {
        let play = json!({ "user": "ada", "sound": sound });
        act(&sim, Method::POST, &sounds, play).await;
        let told = guest
            .gateway
            .receive_event("VOICE_CHANNEL_EFFECT_SEND")
            .await;
        assert_eq!(
            (&told["user_id"], &told["sound_id"]),
            (&json!(ada.to_string()), &json!(1))
        );
    }

    // People mute themselves, bots by their own requests only.
    act(
        &sim,
        Method::PATCH,
        &states("ada"),
        json!({ "self_mute": true }),
    )
    .await;
    sim.set_self_deaf(ada, guild, true).unwrap();
    let seat = seat_of(&sim, "ada").await;
    assert_eq!(
        (&seat["self_mute"], &seat["self_deaf"]),
        (&json!(true), &json!(true))
    );
    let refused = sim.set_self_mute(bot, guild, true);
    assert!(matches!(refused, Err(SimError::Refused(_))), "{refused:?}");
    let ben = sim.user_id("ben").unwrap();
    let outside = SimError::NotInVoice { user: ben, guild };
    assert_eq!(sim.set_deaf(ben, guild, true), Err(outside));
}

#[tokio::test]
async fn voice_servers_change_over_json() {
    let mut guest = Guest::of(Settings::default(), 8).await;
    let (socket, _speaker) = guest.speak().await;
    let path = |what: &str| format!("/sim/guilds/{}/voice/{what}", guest.guild);
    let (gone, moved) = (path("server/withdraw"), path("server/move"));
    let restarted = path("dave/restart");
    act(&guest.sim, Method::POST, &gone, json!({})).await;
    assert!(!guest.follow().await);
    assert_eq!(socket.closed().await, 4_022);
    act(&guest.sim, Method::POST, &moved, json!({ "bot": "Yuri" })).await;
    assert!(guest.follow().await);
    // Its client does not speak DAVE: there is no group.
    let (status, refused) = post(&guest.sim, &restarted, json!({})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused["error"]
            .as_str()
            .unwrap()
            .contains("is not in voice")
    );
}

#[test]
fn a_playing_bot_is_shown_and_its_group_begins_anew() {
    trusting(
        "control_voice::a_playing_bot_is_shown_and_its_group_begins_anew",
        async |authority| {
            let settings = Settings {
                authority_path: Some(authority),
                ..Settings::default()
            };
            let sim = Sim::start(settings).await.unwrap();
            let bot = Bot::start(&sim).await;
            let lab = sim.guilds()[0].clone();
            bot.join(lab.id, lab.voice_channel.unwrap()).await;
            assert!(sim.wait_bot_encrypted(lab.id, PATIENCE).await);
            let mut stream = Stream::open(&sim, "?kind=voice").await;
            bot.play(lab.id, tone::wav(440.0, Duration::from_secs(2)))
                .await;
            let speaking = stream.until("speaking").await;
            assert_eq!(speaking[0]["user_id"], sim.application().id.to_string());
            assert_eq!(seat_of(&sim, "Yuri").await["speaking"], true);
            let shown = get(&sim, "/sim/state").await["bots"][0].clone();
            assert_eq!(shown["sessions"][0]["connected"], true);
            let voice = &shown["voice"][0];
            assert_eq!(
                (&voice["connected"], &voice["encrypted"]),
                (&json!(true), &json!(true))
            );
            let before = voice["dave_group"]["transitions"].as_u64().unwrap();

            let restart = format!("/sim/guilds/{}/voice/dave/restart", lab.id);
            act(&sim, Method::POST, &restart, json!({})).await;
            let again =
                |group: &discord_sim::DaveGroup| group.transitions > before && group.is_settled;
            assert!(sim.wait_dave_group(lab.id, PATIENCE, again).await);
            let told = stream.until("message").await;
            assert!(
                told["event"]
                    .as_str()
                    .unwrap()
                    .contains("the group of Lounge"),
                "{told}"
            );
            bot.stop().await;
        },
    );
}

/// A stream of server-sent events, as a browser reads it.
struct Stream {
    response: reqwest::Response,
    unread: String,
}

impl Stream {
    async fn open(sim: &Sim, query: &str) -> Stream {
        let url = format!("{}/sim/events{query}", sim.api_url());
        let request = reqwest::Client::new().get(url);
        let response = request.header("accept", "text/event-stream").send().await;
        let response = response.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Stream {
            response,
            unread: String::new(),
        }
    }

    /// The next event: its name, its id and its data. `None` at the end.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            if let Some(end) = self.unread.find("\n\n") {
                let event = self.unread.drain(..end + 2).collect::<String>();
                let field = |name: &str| {
                    let mut lines = event.lines().filter_map(|line| line.split_once(": "));
                    lines
                        .find(|(key, _)| *key == name)
                        .map(|(_, value)| value.to_owned())
                };
                let name = field("event").unwrap_or_else(|| "message".to_owned());
                let data = field("data").map(|data| serde_json::from_str(&data).unwrap());
                let event = (
                    name,
                    field("id").unwrap_or_default(),
                    data.unwrap_or(Value::Null),
                );
                return Some(event);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("an event in time").unwrap()?;
            self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The data of the next event of this name.
    async fn until(&mut self, wanted: &str) -> Value {
        loop {
            let (name, _, data) = self.next().await.unwrap();
            if name == wanted {
                return data;
            }
        }
    }
}

#[tokio::test]
async fn events_are_listed_and_followed() {
    let sim = sim().await;
    let mut stream = Stream::open(&sim, "").await;
    let mut voices = Stream::open(&sim, "?kind=voice").await;
    let bot = Bot::start(&sim).await;
    let guild = sim.guilds()[0].id;
    let join = json!({ "user": "ben" });
    act(
        &sim,
        Method::POST,
        &format!("/sim/guilds/{guild}/voice/join"),
        join,
    )
    .await;
    let joined = "ben joined Lounge in Sound Lab";
    assert_eq!(voices.until("message").await["event"], joined);
    let mut seen = Vec::new();
    let mut changed = false;
    let mut last = String::new();
    while !seen.iter().any(|event: &Value| event["event"] == joined) || !changed {
        let (name, id, data) = stream.next().await.unwrap();
        match name.as_str() {
            "message" => {
                seen.push(data);
                last = id;
            }
            "changed" => changed = true,
            other => panic!("{other}"),
        }
    }
    for (kind, part) in [
        ("request", "GET /api/v10/gateway: 200"),
        ("gateway", "Yuri logged in"),
        ("dispatch", "GUILD_CREATE to Yuri, shard 0"),
        ("dispatch", "VOICE_STATE_UPDATE to Yuri"),
    ] {
        let is_it = |event: &&Value| {
            event["kind"] == kind && event["event"].as_str().unwrap().starts_with(part)
        };
        // The library, the list and the stream tell the same.
        let found = seen.iter().find(is_it);
        let found = found.unwrap_or_else(|| panic!("{part}: {seen:#?}"));
        let listed = get(&sim, &format!("/sim/events?kind={kind}")).await;
        assert!(listed.as_array().unwrap().contains(found));
        let number = found["number"].as_u64().unwrap();
        let events = sim.events();
        assert!(events.iter().any(|event| event.number == number));
    }
    assert!(
        sim.events()
            .iter()
            .any(|event| event.kind == EventKind::Voice)
    );
    let after = get(&sim, &format!("/sim/events?after={last}")).await;
    assert!(
        after
            .as_array()
            .unwrap()
            .iter()
            .all(|event| event["number"] != last)
    );
    assert_eq!(
        get_status(&sim, "/sim/events?kind=x").await,
        StatusCode::BAD_REQUEST
    );
    // Who comes back is told what it has missed.
    let mut again = Stream::open(&sim, "?after=0").await;
    assert_eq!(again.next().await.unwrap().1, "1");
    bot.stop().await;
    sim.shutdown().await;
    while stream.next().await.is_some() {}
}
