//! The ledger: what may be set aside, what is spent, and who waits for money.

use super::super::ledger::above;
use super::*;
use proptest::{
    prelude::{Just, ProptestConfig, any, prop_assert_eq, prop_oneof, proptest},
    strategy::Strategy as _,
};

const DOLLAR: i64 = 1_000_000;

fn bound(least: i64, usual: i64, most: i64) -> Result<Bound, String> {
    Ok(Bound { least: Micros(least), usual: Micros(usual), most: Micros(most) })
}

fn flat(amount: i64) -> Result<Bound, String> {
    bound(amount, amount, amount)
}

fn more(micros: i64) -> BudgetChange {
    BudgetChange::TopUp(Budget::of_dollars(Micros(micros)))
}

fn none() -> BudgetChange {
    BudgetChange::Only(Budget::default())
}

fn tokens(least: u64, most: u64) -> Result<Bound<u64>, String> {
    Ok(Bound { least, usual: least + (most - least) / 3, most })
}

fn budget(sum: &str) -> SwarmSpec {
    SwarmSpec { budget: Some(sum.to_owned()), ..spec() }
}

impl Bench {
    fn reserve(&mut self, attempt: &str, bound: Result<Bound, String>, last: bool) -> Leave {
        self.reserve_both(attempt, bound, Err("nobody asked".to_owned()), last)
    }

    fn reserve_both(
        &mut self,
        attempt: &str,
        bound: Result<Bound, String>,
        tokens: Result<Bound<u64>, String>,
        last: bool,
    ) -> Leave {
        let (provider, model) = ("p".to_owned(), "m".to_owned());
        let known = Budget { dollars: Some(Micros(11)), tokens: Some(5) };
        let wish = Box::new(Wish { provider, model, bound, tokens, known, notional: false });
        match self.feed(Input::Reserve { attempt: attempt.into(), wish, last }).unwrap() {
            Some(Reply::Leave(leave)) => leave,
            other => panic!("{other:?}"),
        }
    }

    fn given(&mut self, attempt: &str, amount: i64) -> u64 {
        match self.reserve(attempt, flat(amount), true) {
            Leave::Reserved(given) => {
                assert_eq!(given.amount, Some(Micros(amount)));
                given.number
            }
            other => panic!("{other:?}"),
        }
    }

    fn settle_call(&mut self, attempt: &str, reservation: Option<u64>, cost: i64) {
        self.settle_both(attempt, reservation, cost, 3, false);
    }

    fn settle_both(
        &mut self,
        attempt: &str,
        reservation: Option<u64>,
        cost: i64,
        tokens: u64,
        estimated: bool,
    ) {
        let call = Input::ModelCall {
            attempt: attempt.into(),
            provider: "p".to_owned(),
            model: "m".to_owned(),
            status: 200,
            tokens: Tokens { input: tokens, ..Tokens::default() },
            cost: Micros(cost),
            priced: true,
            duration_ms: 1,
            reservation,
            estimated,
            notional: false,
        };
        self.feed(call).unwrap();
    }

    fn account(&self, id: &str) -> AccountInfo {
        let id: AccountId = id.parse().unwrap();
        accounts(&self.state).into_iter().find(|account| account.id == id).unwrap()
    }

    fn figures(&self, id: &str) -> (i64, i64) {
        let account = self.account(id);
        (account.spent_micros.0, account.reserved_micros.0)
    }

    fn set(&mut self, account: &str, change: BudgetChange) -> Result<Option<Reply>, Refusal> {
        self.ask(Command::SetBudget { account: account.parse().unwrap(), change })
    }

    fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.journal.iter().filter(|record| is(&record.event)).count()
    }

    /// A swarm whose agents run.
    fn running(&mut self, spec: SwarmSpec, agents: usize) {
        self.create(spec, agents);
        for launched in self.launches() {
            self.started(&launched, 1);
        }
    }
}

