//! The state as clients see it.

use super::{
    approval::REASON,
    breaker::held_back,
    delegate::{is_given_up, is_orphan, reach_of},
    explain::deciding,
    ledger::wanting,
    state::{Agent, Attempt, State, Swarm, Worktree},
    unpaid,
};
use crate::model::{
    AgentCounts, AgentId, AgentInfo, AgentResult, AgentState, BUDGET, ExplainedSignal, Explanation,
    FirstCalls, ItemCounts, ItemState, Micros, Outcome, OwnUsage, Scope, Signal, Source, Stamp,
    SwarmId, SwarmInfo, SwarmResults, SwarmState, Tokens, USER, way_on,
};

/// What is enforced, in a word and what is in it.
fn scope_words(granted: Option<&Scope>) -> String {
    granted.map_or_else(|| "none".to_owned(), Scope::to_string)
}

/// The row of one agent; while it runs `last_line` and `bytes` are gauges, which the runtime
/// fills in.
pub fn agent_info(state: &State, id: &AgentId) -> Option<AgentInfo> {
    let agent = state.agents.get(id)?;
    let attempt = agent.latest.as_ref().and_then(|id| state.attempts.get(id));
    let item = attempt.and_then(|attempt| item_text(state, attempt));
    let progress = attempt
        .filter(|_| agent.current.is_some())
        .and_then(|attempt| attempt.signals.iter().find_map(|(signal, _)| signal.progress));
    Some(AgentInfo {
        id: agent.id.clone(),
        name: agent.name.clone(),
        swarm: agent.swarm.clone(),
        parent: agent.parent.clone(),
        adapter: agent.adapter.clone(),
        interactive: agent.grant.interactive,
        model: model_of(agent),
        item,
        attempt: agent.attempts,
        attempt_id: agent.latest.clone(),
        state: agent.state,
        reason: reason_of(agent),
        pid: attempt.filter(|_| agent.current.is_some()).and_then(|attempt| attempt.pid),
        exit: attempt.and_then(|attempt| Some(attempt.exit?.shell_code())),
        progress,
        tokens: agent.tokens,
        cost_micros: agent.cost,
        notional_micros: agent.notional,
        estimated_micros: agent.estimated,
        started_at: attempt.and_then(|attempt| attempt.started_at),
        first_call_at: agent.first_call_at,
        ended_at: agent.ended_at,
        since: agent.since,
        items_done: agent.items_done,
        items_failed: agent.items_failed,
        provider: agent.provider.clone(),
        // With the tree that was made for it: that is what it writes.
        scope: reach_of(state, id).to_string(),
        // For whoever knows the machine.
        limits: None,
        timeout_ms: None,
        version: None,
        lent: Vec::new(),
        ends_by: None,
        narrowed: narrowed_of(agent),
        way_on: waits_for_money(agent).then(|| unpaid::command_for(state, agent)),
        held: held_back(state, agent),
        own_usage: attempt.and_then(|attempt| {
            Some(OwnUsage::new(attempt.result.as_ref()?.reported?, attempt.tokens))
        }),
        cwd: agent.worktree.as_ref().map_or_else(|| agent.cwd.clone(), Worktree::workplace),
        branch: agent.worktree.as_ref().map(|tree| tree.branch.clone()),
        last_line: attempt.and_then(last_words).unwrap_or_default(),
        bytes: attempt.map_or(0, |attempt| attempt.fact_offset),
    })
}

fn narrowed_of(agent: &Agent) -> Vec<String> {
    agent.grant.own.as_ref().map(|own| own.narrowed.clone()).unwrap_or_default()
}

/// Why it stands as it stands; that it may spawn no more is told where nothing else is.
fn reason_of(agent: &Agent) -> String {
    if agent.held && agent.reason.is_empty() && !agent.state.is_final() {
        return "its branch is held".to_owned();
    }
    agent.reason.clone()
}

/// What an attempt that is over leaves to be seen in one line.
fn last_words(attempt: &Attempt) -> Option<String> {
    let result = attempt.result.as_ref()?;
    // Its agent's own words on a call that was refused say less than the refusal does.
    let refused = (result.outcome == Outcome::Paused).then(|| unpaid::refused_words(attempt));
    match refused.flatten() {
        Some(words) => Some(words.chars().take(200).collect()),
        None => result.last_line(),
    }
}

