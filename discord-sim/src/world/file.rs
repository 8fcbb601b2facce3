//! Files that people and bots hand over, and what can be told from their names.

/// A file: on a message, or given to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name; the media type is told from its ending.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl File {
    /// A file of this name.
    pub fn new(name: &str, bytes: impl Into<Vec<u8>>) -> File {
        File {
            name: name.to_owned(),
            bytes: bytes.into(),
        }
    }
}

/// A name as Discord keeps it: what may not stand in an address becomes an underscore.
pub(crate) fn kept_name(name: &str) -> String {
    const LONGEST: usize = 255;
    let kept = |c: char| {
        if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') {
            c
        } else {
            '_'
        }
    };
    let name = name.chars().take(LONGEST).map(kept).collect::<String>();
    let name = name.trim_start_matches('.');
    if name.is_empty() {
        "unknown".to_owned()
    } else {
        name.to_owned()
    }
}

/// The media type of a file of this name, if its ending is a usual one.
pub(crate) fn media_type(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "mp3" => "audio/mpeg",
        "ogg" | "opus" => "audio/ogg",
        "wav" => "audio/x-wav",
        "flac" => "audio/flac",
        "m4a" => "audio/mp4",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "json" => "application/json; charset=utf-8",
        "txt" | "log" | "md" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_as_far_as_they_fit_an_address() {
        assert_eq!(kept_name("Air horn (1).mp3"), "Air_horn__1_.mp3");
        assert_eq!(kept_name("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(kept_name(""), "unknown");
        assert_eq!(media_type("a.OGG"), Some("audio/ogg"));
        assert_eq!(media_type("ogg"), None);
    }
}
