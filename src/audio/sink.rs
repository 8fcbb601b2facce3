//! Where decoded audio goes: counted against the limit, brought to 48 kHz, encoded. Called by the
//! decoders, which may change the sample rate on the way.

use std::io::{self, Write};

use super::ogg_opus::Writer;
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

/// Takes stereo of any rate and writes the canonical stream.
pub(super) struct Sink<W: Write> {
    writer: Writer<W>,
    resampler: Option<Resampler>,
    resampled: Vec<f32>,
    /// Limit on what is decoded, not on what headers announce.
    max_ms: u64,
    /// Frames taken in at the current rate, and milliseconds at the earlier ones.
    frames: u64,
    earlier_ms: u64,
    rate: u32,
}

impl<W: Write> Sink<W> {
    /// Starts a stream on `output` for at most `max_ms` of audio.
    ///
    /// # Errors
    /// The encoder's, or that of `output`.
    pub(super) fn new(output: W, max_ms: u64) -> io::Result<Self> {
        Ok(Self {
            writer: Writer::new(output)?,
            resampler: None,
            resampled: Vec::new(),
            max_ms,
            frames: 0,
            earlier_ms: 0,
            rate: RATE,
        })
    }

    /// Refuses early what announces to be too long; what lies about it is caught by
    /// [`push`](Self::push).
    ///
    /// # Errors
    /// [`Reason::TooLong`].
    pub(super) fn announce(&self, rate: u32, frames: u64) -> Result<(), Reason> {
        check_length(frames, rate, self.max_ms)
    }

    /// Takes interleaved stereo of `rate` frames a second.
    ///
    /// # Errors
    /// [`Reason::TooLong`], [`Reason::Layout`], or what writing failed of.
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
        if rate == RATE {
            self.writer.push(stereo)?;
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
        self.writer.push(&self.resampled)?;
        Ok(())
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// [`Reason::NoAudio`] when nothing came, or what writing failed of.
    pub(super) fn finish(mut self) -> Result<W, SinkError> {
        self.flush()?;
        if self.writer.frames() == 0 {
            return Err(Reason::NoAudio.into());
        }
        Ok(self.writer.finish()?)
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(resampler) = self.resampler.take() {
            self.resampled.clear();
            resampler
                .finish(&mut self.resampled)
                .map_err(io::Error::other)?;
            self.writer.push(&self.resampled)?;
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
    use std::io::Cursor;

    use super::*;
    use crate::audio::ogg_opus::read_length_ms;

    #[test]
    fn parts_of_different_rates_follow_each_other() {
        let mut sink = Sink::new(Vec::new(), 1_000).unwrap();
        for rate in [48_000, 44_100, 8_000, 48_000] {
            for _ in 0..5 {
                sink.push(rate, &vec![0.1; usize::try_from(rate / 50).unwrap() * 2])
                    .unwrap();
            }
        }
        let stream = sink.finish().unwrap();
        assert_eq!(read_length_ms(Cursor::new(stream)).unwrap(), Some(400));
    }

    #[test]
    fn the_limit_counts_what_was_decoded() {
        let mut sink = Sink::new(Vec::new(), 20).unwrap();
        assert!(sink.announce(48_000, 960).is_ok());
        assert_eq!(sink.announce(48_000, 961), Err(Reason::TooLong));
        assert!(sink.push(8_000, &[0.0; 160]).is_ok());
        assert!(sink.push(48_000, &[0.0; 960]).is_ok());
        let refused = sink.push(48_000, &[0.0; 962]);
        assert!(
            matches!(refused, Err(SinkError::Refused(Reason::TooLong))),
            "{refused:?}"
        );
    }

    #[test]
    fn nothing_is_no_audio() {
        let sink = Sink::new(Vec::new(), 20).unwrap();
        assert!(matches!(
            sink.finish(),
            Err(SinkError::Refused(Reason::NoAudio))
        ));
        let mut sink = Sink::new(Vec::new(), 20).unwrap();
        for rate in [0, 3_999, 384_001, u32::MAX] {
            let refused = sink.push(rate, &[0.0; 2]);
            assert!(
                matches!(refused, Err(SinkError::Refused(Reason::Layout))),
                "{rate}"
            );
        }
    }
}
