//! RTP packets: reading the header and undoing Discord's `rtpsize` encryption.
//!
//! Called by the UDP task for each packet that comes in.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

/// A way of encrypting voice packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `aead_aes256_gcm_rtpsize`
    Aes256Gcm,
    /// `aead_xchacha20_poly1305_rtpsize`
    XChaCha20Poly1305,
}

impl Mode {
    /// Both modes, Discord's preferred one first.
    pub const ALL: [Mode; 2] = [Mode::Aes256Gcm, Mode::XChaCha20Poly1305];

    /// The name used on the voice gateway.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Aes256Gcm => "aead_aes256_gcm_rtpsize",
            Mode::XChaCha20Poly1305 => "aead_xchacha20_poly1305_rtpsize",
        }
    }
}

/// The fixed part of the header.
const HEADER: usize = 12;
/// The counter at the end of each packet from which the nonce is made.
const COUNTER: usize = 4;
/// The tag at the end of what is encrypted.
const TAG: usize = 16;
/// The first byte of a header without padding, extension and contributing sources.
const VERSION_2: u8 = 0x80;
/// The payload type Discord uses for Opus.
const OPUS: u8 = 120;

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Bytes that are sent in the clear and authenticated.
    clear: usize,
    /// Bytes of header extension at the start of the decrypted part.
    extension: usize,
    padded: bool,
}

impl Header {
    /// Reads the header; `None` for anything but an Opus packet.
    pub(crate) fn parse(packet: &[u8]) -> Option<Header> {
        let [flags, kind, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3, ..] = *packet else {
            return None;
        };
        if flags >> 6 != 2 || kind & 0x7f != OPUS {
            return None;
        }
        let mut clear = HEADER + 4 * usize::from(flags & 0x0f);
        let mut extension = 0;
        if flags & 0x10 != 0 {
            // Its four bytes of preamble are in the clear, its body is encrypted.
            let words = packet.get(clear + 2..clear + 4)?;
            extension = 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
            clear += 4;
        }
        Some(Header {
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
            clear,
            extension,
            padded: flags & 0x20 != 0,
        })
    }
}

/// A connection's key in the mode it chose.
pub(crate) enum Cipher {
    Aes256Gcm(Box<Aes256Gcm>),
    XChaCha20Poly1305(Box<XChaCha20Poly1305>),
}

impl Cipher {
    pub(crate) fn new(mode: Mode, key: &[u8; 32]) -> Cipher {
        match mode {
            Mode::Aes256Gcm => Cipher::Aes256Gcm(Box::new(Aes256Gcm::new(key.into()))),
            Mode::XChaCha20Poly1305 => {
                Cipher::XChaCha20Poly1305(Box::new(XChaCha20Poly1305::new(key.into())))
            }
        }
    }

    /// The Opus frame of a packet; `None` if it was not encrypted with this key.
    pub(crate) fn open(&self, header: Header, packet: &[u8]) -> Option<Vec<u8>> {
        let (clear, rest) = packet.split_at_checked(header.clear)?;
        let (sealed, counter) = rest.split_at_checked(rest.len().checked_sub(COUNTER)?)?;
        let sealed = Payload {
            msg: sealed,
            aad: clear,
        };
        let mut opened = match self {
            Cipher::Aes256Gcm(cipher) => {
                let mut nonce = Nonce::default();
                nonce[..COUNTER].copy_from_slice(counter);
                cipher.decrypt(&nonce, sealed)
            }
            Cipher::XChaCha20Poly1305(cipher) => {
                let mut nonce = XNonce::default();
                nonce[..COUNTER].copy_from_slice(counter);
                cipher.decrypt(&nonce, sealed)
            }
        }
        .ok()?;
        if header.padded {
            let padding = usize::from(*opened.last()?);
            opened.truncate(opened.len().checked_sub(padding)?);
        }
        if header.extension > opened.len() {
            return None;
        }
        opened.drain(..header.extension);
        Some(opened)
    }

