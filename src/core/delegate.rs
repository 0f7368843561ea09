//! Delegation: an agent's child gets what its parent has and it asks for, and never more.
//! And the failure breaker: an agent whose children fail too often spawns no more.

use super::{
    approval, requests,
    state::{Agent, Attempt, State, Swarm},
    step::{Decision, Draft, Effect, Reply, Timer},
};
use crate::model::{
    Actor, AgentId, AgentSpec, AgentState, Breaker, Caps, Command, Event, Grant, HeldBranch, Item,
    ItemState, Limits, Refusal, RefusalCode, Scope, Stamp, SwarmSpec,
};

/// Failures that are remembered of an agent's children; a breaker that needs more never trips.
pub const FAILURES: usize = 1000;

/// The reason of what a tripped breaker holds.
pub const BREAKER: &str = "breaker";
/// The reason of a child that is stopped because its parent's attempt is over.
pub const ORPHAN: &str = "its parent ended";

/// What an agent may touch: its own grant, else its swarm's. Of an agent that is gone nothing
/// is allowed.
pub fn scope_of(state: &State, agent: &AgentId) -> Scope {
    let Some(agent) = state.agents.get(agent) else { return Scope::default() };
    let of_swarm = || state.swarms.get(&agent.swarm)?.spec.granted.clone();
    // An older build's had none.
    agent.grant.scope.clone().or_else(of_swarm).unwrap_or_else(Scope::none)
}

/// What an agent may touch with the tree that was made for it, which its children share.
pub fn reach_of(state: &State, agent: &AgentId) -> Scope {
    let mut scope = scope_of(state, agent);
    let tree = state.agents.get(agent).and_then(|agent| agent.worktree.as_ref());
    if let Some(tree) = tree.filter(|_| scope.is_strict()) {
        scope.write = tree.meant(&scope.write);
    }
    scope
}

/// The scopes of its parent, of that one's parent, and so on up.
pub fn scopes_above(state: &State, agent: &AgentId) -> Vec<Scope> {
    agent.ancestors().map(|above| reach_of(state, &above)).collect()
}

/// What an agent's attempts are made from: its swarm's specification, or its own where it was
/// spawned with one.
pub fn spec_of(swarm: &Swarm, agent: &Agent) -> SwarmSpec {
    let granted = agent.grant.scope.clone().or_else(|| swarm.spec.granted.clone());
    let Some(own) = &agent.grant.own else {
        return SwarmSpec { granted, ..swarm.spec.clone() };
    };
    SwarmSpec {
        name: swarm.spec.name.clone(),
        // Its task is the text of its item.
        task: String::new(),
        agents: 1,
        cwd: own.cwd.clone(),
        worktree: own.worktree,
        timeout_ms: own.timeout_ms,
        limits: own.limits,
        retries: own.retries,
        command: own.command.clone(),
        path: own.path.clone(),
        granted,
        ..SwarmSpec::default()
    }
}

/// What an attempt of it may use of the machine, as far as it was said.
pub fn limits_of(state: &State, agent: &Agent) -> Limits {
    let swarm = state.swarms.get(&agent.swarm);
    swarm.and_then(|swarm| spec_of(swarm, agent).limits).unwrap_or_default()
}

/// When an attempt that started at `started` has to be over.
pub fn deadline_of(state: &State, attempt: &Attempt, started: Stamp) -> Option<Stamp> {
    let agent = state.agents.get(&attempt.agent)?;
    let limit = match &agent.grant.own {
        Some(own) => own.timeout_ms,
        None => state.swarms.get(&agent.swarm)?.spec.timeout_ms,
    };
    let own = limit.map(|limit| started.plus_ms(limit));
    own.into_iter().chain(agent.grant.deadline).min()
}

/// Further attempts after a failed one.
pub(super) fn retries_of(swarm: &Swarm, agent: &Agent) -> u32 {
    agent.grant.own.as_ref().map_or(swarm.spec.retries, |own| own.retries)
}

