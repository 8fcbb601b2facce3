//! What people do to a bot in voice: throw it out, move it, delete its channel. And what all tests
//! of voice that goes wrong share.

use std::time::{Duration, Instant};

use discord_sim::{
    Channel, ChannelKind, Effect, Fault, FaultId, Heard, Payloads, Point, Server, Sim, Utterance,
};
use yuri::app::App;
use yuri::domain::player::State;
use yuri::domain::settings::Mode;
use yuri::ids::{ChannelId, UserId};

use super::stage::{ADA, BEN, BOT, GUILD, LOUNGE, PATIENCE, STUDIO, Stage};
use crate::audio::strength;
use crate::support::child::voice_test;

/// How soon what has become of a connection shows. Security 3.1.
pub(super) const SOON: Duration = Duration::from_secs(2);

/// Counts what the bot asks the simulated Discord for.
pub(super) struct Tally {
    sim: Sim,
    requests: FaultId,
    connections: FaultId,
}

impl Tally {
    /// Counts from now on.
    pub(super) fn begin(sim: &Sim) -> Self {
        let count = |point: Point| {
            let never = Fault::on(point, Effect::Delay(Duration::ZERO.into()));
            sim.fault(never.probability(0.0)).unwrap()
        };
        let request = Point::Received(Payloads::gateway().op(4));
        let never = Fault::on(request, Effect::Swallow).probability(0.0);
        Self {
            sim: sim.clone(),
            requests: sim.fault(never).unwrap(),
            connections: count(Point::Connection(Server::Voice)),
        }
    }

    fn met(&self, fault: FaultId) -> u64 {
        let reports = self.sim.faults();
        let report = reports.iter().find(|report| report.id == fault);
        report.expect("the fault is there").met
    }

    /// How often the bot has asked to be let into a channel or out of one, or has deafened itself.
    pub(super) fn requests(&self) -> u64 {
        self.met(self.requests)
    }

    /// How often it has connected to a voice server.
    pub(super) fn connections(&self) -> u64 {
        self.met(self.connections)
    }
}

/// A sine of so many hertz as a WAV file.
pub(super) fn sine(hertz: u32, length: Duration) -> Vec<u8> {
    const RATE: u32 = 48_000;
    let count = u32::try_from(length.as_millis()).unwrap() * (RATE / 1_000);
    let samples = (0..count).flat_map(|at| {
        let turns = f64::from(at) * f64::from(hertz) / f64::from(RATE);
        #[expect(clippy::cast_possible_truncation, reason = "far below the largest")]
        let sample = ((turns * std::f64::consts::TAU).sin() * 8_000.0) as i16;
        sample.to_le_bytes()
    });
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + count * 2).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(RATE.to_le_bytes());
    wav.extend((RATE * 2).to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend((count * 2).to_le_bytes());
    wav.extend(samples);
    wav
}

impl Stage {
    /// Adds `long`, a tone of 440 Hz that lasts longer than any test wants to hear it, and `high`,
    /// half a second of 1 kHz.
    pub(super) async fn add_tones(&self) {
        let long = sine(440, Duration::from_secs(30));
        self.add_sound("long.wav", &long).await;
        let high = sine(1_000, Duration::from_millis(500));
        self.add_sound("high.wav", &high).await;
    }

    /// Plays `long` and waits until some of it has been heard.
    pub(super) async fn play_long(&self) {
        self.sim.clear_heard(GUILD);
        assert_eq!(self.play(ADA, "long").await.content, "▶ **long**");
        assert!(self.sim.wait_packets(GUILD, 5, PATIENCE).await);
    }

    /// Adds a voice channel and waits until the application knows of it; its id.
    pub(super) async fn add_channel(&self, name: &str) -> u64 {
        let channel = Channel::new(0, name, ChannelKind::Voice);
        let id = self.sim.add_channel(GUILD, channel).unwrap();
        let channel = ChannelId::try_from(id).unwrap();
        let knows = |app: &App| {
            let gateway = app.guilds.gateway();
            gateway.may_speak(Self::guild(), channel).is_ok()
        };
        self.until(knows).await;
        id
    }

