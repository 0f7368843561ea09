//! What each account will come to: by the items that are left, and at the present rate. A
//! function of the state and the time alone.

mod normal;
mod outlook;
pub mod tail;

use super::{
    charges::rate,
    ledger::account,
    state::{Agent, State, Swarm},
    unpaid::beside,
    views::{is_broke, waits_for_money},
};
use crate::model::{
    AccountId, AgentId, Budget, Choice, Coin, Forecast, Item, ItemState, Micros, Stamp, SwarmId,
    Tokens, set_price, unpriced,
};
use outlook::Outlook;
use std::collections::BTreeMap;
use tail::{Rest, Work, rest};

/// What is left of a swarm.
struct Open {
    work: Work,
    /// Whose each of the items at work is.
    whose: Vec<Option<AgentId>>,
    rest: Option<Rest>,
    items: u32,
    ended: u32,
    waiting: u32,
    /// What a call has cost, on average.
    call: f64,
}

/// Of every account of what is not over, and of the core's while anything is not.
pub fn forecasts(state: &State, now: Stamp) -> BTreeMap<AccountId, Forecast> {
    let mut tokens = BTreeMap::new();
    if some_limit_tokens(state) {
        tokens = left_of_all(state, Coin::Tokens);
    }
    let all = left_of_all(state, Coin::Dollars).into_iter();
    all.filter_map(|(id, left)| {
        let tokens = tokens.remove(&id);
        Some((id.clone(), told(state, &id, now, left, tokens)?))
    })
    .collect()
}

fn some_limit_tokens(state: &State) -> bool {
    let swarms = state.swarms.values().map(|swarm| &swarm.account);
    let agents = state.agents.values().map(|agent| &agent.account);
    let mut all = std::iter::once(&state.account).chain(swarms).chain(agents);
    all.any(|account| account.tokens.limit.is_some())
}

fn left_of_all(state: &State, coin: Coin) -> BTreeMap<AccountId, Left> {
    // Once over all attempts: there may be many.
    let mut spent: BTreeMap<(&SwarmId, u32), i64> = BTreeMap::new();
    let mut calls: BTreeMap<&SwarmId, (i64, u64)> = BTreeMap::new();
    for attempt in state.attempts.values() {
        let amount = match coin {
            Coin::Dollars => attempt.cost.0,
            Coin::Tokens => Tokens::signed(attempt.tokens.total()),
        };
        *spent.entry((&attempt.swarm, attempt.index)).or_default() += amount;
        let sum = calls.entry(&attempt.swarm).or_default();
        *sum = (sum.0.saturating_add(amount), sum.1 + attempt.calls);
    }
    let live = state.swarms.values().filter(|swarm| !swarm.state.is_final());
    let open = live.map(|swarm| {
        let (sum, calls) = calls.get(&swarm.id).copied().unwrap_or_default();
        let call = if calls > 0 { sum as f64 / calls as f64 } else { 0.0 };
        (swarm, Open { call, ..Open::of(swarm, &spent) })
    });
    let open: Vec<(&Swarm, Open)> = open.collect();
    let mut all = BTreeMap::new();
    for (swarm, open) in &open {
        all.insert(AccountId::Swarm(swarm.id.clone()), open.whole());
        let agents = swarm.agents.iter().filter_map(|id| state.agents.get(id));
        let agents: Vec<&Agent> = agents.filter(|agent| !agent.state.is_final()).collect();
        let share = f64::from(open.work.queued) / agents.len().max(1) as f64;
        let mut at_work = open.by_agent();
        for agent in agents {
            let own = at_work.remove(&agent.id).unwrap_or_default();
            all.insert(AccountId::Agent(agent.id.clone()), open.left(own, share));
        }
    }
    if !open.is_empty() {
        let whole = open.iter().map(|(_, open)| open.whole()).collect();
        all.insert(AccountId::Core, Left::sum(whole));
    }
    all
}

/// What is left of an account: the costs of its items one by one, the least first.
#[derive(Default)]
struct Left {
    items: u32,
    ended: u32,
    /// That something was spent on.
    begun: u32,
    /// That nobody has begun with, and so can be dropped.
    waiting: u32,
    /// Cost, and how far it may be below and above; none: not known yet.
    rest: Option<[f64; 3]>,
    each: Vec<f64>,
    /// What a call has cost, on average.
    call: f64,
}

impl Open {
    fn of(swarm: &Swarm, spent: &BTreeMap<(&SwarmId, u32), i64>) -> Self {
        let (mut work, mut whose, mut over) = (Work::default(), Vec::new(), 0);
        let (mut items, mut waiting) = (0, 0);
        for item in swarm.items.iter().filter(|item| item.state != ItemState::Dropped) {
            items += 1;
            waiting += u32::from(item.state == ItemState::Queued && item.agent.is_none());
            let cost = spent.get(&(&swarm.id, item.index)).copied().unwrap_or_default();
            match item.state {
                ItemState::Done | ItemState::Failed => {
                    over += 1;
                    work.ended.push(cost as f64);
                }
                // Cut short: it says nothing of the others.
                ItemState::Stopped | ItemState::Dropped => over += 1,
                ItemState::Queued | ItemState::Working if cost > 0 => {
                    work.working.push(cost as f64);
                    whose.push(item.agent.clone());
                }
                ItemState::Queued | ItemState::Working => work.queued += 1,
            }
        }
        let rest = rest(&work);
        Self { work, whose, rest, items, ended: over, waiting, call: 0.0 }
    }

