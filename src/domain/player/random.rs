//! Which sound is played when nobody names one. Called by `Player::play_random`.

use std::sync::Arc;

use rand::RngExt as _;

use crate::domain::library::Sound;

/// Plays that are made unlikely to come again, at most.
const RECENT_MAX: usize = 10;
/// How many sounds there are for each play that is made unlikely: with few sounds few are.
const SOUNDS_PER_RECENT: usize = 5;
/// How much less likely: one in so many.
const UNLIKELY: usize = 20;

/// Any of the sounds; those among the last of `recent`, the newest first, seldom. `None` where
/// there are no sounds.
pub(super) fn pick(sounds: &[Arc<Sound>], recent: &[String]) -> Option<usize> {
    let remembered = (sounds.len() / SOUNDS_PER_RECENT).min(RECENT_MAX);
    let recent = recent.get(..remembered).unwrap_or(recent);
    let weight = |sound: &Arc<Sound>| {
        if recent.contains(&sound.stem) {
            1
        } else {
            UNLIKELY
        }
    };
    let total: usize = sounds.iter().map(weight).sum();
    if total == 0 {
        return None;
    }
    let mut left = rand::rng().random_range(0..total);
    sounds.iter().position(|sound| {
        let weight = weight(sound);
        let is_it = left < weight;
        left = left.saturating_sub(weight);
        is_it
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::audio::{Original, Stamp};
    use crate::domain::library::Shelf;

    fn sounds(count: usize) -> Vec<Arc<Sound>> {
        let stamp = Stamp {
            size_bytes: 1,
            modified_ns: 0,
            changed_ns: 0,
            inode: 0,
            is_file: true,
        };
        let sound = |number: usize| {
            let original = Original::new(PathBuf::new(), stamp);
            Sound::new(format!("{number}.ogg"), Shelf::Operator, original, 0)
        };
        (0..count).map(sound).map(Arc::new).collect()
    }

    #[test]
    fn nothing_comes_of_nothing_and_one_of_one() {
        assert_eq!(pick(&[], &[]), None);
        assert_eq!(pick(&sounds(1), &["0".to_owned()]), Some(0));
    }

    #[test]
    fn the_last_plays_come_seldom_and_all_others_alike() {
        const PICKS: usize = 40_000;
        let sounds = sounds(20);
        // With twenty sounds the last four count.
        let recent: Vec<String> = (0..10).map(|number: usize| number.to_string()).collect();
        let mut counts = [0_usize; 20];
        for _ in 0..PICKS {
            counts[pick(&sounds, &recent).unwrap()] += 1;
        }
        // Four of weight 1, sixteen of weight 20.
        for (number, count) in counts.into_iter().enumerate() {
            let weight = if number < 4 { 1 } else { 20 };
            let expected = PICKS * weight / (4 + 16 * 20);
            let off = count.abs_diff(expected);
            assert!(off < expected / 4 + 50, "{number}: {count} of {expected}");
        }
    }
}
