//! The ledger's rules: what a call may take from the accounts above it, what becomes of a
//! reservation, and who waits for money. Every debit reaches all accounts up the tree at once,
//! in dollars and in tokens.

mod accounts;
mod limits;

pub use accounts::accounts;
pub(super) use accounts::{Short, lacking, shorts, wanting};
pub(super) use limits::change;

use super::{
    explain::signalled,
    state::{Agent, Attempt, Phase, Reserved, State},
    step::{Decision, Draft, Leave, Reply, Wish},
    unpaid,
};
use crate::model::{
    Account, AccountId, AgentId, AgentState, AttemptId, BUDGET, Bound, Budget, Coin, Event, Micros,
    Purse, Reservation, Shortage, Signal, Source, SwarmId, Tokens,
};

/// No call costs so many micro-dollars, or takes so many tokens; sums of thousands can be counted.
const MOST: i64 = 1_000_000_000_000_000;

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

/// The account with the least left of a coin; none where nothing above the agent limits it.
fn tightest(state: &State, agent: &Agent, coin: Coin) -> Option<(AccountId, i64)> {
    let limited = above(state, agent).into_iter().filter_map(|id| {
        let left = account(state, &id)?.purse(coin).left()?;
        Some((id, left))
    });
    limited.min_by_key(|(_, left)| *left)
}

/// What an agent may still spend of each coin; none: as much as it likes.
pub(super) fn left(state: &State, agent: &Agent) -> Budget {
    let mut left = Budget::default();
    for coin in Coin::ALL {
        left.set(coin, tightest(state, agent, coin).map(|(_, left)| left));
    }
    left
}

/// True while an agent may begin something that costs money.
pub(super) fn is_open(state: &State, agent: &Agent) -> bool {
    spent_up(state, agent).is_none()
}

/// The account above an agent that has nothing left.
pub(super) fn spent_up(state: &State, agent: &Agent) -> Option<(Coin, AccountId)> {
    Coin::ALL.into_iter().find_map(|coin| {
        tightest(state, agent, coin).filter(|(_, left)| *left <= 0).map(|(id, _)| (coin, id))
    })
}

/// That an account has nothing left, in words.
fn spent_words(state: &State, coin: Coin, id: &AccountId) -> String {
    let purse = account(state, id).map(|account| account.purse(coin)).unwrap_or_default();
    let unit = coin.unit();
    let [left, limit] = coin.told([purse.left().unwrap_or(0).max(0), purse.limit.unwrap_or(0)]);
    format!("the budget of {id} is spent: {left} of {limit}{unit} is left")
}

/// May a call leave, and with how much set aside for it? `last`: nobody waits any longer. What
/// nothing limits leaves in any case, and is set aside all the same: a limit that is set while it
/// is in flight has to count it.
pub(super) fn reserve(state: &State, id: &AttemptId, wish: &Wish, last: bool) -> Decision {
    let mut decision = Decision::default();
    let found = state.attempts.get(id);
    let Some((attempt, agent)) = found.and_then(|it| Some((it, state.agents.get(&it.agent)?)))
    else {
        let message = "this attempt is over".to_owned();
        decision.reply = Some(Reply::Leave(Leave::Refused { message }));
        return decision;
    };
    let counts = |coin| coin == Coin::Tokens || !wish.notional;
    let limits = Coin::ALL
        .map(|coin| tightest(state, agent, coin).filter(|_| counts(coin)).map(|at| (coin, at)));
    let (mut given, mut least) = (Budget::default(), Budget::default());
    let mut shares = Vec::new();
    for (coin, (tight, left)) in limits.into_iter().flatten() {
        let bound = match wish.bound(coin) {
            Ok(bound) => bound,
            Err(why) => {
                let message = format!("{why} ({tight} has a budget)");
                let reason = unpaid::reason(why, &wish.model);
                return refused(state, attempt, (&tight, reason), message, None);
            }
        };
        let Some(amount) = share(bound, left) else {
            return short(state, attempt, (coin, tight, left), bound.least, last);
        };
        given.set(coin, Some(amount));
        least.set(coin, Some(bound.least));
        shares.push((bound, amount));
    }
    let free = shares.is_empty();
    let mut unbounded = Vec::new();
    for coin in Coin::ALL {
        if given.get(coin).is_some() {
            continue;
        }
        match wish.bound(coin) {
            Ok(bound) => {
                let of = |(other, amount): &(Bound<i64>, i64)| within(bound, *other, *amount);
                given.set(coin, Some(shares.iter().map(of).min().unwrap_or(bound.most)));
                least.set(coin, Some(bound.least).filter(|_| counts(coin)));
            }
            Err(_) => {
                given.set(coin, wish.known.get(coin));
                unbounded.extend(Some(coin).filter(|_| counts(coin)));
            }
        }
    }
    for coin in Coin::ALL {
        given.set(coin, given.get(coin).map(|amount| amount.min(MOST)));
    }
    let number = state.reservations_made + 1;
    let reserved = Event::CallReserved {
        number,
        provider: wish.provider.clone(),
        model: wish.model.clone(),
        amount_micros: given.dollars.unwrap_or_default(),
        least_micros: least.dollars.unwrap_or_default(),
        amount_tokens: given.tokens.unwrap_or_default(),
        least_tokens: least.tokens.unwrap_or_default(),
        free,
        notional: wish.notional,
        unbounded,
    };
    decision.events.push(Draft::attempt(attempt, reserved));
    let reservation = Reservation { number, amount: given.dollars, tokens: given.tokens };
    decision.reply = Some(Reply::Leave(Leave::Reserved(reservation)));
    decision
}