#[test]
fn without_a_limit_a_call_leaves_whatever_it_costs_and_all_is_counted() {
    let mut bench = Bench::default();
    bench.running(spec(), 1);
    // The whole of it is set aside, since nothing shortens its answer.
    let wish = bench.reserve_both("ag-01-1", bound(5, 6, 1_000), tokens(3, 400), false);
    let Leave::Reserved(given) = wish else { panic!("{wish:?}") };
    assert_eq!((given.amount, given.tokens), (Some(Micros(1_000)), Some(400)));
    for account in ["ag-01", "sw-1", "core"] {
        assert_eq!(bench.figures(account), (0, 1_000), "{account}");
        assert_eq!(bench.account(account).reserved_tokens, 400);
    }
    let free = |event: &Event| matches!(event, Event::CallReserved { free: true, .. });
    assert_eq!(bench.count(free), 1, "it need not outlive the machine");
    bench.settle_call("ag-01-1", Some(given.number), 7);
    for account in ["ag-01", "sw-1", "core"] {
        assert_eq!(bench.figures(account), (7, 0), "{account}");
    }
    let rows = costs(&bench.state, "model").unwrap();
    assert_eq!((rows[0].id.as_str(), rows[0].calls, rows[0].cost_micros), ("p/m", 1, Micros(7)));
    assert!(costs(&bench.state, "weather").is_none());
}

#[test]
fn every_account_above_is_debited_and_the_tightest_decides() {
    let mut bench = Bench::default();
    bench.running(SwarmSpec { agent_budget: Some("$1".to_owned()), ..budget("$1.50") }, 2);
    let first = bench.given("ag-01-1", DOLLAR);
    assert_eq!(bench.figures("ag-01"), (0, DOLLAR));
    assert_eq!(bench.figures("sw-1"), (0, DOLLAR));
    assert_eq!(bench.figures("core"), (0, DOLLAR));
    // Its own account has enough, its swarm's has not until the other settles.
    assert_eq!(bench.reserve("ag-02-1", flat(600_000), false), Leave::Later);
    bench.settle_call("ag-01-1", Some(first), 100_000);
    assert_eq!(bench.figures("sw-1"), (100_000, 0));
    let second = bench.given("ag-02-1", 600_000);
    bench.settle_call("ag-02-1", Some(second), 600_000);
    assert_eq!(bench.figures("core"), (700_000, 0));
}

#[test]
fn long_answers_do_not_take_it_all_from_the_others() {
    let mut bench = Bench::default();
    bench.running(budget("$1"), 1);
    let take = |bench: &mut Bench, wish| match bench.reserve("ag-01-1", wish, true) {
        Leave::Reserved(given) => (given.number, given.amount.unwrap().0),
        other => panic!("{other:?}"),
    };
    // What is small beside what is left is had in full, what is not only as far as usual.
    let small = take(&mut bench, bound(10, 20, 200_000));
    assert_eq!(small.1, 200_000);
    let large = take(&mut bench, bound(10, 300_000, 1_600_000));
    assert_eq!(large.1, 300_000);
    let quarter = take(&mut bench, bound(10, 20, 1_600_000));
    assert_eq!(quarter.1, 125_000);
    let rest = take(&mut bench, bound(10, 900_000, 900_000));
    assert_eq!(rest.1, 375_000, "to the last micro-dollar");
    assert_eq!(bench.account("sw-1").left_micros, Some(Micros(0)));
}

#[test]
fn what_does_not_fit_is_refused_and_its_agent_waits_for_money() {
    let mut bench = Bench::default();
    bench.running(budget("$1"), 2);
    let Leave::Refused { message } = bench.reserve("ag-01-1", flat(2 * DOLLAR), false) else {
        panic!("nobody is waited for where nothing is set aside")
    };
    assert!(
        message.contains("the budget of sw-1 is too small for this call: $1.00 of $1.00 is left"),
        "{message}"
    );
    assert_eq!(bench.agent("ag-01").state, AgentState::Paused);
    assert_eq!(bench.agent("ag-01").reason, "budget");
    bench.ended("ag-01-1", Outcome::Failed);
    bench.ended("ag-02-1", Outcome::Done);
    let agent = bench.agent("ag-01");
    assert_eq!((agent.state, agent.items_failed), (AgentState::Paused, 0));
    let result = bench.state.attempts["ag-01-1"].result.clone().unwrap();
    assert_eq!(result.stop_reason, "budget");
    let swarm = swarm_info(&bench.state, &"sw-1".into()).unwrap();
    assert_eq!((swarm.state, swarm.reason.as_str()), (SwarmState::Paused, "budget"));
    assert_eq!(bench.launches(), [] as [&str; 0]);

    bench.set("sw-1", more(4 * DOLLAR)).unwrap();
    assert_eq!(bench.launches(), ["ag-01-2"], "its item again");
    assert_eq!(bench.state.attempts["ag-01-2"].index, 1);
    bench.started("ag-01-2", 1);
    let given = bench.given("ag-01-2", 2 * DOLLAR);
    bench.settle_call("ag-01-2", Some(given), DOLLAR);
    bench.ended("ag-01-2", Outcome::Done);
    let swarm = swarm_info(&bench.state, &"sw-1".into()).unwrap();
    assert_eq!((swarm.state, swarm.items.done), (SwarmState::Done, 2));
}

