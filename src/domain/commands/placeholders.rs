//! The placeholders of a custom command's texts: `{user}` and a few more, each replaced by a fact.
//! What is put in is never looked through again, and everything else in braces is text.

use crate::error::Error;

/// What placeholders stand for, as it is to be shown: the caller has taken the meaning from names
/// that people have chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// `{user}`: what the member who asked is called in the guild.
    pub user: String,
    /// `{guild}`: what the guild is called.
    pub guild: String,
    /// `{channel}`: the channel in which they asked.
    pub channel: String,
    /// `{sound_count}`: how many sounds can be played in the guild.
    pub sound_count: usize,
}

/// A part of a text.
enum Piece<'a> {
    Text(&'a str),
    /// What stands between the braces.
    Placeholder(&'a str),
}

/// Passes texts whose placeholders are all known.
///
/// # Errors
/// 400 for the others.
pub(super) fn check(text: &str) -> Result<(), Error> {
    let is_known = |piece: Piece<'_>| match piece {
        Piece::Text(_) => true,
        Piece::Placeholder(name) => Known::named(name).is_some(),
    };
    if Pieces(text).all(is_known) {
        return Ok(());
    }
    Err(Error::Invalid(
        "a placeholder is unknown: there are {user}, {guild}, {channel} and {sound_count}",
    ))
}

/// The text with facts in place of its placeholders, cut to so many characters.
pub(super) fn fill(text: &str, facts: &Facts, chars_max: usize) -> String {
    let mut filled = String::with_capacity(text.len());
    for piece in Pieces(text) {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Placeholder(name) => match Known::named(name) {
                Some(Known::User) => filled.push_str(&facts.user),
                Some(Known::Guild) => filled.push_str(&facts.guild),
                Some(Known::Channel) => filled.push_str(&facts.channel),
                Some(Known::SoundCount) => filled.push_str(&facts.sound_count.to_string()),
                None => {}
            },
        }
    }
    if filled.chars().count() <= chars_max {
        return filled;
    }
    let Some(kept) = chars_max.checked_sub(1) else {
        return String::new();
    };
    filled.chars().take(kept).chain(['…']).collect()
}

#[derive(Clone, Copy)]
enum Known {
    User,
    Guild,
    Channel,
    SoundCount,
}

impl Known {
    fn named(name: &str) -> Option<Self> {
        match name {
            "user" => Some(Self::User),
            "guild" => Some(Self::Guild),
            "channel" => Some(Self::Channel),
            "sound_count" => Some(Self::SoundCount),
            _ => None,
        }
    }
}

/// What is left of a text. A placeholder is a brace, letters, digits and `_`, and the other brace.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.0.is_empty() {
            return None;
        }
        if let Some((name, rest)) = placeholder(self.0) {
            self.0 = rest;
            return Some(Piece::Placeholder(name));
        }
        // Up to the next brace; one that stands here opens nothing.
        let after_first = self.0.chars().next().map_or(0, char::len_utf8);
        let (_, rest) = self.0.split_at(after_first);
        let length = after_first + rest.find('{').unwrap_or(rest.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(Piece::Text(text))
    }
}

/// The placeholder that a text begins with, and what follows it.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix('{')?.split_once('}')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!name.is_empty() && name.bytes().all(is_name)).then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            user: "{guild}".to_owned(),
            guild: "Sound Lab".to_owned(),
            channel: "<#7>".to_owned(),
            sound_count: 12,
        }
    }

    #[test]
    fn placeholders_are_replaced_once_and_the_rest_is_text() {
        for (text, filled) in [
            ("plain", "plain"),
            ("{user}, {guild}", "{guild}, Sound Lab"),
            ("{{user}}", "{{guild}}"),
            ("{channel}{sound_count}!", "<#7>12!"),
            ("{{7*7}} ${} {} {", "{{7*7}} ${} {} {"),
            ("{ user } {us er} }{", "{ user } {us er} }{"),
            (r#"{"a": 1} ü{é}"#, r#"{"a": 1} ü{é}"#),
        ] {
            assert!(check(text).is_ok(), "{text}");
            assert_eq!(fill(text, &facts(), 2_000), filled, "{text}");
        }
        for unknown in ["{name}", "a {User} b", "{user}{1}", "{{x}}", "{__proto__}"] {
            assert!(check(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn what_became_too_long_is_cut() {
        assert_eq!(fill("{guild}", &facts(), 9), "Sound Lab");
        assert_eq!(fill("{guild}", &facts(), 8), "Sound L…");
        assert_eq!(fill("{guild}", &facts(), 1), "…");
        assert_eq!(fill("{guild}", &facts(), 0), "");
    }
}
