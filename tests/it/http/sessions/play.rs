//! Bots that play for their sessions: what is heard at Discord, what stands in the log, and that
//! volumes are each bot's own.

use std::time::Duration;

use discord_sim::{Utterance, permissions};
use futures_util::future::join_all;
use serde_json::json;

use super::{
    ADA, COMMON, HALL, Lab, PATIENCE, Session, Stage, X_LAB, XENIA, Y_LAB, YOLANDA, YURI, setup,
};
use crate::support::child::voice_test;
use crate::support::{Answer, Setup};

/// Adds a sound: two seconds of 440 Hz.
pub(super) fn with_tone(setup: Setup) -> Setup {
    let tone = crate::audio::fixture("tone-opus.ogg");
    std::fs::write(setup.sounds().join("tone.ogg"), tone).unwrap();
    setup
}

fn assert_tone(heard: &Utterance, what: &str) {
    let audio = heard.audio();
    let hertz = audio.frequency_hz().unwrap();
    assert!((hertz - 440.0).abs() < 1.0, "{what}: {hertz} Hz");
    assert_eq!(audio.decode_errors, 0, "{what}");
    let off = heard.duration().abs_diff(Duration::from_secs(2));
    assert!(off <= Duration::from_millis(40), "{what}: {off:?}");
}

async fn play(stage: &Stage, session: &Session, guild: u64, channel: u64) -> Answer {
    let body = json!({"sound": "tone", "source": "local", "channel_id": channel.to_string()});
    let path = format!("/api/guilds/{guild}/play");
    session.post_json(stage, &path, &body).await
}

/// Plays in a lab's lounge, and hears it.
async fn play_in(stage: &Stage, session: &Session, lab: &Lab) {
    let begun = play(stage, session, lab.guild, lab.lounge).await;
    assert_eq!(begun.status, 200, "{}: {}", lab.name, begun.body);
    let bot = stage.bot(lab.bot);
    let heard = bot.wait_utterance(lab.guild, 0, PATIENCE).await;
    assert_tone(&heard.expect("it is heard"), lab.name);
    assert_eq!(bot.bot_voice_channel(lab.guild), Some(lab.lounge));
}

voice_test! {
    async fn a_play_is_heard_and_stands_in_the_log_under_the_bots_name() {
        let stage = Stage::start_with(with_tone(setup())).await;
        let identifies = stage.count_identifies(XENIA);
        let (first, second) = (stage.login(XENIA).await, stage.login(XENIA).await);
        let begun = play(&stage, &first, COMMON, HALL).await;
        assert_eq!(begun.status, 200, "{}", begun.body);
        let expected = format!(
            "{{\n  \"guild_id\": \"{COMMON}\",\n  \"channel_id\": \"{HALL}\",\n  \
             \"sound\": \"tone\",\n  \"source\": \"local\",\n  \"state\": \"playing\",\n  \
             \"position\": 0,\n  \"logged\": true\n}}"
        );
        assert_eq!(begun.body, expected);
        assert_eq!(begun.header("cache-control"), "no-store");
        assert!(begun.budget().is_some());
        let player = second.get(&stage, &format!("/api/guilds/{COMMON}/player")).await.json();
        let now = &player["now_playing"];
        assert_eq!(now["sound"], "tone", "{player}");
        assert_eq!(now["user_id"], XENIA.to_string());
        assert_eq!(now["user_tag"], "Xenia#4821");
        let xenia = stage.bot(XENIA);
        let heard = xenia.wait_utterance(COMMON, 0, PATIENCE).await.unwrap();
        assert_tone(&heard, "the first");

        // Its other session is in the same place.
        let again = play(&stage, &second, COMMON, HALL).await;
        assert_eq!(again.status, 200, "{}", again.body);
        let heard = xenia.wait_utterance(COMMON, 1, PATIENCE).await.unwrap();
        assert_tone(&heard, "the second");
        assert_eq!(xenia.bot_voice_channel(COMMON), Some(HALL));
        assert_eq!((identifies.get(), xenia.gateway_connections()), (1, 1));
        // The server's bot has stayed where it was, and its player has seen nothing of it.
        assert_eq!(stage.bot(YURI).bot_voice_channel(COMMON), None);
        let ada = stage.server.token(ADA.try_into().unwrap()).await;
        let player = stage.get_as(&ada, &format!("/api/guilds/{COMMON}/player")).await;
        assert_eq!(player.json()["state"], "idle", "{}", player.body);

        let log = stage.get_as(&ada, &format!("/api/logs/{COMMON}")).await.json();
        assert_eq!(log["n"], 2, "{log}");
        for row in log["results"].as_array().unwrap() {
            assert_eq!(row["sound"], "tone");
            assert_eq!(row["user_id"], XENIA.to_string());
            assert_eq!(row["user_tag"], "Xenia#4821");
            assert_eq!(row["source"], "local");
        }
        let left = first.post(&stage, &format!("/api/guilds/{COMMON}/leave")).await;
        assert_eq!(left.status, 200, "{}", left.body);
        assert!(xenia.wait_bot_out_of_voice(COMMON, PATIENCE).await);
        stage.stop().await;
    }
}