#[test]
fn who_stands_on_its_screen_is_let_go_on_by_a_top_up() {
    let mut bench = Bench::default();
    let asked =
        AgentSpec { interactive: true, budget: Some("$1".to_owned()), ..AgentSpec::default() };
    let command = Command::SpawnAgent { spec: Box::new(asked) };
    let (by, crew) = (Actor::User("ann".to_owned()), vec![("pi".to_owned(), String::new())]);
    bench.feed(Input::Request { by, command, crew }).unwrap();
    bench.started("ag-01-1", 1);
    bench.effects.clear();
    assert!(matches!(bench.reserve("ag-01-1", flat(2 * DOLLAR), false), Leave::Refused { .. }));
    assert_eq!(bench.agent("ag-01").state, AgentState::Paused);
    bench.set("sw-1", more(4 * DOLLAR)).unwrap();
    assert_ne!(bench.agent("ag-01").state, AgentState::Paused);
    assert_eq!(bench.launches(), [] as [&str; 0], "it stands there still");
    bench.ended("ag-01-1", Outcome::Done);
    assert_eq!(bench.agent("ag-01").state, AgentState::Done);
}

#[test]
fn a_call_that_comes_through_later_leaves_no_mark() {
    let mut bench = Bench::default();
    bench.running(budget("$1"), 1);
    assert!(matches!(bench.reserve("ag-01-1", flat(2 * DOLLAR), true), Leave::Refused { .. }));
    let given = bench.given("ag-01-1", 10);
    bench.settle_call("ag-01-1", Some(given), 10);
    bench.ended("ag-01-1", Outcome::Failed);
    assert_eq!(bench.agent("ag-01").state, AgentState::Failed, "it failed for itself");
}

#[test]
fn what_waits_for_money_can_be_stopped() {
    let mut bench = Bench::default();
    bench.running(budget("$1"), 1);
    bench.reserve("ag-01-1", flat(2 * DOLLAR), true);
    bench.ended("ag-01-1", Outcome::Failed);
    bench.ask(Command::StopSwarm { swarm: "sw-1".into() }).unwrap();
    let swarm = swarm_info(&bench.state, &"sw-1".into()).unwrap();
    assert!(swarm.state.is_final(), "{swarm:?}");
    assert_eq!(bench.agent("ag-01").state, AgentState::Stopped);
    bench.set("sw-1", more(DOLLAR)).unwrap();
    assert_eq!(bench.launches(), [] as [&str; 0]);
}

#[test]
fn nothing_begins_where_nothing_is_left() {
    let mut bench = Bench::default();
    bench.running(SwarmSpec { budget: Some("$1".to_owned()), ..queue(3) }, 1);
    let given = bench.given("ag-01-1", DOLLAR);
    bench.settle_call("ag-01-1", Some(given), DOLLAR);
    bench.ended("ag-01-1", Outcome::Done);
    assert_eq!(bench.launches(), [] as [&str; 0]);
    assert_eq!(
        (bench.agent("ag-01").state, bench.agent("ag-01").reason.as_str()),
        (AgentState::Queued, "budget")
    );
    assert_eq!(swarm_info(&bench.state, &"sw-1".into()).unwrap().state, SwarmState::Paused);
    bench.set("sw-1", none()).unwrap();
    assert_eq!(bench.launches(), ["ag-01-2"]);
}

