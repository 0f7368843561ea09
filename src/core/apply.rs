//! `apply`: the only mutation of the state. Total: an event about something that is gone
//! changes nothing but `seq`.

use super::{
    again, approval,
    breaker::FAILURES,
    charges, costs, ledger, made, once, pause,
    state::{Agent, Attempt, Due, Phase, Retry, Spending, State, Unpaid, Worktree},
    unpaid, written,
};
use crate::model::{
    Account, AgentState, Breaker, Event, EventRecord, ItemState, Micros, Outcome, Stamp, SwarmState,
};

/// Applies one committed event. Events come in the order of `seq`.
pub fn apply(state: &mut State, record: &EventRecord) {
    state.seq = record.seq;
    let at = record.time;
    match &record.event {
        Event::CoreStarted { epoch, .. } => state.epoch = *epoch,
        Event::RequestNamed { named } => once::keep(state, (**named).clone()),
        Event::SwarmCreated { name, spec } => {
            let Some(id) = record.swarm.clone() else { return };
            state.swarms_made += 1;
            once::keep_swarm(state, &id, spec);
            let mut spec = (**spec).clone();
            let queue = spec.items.take().is_some();
            state.swarms.insert(id.clone(), made::swarm(id, name.clone(), spec, queue, at));
        }
        Event::ItemAdded { item } => {
            if let Some(swarm) = state.swarms.get_mut(&item.swarm) {
                swarm.items.push((**item).clone());
            }
        }
        Event::AgentAdded { name, parent, adapter, model, cwd, grant } => {
            let (Some(swarm), Some(id)) = (&record.swarm, &record.agent) else { return };
            match parent.as_ref().and_then(|parent| state.agents.get_mut(parent)) {
                Some(parent) => parent.children_made += 1,
                None => state.agents_made += 1,
            }
            if let Some(swarm) = state.swarms.get_mut(swarm) {
                swarm.agents.push(id.clone());
            }
            let agent = Agent {
                id: id.clone(),
                name: name.clone(),
                swarm: swarm.clone(),
                parent: parent.clone(),
                adapter: adapter.clone(),
                model: model.clone(),
                cwd: cwd.clone(),
                worktree: None,
                state: AgentState::Queued,
                reason: String::new(),
                since: at,
                ended_at: None,
                attempts: 0,
                current: None,
                latest: None,
                retry: None,
                paused: false,
                items_done: 0,
                items_failed: 0,
                tokens: Default::default(),
                cost: Default::default(),
                notional: Default::default(),
                estimated: Default::default(),
                provider: String::new(),
                seen_model: String::new(),
                grant: (**grant).clone(),
                children_made: 0,
                failures: Vec::new(),
                held: false,
                held_for: None,
                account: Account::limited(grant.limits()),
                calls: 0,
                first_call_at: None,
                unpaid: None,
            };
            state.agents.insert(id.clone(), agent);
        }
        Event::WorktreeMade { path, branch, base, dir, repository, top } => {
            with_agent(state, record, |agent| {
                agent.worktree = Some(Worktree {
                    path: path.clone(),
                    branch: branch.clone(),
                    base: base.clone(),
                    dir: dir.clone(),
                    repository: repository.clone(),
                    top: top.clone(),
                });
            });
        }
        Event::BranchHeld { failures, within_ms } => with_agent(state, record, |agent| {
            agent.held = true;
            agent.held_for = Some(Breaker { failures: *failures, within_ms: *within_ms });
        }),
        Event::BranchResumed => with_agent(state, record, |agent| {
            agent.held = false;
            agent.held_for = None;
            agent.failures.clear();
        }),
        Event::AgentPaused | Event::AgentResumed | Event::SwarmPaused | Event::SwarmResumed => {
            pause::apply(state, record)
        }
        Event::AttemptPlanned { number, index, model, follows } => {
            plan(state, record, *number, *index);
            if let Some(attempt) = attempt_of(state, record) {
                attempt.follows = *follows;
            }
            if let Some(model) = model {
                with_agent(state, record, |agent| agent.model.clone_from(model));
            }
        }
        Event::TookUp { .. } => {
            if let Some(attempt) = attempt_of(state, record) {
                attempt.took_up = true;
            }
        }
        Event::SwarmEnded { state: end, .. } => {
            if let Some(swarm) = record.swarm.as_ref().and_then(|id| state.swarms.get_mut(id)) {
                swarm.state = *end;
                swarm.ended_at = Some(at);
            }
        }
        Event::SwarmRemoved => {
            if let Some(swarm) = record.swarm.as_ref().and_then(|id| state.swarms.remove(id)) {
                ledger::forget_swarm(state, &swarm.id);
                written::remember(state, &swarm);
                state.agents.retain(|_, agent| agent.swarm != swarm.id);
                charges::forget_swarm(state, &swarm.id);
                state.attempts.retain(|_, attempt| attempt.swarm != swarm.id);
                approval::forget_swarm(state, &swarm);
            }
        }
        Event::StateChanged { state: to, reason } => with_agent(state, record, |agent| {
            enter(agent, *to, reason.clone(), at);
        }),
        Event::RetryPlanned { at: due, number } => {
            let index = attempt_of(state, record).map_or(1, |attempt| attempt.index);
            with_agent(state, record, |agent| {
                agent.retry = Some(Retry { at: *due, number: *number, index, due: None });
            });
        }
        Event::RetryDue { number, index, model, follows } => {
            reopen(state, record, *index);
            let due = Some(Due { model: model.clone(), follows: *follows });
            with_agent(state, record, |agent| {
                enter(agent, AgentState::Queued, String::new(), at);
                agent.retry = Some(Retry { at, number: *number, index: *index, due });
            });
        }
        Event::ItemEnded { index, done } => end_item(state, record, *index, *done),
        Event::ItemsDropped { items } => put(state, record, items, ItemState::Dropped),
        Event::ItemsRestored { items } => put(state, record, items, ItemState::Queued),
        Event::ModelCalled {
            provider,
            model,
            tokens,
            cost_micros,
            status,
            duration_ms,
            estimated,
            notional,
            ..
        } => {
            let [cost, unpaid] = match *notional {
                true => [Micros::ZERO, *cost_micros],
                false => [*cost_micros, Micros::ZERO],
            };
            let estimated = if *estimated { *cost_micros } else { Micros::ZERO };
            let call = Spending { calls: 1, tokens: *tokens, cost, notional: unpaid, estimated };
            if let Some(attempt) = attempt_of(state, record) {
                attempt.tokens += *tokens;
                attempt.cost += cost;
                attempt.notional += unpaid;
                attempt.estimated += estimated;
                attempt.calls += 1;
            }
            with_agent(state, record, |agent| {
                agent.tokens += *tokens;
                agent.cost += cost;
                agent.notional += unpaid;
                agent.estimated += estimated;
                agent.provider.clone_from(provider);
                agent.calls += 1;
                // Told when it is over: of several at once the first one over counts.
                agent.first_call_at.get_or_insert(at.minus_ms(*duration_ms));
                if *status < 400 {
                    agent.seen_model.clone_from(model);
                }
            });
            if let Some(swarm) = record.swarm.as_ref().and_then(|id| state.swarms.get_mut(id)) {
                swarm.tokens += *tokens;
                swarm.cost += cost;
                swarm.notional += unpaid;
                swarm.estimated += estimated;
                swarm.models.entry(format!("{provider}/{model}")).or_default().add(&call);
            }
            costs::apply(state, at, format!("{provider}/{model}"), &call);
            if !*notional {
                charges::apply(state, record.attempt.as_ref(), at, cost);
            }
            ledger::apply(state, record.attempt.as_ref(), &record.event);
        }
        Event::CallReserved { .. } => {
            if let Some(attempt) = attempt_of(state, record) {
                (attempt.unpaid, attempt.raised, attempt.again) = (false, false, false);
                attempt.short = None;
            }
            ledger::apply(state, record.attempt.as_ref(), &record.event);
        }
        Event::CallRefused { account, short, .. } => {
            if let Some(attempt) = attempt_of(state, record) {
                (attempt.unpaid, attempt.refused) = (true, true);
                (attempt.raised, attempt.again) = (false, false);
                attempt.short = Some((account.clone(), *short));
            }
            ledger::apply(state, record.attempt.as_ref(), &record.event);
        }
        Event::BudgetPaused { index } => {
            // Somebody may have been quicker than its end.
            let attempt = record.attempt.as_ref().and_then(|id| state.attempts.get(id));
            // One that was stopped lacks nothing itself: it goes on with its parent.
            let again = attempt.is_some_and(|attempt| {
                attempt.stop.is_some() || unpaid::is_there_now(state, attempt)
            });
            with_agent(state, record, |agent| {
                agent.unpaid = Some(Unpaid { index: *index, again });
            });
        }
        Event::PricesChanged => unpaid::apply_prices_changed(state),
        Event::BudgetSet { .. } | Event::BudgetWarned { .. } => {
            ledger::apply(state, None, &record.event);
        }
        Event::StopAsked { why } => match &record.attempt {
            Some(id) => {
                if let Some(attempt) = state.attempts.get_mut(id) {
                    attempt.stop = Some(why.clone());
                }
            }
            None => {
                if let Some(swarm) = record.swarm.as_ref().and_then(|id| state.swarms.get_mut(id)) {
                    swarm.stopping = true;
                }
            }
        },
        Event::AttemptStarted { pid } => {
            if let Some(attempt) = attempt_of(state, record) {
                attempt.phase = Phase::Running;
                attempt.pid = Some(*pid);
                attempt.started_at = Some(at);
            }
        }
        Event::AttemptEnded { exit, result } => {
            if let Some(attempt) = attempt_of(state, record) {
                attempt.phase = Phase::Ended;
                attempt.exit = *exit;
                attempt.ended_at = Some(at);
                if result.session.is_some() {
                    attempt.session.clone_from(&result.session);
                }
                attempt.result = Some((**result).clone());
            }
            with_agent(state, record, |agent| agent.current = None);
        }
        Event::SessionNamed { session } => {
            if let Some(attempt) = attempt_of(state, record) {
                attempt.session = Some(session.clone());
            }
        }
        Event::Signalled { signal } => {
            if let Some(attempt) = attempt_of(state, record) {
                attempt.signals.retain(|(old, _)| old.source != signal.source);
                attempt.signals.push((signal.clone(), at));
                attempt.signals.sort_by_key(|(signal, _)| signal.source);
            }
        }
        Event::FactTaken { n, offset } => {
            if let Some(attempt) = attempt_of(state, record) {
                attempt.fact_n = *n;
                attempt.fact_offset = *offset;
            }
        }
        Event::LimitReached { message, .. } => {
            if let Some(attempt) = attempt_of(state, record) {
                attempt.limit = Some(message.clone());
            }
        }
        Event::DiskFull => set_disk_full(state, record, true),
        Event::DiskBack => set_disk_full(state, record, false),
        Event::AttemptPaused { .. } | Event::AttemptResumed => {
            if let Some(attempt) = attempt_of(state, record) {
                pause::apply_to(attempt, &record.event, at);
            }
        }
        Event::ApprovalAsked { .. }
        | Event::ApprovalJoined { .. }
        | Event::ApprovalAnswered { .. }
        | Event::ApprovalRecalled { .. }
        | Event::ApprovalExpired { .. }
        | Event::ApprovalWithdrawn { .. }
        | Event::AnswerForgotten { .. } => approval::apply(state, record),
        Event::TurnDue | Event::TurnAskedAgain | Event::InputSent { .. } => {
            again::apply(state, record);
        }
        Event::RecordingCut { .. } | Event::Held { .. } | Event::NetConnected { .. } => {}
    }
}

