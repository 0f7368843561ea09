//! What accounts will come to, and what was spent by day and by item.

use super::*;

const DOLLAR: i64 = 1_000_000;
const HOUR: i64 = 3_600_000_000;

/// A queue of ten at two agents: each item costs a dollar in five calls, a second apart.
fn half_way(budget: &str, items: usize, over: usize) -> Bench {
    let mut bench = Bench::default();
    bench.create(SwarmSpec { budget: Some(budget.to_owned()), ..queue(items) }, 2);
    for n in 0..over {
        let launched = bench.launches();
        let attempt = launched.first().cloned().unwrap_or_else(|| panic!("none at {n}"));
        bench.effects.extend(
            launched.iter().skip(1).map(|it| Effect::Launch { attempt: it.as_str().into() }),
        );
        bench.started(&attempt, 1);
        for _ in 0..5 {
            pay(&mut bench, &attempt, DOLLAR / 5);
        }
        bench.ended(&attempt, Outcome::Done);
    }
    bench
}

fn pay(bench: &mut Bench, attempt: &str, cost: i64) {
    bench
        .feed(Input::ModelCall {
            attempt: attempt.into(),
            provider: "p".to_owned(),
            model: "m".to_owned(),
            status: 200,
            tokens: Tokens { input: 10, output: 10, ..Tokens::default() },
            cost: Micros(cost),
            priced: true,
            duration_ms: 1,
            reservation: None,
            estimated: false,
            notional: false,
        })
        .unwrap();
}

fn reserve(bench: &mut Bench, attempt: &str, amount: i64) {
    let sum = Micros(amount);
    let bound = Ok(Bound { least: sum, usual: sum, most: sum });
    let wish = Wish {
        provider: "p".to_owned(),
        model: "m".to_owned(),
        bound,
        tokens: Err(String::new()),
        known: Budget::default(),
        notional: false,
    };
    let (attempt, wish) = (attempt.into(), Box::new(wish));
    bench.feed(Input::Reserve { attempt, wish, last: true }).unwrap();
}

fn told(bench: &Bench, id: &str) -> Option<Forecast> {
    forecasts(&bench.state, Stamp(bench.now)).remove(&id.parse::<AccountId>().unwrap())
}

#[test]
fn the_end_and_the_shortage_are_told_with_ways_out() {
    let bench = half_way("$7", 10, 4);
    let forecast = told(&bench, "sw-1").unwrap();
    assert!(forecast.estimated);
    let end = forecast.end_micros.unwrap().0;
    assert!((9 * DOLLAR..14 * DOLLAR).contains(&end), "{forecast:#?}");
    assert!(forecast.low_micros < forecast.end_micros, "{forecast:#?}");
    assert!(forecast.end_micros < forecast.high_micros, "{forecast:#?}");
    assert_eq!((forecast.items, forecast.items_ended), (10, 4));
    // $3 are left, at $0.20 in a little more than a second.
    assert!((3..=4).contains(&forecast.items_unfinished), "{forecast:#?}");
    let gone = forecast.exhausted_in_ms.unwrap();
    assert!((15_000..40_000).contains(&gone), "{forecast:#?}");
    assert!(forecast.ends_in_ms.unwrap() > gone, "{forecast:#?}");
    let [
        Choice::TopUp { micros, command, safe_micros: Some(safe), safe_command },
        Choice::CheaperModel { .. },
        Choice::Shrink { items, command: drop },
    ] = forecast.choices.as_slice()
    else {
        panic!("{forecast:#?}")
    };
    // What it takes as it looks, and what will do in nine of ten cases.
    let cents = |sum: i64| (sum + 9_999) / 10_000 * 10_000;
    assert_eq!(micros.0, cents(end - 7 * DOLLAR), "{forecast:#?}");
    assert_eq!(safe.0, cents(forecast.high_micros.unwrap().0 - 7 * DOLLAR), "{forecast:#?}");
    assert_eq!(*safe_command, Some(format!("dash budget top-up sw-1 {}", safe.plain())));
    assert!(micros < safe, "{forecast:#?}");
    assert_eq!(
        (command.as_str(), *items),
        (format!("dash budget top-up sw-1 {}", micros.plain()).as_str(), forecast.items_unfinished)
    );
    assert_eq!(*drop, format!("dash item drop --swarm sw-1 --last {items}"));
    // More than wait in the queue: to drop those would not do.
    let scarce = told(&half_way("$4.10", 10, 4), "sw-1").unwrap();
    assert!(scarce.items_unfinished > 4, "{scarce:#?}");
    let shrinks = |choice: &Choice| matches!(choice, Choice::Shrink { .. });
    assert!(!scarce.choices.iter().any(shrinks), "{scarce:#?}");
    let core = told(&bench, "core").unwrap();
    assert_eq!(core.end_micros, forecast.end_micros);
    assert_eq!(core.exhausted_in_ms, None, "it has no limit");
}

