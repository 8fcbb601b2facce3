//! What becomes of packets: sounds, gaps, breaks, and what is forgotten.

use super::*;

/// A 20 ms frame of the same shape as any encoder's, with nothing in it.
const SOUND: [u8; 4] = [0xfc, 0x01, 0x02, 0x03];

struct Sender {
    recording: Recording,
    sequence: u16,
    timestamp: u32,
    at: Instant,
}

impl Sender {
    fn new(keep: Duration) -> Sender {
        let recording = Recording::new(keep);
        Sender {
            recording,
            sequence: u16::MAX - 2,
            timestamp: u32::MAX - 959,
            at: Instant::now(),
        }
    }

    fn send(&mut self, opus: &[u8], count: usize) {
        for _ in 0..count {
            let packet = [
                &[0x80, 0x78][..],
                &self.sequence.to_be_bytes(),
                &self.timestamp.to_be_bytes(),
                &1u32.to_be_bytes(),
            ]
            .concat();
            self.recording
                .add(Header::parse(&packet).unwrap(), opus, self.at);
            self.sequence = self.sequence.wrapping_add(1);
            self.timestamp = self.timestamp.wrapping_add(960);
            self.at += Duration::from_millis(20);
        }
    }

    fn heard(&self) -> Heard {
        self.recording.heard(self.at)
    }
}

#[test]
fn who_has_fallen_silent_is_forgotten_and_who_floods_is_bounded() {
    let mut sender = Sender::new(Duration::from_mins(1));
    sender.send(&SOUND, 10);
    sender.recording.forget(sender.at + Duration::from_mins(2));
    let heard = sender.heard();
    assert_eq!((heard.packets, heard.utterances.len()), (10, 1));
    assert!(heard.utterances[0].frames.is_empty());
    for _ in 0..10_000 {
        sender.send(&SOUND, 1);
        sender.at -= Duration::from_millis(20);
    }
    assert_eq!(sender.recording.since(0).len(), 7_000);
}

#[test]
fn five_silence_frames_part_two_sounds() {
    let mut sender = Sender::new(Duration::from_mins(1));
    sender.send(&SOUND, 10);
    sender.send(&SILENCE, 5);
    sender.send(&SILENCE, 3);
    sender.send(&SOUND, 7);
    let heard = sender.heard();
    assert_eq!((heard.packets, heard.silence_frames), (25, 8));
    assert_eq!((heard.sequence_breaks, heard.timestamp_breaks), (0, 0));
    let lengths = heard
        .utterances
        .iter()
        .map(|u| u.frames.len())
        .collect::<Vec<_>>();
    assert_eq!(lengths, [10, 7]);
    assert!(heard.utterances[0].ended && !heard.utterances[1].ended);
    assert_eq!(heard.utterances[0].duration(), Duration::from_millis(200));
}

#[test]
fn fewer_silence_frames_are_part_of_the_sound() {
    let mut sender = Sender::new(Duration::from_mins(1));
    sender.send(&SOUND, 2);
    sender.send(&SILENCE, 4);
    sender.send(&SOUND, 2);
    assert_eq!(sender.heard().utterances[0].frames.len(), 8);
}

#[test]
fn a_pause_parts_sounds_but_a_stall_does_not() {
    let mut sender = Sender::new(Duration::from_mins(1));
    sender.send(&SOUND, 3);
    sender.at += Duration::from_millis(400);
    sender.send(&SOUND, 3);
    assert_eq!(
        sender.heard().utterances.len(),
        1,
        "numbers carried on: a stall"
    );
    sender.at += Duration::from_millis(400);
    sender.timestamp = sender.timestamp.wrapping_add(48_000);
    sender.send(&SOUND, 3);
    let heard = sender.heard();
    assert_eq!(heard.utterances.len(), 2);
    assert_eq!(
        heard.timestamp_breaks, 0,
        "a jump between sounds is no break"
    );
}

#[test]
fn counts_lost_packets_and_jumps() {
    let mut sender = Sender::new(Duration::from_mins(1));
    sender.send(&SOUND, 3);
    sender.sequence += 1;
    sender.timestamp += 960;
    sender.send(&SOUND, 3);
    let heard = sender.heard();
    assert_eq!((heard.sequence_breaks, heard.timestamp_breaks), (1, 1));
    assert_eq!(heard.utterances[0].sequence_breaks(), 1);
}

#[test]
fn forgets_what_is_too_old_and_keeps_indexes() {
    let mut sender = Sender::new(Duration::from_millis(200));
    for _ in 0..3 {
        sender.send(&SOUND, 8);
        sender.send(&SILENCE, 5);
    }
    let heard = sender.heard();
    assert_eq!(heard.packets, 39, "counters are for ever");
    let indexes = heard.utterances.iter().map(|u| u.index).collect::<Vec<_>>();
    assert_eq!(indexes, [2]);
    assert!(sender.recording.frames.len() <= 11);
}

#[test]
fn what_is_sent_belongs_to_the_channel_it_is_sent_in() {
    let mut sender = Sender::new(Duration::from_mins(1));
    sender.recording.enter(7);
    sender.send(&SOUND, 3);
    sender.recording.enter(7);
    sender.send(&SOUND, 3);
    sender.recording.enter(8);
    sender.send(&SOUND, 2);
    sender.recording.enter(9);
    let packets = |channel| {
        let heard = sender.recording.heard_in(channel, sender.at)?;
        let frames = heard.utterances.iter().map(|u| (u.index, u.frames.len()));
        Some((heard.packets, frames.collect::<Vec<_>>()))
    };
    assert_eq!(packets(7), Some((6, vec![(0, 6)])));
    assert_eq!(packets(8), Some((2, vec![(1, 2)])));
    assert_eq!(packets(9), Some((0, vec![])));
    assert_eq!(packets(6), None);
    let whole = sender.heard();
    assert_eq!((whole.packets, whole.utterances.len()), (8, 2));
    assert!(whole.first_packet < whole.last_packet);
}

#[test]
fn clearing_moves_no_place() {
    let mut sender = Sender::new(Duration::from_mins(1));
    sender.send(&SOUND, 3);
    let place = sender.recording.end();
    sender.recording.clear();
    assert_eq!(
        (sender.recording.end(), sender.recording.packets()),
        (place, 0)
    );
    sender.send(&SOUND, 2);
    assert_eq!(sender.recording.since(place).len(), 2);
    assert_eq!(sender.recording.since(place + 1).len(), 1);
    assert_eq!(sender.heard().utterances[0].index, 0);
}

#[test]
fn an_end_of_the_connection_ends_the_sound() {
    let mut sender = Sender::new(Duration::from_mins(1));
    sender.send(&SOUND, 3);
    sender.recording.interrupt();
    assert!(sender.heard().utterances[0].ended);
}
