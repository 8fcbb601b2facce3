//! The elements of a Matroska or WebM file (RFC 8794, RFC 9559), walked without decoding: whether
//! all of it is there. Called by `container`.

use super::reason::Reason;

const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1f43_b675;

/// Whether a file begins like this kind.
pub(super) fn is_matroska(bytes: &[u8]) -> bool {
    bytes.starts_with(&EBML.to_be_bytes())
}

/// Checks that every element down to the blocks ends inside the file.
///
/// # Errors
/// [`Reason::Truncated`] where one does not, [`Reason::Damaged`] for bytes that are no elements,
/// [`Reason::NoAudio`] for a file without any.
pub(super) fn check(bytes: &[u8]) -> Result<(), Reason> {
    let mut at = 0;
    let mut clusters = 0_u32;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (id, id_bytes) = id(rest).ok_or_else(|| cut_or_damaged(rest))?;
        let (size, size_bytes) = size(&rest[id_bytes..]).ok_or_else(|| cut_or_damaged(rest))?;
        let header = id_bytes + size_bytes;
        let length = match size {
            Some(size) => usize::try_from(size).map_err(|_| Reason::Truncated)?,
            // Live recordings do not know theirs.
            None if id == SEGMENT || id == CLUSTER => 0,
            None => return Err(Reason::Damaged),
        };
        if length > rest.len() - header {
            return Err(Reason::Truncated);
        }
        // These two are gone into: what follows is their content.
        let is_entered = id == SEGMENT || id == CLUSTER;
        clusters += u32::from(id == CLUSTER);
        at += header + if is_entered { 0 } else { length };
    }
    if clusters == 0 {
        return Err(Reason::NoAudio);
    }
    Ok(())
}

/// The longest header, of which fewer bytes may be left than it has.
fn cut_or_damaged(rest: &[u8]) -> Reason {
    const HEADER_BYTES_MAX: usize = 12;
    if rest.len() < HEADER_BYTES_MAX {
        Reason::Truncated
    } else {
        Reason::Damaged
    }
}

/// An element's id, of one to four bytes with their marker, and how many those are.
fn id(bytes: &[u8]) -> Option<(u32, usize)> {
    let length = length_of_number(bytes, 4)?;
    let number = bytes.get(..length)?;
    let id = number.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    Some((id, length))
}

/// An element's size, `None` where it is not known, and how many bytes say so.
fn size(bytes: &[u8]) -> Option<(Option<u64>, usize)> {
    let length = length_of_number(bytes, 8)?;
    let number = bytes.get(..length)?;
    let number = number
        .iter()
        .fold(0, |size, byte| size << 8 | u64::from(*byte));
    let marker = 1_u64 << (7 * length);
    let size = number ^ marker;
    Some(((size != marker - 1).then_some(size), length))
}

/// The leading zeros of a number say how many bytes it has.
fn length_of_number(bytes: &[u8], max: usize) -> Option<usize> {
    let zeros = usize::try_from(bytes.first()?.leading_zeros()).ok()?;
    Some(zeros + 1).filter(|length| *length <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(id: u32, size: Option<u8>, content: &[u8]) -> Vec<u8> {
        let id = id.to_be_bytes();
        let id = &id[id.iter().take_while(|byte| **byte == 0).count()..];
        let size = size.map_or(vec![1, 255, 255, 255, 255, 255, 255, 255], |size| {
            vec![0x40, size]
        });
        [id, &size, content].concat()
    }

    fn whole(content: &[u8], id: u32) -> Vec<u8> {
        element(id, Some(u8::try_from(content.len()).unwrap()), content)
    }

    fn file(known: bool) -> Vec<u8> {
        let block = whole(b"block", 0xa3);
        let cluster = if known {
            whole(&block, CLUSTER)
        } else {
            element(CLUSTER, None, &block)
        };
        let content = [whole(b"tracks", 0x1654_ae6b), cluster.clone(), cluster].concat();
        let segment = if known {
            whole(&content, SEGMENT)
        } else {
            element(SEGMENT, None, &content)
        };
        [whole(b"webm", EBML), segment].concat()
    }

    #[test]
    fn recordings_of_known_and_of_unknown_length_are_whole() {
        assert!(is_matroska(&file(true)));
        assert_eq!(check(&file(true)), Ok(()));
        assert_eq!(check(&file(false)), Ok(()));
        assert_eq!(check(&whole(b"webm", EBML)), Err(Reason::NoAudio));
    }

    #[test]
    fn cut_ones_are_refused() {
        let known = file(true);
        for length in 11..known.len() {
            assert_eq!(check(&known[..length]), Err(Reason::Truncated), "{length}");
        }
        let live = file(false);
        let cut = check(&live[..live.len() - 1]);
        assert_eq!(cut, Err(Reason::Truncated));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for (size, expected) in [
            (&[0x08_u8, 0xff, 0xff, 0xff, 0xff][..], Reason::Truncated),
            (
                &[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe],
                Reason::Truncated,
            ),
            // Only clusters and segments may be without a length.
            (&[0xff], Reason::Damaged),
        ] {
            let bytes = [&[0xec][..], size, &[0; 100]].concat();
            assert_eq!(
                check(&[file(true), bytes].concat()),
                Err(expected),
                "{size:x?}"
            );
        }
        assert_eq!(
            check(&[file(true), vec![0; 100]].concat()),
            Err(Reason::Damaged)
        );
    }
}
