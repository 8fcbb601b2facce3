//! Everything comes out equally loud, as far as its peaks and its noise allow.

use std::fs;

use yuri::audio::{Facts, Level, Prepared};

use super::{Bench, fixture, fixtures, heard, measured, original, sine, wav};

const RATE: u32 = 48_000;

/// A noise that is the same every time: white, of an amplitude.
fn noise(amplitude: f64) -> impl Fn(u32, u16) -> f64 {
    move |frame, channel| {
        let mut number = (u64::from(frame) << 16 | u64::from(channel)).wrapping_add(1);
        for shift in [33, 29, 32] {
            number = (number ^ number >> shift).wrapping_mul(0xff51_afd7_ed55_8ccd);
        }
        let top = u32::try_from(number >> 40).unwrap();
        amplitude * (f64::from(top) / f64::from(1 << 23) - 1.0)
    }
}

async fn prepare(content: &[u8]) -> (Prepared, Facts) {
    let bench = Bench::new();
    let sound = bench.add("sound", content);
    let prepared = bench.transcoder().prepare(&sound).await.unwrap();
    let facts = sound.examined().unwrap().verdict.clone().unwrap();
    assert_eq!(facts.length_ms, prepared.length_ms);
    (prepared, facts)
}

/// Half a unit off is what nobody hears.
fn assert_level(stereo: &[f32], lufs: f64, name: &str) {
    let (loudness, peak) = measured(stereo);
    assert!((loudness - lufs).abs() < 0.5, "{name}: {loudness} LUFS");
    assert!(peak < -1.0, "{name}: {peak} dBTP");
}

#[tokio::test(flavor = "multi_thread")]
async fn tones_and_noises_of_any_level_come_out_alike() {
    for (name, bytes) in [
        ("a loud sine", wav(RATE, 2, RATE, sine(440.0, RATE, 0.99))),
        ("a quiet one", wav(RATE, 1, RATE, sine(440.0, RATE, 0.06))),
        (
            "a high one",
            wav(44_100, 1, 44_100, sine(9_000.0, 44_100, 0.3)),
        ),
        ("a low one", wav(8_000, 1, 8_000, sine(80.0, 8_000, 0.4))),
        ("loud noise", wav(RATE, 2, RATE, noise(1.0))),
        ("quiet noise", wav(22_050, 1, 22_050, noise(0.07))),
    ] {
        let (prepared, facts) = prepare(&bytes).await;
        assert_level(&heard(&prepared), -16.0, name);
        let after = facts.loudness.unwrap().db() + facts.gain.db();
        assert!((after + 16.0).abs() < 1.5, "{name}: {facts:?}");
    }
    let folder = fixtures().join("../loudness");
    let files: Vec<_> = fs::read_dir(folder).unwrap().collect();
    assert_eq!(files.len(), 4);
    for file in files {
        let path = file.unwrap().path();
        let (prepared, facts) = prepare(&fs::read(&path).unwrap()).await;
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_level(&heard(&prepared), -16.0, name);
        let is_loud = name.starts_with("loud");
        assert_eq!(facts.gain < Level::from_db(0.0), is_loud, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_target_is_another_file() {
    let bench = Bench::new();
    let sound = bench.add("sound", &fixture("tone.wav"));
    let usual = bench.transcoder().prepare(&sound).await.unwrap();
    for lufs in [-23.0, -11.0] {
        let mut settings = bench.settings();
        settings.target = Level::from_db(lufs);
        let transcoder = yuri::audio::Transcoder::new(settings).unwrap();
        let again = original(sound.path());
        let prepared = transcoder.prepare(&again).await.unwrap();
        assert_ne!(prepared.path, usual.path);
        assert_level(&heard(&prepared), lufs, "another target");
    }
    assert_eq!((bench.starts(), bench.cached()), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blip_is_as_loud_as_its_moment() {
    let (prepared, facts) = prepare(&wav(RATE, 2, 14_400, sine(997.0, RATE, 0.1))).await;
    assert_eq!(prepared.length_ms, 300);
    // -20 LUFS for three quarters of the 400 ms that the ear takes in at once.
    let loudness = facts.loudness.unwrap().db();
    assert!((loudness + 21.25).abs() < 0.1, "{loudness}");
    let mut stereo = heard(&prepared);
    stereo.resize(19_200 * 2, 0.0);
    assert_level(&stereo, -16.0, "a blip");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_stays_silent() {
    let (prepared, facts) = prepare(&wav(RATE, 2, RATE, |_, _| 0.0)).await;
    assert_eq!((facts.loudness, facts.true_peak), (None, None));
    assert_eq!(facts.gain, Level::from_db(0.0));
    let loudest = heard(&prepared)
        .iter()
        .map(|it| it.abs())
        .fold(0.0, f32::max);
    assert!(loudest < 1e-4, "{loudest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clips_is_brought_down() {
    let square = |frame: u32, _: u16| match frame / 240 % 2 {
        0 => 1.0,
        _ => -1.0,
    };
    let (prepared, facts) = prepare(&wav(RATE, 2, RATE, square)).await;
    assert!(facts.true_peak.unwrap() > Level::from_db(0.0), "{facts:?}");
    assert_level(&heard(&prepared), -16.0, "a square");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_hum_is_raised_by_twelve_decibels_and_no_more() {
    let (prepared, facts) = prepare(&wav(RATE, 2, RATE, sine(50.0, RATE, 0.003))).await;
    assert_eq!(facts.gain, Level::from_db(12.0));
    let before = facts.loudness.unwrap().db();
    assert!(before < -50.0, "{before}");
    assert_level(&heard(&prepared), before + 12.0, "a hum");
}

#[tokio::test(flavor = "multi_thread")]
async fn peaks_keep_a_sound_quieter() {
    // Clicks: loud for a moment, and silent in between.
    let clicks = |frame: u32, _: u16| match frame % 12_000 {
        at @ 0..40 => 0.5 * (f64::from(at) * 0.8).sin(),
        _ => 0.0,
    };
    let (prepared, facts) = prepare(&wav(RATE, 2, RATE, clicks)).await;
    let (loudness, peak) = measured(&heard(&prepared));
    assert!((-3.0..-1.0).contains(&peak), "{peak} dBTP");
    assert!(loudness < -16.5, "{loudness} LUFS");
    assert!(facts.gain < Level::from_db(12.0), "{facts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waveform_is_that_of_the_sound() {
    let half = move |frame, channel| match frame {
        0..24_000 => 0.0,
        _ => sine(440.0, RATE, 0.25)(frame, channel),
    };
    let (_, facts) = prepare(&wav(RATE, 2, RATE, half)).await;
    assert!(facts.waveform[..32].iter().all(|point| *point == 0));
    assert!(facts.waveform[32..].iter().all(|point| *point > 250));
}
