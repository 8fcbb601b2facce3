//! Voice connections that the server ends or that break, while the bot is silent and while it
//! plays.

use std::time::{Duration, Instant};

use discord_sim::{Cut, Effect, Fault, FaultId, Payloads, Point, VoiceEnd};
use yuri::domain::player::State;
use yuri::domain::settings::Mode;

use super::stage::{ADA, GUILD, LOUNGE, PATIENCE, Stage};
use super::voice_faults::{SOON, Tally};
use crate::support::child::voice_test;

/// How soon sound is heard again. Security 3.1.
const RESUMED: Duration = Duration::from_secs(5);

const CLOSED: &str = "discord closed the voice connection, try again";
const REMOVED: u16 = 4_014;
const TERMINATED: u16 = 4_022;

fn end(code: u16) -> VoiceEnd {
    VoiceEnd::Close(code, "".into())
}

impl Stage {
    fn end_voice(&self, end: VoiceEnd) {
        self.sim.end_voice_connection(GUILD, end).unwrap();
    }

    /// Waits until so many more packets are heard; how long that took.
    async fn until_more(&self, more: usize) -> Duration {
        let begun = Instant::now();
        let before = self.sim.heard(GUILD).packets;
        assert!(self.sim.wait_packets(GUILD, before + more, PATIENCE).await);
        begun.elapsed()
    }

    /// Plays `long` with `high` behind it in the queue.
    async fn play_with_a_queue(&self) {
        self.play_long().await;
        assert!(self.play(ADA, "high").await.content.starts_with('⏳'));
    }

    /// Waits until nothing of the queue is left.
    async fn until_silent(&self) {
        let is_silent = |state| !matches!(state, State::Joining | State::Securing);
        self.until_player(|player| {
            player.playing.is_empty() && player.queue.is_empty() && is_silent(player.state)
        })
        .await;
    }
}

voice_test! {
    async fn a_silent_connection_that_ends_for_good_is_left_with_its_reason() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        let encryption = "discord demands encryption that this version does not have";
        let limited = "discord limits voice connections, try again later";
        for (code, state, reason) in [
            (REMOVED, State::Idle, None),
            (TERMINATED, State::Idle, None),
            (4_006, State::Lost, Some(CLOSED)),
            (4_017, State::Refused, Some(encryption)),
            (4_021, State::Refused, Some(limited)),
        ] {
            stage.slash(ADA, "join").await;
            let tally = Tally::begin(&stage.sim);
            stage.end_voice(end(code));
            let took = stage.until_out().await;
            assert!(took < SOON, "{code}: {took:?}");
            let player = stage.player().await;
            assert_eq!((player.state, player.reason), (state, reason), "{code}");
            assert_eq!((tally.connections(), tally.requests()), (0, 1), "{code}");
            stage.hear_high_alone(ADA).await;
            assert_eq!(stage.player().await.reason, None);
            stage.slash(ADA, "leave").await;
        }
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_queue_ends_with_a_connection_that_was_ended_on_purpose() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        stage.choose(|settings| settings.mode = Mode::Queue).await;
        for code in [REMOVED, 4_017, 4_021, TERMINATED] {
            stage.play_with_a_queue().await;
            let tally = Tally::begin(&stage.sim);
            stage.end_voice(end(code));
            let took = stage.until_out().await;
            assert!(took < SOON, "{code}: {took:?}");
            let player = stage.player().await;
            assert!(player.playing.is_empty() && player.queue.is_empty(), "{code}");
            assert_eq!((tally.connections(), tally.requests()), (0, 1), "{code}");
            // Nothing of the sounds before comes after the next join.
            stage.hear_high_alone(ADA).await;
            stage.slash(ADA, "leave").await;
        }
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn what_can_be_resumed_is_and_nothing_of_the_sound_is_lost() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        stage.slash(ADA, "join").await;
        for is_playing in [false, true] {
            if is_playing {
                stage.play_long().await;
            }
            let tally = Tally::begin(&stage.sim);
            let ends = [
                end(4_009),
                end(4_015),
                end(1_001),
                VoiceEnd::CloseWithoutCode,
                VoiceEnd::Drop,
            ];
            for (number, end) in (1..).zip(ends) {
                stage.end_voice(end.clone());
                stage.until(|_| tally.connections() == number).await;
                if is_playing {
                    let took = stage.until_more(20).await;
                    assert!(took < RESUMED, "{end:?}: {took:?}");
                } else {
                    assert!(stage.sim.wait_bot_in_voice(GUILD, Some(LOUNGE), PATIENCE).await);
                }
                let expected = if is_playing { State::Playing } else { State::Ready };
                let player = stage.player().await;
                assert_eq!((player.state, player.reason), (expected, None), "{end:?}");
            }
            assert_eq!(tally.requests(), 0);
        }
        let heard = stage.sim.heard(GUILD);
        let frames: Vec<_> = heard.utterances.iter().flat_map(|it| &it.frames).collect();
        assert!(frames.windows(2).all(|it| it[1].sequence == it[0].sequence.wrapping_add(1)));
        stage.silence().await;
        stage.hear_high_alone(ADA).await;
        stage.stop().await.shutdown().await;
    }
}

