//! Favourites, by command, and what is suggested to somebody who types.

use super::stage::{ADA, BEN, GUILD, LOUNGE, Stage};
use crate::support::child::voice_test;

async fn favourite(stage: &Stage, user: u64, sound: &str) -> String {
    let options = [("sound", sound)];
    let reply = stage.sim.slash(user, GUILD, "favourite", &options).await;
    let reply = reply.unwrap();
    assert!(reply.ephemeral);
    reply.content
}

async fn suggested(stage: &Stage, user: u64, typed: &str) -> Vec<String> {
    let choices = stage
        .sim
        .autocomplete(user, GUILD, "play", "sound", typed)
        .await;
    let names = choices.unwrap().into_iter().map(|choice| choice.name);
    names.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn favourites_are_kept_listed_and_taken_back() {
    let stage = Stage::start().await;
    let none = "you have no favourites here yet";
    assert_eq!(stage.slash(ADA, "favourite").await.content, none);
    assert_eq!(
        favourite(&stage, ADA, "nothing like it").await,
        "sound was not found"
    );
    let added = "⭐ **tone-vorbis** is one of your favourites now";
    assert_eq!(favourite(&stage, ADA, "TONE-VORBIS.ogg").await, added);
    favourite(&stage, ADA, "tone").await;
    let listed = stage.slash(ADA, "favourite").await.content;
    assert_eq!(listed, "tone\ntone-vorbis");
    assert_eq!(stage.slash(BEN, "favourite").await.content, none);
    let removed = "**tone-vorbis** is no favourite of yours any more";
    assert_eq!(favourite(&stage, ADA, "tone-vorbis").await, removed);
    assert_eq!(stage.slash(ADA, "favourite").await.content, "tone");
    stage.stop().await.shutdown().await;
}

voice_test! {
    async fn favourites_come_first_then_the_last_plays_then_the_best_match() {
        let stage = Stage::start().await;
        for name in ["alarm.wav", "zulu.wav", "zulu tone.wav"] {
            stage.add_sound(name, b"not played").await;
        }
        let all = [
            "alarm",
            "tone",
            "tone-opus",
            "tone-vorbis",
            "zulu",
            "zulu tone",
        ];
        assert_eq!(suggested(&stage, ADA, "").await, all);
        stage.sim.join_voice(BEN, GUILD, LOUNGE).unwrap();
        stage.play(BEN, "tone-opus").await;
        stage.play(ADA, "tone-vorbis").await;
        stage.play(ADA, "tone").await;
        favourite(&stage, ADA, "zulu").await;

        // What others have played is nothing of hers.
        let hers = [
            "zulu",
            "tone",
            "tone-vorbis",
            "alarm",
            "tone-opus",
            "zulu tone",
        ];
        assert_eq!(suggested(&stage, ADA, "").await, hers);
        let typed = ["tone", "tone-vorbis", "tone-opus", "zulu tone"];
        assert_eq!(suggested(&stage, ADA, "tone").await, typed);
        let mistaken = ["tone-vorbis", "tone-opus"];
        assert_eq!(suggested(&stage, ADA, "tnoe-v").await, mistaken);
        let his = [
            "tone-opus",
            "alarm",
            "tone",
            "tone-vorbis",
            "zulu",
            "zulu tone",
        ];
        assert_eq!(suggested(&stage, BEN, "").await, his);
        stage.stop().await.shutdown().await;
    }
}
