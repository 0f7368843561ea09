//! The costs, as they look and as keys move through them.

use super::{
    shots::{SIZES, named, shot},
    *,
};
use dash::{
    model::{AccountId, AccountInfo, Choice, CostRow, Forecast, Micros, Tokens},
    store::{By, Money},
    tui::link::Request,
};

fn row(by: By, id: &str, name: &str, cents: i64) -> CostRow {
    CostRow {
        by: by.word().into(),
        id: id.into(),
        name: name.into(),
        calls: cents as u64 * 3,
        tokens: Tokens {
            input: cents as u64 * 9_100,
            output: cents as u64 * 1_200,
            cache_read: cents as u64 * 400,
            ..Tokens::default()
        },
        cost_micros: Micros(cents * 10_000),
        notional_micros: Micros(0),
        estimated_micros: Micros(0),
        simulated: false,
    }
}

fn account(id: AccountId, name: &str, limit: Option<i64>, cents: i64) -> AccountInfo {
    let percent = limit.map(|limit| (cents * 100 / limit) as u32);
    let state = match percent.unwrap_or(0) {
        0..75 => "open",
        75..90 => "warning",
        90..100 => "critical",
        _ => "exhausted",
    };
    AccountInfo {
        id,
        name: name.into(),
        parent: None,
        limit_micros: limit.map(|cents| Micros(cents * 10_000)),
        spent_micros: Micros(cents * 10_000),
        reserved_micros: Micros(cents * 1_000),
        left_micros: None,
        estimated_micros: Micros::ZERO,
        limit_tokens: None,
        spent_tokens: 0,
        reserved_tokens: 0,
        left_tokens: None,
        percent,
        state: state.into(),
        why: String::new(),
        forecast: None,
    }
}

fn money(by: By) -> Money {
    let mut first = account(AccountId::Swarm("sw-1".into()), "refactor-auth", Some(400), 318);
    first.forecast = Some(Forecast {
        estimated: true,
        rate_micros_per_minute: Some(Micros(420_000)),
        end_micros: Some(Micros(12_100_000)),
        low_micros: Some(Micros(11_400_000)),
        high_micros: Some(Micros(12_900_000)),
        exhausted_in_ms: Some(117_000),
        items: 20,
        items_ended: 6,
        items_unfinished: 8,
        choices: vec![
            Choice::TopUp {
                micros: Micros(9_000_000),
                command: "dash budget top-up sw-1 9.00".into(),
                safe_micros: Some(Micros(10_500_000)),
                safe_command: Some("dash budget top-up sw-1 10.50".into()),
            },
            Choice::Shrink { items: 8, command: "dash item drop sw-1 --last 8".into() },
        ],
        ..Forecast::default()
    });
    let mut second = account(AccountId::Swarm("sw-2".into()), "port-the-docs", Some(5_000), 212);
    second.forecast = Some(Forecast {
        estimated: true,
        rate_micros_per_minute: Some(Micros(110_000)),
        end_micros: Some(Micros(26_100_000)),
        low_micros: Some(Micros(21_000_000)),
        high_micros: Some(Micros(31_000_000)),
        ends_in_ms: Some(840_000),
        ..Forecast::default()
    });
    let mut third = account(AccountId::Swarm("sw-3".into()), "triage", Some(100), 97);
    third.forecast = Some(Forecast { estimated: true, ..Forecast::default() });
    let accounts = vec![account(AccountId::Core, "core", None, 627), first, second, third];
    let rows = match by {
        By::Swarm => vec![
            row(by, "sw-1", "refactor-auth", 318),
            row(by, "sw-2", "port-the-docs", 212),
            row(by, "sw-3", "triage", 97),
        ],
        By::Model => vec![
            row(by, "simulated/haiku-4-5", "haiku-4-5", 410),
            row(by, "anthropic/claude-opus-4-5", "claude-opus-4-5", 217),
        ],
        By::Agent => (1..=20)
            .map(|n| {
                let id = dash::model::AgentId::numbered(n);
                row(by, id.as_str(), id.as_str(), 60 - n as i64)
            })
            .collect(),
    };
    Money { accounts, by, rows }
}

/// Opens the costs and answers what is asked, as a core would.
fn opened(size: (u16, u16)) -> App {
    let mut app = app(20, size);
    press(&mut app, "$");
    answer(&mut app, size, By::Swarm);
    app
}

fn answer(app: &mut App, size: (u16, u16), by: By) {
    frame(app, size);
    assert_eq!(app.take_requests(), [Request::Costs(by)]);
    app.message(Message::Costs(Ok(Box::new(money(by)))));
}

#[test]
fn the_costs_by_swarm_model_and_agent() {
    for size in SIZES {
        let mut app = app(20, size);
        press(&mut app, "$");
        shot(&named("costs-asked", size), &frame(&mut app, size));
        let mut app = opened(size);
        shot(&named("costs", size), &frame(&mut app, size));
        press(&mut app, "Tab j");
        answer(&mut app, size, By::Model);
        press(&mut app, "j v");
        shot(&named("costs-model", size), &frame(&mut app, size));
        press(&mut app, "Tab");
        answer(&mut app, size, By::Agent);
        press(&mut app, "G");
        shot(&named("costs-agent", size), &frame(&mut app, size));
    }
}

