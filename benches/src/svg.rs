//! The starts as a picture: a line from p50 to p99 and a dot at p50, on one logarithmic scale.

use crate::report::{Report, Start, Variant};
use crate::table::milliseconds;

const LEFT: f64 = 340.0;
const RIGHT: f64 = 860.0;
const WIDTH: f64 = 960.0;
const LINE: f64 = 26.0;
const TOP: f64 = 64.0;
/// Text and lines in the reader's own colours; the dots' blue has contrast on both.
const STYLE: &str = "svg{background:#fff;color:#1f2328;font:13px system-ui,sans-serif}.dim{color:#59636e}.grid{stroke:#d1d9e0}\
.bar{stroke:#0969da;stroke-width:3;stroke-linecap:round}.dot{fill:#0969da}.control{color:#59636e}.control .bar{stroke:#59636e}\
.control .dot{fill:#59636e}text{fill:currentColor}@media(prefers-color-scheme:dark){svg{background:#0d1117;color:#f0f6fc}\
.dim,.control{color:#9198a1}.grid{stroke:#3d444d}.bar{stroke:#4493f8}.dot{fill:#4493f8}.control .bar{stroke:#9198a1}\
.control .dot{fill:#9198a1}}";

/// None where nothing was started.
pub(crate) fn svg(report: &Report) -> Option<String> {
    let mut starts: Vec<(&Variant, &Start)> = report
        .variants
        .iter()
        .flat_map(|variant| variant.starts.iter().map(move |start| (variant, start)))
        .collect();
    starts.sort_by_key(|(_, start)| (start.method, start.cache));
    let low = starts.iter().map(|(_, start)| start.summary.p50_ns).min()?;
    let high = starts.iter().map(|(_, start)| start.summary.p99_ns).max()?;
    let scale = Scale::new(low, high);

    let (mut body, mut y, mut last) = (String::new(), TOP, None);
    for (variant, start) in &starts {
        if last.replace((start.method, start.cache)) != Some((start.method, start.cache)) {
            y += LINE;
            let title = format!("{}{}", start.method.title(), start.cache.title());
            body.push_str(&text(16.0, y, "start", "dim", &title));
            y += LINE;
        }
        body.push_str(&line(&scale, y, variant, start));
        y += LINE;
    }
    let bottom = y;
    let grid: String = scale.marks().map(|ns| mark(&scale, ns, bottom)).collect();
    let host = &report.host;
    let (title, height) =
        ("From exec to the first 200, milliseconds: p50 (dot) to p99, and p50 beside the C control", bottom);
    let under = format!("{}, {} CPUs, Linux {}; n is in the record", host.cpu, host.cpus, host.kernel);
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\"><title>{title}</title><style>{STYLE}</style>{}{}{grid}{body}</svg>\n",
        text(16.0, 24.0, "start", "", title),
        text(16.0, 44.0, "start", "dim", &under),
    ))
}

fn line(scale: &Scale, y: f64, variant: &Variant, start: &Start) -> String {
    let (from, to) = (scale.x(start.summary.p50_ns), scale.x(start.summary.p99_ns));
    let ratio = start.ratio_to_control.map_or(String::new(), |ratio| format!(" ({ratio:.2}×)"));
    let figure = format!("{}{ratio}", milliseconds(start.summary.p50_ns));
    let class = if variant.kind == crate::report::Kind::Control { "control" } else { "" };
    let middle = y - 4.0;
    format!(
        "<g class=\"{class}\">{}{}<line class=\"bar\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\
         <circle class=\"dot\" cx=\"{from:.1}\" cy=\"{middle}\" r=\"5\"/></g>",
        text(32.0, y, "start", "", &variant.name),
        text(LEFT - 16.0, y, "end", "", &figure),
    )
}

fn mark(scale: &Scale, ns: u64, bottom: f64) -> String {
    let x = scale.x(ns);
    let label = if ns >= 1_000_000 { (ns / 1_000_000).to_string() } else { format!("{}", ns as f64 / 1e6) };
    let grid = format!("<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>");
    grid + &text(x, TOP - 4.0, "middle", "dim", &label)
}

fn text(x: f64, y: f64, anchor: &str, class: &str, words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>")
}

/// From a whole power of ten to another.
struct Scale {
    low: u32,
    high: u32,
}

impl Scale {
    fn new(low: u64, high: u64) -> Self {
        let low = low.max(1).ilog10();
        Self { low, high: (high.max(1).ilog10() + 1).max(low + 1) }
    }

    fn x(&self, ns: u64) -> f64 {
        let share = ((ns.max(1) as f64).log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        LEFT + (RIGHT - LEFT) * share
    }

    fn marks(&self) -> impl Iterator<Item = u64> + use<> {
        (self.low..=self.high).map(|power| 10_u64.pow(power))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_times_as_long_is_as_far_to_the_right_anywhere() {
        let scale = Scale::new(150_000, 3_000_000_000);
        assert_eq!((scale.low, scale.high), (5, 10));
        assert_eq!((scale.x(100_000), scale.x(10_000_000_000)), (LEFT, RIGHT));
        let steps = [scale.x(2_000_000) - scale.x(200_000), scale.x(900_000_000) - scale.x(90_000_000)];
        assert!((steps[0] - steps[1]).abs() < 1e-9);
    }

    #[test]
    fn a_name_is_text_whatever_is_in_it() {
        assert!(text(0.0, 0.0, "end", "", "<b>&").contains(">&lt;b>&amp;</text>"));
    }
}