#[test]
fn an_unknown_price_is_refused_under_a_budget_only() {
    let mut bench = Bench::default();
    bench.running(budget("$1"), 1);
    let wish = Err("no price of \"x\" is known".to_owned());
    let Leave::Refused { message } = bench.reserve("ag-01-1", wish, true) else { panic!() };
    assert!(message.contains("no price of \"x\" is known (sw-1 has a budget)"), "{message}");
    // It is nobody's to say that it is open.
    assert_eq!(bench.account("sw-1").state, "blocked");
    bench.set("sw-1", none()).unwrap();
    assert_eq!(bench.account("sw-1").state, "open");
}

/// An agent that was refused takes its time to end: what comes meanwhile is not lost on it.
#[test]
fn what_comes_before_the_end_of_the_refused_counts() {
    let unpriced = || Err("no price of \"m\" is known".to_owned());
    let refused = |wish: Result<Bound, String>| {
        let mut bench = Bench::default();
        bench.running(budget("$1"), 1);
        assert!(matches!(bench.reserve("ag-01-1", wish, true), Leave::Refused { .. }));
        bench
    };
    let mut short = refused(flat(2 * DOLLAR));
    short.set("sw-1", more(4 * DOLLAR)).unwrap();
    let mut blocked = refused(unpriced());
    blocked.feed(Input::PricesChanged).unwrap();
    for mut bench in [short, blocked] {
        bench.ended("ag-01-1", Outcome::Failed);
        assert_eq!(bench.launches(), ["ag-01-2"], "{:?}", bench.agent("ag-01"));
    }
    // Too little of it is as nothing.
    let mut short = refused(flat(2 * DOLLAR));
    short.set("sw-1", more(DOLLAR / 2)).unwrap();
    short.ended("ag-01-1", Outcome::Failed);
    assert_eq!(short.launches(), [] as [&str; 0]);
}

#[test]
fn who_waits_for_a_price_goes_on_when_prices_change() {
    let mut bench = Bench::default();
    bench.running(budget("$1"), 2);
    let unpriced = || Err("no price of \"m\" is known".to_owned());
    bench.reserve("ag-01-1", unpriced(), true);
    bench.reserve("ag-02-1", flat(2 * DOLLAR), true);
    bench.ended("ag-01-1", Outcome::Failed);
    bench.ended("ag-02-1", Outcome::Failed);
    let stands = |bench: &Bench, id: &str| {
        let agent = bench.agent(id);
        (agent.state, agent.reason.clone())
    };
    assert_eq!(stands(&bench, "ag-01"), (AgentState::Paused, "no price for m".to_owned()));
    assert_eq!(stands(&bench, "ag-02"), (AgentState::Paused, "budget".to_owned()));
    let result = bench.state.attempts["ag-01-1"].result.clone().unwrap();
    assert_eq!((result.outcome, result.stop_reason.as_str()), (Outcome::Paused, "price"));
    let swarm = swarm_info(&bench.state, &"sw-1".into()).unwrap();
    assert_eq!(swarm.reason, "budget", "money would help one of them");
    assert_eq!(unpriced_models(&bench.state), ["m"]);
    bench.feed(Input::PricesChanged).unwrap();
    assert_eq!(bench.launches(), ["ag-01-2"], "money is what the other one lacks");
    bench.started("ag-01-2", 1);
    // It says its last word without a price, and nobody who waits for none hears of one.
    let given = bench.given("ag-01-2", 10);
    bench.settle_call("ag-01-2", Some(given), 10);
    bench.ended("ag-01-2", Outcome::Done);
    let events = bench.journal.len();
    bench.feed(Input::PricesChanged).unwrap();
    assert_eq!(bench.journal.len(), events);
}

#[test]
fn one_that_ends_for_a_refusal_is_paused_whatever_small_call_came_after() {
    let mut bench = Bench::default();
    bench.running(budget("$1"), 1);
    assert!(matches!(bench.reserve("ag-01-1", flat(2 * DOLLAR), true), Leave::Refused { .. }));
    let given = bench.given("ag-01-1", 10);
    bench.settle_call("ag-01-1", Some(given), 10);
    let result = AttemptResult { stop_reason: "budget".to_owned(), ..result(Outcome::Failed) };
    let (attempt, result) = ("ag-01-1".into(), Box::new(result));
    bench.feed(Input::Ended { attempt, n: 9, bytes: 0, exit: None, result }).unwrap();
    let agent = bench.agent("ag-01");
    assert_eq!((agent.state, agent.reason.as_str()), (AgentState::Paused, "budget"));
    bench.set("sw-1", more(4 * DOLLAR)).unwrap();
    assert_eq!(bench.launches(), ["ag-01-2"]);
}