/// A swarm that was over goes on with an item.
fn reopen(state: &mut State, record: &EventRecord, index: u32) {
    let Some(swarm) = record.swarm.as_ref().and_then(|id| state.swarms.get_mut(id)) else { return };
    swarm.state = SwarmState::Working;
    swarm.stopping = false;
    swarm.ended_at = None;
    if let Some(item) = (index as usize).checked_sub(1).and_then(|i| swarm.items.get_mut(i)) {
        // Tried again after its end: it counts once, by how it ends next.
        if let Some(before) = item.agent.as_ref().and_then(|id| state.agents.get_mut(id)) {
            match item.state {
                ItemState::Done => before.items_done = before.items_done.saturating_sub(1),
                ItemState::Failed => {
                    before.items_failed = before.items_failed.saturating_sub(1);
                }
                ItemState::Queued
                | ItemState::Working
                | ItemState::Stopped
                | ItemState::Dropped => {}
            }
        }
        item.state = ItemState::Working;
    }
}

fn plan(state: &mut State, record: &EventRecord, number: u32, index: u32) {
    let (Some(swarm_id), Some(agent_id), Some(id)) =
        (&record.swarm, &record.agent, &record.attempt)
    else {
        return;
    };
    let at = record.time;
    reopen(state, record, index);
    if let Some(swarm) = state.swarms.get_mut(swarm_id) {
        swarm.started_at.get_or_insert(at);
        if let Some(item) = (index as usize).checked_sub(1).and_then(|i| swarm.items.get_mut(i)) {
            item.agent = Some(agent_id.clone());
            item.attempts += 1;
        }
    }
    if let Some(agent) = state.agents.get_mut(agent_id) {
        agent.attempts = number;
        agent.current = Some(id.clone());
        agent.latest = Some(id.clone());
        agent.retry = None;
        agent.unpaid = None;
        agent.ended_at = None;
        enter(agent, AgentState::Starting, String::new(), at);
    }
    state.attempts.insert(id.clone(), made::attempt(id, agent_id, swarm_id, number, index, at));
}

