//! The top line: which swarm, how its agents stand, what it costs; and the banner below it
//! while there is no core.

use super::{
    pen::{Pen, fill, fit},
    words,
};
use crate::model::{AgentState, Micros, SwarmInfo};
use crate::store::Store;
use crate::tui::{theme::Theme, ui::Ui};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use unicode_width::UnicodeWidthStr;

/// A piece of the line; those with the highest rank go first when room is short, those of
/// rank 0 never.
struct Piece {
    text: String,
    style: Style,
    rank: u8,
}

/// The rank of a name: it is cut rather than dropped.
const NAME: u8 = 1;
/// Columns below which that agents have no scope goes before what they cost.
const NARROW: usize = 50;
/// What is left of a name before other pieces go for its sake.
const LEAST_NAME: usize = 14;

pub fn draw(store: &Store, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    fill(buffer, area, theme.surface.patch(theme.bar));
    let width = usize::from(area.width);
    let mut left = left(store, ui, theme);
    let mut right = right(store, ui, theme, width < NARROW);
    let name = |pieces: &[Piece]| {
        pieces.iter().find(|piece| piece.rank == NAME).map_or(0, |piece| piece.text.width())
    };
    while total(&left) + total(&right) + 2 > width + name(&left).saturating_sub(LEAST_NAME) {
        let worst = left.iter().chain(&right).map(|piece| piece.rank).max().unwrap_or(0);
        if worst <= NAME {
            break;
        }
        left.retain(|piece| piece.rank < worst);
        right.retain(|piece| piece.rank < worst);
    }
    let others = total(&left) + total(&right) + 2 - name(&left);
    if let Some(piece) = left.iter_mut().find(|piece| piece.rank == NAME) {
        piece.text = fit(&piece.text, width.saturating_sub(others)).into_owned();
    }
    let start = width.saturating_sub(total(&right));
    let mut pen = Pen::new(buffer, area, 0);
    for piece in &left {
        pen.put(&piece.text, piece.style);
    }
    let gap = start.saturating_sub(width - pen.left());
    pen.skip(gap);
    for piece in &right {
        pen.put(&piece.text, piece.style);
    }
}

fn total(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| piece.text.width()).sum()
}

fn left(store: &Store, ui: &Ui, theme: &Theme) -> Vec<Piece> {
    let only = ui.grid.swarm.as_ref();
    let mut counts = [0u32; AgentState::ALL.len()];
    for agent in store.agents().filter(|agent| only.is_none_or(|swarm| agent.swarm == *swarm)) {
        counts[agent.state as usize] += 1;
    }
    let agents: u32 = counts.iter().sum();
    let name = match only.and_then(|id| store.swarm(id)) {
        Some(swarm) => swarm.name.clone(),
        None => match (store.swarms().len(), store.swarms().next()) {
            (1, Some(swarm)) => swarm.name.clone(),
            (0, _) => String::new(),
            (n, _) => format!("{n} swarms"),
        },
    };
    let piece = |text: String, style, rank| Piece { text, style, rank };
    let rank = if name.is_empty() { 0 } else { 3 };
    let mut pieces = vec![piece(" dash ".into(), theme.accent.bold(), rank)];
    if !ui.title.is_empty() {
        pieces.push(piece(format!(" {} ", ui.title), theme.notice, 5));
    }
    if name.is_empty() {
        return pieces;
    }
    let arrow = if ui.unicode { "▸" } else { ">" };
    let plural = if agents == 1 { "" } else { "s" };
    pieces.push(piece(format!(" {name}"), theme.strong, NAME));
    pieces.push(piece(format!(" {arrow} {agents} agent{plural}"), theme.muted, 6));
    if store.approvals().len() > 0 {
        pieces.push(piece(format!("  inbox {}", store.approvals().len()), theme.waiting, 0));
    }
    pieces.push(piece(" ".into(), theme.text, 5));
    for state in AgentState::ALL {
        let n = counts[state as usize];
        let always = matches!(
            state,
            AgentState::Working | AgentState::Waiting | AgentState::Done | AgentState::Failed
        );
        if n == 0 && !always {
            continue;
        }
        let style = if n == 0 { theme.faint } else { theme.state(state) };
        let text = format!("  {} {n}", words::glyph(state, ui.unicode));
        let rank = if n == 0 {
            9
        } else if always {
            0
        } else {
            5
        };
        pieces.push(piece(text, style, rank));
    }
    pieces
}

