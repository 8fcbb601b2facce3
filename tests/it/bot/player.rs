//! What a guild has chosen for its player, as it is heard.

use std::time::Duration;

use discord_sim::Utterance;
use yuri::audio::Level;
use yuri::domain::player::State;
use yuri::domain::settings::{Mode, Volume};
use yuri::ids::RoleId;

use super::stage::{ADA, BEN, GUILD, LOUNGE, PATIENCE, Stage};
use crate::audio::strength;
use crate::support::child::voice_test;

voice_test! {
    async fn a_queue_plays_one_after_the_other_and_skip_goes_on() {
        let stage = Stage::start().await;
        stage.choose(|settings| settings.mode = Mode::Queue).await;
        assert_eq!(stage.play(ADA, "tone-opus").await.content, "▶ **tone-opus**");
        assert_eq!(stage.play(ADA, "tone-vorbis").await.content, "⏳ **tone-vorbis**, 1 before it");
        assert_eq!(stage.play(ADA, "tone.mp3").await.content, "⏳ **tone**, 2 before it");
        let player = stage.player().await;
        assert_eq!((player.state, player.mode), (State::Playing, Mode::Queue));
        let shown = stage.slash(BEN, "queue").await.content;
        assert_eq!(shown, "▶ **tone-opus** · ada\n⏳ **tone-vorbis** · ada\n⏳ **tone** · ada");
        let waiting: Vec<_> = player.queue.iter().map(|it| it.sound.as_str()).collect();
        assert_eq!(waiting, ["tone-vorbis", "tone"]);
        // What waits is not logged before it is heard.
        assert_eq!(stage.log().await.len(), 1);

        assert_eq!(stage.slash(ADA, "skip").await.content, "⏭ skipped");
        stage.until_player(|player| {
            player.playing.iter().any(|now| now.sound == "tone-vorbis") && player.queue.len() == 1
        }).await;
        stage.until_player(|player| player.playing.is_empty() && player.queue.is_empty()).await;
        let log = stage.log().await;
        let sounds: Vec<_> = log.iter().map(|(sound, _)| sound.as_str()).collect();
        assert_eq!(sounds, ["tone", "tone-vorbis", "tone-opus"]);
        let told = stage.slash(BEN, "log").await.content;
        let first = told.lines().next().unwrap();
        assert!(first.starts_with("<t:1554576482:R> **tone** · ada"), "{told}");
        let told = stage.slash(BEN, "stats").await.content;
        assert_eq!(told, "1 × **tone**\n1 × **tone-opus**\n1 × **tone-vorbis**");
        assert_eq!(stage.player().await.state, State::Ready);

        // Stop ends all of it.
        for _ in 0..3 {
            stage.play(ADA, "tone-opus").await;
        }
        stage.slash(ADA, "stop").await;
        let player = stage.player().await;
        assert!(player.playing.is_empty() && player.queue.is_empty());
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_queue_is_bounded() {
        let stage = Stage::start().await;
        stage.choose(|settings| settings.mode = Mode::Queue).await;
        stage.play(ADA, "tone-opus").await;
        let orders = (0..50).map(|_| stage.play(ADA, "tone-opus"));
        for reply in futures_util::future::join_all(orders).await {
            assert!(reply.content.starts_with('⏳'), "{}", reply.content);
        }
        let full = stage.play(ADA, "tone-opus").await;
        assert_eq!(full.content, "the queue is full, try again later");
        assert_eq!(stage.player().await.queue.len(), 50);
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn overlapping_sounds_are_heard_together() {
        let stage = Stage::start().await;
        stage.choose(|settings| {
            settings.mode = Mode::Overlap;
            settings.volume = Volume::new(80).unwrap();
        }).await;
        for _ in 0..2 {
            assert_eq!(stage.play(ADA, "tone-opus").await.content, "▶ **tone-opus**");
        }
        assert_eq!(stage.player().await.playing.len(), 2);
        let heard = stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        // One sound alone lasts two seconds.
        assert!(heard.duration() > Duration::from_millis(2_050), "{:?}", heard.duration());
        assert_eq!((heard.sequence_breaks(), heard.audio().decode_errors), (0, 0));
        assert!(heard.audio().peak() < i16::MAX.unsigned_abs());
        stage.until_player(|player| player.playing.is_empty()).await;
        assert_eq!(stage.log().await.len(), 2);
        stage.stop().await.shutdown().await;
    }
}

/// Checks that nothing but a tone of 440 Hz is heard from 0.6 to 1.4 seconds, not even a trace of
/// what clipping adds; answers its amplitude, where 1 is full scale.
fn pure_tone(heard: &Utterance) -> f64 {
    let samples: Vec<f32> = heard
        .audio()
        .samples
        .iter()
        .map(|it| f32::from(*it) / 32_768.0)
        .collect();
    let middle = &samples[57_600..134_400];
    let tone = strength(middle, 0, 440.0);
    let energy = middle
        .iter()
        .map(|sample| f64::from(*sample).powi(2))
        .sum::<f64>();
    let mean = energy / f64::from(u32::try_from(middle.len()).unwrap());
    let other = (1.0 - tone.powi(2) / 2.0 / mean).abs();
    assert!(other < 0.000_5, "{other} of the energy is something else");
    tone
}

voice_test! {
    async fn nothing_clips_at_any_volume_nor_together() {
        // So loud that two are too much already.
        let stage = Stage::start_with(&[("YURI_SOUNDS__LOUDNESS_LUFS", "-5")]).await;
        let alone = stage.heard_tone(0).await;
        assert!((0.5..0.7).contains(&alone), "{alone}");
        stage.choose(|settings| settings.volume = Volume::new(200).unwrap()).await;
        let loud = stage.heard_tone(1).await;
        assert!((0.8..0.9).contains(&loud), "{loud}");

        stage.choose(|settings| settings.mode = Mode::Overlap).await;
        for _ in 0..3 {
            stage.play(ADA, "tone-opus").await;
        }
        let together = stage.sim.wait_utterance(GUILD, 2, PATIENCE).await.unwrap();
        let amplitude = pure_tone(&together);
        assert!(amplitude < 0.9, "{amplitude}");
        assert!(together.audio().peak() < 30_500, "{}", together.audio().peak());
        stage.until_player(|player| player.playing.is_empty()).await;
        stage.stop().await.shutdown().await;
    }
}

impl Stage {
    /// Plays a tone alone; answers its amplitude.
    async fn heard_tone(&self, number: usize) -> f64 {
        self.play(ADA, "tone-opus").await;
        let heard = self
            .sim
            .wait_utterance(GUILD, number, PATIENCE)
            .await
            .unwrap();
        self.until_player(|player| player.playing.is_empty()).await;
        pure_tone(&heard)
    }
}

voice_test! {
    async fn a_guild_hears_sounds_as_loud_as_it_wants_them() {
        let stage = Stage::start().await;
        let usual = stage.heard_tone(0).await;
        stage.choose(|settings| settings.loudness = Some(Level::from_db(-26.0))).await;
        let quiet = stage.heard_tone(1).await;
        let difference = 20.0 * (usual / quiet).log10();
        assert!((difference - 10.0).abs() < 0.3, "{difference} dB");
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_volume_is_heard_and_remembered() {
        let stage = Stage::start().await;
        let set = stage.sim.slash(ADA, GUILD, "volume", &[("percent", "50")]).await.unwrap();
        assert_eq!(set.content, "all sounds play at 50 % here from now on");
        let player = stage.player().await;
        assert_eq!((player.volume.percent(), player.state), (50, State::Idle));
        for number in 0..2 {
            stage.play(ADA, "tone-opus").await;
            let heard = stage.sim.wait_utterance(GUILD, number, PATIENCE).await.unwrap();
            let level = heard.audio().level_dbfs();
            assert!((level + 24.3).abs() < 0.5, "{level} dBFS");
        }
        // While it plays, too.
        stage.play(ADA, "tone-opus").await;
        let silent = Volume::new(0).unwrap();
        stage.app.player.set_volume(&Stage::asker(ADA), silent).await.unwrap();
        stage.until_player(|player| player.playing.is_empty()).await;
        let heard = stage.sim.heard(GUILD);
        let last = heard.utterances.last().unwrap().audio();
        assert!(last.level_dbfs() < -27.0, "{} dBFS", last.level_dbfs());
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn roles_say_who_may_play() {
        let stage = Stage::start().await;
        let dj = stage.sim.add_role(GUILD, "DJ", 0).unwrap();
        let blocked = stage.sim.add_role(GUILD, "Quiet", 0).unwrap();
        stage.sim.join_voice(BEN, GUILD, LOUNGE).unwrap();
        stage.choose(move |settings| {
            settings.dj_roles = vec![RoleId::try_from(dj).unwrap()];
            settings.blocked_roles = vec![RoleId::try_from(blocked).unwrap()];
        }).await;
        let needs = "you need a DJ role to play sounds";
        for command in ["stop", "leave"] {
            assert_eq!(stage.slash(BEN, command).await.content, needs);
        }
        assert_eq!(stage.play(BEN, "tone").await.content, needs);
        stage.sim.set_roles(BEN, GUILD, &[dj]).unwrap();
        assert_eq!(stage.play(BEN, "tone-opus").await.content, "▶ **tone-opus**");
        stage.sim.set_roles(BEN, GUILD, &[dj, blocked]).unwrap();
        let may_not = "one of your roles may not play sounds";
        assert_eq!(stage.play(BEN, "tone").await.content, may_not);
        // The same over REST, where Discord is asked for the roles.
        let refused = stage.app.player.stop(&Stage::asker(BEN)).await.unwrap_err();
        assert_eq!(refused.to_string(), may_not);
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn the_bot_leaves_a_channel_in_which_it_is_alone() {
        let stage = Stage::start().await;
        stage.play(ADA, "tone-opus").await;
        stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        // Away and back before the time is over.
        stage.sim.leave_voice(ADA, GUILD).unwrap();
        stage.until(|app| !app.guilds.gateway().has_listeners(Stage::guild(), Stage::lounge())).await;
        stage.clock.advance(Duration::from_secs(50));
        stage.sim.join_voice(ADA, GUILD, LOUNGE).unwrap();
        stage.until(|app| app.guilds.gateway().has_listeners(Stage::guild(), Stage::lounge())).await;
        assert_eq!(stage.play(ADA, "tone-opus").await.content, "▶ **tone-opus**");
        stage.clock.advance(Duration::from_secs(50));
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));

        stage.choose(|settings| settings.leave_after = Some(Duration::from_secs(5))).await;
        stage.sim.leave_voice(ADA, GUILD).unwrap();
        stage.until(|app| !app.guilds.gateway().has_listeners(Stage::guild(), Stage::lounge())).await;
        stage.until_player(|player| {
            // The event reaches the player after the cache: from then on five seconds count.
            stage.clock.advance(Duration::from_secs(1));
            player.state == State::Idle
        }).await;
        assert_eq!(stage.sim.bot_voice_channel(GUILD), None);
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn any_sound_is_played_and_a_channel_joined_without_one() {
        let stage = Stage::start().await;
        assert_eq!(stage.slash(ADA, "join").await.content, "👋 joined your voice channel");
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));
        assert_eq!(stage.player().await.state, State::Ready);
        stage.add_sound("broken.mp3", b"no sound at all").await;
        for number in 1..=3 {
            let said = stage.slash(ADA, "random").await.content;
            assert!(said.starts_with("▶ **tone"), "{said}");
            assert_eq!(stage.log().await.len(), number);
        }
        stage.stop().await.shutdown().await;
    }
}