#[test]
fn who_waits_for_money_is_told_what_it_takes_and_not_to_stop() {
    let mut bench = Bench::default();
    bench.running(budget("$1"), 1);
    bench.reserve("ag-01-1", flat(2 * DOLLAR), true);
    bench.ended("ag-01-1", Outcome::Failed);
    let retry = Command::RetryAgent { agent: "ag-01".into(), model: None };
    let refused = bench.ask(retry).unwrap_err();
    assert_eq!(refused.hint.as_deref(), Some("dash budget top-up sw-1 1"), "{refused:?}");
    let info = agent_info(&bench.state, &"ag-01".into()).unwrap();
    assert_eq!(info.way_on, refused.hint);
    assert!(info.last_line.contains("too small for this call"), "{}", info.last_line);
}

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
    let command = Command::SetBudget { account: AccountId::Swarm("sw-1".into()), change };
    let own = bench.feed(Input::Request { by, command, crew: Vec::new() }).unwrap_err();
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

#[test]
fn each_mark_is_said_once() {
    let mut bench = Bench::default();
    bench.running(budget("$1"), 1);
    for (cost, said) in [(700_000, 0), (60_000, 1), (10_000, 1), (150_000, 2), (80_000, 3)] {
        let given = bench.given("ag-01-1", cost);
        bench.settle_call("ag-01-1", Some(given), cost);
        assert_eq!(bench.count(|event| matches!(event, Event::BudgetWarned { .. })), said);
    }
    assert_eq!(bench.account("sw-1").state, "exhausted");
    bench.set("sw-1", more(DOLLAR)).unwrap();
    assert_eq!(bench.account("sw-1").state, "open");
}

#[test]
fn what_a_dead_core_had_set_aside_is_charged() {
    let mut bench = Bench::default();
    bench.running(budget("$1"), 1);
    bench.given("ag-01-1", 300_000);
    let start = Input::Start { epoch: 2, pid: 1, version: String::new() };
    bench.feed(start.clone()).unwrap();
    assert_eq!(bench.figures("sw-1"), (300_000, 0));
    assert_eq!(bench.agent("ag-01").cost, Micros(300_000));
    bench.feed(start).unwrap();
    assert_eq!(bench.figures("sw-1"), (300_000, 0), "once");
}

#[test]
fn a_swarm_that_is_removed_keeps_no_money() {
    let mut bench = Bench::default();
    bench.running(budget("$1"), 1);
    bench.given("ag-01-1", 300_000);
    bench.ended("ag-01-1", Outcome::Done);
    bench.ask(Command::RemoveSwarm { swarm: "sw-1".into() }).unwrap();
    assert_eq!(bench.figures("core"), (300_000, 0));
    assert!(bench.state.reservations.is_empty());
}

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

