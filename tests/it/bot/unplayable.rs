//! Files that cannot be played: each refuses with its reason, is not logged, and costs nothing but
//! a child process.

use super::stage::{ADA, GUILD, Stage};
use crate::audio::fixture;
use crate::audio::vectors::{flac_bomb, panicking_id3};

#[tokio::test(flavor = "multi_thread")]
async fn each_says_why_and_takes_nothing_down() {
    let stage = Stage::start_with(&[("YURI_SOUNDS__MAX_LENGTH_S", "20")]).await;
    let half = |name: &str| {
        let bytes = fixture(name);
        bytes[..bytes.len() / 2].to_vec()
    };
    let no_audio =
        "the file holds no audio that is supported (mp3, ogg, wav, flac, aac, m4a, mp4, webm)";
    let too_early = "the file ends too early";
    for (name, content, reason) in [
        ("empty.mp3", Vec::new(), "the file is empty"),
        ("text.wav", b"hello, world\n".repeat(50), no_audio),
        ("id3.ogg", panicking_id3(), no_audio),
        ("cut.mp3", half("tone.mp3"), too_early),
        ("cut.wav", half("tone.wav"), too_early),
        ("cut.flac", half("tone.flac"), too_early),
        ("cut-vorbis.ogg", half("tone-vorbis.ogg"), too_early),
        ("cut-opus.ogg", half("tone-opus.ogg"), too_early),
        ("cut.aac", half("tone.aac"), too_early),
        ("cut.m4a", half("tone.m4a"), too_early),
        ("cut.webm", half("tone.webm"), too_early),
        (
            "bomb.flac",
            flac_bomb(400),
            "the file is longer than 20 seconds",
        ),
    ] {
        stage.add_sound(name, &content).await;
        for _ in 0..2 {
            let reply = stage.play(ADA, name).await;
            assert_eq!(
                reply.content,
                format!("this sound cannot be played: {reason}"),
                "{name}"
            );
        }
    }
    assert!(stage.log().await.is_empty());
    assert!(stage.player().await.playing.is_empty());
    assert_eq!(stage.sim.bot_voice_channel(GUILD), None);
    assert!(stage.app.guilds.gateway().is_connected());
    stage.stop().await.shutdown().await;
}
