//! Bytes of a known container decoded into the sink: symphonia for everything but Opus, libopus
//! for that. Runs in the worker process only.

use std::collections::HashMap;
use std::io::{Cursor, ErrorKind, Write};

use ogg::PacketReader;
use opus2::MSDecoder;
use symphonia::core::audio::{AudioBuffer, Signal as _};
use symphonia::core::codecs::{CODEC_TYPE_NULL, Decoder, DecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader, Packet, Track};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::default::formats::{FlacReader, MpaReader, OggReader, WavReader};
use symphonia::default::get_codecs;

use super::container::{Container, ogg_pages, sniff};
use super::reason::Reason;
use super::resample::RATE;
use super::sink::{Sink, SinkError};
use super::stereo::Downmix;

/// More broken packets than one in this many, and the file counts as damaged.
const BROKEN_SHARE: u64 = 10;
/// Frames in the longest Opus packet there is: 120 ms.
const OPUS_FRAMES_MAX: usize = 5_760;

/// Decodes a whole file and writes it in the canonical form.
///
/// # Errors
/// What is wrong with the file, or with writing.
pub(super) fn transcode<W: Write>(
    mut bytes: Vec<u8>,
    output: W,
    max_ms: u64,
) -> Result<W, SinkError> {
    let container = sniff(&mut bytes)?;
    let mut sink = Sink::new(output, max_ms)?;
    match container {
        Container::Ogg(parts) => {
            for part in parts {
                let bytes = &bytes[part.bytes];
                if part.is_opus {
                    decode_opus(bytes, &mut sink)?;
                } else {
                    decode::<OggReader, W>(bytes.to_vec(), &ogg_ends(bytes), &mut sink)?;
                }
            }
        }
        Container::Wav => decode::<WavReader, W>(bytes, &Ends::new(), &mut sink)?,
        Container::Flac(start) => {
            decode::<FlacReader, W>(bytes.split_off(start), &Ends::new(), &mut sink)?;
        }
        Container::Mp3(start) => {
            decode::<MpaReader, W>(bytes.split_off(start), &Ends::new(), &mut sink)?;
        }
    }
    sink.finish()
}

/// How a file's packets fared.
#[derive(Default)]
struct Tally {
    good: u64,
    broken: u64,
    /// Whether good ones came after broken ones: then the damage is not at the end.
    is_broken_inside: bool,
}

impl Tally {
    fn good(&mut self) {
        self.good += 1;
        self.is_broken_inside |= self.broken > 0;
    }

    fn broken(&mut self, error: &dyn std::fmt::Display) -> Result<(), Reason> {
        // The first words go to the log; a hostile file must not fill it.
        if self.broken == 0 {
            eprintln!("{error}");
        }
        self.broken += 1;
        // Some MP3s begin with packets that refer to others which were cut off.
        if self.broken > 100 && self.broken > self.good {
            Err(Reason::Damaged)
        } else {
            Ok(())
        }
    }

    fn verdict(&self) -> Result<(), Reason> {
        if self.broken > self.good / BROKEN_SHARE {
            Err(Reason::Damaged)
        } else {
            Ok(())
        }
    }
}

/// Decodes with symphonia.
fn decode<F: FormatReader, W: Write>(
    bytes: Vec<u8>,
    ends: &Ends,
    sink: &mut Sink<W>,
) -> Result<(), SinkError> {
    let stream = MediaSourceStream::new(
        Box::new(Cursor::new(bytes)),
        MediaSourceStreamOptions::default(),
    );
    // Gapless: the silence that encoders add at both ends is cut off.
    let options = FormatOptions {
        enable_gapless: true,
        ..FormatOptions::default()
    };
    let mut format = F::try_new(stream, &options).map_err(|error| unreadable(&error))?;
    let mut tally = Tally::default();
    let mut part = Part::open(&format, ends, sink)?;
    loop {
        let packet = match format.next_packet() {
            Ok(packet) => packet,
            Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => {
                tally.broken(&error)?;
                continue;
            }
        };
        if packet.track_id() != part.track_id {
            continue;
        }
        match part.decode(&packet, sink) {
            Ok(()) => tally.good(),
            Err(DecodeError::Broken(error)) => tally.broken(&error)?,
            Err(DecodeError::Sink(error)) => return Err(error),
        }
    }
    part.finish(&tally)?;
    Ok(tally.verdict()?)
}

enum DecodeError {
    Broken(Error),
    Sink(SinkError),
}

impl<E: Into<SinkError>> From<E> for DecodeError {
    fn from(error: E) -> Self {
        Self::Sink(error.into())
    }
}

/// The stream being decoded.
struct Part {
    track_id: u32,
    decoder: Box<dyn Decoder>,
    /// Frames that the header announces, where it does so reliably.
    announced: Option<u64>,
    /// Frames after which there is only padding.
    keep: u64,
    frames: u64,
    planar: Option<AudioBuffer<f32>>,
    stereo: Vec<f32>,
}

