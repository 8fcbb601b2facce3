//! Opus, which symphonia can take out of its containers but not decode. Called by `part`, and by
//! `decode` for files whose container is Ogg.

use std::io::Cursor;

use ogg::PacketReader;
use opus2::MSDecoder;

use super::reason::Reason;
use super::resample::RATE;
use super::stereo::Downmix;

/// Frames in the longest Opus packet there is: 120 ms.
const PACKET_FRAMES_MAX: usize = 5_760;
const HEAD_MAGIC: &[u8] = b"OpusHead";

/// Decodes the packets of one stream into 48 kHz stereo.
pub(super) struct OpusDecoder {
    inner: MSDecoder,
    downmix: Downmix,
    gain: f32,
    /// Frames at the start that the encoder needed and nobody is to hear.
    pub(super) pre_skip: u16,
    interleaved: Vec<f32>,
    planes: Vec<Vec<f32>>,
}

impl OpusDecoder {
    /// Reads the identification header, RFC 7845, section 5.1, or what MPEG-4 makes of it.
    ///
    /// # Errors
    /// [`Reason::Damaged`], [`Reason::Coding`] for versions of the future, [`Reason::Layout`] for
    /// channels that are not for loudspeakers.
    pub(super) fn open(head: &[u8]) -> Result<Self, Reason> {
        let &[
            version,
            channels,
            skip_0,
            skip_1,
            _,
            _,
            _,
            _,
            gain_0,
            gain_1,
            family,
            ref table @ ..,
        ] = head.strip_prefix(HEAD_MAGIC).ok_or(Reason::Damaged)?
        else {
            return Err(Reason::Damaged);
        };
        if version > 15 {
            return Err(Reason::Coding);
        }
        let count = usize::from(channels);
        // One or two channels need no table: a single stream, coupled for two.
        let (streams, coupled, mapping) = match (family, count) {
            (0, 1) => (1, 0, &[0][..]),
            (0, 2) => (1, 1, &[0, 1][..]),
            (1, 1..=8) => match table {
                [streams, coupled, mapping @ ..] => (
                    *streams,
                    *coupled,
                    mapping.get(..count).ok_or(Reason::Damaged)?,
                ),
                _ => return Err(Reason::Damaged),
            },
            _ => return Err(Reason::Layout),
        };
        let inner = MSDecoder::new(RATE, streams, coupled, mapping).map_err(|error| {
            eprintln!("{error}");
            Reason::Damaged
        })?;
        // MPEG-4 has a version of its own, with its numbers the other way round.
        let word = |bytes: [u8; 2]| match version {
            0 => u16::from_be_bytes(bytes),
            _ => u16::from_le_bytes(bytes),
        };
        // In 256ths of a decibel.
        let gain = f32::from(word([gain_0, gain_1]).cast_signed()) / 256.0;
        Ok(Self {
            inner,
            downmix: Downmix::vorbis_order(count)?,
            gain: 10_f32.powf(gain / 20.0),
            pre_skip: word([skip_0, skip_1]),
            interleaved: vec![0.0; PACKET_FRAMES_MAX * count],
            planes: vec![Vec::new(); count],
        })
    }

    /// Decodes a packet into `stereo`, replacing what was there.
    ///
    /// # Errors
    /// The library's; `stereo` is of no use then.
    pub(super) fn decode(
        &mut self,
        packet: &[u8],
        stereo: &mut Vec<f32>,
    ) -> Result<(), opus2::Error> {
        let frames = self
            .inner
            .decode_float(packet, &mut self.interleaved, false)?;
        let channels = self.planes.len();
        let samples = &self.interleaved[..frames * channels];
        for (channel, plane) in self.planes.iter_mut().enumerate() {
            plane.clear();
            let own = samples.iter().skip(channel).step_by(channels);
            plane.extend(own.map(|sample| sample * self.gain));
        }
        let planes: Vec<&[f32]> = self.planes.iter().map(Vec::as_slice).collect();
        self.downmix.mix(&planes, stereo);
        Ok(())
    }
}

/// The first Opus stream in an Ogg file.
pub(super) struct OggOpus<'a> {
    packets: PacketReader<Cursor<&'a [u8]>>,
    /// The identification header.
    pub(super) head: Vec<u8>,
    /// The stream's number in the file.
    pub(super) serial: u32,
}

impl<'a> OggOpus<'a> {
    /// Finds the stream; its comments are passed over.
    ///
    /// # Errors
    /// [`Reason::Damaged`].
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Reason> {
        let mut stream = Self {
            packets: PacketReader::new(Cursor::new(bytes)),
            head: Vec::new(),
            serial: 0,
        };
        while !stream.head.starts_with(HEAD_MAGIC) {
            let packet = stream.read()?.ok_or(Reason::Damaged)?;
            (stream.serial, stream.head) = (packet.stream_serial(), packet.data);
        }
        stream.next_packet()?;
        Ok(stream)
    }

    /// The next packet of the stream.
    ///
    /// # Errors
    /// [`Reason::Damaged`].
    pub(super) fn next_packet(&mut self) -> Result<Option<Vec<u8>>, Reason> {
        loop {
            match self.read()? {
                Some(packet) if packet.stream_serial() != self.serial => {}
                packet => return Ok(packet.map(|packet| packet.data)),
            }
        }
    }

    fn read(&mut self) -> Result<Option<ogg::Packet>, Reason> {
        self.packets.read_packet().map_err(|error| {
            eprintln!("{error}");
            Reason::Damaged
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_headers_are_refused() {
        // One channel, 312 frames to skip, no gain, family 0.
        let head = *b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0";
        let with = |at: usize, value: u8| {
            let mut head = head;
            head[at] = value;
            OpusDecoder::open(&head).map(|decoder| decoder.planes.len())
        };
        assert_eq!(OpusDecoder::open(&head).unwrap().pre_skip, 312);
        let mp4 = *b"OpusHead\x00\x01\x01\x38\0\0\xbb\x80\0\0\0";
        assert_eq!(OpusDecoder::open(&mp4).unwrap().pre_skip, 312);
        assert_eq!(with(9, 2), Ok(2));
        assert_eq!(with(9, 1), Ok(1));
        assert_eq!(with(9, 0), Err(Reason::Layout));
        assert_eq!(with(9, 3), Err(Reason::Layout));
        assert_eq!(with(8, 16), Err(Reason::Coding));
        assert_eq!(with(18, 1), Err(Reason::Damaged));
        assert_eq!(with(18, 255), Err(Reason::Layout));
        for cut in [&head[..10], b"OpusTags", b""] {
            assert!(matches!(OpusDecoder::open(cut), Err(Reason::Damaged)));
        }
    }

    #[test]
    fn the_gain_of_the_header_is_applied() {
        let mut encoder =
            opus2::Encoder::new(RATE, opus2::Channels::Mono, opus2::Application::Audio).unwrap();
        let packet = encoder.encode_vec_float(&[0.25; 960], 1_275).unwrap();
        let level = |gain: i16| {
            let mut head = *b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0";
            head[16..18].copy_from_slice(&gain.to_le_bytes());
            let mut stereo = Vec::new();
            let mut decoder = OpusDecoder::open(&head).unwrap();
            decoder.decode(&packet, &mut stereo).unwrap();
            assert_eq!(stereo.len(), 1_920);
            stereo.iter().map(|it| it.abs()).fold(0.0, f32::max)
        };
        let times = level(-6 * 256) / level(0);
        assert!((times - 0.501).abs() < 0.001, "{times}");
    }
}
