//! The ledger's rules: what a call may take from the accounts above it, what becomes of a
//! reservation, and who waits for money. Every debit reaches all accounts up the tree at once.

use super::{
    explain::signalled,
    state::{Agent, Attempt, Phase, Reserved, State},
    step::{Decision, Draft, Leave, Reply, Wish},
};
use crate::model::{
    Account, AccountId, AccountInfo, Actor, AgentId, AgentState, AttemptId, BudgetChange, Event,
    Micros, Refusal, RefusalCode, Reservation, Signal, Source, SwarmId,
};

/// The reason of what a budget holds.
pub const BUDGET: &str = "budget";

/// The accounts that an agent's calls are debited from, the nearest first.
pub(super) fn above(state: &State, agent: &Agent) -> Vec<AccountId> {
    let own = std::iter::once(agent.id.clone()).chain(agent.id.ancestors());
    let own = own.filter(|id| state.agents.contains_key(id)).map(AccountId::Agent);
    own.chain([AccountId::Swarm(agent.swarm.clone()), AccountId::Core]).collect()
}

pub(super) fn account<'a>(state: &'a State, id: &AccountId) -> Option<&'a Account> {
    match id {
        AccountId::Core => Some(&state.account),
        AccountId::Swarm(id) => state.swarms.get(id).map(|swarm| &swarm.account),
        AccountId::Agent(id) => state.agents.get(id).map(|agent| &agent.account),
    }
}

fn account_mut<'a>(state: &'a mut State, id: &AccountId) -> Option<&'a mut Account> {
    match id {
        AccountId::Core => Some(&mut state.account),
        AccountId::Swarm(id) => state.swarms.get_mut(id).map(|swarm| &mut swarm.account),
        AccountId::Agent(id) => state.agents.get_mut(id).map(|agent| &mut agent.account),
    }
}

/// The account with the least left; none where nothing above the agent has a limit.
fn tightest(state: &State, agent: &Agent) -> Option<(AccountId, Micros)> {
    let limited = above(state, agent).into_iter().filter_map(|id| {
        let left = account(state, &id)?.left()?;
        Some((id, left))
    });
    limited.min_by_key(|(_, left)| *left)
}

/// What an agent may still spend; none: as much as it likes.
pub(super) fn left(state: &State, agent: &Agent) -> Option<Micros> {
    tightest(state, agent).map(|(_, left)| left)
}

/// True where an attempt's calls need leave: a limit is above them, or it is over.
pub fn is_limited(state: &State, id: &AttemptId) -> bool {
    let agent = state.attempts.get(id).and_then(|attempt| state.agents.get(&attempt.agent));
    agent.is_none_or(|agent| tightest(state, agent).is_some())
}

/// True while an agent may begin something that costs money.
pub(super) fn is_open(state: &State, agent: &Agent) -> bool {
    tightest(state, agent).is_none_or(|(_, left)| left > Micros::ZERO)
}

/// May a call leave, and with how much set aside for it? `last`: nobody waits any longer.
pub(super) fn reserve(state: &State, id: &AttemptId, wish: &Wish, last: bool) -> Decision {
    let mut decision = Decision::default();
    let found = state.attempts.get(id);
    let Some((attempt, agent)) = found.and_then(|it| Some((it, state.agents.get(&it.agent)?)))
    else {
        let message = "this attempt is over".to_owned();
        decision.reply = Some(Reply::Leave(Leave::Refused { message }));
        return decision;
    };
    let Some((tight, left)) = tightest(state, agent) else {
        decision.reply = Some(Reply::Leave(Leave::Free));
        return decision;
    };
    let bound = match &wish.bound {
        Ok(bound) => *bound,
        Err(why) => {
            let message = format!("{why} ({tight} has a budget)");
            return refused(state, attempt, &tight, message);
        }
    };
    // Long answers are asked for and seldom given: where little is left, one call does not
    // take it all from the others.
    let fair = bound.usual.max(Micros(left.0 / 4)).min(bound.most);
    let amount = if bound.most.0 <= left.0 / 4 { bound.most } else { fair.min(left) };
    if amount >= bound.least {
        let number = state.reservations_made + 1;
        let reserved = Event::CallReserved {
            number,
            provider: wish.provider.clone(),
            model: wish.model.clone(),
            amount_micros: amount,
        };
        decision.events.push(Draft::attempt(attempt, reserved));
        let reservation = Reservation { number, amount };
        decision.reply = Some(Reply::Leave(Leave::Reserved(reservation)));
        return decision;
    }
    let others = account(state, &tight).map_or(Micros::ZERO, |account| account.reserved);
    if !last && others > Micros::ZERO {
        decision.reply = Some(Reply::Leave(Leave::Later));
        return decision;
    }
    let limit = account(state, &tight).and_then(|account| account.limit).unwrap_or_default();
    // opencode (1.18.33) asks again after whatever has `exhausted` in its message, for 35 s.
    let is = if left > Micros::ZERO { "too small for this call" } else { "spent" };
    let [left, limit, cost] = Micros::told_apart([left, limit, bound.least]);
    let message = format!(
        "the budget of {tight} is {is}: {left} of {limit} is left, and this call could cost {cost}"
    );
    refused(state, attempt, &tight, message)
}

