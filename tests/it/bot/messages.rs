//! Commands as messages: by mention, and by a prefix where the bot may read what is said.

use std::time::Duration;

use discord_sim::permissions;

use super::stage::{ADA, BEN, BOT, GENERAL, GUILD, PATIENCE, Stage};
use crate::support::child::voice_test;

/// What the bot answers to a message.
async fn say(stage: &Stage, user: u64, text: &str) -> String {
    let said = stage.sim.send_message(user, GENERAL, text).unwrap();
    let answer = stage.sim.wait_message(GENERAL, PATIENCE, |message| {
        message.author == BOT && message.reply_to == Some(said)
    });
    let answer = answer.await.expect("an answer");
    // Nobody is called by it.
    let mentions = &answer.mentions;
    assert!(mentions.users.is_empty() && !mentions.everyone);
    answer.content
}

voice_test! {
    async fn a_mention_with_a_name_plays_it() {
        let stage = Stage::start().await;
        assert_eq!(say(&stage, ADA, &format!("<@{BOT}> tone.wav")).await, "▶ **tone**");
        let sound = stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        assert!(sound.duration() > Duration::from_millis(1_900));
        assert_eq!(say(&stage, ADA, &format!("<@!{BOT}>  PLAY  tone.mp3 ")).await, "▶ **tone**");
        assert_eq!(say(&stage, ADA, &format!("<@{BOT}> volume 80")).await,
            "all sounds play at 80 % here from now on");
        assert_eq!(say(&stage, ADA, &format!("<@{BOT}> stop")).await, "⏹ stopped");
        let log = stage.log().await;
        assert_eq!(log, [("tone".into(), "ada".into()), ("tone".into(), "ada".into())]);
        stage.stop().await.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_message_is_said() {
    let stage = Stage::start().await;
    let ask = |text: &str| format!("<@{BOT}> {text}");
    for (text, answer) in [
        (
            "tone.wav",
            "you need to be in a voice channel to perform this command",
        ),
        (
            "volume loud",
            "that is not how this command is used, see `/help`",
        ),
        ("play", "that is not how this command is used, see `/help`"),
        ("list", "5 of 5 sounds, page 1 of 1"),
        ("search @everyone", r"there is no sound like \@everyone"),
    ] {
        let said = say(&stage, BEN, &ask(text)).await;
        assert_eq!(said.lines().next(), Some(answer), "{text}");
    }
    let unknown = say(&stage, ADA, &ask("@everyone <@11>")).await;
    assert_eq!(
        unknown,
        "there is no sound of this name, see the list of sounds"
    );
    let help = say(&stage, BEN, &format!("<@{BOT}>")).await;
    assert!(help.starts_with("Use a command, or mention me"), "{help}");
    assert!(stage.log().await.is_empty());
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_for_the_bot_only_where_they_say_so() {
    let stage = Stage::start_with(&[("YURI_DISCORD__MESSAGE_PREFIX", "y!")]).await;
    let quiet = [
        "stop".to_owned(),
        format!("<@{ADA}> stop"),
        format!("what does <@{BOT}> do?"),
    ];
    for text in quiet {
        stage.sim.send_message(ADA, GENERAL, &text).unwrap();
    }
    assert_eq!(say(&stage, BEN, "y!queue").await, "nothing plays");
    assert_eq!(say(&stage, BEN, "y!Queue").await, "nothing plays");
    let answers = stage.sim.messages(GENERAL).into_iter();
    assert_eq!(answers.filter(|message| message.author == BOT).count(), 2);
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_in_which_the_bot_may_not_write_disturbs_nothing() {
    let stage = Stage::start().await;
    stage
        .sim
        .deny_permissions(GENERAL, permissions::SEND_MESSAGES)
        .unwrap();
    // The owner may write everywhere.
    let text = format!("<@{BOT}> queue");
    stage.sim.send_message(ADA, GENERAL, &text).unwrap();
    stage.sim.deny_permissions(GENERAL, 0).unwrap();
    assert_eq!(stage.slash(BEN, "queue").await.content, "nothing plays");
    stage.stop().await.shutdown().await;
}