fn model_of(agent: &Agent) -> String {
    if agent.model.is_empty() { agent.seen_model.clone() } else { agent.model.clone() }
}

fn item_text(state: &State, attempt: &Attempt) -> Option<String> {
    let swarm = state.swarms.get(&attempt.swarm)?;
    let item = state.item(&attempt.swarm, attempt.index)?;
    if swarm.queue || !item.text.is_empty() { Some(item.text.clone()) } else { None }
}

pub fn swarm_info(state: &State, id: &SwarmId) -> Option<SwarmInfo> {
    let swarm = state.swarms.get(id)?;
    let mut agents = AgentCounts { total: swarm.agents.len() as u32, ..AgentCounts::default() };
    let mut first_calls: Option<FirstCalls> = None;
    for agent in swarm.agents.iter().filter_map(|id| state.agents.get(id)) {
        *agents.by_state.entry(agent.state).or_insert(0) += 1;
        let Some(at) = agent.first_call_at else { continue };
        let ms = at.ms_since(swarm.created_at);
        let calls = first_calls.get_or_insert(FirstCalls { agents: 0, first_ms: ms, last_ms: ms });
        calls.agents += 1;
        calls.first_ms = calls.first_ms.min(ms);
        calls.last_ms = calls.last_ms.max(ms);
    }
    let broke = is_broke(state, swarm);
    let by_user = swarm.paused && !swarm.state.is_final() && !swarm.stopping;
    Some(SwarmInfo {
        id: swarm.id.clone(),
        name: swarm.name.clone(),
        task: swarm.spec.task.clone(),
        strategy: swarm.spec.strategy,
        state: if broke || by_user { SwarmState::Paused } else { swarm.state },
        reason: match (swarm.stopping, by_user, broke) {
            (true, _, _) => "asked to stop".to_owned(),
            (false, true, _) => USER.to_owned(),
            (false, false, true) => broke_for(state, swarm),
            (false, false, false) => String::new(),
        },
        agents,
        items: item_counts(swarm),
        tokens: swarm.tokens,
        cost_micros: swarm.cost,
        notional_micros: swarm.notional,
        estimated_micros: swarm.estimated,
        budget_micros: swarm.account.limit,
        budget_tokens: swarm.account.budget().tokens,
        calls: swarm.spec.calls,
        scope: scope_words(swarm.spec.granted.as_ref()),
        created_at: swarm.created_at,
        started_at: swarm.started_at,
        ended_at: swarm.ended_at,
        first_calls,
        warnings: Vec::new(),
        way_on: (broke && !by_user).then(|| way_on_of(state, swarm)),
    })
}

/// Nothing of it runs or will by itself, and something waits for money.
pub(super) fn is_broke(state: &State, swarm: &Swarm) -> bool {
    let waits = |agent: &Agent| waits_for_money(agent);
    let mut agents = swarm.agents.iter().filter_map(|id| state.agents.get(id));
    let (mut some, mut all) = (false, true);
    // A child that its parent holds up will do nothing by itself either.
    let held_up = |agent: &Agent| agent.current.is_none() && is_orphan(state, agent);
    let open = |agent: &&Agent| !agent.state.is_final() && !held_up(agent);
    agents.by_ref().filter(open).for_each(|agent| {
        some |= waits(agent);
        all &= waits(agent);
    });
    some && all && !swarm.stopping
}

/// What a swarm that stands still waits for: a price only where money would help none of it.
fn broke_for(state: &State, swarm: &Swarm) -> String {
    let agents = swarm.agents.iter().filter_map(|id| state.agents.get(id));
    let mut reasons: Vec<&str> =
        agents.filter(|agent| waits_for_money(agent)).map(|agent| agent.reason.as_str()).collect();
    reasons.sort_by_key(|reason| *reason != BUDGET);
    reasons.first().map_or_else(|| BUDGET.to_owned(), |reason| (*reason).to_owned())
}

/// What lets go on whoever of it needs the fewest accounts filled.
fn way_on_of(state: &State, swarm: &Swarm) -> String {
    let reason = broke_for(state, swarm);
    let agents = swarm.agents.iter().filter_map(|id| state.agents.get(id));
    let waiting = agents.filter(|agent| waits_for_money(agent) && agent.reason == reason);
    let ways = waiting.map(|agent| unpaid::command_for(state, agent));
    let fewest = ways.min_by_key(|way| way.matches(unpaid::AND).count());
    fewest.unwrap_or_else(|| way_on(&reason, swarm.id.as_str()))
}

