//! What clients ask for: swarms, agents, items, stops, removals.

use super::{
    delegate, ledger, once, pause, queue, resume,
    state::{Agent, State, Swarm},
    step::{Decision, Draft, Effect, Reply},
    unpaid,
    views::waits_for_money,
};
use crate::model::{
    Actor, AgentId, AgentSpec, AgentState, Budget, Command, Event, Grant, Item, ItemState, Once,
    Refusal, RefusalCode, Stamp, SwarmId, SwarmSpec,
};

/// `crew` names adapter and model of each new agent, one entry an agent.
pub(super) fn request(
    state: &State,
    now: Stamp,
    by: &Actor,
    once: Option<Once>,
    command: Command,
    crew: &[(String, String)],
) -> Result<Decision, Refusal> {
    delegate::may(by, &command)?;
    let Some(once) = once::of(&command, once) else {
        return carry_out(state, now, by, command, crew);
    };
    if let Some(reply) = once::answered(state, by, &once)? {
        return Ok(Decision { reply: Some(reply), ..Decision::default() });
    }
    let mut decision = carry_out(state, now, by, command, crew)?;
    once::name(&mut decision, by, once);
    Ok(decision)
}

fn carry_out(
    state: &State,
    now: Stamp,
    by: &Actor,
    command: Command,
    crew: &[(String, String)],
) -> Result<Decision, Refusal> {
    match command {
        Command::CreateSwarm { spec } => {
            free_to_make(state, &spec)?;
            create(state, *spec, crew)
        }
        Command::SpawnAgent { spec } => match by {
            Actor::Agent(parent) => delegate::spawn(state, now, parent, *spec, crew),
            Actor::User(_) | Actor::Core => spawn(state, *spec, crew),
        },
        Command::AddItem { swarm, text } => add_item(find_swarm(state, &swarm)?, text),
        Command::DropItems { swarm, which } => queue::drop(find_swarm(state, &swarm)?, &which),
        Command::RestoreItems { swarm, items } => {
            queue::restore(find_swarm(state, &swarm)?, &items)
        }
        Command::StopSwarm { swarm } => {
            let swarm = find_swarm(state, &swarm)?;
            let mut decision = Decision { reply: Some(Reply::Done), ..Decision::default() };
            if !swarm.state.is_final() {
                stop_swarm(state, swarm, &mut decision);
            }
            Ok(decision)
        }
        Command::StopAgent { agent } => {
            let mut decision = Decision { reply: Some(Reply::Done), ..Decision::default() };
            stop_agent(state, find_agent(state, &agent)?, "asked to", &mut decision);
            Ok(decision)
        }
        Command::RetryAgent { agent, model } => {
            retry(state, now, find_agent(state, &agent)?, model)
        }
        Command::PauseAgent { agent } => pause::agent(find_agent(state, &agent)?),
        Command::PauseSwarm { swarm } => pause::swarm(find_swarm(state, &swarm)?),
        Command::ResumeAgent { agent } => pause::resume_agent(state, find_agent(state, &agent)?),
        Command::ResumeSwarm { swarm } => pause::resume_swarm(state, &swarm),
        Command::RemoveSwarm { swarm } => remove(state, find_swarm(state, &swarm)?),
        Command::SetBudget { account, change, seen } => {
            ledger::change(state, by, &account, change, seen.as_deref())
        }
        // Answered by who asks, and so elsewhere.
        Command::Decide { .. } | Command::Forget { .. } => Ok(Decision::default()),
        Command::StopAll => {
            let mut decision = Decision { reply: Some(Reply::Done), ..Decision::default() };
            for swarm in state.swarms.values().filter(|swarm| !swarm.state.is_final()) {
                stop_swarm(state, swarm, &mut decision);
            }
            Ok(decision)
        }
    }
}

