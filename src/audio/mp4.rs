//! The boxes of an MPEG-4 or QuickTime file (ISO/IEC 14496-12), walked without decoding: whether
//! all of it is there, and which part of each track is to be heard. Called by `container`.

use std::ops::Range;

use super::reason::Reason;

const HEADER_BYTES: usize = 8;

/// The time of a track.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Timeline {
    /// Ticks in a second.
    pub(super) timescale: u32,
    /// Ticks of the whole track; 0 where it is not known.
    pub(super) duration: u64,
    /// Ticks before the sound, which the encoder needed.
    pub(super) start: u64,
    /// Tick behind the sound: what follows is padding.
    pub(super) end: Option<u64>,
}

/// Whether a file that begins like this is of boxes.
pub(super) fn is_mp4(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"ftyp")
}

/// Reads the timelines of all tracks, in the order of the file.
///
/// # Errors
/// [`Reason::Truncated`] where a box ends behind the file, [`Reason::Damaged`] where one inside
/// another ends behind it, [`Reason::NoAudio`] where there are no tracks.
pub(super) fn timelines(bytes: &[u8]) -> Result<Vec<Timeline>, Reason> {
    let mut movie = None;
    for found in boxes(bytes, 0..bytes.len()) {
        let (name, content) = found.map_err(|_| Reason::Truncated)?;
        if name == *b"moov" {
            movie = Some(content);
        }
    }
    let movie = movie.ok_or(Reason::NoAudio)?;
    let mut movie_timescale = 0;
    let mut tracks = Vec::new();
    for found in boxes(bytes, movie.clone()) {
        match found? {
            (name, content) if name == *b"mvhd" => {
                (movie_timescale, _) = times(&bytes[content]).ok_or(Reason::Damaged)?;
            }
            (name, content) if name == *b"trak" => tracks.push(content),
            _ => {}
        }
    }
    let itunes = itunes_gaps(&bytes[movie]);
    tracks
        .into_iter()
        .map(|track| timeline(bytes, track, movie_timescale, itunes))
        .collect()
}

fn timeline(
    bytes: &[u8],
    track: Range<usize>,
    movie_timescale: u32,
    itunes: Option<(u64, u64)>,
) -> Result<Timeline, Reason> {
    let mut timeline = Timeline::default();
    let mut edit = None;
    for found in boxes(bytes, track) {
        let (name, content) = found?;
        let inside = match &name {
            b"mdia" => *b"mdhd",
            b"edts" => *b"elst",
            _ => continue,
        };
        for found in boxes(bytes, content) {
            let (name, content) = found?;
            if name != inside {
                continue;
            }
            if inside == *b"mdhd" {
                (timeline.timescale, timeline.duration) =
                    times(&bytes[content]).ok_or(Reason::Damaged)?;
            } else {
                edit = only_edit(&bytes[content]);
            }
        }
    }
    match (edit, itunes) {
        (Some((start, length)), _) if start > 0 => {
            timeline.start = start;
            // Its length is in the unit of the movie; none is the rest.
            let scaled = u128::from(length) * u128::from(timeline.timescale);
            timeline.end = scaled
                .checked_div(u128::from(movie_timescale))
                .and_then(|length| u64::try_from(length).ok())
                .filter(|length| *length > 0)
                .map(|length| start.saturating_add(length));
        }
        (_, Some((start, length))) => {
            timeline.start = start;
            timeline.end = Some(start.saturating_add(length));
        }
        _ => {}
    }
    Ok(timeline)
}

/// The boxes in a part of a file, each by its name and its content.
fn boxes(
    bytes: &[u8],
    within: Range<usize>,
) -> impl Iterator<Item = Result<([u8; 4], Range<usize>), Reason>> {
    let mut at = within.start;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..within.end).filter(|rest| !rest.is_empty())?;
        let Some((name, content)) = read_box(rest) else {
            at = within.end;
            return Some(Err(Reason::Damaged));
        };
        let content = at + content.start..at + content.end;
        at = content.end;
        Some(Ok((name, content)))
    })
}

