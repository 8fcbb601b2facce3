//! Listening live: the stream that a browser's `<audio>` plays.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use discord_sim::{Application, Audio, Dave, Guild, Settings, Sim, User, World};
use reqwest::{Response, StatusCode};

use crate::support::bot::Bot;
use crate::support::{PATIENCE, sim, tone, trusting};

const GUILD: u64 = 31;
const ONE: u64 = 32;
const TWO: u64 = 33;

/// A client that reads the stream as it comes.
struct Listener {
    response: Response,
    unread: Vec<u8>,
    started: Instant,
    /// How many samples of both channels have come.
    samples: usize,
}

impl Listener {
    async fn start(sim: &Sim, query: &str) -> Listener {
        let url = format!("{}/sim/guilds/{GUILD}/voice/listen{query}", sim.api_url());
        let response = reqwest::get(url).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "audio/wav");
        let mut listener = Listener {
            response,
            unread: Vec::new(),
            started: Instant::now(),
            samples: 0,
        };
        while listener.unread.len() < 44 {
            assert!(listener.read().await);
        }
        let head = listener.unread.drain(..44).collect::<Vec<_>>();
        assert_eq!((&head[..4], &head[8..16]), (&b"RIFF"[..], &b"WAVEfmt "[..]));
        // 32-bit floating point, two channels, 48 kHz, and no end.
        assert_eq!(head[20..24], [3, 0, 2, 0]);
        assert_eq!(head[24..28], 48_000_u32.to_le_bytes());
        assert_eq!(head[40..], [255; 4]);
        listener
    }

    /// Reads a piece; false at the end of the stream.
    async fn read(&mut self) -> bool {
        let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
        let chunk = chunk.unwrap().unwrap();
        self.unread.extend(chunk.iter().flatten());
        chunk.is_some()
    }

    /// The next hundredth of a second.
    async fn next(&mut self) -> Vec<i16> {
        const BYTES: usize = 480 * 2 * 4;
        while self.unread.len() < BYTES {
            assert!(self.read().await, "the stream has ended");
        }
        self.samples += 480;
        let bytes = self.unread.drain(..BYTES).collect::<Vec<_>>();
        let samples = bytes.chunks_exact(4);
        samples
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .map(|sample| {
                format!("{:.0}", sample.clamp(-1.0, 1.0) * 32_767.0)
                    .parse()
                    .unwrap()
            })
            .collect()
    }

    /// Waits for sound, then for a fifth of a second of silence; the sound.
    async fn sound(&mut self) -> Audio {
        let mut samples = Vec::new();
        let mut silent = 0;
        while samples.is_empty() || silent < 20 {
            let piece = self.next().await;
            if piece.iter().any(|sample| sample.unsigned_abs() > 100) {
                silent = 0;
                samples.extend(piece);
            } else {
                silent += 1;
                assert!(silent < 2_000, "twenty seconds of silence");
            }
        }
        Audio {
            samples,
            decode_errors: 0,
        }
    }

    /// How far the stream runs ahead of the clock, in seconds.
    fn ahead(&self) -> f64 {
        let samples = u32::try_from(self.samples).unwrap();
        f64::from(samples) / 48_000.0 - self.started.elapsed().as_secs_f64()
    }
}

fn assert_tone(sound: &Audio, hz: f64, seconds: f64) {
    let frequency = sound.frequency_hz().unwrap();
    assert!((frequency - hz).abs() < 1.0, "{frequency} Hz");
    let off = sound.duration().as_secs_f64() - seconds;
    assert!(off.abs() < 0.1, "{off} s too long");
    let level = sound.level_dbfs();
    assert!((level + 9.0).abs() < 1.0, "{level} dBFS");
}

