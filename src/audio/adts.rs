//! AAC in ADTS frames (ISO/IEC 13818-7, 6.2), taken apart without decoding: where the frames are
//! and whether the file ends where the last one does. `container` asks what a file is, `decode`
//! takes its frames.

use std::ops::Range;

const HEADER_BYTES: usize = 7;
const CHECKSUM_BYTES: usize = 2;

/// A frame: a header and one packet of AAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    /// What does not change within a file: profile, sample rate, channels.
    kind: u16,
    /// Sample rate in hertz.
    pub(super) rate: u32,
    /// Channels; 0 where the packet itself describes them.
    pub(super) channels: u8,
    /// The packet.
    pub(super) packet: Range<usize>,
}

impl Frame {
    /// Reads the header at `at`; the frame may end behind the file.
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        const RATES: [u32; 13] = [
            96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
            8_000, 7_350,
        ];
        let &[
            sync,
            version,
            about,
            channels,
            length_high,
            length_low,
            blocks,
        ] = bytes.get(at..at + HEADER_BYTES)?
        else {
            return None;
        };
        // The layer, two bits of the second byte, is always 0: that tells it from MP3.
        if sync != 0xff || version & 0xf6 != 0xf0 {
            return None;
        }
        let rate = *RATES.get(usize::from(about >> 2 & 0x0f))?;
        let header = if version & 1 == 0 {
            HEADER_BYTES + CHECKSUM_BYTES
        } else {
            HEADER_BYTES
        };
        let length = usize::from(channels & 3) << 11
            | usize::from(length_high) << 3
            | usize::from(length_low) >> 5;
        // Several packets in a frame are allowed, but nobody writes them.
        if length < header || blocks & 3 != 0 {
            return None;
        }
        Some(Self {
            kind: u16::from_be_bytes([about & 0xfd, channels & 0xc0]),
            rate,
            channels: about << 2 & 4 | channels >> 6,
            packet: at + header..at + length,
        })
    }

    fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// The whole frames of a file, in order; damage between them is passed over.
#[derive(Debug, Clone)]
pub(super) struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
    first: Frame,
    is_cut: bool,
}

impl<'a> Frames<'a> {
    /// The frames from `start` on; `None` where none begins that another follows or that ends
    /// the file.
    pub(super) fn new(bytes: &'a [u8], start: usize) -> Option<Self> {
        let first = Frame::read(bytes, start)?;
        let frames = Self {
            bytes,
            at: start,
            first,
            is_cut: false,
        };
        frames.is_start(start).then_some(frames)
    }

    /// The first one.
    pub(super) fn first(&self) -> &Frame {
        &self.first
    }

    /// Whether the file stops inside a frame; looked up at its end.
    pub(super) fn is_cut(&self) -> bool {
        let mut frames = self.clone();
        while frames.next().is_some() {}
        frames.is_cut
    }

    /// A frame of this file's kind at `at`.
    fn read(&self, at: usize) -> Option<Frame> {
        Frame::read(self.bytes, at).filter(|frame| frame.is_like(&self.first))
    }

    fn is_start(&self, at: usize) -> bool {
        self.read(at).is_some_and(|frame| {
            frame.packet.end == self.bytes.len() || self.read(frame.packet.end).is_some()
        })
    }
}

impl Iterator for Frames<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        loop {
            match self.read(self.at) {
                Some(frame) if frame.packet.end > self.bytes.len() => {
                    self.is_cut = true;
                    self.at = self.bytes.len();
                }
                Some(frame) => {
                    self.at = frame.packet.end;
                    return Some(frame);
                }
                None => {
                    let rest = self.bytes.len() - self.at;
                    if rest > 0 && rest < HEADER_BYTES && self.bytes[self.at] == 0xff {
                        self.is_cut = true;
                    }
                    // Tags at the end, or damage: then frames go on somewhere.
                    self.at = (self.at + 1..self.bytes.len()).find(|at| self.is_start(*at))?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of LC at 44.1 kHz in stereo.
    fn frame(packet: &[u8]) -> Vec<u8> {
        let length = HEADER_BYTES + packet.len();
        let low = u8::try_from(length << 5 & 0xff).unwrap();
        let high = u8::try_from(length >> 3).unwrap();
        let mut frame = vec![0xff, 0xf1, 0x50, 0x80, high, low | 0x1f, 0xfc];
        frame.extend(packet);
        frame
    }

    fn packets(bytes: &[u8]) -> Option<Vec<&[u8]>> {
        let frames = Frames::new(bytes, 0)?;
        Some(frames.map(|frame| &bytes[frame.packet]).collect())
    }

    #[test]
    fn frames_are_found_whatever_stands_between_them() {
        let file = [frame(b"one"), frame(b"two"), frame(b"three")].concat();
        assert_eq!(packets(&file).unwrap(), [&b"one"[..], b"two", b"three"]);
        let first = Frames::new(&file, 0).unwrap().first().clone();
        assert_eq!((first.rate, first.channels), (44_100, 2));
        assert!(!Frames::new(&file, 0).unwrap().is_cut());

        let junk = [frame(b"one"), frame(b"two"), vec![0xff; 40], file.clone()].concat();
        assert_eq!(packets(&junk).unwrap().len(), 5);
        let tagged = [&file[..], b"TAG", &[b'x'; 125]].concat();
        assert_eq!(packets(&tagged).unwrap().len(), 3);
        assert!(!Frames::new(&tagged, 0).unwrap().is_cut());

        // With a checksum behind the header.
        let mut checked = frame(b"crone");
        checked[1] = 0xf0;
        assert_eq!(packets(&checked).unwrap(), [b"one"]);
    }

    #[test]
    fn cut_files_are_told_from_whole_ones() {
        let file = [frame(b"one"), frame(b"two"), frame(b"three")].concat();
        // The second header makes sure of the first.
        for length in 17..file.len() {
            let frames = Frames::new(&file[..length], 0).unwrap();
            assert_eq!(frames.is_cut(), length != 20, "{length}");
        }
    }

    #[test]
    fn other_bytes_are_no_frames() {
        let alone = [&frame(b"one")[..], b"no frame"].concat();
        let mp3 = [0xff, 0xfb, 0x14, 0xc0, 0, 0, 0, 0].repeat(20);
        let tiny = [0xff, 0xf1, 0x50, 0x80, 0, 0x1f, 0xfc].repeat(5);
        for other in [
            &b""[..],
            b"hello",
            &[0xff; 500],
            &[0; 500],
            &alone,
            &mp3,
            &tiny,
        ] {
            assert_eq!(packets(other), None, "{other:x?}");
        }
        assert!(Frames::new(&frame(b"one"), 5).is_none());
        assert!(Frames::new(&frame(b"one"), 500).is_none());
    }
}
