//! How figures and tables look to people.

use super::context::paint;
use crate::model::{AgentState, NO_SCOPE, OwnUsage, SwarmState, Tokens};
use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub const BOLD: Style = Style::new().bold();
pub const DIM: Style = Style::new().dimmed();

pub const fn fg(color: AnsiColor) -> Style {
    color.on_default()
}

/// `4m12s`; two units at most, and milliseconds only below a second.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match seconds {
        0 => format!("{ms}ms"),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h{minutes:02}m"),
        _ => format!("{days}d{hours:02}h"),
    }
}

/// How long ago, or how long still: whole seconds, so that a table has one style.
pub fn age(ms: u64) -> String {
    if ms < 1000 { "0s".to_owned() } else { duration(ms) }
}

/// `812`, `12.4k`, `3.1M`.
pub fn count(n: u64) -> String {
    match n {
        0..1000 => n.to_string(),
        1000..1_000_000 => format!("{:.1}k", n as f64 / 1e3),
        _ => format!("{:.1}M", n as f64 / 1e6),
    }
}

pub fn tokens(tokens: &Tokens) -> String {
    let input = tokens.input + tokens.cache_read + tokens.cache_write;
    if tokens.total() == 0 {
        return "0".to_owned();
    }
    format!("{} in, {} out", count(input), count(tokens.output))
}

/// `1,000,000`
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What an agent reports of itself, and how far that is from what the gateway counted.
pub fn own_usage(usage: &OwnUsage) -> String {
    let OwnUsage { reported, more, .. } = usage;
    let parts = |named: [(&str, u64); 4]| {
        let some = named.into_iter().filter(|(_, n)| *n > 0);
        some.map(|(name, n)| format!("{} {name}", grouped(n))).collect::<Vec<_>>().join(", ")
    };
    let said = parts([
        ("in", reported.input),
        ("out", reported.output),
        ("from the cache", reported.cache_read),
        ("into the cache", reported.cache_write),
    ]);
    let said = if said.is_empty() { "nothing".to_owned() } else { said };
    if !usage.differs() {
        return format!("{said}, as the gateway counted");
    }
    let gaps = |sign: i64| {
        let part = |n: i64| (n * sign).max(0).unsigned_abs();
        parts([
            ("in", part(more.input)),
            ("out", part(more.output)),
            ("from the cache", part(more.cache_read)),
            ("into the cache", part(more.cache_write)),
        ])
    };
    let sides = [(gaps(1), "more"), (gaps(-1), "fewer")].into_iter();
    let sides = sides.filter(|(gap, _)| !gap.is_empty());
    let sides: Vec<_> = sides.map(|(gap, word)| format!("{gap} {word}")).collect();
    format!("{said}: {} than the gateway counted", sides.join(", "))
}

/// `state: reason`, or the state alone.
pub fn state_and_reason(state: AgentState, reason: &str) -> String {
    if reason.is_empty() { state.to_string() } else { format!("{state}: {reason}") }
}

pub fn state_style(state: AgentState) -> Style {
    match state {
        AgentState::Working => fg(AnsiColor::Green),
        AgentState::Starting | AgentState::Queued | AgentState::Idle => DIM,
        AgentState::Waiting | AgentState::Retrying | AgentState::Paused => fg(AnsiColor::Yellow),
        AgentState::Done => fg(AnsiColor::Cyan),
        AgentState::Failed | AgentState::Lost => fg(AnsiColor::Red).bold(),
        AgentState::Stopped => fg(AnsiColor::Magenta),
    }
}

pub fn swarm_style(state: SwarmState) -> Style {
    match state {
        SwarmState::Working => state_style(AgentState::Working),
        SwarmState::Paused => state_style(AgentState::Paused),
        SwarmState::Done => state_style(AgentState::Done),
        SwarmState::Failed => state_style(AgentState::Failed),
        SwarmState::Stopped => state_style(AgentState::Stopped),
    }
}

/// What is enforced, or that nothing is: that is not to be overlooked.
pub fn scope_style(scope: &str) -> Style {
    if scope == NO_SCOPE { fg(AnsiColor::Red).bold() } else { Style::new() }
}

/// The word that a scope begins with, for a column.
pub fn scope_cell(scope: &str) -> (String, Style) {
    (one_line(scope.split(':').next().unwrap_or_default()), scope_style(scope))
}

/// Columns of a text of anybody's in a table, so that a row stays one also where no terminal
/// cuts it.
const WIDEST: usize = 120;

/// The first line with text, without control characters: what may stand in a line of ours.
pub fn one_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
    let shown = line.chars().filter(|&c| !turns_text(c));
    shown.map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// [`one_line`], no longer than a row of a table bears.
