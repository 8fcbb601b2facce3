//! The strongest frequency of a signal, finer than the bins of its spectrum.
//!
//! Called by [`Audio::frequency_hz`](super::Audio::frequency_hz).

use realfft::RealFftPlanner;

/// Length of the spectrum: 0.73 Hz a bin at 48 kHz.
const LENGTH: usize = 1 << 16;
/// Longer signals are cut into pieces that overlap by half.
const STEP: usize = LENGTH / 2;
/// Below this share of full scale, on average, there is nothing to find.
const FLOOR: f32 = 1.0;

/// The strongest frequency in Hz, or `None` if the signal is silent or empty.
pub(super) fn strongest(samples: &[f32], sample_rate: f64) -> Option<f64> {
    let power = power_spectrum(samples)?;
    // The lowest bins hold the window's own shape and any constant offset.
    let lowest = 8;
    let peak = (lowest..power.len() - 1).max_by(|a, b| power[*a].total_cmp(&power[*b]))?;
    if power[peak] <= FLOOR {
        return None;
    }
    // The top of a parabola through the logarithms of the peak and its neighbours: a Hann
    // window's main lobe is very nearly one.
    let [before, at, after] = [peak - 1, peak, peak + 1].map(|bin| f64::from(power[bin]).ln());
    let bend = before - 2.0 * at + after;
    let shift = if bend.abs() < f64::EPSILON {
        0.0
    } else {
        0.5 * (before - after) / bend
    };
    let bin = f64::from(u32::try_from(peak).ok()?) + shift;
    let bins = f64::from(u32::try_from(LENGTH).ok()?);
    Some(bin * sample_rate / bins)
}

/// The sum of the power spectra of all pieces; shorter signals are padded with zeros.
fn power_spectrum(samples: &[f32]) -> Option<Vec<f32>> {
    if samples.is_empty() {
        return None;
    }
    let transform = RealFftPlanner::<f32>::new().plan_fft_forward(LENGTH);
    let mut spectrum = transform.make_output_vec();
    let mut power = vec![0.0; spectrum.len()];
    let mut from = 0;
    loop {
        let piece = &samples[from..samples.len().min(from + LENGTH)];
        let mut input = windowed(piece);
        transform.process(&mut input, &mut spectrum).ok()?;
        for (sum, bin) in power.iter_mut().zip(&spectrum) {
            *sum += bin.norm_sqr();
        }
        from += STEP;
        if from + STEP > samples.len() {
            return Some(power);
        }
    }
}

/// The piece under a Hann window of its own length, padded to the transform's.
fn windowed(piece: &[f32]) -> Vec<f32> {
    let length = f64::from(u32::try_from(piece.len()).unwrap_or(u32::MAX));
    let mut input = vec![0.0; LENGTH];
    for ((place, sample), n) in input.iter_mut().zip(piece).zip(0_u32..) {
        let phase = std::f64::consts::TAU * f64::from(n) / length;
        *place = sample * narrow(0.5 - 0.5 * phase.cos());
    }
    input
}

/// A window's weight, between 0 and 1, in single precision.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "no From exists"
)]
fn narrow(weight: f64) -> f32 {
    weight as f32
}