    /// A packet with this Opus frame, numbered and timed as the header says; `counter` must be
    /// another for each packet under the same key.
    pub(crate) fn seal(&self, header: Header, frame: &[u8], counter: u32) -> Option<Vec<u8>> {
        let counter = counter.to_be_bytes();
        let mut packet = Vec::with_capacity(HEADER + frame.len() + TAG + COUNTER);
        packet.extend([VERSION_2, OPUS]);
        packet.extend(header.sequence.to_be_bytes());
        packet.extend(header.timestamp.to_be_bytes());
        packet.extend(header.ssrc.to_be_bytes());
        let payload = Payload {
            msg: frame,
            aad: &packet,
        };
        let sealed = match self {
            Cipher::Aes256Gcm(cipher) => {
                let mut nonce = Nonce::default();
                nonce[..COUNTER].copy_from_slice(&counter);
                cipher.encrypt(&nonce, payload)
            }
            Cipher::XChaCha20Poly1305(cipher) => {
                let mut nonce = XNonce::default();
                nonce[..COUNTER].copy_from_slice(&counter);
                cipher.encrypt(&nonce, payload)
            }
        }
        .ok()?;
        packet.extend(sealed);
        packet.extend(counter);
        Some(packet)
    }
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    /// Encrypts as a client does: everything in `clear` is authenticated only.
    fn seal(mode: Mode, clear: &[u8], body: &[u8], counter: u32) -> Vec<u8> {
        let counter = counter.to_be_bytes();
        let payload = Payload {
            msg: body,
            aad: clear,
        };
        let sealed = match Cipher::new(mode, &KEY) {
            Cipher::Aes256Gcm(cipher) => {
                let mut nonce = Nonce::default();
                nonce[..4].copy_from_slice(&counter);
                cipher.encrypt(&nonce, payload).unwrap()
            }
            Cipher::XChaCha20Poly1305(cipher) => {
                let mut nonce = XNonce::default();
                nonce[..4].copy_from_slice(&counter);
                cipher.encrypt(&nonce, payload).unwrap()
            }
        };
        [clear, &sealed, &counter].concat()
    }

    const PLAIN: [u8; 12] = [0x80, 0x78, 0x01, 0x02, 0, 0, 3, 0xc0, 0, 0, 0, 9];

    #[test]
    fn reads_the_header() {
        let header = Header::parse(&PLAIN).unwrap();
        assert_eq!(
            (header.sequence, header.timestamp, header.ssrc),
            (0x0102, 960, 9)
        );
    }

    #[test]
    fn opens_what_a_client_sealed_in_both_modes() {
        for mode in Mode::ALL {
            let packet = seal(mode, &PLAIN, b"opus", 41);
            let header = Header::parse(&packet).unwrap();
            assert_eq!(
                Cipher::new(mode, &KEY).open(header, &packet).unwrap(),
                b"opus"
            );
        }
    }

    #[test]
    fn opens_what_it_seals() {
        for mode in Mode::ALL {
            let cipher = Cipher::new(mode, &KEY);
            let header = Header::parse(&PLAIN).unwrap();
            let packet = cipher.seal(header, b"opus", 7).unwrap();
            assert_eq!(packet[..12], PLAIN);
            assert_eq!(Header::parse(&packet), Some(header));
            assert_eq!(cipher.open(header, &packet).unwrap(), b"opus");
        }
    }

    #[test]
    fn strips_an_encrypted_header_extension() {
        let mut clear = PLAIN.to_vec();
        clear[0] |= 0x10;
        clear.extend([0xbe, 0xde, 0, 1]);
        let packet = seal(Mode::Aes256Gcm, &clear, b"EXT.opus", 1);
        let header = Header::parse(&packet).unwrap();
        assert_eq!(
            Cipher::new(Mode::Aes256Gcm, &KEY)
                .open(header, &packet)
                .unwrap(),
            b"opus"
        );
    }

    #[test]
    fn refuses_a_changed_header_and_a_foreign_key() {
        let mut packet = seal(Mode::Aes256Gcm, &PLAIN, b"opus", 1);
        let header = Header::parse(&packet).unwrap();
        assert!(
            Cipher::new(Mode::Aes256Gcm, &[8; 32])
                .open(header, &packet)
                .is_none()
        );
        packet[3] ^= 1;
        let header = Header::parse(&packet).unwrap();
        assert!(
            Cipher::new(Mode::Aes256Gcm, &KEY)
                .open(header, &packet)
                .is_none()
        );
    }

    #[test]
    fn garbage_is_no_packet() {
        assert_eq!(Header::parse(&[]), None);
        assert_eq!(
            Header::parse(&[0x80, 0xc8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
            None
        );
        let header = Header::parse(&PLAIN).unwrap();
        assert!(
            Cipher::new(Mode::Aes256Gcm, &KEY)
                .open(header, &PLAIN)
                .is_none()
        );
        let mut cut = PLAIN;
        cut[0] |= 0x1f;
        assert_eq!(Header::parse(&cut), None);
    }
}