impl Part {
    fn open<F: FormatReader, W: Write>(
        format: &F,
        ends: &Ends,
        sink: &Sink<W>,
    ) -> Result<Self, SinkError> {
        let codecs = get_codecs();
        let is_audio = |track: &&Track| codecs.get_codec(track.codec_params.codec).is_some();
        let track = format
            .tracks()
            .iter()
            .filter(|track| track.codec_params.codec != CODEC_TYPE_NULL)
            .find(is_audio)
            .ok_or(Reason::NoAudio)?;
        let params = &track.codec_params;
        if let Some((rate, frames)) = params.sample_rate.zip(params.n_frames) {
            sink.announce(rate, frames)?;
        }
        let decoder = codecs
            .make(params, &DecoderOptions::default())
            .map_err(|error| unreadable(&error))?;
        Ok(Self {
            track_id: track.id,
            decoder,
            announced: params
                .n_frames
                .filter(|_| params.codec == symphonia::core::codecs::CODEC_TYPE_FLAC),
            keep: ends.get(&track.id).copied().unwrap_or(u64::MAX),
            frames: 0,
            planar: None,
            stereo: Vec::new(),
        })
    }

    fn decode<W: Write>(&mut self, packet: &Packet, sink: &mut Sink<W>) -> Result<(), DecodeError> {
        let decoded = self.decoder.decode(packet).map_err(DecodeError::Broken)?;
        let spec = *decoded.spec();
        let planar = match &mut self.planar {
            Some(planar) if *planar.spec() == spec && planar.capacity() >= decoded.capacity() => {
                planar
            }
            other => other.insert(decoded.make_equivalent::<f32>()),
        };
        decoded.convert(planar);
        let kept = self.keep.saturating_sub(self.frames);
        self.frames += u64::try_from(planar.frames()).unwrap_or(u64::MAX);
        let downmix = Downmix::new(spec.channels).map_err(SinkError::from)?;
        downmix.mix(planar.planes().planes(), &mut self.stereo);
        self.stereo
            .truncate(usize::try_from(kept).map_or(usize::MAX, |kept| kept.saturating_mul(2)));
        Ok(sink.push(spec.rate, &self.stereo)?)
    }

    /// Whether all came that was announced.
    fn finish(&self, tally: &Tally) -> Result<(), Reason> {
        match self.announced {
            Some(frames) if self.frames < frames && tally.is_broken_inside => Err(Reason::Damaged),
            Some(frames) if self.frames < frames => Err(Reason::Truncated),
            _ => Ok(()),
        }
    }
}

/// What it means that a file's headers cannot be read.
fn unreadable(error: &Error) -> Reason {
    eprintln!("{error}");
    match error {
        Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => Reason::Truncated,
        Error::Unsupported(_) => Reason::NoAudio,
        _ => Reason::Damaged,
    }
}

/// Decodes Ogg Opus, RFC 7845, which symphonia can take apart but not decode.
fn decode_opus<W: Write>(bytes: &[u8], sink: &mut Sink<W>) -> Result<(), SinkError> {
    let ends = ogg_ends(bytes);
    let mut packets = PacketReader::new(Cursor::new(bytes));
    let mut part: Option<OpusPart> = None;
    let mut tally = Tally::default();
    loop {
        let packet = match packets.read_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(error) => {
                eprintln!("{error}");
                return Err(Reason::Damaged.into());
            }
        };
        let serial = packet.stream_serial();
        if part.is_none() && packet.data.starts_with(b"OpusHead") {
            let end = ends.get(&serial).copied().unwrap_or(u64::MAX);
            part = Some(OpusPart::open(serial, &packet.data, end)?);
            continue;
        }
        let Some(part) = part.as_mut().filter(|part| part.serial == serial) else {
            continue;
        };
        if !part.has_tags {
            part.has_tags = true;
            continue;
        }
        match part.decode(&packet.data, sink) {
            Ok(()) => tally.good(),
            Err(OpusError::Broken(error)) => tally.broken(&error)?,
            Err(OpusError::Sink(error)) => return Err(error),
        }
    }
    Ok(tally.verdict()?)
}

enum OpusError {
    Broken(opus2::Error),
    Sink(SinkError),
}

/// The Opus stream being decoded.
struct OpusPart {
    serial: u32,
    decoder: MSDecoder,
    downmix: Downmix,
    gain: f32,
    /// Frames still to be dropped at the start, and to be kept after that.
    skip: u64,
    keep: u64,
    has_tags: bool,
    interleaved: Vec<f32>,
    stereo: Vec<f32>,
}

impl OpusPart {
    /// Reads the identification header of the stream `serial`, which ends at frame `end`.
    fn open(serial: u32, head: &[u8], end: u64) -> Result<Self, Reason> {
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
        ] = head.get(8..).ok_or(Reason::Damaged)?
        else {
            return Err(Reason::Damaged);
        };
        if version > 15 {
            return Err(Reason::NoAudio);
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
        let decoder = MSDecoder::new(RATE, streams, coupled, mapping).map_err(|error| {
            eprintln!("{error}");
            Reason::Damaged
        })?;
        // In 256ths of a decibel.
        let gain = f32::from(i16::from_le_bytes([gain_0, gain_1])) / 256.0;
        let skip = u64::from(u16::from_le_bytes([skip_0, skip_1]));
        Ok(Self {
            serial,
            decoder,
            downmix: Downmix::vorbis_order(count)?,
            gain: 10_f32.powf(gain / 20.0),
            skip,
            keep: end.saturating_sub(skip),
            has_tags: false,
            interleaved: vec![0.0; OPUS_FRAMES_MAX * count],
            stereo: Vec::new(),
        })
    }

