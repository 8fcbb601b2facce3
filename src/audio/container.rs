//! What a file is, by its content alone, and whether all of it is there. Only structure is read
//! here, no audio. Called by the worker before any decoder sees a byte.

use std::ops::Range;

use super::adts::Frames;
use super::mp4::{self, Timeline};
use super::reason::Reason;
use super::{matroska, mpeg};

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Container {
    /// RIFF WAVE with PCM.
    Wav,
    /// Native FLAC from this byte on.
    Flac(usize),
    /// MPEG audio, Layer III, from this byte on.
    Mp3(usize),
    /// AAC in ADTS frames, from this byte on.
    Adts(usize),
    /// MPEG-4 or QuickTime, with the time of each track.
    Mp4(Vec<Timeline>),
    /// Matroska or WebM.
    Matroska,
    /// Ogg with audio in it; several parts where files were put behind each other.
    Ogg(Vec<OggPart>),
}

/// A part of an Ogg file that can be decoded by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OggPart {
    /// Where it lies in the file.
    pub(super) bytes: Range<usize>,
    /// Whether it is Opus; else it is Vorbis or FLAC.
    pub(super) is_opus: bool,
}

/// Says what a file is.
///
/// A WAVE file's lengths are corrected in `bytes` where its writer could not know them.
///
/// # Errors
/// [`Reason::Empty`], [`Reason::NoAudio`] and [`Reason::Truncated`].
pub(super) fn sniff(bytes: &mut [u8]) -> Result<Container, Reason> {
    if bytes.is_empty() {
        return Err(Reason::Empty);
    }
    if bytes.starts_with(b"RIFF") {
        return check_wav(bytes).map(|()| Container::Wav);
    }
    if bytes.starts_with(OGG_CAPTURE) {
        return check_ogg(bytes);
    }
    if mp4::is_mp4(bytes) {
        return mp4::timelines(bytes).map(Container::Mp4);
    }
    if matroska::is_matroska(bytes) {
        return matroska::check(bytes).map(|()| Container::Matroska);
    }
    let start = mpeg::id3_bytes(bytes);
    let rest = bytes.get(start..).ok_or(Reason::Truncated)?;
    if rest.starts_with(b"fLaC") {
        return Ok(Container::Flac(start));
    }
    if let Some(frames) = Frames::new(bytes, start) {
        return if frames.is_cut() {
            Err(Reason::Truncated)
        } else {
            Ok(Container::Adts(start))
        };
    }
    match mpeg::walk(bytes, start) {
        Some(frames) if frames.is_cut => Err(Reason::Truncated),
        Some(frames) => Ok(Container::Mp3(frames.start)),
        None => Err(Reason::NoAudio),
    }
}

/// What files that begin like this are usually called at the end. Whether it is one is for
/// [`sniff`] to say.
pub fn usual_extension(head: &[u8]) -> &'static str {
    match head {
        [b'R', b'I', b'F', b'F', ..] => "wav",
        [b'O', b'g', b'g', b'S', ..] => "ogg",
        [b'f', b'L', b'a', b'C', ..] => "flac",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "webm",
        head if mp4::is_mp4(head) => "m4a",
        // ADTS; MPEG audio has another layer in these bits.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => "aac",
        _ => "mp3",
    }
}

/// Walks the chunks of a WAVE file up to its samples.
fn check_wav(bytes: &mut [u8]) -> Result<(), Reason> {
    const HEADER_BYTES: usize = 8;
    if bytes.get(8..12).ok_or(Reason::Truncated)? != b"WAVE" {
        return Err(Reason::NoAudio);
    }
    let mut at = 12;
    while at < bytes.len() {
        let header = bytes.get(at..at + HEADER_BYTES).ok_or(Reason::Truncated)?;
        let announced = le_u32(&header[4..]).ok_or(Reason::Truncated)?;
        let content = at + HEADER_BYTES;
        let there = bytes.len() - content;
        let length = usize::try_from(announced).map_err(|_| Reason::Truncated)?;
        if header.starts_with(b"data") {
            // Programs that write to a pipe cannot know the length: they leave the highest one.
            if announced == u32::MAX {
                set_le_u32(&mut bytes[at + 4..], there);
            } else if length > there {
                return Err(Reason::Truncated);
            }
            let riff = bytes.len() - HEADER_BYTES;
            set_le_u32(&mut bytes[4..], riff);
            return Ok(());
        }
        if length > there {
            return Err(Reason::Truncated);
        }
        at = content + length + length % 2;
    }
    Err(Reason::NoAudio)
}