/// The most of one coin that a call takes which is held to `amount` of `other`: both grow with
/// its answer alone, and evenly.
fn within(bound: Bound<i64>, other: Bound<i64>, amount: i64) -> i64 {
    let span = i128::from(other.most) - i128::from(other.least);
    if span <= 0 || amount >= other.most {
        return bound.most;
    }
    let share = (i128::from(amount) - i128::from(other.least)).max(0);
    let rise = i128::from(bound.most) - i128::from(bound.least);
    let more = (rise * share + span - 1) / span;
    i64::try_from(i128::from(bound.least) + more).unwrap_or(bound.most).min(bound.most)
}

/// What a call is given of what is left, if that will do. Long answers are asked for and seldom
/// given: where little is left, one call does not take it all from the others.
fn share(bound: Bound<i64>, left: i64) -> Option<i64> {
    let fair = bound.usual.max(left / 4).min(bound.most);
    let amount = if bound.most <= left / 4 { bound.most } else { fair.min(left) };
    (amount >= bound.least).then_some(amount)
}

/// A call that does not fit: it waits while others have something set aside, then is refused.
fn short(
    state: &State,
    attempt: &Attempt,
    (coin, tight, left): (Coin, AccountId, i64),
    needs: i64,
    last: bool,
) -> Decision {
    let purse = account(state, &tight).map(|account| account.purse(coin)).unwrap_or_default();
    if !last && purse.reserved > 0 {
        return Decision { reply: Some(Reply::Leave(Leave::Later)), ..Decision::default() };
    }
    // opencode (1.18.33) asks again after whatever has `exhausted` in its message, for 35 s.
    let is = if left > 0 { "too small for this call" } else { "spent" };
    let (unit, could) = match coin {
        Coin::Dollars => (coin.unit(), "cost"),
        Coin::Tokens => (coin.unit(), "take"),
    };
    let [left, limit, most] = coin.told([left, purse.limit.unwrap_or(0), needs]);
    let message = format!(
        "the budget of {tight} is {is}: {left} of {limit}{unit} is left, and this call could \
         {could} {most}{unit}"
    );
    let (reason, short) = (BUDGET.to_owned(), Some(Shortage { coin, needs }));
    refused(state, attempt, (&tight, reason), message, short)
}

fn refused(
    state: &State,
    attempt: &Attempt,
    (tight, reason): (&AccountId, String),
    message: String,
    short: Option<Shortage>,
) -> Decision {
    let mut decision = Decision::default();
    // Whoever asks again and again is told, and on record once.
    if !attempt.unpaid {
        let why = message.clone();
        let event = Event::CallRefused { account: tight.clone(), why, short };
        decision.events.push(Draft::attempt(attempt, event));
    }
    let signal = Signal {
        source: Source::Gateway,
        state: AgentState::Paused,
        reason,
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
        priced: !reserved.unbounded.contains(&Coin::Dollars) || reserved.amount > Micros::ZERO,
        duration_ms: 0,
        reservation: Some(number),
        estimated: true,
        notional: reserved.notional,
    }
}

/// Who was refused on its own screen and stands there still: it has to be told to go on. All
/// others end, and are started again.
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
    let limited = |account: &Account| account.level() > account.warned;
    for (id, account) in core.chain(swarms).chain(agents).filter(|(_, account)| limited(account)) {
        let event = Event::BudgetWarned { account: id.clone(), percent: account.level() };
        decision.events.push(draft(state, &id, event));
    }
}

