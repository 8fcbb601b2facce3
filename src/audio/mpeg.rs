//! The frames of an MP3 file, walked without decoding: where they begin, how many there are, and
//! whether the file ends where they do. Called by `container`.

/// How far into a file its first frame is looked for: some start with other programs' data.
const SEARCH_BYTES: usize = 64 * 1024;
const HEADER_BYTES: usize = 4;
const ID3_HEADER_BYTES: usize = 10;

/// What a walk over the frames found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frames {
    /// Where the first frame begins, in bytes.
    pub(super) start: usize,
    /// Whether the file stops inside a frame, or before as many frames as it announces.
    pub(super) is_cut: bool,
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    /// Version and sample rate: what does not change between the frames of a file.
    kind: (u8, u8),
    is_mono: bool,
    /// Of the whole frame, in bytes.
    length: usize,
}

impl Header {
    /// Reads a Layer III header; `None` for anything else. Frames of free bit rate, which nobody
    /// writes, are not known.
    fn read(bytes: &[u8]) -> Option<Self> {
        const MPEG_1: u8 = 3;
        const MPEG_2: u8 = 2;
        const LAYER_3: u8 = 1;
        const KBITS_1: [u32; 14] = [
            32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
        ];
        const KBITS_2: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
        const RATES_1: [u32; 3] = [44_100, 48_000, 32_000];

        let &[sync, kind, rates, mode] = bytes.get(..HEADER_BYTES)? else {
            return None;
        };
        if sync != 0xff || kind & 0xe0 != 0xe0 || kind >> 1 & 3 != LAYER_3 {
            return None;
        }
        let version = kind >> 3 & 3;
        let rate_index = rates >> 2 & 3;
        let rate = *RATES_1.get(usize::from(rate_index))?;
        let bitrate_index = usize::from(rates >> 4).checked_sub(1)?;
        let (kbits, slots, divisor) = match version {
            MPEG_1 => (KBITS_1, 144, 1),
            MPEG_2 => (KBITS_2, 72, 2),
            0 => (KBITS_2, 72, 4),
            _ => return None,
        };
        let bits = kbits.get(bitrate_index)? * 1_000;
        let padding = u32::from(rates >> 1 & 1);
        let length = slots * bits / (rate / divisor) + padding;
        Some(Self {
            kind: (version, rate_index),
            is_mono: mode >> 6 == 3,
            length: usize::try_from(length).ok()?,
        })
    }

    /// Where a Xing or Info tag would be in this frame: after its side information.
    fn tag_offset(self) -> usize {
        let side_information = match (self.kind.0 == 3, self.is_mono) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        };
        HEADER_BYTES + side_information
    }
}

/// The bytes that ID3 tags take at the start, to be skipped unread.
pub(super) fn id3_bytes(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + ID3_HEADER_BYTES)
        && header.starts_with(b"ID3")
    {
        let size = header[6..10]
            .iter()
            .fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
        let footer = if header[5] & 0x10 == 0 {
            0
        } else {
            ID3_HEADER_BYTES
        };
        at += ID3_HEADER_BYTES + size + footer;
    }
    at
}

/// Walks the frames of a file whose tags end at `from`; `None` when there are none.
pub(super) fn walk(bytes: &[u8], from: usize) -> Option<Frames> {
    let start = find_start(bytes, from)?;
    let first = Header::read(&bytes[start..])?;
    let (mut at, mut count, mut is_cut) = (start, 0_u32, false);
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.len() < HEADER_BYTES {
            let both = rest.len().min(2);
            is_cut = rest[..both] == bytes[start..][..both];
            break;
        }
        match Header::read(rest).filter(|header| header.kind == first.kind) {
            Some(header) if header.length > rest.len() => {
                is_cut = true;
                break;
            }
            Some(header) => {
                count += 1;
                at += header.length;
            }
            // Tags at the end, or damage: then frames go on somewhere.
            None => match find_next(bytes, at + 1, first.kind) {
                Some(next) => at = next,
                None => break,
            },
        }
    }
    if let Some(announced) = announced_frames(&bytes[start..], first) {
        // The frame of the tag holds no sound; some encoders count it all the same.
        is_cut |= count < announced;
    }
    Some(Frames { start, is_cut })
}

/// The first frame: where one is expected when another follows or the file ends, and further on
/// when two more follow.
fn find_start(bytes: &[u8], from: usize) -> Option<usize> {
    if let Some(header) = Header::read(bytes.get(from..)?) {
        let next = from + header.length;
        if next + HEADER_BYTES > bytes.len() || is_frame(bytes, next, header.kind).is_some() {
            return Some(from);
        }
    }
    (from + 1..bytes.len().min(from + SEARCH_BYTES)).find(|at| {
        Header::read(&bytes[*at..])
            .and_then(|header| is_frame(bytes, at + header.length, header.kind))
            .and_then(|(next, kind)| is_frame(bytes, next, kind))
            .is_some()
    })
}

/// The next place after damage where two frames follow each other, or one ends the file.
fn find_next(bytes: &[u8], from: usize, kind: (u8, u8)) -> Option<usize> {
    (from..bytes.len()).find(|at| {
        is_frame(bytes, *at, kind).is_some_and(|(next, kind)| {
            next == bytes.len() || is_frame(bytes, next, kind).is_some()
        })
    })
}

