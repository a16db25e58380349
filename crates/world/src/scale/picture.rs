//! A run over time as a picture: SVG, for a page or a browser.

use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::recorder::SecondOf;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What of a second a line shows.
type Curve = (&'static str, fn(&SecondOf) -> f64);

const PANELS: [(&str, &[Curve]); 4] = [
    (
        "requests a second",
        &[("in", |s| s.came as f64), ("answered", |s| s.answered as f64), ("failed", |s| s.failed as f64)],
    ),
    ("time, ms", &[("p50", |s| s.p50), ("p99", |s| s.p99)]),
    ("waiting, and at work", &[("backlog", |s| s.backlog), ("invocations at once", |s| f64::from(s.busy))]),
    (
        "hottest key, write units a second",
        &[("units", |s| s.hottest), ("calls refused", |s| s.refused as f64)],
    ),
];
const COLOURS: [RGBColor; 3] = [RGBColor(31, 119, 180), RGBColor(255, 127, 14), RGBColor(214, 39, 40)];

/// Draws a run.
///
/// # Errors
/// The file cannot be written.
pub(super) fn draw(file: &Path, title: &str, seconds: &[SecondOf]) -> Result<(), String> {
    let root = SVGBackend::new(file, (900, 900)).into_drawing_area();
    let all = || -> Result<(), Box<dyn std::error::Error + '_>> {
        root.fill(&WHITE)?;
        let titled = root.titled(title, ("sans-serif", 18))?;
        for (area, (name, lines)) in titled.split_evenly((PANELS.len(), 1)).iter().zip(PANELS) {
            panel(area, name, lines, seconds)?;
        }
        root.present()?;
        Ok(())
    };
    all().map_err(|error| format!("{}: {error}", file.display()))
}

fn panel<'a>(
    area: &Area<'a>,
    name: &str,
    lines: &[Curve],
    seconds: &[SecondOf],
) -> Result<(), Box<dyn std::error::Error + 'a>> {
    let most = lines.iter().flat_map(|(_, of)| seconds.iter().map(of)).fold(1.0, f64::max);
    let (x, y): (Range<f64>, Range<f64>) = (0.0..seconds.len().max(1) as f64, 0.0..most * 1.05);
    let mut chart = ChartBuilder::on(area)
        .caption(name, ("sans-serif", 14))
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)?;
    chart.configure_mesh().light_line_style(WHITE).draw()?;
    for ((what, of), colour) in lines.iter().zip(COLOURS) {
        let points = seconds.iter().enumerate().map(|(second, s)| (second as f64 + 1.0, of(s)));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(*what)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 14, y)], colour));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(WHITE).draw()?;
    Ok(())
}
