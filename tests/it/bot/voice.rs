//! What is heard in the voice channel.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use discord_sim::{Effect, Fault, Latency, Point, Requests, Utterance};
use yuri::domain::player::State;
use yuri::ids::GuildId;

use super::stage::{ADA, BEN, BOT, GENERAL, GUILD, LOUNGE, PATIENCE, STUDIO, Stage, TONES};
use crate::audio::{fixture, packets};
use crate::support::child::voice_test;

/// Two seconds of a 440 Hz sine, as loud as every sound, without a hole.
fn assert_tone(heard: &Utterance, name: &str) {
    let audio = heard.audio();
    let hertz = audio.frequency_hz().unwrap();
    assert!((hertz - 440.0).abs() < 1.0, "{name}: {hertz} Hz");
    assert!(
        (audio.level_dbfs() + 18.3).abs() < 1.0,
        "{name}: {} dBFS",
        audio.level_dbfs()
    );
    assert_eq!(audio.decode_errors, 0, "{name}");
    let off = heard.duration().abs_diff(Duration::from_secs(2));
    assert!(
        off <= Duration::from_millis(40),
        "{name}: {:?}",
        heard.duration()
    );
    assert_eq!(
        (heard.sequence_breaks(), heard.timestamp_breaks()),
        (0, 0),
        "{name}"
    );
    let rate = heard.packets_per_second().unwrap();
    assert!((rate - 50.0).abs() < 2.5, "{name}: {rate} packets a second");
}

