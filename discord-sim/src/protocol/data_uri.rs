//! Files inside JSON: `data:image/png;base64,...`.
//!
//! Read by [`Form::file`](super::form::Form::file).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// The bytes of a data URI in base64. What type it says it has is not looked at: clients
/// write `image/png` before sounds, too.
pub(super) fn read(uri: &str) -> Option<Vec<u8>> {
    let (head, data) = uri.strip_prefix("data:")?.split_once(',')?;
    head.strip_suffix(";base64")?;
    BASE64_STANDARD.decode(data).ok()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn reads_base64_and_nothing_else() {
        assert_eq!(read("data:audio/ogg;base64,aGk="), Some(b"hi".to_vec()));
        assert_eq!(read("data:;base64,"), Some(Vec::new()));
        for text in [
            "",
            "aGk=",
            "data:audio/ogg,hi",
            "data:audio/ogg;base64,a",
            "data:;base64",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
