//! Figures and glyphs in few columns, always the same width.

use crate::model::{AgentInfo, AgentState, HeldBranch, Stamp};

/// Glyph of a state; ASCII where the terminal has no more.
pub fn glyph(state: AgentState, unicode: bool) -> &'static str {
    let (full, plain) = match state {
        AgentState::Queued => ("·", "."),
        AgentState::Starting => ("◐", "o"),
        AgentState::Working => ("●", "*"),
        AgentState::Waiting => ("▲", "!"),
        AgentState::Idle => ("○", "-"),
        AgentState::Retrying => ("↻", "r"),
        AgentState::Paused => ("‖", "="),
        AgentState::Done => ("✔", "+"),
        AgentState::Failed => ("✖", "x"),
        AgentState::Stopped => ("■", "#"),
        AgentState::Lost => ("?", "?"),
    };
    if unicode { full } else { plain }
}

/// The glyph of an agent at this tick of the slow clock: only what works moves.
pub fn spinning(state: AgentState, tick: u64, unicode: bool) -> &'static str {
    const PULSE: [&str; 4] = ["●", "◉", "◎", "◉"];
    const PLAIN: [&str; 2] = ["*", "+"];
    match state {
        AgentState::Working if unicode => PULSE[(tick % 4) as usize],
        AgentState::Working => PLAIN[(tick % 2) as usize],
        other => glyph(other, unicode),
    }
}

/// Why an agent stands as it stands; an exit with its code, a held branch with what lets it
/// go on.
pub fn why(agent: &AgentInfo) -> String {
    if let Some(held) = &agent.held {
        return format!("{}; {}", self::held(held), held.why);
    }
    match agent.exit {
        Some(code) if code != 0 && agent.reason == "exit" => format!("exit {code}"),
        Some(_) | None => agent.reason.clone(),
    }
}

/// That a branch is held, and what lets it go on.
pub fn held(held: &HeldBranch) -> String {
    format!("held: {}", held.remedy())
}

/// `987`, `142k`, `1.2M`, `31M`: at most five columns.
pub fn count(n: u64) -> String {
    match n {
        0..=999 => n.to_string(),
        1_000..=9_949 => format!("{:.1}k", n as f64 / 1e3),
        9_950..=999_499 => format!("{:.0}k", n as f64 / 1e3),
        999_500..=9_949_999 => format!("{:.1}M", n as f64 / 1e6),
        9_950_000..=999_499_999 => format!("{:.0}M", n as f64 / 1e6),
        _ => format!("{:.0}G", n as f64 / 1e9),
    }
}

/// `41s`, `3m40s`, `1h02m`, `2d03h`: at most six columns.
pub fn age(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..=59 => format!("{s}s"),
        60..=3_599 => format!("{}m{:02}s", s / 60, s % 60),
        3_600..=86_399 => format!("{}h{:02}m", s / 3_600, s / 60 % 60),
        _ => format!("{}d{:02}h", s / 86_400, s / 3_600 % 24),
    }
}

/// `14:02:11` in local time.
pub fn clock(at: Stamp, offset_minutes: i32) -> String {
    let seconds = at.0.div_euclid(1_000_000) + i64::from(offset_minutes) * 60;
    let day = seconds.rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", day / 3_600, day / 60 % 60, day % 60)
}

/// One block a point, scaled to the largest; blank where nothing was.
pub fn spark(points: &[u64], unicode: bool) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const PLAIN: [char; 8] = ['.', '.', ':', ':', '|', '|', '#', '#'];
    let set = if unicode { &BLOCKS } else { &PLAIN };
    let max = points.iter().copied().max().unwrap_or(0);
    let step = |n: u64| match n {
        0 if max == 0 => ' ',
        0 => set[0],
        n => set[(n.saturating_mul(7).div_ceil(max.max(1)) as usize).min(7)],
    };
    points.iter().map(|n| step(*n)).collect()
}

/// A bar of `width` columns.
pub fn bar(percent: u8, width: usize, unicode: bool) -> (String, String) {
    let full = (usize::from(percent.min(100)) * width + 50) / 100;
    let (on, off) = if unicode { ("━", "─") } else { ("#", "-") };
    (on.repeat(full), off.repeat(width - full))
}

/// A model's name as it fits a column: the maker's own name goes without saying.
pub fn model(name: &str) -> &str {
    name.strip_prefix("claude-").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_their_width() {
        let shown: Vec<String> =
            [0, 999, 1_000, 9_999, 142_000, 999_600, 1_250_000, 31_000_000].map(count).into();
        assert_eq!(shown, ["0", "999", "1.0k", "10k", "142k", "1.0M", "1.2M", "31M"]);
        let shown: Vec<String> = [0, 41_000, 220_000, 3_720_000, 183_600_000].map(age).into();
        assert_eq!(shown, ["0s", "41s", "3m40s", "1h02m", "2d03h"]);
        assert_eq!(spark(&[0, 1, 7], true), "▁▂█");
        assert_eq!(spark(&[0, 0], true), "  ");
        assert_eq!(bar(71, 10, true), ("━━━━━━━".into(), "───".into()));
        assert_eq!(clock(Stamp(0), 90), "01:30:00");
    }
}
