//! One line of the result.

use serde::Serialize;

/// A measured value with its limit and its aim. `goal` and `floor` are of the ratio where there
/// is a limit, else of the value.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// The median of the runs.
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// The median of what the bare component did in the same runs.
    pub(crate) limit: Option<f64>,
    /// The median of the runs' own ratios.
    pub(crate) ratio: Option<f64>,
    pub(crate) goal: Option<f64>,
    pub(crate) floor: Option<f64>,
    /// Whether the floor is reached; true where there is none.
    pub(crate) met: bool,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) runs: usize,
    #[serde(skip)]
    pub(crate) reaches_goal: bool,
}

/// The aim of a row and the least that will do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aim {
    pub(crate) goal: f64,
    pub(crate) floor: f64,
}

impl Row {
    /// Ours against the bare limit, run by run; more is better.
    pub(crate) fn against(name: &str, unit: &'static str, runs: &[(f64, f64)], aim: Aim) -> Self {
        let ours: Vec<f64> = runs.iter().map(|(ours, _)| *ours).collect();
        let bare: Vec<f64> = runs.iter().map(|(_, bare)| *bare).collect();
        let ratios: Vec<f64> = runs.iter().map(|(ours, bare)| ours / bare).collect();
        let ratio = median(&ratios);
        Self {
            limit: Some(median(&bare)),
            ratio: Some(ratio),
            goal: Some(aim.goal),
            floor: Some(aim.floor),
            met: ratio >= aim.floor,
            reaches_goal: ratio >= aim.goal,
            ..Self::plain(name, unit, &ours)
        }
    }

    /// A value of its own; less is better.
    pub(crate) fn at_most(name: &str, unit: &'static str, runs: &[f64], aim: Aim) -> Self {
        let row = Self::plain(name, unit, runs);
        Self {
            goal: Some(aim.goal),
            floor: Some(aim.floor),
            met: row.value <= aim.floor,
            reaches_goal: row.value <= aim.goal,
            ..row
        }
    }

    /// A value without an aim.
    pub(crate) fn plain(name: &str, unit: &'static str, runs: &[f64]) -> Self {
        Self {
            name: name.to_owned(),
            value: median(runs),
            unit,
            limit: None,
            ratio: None,
            goal: None,
            floor: None,
            met: true,
            min: runs.iter().copied().fold(f64::INFINITY, f64::min),
            max: runs.iter().copied().fold(0.0, f64::max),
            runs: runs.len(),
            reaches_goal: true,
        }
    }

    pub(crate) fn verdict(&self) -> &'static str {
        match (self.floor, self.met, self.reaches_goal) {
            (None, ..) => "",
            (_, _, true) => "goal",
            (_, true, _) => "floor",
            _ => "BELOW",
        }
    }
}

/// The middle value, or the mean of the two in the middle; 0 of nothing.
fn median(values: &[f64]) -> f64 {
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
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_ratios() {
        let aim = Aim { goal: 1.0, floor: 0.8 };
        let runs = [(90.0, 100.0), (10.0, 100.0), (95.0, 100.0)];
        let row = Row::against("accept", "1/s", &runs, aim);
        assert!((row.ratio.unwrap_or(0.0) - 0.9).abs() < 1e-9);
        assert_eq!((row.met, row.verdict()), (true, "floor"));
        assert!((row.min - 10.0).abs() < 1e-9 && (row.max - 95.0).abs() < 1e-9);
    }

    #[test]
    fn the_median_of_four_is_between() {
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }
}
