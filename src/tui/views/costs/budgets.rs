//! Budgets: what is spent of each, the marks at which is warned, and where it will end.

use super::super::{
    pen::{Pen, below},
    words,
};
use crate::model::{AccountId, AccountInfo, Micros, WARN_AT};
use crate::store::{Money, Store};
use crate::tui::{theme::Theme, ui::Ui};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// Columns of a name, of what is spent of what, and of how full that is.
const NAME: usize = 17;
const SUMS: usize = 19;
const TOLD: usize = 15;
/// Below this a bar tells nothing.
const LEAST_BAR: usize = 14;

/// How much is said of each budget.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    Bar,
    Forecast,
    WaysOut,
}

/// Those with a limit, the fullest first, then the instance's own account. Of agents only
/// those that have a limit of their own.
fn shown(money: &Money) -> Vec<&AccountInfo> {
    let mut all: Vec<&AccountInfo> = money
        .accounts
        .iter()
        .filter(|account| !limits(account).is_empty() || account.id == AccountId::Core)
        .collect();
    all.sort_by(|a, b| b.percent.cmp(&a.percent).then_with(|| a.id.cmp(&b.id)));
    all
}

/// One limit of an account, in dollars or in tokens.
struct Limit {
    spent: i64,
    reserved: i64,
    limit: i64,
    /// Where it will end, if that is known.
    end: i64,
    words: [String; 2],
}

/// Those that an account has, dollars first.
fn limits(account: &AccountInfo) -> Vec<Limit> {
    let dollars = account.limit_micros.map(|limit| Limit {
        spent: account.spent_micros.0,
        reserved: account.reserved_micros.0,
        limit: limit.0,
        end: account.forecast.as_ref().and_then(|f| f.end_micros).map_or(0, |end| end.0),
        words: Micros::told_apart([account.spent_micros, limit]),
    });
    let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
    let tokens = account.limit_tokens.map(|limit| Limit {
        spent: count(account.spent_tokens),
        reserved: count(account.reserved_tokens),
        limit: count(limit),
        end: 0,
        words: [words::count(account.spent_tokens), format!("{} tokens", words::count(limit))],
    });
    dollars.into_iter().chain(tokens).collect()
}

impl Limit {
    fn percent(&self) -> u32 {
        match self.limit {
            ..=0 => 100,
            limit => {
                let percent = i128::from(self.spent.max(0)) * 100 / i128::from(limit);
                u32::try_from(percent).unwrap_or(u32::MAX)
            }
        }
    }
}

/// Rows that the bars of an account take.
fn bars(account: &AccountInfo) -> usize {
    limits(account).len().max(1)
}

/// Rows that all of them would take.
pub fn wanted(store: &Store) -> u16 {
    let Some(money) = store.money() else { return 1 };
    u16::try_from(taken(&shown(money), Detail::WaysOut)).unwrap_or(u16::MAX)
}

fn taken(all: &[&AccountInfo], detail: Detail) -> usize {
    all.iter().map(|account| lines(account, detail).len() + bars(account)).sum()
}

pub fn draw(money: &Money, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let all = shown(money);
    let room = usize::from(area.height);
    let fits = |detail: &Detail| taken(&all, *detail) <= room;
    let all_of_it = [Detail::WaysOut, Detail::Forecast].into_iter().find(fits);
    let detail = all_of_it.unwrap_or(Detail::Bar);
    let most = if taken(&all, detail) > room {
        let mut left = room.saturating_sub(1);
        let fit = all.iter().take_while(|account| {
            let fits = bars(account) <= left;
            left = left.saturating_sub(bars(account));
            fits
        });
        fit.count().max(1).min(all.len())
    } else {
        all.len()
    };
    let mut row = 0;
    for account in &all[..most] {
        let below = lines(account, detail);
        let height = (below.len() + bars(account)) as u16;
        let at = below_rows(area, row, height);
        account_rows(account, &below, ui, theme, at, buffer);
        row += height;
    }
    if most < all.len() && usize::from(row) < room {
        let text = format!("and {} more: dash budget show", all.len() - most);
        Pen::new(buffer, area, row).skip(2).put(&text, theme.faint);
    }
}

fn below_rows(area: Rect, row: u16, height: u16) -> Rect {
    let rest = below(area, row);
    Rect { height: rest.height.min(height), ..rest }
}

fn account_rows(
    account: &AccountInfo,
    lines: &[String],
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let name = if account.id == AccountId::Core { "all together" } else { &account.name };
    let narrow = area.width < 60;
    let (lead, wide) = if narrow { (1, 10) } else { (2, NAME) };
    let limits = limits(account);
    if limits.is_empty() {
        let mut pen = Pen::new(buffer, area, 0);
        pen.skip(lead).column(name, wide, theme.strong).skip(1);
        pen.put(&account.spent_micros.to_string(), theme.money).put(" no limit", theme.faint);
    }
    for (row, limit) in limits.iter().enumerate() {
        let mut pen = Pen::new(buffer, area, row as u16);
        // The word stands with the fuller one.
        let fullest = limits.iter().all(|other| other.percent() <= limit.percent());
        let told = told(account, limit, fullest);
        let style = level(account, limit, fullest, theme);
        pen.skip(lead).column(if row == 0 { name } else { "" }, wide, theme.strong).skip(1);
        if narrow {
            pen.put(&told, style).skip(1);
        }
        let [spent, limited] = &limit.words;
        pen.put(spent, theme.money).put(" of ", theme.muted).put(limited, theme.text);
        let from = lead + NAME + 1 + SUMS;
        let bar = usize::from(area.width).saturating_sub(from + TOLD + 2);
        if !narrow && bar >= LEAST_BAR {
            let gap = from.saturating_sub(usize::from(area.width) - pen.left());
            // Long sums take of the bar.
            let over = usize::from(gap == 0);
            pen.skip(gap + over);
            draw_bar(limit, style, bar - over, ui, theme, &mut pen);
        }
        if !narrow {
            pen.skip(1).put(&told, style);
        }
    }
    let urgent = account.forecast.as_ref().is_some_and(|f| f.exhausted_in_ms.is_some());
    let first = bars(account) as u16;
    for (row, text) in (first..).zip(lines) {
        let style = if urgent && row == first { theme.warn } else { theme.muted };
        Pen::new(buffer, area, row).skip(lead + wide + 1).put(text, style);
    }
}