#[test]
fn enough_is_enough_and_nothing_is_made_up() {
    let bench = half_way("$100", 10, 4);
    let forecast = told(&bench, "sw-1").unwrap();
    assert_eq!((forecast.exhausted_in_ms, forecast.items_unfinished), (None, 0));
    assert_eq!(forecast.choices, []);
    assert!(told(&half_way("$6", 10, 0), "sw-1").is_none(), "nothing was spent");
    // A rate alone, until the first item is through.
    let mut bench = half_way("$2", 10, 0);
    let attempt = bench.launches().remove(0);
    bench.started(&attempt, 1);
    (0..6).for_each(|_| pay(&mut bench, &attempt, DOLLAR / 5));
    let forecast = told(&bench, "sw-1").unwrap();
    assert_eq!((forecast.end_micros, forecast.items_unfinished), (None, 0));
    assert!(forecast.exhausted_in_ms.is_some(), "{forecast:#?}");
    assert!(told(&bench, "ag-01").unwrap().rate_micros_per_minute.is_some());
    // Long after, the rate has gone with its window.
    bench.now += HOUR;
    assert_eq!(told(&bench, "sw-1").unwrap().rate_micros_per_minute, None);
    bench.ask(Command::StopSwarm { swarm: "sw-1".into() }).unwrap();
    let over = half_way("$100", 4, 4);
    assert!(told(&over, "sw-1").is_none(), "it is over");
}

#[test]
fn agents_have_their_part_of_what_is_left() {
    let mut bench = half_way("$100", 10, 4);
    let attempt = bench.launches().remove(0);
    bench.started(&attempt, 1);
    pay(&mut bench, &attempt, DOLLAR / 2);
    let swarm = told(&bench, "sw-1").unwrap();
    let rest = |id: &str| {
        let spent = bench.state.agents[id].account.spent.0;
        told(&bench, id).map_or(0, |forecast| forecast.end_micros.unwrap().0 - spent)
    };
    let all = swarm.end_micros.unwrap().0 - bench.state.swarms["sw-1"].account.spent.0;
    let parts = rest("ag-01") + rest("ag-02");
    assert!((parts - all).abs() < all / 2, "{parts} of {all}");
}

#[test]
fn costs_are_kept_by_day_attempt_item_and_parent() {
    let mut bench = half_way("$100", 4, 1);
    let rows = |bench: &Bench, by: &str| costs(&bench.state, by).unwrap();
    let of = |row: &CostRow| (row.id.clone(), row.calls, row.cost_micros.0);
    assert_eq!(of(&rows(&bench, "attempt")[0]), ("ag-01-1".to_owned(), 5, DOLLAR));
    let item = &rows(&bench, "item")[0];
    assert_eq!((of(item), item.name.as_str()), (("sw-1#1".to_owned(), 5, DOLLAR), "item 0"));
    assert_eq!(of(&rows(&bench, "parent")[0]), ("sw-1".to_owned(), 5, DOLLAR));
    assert_eq!(of(&rows(&bench, "day")[0]), ("1970-01-01".to_owned(), 5, DOLLAR));
    bench.now += 24 * HOUR;
    let attempt = bench.launches().remove(0);
    bench.started(&attempt, 1);
    pay(&mut bench, &attempt, 7);
    let days: Vec<_> = rows(&bench, "day").iter().map(of).collect();
    assert_eq!(days[1], ("1970-01-02".to_owned(), 1, 7));
    for by in BY {
        let sum: i64 = rows(&bench, by).iter().map(|row| row.cost_micros.0).sum();
        assert_eq!(sum, DOLLAR + 7, "{by}");
    }
    let text = serde_json::to_string(&bench.state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&text).unwrap(), bench.state, "as a snapshot");
}