/// What an agent may ask for, on its own socket.
///
/// # Errors
/// Anything that is not about agents below it.
pub(super) fn may(by: &Actor, command: &Command) -> Result<(), Refusal> {
    let agent = match by {
        Actor::User(_) | Actor::Core => return Ok(()),
        Actor::Agent(agent) => agent,
    };
    let refused = |why: String| Err(Refusal::new(RefusalCode::Forbidden, why));
    match command {
        Command::SpawnAgent { .. } => Ok(()),
        Command::StopAgent { agent: other } | Command::RetryAgent { agent: other, .. } => {
            if other.is_below(agent) {
                return Ok(());
            }
            refused(format!(
                "{agent} may stop and retry agents that it spawned, and {other} is none"
            ))
        }
        Command::ResumeAgent { agent: other } => {
            refused(format!("no agent resumes a branch: {other} waits for a person"))
        }
        Command::CreateSwarm { .. } => {
            let refusal = Refusal::new(RefusalCode::Forbidden, "an agent makes no swarms");
            Err(refusal.hinted("dash agent spawn makes a child of the agent"))
        }
        Command::Decide { .. } | Command::Forget { .. } => {
            refused("no agent answers what was asked".to_owned())
        }
        Command::AddItem { .. }
        | Command::StopSwarm { .. }
        | Command::RemoveSwarm { .. }
        | Command::StopAll => refused(format!("{agent} may only spawn agents and stop its own")),
    }
}

/// One more agent below `parent`, in its swarm, with an item of its own.
///
/// # Errors
/// As [`grant`]; also when the swarm is over.
pub(super) fn spawn(
    state: &State,
    now: Stamp,
    parent: &AgentId,
    spec: AgentSpec,
    crew: &[(String, String)],
) -> Result<Decision, Refusal> {
    let (id, granted) = grant(state, now, parent, &spec)?;
    let found = state.agents.get(parent).and_then(|agent| state.swarms.get(&agent.swarm));
    let swarm = found.ok_or_else(|| {
        Refusal::new(RefusalCode::Conflict, format!("agent {parent} is in no swarm any more"))
    })?;
    if spec.swarm.as_ref().is_some_and(|wanted| *wanted != swarm.id) {
        let why = format!("a child of {parent} joins its swarm, {}, and no other", swarm.id);
        return Err(Refusal::new(RefusalCode::Forbidden, why).hinted("leave --swarm out"));
    }
    requests::still_open(swarm)?;
    let name = requests::agent_name(state, &spec.name, &id)?;
    let mut item = requests::new_item(&swarm.id, swarm.items.len() as u32 + 1, spec.task);
    // Nobody else's, also where the swarm has a queue.
    item.agent = Some(id.clone());
    let mut decision = Decision { reply: Some(Reply::Agent(id.clone())), ..Decision::default() };
    decision.events.push(Draft::swarm(&swarm.id, Event::ItemAdded { item: Box::new(item) }));
    for (adapter, model) in crew.iter().take(1) {
        let added = Event::AgentAdded {
            name: name.clone(),
            parent: Some(parent.clone()),
            adapter: adapter.clone(),
            model: model.clone(),
            cwd: spec.cwd.clone(),
            grant: Box::new(granted.clone()),
        };
        decision.events.push(Draft::agent(&swarm.id, &id, added));
    }
    Ok(decision)
}

/// What a child of `parent` gets of what `spec` asks for, and its id.
///
/// # Errors
/// When a cap is reached, or the parent is in no state to have children.
fn grant(
    state: &State,
    now: Stamp,
    parent: &AgentId,
    spec: &AgentSpec,
) -> Result<(AgentId, Grant), Refusal> {
    let conflict = |why: String| Refusal::new(RefusalCode::Conflict, why);
    let gone = || conflict(format!("agent {parent} has no attempt that runs"));
    let agent = state.agents.get(parent).ok_or_else(gone)?;
    let attempt = agent.current.as_ref().and_then(|id| state.attempts.get(id)).ok_or_else(gone)?;
    if attempt.stop.is_some() {
        return Err(conflict(format!("agent {parent} is being stopped")));
    }
    if let Some(top) = held_by(state, agent) {
        let why = format!("too many children of {top} failed: its branch is held");
        return Err(conflict(why).hinted(format!("dash agent resume {top}, by a person")));
    }
    let caps = caps_of(agent, spec);
    room(state, agent, caps, spec)?;
    let id = parent.child(agent.children_made + 1);
    if !id.has_room() {
        let why = format!("a child of {parent} would have too long an id: {id}");
        return Err(Refusal::new(RefusalCode::Forbidden, why).hinted("spawn higher up in the tree"));
    }
    let parents = reach_of(state, parent);
    // What lies on PATH can be read by whoever runs with it.
    let path = match (parents.is_strict(), state.swarms.get(&agent.swarm)) {
        (true, swarm) => swarm.and_then(|swarm| spec_of(swarm, agent).path),
        (false, _) => spec.path.clone(),
    };
    let scope = match &spec.granted {
        Some(wish) => parents.meet(wish),
        None => parents,
    };
    let started = attempt.started_at.unwrap_or(now);
    let mut own = AgentSpec { path, granted: None, caps: None, ..spec.clone() };
    let limits = limits_of(state, agent).meet(spec.limits.unwrap_or_default());
    own.limits = (limits != Limits::default()).then_some(limits);
    own.narrowed.extend(caps.below().denied(spec.depth, spec.children, spec.total));
    let deadline = deadline_of(state, attempt, started);
    let wished = spec.timeout_ms.map(|ms| now.plus_ms(ms));
    if deadline.is_some_and(|end| wished.is_some_and(|wished| wished > end)) {
        own.narrowed.push("timeout: its parent's ends sooner, and with it the child".to_owned());
    }
    let granted = Grant {
        scope: Some(scope),
        deadline,
        caps: Some(caps.below().lowered(spec.depth, spec.children, spec.total)),
        interactive: spec.interactive,
        // What was made of the wishes stands beside it; the wishes say nothing any more.
        own: Some(Box::new(own)),
    };
    Ok((id, granted))
}

