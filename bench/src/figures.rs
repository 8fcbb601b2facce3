//! Figures and how they are shown: percentiles, values of rounds, and goals that were met or
//! missed. All programs print them.
#![expect(clippy::print_stdout, reason = "tables are what the programs are for")]

use std::fmt;
use std::time::Duration;

/// Lengths of time.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// One more.
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// More of them.
    pub fn extend(&mut self, times: impl IntoIterator<Item = Duration>) {
        self.0.extend(times);
    }

    /// All of them, in the order they were measured.
    pub fn iter(&self) -> impl Iterator<Item = Duration> {
        self.0.iter().copied()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time that so many of a thousand do not exceed, in milliseconds; not a number of none.
    pub fn ms(&self, of_thousand: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * of_thousand).div_ceil(1000).max(1) - 1;
        sorted
            .get(place)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }

    /// The median in milliseconds; not a number of none.
    pub fn p50(&self) -> f64 {
        self.ms(500)
    }

    /// The time that 99 of 100 do not exceed, in milliseconds.
    pub fn p99(&self) -> f64 {
        self.ms(990)
    }

    /// The longest, in milliseconds.
    pub fn most(&self) -> f64 {
        self.ms(1000)
    }
}

impl FromIterator<Duration> for Times {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        Self(times.into_iter().collect())
    }
}

/// Values of several rounds; shown as the median (the lowest to the highest).
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    lowest: f64,
    /// The one in the middle; not a number of none.
    pub median: f64,
    highest: f64,
}

impl Spread {
    /// Of these, which are sorted by it.
    pub fn of(values: &mut [f64]) -> Self {
        values.sort_by(f64::total_cmp);
        let end = values.len().saturating_sub(1);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        let median = f64::midpoint(at(end / 2), at(end.div_ceil(2)));
        Self {
            lowest: at(0),
            median,
            highest: at(end),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "**{:.2}** ({:.2} to {:.2})",
            self.median, self.lowest, self.highest
        )
    }
}

/// A count as a figure.
pub fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Bytes as a figure.
#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "memory is smaller than 2^52 bytes"
)]
pub fn bytes(count: u64) -> f64 {
    count as f64
}

/// A cell of a table: nothing where nothing was measured.
pub fn cell(value: f64, decimals: usize) -> String {
    if value.is_nan() {
        "–".to_owned()
    } else {
        format!("{value:.decimals$}")
    }
}

/// What was aimed at.
#[derive(Debug, Default)]
pub struct Goals(Vec<(String, String, bool)>);

impl Goals {
    /// Notes a figure that should not exceed another.
    pub fn at_most(&mut self, what: &str, measured: f64, most: f64, unit: &str) {
        let what = format!("{what}: at most {most} {unit}");
        let decimals = if most < 1.0 { 3 } else { 1 };
        let shown = format!("{} {unit}", cell(measured, decimals));
        self.0.push((what, shown, measured <= most));
    }

    /// Notes a figure that should be below another, measured in the same run.
    pub fn below(&mut self, what: &str, measured: f64, other: f64, unit: &str) {
        let shown = format!("{} to {} {unit}", cell(measured, 1), cell(other, 1));
        self.0.push((what.to_owned(), shown, measured < other));
    }

    /// Notes something that should be so.
    pub fn is_so(&mut self, what: &str, measured: String, met: bool) {
        self.0.push((what.to_owned(), measured, met));
    }

    /// Prints them as a table.
    pub fn print(&self) {
        println!("\n| goal | measured | |\n|---|---|---|");
        for (what, measured, met) in &self.0 {
            let verdict = if *met { "met" } else { "missed" };
            println!("| {what} | {measured} | {verdict} |");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times: Times = (1..=200).rev().map(Duration::from_millis).collect();
        let of_all = [times.ms(0), times.p50(), times.p99(), times.most()];
        let shown = of_all.map(|ms| cell(ms, 0));
        assert_eq!(shown, ["1", "100", "198", "200"]);
        assert!(Times::default().p50().is_nan());
        assert_eq!(cell(f64::NAN, 1), "–");
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        let spread = Spread::of(&mut [4.0, 1.0, 3.0, 2.0]);
        assert_eq!(spread.to_string(), "**2.50** (1.00 to 4.00)");
        assert_eq!(
            Spread::of(&mut [7.0]).to_string(),
            "**7.00** (7.00 to 7.00)"
        );
        assert!(Spread::of(&mut []).median.is_nan());
    }

    #[test]
    fn nothing_measured_meets_no_goal() {
        let mut goals = Goals::default();
        goals.at_most("a", f64::NAN, 40.0, "ms");
        goals.below("b", f64::NAN, 1.0, "ms");
        goals.below("c", 0.5, 1.0, "ms");
        let met: Vec<bool> = goals.0.iter().map(|(_, _, met)| *met).collect();
        assert_eq!(met, [false, false, true]);
    }
}
