//! Every format, sample rate and arrangement of loudspeakers comes out as it sounds.

use super::{Bench, fixture, heard, sine, strength, wav};

/// A quarter of a millisecond is what a sample rate may cost at either end.
fn assert_length(length_ms: u64, expected_ms: u64, name: &str) {
    assert!(
        length_ms.abs_diff(expected_ms) <= 1,
        "{name}: {length_ms} ms"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_has_its_tone_and_its_exact_length() {
    for (name, length_ms) in [
        ("tone.mp3", 2_000),
        ("tone.wav", 2_000),
        ("tone.flac", 2_000),
        ("tone-vorbis.ogg", 2_000),
        ("tone-opus.ogg", 2_000),
        ("tone.m4a", 2_000),
        ("alac.m4a", 2_000),
        ("tone.mp4", 2_000),
        ("opus.mp4", 2_000),
        // Raw AAC says nothing of what the encoder put in front and behind: whole packets.
        ("tone.aac", 2_043),
        // So do recordings, behind.
        ("tone.webm", 2_014),
        ("live.webm", 2_014),
    ] {
        // The name of the file says nothing.
        let prepared = Bench::prepare(&fixture(name)).await.unwrap();
        assert_length(prepared.length_ms, length_ms, name);
        let heard = heard(&prepared);
        for side in 0..2 {
            let tone = strength(&heard[9_600..144_000], side, 440.0);
            assert!((tone - 0.172).abs() < 0.01, "{name}: {tone}");
        }
        // Nothing of what encoders put in front: the tone is there from the first millisecond on.
        let start = strength(&heard[..960], 0, 440.0);
        let is_trimmed = !["tone.aac"].contains(&name);
        assert!(start > 0.05 || !is_trimmed, "{name}: {start}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_behind_each_other_are_one_sound() {
    let both = [fixture("tone-vorbis.ogg"), fixture("tone-opus.ogg")].concat();
    let prepared = Bench::prepare(&both).await.unwrap();
    assert_length(prepared.length_ms, 4_000, "chained");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_rate_is_converted() {
    for rate in [
        8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000,
    ] {
        let bytes = wav(rate, 2, rate / 2, sine(1_000.0, rate, 0.25));
        let prepared = Bench::prepare(&bytes).await.unwrap();
        assert_length(prepared.length_ms, 500, &rate.to_string());
        let heard = heard(&prepared);
        let tone = strength(&heard[9_600..38_400], 1, 1_000.0);
        assert!((tone - 0.158).abs() < 0.008, "{rate}: {tone}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn surround_is_mixed_as_the_standard_says() {
    // Another tone on each loudspeaker: front left and right, centre, low, back left and right.
    const HERTZ: [f64; 6] = [300.0, 500.0, 700.0, 60.0, 1_100.0, 1_700.0];
    const LEFT: [f64; 6] = [1.0, 0.0, 0.707, 0.0, 0.707, 0.0];
    const RIGHT: [f64; 6] = [0.0, 1.0, 0.707, 0.0, 0.0, 0.707];
    let own = |frame, channel: u16| sine(HERTZ[usize::from(channel)], 48_000, 0.2)(frame, channel);
    let opus = format!("../channels/{}", "surround-opus.ogg");
    for (name, bytes) in [
        ("wav", wav(48_000, 6, 48_000, own)),
        ("opus", fixture(&opus)),
    ] {
        let heard = heard(&Bench::prepare(&bytes).await.unwrap());
        let middle = &heard[9_600..86_400];
        let front = strength(middle, 0, HERTZ[0]);
        for (side, weights) in [LEFT, RIGHT].into_iter().enumerate() {
            for (hertz, weight) in HERTZ.into_iter().zip(weights) {
                let share = strength(middle, side, hertz) / front;
                assert!(
                    (share - weight).abs() < 0.03,
                    "{name}: {hertz} Hz on side {side} is {share}, not {weight}"
                );
            }
        }
    }
    let mono = wav(48_000, 1, 24_000, sine(440.0, 48_000, 0.5));
    let heard = heard(&Bench::prepare(&mono).await.unwrap());
    let sides = [0, 1].map(|side| strength(&heard[9_600..38_400], side, 440.0));
    assert!((sides[0] - sides[1]).abs() < 0.001, "{sides:?}");
}
