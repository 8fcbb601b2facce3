//! Reading the numbers and vectors that MLS messages are made of (RFC 9420, section 2.1), for
//! what is looked at without the MLS library.

/// What is still to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// `opaque<V>`: a length in one, two or four bytes, as its highest bits say, and the bytes.
    pub(super) fn vector(&mut self) -> Option<&'a [u8]> {
        let first = *self.0.first()?;
        let length = match first >> 6 {
            0 => u32::from(self.u8()?),
            1 => u32::from(self.u16()? & 0x3fff),
            2 => self.u32()? & 0x3fff_ffff,
            _ => return None,
        };
        self.take(usize::try_from(length).ok()?)
    }

    /// A vector of what `read` reads.
    pub(super) fn each<T>(
        &mut self,
        mut read: impl FnMut(&mut Reader<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut inside = Reader(self.vector()?);
        let mut all = Vec::new();
        while !inside.0.is_empty() {
            all.push(read(&mut inside)?);
        }
        Some(all)
    }
}

/// Writes `opaque<V>`; `None` for more than fits.
pub(super) fn vector(bytes: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(bytes.len()).ok()?;
    let length = match length {
        0..=0x3f => vec![u8::try_from(length).ok()?],
        0x40..=0x3fff => (u16::try_from(length).ok()? | 0x4000)
            .to_be_bytes()
            .to_vec(),
        0x4000..=0x3fff_ffff => (length | 0x8000_0000).to_be_bytes().to_vec(),
        _ => return None,
    };
    Some([&length, bytes].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_read_as_they_are_written() {
        for length in [0, 1, 63, 64, 16_383, 16_384] {
            let bytes = vec![7; length];
            let mut written = vector(&bytes).unwrap();
            written.push(9);
            let mut reader = Reader::new(&written);
            assert_eq!(reader.vector().unwrap(), bytes);
            assert_eq!(reader.rest(), [9]);
            let cut = &written[..written.len().saturating_sub(2)];
            assert_eq!(Reader::new(cut).vector(), None, "{length}");
        }
        assert_eq!(Reader::new(&[0xc0, 0, 0, 0, 0, 0, 0, 0]).vector(), None);
        assert_eq!(Reader::new(&[]).vector(), None);
    }
}
