//! What was heard: per sound, bot and channel, as a call, as JSON and as WAV.

use std::path::PathBuf;
use std::time::Duration;

use discord_sim::{Application, Dave, Guild, Settings, Sim, User, World};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::bot::Bot;
use crate::support::{PATIENCE, tone, trusting};

const GUILD: u64 = 31;
const ONE: u64 = 32;
const TWO: u64 = 33;

async fn start(authority: PathBuf) -> Sim {
    let guild = Guild::new(GUILD, "Studio", 11)
        .text(34, "general")
        .voice(ONE, "One")
        .voice(TWO, "Two")
        .member(11)
        .member(21)
        .member(22);
    let world = World::empty()
        .user(User::new(11, "ada"))
        .application(Application::new(21, "Left"))
        .application(Application::new(22, "Right"))
        .guild(guild);
    let settings = Settings {
        world,
        authority_path: Some(authority),
        dave: Dave::Off,
        ..Settings::default()
    };
    Sim::start(settings).await.unwrap()
}

async fn get(sim: &Sim, path: &str) -> Value {
    let url = format!("{}/sim/guilds/{GUILD}/{path}", sim.api_url());
    let response = reqwest::get(url).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.json().await.unwrap()
}

#[test]
fn a_sound_is_measured_and_timed() {
    trusting("heard::a_sound_is_measured_and_timed", |authority| async {
        let sim = start(authority).await;
        let bot = Bot::start(&sim).await;
        bot.join(GUILD, ONE).await;
        let sine = tone::wav(1_000.0, Duration::from_secs(2));

        bot.play(GUILD, sine.clone()).await;
        let first = sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        assert_eq!(first.channel, ONE);
        assert!(first.cue.is_none() && first.after_cue().is_none());
        let audio = first.audio();
        // A sine of half of full scale, in both channels: -9 dBFS, and LUFS of 3 more.
        let (level, loudness) = (audio.level_dbfs(), audio.loudness_lufs().unwrap());
        assert!((level + 9.0).abs() < 0.5, "{level} dBFS");
        assert!((loudness + 6.0).abs() < 0.5, "{loudness} LUFS");

        // From what a person did, and from what the test says was done.
        let hello = sim
            .slash(11, GUILD, "hello", &[("name", "x")])
            .await
            .unwrap();
        assert_eq!(hello.content, "hello x");
        bot.play(GUILD, sine.clone()).await;
        let second = sim.wait_utterance(GUILD, 1, PATIENCE).await.unwrap();
        assert_eq!(second.cue.as_ref().unwrap().what, "ada used /hello");
        let after = second.after_cue().unwrap();
        assert!(after > Duration::ZERO && after < PATIENCE, "{after:?}");
        sim.mark(GUILD, "asked to play").unwrap();
        bot.play(GUILD, sine).await;
        let third = get(&sim, "heard/2").await;
        assert_eq!(third["cue"]["what"], "asked to play");
        let after = third["after_cue_ms"].as_f64().unwrap();
        assert!(after > 0.0 && after < 5_000.0, "{after} ms");
        let began = third["started_at_ms"].as_f64().unwrap();
        let asked = third["cue"]["at_ms"].as_f64().unwrap();
        assert!(
            (began - asked - after).abs() <= 2.0,
            "{began} {asked} {after}"
        );

        // The same as JSON.
        let heard = get(&sim, "heard").await;
        assert_eq!(heard["bot"], json!({ "id": "21", "name": "Left" }));
        assert_eq!(heard["utterances"].as_array().unwrap().len(), 3);
        let sound = &heard["utterances"][0];
        let number = |name: &str| sound[name].as_f64().unwrap();
        assert_eq!(sound["channel_id"], "32");
        assert_eq!(
            (&sound["index"], &sound["ended"]),
            (&json!(0), &json!(true))
        );
        assert_eq!(
            (&sound["cue"], &sound["after_cue_ms"]),
            (&Value::Null, &Value::Null)
        );
        assert!((number("frequency_hz") - 1_000.0).abs() < 1.0);
        assert!((number("loudness_lufs") - loudness).abs() < 0.01);
        assert!((number("level_dbfs") - level).abs() < 0.01);
        assert!((number("median_gap_ms") - 20.0).abs() < 3.0, "{sound}");
        assert!((number("duration_ms") - 2_000.0).abs() <= 40.0, "{sound}");
        assert_eq!(sound["sequence_breaks"], 0);

        // And as WAV: one sound, and all.
        let url = format!("{}/sim/guilds/{GUILD}/heard.wav", sim.api_url());
        let wav = reqwest::get(format!("{url}?utterance=0")).await.unwrap();
        assert_eq!(wav.headers()["content-type"], "audio/wav");
        assert_eq!(wav.bytes().await.unwrap(), audio.to_wav());
        let all = reqwest::get(&url).await.unwrap().bytes().await.unwrap();
        assert_eq!(all.len(), sim.heard(GUILD).audio().to_wav().len());

        let cleared = reqwest::Client::new()
            .delete(url.replace(".wav", ""))
            .send()
            .await
            .unwrap();
        assert_eq!(cleared.status(), StatusCode::NO_CONTENT);
        let heard = get(&sim, "heard").await;
        assert_eq!(
            (&heard["packets"], &heard["utterances"]),
            (&json!(0), &json!([]))
        );
        bot.stop().await;
    });
}

