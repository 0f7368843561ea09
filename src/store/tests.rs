use super::*;
use crate::model::{AgentCounts, Event, ItemCounts, Micros, Strategy, SwarmState, Tokens};
use proptest::prelude::*;

fn agent(n: u64, state: AgentState) -> AgentInfo {
    AgentInfo {
        id: AgentId::numbered(n),
        name: format!("ag-{n:02}"),
        swarm: SwarmId::numbered(n % 2 + 1),
        parent: None,
        interactive: false,
        adapter: "mini".into(),
        model: "haiku".into(),
        item: Some(format!("src/file{n}.rs")),
        attempt: 1,
        attempt_id: None,
        state,
        reason: String::new(),
        pid: None,
        exit: None,
        progress: None,
        tokens: Tokens { input: n, ..Tokens::default() },
        cost_micros: Micros(n as i64),
        notional_micros: Micros::ZERO,
        estimated_micros: Micros::ZERO,
        started_at: Some(Stamp(n as i64)),
        ended_at: None,
        since: Stamp(0),
        items_done: 0,
        items_failed: 0,
        provider: "simulated".into(),
        scope: "none".into(),
        limits: None,
        timeout_ms: None,
        version: None,
        lent: Vec::new(),
        first_call_at: None,
        ends_by: None,
        narrowed: Vec::new(),
        own_usage: None,
        way_on: None,
        held: None,
        cwd: "/".into(),
        branch: None,
        last_line: String::new(),
        bytes: 0,
    }
}

fn swarm(n: u64) -> SwarmInfo {
    SwarmInfo {
        id: SwarmId::numbered(n),
        name: format!("swarm-{n}"),
        task: String::new(),
        strategy: Strategy::Parallel,
        state: SwarmState::Working,
        reason: String::new(),
        agents: AgentCounts::default(),
        items: ItemCounts::default(),
        tokens: Tokens::default(),
        cost_micros: Micros::ZERO,
        notional_micros: Micros::ZERO,
        estimated_micros: Micros::ZERO,
        budget_micros: None,
        budget_tokens: None,
        scope: "none".into(),
        created_at: Stamp(0),
        started_at: None,
        ended_at: None,
        first_calls: None,
        calls: None,
        warnings: Vec::new(),
        way_on: None,
    }
}

fn called(seq: u64, n: u64) -> EventRecord {
    EventRecord {
        seq,
        time: Stamp(seq as i64 * 1_000_000),
        swarm: Some(SwarmId::numbered(1)),
        agent: Some(AgentId::numbered(n)),
        attempt: None,
        event: Event::ModelCalled {
            provider: "simulated".into(),
            model: "haiku".into(),
            status: 200,
            tokens: Tokens { input: 10, ..Tokens::default() },
            cost_micros: Micros(5),
            priced: true,
            duration_ms: 1,
            reservation: None,
            estimated: false,
            notional: false,
        },
    }
}

fn state() -> impl Strategy_<Value = AgentState> {
    prop::sample::select(AgentState::ALL.to_vec())
}
use proptest::strategy::Strategy as Strategy_;

fn message() -> impl Strategy_<Value = ServerMessage> {
    let agents = || prop::collection::vec((0..12u64, state()), 0..6);
    let list =
        |pairs: Vec<(u64, AgentState)>| pairs.into_iter().map(|(n, s)| agent(n, s)).collect();
    prop_oneof![
        (0..60u64, agents(), prop::collection::vec(0..60u64, 0..5)).prop_map(
            move |(seq, agents, recent)| ServerMessage::Snapshot(Box::new(Snapshot {
                seq,
                version: "1".into(),
                swarms: vec![swarm(1), swarm(2)],
                agents: list(agents),
                approvals: vec![],
                recent: recent.into_iter().map(|seq| called(seq, seq % 5)).collect(),
            }))
        ),
        (0..60u64, 0..12u64).prop_map(|(seq, n)| ServerMessage::Event(Box::new(called(seq, n)))),
        (0..60u64, agents(), prop::collection::vec(0..12u64, 0..3), 0..4u64).prop_map(
            move |(seq, agents, removed, swarm)| ServerMessage::Update(Box::new(Update {
                seq,
                swarms: vec![],
                agents: list(agents),
                approvals: vec![],
                removed_swarms: (swarm == 2).then(|| SwarmId::numbered(2)).into_iter().collect(),
                removed_agents: removed.into_iter().map(AgentId::numbered).collect(),
            }))
        ),
        (0..12u64).prop_map(|n| ServerMessage::Gauges {
            gauges: vec![Gauge {
                agent: AgentId::numbered(n),
                last_line: "line".into(),
                bytes: 9,
                progress: Some(3),
                title: String::new(),
            }]
        }),
        (0..9u64, 0..9u64).prop_map(|(after, until)| ServerMessage::Gap { after, until }),
    ]
}

