//! A made-up world: the same at every run.

use dash::{
    model::{
        Actor, AgentCounts, AgentId, AgentInfo, AgentState, Approval, ApprovalAnswer, ApprovalId,
        ApprovalState, AttemptResult, Event, EventRecord, ItemCounts, Micros, Outcome, Question,
        Remember, Resolution, Stamp, Strategy, SwarmId, SwarmInfo, SwarmState, Tokens,
    },
    protocol::stream::{ServerMessage, Snapshot},
};

/// 2026-03-02 14:02:20 UTC.
pub const NOW: Stamp = Stamp(1_772_460_140_000_000);

const FILES: [&str; 10] = [
    "src/auth/token.rs",
    "src/auth/oauth.rs",
    "src/auth/pass.rs",
    "src/auth/mod.rs",
    "src/auth/cookie.rs",
    "src/auth/session.rs",
    "src/http/router.rs",
    "src/http/limits.rs",
    "src/db/migrate.rs",
    "docs/認証.md",
];
const LINES: [&str; 8] = [
    "running cargo test -p auth",
    "reading src/auth/mod.rs",
    "writing tests/token_test.rs",
    "3 files changed, tests pass",
    "thinking about the session's lifetime",
    "git diff --stat",
    "cargo clippy --all-targets",
    "処理中: トークンの検証",
];

fn state(n: u64) -> AgentState {
    match n % 20 {
        3 | 11 => AgentState::Waiting,
        7 => AgentState::Retrying,
        2 | 9 | 14 | 17 => AgentState::Done,
        13 => AgentState::Failed,
        19 => AgentState::Queued,
        18 => AgentState::Starting,
        _ => AgentState::Working,
    }
}

fn reason(n: u64) -> &'static str {
    match state(n) {
        AgentState::Waiting if n % 2 == 1 => "permission",
        AgentState::Waiting => "input",
        AgentState::Retrying => "overloaded, attempt 2 of 5",
        AgentState::Failed => "check failed: cargo test",
        AgentState::Queued => "max 18 at once",
        AgentState::Starting
        | AgentState::Working
        | AgentState::Idle
        | AgentState::Paused
        | AgentState::Done
        | AgentState::Stopped
        | AgentState::Lost => "",
    }
}

fn back(seconds: u64) -> Stamp {
    Stamp(NOW.0 - seconds as i64 * 1_000_000)
}

pub fn agent(n: u64, swarm: u64) -> AgentInfo {
    let state = state(n);
    let queued = state == AgentState::Queued;
    let over = state.is_final();
    let tokens = if queued { 0 } else { (n * 7_919) % 211_000 + 900 };
    let kinds = ["claude", "codex", "mini", "mini"];
    let models = ["sonnet-4-5", "gpt-5.1", "haiku-4-5", "haiku-4-5"];
    AgentInfo {
        id: AgentId::numbered(n),
        name: AgentId::numbered(n).to_string(),
        swarm: SwarmId::numbered(swarm),
        parent: None,
        interactive: false,
        adapter: kinds[(n % 4) as usize].into(),
        model: models[(n % 4) as usize].into(),
        item: Some(FILES[(n % 10) as usize].into()),
        attempt: if queued { 0 } else { 1 },
        attempt_id: (!queued).then(|| AgentId::numbered(n).attempt(1)),
        state,
        reason: reason(n).into(),
        pid: (!queued && !over).then_some(4_000 + n as u32),
        exit: over.then_some(i32::from(state == AgentState::Failed)),
        progress: (n.is_multiple_of(3) && !queued).then_some(((n * 37) % 100) as u8),
        tokens: Tokens { input: tokens * 4 / 5, output: tokens / 5, ..Tokens::default() },
        cost_micros: Micros((tokens * 9 / 2) as i64),
        notional_micros: Micros::ZERO,
        estimated_micros: Micros::ZERO,
        started_at: (!queued).then(|| back(20 + (n * 13) % 400)),
        ended_at: over.then(|| back(n % 19)),
        since: back(n % 60),
        items_done: u32::from(state == AgentState::Done),
        items_failed: u32::from(state == AgentState::Failed),
        provider: if queued { String::new() } else { "simulated".into() },
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
        cwd: "/home/ada/refactor".into(),
        branch: None,
        last_line: if queued { String::new() } else { LINES[(n % 8) as usize].into() },
        bytes: n * 1_000,
    }
}

pub fn swarm(n: u64, name: &str, agents: &[AgentInfo]) -> SwarmInfo {
    let mut counts = AgentCounts::default();
    let mut tokens = Tokens::default();
    let mut cost = Micros::ZERO;
    for agent in agents {
        counts.total += 1;
        *counts.by_state.entry(agent.state).or_default() += 1;
        tokens += agent.tokens;
        cost += agent.cost_micros;
    }
    let of = |state| counts.by_state.get(&state).copied().unwrap_or(0);
    let items = ItemCounts {
        total: counts.total,
        done: of(AgentState::Done),
        failed: of(AgentState::Failed),
        dropped: 0,
    };
    SwarmInfo {
        id: SwarmId::numbered(n),
        name: name.into(),
        task: format!("{name}: make {{item}} pass its tests"),
        strategy: Strategy::Parallel,
        state: SwarmState::Working,
        reason: String::new(),
        agents: counts,
        items,
        tokens,
        cost_micros: cost,
        notional_micros: Micros::ZERO,
        estimated_micros: Micros::ZERO,
        budget_micros: None,
        budget_tokens: None,
        scope: "none".into(),
        created_at: back(500 - n),
        started_at: Some(back(499)),
        ended_at: None,
        first_calls: None,
        calls: None,
        warnings: Vec::new(),
        way_on: None,
    }
}

