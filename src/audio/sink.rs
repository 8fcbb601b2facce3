//! Where decoded audio goes: counted against the limit, brought to 48 kHz, handed on. Called by
//! the decoders, which may change the sample rate on the way.

use std::io;

use super::reason::Reason;
use super::resample::{RATE, Resampler};

/// The lowest and the highest sample rate of a file.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Why nothing more can be taken in.
#[derive(Debug)]
pub(super) enum SinkError {
    /// It is the file's fault.
    Refused(Reason),
    /// It is ours.
    Io(io::Error),
}

impl From<Reason> for SinkError {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

impl From<io::Error> for SinkError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What takes 48 kHz stereo.
pub(super) trait Target {
    /// Takes interleaved stereo.
    ///
    /// # Errors
    /// What writing or measuring failed of.
    fn take(&mut self, stereo: &[f32]) -> io::Result<()>;
}

/// Takes stereo of any rate and hands it on at 48 kHz.
pub(super) struct Sink<'a> {
    target: &'a mut dyn Target,
    resampler: Option<Resampler>,
    resampled: Vec<f32>,
    /// Limit on what is decoded, not on what headers announce.
    max_ms: u64,
    /// Frames taken in at the current rate, and milliseconds at the earlier ones.
    frames: u64,
    earlier_ms: u64,
    rate: u32,
    /// Whether anything was handed on.
    is_empty: bool,
    /// Microseconds that were decoded and not taken in.
    passed_over_us: u64,
}

impl<'a> Sink<'a> {
    /// Feeds `target` with at most `max_ms` of audio.
    pub(super) fn new(target: &'a mut dyn Target, max_ms: u64) -> Self {
        Self {
            target,
            resampler: None,
            resampled: Vec::new(),
            max_ms,
            frames: 0,
            earlier_ms: 0,
            rate: RATE,
            is_empty: true,
            passed_over_us: 0,
        }
    }

    /// Refuses early what announces to be too long; what lies about it is caught by
    /// [`push`](Self::push).
    ///
    /// # Errors
    /// [`Reason::TooLong`].
    pub(super) fn announce(&self, rate: u32, frames: u64) -> Result<(), Reason> {
        check_length(frames, rate, self.max_ms)
    }

    /// Counts frames that were decoded and are not to be heard: no file may hide hours in what is
    /// cut off.
    ///
    /// # Errors
    /// [`Reason::TooLong`].
    pub(super) fn pass_over(&mut self, rate: u32, frames: u64) -> Result<(), Reason> {
        const MORE_US: u64 = 10_000_000;
        let passed_us = frames.saturating_mul(1_000_000) / u64::from(rate.max(1));
        self.passed_over_us = self.passed_over_us.saturating_add(passed_us);
        if self.passed_over_us > self.max_ms.saturating_mul(1_000).saturating_add(MORE_US) {
            return Err(Reason::TooLong);
        }
        Ok(())
    }

    /// Takes interleaved stereo of `rate` frames a second.
    ///
    /// # Errors
    /// [`Reason::TooLong`], [`Reason::Layout`], or what the target failed of.
    pub(super) fn push(&mut self, rate: u32, stereo: &[f32]) -> Result<(), SinkError> {
        if !RATES.contains(&rate) {
            return Err(Reason::Layout.into());
        }
        if rate != self.rate {
            self.flush()?;
            self.earlier_ms += self.frames * 1_000 / u64::from(self.rate);
            self.frames = 0;
            self.rate = rate;
        }
        self.frames += u64::try_from(stereo.len() / 2).unwrap_or(u64::MAX);
        check_length(
            self.frames,
            rate,
            self.max_ms.saturating_sub(self.earlier_ms),
        )?;
        self.is_empty &= stereo.is_empty();
        if rate == RATE {
            self.target.take(stereo)?;
            return Ok(());
        }
        let resampler = match &mut self.resampler {
            Some(resampler) => resampler,
            none => {
                let new = Resampler::new(rate).map_err(io::Error::other)?;
                none.insert(new)
            }
        };
        self.resampled.clear();
        resampler
            .push(stereo, &mut self.resampled)
            .map_err(io::Error::other)?;
        self.target.take(&self.resampled)?;
        Ok(())
    }

    /// Hands on what is still held.
    ///
    /// # Errors
    /// [`Reason::NoAudio`] when nothing came, or what the target failed of.
    pub(super) fn finish(mut self) -> Result<(), SinkError> {
        self.flush()?;
        if self.is_empty {
            return Err(Reason::NoAudio.into());
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(resampler) = self.resampler.take() {
            self.resampled.clear();
            resampler
                .finish(&mut self.resampled)
                .map_err(io::Error::other)?;
            self.target.take(&self.resampled)?;
        }
        Ok(())
    }
}

fn check_length(frames: u64, rate: u32, max_ms: u64) -> Result<(), Reason> {
    let max_frames = max_ms.saturating_mul(u64::from(rate)) / 1_000;
    if frames > max_frames {
        Err(Reason::TooLong)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts frames.
    impl Target for usize {
        fn take(&mut self, stereo: &[f32]) -> io::Result<()> {
            *self += stereo.len() / 2;
            Ok(())
        }
    }

    fn is_too_long(result: Result<(), SinkError>) -> bool {
        matches!(result, Err(SinkError::Refused(Reason::TooLong)))
    }

    #[test]
    fn parts_of_different_rates_follow_each_other() {
        let mut frames = 0;
        let mut sink = Sink::new(&mut frames, 1_000);
        for rate in [48_000, 44_100, 8_000, 48_000] {
            for _ in 0..5 {
                sink.push(rate, &vec![0.1; usize::try_from(rate / 50).unwrap() * 2])
                    .unwrap();
            }
        }
        sink.finish().unwrap();
        assert_eq!(frames, 19_200);
    }

    #[test]
    fn the_limit_counts_what_was_decoded() {
        let mut frames = 0;
        let mut sink = Sink::new(&mut frames, 20);
        assert!(sink.announce(48_000, 960).is_ok());
        assert_eq!(sink.announce(48_000, 961), Err(Reason::TooLong));
        assert!(sink.push(8_000, &[0.0; 160]).is_ok());
        assert!(sink.push(48_000, &[0.0; 960]).is_ok());
        assert!(is_too_long(sink.push(48_000, &[0.0; 962])));
    }

    #[test]
    fn what_is_cut_off_is_counted_too() {
        let mut frames = 0;
        let mut sink = Sink::new(&mut frames, 20);
        assert_eq!(sink.pass_over(48_000, 480_960), Ok(()));
        assert_eq!(sink.pass_over(48_000, 48), Err(Reason::TooLong));
    }

    #[test]
    fn nothing_is_no_audio() {
        let mut frames = 0;
        let refused = Sink::new(&mut frames, 20).finish();
        assert!(matches!(refused, Err(SinkError::Refused(Reason::NoAudio))));
        for rate in [0, 3_999, 384_001, u32::MAX] {
            let refused = Sink::new(&mut frames, 20).push(rate, &[0.0; 2]);
            assert!(
                matches!(refused, Err(SinkError::Refused(Reason::Layout))),
                "{rate}"
            );
        }
    }
}