/// The caps on an agent: those it was given, and never more than the configuration's, which
/// the request carries.
fn caps_of(agent: &Agent, spec: &AgentSpec) -> Caps {
    let configured = spec.caps.unwrap_or_default();
    agent.grant.caps.map_or(configured, |own| own.meet(configured))
}

fn room(state: &State, agent: &Agent, caps: Caps, spec: &AgentSpec) -> Result<(), Refusal> {
    let id = &agent.id;
    let refused = |why: String| Refusal::new(RefusalCode::Forbidden, why);
    if caps.depth == 0 {
        let why = format!("{id} may have no children: the cap on depth leaves 0 generations");
        return Err(refused(why).hinted("do it yourself; [delegation] depth is a person's to set"));
    }
    let children = state.branch(id).filter(|other| other.parent.as_ref() == Some(id));
    let live = children.filter(|child| !child.state.is_final()).count();
    let most = caps.children;
    if live >= most as usize {
        let why = format!("{id} has {live} of at most {most} children at a time: 0 are left");
        return Err(refused(why).hinted("dash agent wait or dash agent stop one of them first"));
    }
    // Whatever is made below an agent counts for all above it.
    for top in std::iter::once(id.clone()).chain(id.ancestors()) {
        let Some(above) = state.agents.get(&top) else { continue };
        let most = caps_of(above, spec).total;
        let made: u32 =
            above.children_made + state.branch(&top).map(|below| below.children_made).sum::<u32>();
        if made >= most {
            let why =
                format!("{made} of at most {most} agents were spawned below {top}: 0 are left");
            return Err(refused(why).hinted("do the rest yourself"));
        }
    }
    Ok(())
}

/// Who holds an agent's branch: itself, or one above it.
pub(super) fn held_by(state: &State, agent: &Agent) -> Option<AgentId> {
    let held = |id: &AgentId| state.agents.get(id).is_some_and(|agent| agent.held);
    std::iter::once(agent.id.clone()).chain(agent.id.ancestors()).find(held)
}

/// True while those above an agent hold it back.
pub(super) fn is_held(state: &State, agent: &Agent) -> bool {
    agent.id.ancestors().any(|id| state.agents.get(&id).is_some_and(|agent| agent.held))
}

/// True for a child whose parent's attempt is over, or about to be.
pub(super) fn is_orphan(state: &State, agent: &Agent) -> bool {
    let Some(parent) = &agent.parent else { return false };
    let attempt = state.agents.get(parent).and_then(|parent| parent.current.as_ref());
    attempt.and_then(|id| state.attempts.get(id)).is_none_or(|attempt| attempt.stop.is_some())
}

/// True for a child's item that was not finished because its parent ended, or had no use for
/// it any more: that says nothing about the swarm.
pub(super) fn is_given_up(state: &State, item: &Item) -> bool {
    let child = item.agent.as_ref().filter(|id| id.is_child());
    matches!(item.state, ItemState::Stopped | ItemState::Queued)
        && child.and_then(|id| state.agents.get(id)).is_some_and(|agent| agent.state.is_final())
}

/// Fails for a child that must not run any more, or not now.
pub(super) fn may_run(state: &State, now: Stamp, agent: &Agent) -> Result<(), Refusal> {
    let conflict = |why: String| Err(Refusal::new(RefusalCode::Conflict, why));
    if let Some(parent) = agent.parent.as_ref().filter(|_| is_orphan(state, agent)) {
        return conflict(format!("its parent {parent} does not run: no child outlives its parent"));
    }
    if is_held(state, agent) {
        let top = held_by(state, agent).unwrap_or_else(|| agent.id.clone());
        let why = format!("too many children of {top} failed: its branch is held");
        let refusal = Refusal::new(RefusalCode::Conflict, why);
        return Err(refusal.hinted(format!("dash agent resume {top}, by a person")));
    }
    if agent.grant.deadline.is_some_and(|deadline| deadline <= now) {
        return conflict(format!("the deadline of {}, its parent's, has passed", agent.id));
    }
    Ok(())
}