const OGG_CAPTURE: &[u8] = b"OggS";
const OGG_HEADER_BYTES: usize = 27;
const OGG_LAST_PAGE: u8 = 0x04;
const OGG_FIRST_PAGE: u8 = 0x02;

/// A page of an Ogg file.
#[derive(Debug, Clone, Copy)]
pub(super) struct OggPage<'a> {
    /// Where it begins.
    start: usize,
    /// The stream it belongs to.
    pub(super) serial: u32,
    is_first: bool,
    is_last: bool,
    /// The position after its last whole packet, in the codec's own unit.
    pub(super) granule: u64,
    body: &'a [u8],
}

/// The whole pages of an Ogg file, in order; bytes between them are passed over.
pub(super) fn ogg_pages(bytes: &[u8]) -> impl Iterator<Item = OggPage<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = &bytes[at..];
            at += rest
                .windows(OGG_CAPTURE.len())
                .position(|found| found == OGG_CAPTURE)?;
            if let Some((page, end)) = read_ogg_page(bytes, at) {
                at = end;
                return Some(page);
            }
            at += OGG_CAPTURE.len();
        }
    })
}

/// The page that begins at `start`, if all of it is there, and where it ends.
fn read_ogg_page(bytes: &[u8], start: usize) -> Option<(OggPage<'_>, usize)> {
    const VERSION: u8 = 0;
    let header = bytes.get(start..start + OGG_HEADER_BYTES)?;
    let lacing_start = start + OGG_HEADER_BYTES;
    let body_start = lacing_start + usize::from(header[26]);
    let lacing = bytes.get(lacing_start..body_start)?;
    let end = body_start
        + lacing
            .iter()
            .map(|length| usize::from(*length))
            .sum::<usize>();
    let page = OggPage {
        start,
        serial: le_u32(&header[14..18])?,
        is_first: header[5] & OGG_FIRST_PAGE != 0,
        is_last: header[5] & OGG_LAST_PAGE != 0,
        granule: u64::from_le_bytes(header[6..14].try_into().ok()?),
        body: bytes.get(body_start..end)?,
    };
    (header[4] == VERSION).then_some((page, end))
}

/// Finds the parts with audio, and the end of each stream in them.
fn check_ogg(bytes: &[u8]) -> Result<Container, Reason> {
    let mut parts: Vec<OggPart> = Vec::new();
    let mut unfinished = Vec::new();
    let mut part_start = 0;
    let mut is_among_first_pages = false;
    for page in ogg_pages(bytes) {
        if page.is_first {
            // The first pages of all streams of a part come before everything else.
            if !is_among_first_pages {
                part_start = page.start;
                if let Some(earlier) = parts.last_mut() {
                    earlier.bytes.end = page.start;
                }
            }
            if let Some(is_opus) = audio_in(page.body) {
                if parts
                    .last()
                    .is_none_or(|part| part.bytes.start != part_start)
                {
                    parts.push(OggPart {
                        bytes: part_start..bytes.len(),
                        is_opus,
                    });
                }
                unfinished.push(page.serial);
            }
        }
        is_among_first_pages = page.is_first;
        if page.is_last {
            unfinished.retain(|serial| *serial != page.serial);
        }
    }
    if parts.is_empty() && read_ogg_page(bytes, 0).is_some() {
        return Err(Reason::NoAudio);
    }
    if parts.is_empty() || !unfinished.is_empty() {
        return Err(Reason::Truncated);
    }
    Ok(Container::Ogg(parts))
}