    fn whole(&self) -> Left {
        let working = self.rest.as_ref().map(|rest| rest.working.clone());
        self.left(working.unwrap_or_default(), f64::from(self.work.queued))
    }

    /// What items at work will still cost, by their agents and all above those.
    fn by_agent(&self) -> BTreeMap<AgentId, Vec<f64>> {
        let mut all: BTreeMap<AgentId, Vec<f64>> = BTreeMap::new();
        let working = self.rest.iter().flat_map(|rest| &rest.working);
        for (whose, still) in self.whose.iter().zip(working) {
            let Some(agent) = whose else { continue };
            for id in std::iter::once(agent.clone()).chain(agent.ancestors()) {
                all.entry(id).or_default().push(*still);
            }
        }
        all
    }

    /// Of items at work that will still cost so much, and so many of the queue.
    fn left(&self, mut each: Vec<f64>, queued: f64) -> Left {
        let begun = u32::try_from(self.work.ended.len() + self.work.working.len());
        let known = Left {
            items: self.items,
            ended: self.ended,
            begun: begun.unwrap_or(u32::MAX),
            waiting: self.waiting,
            call: self.call,
            ..Left::default()
        };
        let Some(rest) = &self.rest else { return known };
        let cost = each.iter().sum::<f64>() + queued * rest.queued;
        each.sort_by(f64::total_cmp);
        each.extend(std::iter::repeat_n(rest.queued, queued.round() as usize));
        // A part of many is off by more of itself than all of them.
        let part = if rest.cost > 0.0 { (cost / rest.cost).sqrt() } else { 0.0 };
        let low = (cost - (rest.cost - rest.low) * part).max(0.0);
        let bounds = [cost, low, cost + (rest.high - rest.cost) * part];
        Left { rest: Some(bounds), each, ..known }
    }
}

impl Left {
    /// Deviations of several do not add up, since not all are out in one direction.
    fn sum(all: Vec<Self>) -> Self {
        let mut sum = Self { rest: Some([0.0; 3]), ..Self::default() };
        for left in all {
            sum.items += left.items;
            sum.ended += left.ended;
            sum.begun += left.begun;
            sum.waiting += left.waiting;
            // The dearest one needs the most beside it.
            sum.call = sum.call.max(left.call);
            sum.each.extend(left.each);
            sum.rest = sum.rest.zip(left.rest).map(|([cost, down, up], [more, low, high])| {
                [cost + more, down.hypot(more - low), up.hypot(high - more)]
            });
        }
        sum.each.sort_by(f64::total_cmp);
        sum.rest = sum.rest.map(|[cost, down, up]| [cost, (cost - down).max(0.0), cost + up]);
        sum
    }
}