async fn start(authority: PathBuf) -> Sim {
    let guild = Guild::new(GUILD, "Studio", 11)
        .text(34, "general")
        .voice(ONE, "One")
        .voice(TWO, "Two")
        .member(11)
        .member(21)
        .member(22);
    let world = World::empty()
        .user(User::new(11, "ada"))
        .application(Application::new(21, "Left"))
        .application(Application::new(22, "Right"))
        .guild(guild);
    let settings = Settings {
        world,
        authority_path: Some(authority),
        // With it, nobody hears a bot that is alone.
        dave: Dave::Off,
        ..Settings::default()
    };
    Sim::start(settings).await.unwrap()
}

#[test]
fn hears_the_tone_and_the_silence_around_it() {
    trusting(
        "listen::hears_the_tone_and_the_silence_around_it",
        |authority| async {
            let sim = start(authority).await;
            // Before the bot has come, and two at once.
            let mut listener = Listener::start(&sim, "").await;
            let mut other = Listener::start(&sim, &format!("?channel={ONE}")).await;
            for _ in 0..30 {
                assert!(listener.next().await.iter().all(|sample| *sample == 0));
            }
            let bot = Bot::start(&sim).await;
            bot.join(GUILD, ONE).await;
            bot.play(GUILD, tone::wav(440.0, Duration::from_secs(1)))
                .await;
            assert_tone(&listener.sound().await, 440.0, 1.0);
            assert_tone(&other.sound().await, 440.0, 1.0);

            // It follows the bot; who listens to a channel stays there.
            sim.join_voice(21, GUILD, TWO).unwrap();
            bot.play(GUILD, tone::wav(700.0, Duration::from_millis(500)))
                .await;
            assert_tone(&listener.sound().await, 700.0, 0.5);
            let ahead = listener.ahead();
            assert!((-1.0..0.1).contains(&ahead), "{ahead} s ahead of the clock");
            sim.join_voice(21, GUILD, ONE).unwrap();
            bot.play(GUILD, tone::wav(900.0, Duration::from_millis(500)))
                .await;
            assert_tone(&other.sound().await, 900.0, 0.5);

            bot.stop().await;
            sim.shutdown().await;
            while listener.read().await {}
        },
    );
}

#[test]
fn mixes_all_bots_of_the_channel() {
    trusting("listen::mixes_all_bots_of_the_channel", |authority| async {
        let left = start(authority).await;
        let right = left.for_bot(22);
        let (one, two) = (Bot::start(&left).await, Bot::start(&right).await);
        one.join(GUILD, ONE).await;
        two.join(GUILD, ONE).await;
        let mut listener = Listener::start(&left, "").await;
        one.play(GUILD, tone::wav(300.0, Duration::from_secs(1)))
            .await;
        two.play(GUILD, tone::wav(2_000.0, Duration::from_secs(1)))
            .await;
        let sound = listener.sound().await;
        // Both at half of full scale: 3 dB more than one of them.
        let middle = Audio {
            samples: sound.samples[19_200..57_600].to_vec(),
            decode_errors: 0,
        };
        let level = middle.level_dbfs();
        assert!((level + 6.0).abs() < 1.0, "{level} dBFS");
        assert!(
            f64::from(middle.peak()) > 0.9 * 32_767.0,
            "{}",
            middle.peak()
        );
    });
}

#[tokio::test]
async fn what_cannot_be_listened_to_is_refused() {
    let sim = sim().await;
    let guild = sim.guilds()[0].clone();
    let text = guild.text_channel.unwrap();
    let status = async |path: String| {
        let url = format!("{}/sim/guilds/{path}", sim.api_url());
        reqwest::get(url).await.unwrap().status()
    };
    assert_eq!(
        status("1/voice/listen".to_owned()).await,
        StatusCode::NOT_FOUND
    );
    let channel = format!("{}/voice/listen?channel={text}", guild.id);
    assert_eq!(status(channel).await, StatusCode::UNPROCESSABLE_ENTITY);
    let typo = format!("{}/voice/listen?chanel=3", guild.id);
    assert_eq!(status(typo).await, StatusCode::BAD_REQUEST);
}
