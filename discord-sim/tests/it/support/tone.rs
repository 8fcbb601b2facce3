//! Sine tones as WAV files.

use std::time::Duration;

/// A mono 48 kHz WAV file of a sine at half of full scale.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "within i16"
)]
pub(crate) fn wav(hz: f64, length: Duration) -> Vec<u8> {
    let count = u32::try_from(length.as_millis() * 48).unwrap();
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + count * 2).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend(1_u16.to_le_bytes());
    wav.extend(1_u16.to_le_bytes());
    wav.extend(48_000_u32.to_le_bytes());
    wav.extend(96_000_u32.to_le_bytes());
    wav.extend(2_u16.to_le_bytes());
    wav.extend(16_u16.to_le_bytes());
    wav.extend(b"data");
    wav.extend((count * 2).to_le_bytes());
    for n in 0..count {
        let phase = f64::from(n) * hz / 48_000.0 * std::f64::consts::TAU;
        wav.extend(((phase.sin() * 16_384.0) as i16).to_le_bytes());
    }
    wav
}
