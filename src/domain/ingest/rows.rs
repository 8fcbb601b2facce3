//! What is known of a file, as a row of the database and back.

use crate::audio::{Examined, Facts, Level, Original, RECIPE, Reason, Stamp, WAVEFORM_POINTS};
use crate::db::sound_files::SoundFile;

/// What a verdict depends on, beside the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// The longest sound that is played.
    pub(super) max_length_ms: u64,
    /// How loud sounds are made.
    pub(super) target: Level,
}

fn recipe() -> i16 {
    i16::try_from(RECIPE).unwrap_or(i16::MAX)
}

fn to_db(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The row of a file that has been examined; `None` for one that has not, whose path is no text,
/// or of which the next process may find something else.
pub(super) fn row(original: &Original, rules: Rules) -> Option<SoundFile> {
    let Examined { hash, verdict } = original.examined()?;
    if *verdict == Err(Reason::TimedOut) {
        return None;
    }
    let stamp = original.stamp();
    let facts = verdict.as_ref().ok();
    let hundredths = |level: Option<Level>| level.map(Level::hundredths);
    Some(SoundFile {
        path: original.path().to_str()?.to_owned(),
        size_bytes: to_db(stamp.size_bytes),
        modified_ns: stamp.modified_ns,
        changed_ns: stamp.changed_ns,
        inode: stamp.inode.cast_signed(),
        hash: hash.map(Vec::from),
        recipe: recipe(),
        reason: verdict.as_ref().err().map(|reason| reason.code().into()),
        length_ms: to_db(facts.map_or(rules.max_length_ms, |facts| facts.length_ms)),
        loudness_clufs: hundredths(facts.and_then(|facts| facts.loudness)),
        true_peak_cdb: hundredths(facts.and_then(|facts| facts.true_peak)),
        gain_cdb: facts.map_or(0, |facts| facts.gain.hundredths()),
        target_clufs: rules.target.hundredths(),
        waveform: facts.map(|facts| facts.waveform.to_vec()),
    })
}

/// The stamp that a row was written for.
pub(super) fn stamp(row: &SoundFile) -> Stamp {
    Stamp {
        size_bytes: u64::try_from(row.size_bytes).unwrap_or(0),
        modified_ns: row.modified_ns,
        changed_ns: row.changed_ns,
        inode: row.inode.cast_unsigned(),
        is_file: true,
    }
}

/// What a row says, where it still counts under these rules.
pub(super) fn examined(row: &SoundFile, rules: Rules) -> Option<Examined> {
    if row.recipe != recipe() {
        return None;
    }
    let hash = match &row.hash {
        Some(hash) => Some(hash.as_slice().try_into().ok()?),
        None => None,
    };
    let length_ms = u64::try_from(row.length_ms).ok()?;
    let verdict = match row.reason {
        Some(reason) => match Reason::from_code(reason.into())? {
            // More may be allowed by now.
            Reason::TooLong if rules.max_length_ms > length_ms => return None,
            reason => Err(reason),
        },
        None if length_ms > rules.max_length_ms => Err(Reason::TooLong),
        None => Ok(Facts {
            length_ms,
            loudness: row.loudness_clufs.map(Level::from_hundredths),
            true_peak: row.true_peak_cdb.map(Level::from_hundredths),
            gain: Level::from_hundredths(row.gain_cdb),
            waveform: <[u8; WAVEFORM_POINTS]>::try_from(row.waveform.as_deref()?).ok()?,
        }),
    };
    Some(Examined { hash, verdict })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        max_length_ms: 60_000,
        target: Level::from_hundredths(-1_600),
    };

    fn kept(verdict: Result<Facts, Reason>) -> SoundFile {
        let stamp = Stamp {
            size_bytes: 7,
            modified_ns: -1,
            changed_ns: 2,
            inode: u64::MAX,
            is_file: true,
        };
        let original = Original::new("sounds/a.mp3".into(), stamp);
        assert_eq!(row(&original, RULES), None);
        let hash = Some([9; 32]);
        original.remember(Examined { hash, verdict });
        let row = row(&original, RULES).unwrap();
        assert_eq!(super::stamp(&row), stamp);
        assert_eq!(examined(&row, RULES), original.examined().cloned());
        row
    }

    fn facts() -> Facts {
        Facts {
            length_ms: 50_000,
            loudness: Some(Level::from_hundredths(-2_000)),
            true_peak: None,
            gain: Level::from_hundredths(400),
            waveform: [3; WAVEFORM_POINTS],
        }
    }

    #[test]
    fn verdicts_survive_as_rows() {
        let row = kept(Ok(facts()));
        let shorter = Rules {
            max_length_ms: 49_999,
            ..RULES
        };
        let too_long = examined(&row, shorter).unwrap();
        assert_eq!(too_long.verdict, Err(Reason::TooLong));
        assert_eq!(too_long.hash, Some([9; 32]));

        kept(Err(Reason::Damaged));
        let row = kept(Err(Reason::TooLong));
        let longer = Rules {
            max_length_ms: 60_001,
            ..RULES
        };
        assert_eq!(examined(&row, longer), None);
        assert!(examined(&row, shorter).is_some());
    }

    #[test]
    fn rows_of_other_rules_or_broken_ones_do_not_count() {
        let row = kept(Ok(facts()));
        for wrong in [
            SoundFile {
                recipe: row.recipe - 1,
                ..row.clone()
            },
            SoundFile {
                hash: Some(vec![1]),
                ..row.clone()
            },
            SoundFile {
                waveform: None,
                ..row.clone()
            },
            SoundFile {
                reason: Some(1),
                ..row.clone()
            },
            SoundFile {
                length_ms: -1,
                ..row.clone()
            },
        ] {
            assert_eq!(examined(&wrong, RULES), None, "{wrong:?}");
        }
    }
}