/// These items of the record's swarm are in this state from now on.
fn put(state: &mut State, record: &EventRecord, items: &[u32], to: ItemState) {
    let Some(swarm) = record.swarm.as_ref().and_then(|id| state.swarms.get_mut(id)) else { return };
    for index in items {
        let at = (*index as usize).wrapping_sub(1);
        if let Some(item) = swarm.items.get_mut(at) {
            item.state = to;
        }
    }
}

fn end_item(state: &mut State, record: &EventRecord, index: u32, done: bool) {
    let outcome = attempt_of(state, record)
        .and_then(|attempt| attempt.result.as_ref())
        .map(|result| result.outcome);
    if let Some(swarm) = record.swarm.as_ref().and_then(|id| state.swarms.get_mut(id))
        && let Some(item) = (index as usize).checked_sub(1).and_then(|i| swarm.items.get_mut(i))
    {
        item.state = match (done, outcome) {
            (true, _) => ItemState::Done,
            // Done, tried again, and stopped before that began; or stopped while it waited for
            // money.
            (false, Some(Outcome::Stopped | Outcome::Done | Outcome::Paused)) => ItemState::Stopped,
            (false, _) => ItemState::Failed,
        };
    }
    let failed = !done && matches!(outcome, Some(Outcome::Failed | Outcome::Lost));
    let agent = record.agent.as_ref().and_then(|id| state.agents.get(id));
    let parent = agent.and_then(|agent| agent.parent.clone()).filter(|_| failed);
    if let Some(parent) = parent.and_then(|id| state.agents.get_mut(&id)) {
        if parent.failures.len() == FAILURES {
            parent.failures.remove(0);
        }
        parent.failures.push(record.time);
    }
    with_agent(state, record, |agent| match (done, outcome) {
        (true, _) => agent.items_done += 1,
        (false, Some(Outcome::Stopped | Outcome::Done | Outcome::Paused)) => {}
        (false, _) => agent.items_failed += 1,
    });
}

fn enter(agent: &mut Agent, to: AgentState, reason: String, at: Stamp) {
    agent.state = to;
    agent.reason = reason;
    agent.since = at;
    if to.is_final() {
        agent.ended_at = Some(at);
        agent.retry = None;
        agent.unpaid = None;
    } else {
        agent.ended_at = None;
    }
}

fn set_disk_full(state: &mut State, record: &EventRecord, full: bool) {
    if let Some(attempt) = attempt_of(state, record) {
        attempt.disk_full = full;
    }
}

fn attempt_of<'a>(state: &'a mut State, record: &EventRecord) -> Option<&'a mut Attempt> {
    state.attempts.get_mut(record.attempt.as_ref()?)
}

fn with_agent(state: &mut State, record: &EventRecord, change: impl FnOnce(&mut Agent)) {
    if let Some(agent) = record.agent.as_ref().and_then(|id| state.agents.get_mut(id)) {
        change(agent);
    }
}
