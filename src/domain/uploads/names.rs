//! What sounds may be called that people bring in.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::error::Error;

/// Longest name, without its extension.
const CHARS_MAX: usize = 64;
/// What files of sound are called at the end; anything else belongs to the name.
const EXTENSIONS: [&str; 12] = [
    "aac", "flac", "m4a", "m4b", "mka", "mp3", "mp4", "oga", "ogg", "opus", "wav", "webm",
];

/// Takes a name that somebody has chosen, as it is, but for white space around it.
///
/// # Errors
/// 400 unless it has 1 to 64 letters, digits, spaces and `._-`, and begins with none of the signs.
pub(super) fn check(name: &str) -> Result<String, Error> {
    let name: String = name.trim().nfc().collect();
    let is_short = (1..=CHARS_MAX).contains(&name.chars().count());
    let begins = name.chars().next().is_some_and(char::is_alphanumeric);
    if is_short && begins && name.chars().all(is_allowed) {
        return Ok(name);
    }
    Err(Error::Invalid(
        "a sound's name has 1 to 64 letters, digits, spaces, dots, dashes and underscores, \
         and begins with a letter or a digit",
    ))
}

/// Makes a name of what a file is called, whatever that is.
pub(in crate::domain) fn of_file(file_name: &str) -> String {
    let file_name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = match file_name.rsplit_once('.') {
        Some((stem, end)) if EXTENSIONS.contains(&end.to_lowercase().as_str()) => stem,
        _ => file_name,
    };
    let allowed = stem.nfc().map(|it| if is_allowed(it) { it } else { ' ' });
    let allowed: String = allowed.collect();
    let words: Vec<&str> = allowed.split_whitespace().collect();
    let name = words.join(" ");
    // Discord writes `_` for signs that it does not take.
    let name = name.trim_start_matches(|it: char| !it.is_alphanumeric());
    let name = name.trim_end_matches(['_', '-', '.', ' ']);
    let name: String = name.chars().take(CHARS_MAX).collect();
    match name.trim_end() {
        "" => "sound".to_owned(),
        name => name.to_owned(),
    }
}

/// A name with a number behind it, no longer than a name may be.
pub(super) fn numbered(name: &str, number: usize) -> String {
    let number = format!(" {number}");
    let kept: String = name.chars().take(CHARS_MAX - number.len()).collect();
    format!("{}{number}", kept.trim_end())
}

/// Whether a file is called like one of sound.
pub(in crate::domain) fn has_sound_ending(file_name: &str) -> bool {
    let ending = file_name
        .rsplit_once('.')
        .map(|(_, end)| end.to_lowercase());
    ending.is_some_and(|ending| EXTENSIONS.contains(&ending.as_str()))
}

/// Whether a character is not seen itself, and changes how others are.
pub(in crate::domain) fn is_formatting(character: char) -> bool {
    matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

fn is_allowed(character: char) -> bool {
    character.is_alphanumeric()
        || is_combining_mark(character)
        || matches!(character, ' ' | '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_names_are_taken_or_refused_as_they_are() {
        for (name, taken) in [
            ("air horn", "air horn"),
            (" tu\u{308}r_2.0-a ", "tür_2.0-a"),
            ("हिन्दी", "हिन्दी"),
            ("7", "7"),
        ] {
            assert_eq!(check(name).unwrap(), taken);
        }
        let long = "x".repeat(65);
        for name in [
            "",
            " ",
            ".hidden",
            "-x",
            "a/b",
            "..",
            "a\nb",
            "a\u{202e}b",
            "🎉",
            "<b>",
            &long,
        ] {
            assert!(check(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn files_have_names_whatever_they_are_called() {
        for (file, name) in [
            ("Air_Horn.mp3", "Air_Horn"),
            ("a.b.OGG", "a.b"),
            ("v1.2", "v1.2"),
            ("../../etc/passwd", "passwd"),
            ("C:\\sounds\\nice.wav", "nice"),
            ("🎉party🎉.mp3", "party"),
            ("__x_.mp3", "x"),
            (".mp3", "sound"),
            ("\u{202e}", "sound"),
            ("", "sound"),
        ] {
            assert_eq!(of_file(file), name, "{file:?}");
            assert_eq!(check(&of_file(file)).unwrap(), name);
        }
        assert_eq!(of_file(&"x".repeat(300)).chars().count(), 64);
        assert_eq!(numbered("nice", 2), "nice 2");
        assert_eq!(numbered(&"x".repeat(64), 10).chars().count(), 64);
    }
}
