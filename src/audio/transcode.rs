//! A file of any kind turned into the canonical form, evenly loud: decoded once to be measured, a
//! second time to be encoded. Runs in the worker process only.
//!
//! Decoding twice costs less memory than keeping the samples, and little time: encoding takes the
//! most of it.

use std::io;

use bytes::Bytes;

use super::container::{Container, sniff};
use super::decode::decode;
use super::facts::{Facts, Level, from_db};
use super::loudness::{Measured, Meter};
use super::ogg_opus::Writer;
use super::resample::RATE;
use super::sink::{Sink, SinkError, Target};

/// Decodes a whole file and answers its canonical form at `target` LUFS. `max_ms` is the most that
/// is decoded.
///
/// # Errors
/// What is wrong with the file, or with encoding.
pub(super) fn transcode(
    mut bytes: Vec<u8>,
    target: Level,
    max_ms: u64,
) -> Result<Vec<u8>, SinkError> {
    let container = sniff(&mut bytes)?;
    let bytes = Bytes::from(bytes);
    let original = measure(&container, &bytes, max_ms)?;
    let mut gain = original.gain(target);
    let wanted = original.loudness.map(|loudness| loudness + gain);
    let mut corrections = 0;
    loop {
        let output = encode(&container, &bytes, &original, gain, max_ms)?;
        // The encoder moves peaks, and takes away what lies above 20 kHz.
        let result = measure_opus(output.clone())?;
        match result.correction(wanted, corrections) {
            Some(correction) => {
                gain += correction;
                corrections += 1;
            }
            None => return Ok(output),
        }
    }
}

fn measure(container: &Container, bytes: &Bytes, max_ms: u64) -> Result<Measured, SinkError> {
    let mut meter = Meter::new()?;
    let mut sink = Sink::new(&mut meter, max_ms);
    decode(container, bytes, &mut sink)?;
    sink.finish()?;
    Ok(meter.finish()?)
}

/// Measures what was written.
fn measure_opus(mut bytes: Vec<u8>) -> Result<Measured, SinkError> {
    let container = sniff(&mut bytes)?;
    measure(&container, &Bytes::from(bytes), u64::MAX)
}

fn encode(
    container: &Container,
    bytes: &Bytes,
    original: &Measured,
    gain: f64,
    max_ms: u64,
) -> Result<Vec<u8>, SinkError> {
    let gain = Level::from_db(gain);
    let length_ms = u64::try_from(original.frames).unwrap_or(u64::MAX) * 1_000 / u64::from(RATE);
    let facts = Facts {
        length_ms,
        loudness: original.loudness.map(Level::from_db),
        true_peak: original.true_peak.map(Level::from_db),
        gain,
        waveform: original.waveform,
    };
    let mut levelled = Levelled {
        writer: Writer::new(Vec::new(), &facts)?,
        factor: from_db(gain.db()),
        scaled: Vec::new(),
    };
    let mut sink = Sink::new(&mut levelled, max_ms);
    decode(container, bytes, &mut sink)?;
    sink.finish()?;
    Ok(levelled.writer.finish()?)
}

/// Encodes at another level.
struct Levelled {
    writer: Writer<Vec<u8>>,
    factor: f32,
    scaled: Vec<f32>,
}

impl Target for Levelled {
    fn take(&mut self, stereo: &[f32]) -> io::Result<()> {
        self.scaled.clear();
        self.scaled
            .extend(stereo.iter().map(|sample| sample * self.factor));
        self.writer.push(&self.scaled)
    }
}