/// The box at the start of `rest`, if all of it is there.
fn read_box(rest: &[u8]) -> Option<([u8; 4], Range<usize>)> {
    let name = rest.get(4..HEADER_BYTES)?.try_into().ok()?;
    let (start, length) = match be_u32(rest)? {
        // To the end.
        0 => (HEADER_BYTES, rest.len()),
        1 => {
            let length = usize::try_from(be_u64(rest.get(HEADER_BYTES..)?)?).ok()?;
            (HEADER_BYTES + 8, length)
        }
        length => (HEADER_BYTES, usize::try_from(length).ok()?),
    };
    (start <= length && length <= rest.len()).then_some((name, start..length))
}

/// Timescale and duration of a movie's or a track's header.
fn times(header: &[u8]) -> Option<(u32, u64)> {
    let (at, duration) = match header.first()? {
        0 => (12, u64::from(be_u32(header.get(16..)?)?)),
        _ => (20, be_u64(header.get(24..)?)?),
    };
    let is_known = duration != u64::from(u32::MAX) && duration != u64::MAX;
    Some((
        be_u32(header.get(at..)?)?,
        if is_known { duration } else { 0 },
    ))
}

/// Where the one piece begins that an edit list leaves of a track, and how long it is; `None`
/// for several pieces, which only films have. Pauses before it are passed over.
fn only_edit(list: &[u8]) -> Option<(u64, u64)> {
    const NOTHING: i64 = -1;
    let is_long = *list.first()? != 0;
    let (half, entry) = if is_long { (8, 20) } else { (4, 12) };
    let count = usize::try_from(be_u32(list.get(4..)?)?).ok()?;
    let pieces = list.get(8..)?.chunks_exact(entry).take(count);
    let mut pieces = pieces.filter_map(|piece| {
        let (length, start) = if is_long {
            (be_u64(piece)?, be_u64(&piece[half..])?.cast_signed())
        } else {
            let start = be_u32(&piece[half..])?.cast_signed();
            (u64::from(be_u32(piece)?), i64::from(start))
        };
        (start != NOTHING).then_some((u64::try_from(start).ok()?, length))
    });
    pieces.next().filter(|_| pieces.next().is_none())
}

/// What Apple's encoders write in place of an edit list: frames of the encoder's delay, and of
/// the sound.
fn itunes_gaps(movie: &[u8]) -> Option<(u64, u64)> {
    const NAME: &[u8] = b"iTunSMPB";
    const TEXT_BYTES_MAX: usize = 128;
    let after = |bytes: &[u8], wanted: &[u8]| {
        let at = bytes.windows(wanted.len()).position(|it| it == wanted)?;
        Some(at + wanted.len())
    };
    let rest = &movie[after(movie, NAME)?..];
    let rest = &rest[..rest.len().min(TEXT_BYTES_MAX)];
    // A type and a language stand before the text.
    let text = rest.get(after(rest, b"data")? + 8..)?;
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_hexdigit() && *byte != b' ');
    let text = std::str::from_utf8(&text[..end.unwrap_or(text.len())]).ok()?;
    let mut numbers = text
        .split_ascii_whitespace()
        .map(|number| u64::from_str_radix(number, 16).ok());
    let (delay, _padding, length) = (numbers.nth(1)??, numbers.next()??, numbers.next()??);
    (length > 0).then_some((delay, length))
}

fn be_u32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

