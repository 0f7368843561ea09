//! What the terminal can show, and whether it is dark or light.

use ratatui::style::Color;
use std::time::Duration;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Appearance {
    #[default]
    Dark,
    Light,
}

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    #[default]
    True,
    Indexed256,
    Sixteen,
    /// NO_COLOR: attributes only.
    None,
}

impl Depth {
    /// The nearest colour the terminal has; none where it has none.
    pub fn map(self, color: Color) -> Option<Color> {
        match self {
            Self::True => Some(color),
            Self::None => None,
            Self::Indexed256 => Some(match color {
                Color::Rgb(r, g, b) => Color::Indexed(to_256(r, g, b)),
                other => other,
            }),
            Self::Sixteen => Some(match color {
                Color::Rgb(r, g, b) => to_16(r, g, b),
                Color::Indexed(n) if n > 15 => {
                    let (r, g, b) = indexed_rgb(n);
                    to_16(r, g, b)
                }
                other => other,
            }),
        }
    }
}

/// From the environment, by the usual conventions.
pub fn depth(var: impl Fn(&str) -> Option<String>) -> Depth {
    if var("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return Depth::None;
    }
    let colorterm = var("COLORTERM").unwrap_or_default();
    let term = var("TERM").unwrap_or_default();
    if matches!(colorterm.as_str(), "truecolor" | "24bit") || term.contains("direct") {
        Depth::True
    } else if term.contains("256color") {
        Depth::Indexed256
    } else {
        Depth::Sixteen
    }
}

/// `COLORFGBG` is `fg;bg` or `fg;other;bg` in terminal colour numbers.
pub fn parse_colorfgbg(value: &str) -> Option<Appearance> {
    let bg: u8 = value.rsplit(';').next()?.trim().parse().ok()?;
    Some(if matches!(bg, 7 | 9..=15) { Appearance::Light } else { Appearance::Dark })
}

/// Reads the answer to OSC 11: `ESC ] 11 ; rgb:RRRR/GGGG/BBBB`.
pub(super) fn parse_osc11(answer: &[u8]) -> Option<Appearance> {
    let text = String::from_utf8_lossy(answer);
    let (_, color) = text.split_once("]11;rgb:").or_else(|| text.split_once("]11;rgba:"))?;
    let channel = |part: &str| {
        let hex: String = part.chars().take_while(char::is_ascii_hexdigit).collect();
        let max = 16f32.powi(i32::try_from(hex.len()).ok()?) - 1.0;
        u32::from_str_radix(&hex, 16).ok().map(|n| n as f32 / max)
    };
    let mut parts = color.split('/');
    let (r, g, b) = (parts.next()?, parts.next()?, parts.next()?);
    let light = 0.299 * channel(r)? + 0.587 * channel(g)? + 0.114 * channel(b)?;
    Some(if light > 0.5 { Appearance::Light } else { Appearance::Dark })
}

/// Asks the terminal for its background (OSC 11), and for its attributes right after: every
/// terminal answers the second, so that one which does not know the first costs no wait. Raw
/// mode must be on, and no event stream may exist yet.
pub fn osc11_appearance(wait: Duration) -> Background {
    let mut late = false;
    let appearance = ask(wait, &mut late);
    Background { appearance, late }
}

/// What a terminal says of its background.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Background {
    pub appearance: Option<Appearance>,
    /// The answer did not come in time: it may come yet.
    pub late: bool,
}

fn ask(wait: Duration, late: &mut bool) -> Option<Appearance> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let tty = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
    rustix::io::write(&tty, b"\x1b]11;?\x1b\\\x1b[c").ok()?;
    *late = true;
    let until = std::time::Instant::now() + wait;
    let mut answer = Vec::new();
    let mut chunk = [0u8; 256];
    loop {
        let left = until.checked_duration_since(std::time::Instant::now())?;
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) };
        let mut fds = [PollFd::new(&tty, PollFlags::IN)];
        if poll(&mut fds, Some(&timeout)).ok()? == 0 {
            return parse_osc11(&answer);
        }
        let n = rustix::io::read(&tty, &mut chunk).ok()?;
        answer.extend_from_slice(&chunk[..n]);
        let attributes = answer.windows(3).position(|w| w == b"\x1b[?");
        let over = attributes.is_some_and(|at| answer[at..].contains(&b'c'));
        if n == 0 || over || answer.len() > 4096 {
            *late = false;
            return parse_osc11(&answer);
        }
    }
}

/// The usual values of the 256 colours.
pub fn indexed_rgb(n: u8) -> (u8, u8, u8) {
    const BASE: [(u8, u8, u8); 16] = [
        (0, 0, 0),
        (205, 49, 49),
        (13, 188, 121),
        (229, 229, 16),
        (36, 114, 200),
        (188, 63, 188),
        (17, 168, 205),
        (229, 229, 229),
        (102, 102, 102),
        (241, 76, 76),
        (35, 209, 139),
        (245, 245, 67),
        (59, 142, 234),
        (214, 112, 214),
        (41, 184, 219),
        (255, 255, 255),
    ];
    match n {
        0..=15 => BASE[usize::from(n)],
        16..=231 => {
            let n = n - 16;
            let level = |step: u8| if step == 0 { 0 } else { 55 + step * 40 };
            (level(n / 36), level(n / 6 % 6), level(n % 6))
        }
        232..=255 => {
            let grey = 8 + (n - 232) * 10;
            (grey, grey, grey)
        }
    }
}

fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> i32 {
    let part = |x: u8, y: u8| (i32::from(x) - i32::from(y)).pow(2);
    2 * part(a.0, b.0) + 4 * part(a.1, b.1) + 3 * part(a.2, b.2)
}

fn to_256(r: u8, g: u8, b: u8) -> u8 {
    (16..=255u8).min_by_key(|n| distance(indexed_rgb(*n), (r, g, b))).unwrap_or(7)
}

/// Greys keep their lightness; colours go to the nearest hue.
fn to_16(r: u8, g: u8, b: u8) -> Color {
    let (max, min) = (r.max(g).max(b), r.min(g).min(b));
    if max - min < 40 {
        return Color::Indexed(match max {
            0..=59 => 0,
            60..=150 => 8,
            151..=220 => 7,
            221..=255 => 15,
        });
    }
    let high = |c: u8| c > min + (max - min) / 2;
    let bits = u8::from(high(r)) | u8::from(high(g)) << 1 | u8::from(high(b)) << 2;
    Color::Indexed(bits)
}