    /// Somebody goes into a channel; waits until the application knows.
    pub(super) async fn seat(&self, user: u64, channel: u64) {
        self.sim.join_voice(user, GUILD, channel).unwrap();
        let user = UserId::try_from(user).unwrap();
        let seat = Some(ChannelId::try_from(channel).unwrap());
        let sits = |app: &App| app.guilds.gateway().voice_channel(Self::guild(), user) == seat;
        self.until(sits).await;
    }

    /// Waits until the bot is in no channel; how long that took.
    pub(super) async fn until_out(&self) -> Duration {
        let begun = Instant::now();
        let out = |state| matches!(state, State::Idle | State::Lost | State::Refused);
        self.until_player(|player| player.channel.is_none() && out(player.state))
            .await;
        assert!(self.sim.wait_bot_out_of_voice(GUILD, PATIENCE).await);
        begun.elapsed()
    }

    /// Stops what plays, and waits until the last of it has been heard.
    pub(super) async fn silence(&self) {
        self.slash(ADA, "stop").await;
        let has_ended = |heard: Heard| heard.utterances.iter().all(|it| it.ended);
        self.until(|_| has_ended(self.sim.heard(GUILD))).await;
    }

    /// Plays `high`; nothing else is heard with it.
    pub(super) async fn hear_high_alone(&self, user: u64) {
        self.sim.clear_heard(GUILD);
        assert_eq!(self.play(user, "high").await.content, "▶ **high**");
        let heard = self.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        assert_high_alone(&heard);
    }
}

/// Half a second of 1 kHz without a trace of the tone of 440 Hz.
pub(super) fn assert_high_alone(heard: &Utterance) {
    let audio = heard.audio();
    let samples: Vec<f32> = audio
        .samples
        .iter()
        .map(|it| f32::from(*it) / 32_768.0)
        .collect();
    let (high, low) = (strength(&samples, 0, 1_000.0), strength(&samples, 0, 440.0));
    assert!(high > 0.05 && low < high / 50.0, "{high} and {low}");
    let off = heard.duration().abs_diff(Duration::from_millis(500));
    assert!(off <= Duration::from_millis(40), "{:?}", heard.duration());
}

