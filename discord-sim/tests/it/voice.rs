//! Real voice: serenity and songbird join and play, the simulator listens.

use std::path::PathBuf;
use std::time::Duration;

use discord_sim::{Application, Guild, Mode, Settings, Sim, User, World};

use crate::support::bot::Bot;
use crate::support::{PATIENCE, assert_lasts, tone, trusting};

async fn start(authority: PathBuf, modes: Vec<Mode>) -> (Sim, Bot) {
    let settings = Settings {
        authority_path: Some(authority),
        modes,
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    let bot = Bot::start(&sim).await;
    (sim, bot)
}

/// Each step of the way into voice is known, and comes after the one before.
fn comes_step_by_step(sim: &Sim, guild: u64) {
    let entry = sim.voice_entry(guild).unwrap();
    let steps = [entry.identified, entry.described, entry.encrypted];
    let steps: Vec<_> = std::iter::once(entry.asked)
        .chain(steps.map(Option::unwrap))
        .collect();
    assert!(steps.is_sorted(), "{entry:?}");
    assert_eq!(sim.for_bot(1).voice_entry(guild), None);
}

async fn plays_a_tone(authority: PathBuf, mode: Mode) {
    let (sim, bot) = start(authority, vec![mode]).await;
    let lab = sim.guilds()[0].clone();
    let (guild, channel) = (lab.id, lab.voice_channel.unwrap());
    bot.join(guild, channel).await;
    assert!(sim.wait_bot_in_voice(guild, Some(channel), PATIENCE).await);
    assert_eq!(sim.bot_voice_channel(guild), Some(channel));
    // Somebody is there to listen.
    assert!(sim.wait_bot_encrypted(guild, PATIENCE).await);
    comes_step_by_step(&sim, guild);

    bot.play(guild, tone::wav(440.0, Duration::from_secs(3)))
        .await;
    let sound = sim.wait_utterance(guild, 0, PATIENCE).await.unwrap();
    let audio = sound.audio();
    let frequency = audio.frequency_hz().unwrap();
    assert!((frequency - 440.0).abs() < 1.0, "{frequency} Hz");
    assert!(
        (audio.level_dbfs() + 9.03).abs() < 1.0,
        "{} dBFS",
        audio.level_dbfs()
    );
    assert_lasts(&sound, Duration::from_secs(3));
    let rate = sound.packets_per_second().unwrap();
    assert!((rate - 50.0).abs() < 1.0, "{rate} packets a second");
    assert_eq!(sound.sequence_breaks(), 0);
    assert_eq!(sound.timestamp_breaks(), 0);
    assert_eq!(audio.decode_errors, 0);

    // A second sound is an utterance of its own.
    bot.play(guild, tone::wav(1_000.0, Duration::from_millis(500)))
        .await;
    let sound = sim.wait_utterance(guild, 1, PATIENCE).await.unwrap();
    let frequency = sound.audio().frequency_hz().unwrap();
    assert!((frequency - 1_000.0).abs() < 1.0, "{frequency} Hz");

    let heard = sim.heard(guild);
    assert_eq!(
        (
            heard.decrypt_failures,
            heard.sequence_breaks,
            heard.timestamp_breaks
        ),
        (0, 0, 0)
    );
    assert_eq!(heard.utterances.len(), 2);
    assert_eq!(
        (heard.unencrypted_frames, heard.undecryptable_frames),
        (0, 0)
    );
    assert_eq!(
        heard.encrypted_frames,
        heard.packets - heard.silence_frames,
        "all but silence is encrypted"
    );
    assert!(
        heard.silence_frames >= 10,
        "{} silence frames",
        heard.silence_frames
    );

    bot.leave(guild).await;
    assert!(sim.wait_bot_out_of_voice(guild, PATIENCE).await);
    bot.stop().await;
    sim.shutdown().await;
}

#[test]
fn plays_a_tone_with_aes256_gcm() {
    trusting("voice::plays_a_tone_with_aes256_gcm", |authority| {
        plays_a_tone(authority, Mode::Aes256Gcm)
    });
}

#[test]
fn plays_a_tone_with_xchacha20_poly1305() {
    trusting("voice::plays_a_tone_with_xchacha20_poly1305", |authority| {
        plays_a_tone(authority, Mode::XChaCha20Poly1305)
    });
}

#[test]
fn a_kicked_bot_falls_silent_and_can_come_back() {
    trusting(
        "voice::a_kicked_bot_falls_silent_and_can_come_back",
        |authority| async {
            let (sim, bot) = start(authority, Mode::ALL.to_vec()).await;
            let lab = sim.guilds()[0].clone();
            let (guild, channel) = (lab.id, lab.voice_channel.unwrap());
            bot.join(guild, channel).await;
            assert!(sim.wait_bot_encrypted(guild, PATIENCE).await);
            bot.play(guild, tone::wav(440.0, Duration::from_secs(30)))
                .await;
            assert!(sim.wait_packets(guild, 25, PATIENCE).await);
            sim.leave_voice(sim.application().id, guild).unwrap();
            let sound = sim.wait_utterance(guild, 0, PATIENCE).await.unwrap();
            assert!(sound.duration() < Duration::from_secs(20));
            assert_eq!(sim.bot_voice_channel(guild), None);

            bot.wait_disconnected(guild).await;
            bot.leave(guild).await;
            sim.clear_heard(guild);
            bot.join(guild, channel).await;
            assert!(sim.wait_bot_encrypted(guild, PATIENCE).await);
            bot.play(guild, tone::wav(600.0, Duration::from_millis(400)))
                .await;
            let sound = sim.wait_utterance(guild, 0, PATIENCE).await.unwrap();
            assert!((sound.audio().frequency_hz().unwrap() - 600.0).abs() < 1.0);
        },
    );
}

#[test]
fn two_bots_play_at_once_and_move_about() {
    trusting(
        "voice::two_bots_play_at_once_and_move_about",
        |authority| async {
            let guild = Guild::new(31, "Studio", 11)
                .voice(32, "One")
                .voice(33, "Two")
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
                ..Settings::default()
            };
            let left = Sim::start(settings).await.unwrap();
            let right = left.for_bot(22);
            left.join_voice(11, 31, 33).unwrap();
            let (one, two) = (Bot::start(&left).await, Bot::start(&right).await);
            one.join(31, 32).await;
            two.join(31, 33).await;
            assert!(right.wait_bot_encrypted(31, PATIENCE).await);
            one.play(31, tone::wav(300.0, Duration::from_secs(1))).await;
            two.play(31, tone::wav(700.0, Duration::from_secs(1))).await;
            for (sim, expected) in [(&left, 300.0), (&right, 700.0)] {
                let sound = sim.wait_utterance(31, 0, PATIENCE).await.unwrap();
                let frequency = sound.audio().frequency_hz().unwrap();
                assert!((frequency - expected).abs() < 1.0, "{frequency} Hz");
                assert_eq!(sim.heard(31).utterances.len(), 1);
            }

            // The first follows into the other's channel and is still heard.
            one.join(31, 33).await;
            assert!(left.wait_bot_in_voice(31, Some(33), PATIENCE).await);
            assert!(left.wait_bot_encrypted(31, PATIENCE).await);
            one.play(31, tone::wav(500.0, Duration::from_millis(400)))
                .await;
            let sound = left.wait_utterance(31, 1, PATIENCE).await.unwrap();
            assert!((sound.audio().frequency_hz().unwrap() - 500.0).abs() < 1.0);

            // Each answers its own commands.
            for (sim, name) in [(&left, "Left"), (&right, "Right")] {
                let reply = sim.slash(11, 31, "hello", &[("name", "x")]).await.unwrap();
                assert_eq!(reply.message["author"]["username"], name);
            }
        },
    );
}