/// Whether a frame of this kind begins here: where it ends then.
fn is_frame(bytes: &[u8], at: usize, kind: (u8, u8)) -> Option<(usize, (u8, u8))> {
    let header = Header::read(bytes.get(at..)?).filter(|header| header.kind == kind)?;
    Some((at + header.length, kind))
}

/// How many frames the Xing or Info tag in the first one announces.
fn announced_frames(frame: &[u8], header: Header) -> Option<u32> {
    let tag = frame.get(header.tag_offset()..header.tag_offset() + 12)?;
    let has_count = tag[7] & 1 != 0;
    let is_tag = tag.starts_with(b"Xing") || tag.starts_with(b"Info");
    (is_tag && has_count).then(|| tag[8..12].try_into().ok().map(u32::from_be_bytes))?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MPEG-1, Layer III, 32 kbit/s, 48 kHz, mono: 96 bytes.
    const HEADER: [u8; 4] = [0xff, 0xfb, 0x14, 0xc0];
    const LENGTH: usize = 96;

    fn frame(content: &[u8]) -> Vec<u8> {
        let mut frame = HEADER.to_vec();
        frame.extend(content);
        frame.resize(LENGTH, 0);
        frame
    }

    fn info(frames: u32) -> Vec<u8> {
        let mut content = vec![0; 17];
        content.extend(b"Info\0\0\0\x01");
        content.extend(frames.to_be_bytes());
        frame(&content)
    }

    fn cut(bytes: &[u8]) -> Option<bool> {
        walk(bytes, id3_bytes(bytes)).map(|frames| frames.is_cut)
    }

    #[test]
    fn reads_the_lengths_of_frames() {
        let length = |bytes: [u8; 4]| Header::read(&bytes).map(|header| header.length);
        assert_eq!(length(HEADER), Some(LENGTH));
        assert_eq!(length([0xff, 0xfb, 0x90, 0x00]), Some(417)); // 128 kbit/s, 44.1 kHz
        assert_eq!(length([0xff, 0xfb, 0x92, 0x00]), Some(418)); // the same, padded
        assert_eq!(length([0xff, 0xf3, 0x80, 0x00]), Some(208)); // MPEG-2, 64 kbit/s, 22.05 kHz
        for bad in [
            [0xff, 0xfb, 0x04, 0xc0], // free bit rate
            [0xff, 0xfb, 0xf4, 0xc0], // no such bit rate
            [0xff, 0xfb, 0x1c, 0xc0], // no such sample rate
            [0xff, 0xfd, 0x14, 0xc0], // Layer II
            [0xff, 0xeb, 0x14, 0xc0], // no such version
            [0xfe, 0xfb, 0x14, 0xc0],
        ] {
            assert_eq!(length(bad), None, "{bad:x?}");
        }
    }

    #[test]
    fn whole_files_are_not_cut() {
        assert_eq!(cut(&frame(&[]).repeat(3)), Some(false));
        assert_eq!(cut(&[info(3), frame(&[]).repeat(3)].concat()), Some(false));
        // An encoder that counts the tag's own frame, and tags after the last frame.
        let tail = [&b"TAG"[..], &[b'x'; 125]].concat();
        assert_eq!(
            cut(&[info(4), frame(&[]).repeat(3), tail].concat()),
            Some(false)
        );
        let id3 = [&b"ID3\x04\0\0\0\0\x01\0"[..], &[0xff; 128]].concat();
        assert_eq!(cut(&[id3, frame(&[]).repeat(2)].concat()), Some(false));
        let junk = [vec![0; 1_000], frame(&[]).repeat(3)].concat();
        assert_eq!(
            walk(&junk, 0),
            Some(Frames {
                start: 1_000,
                is_cut: false
            })
        );
    }

    #[test]
    fn cut_files_are() {
        let file = [info(3), frame(&[]).repeat(3)].concat();
        // A single frame that is missing as a whole cannot be told from the tag's own.
        for length in (20..file.len()).filter(|length| *length != file.len() - LENGTH) {
            assert_eq!(cut(&file[..length]), Some(true), "{length}");
        }
        let plain = frame(&[]).repeat(3);
        assert_eq!(cut(&plain[..plain.len() - 1]), Some(true));
        let damaged = [&plain[..], &[0; 50], &plain, &HEADER].concat();
        assert_eq!(cut(&damaged), Some(true));
    }

    #[test]
    fn other_bytes_are_no_frames() {
        for other in [
            &b""[..],
            b"ID3",
            b"hello",
            &[0; 5_000],
            &[0xff; 5_000],
            &[0xff, 0xfb],
        ] {
            assert_eq!(cut(other), None);
        }
        // A tag that claims more than the file has, and one that never ends.
        assert_eq!(cut(b"ID3\x04\0\0\x7f\x7f\x7f\x7fxx"), None);
        assert_eq!(cut(&b"ID3\x04\0\0\0\0\0\0".repeat(1_000)), None);
    }
}
