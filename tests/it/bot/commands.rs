//! Slash commands that end without a sound: what the member reads, and that nothing is logged.

use std::time::Duration;

use discord_sim::{SimError, permissions};
use serde_json::json;
use yuri::ids::UserId;

use super::stage::{ADA, BEN, GUILD, LOUNGE, START_MS, Stage};

const NOT_IN_VOICE: &str = "you need to be in a voice channel to perform this command";

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_to_do_and_leave_no_row() {
    let stage = Stage::start().await;
    for command in ["stop", "leave"] {
        let reply = stage.slash(BEN, command).await;
        assert_eq!(reply.content, NOT_IN_VOICE);
        assert!(reply.ephemeral && reply.deferred);
    }
    assert_eq!(stage.play(BEN, "tone.wav").await.content, NOT_IN_VOICE);
    assert_eq!(
        stage.play(ADA, "@everyone").await.content,
        "there is no sound of this name, see the list of sounds"
    );

    stage
        .sim
        .deny_permissions(LOUNGE, permissions::SPEAK)
        .unwrap();
    assert_eq!(
        stage.play(ADA, "tone.wav").await.content,
        "the bot may not speak in your voice channel, give it the Speak permission there"
    );
    for denied in [permissions::CONNECT, permissions::VIEW_CHANNEL] {
        stage.sim.deny_permissions(LOUNGE, denied).unwrap();
        assert_eq!(
            stage.play(ADA, "tone.wav").await.content,
            "the bot may not join your voice channel, give it the Connect permission there"
        );
    }
    stage.sim.deny_permissions(LOUNGE, 0).unwrap();

    let until = u64::try_from(START_MS).unwrap() + 60_000;
    // Her own guild's owner cannot be timed out; a member can.
    stage.sim.join_voice(BEN, GUILD, LOUNGE).unwrap();
    stage.sim.set_timeout(BEN, GUILD, Some(until)).unwrap();
    for command in ["play", "stop", "leave"] {
        let options: &[(&str, &str)] = if command == "play" {
            &[("sound", "tone.wav")]
        } else {
            &[]
        };
        let reply = stage.sim.slash(BEN, GUILD, command, options).await;
        match reply {
            Ok(reply) => assert_eq!(reply.content, "you are timed out in this guild"),
            // A client does not let them, either.
            Err(error) => assert!(matches!(error, SimError::Forbidden), "{error}"),
        }
    }

    assert!(stage.log().await.is_empty());
    assert_eq!(stage.sim.bot_voice_channel(GUILD), None);
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_declared_and_complete_names() {
    let stage = Stage::start().await;
    let mut commands = stage.sim.commands();
    commands.sort_by_key(|command| command["name"].as_str().unwrap().to_owned());
    let names: Vec<_> = commands
        .iter()
        .map(|command| command["name"].clone())
        .collect();
    let expected = [
        "Add to soundboard",
        "bind",
        "board",
        "entrance",
        "favourite",
        "help",
        "join",
        "leave",
        "list",
        "log",
        "play",
        "queue",
        "random",
        "search",
        "settings",
        "skip",
        "soundboard",
        "stats",
        "stop",
        "volume",
    ];
    assert_eq!(names, expected);
    assert_eq!(commands[10]["options"][0]["name"], "sound");
    assert_eq!(commands[10]["options"][0]["autocomplete"], true);
    for command in &commands[1..] {
        assert!(
            command["description_localizations"]["de"].is_string(),
            "{command}"
        );
    }

    let long = "x".repeat(120);
    for name in [
        "zebra.wav",
        "bell.wav",
        "lazy bell.wav",
        &format!("bell {long}.wav"),
    ] {
        stage.add_sound(name, b"not yet").await;
    }
    let suggested = async |partial: &str| {
        let choices = stage
            .sim
            .autocomplete(ADA, GUILD, "play", "sound", partial)
            .await
            .unwrap();
        choices
            .into_iter()
            .map(|choice| choice.value)
            .collect::<Vec<_>>()
    };
    assert_eq!(suggested("BEL").await, [json!("bell"), json!("lazy bell")]);
    assert_eq!(suggested("tone o").await, [json!("tone-opus")]);
    assert_eq!(suggested("tnoe-vrobis").await, [json!("tone-vorbis")]);
    assert!(suggested("nothing like it").await.is_empty());
    for number in 0..30 {
        stage
            .add_sound(&format!("many{number:02}.wav"), b"not yet")
            .await;
    }
    let many = suggested("many").await;
    assert_eq!((many.len(), &many[24]), (25, &json!("many24")));
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_and_requests_share_a_limit() {
    let stage = Stage::start_with(&[("YURI_LIMITS__BURST", "2")]).await;
    for _ in 0..2 {
        assert_eq!(stage.slash(BEN, "queue").await.content, "nothing plays");
    }
    assert_eq!(stage.slash(BEN, "queue").await.content, "rate limit exceed");
    let user = UserId::try_from(BEN).unwrap();
    assert!(stage.app.limits.charge(user).is_err());
    assert_eq!(stage.slash(ADA, "queue").await.content, "nothing plays");
    stage.clock.advance(Duration::from_secs(2));
    assert_eq!(stage.slash(BEN, "queue").await.content, "nothing plays");
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn help_names_every_command() {
    let stage = Stage::start().await;
    let help = stage.slash(BEN, "help").await.content;
    insta::assert_snapshot!(help, @r"
    Use a command, or mention me with one or with the name of a sound: `@Yuri tada`
    `/play` Play a sound in your voice channel
    `/random` Play any sound in your voice channel
    `/stop` Stop what plays and drop what waits
    `/skip` Go on with what waits
    `/volume` Set how loud everything is
    `/join` Join your voice channel
    `/leave` Leave the voice channel
    `/board` Post a panel of buttons, one for each sound
    `/queue` Show what plays and what waits
    `/search` Find sounds by a part of their names
    `/list` List all sounds
    `/log` Show what was played last
    `/stats` Show what is played most
    `/soundboard` List and play the sounds of Discord's own soundboard, or take them over
    `/favourite` Make a sound one of your favourites, or take that back; without one, list them
    `/bind` Choose what plays when you mute and unmute at once
    `/entrance` Choose what plays when you come into a voice channel
    `/settings` See what is chosen for this server, and change it
    `/help` Say what I can do
    ");
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_say_what_there_is() {
    let stage = Stage::start().await;
    assert_eq!(stage.slash(BEN, "queue").await.content, "nothing plays");
    for command in ["log", "stats"] {
        let reply = stage.slash(BEN, command).await;
        assert_eq!(reply.content, "nothing has been played here yet");
        assert!(reply.ephemeral);
    }
    let list = stage.slash(BEN, "list").await.content;
    insta::assert_snapshot!(list, @r"
    5 of 5 sounds, page 1 of 1
    tone-opus.ogg
    tone-vorbis.ogg
    tone.flac
    tone.mp3
    tone.wav
    ");
    let page = stage
        .sim
        .slash(BEN, GUILD, "list", &[("page", "9")])
        .await
        .unwrap();
    assert_eq!(page.content, "there is no page 9");
    let found = stage
        .sim
        .slash(BEN, GUILD, "search", &[("text", "VORB")])
        .await
        .unwrap();
    assert_eq!(found.content, "tone-vorbis");
    let none = stage
        .sim
        .slash(BEN, GUILD, "search", &[("text", "@here*")])
        .await
        .unwrap();
    assert_eq!(none.content, r"there is no sound like \@here\*");
    stage.stop().await.shutdown().await;
}