#[test]
fn small_and_odd_screens() {
    for size in [(40, 10), (24, 6), (60, 16)] {
        shot(&named("costs-small", size), &frame(&mut opened(size), size));
    }
    for width in (0..130).step_by(7) {
        for height in 0..24 {
            let mut app = app(20, (width, height));
            press(&mut app, "$");
            frame(&mut app, (width, height));
            app.message(Message::Costs(Ok(Box::new(money(By::Swarm)))));
            press(&mut app, "j j j G v");
            app.ui.unicode = height % 2 == 0;
            let shown = text(&frame(&mut app, (width, height)));
            let tiny = width < views::MIN_COLUMNS || height < views::MIN_ROWS;
            assert!(tiny || app.ui.unicode || shown.is_ascii(), "{shown}");
        }
    }
}

#[test]
fn marks_and_levels_show_without_colour() {
    let size = (120, 40);
    let mut app = opened(size);
    app.theme = Theme::built_in(Appearance::Dark).for_depth(Depth::None);
    let shown = text(&frame(&mut app, size));
    for word in ["79 % warning", "97 % critical", "exhausted in", "ways out: ", "┃"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let bar = shown.lines().find(|line| line.contains("97 %")).unwrap();
    assert_eq!(bar.matches('┃').count(), 3, "{bar}");
}

/// A limit in tokens is one as much as one in dollars, and what nobody pays is not left out.
#[test]
fn limits_in_tokens_and_sums_that_nobody_pays() {
    let size = (120, 40);
    let mut app = app(20, size);
    press(&mut app, "$");
    frame(&mut app, size);
    let mut money = money(By::Swarm);
    for (account, dollars) in money.accounts[1..3].iter_mut().zip([None, Some(Micros(4_000_000))]) {
        account.limit_micros = dollars;
        (account.limit_tokens, account.spent_tokens) = (Some(2_000_000), 1_600_000);
        (account.percent, account.state) = (Some(80), "warning".into());
    }
    money.accounts[3].state = "blocked".into();
    money.rows[0].notional_micros = Micros(7_770_000);
    app.message(Message::Costs(Ok(Box::new(money))));
    let shown = text(&frame(&mut app, size));
    let bars: Vec<&str> = shown.lines().filter(|line| line.contains("of 2.0M tokens")).collect();
    assert_eq!(bars.len(), 2, "{shown}");
    for bar in bars {
        assert!(bar.contains("1.6M of") && bar.contains("80 % warning"), "{bar}");
        assert_eq!(bar.matches('┃').count(), 3, "{bar}");
    }
    assert!(shown.contains("$2.12 of $4.00") && shown.contains("97 % blocked"), "{shown}");
    // By its swarm, and in the sum of all.
    assert_eq!(shown.matches("$7.77").count(), 2, "{shown}");
    assert!(shown.contains("NOTIONAL"), "{shown}");
}

#[test]
fn from_what_was_spent_to_who_spent_it() {
    let size = (120, 32);
    let mut app = opened(size);
    press(&mut app, "j Enter");
    assert_eq!(app.ui.grid.swarm.as_ref().map(|id| id.as_str()), Some("sw-1"));
    assert!(app.ui.costs.is_none());
    press(&mut app, "$ Tab");
    answer(&mut app, size, By::Model);
    press(&mut app, "j j Enter");
    assert_eq!(app.ui.grid.filter.text(), "model:claude-opus-4-5");
    press(&mut app, "Esc $ Tab Tab");
    answer(&mut app, size, By::Agent);
    press(&mut app, "j j j Enter");
    frame(&mut app, size);
    assert_eq!(app.ui.cursor.as_ref().unwrap().as_str(), "ag-03");
}

#[test]
fn the_ledger_is_asked_again_only_after_it_answered() {
    let size = (80, 24);
    let mut app = opened(size);
    let later = |app: &mut App, seconds: i64| {
        let area = Rect::new(0, 0, size.0, size.1);
        let now = dash::model::Stamp(world::NOW.0 + seconds * 1_000_000);
        app.draw(now, area, &mut Buffer::empty(area));
        app.take_requests()
    };
    app.message(Message::Server(world::snapshot(20)));
    assert_eq!(later(&mut app, 1), []);
    assert_eq!(later(&mut app, 2), [Request::Costs(By::Swarm)]);
    app.message(Message::Server(world::snapshot(20)));
    assert_eq!(later(&mut app, 5), []);
    app.message(Message::Costs(Err("it went away".into())));
    assert!(text(&frame(&mut app, size)).contains("the ledger does not answer"));
    assert_eq!(later(&mut app, 5), [Request::Costs(By::Swarm)]);
    // Rows stay where they are while the cursor is among them.
    press(&mut app, "j");
    let mut turned = money(By::Swarm);
    turned.rows.reverse();
    app.message(Message::Costs(Ok(Box::new(turned))));
    let shown = text(&frame(&mut app, size));
    let at = |name| shown.lines().collect::<Vec<_>>().iter().rposition(|line| line.contains(name));
    assert!(app.ui.costs.as_ref().unwrap().cursor.as_deref() == Some("sw-1"));
    assert!(at("refactor-auth") < at("triage"), "{shown}");
    press(&mut app, "Esc");
    assert_eq!(later(&mut app, 9), []);
}