impl Stage {
    /// What answers nothing from now on: the voice server, once the bot has connected again.
    fn stall(&self, op: u64) -> FaultId {
        let hello = Point::Sent(Payloads::voice().op(op));
        self.sim.fault(Fault::on(hello, Effect::Swallow)).unwrap()
    }
}

voice_test! {
    async fn a_lost_connection_takes_the_sound_with_it_and_keeps_the_queue() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        stage.choose(|settings| settings.mode = Mode::Queue).await;
        stage.play_with_a_queue().await;
        stage.sim.clear_heard(GUILD);
        let tally = Tally::begin(&stage.sim);
        let begun = Instant::now();
        stage.end_voice(end(4_006));
        stage.until_player(|player| player.playing.iter().any(|now| now.sound == "high")).await;
        assert!(begun.elapsed() < RESUMED, "{:?}", begun.elapsed());
        stage.until_silent().await;
        let player = stage.player().await;
        assert_eq!((player.state, player.reason), (State::Ready, None));
        // Out, in and deaf.
        assert_eq!((tally.connections(), tally.requests()), (1, 3));
        let heard = stage.sim.heard(GUILD);
        super::voice_faults::assert_high_alone(heard.utterances.last().unwrap());
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_connection_that_ends_again_and_again_is_given_up() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        stage.choose(|settings| settings.mode = Mode::Queue).await;
        let tally = Tally::begin(&stage.sim);
        for minute in 0..2 {
            stage.play_long().await;
            for _ in 0..7 {
                stage.play(ADA, "long").await;
            }
            let before = tally.connections();
            for left in (2..=6).rev() {
                let heard = stage.sim.heard(GUILD).packets;
                stage.end_voice(end(4_006));
                stage.until_player(|player| player.queue.len() == left && player.state == State::Playing).await;
                assert!(stage.sim.wait_packets(GUILD, heard + 5, PATIENCE).await);
                stage.clock.advance(Duration::from_secs(60));
            }
            stage.end_voice(end(4_006));
            stage.until_out().await;
            let player = stage.player().await;
            assert_eq!((player.state, player.reason), (State::Lost, Some(CLOSED)), "{minute}");
            assert!(player.queue.is_empty());
            assert_eq!(tally.connections() - before, 5);
            // A play is asked for, and always has its chance; restores again after ten minutes.
            stage.clock.advance(Duration::from_secs(600));
        }
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_connection_that_cannot_be_resumed_is_made_anew_or_given_up() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        stage.choose(|settings| settings.mode = Mode::Queue).await;
        // The voice server says that the session is void when the bot comes to resume it.
        stage.play_long().await;
        let resume = Point::Received(Payloads::voice().op(7));
        let void = Fault::on(resume.clone(), Effect::Close(Some(4_006))).times(1);
        stage.sim.fault(void).unwrap();
        stage.end_voice(VoiceEnd::Drop);
        stage.until(|_| stage.sim.faults().iter().all(|fault| fault.struck == 1)).await;
        assert!(stage.until_more(20).await < RESUMED);
        assert_eq!(stage.player().await.state, State::Playing);
        // It does not say anything any more.
        stage.sim.clear_faults();
        let mute = stage.stall(8);
        stage.end_voice(VoiceEnd::Drop);
        assert!(stage.sim.wait_fault(mute, 1, PATIENCE).await);
        stage.until_out().await;
        let player = stage.player().await;
        assert_eq!(player.state, State::Lost);
        assert_eq!(player.reason, Some("the voice connection broke, try again"));
        stage.sim.clear_faults();
        stage.hear_high_alone(ADA).await;
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_connection_that_falls_silent_holds_nobody_up() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        stage.play_long().await;
        // Nothing is said any more on the control connection, and nobody is told.
        let speaking = Point::Received(Payloads::voice());
        for how in [Cut::HalfOpen, Cut::HalfClose] {
            let cut = Fault::on(speaking.clone(), Effect::Cut(how)).times(1);
            let cut = stage.sim.fault(cut).unwrap();
            stage.silence().await;
            assert_eq!(stage.play(ADA, "long").await.content, "▶ **long**");
            assert!(stage.sim.wait_fault(cut, 1, PATIENCE).await);
            let took = stage.until_more(20).await;
            assert!(took < RESUMED, "{how:?}: {took:?}");
            let begun = Instant::now();
            stage.slash(ADA, "leave").await;
            assert!(stage.sim.wait_bot_out_of_voice(GUILD, PATIENCE).await);
            assert!(begun.elapsed() < SOON * 2, "{how:?}: {:?}", begun.elapsed());
            stage.hear_high_alone(ADA).await;
        }
        stage.stop().await.shutdown().await;
    }
}
