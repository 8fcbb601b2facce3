//! Sounds of any length for `playing` and `sessions`, made without another program.

use std::time::Duration;

use ogg::PacketWriteEndInfo;
use opus2::{Bitrate, Channels, Encoder};

use crate::Failed;

/// An Ogg Opus file of a tone: 48 kHz, stereo, 20 ms a frame.
///
/// # Errors
/// The encoder's.
pub fn ogg_opus(length: Duration, frequency_hz: f64) -> Result<Vec<u8>, Failed> {
    const SAMPLES: u32 = 960;
    let mut encoder = Encoder::new(48_000, Channels::Stereo, opus2::Application::Audio)?;
    encoder.set_bitrate(Bitrate::Bits(96_000))?;
    let mut ogg = ogg::PacketWriter::new(Vec::new());
    let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00".as_slice();
    let tags = b"OpusTags\x04\x00\x00\x00tone\x00\x00\x00\x00".as_slice();
    for header in [head, tags] {
        ogg.write_packet(header, 1, PacketWriteEndInfo::EndPage, 0)?;
    }
    let frames = u32::try_from(length.as_millis() / 20)?;
    for frame in 0..frames {
        let samples = (0..SAMPLES).flat_map(|sample| {
            let second = f64::from(frame * SAMPLES + sample) / 48_000.0;
            let value = (second * frequency_hz * std::f64::consts::TAU).sin() * 0.25;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::as_conversions,
                reason = "between -1 and 1"
            )]
            let value = value as f32;
            [value, value]
        });
        let packet = encoder.encode_vec_float(&samples.collect::<Vec<_>>(), 1_275)?;
        let end = if frame + 1 == frames {
            PacketWriteEndInfo::EndStream
        } else {
            PacketWriteEndInfo::NormalPacket
        };
        ogg.write_packet(packet, 1, end, u64::from((frame + 1) * SAMPLES))?;
    }
    Ok(ogg.into_inner())
}