proptest! {
    #[test]
    fn any_order_of_messages_is_taken(messages in prop::collection::vec(message(), 0..40)) {
        let mut store = Store::default();
        for message in messages {
            store.apply(message);
            let seqs: Vec<u64> = store.events().map(|e| e.seq).collect();
            prop_assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]));
            for sort in Column::ALL {
                let options = GridOptions { sort, group: true, ..GridOptions::default() };
                let shown = rows(&store, &options);
                prop_assert_eq!(shown.iter().filter_map(Row::agent).count(), store.agents().len());
            }
        }
    }

    #[test]
    fn a_held_order_stays(before in prop::collection::vec((0..12u64, state()), 1..12),
                          after in prop::collection::vec((0..12u64, state()), 1..12)) {
        let mut store = Store::default();
        let update = |list: Vec<(u64, AgentState)>| ServerMessage::Update(Box::new(Update {
            seq: 1,
            agents: list.into_iter().map(|(n, s)| agent(n, s)).collect(),
            ..Update::default()
        }));
        store.apply(update(before));
        let ids = |store: &Store, hold: Vec<AgentId>| -> Vec<AgentId> {
            let options = GridOptions { hold, ..GridOptions::default() };
            rows(store, &options).iter().filter_map(|r| r.agent()).map(|a| a.id.clone()).collect()
        };
        let held = ids(&store, Vec::new());
        store.apply(update(after));
        let now = ids(&store, held.clone());
        prop_assert_eq!(&now[..held.len()], &held[..]);
    }
}

fn store_of(agents: Vec<AgentInfo>) -> Store {
    let mut store = Store::default();
    store.apply(ServerMessage::Snapshot(Box::new(Snapshot {
        seq: 10,
        version: "1".into(),
        swarms: vec![swarm(1), swarm(2)],
        agents,
        approvals: vec![],
        recent: vec![called(3, 1), called(4, 1)],
    })));
    store
}

fn names(store: &Store, options: &GridOptions) -> Vec<String> {
    rows(store, options).iter().filter_map(|r| r.agent()).map(|a| a.name.clone()).collect()
}

#[test]
fn an_update_after_a_snapshot_and_not_an_older_one() {
    let mut store = store_of(vec![agent(1, AgentState::Working)]);
    let update = |seq, state| {
        ServerMessage::Update(Box::new(Update {
            seq,
            agents: vec![agent(1, state)],
            ..Update::default()
        }))
    };
    store.apply(update(9, AgentState::Starting));
    assert_eq!(store.agents().next().unwrap().state, AgentState::Working);
    store.apply(update(11, AgentState::Done));
    assert_eq!(store.agents().next().unwrap().state, AgentState::Done);
    assert_eq!(store.seq(), 11);
}

#[test]
fn events_are_counted_once_across_reconnects() {
    let mut store = store_of(vec![agent(1, AgentState::Working)]);
    store.apply(ServerMessage::Snapshot(Box::new(Snapshot {
        seq: 12,
        agents: vec![agent(1, AgentState::Working)],
        recent: vec![called(3, 1), called(4, 1), called(12, 1)],
        ..Snapshot::default()
    })));
    assert_eq!(store.events().len(), 3);
    let sum: u64 = store.total().tokens(Stamp(12_000_000), BUCKETS).iter().sum();
    assert_eq!(sum, 30);
}

#[test]
fn need_comes_first_and_filters_narrow() {
    let store = store_of(vec![
        agent(1, AgentState::Done),
        agent(2, AgentState::Working),
        agent(3, AgentState::Failed),
        agent(4, AgentState::Waiting),
        agent(10, AgentState::Working),
    ]);
    let plain = GridOptions::default();
    assert_eq!(names(&store, &plain), ["ag-04", "ag-03", "ag-02", "ag-10", "ag-01"]);
    let filtered = |text: &str| {
        names(&store, &GridOptions { filter: Filter::parse(text), ..GridOptions::default() })
    };
    assert_eq!(filtered("state:wait,fail"), ["ag-04", "ag-03"]);
    assert_eq!(filtered("!state:working"), ["ag-04", "ag-03", "ag-01"]);
    assert_eq!(filtered("swarm:swarm-2"), ["ag-03", "ag-01"]);
    assert_eq!(filtered("file10"), ["ag-10"]);
    assert_eq!(filtered("model:opus"), Vec::<String>::new());
    assert_eq!(filtered("state:"), names(&store, &plain));
    assert_eq!(filtered("cost>0.000003"), ["ag-04", "ag-10"]);
    assert_eq!(filtered("cost>=0.000003 !cost>$0.000009"), ["ag-04", "ag-03"]);
    assert_eq!(filtered("tokens<=2"), ["ag-02", "ag-01"]);
    assert_eq!(filtered("tokens<0.003k"), ["ag-02", "ag-01"]);
    assert_eq!(filtered("cost>"), names(&store, &plain));
    assert!(Filter::parse("cost>").problem().is_none());
    assert!(Filter::parse("cost>much").problem().unwrap().contains("cost>0.50"));
    assert!(Filter::is_term("!cost<1") && !Filter::is_term("a>b"));
    let by_cost = GridOptions { sort: Column::Cost, ..GridOptions::default() };
    assert_eq!(names(&store, &by_cost)[0], "ag-10");
}

#[test]
fn children_stand_below_their_parent() {
    let mut child = agent(7, AgentState::Waiting);
    child.parent = Some(AgentId::numbered(1));
    let store = store_of(vec![agent(1, AgentState::Done), agent(2, AgentState::Working), child]);
    assert_eq!(names(&store, &GridOptions::default()), ["ag-02", "ag-01", "ag-07"]);
}