fn refused(state: &State, attempt: &Attempt, tight: &AccountId, message: String) -> Decision {
    let mut decision = Decision::default();
    // Whoever asks again and again is told, and on record once.
    if !attempt.unpaid {
        let why = message.clone();
        let event = Event::CallRefused { account: tight.clone(), why };
        decision.events.push(Draft::attempt(attempt, event));
    }
    let signal = Signal {
        source: Source::Gateway,
        state: AgentState::Paused,
        reason: BUDGET.to_owned(),
        detail: message.clone(),
        progress: None,
    };
    signalled(state, attempt, signal, &mut decision);
    decision.reply = Some(Reply::Leave(Leave::Refused { message }));
    decision
}

/// What a core that died had set aside: whether its calls arrived nobody knows, so they are
/// charged.
pub(super) fn recover(state: &State, decision: &mut Decision) {
    for (number, reserved) in &state.reservations {
        if let Some(attempt) = state.attempts.get(&reserved.attempt) {
            decision.events.push(Draft::attempt(attempt, charged(*number, reserved)));
        }
    }
}

fn charged(number: u64, reserved: &Reserved) -> Event {
    Event::ModelCalled {
        provider: reserved.provider.clone(),
        model: reserved.model.clone(),
        status: 0,
        tokens: Default::default(),
        cost_micros: reserved.amount,
        priced: true,
        duration_ms: 0,
        reservation: Some(number),
        estimated: true,
    }
}

/// Changes a limit.
///
/// # Errors
/// When there is no such account, or less than what is spent or set aside is meant.
pub(super) fn change(
    state: &State,
    by: &Actor,
    id: &AccountId,
    change: BudgetChange,
) -> Result<Decision, Refusal> {
    let Some(now) = account(state, id) else {
        return Err(Refusal::new(RefusalCode::NotFound, format!("there is no account {id}")));
    };
    let limit = match (change, now.limit) {
        (BudgetChange::Limit(limit), _) => limit,
        (BudgetChange::TopUp(more), Some(limit)) => Some(Micros(limit.0.saturating_add(more.0))),
        (BudgetChange::TopUp(_), None) => {
            let why = format!("{id} has no limit: there is nothing to top up");
            return Err(Refusal::new(RefusalCode::Conflict, why)
                .hinted(format!("dash budget set {id} $5 gives it one")));
        }
    };
    let used = Micros(now.spent.0 + now.reserved.0);
    if limit.is_some_and(|limit| limit < used) {
        let why = format!("{used} of {id} are spent or set aside already");
        return Err(Refusal::new(RefusalCode::Conflict, why).hinted(format!(
            "dash budget set {id} {}, or more; or stop the agents",
            used.exact()
        )));
    }
    let event = Event::BudgetSet { account: id.clone(), limit_micros: limit, by: by.clone() };
    let mut decision = Decision {
        events: vec![draft(state, id, event)],
        reply: Some(Reply::Done),
        ..Decision::default()
    };
    for attempt in unpaid_on_screens(state, id) {
        let signal = Signal {
            source: Source::Gateway,
            state: AgentState::Idle,
            reason: String::new(),
            detail: "its budget was raised".to_owned(),
            progress: None,
        };
        signalled(state, attempt, signal, &mut decision);
    }
    Ok(decision)
}

/// Who was refused on its own screen and stands there still: it has to be told to go on, and is
/// no longer held by its budget. All others end, and are started again.
fn unpaid_on_screens<'a>(state: &'a State, id: &'a AccountId) -> impl Iterator<Item = &'a Attempt> {
    let stands = |attempt: &&Attempt| attempt.unpaid && attempt.phase != Phase::Ended;
    state.attempts.values().filter(stands).filter(move |attempt| {
        let agent = state.agents.get(&attempt.agent);
        agent.is_some_and(|agent| agent.grant.interactive && above(state, agent).contains(id))
    })
}

/// On whose record an account's event stands.
fn draft(state: &State, id: &AccountId, event: Event) -> Draft {
    let (swarm, agent) = match id {
        AccountId::Core => (None, None),
        AccountId::Swarm(id) => (Some(id.clone()), None),
        AccountId::Agent(id) => {
            (state.agents.get(id).map(|agent| agent.swarm.clone()), Some(id.clone()))
        }
    };
    Draft { swarm, agent, attempt: None, event }
}