/// Whether a stream that begins like this is Opus, or other audio; `None` for video, lyrics,
/// indexes: not for the ears.
fn audio_in(first_page: &[u8]) -> Option<bool> {
    match first_page {
        [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', ..] => Some(true),
        [1, b'v', b'o', b'r', b'b', b'i', b's', ..] | [0x7f, b'F', b'L', b'A', b'C', ..] => {
            Some(false)
        }
        _ => None,
    }
}

fn le_u32(bytes: &[u8]) -> Option<u32> {
    bytes.get(..4)?.try_into().ok().map(u32::from_le_bytes)
}

fn set_le_u32(bytes: &mut [u8], value: usize) {
    let value = u32::try_from(value).unwrap_or(u32::MAX);
    bytes[..4].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniffed(bytes: &[u8]) -> Result<Container, Reason> {
        sniff(&mut bytes.to_vec())
    }

    fn chunk(name: &[u8], announced: u32, content: &[u8]) -> Vec<u8> {
        let mut chunk = name.to_vec();
        chunk.extend(announced.to_le_bytes());
        chunk.extend(content);
        chunk
    }

    fn wav(announced: u32, samples: &[u8]) -> Vec<u8> {
        let data = chunk(b"data", announced, samples);
        let odd = chunk(b"LIST", 3, b"abc\0");
        let content = [b"WAVE".to_vec(), chunk(b"fmt ", 16, &[0; 16]), odd, data].concat();
        chunk(b"RIFF", 0, &content)
    }

    #[test]
    fn a_wave_file_has_all_the_samples_it_announces() {
        assert_eq!(sniffed(&wav(6, &[1; 6])), Ok(Container::Wav));
        assert_eq!(sniffed(&wav(6, &[1; 20])), Ok(Container::Wav));
        let whole = wav(6, &[1; 6]);
        for length in 4..whole.len() {
            // Where a chunk has just ended nothing says that another was to come.
            let expected = if [12, 36, 47, 48].contains(&length) {
                Reason::NoAudio
            } else {
                Reason::Truncated
            };
            assert_eq!(sniffed(&whole[..length]), Err(expected), "{length}");
        }
        assert_eq!(sniffed(b"RIFF\0\0\0\0AVI LIST"), Err(Reason::NoAudio));
    }

    #[test]
    fn unknown_lengths_of_a_wave_file_are_filled_in() {
        let mut bytes = wav(u32::MAX, &[1; 6]);
        assert_eq!(sniff(&mut bytes), Ok(Container::Wav));
        let length = u32::try_from(bytes.len()).unwrap();
        assert_eq!(le_u32(&bytes[4..]), Some(length - 8));
        assert_eq!(le_u32(&bytes[bytes.len() - 10..]), Some(6));
    }

    fn page(flags: u8, serial: u8, body: &[u8]) -> Vec<u8> {
        let mut page = OGG_CAPTURE.to_vec();
        page.extend([0, flags]);
        page.extend(77_u64.to_le_bytes());
        page.extend([serial, 0, 0, 0]);
        page.extend([0; 8]);
        page.extend([1, u8::try_from(body.len()).unwrap()]);
        page.extend(body);
        page
    }

    #[test]
    fn an_ogg_file_needs_the_last_page_of_each_stream() {
        let head = page(2, 7, b"OpusHead...");
        let video = page(2, 8, b"\x80theora");
        let middle = page(0, 7, b"audio");
        let last = page(4, 7, b"audio");
        let whole = [&video[..], &head, b"junk", &middle, &last, b"OggS"].concat();
        let part = |bytes: Range<usize>, is_opus| OggPart { bytes, is_opus };
        assert_eq!(
            sniffed(&whole),
            Ok(Container::Ogg(vec![part(0..whole.len(), true)]))
        );
        assert_eq!(
            sniffed(&[&head[..], &middle].concat()),
            Err(Reason::Truncated)
        );
        assert_eq!(
            sniffed(&[&head[..], &last[..last.len() - 1]].concat()),
            Err(Reason::Truncated)
        );
        assert_eq!(sniffed(&head[..20]), Err(Reason::Truncated));
        assert_eq!(
            sniffed(&[video, page(4, 8, b"")].concat()),
            Err(Reason::NoAudio)
        );

        // Files behind each other: each must be whole.
        let vorbis = [page(2, 7, b"\x01vorbis"), page(4, 7, b"")].concat();
        let both = [&whole[..], &vorbis].concat();
        let parts = vec![
            part(0..whole.len(), true),
            part(whole.len()..both.len(), false),
        ];
        assert_eq!(sniffed(&both), Ok(Container::Ogg(parts)));
        assert_eq!(sniffed(&[whole, head].concat()), Err(Reason::Truncated));
    }

    #[test]
    fn names_do_not_count() {
        assert_eq!(sniffed(b""), Err(Reason::Empty));
        assert_eq!(sniffed(b"hello, world"), Err(Reason::NoAudio));
        assert_eq!(sniffed(b"fLaC...."), Ok(Container::Flac(0)));
        assert_eq!(
            sniffed(b"ID3\x04\0\0\0\0\0\x01xfLaC"),
            Ok(Container::Flac(11))
        );
        assert_eq!(sniffed(b"ID3\x04\0\0\0\0\0\x7fx"), Err(Reason::Truncated));
        // What panics symphonia 0.5.5 when it probes: an ID3 tag with wild restrictions.
        let mut id3 = b"ID3\x04\0\x40\0\0\0\x17\0\0\0\x06\x01\x10\x01\x40".to_vec();
        id3.resize(33, 0);
        assert_eq!(sniffed(&id3), Err(Reason::NoAudio));
    }
}
