//! The inbox: a card for each question that waits, whole, so that nobody approves what was
//! not to be seen; where a screen is too low for that, it says so.

use super::{
    overlay::panel,
    pen::{Pen, clean, fit, wrap},
    words,
};
use crate::model::{AgentState, Approval, Question};
use crate::store::Store;
use crate::tui::{
    theme::Theme,
    ui::{Inbox, Ui},
};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use unicode_width::UnicodeWidthStr;

/// Columns before a card's text, and of the names before its lines.
const INDENT: u16 = 3;
const LABEL: usize = 12;

/// A line of a card, below its heading.
struct Line {
    label: &'static str,
    text: String,
    style: Style,
}

pub fn draw(store: &Store, inbox: &Inbox, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let rule = if ui.unicode { "─" } else { "-" };
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(rule, theme.border).put(" inbox ", theme.heading);
    let left = pen.left();
    pen.put(&rule.repeat(left), theme.border);
    let area = Rect { y: area.y + 1, height: area.height - 1, ..area };
    if store.approvals().len() == 0 {
        Pen::new(buffer, area, 1).skip(2).put("Nothing waits for an answer.", theme.strong);
        let text = "Questions of agents come here: commands and addresses that a rule asks about.";
        Pen::new(buffer, area, 2).skip(2).put(text, theme.muted);
        return;
    }
    let cards: Vec<(&Approval, Vec<Line>)> =
        store.approvals().map(|open| (open, lines(store, open, theme, area.width))).collect();
    let chosen = cards.iter().position(|(open, _)| inbox.cursor.as_ref() == Some(&open.id));
    let mut row = 0;
    for (open, lines) in &cards[first(&cards, chosen, area.height)..] {
        if row >= area.height {
            break;
        }
        let at = Rect { y: area.y + row, height: area.height - row, ..area };
        let is_chosen = inbox.cursor.as_ref() == Some(&open.id);
        card(store, open, lines, is_chosen, ui, theme, at, buffer);
        row += height(lines);
    }
}

/// Heading, lines, and a blank.
fn height(lines: &[Line]) -> u16 {
    u16::try_from(lines.len() + 2).unwrap_or(u16::MAX)
}

/// The first card to show, so that the chosen one fits below it.
fn first(cards: &[(&Approval, Vec<Line>)], chosen: Option<usize>, room: u16) -> usize {
    let Some(chosen) = chosen else { return 0 };
    let mut used = height(&cards[chosen].1).saturating_sub(1);
    let mut first = chosen;
    while let Some((_, lines)) = first.checked_sub(1).and_then(|before| cards.get(before)) {
        used = used.saturating_add(height(lines));
        if used > room {
            break;
        }
        first -= 1;
    }
    first
}

fn lines(store: &Store, open: &Approval, theme: &Theme, width: u16) -> Vec<Line> {
    let width = usize::from(width.saturating_sub(INDENT + 1));
    let mut all = Vec::new();
    let mut add = |label: &'static str, text: &str, style: Style| {
        let room = if label.is_empty() { width } else { width.saturating_sub(LABEL) };
        for (at, line) in text.lines().enumerate() {
            for (part, line) in wrap(&clean(line), room.max(1), usize::MAX).enumerate() {
                let label = match (label, at + part) {
                    ("", _) => "",
                    (label, 0) => label,
                    (_, _) => " ",
                };
                all.push(Line { label, text: line.to_owned(), style });
            }
        }
    };
    add("", &open.question.text(), theme.strong);
    add("why asked", &open.why, theme.text);
    if let Question::Command { cwd, .. } = &open.question {
        add("in", &cwd.to_string_lossy(), theme.muted);
    }
    if open.needs > 1 {
        let by = if open.answers.is_empty() { String::new() } else { format!(": {}", open.by()) };
        let text = format!("{} of {} users{by}", open.answers.len(), open.needs);
        add("approved by", &text, theme.waiting);
    }
    if let Question::Prompt { answerable: false, .. } = open.question {
        add("answer", "in its terminal: its adapter does not say how", theme.warn);
    }
    let last = store.agent(&open.agent).map_or("", |agent| &agent.last_line);
    add("last words", &fit(last, width.saturating_sub(LABEL)), theme.muted);
    all
}

