//! The canonical form of every sound: 48 kHz stereo Ogg Opus in frames of 20 ms, which the voice
//! connection sends on as they are. The worker writes it, the parent reads it with `Stream`.

use std::io::{self, Cursor, Write};

use bytes::Bytes;

use ogg::PacketReader;
use ogg::writing::{PacketWriteEndInfo, PacketWriter};
use opus2::{Application, Bitrate, Channels, Encoder};

use super::facts::Facts;
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

const HEAD_MAGIC: &[u8] = b"OpusHead";
const TAGS_MAGIC: &[u8] = b"OpusTags";
const VENDOR: &[u8] = b"yuri";

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
    /// Starts a stream on `output` with its two header pages, `facts` in the second.
    ///
    /// # Errors
    /// The encoder's, or that of `output`.
    pub(super) fn new(output: W, facts: &Facts) -> io::Result<Self> {
        let mut encoder =
            Encoder::new(RATE, Channels::Stereo, Application::Audio).map_err(io::Error::other)?;
        encoder
            .set_bitrate(Bitrate::Bits(BITRATE))
            .map_err(io::Error::other)?;
        let delay = encoder.get_lookahead().map_err(io::Error::other)?;
        let pre_skip = u16::try_from(delay).map_err(io::Error::other)?;
        let mut ogg = PacketWriter::new(output);
        ogg.write_packet(head(pre_skip), SERIAL, PacketWriteEndInfo::EndPage, 0)?;
        ogg.write_packet(tags(facts), SERIAL, PacketWriteEndInfo::EndPage, 0)?;
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
fn tags(facts: &Facts) -> Vec<u8> {
    let comments = facts.to_comments();
    let texts = comments.iter().map(|comment| prefix(comment.as_bytes()));
    [
        TAGS_MAGIC,
        &prefix(VENDOR),
        &length(comments.len()),
        &texts.collect::<Vec<_>>().concat(),
    ]
    .concat()
}

/// A text behind its length.
fn prefix(text: &[u8]) -> Vec<u8> {
    [&length(text.len()), text].concat()
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// The comments of such a header.
fn comments(tags: &[u8]) -> Option<Vec<&str>> {
    let (vendor, rest) = unprefix(tags.strip_prefix(TAGS_MAGIC)?)?;
    let (count, mut rest) = rest.split_first_chunk().filter(|_| vendor == VENDOR)?;
    let mut comments = Vec::new();
    for _ in 0..u32::from_le_bytes(*count) {
        let comment;
        (comment, rest) = unprefix(rest)?;
        comments.push(std::str::from_utf8(comment).ok()?);
    }
    Some(comments)
}

/// Takes such a text off `bytes`; the rest comes second.
fn unprefix(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

/// A canonical stream that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    /// What is known of the sound.
    pub(super) facts: Facts,
    /// The whole of it.
    pub(super) file: Bytes,
}

impl Stream {
    /// Takes a file apart; `None` when it is not one that [`Writer::finish`] has ended.
    pub(super) fn read(file: Vec<u8>) -> Option<Self> {
        let mut reader = PacketReader::new(Cursor::new(&file));
        let mut next = || match reader.read_packet().ok()? {
            Some(packet) if packet.stream_serial() != SERIAL => None,
            packet => Some(packet),
        };
        let head = next()??.data;
        let skip = head.strip_prefix(HEAD_MAGIC)?.get(2..4)?;
        let tags = next()??.data;
        let (mut end, mut is_ended) = (0, false);
        while let Some(packet) = next()? {
            (end, is_ended) = (packet.absgp_page(), packet.last_in_stream());
        }
        let frames = end.checked_sub(u16::from_le_bytes(skip.try_into().ok()?).into())?;
        if !is_ended || frames == 0 {
            return None;
        }
        let facts = Facts::from_comments(frames * 1_000 / u64::from(RATE), &comments(&tags)?)?;
        Some(Self {
            facts,
            file: file.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::facts::Level;

    fn facts(length_ms: u64) -> Facts {
        Facts {
            length_ms,
            loudness: Some(Level::from_db(-20.0)),
            true_peak: Some(Level::from_db(-12.0)),
            gain: Level::from_db(4.0),
            waveform: [7; 64],
        }
    }

    fn written(frames: usize) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), &facts(0)).unwrap();
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
    fn lengths_are_exact_and_facts_come_back() {
        for (frames, length_ms) in [
            (48, 1),
            (959, 19),
            (960, 20),
            (961, 20),
            (48_000, 1_000),
            (48_047, 1_000),
        ] {
            let stream = Stream::read(written(frames)).unwrap();
            assert_eq!(stream.facts, facts(length_ms), "{frames}");
        }
    }

    #[test]
    fn every_packet_has_20_ms_and_the_granules_count_them() {
        let file = written(144_100);
        let mut reader = PacketReader::new(Cursor::new(&file));
        let head = reader.read_packet_expected().unwrap();
        assert!(head.first_in_stream() && head.data.starts_with(HEAD_MAGIC));
        let pre_skip = u64::from(u16::from_le_bytes([head.data[10], head.data[11]]));
        let tags = reader.read_packet_expected().unwrap();
        assert!(tags.data.starts_with(TAGS_MAGIC));
        assert_eq!(Stream::read(file.clone()).unwrap().file, file);
        let mut packets = 0;
        let mut last = None;
        while let Some(packet) = reader.read_packet().unwrap() {
            assert_eq!(
                opus2::packet::get_nb_samples(&packet.data, RATE).unwrap(),
                PACKET_FRAMES
            );
            packets += 1;
            if packet.last_in_page() && !packet.last_in_stream() {
                let frames = u64::try_from(packets).unwrap() * 960;
                assert_eq!(packet.absgp_page(), frames);
            }
            last = Some(packet);
        }
        let end = 144_100 + pre_skip;
        assert_eq!(u64::try_from(packets).unwrap(), end.div_ceil(960));
        let last = last.unwrap();
        assert!(last.last_in_stream());
        assert_eq!(last.absgp_page(), end);
    }

    #[test]
    fn unfinished_and_damaged_files_are_not_believed() {
        let file = written(60_000);
        for length in 0..file.len() {
            assert!(Stream::read(file[..length].to_vec()).is_none(), "{length}");
        }
        for at in (0..file.len()).step_by(97) {
            let mut damaged = file.clone();
            damaged[at] ^= 0x40;
            assert!(Stream::read(damaged).is_none(), "{at}");
        }
        assert!(Stream::read(b"RIFF but no Ogg at all".to_vec()).is_none());
    }
}
