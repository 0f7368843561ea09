//! One agent's terminal, cell by cell, and beside it why the agent is as it is.

use super::{
    pen::{Pen, fill, wrap},
    terminal, words,
};
use crate::model::{AgentInfo, AgentState};
use crate::store::Store;
use crate::term::Screen;
use crate::tui::{
    focus::{Focus, FocusMode, Stage},
    theme::Theme,
    ui::Ui,
};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Modifier, Style},
};
use unicode_width::UnicodeWidthStr;

/// Columns of the side panel, with the blank one before it.
const SIDE: u16 = 36;

/// Where the parts go: header, terminal, side panel (empty when there is no room), footer.
pub struct Parts {
    pub header: Rect,
    pub terminal: Rect,
    pub side: Rect,
}

/// The parts of a focus on such a screen.
pub fn parts_of(ui: &Ui, screen: Rect) -> Parts {
    let bare = ui.focus.as_ref().is_some_and(|focus| focus.zoom || focus.split);
    parts(bare, super::layout(ui, screen).focus)
}

/// Lays out its area; a bare one has no side panel.
fn parts(bare: bool, area: Rect) -> Parts {
    let header = Rect { height: 1.min(area.height), ..area };
    let rest = super::pen::below(area, 1);
    let side = if bare || area.width < 80 + SIDE { 0 } else { SIDE };
    Parts {
        header,
        terminal: Rect { width: rest.width - side, ..rest },
        side: Rect { x: rest.right() - side, width: side, ..rest },
    }
}

/// Draws the focused agent; returns where the terminal's cursor stands, if it shows.
pub fn draw(
    store: &Store,
    focus: &Focus,
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let parts = parts(focus.zoom || focus.split, area);
    let agent = store.agent(&focus.agent);
    header(agent, focus, parts.side.width > 0, ui, theme, parts.header, buffer);
    if parts.side.width > 0
        && let Some(agent) = agent
    {
        side(store, agent, ui, theme, parts.side, buffer);
    }
    screen(focus, theme, parts.terminal, buffer)
}

fn header(
    agent: Option<&AgentInfo>,
    focus: &Focus,
    side: bool,
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    fill(buffer, area, theme.surface.patch(theme.bar));
    let Some(agent) = agent else {
        let mut pen = Pen::new(buffer, area, 0);
        pen.skip(1).put(focus.agent.as_str(), theme.strong).put("  gone", theme.muted);
        return;
    };
    // Beside a terminal that fills the screen nothing else says so.
    let bare = agent.is_unscoped() && !agent.state.is_final();
    let scope = if bare && !side { "scope: none" } else { "" };
    let (right, style) = stands(agent, focus, theme);
    let gaps = if scope.is_empty() { 1 } else { 3 };
    let width = (right.width() + scope.width() + gaps) as u16;
    let width = width.min(area.width);
    let place = Rect { x: area.right() - width, width, ..area };
    let mut pen = Pen::new(buffer, place, 0);
    pen.put(scope, theme.error).skip(gaps - 1).put(&right, style);
    // Two blanks part it from what is cut before it.
    let left = Rect { width: area.width.saturating_sub(width + 2), ..area };
    let mut pen = Pen::new(buffer, left, 0);
    pen.skip(1);
    let style = theme.state(agent.state);
    pen.put(&agent.name, theme.strong).skip(1);
    pen.put(words::glyph(agent.state, ui.unicode), style).skip(1).put(agent.state.word(), style);
    let why = words::why(agent);
    if !why.is_empty() {
        pen.put(": ", style).put(&why, style);
    }
    let dot = if ui.unicode { " · " } else { " - " };
    pen.skip(2).put(&agent.adapter, theme.muted);
    if !agent.model.is_empty() {
        pen.put(dot, theme.faint).put(&agent.model, theme.muted);
    }
    if let Some(item) = agent.item.as_deref().filter(|item| !item.is_empty()) {
        pen.put(dot, theme.faint).put(item.lines().next().unwrap_or(""), theme.muted);
    }
}

/// How the attachment stands, at the right of the header.
fn stands(agent: &AgentInfo, focus: &Focus, theme: &Theme) -> (String, Style) {
    match &focus.stage {
        Stage::Attaching => ("attaching".to_owned(), theme.muted),
        Stage::Live => match focus.mode {
            FocusMode::Scroll => (format!("scrolled back {}", focus.scrolled()), theme.muted),
            FocusMode::Typing | FocusMode::Prefix => {
                (format!("{}  attempt {}", agent.cost(), agent.attempt), theme.muted)
            }
        },
        Stage::Ended(Some(exit)) => (format!("ended: {exit}"), theme.muted),
        Stage::Ended(None) => ("ended".to_owned(), theme.muted),
        Stage::Failed(why) => (why.clone(), theme.warn),
    }
}

/// Labels whose text may take more than a line.
const LONG: [&str; 8] = ["WHY", "ASKS", "TASK", "ITEM", "RESULT", "ERROR", "SCOPE", "CWD"];

