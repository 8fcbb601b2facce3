//! Discord's own soundboard of the server, by command.

use discord_sim::{Sound, permissions};

use super::stage::{ADA, BEN, BOT, GUILD, LOUNGE, Stage};
use crate::audio::fixture;
use crate::support::child::voice_test;

/// A member uses a part of `/soundboard`.
async fn soundboard(stage: &Stage, user: u64, part: &str, sound: Option<&str>) -> String {
    let options: Vec<(&str, &str)> = sound.map(|name| ("sound", name)).into_iter().collect();
    let command = format!("soundboard {part}");
    let reply = stage
        .sim
        .slash(user, GUILD, &command, &options)
        .await
        .unwrap();
    assert!(reply.ephemeral);
    reply.content
}

voice_test! {
    async fn a_server_s_own_sounds_are_listed_played_and_taken_over() {
        let stage = Stage::start().await;
        stage.sim.add_sound(GUILD, Sound::new(0, "Boing!", fixture("tone-opus.ogg"))).unwrap();
        let list = soundboard(&stage, BEN, "list", None).await;
        assert_eq!(list, "🔊 **Boing!**");
        let told = soundboard(&stage, ADA, "play", Some("boing!")).await;
        assert_eq!(told, "▶ **Boing!**");
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));
        let log = stage.log().await;
        assert_eq!(log, [("Boing!".to_owned(), "ada".to_owned())]);
        let stats = stage.slash(ADA, "stats").await.content;
        assert_eq!(stats, "nothing has been played here yet", "only local sounds count");
        // It hears nothing after that, as before.
        let address = format!("{}/api/v10/guilds/{GUILD}/voice-states/{BOT}", stage.sim.api_url());
        let token = format!("Bot {}", stage.sim.application().bot_token);
        let ask = reqwest::Client::new().get(address).header("Authorization", token);
        let told: serde_json::Value = ask.send().await.unwrap().json().await.unwrap();
        assert_eq!(told["self_deaf"], true, "{told}");
        for (user, sound, refused) in [
            (ADA, "bong", "there is no such soundboard sound"),
            (BEN, "boing!", "you need to be in a voice channel to perform this command"),
        ] {
            assert_eq!(soundboard(&stage, user, "play", Some(sound)).await, refused);
        }
        stage.sim.deny_permissions(LOUNGE, permissions::USE_SOUNDBOARD).unwrap();
        let refused = soundboard(&stage, ADA, "play", Some("Boing!")).await;
        assert!(refused.starts_with("the bot may not play soundboard sounds"), "{refused}");
        let answer = stage.sim.slash(BEN, GUILD, "soundboard import", &[]).await;
        assert!(!matches!(&answer, Ok(reply) if reply.content.starts_with('⭐')), "{answer:?}");
        assert_eq!(soundboard(&stage, ADA, "import", None).await, "⭐ **Boing**");
        assert_eq!(
            soundboard(&stage, ADA, "import", Some("Boing!")).await,
            "✖ Boing!: this sound is here already, it is called Boing"
        );
        assert_eq!(stage.play(ADA, "boing").await.content, "▶ **Boing**");
        stage.stop().await.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_soundboard_says_so() {
    let stage = Stage::start().await;
    let list = soundboard(&stage, BEN, "list", None).await;
    assert_eq!(list, "this server's soundboard is empty");
    let none = soundboard(&stage, ADA, "import", None).await;
    assert_eq!(none, "there is no such soundboard sound");
    stage.stop().await.shutdown().await;
}
