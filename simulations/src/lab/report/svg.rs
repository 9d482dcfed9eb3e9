//! Draws a plot as SVG that takes its colours and fonts from the page around it.

use super::{
    plot::{Plot, Series, Shape},
    scale::Scale,
    words::escaped,
};
use std::fmt::Write as _;

/// Size of a drawing, in its own units. On a phone one is a little less than a pixel, so letters stay readable.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 280.0;
const ROW: f64 = 34.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 52.0;
const RIGHT: f64 = 16.0;
/// About how wide a letter is.
const LETTER: f64 = 7.0;
/// About how many marks an axis has.
const MARKS: f64 = 5.0;

/// The frame of a drawing, with its scales.
struct Frame {
    left: f64,
    bottom: f64,
    x: Scale,
    y: Scale,
}

/// Draws it. A plot of nothing is drawn as its axes, with a word that says so.
#[must_use]
pub fn draw(plot: &Plot) -> String {
    let frame = Frame::of(plot);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n\
         <title id=\"{id}-t\">{title}</title>\n<desc id=\"{id}-d\">{about}</desc>\n",
        height = frame.bottom + BOTTOM,
        id = plot.id,
        title = escaped(&plot.title),
        about = escaped(&plot.about),
    );
    frame.axes(plot, &mut svg);
    for series in &plot.series {
        frame.series(series, &mut svg);
    }
    if plot.is_empty() {
        let (x, y) = ((frame.left + WIDTH - RIGHT) / 2.0, (TOP + frame.bottom) / 2.0);
        put(
            &mut svg,
            format_args!(
                "<text class=\"none\" x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"middle\">No data in this run</text>"
            ),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

impl Frame {
    fn of(plot: &Plot) -> Self {
        let points = || plot.series.iter().flat_map(|series| series.points.iter());
        let x = Scale::new(&plot.x.measure, points().map(|(x, _)| *x), MARKS);
        let y = Scale::new(&plot.y.measure, points().map(|(_, y)| *y), MARKS);
        let longest = y.ticks.iter().map(|(_, words)| words.chars().count()).max().unwrap_or_default();
        let left = 28.0 + LETTER * f64::from(u32::try_from(longest).unwrap_or_default());
        let rows = plot.y.measure.rows().map(|rows| f64::from(u32::try_from(rows.len()).unwrap_or_default()));
        let bottom = rows.map_or(HEIGHT - BOTTOM, |rows| TOP + ROW * rows.max(2.0));
        Self { left, bottom, x, y }
    }

    fn across(&self, x: f64) -> f64 {
        self.left + self.x.place(x) * (WIDTH - RIGHT - self.left)
    }

    fn up(&self, y: f64) -> f64 {
        self.bottom - self.y.place(y) * (self.bottom - TOP)
    }

    fn axes(&self, plot: &Plot, svg: &mut String) {
        let (left, bottom, right) = (self.left, self.bottom, WIDTH - RIGHT);
        for (at, words) in &self.x.ticks {
            let x = self.across(*at);
            put(svg, format_args!("<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom:.1}\"/>"));
            let letters = f64::from(u32::try_from(words.chars().count()).unwrap_or_default());
            // The last one must not stick out.
            let (x, anchor) =
                if x + letters * LETTER / 2.0 > WIDTH - 2.0 { (WIDTH - 2.0, "end") } else { (x, "middle") };
            put(
                svg,
                format_args!(
                    "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                    bottom + 18.0,
                    escaped(words)
                ),
            );
        }
        for (at, words) in &self.y.ticks {
            let y = self.up(*at);
            put(svg, format_args!("<path class=\"grid\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>"));
            put(
                svg,
                format_args!(
                    "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                    left - 7.0,
                    y + 4.5,
                    escaped(words)
                ),
            );
        }
        put(svg, format_args!("<path class=\"axis\" d=\"M{left:.1} {TOP}V{bottom:.1}H{right:.1}\"/>"));
        let cut = self.y.cut().map(|first| format!(" (axis from {first})")).unwrap_or_default();
        let label = format!("{}{cut}", plot.y.label);
        let (x, y) = ((left + right) / 2.0, (TOP + bottom) / 2.0);
        put(
            svg,
            format_args!(
                "<text class=\"label\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 40.0,
                escaped(&plot.x.label)
            ),
        );
        put(
            svg,
            format_args!(
                "<text class=\"label\" transform=\"translate(13 {y:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
                escaped(&label)
            ),
        );
    }

    fn series(&self, series: &Series, svg: &mut String) {
        if series.points.is_empty() {
            return;
        }
        let dashed = if series.dashed { " dashed" } else { "" };
        put(svg, format_args!("<g class=\"c{}{dashed}\">", series.colour));
        if !series.name.is_empty() {
            put(svg, format_args!("<title>{}</title>", escaped(&series.name)));
        }
        let places: Vec<(f64, f64)> =
            series.points.iter().map(|(x, y)| (self.across(*x), self.up(*y))).collect();
        match series.shape {
            Shape::Line => line(&places, svg),
            Shape::Steps => steps(&places, svg),
            Shape::Dots => {
                line(&places, svg);
                for (x, y) in &places {
                    put(svg, format_args!("<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"));
                }
            }
            Shape::Bars => bars(&places, svg),
        }
        svg.push_str("</g>\n");
    }
}

fn line(places: &[(f64, f64)], svg: &mut String) {
    svg.push_str("<path class=\"line\" d=\"");
    for (index, (x, y)) in places.iter().enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        let _ = write!(svg, "{letter}{x:.1} {y:.1}");
    }
    svg.push_str("\"/>\n");
}

fn steps(places: &[(f64, f64)], svg: &mut String) {
    svg.push_str("<path class=\"line\" d=\"");
    for (index, (x, y)) in places.iter().enumerate() {
        let _ = if index == 0 { write!(svg, "M{x:.1} {y:.1}") } else { write!(svg, "H{x:.1}V{y:.1}") };
    }
    svg.push_str("\"/>\n");
}

/// Bars from one place to the next, two by two; upright strokes where both are the same. What is drawn at the same place is
/// drawn once.
fn bars(places: &[(f64, f64)], svg: &mut String) {
    svg.push_str("<path class=\"mark\" d=\"");
    let mut last = String::new();
    for pair in places.chunks_exact(2) {
        let [(from, y), (until, _)] = pair else { continue };
        let width = until - from;
        let bar = if width < 0.5 {
            format!("M{from:.1} {:.1}v16", y - 8.0)
        } else {
            format!("M{from:.1} {:.1}v16h{width:.1}v-16z", y - 8.0)
        };
        if bar != last {
            svg.push_str(&bar);
            last = bar;
        }
    }
    svg.push_str("\"/>\n");
}

/// Writing to a string can't fail.
fn put(svg: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = svg.write_fmt(what);
    svg.push('\n');
}