fn right(store: &Store, ui: &Ui, theme: &Theme, narrow: bool) -> Vec<Piece> {
    let piece = |text: String, style, rank| Piece { text, style, rank };
    let only = ui.grid.swarm.as_ref();
    let shown = || store.swarms().filter(|s| only.is_none_or(|id| s.id == *id));
    let mut pieces = Vec::new();
    let (mut cost, mut estimated) = (Micros::ZERO, Micros::ZERO);
    shown().for_each(|swarm| {
        cost += swarm.cost_micros;
        estimated += swarm.estimated_micros;
    });
    if shown().next().is_none() {
        return pieces;
    }
    pieces.push(piece(
        format!("  {}", cost.told(estimated)),
        theme.money,
        if narrow { 2 } else { 0 },
    ));
    let mut budgets = shown().filter_map(|swarm| swarm.budget_micros);
    if let (Some(budget), None) = (budgets.next(), budgets.next()) {
        pieces.push(piece(format!(" of {budget}"), theme.muted, 4));
    }
    let mut limits = shown().filter_map(|swarm| Some((swarm.tokens, swarm.budget_tokens?)));
    if let (Some((tokens, limit)), None) = (limits.next(), limits.next()) {
        let (used, limit) = (words::count(tokens.total()), words::count(limit));
        pieces.push(piece(format!("  {used} of {limit} tokens"), theme.muted, 4));
    }
    let points = store.total().tokens(ui.now, 12);
    if points.iter().any(|n| *n > 0) && only.is_none() {
        let spark = format!("  {}", words::spark(&points, ui.unicode));
        pieces.push(piece(spark, theme.spark_high, 8));
        let rate = store.total().cost_per_minute(ui.now);
        pieces.push(piece(format!("  {rate}/min"), theme.muted, 7));
    }
    let seen = || store.agents().filter(|agent| only.is_none_or(|id| agent.swarm == *id));
    let named = |simulated: bool| {
        seen().any(|a| !a.provider.is_empty() && (a.provider == "simulated") == simulated)
    };
    match (named(true), named(false)) {
        (true, false) => pieces.push(piece("  simulated".into(), theme.notice, 2)),
        (true, true) => pieces.push(piece("  partly simulated".into(), theme.notice, 2)),
        (false, _) => {}
    }
    let living = || seen().filter(|agent| !agent.state.is_final());
    let bare = living().filter(|agent| agent.is_unscoped()).count();
    // One that has no agents yet has a scope all the same.
    let begins = |swarm: &SwarmInfo| !swarm.state.is_final() && swarm.is_unscoped();
    if bare > 0 || shown().any(begins) {
        let all = bare == 0 || bare == living().count();
        let text = match (narrow, all) {
            (true, _) => "  no scope".to_owned(),
            (false, true) => "  scope: none".to_owned(),
            (false, false) => format!("  scope: none for {bare}"),
        };
        // Not to be overlooked: it stays where there is room for little else.
        pieces.push(piece(text, theme.error, 0));
    }
    pieces.push(piece(" ".into(), theme.text, 0));
    pieces
}

/// Says that the core is gone, and that Dash goes on trying.
pub fn banner(why: &str, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    fill(buffer, area, theme.banner);
    let sign = if ui.unicode { "▲" } else { "!" };
    let text = format!(" {sign} no core: {why}; connecting again. What is shown may be old.");
    Pen::new(buffer, area, 0).put(&text, theme.banner);
}