/// The money's part of `apply`.
pub(super) fn apply(state: &mut State, attempt: Option<&AttemptId>, event: &Event) {
    match event {
        Event::CallReserved {
            number,
            provider,
            model,
            amount_micros,
            least_micros,
            amount_tokens,
            least_tokens,
            free: _,
            notional,
            unbounded,
        } => {
            let Some(attempt) = attempt else { return };
            state.reservations_made = *number;
            let reserved = Reserved {
                attempt: attempt.clone(),
                provider: provider.clone(),
                model: model.clone(),
                amount: *amount_micros,
                tokens: *amount_tokens,
                notional: *notional,
                unbounded: unbounded.clone(),
            };
            let least = [least_micros.0, Tokens::signed(*least_tokens)];
            for (coin, least) in Coin::ALL.into_iter().zip(least) {
                let amount = reserved.of(coin);
                debit(state, attempt, coin, |purse| {
                    purse.reserved = purse.reserved.saturating_add(amount);
                    purse.call = purse.call.max(least);
                });
            }
            state.reservations.insert(*number, reserved);
        }
        Event::CallRefused { account: id, short, .. } => {
            let Some(Shortage { coin, needs }) = *short else { return };
            // All above it would have to pay for it, not the tightest alone.
            let above = attempt.map(|attempt| above_of(state, attempt)).unwrap_or_default();
            for id in above.iter().chain([id]) {
                if let Some(account) = account_mut(state, id) {
                    account.change(coin, |purse| purse.call = purse.call.max(needs));
                }
            }
        }
        Event::ModelCalled { cost_micros, tokens, reservation, estimated, notional, .. } => {
            let Some(attempt) = attempt else { return };
            let reserved = reservation.and_then(|number| state.reservations.remove(&number));
            let back = |coin| reserved.as_ref().map_or(0, |reserved| reserved.of(coin));
            let cost = if *notional { Micros::ZERO } else { *cost_micros };
            debit(state, attempt, Coin::Dollars, |purse| {
                purse.reserved -= back(Coin::Dollars);
                purse.spent = purse.spent.saturating_add(cost.0);
            });
            if *estimated {
                above_of(state, attempt).iter().for_each(|id| {
                    if let Some(account) = account_mut(state, id) {
                        account.estimated += cost;
                    }
                });
            }
            let back = back(Coin::Tokens);
            // Nobody knows how many it took: it is charged what was set aside.
            let took = Tokens::signed(tokens.total()).max(if *estimated { back } else { 0 });
            debit(state, attempt, Coin::Tokens, |purse| {
                purse.reserved -= back;
                purse.spent = purse.spent.saturating_add(took);
            });
        }
        Event::BudgetSet { account: id, limit_micros, limit_tokens, .. } => {
            let Some(account) = account_mut(state, id) else { return };
            account.limit = *limit_micros;
            account.tokens.limit = limit_tokens.map(Tokens::signed);
            account.warned = account.level();
            let standing: Vec<AttemptId> =
                unpaid_on_screens(state, id).map(|attempt| attempt.id.clone()).collect();
            for attempt in standing {
                if let Some(attempt) = state.attempts.get_mut(&attempt) {
                    attempt.raised = true;
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

/// The accounts that an attempt's calls are debited from.
fn above_of(state: &State, attempt: &AttemptId) -> Vec<AccountId> {
    let agent = state.attempts.get(attempt).and_then(|it| state.agents.get(&it.agent));
    agent.map(|agent| above(state, agent)).unwrap_or_default()
}

fn debit(state: &mut State, attempt: &AttemptId, coin: Coin, change: impl Fn(&mut Purse)) {
    for id in above_of(state, attempt) {
        if let Some(account) = account_mut(state, &id) {
            account.change(coin, &change);
        }
    }
}

/// A swarm that is forgotten settles nothing any more: what is still set aside is charged.
pub(super) fn forget_swarm(state: &mut State, swarm: &SwarmId) {
    let State { reservations, attempts, account, .. } = state;
    reservations.retain(|_, reserved| {
        let gone = attempts.get(&reserved.attempt).is_none_or(|attempt| attempt.swarm == *swarm);
        if gone {
            account.estimated += Micros(reserved.of(Coin::Dollars));
            for coin in Coin::ALL {
                let amount = reserved.of(coin);
                account.change(coin, |purse| {
                    purse.reserved -= amount;
                    purse.spent = purse.spent.saturating_add(amount);
                });
            }
        }
        !gone
    });
}
