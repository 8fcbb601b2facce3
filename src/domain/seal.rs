//! Encryption with a key of the server's: AES-256-GCM, each message with a nonce of its own.
//! `domain::jwe` seals what clients are given, `domain::grants` what is kept of Discord's tokens.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use rand::Rng as _;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::secret::Key;

/// Bytes of a nonce. NIST SP 800-38D, 8.2.2: random ones of 96 bits are good for 2^32 messages of
/// a key.
pub const NONCE_BYTES: usize = 12;
/// Bytes of the tag at the end of a ciphertext.
pub const TAG_BYTES: usize = 16;

/// A key, ready for use.
pub struct Cipher(Aes256Gcm);

impl Cipher {
    /// With this key.
    pub fn new(key: &Key) -> Self {
        Self(Aes256Gcm::new(key.expose().into()))
    }

    /// Encrypts under a fresh nonce: the nonce, and the ciphertext with its tag. `bound_to` is not
    /// in it, but it opens with the same alone.
    ///
    /// # Errors
    /// 500 for a text that is longer than 64 GiB.
    pub fn seal(&self, bound_to: &[u8], plain: &[u8]) -> Result<([u8; 12], Vec<u8>), Error> {
        let mut nonce = [0; NONCE_BYTES];
        UnwrapErr(SysRng).fill_bytes(&mut nonce);
        let (msg, aad) = (plain, bound_to);
        let sealed = self.0.encrypt(&nonce.into(), Payload { msg, aad });
        let sealed = sealed.map_err(|error| Error::internal(error.to_string()))?;
        Ok((nonce, sealed))
    }

    /// What was sealed; `None` where a bit of it, of the nonce, of `bound_to` or of the key is
    /// another.
    pub fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        bound_to: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (msg, aad) = (sealed, bound_to);
        let plain = self.0.decrypt(nonce.into(), Payload { msg, aad }).ok()?;
        Some(Zeroizing::new(plain))
    }
}

/// A key and its name.
struct Named {
    id: String,
    cipher: Cipher,
}

impl Named {
    fn new(key: &Key) -> Self {
        // A hash of 256 random bits, cut to 64, tells nothing of them.
        let hash = Sha256::new()
            .chain_update(b"yuri key id")
            .chain_update(key.expose())
            .finalize();
        let id = hash.iter().take(8).map(|byte| format!("{byte:02x}"));
        Self {
            id: id.collect(),
            cipher: Cipher::new(key),
        }
    }
}

/// Why something does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// It is sealed with a key that is not there.
    #[error("the key that it is encrypted with is not configured")]
    UnknownKey,
    /// It is not what was sealed, or not where it was put.
    #[error("it was changed or moved since it was encrypted")]
    Damaged,
}

/// One key that seals, and older ones that still open.
pub struct Keyring {
    current: Named,
    old: Vec<Named>,
}

impl Keyring {
    /// With these keys.
    pub fn new(current: &Key, old: &[Key]) -> Self {
        Self {
            current: Named::new(current),
            old: old.iter().map(Named::new).collect(),
        }
    }

    /// The name of the key that seals: 16 hexadecimal digits.
    pub fn current_id(&self) -> &str {
        &self.current.id
    }

    /// Seals with the current key: nonce, ciphertext and tag in one.
    ///
    /// # Errors
    /// As [`Cipher::seal`].
    pub fn seal(&self, bound_to: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
        let (nonce, sealed) = self.current.cipher.seal(bound_to, plain)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens what the key of this name has sealed.
    ///
    /// # Errors
    /// [`Unopened`].
    pub fn open(
        &self,
        key_id: &str,
        bound_to: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let mut keys = std::iter::once(&self.current).chain(&self.old);
        let key = keys.find(|key| key.id == key_id);
        let key = key.ok_or(Unopened::UnknownKey)?;
        let (nonce, sealed) = sealed.split_first_chunk().ok_or(Unopened::Damaged)?;
        let plain = key.cipher.open(nonce, bound_to, sealed);
        plain.ok_or(Unopened::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn key(byte: u8) -> Key {
        Key::from_base64(&STANDARD.encode([byte; Key::BYTES])).unwrap()
    }

    #[test]
    fn opens_what_it_has_sealed_and_nothing_else() {
        let ring = Keyring::new(&key(1), &[]);
        let sealed = ring.seal(b"here", b"text").unwrap();
        let id = ring.current_id();
        assert_eq!(**ring.open(id, b"here", &sealed).unwrap(), *b"text");
        assert_ne!(
            ring.seal(b"here", b"text").unwrap(),
            sealed,
            "another nonce"
        );
        for place in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[place] ^= 1 << bit;
                let opened = ring.open(id, b"here", &changed);
                assert_eq!(opened, Err(Unopened::Damaged), "{place} {bit}");
            }
            let cut = ring.open(id, b"here", &sealed[..place]);
            assert_eq!(cut, Err(Unopened::Damaged));
        }
        let moved = ring.open(id, b"there", &sealed);
        assert_eq!(moved, Err(Unopened::Damaged));
    }

    #[test]
    fn an_old_key_opens_and_an_unknown_one_is_named_so() {
        let before = Keyring::new(&key(1), &[]);
        let sealed = before.seal(b"", b"text").unwrap();
        let after = Keyring::new(&key(2), &[key(3), key(1)]);
        assert_ne!(after.current_id(), before.current_id());
        let opened = after.open(before.current_id(), b"", &sealed);
        assert_eq!(**opened.unwrap(), *b"text");
        let without = Keyring::new(&key(2), &[key(3)]);
        let opened = without.open(before.current_id(), b"", &sealed);
        assert_eq!(opened, Err(Unopened::UnknownKey));
    }
}
