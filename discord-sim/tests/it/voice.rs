//! Real voice: serenity and songbird join and play, the simulator listens.

use std::path::PathBuf;
use std::time::Duration;

use discord_sim::{Mode, Settings, Sim};

use crate::support::bot::Bot;
use crate::support::{PATIENCE, tone, trusting};

async fn start(authority: PathBuf, modes: Vec<Mode>) -> (Sim, Bot) {
    let settings = Settings { authority_path: Some(authority), modes, ..Settings::default() };
    let sim = Sim::start(settings).await.unwrap();
    let bot = Bot::start(&sim).await;
    (sim, bot)
}

async fn plays_a_tone(authority: PathBuf, mode: Mode) {
    let (sim, bot) = start(authority, vec![mode]).await;
    let lab = sim.guilds()[0].clone();
    let (guild, channel) = (lab.id, lab.voice_channel.unwrap());
    bot.join(guild, channel).await;
    assert!(sim.wait_bot_in_voice(guild, Some(channel), PATIENCE).await);
    assert_eq!(sim.bot_voice_channel(guild), Some(channel));

    bot.play(guild, tone::wav(440.0, 3.0)).await;
    let sound = sim.wait_utterance(guild, 0, PATIENCE).await.unwrap();
    let audio = sound.audio();
    let frequency = audio.frequency_hz().unwrap();
    assert!((frequency - 440.0).abs() < 1.0, "{frequency} Hz");
    assert!((audio.level_dbfs() + 9.03).abs() < 1.0, "{} dBFS", audio.level_dbfs());
    let off = sound.duration().as_secs_f64() - 3.0;
    assert!(off.abs() <= 0.04, "{off} s too long");
    let rate = sound.packets_per_second().unwrap();
    assert!((rate - 50.0).abs() < 1.0, "{rate} packets a second");
    assert_eq!(sound.sequence_breaks(), 0);
    assert_eq!(sound.timestamp_breaks(), 0);
    assert_eq!(audio.decode_errors, 0);

    // A second sound is an utterance of its own.
    bot.play(guild, tone::wav(1_000.0, 0.5)).await;
    let sound = sim.wait_utterance(guild, 1, PATIENCE).await.unwrap();
    let frequency = sound.audio().frequency_hz().unwrap();
    assert!((frequency - 1_000.0).abs() < 1.0, "{frequency} Hz");

    let heard = sim.heard(guild);
    assert_eq!((heard.decrypt_failures, heard.sequence_breaks, heard.timestamp_breaks), (0, 0, 0));
    assert_eq!(heard.utterances.len(), 2);
    assert!(heard.silence_frames >= 10, "{} silence frames", heard.silence_frames);

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
    trusting("voice::a_kicked_bot_falls_silent_and_can_come_back", |authority| async {
        let (sim, bot) = start(authority, Mode::ALL.to_vec()).await;
        let lab = sim.guilds()[0].clone();
        let (guild, channel) = (lab.id, lab.voice_channel.unwrap());
        bot.join(guild, channel).await;
        bot.play(guild, tone::wav(440.0, 30.0)).await;
        assert!(sim.wait_packets(guild, 25, PATIENCE).await);
        sim.leave_voice(sim.application().id, guild).unwrap();
        let sound = sim.wait_utterance(guild, 0, PATIENCE).await.unwrap();
        assert!(sound.duration() < Duration::from_secs(20));
        assert_eq!(sim.bot_voice_channel(guild), None);

        bot.wait_disconnected(guild).await;
        bot.leave(guild).await;
        sim.clear_heard(guild);
        bot.join(guild, channel).await;
        bot.play(guild, tone::wav(600.0, 0.4)).await;
        let sound = sim.wait_utterance(guild, 0, PATIENCE).await.unwrap();
        assert!((sound.audio().frequency_hz().unwrap() - 600.0).abs() < 1.0);
    });
}
