//! A connection to the gateway that is lost is resumed, however it was lost; nobody hears it.

use std::time::Duration;

use discord_sim::{GatewayLimits, Interruption, LoginRefusal};
use yuri::domain::player::State;
use yuri::ids::{ChannelId, GuildId};

use super::installation::{Installation, Started, count};
use super::stage::{ADA, BEN, GUILD, PATIENCE, STUDIO, Stage};
use crate::support::child::voice_test;

const ENDS: [Interruption; 8] = [
    Interruption::Close(Some(4000)),
    Interruption::Close(Some(1000)),
    Interruption::Close(Some(1001)),
    Interruption::Close(None),
    Interruption::Reconnect,
    Interruption::InvalidSession { resumable: true },
    Interruption::Drop,
    Interruption::HangUp,
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_the_line_the_session_is_resumed() {
    let stage = Stage::start().await;
    let (identifies, resumes) = (count(&stage.sim, 2), count(&stage.sim, 6));
    let met = |fault| {
        let mut reports = stage.sim.faults().into_iter();
        reports.find(|report| report.id == fault).unwrap().met
    };
    let guild = GuildId::try_from(GUILD).unwrap();
    let studio = ChannelId::try_from(STUDIO).unwrap();
    for (before, end) in (0..).zip(ENDS) {
        assert_eq!(stage.sim.interrupt_gateway(None, end), 1, "{end:?}");
        // Missed, or not: it is known afterwards.
        stage.sim.join_voice(BEN, GUILD, STUDIO).unwrap();
        stage.until(|_| met(resumes) == before + 1).await;
        stage
            .until(|app| app.guilds.gateway().has_listeners(guild, studio))
            .await;
        stage.until(|app| app.guilds.gateway().is_connected()).await;
        stage.sim.leave_voice(BEN, GUILD).unwrap();
        stage
            .until(|app| !app.guilds.gateway().has_listeners(guild, studio))
            .await;
        assert_eq!(met(identifies), 0, "{end:?}");
    }
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_on_which_nothing_is_answered_is_given_up() {
    let house = Installation::with(GatewayLimits {
        // serenity itself gives up after two of them, of real time.
        heartbeat_interval: Duration::from_secs(3),
        ..GatewayLimits::default()
    })
    .await;
    let started = house.start().await;
    started.until(Started::is_connected).await;
    house.sim.interrupt_gateway(None, Interruption::HalfOpen);
    let lost = house.clock.monotonic();
    let by_hand = tokio::time::timeout(PATIENCE, async {
        while house.resumes() == 0 {
            house.clock.advance(Duration::from_millis(100));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    by_hand.await.expect("a resume");
    // Not before it had had its time.
    assert!(house.clock.monotonic() - lost >= Duration::from_secs(10));
    started.until(Started::is_connected).await;
    assert_eq!(house.identifies(), 1);
    started.stop().await;
    house.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_that_is_not_answered_is_tried_again() {
    let house = Installation::new().await;
    let started = house.start().await;
    started.until(Started::is_connected).await;
    house.sim.refuse_logins(1, LoginRefusal::Silence);
    house.sim.interrupt_gateway(None, Interruption::Close(None));
    started.until(|_| house.resumes() == 1).await;
    started.until(|started| !started.is_connected()).await;
    started.stays(|_| house.resumes() == 1).await;
    house.advance(Duration::from_secs(20));
    started.until(Started::is_connected).await;
    assert_eq!((house.identifies(), house.resumes()), (1, 2));
    started.stop().await;
    house.sim.shutdown().await;
}

voice_test! {
    async fn nobody_hears_that_the_line_was_lost() {
        let stage = Stage::start().await;
        stage.play(ADA, "tone.flac").await;
        stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        for (number, end) in (1..).zip([
            Interruption::Close(None),
            Interruption::Drop,
            Interruption::Reconnect,
        ]) {
            let heard = stage.sim.heard(GUILD).packets;
            stage.play(ADA, "tone.flac").await;
            assert!(stage.sim.wait_packets(GUILD, heard + 20, PATIENCE).await);
            let resumes = count(&stage.sim, 6);
            stage.sim.interrupt_gateway(None, end);
            let heard = stage.sim.wait_utterance(GUILD, number, PATIENCE).await.unwrap();
            assert_eq!((heard.sequence_breaks(), heard.timestamp_breaks()), (0, 0), "{end:?}");
            let length = heard.duration();
            assert!(length.abs_diff(Duration::from_secs(2)) < Duration::from_millis(60), "{length:?}");
            let reports = stage.sim.faults();
            let again = reports.iter().find(|report| report.id == resumes).unwrap();
            assert_eq!(again.met, 1, "{end:?}");
        }
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_session_that_is_over_ends_what_plays_and_the_next_plays_again() {
        let stage = Stage::start().await;
        stage.play(ADA, "tone.flac").await;
        assert!(stage.sim.wait_packets(GUILD, 10, PATIENCE).await);
        let over = Interruption::InvalidSession { resumable: false };
        stage.sim.interrupt_gateway(None, over);
        stage.until(|app| !app.guilds.gateway().is_connected()).await;
        let waited = tokio::time::timeout(PATIENCE, async {
            while !stage.app.guilds.gateway().is_connected() {
                stage.sim.advance_clock(Duration::from_secs(1));
                stage.clock.advance(Duration::from_secs(1));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.expect("a new session");
        stage.until_player(|player| player.state != State::Playing).await;
        let heard = stage.sim.heard(GUILD).utterances.len();
        let reply = stage.play(ADA, "tone.flac").await;
        assert_eq!(reply.content, "▶ **tone**");
        assert!(stage.sim.wait_utterance(GUILD, heard, PATIENCE).await.is_some());
        stage.stop().await.shutdown().await;
    }
}
