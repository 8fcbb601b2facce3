//! Everything comes out equally loud, as far as its peaks and its noise allow.

use std::fs;

use proptest::prelude::{Just, Strategy as _, prop, prop_oneof};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
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
    let facts = sound.examined().unwrap().clone();
    for lufs in [-23.0, -11.0] {
        let mut settings = bench.settings();
        settings.target = Level::from_db(lufs);
        let transcoder = yuri::audio::Transcoder::new(settings).unwrap();
        let again = original(sound.path());
        let prepared = transcoder.prepare(&again).await.unwrap();
        assert_ne!(prepared.ogg, usual.ogg);
        assert_level(&heard(&prepared), lufs, "another target");
        // The same where only some want it.
        let some = bench.transcoder().at(Level::from_db(lufs));
        assert_eq!(some.prepare(&sound).await.unwrap().ogg, prepared.ogg);
    }
    assert_eq!(sound.examined(), Some(&facts));
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

/// Any sound: tones and noise in bursts, at any rate, on one side or two, quiet or clipping.
#[derive(Debug)]
struct Noisy {
    rate: u32,
    channels: u16,
    frames: u32,
    /// Hertz and amplitude of each.
    tones: Vec<(f64, f64)>,
    noise: f64,
    /// Milliseconds from one burst to the next, and how many of a hundred are loud.
    beat: (u32, u32),
}

impl Noisy {
    fn bytes(&self) -> Vec<u8> {
        let noise = noise(self.noise);
        let sample = |frame: u32, channel: u16| {
            let (beat_ms, loud) = self.beat;
            let beat = self.rate * beat_ms / 1_000;
            if frame % beat > beat * loud / 100 {
                return 0.0;
            }
            let tones = self.tones.iter();
            let tone = |(hertz, amplitude): &(f64, f64)| {
                sine(*hertz, self.rate, *amplitude)(frame, channel)
            };
            noise(frame, channel) + tones.map(tone).sum::<f64>()
        };
        wav(self.rate, self.channels, self.frames, sample)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_sound_is_at_the_target_or_at_its_bounds() {
    let tone = (50.0..3_500.0, 0.0..1.0).prop_map(|(hertz, level)| (hertz, f64::powi(level, 3)));
    let strategy = (
        prop::sample::select(vec![8_000_u32, 22_050, 44_100, 48_000, 96_000]),
        1..=2_u16,
        50..2_000_u32,
        prop::collection::vec(tone, 0..4),
        prop_oneof![Just(0.0), 0.000_1..0.6],
        (20..900_u32, 1..=100_u32),
    );
    let mut runner = TestRunner::deterministic();
    let mut at_target = 0;
    for _ in 0..30 {
        let (rate, channels, length_ms, tones, noise, beat) =
            strategy.new_tree(&mut runner).unwrap().current();
        let sound = Noisy {
            rate,
            channels,
            frames: rate * length_ms / 1_000,
            tones,
            noise,
            beat,
        };
        let (prepared, facts) = prepare(&sound.bytes()).await;
        let mut stereo = heard(&prepared);
        stereo.truncate(usize::try_from(length_ms).unwrap() * 48 * 2);
        // The moment that the ear takes in at once.
        stereo.resize(stereo.len().max(19_200 * 2), 0.0);
        let (loudness, peak) = measured(&stereo);
        let Some(before) = facts.loudness.map(Level::db) else {
            assert_eq!(facts.gain, Level::from_db(0.0), "{sound:?}");
            continue;
        };
        assert!(peak < -1.0, "{peak} dBTP: {sound:?}");
        assert!(facts.gain < Level::from_db(14.0), "{facts:?}: {sound:?}");
        let raised = (before + 12.0).min(-16.0);
        let is_at_target = (loudness - raised).abs() < 0.5;
        // What its peaks keep down uses all of the room that there is.
        let is_at_peak = loudness < raised && peak > -1.6;
        assert!(
            is_at_target || is_at_peak,
            "{loudness} LUFS, {peak} dBTP: {facts:?} of {sound:?}"
        );
        at_target += usize::from(is_at_target);
    }
    assert!(at_target >= 15, "{at_target} of 30 at the target");
}