voice_test! {
    async fn two_bots_play_at_once_in_two_guilds_and_in_one() {
        let stage = Stage::start_with(with_tone(setup())).await;
        let (xenia, yolanda) = (stage.login(XENIA).await, stage.login(YOLANDA).await);
        let plays = [(&xenia, &X_LAB), (&yolanda, &Y_LAB)];
        join_all(plays.map(|(session, lab)| play_in(&stage, session, lab))).await;
        // Neither goes where the other is.
        assert_eq!(stage.bot(XENIA).bot_voice_channel(Y_LAB.guild), None);
        assert_eq!(stage.bot(YOLANDA).bot_voice_channel(X_LAB.guild), None);

        // Two in one channel are two players.
        let both = [(&xenia, XENIA), (&yolanda, YOLANDA)].map(async |(session, bot)| {
            let begun = play(&stage, session, COMMON, HALL).await;
            assert_eq!(begun.status, 200, "{}", begun.body);
            let heard = stage.bot(bot).wait_utterance(COMMON, 0, PATIENCE).await;
            assert_tone(&heard.unwrap(), "in one channel");
        });
        join_all(both).await;
        stage.stop().await;
    }
}

voice_test! {
    async fn the_last_logout_takes_the_bot_out_of_voice() {
        let stage = Stage::start_with(with_tone(setup())).await;
        let (first, second) = (stage.login(XENIA).await, stage.login(XENIA).await);
        play_in(&stage, &first, &X_LAB).await;
        let bot = stage.bot(XENIA);
        first.logout(&stage).await;
        assert_eq!(bot.bot_voice_channel(X_LAB.guild), Some(X_LAB.lounge));
        let again = play(&stage, &second, X_LAB.guild, X_LAB.lounge).await;
        assert_eq!(again.status, 200, "{}", again.body);
        // In the middle of a sound.
        second.logout(&stage).await;
        assert!(bot.wait_bot_out_of_voice(X_LAB.guild, PATIENCE).await);
        assert!(bot.wait_gateway_connections(0, PATIENCE).await);
        stage.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_played_is_refused_as_for_everybody_and_leaves_no_row() {
    let setup = with_tone(setup());
    std::fs::write(setup.sounds().join("empty.mp3"), "").unwrap();
    let stage = Stage::start_with(setup).await;
    let sim = stage.server.sim();
    sim.deny_permissions(X_LAB.lounge, permissions::SPEAK)
        .unwrap();
    let xenia = stage.login(XENIA).await;
    let path = format!("/api/guilds/{COMMON}/play");
    let hall = HALL.to_string();
    for (body, status) in [
        (json!({"sound": "unknown", "channel_id": hall}), 404),
        (json!({"sound": "empty", "channel_id": hall}), 409),
        (json!({"sound": "", "channel_id": hall}), 400),
        (
            json!({"sound": "tone", "source": "youtube", "channel_id": hall}),
            400,
        ),
        (
            json!({"sound": "tone", "url": "http://evil.test", "channel_id": hall}),
            400,
        ),
        (json!({"sound": "tone", "channel_id": HALL}), 400),
        (json!({"channel_id": hall}), 400),
    ] {
        let refused = xenia.post_json(&stage, &path, &body).await;
        assert_eq!(refused.status, status, "{body}: {}", refused.body);
        refused.error();
    }
    for denied in [X_LAB.lounge, X_LAB.general] {
        let refused = play(&stage, &xenia, X_LAB.guild, denied).await;
        assert!(
            [400, 403, 404].contains(&refused.status.as_u16()),
            "{denied}: {} {}",
            refused.status,
            refused.body
        );
        refused.error();
    }
    assert_eq!(stage.bot(XENIA).bot_voice_channel(X_LAB.guild), None);
    assert_eq!(stage.bot(XENIA).bot_voice_channel(COMMON), None);
    let ada = stage.server.token(ADA.try_into().unwrap()).await;
    let log = stage.get_as(&ada, &format!("/api/logs/{COMMON}")).await;
    assert_eq!(log.json()["n"], 0, "{}", log.body);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_are_each_bots_own() {
    let stage = Stage::start().await;
    let (first, second) = (stage.login(XENIA).await, stage.login(XENIA).await);
    let yolanda = stage.login(YOLANDA).await;
    let ada = stage.server.token(ADA.try_into().unwrap()).await;
    let base = format!("/api/guilds/{COMMON}");
    let path = format!("{base}/player");
    let volume = |answer: Answer| {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let player = answer.json();
        assert_eq!(player["mode"], "replace");
        player["volume"].as_u64().unwrap()
    };
    let of_guild = async || volume(stage.get_as(&ada, &path).await);
    assert_eq!(volume(first.get(&stage, &path).await), 100);
    let set = first
        .put_json(&stage, &format!("{base}/volume"), &json!({"volume": 50}))
        .await;
    assert_eq!(volume(set), 50);
    assert_eq!(volume(second.get(&stage, &path).await), 50);
    assert_eq!(volume(yolanda.get(&stage, &path).await), 100);
    assert_eq!(of_guild().await, 100);

    let guild = COMMON.try_into().unwrap();
    stage.server.set_volume(guild, 30).await;
    assert_eq!(of_guild().await, 30);
    assert_eq!(volume(first.get(&stage, &path).await), 50);
    assert_eq!(volume(yolanda.get(&stage, &path).await), 100);
    // In another guild of the same bot nothing has changed.
    let elsewhere = format!("/api/guilds/{}/player", X_LAB.guild);
    assert_eq!(volume(first.get(&stage, &elsewhere).await), 100);
    for wrong in [json!({"volume": 201}), json!({"volume": -1}), json!({})] {
        let path = format!("{base}/volume");
        let refused = first.put_json(&stage, &path, &wrong).await;
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.body);
        refused.error();
    }
    stage.stop().await;
}