pub(super) fn find_swarm<'a>(state: &'a State, id: &SwarmId) -> Result<&'a Swarm, Refusal> {
    state
        .swarms
        .get(id)
        .ok_or_else(|| Refusal::new(RefusalCode::NotFound, format!("no swarm {id}")))
}

fn find_agent<'a>(state: &'a State, id: &AgentId) -> Result<&'a Agent, Refusal> {
    state
        .agents
        .get(id)
        .ok_or_else(|| Refusal::new(RefusalCode::NotFound, format!("no agent {id}")))
}

fn create(state: &State, spec: SwarmSpec, crew: &[(String, String)]) -> Result<Decision, Refusal> {
    let id = SwarmId::numbered(state.swarms_made + 1);
    let name = free_name(state, &spec, &id);
    let mut decision = Decision { reply: Some(Reply::Swarm(id.clone())), ..Decision::default() };
    let texts: Vec<String> = match &spec.items {
        Some(items) => items.clone(),
        None => vec![String::new(); crew.len()],
    };
    let (cwd, agent_budget) = (spec.cwd.clone(), spec.agent_budget.clone());
    let kept = SwarmSpec { items: spec.items.as_ref().map(|_| Vec::new()), ..spec };
    let created = Event::SwarmCreated { name, spec: Box::new(kept) };
    decision.events.push(Draft::swarm(&id, created));
    for (at, text) in texts.into_iter().enumerate() {
        let item = Box::new(new_item(&id, at as u32 + 1, text));
        decision.events.push(Draft::swarm(&id, Event::ItemAdded { item }));
    }
    // Checked before it came here.
    let each: Budget = agent_budget.and_then(|text| text.parse().ok()).unwrap_or_default();
    for (at, (adapter, model)) in crew.iter().enumerate() {
        let agent = AgentId::numbered(state.agents_made + at as u64 + 1);
        let added = Event::AgentAdded {
            name: agent.to_string(),
            parent: None,
            adapter: adapter.clone(),
            model: model.clone(),
            cwd: cwd.clone(),
            grant: Box::new(Grant::default().limited(each)),
        };
        decision.events.push(Draft::agent(&id, &agent, added));
    }
    Ok(decision)
}

/// A name that was asked for is had or refused: whoever asks again by it means this swarm.
fn free_to_make(state: &State, spec: &SwarmSpec) -> Result<(), Refusal> {
    let taken = !spec.name.is_empty() && state.swarms.values().any(|swarm| swarm.name == spec.name);
    if taken {
        let why = format!("a swarm is called {:?} already", spec.name);
        let hint = format!("choose another --name, or `dash swarm rm {}` first", spec.name);
        return Err(Refusal::new(RefusalCode::Conflict, why).hinted(hint));
    }
    Ok(())
}

/// The wished name, made from the task when there is none; a number follows where a swarm
/// of that name exists.
fn free_name(state: &State, spec: &SwarmSpec, id: &SwarmId) -> String {
    let wish = if spec.name.is_empty() { slug(&spec.task) } else { spec.name.clone() };
    let wish = match (wish.is_empty(), spec.command.first()) {
        (false, _) => wish,
        (true, Some(program)) => slug(program.rsplit('/').next().unwrap_or(program)),
        (true, None) => id.to_string(),
    };
    let wish = if wish.is_empty() { id.to_string() } else { wish };
    let taken = |name: &str| state.swarms.values().any(|swarm| swarm.name == name);
    if !taken(&wish) {
        return wish;
    }
    (2u32..).map(|n| format!("{wish}-{n}")).find(|name| !taken(name)).unwrap_or(wish)
}

/// The first words of `text`, lower case, joined by dashes, at most 24 characters.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        if !slug.is_empty() && slug.len() + 1 + word.len() > 24 {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.extend(word.chars().take(24));
    }
    slug
}

pub(super) fn new_item(swarm: &SwarmId, index: u32, text: String) -> Item {
    Item { swarm: swarm.clone(), index, text, state: ItemState::Queued, agent: None, attempts: 0 }
}

