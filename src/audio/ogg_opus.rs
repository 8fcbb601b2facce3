//! The canonical form of every sound: 48 kHz stereo Ogg Opus in frames of 20 ms, which the voice
//! connection sends on as they are. Written by the worker, measured by the parent.

use std::io::{self, Read, Seek, SeekFrom, Write};

use ogg::writing::{PacketWriteEndInfo, PacketWriter};
use opus2::{Application, Bitrate, Channels, Encoder};

use super::resample::RATE;

/// Frames in a packet: 20 ms.
const PACKET_FRAMES: usize = 960;
/// What Discord's own clients send at most without a boosted guild is less; more is not heard.
const BITRATE: i32 = 128_000;
/// Larger than any packet at this rate.
const PACKET_BYTES_MAX: usize = 1_275;
/// Packets in a page: a second of sound.
const PAGE_PACKETS: u64 = 50;
/// The serial number of the one stream; any will do, a fixed one makes files comparable.
const SERIAL: u32 = 0x7975_7269;
/// More than the longest page, header included.
const TAIL_BYTES: u64 = 65_536;

const CAPTURE: &[u8] = b"OggS";
const HEAD_MAGIC: &[u8] = b"OpusHead";
const HEADER_BYTES: usize = 27;
/// Flag of a stream's last page.
const LAST_PAGE: u8 = 0x04;

/// Encodes interleaved 48 kHz stereo into an Ogg Opus stream.
pub(super) struct Writer<W: Write> {
    ogg: PacketWriter<'static, W>,
    encoder: Encoder,
    /// Samples that do not fill a packet yet.
    waiting: Vec<f32>,
    /// The last packet: it is written when it is known whether another follows.
    held: Option<Vec<u8>>,
    packets: u64,
    frames: u64,
    /// Frames that a player drops at the start: the encoder's delay.
    pre_skip: u16,
}

impl<W: Write> Writer<W> {
    /// Starts a stream on `output` with its two header pages.
    ///
    /// # Errors
    /// The encoder's, or that of `output`.
    pub(super) fn new(output: W) -> io::Result<Self> {
        let mut encoder =
            Encoder::new(RATE, Channels::Stereo, Application::Audio).map_err(io::Error::other)?;
        encoder
            .set_bitrate(Bitrate::Bits(BITRATE))
            .map_err(io::Error::other)?;
        let delay = encoder.get_lookahead().map_err(io::Error::other)?;
        let pre_skip = u16::try_from(delay).map_err(io::Error::other)?;
        let mut ogg = PacketWriter::new(output);
        ogg.write_packet(head(pre_skip), SERIAL, PacketWriteEndInfo::EndPage, 0)?;
        ogg.write_packet(tags(), SERIAL, PacketWriteEndInfo::EndPage, 0)?;
        Ok(Self {
            ogg,
            encoder,
            waiting: Vec::new(),
            held: None,
            packets: 0,
            frames: 0,
            pre_skip,
        })
    }

    /// Frames taken in so far.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Appends interleaved stereo.
    ///
    /// # Errors
    /// The encoder's, or that of the output.
    pub(super) fn push(&mut self, stereo: &[f32]) -> io::Result<()> {
        self.frames += u64::try_from(stereo.len() / 2).unwrap_or(u64::MAX);
        self.append(stereo)
    }

    /// Ends the stream: its last granule position cuts the padding off, to the frame.
    ///
    /// # Errors
    /// The encoder's, or that of the output.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let end = self.frames + u64::from(self.pre_skip);
        while self.packets * packet_frames() < end {
            let missing = PACKET_FRAMES * 2 - self.waiting.len();
            self.append(&vec![0.0; missing])?;
        }
        let last = self.held.take().unwrap_or_default();
        self.ogg
            .write_packet(last, SERIAL, PacketWriteEndInfo::EndStream, end)?;
        let mut output = self.ogg.into_inner();
        output.flush()?;
        Ok(output)
    }

    fn append(&mut self, stereo: &[f32]) -> io::Result<()> {
        self.waiting.extend_from_slice(stereo);
        let whole = self.waiting.len() - self.waiting.len() % (PACKET_FRAMES * 2);
        let waiting = std::mem::take(&mut self.waiting);
        for samples in waiting[..whole].chunks_exact(PACKET_FRAMES * 2) {
            let packet = self
                .encoder
                .encode_vec_float(samples, PACKET_BYTES_MAX)
                .map_err(io::Error::other)?;
            self.write_held()?;
            self.held = Some(packet);
            self.packets += 1;
        }
        self.waiting = waiting[whole..].to_vec();
        Ok(())
    }

    fn write_held(&mut self) -> io::Result<()> {
        let Some(packet) = self.held.take() else {
            return Ok(());
        };
        let end = if self.packets.is_multiple_of(PAGE_PACKETS) {
            PacketWriteEndInfo::EndPage
        } else {
            PacketWriteEndInfo::NormalPacket
        };
        self.ogg
            .write_packet(packet, SERIAL, end, self.packets * packet_frames())
    }
}

fn packet_frames() -> u64 {
    u64::try_from(PACKET_FRAMES).unwrap_or(u64::MAX)
}