/// What stands beside `stopped`: that somebody asked for it the state says.
pub(super) fn reason(why: &str) -> String {
    if why == ORPHAN { ORPHAN.to_owned() } else { String::new() }
}

/// Holds the branch of an agent whose children failed too often, and asks about one that is
/// held. One a round: approvals are numbered by those that were made.
pub(super) fn trip(state: &State, breaker: Breaker, decision: &mut Decision) {
    let live = |agent: &&Agent| agent.current.is_some();
    for agent in state.agents.values().filter(live).filter(|agent| agent.held) {
        let attempt = agent.current.as_ref().and_then(|id| state.attempts.get(id));
        if let Some(attempt) = attempt.filter(|attempt| attempt.stop.is_none()) {
            let held = held_branch(agent);
            let text = format!("{}: may its branch go on?", held.why);
            let why = format!("the failure breaker; to approve is the same as {}", held.remedy());
            approval::branch_held(state, attempt, (text, why), decision);
        }
        if !decision.events.is_empty() {
            return;
        }
    }
    let Some(back) = (breaker.failures as usize).checked_sub(1) else { return };
    for agent in state.agents.values().filter(live).filter(|agent| !agent.held) {
        let mut newest = agent.failures.iter().rev();
        let Some((last, first)) = newest.clone().next().zip(newest.nth(back)) else { continue };
        if last.ms_since(*first) <= breaker.within_ms {
            let held =
                Event::BranchHeld { failures: breaker.failures, within_ms: breaker.within_ms };
            decision.events.push(Draft::agent(&agent.swarm, &agent.id, held));
        }
    }
}

fn held_branch(top: &Agent) -> HeldBranch {
    let why = top.held_for.map_or("too many children failed".to_owned(), Breaker::tripped);
    HeldBranch { top: top.id.clone(), why }
}

/// What holds an agent back: its own children's failures, or, of one that waits below a held
/// branch, those of the next above it.
pub(super) fn held_back(state: &State, agent: &Agent) -> Option<HeldBranch> {
    let waits = agent.state == AgentState::Paused && agent.reason == BREAKER;
    let concerned = (agent.held && !agent.state.is_final()) || waits;
    let top = held_by(state, agent).filter(|_| concerned)?;
    state.agents.get(&top).map(held_branch)
}

/// Lets a held branch go on, by command.
///
/// # Errors
/// When it is not held.
pub(super) fn resume(state: &State, top: &Agent) -> Result<Decision, Refusal> {
    if !top.held {
        let refusal =
            Refusal::new(RefusalCode::Conflict, format!("the branch of {} is not held", top.id));
        return Err(match is_held(state, top).then(|| held_by(state, top)).flatten() {
            Some(above) => refusal.hinted(format!("dash agent resume {above}")),
            None => refusal,
        });
    }
    let mut decision = Decision::default();
    approval::branch_resumed(state, &top.id, &mut decision);
    go_on(state, top, &mut decision);
    Ok(decision)
}

/// Lets the branch go on that was asked about.
pub(super) fn answered(state: &State, top: &AgentId, decision: &mut Decision) {
    if let Some(top) = state.agents.get(top).filter(|top| top.held) {
        go_on(state, top, decision);
    }
}

fn go_on(state: &State, top: &Agent, decision: &mut Decision) {
    decision.events.push(Draft::agent(&top.swarm, &top.id, Event::BranchResumed));
    for agent in state.branch(&top.id).filter(|agent| agent.state == AgentState::Paused) {
        let still = agent
            .id
            .ancestors()
            .any(|id| id != top.id && state.agents.get(&id).is_some_and(|above| above.held));
        if still || agent.reason != BREAKER {
            continue;
        }
        let to = match agent.retry {
            Some(retry) => {
                let timer = Timer::Retry { agent: agent.id.clone(), number: retry.number };
                decision.effects.push(Effect::SetTimer { at: retry.at, timer });
                AgentState::Retrying
            }
            None => AgentState::Queued,
        };
        let back = Event::StateChanged { state: to, reason: String::new() };
        decision.events.push(Draft::agent(&agent.swarm, &agent.id, back));
    }
}
