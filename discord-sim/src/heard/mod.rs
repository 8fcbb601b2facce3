//! What a bot was heard to play: counters, utterances, and their decoded audio.
//!
//! Returned by [`Sim::heard`](crate::Sim::heard) and
//! [`Sim::wait_utterance`](crate::Sim::wait_utterance). Opus is decoded only when
//! [`Utterance::audio`] or [`Heard::audio`] is called, or somebody listens live.

mod audio;
mod frequency;
pub(crate) mod live;
pub(crate) mod recording;
pub(crate) mod wav;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use audio::Audio;

/// One Opus frame as it arrived, decrypted.
#[derive(Clone, Debug)]
pub struct Frame {
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, in samples at 48 kHz.
    pub timestamp: u32,
    /// When the packet arrived.
    pub arrival: Instant,
    /// The voice channel the sender was in.
    pub channel: u64,
    /// The Opus frame.
    pub opus: Arc<[u8]>,
}

/// Everything heard from one bot in one guild.
///
/// The counters run from the start or the last clearing; utterances older than
/// [`Settings::recording`](crate::Settings) are left out.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Packets that were heard, silence included: opened with the connection's key and, where
    /// they are encrypted end to end, by someone in the channel.
    pub packets: usize,
    /// Those of them that were Opus silence frames.
    pub silence_frames: usize,
    /// Packets within a sound that did not carry the number after the one before.
    pub sequence_breaks: usize,
    /// Packets within a sound whose timestamp did not follow from the one before.
    pub timestamp_breaks: usize,
    /// Packets that the connection's key did not open.
    pub decrypt_failures: usize,
    /// Frames that were encrypted end to end (DAVE), heard or not.
    pub encrypted_frames: usize,
    /// Frames that came in the clear although end-to-end encryption was in force. Nobody hears
    /// them, as no real client would play them: they are in no sound and not in `packets`.
    /// A bot sends such frames if it plays before it has joined the channel's group.
    pub unencrypted_frames: usize,
    /// Those of the encrypted frames that nobody in the channel could decrypt; they are in no
    /// sound and not in `packets`. While no people are in the channel, only bots, this is
    /// what becomes of every encrypted frame: it is counted, and nobody can decode it.
    pub undecryptable_frames: usize,
    /// Packets that came while administrators had the bot muted. Nobody hears them: they are in
    /// no sound and not in `packets`.
    pub muted_packets: usize,
    /// When the first packet arrived.
    pub first_packet: Option<Instant>,
    /// When the last packet arrived.
    pub last_packet: Option<Instant>,
    /// The sounds, oldest first.
    pub utterances: Vec<Utterance>,
}

impl Heard {
    /// The counters of two channels as one; the utterances of neither.
    fn plus(self, other: &Heard) -> Heard {
        let Heard {
            packets,
            silence_frames,
            sequence_breaks,
            timestamp_breaks,
            decrypt_failures,
            encrypted_frames,
            unencrypted_frames,
            undecryptable_frames,
            muted_packets,
            first_packet,
            last_packet,
            utterances: _,
        } = *other;
        let first = self.first_packet.into_iter().chain(first_packet).min();
        Heard {
            packets: self.packets + packets,
            silence_frames: self.silence_frames + silence_frames,
            sequence_breaks: self.sequence_breaks + sequence_breaks,
            timestamp_breaks: self.timestamp_breaks + timestamp_breaks,
            decrypt_failures: self.decrypt_failures + decrypt_failures,
            encrypted_frames: self.encrypted_frames + encrypted_frames,
            unencrypted_frames: self.unencrypted_frames + unencrypted_frames,
            undecryptable_frames: self.undecryptable_frames + undecryptable_frames,
            muted_packets: self.muted_packets + muted_packets,
            first_packet: first,
            last_packet: self.last_packet.max(last_packet),
            utterances: Vec::new(),
        }
    }

    /// How long all sounds last together.
    pub fn duration(&self) -> Duration {
        self.utterances.iter().map(Utterance::duration).sum()
    }

    /// All sounds, one after the other. Decoding is work: about a millisecond per second.
    pub fn audio(&self) -> Audio {
        Audio::decode(
            self.utterances
                .iter()
                .map(|utterance| utterance.frames.as_slice()),
        )
    }
}

/// What somebody did that a bot may answer with sound.
#[derive(Clone, Debug)]
pub struct Cue {
    /// Such as `ada used /play`, or what was given to [`Sim::mark`](crate::Sim::mark).
    pub what: String,
    /// When it was done: the moment before the bot is told.
    pub at: Instant,
}

/// One sound: from the first audible frame to the last before five silence frames, a pause,
/// the way into another channel, or the end of the connection.
#[derive(Clone, Debug)]
pub struct Utterance {
    /// Its place among all sounds of this bot in this guild, counted from 0.
    pub index: usize,
    /// The voice channel it was heard in.
    pub channel: u64,
    /// Whether it is over.
    pub ended: bool,
    /// Its frames in order of arrival, without the silence at its end.
    pub frames: Vec<Frame>,
    /// The last thing that somebody did in the guild before it began.
    pub cue: Option<Cue>,
}

impl Utterance {
    /// How long it lasts when played.
    pub fn duration(&self) -> Duration {
        let samples = self
            .frames
            .iter()
            .map(|frame| recording::samples_of(&frame.opus));
        samples
            .map(|samples| Duration::from_micros(u64::from(samples) * 1_000_000 / 48_000))
            .sum()
    }

    /// When its first packet arrived.
    pub fn started_at(&self) -> Option<Instant> {
        self.frames.first().map(|frame| frame.arrival)
    }

    /// From the [cue](Utterance::cue) to the first packet; `None` without a cue.
    pub fn after_cue(&self) -> Option<Duration> {
        Some(
            self.started_at()?
                .saturating_duration_since(self.cue.as_ref()?.at),
        )
    }

    /// Packets that did not carry the number after the one before.
    pub fn sequence_breaks(&self) -> usize {
        let follows = |pair: &&[Frame]| pair[1].sequence == pair[0].sequence.wrapping_add(1);
        self.frames.windows(2).filter(|pair| !follows(pair)).count()
    }

    /// Packets whose timestamp did not follow from the one before.
    pub fn timestamp_breaks(&self) -> usize {
        let follows = |pair: &&[Frame]| {
            let samples = recording::samples_of(&pair[0].opus);
            pair[1].timestamp == pair[0].timestamp.wrapping_add(samples)
        };
        self.frames.windows(2).filter(|pair| !follows(pair)).count()
    }

    /// The time between each packet and the next.
    pub fn gaps(&self) -> Vec<Duration> {
        let gap = |pair: &[Frame]| pair[1].arrival.saturating_duration_since(pair[0].arrival);
        self.frames.windows(2).map(gap).collect()
    }

    /// Packets a second, by their time of arrival; `None` for fewer than two.
    pub fn packets_per_second(&self) -> Option<f64> {
        let [first, .., last] = self.frames.as_slice() else {
            return None;
        };
        let seconds = last
            .arrival
            .saturating_duration_since(first.arrival)
            .as_secs_f64();
        let steps = u32::try_from(self.frames.len() - 1).ok()?;
        (seconds > 0.0).then(|| f64::from(steps) / seconds)
    }

    /// Its sound. Decoding is work: about a millisecond per second.
    pub fn audio(&self) -> Audio {
        Audio::decode([self.frames.as_slice()])
    }
}