#[expect(clippy::too_many_arguments)]
fn card(
    store: &Store,
    open: &Approval,
    lines: &[Line],
    chosen: bool,
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let agent = store.agent(&open.agent).map_or(open.agent.as_str(), |agent| &agent.name);
    let does = match open.question {
        Question::Command { .. } => "wants to run a command",
        Question::Network { .. } => "wants to reach an address",
        Question::Prompt { .. } => "asks for permission",
        Question::Escalation { .. } => "needs help",
        Question::Branch { .. } => "may spawn no more: its branch is held",
    };
    let bar = if ui.unicode { "▌" } else { ">" };
    let narrow = area.width < 60;
    let left = match open.expires_at {
        Some(at) if narrow => format!("{} left ", words::age(at.ms_since(ui.now))),
        Some(at) => format!("{} left, then denied ", words::age(at.ms_since(ui.now))),
        None => format!("waits {} ", words::age(ui.now.ms_since(open.asked_at))),
    };
    // How long is left is never what is cut.
    let width = u16::try_from(open.id.as_str().width() + 2 + left.width())
        .unwrap_or(u16::MAX)
        .min(area.width);
    let right = Rect { x: area.right() - width, width, ..area };
    let mut pen = Pen::new(buffer, right, 0);
    pen.put(open.id.as_str(), theme.faint).skip(2).put(&left, theme.waiting);
    let head = Rect { width: area.width.saturating_sub(width + 1), ..area };
    let mut pen = Pen::new(buffer, head, 0);
    pen.column(if chosen { bar } else { "" }, 1, theme.accent).skip(1);
    pen.put(words::glyph(AgentState::Waiting, ui.unicode), theme.waiting).skip(1);
    pen.put(agent, theme.strong).skip(1);
    // Names are anybody's, ids the core's.
    if agent != open.agent.as_str() {
        pen.put(open.agent.as_str(), theme.muted).skip(1);
    }
    if let Some(swarm) = store.swarm(&open.swarm).filter(|_| !narrow) {
        pen.put("of ", theme.muted).put(&swarm.name, theme.text).skip(1);
    }
    pen.put(does, theme.text);
    let room = usize::from(area.height.saturating_sub(1));
    // One too long for the screen says so, in place of its last line.
    let cut = chosen && lines.len() > room;
    let shown = if cut { room.saturating_sub(1) } else { room };
    for (row, line) in (1..).zip(lines.iter().take(shown)) {
        let mut pen = Pen::new(buffer, area, row);
        pen.column(if chosen { bar } else { "" }, 1, theme.accent).skip(usize::from(INDENT) - 1);
        if !line.label.is_empty() {
            pen.column(line.label, LABEL, theme.heading);
        }
        pen.put(&line.text, line.style);
    }
    if cut && room > 0 {
        let text = format!("{} more lines: dash inbox --json", lines.len() - shown);
        let row = u16::try_from(room).unwrap_or(u16::MAX);
        Pen::new(buffer, area, row).skip(usize::from(INDENT)).put(&text, theme.error);
    }
}

/// For how long an approval is to stand.
pub fn remember(open: &Approval, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let subject = open.question.subject().map(|subject| subject.to_string()).unwrap_or_default();
    let choices = [
        ("1", "once".to_owned()),
        ("2", format!("for this agent, {}", open.agent)),
        ("3", format!("for this swarm, {}", open.swarm)),
        ("4", "always, whoever asks".to_owned()),
    ];
    let width = (subject.width().max(36) + 6).min(usize::from(area.width)) as u16;
    let parts: Vec<&str> =
        wrap(&subject, usize::from(width.saturating_sub(4)).max(1), usize::MAX).collect();
    let tall = u16::try_from(parts.len() + choices.len() + 3).unwrap_or(u16::MAX);
    let inside = panel("approve", (width, tall), ui, theme, area, buffer);
    // The choices stay in sight, whatever the length of the question.
    let room = usize::from(inside.height).saturating_sub(choices.len() + 1);
    let mut row = 0;
    let shown = if parts.len() > room { room.saturating_sub(1) } else { parts.len() };
    for part in &parts[..shown] {
        Pen::new(buffer, inside, row).put(part, theme.strong);
        row += 1;
    }
    if shown < parts.len() && room > 0 {
        let text = format!("{} more lines: dash inbox --json", parts.len() - shown);
        Pen::new(buffer, inside, row).put(&text, theme.error);
        row += 1;
    }
    row += 1;
    for (key, text) in &choices {
        Pen::new(buffer, inside, row).put(key, theme.key).skip(2).put(text, theme.text);
        row += 1;
    }
}
