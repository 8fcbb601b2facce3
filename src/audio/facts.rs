//! What is known of a sound once it was decoded. The worker measures it and writes it into the
//! comments of the prepared file; the parent reads it there. `domain` keeps it in the database.

use std::fmt::Write as _;

use num_traits::ToPrimitive as _;

/// Nothing comes out above this, in dBTP: what plays it back needs some room.
pub const PEAK_MAX_DBTP: f64 = -1.0;
/// Points of a waveform.
pub const WAVEFORM_POINTS: usize = 64;

/// A level or a difference of levels, in hundredths of a decibel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(i32);

impl Level {
    /// Takes decibels (dBTP, LUFS, LU); what is no number is 0, what is out of range the nearest
    /// level within.
    pub fn from_db(db: f64) -> Self {
        let hundredths = (db * 100.0).round().clamp(-1e6, 1e6);
        Self(hundredths.to_i32().unwrap_or(0))
    }

    /// The same in decibels.
    pub fn db(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// Takes hundredths of a decibel, as the database keeps them.
    pub const fn from_hundredths(hundredths: i32) -> Self {
        Self(hundredths)
    }

    /// Hundredths of a decibel.
    pub fn hundredths(self) -> i32 {
        self.0
    }
}

/// What was measured of a sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its length in milliseconds.
    pub length_ms: u64,
    /// Integrated loudness of the original in LUFS; `None` where there is nothing to hear.
    pub loudness: Option<Level>,
    /// True peak of the original in dBTP; `None` for digital silence.
    pub true_peak: Option<Level>,
    /// What was added to it when it was prepared.
    pub gain: Level,
    /// Largest sample of each 64th of the sound; 255 is the largest of all.
    pub waveform: [u8; WAVEFORM_POINTS],
}

const LOUDNESS: &str = "YURI_LOUDNESS";
const TRUE_PEAK: &str = "YURI_TRUE_PEAK";
const GAIN: &str = "YURI_GAIN";
const WAVEFORM: &str = "YURI_WAVEFORM";

impl Facts {
    /// The largest sample of the prepared sound, where 1 is full scale.
    pub(super) fn peak(&self) -> f32 {
        let most = |peak: Level| (peak.db() + self.gain.db()).min(PEAK_MAX_DBTP);
        self.true_peak.map_or(0.0, |peak| from_db(most(peak)))
    }

    /// As comments of an Ogg Opus file; the length is written elsewhere in it.
    pub(super) fn to_comments(&self) -> [String; 4] {
        let text = |level: Option<Level>| level.map_or("none".to_owned(), |it| it.0.to_string());
        let waveform = hex(&self.waveform);
        [
            format!("{LOUDNESS}={}", text(self.loudness)),
            format!("{TRUE_PEAK}={}", text(self.true_peak)),
            format!("{GAIN}={}", self.gain.0),
            format!("{WAVEFORM}={waveform}"),
        ]
    }

    /// Reads what [`to_comments`](Self::to_comments) wrote; `None` where that is missing.
    pub(super) fn from_comments(length_ms: u64, comments: &[&str]) -> Option<Self> {
        let find = |wanted: &str| {
            comments
                .iter()
                .filter_map(|comment| comment.split_once('='))
                .find_map(|(name, value)| (name == wanted).then_some(value))
        };
        let level = |name: &str| match find(name)? {
            "none" => Some(None),
            number => number.parse().ok().map(|number| Some(Level(number))),
        };
        let mut waveform = [0; WAVEFORM_POINTS];
        let hex = find(WAVEFORM).filter(|hex| hex.len() == 2 * WAVEFORM_POINTS)?;
        for (point, digits) in waveform.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *point = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self {
            length_ms,
            loudness: level(LOUDNESS)?,
            true_peak: level(TRUE_PEAK)?,
            gain: level(GAIN)??,
            waveform,
        })
    }
}

/// The factor that decibels stand for.
pub(super) fn from_db(db: f64) -> f32 {
    10_f64.powf(db / 20.0).to_f32().unwrap_or(1.0)
}

/// Bytes as pairs of digits, the letters small.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _a_string_takes_everything = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_rounded_to_hundredths() {
        assert_eq!(Level::from_db(-16.004).hundredths(), -1_600);
        assert_eq!(Level::from_db(-16.006).hundredths(), -1_601);
        assert!((Level::from_db(3.5).db() - 3.5).abs() < 1e-9);
        assert_eq!(Level::from_db(f64::NAN), Level(0));
        assert_eq!(Level::from_db(f64::NEG_INFINITY), Level(-1_000_000));
    }

    #[test]
    fn facts_survive_as_comments() {
        let mut waveform = [0; WAVEFORM_POINTS];
        waveform[1] = 255;
        waveform[63] = 9;
        let loud = Facts {
            length_ms: 1_234,
            loudness: Some(Level(-2_345)),
            true_peak: Some(Level(12)),
            gain: Level(745),
            waveform,
        };
        let silent = Facts {
            loudness: None,
            true_peak: None,
            ..loud.clone()
        };
        for facts in [loud, silent] {
            let comments = facts.to_comments();
            let mut comments: Vec<&str> = comments.iter().map(String::as_str).collect();
            assert_eq!(Facts::from_comments(1_234, &comments), Some(facts));
            for missing in 0..comments.len() {
                let mut some = comments.clone();
                some.remove(missing);
                assert_eq!(Facts::from_comments(1_234, &some), None);
            }
            comments[2] = "YURI_GAIN=none";
            assert_eq!(Facts::from_comments(1_234, &comments), None);
        }
    }
}
