//! How well a sound's name fits what somebody typed. The library ranks by it, for commands,
//! requests and the page alike.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// More of what somebody typed is not looked at: no name is longer than a few words.
const QUERY_CHARS_MAX: usize = 100;
/// From this many characters on a mistake is forgiven, and a second one.
const ONE_MISTAKE_FROM: usize = 3;
const TWO_MISTAKES_FROM: usize = 6;

/// How well a name fits: the smaller, the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It is what was typed.
    Whole,
    /// It begins with it.
    Start,
    /// One of its words does.
    Word,
    /// It contains it.
    Part,
    /// Each word that was typed begins one of its words.
    Words,
}

/// A text as it is compared: lower case, without accents, words apart by one space each.
pub(super) fn fold(text: &str) -> String {
    let plain = text.nfkd().filter(|it| !is_combining_mark(*it));
    let mut folded = String::with_capacity(text.len());
    for character in plain.flat_map(char::to_lowercase) {
        if character.is_alphanumeric() {
            folded.push(character);
        } else if !folded.is_empty() && !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// What somebody typed.
pub(super) struct Query {
    folded: String,
    chars: usize,
}

impl Query {
    pub(super) fn new(typed: &str) -> Self {
        let start: String = typed.chars().take(QUERY_CHARS_MAX).collect();
        let folded = fold(&start);
        Self {
            chars: folded.chars().count(),
            folded,
        }
    }

    /// How well a folded name fits; `None` where it does not. Everything fits what is empty.
    pub(super) fn fit(&self, name: &str) -> Option<Fit> {
        let query = self.folded.as_str();
        if name == query {
            return Some(Fit::Whole);
        }
        if let Some(at) = name.find(query) {
            return Some(match at {
                0 => Fit::Start,
                at if name[..at].ends_with(' ') => Fit::Word,
                _ => Fit::Part,
            });
        }
        let begins = |typed: &str| name.split(' ').any(|word| word.starts_with(typed));
        (query.contains(' ') && query.split(' ').all(begins)).then_some(Fit::Words)
    }

    /// How many mistakes lead from a name, or a word of it, or the start of one, to what was
    /// typed; `None` where that is more than is forgiven.
    pub(super) fn mistakes(&self, name: &str) -> Option<usize> {
        let forgiven = match self.chars {
            TWO_MISTAKES_FROM.. => 2,
            ONE_MISTAKE_FROM.. => 1,
            _ => return None,
        };
        let texts = std::iter::once(name).chain(name.split(' '));
        let distance = |text: &str| {
            // As long as what was typed, or as what was meant where something is missing.
            let lengths = self.chars.saturating_sub(1)..=self.chars + 1;
            let starts = lengths.map(|chars| text.chars().take(chars).collect::<String>());
            starts
                .map(|start| strsim::osa_distance(&self.folded, &start))
                .min()
        };
        let least = texts.filter_map(distance).min()?;
        (least <= forgiven).then_some(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_compared_without_case_accents_and_signs() {
        for (text, folded) in [
            ("Tür_auf-2.ZU", "tur auf 2 zu"),
            ("  Ｗide  ", "wide"),
            ("ﬁne", "fine"),
            ("ÀÉÎ", "aei"),
            ("🎉", ""),
            ("Ёлка", "елка"),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
        }
    }

    #[test]
    fn names_fit_by_how_much_was_typed_right() {
        let fit = |typed: &str, name: &str| Query::new(typed).fit(&fold(name));
        assert_eq!(fit("AirHorn", "airhorn"), Some(Fit::Whole));
        assert_eq!(fit("air", "airhorn"), Some(Fit::Start));
        assert_eq!(fit("", "airhorn"), Some(Fit::Start));
        assert_eq!(fit("horn", "big horn"), Some(Fit::Word));
        assert_eq!(fit("horn", "airhorn"), Some(Fit::Part));
        assert_eq!(fit("horn big", "big-horn"), Some(Fit::Words));
        assert_eq!(fit("airhon", "airhorn"), None);
    }

    #[test]
    fn a_mistake_or_two_are_counted() {
        let mistakes = |typed: &str, name: &str| Query::new(typed).mistakes(&fold(name));
        assert_eq!(mistakes("ariho", "airhorn"), Some(1));
        assert_eq!(mistakes("airhon", "airhorn"), Some(1));
        assert_eq!(mistakes("arihirn", "airhorn"), Some(2));
        assert_eq!(mistakes("hron", "big horn"), Some(1));
        assert_eq!(mistakes("ax", "airhorn"), None);
        assert_eq!(mistakes("axe", "airhorn"), None);
        assert_eq!(mistakes("trumpet", "airhorn"), None);
        assert_eq!(mistakes(&"x".repeat(1_000_000), "airhorn"), None);
    }
}