pub fn short_line(text: &str) -> String {
    fit(&one_line(text), WIDEST)
}

/// Text from agents for a terminal of ours: lines and tabs stay, control characters go.
pub fn harmless(text: &str) -> String {
    let stays = |c: char| c == '\n' || c == '\t' || !(c.is_control() || turns_text(c));
    text.chars().filter(|&c| stays(c)).collect()
}

/// Marks of direction, which make a line read as something else than it is.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Cuts to `width` columns, with an ellipsis where something is missing.
pub fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > width {
            break;
        }
        used += w;
        out.push(c);
    }
    out.push('…');
    out
}

/// Least width of the last column, and of one that is cut so that a row fits.
const LAST: usize = 16;
const LEAST: usize = 8;

/// A table without rules: a heading, columns two blanks apart, figures to the right. Where
/// it is wider than the terminal, the widest columns of text are cut, and columns that may
/// go are left out; the last one is cut at the terminal's edge.
pub struct Table {
    heads: Vec<Head>,
    rows: Vec<Vec<(String, Style)>>,
}

struct Head {
    text: &'static str,
    /// A column of figures.
    right: bool,
    /// Left out where no row has anything in it.
    optional: bool,
}

impl Table {
    /// A head that begins with `?` may be left out, one with `>` stands over figures, in
    /// that order.
    pub fn new(heads: &[&'static str]) -> Self {
        let head = |head: &&'static str| {
            let (text, optional) = head.strip_prefix('?').map_or((*head, false), |h| (h, true));
            let (text, right) = text.strip_prefix('>').map_or((text, false), |h| (h, true));
            Head { text, right, optional }
        };
        Self { heads: heads.iter().map(head).collect(), rows: Vec::new() }
    }

    pub fn row<const N: usize>(&mut self, cells: [(String, Style); N]) {
        self.rows.push(cells.into());
    }

