//! The head of a WAV file, for recordings and for streams without an end.
//!
//! Called by [`Audio::to_wav`](super::Audio::to_wav) and by the live stream.

use super::audio::SAMPLE_RATE;

const CHANNELS: u16 = 2;

/// How samples are written, all of them with the least significant byte first.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Format {
    /// Whole numbers of 16 bits.
    Int16,
    /// IEEE 754 numbers of 32 bits, from -1 to 1.
    Float32,
}

/// Everything before the samples of a 48 kHz stereo file; without a length for as many
/// samples as may come.
pub(crate) fn header(format: Format, bytes: Option<u32>) -> Vec<u8> {
    let (tag, bits) = match format {
        Format::Int16 => (1_u16, 16_u16),
        Format::Float32 => (3, 32),
    };
    // Readers take the largest number for "until it ends".
    let bytes = bytes.filter(|bytes| *bytes <= u32::MAX - 36);
    let block = CHANNELS * bits / 8;
    let mut header = Vec::with_capacity(44);
    header.extend(b"RIFF");
    header.extend(bytes.map_or(u32::MAX, |bytes| bytes + 36).to_le_bytes());
    header.extend(b"WAVEfmt ");
    header.extend(16_u32.to_le_bytes());
    header.extend(tag.to_le_bytes());
    header.extend(CHANNELS.to_le_bytes());
    header.extend(SAMPLE_RATE.to_le_bytes());
    header.extend((SAMPLE_RATE * u32::from(block)).to_le_bytes());
    header.extend(block.to_le_bytes());
    header.extend(bits.to_le_bytes());
    header.extend(b"data");
    header.extend(bytes.unwrap_or(u32::MAX).to_le_bytes());
    header
}
