//! Limits in tokens, alone and beside those in dollars.

use super::{money::*, *};

#[test]
fn a_limit_in_tokens_holds_as_one_in_dollars_does() {
    let mut bench = Bench::default();
    bench.running(
        SwarmSpec { agent_budget: Some("600-tokens".to_owned()), ..budget("1k-tokens") },
        2,
    );
    let side = |bench: &Bench, id: &str| {
        let account = bench.account(id);
        (account.spent_tokens, account.reserved_tokens, account.left_tokens)
    };
    // No price is known, and none is needed.
    let unpriced = || Err("no price".to_owned());
    let take = |bench: &mut Bench, attempt: &str, amount| match bench.reserve_both(
        attempt,
        unpriced(),
        tokens(amount, amount),
        false,
    ) {
        Leave::Reserved(given) => {
            assert_eq!(given.tokens, Some(amount));
            Some(given.number)
        }
        Leave::Later => None,
        other => panic!("{other:?}"),
    };
    let first = take(&mut bench, "ag-01-1", 600);
    assert_eq!(side(&bench, "ag-01"), (0, 600, Some(0)));
    assert_eq!(side(&bench, "sw-1"), (0, 600, Some(400)));
    assert_eq!(side(&bench, "core"), (0, 600, None));
    assert_eq!(take(&mut bench, "ag-02-1", 500), None, "its swarm has 400 until the other settles");
    bench.settle_both("ag-01-1", first, 7, 90, false);
    assert_eq!(side(&bench, "sw-1"), (90, 0, Some(910)));
    // One whose usage never came is charged what was set aside, or what was seen of it.
    let second = take(&mut bench, "ag-02-1", 500);
    bench.settle_both("ag-02-1", second, 0, 20, true);
    assert_eq!(side(&bench, "ag-02"), (500, 0, Some(100)));
    assert_eq!(bench.figures("sw-1"), (7, 0), "dollars are counted beside");
    let wish = bench.reserve_both("ag-02-1", unpriced(), tokens(101, 4_000), false);
    let Leave::Refused { message } = wish else { panic!("{wish:?}") };
    assert_eq!(
        message,
        "the budget of ag-02 is too small for this call: 100 of 600 tokens is left, and this call \
         could take 101 tokens"
    );
    assert_eq!(bench.account("ag-02").state, "short", "at 83 %, and yet nothing fits");
    assert_eq!(bench.account("sw-1").state, "open");
    bench.ended("ag-02-1", Outcome::Failed);
    assert_eq!(bench.agent("ag-02").state, AgentState::Paused);
    let refused = bench.set("ag-02", more(5)).unwrap_err();
    assert!(refused.message.contains("no limit"), "{refused:?}");
    bench.set("ag-02", BudgetChange::TopUp(Budget::of_tokens(100))).unwrap();
    assert_eq!(bench.launches(), ["ag-02-2"]);
    assert_eq!(bench.account("ag-02").state, "open");
}