/// It runs no attempt, for want of money, or stands refused on its own screen.
pub(super) fn waits_for_money(agent: &Agent) -> bool {
    let stands = agent.grant.interactive && agent.state == AgentState::Paused;
    let held = agent.state == AgentState::Queued || stands;
    agent.unpaid.is_some() || (held && agent.reason == BUDGET)
}

fn item_counts(swarm: &Swarm) -> ItemCounts {
    let count =
        |wanted: ItemState| swarm.items.iter().filter(|item| item.state == wanted).count() as u32;
    ItemCounts {
        total: swarm.items.len() as u32 - count(ItemState::Dropped),
        done: count(ItemState::Done),
        failed: count(ItemState::Failed),
        dropped: count(ItemState::Dropped),
    }
}

/// One result for each item that was tried, by its latest attempt, and one for each agent
/// that never tried any; failures first.
pub fn swarm_results(state: &State, id: &SwarmId, now: Stamp) -> Option<SwarmResults> {
    let swarm = state.swarms.get(id)?;
    let info = swarm_info(state, id)?;
    let mut latest: Vec<Option<&Attempt>> = vec![None; swarm.items.len()];
    let mut spent = vec![(Tokens::default(), [Micros::default(); 2]); swarm.items.len()];
    for attempt in state.attempts.values().filter(|attempt| attempt.swarm == swarm.id) {
        let place = (attempt.index as usize).wrapping_sub(1);
        let Some((slot, sum)) = latest.get_mut(place).zip(spent.get_mut(place)) else { continue };
        sum.0 += attempt.tokens;
        sum.1[0] += attempt.cost;
        sum.1[1] += attempt.estimated;
        if slot.is_none_or(|other| other.planned_at <= attempt.planned_at) {
            *slot = Some(attempt);
        }
    }
    // By the latest attempt, but paid for all of them.
    let mut results: Vec<AgentResult> = (latest.into_iter().zip(spent))
        .filter_map(|(attempt, (tokens, [cost_micros, estimated_micros]))| {
            let result = result_of(state, attempt?, now)?;
            Some(AgentResult { tokens, cost_micros, estimated_micros, ..result })
        })
        .collect();
    results.sort_by_key(|result| (rank(result), result.index));
    let done = info.items.done;
    let failed = info.items.failed;
    let given_up = swarm.items.iter().filter(|item| is_given_up(state, item)).count() as u32;
    Some(SwarmResults {
        held: Vec::new(),
        diffs: Default::default(),
        failed,
        done,
        open: info.items.total - done - failed - given_up,
        swarm: info,
        results,
    })
}

/// One result for each item that an agent tried, by its latest attempt at it.
pub fn agent_results(state: &State, id: &AgentId, now: Stamp) -> Option<Vec<AgentResult>> {
    let agent = state.agents.get(id)?;
    let mut latest: Vec<&Attempt> = Vec::new();
    for attempt in (1..=agent.attempts).filter_map(|n| state.attempts.get(&id.attempt(n))) {
        latest.retain(|other| other.index != attempt.index);
        latest.push(attempt);
    }
    Some(latest.into_iter().filter_map(|attempt| result_of(state, attempt, now)).collect())
}

/// Failed first, then what is open, then done.
fn rank(result: &AgentResult) -> u8 {
    match &result.result {
        Some(result) => match result.outcome {
            Outcome::Failed | Outcome::Lost => 0,
            Outcome::Stopped | Outcome::Paused => 1,
            Outcome::Done => 3,
        },
        None => 2,
    }
}

fn result_of(state: &State, attempt: &Attempt, now: Stamp) -> Option<AgentResult> {
    let agent = state.agents.get(&attempt.agent)?;
    let from = attempt.started_at.unwrap_or(attempt.planned_at);
    Some(AgentResult {
        agent: agent.id.clone(),
        name: agent.name.clone(),
        adapter: agent.adapter.clone(),
        model: model_of(agent),
        provider: agent.provider.clone(),
        item: item_text(state, attempt),
        index: attempt.index,
        attempt: attempt.number,
        result: attempt.result.clone(),
        state: agent.state,
        exit: attempt.exit.map(|exit| exit.shell_code()),
        duration_ms: attempt.ended_at.unwrap_or(now).ms_since(from),
        tokens: attempt.tokens,
        cost_micros: attempt.cost,
        estimated_micros: attempt.estimated,
        branch: agent.worktree.as_ref().map(|tree| tree.branch.clone()),
        worktree: agent.worktree.as_ref().map(|tree| tree.path.clone()),
    })
}

