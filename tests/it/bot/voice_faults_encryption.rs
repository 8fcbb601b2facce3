//! End-to-end encryption: the first sound after a join, and everything that can happen to the
//! group that listens.

use std::time::{Duration, Instant};

use discord_sim::{Effect, Fault, Payloads, Point, User};
use yuri::domain::player::State;

use super::stage::{ADA, BEN, GUILD, LOUNGE, PATIENCE, Stage};
use crate::support::child::voice_test;

/// As long as a busy machine may need.
const SETTLE: &str = "3000";

/// The first of the people who listen beside ada.
const CROWD: u64 = 500_000_000_000_000_001;

impl Stage {
    async fn start_settling() -> Self {
        Self::start_encrypted(&[("YURI_DISCORD__VOICE_SETTLE_MS", SETTLE)]).await
    }

    /// Lets so many more people listen in the lounge.
    async fn add_listeners(&self, so_far: u64, more: u64) {
        for number in so_far..so_far + more {
            let user = CROWD + number;
            self.sim
                .add_user(User::new(user, &format!("guest{number}")));
            self.sim.add_member(user, GUILD).unwrap();
            self.seat(user, LOUNGE).await;
        }
    }

    /// Plays a tone of two seconds, the first sound after a join: nothing of it is lost.
    async fn assert_first_sound_whole(&self, what: &str) {
        self.sim.clear_heard(GUILD);
        assert_eq!(
            self.play(ADA, "tone-opus").await.content,
            "▶ **tone-opus**",
            "{what}"
        );
        let sound = self.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        let off = sound.duration().abs_diff(Duration::from_secs(2));
        assert!(
            off <= Duration::from_millis(40),
            "{what}: {:?}",
            sound.duration()
        );
        let heard = self.sim.heard(GUILD);
        assert_eq!(
            (heard.unencrypted_frames, heard.undecryptable_frames),
            (0, 0),
            "{what}"
        );
        assert_eq!(
            heard.encrypted_frames,
            heard.packets - heard.silence_frames,
            "{what}"
        );
        self.slash(ADA, "leave").await;
    }
}

voice_test! {
    async fn nothing_of_the_first_sound_is_lost_however_many_listen() {
        let stage = Stage::start_settling().await;
        let mut listeners = 1;
        for more in [0, 1, 8] {
            stage.add_listeners(listeners, more).await;
            listeners += more;
            stage.assert_first_sound_whole(&format!("{listeners} listeners")).await;
        }
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn nothing_of_the_first_sound_is_lost_to_a_slow_listener() {
        let stage = Stage::start_settling().await;
        // What the group answers to the bot's key takes a second each time.
        for op in [27, 29, 30, 22] {
            let slow = Effect::Delay(Duration::from_millis(500).into());
            stage.sim.fault(Fault::on(Point::Sent(Payloads::voice().op(op)), slow)).unwrap();
        }
        stage.assert_first_sound_whole("slow").await;
        let struck: u64 = stage.sim.faults().iter().map(|fault| fault.struck).sum();
        assert!(struck >= 2, "{struck}");
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn whoever_comes_goes_or_begins_anew_stops_nothing() {
        let stage = Stage::start_settling().await;
        stage.add_tones().await;
        stage.play_long().await;
        assert!(stage.sim.wait_bot_encrypted(GUILD, PATIENCE).await);
        let more = async |what: &str| {
            let before = stage.sim.heard(GUILD).packets;
            assert!(stage.sim.wait_packets(GUILD, before + 50, PATIENCE).await, "{what}");
            assert_eq!(stage.player().await.state, State::Playing, "{what}");
        };
        stage.seat(BEN, LOUNGE).await;
        more("somebody came").await;
        stage.sim.leave_voice(BEN, GUILD).unwrap();
        more("somebody left").await;
        assert_eq!(stage.sim.heard(GUILD).undecryptable_frames, 0);
        let transitions = stage.sim.dave_group(GUILD).unwrap().transitions;
        stage.sim.restart_dave(GUILD).unwrap();
        let again = stage.sim.wait_dave_group(GUILD, PATIENCE, |group| {
            group.is_settled && group.transitions > transitions
        });
        assert!(again.await);
        more("a new group").await;
        stage.slash(ADA, "leave").await;
        stage.assert_first_sound_whole("afterwards").await;
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_group_that_does_not_come_about_holds_nobody_up() {
        // Nobody is waited for: it would be in vain.
        let stage = Stage::start_encrypted(&[]).await;
        stage.add_tones().await;
        let lost = |op| (op, Effect::Swallow);
        let downgrade = Effect::Set {
            pointer: "/dave_protocol_version".to_owned(),
            value: 0.into(),
        };
        let broken = [
            lost(25), lost(27), lost(30), lost(29), lost(22), lost(11),
            (30, Effect::Garble), (29, Effect::Garble), (4, downgrade),
        ];
        for (op, effect) in broken {
            let what = format!("{op} {effect:?}");
            let point = Point::Sent(Payloads::voice().op(op));
            let fault = stage.sim.fault(Fault::on(point, effect)).unwrap();
            let begun = Instant::now();
            assert_eq!(stage.play(ADA, "high").await.content, "▶ **high**", "{what}");
            assert!(begun.elapsed() < Duration::from_secs(5), "{what}: {:?}", begun.elapsed());
            stage.until_player(|player| player.playing.is_empty()).await;
            assert_eq!(stage.player().await.state, State::Ready, "{what}");
            stage.sim.remove_fault(fault);
            stage.slash(ADA, "leave").await;
        }
        // The next connection has a group of its own.
        stage.slash(ADA, "join").await;
        assert!(stage.sim.wait_bot_encrypted(GUILD, PATIENCE).await);
        stage.assert_first_sound_whole("afterwards").await;
        stage.stop().await.shutdown().await;
    }
}
