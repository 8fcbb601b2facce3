//! Bytes of a known container decoded into the sink: symphonia for everything but Opus, libopus
//! for that. Runs in the worker process only.

use std::collections::HashMap;
use std::io::{Cursor, ErrorKind};

use bytes::Bytes;
use symphonia::core::audio::Channels;
use symphonia::core::codecs::{CODEC_TYPE_AAC, CODEC_TYPE_OPUS, CodecParameters};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader, Packet};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::default::formats::{
    FlacReader, IsoMp4Reader, MkvReader, MpaReader, OggReader, WavReader,
};

use super::adts::Frames;
use super::container::{Container, ogg_pages};
use super::mp4::Timeline;
use super::opus::OggOpus;
use super::part::{Announced, PacketError, Part, Window, unreadable};
use super::reason::Reason;
use super::sink::{Sink, SinkError};

/// More broken packets than one in this many, and the file counts as damaged.
const BROKEN_SHARE: u64 = 10;
/// So many broken packets before anything was decoded, and there is no need to go on.
const BROKEN_MAX: u64 = 100;

/// Decodes a whole file.
///
/// # Errors
/// What is wrong with the file, or with what `sink` feeds.
pub(super) fn decode(
    container: &Container,
    bytes: &Bytes,
    sink: &mut Sink<'_>,
) -> Result<(), SinkError> {
    let all = |_: u32| Window::ALL;
    match container {
        Container::Ogg(parts) => {
            for part in parts {
                let bytes = bytes.slice(part.bytes.clone());
                let ends = ogg_ends(&bytes);
                let window = |serial| Window {
                    end: ends.get(&serial).copied().unwrap_or(u64::MAX),
                    ..Window::ALL
                };
                if part.is_opus {
                    decode_ogg_opus(&bytes, window, sink)?;
                } else {
                    decode_format::<OggReader>(bytes, window, sink)?;
                }
            }
            Ok(())
        }
        Container::Wav => decode_format::<WavReader>(bytes.clone(), all, sink),
        Container::Flac(start) => decode_format::<FlacReader>(bytes.slice(start..), all, sink),
        Container::Mp3(start) => decode_format::<MpaReader>(bytes.slice(start..), all, sink),
        Container::Adts(start) => decode_adts(bytes, *start, sink),
        Container::Mp4(timelines) => {
            let window = |track| mp4_window(timelines, track);
            decode_format::<IsoMp4Reader>(bytes.clone(), window, sink)
        }
        Container::Matroska => decode_format::<MkvReader>(bytes.clone(), all, sink),
    }
}

/// Decodes what symphonia can take apart. `window` says what part of a track is heard.
fn decode_format<F: FormatReader>(
    bytes: Bytes,
    window: impl Fn(u32) -> Window,
    sink: &mut Sink<'_>,
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
    // Films have pictures too, and sometimes several languages: the first sound is meant.
    let track = format
        .tracks()
        .iter()
        .find(|track| Part::is_known(&track.codec_params))
        .ok_or(Reason::NoAudio)?;
    let id = track.id;
    let part = Part::open(&track.codec_params, window(id), sink)?;
    let packets = std::iter::from_fn(|| {
        loop {
            match format.next_packet() {
                Ok(packet) if packet.track_id() != id => {}
                Ok(packet) => return Some(Ok(packet)),
                Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    return None;
                }
                Err(error) => return Some(Err(PacketError::Broken(error.to_string()))),
            }
        }
    });
    decode_part(part, packets, sink)
}

/// Decodes raw AAC.
fn decode_adts(bytes: &[u8], start: usize, sink: &mut Sink<'_>) -> Result<(), SinkError> {
    const PACKET_FRAMES: u64 = 1_024;
    let frames = Frames::new(bytes, start).ok_or(Reason::NoAudio)?;
    let first = frames.first();
    let channels = match first.channels {
        1 => Channels::FRONT_CENTRE,
        2 => Channels::FRONT_LEFT | Channels::FRONT_RIGHT,
        _ => return Err(Reason::Coding.into()),
    };
    let mut params = CodecParameters::new();
    params
        .for_codec(CODEC_TYPE_AAC)
        .with_sample_rate(first.rate)
        .with_channels(channels);
    let part = Part::open(&params, Window::ALL, sink)?;
    let packets = frames.map(|frame| {
        Ok(Packet::new_from_slice(
            0,
            0,
            PACKET_FRAMES,
            &bytes[frame.packet],
        ))
    });
    decode_part(part, packets, sink)
}

/// Decodes Ogg Opus, RFC 7845.
fn decode_ogg_opus(
    bytes: &[u8],
    window: impl Fn(u32) -> Window,
    sink: &mut Sink<'_>,
) -> Result<(), SinkError> {
    let mut stream = OggOpus::open(bytes)?;
    let mut params = CodecParameters::new();
    params
        .for_codec(CODEC_TYPE_OPUS)
        .with_extra_data(std::mem::take(&mut stream.head).into_boxed_slice());
    let part = Part::open(&params, window(stream.serial), sink)?;
    let packets = std::iter::from_fn(|| match stream.next_packet() {
        Ok(None) => None,
        Ok(Some(packet)) => Some(Ok(Packet::new_from_boxed_slice(0, 0, 0, packet.into()))),
        Err(reason) => Some(Err(PacketError::Sink(reason.into()))),
    });
    decode_part(part, packets, sink)
}

fn decode_part(
    mut part: Part,
    packets: impl Iterator<Item = Result<Packet, PacketError>>,
    sink: &mut Sink<'_>,
) -> Result<(), SinkError> {
    let mut tally = Tally::default();
    for packet in packets {
        match packet.and_then(|packet| part.decode(&packet, sink)) {
            Ok(()) => tally.good(),
            Err(PacketError::Broken(error)) => tally.broken(&error)?,
            Err(PacketError::Sink(error)) => return Err(error),
        }
    }
    part.finish(tally.is_broken_inside)?;
    Ok(tally.verdict()?)
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

    fn broken(&mut self, error: &str) -> Result<(), Reason> {
        // The first words go to the log; a hostile file must not fill it.
        if self.broken == 0 {
            eprintln!("{error}");
        }
        self.broken += 1;
        // Some MP3s begin with packets that refer to others which were cut off.
        if self.broken > BROKEN_MAX && self.broken > self.good {
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

fn mp4_window(timelines: &[Timeline], track: u32) -> Window {
    let timeline = usize::try_from(track)
        .ok()
        .and_then(|track| timelines.get(track));
    timeline.map_or(Window::ALL, |timeline| Window {
        timescale: Some(timeline.timescale),
        start: timeline.start,
        end: timeline.end.unwrap_or(u64::MAX),
        announced: Some(Announced::About(timeline.duration)),
    })
}

/// Where the streams of an Ogg file end, by serial number, in frames from their start: the last
/// packet is padded, and the position of the last page says where the padding begins.
fn ogg_ends(bytes: &[u8]) -> HashMap<u32, u64> {
    // No packet ends on a page without a position.
    ogg_pages(bytes)
        .filter(|page| page.granule != u64::MAX)
        .map(|page| (page.serial, page.granule))
        .collect()
}