    fn decode<W: Write>(&mut self, packet: &[u8], sink: &mut Sink<W>) -> Result<(), OpusError> {
        let frames = self
            .decoder
            .decode_float(packet, &mut self.interleaved, false)
            .map_err(OpusError::Broken)?;
        let channels = self.downmix.channels();
        let count = u64::try_from(frames).unwrap_or(u64::MAX);
        let dropped = self.skip.min(count);
        self.skip -= dropped;
        let kept = self.keep.min(count - dropped);
        self.keep -= kept;
        let index = |frame: u64| usize::try_from(frame).unwrap_or(frames) * channels;
        let wanted = &self.interleaved[index(dropped)..index(dropped + kept)];
        let planes: Vec<Vec<f32>> = (0..channels)
            .map(|side| {
                wanted
                    .iter()
                    .skip(side)
                    .step_by(channels)
                    .map(|it| it * self.gain)
                    .collect()
            })
            .collect();
        let planes: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
        self.downmix.mix(&planes, &mut self.stereo);
        sink.push(RATE, &self.stereo).map_err(OpusError::Sink)
    }
}

/// Where the streams of an Ogg file end, by serial number, in frames from their start.
type Ends = HashMap<u32, u64>;

/// The positions of the last pages. The last packet of a stream is padded; this is where the
/// padding begins.
fn ogg_ends(bytes: &[u8]) -> Ends {
    // No packet ends on a page without a position.
    ogg_pages(bytes)
        .filter(|page| page.granule != u64::MAX)
        .map(|page| (page.serial, page.granule))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::ogg_opus::read_length_ms;

    /// Mono with 16 bits: the bytes of a WAVE file.
    fn wav(rate: u32, samples: &[i16]) -> Vec<u8> {
        let data: Vec<u8> = samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        let length = u32::try_from(data.len()).unwrap();
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * 2).to_le_bytes());
        bytes.extend(b"\x02\0\x10\0data");
        bytes.extend(length.to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn transcoded(bytes: Vec<u8>) -> Result<Vec<u8>, Reason> {
        transcode(bytes, Vec::new(), 1_000).map_err(|error| match error {
            SinkError::Refused(reason) => reason,
            SinkError::Io(error) => panic!("{error}"),
        })
    }

    fn length_ms(stream: &[u8]) -> u64 {
        read_length_ms(Cursor::new(stream)).unwrap().unwrap()
    }

    #[test]
    fn lengths_survive_every_step() {
        let saw: Vec<i16> = (0..11_025).map(|n| n % 100 * 200 - 10_000).collect();
        let opus = transcoded(wav(22_050, &saw)).unwrap();
        assert_eq!(length_ms(&opus), 500);
        // The canonical form is an Ogg Opus file like any other.
        let again = transcoded(opus.clone()).unwrap();
        assert_eq!(length_ms(&again), 500);
        // And two of them behind each other are one sound.
        let both = transcoded([&opus[..], &opus].concat()).unwrap();
        assert_eq!(length_ms(&both), 1_000);
        assert_eq!(
            transcoded([&opus[..], &opus, &opus].concat()),
            Err(Reason::TooLong)
        );
    }

    #[test]
    fn announced_lengths_are_refused_before_they_are_decoded() {
        let long = wav(4_000, &vec![0; 4_001]);
        assert_eq!(transcoded(long), Err(Reason::TooLong));
        assert_eq!(transcoded(wav(8_000, &[])), Err(Reason::NoAudio));
        assert_eq!(transcoded(wav(1_000, &[0; 10])), Err(Reason::Layout));
    }

    #[test]
    fn broken_headers_of_opus_are_refused() {
        let opus = transcoded(wav(48_000, &[0; 960])).unwrap();
        let head = opus
            .windows(8)
            .position(|bytes| bytes == b"OpusHead")
            .unwrap();
        let with = |at: usize, value: u8| {
            let mut bytes = opus[head..head + 19].to_vec();
            bytes[at] = value;
            OpusPart::open(1, &bytes, 0).map(|part| part.downmix.channels())
        };
        assert_eq!(with(9, 2), Ok(2));
        assert_eq!(with(9, 1), Ok(1));
        assert_eq!(with(9, 0), Err(Reason::Layout));
        assert_eq!(with(9, 3), Err(Reason::Layout));
        assert_eq!(with(8, 16), Err(Reason::NoAudio));
        assert_eq!(with(18, 1), Err(Reason::Damaged));
        assert_eq!(with(18, 255), Err(Reason::Layout));
        assert!(matches!(
            OpusPart::open(1, b"OpusHead\x01\x02", 0),
            Err(Reason::Damaged)
        ));
    }
}