fn told(
    state: &State,
    id: &AccountId,
    now: Stamp,
    left: Left,
    tokens: Option<Left>,
) -> Option<Forecast> {
    let account = account(state, id)?;
    let stuck = stuck(state, id);
    let used = account.spent > Micros::ZERO || account.tokens.spent > 0;
    if !used && stuck.is_none() {
        return None;
    }
    let rate = rate(state, id, now).filter(|rate| *rate > Micros::ZERO);
    let dollars = Outlook::of(account.purse(Coin::Dollars), &left);
    let in_tokens = tokens.map(|left| (Outlook::of(account.purse(Coin::Tokens), &left), left));
    let within = |sum: i64| {
        let ms = i128::from(sum.max(0)) * 60_000 / i128::from(rate?.0);
        u64::try_from(ms).ok()
    };
    let unfinished = dollars.unfinished.max(stuck.unwrap_or(0));
    let unfinished =
        unfinished.max(in_tokens.as_ref().map_or(0, |(outlook, _)| outlook.unfinished));
    let end = |at: usize| Some(Micros(dollars.end?[at]));
    let tokens_gone = in_tokens.as_ref().is_some_and(|(outlook, _)| outlook.pays_for_nothing());
    let gone = stuck.is_some() && (dollars.pays_for_nothing() || tokens_gone);
    let exhausted = if gone { Some(0) } else { dollars.short.and_then(within) };
    let unpriced = awaited_price(state, id).map(|model| {
        let command = set_price(&model);
        Choice::SetPrice { model, command }
    });
    let mut choices: Vec<Choice> = unpriced.into_iter().collect();
    // Whatever else holds those up who wait: their own account's sum is the last word.
    let beside = |coin| stuck.map(|_| beside(state, id, coin)).unwrap_or_default();
    if let Some(more) = dollars.more(&left, stuck.is_some()) {
        // To whole cents, upwards.
        let cents = |sum: i64| Micros(sum.saturating_add(9_999) / 10_000 * 10_000);
        let beside = beside(Coin::Dollars);
        let command = |sum: Micros| format!("{beside}dash budget top-up {id} {}", sum.plain());
        let (micros, safe_micros) = (cents(more.likely), more.safe.map(cents));
        choices.push(Choice::TopUp {
            micros,
            command: command(micros),
            safe_micros,
            safe_command: safe_micros.map(command),
        });
    }
    if let Some(more) = in_tokens.and_then(|(outlook, left)| outlook.more(&left, stuck.is_some())) {
        let thousands = |sum: i64| u64::try_from(sum).unwrap_or(0).div_ceil(1000) * 1000;
        let beside = beside(Coin::Tokens);
        let command = |sum| format!("{beside}dash budget top-up {id} {}", Budget::of_tokens(sum));
        let (tokens, safe_tokens) = (thousands(more.likely), more.safe.map(thousands));
        choices.push(Choice::TopUpTokens {
            tokens,
            command: command(tokens),
            safe_tokens,
            safe_command: safe_tokens.map(command),
        });
    }
    if let (Some(room), Some([end, ..])) = (dollars.short, dollars.end) {
        let percent = i128::from(room.max(0)) * 100 / i128::from((end - account.spent.0).max(1));
        let percent = u32::try_from(percent).unwrap_or(0);
        if percent > 0 {
            let model = cheaper(state, id, percent);
            choices.push(Choice::CheaperModel { at_most_percent: percent, model });
        }
    }
    // What is at work cannot be dropped, and what stands still finishes none of the others.
    if let AccountId::Swarm(swarm) = id
        && (1..=left.waiting).contains(&unfinished)
        && stuck.is_none()
    {
        let command = format!("dash item drop --swarm {swarm} --last {unfinished}");
        choices.push(Choice::Shrink { items: unfinished, command });
    }
    Some(Forecast {
        estimated: true,
        rate_micros_per_minute: rate,
        end_micros: end(0),
        low_micros: end(1),
        high_micros: end(2),
        ends_in_ms: dollars.end.and_then(|[end, ..]| within(end - account.spent.0)),
        exhausted_in_ms: exhausted,
        items: left.items,
        items_ended: left.ended,
        items_unfinished: unfinished,
        choices,
    })
}

/// Items that nobody goes on with, since all who could wait for money; none where somebody
/// works.
fn stuck(state: &State, id: &AccountId) -> Option<u32> {
    let open = |swarm: &Swarm| {
        let open = |item: &&Item| matches!(item.state, ItemState::Queued | ItemState::Working);
        u32::try_from(swarm.items.iter().filter(open).count()).unwrap_or(u32::MAX)
    };
    match id {
        AccountId::Swarm(id) => {
            let swarm = state.swarms.get(id)?;
            is_broke(state, swarm).then(|| open(swarm))
        }
        // It stands still for its own want of money, or for that of those above it.
        AccountId::Agent(id) => {
            let agent = state.agents.get(id)?;
            waits_for_money(agent).then_some(1)
        }
        AccountId::Core => {
            let mut live = state.swarms.values().filter(|swarm| !swarm.state.is_final());
            let sum = live.clone().map(open).fold(0, u32::saturating_add);
            live.all(|swarm| is_broke(state, swarm)).then_some(sum).filter(|sum| *sum > 0)
        }
    }
}

/// A model whose price somebody below the account waits for.
fn awaited_price(state: &State, id: &AccountId) -> Option<String> {
    let below = |agent: &&Agent| match id {
        AccountId::Core => true,
        AccountId::Swarm(id) => agent.swarm == *id,
        AccountId::Agent(id) => agent.id == *id || agent.id.is_below(id),
    };
    let waiting = state.agents.values().filter(|agent| agent.unpaid.is_some()).filter(below);
    waiting.filter_map(|agent| unpriced(&agent.reason)).next().map(str::to_owned)
}

/// A model that cost so much less for a token, by what this core has paid; the dearest of them.
fn cheaper(state: &State, id: &AccountId, percent: u32) -> Option<String> {
    let swarm = match id {
        AccountId::Core => return None,
        AccountId::Swarm(id) => id,
        AccountId::Agent(id) => &state.agents.get(id)?.swarm,
    };
    // Micro-dollars for a million tokens.
    let price = |tokens: u64, cost: Micros| {
        (tokens > 0 && cost > Micros::ZERO)
            .then(|| i128::from(cost.0) * 1_000_000 / i128::from(tokens))
    };
    let own = state.swarms.get(swarm)?;
    let now = price(own.tokens.total(), own.cost)?;
    let mut models: BTreeMap<&str, (u64, Micros)> = BTreeMap::new();
    for (model, spending) in state.swarms.values().flat_map(|swarm| &swarm.models) {
        let sum = models.entry(model).or_default();
        sum.0 += spending.tokens.total();
        sum.1 += spending.cost;
    }
    let prices = models
        .into_iter()
        .filter_map(|(model, (tokens, cost))| Some((price(tokens, cost)?, model)));
    let fit = prices.filter(|(price, _)| *price * 100 <= now * i128::from(percent));
    fit.max().map(|(_, model)| model.to_owned())
}
