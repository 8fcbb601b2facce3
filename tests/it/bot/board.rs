//! `/board`: its pages, its buttons, and what they do after a restart of the bot.

use discord_sim::{Answer, Message};
use serde_json::Value;

use super::stage::{ADA, BEN, BOT, GENERAL, GUILD, PATIENCE, Stage};
use crate::support::child::voice_test;

/// The labels of the buttons, row by row.
fn labels(rows: &[Value]) -> Vec<Vec<String>> {
    let label = |button: &Value| button["label"].as_str().unwrap().to_owned();
    let row = |row: &Value| {
        row["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(label)
            .collect()
    };
    rows.iter().map(row).collect()
}

async fn panel(stage: &Stage) -> Message {
    stage.slash(ADA, "board").await;
    let channel = stage
        .sim
        .wait_message(GENERAL, PATIENCE, |message| message.author == BOT);
    channel.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_turn() {
    let stage = Stage::start().await;
    for number in 0..40 {
        stage
            .add_sound(&format!("many{number:02}.wav"), b"not yet")
            .await;
    }
    stage
        .add_sound(&format!("{}.wav", "x".repeat(100)), b"")
        .await;
    let board = panel(&stage).await;
    assert_eq!((&*board.content, board.only_for), ("45 sounds", None));
    let shown = labels(&board.components);
    assert_eq!(shown.len(), 5);
    assert_eq!(shown[0], ["many00", "many01", "many02", "many03", "many04"]);
    assert_eq!(shown[4], ["◀", "1/3", "▶", "🎲", "⏹"]);
    assert_eq!(board.components[4]["components"][0]["disabled"], true);

    for button in ["board:page:1", "board:page:2"] {
        let turned = stage.sim.press(BEN, board.id, button).await;
        assert!(matches!(turned, Ok(Answer::Update(_))), "{turned:?}");
    }
    let last = stage.sim.messages(GENERAL).pop().unwrap();
    let shown = labels(&last.components);
    assert_eq!(
        shown[0],
        ["tone-opus", "tone-vorbis", "tone", "tone", "tone"]
    );
    assert_eq!(shown[1], ["◀", "3/3", "▶", "🎲", "⏹"]);
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_play_is_told_so() {
    let stage = Stage::start().await;
    let board = panel(&stage).await;
    let pressed = stage.sim.press(BEN, board.id, "board:play:tone.wav").await;
    assert!(matches!(pressed, Ok(Answer::Deferred)), "{pressed:?}");
    let told = stage
        .sim
        .wait_message(GENERAL, PATIENCE, |message| message.only_for == Some(BEN));
    assert_eq!(
        told.await.unwrap().content,
        "you need to be in a voice channel to perform this command"
    );
    let role = stage.sim.add_role(GUILD, "quiet", 0).unwrap();
    let role = yuri::ids::RoleId::try_from(role).unwrap();
    stage
        .choose(move |settings| settings.dj_roles = vec![role])
        .await;
    let refused = stage.slash(BEN, "board").await;
    assert!(refused.ephemeral);
    assert_eq!(refused.content, "you need a DJ role to play sounds");
    stage.stop().await.shutdown().await;
}

voice_test! {
    async fn buttons_play_and_stop() {
        let stage = Stage::start().await;
        let board = panel(&stage).await;
        let pressed = stage.sim.press(ADA, board.id, "board:play:tone.mp3").await;
        assert!(matches!(pressed, Ok(Answer::Deferred)), "{pressed:?}");
        assert!(stage.sim.wait_packets(GUILD, 5, PATIENCE).await);
        stage.sim.press(ADA, board.id, "board:stop").await.unwrap();
        assert!(stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.is_some());
        stage.sim.press(ADA, board.id, "board:random").await.unwrap();
        assert!(stage.sim.wait_utterance(GUILD, 1, PATIENCE).await.is_some());
        assert_eq!(stage.log().await.len(), 2);
        stage.stop().await.shutdown().await;
    }
}