#[test]
fn what_waits_for_money_says_what_it_lacks() {
    let mut bench = Bench::default();
    bench.running(SwarmSpec { budget: Some("$1".to_owned()), ..queue(5) }, 2);
    let given = bench.given("ag-01-1", 900_000);
    bench.settle_call("ag-01-1", Some(given), 900_000);
    bench.reserve("ag-01-1", flat(200_000), true);
    assert_eq!(bench.account("sw-1").state, "short");
    bench.ended("ag-01-1", Outcome::Failed);
    bench.ended("ag-02-1", Outcome::Done);
    let said = |bench: &Bench, id: &str| {
        let explained = explanation(&bench.state, &id.into(), Stamp(bench.now)).unwrap();
        explained.signals[0].signal.detail.clone()
    };
    let told = said(&bench, "ag-01");
    assert!(
        told.contains("sw-1 has $0.1000 of $1.00 left, and its next call needs at least $0.2000"),
        "{told}"
    );
    // Enough for another to begin with: it takes what is left, and the next one cannot begin.
    bench.started("ag-02-2", 1);
    let given = bench.given("ag-02-2", 100_000);
    bench.settle_call("ag-02-2", Some(given), 100_000);
    bench.ended("ag-02-2", Outcome::Done);
    assert_eq!(bench.agent("ag-02").state, AgentState::Queued);
    let explained = explanation(&bench.state, &"ag-02".into(), Stamp(bench.now)).unwrap();
    let first = &explained.signals[0];
    assert!(first.decided, "{explained:#?}");
    assert_eq!(first.signal.detail, "the budget of sw-1 is spent: $0 of $1.00 is left");
}

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Reserve {
        agent: u8,
        least: i64,
        more: i64,
        tokens: u64,
        /// Of what nobody can say how much it takes.
        open: Option<Coin>,
    },
    /// A limit is set or lifted, in either coin.
    Limit {
        account: u8,
        dollars: Option<i64>,
        tokens: Option<u64>,
    },
    /// Of the open reservations, the `which`-th: settled with a part of it, in percent.
    Settle {
        which: u8,
        part: i64,
        estimated: bool,
    },
    Spawn {
        agent: u8,
        budget: Option<i64>,
        tokens: Option<u64>,
    },
    End {
        agent: u8,
        done: bool,
    },
    TopUp {
        account: u8,
        more: i64,
    },
    Crash,
}

fn steps() -> impl proptest::strategy::Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (any::<u8>(), 1..300_000i64, 0..900_000i64, 1..40_000u64, open_coin())
            .prop_map(|(agent, least, more, tokens, open)| {
                Step::Reserve { agent, least, more, tokens, open }
            }),
        2 => (
            any::<u8>(),
            proptest::option::of(0..3_000_000i64),
            proptest::option::of(0..200_000u64),
        )
            .prop_map(|(account, dollars, tokens)| Step::Limit { account, dollars, tokens }),
        8 => (any::<u8>(), 0..=100i64, any::<bool>())
            .prop_map(|(which, part, estimated)| Step::Settle { which, part, estimated }),
        2 => (any::<u8>(), proptest::option::of(0..2_000_000i64), proptest::option::of(0..90_000u64))
            .prop_map(|(agent, budget, tokens)| Step::Spawn { agent, budget, tokens }),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(agent, done)| Step::End { agent, done }),
        1 => (any::<u8>(), 0..1_000_000i64)
            .prop_map(|(account, more)| Step::TopUp { account, more }),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..80)
}

/// Seldom a coin.
fn open_coin() -> impl proptest::strategy::Strategy<Value = Option<Coin>> {
    prop_oneof![8 => Just(None), 1 => Just(Some(Coin::Dollars)), 1 => Just(Some(Coin::Tokens))]
}

/// At every node: spent + reserved <= limit, and reserved is the sum of what is open below.
fn sound(state: &State) {
    let mut open: std::collections::BTreeMap<AccountId, (i64, u64)> = Default::default();
    for reserved in state.reservations.values() {
        let agent = &state.agents[&state.attempts[&reserved.attempt].agent];
        for id in above(state, agent) {
            let limits = super::super::ledger::account(state, &id).unwrap().budget();
            let sum = open.entry(id).or_default();
            sum.0 += reserved.amount.0;
            sum.1 += reserved.tokens;
            for coin in &reserved.unbounded {
                assert_eq!(limits.get(*coin), None, "{} could exceed it", reserved.attempt);
            }
        }
    }
    for account in accounts(state) {
        let reserved = open.get(&account.id).copied().unwrap_or_default();
        let shown = (account.reserved_micros.0, account.reserved_tokens);
        assert_eq!(shown, reserved, "{}", account.id);
        if let Some(left) = account.left_micros {
            assert!(left >= Micros::ZERO, "{account:?}");
        }
        if let Some(limit) = account.limit_tokens {
            assert!(account.spent_tokens + account.reserved_tokens <= limit, "{account:?}");
        }
    }
    let spent: i64 = state.agents.values().map(|agent| agent.cost.0).sum();
    assert_eq!(state.account.spent.0, spent);
}

