//! How loud sounds are that are heard together: songbird adds them up, and what exceeds full scale
//! would be bent down to it, audibly. Called by `voice`.

use num_traits::ToPrimitive as _;

use crate::audio::PEAK_MAX_DBTP;
use crate::domain::settings::Volume;

/// What the samples of each sound are multiplied with at a volume, so that those with these peaks
/// stay below full scale even where all peaks meet. One sound at 100 % is left exactly as it is.
pub(super) fn factor(volume: Volume, peaks: impl IntoIterator<Item = f32>) -> f32 {
    let wanted = volume.factor();
    let bound = 10_f64.powf(PEAK_MAX_DBTP / 20.0).to_f32().unwrap_or(1.0);
    let together: f32 = peaks.into_iter().sum();
    if wanted * together > bound {
        bound / together
    } else {
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(percent: u16, peaks: &[f32]) -> f32 {
        factor(Volume::new(percent).unwrap(), peaks.iter().copied())
    }

    #[test]
    fn peaks_together_stay_below_full_scale() {
        for (percent, peaks) in [
            (100, &[0.8, 0.8][..]),
            (200, &[0.7]),
            (150, &[0.1, 0.3, 0.5, 0.0]),
            (200, &[0.891; 8]),
        ] {
            let peak = at(percent, peaks) * peaks.iter().sum::<f32>();
            assert!(
                (peak - 0.891_25).abs() < 1e-4,
                "{percent} {peaks:?}: {peak}"
            );
        }
    }

    #[test]
    fn what_fits_is_as_loud_as_was_chosen() {
        // Exactly: songbird sends a sound at 1 as it is.
        let bound = 10_f64.powf(-0.05).to_f32().unwrap();
        for (percent, peaks, expected) in [
            (100, &[bound][..], 1.0),
            (100, &[0.4, 0.4], 1.0),
            (200, &[0.4], 2.0),
            (50, &[0.9, 0.8], 0.5),
            (0, &[0.9], 0.0),
            (200, &[], 2.0),
            (200, &[0.0], 2.0),
        ] {
            let difference = at(percent, peaks) - expected;
            assert!(difference.abs() < f32::EPSILON, "{percent} {peaks:?}");
        }
    }
}