/// RFC 7845, section 5.1.
fn head(pre_skip: u16) -> Vec<u8> {
    let mut head = HEAD_MAGIC.to_vec();
    head.extend([1, 2]); // version, channels
    head.extend(pre_skip.to_le_bytes());
    head.extend(RATE.to_le_bytes());
    head.extend([0, 0, 0]); // no gain, no channel mapping table
    head
}

/// RFC 7845, section 5.2.
fn tags() -> Vec<u8> {
    let mut tags = b"OpusTags\x04\0\0\0yuri".to_vec();
    tags.extend([0; 4]); // no comments
    tags
}

/// The length of a finished stream in milliseconds; `None` when it is not one that
/// [`Writer::finish`] has ended. Reads the two ends of the file only.
///
/// # Errors
/// The input's.
pub(super) fn read_length_ms(mut input: impl Read + Seek) -> io::Result<Option<u64>> {
    let mut start = Vec::new();
    input.rewind()?;
    input.by_ref().take(128).read_to_end(&mut start)?;
    let end = input.seek(SeekFrom::End(0))?;
    input.seek(SeekFrom::Start(end.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    input.take(TAIL_BYTES).read_to_end(&mut tail)?;
    let length = pre_skip(&start)
        .zip(last_granule(&tail))
        .and_then(|(pre_skip, granule)| granule.checked_sub(u64::from(pre_skip)));
    Ok(length
        .filter(|frames| *frames > 0)
        .map(|frames| frames * 1_000 / u64::from(RATE)))
}

fn pre_skip(start: &[u8]) -> Option<u16> {
    let head = start
        .strip_prefix(CAPTURE)?
        .get(HEADER_BYTES - CAPTURE.len() + 1..)?;
    let fields = head.strip_prefix(HEAD_MAGIC)?;
    Some(u16::from_le_bytes(fields.get(2..4)?.try_into().ok()?))
}

/// The granule position of the page that ends the file, when that is the stream's last one and
/// is complete.
fn last_granule(tail: &[u8]) -> Option<u64> {
    let at = tail
        .windows(CAPTURE.len())
        .rposition(|bytes| bytes == CAPTURE)?;
    let page = &tail[at..];
    let segments = usize::from(*page.get(HEADER_BYTES - 1)?);
    let lacing = page.get(HEADER_BYTES..HEADER_BYTES + segments)?;
    let body: usize = lacing.iter().map(|bytes| usize::from(*bytes)).sum();
    let is_last = page[5] & LAST_PAGE != 0 && page[14..18] == SERIAL.to_le_bytes();
    let is_whole = page.len() == HEADER_BYTES + segments + body;
    (is_last && is_whole).then(|| page[6..14].try_into().ok().map(u64::from_le_bytes))?
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ogg::PacketReader;

    use super::*;

    fn written(frames: usize) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new()).unwrap();
        let sound: Vec<f32> = (0_u16..500)
            .map(|n| f32::from(n % 100) / 200.0 - 0.25)
            .collect();
        let samples: Vec<f32> = sound.iter().copied().cycle().take(frames * 2).collect();
        for piece in samples.chunks(777 * 2) {
            writer.push(piece).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn lengths_are_exact() {
        for (frames, length_ms) in [
            (48, 1),
            (959, 19),
            (960, 20),
            (961, 20),
            (48_000, 1_000),
            (48_047, 1_000),
        ] {
            let stream = written(frames);
            assert_eq!(
                read_length_ms(Cursor::new(&stream)).unwrap(),
                Some(length_ms),
                "{frames}"
            );
        }
    }

    #[test]
    fn every_packet_has_20_ms_and_the_granules_count_them() {
        let stream = written(144_100);
        let mut reader = PacketReader::new(Cursor::new(&stream));
        let head = reader.read_packet_expected().unwrap();
        assert!(head.first_in_stream() && head.data.starts_with(HEAD_MAGIC));
        let pre_skip = u64::from(pre_skip(&stream).unwrap());
        assert!(
            reader
                .read_packet_expected()
                .unwrap()
                .data
                .starts_with(b"OpusTags")
        );
        let mut packets = 0;
        let mut last = None;
        while let Some(packet) = reader.read_packet().unwrap() {
            assert_eq!(
                opus2::packet::get_nb_samples(&packet.data, RATE).unwrap(),
                PACKET_FRAMES
            );
            packets += 1;
            if packet.last_in_page() && !packet.last_in_stream() {
                assert_eq!(packet.absgp_page(), packets * 960);
            }
            last = Some(packet);
        }
        assert_eq!(packets, (144_100 + pre_skip).div_ceil(960));
        let last = last.unwrap();
        assert!(last.last_in_stream());
        assert_eq!(last.absgp_page(), 144_100 + pre_skip);
    }

    #[test]
    fn unfinished_streams_have_no_length() {
        let stream = written(60_000);
        for length in 0..stream.len() {
            assert_eq!(
                read_length_ms(Cursor::new(&stream[..length])).unwrap(),
                None,
                "{length}"
            );
        }
        assert_eq!(
            read_length_ms(Cursor::new(b"RIFF but no Ogg at all")).unwrap(),
            None
        );
    }
}
