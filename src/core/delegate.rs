//! Delegation: an agent's child gets what its parent has and it asks for, and never more.

use super::{
    breaker::{DENIED, held_by, is_held},
    ledger, requests,
    state::{Agent, Attempt, State, Swarm},
    step::{Decision, Draft, Reply},
};
use crate::model::{
    Actor, AgentId, AgentSpec, AgentState, Budget, Caps, Coin, Command, Event, Grant, Item,
    ItemState, Limits, Refusal, RefusalCode, Scope, Stamp, SwarmSpec, is_unpaid,
};

/// The reason of a child that is stopped because its parent's attempt is over.
pub const ORPHAN: &str = "its parent ended";

/// Why a child is stopped whose parent's attempt ended for want of money: it goes on when that
/// one does.
pub const HALTED: &str = "its parent waits for money";

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

/// The time that each attempt of it has.
pub fn timeout_of(state: &State, agent: &Agent) -> Option<u64> {
    match &agent.grant.own {
        Some(own) => own.timeout_ms,
        None => state.swarms.get(&agent.swarm)?.spec.timeout_ms,
    }
}

/// When an attempt that started at `started` has to be over.
pub fn deadline_of(state: &State, attempt: &Attempt, started: Stamp) -> Option<Stamp> {
    let agent = state.agents.get(&attempt.agent)?;
    let own =
        timeout_of(state, agent).map(|limit| started.plus_ms(limit).plus_ms(attempt.paused_ms));
    own.into_iter().chain(parents_end(state, agent)).min()
}

/// When its parent's attempt has to be over, and so every attempt of its own. It was granted
/// as if nothing were ever paused, and moves on by what its parent's attempt is.
pub(super) fn parents_end(state: &State, agent: &Agent) -> Option<Stamp> {
    let parent = agent.parent.as_ref().and_then(|id| state.agents.get(id));
    let attempt = parent.and_then(|parent| state.attempts.get(parent.current.as_ref()?));
    let paused_ms = attempt.map_or(0, |attempt| attempt.paused_ms);
    agent.grant.deadline.map(|end| end.plus_ms(paused_ms))
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
        Command::PauseAgent { agent: other } | Command::ResumeAgent { agent: other } => {
            refused(format!("no agent pauses or resumes another: {other} waits for a person"))
        }
        Command::PauseSwarm { swarm } | Command::ResumeSwarm { swarm } => {
            refused(format!("no agent pauses or resumes a swarm: {swarm} waits for a person"))
        }
        Command::CreateSwarm { .. } => {
            let refusal = Refusal::new(RefusalCode::Forbidden, "an agent makes no swarms");
            Err(refusal.hinted("dash agent spawn makes a child of the agent"))
        }
        Command::Decide { .. } | Command::Forget { .. } => {
            refused("no agent answers what was asked".to_owned())
        }
        Command::SetBudget { account, .. } => {
            refused(format!("no agent changes a budget: that of {account} is a person's to set"))
        }
        Command::AddItem { .. }
        | Command::DropItems { .. }
        | Command::RestoreItems { .. }
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
    // Whatever it spends its parent spends too; its own limit is for it alone.
    let wish = spec.budget.as_ref().and_then(|text| text.parse::<Budget>().ok());
    let (wish, left) = (wish.unwrap_or_default(), ledger::left(state, agent));
    let mut budget = wish;
    for coin in Coin::ALL {
        let Some((wish, left)) = wish.get(coin).zip(left.get(coin)) else { continue };
        if wish > left {
            let unit = coin.unit();
            let [left, wish] = coin.told([left, wish]);
            let why =
                format!("budget: {left}{unit} of its parent's are left, {wish} were asked for");
            own.narrowed.push(why);
        }
        budget.set(coin, Some(wish.min(left)));
    }
    let granted = Grant {
        budget: budget.dollars,
        tokens: budget.tokens,
        scope: Some(scope),
        deadline: deadline.map(|end| end.minus_ms(attempt.paused_ms)),
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

/// True for a child whose parent's attempt is over, or about to be.
pub(super) fn is_orphan(state: &State, agent: &Agent) -> bool {
    let Some(parent) = &agent.parent else { return false };
    let attempt = state.agents.get(parent).and_then(|parent| parent.current.as_ref());
    attempt.and_then(|id| state.attempts.get(id)).is_none_or(|attempt| attempt.stop.is_some())
}

/// Why a child without a parent that runs is stopped.
pub(super) fn orphaned(state: &State, agent: &Agent) -> &'static str {
    if parent_waits(state, agent) { HALTED } else { ORPHAN }
}

/// True for a child whose parent goes on as soon as there is money, or a price; one that was
/// stopped does not, whatever stands above it.
pub(super) fn parent_waits(state: &State, agent: &Agent) -> bool {
    let parent = agent.parent.as_ref().and_then(|id| state.agents.get(id));
    parent
        .filter(|parent| !parent.state.is_final())
        .is_some_and(|parent| parent.unpaid.is_some() || parent_waits(state, parent))
}

/// True for a child's item that was not finished because its parent ended, or had no use for
/// it any more: that says nothing about the swarm. What a budget stopped was not given up.
pub(super) fn is_given_up(state: &State, item: &Item) -> bool {
    let child = item.agent.as_ref().filter(|id| id.is_child());
    matches!(item.state, ItemState::Stopped | ItemState::Queued)
        && child
            .and_then(|id| state.agents.get(id))
            .is_some_and(|agent| agent.state.is_final() && !is_unpaid(&agent.reason))
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
    if parents_end(state, agent).is_some_and(|deadline| deadline <= now) {
        return conflict(format!("the deadline of {}, its parent's, has passed", agent.id));
    }
    Ok(())
}

/// What stands beside `stopped`: that somebody asked for it the state says. One that waited for
/// money when its parent ended did not come to its end by that alone, unless somebody stopped that.
pub(super) fn reason(state: &State, agent: &Agent, why: &str) -> String {
    let parent = agent.parent.as_ref().and_then(|id| state.agents.get(id));
    let given_up = parent
        .is_some_and(|parent| parent.state == AgentState::Stopped && !is_unpaid(&parent.reason));
    match why {
        ORPHAN if agent.unpaid.is_some() && !given_up => agent.reason.clone(),
        ORPHAN | DENIED => why.to_owned(),
        _ => String::new(),
    }
}