fn be_u64(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: [u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER_BYTES + content.len()).unwrap();
        [&length.to_be_bytes()[..], &name, content].concat()
    }

    fn numbers(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|it| it.to_be_bytes()).collect()
    }

    fn movie(edits: &[u32], more: &[u8]) -> Vec<u8> {
        let header = |timescale, duration| numbers(&[0, 0, 0, timescale, duration]);
        let media = named(*b"mdia", &named(*b"mdhd", &header(44_100, 90_000)));
        let edits = named(*b"edts", &named(*b"elst", &numbers(edits)));
        let track = named(*b"trak", &[edits, media].concat());
        let movie = [named(*b"mvhd", &header(1_000, 2_000)), track, more.to_vec()].concat();
        [
            named(*b"ftyp", b"M4A "),
            named(*b"moov", &movie),
            named(*b"mdat", &[7; 100]),
        ]
        .concat()
    }

    fn window(edits: &[u32], more: &[u8]) -> (u64, Option<u64>) {
        let file = movie(edits, more);
        assert!(is_mp4(&file));
        let [track] = timelines(&file).unwrap()[..] else {
            panic!("one track");
        };
        assert_eq!((track.timescale, track.duration), (44_100, 90_000));
        (track.start, track.end)
    }

    #[test]
    fn edits_say_what_is_heard() {
        let whole = (0, None);
        assert_eq!(window(&[0, 0], b""), whole);
        assert_eq!(window(&[0, 1, 2_000, 1_024, 0], b""), (1_024, Some(89_224)));
        assert_eq!(window(&[0, 1, 0, 1_024, 0], b""), (1_024, None));
        // A pause first; several pieces; a list that is cut.
        let pause = [0, 2, 500, u32::MAX, 0, 2_000, 1_024, 0];
        assert_eq!(window(&pause, b""), (1_024, Some(89_224)));
        assert_eq!(window(&[0, 2, 9, 5, 0, 9, 50, 0], b""), whole);
        assert_eq!(window(&[0, 1_000_000, 2_000], b""), whole);
        let long = [1 << 24, 1, 0, 2_000, 0, 1_024, 0];
        assert_eq!(window(&long, b""), (1_024, Some(89_224)));
    }

    #[test]
    fn so_do_the_tags_of_itunes() {
        let tag = |text: &str| {
            [
                b"....nameiTunSMPB....data\0\0\0\x01\0\0\0\0",
                text.as_bytes(),
            ]
            .concat()
        };
        let tag = |text: &str| named(*b"udta", &tag(text));
        let text = " 00000000 00000840 000001CA 0000000000015888 00000000";
        assert_eq!(window(&[0, 0], &tag(text)), (2_112, Some(90_312)));
        assert_eq!(
            window(&[0, 1, 2_000, 1_024, 0], &tag(text)),
            (1_024, Some(89_224))
        );
        for wrong in ["", " 0 840", " 0 840 1 0", " 0 x y z"] {
            assert_eq!(window(&[0, 0], &tag(wrong)), (0, None), "{wrong}");
        }
    }

    #[test]
    fn what_is_cut_or_lies_about_its_length_is_refused() {
        let file = movie(&[0, 0], b"");
        for length in 12..file.len() {
            let expected = match length {
                12 => Reason::NoAudio,
                _ if file[length..].len() == 108 => continue, // all boxes but the last
                _ => Reason::Truncated,
            };
            assert_eq!(timelines(&file[..length]), Err(expected), "{length}");
        }
        // Inside, a box that is larger than the one around it, or smaller than its own header.
        for length in [0x00ff_ffff_u32, 7, 2] {
            let mut file = file.clone();
            let at = file.windows(4).position(|name| name == b"trak").unwrap();
            file[at - 4..at].copy_from_slice(&length.to_be_bytes());
            assert_eq!(timelines(&file), Err(Reason::Damaged), "{length}");
        }
        // Lengths of 64 bits, and a last box that goes on to the end.
        let mut endless = file.clone();
        endless.extend(b"\0\0\0\0free and so on");
        assert_eq!(timelines(&endless), timelines(&file));
        for length in [0, 15, 17, u64::MAX] {
            let mut long = file.clone();
            long.extend(b"\0\0\0\x01free");
            long.extend(length.to_be_bytes());
            assert_eq!(timelines(&long), Err(Reason::Truncated), "{length}");
        }
    }
}
