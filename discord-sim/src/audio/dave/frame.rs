//! Frames that are encrypted end to end: recognising them, and opening them with a sender's key.
//!
//! Written from the protocol's *Encoded Frame Transforms*
//! (<https://daveprotocol.com/#encoded-frame-transforms>), not with the library that the
//! clients under test encrypt with: its faults would open what nobody else can.

use std::collections::{BTreeMap, BTreeSet};

use aes_gcm::aead::AeadInPlace as _;
use aes_gcm::{Aes128Gcm, KeyInit as _, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What every encrypted frame ends with.
const MARKER: [u8; 2] = [0xfa, 0xfa];
/// The authentication tag is cut to this length.
const TAG: usize = 8;
/// Tag, at least one byte of nonce, the size, the marker.
const LEAST_SUPPLEMENT: usize = TAG + 1 + 1 + MARKER.len();
/// The generation of the key is the nonce's highest byte.
const GENERATION_SHIFT: u32 = 24;
/// How many generations a sender may skip. Each lasts for days.
const SKIPPED: u64 = 4;
/// How far back a nonce may come late.
const LATE: u64 = 1_000;

/// The parts of an encrypted frame.
#[derive(Debug, PartialEq, Eq)]
struct Sealed<'a> {
    /// Encrypted ranges, with the clear ones between them.
    body: &'a [u8],
    tag: &'a [u8],
    nonce: u32,
    /// Offset and length of what is not encrypted, ascending. None of it in an Opus frame.
    clear: Vec<(usize, usize)>,
}

