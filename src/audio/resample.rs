//! Any sample rate turned into 48 kHz, to the frame. Called by the sink.

use rubato::{FftFixedInOut, ResampleError, Resampler as _, ResamplerConstructionError};

/// The rate of everything that is sent to Discord, in frames a second.
pub(super) const RATE: u32 = 48_000;

/// About how many frames are converted at once.
const CHUNK_FRAMES: usize = 1024;

/// Converts interleaved stereo of one rate to 48 kHz. What comes out in all has exactly the
/// length of what went in: the filter's delay is cut off at the start and flushed at the end.
pub(super) struct Resampler {
    inner: FftFixedInOut<f32>,
    rate: u32,
    /// Frames that still have to be converted, a plane for each side.
    waiting: [Vec<f32>; 2],
    converted: Vec<Vec<f32>>,
    /// Frames of the filter's delay that still have to be dropped.
    delay: usize,
    frames_in: u64,
    frames_out: u64,
}

impl Resampler {
    /// A converter from `rate` frames a second.
    ///
    /// # Errors
    /// When the rate is one that cannot be converted.
    pub(super) fn new(rate: u32) -> Result<Self, ResamplerConstructionError> {
        let input = usize::try_from(rate).unwrap_or(usize::MAX);
        let output = usize::try_from(RATE).unwrap_or(usize::MAX);
        let inner = FftFixedInOut::new(input, output, CHUNK_FRAMES, 2)?;
        Ok(Self {
            converted: inner.output_buffer_allocate(true),
            delay: inner.output_delay(),
            inner,
            rate,
            waiting: [Vec::new(), Vec::new()],
            frames_in: 0,
            frames_out: 0,
        })
    }

    /// Takes interleaved stereo in and appends what is ready to `out`.
    ///
    /// # Errors
    /// The library's; the output is of no use then.
    pub(super) fn push(&mut self, stereo: &[f32], out: &mut Vec<f32>) -> Result<(), ResampleError> {
        for frame in stereo.chunks_exact(2) {
            self.waiting[0].push(frame[0]);
            self.waiting[1].push(frame[1]);
        }
        self.frames_in += count(stereo.len() / 2);
        let chunk = self.inner.input_frames_next();
        let mut at = 0;
        while self.waiting[0].len() - at >= chunk {
            self.convert(at, chunk, out, u64::MAX)?;
            at += chunk;
        }
        for side in &mut self.waiting {
            side.drain(..at);
        }
        Ok(())
    }

    /// Appends everything that is left, so that the whole has the right length.
    ///
    /// # Errors
    /// The library's.
    pub(super) fn finish(mut self, out: &mut Vec<f32>) -> Result<(), ResampleError> {
        let rate = u64::from(self.rate);
        let length = (self.frames_in * u64::from(RATE) + rate / 2) / rate;
        let chunk = self.inner.input_frames_next();
        while self.frames_out < length {
            for side in &mut self.waiting {
                side.resize(chunk, 0.0);
            }
            self.convert(0, chunk, out, length)?;
            for side in &mut self.waiting {
                side.clear();
            }
        }
        Ok(())
    }

    fn convert(
        &mut self,
        at: usize,
        chunk: usize,
        out: &mut Vec<f32>,
        length: u64,
    ) -> Result<(), ResampleError> {
        let input = [
            &self.waiting[0][at..at + chunk],
            &self.waiting[1][at..at + chunk],
        ];
        let (_, frames) = self
            .inner
            .process_into_buffer(&input, &mut self.converted, None)?;
        let dropped = self.delay.min(frames);
        self.delay -= dropped;
        let wanted = usize::try_from(length - self.frames_out).unwrap_or(usize::MAX);
        let end = dropped + (frames - dropped).min(wanted);
        let sides = (
            &self.converted[0][dropped..end],
            &self.converted[1][dropped..end],
        );
        for (left, right) in sides.0.iter().zip(sides.1) {
            out.push(*left);
            out.push(*right);
        }
        self.frames_out += count(end - dropped);
        Ok(())
    }
}

fn count(frames: usize) -> u64 {
    u64::try_from(frames).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sine of `hertz` at `rate`, interleaved stereo.
    fn sine(rate: u32, frames: u32, hertz: f64) -> Vec<f32> {
        (0..frames)
            .flat_map(|n| {
                let phase = std::f64::consts::TAU * hertz * f64::from(n) / f64::from(rate);
                let sample = format!("{:.9}", phase.sin()).parse::<f32>().unwrap() * 0.5;
                [sample, sample]
            })
            .collect()
    }

    fn resampled(rate: u32, input: &[f32], step: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(rate).unwrap();
        let mut out = Vec::new();
        for piece in input.chunks(step * 2) {
            resampler.push(piece, &mut out).unwrap();
        }
        resampler.finish(&mut out).unwrap();
        out
    }

    #[test]
    fn the_length_is_exact_and_the_sound_is_in_its_place() {
        for rate in [8_000_u16, 11_025, 22_050, 44_100, 47_999, 64_000] {
            let frames_in = u32::from(rate) / 4;
            let out = resampled(rate.into(), &sine(rate.into(), frames_in, 440.0), 999);
            let frames = (f64::from(frames_in) * 48_000.0 / f64::from(rate)).round();
            assert!((f64::from(u32::try_from(out.len()).unwrap()) - 2.0 * frames).abs() < 0.5);
            let expected = sine(RATE, 12_000, 440.0);
            let middle = 2 * 3_000..2 * 9_000;
            let error = out[middle.clone()]
                .iter()
                .zip(&expected[middle])
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            // The filter's middle may lie between two frames of the input.
            let half_a_frame = 0.5 * 0.5 * 440.0 * std::f32::consts::TAU / f32::from(rate);
            assert!(error < 0.002 + half_a_frame, "{rate}: {error}");
        }
    }

    #[test]
    fn tiny_inputs_keep_their_length() {
        assert_eq!(resampled(44_100, &sine(44_100, 1, 1.0), 1).len(), 2);
        assert_eq!(resampled(8_000, &sine(8_000, 7, 1.0), 3).len(), 2 * 42);
        assert!(resampled(44_100, &[], 1).is_empty());
    }
}
