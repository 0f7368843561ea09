//! Limits that change, also while calls are in flight.

use super::{money::*, *};

#[test]
fn limits_change_as_far_as_they_can() {
    let mut bench = Bench::default();
    bench.running(budget("$1"), 1);
    bench.given("ag-01-1", 400_000);
    let refused =
        bench.set("sw-1", BudgetChange::Limit(Budget::of_dollars(Micros(399_999)))).unwrap_err();
    assert_eq!(refused.code, RefusalCode::Conflict);
    bench.set("sw-1", BudgetChange::Limit(Budget::of_dollars(Micros(400_000)))).unwrap();
    assert_eq!(bench.account("sw-1").left_micros, Some(Micros(0)));
    let nothing = bench.set("ag-01", more(1)).unwrap_err();
    assert!(nothing.message.contains("no limit"), "{nothing:?}");
    assert_eq!(bench.set("sw-9", none()).unwrap_err().code, RefusalCode::NotFound);
    let by = Actor::Agent("ag-01".into());
    let change = none();
    let command =
        Command::SetBudget { account: AccountId::Swarm("sw-1".into()), change, seen: None };
    let own = bench.feed(Input::Request { by, command, crew: Vec::new(), once: None }).unwrap_err();
    assert_eq!(own.code, RefusalCode::Forbidden, "no agent raises its own");
}

#[test]
fn a_limit_that_comes_later_counts_what_is_in_flight() {
    let mut bench = Bench::default();
    bench.running(spec(), 2);
    let dollars = |sum| BudgetChange::Limit(Budget::of_dollars(Micros(sum)));
    let wish = bench.reserve_both("ag-01-1", flat(DOLLAR), tokens(900, 900), true);
    let Leave::Reserved(given) = wish else { panic!("{wish:?}") };
    for account in ["ag-01", "sw-1", "core"] {
        let refused = bench.set(account, dollars(DOLLAR - 1)).unwrap_err();
        assert_eq!(refused.code, RefusalCode::Conflict);
        assert!(refused.message.contains("$0 spent, $1.00 for calls that are"), "{refused:?}");
        let hint = refused.hint.unwrap();
        assert!(hint.contains(&format!("dash budget set {account} 1;")), "{hint}");
        let few = bench.set(account, BudgetChange::Limit(Budget::of_tokens(899))).unwrap_err();
        assert!(few.hint.unwrap().contains(" 900-tokens;"), "in tokens too");
    }
    bench.set("sw-1", dollars(DOLLAR)).unwrap();
    assert_eq!(bench.account("sw-1").left_micros, Some(Micros(0)));
    assert_eq!(bench.reserve("ag-02-1", flat(1), false), Leave::Later);
    // As dear as it could become, and nobody has gone over.
    bench.settle_both("ag-01-1", Some(given.number), DOLLAR, 900, false);
    assert_eq!(bench.figures("sw-1"), (DOLLAR, 0));
    assert!(matches!(bench.reserve("ag-02-1", flat(1), true), Leave::Refused { .. }));
}

#[test]
fn no_limit_is_set_that_a_call_in_flight_could_exceed() {
    let mut bench = Bench::default();
    bench.running(spec(), 1);
    let wish = bench.reserve_both("ag-01-1", Err("no price".to_owned()), tokens(9, 9), true);
    let Leave::Reserved(given) = wish else { panic!("{wish:?}") };
    assert_eq!((given.amount, given.tokens), (Some(Micros(11)), Some(9)), "as far as it is known");
    let dollars = BudgetChange::Limit(Budget::of_dollars(Micros(50 * DOLLAR)));
    let refused = bench.set("core", dollars).unwrap_err();
    assert!(refused.message.contains("ag-01-1 to m is in flight"), "{refused:?}");
    bench.set("core", BudgetChange::Limit(Budget::of_tokens(9))).unwrap();
    bench.settle_call("ag-01-1", Some(given.number), DOLLAR);
    bench.set("core", dollars).unwrap();
    assert_eq!(bench.figures("core"), (DOLLAR, 0));
}

#[test]
fn a_limit_in_one_coin_tells_what_may_be_spent_of_the_other() {
    let mut bench = Bench::default();
    bench.running(budget("1k-tokens"), 1);
    // 1 to 1,001 micro-dollars for 100 to 2,100 tokens.
    let wish = bench.reserve_both("ag-01-1", bound(1, 1, 1_001), tokens(100, 2_100), true);
    let Leave::Reserved(given) = wish else { panic!("{wish:?}") };
    let share = given.tokens.unwrap();
    assert!((100..=1_000).contains(&share), "{share}");
    let most = 1 + (1_000 * (share - 100)).div_ceil(2_000);
    assert_eq!(given.amount, Some(Micros(most as i64)));
    assert_eq!(bench.figures("sw-1"), (0, most as i64));
    // No usage comes: that is charged.
    bench.settle_both("ag-01-1", Some(given.number), most as i64, 0, true);
    for account in ["ag-01", "sw-1", "core"] {
        assert_eq!(bench.figures(account), (most as i64, 0));
        assert_eq!(bench.account(account).estimated_micros.0, most as i64);
    }
    assert_eq!(bench.account("sw-1").spent_tokens, share);
    for by in BY {
        let rows = costs(&bench.state, by).unwrap();
        let sums = (rows[0].cost_micros.0, rows[0].estimated_micros.0);
        assert_eq!(sums, (most as i64, most as i64), "{by}");
    }
    assert_eq!(bench.agent("ag-01").estimated.0, most as i64);
    let swarm = swarm_info(&bench.state, &"sw-1".into()).unwrap();
    assert_eq!(swarm.estimated_micros.0, most as i64);
}

#[test]
fn a_top_up_beyond_what_can_be_counted_is_refused() {
    let mut bench = Bench::default();
    bench.running(budget("$50,2M-tokens"), 1);
    let most: Budget = "9223372036854".parse().unwrap();
    let refused = bench.set("sw-1", BudgetChange::TopUp(most)).unwrap_err();
    assert!(refused.message.contains("more than can be counted"), "{refused:?}");
    let hint = refused.hint.unwrap();
    assert!(hint.contains("dash budget top-up sw-1 9223372036804.775807;"), "{hint}");
    let tokens = BudgetChange::TopUp(Budget::of_tokens(i64::MAX as u64));
    assert!(bench.set("sw-1", tokens).is_err());
    assert_eq!(bench.account("sw-1").limit_micros, Some(Micros(50 * DOLLAR)), "as it was");
    bench.set("sw-1", more(DOLLAR)).unwrap();
}
