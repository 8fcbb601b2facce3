//! Voice servers that change or do not answer, and packets that do not arrive.

use std::time::{Duration, Instant};

use discord_sim::{Effect, Fault, FaultId, Latency, PacketKind, Packets, Payloads, Point};
use yuri::domain::player::{Player, State};
use yuri::error::Error;

use super::stage::{ADA, GUILD, LOUNGE, PATIENCE, Stage};
use super::voice_faults::Tally;
use crate::support::child::voice_test;

/// The longest that anybody waits for an answer about voice.
const ANSWERED: Duration = Duration::from_secs(15);

impl Stage {
    fn strike(&self, on: impl Into<Point>, effect: Effect) -> FaultId {
        self.sim.fault(Fault::on(on, effect)).unwrap()
    }

    /// Asks for `high` as a request does; the answer and how long it took.
    async fn ask_for_high(&self) -> (Result<(), Error>, Duration) {
        let player: &Player = &self.app.player;
        let begun = Instant::now();
        let play = player
            .play(Self::asker(ADA), "ada".to_owned(), "high")
            .await;
        (play.map(drop), begun.elapsed())
    }
}

voice_test! {
    async fn a_sound_goes_along_to_another_voice_server() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        stage.play_long().await;
        let tally = Tally::begin(&stage.sim);
        // Told once, told twice, and told that there is none before there is one.
        let update = Payloads::gateway().event("VOICE_SERVER_UPDATE");
        for number in 1..=3 {
            if number == 2 {
                let twice = Fault::on(Point::Sent(update.clone()), Effect::Duplicate).times(1);
                stage.sim.fault(twice).unwrap();
            }
            if number == 3 {
                let nowhere = Effect::Set { pointer: "/endpoint".to_owned(), value: serde_json::Value::Null };
                let nowhere = Fault::on(Point::Sent(update.clone()), nowhere).times(1);
                let nowhere = stage.sim.fault(nowhere).unwrap();
                stage.sim.move_voice_server(GUILD).unwrap();
                assert!(stage.sim.wait_fault(nowhere, 1, PATIENCE).await);
            }
            stage.sim.clear_heard(GUILD);
            let begun = Instant::now();
            stage.sim.move_voice_server(GUILD).unwrap();
            stage.until(|_| tally.connections() == number).await;
            let heard = stage.sim.heard(GUILD).packets;
            assert!(stage.sim.wait_packets(GUILD, heard + 20, PATIENCE).await);
            assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
            let player = stage.player().await;
            assert_eq!((player.state, player.playing.len()), (State::Playing, 1));
        }
        assert_eq!((tally.connections(), tally.requests()), (3, 0));
        stage.silence().await;
        stage.hear_high_alone(ADA).await;
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_voice_server_that_is_taken_away_ends_the_call() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        stage.play_long().await;
        let tally = Tally::begin(&stage.sim);
        stage.sim.withdraw_voice_server(GUILD).unwrap();
        stage.until_out().await;
        let player = stage.player().await;
        assert_eq!((player.state, player.playing.len()), (State::Idle, 0));
        assert_eq!((tally.connections(), tally.requests()), (0, 1));
        stage.hear_high_alone(ADA).await;
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn lost_late_and_reordered_packets_hold_nobody_up() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        let audio = Packets::received().kind(PacketKind::Audio);
        let late = Latency::uniform(Duration::ZERO, Duration::from_millis(100));
        for effect in [Effect::Swallow, Effect::Delay(late), Effect::Duplicate, Effect::Garble] {
            let bad = Fault::on(audio.clone(), effect.clone()).probability(0.3);
            let bad = stage.sim.fault(bad).unwrap();
            let begun = Instant::now();
            assert_eq!(stage.play(ADA, "tone.wav").await.content, "▶ **tone**", "{effect:?}");
            stage.until_player(|player| player.playing.is_empty()).await;
            assert!(begun.elapsed() < Duration::from_secs(6), "{effect:?}: {:?}", begun.elapsed());
            assert_eq!(stage.player().await.state, State::Ready);
            assert!(stage.sim.remove_fault(bad).unwrap().struck > 10);
        }
        // Nothing arrives for a while: what is played meanwhile is not heard, and what is played
        // afterwards is.
        stage.play_long().await;
        let hole = stage.strike(Packets::all(), Effect::Swallow);
        assert!(stage.sim.wait_fault(hole, 50, PATIENCE).await);
        let before = stage.sim.heard(GUILD).packets;
        assert_eq!(stage.player().await.state, State::Playing);
        stage.sim.remove_fault(hole);
        assert!(stage.sim.wait_packets(GUILD, before + 20, Duration::from_secs(5)).await);
        stage.silence().await;
        stage.hear_high_alone(ADA).await;
        stage.stop().await.shutdown().await;
    }
}