/// Every source's last word about an agent, strongest first.
pub fn explanation(state: &State, id: &AgentId, now: Stamp) -> Option<Explanation> {
    let agent = state.agents.get(id)?;
    let attempt = agent.latest.as_ref().and_then(|id| state.attempts.get(id));
    let mut signals: Vec<ExplainedSignal> = Vec::new();
    // What waits for money has come to an end, too.
    let over = agent.state.is_final() || agent.unpaid.is_some();
    let process = attempt.filter(|_| over).and_then(|attempt| {
        let at = attempt.ended_at?;
        let exit = attempt.exit.map_or("no exit status".to_owned(), |exit| exit.to_string());
        let result = attempt.result.as_ref()?;
        let limit = attempt.limit.as_ref().filter(|_| result.stop_reason == "limit");
        let why = limit.unwrap_or(&result.stop_reason);
        let lacks = wanting(state, agent).map_or(String::new(), |lacks| format!("; {lacks}"));
        let detail = format!("{exit}, judged {} ({why}){lacks}", result.outcome.word());
        Some((Source::Process, detail, at))
    });
    if let Some((source, detail, at)) = process {
        let signal = Signal {
            source,
            state: agent.state,
            reason: agent.reason.clone(),
            detail,
            progress: None,
        };
        signals.push(ExplainedSignal { signal, at, age_ms: now.ms_since(at), decided: false });
    }
    let holding = state
        .open_approvals()
        .filter(|open| agent.current.as_ref() == Some(&open.attempt) && open.question.holds());
    let holding = holding.min_by_key(|open| open.id.number());
    if let Some(open) = holding {
        let signal = Signal {
            source: Source::Approval,
            state: AgentState::Waiting,
            reason: REASON.to_owned(),
            detail: format!("{} asks: {}", open.id, open.question.text()),
            progress: None,
        };
        let at = open.asked_at;
        signals.push(ExplainedSignal { signal, at, age_ms: now.ms_since(at), decided: false });
    }
    for (signal, at) in attempt.iter().flat_map(|attempt| attempt.signals.iter()) {
        let (mut signal, age_ms) = (signal.clone(), now.ms_since(*at));
        // What was seen from outside holds no longer: no call is in flight, nothing is shown.
        let outside = !matches!(signal.source, Source::Process | Source::Output | Source::Hook);
        if over && outside && !signal.detail.is_empty() {
            signal.detail = format!("until its end: {}", signal.detail);
        }
        signals.push(ExplainedSignal { signal, at: *at, age_ms, decided: false });
    }
    // One that was never launched has no signal of its own.
    if let Some(detail) = wanting(state, agent).filter(|_| agent.state == AgentState::Queued) {
        let (source, state, reason) = (Source::Gateway, agent.state, agent.reason.clone());
        let signal = Signal { source, state, reason, detail, progress: None };
        let (at, age_ms) = (agent.since, now.ms_since(agent.since));
        signals.insert(0, ExplainedSignal { signal, at, age_ms, decided: true });
    }
    let by_signal = over || agent.current.is_some();
    let held = attempt.is_some_and(|attempt| attempt.held_for().is_some());
    let ended = signals.first().is_some_and(|first| first.signal.source == Source::Process);
    let at = if ended || holding.is_some() {
        0
    } else {
        deciding(signals.iter().map(|seen| (&seen.signal, seen.at)))
    };
    if let Some(seen) = signals.get_mut(at).filter(|_| by_signal && !held) {
        seen.decided = seen.signal.state == agent.state || agent.state == AgentState::Stopped;
    }
    Some(Explanation {
        agent: agent.id.clone(),
        state: agent.state,
        reason: agent.reason.clone(),
        since: agent.since,
        held: held_back(state, agent),
        signals,
        scope: reach_of(state, &agent.id).to_string(),
        narrowed: narrowed_of(agent),
        // Not the core's: it may be another at any time.
        shared: String::new(),
    })
}
