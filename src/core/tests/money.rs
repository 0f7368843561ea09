//! The ledger: what may be set aside, what is spent, and who waits for money.

use super::*;

pub(super) const DOLLAR: i64 = 1_000_000;

pub(super) fn bound(least: i64, usual: i64, most: i64) -> Result<Bound, String> {
    Ok(Bound { least: Micros(least), usual: Micros(usual), most: Micros(most) })
}

pub(super) fn flat(amount: i64) -> Result<Bound, String> {
    bound(amount, amount, amount)
}

pub(super) fn more(micros: i64) -> BudgetChange {
    BudgetChange::TopUp(Budget::of_dollars(Micros(micros)))
}

pub(super) fn none() -> BudgetChange {
    BudgetChange::Only(Budget::default())
}

pub(super) fn tokens(least: u64, most: u64) -> Result<Bound<u64>, String> {
    Ok(Bound { least, usual: least + (most - least) / 3, most })
}

pub(super) fn budget(sum: &str) -> SwarmSpec {
    SwarmSpec { budget: Some(sum.to_owned()), ..spec() }
}

impl Bench {
    pub(super) fn reserve(
        &mut self,
        attempt: &str,
        bound: Result<Bound, String>,
        last: bool,
    ) -> Leave {
        self.reserve_both(attempt, bound, Err("nobody asked".to_owned()), last)
    }

    pub(super) fn reserve_both(
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

    pub(super) fn given(&mut self, attempt: &str, amount: i64) -> u64 {
        match self.reserve(attempt, flat(amount), true) {
            Leave::Reserved(given) => {
                assert_eq!(given.amount, Some(Micros(amount)));
                given.number
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn settle_call(&mut self, attempt: &str, reservation: Option<u64>, cost: i64) {
        self.settle_both(attempt, reservation, cost, 3, false);
    }

    pub(super) fn settle_both(
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

    pub(super) fn account(&self, id: &str) -> AccountInfo {
        let id: AccountId = id.parse().unwrap();
        accounts(&self.state).into_iter().find(|account| account.id == id).unwrap()
    }

    pub(super) fn figures(&self, id: &str) -> (i64, i64) {
        let account = self.account(id);
        (account.spent_micros.0, account.reserved_micros.0)
    }

    pub(super) fn set(
        &mut self,
        account: &str,
        change: BudgetChange,
    ) -> Result<Option<Reply>, Refusal> {
        self.ask(Command::SetBudget { account: account.parse().unwrap(), change, seen: None })
    }

    pub(super) fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.journal.iter().filter(|record| is(&record.event)).count()
    }

    /// A swarm whose agents run.
    pub(super) fn running(&mut self, spec: SwarmSpec, agents: usize) {
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
    bench.feed(Input::Request { by, command, crew, once: None }).unwrap();
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
