//! A stream that can be decoded by itself: its decoder, and which part of what comes out is the
//! sound. `decode` feeds it with packets.

use symphonia::core::audio::AudioBuffer;
use symphonia::core::codecs::{
    CODEC_TYPE_FLAC, CODEC_TYPE_OPUS, CodecParameters, Decoder, DecoderOptions,
};
use symphonia::core::errors::Error;
use symphonia::core::formats::Packet;
use symphonia::default::get_codecs;

use super::opus::OpusDecoder;
use super::reason::Reason;
use super::resample::RATE;
use super::sink::{Sink, SinkError};
use super::stereo::Downmix;

/// A stream being decoded.
pub(super) struct Part {
    codec: Codec,
    window: Window,
    /// Frames decoded so far, and their rate.
    frames: u64,
    rate: u32,
    stereo: Vec<f32>,
}

enum Codec {
    Opus(Box<OpusDecoder>),
    Other {
        decoder: Box<dyn Decoder>,
        planar: Option<AudioBuffer<f32>>,
    },
}

/// Which part of a stream is its sound, in ticks; the rest is what encoders add at both ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Ticks in a second; `None` where they are frames.
    pub(super) timescale: Option<u32>,
    /// The first tick.
    pub(super) start: u64,
    /// The one behind the last.
    pub(super) end: u64,
    /// Ticks that the container promises, where it does.
    pub(super) announced: Option<Announced>,
}

/// How much a container promises.
#[derive(Debug, Clone, Copy)]
pub(super) enum Announced {
    /// Not a tick less.
    Exactly(u64),
    /// So many, more or less: enough to tell a file that was cut.
    About(u64),
}

impl Window {
    /// All of it.
    pub(super) const ALL: Self = Self {
        timescale: None,
        start: 0,
        end: u64::MAX,
        announced: None,
    };

    /// Ticks in frames of `rate`.
    fn frames(&self, ticks: u64, rate: u32) -> u64 {
        match self.timescale {
            None => ticks,
            Some(timescale) => (u128::from(ticks) * u128::from(rate))
                .checked_div(u128::from(timescale))
                .and_then(|frames| u64::try_from(frames).ok())
                .unwrap_or(u64::MAX),
        }
    }
}

/// Why a packet gave nothing.
pub(super) enum PacketError {
    /// It cannot be decoded.
    Broken(String),
    /// Nothing more can be taken in.
    Sink(SinkError),
}

impl<E: Into<SinkError>> From<E> for PacketError {
    fn from(error: E) -> Self {
        Self::Sink(error.into())
    }
}

impl Part {
    /// Whether streams of this kind can be decoded.
    pub(super) fn is_known(params: &CodecParameters) -> bool {
        params.codec == CODEC_TYPE_OPUS || get_codecs().get_codec(params.codec).is_some()
    }

    /// Makes a decoder. Refuses what announces to be longer than `sink` takes.
    ///
    /// # Errors
    /// [`Reason::Coding`] for a coding that is known but not supported, [`Reason::TooLong`],
    /// [`Reason::Damaged`].
    pub(super) fn open(
        params: &CodecParameters,
        mut window: Window,
        sink: &Sink<'_>,
    ) -> Result<Self, Reason> {
        // Where a tick is no frame, nothing is announced in frames.
        let counts_frames = params
            .time_base
            .zip(params.sample_rate)
            .is_none_or(|(base, rate)| (base.numer, base.denom) == (1, rate));
        if let Some((rate, frames)) = params.sample_rate.zip(params.n_frames)
            && counts_frames
        {
            sink.announce(rate, frames)?;
        }
        if params.codec == CODEC_TYPE_FLAC && window.announced.is_none() && counts_frames {
            window.announced = params.n_frames.map(Announced::Exactly);
        }
        let codec = if params.codec == CODEC_TYPE_OPUS {
            let head = params.extra_data.as_deref().ok_or(Reason::Damaged)?;
            let decoder = OpusDecoder::open(head)?;
            window.start = window.start.max(decoder.pre_skip.into());
            Codec::Opus(Box::new(decoder))
        } else {
            let decoder = get_codecs()
                .make(params, &DecoderOptions::default())
                .map_err(|error| match unreadable(&error) {
                    Reason::NoAudio => Reason::Coding,
                    other => other,
                })?;
            Codec::Other {
                decoder,
                planar: None,
            }
        };
        Ok(Self {
            codec,
            window,
            frames: 0,
            rate: RATE,
            stereo: Vec::new(),
        })
    }

    /// Decodes a packet into `sink`.
    ///
    /// # Errors
    /// [`PacketError`].
    pub(super) fn decode(
        &mut self,
        packet: &Packet,
        sink: &mut Sink<'_>,
    ) -> Result<(), PacketError> {
        match &mut self.codec {
            Codec::Opus(decoder) => decoder
                .decode(packet.buf(), &mut self.stereo)
                .map_err(|error| PacketError::Broken(error.to_string()))?,
            Codec::Other { decoder, planar } => {
                let decoded = decoder
                    .decode(packet)
                    .map_err(|error| PacketError::Broken(error.to_string()))?;
                let spec = *decoded.spec();
                let planar = match planar {
                    Some(planar)
                        if *planar.spec() == spec && planar.capacity() >= decoded.capacity() =>
                    {
                        planar
                    }
                    other => other.insert(decoded.make_equivalent::<f32>()),
                };
                decoded.convert(planar);
                Downmix::new(spec.channels)?.mix(planar.planes().planes(), &mut self.stereo);
                self.rate = spec.rate;
            }
        }
        let frames = count(self.stereo.len() / 2);
        let start = self.window.frames(self.window.start, self.rate);
        let end = self.window.frames(self.window.end, self.rate);
        let before = start.saturating_sub(self.frames).min(frames);
        let kept = end.saturating_sub(self.frames).clamp(before, frames);
        self.frames += frames;
        sink.pass_over(self.rate, frames - (kept - before))?;
        let at = |frame| usize::try_from(frame).map_or(self.stereo.len(), |frame| frame * 2);
        Ok(sink.push(self.rate, &self.stereo[at(before)..at(kept)])?)
    }

    /// Whether as much came as was announced.
    ///
    /// # Errors
    /// [`Reason::Damaged`] where something is missing and good packets came after broken ones,
    /// else [`Reason::Truncated`].
    pub(super) fn finish(&self, is_broken_inside: bool) -> Result<(), Reason> {
        let expected = match self.window.announced {
            None => 0,
            Some(Announced::Exactly(ticks)) => self.window.frames(ticks, self.rate),
            Some(Announced::About(ticks)) => self.window.frames(ticks / 10 * 9, self.rate),
        };
        if self.frames >= expected {
            Ok(())
        } else if is_broken_inside {
            Err(Reason::Damaged)
        } else {
            Err(Reason::Truncated)
        }
    }
}

/// What it means that headers cannot be read; the words go to the log.
pub(super) fn unreadable(error: &Error) -> Reason {
    eprintln!("{error}");
    match error {
        Error::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Reason::Truncated
        }
        Error::Unsupported(_) => Reason::NoAudio,
        _ => Reason::Damaged,
    }
}

fn count(frames: usize) -> u64 {
    u64::try_from(frames).unwrap_or(u64::MAX)
}
