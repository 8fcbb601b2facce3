//! Impatient users: everything at once, and in the middle of something else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use discord_sim::{Effect, Fault, FaultId, Payloads, Point, Server};
use tokio::task::JoinHandle;
use yuri::domain::player::State;
use yuri::error::Error;
use yuri::ids::ChannelId;

use super::stage::{ADA, BEN, GUILD, LOUNGE, PATIENCE, STUDIO, Stage};
use super::voice_faults::Tally;
use crate::support::child::voice_test;

/// How long a connection takes to be made where a test looks what happens meanwhile.
const SLOW: Duration = Duration::from_secs(2);
/// The longest that anybody waits for an answer, with all of it going on at once.
const ANSWERED: Duration = Duration::from_secs(30);
/// The same where nothing has to be waited for.
const AT_ONCE: Duration = Duration::from_millis(500);

type Answer = (Result<(), Error>, Duration);

#[derive(Debug, Clone, Copy)]
enum Wish {
    Play,
    Join,
    Stop,
    Leave,
}

impl Stage {
    /// Somebody wants something of the player, as a request does.
    fn wish(&self, user: u64, wish: Wish) -> JoinHandle<Answer> {
        let player = Arc::clone(&self.app.player);
        tokio::spawn(async move {
            let asker = Self::asker(user);
            let begun = Instant::now();
            let answer = match wish {
                Wish::Play => player
                    .play(asker, "somebody".to_owned(), "high")
                    .await
                    .map(drop),
                Wish::Join => player.join(&asker).await.map(drop),
                Wish::Stop => player.stop(&asker).await.map(drop),
                Wish::Leave => player.leave(&asker).await.map(drop),
            };
            (answer, begun.elapsed())
        })
    }

    /// The voice server takes its time with the next connection.
    fn slow_down(&self) -> FaultId {
        let slow = Fault::on(Server::Voice, Effect::Delay(SLOW.into())).times(1);
        self.sim.fault(slow).unwrap()
    }

    /// What the player says is what Discord sees.
    async fn assert_true(&self) {
        let player = self.player().await;
        let channel = self.sim.bot_voice_channel(GUILD);
        assert_eq!(player.channel.map(ChannelId::get), channel);
        let is_out = matches!(player.state, State::Idle | State::Lost | State::Refused);
        assert_eq!(is_out, channel.is_none(), "{:?}", player.state);
        assert!(player.queue.is_empty());
    }
}

voice_test! {
    async fn fifty_at_once_are_all_answered_and_what_comes_of_it_is_true() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        stage.seat(BEN, STUDIO).await;
        // The sound is made ready before, which takes its time.
        stage.hear_high_alone(ADA).await;
        let tally = Tally::begin(&stage.sim);
        let wishes = [Wish::Play, Wish::Join, Wish::Play, Wish::Stop, Wish::Leave];
        let all: Vec<_> = (0..50)
            .map(|number| stage.wish([ADA, BEN][number / 5 % 2], wishes[number % 5]))
            .collect();
        let mut done = 0;
        for wish in all {
            let (answer, took) = wish.await.unwrap();
            assert!(took < ANSWERED, "{took:?}");
            match answer {
                Ok(()) => done += 1,
                // Another was quicker, or somebody wanted something else.
                Err(Error::Conflict(_)) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert!(done >= 20, "{done}");
        stage.until_player(|player| player.playing.is_empty() && player.state != State::Joining).await;
        stage.assert_true().await;
        // Nobody has been joined for more than once: twenty plays, ten joins, ten leaves.
        let (connections, requests) = (tally.connections(), tally.requests());
        assert!(connections <= 10 && requests <= 30, "{connections} and {requests}");
        stage.hear_high_alone(BEN).await;
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(STUDIO));
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_stop_during_a_join_is_answered_at_once_and_so_is_the_play() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        let slow = stage.slow_down();
        let play = stage.wish(ADA, Wish::Play);
        assert!(stage.sim.wait_fault(slow, 1, PATIENCE).await);
        assert_eq!(stage.player().await.state, State::Joining);
        let begun = Instant::now();
        let (stopped, took) = stage.wish(ADA, Wish::Stop).await.unwrap();
        assert!(stopped.is_ok() && took < AT_ONCE, "{stopped:?} {took:?}");
        let (played, _) = play.await.unwrap();
        let Err(Error::Conflict(told)) = played else {
            panic!("{played:?}");
        };
        assert_eq!(told, "it was stopped before it began");
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
        // The bot comes all the same, and stays.
        stage.until_player(|player| player.state == State::Ready).await;
        stage.assert_true().await;
        assert!(stage.log().await.is_empty());
        assert_eq!(stage.sim.heard(GUILD).packets, 0);
        stage.hear_high_alone(ADA).await;
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_leave_during_a_join_has_the_last_word() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        for wish in [Wish::Play, Wish::Join] {
            let tally = Tally::begin(&stage.sim);
            let slow = stage.slow_down();
            let before = stage.wish(ADA, wish);
            assert!(stage.sim.wait_fault(slow, 1, PATIENCE).await);
            let (left, took) = stage.wish(ADA, Wish::Leave).await.unwrap();
            assert!(left.is_ok() && took < 3 * SLOW, "{left:?} {took:?}");
            assert_eq!(stage.player().await.state, State::Idle);
            stage.assert_true().await;
            let (answer, _) = before.await.unwrap();
            assert_eq!(answer.is_ok(), matches!(wish, Wish::Join), "{answer:?}");
            assert_eq!((tally.connections(), tally.requests()), (1, 3), "{wish:?}");
            assert!(stage.log().await.is_empty());
        }
        stage.hear_high_alone(ADA).await;
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_play_during_a_leave_brings_the_bot_back() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        stage.hear_high_alone(ADA).await;
        let tally = Tally::begin(&stage.sim);
        let states = Point::Sent(Payloads::gateway().event("VOICE_STATE_UPDATE"));
        let late = Effect::Delay(Duration::from_secs(1).into());
        let late = stage.sim.fault(Fault::on(states, late).times(1)).unwrap();
        let leave = stage.wish(ADA, Wish::Leave);
        assert!(stage.sim.wait_fault(late, 1, PATIENCE).await);
        let (played, took) = stage.wish(ADA, Wish::Play).await.unwrap();
        assert!(played.is_ok() && took < ANSWERED, "{played:?} {took:?}");
        assert!(leave.await.unwrap().0.is_ok());
        stage.until_player(|player| player.state == State::Ready).await;
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));
        assert_eq!((tally.connections(), tally.requests()), (1, 3));
        stage.stop().await.shutdown().await;
    }
}
