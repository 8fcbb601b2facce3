//! Why a sound file cannot be played, in fixed words. The worker answers with one of these as its
//! exit status; the parent turns it into what the caller reads.

use std::time::Duration;

/// Largest original that is read.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// What is wrong with a file. Never a library's words: those stay in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It has no bytes.
    Empty,
    /// It has more bytes than any sound needs.
    TooLarge,
    /// It is a folder, a pipe or a device.
    NotAFile,
    /// Its content is of none of the formats that we read.
    NoAudio,
    /// It stops before the place where it says that it ends.
    Truncated,
    /// Parts of it cannot be decoded.
    Damaged,
    /// It decodes to more audio than is allowed.
    TooLong,
    /// It has too many channels, or a sample rate that nobody uses.
    Layout,
    /// Its audio is of a known kind, in a variety that we cannot decode.
    Coding,
    /// Its decoder crashed, or asked for more memory or processor time than it may have.
    Failed,
    /// Its decoder came to no end. The machine may have been to blame: no later process believes
    /// it.
    TimedOut,
}

/// The numbers start here, clear of the ones that shells and panics (101) use.
const EXIT_BASE: u8 = 40;

impl Reason {
    const ALL: [Self; 11] = [
        Self::Empty,
        Self::TooLarge,
        Self::NotAFile,
        Self::NoAudio,
        Self::Truncated,
        Self::Damaged,
        Self::TooLong,
        Self::Layout,
        Self::Failed,
        Self::Coding,
        Self::TimedOut,
    ];

    /// The worker's exit status for this reason, and its number in the database: neither changes.
    pub fn code(self) -> u8 {
        (EXIT_BASE..)
            .zip(Self::ALL)
            .find(|(_, reason)| *reason == self)
            .map_or(1, |(code, _)| code)
    }

    /// The reason that such a number stands for.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|reason| i32::from(reason.code()) == code)
    }

    /// The words for whoever asked; `max_length` is the limit in force.
    pub fn text(self, max_length: Duration) -> String {
        match self {
            Self::Empty => "the file is empty".to_owned(),
            Self::TooLarge => format!("the file is larger than {} MiB", FILE_BYTES_MAX >> 20),
            Self::NotAFile => "it is not a regular file".to_owned(),
            Self::NoAudio => {
                "the file holds no audio that is supported (mp3, ogg, wav, flac, aac, m4a, mp4, webm)"
                    .to_owned()
            }
            Self::Coding => "its audio is coded in a way that is not supported (of AAC, only LC in \
                 mono or stereo is)"
                .to_owned(),
            Self::Truncated => "the file ends too early".to_owned(),
            Self::Damaged => "the file is damaged".to_owned(),
            Self::TooLong => format!("the file is longer than {}", duration(max_length)),
            Self::Layout => "its channels or its sample rate are not supported".to_owned(),
            Self::Failed => "its decoder failed".to_owned(),
            Self::TimedOut => "its decoder took too long".to_owned(),
        }
    }
}

fn duration(length: Duration) -> String {
    let (number, unit) = match length.as_secs() {
        seconds if seconds >= 60 && seconds % 60 == 0 => (seconds / 60, "minute"),
        seconds => (seconds, "second"),
    };
    if number == 1 {
        format!("1 {unit}")
    } else {
        format!("{number} {unit}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_their_reasons() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(i32::from(reason.code())), Some(reason));
        }
        for other in [0, 1, 39, 51, 101, 134, 256] {
            assert_eq!(Reason::from_code(other), None, "{other}");
        }
    }

    #[test]
    fn limits_are_named() {
        let text = |seconds| Reason::TooLong.text(Duration::from_secs(seconds));
        assert_eq!(text(600), "the file is longer than 10 minutes");
        assert_eq!(text(60), "the file is longer than 1 minute");
        assert_eq!(text(90), "the file is longer than 90 seconds");
        assert_eq!(
            Reason::TooLarge.text(Duration::from_mins(10)),
            "the file is larger than 64 MiB"
        );
    }
}
