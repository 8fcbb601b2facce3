//! What a listener in a voice channel hears now: what the bots there send, decoded, mixed and
//! set to an even beat.
//!
//! Each live stream has an [`Ear`] of its own, so that nothing is decoded when nobody listens.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use opus2::{Channels, Decoder};

use super::Frame;
use super::audio::{LONGEST_FRAME, SAMPLE_RATE};

/// How much sound a block holds, and so how often one is due.
pub(crate) const BLOCK: Duration = Duration::from_millis(20);
/// The same in samples of both channels.
const SAMPLES: usize = 960 * 2;
/// How many blocks are held back before a sound begins: packets do not come evenly.
const HELD_BACK: u32 = 2;
/// How far a sender may run ahead before its oldest samples are skipped, in samples of both
/// channels: 400 ms.
const AHEAD: usize = SAMPLES * 20;

/// One listener.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    voices: BTreeMap<u64, Voice>,
}

/// One bot as this listener hears it.
#[derive(Debug)]
struct Voice {
    decoder: Decoder,
    /// Where in the recording the listener is.
    place: usize,
    samples: VecDeque<i16>,
    /// For how many blocks there have been samples to play.
    held: u32,
}

impl Ear {
    /// Forgets the bots that have left the channel.
    pub(crate) fn keep(&mut self, bots: &[u64]) {
        self.voices.retain(|bot, _| bots.contains(bot));
    }

    /// From where on this listener needs a bot's frames; `None` if it is new to it.
    pub(crate) fn place(&self, bot: u64) -> Option<usize> {
        Some(self.voices.get(&bot)?.place)
    }

    /// Takes what a bot has sent up to a place in its recording.
    pub(crate) fn hear(&mut self, bot: u64, frames: &[Frame], place: usize) {
        let voice = match self.voices.entry(bot) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                let Ok(decoder) = Decoder::new(SAMPLE_RATE, Channels::Stereo) else {
                    return;
                };
                new.insert(Voice {
                    decoder,
                    place,
                    samples: VecDeque::new(),
                    held: 0,
                })
            }
        };
        voice.place = place;
        let mut buffer = vec![0; LONGEST_FRAME];
        for frame in frames.iter().filter(|frame| !frame.opus.is_empty()) {
            if let Ok(count) = voice.decoder.decode(&frame.opus, &mut buffer, false) {
                voice.samples.extend(buffer.iter().take(count * 2));
            }
        }
        let ahead = voice.samples.len().saturating_sub(AHEAD);
        voice.samples.drain(..ahead);
    }

    /// The next block of the stream, as 32-bit numbers; silence if nobody says anything.
    pub(crate) fn next_block(&mut self) -> Vec<u8> {
        let mut mixed = [0.0_f32; SAMPLES];
        for voice in self.voices.values_mut() {
            if voice.samples.is_empty() {
                voice.held = 0;
                continue;
            }
            voice.held += 1;
            if voice.held <= HELD_BACK {
                continue;
            }
            let count = voice.samples.len().min(SAMPLES);
            for (sum, sample) in mixed.iter_mut().zip(voice.samples.drain(..count)) {
                *sum += f32::from(sample) / 32_768.0;
            }
        }
        mixed
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;

    /// Frames of a constant level, as a client would send them.
    fn frames(count: usize, level: f32) -> Vec<Frame> {
        let mode = opus2::Application::Audio;
        let mut encoder = opus2::Encoder::new(SAMPLE_RATE, Channels::Stereo, mode).unwrap();
        let frame = |_| Frame {
            sequence: 0,
            timestamp: 0,
            arrival: Instant::now(),
            channel: 0,
            opus: Arc::from(encoder.encode_vec_float(&[level; SAMPLES], 1_500).unwrap()),
        };
        (0..count).map(frame).collect()
    }

    fn is_silent(block: &[u8]) -> bool {
        assert_eq!(block.len(), SAMPLES * 4);
        block.iter().all(|byte| *byte == 0)
    }

    #[test]
    fn holds_two_blocks_back_and_is_silent_before_and_after() {
        let mut ear = Ear::default();
        assert!(is_silent(&ear.next_block()));
        ear.hear(1, &frames(3, 0.5), 3);
        assert_eq!(ear.place(1), Some(3));
        let silent = (0..6)
            .map(|_| is_silent(&ear.next_block()))
            .collect::<Vec<_>>();
        assert_eq!(silent, [true, true, false, false, false, true]);
    }

    #[test]
    fn mixes_and_forgets_who_has_left() {
        let mut ear = Ear::default();
        let loudest = |block: &[u8]| {
            let samples = block.chunks_exact(4);
            let samples = samples.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
            samples.map(f32::abs).fold(0.0, f32::max)
        };
        for (bots, expected) in [(&[1_u64][..], 1), (&[1, 2][..], 2)] {
            for bot in bots {
                ear.hear(*bot, &frames(4, 0.25), 4);
            }
            let blocks = (0..6)
                .map(|_| loudest(&ear.next_block()))
                .fold(0.0, f32::max);
            let voices = f64::from(blocks) / 0.35;
            assert!(
                (voices.round() - f64::from(expected)).abs() < 0.1,
                "{blocks}"
            );
            ear.keep(&[]);
            assert_eq!(ear.place(1), None);
        }
    }

    #[test]
    fn a_burst_is_cut_to_what_a_listener_can_catch_up_with() {
        let mut ear = Ear::default();
        ear.hear(1, &frames(200, 0.5), 200);
        let blocks = (0..200).filter(|_| !is_silent(&ear.next_block())).count();
        assert_eq!(blocks, 20);
    }
}