voice_test! {
    async fn every_format_sounds_as_it_should() {
        let stage = Stage::start().await;
        let tones = [
            "tone-opus.ogg", "tone-vorbis.ogg", "tone.flac", "tone.mp3", "tone.wav", "tone.m4a",
            "tone.mp4", "tone.webm",
        ];
        for name in &tones[TONES.len()..] {
            stage.add_sound(name, &fixture(name)).await;
        }
        for (number, name) in tones.into_iter().enumerate() {
            let reply = stage.play(ADA, name).await;
            let stem = name.split('.').next().unwrap();
            assert_eq!(reply.content, format!("▶ **{stem}**"));
            assert!(reply.ephemeral && reply.deferred);
            let heard = stage.sim.wait_utterance(GUILD, number, PATIENCE).await.unwrap();
            assert_tone(&heard, name);
            assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));
            assert_eq!(stage.log().await[0], (stem.to_owned(), "ada".to_owned()));
        }
        assert_eq!(stage.log().await.len(), tones.len());
        assert_eq!(stage.sim.heard(GUILD).decrypt_failures, 0);
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn what_was_prepared_is_sent_as_it_is() {
        let stage = Stage::start().await;
        stage.play(ADA, "tone.mp3").await;
        let heard = stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        let cache = stage.app.config.data_dir.join("cache");
        let path = fs::read_dir(cache).unwrap().next().unwrap().unwrap().path();
        let prepared = packets(&fs::read(path).unwrap());
        let sent: Vec<_> = heard.frames.iter().map(|frame| frame.opus.to_vec()).collect();
        assert_eq!(sent, prepared);
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_sound_waits_until_it_is_encrypted() {
        // As long as a busy machine may need.
        let stage = Stage::start_encrypted(&[("YURI_DISCORD__VOICE_SETTLE_MS", "2000")]).await;
        stage.play(ADA, "tone-opus").await;
        let heard = stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        assert_tone(&heard, "encrypted");
        let all = stage.sim.heard(GUILD);
        assert_eq!((all.unencrypted_frames, all.undecryptable_frames), (0, 0));
        assert_eq!(all.encrypted_frames, all.packets - all.silence_frames);
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn nobody_waits_for_those_who_hear_nothing() {
        let wait = [("YURI_DISCORD__VOICE_SETTLE_MS", "10000")];
        let stage = Stage::start_with(&wait).await;
        let lounge = Stage::lounge();
        stage.sim.set_self_deaf(ADA, GUILD, true).unwrap();
        stage.until(|app| !app.guilds.gateway().has_ears(Stage::guild(), lounge)).await;
        let asked = Instant::now();
        assert_eq!(stage.play(ADA, "tone-opus").await.content, "▶ **tone-opus**");
        assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
        // In a channel with somebody else it waits.
        stage.sim.join_voice(BEN, GUILD, STUDIO).unwrap();
        stage.until(|app| app.guilds.gateway().has_ears(Stage::guild(), STUDIO.try_into().unwrap())).await;
        let player = Arc::clone(&stage.app.player);
        let join = tokio::spawn(async move { player.join(&Stage::asker(BEN)).await });
        stage.until_player(|player| player.state == State::Securing).await;
        join.abort();
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_play_replaces_the_one_before_and_stop_ends_it() {
        let stage = Stage::start().await;
        let playing = async || {
            let now = stage.player().await.playing.pop();
            now.map(|now| (now.sound, now.user_tag, now.length_ms))
        };
        stage.sim.set_discriminator(ADA, "9131").unwrap();
        stage.play(ADA, "tone-opus").await;
        assert_eq!(playing().await, Some(("tone-opus".into(), "ada#9131".into(), 2_000)));
        let first = stage.sim.heard(GUILD).packets;
        stage.play(ADA, "tone-vorbis").await;
        assert_eq!(playing().await.unwrap().0, "tone-vorbis");
        // One sound goes over into the other: nothing is missing between them.
        assert!(stage.sim.wait_packets(GUILD, first + 25, PATIENCE).await);
        let heard = stage.sim.heard(GUILD);
        assert_eq!((heard.utterances.len(), heard.sequence_breaks), (1, 0));
        assert!(!heard.utterances[0].ended);

        assert_eq!(stage.slash(ADA, "stop").await.content, "⏹ stopped");
        assert_eq!(playing().await, None);
        let heard = stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        assert!(heard.duration() < Duration::from_millis(1_900), "{:?}", heard.duration());
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));
        // A track that ends by itself is over as well.
        stage.play(ADA, "tone-opus").await;
        stage.sim.wait_utterance(GUILD, 1, PATIENCE).await.unwrap();
        stage.until_player(|player| player.playing.is_empty()).await;
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn the_bot_follows_its_caller_and_leaves_when_told() {
        let stage = Stage::start().await;
        stage.play(ADA, "tone.wav").await;
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));
        stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();

        stage.sim.join_voice(BEN, GUILD, STUDIO).unwrap();
        stage.sim.clear_heard(GUILD);
        assert_eq!(stage.play(BEN, "tone.wav").await.content, "▶ **tone**");
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(STUDIO));
        let heard = stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        assert_tone(&heard, "after the move");

        assert_eq!(stage.slash(BEN, "leave").await.content, "👋 left the voice channel");
        assert_eq!(stage.sim.bot_voice_channel(GUILD), None);
        // Straight back: what songbird alone gets wrong.
        for _ in 0..3 {
            assert_eq!(stage.play(ADA, "tone.wav").await.content, "▶ **tone**");
            assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));
            stage.slash(ADA, "leave").await;
            assert_eq!(stage.sim.bot_voice_channel(GUILD), None);
        }
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn being_moved_and_being_thrown_out_are_survived() {
        let stage = Stage::start().await;
        let guild = GuildId::try_from(GUILD).unwrap();
        let bot = stage.sim.application().id;
        stage.play(ADA, "tone.wav").await;
        stage.sim.leave_voice(bot, GUILD).unwrap();
        stage
            .until_player(|player| player.playing.is_empty() && player.channel.is_none())
            .await;
        stage.sim.clear_heard(GUILD);
        assert_eq!(stage.play(ADA, "tone.wav").await.content, "▶ **tone**");
        let heard = stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        // The sound that was cut off is not heard again under the new one.
        assert_tone(&heard, "after being thrown out");

        stage.sim.join_voice(bot, GUILD, STUDIO).unwrap();
        stage
            .until_player(|player| player.channel.is_some_and(|channel| channel.get() == STUDIO))
            .await;
        stage.sim.join_voice(BEN, GUILD, STUDIO).unwrap();
        stage.until(|app| {
            app.guilds.gateway().has_listeners(guild, STUDIO.try_into().unwrap())
        }).await;
        for caller in [BEN, ADA] {
            stage.sim.clear_heard(GUILD);
            assert_eq!(stage.play(caller, "tone.wav").await.content, "▶ **tone**");
            let heard = stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
            assert_tone(&heard, "after being moved");
        }
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_crowd_hears_the_last_of_what_it_wanted() {
        let stage = Stage::start().await;
        let plays = (0..5).map(|number| {
            let sim = stage.sim.clone();
            let sound = ["tone-opus", "tone-vorbis"][number % 2];
            tokio::spawn(async move { sim.slash(ADA, GUILD, "play", &[("sound", sound)]).await })
        });
        let mut played = 0;
        for play in plays.collect::<Vec<_>>() {
            let reply = play.await.unwrap().unwrap().content;
            if reply.starts_with("▶ **tone-") {
                played += 1;
            } else {
                assert_eq!(reply, "another sound was asked for before this one began");
            }
        }
        // Those that came while the bot was on its way into the channel gave way to the last.
        assert!((2..5).contains(&played), "{played}");
        assert_eq!(stage.log().await.len(), played);
        let heard = stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        assert_eq!(heard.sequence_breaks(), 0);
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn the_end_of_the_process_is_the_end_in_voice() {
        let stage = Stage::start().await;
        stage.play(ADA, "tone.wav").await;
        let sim = stage.stop().await;
        assert!(sim.wait_bot_out_of_voice(GUILD, Duration::from_secs(1)).await);
        sim.shutdown().await;
    }
}

voice_test! {
    async fn no_sound_waits_until_discord_has_heard_that_an_answer_will_come() {
        let stage = Stage::start().await;
        stage.slash(ADA, "board").await;
        let board = stage.sim.wait_message(GENERAL, PATIENCE, |message| message.author == BOT);
        let board = board.await.unwrap().id;
        let acknowledged = Requests::to("/interactions/*/*/callback").method("POST");
        let late = Latency::fixed(Duration::from_hours(1));
        stage.sim.fault(Fault::on(Point::Answer(acknowledged), Effect::Delay(late))).unwrap();
        let heard = |number: usize| stage.sim.wait_utterance(GUILD, number, PATIENCE);
        tokio::select! {
            heard = heard(0) => assert!(heard.is_some(), "nothing heard"),
            reply = stage.play(ADA, "tone.wav") => panic!("{reply:?}"),
        }
        let pressed = stage.sim.press(ADA, board, "board:play:tone.mp3");
        let (pressed, heard) = tokio::join!(pressed, heard(1));
        assert!(pressed.is_ok(), "{pressed:?}");
        assert!(heard.is_some(), "nothing heard");
        stage.stop().await.shutdown().await;
    }
}