    pub fn render(&self, color: bool, width: Option<u16>) -> String {
        let most = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|(text, _)| text.width()).max().unwrap_or(0)
        };
        // Columns that are shown, each with its width.
        let columns: Vec<(usize, usize)> = (self.heads.iter().enumerate())
            .map(|(column, head)| (column, head, most(column)))
            .filter(|(_, head, most)| *most > 0 || !head.optional)
            .map(|(column, head, most)| (column, most.max(head.text.width())))
            .collect();
        let columns = self.fitting(columns, width);
        let heads = self.heads.iter().map(|head| cell_in(head.text, BOLD)).collect();
        let mut out = String::new();
        for row in std::iter::once(&heads).chain(&self.rows) {
            self.render_row(row, &columns, color, width, &mut out);
        }
        out
    }

    /// The columns as they fit into `width`.
    fn fitting(&self, mut columns: Vec<(usize, usize)>, width: Option<u16>) -> Vec<(usize, usize)> {
        let Some(width) = width.map(usize::from) else { return columns };
        let over = |columns: &[(usize, usize)]| {
            let Some(((_, last), others)) = columns.split_last() else { return 0 };
            let others: usize = others.iter().map(|(_, wide)| wide + 2).sum();
            (others + (*last).min(LAST)).saturating_sub(width)
        };
        loop {
            let over = over(&columns);
            if over == 0 {
                return columns;
            }
            let cut = columns.len().saturating_sub(1);
            let texts = columns[..cut].iter_mut().filter(|(column, wide)| {
                *wide > LEAST.max(self.heads[*column].text.width()) && !self.heads[*column].right
            });
            if let Some((_, wide)) = texts.max_by_key(|(_, wide)| *wide) {
                *wide -= 1;
                continue;
            }
            let spare = columns[..cut].iter().rposition(|(column, _)| self.heads[*column].optional);
            match spare {
                Some(spare) => drop(columns.remove(spare)),
                None => return columns,
            }
        }
    }

    fn render_row(
        &self,
        row: &[(String, Style)],
        columns: &[(usize, usize)],
        color: bool,
        width: Option<u16>,
        out: &mut String,
    ) {
        let last = columns.last().map(|(column, _)| *column);
        let mut used = 0;
        for (column, wide) in columns {
            let Some((text, style)) = row.get(*column) else { continue };
            let is_last = Some(*column) == last;
            let text = if is_last { text.clone() } else { fit(text, *wide) };
            let pad = wide.saturating_sub(text.width());
            let right = self.heads[*column].right;
            if right {
                out.push_str(&" ".repeat(pad));
            }
            let room = width.map(|width| usize::from(width).saturating_sub(used).max(8));
            let text = match room {
                Some(room) if is_last => fit(&text, room),
                _ => text,
            };
            if !text.is_empty() {
                out.push_str(&paint(color, *style, text));
            }
            if !is_last {
                out.push_str(&" ".repeat(if right { 2 } else { pad + 2 }));
            }
            used += wide + 2;
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
}

fn cell_in(text: impl ToString, style: Style) -> (String, Style) {
    (text.to_string(), style)
}

/// A name, for a column beside that of the id: empty where it says the same.
pub fn name_beside(id: &str, name: &str) -> (String, Style) {
    cell(if name == id { String::new() } else { short_line(name) })
}

/// A cell without a style of its own.
pub fn cell(text: impl ToString) -> (String, Style) {
    (text.to_string(), Style::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_reports_is_told_beside_what_was_counted() {
        let tokens =
            |input, output, cache_read| Tokens { input, output, cache_read, cache_write: 0 };
        let told = |reported, counted| own_usage(&OwnUsage::new(reported, counted));
        assert_eq!(
            told(tokens(1_000_000, 5000, 0), tokens(22, 1, 7)),
            "1,000,000 in, 5,000 out: 999,978 in, 4,999 out more, 7 from the cache fewer than the \
             gateway counted"
        );
        let same = tokens(4000, 59, 600);
        assert_eq!(
            told(same, same),
            "4,000 in, 59 out, 600 from the cache, as the gateway counted"
        );
    }

    #[test]
    fn figures_read_well() {
        for (ms, text) in [
            (0, "0ms"),
            (999, "999ms"),
            (59_999, "59s"),
            (252_000, "4m12s"),
            (7_260_000, "2h01m"),
            (90_000_000, "1d01h"),
        ] {
            assert_eq!(duration(ms), text);
            assert_eq!(age(ms), if ms < 1000 { "0s" } else { text });
        }
        assert_eq!((count(999), count(12_400)), ("999".to_owned(), "12.4k".to_owned()));
    }

    #[test]
    fn tables_align_wide_text_and_cut_the_last_column() {
        let mut table = Table::new(&["NAME", ">COST", "LAST LINE"]);
        table.row([cell("漢字"), cell("$1"), cell("a long line that does not fit")]);
        table.row([cell("ab"), cell("$10.00"), cell("")]);
        let text = table.render(false, Some(30));
        assert_eq!(text, "NAME    COST  LAST LINE\n漢字      $1  a long line tha…\nab    $10.00\n");
    }

    #[test]
    fn a_table_too_wide_is_cut_where_it_is_widest() {
        let mut table = Table::new(&["ID", "STATE", "?ITEM", ">COST", "LAST LINE"]);
        let row = ["a", "lost: its keeper vanished", "src/a/long/name.rs", "$0.1234", "words"];
        table.row(row.map(cell));
        let text = table.render(false, Some(60));
        assert_eq!(
            text.lines().nth(1).unwrap(),
            "a   lost: its keeper…  src/a/long/name.…  $0.1234  words"
        );
        let text = table.render(false, Some(30));
        assert!(text.lines().all(|line| line.width() <= 40 && !line.contains("src")), "{text}");
    }

    #[test]
    fn no_scope_is_red_where_there_is_colour() {
        let mut table = Table::new(&["ID", "SCOPE", "LAST"]);
        for scope in ["none", "strict: write /w"] {
            let (text, style) = scope_cell(scope);
            table.row([cell("a"), (text, style), cell("x")]);
        }
        let plain = table.render(false, None);
        assert_eq!(plain, "ID  SCOPE   LAST\na   none    x\na   strict  x\n");
        let colour = table.render(true, None);
        let red = scope_style("none");
        assert_eq!(red.get_fg_color(), Some(AnsiColor::Red.into()));
        assert!(colour.contains(&format!("{red}none{red:#}")), "{colour:?}");
        assert!(colour.contains("a   strict  x"), "{colour:?}");
    }

    #[test]
    fn empty_columns_that_may_go_are_left_out() {
        let mut table = Table::new(&["ID", "?NAME", "?>N", "LAST"]);
        table.row([cell("a"), name_beside("a", "a"), cell(""), cell("x")]);
        assert_eq!(table.render(false, None), "ID  LAST\na   x\n");
        table.row([cell("b"), name_beside("b", "bee"), cell(""), cell("")]);
        assert_eq!(table.render(false, None), "ID  NAME  LAST\na         x\nb   bee\n");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(one_line("\n  \u{1b}[31mred\tx\n"), " [31mred x");
        assert_eq!(harmless("a\u{1b}[2J\nb"), "a[2J\nb");
        assert_eq!(fit("漢字漢字", 5), "漢字…");
        assert_eq!(one_line("a\u{202e}b\u{2066}c\u{200f}d"), "abcd");
        assert_eq!(harmless("a\u{202e}b\n\u{2069}c"), "ab\nc");
        assert_eq!(short_line(&"x".repeat(120_000)).width(), WIDEST);
    }
}
