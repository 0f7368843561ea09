//! Turns on an agent's own screen that its budget refused, and what becomes of them.

use super::{super::ledger::wanting, *};

const DOLLAR: i64 = 1_000_000;
const ATTEMPT: &str = "ag-01-1";

impl Bench {
    /// One on its own screen, with a dollar to spend, that works.
    fn on_screen() -> Self {
        let mut bench = Self::default();
        let asked =
            AgentSpec { interactive: true, budget: Some("$1".to_owned()), ..AgentSpec::default() };
        let command = Command::SpawnAgent { spec: Box::new(asked) };
        let (by, crew) = (Actor::User("ann".to_owned()), vec![("pi".to_owned(), String::new())]);
        bench.feed(Input::Request { by, command, crew, once: None }).unwrap();
        bench.started(ATTEMPT, 1);
        bench.says(AgentState::Working, "");
        bench.effects.clear();
        bench
    }

    fn says(&mut self, state: AgentState, reason: &str) {
        let (source, reason) = (Source::Hook, reason.to_owned());
        let signal = Signal { source, state, reason, detail: String::new(), progress: None };
        self.feed(Input::Signal { attempt: ATTEMPT.into(), signal }).unwrap();
    }

    fn asks_for(&mut self, micros: i64) -> Leave {
        let amount = Micros(micros);
        let bound = Ok(Bound { least: amount, usual: amount, most: amount });
        let (provider, model) = ("p".to_owned(), "m".to_owned());
        let tokens = Err("nobody asked".to_owned());
        let wish = Box::new(Wish {
            provider,
            model,
            bound,
            tokens,
            known: Budget::default(),
            notional: false,
        });
        match self.feed(Input::Reserve { attempt: ATTEMPT.into(), wish, last: true }).unwrap() {
            Some(Reply::Leave(leave)) => leave,
            other => panic!("{other:?}"),
        }
    }

    /// A turn whose call takes more than there is.
    fn is_refused(&mut self) {
        assert!(matches!(self.asks_for(2 * DOLLAR), Leave::Refused { .. }));
    }

    fn top_up(&mut self, micros: i64) {
        let change = BudgetChange::TopUp(Budget::of_dollars(Micros(micros)));
        let account = "sw-1".parse().unwrap();
        self.ask(Command::SetBudget { account, change, seen: None }).unwrap();
    }

    /// Is somebody sent to tell it to go on?
    fn sent(&mut self) -> bool {
        let sent = Effect::GoOn { attempt: ATTEMPT.into() };
        std::mem::take(&mut self.effects).contains(&sent)
    }

    /// Whoever is sent asks; true: it types.
    fn types(&mut self) -> bool {
        self.feed(Input::GoOn { attempt: ATTEMPT.into() }).unwrap() == Some(Reply::Done)
    }

    fn shown(&self) -> (AgentState, &str) {
        let agent = self.agent("ag-01");
        (agent.state, agent.reason.as_str())
    }
}

#[test]
fn it_is_paused_by_its_budget_and_told_once_to_go_on() {
    let mut bench = Bench::on_screen();
    bench.is_refused();
    bench.says(AgentState::Idle, "failed");
    assert_eq!(bench.shown(), (AgentState::Paused, "budget"));
    let swarm = swarm_info(&bench.state, &"sw-1".into()).unwrap();
    assert_eq!((swarm.state, swarm.reason.as_str()), (SwarmState::Paused, "budget"));
    let lacks = wanting(&bench.state, bench.agent("ag-01")).unwrap();
    assert!(lacks.contains("sw-1 has $1.00 of $1.00 left"), "{lacks}");
    assert!(!bench.sent() && !bench.types());

    bench.top_up(4 * DOLLAR);
    assert_eq!(bench.shown(), (AgentState::Idle, "failed"));
    assert!(bench.sent() && bench.types());
    assert!(!bench.types(), "and never again");
    bench.says(AgentState::Working, "");
    bench.says(AgentState::Idle, "failed");
    assert!(!bench.sent() && !bench.types(), "it failed for itself");
}

