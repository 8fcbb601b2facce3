//! How loud a sound is, after EBU R 128 (ITU-R BS.1770), and how much has to be added to it.
//! Called by `transcode`.

use std::io;

use ebur128::{EbuR128, Mode};
use num_traits::ToPrimitive as _;

use super::facts::{Level, PEAK_MAX_DBTP, WAVEFORM_POINTS};
use super::resample::RATE;
use super::sink::Target;

/// Most that is added to a quiet sound: more would only lift its noise.
const BOOST_MAX_DB: f64 = 12.0;
/// What the encoder may add to a peak, before it is known exactly.
const ENCODER_ROOM_DB: f64 = 0.3;
/// Times that the loudness of a result is corrected, and that anything is.
const LOUDNESS_CORRECTIONS_MAX: u8 = 3;
const CORRECTIONS_MAX: u8 = 8;
/// The shortest sound that has a loudness by the standard: 400 ms.
const BLOCK_FRAMES: usize = 19_200;
/// A block begins every 100 ms.
const STEP_FRAMES: usize = 4_800;
/// How finely the waveform is gathered: a millisecond.
const POINT_FRAMES: usize = 48;

/// Measures 48 kHz stereo.
pub(super) struct Meter {
    standard: EbuR128,
    frames: usize,
    /// The largest sample of each millisecond.
    points: Vec<f32>,
}

/// What a meter has read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    /// Frames of 48 kHz.
    pub(super) frames: usize,
    /// Integrated loudness in LUFS; `None` below the gate of the standard, -70 LUFS.
    pub(super) loudness: Option<f64>,
    /// True peak in dBTP; `None` for digital silence.
    pub(super) true_peak: Option<f64>,
    /// Largest sample of each 64th; 255 is the largest of all.
    pub(super) waveform: [u8; WAVEFORM_POINTS],
}

impl Meter {
    /// A meter that has heard nothing.
    ///
    /// # Errors
    /// The library's.
    pub(super) fn new() -> io::Result<Self> {
        let mode = Mode::I | Mode::TRUE_PEAK;
        Ok(Self {
            standard: EbuR128::new(2, RATE, mode).map_err(io::Error::other)?,
            frames: 0,
            points: Vec::new(),
        })
    }

    /// Reads it. A sound of less than 400 ms has no loudness by the standard: it is measured
    /// together with the silence after it, as the ear does.
    ///
    /// # Errors
    /// The library's.
    pub(super) fn finish(mut self) -> io::Result<Measured> {
        let mut loudness = self.integrated()?;
        if loudness.is_none() {
            let rest = match BLOCK_FRAMES.checked_sub(self.frames) {
                Some(rest) => rest,
                None => STEP_FRAMES - self.frames % STEP_FRAMES,
            };
            let silence = vec![0.0; rest * 2];
            self.standard
                .add_frames_f32(&silence)
                .map_err(io::Error::other)?;
            loudness = self.integrated()?;
        }
        let mut peak = 0.0_f64;
        for channel in 0..2 {
            peak = peak.max(self.standard.true_peak(channel).map_err(io::Error::other)?);
        }
        Ok(Measured {
            frames: self.frames,
            loudness,
            true_peak: (peak > 0.0).then(|| 20.0 * peak.log10()),
            waveform: waveform(&self.points),
        })
    }

    fn integrated(&self) -> io::Result<Option<f64>> {
        let loudness = self.standard.loudness_global().map_err(io::Error::other)?;
        Ok(loudness.is_finite().then_some(loudness))
    }
}

impl Target for Meter {
    fn take(&mut self, stereo: &[f32]) -> io::Result<()> {
        for frame in stereo.chunks_exact(2) {
            let sample = frame[0].abs().max(frame[1].abs());
            match self.points.last_mut() {
                Some(point) if !self.frames.is_multiple_of(POINT_FRAMES) => {
                    *point = point.max(sample);
                }
                _ => self.points.push(sample),
            }
            self.frames += 1;
        }
        self.standard
            .add_frames_f32(stereo)
            .map_err(io::Error::other)
    }
}

impl Measured {
    /// What has to be added, in decibels, for the sound to come out at `target`: at most
    /// [`BOOST_MAX_DB`], and no more than its peak leaves room for. What nobody hears stays as it
    /// is.
    pub(super) fn gain(&self, target: Level) -> f64 {
        let wanted = self
            .loudness
            .map_or(0.0, |loudness| target.db() - loudness)
            .min(BOOST_MAX_DB);
        self.true_peak.map_or(wanted, |peak| {
            wanted.min(PEAK_MAX_DBTP - ENCODER_ROOM_DB - peak)
        })
    }

    /// What has still to be added to a sound that came out like this, where `wanted` LUFS were
    /// aimed at; `None` when it is good, or will not get better. `corrections` is how many there
    /// were: peaks that come again are given ever more room.
    pub(super) fn correction(&self, wanted: Option<f64>, corrections: u8) -> Option<f64> {
        const MISS_MAX_LU: f64 = 0.2;
        const MORE_DB: f64 = 0.1;
        if corrections >= CORRECTIONS_MAX {
            return None;
        }
        let room = PEAK_MAX_DBTP - self.true_peak?;
        if room < 0.0 {
            return Some(room - MORE_DB * f64::from(1_u32 << corrections));
        }
        if corrections >= LOUDNESS_CORRECTIONS_MAX {
            return None;
        }
        let miss = wanted? - self.loudness?;
        let correction = miss.min(room - MORE_DB);
        (miss.abs() > MISS_MAX_LU && correction.abs() > MORE_DB).then_some(correction)
    }
}