#[test]
fn what_nobody_pays_by_the_token_counts_in_tokens_alone() {
    let mut bench = Bench::default();
    bench.running(budget("$1,1k-tokens"), 1);
    let wish = |count| Wish {
        provider: "plan".to_owned(),
        model: "m".to_owned(),
        bound: flat(5 * DOLLAR),
        tokens: tokens(count, count),
        known: Budget::default(),
        notional: true,
    };
    let reserve = |bench: &mut Bench, count| {
        let (attempt, wish) = ("ag-01-1".into(), Box::new(wish(count)));
        bench.feed(Input::Reserve { attempt, wish, last: true }).unwrap()
    };
    let Some(Reply::Leave(Leave::Reserved(given))) = reserve(&mut bench, 600) else { panic!() };
    // What it would come to is known, and set aside of no account.
    assert_eq!((given.amount, given.tokens), (Some(Micros(5 * DOLLAR)), Some(600)));
    assert_eq!(bench.figures("sw-1"), (0, 0));
    let call = Input::ModelCall {
        attempt: "ag-01-1".into(),
        provider: "plan".to_owned(),
        model: "m".to_owned(),
        status: 200,
        tokens: Tokens { input: 500, ..Tokens::default() },
        cost: Micros(3 * DOLLAR),
        priced: true,
        duration_ms: 1,
        reservation: Some(given.number),
        estimated: false,
        notional: true,
    };
    bench.feed(call).unwrap();
    let account = bench.account("sw-1");
    assert_eq!((account.spent_micros, account.spent_tokens), (Micros(0), 500));
    for by in BY {
        let rows = costs(&bench.state, by).unwrap();
        let sums = (rows[0].cost_micros, rows[0].notional_micros.0);
        assert_eq!(sums, (Micros(0), 3 * DOLLAR), "{by}");
    }
    let swarm = swarm_info(&bench.state, &"sw-1".into()).unwrap();
    assert_eq!((swarm.cost_micros, swarm.notional_micros.0), (Micros(0), 3 * DOLLAR));
    let Some(Reply::Leave(Leave::Refused { message })) = reserve(&mut bench, 600) else { panic!() };
    assert!(message.contains("500 of 1000 tokens"), "{message}");
}

#[test]
fn an_account_says_that_its_dollars_hold_nothing_notional() {
    let mut bench = Bench::default();
    bench.running(budget("$1"), 1);
    let call = Input::ModelCall {
        attempt: "ag-01-1".into(),
        provider: "plan".to_owned(),
        model: "m".to_owned(),
        status: 200,
        tokens: Tokens { input: 500, ..Tokens::default() },
        cost: Micros(3 * DOLLAR),
        priced: true,
        duration_ms: 1,
        reservation: None,
        estimated: false,
        notional: true,
    };
    assert_eq!(bench.account("sw-1").why, "");
    bench.feed(call).unwrap();
    let why = bench.account("sw-1").why;
    assert!(why.starts_with("$3.00 beside it is notional"), "{why}");
    bench.set("sw-1", BudgetChange::Limit(Budget::of_tokens(2_000))).unwrap();
    assert_eq!(bench.account("sw-1").why, "");
}

#[test]
fn of_two_limits_each_holds() {
    let mut bench = Bench::default();
    bench.running(budget("$1,1k-tokens"), 1);
    let wish = |bench: &mut Bench, dollars, count| {
        bench.reserve_both("ag-01-1", flat(dollars), tokens(count, count), true)
    };
    let Leave::Refused { message } = wish(&mut bench, 10, 1_001) else { panic!() };
    assert!(message.contains("1000 of 1000 tokens"), "{message}");
    let Leave::Refused { message } = wish(&mut bench, 2 * DOLLAR, 10) else { panic!() };
    assert!(message.contains("$1.00 of $1.00"), "{message}");
    let Leave::Reserved(given) = wish(&mut bench, 400_000, 900) else { panic!() };
    assert_eq!((given.amount, given.tokens), (Some(Micros(400_000)), Some(900)));
    bench.settle_both("ag-01-1", Some(given.number), 400_000, 800, false);
    // The scarcer one is warned of; each is changed for itself.
    let account = bench.account("sw-1");
    assert_eq!((account.percent, account.state.as_str()), (Some(80), "warning"));
    let low = bench.set("sw-1", BudgetChange::Limit(Budget::of_tokens(799))).unwrap_err();
    assert!(low.message.contains("800 tokens of sw-1"), "{low:?}");
    bench.set("sw-1", BudgetChange::Limit(Budget::of_tokens(2_000))).unwrap();
    let account = bench.account("sw-1");
    assert_eq!((account.limit_micros, account.limit_tokens), (Some(Micros(DOLLAR)), Some(2_000)));
    bench.set("sw-1", BudgetChange::Only(Budget::of_tokens(3_000))).unwrap();
    let account = bench.account("sw-1");
    assert_eq!((account.limit_micros, account.limit_tokens), (None, Some(3_000)));
    bench.set("sw-1", none()).unwrap();
    assert_eq!(bench.account("sw-1").limit_tokens, None);
}