/// A swarm of one, or one more agent with an item of its own in an existing swarm.
fn spawn(state: &State, spec: AgentSpec, crew: &[(String, String)]) -> Result<Decision, Refusal> {
    let id = AgentId::numbered(state.agents_made + 1);
    let name = agent_name(state, &spec.name, &id)?;
    let lowered = spec.depth.is_some() || spec.children.is_some() || spec.total.is_some();
    let caps = spec.caps.unwrap_or_default().lowered(spec.depth, spec.children, spec.total);
    let interactive = spec.interactive;
    let mut grant = Grant { caps: lowered.then_some(caps), interactive, ..Grant::default() };
    // Checked before it came here.
    let budget: Option<Budget> = spec.budget.as_ref().and_then(|text| text.parse().ok());
    let Some(swarm) = &spec.swarm else {
        let alone = SwarmSpec {
            budget: spec.budget,
            name: spec.name,
            task: spec.task,
            agents: 1,
            cwd: spec.cwd,
            worktree: spec.worktree,
            timeout_ms: spec.timeout_ms,
            limits: spec.limits,
            retries: spec.retries,
            command: spec.command,
            path: spec.path,
            scope: spec.scope,
            read: spec.read,
            net: spec.net,
            allow: spec.allow,
            allow_only: spec.allow_only,
            no_sandbox: spec.no_sandbox,
            granted: spec.granted,
            ..SwarmSpec::default()
        };
        let mut decision = create(state, alone, crew)?;
        for draft in &mut decision.events {
            if let Event::AgentAdded { name: added, grant: granted, .. } = &mut draft.event {
                added.clone_from(&name);
                **granted = grant.clone();
            }
        }
        decision.reply = Some(Reply::Agent(id));
        return Ok(decision);
    };
    let swarm = find_swarm(state, swarm)?;
    still_open(swarm)?;
    grant.scope = spec.granted;
    grant = grant.limited(budget.unwrap_or_default());
    let mut decision = Decision { reply: Some(Reply::Agent(id.clone())), ..Decision::default() };
    let item = Box::new(new_item(&swarm.id, swarm.items.len() as u32 + 1, spec.task));
    decision.events.push(Draft::swarm(&swarm.id, Event::ItemAdded { item }));
    for (adapter, model) in crew.iter().take(1) {
        let added = Event::AgentAdded {
            name: name.clone(),
            parent: None,
            adapter: adapter.clone(),
            model: model.clone(),
            cwd: spec.cwd.clone(),
            grant: Box::new(grant.clone()),
        };
        decision.events.push(Draft::agent(&swarm.id, &id, added));
    }
    Ok(decision)
}

/// The name that an agent is to have.
pub(super) fn agent_name(state: &State, wish: &str, id: &AgentId) -> Result<String, Refusal> {
    let name = if wish.is_empty() { id.as_str() } else { wish };
    if state.agents.values().any(|agent| agent.name == name) {
        let why = format!("an agent is called {name:?} already");
        return Err(Refusal::new(RefusalCode::Conflict, why).hinted("choose another --name"));
    }
    Ok(name.to_owned())
}

/// Fails for a swarm that takes nothing more.
pub(super) fn still_open(swarm: &Swarm) -> Result<(), Refusal> {
    if !swarm.state.is_final() && !swarm.stopping {
        return Ok(());
    }
    let why = format!("swarm {} is over ({})", swarm.name, swarm.state);
    Err(Refusal::new(RefusalCode::Conflict, why).hinted("create a new swarm"))
}

fn add_item(swarm: &Swarm, text: String) -> Result<Decision, Refusal> {
    still_open(swarm)?;
    if !swarm.queue {
        let why = format!("swarm {} has no queue: each agent does the task once", swarm.name);
        return Err(Refusal::new(RefusalCode::Conflict, why)
            .hinted("create the swarm with --items or --each"));
    }
    let item = Box::new(new_item(&swarm.id, swarm.items.len() as u32 + 1, text));
    Ok(Decision {
        events: vec![Draft::swarm(&swarm.id, Event::ItemAdded { item: item.clone() })],
        reply: Some(Reply::Item(item)),
        ..Decision::default()
    })
}

