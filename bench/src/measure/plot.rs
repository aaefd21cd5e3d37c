//! The plots: how the ratios came along, and a worker's memory while a backlog drains.

use std::path::Path;

use plotters::prelude::*;

use super::{history::Kept, report::Sample, row::Row, targets};
use crate::error::Result;

const SIZE: (u32, u32) = (900, 460);
const FONT: (&str, u32) = ("sans-serif", 14);
/// Told apart by brightness too.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 73, 138),
    RGBColor(214, 94, 0),
    RGBColor(0, 140, 105),
    RGBColor(190, 60, 130),
    RGBColor(90, 90, 90),
    RGBColor(86, 170, 220),
    RGBColor(220, 160, 0),
    RGBColor(120, 60, 20),
];

/// Each row with a limit that is to be reached, run after run.
pub(crate) fn history(file: &Path, runs: &[Kept]) -> Result<()> {
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let lines = lines_of(runs);
    let highest = lines.iter().flat_map(|line| &line.points).map(|point| point.1);
    let highest = highest.fold(1.0, f64::max) * 1.1;
    let last = runs.len().saturating_sub(1).max(1) as f64;
    let mut chart = ChartBuilder::on(&root)
        .caption("Ratio to the limit", ("sans-serif", 18))
        .margin(12)
        .margin_right(30)
        .x_label_area_size(34)
        .y_label_area_size(48)
        .build_cartesian_2d(-0.05..last * 1.5, 0.0..highest)?;
    let date = |place: &f64| {
        let near = place.round();
        let is_run = (place - near).abs() < 0.01 && near >= 0.0 && near <= last;
        let run = (0..runs.len()).find(|run| is_run && (*run as f64 - near).abs() < 0.5);
        run.map(|run| runs[run].date.clone()).unwrap_or_default()
    };
    chart
        .configure_mesh()
        .x_labels(runs.len().clamp(2, 12) * 2)
        .x_label_formatter(&date)
        .y_label_formatter(&|ratio| format!("{ratio:.1}"))
        .label_style(FONT)
        .light_line_style(WHITE)
        .draw()?;
    for (line, colour) in lines.into_iter().zip(COLOURS.into_iter().cycle()) {
        let points = line.points.clone();
        let drawn = chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
        drawn
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(line.points.into_iter().map(|at| Circle::new(at, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .label_font(FONT)
        .draw()?;
    root.present()?;
    Ok(())
}

struct Line {
    name: &'static str,
    /// The number of the run, and the ratio.
    points: Vec<(f64, f64)>,
}

fn lines_of(runs: &[Kept]) -> Vec<Line> {
    let wanted = targets::ALL.iter().filter(|target| target.judged == targets::Judged::Ratio);
    let line = |target: &&targets::Target| {
        let ratio = |row: &Row| (row.name == target.name && !row.disturbed).then_some(row.ratio)?;
        let points: Vec<(f64, f64)> = runs
            .iter()
            .enumerate()
            .filter_map(|(run, kept)| Some((run as f64, kept.rows.iter().find_map(ratio)?)))
            .collect();
        (!points.is_empty()).then_some(Line { name: target.name, points })
    };
    wanted.filter_map(line).collect()
}

/// Resident memory over time, with what is still waiting as a share of all.
pub(crate) fn backlog(file: &Path, samples: &[Sample]) -> Result<()> {
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let seconds = samples.last().map_or(1.0, |sample| sample.seconds);
    let highest = samples.iter().map(|sample| sample.megabytes).fold(60.0, f64::max) * 1.15;
    let all = samples.iter().map(|sample| sample.waiting).max().unwrap_or(1).max(1) as f64;
    let mut chart = ChartBuilder::on(&root)
        .caption("A worker while a backlog drains", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(52)
        .right_y_label_area_size(62)
        .build_cartesian_2d(0.0..seconds, 0.0..highest)?
        .set_secondary_coord(0.0..seconds, 0.0..all * 1.05);
    chart
        .configure_mesh()
        .x_desc("seconds")
        .y_desc("resident memory, MB")
        .label_style(FONT)
        .light_line_style(WHITE)
        .draw()?;
    chart
        .configure_secondary_axes()
        .y_desc("messages waiting")
        .y_label_formatter(&|waiting| format!("{:.0}k", waiting / 1_000.0))
        .label_style(FONT)
        .draw()?;
    let memory = samples.iter().map(|sample| (sample.seconds, sample.megabytes));
    let waiting = samples.iter().map(|sample| (sample.seconds, sample.waiting as f64));
    let [dark, light] = [COLOURS[0], COLOURS[6]];
    chart
        .draw_series(LineSeries::new(memory, dark.stroke_width(2)))?
        .label("resident memory")
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], dark.stroke_width(2)));
    chart
        .draw_secondary_series(LineSeries::new(waiting, light.stroke_width(2)))?
        .label("waiting")
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], light.stroke_width(2)));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE.mix(0.8))
        .label_font(FONT)
        .draw()?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_drawn() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("backlog.svg");
        let sample = |second: u32| Sample {
            seconds: f64::from(second),
            megabytes: 40.0 + f64::from(second),
            waiting: u64::from(100 - second),
        };
        let samples: Vec<Sample> = (0..100).map(sample).collect();
        backlog(&file, &samples).expect("drawn");
        let drawn = std::fs::read_to_string(&file).expect("written");
        assert!(drawn.contains("resident memory, MB"));
    }
}