/// Joins while something is not said, and again once it is.
async fn join_unanswered(silent: &[(&str, Point)]) {
    let stage = Stage::start().await;
    stage.add_tones().await;
    for (what, point) in silent {
        let tally = Tally::begin(&stage.sim);
        let fault = stage.strike(point.clone(), Effect::Swallow);
        let (answer, took) = stage.ask_for_high().await;
        let Err(Error::UpstreamTimeout(reason)) = answer else {
            panic!("{what}: {answer:?}");
        };
        assert_eq!(
            reason,
            "discord did not answer the voice connection, try again"
        );
        assert!(took < ANSWERED, "{what}: {took:?}");
        let player = stage.player().await;
        let expected = (State::Lost, Some(reason));
        assert_eq!((player.state, player.reason), expected, "{what}");
        assert!(tally.connections() <= 2, "{what}: {}", tally.connections());
        stage.sim.remove_fault(fault);
        let begun = Instant::now();
        stage.hear_high_alone(ADA).await;
        assert!(begun.elapsed() < ANSWERED, "{what}: {:?}", begun.elapsed());
        let channel = stage.sim.bot_voice_channel(GUILD);
        assert_eq!(channel, Some(LOUNGE), "{what}");
        stage.slash(ADA, "leave").await;
    }
    stage.stop().await.shutdown().await;
}

voice_test! {
    async fn a_join_that_the_gateway_does_not_answer_ends_in_time_and_the_next_works() {
        let voice_server = Payloads::gateway().event("VOICE_SERVER_UPDATE");
        join_unanswered(&[
            ("not heeded", Point::Received(Payloads::gateway().op(4))),
            ("no voice server", Point::Sent(voice_server)),
        ]).await;
    }
}

voice_test! {
    async fn a_join_that_the_voice_server_does_not_answer_ends_in_time_and_the_next_works() {
        join_unanswered(&[
            ("no hello", Point::Sent(Payloads::voice().op(8))),
            ("not ready", Point::Sent(Payloads::voice().op(2))),
        ]).await;
    }
}

voice_test! {
    async fn a_join_without_a_way_for_packets_or_a_key_ends_in_time_and_the_next_works() {
        let discovery = Packets::all().kind(PacketKind::Discovery);
        join_unanswered(&[
            ("no way for packets", Point::Packet(discovery)),
            ("no key", Point::Sent(Payloads::voice().op(4))),
        ]).await;
    }
}

voice_test! {
    async fn a_join_that_is_answered_too_late_leaves_the_bot_nowhere() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        let states = Payloads::gateway().event("VOICE_STATE_UPDATE");
        let late = Effect::Delay(Duration::from_secs(7).into());
        let late = Fault::on(Point::Sent(states), late).times(1);
        stage.sim.fault(late).unwrap();
        let (answer, took) = stage.ask_for_high().await;
        assert!(matches!(answer, Err(Error::UpstreamTimeout(_))), "{answer:?}");
        assert!(took < ANSWERED, "{took:?}");
        // The answer to it and to the leave behind it are still on their way.
        assert!(stage.sim.wait_bot_out_of_voice(GUILD, PATIENCE).await);
        stage.hear_high_alone(ADA).await;
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));
        assert_eq!(stage.player().await.state, State::Ready);
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_join_that_is_refused_says_why_and_is_not_tried_for_ever() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        let encryption = "discord demands encryption that this version does not have";
        let refused = "discord refused the voice connection";
        for (code, expected) in [(4_017, encryption), (4_006, refused), (4_004, refused)] {
            let tally = Tally::begin(&stage.sim);
            let identify = Point::Received(Payloads::voice().op(0));
            let fault = stage.strike(identify, Effect::Close(Some(code)));
            let (answer, took) = stage.ask_for_high().await;
            let Err(Error::Upstream(reason, _)) = answer else {
                panic!("{code}: {answer:?}");
            };
            assert_eq!(reason, expected);
            assert!(took < Duration::from_secs(5), "{code}: {took:?}");
            let player = stage.player().await;
            assert_eq!((player.state, player.reason), (State::Refused, Some(expected)), "{code}");
            assert_eq!(stage.sim.bot_voice_channel(GUILD), None, "{code}");
            stage.sim.remove_fault(fault);
            assert!(tally.connections() <= 2, "{code}: {}", tally.connections());
            stage.hear_high_alone(ADA).await;
            stage.slash(ADA, "leave").await;
        }
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_leave_that_is_not_heeded_is_asked_for_again() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        stage.slash(ADA, "join").await;
        let request = Point::Received(Payloads::gateway().op(4));
        stage.sim.fault(Fault::on(request, Effect::Swallow).times(1)).unwrap();
        stage.slash(ADA, "leave").await;
        assert_eq!(stage.sim.bot_voice_channel(GUILD), None);
        assert_eq!(stage.player().await.state, State::Idle);
        stage.hear_high_alone(ADA).await;
        stage.stop().await.shutdown().await;
    }
}