fn play(bench: &mut Bench, step: Step, epoch: &mut u64) {
    let live: Vec<String> = bench.state.live_attempts().map(|it| it.id.to_string()).collect();
    let pick = |n: u8| live.get(usize::from(n) % live.len().max(1)).cloned();
    match step {
        Step::Reserve { agent, least, more, tokens: count, open } => {
            let Some(attempt) = pick(agent) else { return };
            let (mut dollars, mut count) =
                (bound(least, least + more / 3, least + more), tokens(count / 3 + 1, count + 1));
            match open {
                Some(Coin::Dollars) => dollars = Err("no price".to_owned()),
                Some(Coin::Tokens) => count = Err("a document".to_owned()),
                None => {}
            }
            bench.reserve_both(&attempt, dollars, count, true);
        }
        Step::Limit { account, dollars, tokens } => {
            let all = accounts(&bench.state);
            let id = all[usize::from(account) % all.len()].id.clone();
            let limits = Budget { dollars: dollars.map(Micros), tokens };
            // It may be less than is spent and set aside.
            let _ = bench.set(&id.to_string(), BudgetChange::Only(limits));
        }
        Step::Settle { which, part, estimated } => {
            let open: Vec<(u64, String, i64, u64)> = (bench.state.reservations.iter())
                .map(|(number, it)| (*number, it.attempt.to_string(), it.amount.0, it.tokens))
                .collect();
            let Some((number, attempt, amount, tokens)) =
                open.get(usize::from(which) % open.len().max(1))
            else {
                return;
            };
            let (cost, tokens) = (amount * part / 100, tokens * part.unsigned_abs() / 100);
            bench.settle_both(attempt, Some(*number), cost, tokens, estimated);
        }
        Step::Spawn { agent, budget, tokens } => {
            let Some(parent) = pick(agent) else { return };
            let parent = bench.state.attempts[parent.as_str()].agent.clone();
            let budget = Budget { dollars: budget.map(Micros), tokens };
            let budget = (budget != Budget::default()).then(|| {
                let dollars = budget.dollars.map(Micros::plain);
                let tokens = budget.tokens.map(|tokens| format!("{tokens}-tokens"));
                dollars.into_iter().chain(tokens).collect::<Vec<_>>().join(",")
            });
            let spec = AgentSpec { task: "t".to_owned(), budget, ..AgentSpec::default() };
            let command = Command::SpawnAgent { spec: Box::new(spec) };
            let crew = vec![("command".to_owned(), String::new())];
            // A cap may be reached.
            let _ = bench.feed(Input::Request { by: Actor::Agent(parent), command, crew });
        }
        Step::End { agent, done } => {
            let Some(attempt) = pick(agent) else { return };
            bench.ended(&attempt, if done { Outcome::Done } else { Outcome::Failed });
        }
        Step::TopUp { account, more } => {
            let all = accounts(&bench.state);
            let id = all[usize::from(account) % all.len()].id.clone();
            // It may have no limit.
            let _ =
                bench.set(&id.to_string(), BudgetChange::TopUp(Budget::of_dollars(Micros(more))));
            let tokens = more.unsigned_abs() / 50;
            let _ = bench.set(&id.to_string(), BudgetChange::TopUp(Budget::of_tokens(tokens)));
        }
        Step::Crash => {
            *epoch += 1;
            let (epoch, version) = (*epoch, String::new());
            bench.feed(Input::Start { epoch, pid: 1, version }).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_history_spends_more_than_it_may(
        steps in steps(),
        swarm in proptest::option::of(0..3_000_000i64),
        tokens in proptest::option::of(0..200_000u64),
    ) {
        let mut bench = Bench::default();
        let sum = swarm.map(|sum| format!("{}.{:06}", sum / DOLLAR, sum % DOLLAR));
        let parts = sum.into_iter().chain(tokens.map(|tokens| format!("{tokens}-tokens")));
        let sum = parts.collect::<Vec<_>>().join(",");
        // None at first, often: limits come while calls are in flight.
        let asked = match sum.is_empty() {
            true => spec(),
            false => SwarmSpec { agent_budget: Some("$1".to_owned()), ..budget(&sum) },
        };
        bench.running(asked, 3);
        let mut epoch = 1;
        for step in steps {
            play(&mut bench, step, &mut epoch);
            sound(&bench.state);
        }
        let mut again = State::default();
        bench.journal.iter().for_each(|record| apply(&mut again, record));
        prop_assert_eq!(again, bench.state);
    }
}
