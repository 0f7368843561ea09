//! A buffer as an SVG picture: one rectangle a run of background, one text a run of style.

use dash::tui::theme::{Theme, indexed_rgb};
use ratatui::{
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// Size of a cell in pixels, and of its letters.
const WIDE: f32 = 8.4;
const HIGH: f32 = 18.0;
const FONT: f32 = 14.0;
const PAD: f32 = 14.0;

type Rgb = (u8, u8, u8);

fn rgb(color: Option<Color>, fallback: Rgb) -> Rgb {
    match color {
        Some(Color::Rgb(r, g, b)) => (r, g, b),
        Some(Color::Indexed(n)) => indexed_rgb(n),
        _ => fallback,
    }
}

fn mix(a: Rgb, b: Rgb) -> Rgb {
    let half = |x: u8, y: u8| ((u16::from(x) * 3 + u16::from(y) * 2) / 5) as u8;
    (half(a.0, b.0), half(a.1, b.1), half(a.2, b.2))
}

fn hex((r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[derive(Clone, PartialEq)]
struct Look {
    fg: Rgb,
    bg: Rgb,
    modifier: Modifier,
}

fn look(cell: &Cell, fg: Rgb, bg: Rgb) -> Look {
    let mut look =
        Look { fg: rgb(Some(cell.fg), fg), bg: rgb(Some(cell.bg), bg), modifier: cell.modifier };
    if cell.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut look.fg, &mut look.bg);
    }
    if cell.modifier.contains(Modifier::DIM) {
        look.fg = mix(look.fg, look.bg);
    }
    look
}

/// The picture, with the theme's surface around it.
pub fn svg(buffer: &Buffer, theme: &Theme) -> String {
    let area = *buffer.area();
    let bg = rgb(theme.surface.bg, (20, 20, 20));
    let fg = rgb(theme.text.fg, (220, 220, 220));
    let width = f32::from(area.width) * WIDE + 2.0 * PAD;
    let height = f32::from(area.height) * HIGH + 2.0 * PAD;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"DejaVu Sans Mono, monospace\" \
         font-size=\"{FONT}\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n",
        hex(bg)
    );
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            let first = look(&buffer[(area.x + x, area.y + y)], fg, bg);
            let start = x;
            let mut text = String::new();
            while x < area.width {
                let cell = &buffer[(area.x + x, area.y + y)];
                if look(cell, fg, bg) != first {
                    break;
                }
                // Each wide or unusual character gets a run of its own, to keep the columns.
                let wide = cell.symbol().width().max(1);
                if wide > 1 && x > start {
                    break;
                }
                text.push_str(cell.symbol());
                x += wide as u16;
                if wide > 1 {
                    break;
                }
            }
            run(&mut out, (start, x, y), &text, &first, bg);
        }
    }
    out.push_str("</svg>\n");
    out
}

fn run(out: &mut String, (start, end, y): (u16, u16, u16), text: &str, look: &Look, bg: Rgb) {
    let left = PAD + f32::from(start) * WIDE;
    let top = PAD + f32::from(y) * HIGH;
    let wide = f32::from(end - start) * WIDE;
    if look.bg != bg {
        let _ = writeln!(
            out,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{HIGH}\" \
             fill=\"{}\" shape-rendering=\"crispEdges\"/>",
            hex(look.bg)
        );
    }
    if text.trim().is_empty() {
        return;
    }
    let lead = text.len() - text.trim_start().len();
    let left = left + lead as f32 * WIDE;
    let text = text.trim();
    let cells = text.width() as f32 * WIDE;
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut extra = String::new();
    for (modifier, attribute) in [
        (Modifier::BOLD, " font-weight=\"bold\""),
        (Modifier::ITALIC, " font-style=\"italic\""),
        (Modifier::UNDERLINED, " text-decoration=\"underline\""),
    ] {
        if look.modifier.contains(modifier) {
            extra.push_str(attribute);
        }
    }
    let _ = writeln!(
        out,
        "<text x=\"{left:.1}\" y=\"{:.1}\" textLength=\"{cells:.1}\" fill=\"{}\"{extra} \
         xml:space=\"preserve\">{escaped}</text>",
        top + HIGH * 0.75,
        hex(look.fg)
    );
}