voice_test! {
    async fn whoever_throws_the_bot_out_has_the_last_word() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        stage.choose(|settings| settings.mode = Mode::Queue).await;
        // While it plays with others in the queue, and while it is silent.
        for is_playing in [true, false] {
            if is_playing {
                stage.play_long().await;
                assert!(stage.play(ADA, "long").await.content.starts_with('⏳'));
            } else {
                stage.slash(ADA, "join").await;
            }
            let tally = Tally::begin(&stage.sim);
            stage.sim.leave_voice(BOT, GUILD).unwrap();
            let took = stage.until_out().await;
            assert!(took < SOON, "{took:?}");
            let player = stage.player().await;
            assert_eq!((player.state, player.reason), (State::Idle, None));
            assert!(player.playing.is_empty() && player.queue.is_empty());
            stage.hear_high_alone(ADA).await;
            // One connection, for the play; what was asked for is to be out, in, and deaf.
            assert_eq!(tally.connections(), 1);
            assert!(tally.requests() <= 3, "{}", tally.requests());
            stage.slash(ADA, "leave").await;
        }
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_bot_that_was_moved_plays_on_where_it_is() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        stage.choose(|settings| settings.mode = Mode::Queue).await;
        stage.seat(BEN, STUDIO).await;
        stage.play_long().await;
        assert!(stage.play(ADA, "high").await.content.starts_with('⏳'));
        stage.sim.join_voice(BOT, GUILD, STUDIO).unwrap();
        let studio = ChannelId::try_from(STUDIO).unwrap();
        stage.until_player(|player| player.channel == Some(studio)).await;
        // The sound goes on there.
        let heard = || stage.sim.heard_in(STUDIO).get(&BOT).map_or(0, |heard| heard.packets);
        stage.until(|_| heard() > 10).await;
        let player = stage.player().await;
        assert_eq!(player.state, State::Playing);
        assert_eq!((player.playing.len(), player.queue.len()), (1, 1));
        // What waits does as well: whoever moved the bot wanted it there.
        stage.sim.clear_heard(GUILD);
        stage.slash(BEN, "skip").await;
        stage.until_player(|player| player.playing.iter().any(|it| it.sound == "high")).await;
        stage.until_player(|player| player.playing.is_empty()).await;
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(STUDIO));
        assert_eq!(stage.player().await.state, State::Ready);
        // A play in the new channel, then one in the old.
        stage.hear_high_alone(BEN).await;
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(STUDIO));
        stage.hear_high_alone(ADA).await;
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_deleted_channel_is_left_for_good() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        stage.choose(|settings| settings.mode = Mode::Queue).await;
        let channel = stage.add_channel("Attic").await;
        stage.seat(ADA, channel).await;
        stage.play_long().await;
        assert!(stage.play(ADA, "long").await.content.starts_with('⏳'));
        let tally = Tally::begin(&stage.sim);
        stage.sim.remove_channel(channel).unwrap();
        let took = stage.until_out().await;
        assert!(took < SOON, "{took:?}");
        let player = stage.player().await;
        assert_eq!(player.state, State::Idle);
        assert!(player.playing.is_empty() && player.queue.is_empty());
        assert_eq!(tally.connections(), 0);
        stage.seat(ADA, LOUNGE).await;
        stage.hear_high_alone(ADA).await;

        // While something waits that is to be heard there, and the bot plays elsewhere.
        let channel = stage.add_channel("Cellar").await;
        stage.seat(BEN, channel).await;
        let cellar = ChannelId::try_from(channel).unwrap();
        stage.play_long().await;
        assert!(stage.play(BEN, "high").await.content.starts_with('⏳'));
        assert!(stage.play(ADA, "high").await.content.starts_with('⏳'));
        stage.sim.remove_channel(channel).unwrap();
        stage.until(|app| !app.guilds.gateway().has_listeners(Stage::guild(), cellar)).await;
        let begun = Instant::now();
        stage.slash(ADA, "skip").await;
        stage.until_player(|player| player.playing.is_empty() && player.queue.is_empty()).await;
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        let log = stage.log().await;
        let high = log.iter().filter(|(sound, _)| sound == "high").count();
        assert_eq!(high, 2, "what was to be heard elsewhere was played");
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_channel_that_goes_while_it_is_joined_is_told_soon() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        let channel = stage.add_channel("Attic").await;
        stage.seat(ADA, channel).await;
        // Discord lets the bot into the channel, and the voice server takes its time.
        let late = Effect::Delay(Duration::from_secs(3).into());
        let slow = stage.sim.fault(Fault::on(Server::Voice, late).times(1)).unwrap();
        let tally = Tally::begin(&stage.sim);
        let sim = stage.sim.clone();
        let play = tokio::spawn(async move { sim.slash(ADA, GUILD, "play", &[("sound", "high")]).await });
        assert!(stage.sim.wait_fault(slow, 1, PATIENCE).await);
        let begun = Instant::now();
        stage.sim.remove_channel(channel).unwrap();
        let told = play.await.unwrap().unwrap().content;
        assert_eq!(told, "discord refused the voice connection");
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        stage.until_out().await;
        assert_eq!(stage.player().await.state, State::Refused);
        // In, deaf and out: it is not tried again.
        assert!(tally.requests() <= 3, "{}", tally.requests());
        assert!(stage.log().await.is_empty());
        stage.seat(ADA, LOUNGE).await;
        stage.hear_high_alone(ADA).await;
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_guild_that_was_left_leaves_nothing_behind() {
        let stage = Stage::start().await;
        stage.add_tones().await;
        let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = alive();
        stage.play_long().await;
        assert!(alive() > before);
        stage.sim.remove_bot(GUILD).unwrap();
        stage.until(|app| app.guilds.gateway().guild(Stage::guild()).is_none()).await;
        // The player, the connection and all that belongs to them end.
        stage.until(|_| alive() <= before).await;
        stage.sim.add_bot(GUILD).unwrap();
        stage.until(|app| app.guilds.gateway().has_listeners(Stage::guild(), Stage::lounge())).await;
        let player = stage.player().await;
        assert_eq!((player.state, player.channel), (State::Idle, None));
        stage.hear_high_alone(ADA).await;
        stage.stop().await.shutdown().await;
    }
}
