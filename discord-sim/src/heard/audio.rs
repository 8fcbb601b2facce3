//! Decoded audio and what can be measured on it.

use std::time::Duration;

use ebur128::EbuR128;
use opus2::{Channels, Decoder};

use super::wav::{self, Format};
use super::{Frame, frequency};

pub(super) const SAMPLE_RATE: u32 = 48_000;
/// The longest Opus frame there is, 120 ms, in samples of both channels.
pub(super) const LONGEST_FRAME: usize = 5_760 * 2;

/// Sound as 48 kHz stereo.
#[derive(Clone, Debug, Default)]
pub struct Audio {
    /// Left and right in turn.
    pub samples: Vec<i16>,
    /// Frames that were no valid Opus; they are missing from the samples.
    pub decode_errors: usize,
}

impl Audio {
    /// Decodes runs of frames, each by a fresh decoder, and joins them.
    pub(crate) fn decode<'a>(runs: impl IntoIterator<Item = &'a [Frame]>) -> Audio {
        let mut audio = Audio::default();
        let mut buffer = vec![0; LONGEST_FRAME];
        for run in runs {
            let Ok(mut decoder) = Decoder::new(SAMPLE_RATE, Channels::Stereo) else {
                audio.decode_errors += run.len();
                continue;
            };
            for frame in run {
                // To the decoder nothing means "lost"; from a sender it is an error.
                if frame.opus.is_empty() {
                    audio.decode_errors += 1;
                    continue;
                }
                match decoder.decode(&frame.opus, &mut buffer, false) {
                    Ok(samples) => audio.samples.extend(&buffer[..samples * 2]),
                    Err(_) => audio.decode_errors += 1,
                }
            }
        }
        audio
    }

    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        let samples = u64::try_from(self.samples.len() / 2).unwrap_or(u64::MAX);
        Duration::from_micros(samples.saturating_mul(1_000_000) / u64::from(SAMPLE_RATE))
    }

    /// The strongest frequency in Hz, both channels together; `None` for silence.
    ///
    /// On a pure tone of 100 ms or more it is off by much less than 1 Hz.
    pub fn frequency_hz(&self) -> Option<f64> {
        let mono = self
            .samples
            .chunks_exact(2)
            .map(|pair| f32::from(pair[0]) + f32::from(pair[1]));
        frequency::strongest(&mono.collect::<Vec<_>>(), f64::from(SAMPLE_RATE))
    }

    /// The level (root mean square) in decibels below full scale; a full sine has -3.0,
    /// silence negative infinity.
    pub fn level_dbfs(&self) -> f64 {
        let energy = self
            .samples
            .iter()
            .map(|sample| f64::from(*sample).powi(2))
            .sum::<f64>();
        let count = u32::try_from(self.samples.len().max(1)).unwrap_or(u32::MAX);
        let mean = energy / f64::from(count);
        20.0 * (mean.sqrt() / f64::from(i16::MAX)).log10()
    }

    /// The integrated loudness in LUFS, as ITU-R BS.1770 measures it; `None` for silence, and
    /// for less than the 400 ms that it takes.
    pub fn loudness_lufs(&self) -> Option<f64> {
        let mut meter = EbuR128::new(2, SAMPLE_RATE, ebur128::Mode::I).ok()?;
        meter.add_frames_i16(&self.samples).ok()?;
        let loudness = meter.loudness_global().ok()?;
        Some(loudness).filter(|loudness| loudness.is_finite())
    }

    /// The loudest sample, from 0 to 32768.
    pub fn peak(&self) -> u16 {
        self.samples
            .iter()
            .map(|sample| sample.unsigned_abs())
            .max()
            .unwrap_or(0)
    }

    /// The same as a WAV file.
    pub fn to_wav(&self) -> Vec<u8> {
        let bytes = self.samples.len() * 2;
        let mut wav = wav::header(Format::Int16, u32::try_from(bytes).ok());
        wav.reserve(bytes);
        wav.extend(self.samples.iter().flat_map(|sample| sample.to_le_bytes()));
        wav
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;

    /// Encodes a stereo sine of so many 20 ms frames as a client would.
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "f64 to f32"
    )]
    fn sine(hz: f64, frames: u32, amplitude: f64) -> Vec<Frame> {
        let mode = opus2::Application::Audio;
        let mut encoder = opus2::Encoder::new(SAMPLE_RATE, Channels::Stereo, mode).unwrap();
        let mut frame = |number: u32| {
            let sample = |n: u32| {
                let seconds = f64::from(number * 960 + n) / 48_000.0;
                ((seconds * hz * std::f64::consts::TAU).sin() * amplitude) as f32
            };
            let input = (0..960)
                .flat_map(|n| [sample(n), sample(n)])
                .collect::<Vec<_>>();
            let opus = Arc::from(encoder.encode_vec_float(&input, 1_500).unwrap());
            Frame {
                sequence: 0,
                timestamp: 0,
                arrival: Instant::now(),
                channel: 0,
                opus,
            }
        };
        (0..frames).map(&mut frame).collect()
    }

    #[test]
    fn finds_frequency_level_and_length_of_a_tone() {
        for (hz, frames) in [(440.0, 10), (440.0, 150), (87.3, 50), (5_000.5, 50)] {
            let audio = Audio::decode([sine(hz, frames, 0.5).as_slice()]);
            let found = audio.frequency_hz().unwrap();
            assert!(
                (found - hz).abs() < 0.5,
                "{hz} Hz for {frames} frames: {found}"
            );
            assert!(
                (audio.level_dbfs() + 9.03).abs() < 0.6,
                "{}",
                audio.level_dbfs()
            );
            assert_eq!(audio.duration(), Duration::from_millis(20) * frames);
            assert_eq!(audio.decode_errors, 0);
        }
    }

    #[test]
    fn silence_has_no_frequency() {
        let audio = Audio {
            samples: vec![0; 9_600],
            decode_errors: 0,
        };
        assert_eq!(audio.frequency_hz(), None);
        assert!(audio.level_dbfs().is_infinite());
        assert_eq!(Audio::default().frequency_hz(), None);
    }

    /// EBU Tech 3341, case 1: a stereo sine of 1 kHz that peaks at -23 dBFS has -23 LUFS.
    #[test]
    fn loudness_is_that_of_the_standard() {
        let audio = Audio::decode([sine(1_000.0, 200, 10_f64.powf(-23.0 / 20.0)).as_slice()]);
        let loudness = audio.loudness_lufs().unwrap();
        assert!((loudness + 23.0).abs() < 0.3, "{loudness} LUFS");
        let short = Audio::decode([sine(1_000.0, 19, 0.5).as_slice()]);
        assert_eq!(short.loudness_lufs(), None);
        assert_eq!(Audio::default().loudness_lufs(), None);
    }

    #[test]
    fn counts_what_is_no_opus() {
        let mut frames = sine(440.0, 5, 0.5);
        frames[2].opus = Arc::from(&[0xff_u8, 0xff, 0xff][..]);
        let audio = Audio::decode([frames.as_slice()]);
        assert_eq!(audio.decode_errors, 1);
        assert_eq!(audio.samples.len(), 4 * 960 * 2);
    }

    #[test]
    fn wav_has_the_right_sizes() {
        let audio = Audio {
            samples: vec![1, -1, 2, -2],
            decode_errors: 0,
        };
        let wav = audio.to_wav();
        assert_eq!(wav.len(), 44 + 8);
        assert_eq!(&wav[4..8], 44_u32.to_le_bytes());
        assert_eq!(&wav[40..], [8, 0, 0, 0, 1, 0, 255, 255, 2, 0, 254, 255]);
    }
}