fn stop_swarm(state: &State, swarm: &Swarm, decision: &mut Decision) {
    let why = "swarm stopped";
    decision.events.push(Draft::swarm(&swarm.id, Event::StopAsked { why: why.to_owned() }));
    for agent in swarm.agents.iter().filter_map(|id| state.agents.get(id)) {
        stop_agent(state, agent, why, decision);
    }
}

pub(super) fn stop_agent(state: &State, agent: &Agent, why: &str, decision: &mut Decision) {
    let current = agent.current.as_ref().and_then(|id| state.attempts.get(id));
    if let Some(attempt) = current {
        if attempt.stop.is_none() {
            let asked = Event::StopAsked { why: why.to_owned() };
            decision.events.push(Draft::attempt(attempt, asked));
        }
        // Asked again, it is said again: the first may have met a keeper that was away.
        decision.effects.push(Effect::Stop { attempt: attempt.id.clone() });
    } else if !agent.state.is_final() {
        let waits = agent.retry.as_ref().map(|retry| retry.index);
        if let Some(index) = waits.or(agent.unpaid.map(|unpaid| unpaid.index)) {
            let ended = Event::ItemEnded { index, done: false };
            let latest = agent.latest.clone();
            decision
                .events
                .push(Draft { attempt: latest, ..Draft::agent(&agent.swarm, &agent.id, ended) });
        }
        let to = Event::StateChanged {
            state: AgentState::Stopped,
            reason: delegate::reason(state, agent, why),
        };
        decision.events.push(Draft::agent(&agent.swarm, &agent.id, to));
    }
}

fn retry(
    state: &State,
    now: Stamp,
    agent: &Agent,
    model: Option<String>,
) -> Result<Decision, Refusal> {
    if model.as_ref().is_some_and(|model| model.trim().is_empty()) {
        return Err(Refusal::new(RefusalCode::Invalid, "a model has a name"));
    }
    let last = agent.latest.as_ref().and_then(|id| state.attempts.get(id));
    let Some(last) = last.filter(|_| agent.state.is_final()) else {
        let why =
            format!("agent {} is {}: only a finished one is tried again", agent.id, agent.state);
        // It goes on by itself with what it waits for.
        let way_on = match waits_for_money(agent) {
            true => unpaid::command_for(state, agent),
            false => format!("dash agent stop {}", agent.id),
        };
        return Err(Refusal::new(RefusalCode::Conflict, why).hinted(way_on));
    };
    delegate::may_run(state, now, agent)?;
    let (number, index) = (last.number + 1, last.index);
    let due = Event::RetryDue { number, index, model, follows: Some(resume::by_hand(last)) };
    Ok(Decision {
        events: vec![Draft::agent(&agent.swarm, &agent.id, due)],
        reply: Some(Reply::Agent(agent.id.clone())),
        ..Decision::default()
    })
}

fn remove(state: &State, swarm: &Swarm) -> Result<Decision, Refusal> {
    if !swarm.state.is_final() {
        let why = format!("swarm {} still works", swarm.name);
        return Err(Refusal::new(RefusalCode::Conflict, why)
            .hinted(format!("dash swarm stop {}", swarm.name)));
    }
    let of_swarm = state.attempts.values().filter(|attempt| attempt.swarm == swarm.id);
    Ok(Decision {
        events: vec![Draft::swarm(&swarm.id, Event::SwarmRemoved)],
        effects: vec![Effect::Forget {
            swarm: swarm.id.clone(),
            agents: swarm.agents.clone(),
            attempts: of_swarm.map(|attempt| attempt.id.clone()).collect(),
        }],
        reply: Some(Reply::Done),
        ..Decision::default()
    })
}
