//! The player over REST. What is heard is asserted in `bot`; here, what callers are answered.

use std::fs;
use std::path::PathBuf;

use crate::support::child::voice_test;
use crate::support::{Setup, Token};

/// A copy of a sound that the repository brings.
fn add_sound(setup: &Setup, name: &str) {
    let sounds = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("sounds");
    fs::copy(sounds.join(name), setup.sounds().join(name)).unwrap();
}

fn some_sound() -> String {
    let sounds = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("sounds");
    let mut names: Vec<String> = fs::read_dir(sounds)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.is_ascii())
        .collect();
    names.sort();
    names.remove(0)
}

voice_test! {
    async fn a_play_answers_once_audio_has_started_and_stands_in_the_log() {
        let name = some_sound();
        let stem = name.rsplit_once('.').unwrap().0.to_owned();
        let setup = Setup::with_discord().set("YURI_LIMITS__BURST", "100");
        add_sound(&setup, &name);
        let server = setup.start().await;
        let guild = server.sim().guilds().remove(0);
        let ada = server.token(server.user("ada")).await;
        let base = format!("/api/guilds/{}", guild.id);

        let idle = ada.get(&server, &format!("{base}/player")).await;
        assert_eq!(idle.json()["state"], "idle");

        let body = format!(r#"{{"sound":"{stem}","source":"local"}}"#);
        let played = ada.post(&server, &format!("{base}/play"), &body).await;
        assert_eq!(played.status, 200, "{}", played.body);
        let expected = format!(
            "{{\n  \"guild_id\": \"{}\",\n  \"channel_id\": \"{}\",\n  \"sound\": \"{stem}\",\n  \
             \"source\": \"local\",\n  \"state\": \"playing\",\n  \"position\": 0,\n  \
             \"logged\": true\n}}",
            guild.id, guild.voice_channel.unwrap()
        );
        assert_eq!(played.body, expected);

        let logged = ada.get(&server, &format!("/api/logs/{}", guild.id)).await.json();
        assert_eq!(logged["results"][0]["sound"], stem);
        assert_eq!(logged["results"][0]["user_tag"], "zekro#9131");
        assert_eq!(logged["results"][0]["source"], "local");
        let stats = ada.get(&server, &format!("/api/stats/{}", guild.id)).await.json();
        assert_eq!(stats["results"][0]["count"], 1);

        let stopped = ada.post(&server, &format!("{base}/stop"), "").await;
        assert_eq!(stopped.json()["state"], "ready", "{}", stopped.body);
        let left = ada.post(&server, &format!("{base}/leave"), "").await;
        assert_eq!(left.status, 200);
        insta::assert_snapshot!(left.body.replace(&guild.id.to_string(), "<guild>"), @r#"
        {
          "guild_id": "<guild>",
          "channel_id": null,
          "state": "idle",
          "reason": null,
          "now_playing": null,
          "queue": [],
          "volume": 100,
          "mode": "replace"
        }
        "#);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_to_do_and_leave_no_row() {
    let setup = Setup::with_discord().set("YURI_LIMITS__BURST", "100");
    fs::write(setup.sounds().join("empty.mp3"), "").unwrap();
    let server = setup.start().await;
    let guild = server.guild();
    let path = format!("/api/guilds/{guild}/play");
    let ada = server.token(server.user("ada")).await;
    let ben = server.token(server.user("ben")).await;
    let cleo = server.token(server.user("cleo")).await;
    let cases: [(&Token, &str, u16, &str); 8] = [
        (
            &cleo,
            r#"{"sound":"empty"}"#,
            403,
            "you must be a member of this guild",
        ),
        (
            &ben,
            r#"{"sound":"empty"}"#,
            403,
            "you need to be in a voice channel to perform this command",
        ),
        (
            &ada,
            r#"{"sound":"unknown"}"#,
            404,
            "there is no sound of this name, see the list of sounds",
        ),
        (
            &ada,
            r#"{"sound":"../sounds/empty.mp3"}"#,
            404,
            "there is no sound of this name, see the list of sounds",
        ),
        (
            &ada,
            r#"{"sound":""}"#,
            400,
            "sound must be the name of a sound",
        ),
        (
            &ada,
            r#"{"sound":"empty","source":"youtube"}"#,
            400,
            "source must be local or discord",
        ),
        (
            &ada,
            r#"{"sound":"empty","url":"http://evil.test"}"#,
            400,
            "bad request",
        ),
        (
            &ada,
            r#"{"sound":"empty"}"#,
            409,
            "this sound cannot be played: the file is empty",
        ),
    ];
    for (caller, body, status, message) in cases {
        let answer = caller.post(&server, &path, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().as_str()),
            (status, message),
            "{body}"
        );
    }
    for action in ["stop", "leave"] {
        let answer = ben
            .post(&server, &format!("/api/guilds/{guild}/{action}"), "")
            .await;
        assert_eq!(answer.status, 403);
    }
    let logged = ada.get(&server, &format!("/api/logs/{guild}")).await;
    assert_eq!(logged.json()["n"], 0);
    assert_eq!(server.sim().bot_voice_channel(guild.get()), None);
}
