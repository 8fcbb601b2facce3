//! What one bot has sent in one guild: counters by channel for ever, packets for a while.
//!
//! Written by the UDP task, one packet at a time; read as [`Heard`]. Nothing
//! is decoded here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Frame, Heard, Utterance};
use crate::protocol::rtp::Header;

/// The Opus frame that clients send when they fall silent.
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];
/// So many of them in a row end a sound.
const SILENCE_RUN: u32 = 5;
/// A hole this long ends a sound too.
const PAUSE: Duration = Duration::from_millis(200);
/// Unless numbers and timestamps carry on as if there was no hole: then it was a busy
/// machine, up to this long.
const STALL: Duration = Duration::from_secs(1);

/// The usual length of a frame.
const FRAME_MS: u128 = 20;
/// So many frames may come at once, however little is kept.
const SPARE: usize = 1_000;

/// The packets and counters of one bot in one guild.
#[derive(Debug)]
pub(crate) struct Recording {
    keep: Duration,
    /// As many frames as fit into that time at twice the pace of speech, and some more.
    most: usize,
    frames: VecDeque<Frame>,
    /// How many frames were forgotten at the front.
    forgotten: usize,
    spans: VecDeque<Span>,
    next_index: usize,
    silence_run: u32,
    last: Option<Last>,
    /// Where the bot is, or was last.
    channel: u64,
    /// The counters, by channel; without utterances.
    counters: BTreeMap<u64, Heard>,
}

/// One utterance, as positions in the list of all frames there ever were.
#[derive(Debug)]
struct Span {
    index: usize,
    channel: u64,
    from: usize,
    /// After the last frame that is not silence.
    to: usize,
    open: bool,
}

#[derive(Debug)]
struct Last {
    header: Header,
    samples: u32,
    arrival: Instant,
}

impl Recording {
    pub(crate) fn new(keep: Duration) -> Recording {
        let paced = keep.as_millis() / FRAME_MS * 2;
        Recording {
            keep,
            most: usize::try_from(paced)
                .unwrap_or(usize::MAX)
                .saturating_add(SPARE),
            frames: VecDeque::new(),
            forgotten: 0,
            spans: VecDeque::new(),
            next_index: 0,
            silence_run: 0,
            last: None,
            channel: 0,
            counters: BTreeMap::new(),
        }
    }

    /// The bot has come into a channel. What it was saying in another one ends there.
    pub(crate) fn enter(&mut self, channel: u64) {
        if self.channel != channel {
            self.end_utterance();
        }
        self.channel = channel;
        self.counters();
    }

    /// Adds a decrypted packet.
    pub(crate) fn add(&mut self, header: Header, opus: &[u8], arrival: Instant) {
        self.count(header, arrival);
        let silence = opus == SILENCE;
        let counters = self.counters();
        counters.packets += 1;
        counters.first_packet.get_or_insert(arrival);
        counters.last_packet = Some(arrival);
        if silence {
            counters.silence_frames += 1;
            self.silence_run += 1;
            if self.silence_run >= SILENCE_RUN {
                self.end_utterance();
            }
        } else {
            self.silence_run = 0;
        }
        self.keep_frame(header, opus, arrival, silence);
        self.last = Some(Last {
            header,
            samples: samples_of(opus),
            arrival,
        });
        self.forget(arrival);
    }

    /// Counts a packet that the connection's key does not open.
    pub(crate) fn add_unopened(&mut self) {
        self.counters().decrypt_failures += 1;
    }

    /// Counts a frame that is encrypted end to end.
    pub(crate) fn add_encrypted(&mut self) {
        self.counters().encrypted_frames += 1;
    }

    /// Counts a frame that should have been encrypted end to end and was not.
    pub(crate) fn add_unencrypted(&mut self) {
        self.counters().unencrypted_frames += 1;
    }

    /// Counts a frame that nobody in the channel has the key to.
    pub(crate) fn add_undecryptable(&mut self) {
        self.counters().undecryptable_frames += 1;
    }

    /// Counts a packet of a bot that was muted.
    pub(crate) fn add_muted(&mut self) {
        self.counters().muted_packets += 1;
    }

    /// The connection has ended, and with it whatever was being said.
    pub(crate) fn interrupt(&mut self) {
        self.end_utterance();
        self.last = None;
    }

    /// Forgets everything; the next utterance is the first again.
    pub(crate) fn clear(&mut self) {
        let (channel, forgotten) = (self.channel, self.end());
        *self = Recording {
            forgotten,
            channel,
            ..Recording::new(self.keep)
        };
    }

    /// How many packets were decrypted.
    pub(crate) fn packets(&self) -> usize {
        self.counters.values().map(|heard| heard.packets).sum()
    }

    /// How many packets have come into one channel; `None` if the bot has not been there.
    pub(crate) fn packets_in(&self, channel: u64) -> Option<usize> {
        Some(self.counters.get(&channel)?.packets)
    }

    /// A copy of all that is kept.
    pub(crate) fn heard(&self, now: Instant) -> Heard {
        let spans = self.spans.iter();
        let counters = self.counters.values();
        Heard {
            utterances: spans.map(|span| self.utterance(span, now)).collect(),
            ..counters.fold(Heard::default(), Heard::plus)
        }
    }