#[test]
fn bots_and_channels_are_told_apart() {
    trusting(
        "heard::bots_and_channels_are_told_apart",
        |authority| async {
            let left = start(authority).await;
            let right = left.for_bot(22);
            let (one, two) = (Bot::start(&left).await, Bot::start(&right).await);
            one.join(GUILD, ONE).await;
            two.join(GUILD, TWO).await;
            one.play(GUILD, tone::wav(300.0, Duration::from_millis(400)))
                .await;
            two.play(GUILD, tone::wav(700.0, Duration::from_millis(400)))
                .await;
            for sim in [&left, &right] {
                assert!(sim.wait_utterance(GUILD, 0, PATIENCE).await.is_some());
            }
            // The first goes over into the channel of the second.
            one.join(GUILD, TWO).await;
            assert!(left.wait_bot_in_voice(GUILD, Some(TWO), PATIENCE).await);
            one.play(GUILD, tone::wav(500.0, Duration::from_millis(400)))
                .await;
            assert!(left.wait_utterance(GUILD, 1, PATIENCE).await.is_some());

            let first = left.heard_in(ONE);
            assert_eq!(first.keys().copied().collect::<Vec<_>>(), [21]);
            assert_eq!(first[&21].utterances.len(), 1);
            let second = left.heard_in(TWO);
            assert_eq!(second.keys().copied().collect::<Vec<_>>(), [21, 22]);
            assert_eq!(second[&21].utterances[0].index, 1);
            let packets = first[&21].packets + second[&21].packets;
            assert_eq!(packets, left.heard(GUILD).packets);
            assert!(left.heard_in(99).is_empty());

            let frequency = async |query: &str| {
                let heard = get(&left, &format!("heard?{query}")).await;
                let sounds = heard["utterances"].as_array().unwrap().clone();
                let hz = sounds
                    .iter()
                    .map(|sound| sound["frequency_hz"].as_f64().unwrap());
                (
                    heard,
                    hz.map(|hz| format!("{hz:.0}"))
                        .collect::<Vec<_>>()
                        .join(" "),
                )
            };
            assert_eq!(frequency("").await.1, "300 500");
            assert_eq!(frequency("bot=Right").await.1, "700");
            assert_eq!(frequency("channel=One").await.1, "300");
            assert_eq!(frequency("channel=Two&bot=22").await.1, "700");
            let (heard, hz) = frequency("channel=33").await;
            assert_eq!((&*hz, &heard["channel_id"]), ("500", &json!("33")));
            let bots = heard["bots"].as_array().unwrap().iter();
            let bots = bots.map(|bot| (&bot["name"], &bot["channel_id"]));
            let (left_name, right_name, two) = (json!("Left"), json!("Right"), json!("33"));
            assert_eq!(
                bots.collect::<Vec<_>>(),
                [(&left_name, &two), (&right_name, &two)]
            );
        },
    );
}
