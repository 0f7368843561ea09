//! The inbox: a card for each question that waits, whole, so that nobody approves what was
//! not to be seen. One that a screen is too low for says so, and is read alone, line by line;
//! [`read`] is what the keys ask before they approve.

use super::{
    overlay::panel,
    pen::{Pen, below, clean, fit, wrap},
    words,
};
use crate::model::{AgentState, Approval, ApprovalId, Question};
use crate::store::Store;
use crate::tui::{
    theme::Theme,
    ui::{Inbox, Mode, Ui},
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
    if let Some((open, top)) = alone(store, inbox) {
        return whole(store, open, top, ui, theme, area, buffer);
    }
    let cards = cards(store, theme, area);
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

type Card<'a> = (&'a Approval, Vec<Line>);

fn cards<'a>(store: &'a Store, theme: &Theme, area: Rect) -> Vec<Card<'a>> {
    store.approvals().map(|open| (open, lines(store, open, theme, area.width))).collect()
}

/// The one that stands alone, and its first line shown.
fn alone<'a>(store: &'a Store, inbox: &Inbox) -> Option<(&'a Approval, usize)> {
    Some((store.approval(inbox.cursor.as_ref()?)?, inbox.reading?))
}

/// Lines that fit below a heading, above the line that says where one is.
fn room(area: Rect, lines: usize) -> usize {
    let room = usize::from(area.height.saturating_sub(1));
    if lines > room { room.saturating_sub(1) } else { room }
}

/// Where the questions stand on the screen, below the rule.
fn below_rule(ui: &Ui, area: Rect) -> Rect {
    below(super::layout(ui, area).middle(), 1)
}

/// How far the question that stands alone can be scrolled.
pub fn most(store: &Store, ui: &Ui, theme: &Theme, area: Rect) -> usize {
    let area = below_rule(ui, area);
    let Some((open, _)) = ui.inbox.as_ref().and_then(|inbox| alone(store, inbox)) else { return 0 };
    let lines = lines(store, open, theme, area.width).len();
    lines.saturating_sub(room(area, lines))
}

/// The chosen question, where its end is on the screen.
pub fn read(store: &Store, ui: &Ui, theme: &Theme, area: Rect) -> Option<ApprovalId> {
    let inbox = ui.inbox.as_ref().filter(|_| ui.focus.is_none() && ui.mode == Mode::Normal)?;
    if area.width < super::MIN_COLUMNS || area.height < super::MIN_ROWS {
        return None;
    }
    let area = below_rule(ui, area);
    if let Some((open, top)) = alone(store, inbox) {
        let lines = lines(store, open, theme, area.width).len();
        let fits = room(area, lines);
        return (fits > 0 && top + fits >= lines).then(|| open.id.clone());
    }
    let cards = cards(store, theme, area);
    let chosen = cards.iter().position(|(open, _)| inbox.cursor.as_ref() == Some(&open.id))?;
    let above = cards.get(first(&cards, Some(chosen), area.height)..chosen)?;
    let above = above.iter().fold(0_u16, |sum, (_, lines)| sum.saturating_add(height(lines)));
    let (open, lines) = cards.get(chosen)?;
    let left = usize::from(area.height.saturating_sub(above));
    (lines.len() < left).then(|| open.id.clone())
}

/// One question alone, from its line `top` on.
fn whole(
    store: &Store,
    open: &Approval,
    top: usize,
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let lines = lines(store, open, theme, area.width);
    let room = room(area, lines.len());
    let top = top.min(lines.len().saturating_sub(room));
    let shown = &lines[top..(top + room).min(lines.len())];
    let all = Rect { height: area.height.min(u16::try_from(shown.len() + 1).unwrap_or(0)), ..area };
    card(store, open, shown, true, ui, theme, all, buffer);
    if shown.len() < lines.len() {
        let last = top + shown.len();
        let more = match lines.len() - last {
            0 => "the end".to_owned(),
            n => format!("{n} more below"),
        };
        let text = format!("lines {} to {last} of {}: {more}", top + 1, lines.len());
        let style = if last < lines.len() { theme.error } else { theme.muted };
        let row = area.height.saturating_sub(1);
        Pen::new(buffer, area, row).skip(usize::from(INDENT)).put(&text, style);
    }
}

/// Heading, lines, and a blank.
fn height(lines: &[Line]) -> u16 {
    u16::try_from(lines.len() + 2).unwrap_or(u16::MAX)
}

/// The first card to show, so that the chosen one fits below it.
fn first(cards: &[Card<'_>], chosen: Option<usize>, room: u16) -> usize {
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
    match open.question {
        Question::Prompt { answerable: false, .. } => {
            add("answer", "in its terminal: its adapter does not say how", theme.warn);
        }
        _ => add("answer", &open.question.elsewhere(&open.agent).unwrap_or_default(), theme.warn),
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
        Question::Key { .. } => "waits for a key",
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
        let text = format!("{} more lines: read them before approving", lines.len() - shown);
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