fn side(store: &Store, agent: &AgentInfo, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let rule = if ui.unicode { "│" } else { "|" };
    for row in 0..area.height {
        Pen::new(buffer, area, row).put(rule, theme.border);
    }
    let inside = Rect { x: area.x + 2, width: area.width - 3, ..area };
    let mut row = 0;
    let mut line = |label: &str, text: &str, style: Style| {
        let most = if LONG.contains(&label) { 4 } else { 1 };
        for (at, part) in wrap(text, usize::from(inside.width).saturating_sub(9), most).enumerate()
        {
            let mut pen = Pen::new(buffer, inside, row);
            pen.column(if at == 0 { label } else { "" }, 9, theme.heading).put(part, style);
            row += 1;
        }
    };
    let since = ui.now.ms_since(agent.since);
    let state = format!("{} for {}", agent.state, words::age(since));
    line(
        "STATE",
        if agent.state.is_final() { agent.state.word() } else { &state },
        theme.state(agent.state),
    );
    let why = words::why(agent);
    line("WHY", &why, theme.text);
    if let Some(open) = store.asked_by(&agent.id).filter(|_| !agent.state.is_final()) {
        line("ASKS", &open.question.text(), theme.waiting);
        line("", &open.id.to_string(), theme.faint);
    }
    if let Some(exit) = agent.exit {
        line("EXIT", &exit.to_string(), theme.text);
    }
    let (said, style) = match agent.state {
        AgentState::Failed | AgentState::Lost => ("ERROR", theme.error),
        _ => ("RESULT", theme.text),
    };
    if agent.state.is_final() && !agent.last_line.starts_with(&why) {
        line(said, &agent.last_line, style);
    }
    line("", " ", theme.text);
    let tokens = &agent.tokens;
    line("COST", &agent.cost(), theme.money);
    if let Some(history) = store.history(&agent.id) {
        let spark = words::spark(&history.tokens(ui.now, 20), ui.unicode);
        line("BURN", &spark, theme.spark_high);
        let rate = history.cost_per_minute(ui.now);
        line("", &format!("{rate}/min"), theme.muted);
    }
    let flow = format!("{} in, {} out", words::count(tokens.input), words::count(tokens.output));
    line("TOKENS", &flow, theme.text);
    if tokens.cache_read + tokens.cache_write > 0 {
        let read = words::count(tokens.cache_read);
        let cache = format!("{read} read, {} written", words::count(tokens.cache_write));
        line("CACHE", &cache, theme.muted);
    }
    let simulated = agent.provider == "simulated";
    line("PROVIDER", &agent.provider, if simulated { theme.notice } else { theme.text });
    line("", " ", theme.text);
    let scope = if agent.is_unscoped() { theme.error } else { theme.text };
    line("SCOPE", &agent.scope, scope);
    line("CWD", &agent.cwd.to_string_lossy(), theme.muted);
    line("BRANCH", agent.branch.as_deref().unwrap_or(""), theme.muted);
    line("ATTEMPT", &agent.attempt.to_string(), theme.text);
    if let Some(pid) = agent.pid {
        line("PID", &pid.to_string(), theme.muted);
    }
    line("", " ", theme.text);
    let item = agent.item.as_deref().unwrap_or("");
    if let Some(swarm) = store.swarm(&agent.swarm) {
        line("SWARM", &swarm.name, theme.text);
        let task = swarm.task.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
        line("TASK", &task.replace("{item}", item), theme.text);
    }
    line("ITEM", item.lines().next().unwrap_or(""), theme.muted);
}

fn screen(focus: &Focus, theme: &Theme, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let Some(screen) = &focus.screen else {
        let words = match &focus.stage {
            Stage::Attaching => "Attaching to its terminal.",
            Stage::Live => "It has not printed anything yet.",
            Stage::Ended(_) => "It has ended.",
            Stage::Failed(why) => why,
        };
        Pen::new(buffer, area, 1).skip(2).put(words, theme.muted);
        return None;
    };
    let cursor = terminal::draw(screen, theme, area, buffer);
    if focus.mode != FocusMode::Scroll {
        return cursor;
    }
    looking(focus, screen, theme, area, buffer)
}

/// The selection over the cells, and where the cursor of looking back stands.
fn looking(
    focus: &Focus,
    screen: &Screen,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let (columns, rows) = screen.size();
    let first = terminal::first_row(screen, area.height);
    let mut cursor = None;
    for row in 0..(rows - first).min(area.height) {
        let up = screen.scrollback() + usize::from(rows - 1 - first - row);
        for column in 0..columns.min(area.width) {
            if focus.copy.covers(up, column) {
                let cell = &mut buffer[(area.x + column, area.y + row)];
                cell.set_style(theme.selection.add_modifier(Modifier::REVERSED));
            }
        }
        if up == focus.copy.at.up {
            let column = focus.copy.at.column.min(area.width.saturating_sub(1));
            cursor = Some(Position::new(area.x + column, area.y + row));
        }
    }
    cursor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_wrapped_between_words() {
        let lines = |text| wrap(text, 10, 3).collect::<Vec<_>>();
        assert_eq!(lines("fix the parser now"), ["fix the ", "parser now"]);
        assert_eq!(lines("漢字漢字漢字漢字"), ["漢字漢字漢", "字漢字"]);
        assert_eq!(lines("a b c d e f g h i j k l m n o p").len(), 3);
        assert!(lines("").is_empty());
        assert_eq!(wrap("漢字", 1, 3).collect::<Vec<_>>(), ["漢字"]);
    }
}
