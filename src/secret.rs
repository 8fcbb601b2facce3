//! Text that must never be seen: no `Display`, a `Debug` that shows nothing, wiped when dropped.
//! Held by `config` (bot token, client secret) and passed to what needs it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret text. Only [`expose`](Self::expose) gives it out, so its uses can be searched for.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text in; the caller should keep no copy.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, to hand to the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    /// Takes the same time wherever the texts differ; their lengths are not hidden.
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A key of 32 bytes, for AES-256.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; Self::BYTES]>);

impl Key {
    /// The length of one.
    pub const BYTES: usize = 32;

    /// Reads the base64 of exactly 32 bytes; `None` for anything else.
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
        let key: [u8; Self::BYTES] = bytes.as_slice().try_into().ok()?;
        Some(Self(Zeroizing::new(key)))
    }

    /// The bytes themselves, to hand to a cipher.
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_shown() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(
            format!("{secret:?} {:#?}", Some(&secret)),
            "*** Some(\n    ***,\n)"
        );
        assert!(secret == Secret::new("hunter2".to_owned()));
        assert!(secret != Secret::new("hunter3".to_owned()));
    }
}