/// Says of every account once how much of it is spent.
pub(super) fn warn(state: &State, decision: &mut Decision) {
    let swarms =
        state.swarms.iter().map(|(id, swarm)| (AccountId::Swarm(id.clone()), swarm.account));
    let agents =
        state.agents.iter().map(|(id, agent)| (AccountId::Agent(id.clone()), agent.account));
    let core = std::iter::once((AccountId::Core, state.account));
    let limited = |account: &Account| account.limit.is_some() && account.level() > account.warned;
    for (id, account) in core.chain(swarms).chain(agents).filter(|(_, account)| limited(account)) {
        let event = Event::BudgetWarned { account: id.clone(), percent: account.level() };
        decision.events.push(draft(state, &id, event));
    }
}

/// The money's part of `apply`.
pub(super) fn apply(state: &mut State, attempt: Option<&AttemptId>, event: &Event) {
    match event {
        Event::CallReserved { number, provider, model, amount_micros } => {
            let Some(attempt) = attempt else { return };
            state.reservations_made = *number;
            let (provider, model, amount) = (provider.clone(), model.clone(), *amount_micros);
            let reserved = Reserved { attempt: attempt.clone(), provider, model, amount };
            state.reservations.insert(*number, reserved);
            debit(state, attempt, |account| account.reserved += amount);
        }
        Event::ModelCalled { cost_micros, reservation, .. } => {
            let Some(attempt) = attempt else { return };
            let reserved = reservation.and_then(|number| state.reservations.remove(&number));
            let back = reserved.map_or(Micros::ZERO, |reserved| reserved.amount);
            debit(state, attempt, |account| {
                account.reserved = Micros(account.reserved.0 - back.0);
                account.spent += *cost_micros;
            });
        }
        Event::BudgetSet { account: id, limit_micros, .. } => {
            let Some(account) = account_mut(state, id) else { return };
            account.limit = *limit_micros;
            account.warned = account.level();
            let standing: Vec<AttemptId> =
                unpaid_on_screens(state, id).map(|attempt| attempt.id.clone()).collect();
            for attempt in standing {
                if let Some(attempt) = state.attempts.get_mut(&attempt) {
                    attempt.unpaid = false;
                }
            }
            let told: Vec<AgentId> = (state.agents.values())
                .filter(|agent| agent.unpaid.is_some() && above(state, agent).contains(id))
                .map(|agent| agent.id.clone())
                .collect();
            for id in told {
                if let Some(unpaid) = state.agents.get_mut(&id).and_then(|it| it.unpaid.as_mut()) {
                    unpaid.again = true;
                }
            }
        }
        Event::BudgetWarned { account: id, percent } => {
            if let Some(account) = account_mut(state, id) {
                account.warned = *percent;
            }
        }
        _ => {}
    }
}

fn debit(state: &mut State, attempt: &AttemptId, change: impl Fn(&mut Account)) {
    let agent = state.attempts.get(attempt).and_then(|it| state.agents.get(&it.agent));
    let Some(path) = agent.map(|agent| above(state, agent)) else { return };
    path.iter().for_each(|id| _ = account_mut(state, id).map(&change));
}

/// A swarm that is forgotten settles nothing any more: what is still set aside is charged.
pub(super) fn forget_swarm(state: &mut State, swarm: &SwarmId) {
    let State { reservations, attempts, account, .. } = state;
    reservations.retain(|_, reserved| {
        let gone = attempts.get(&reserved.attempt).is_none_or(|attempt| attempt.swarm == *swarm);
        if gone {
            account.reserved = Micros(account.reserved.0 - reserved.amount.0);
            account.spent += reserved.amount;
        }
        !gone
    });
}

/// All accounts of what is there: the core's, then each swarm's, then each agent's.
pub fn accounts(state: &State) -> Vec<AccountInfo> {
    let mut all = vec![info(AccountId::Core, "core", None, &state.account)];
    for swarm in state.swarms.values() {
        let id = AccountId::Swarm(swarm.id.clone());
        all.push(info(id, &swarm.name, Some(AccountId::Core), &swarm.account));
        for agent in swarm.agents.iter().filter_map(|id| state.agents.get(id)) {
            let parent = match &agent.parent {
                Some(parent) => AccountId::Agent(parent.clone()),
                None => AccountId::Swarm(swarm.id.clone()),
            };
            let id = AccountId::Agent(agent.id.clone());
            all.push(info(id, &agent.name, Some(parent), &agent.account));
        }
    }
    all
}

fn info(id: AccountId, name: &str, parent: Option<AccountId>, account: &Account) -> AccountInfo {
    let state = match account.level() {
        0 => "open",
        75 => "warning",
        90 => "critical",
        _ => "exhausted",
    };
    AccountInfo {
        id,
        name: name.to_owned(),
        parent,
        limit_micros: account.limit,
        spent_micros: account.spent,
        reserved_micros: account.reserved,
        left_micros: account.left(),
        percent: account.percent(),
        state: state.to_owned(),
        forecast: None,
    }
}
