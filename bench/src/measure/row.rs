//! One line of the result.

use serde::{Deserialize, Serialize};

use super::{
    targets::{Judged, Target},
    watch::Watch,
};

/// Others that use more than this share of one core disturb a measurement.
const NOTICEABLE: f64 = 0.10;

/// A measured value with its limit and its aim. `goal` and `floor` are of the ratio where there
/// is a limit, else of the value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// The median of the runs.
    pub(crate) value: f64,
    pub(crate) unit: String,
    /// The median of what the bare component did in the same runs.
    pub(crate) limit: Option<f64>,
    /// The median of the runs' own ratios.
    pub(crate) ratio: Option<f64>,
    pub(crate) goal: Option<f64>,
    pub(crate) floor: Option<f64>,
    /// Whether the floor is reached; true where there is none.
    pub(crate) met: bool,
    pub(crate) reaches_goal: bool,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) runs: usize,
    /// Cores that others used meanwhile; none where no time was measured.
    pub(crate) others: Option<f64>,
    /// Whether that was too much for the figure to count.
    pub(crate) disturbed: bool,
    /// Why there is no figure.
    pub(crate) missing: Option<String>,
}

impl Row {
    /// Ours against the limit, run by run.
    pub(crate) fn against(target: &Target, runs: &[(f64, f64)], watch: &Watch) -> Self {
        let ours: Vec<f64> = runs.iter().map(|(ours, _)| *ours).collect();
        let limits: Vec<f64> = runs.iter().map(|(_, limit)| *limit).collect();
        let ratios: Vec<f64> = runs.iter().map(|(ours, limit)| ours / limit.max(1e-9)).collect();
        let row = Self { limit: Some(median(&limits)), ..Self::empty(target, &ours, watch) };
        Self { ratio: Some(median(&ratios)), ..row }.judged(target)
    }

    /// A value of its own.
    pub(crate) fn alone(target: &Target, runs: &[f64], watch: &Watch) -> Self {
        Self::empty(target, runs, watch).judged(target)
    }

    /// What went wrong, or memory: the worst run counts. It needs no quiet machine.
    pub(crate) fn worst(target: &Target, runs: &[f64]) -> Self {
        let worst = runs.iter().copied().fold(0.0, f64::max);
        Self { value: worst, ..Self::empty(target, runs, &Watch::default()) }.judged(target)
    }

    /// A row that could not be measured, which is as bad as one below its floor.
    pub(crate) fn missing(target: &Target, why: &str) -> Self {
        let row = Self::empty(target, &[], &Watch::default());
        Self { missing: Some(why.to_owned()), met: false, reaches_goal: false, ..row }
    }

    fn empty(target: &Target, runs: &[f64], watch: &Watch) -> Self {
        let aim = target.aim();
        let others = watch.cores();
        Self {
            name: target.name.to_owned(),
            value: median(runs),
            unit: target.unit.to_owned(),
            limit: None,
            ratio: None,
            goal: aim.map(|aim| aim.goal),
            floor: aim.map(|aim| aim.floor),
            met: true,
            reaches_goal: true,
            min: runs.iter().copied().reduce(f64::min).unwrap_or(0.0),
            max: runs.iter().copied().fold(0.0, f64::max),
            runs: runs.len(),
            others,
            disturbed: others.is_some_and(|cores| cores > NOTICEABLE),
            missing: None,
        }
    }

    fn judged(self, target: &Target) -> Self {
        let Some(aim) = target.aim() else { return self };
        let ratio = self.ratio.unwrap_or(0.0);
        let reaches = |wanted: f64| match target.judged {
            Judged::Ratio => ratio >= wanted,
            Judged::RatioAtMost => ratio <= wanted,
            Judged::AtMost => self.value <= wanted,
            Judged::Shown => true,
        };
        Self { met: reaches(aim.floor), reaches_goal: reaches(aim.goal), ..self }
    }

    /// One word: how far the row got, whatever others did.
    pub(crate) fn verdict(&self) -> &'static str {
        match (&self.missing, self.floor) {
            (Some(_), _) => "MISSING",
            (_, None) => "",
            _ if self.reaches_goal => "goal",
            _ if self.met => "floor",
            _ => "BELOW",
        }
    }
}

/// The middle value, or the mean of the two in the middle; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::targets::{ACCEPT, PURGE_P99},
        *,
    };

    #[test]
    fn the_ratio_is_the_median_of_ratios() {
        let runs = [(90.0, 100.0), (10.0, 100.0), (95.0, 100.0)];
        let row = Row::against(&ACCEPT, &runs, &Watch::default());
        assert!((row.ratio.unwrap_or(0.0) - 0.9).abs() < 1e-9);
        assert_eq!((row.met, row.verdict()), (true, "floor"));
        assert!((row.min - 10.0).abs() < 1e-9 && (row.max - 95.0).abs() < 1e-9);
    }

    #[test]
    fn a_latency_may_not_grow_much() {
        let quiet_and_not = [(12.0, 10.0), (20.0, 10.0), (13.0, 10.0)];
        let row = Row::against(&PURGE_P99, &quiet_and_not, &Watch::default());
        assert_eq!(row.verdict(), "floor");
    }

    #[test]
    fn what_others_disturbed_is_marked() {
        let row = Row::alone(&ACCEPT, &[1.0], &Watch::of(3.0, 20.0));
        assert!(row.disturbed);
        assert!(!Row::alone(&ACCEPT, &[1.0], &Watch::of(1.0, 20.0)).disturbed);
    }

    #[test]
    fn the_median_of_four_is_between() {
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }
}