/// What stands below the bar.
fn lines(account: &AccountInfo, detail: Detail) -> Vec<String> {
    let forecast = (detail >= Detail::Forecast).then(|| line(account)).flatten();
    let out = (detail >= Detail::WaysOut).then(|| ways_out(account)).flatten();
    forecast.into_iter().chain(out).collect()
}

/// How full, in a figure and a word.
fn told(account: &AccountInfo, limit: &Limit, fullest: bool) -> String {
    let percent = limit.percent();
    match account.state.as_str() {
        "open" => format!("{percent} %"),
        word if fullest => format!("{percent} % {word}"),
        _ => format!("{percent} %"),
    }
}

fn level(account: &AccountInfo, limit: &Limit, fullest: bool, theme: &Theme) -> Style {
    // It keeps an agent from its work, however little of it is spent.
    let stands = fullest && matches!(account.state.as_str(), "short" | "blocked");
    match limit.percent() {
        _ if stands => theme.error,
        0..75 => theme.ok,
        75..90 => theme.warn,
        _ => theme.error,
    }
}

/// Now and in the end.
fn line(account: &AccountInfo) -> Option<String> {
    let forecast = account.forecast.as_ref()?;
    let rate = forecast.rate_micros_per_minute.map(|rate| format!("now {rate}/min"));
    let ends = forecast.ends_in_ms.filter(|ms| *ms >= 1000 && forecast.exhausted_in_ms.is_none());
    let ends = ends.map(|ms| format!("done in about {}", words::age(ms)));
    // Said by the core in one voice with `dash budget show`.
    let parts: Vec<String> = [rate, forecast.line(), ends].into_iter().flatten().collect();
    if parts.is_empty() {
        Some("no forecast yet: no item is through".to_owned())
    } else {
        Some(parts.join("  "))
    }
}

/// What would let everything finish.
fn ways_out(account: &AccountInfo) -> Option<String> {
    let choices = &account.forecast.as_ref()?.choices;
    let words: Vec<String> = choices.iter().map(|choice| choice.words()).collect();
    (!words.is_empty()).then(|| format!("ways out: {}", words.join("  or  ")))
}

/// Spent, reserved, forecast and free, with the marks over all of it.
fn draw_bar(limit: &Limit, style: Style, width: usize, ui: &Ui, theme: &Theme, pen: &mut Pen) {
    let place = |sum: i64| {
        let part = i128::from(sum.max(0)) * width as i128 / i128::from(limit.limit.max(1));
        usize::try_from(part).unwrap_or(width).min(width)
    };
    let spent = place(limit.spent).max(usize::from(limit.spent > 0));
    let held = place(limit.spent.saturating_add(limit.reserved));
    let end = place(limit.end);
    let marks: Vec<usize> =
        WARN_AT.iter().map(|at| (width * usize::from(*at) / 100).saturating_sub(1)).collect();
    let [full, hold, will, free, mark] =
        if ui.unicode { ["━", "╍", "┄", "─", "┃"] } else { ["#", "=", "~", "-", "|"] };
    for at in 0..width {
        let (symbol, look) = if marks.contains(&at) {
            (mark, if at < spent { style } else { theme.muted })
        } else if at < spent {
            (full, style)
        } else if at < held {
            (hold, theme.spark_high)
        } else if at < end {
            (will, theme.notice)
        } else {
            (free, theme.border)
        };
        pen.put(symbol, look);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str, limit: Option<i64>, percent: Option<u32>) -> AccountInfo {
        AccountInfo {
            id: id.parse().unwrap(),
            name: id.into(),
            parent: None,
            limit_micros: limit.map(Micros),
            spent_micros: Micros(1),
            reserved_micros: Micros(0),
            left_micros: None,
            estimated_micros: Micros::ZERO,
            limit_tokens: None,
            spent_tokens: 0,
            reserved_tokens: 0,
            left_tokens: None,
            percent,
            state: "open".into(),
            why: String::new(),
            forecast: None,
        }
    }

    #[test]
    fn the_fullest_budget_comes_first() {
        let money = Money {
            accounts: vec![
                account("core", None, None),
                account("sw-1", Some(10), Some(10)),
                account("ag-01", None, None),
                account("sw-2", Some(10), Some(80)),
            ],
            ..Money::default()
        };
        let names: Vec<String> = shown(&money).iter().map(|a| a.id.to_string()).collect();
        assert_eq!(names, ["sw-2", "sw-1", "core"]);
    }
}
