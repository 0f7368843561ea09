//! Random histories of calls: no account spends more than it may.

use super::{super::ledger::above, money::*, *};
use proptest::{
    prelude::{Just, ProptestConfig, any, prop_assert_eq, prop_oneof, proptest},
    strategy::Strategy as _,
};

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
            let _ =
                bench.feed(Input::Request { by: Actor::Agent(parent), command, crew, once: None });
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