impl<'a> Sealed<'a> {
    /// The protocol's frame check; `None` for a frame that does not pass it.
    fn parse(frame: &'a [u8]) -> Option<Sealed<'a>> {
        let [.., size, m0, m1] = *frame else {
            return None;
        };
        let size = usize::from(size);
        if [m0, m1] != MARKER || size < LEAST_SUPPLEMENT || size >= frame.len() {
            return None;
        }
        let (body, supplement) = frame.split_at_checked(frame.len() - size)?;
        let (tag, rest) = supplement.split_at_checked(TAG)?;
        let mut rest = rest.get(..rest.len().checked_sub(1 + MARKER.len())?)?;
        let nonce = u32::try_from(leb128(&mut rest)?).ok()?;
        let mut clear = Vec::new();
        let mut end = 0;
        while !rest.is_empty() {
            let offset = usize::try_from(leb128(&mut rest)?).ok()?;
            let length = usize::try_from(leb128(&mut rest)?).ok()?;
            if offset < end {
                return None;
            }
            end = offset
                .checked_add(length)
                .filter(|end| *end <= body.len())?;
            clear.push((offset, length));
        }
        Some(Sealed {
            body,
            tag,
            nonce,
            clear,
        })
    }

    /// Takes the body apart: what is encrypted, and what is only authenticated.
    fn split(&self) -> (Vec<u8>, Vec<u8>) {
        let (mut hidden, mut clear) = (Vec::with_capacity(self.body.len()), Vec::new());
        let mut at = 0;
        for (offset, length) in &self.clear {
            hidden.extend(self.body.get(at..*offset).unwrap_or_default());
            at = offset + length;
            clear.extend(self.body.get(*offset..at).unwrap_or_default());
        }
        hidden.extend(self.body.get(at..).unwrap_or_default());
        (hidden, clear)
    }

    /// Puts the opened parts back between the clear ones.
    fn join(&self, opened: Vec<u8>) -> Vec<u8> {
        if self.clear.is_empty() {
            return opened;
        }
        let mut frame = self.body.to_vec();
        let mut opened = opened.into_iter();
        for (at, byte) in frame.iter_mut().enumerate() {
            let is_clear =
                |(offset, length): &(usize, usize)| (*offset..offset + length).contains(&at);
            if !self.clear.iter().any(is_clear)
                && let Some(plain) = opened.next()
            {
                *byte = plain;
            }
        }
        frame
    }
}

/// Reads an unsigned number in 7-bit groups, the lowest first.
fn leb128(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Whether a frame is encrypted end to end, by the look of it.
pub(crate) fn is_sealed(frame: &[u8]) -> bool {
    Sealed::parse(frame).is_some()
}

/// The key that one sender uses in one epoch, turned on each time its nonce has run through.
pub(crate) struct SenderKey {
    /// What the next generation is made from.
    secret: Vec<u8>,
    next: u64,
    /// The ciphers of the last generations.
    ciphers: BTreeMap<u64, Aes128Gcm>,
    /// The generation of the newest frame that was opened.
    generation: u64,
    newest: Option<u64>,
    /// Nonces before the newest that have not come.
    missing: BTreeSet<u64>,
}

impl SenderKey {
    /// Begins with the secret that the group exports for the sender.
    pub(crate) fn new(secret: Vec<u8>) -> SenderKey {
        SenderKey {
            secret,
            next: 0,
            ciphers: BTreeMap::new(),
            generation: 0,
            newest: None,
            missing: BTreeSet::new(),
        }
    }

    /// The frame inside, if it is encrypted with this key and has not been opened before.
    pub(crate) fn open(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let sealed = Sealed::parse(frame)?;
        let generation = self.unwrap_generation(sealed.nonce);
        let low = u64::from(sealed.nonce) & ((1 << GENERATION_SHIFT) - 1);
        let number = generation << GENERATION_SHIFT | low;
        let is_new = self.newest.is_none_or(|newest| number > newest);
        if !is_new && !self.missing.contains(&number) {
            return None;
        }
        let mut nonce = Nonce::default();
        nonce[8..].copy_from_slice(&sealed.nonce.to_le_bytes());
        let (mut hidden, clear) = sealed.split();
        let cipher = self.cipher(generation)?;
        // GCM turns text into ciphertext and back by the same key stream, so encrypting
        // decrypts. Encrypting again shows the tag that belongs to the ciphertext, whole,
        // where decrypting would ask for the half that is not sent.
        cipher
            .encrypt_in_place_detached(&nonce, &clear, &mut hidden)
            .ok()?;
        let opened = hidden.clone();
        let tag = cipher
            .encrypt_in_place_detached(&nonce, &clear, &mut hidden)
            .ok()?;
        if tag.get(..TAG) != Some(sealed.tag) {
            return None;
        }
        self.note(generation, number);
        Some(sealed.join(opened))
    }

    /// The generation that this nonce means: the one nearest to the newest with its low byte.
    fn unwrap_generation(&self, nonce: u32) -> u64 {
        let byte = u64::from(nonce >> GENERATION_SHIFT);
        let near = self.generation - self.generation % 256 + byte;
        if near + 128 < self.generation {
            near + 256
        } else if near > self.generation + 128 && near >= 256 {
            near - 256
        } else {
            near
        }
    }

    fn cipher(&mut self, generation: u64) -> Option<&Aes128Gcm> {
        if generation > self.generation + SKIPPED {
            return None;
        }
        while self.next <= generation {
            let number = u32::try_from(self.next).ok()?;
            let key = derive(&self.secret, "key", number, 16)?;
            self.secret = derive(&self.secret, "secret", number, 32)?;
            self.ciphers
                .insert(self.next, Aes128Gcm::new_from_slice(&key).ok()?);
            self.next += 1;
        }
        self.ciphers.get(&generation)
    }

    fn note(&mut self, generation: u64, number: u64) {
        if generation > self.generation {
            self.generation = generation;
            // Frames of the generation before may still be on their way.
            self.ciphers = self.ciphers.split_off(&generation.saturating_sub(1));
        }
        if self.newest.is_some_and(|newest| number <= newest) {
            self.missing.remove(&number);
            return;
        }
        let oldest = number.saturating_sub(LATE);
        self.missing = self.missing.split_off(&oldest);
        let first_missing = self
            .newest
            .map_or(number, |newest| (newest + 1).max(oldest));
        self.missing.extend(first_missing..number);
        self.newest = Some(number);
    }
}

impl std::fmt::Debug for SenderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SenderKey")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// `DeriveTreeSecret` of RFC 9420, section 9, for no more than one block of SHA-256.
fn derive(secret: &[u8], label: &str, generation: u32, length: u8) -> Option<Vec<u8>> {
    let label = format!("MLS 1.0 {label}");
    let mut hmac = <Hmac<Sha256> as Mac>::new_from_slice(secret).ok()?;
    hmac.update(&[0, length, u8::try_from(label.len()).ok()?]);
    hmac.update(label.as_bytes());
    hmac.update(&[4]);
    hmac.update(&generation.to_be_bytes());
    // The number of the block, the first and only one.
    hmac.update(&[1]);
    let block = hmac.finalize().into_bytes();
    block.get(..usize::from(length)).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 16] = [
        206, 221, 97, 177, 184, 161, 202, 105, 4, 101, 84, 40, 44, 247, 11, 123,
    ];

    /// Encrypts as a client does, leaving these ranges in the clear.
    fn seal(secret: &[u8], nonce: u32, frame: &[u8], clear: &[(usize, usize)]) -> Vec<u8> {
        let mut key = SenderKey::new(secret.to_vec());
        key.generation = u64::from(nonce >> GENERATION_SHIFT);
        let cipher = key.cipher(key.generation).unwrap();
        let layout = Sealed {
            body: frame,
            tag: &[],
            nonce,
            clear: clear.to_vec(),
        };
        let (mut hidden, authenticated) = layout.split();
        let mut full = Nonce::default();
        full[8..].copy_from_slice(&nonce.to_le_bytes());
        let tag = cipher
            .encrypt_in_place_detached(&full, &authenticated, &mut hidden)
            .unwrap();
        let mut sealed = layout.join(hidden);
        let mut supplement = tag[..TAG].to_vec();
        let numbers = clear.iter().flat_map(|(offset, length)| [*offset, *length]);
        for number in [usize::try_from(nonce).unwrap()].into_iter().chain(numbers) {
            let mut number = number;
            while number >= 0x80 {
                supplement.push(0x80 | u8::try_from(number & 0x7f).unwrap());
                number >>= 7;
            }
            supplement.push(u8::try_from(number).unwrap());
        }
        supplement.push(u8::try_from(supplement.len() + 3).unwrap());
        supplement.extend(MARKER);
        sealed.extend(supplement);
        sealed
    }

    fn key() -> SenderKey {
        SenderKey::new(SECRET.to_vec())
    }

    #[test]
    fn the_first_key_is_the_one_libdave_derives() {
        // The vector of libdave's own hash ratchet tests.
        let expected = [
            117, 48, 249, 169, 148, 94, 45, 46, 6, 208, 101, 31, 123, 42, 134, 75,
        ];
        assert_eq!(derive(&SECRET, "key", 0, 16).unwrap(), expected);
    }

    #[test]
    fn opens_each_frame_once_in_any_order() {
        let mut key = key();
        for nonce in [0, 1, 5, 3, 300, 2] {
            let sealed = seal(&SECRET, nonce, b"opus", &[]);
            assert!(is_sealed(&sealed));
            assert_eq!(key.open(&sealed).unwrap(), b"opus", "{nonce}");
            assert_eq!(key.open(&sealed), None, "{nonce} again");
        }
        let late = seal(&SECRET, 2_000, b"opus", &[]);
        key.open(&late).unwrap();
        assert_eq!(
            key.open(&seal(&SECRET, 400, b"opus", &[])),
            None,
            "too late"
        );
    }

    #[test]
    fn the_key_turns_with_the_highest_byte() {
        let mut key = key();
        let last = (1 << GENERATION_SHIFT) - 1;
        for nonce in [0, last, last + 2, last + 1, 2 << GENERATION_SHIFT] {
            assert!(key.open(&seal(&SECRET, nonce, b"opus", &[])).is_some());
        }
        assert_eq!(key.open(&seal(&SECRET, 1, b"opus", &[])), None, "forgotten");
        assert_eq!(
            key.open(&seal(&SECRET, 7 << GENERATION_SHIFT, b"opus", &[])),
            None,
            "too far"
        );
        // After 255 comes 256, whose byte is 0.
        key.generation = 255;
        assert_eq!(key.unwrap_generation(0), 256);
        key.generation = 256;
        assert_eq!(key.unwrap_generation(255 << GENERATION_SHIFT), 255);
    }

    #[test]
    fn clear_ranges_stay_in_place_and_are_authenticated() {
        let clear = [(0, 2), (4, 1)];
        let sealed = seal(&SECRET, 9, b"0123456", &clear);
        assert_eq!((&sealed[..2], sealed[4]), (&b"01"[..], b'4'));
        assert_eq!(key().open(&sealed).unwrap(), b"0123456");
        let mut changed = sealed;
        changed[0] ^= 1;
        assert_eq!(key().open(&changed), None);
    }

    #[test]
    fn a_changed_frame_and_a_foreign_key_do_not_open() {
        let sealed = seal(&SECRET, 1, b"opus", &[]);
        assert_eq!(SenderKey::new(vec![7; 16]).open(&sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 0x10;
            assert_eq!(key().open(&changed), None, "byte {at}");
        }
        assert!(key().open(&sealed).is_some());
    }

    #[test]
    fn what_only_ends_like_an_encrypted_frame_is_none() {
        let sealed = seal(&SECRET, 1, b"opus", &[]);
        for length in 0..sealed.len() {
            assert!(!is_sealed(&sealed[..length]));
        }
        // Sizes that are too small, or more than there is; a nonce without an end; ranges
        // that overlap, or reach beyond the frame.
        for size in [0, 11, 16, 17, 255] {
            let mut frame = sealed.clone();
            let at = frame.len() - 3;
            frame[at] = size;
            assert!(!is_sealed(&frame), "{size}");
        }
        let odd = |middle: &[u8]| {
            let mut frame = [&[1; 10][..], &[0; TAG], middle].concat();
            frame.push(u8::try_from(TAG + middle.len() + 3).unwrap());
            frame.extend(MARKER);
            is_sealed(&frame)
        };
        assert!(odd(&[1]) && odd(&[1, 0, 2, 2, 8]));
        for middle in [
            &[0x80; 12][..],
            &[0xff, 0xff, 0xff, 0xff, 0x1f],
            &[1, 2],
            &[1, 0, 3, 2, 1],
            &[1, 9, 2],
            &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1],
        ] {
            assert!(!odd(middle), "{middle:?}");
        }
    }
}