    /// A copy of what is kept of one channel; `None` if the bot has not been there.
    pub(crate) fn heard_in(&self, channel: u64, now: Instant) -> Option<Heard> {
        let counters = self.counters.get(&channel)?.clone();
        let spans = self.spans.iter().filter(|span| span.channel == channel);
        Some(Heard {
            utterances: spans.map(|span| self.utterance(span, now)).collect(),
            ..counters
        })
    }

    /// The place after the last frame there ever was.
    pub(crate) fn end(&self) -> usize {
        self.forgotten + self.frames.len()
    }

    /// The frames from a place on, as far as they are kept.
    pub(crate) fn since(&self, place: usize) -> Vec<Frame> {
        let skipped = place.saturating_sub(self.forgotten);
        self.frames.iter().skip(skipped).cloned().collect()
    }

    /// The utterance with this index, if it has begun and is not forgotten.
    pub(crate) fn find_utterance(&self, index: usize, now: Instant) -> Option<Utterance> {
        let span = self.spans.iter().find(|span| span.index == index)?;
        Some(self.utterance(span, now))
    }

    /// Whether something is being said that is not over.
    pub(crate) fn speaks(&self, now: Instant) -> bool {
        let recent = self
            .last
            .as_ref()
            .is_some_and(|last| now.saturating_duration_since(last.arrival) < PAUSE);
        recent && self.spans.back().is_some_and(|span| span.open)
    }

    /// When a silence from now on would count as the end of what is being said.
    pub(crate) fn falls_silent_at(&self) -> Option<Instant> {
        self.last.as_ref().map(|last| last.arrival + STALL)
    }

    /// Compares the packet with the one before it.
    fn count(&mut self, header: Header, arrival: Instant) {
        let Some(last) = &self.last else { return };
        if last.header.ssrc != header.ssrc {
            self.end_utterance();
            return;
        }
        let in_sequence = header.sequence == last.header.sequence.wrapping_add(1);
        let expected = last.header.timestamp.wrapping_add(last.samples);
        let in_time = header.timestamp == expected;
        let gap = arrival.saturating_duration_since(last.arrival);
        let stalled = in_sequence && in_time && gap <= STALL;
        if gap > PAUSE && !stalled {
            self.end_utterance();
        }
        // Between sounds both may jump: silence takes time too, and songbird counts ticks in
        // which it sends nothing.
        if self.spans.back().is_some_and(|span| span.open) {
            let counters = self.counters();
            counters.sequence_breaks += usize::from(!in_sequence);
            counters.timestamp_breaks += usize::from(!in_time);
        }
    }

    fn keep_frame(&mut self, header: Header, opus: &[u8], arrival: Instant, silence: bool) {
        let speaking = self.spans.back().is_some_and(|span| span.open);
        if silence && !speaking {
            return;
        }
        let place = self.end();
        if !speaking {
            let index = self.next_index;
            self.spans.push_back(Span {
                index,
                channel: self.channel,
                from: place,
                to: place,
                open: true,
            });
            self.next_index += 1;
        }
        if let Some(span) = self.spans.back_mut().filter(|_| !silence) {
            span.to = place + 1;
        }
        let Header {
            sequence,
            timestamp,
            ..
        } = header;
        self.frames.push_back(Frame {
            sequence,
            timestamp,
            arrival,
            channel: self.channel,
            opus: Arc::from(opus),
        });
    }

    /// The counters of the channel the bot is in.
    fn counters(&mut self) -> &mut Heard {
        self.counters.entry(self.channel).or_default()
    }

    fn end_utterance(&mut self) {
        self.silence_run = 0;
        if let Some(span) = self.spans.back_mut() {
            span.open = false;
        }
    }

    /// Drops the packets that have been kept long enough, and the oldest of too many.
    pub(crate) fn forget(&mut self, now: Instant) {
        let old = |frame: &Frame| now.saturating_duration_since(frame.arrival) > self.keep;
        while self.frames.len() > self.most || self.frames.front().is_some_and(old) {
            self.frames.pop_front();
            self.forgotten += 1;
        }
        while self
            .spans
            .front()
            .is_some_and(|span| !span.open && span.to <= self.forgotten)
        {
            self.spans.pop_front();
        }
    }

    fn utterance(&self, span: &Span, now: Instant) -> Utterance {
        let from = span.from.saturating_sub(self.forgotten);
        let to = span.to.saturating_sub(self.forgotten);
        let frames = self.frames.range(from.min(to)..to).cloned().collect();
        let silent = self.falls_silent_at().is_none_or(|at| now >= at);
        Utterance {
            index: span.index,
            channel: span.channel,
            ended: !span.open || silent,
            cue: None,
            frames,
        }
    }
}

/// How many samples (at 48 kHz, per channel) an Opus frame holds; 0 if it is none.
pub(super) fn samples_of(opus: &[u8]) -> u32 {
    let samples = opus2::packet::get_nb_samples(opus, 48_000).unwrap_or(0);
    u32::try_from(samples).unwrap_or(0)
}

#[cfg(test)]
mod tests;
