//! What a custom command may be called: what Discord takes as the name of a slash command, so that
//! one bad name cannot keep a whole guild's commands from being registered.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::error::Error;

/// Longest name, in characters. Discord's bound on slash commands.
const CHARS_MAX: usize = 32;

/// A name as it is kept, in the composed form (NFC).
///
/// # Errors
/// 400 where it is not 1 to 32 lower case letters, digits, `-` and `_`.
pub(super) fn read(text: &str) -> Result<String, Error> {
    let name: String = text.nfc().collect();
    let fits = matches!(name.chars().count(), 1..=CHARS_MAX);
    if fits && name.chars().all(is_allowed) && name.to_lowercase() == name {
        return Ok(name);
    }
    Err(Error::Invalid(
        "command must be 1 to 32 lower case letters, digits, - and _",
    ))
}

/// Letters and digits that are characters of their own: neither marks nor variants of others, of
/// which Discord's rule lets some through and some not.
fn is_allowed(character: char) -> bool {
    let is_itself = || character.nfkc().eq([character]);
    let is_letter = || {
        character.is_alphanumeric()
            && !character.is_uppercase()
            && !is_combining_mark(character)
            && is_itself()
    };
    matches!(character, '-' | '_') || is_letter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_slash_commands() {
        for good in ["a", "rules", "tür-2_b", "привет", "你好", "7", "-_"] {
            assert_eq!(read(good).unwrap(), good);
        }
        assert_eq!(read("tu\u{308}r").unwrap(), "tür");
        assert_eq!(read(&"é".repeat(32)).unwrap().chars().count(), 32);
        for bad in [
            "",
            "A",
            "Tür",
            "two words",
            "a.b",
            "a/b",
            "@everyone",
            "<@1>",
            "a\u{301}\u{302}\u{327}",
            "\u{301}",
            "a\u{200b}",
            "½",
            "ⓐ",
            "🅐",
            "ǅ",
            "😀",
            "a\0",
            &"a".repeat(33),
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