fn waveform(points: &[f32]) -> [u8; WAVEFORM_POINTS] {
    let largest = |points: &[f32]| points.iter().copied().fold(0.0, f32::max);
    let scale = 255.0 / largest(points).max(f32::MIN_POSITIVE);
    std::array::from_fn(|number| {
        let start = number * points.len() / WAVEFORM_POINTS;
        let end = (number + 1) * points.len() / WAVEFORM_POINTS;
        let some = points.get(start..end.max(start + 1)).unwrap_or_default();
        (largest(some) * scale).round().to_u8().unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sine of 997 Hz on both sides.
    fn sine(amplitude: f32, frames: u16) -> Vec<f32> {
        (0..frames)
            .flat_map(|n| {
                let phase = f32::from(n % 48_000) * 997.0 / 48_000.0;
                let sample = amplitude * (phase.fract() * std::f32::consts::TAU).sin();
                [sample, sample]
            })
            .collect()
    }

    fn measured(stereo: &[f32]) -> Measured {
        let mut meter = Meter::new().unwrap();
        for piece in stereo.chunks(1_000) {
            meter.take(piece).unwrap();
        }
        meter.finish().unwrap()
    }

    fn assert_near(value: Option<f64>, expected: f64) {
        let value = value.unwrap();
        assert!((value - expected).abs() < 0.1, "{value}, not {expected}");
    }

    #[test]
    fn a_sine_of_the_standard_reads_as_it_says() {
        // BS.1770: 997 Hz at full scale on one side is -3.01 LKFS, on both 3.01 more.
        let full = measured(&sine(1.0, 48_000));
        assert_near(full.loudness, 0.0);
        assert_near(full.true_peak, 0.0);
        assert_eq!(full.frames, 48_000);
        assert_near(measured(&sine(0.1, 48_000)).loudness, -20.0);
    }

    #[test]
    fn short_sounds_are_heard_with_the_silence_after_them() {
        let short = measured(&sine(0.5, 14_400));
        assert_near(short.loudness, -6.02 - 1.25);
        assert_eq!(short.frames, 14_400);
        // At the end of a silence, in a block that never becomes whole.
        let late = [vec![0.0; 96_000], sine(0.5, 2_400)].concat();
        assert!(measured(&late).loudness.is_some());
    }

    #[test]
    fn silence_has_no_loudness() {
        let silent = measured(&vec![0.0; 96_000]);
        assert_eq!((silent.loudness, silent.true_peak), (None, None));
        assert_eq!(silent.waveform, [0; WAVEFORM_POINTS]);
        assert!(silent.gain(Level::from_db(-16.0)).abs() < 1e-9);
        let faint = measured(&sine(0.0001, 48_000));
        assert_eq!(faint.loudness, None);
        assert!(faint.gain(Level::from_db(-16.0)).abs() < 1e-9);
        assert_eq!(measured(&[]).frames, 0);
    }

    #[test]
    fn the_gain_ends_where_noise_and_peaks_begin() {
        let target = Level::from_db(-16.0);
        let gain = |loudness, true_peak| {
            let measured = Measured {
                frames: 1,
                loudness,
                true_peak,
                waveform: [0; WAVEFORM_POINTS],
            };
            measured.gain(target)
        };
        let assert_gain = |loudness, peak, expected: f64| {
            let gain = gain(Some(loudness), Some(peak));
            assert!((gain - expected).abs() < 1e-9, "{gain}");
        };
        assert_gain(-23.0, -20.0, 7.0);
        assert_gain(-9.0, 0.5, -7.0);
        assert_gain(-50.0, -40.0, 12.0);
        assert_gain(-23.0, -5.0, 3.7);
        assert_gain(-16.0, 3.0, -4.3);
    }

    #[test]
    fn results_are_corrected_when_they_miss() {
        let result = |loudness, true_peak| Measured {
            frames: 1,
            loudness: Some(loudness),
            true_peak: Some(true_peak),
            waveform: [0; WAVEFORM_POINTS],
        };
        let near = |correction: Option<f64>, expected: f64| {
            assert!(
                (correction.unwrap() - expected).abs() < 1e-9,
                "{correction:?}"
            );
        };
        assert_eq!(result(-16.1, -1.1).correction(Some(-16.0), 0), None);
        near(result(-16.0, -0.4).correction(Some(-16.0), 0), -0.7);
        near(result(-16.0, -0.4).correction(Some(-16.0), 3), -1.4);
        assert_eq!(result(-16.0, -0.4).correction(Some(-16.0), 8), None);
        near(result(-17.0, -8.0).correction(Some(-16.0), 2), 1.0);
        assert_eq!(result(-17.0, -8.0).correction(Some(-16.0), 3), None);
        near(result(-17.0, -1.5).correction(Some(-16.0), 0), 0.4);
        assert_eq!(result(-17.0, -1.1).correction(Some(-16.0), 0), None);
        assert_eq!(result(-17.0, -8.0).correction(None, 0), None);
    }

    #[test]
    fn the_waveform_shows_where_it_is_loud() {
        let mut sound = vec![0.0; 64_000];
        sound[32_000] = -0.5;
        sound[63_999] = 0.25;
        let waveform = measured(&sound).waveform;
        let loud: Vec<_> = (0..64).filter(|point| waveform[*point] > 0).collect();
        assert_eq!((loud, waveform[32], waveform[63]), (vec![32, 63], 255, 128));
        // Shorter than it has points.
        assert_eq!(measured(&[0.5; 2]).waveform[0], 255);
    }
}