#[test]
fn who_stands_still_for_want_of_money_finishes_nothing() {
    // Nothing is through, and nothing was spent: there is no rate, and all is said all the same.
    let mut bench = Bench::default();
    bench.create(SwarmSpec { budget: Some("$0.10".to_owned()), ..queue(5) }, 2);
    let launched = bench.launches();
    for attempt in &launched {
        bench.started(attempt, 1);
        reserve(&mut bench, attempt, DOLLAR / 4);
        bench.ended(attempt, Outcome::Failed);
    }
    let forecast = told(&bench, "sw-1").unwrap();
    assert_eq!((forecast.items_unfinished, forecast.exhausted_in_ms), (5, Some(0)));
    assert_eq!(
        forecast.line().unwrap(),
        "estimated: too little is left for a call; 5 of 5 items will not finish"
    );
    // A call for each at least, and what of a limit pays for no call.
    let Choice::TopUp { micros, .. } = forecast.choices[0] else { panic!("{forecast:#?}") };
    assert_eq!(micros, Micros(5 * DOLLAR / 4 - DOLLAR / 10 + DOLLAR / 4), "{forecast:#?}");
    assert_eq!(forecast.choices.len(), 1, "what stands still does not finish by dropping others");
    assert_eq!(told(&bench, "ag-01").unwrap().items_unfinished, 1);
    let account = accounts(&bench.state).into_iter().find(|it| it.id.to_string() == "sw-1");
    assert_eq!(account.unwrap().state, "short", "nothing of it is spent");
    // The core's own account limits nothing, and is told of.
    let core = told(&bench, "core").unwrap();
    assert_eq!((core.items_unfinished, core.exhausted_in_ms), (5, None));

    // Some are through: the rest by the estimate, and one call more than that.
    let mut bench = half_way("$5", 10, 4);
    for attempt in bench.launches() {
        bench.started(&attempt, 1);
        reserve(&mut bench, &attempt, 2 * DOLLAR);
        bench.ended(&attempt, Outcome::Failed);
    }
    let forecast = told(&bench, "sw-1").unwrap();
    assert_eq!((forecast.items, forecast.items_unfinished), (10, 6));
    let Choice::TopUp { micros, safe_micros, .. } = forecast.choices[0] else {
        panic!("{forecast:#?}")
    };
    let (end, high) = (forecast.end_micros.unwrap().0, forecast.high_micros.unwrap().0);
    assert!((end - 5 * DOLLAR + DOLLAR..high - 3 * DOLLAR).contains(&micros.0), "{forecast:#?}");
    assert!((high - 5 * DOLLAR + 2 * DOLLAR..).contains(&safe_micros.unwrap().0), "{forecast:#?}");
}

/// Equal items: at a quarter there is nothing that one could not know.
#[test]
fn a_quarter_of_equal_items_tells_the_end() {
    let bench = half_way("$100", 20, 5);
    let end = told(&bench, "sw-1").unwrap().end_micros.unwrap().0;
    assert!((18 * DOLLAR..22 * DOLLAR).contains(&end), "{end}");
    // The same with items at work: what they have cost is part of what they will.
    let mut bench = half_way("$100", 20, 4);
    for attempt in bench.launches() {
        bench.started(&attempt, 1);
        (0..2).for_each(|_| pay(&mut bench, &attempt, DOLLAR / 5));
    }
    let forecast = told(&bench, "sw-1").unwrap();
    let end = forecast.end_micros.unwrap().0;
    assert!((18 * DOLLAR..22 * DOLLAR).contains(&end), "{forecast:#?}");
}

/// A call leaves only where there is as much as it could cost: enough for all that will be spent
/// is not enough for the last call.
#[test]
fn the_last_call_needs_more_than_it_will_cost() {
    let finish = |budget: &str, call: i64| {
        let mut bench = half_way(budget, 10, 8);
        let attempt = bench.launches().remove(0);
        bench.started(&attempt, 1);
        reserve(&mut bench, &attempt, call);
        told(&bench, "sw-1").unwrap()
    };
    let enough = finish("$10.50", DOLLAR / 5);
    assert_eq!((enough.items_unfinished, enough.choices), (0, vec![]));
    let stops = finish("$10.50", 3 * DOLLAR / 2);
    assert_eq!(stops.items_unfinished, 1, "{stops:#?}");
    let Choice::TopUp { micros, .. } = stops.choices[0] else { panic!("{stops:#?}") };
    // $10 are spent in the end, $9.80 before the last call, which has to have $1.50.
    assert!((700_000..1_300_000).contains(&micros.0), "{stops:#?}");
}

#[test]
fn tokens_are_foreseen_where_they_are_limited() {
    let bench = half_way("450-tokens", 10, 4);
    let forecast = told(&bench, "sw-1").unwrap();
    // 100 tokens an item: four are through, and what is left pays for none.
    assert!(forecast.items_unfinished >= 4, "{forecast:#?}");
    let tokens = |choice: &Choice| matches!(choice, Choice::TopUpTokens { .. });
    assert!(forecast.choices.iter().any(tokens), "{forecast:#?}");
    let Some(Choice::TopUpTokens { tokens, command, .. }) =
        forecast.choices.iter().find(|it| tokens(it))
    else {
        panic!()
    };
    assert_eq!(*command, format!("dash budget top-up sw-1 {}k-tokens", tokens / 1000));
}