pub fn event(seq: u64, seconds: u64, agent: Option<u64>, event: Event) -> EventRecord {
    EventRecord {
        seq,
        time: back(seconds),
        swarm: Some(SwarmId::numbered(1)),
        agent: agent.map(AgentId::numbered),
        attempt: None,
        event,
    }
}

fn events(agents: u64) -> Vec<EventRecord> {
    let mut list = Vec::new();
    let mut seq = 1;
    for second in (0..60u64).rev() {
        for n in 1..=agents.min(40) {
            if (n * 31 + second * 17) % 13 != 0 || state(n) == AgentState::Queued {
                continue;
            }
            let tokens = 300 + (n * second * 97) % 4_000;
            let called = Event::ModelCalled {
                provider: "simulated".into(),
                model: "haiku-4-5".into(),
                status: if (n + second) % 23 == 0 { 529 } else { 200 },
                tokens: Tokens { input: tokens, ..Tokens::default() },
                cost_micros: Micros(tokens as i64 * 4),
                priced: true,
                duration_ms: 900,
                reservation: None,
                estimated: false,
                notional: false,
            };
            list.push(event(seq, second, Some(n), called));
            seq += 1;
        }
        if second == 4 && agents > 2 {
            let reason = "permission".to_owned();
            let changed = Event::StateChanged { state: AgentState::Waiting, reason };
            list.push(event(seq, second, Some(3), changed));
            seq += 1;
        }
        if second == 2 && agents > 13 {
            let result = AttemptResult {
                outcome: Outcome::Failed,
                stop_reason: "check".into(),
                text: String::new(),
                data: None,
                error: "check failed: cargo test".into(),
                files: None,
                reported: None,
                session: None,
            };
            let ended = Event::AttemptEnded { exit: None, result: Box::new(result) };
            list.push(event(seq, second, Some(13), ended));
            seq += 1;
        }
    }
    list
}

/// A world of that many agents; above 100 in two swarms.
pub fn snapshot(agents: u64) -> ServerMessage {
    let second = |n: u64| agents > 100 && n.is_multiple_of(3);
    let list: Vec<AgentInfo> =
        (1..=agents).map(|n| agent(n, if second(n) { 2 } else { 1 })).collect();
    let of = |id: u64| -> Vec<AgentInfo> {
        list.iter().filter(|a| a.swarm == SwarmId::numbered(id)).cloned().collect()
    };
    let mut swarms = Vec::new();
    if agents > 0 {
        swarms.push(swarm(1, "refactor-auth", &of(1)));
    }
    if agents > 100 {
        swarms.push(swarm(2, "port-the-docs", &of(2)));
    }
    ServerMessage::Snapshot(Box::new(Snapshot {
        seq: 100_000,
        version: "0.1.0".into(),
        swarms,
        agents: list,
        approvals: Vec::new(),
        recent: events(agents),
    }))
}

/// A world of just these, in one swarm.
pub fn snapshot_of(agents: Vec<AgentInfo>) -> ServerMessage {
    ServerMessage::Snapshot(Box::new(Snapshot {
        seq: 100_000,
        version: "0.1.0".into(),
        swarms: vec![swarm(1, "refactor-auth", &agents)],
        agents,
        approvals: Vec::new(),
        recent: Vec::new(),
    }))
}

/// What agents of a world of twenty ask.
pub fn approvals() -> Vec<Approval> {
    let command = |words: &[&str]| Question::Command {
        argv: words.iter().map(|&word| word.to_owned()).collect(),
        cwd: "/home/ada/refactor".into(),
        covers: None,
    };
    let long: Vec<String> = (1..=40).map(|n| format!("target/debug/build/part-{n:02}")).collect();
    let long: Vec<&str> =
        ["rm", "-rf"].into_iter().chain(long.iter().map(String::as_str)).collect();
    let questions = [
        (3, command(&["git", "push", "origin", "auth-token"]), "builtin.push: publishes work"),
        (
            11,
            Question::Prompt { text: "approve Bash: cargo test -p auth".into(), answerable: false },
            "the agent's own prompt",
        ),
        (
            4,
            Question::Network { host: "a.example".into(), port: 443 },
            "policy.toml:12: asks for every registry",
        ),
        (5, command(&long), "builtin.delete: deletes more than one directory"),
        (
            6,
            Question::Escalation { text: "Three attempts ended overloaded.\nGo on?".into() },
            "recovery ran out",
        ),
    ];
    let mut all = Vec::new();
    for (n, (agent, question, why)) in (1..).zip(questions) {
        let agent = AgentId::numbered(agent);
        let four = n == 3;
        let answers = ApprovalAnswer {
            by: Actor::User("ada".into()),
            verdict: Resolution::Approve,
            remember: Remember::Once,
            note: String::new(),
            at: back(5),
        };
        all.push(Approval {
            id: ApprovalId::numbered(n),
            swarm: SwarmId::numbered(1),
            attempt: agent.attempt(1),
            agent,
            expires_at: question.holds().then(|| Stamp(NOW.0 + 120_000_000 + n as i64 * 7_000_000)),
            question,
            why: why.into(),
            keys: vec![n.to_string()],
            asked_at: back(60 - n),
            needs: if four { 2 } else { 1 },
            answers: if four { vec![answers] } else { Vec::new() },
            state: ApprovalState::Open,
            ended_at: None,
            remember: Remember::Once,
            note: String::new(),
            recalled: None,
        });
    }
    all
}