#[test]
fn what_is_not_enough_for_it_changes_nothing() {
    let mut bench = Bench::on_screen();
    bench.is_refused();
    bench.says(AgentState::Idle, "failed");
    bench.top_up(DOLLAR / 2);
    assert_eq!(bench.shown(), (AgentState::Paused, "budget"));
    assert!(!bench.sent() && !bench.types());
    bench.top_up(DOLLAR / 2);
    assert!(bench.sent() && bench.types());
}

#[test]
fn one_that_comes_to_know_it_late_is_told_then() {
    let mut bench = Bench::on_screen();
    bench.is_refused();
    bench.top_up(4 * DOLLAR);
    assert_eq!(bench.shown(), (AgentState::Working, ""));
    assert!(!bench.sent() && !bench.types());
    bench.says(AgentState::Idle, "failed");
    assert!(bench.sent() && bench.types());
}

#[test]
fn one_whose_turn_went_on_is_not_told() {
    let mut bench = Bench::on_screen();
    bench.is_refused();
    bench.says(AgentState::Idle, "");
    bench.top_up(4 * DOLLAR);
    assert!(!bench.sent() && !bench.types(), "its turn is done");

    let mut bench = Bench::on_screen();
    bench.is_refused();
    bench.top_up(4 * DOLLAR);
    assert!(matches!(bench.asks_for(DOLLAR), Leave::Reserved(_)), "it asked again by itself");
    bench.says(AgentState::Idle, "failed");
    assert!(!bench.sent() && !bench.types());
}

#[test]
fn where_somebody_typed_meanwhile_nothing_more_is_typed() {
    let mut bench = Bench::on_screen();
    bench.is_refused();
    bench.says(AgentState::Idle, "failed");
    bench.top_up(4 * DOLLAR);
    assert!(bench.sent());
    let by = Actor::User("ann".to_owned());
    bench.feed(Input::Typed { by, agent: "ag-01".into(), bytes: 4 }).unwrap();
    assert!(!bench.types());
}

#[test]
fn text_waits_for_the_first_word_of_an_agent_on_its_own_screen() {
    let mut bench = Bench::default();
    let asked = AgentSpec { interactive: true, ..AgentSpec::default() };
    let command = Command::SpawnAgent { spec: Box::new(asked) };
    let crew = vec![("pi".to_owned(), String::new())];
    let takes = |bench: &Bench| takes_text(&bench.state, &"ag-01".into());
    bench.feed(Input::Request { by: Actor::Core, command, crew, once: None }).unwrap();
    bench.started(ATTEMPT, 1);
    let (source, state) = (Source::Activity, AgentState::Working);
    let (reason, detail) = (String::new(), "process 7 runs".to_owned());
    let signal = Signal { source, state, reason, detail, progress: None };
    bench.feed(Input::Signal { attempt: ATTEMPT.into(), signal }).unwrap();
    assert!(!takes(&bench), "that its process runs says nothing of its screen");
    // What it asks before all else, text would answer.
    let question = |state, reason: &str| Signal {
        source: Source::Screen,
        state,
        reason: reason.to_owned(),
        detail: "screen: Trust this folder?".to_owned(),
        progress: None,
    };
    let first = |bench: &Bench| asks_first(&bench.state, &"ag-01".into());
    assert_eq!(first(&bench), None);
    let signal = question(AgentState::Waiting, "permission");
    let attempt = ATTEMPT.into();
    bench.feed(Input::Prompted { attempt, signal, answerable: true, needs: 1 }).unwrap();
    assert!(!takes(&bench) && first(&bench).is_some());
    bench.says(AgentState::Idle, "");
    assert!(takes(&bench));
    // Any other reads what it likes.
    bench.create(spec(), 1);
    assert!(takes_text(&bench.state, &"ag-02".into()));
}
