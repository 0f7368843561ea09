//! What each account will come to: by the items that are left, and at the present rate. A
//! function of the state and the time alone.

pub mod tail;

use super::{
    charges::rate,
    ledger::account,
    state::{Agent, State, Swarm},
};
use crate::model::{AccountId, AgentId, Choice, Forecast, ItemState, Micros, Stamp, SwarmId};
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
}

/// Of every account of what is not over, and of the core's while anything is not.
pub fn forecasts(state: &State, now: Stamp) -> BTreeMap<AccountId, Forecast> {
    // Once over all attempts: there may be many.
    let mut spent: BTreeMap<(&SwarmId, u32), Micros> = BTreeMap::new();
    for attempt in state.attempts.values() {
        *spent.entry((&attempt.swarm, attempt.index)).or_default() += attempt.cost;
    }
    let live = || state.swarms.values().filter(|swarm| !swarm.state.is_final());
    let open: Vec<(&Swarm, Open)> = live().map(|swarm| (swarm, Open::of(swarm, &spent))).collect();
    let mut all = BTreeMap::new();
    for (swarm, open) in &open {
        all.extend(told(state, AccountId::Swarm(swarm.id.clone()), now, open.whole()));
        let agents = swarm.agents.iter().filter_map(|id| state.agents.get(id));
        let agents: Vec<&Agent> = agents.filter(|agent| !agent.state.is_final()).collect();
        let share = f64::from(open.work.queued) / agents.len().max(1) as f64;
        let mut at_work = open.by_agent();
        for agent in agents {
            let own = at_work.remove(&agent.id).unwrap_or_default();
            let left = open.left(own, share);
            all.extend(told(state, AccountId::Agent(agent.id.clone()), now, left));
        }
    }
    if !open.is_empty() {
        let whole = open.iter().map(|(_, open)| open.whole()).collect();
        all.extend(told(state, AccountId::Core, now, Left::sum(whole)));
    }
    all
}

/// What is left of an account: the costs of its items one by one, the least first.
#[derive(Default)]
struct Left {
    items: u32,
    ended: u32,
    /// Cost, and how far it may be below and above; none: not known yet.
    rest: Option<[f64; 3]>,
    each: Vec<f64>,
}

impl Open {
    fn of(swarm: &Swarm, spent: &BTreeMap<(&SwarmId, u32), Micros>) -> Self {
        let (mut work, mut whose, mut over) = (Work::default(), Vec::new(), 0);
        for item in &swarm.items {
            let cost = spent.get(&(&swarm.id, item.index)).copied().unwrap_or_default();
            match item.state {
                ItemState::Done | ItemState::Failed => {
                    over += 1;
                    work.ended.push(cost.0 as f64);
                }
                // Cut short: it says nothing of the others.
                ItemState::Stopped => over += 1,
                ItemState::Queued | ItemState::Working if cost > Micros::ZERO => {
                    work.working.push(cost.0 as f64);
                    whose.push(item.agent.clone());
                }
                ItemState::Queued | ItemState::Working => work.queued += 1,
            }
        }
        let rest = rest(&work);
        let items = u32::try_from(swarm.items.len()).unwrap_or(u32::MAX);
        Self { work, whose, rest, items, ended: over }
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
        let (items, ended) = (self.items, self.ended);
        let Some(rest) = &self.rest else { return Left { items, ended, ..Left::default() } };
        let cost = each.iter().sum::<f64>() + queued * rest.queued;
        each.sort_by(f64::total_cmp);
        each.extend(std::iter::repeat_n(rest.queued, queued.round() as usize));
        // As much to and fro as the whole.
        let part = if rest.cost > 0.0 { cost / rest.cost } else { 0.0 };
        let bounds = [cost, rest.low * part, rest.high * part];
        Left { items, ended, rest: Some(bounds), each }
    }
}

impl Left {
    /// Deviations of several do not add up, since not all are out in one direction.
    fn sum(all: Vec<Self>) -> Self {
        let mut sum = Self { rest: Some([0.0; 3]), ..Self::default() };
        for left in all {
            sum.items += left.items;
            sum.ended += left.ended;
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

fn told(state: &State, id: AccountId, now: Stamp, left: Left) -> Option<(AccountId, Forecast)> {
    let account = account(state, &id)?;
    let rate = rate(state, &id, now).filter(|rate| *rate > Micros::ZERO);
    if account.spent <= Micros::ZERO {
        return None;
    }
    let micros = |value: f64| Micros(value.clamp(0.0, 9e18).round() as i64);
    let plus = |value: f64| Micros(account.spent.0.saturating_add(micros(value).0));
    let [end, low, high] = match left.rest {
        Some(rest) => rest.map(|value| Some(plus(value))),
        None => [None; 3],
    };
    let within = |sum: Micros| {
        let ms = i128::from(sum.0.max(0)) * 60_000 / i128::from(rate?.0);
        u64::try_from(ms).ok()
    };
    let room = account.limit.map(|limit| Micros(limit.0.saturating_sub(account.spent.0)));
    let short = room.filter(|room| end.is_none_or(|end| end.0 - account.spent.0 > room.0));
    let unfinished = short.filter(|_| end.is_some()).map_or(0, |room| {
        let mut paid = room.0 as f64;
        let fit = |cost: &&f64| {
            paid -= **cost;
            paid >= 0.0
        };
        let finish = left.each.iter().take_while(fit).count();
        u32::try_from(left.each.len() - finish).unwrap_or(u32::MAX)
    });
    let mut forecast = Forecast {
        estimated: true,
        rate_micros_per_minute: rate,
        end_micros: end,
        low_micros: low,
        high_micros: high,
        ends_in_ms: end.and_then(|end| within(Micros(end.0 - account.spent.0))),
        exhausted_in_ms: short.and_then(within),
        items: left.items,
        items_ended: left.ended,
        items_unfinished: unfinished,
        choices: Vec::new(),
    };
    if let (Some(room), Some(end), Some(high)) = (short, end, high) {
        let rest = Micros(end.0 - account.spent.0);
        forecast.choices = choices(state, &id, room, rest, high, unfinished);
    }
    Some((id, forecast))
}

/// What would let all of it finish.
fn choices(
    state: &State,
    id: &AccountId,
    room: Micros,
    rest: Micros,
    high: Micros,
    unfinished: u32,
) -> Vec<Choice> {
    let limit = account(state, id).and_then(|account| account.limit).unwrap_or_default();
    // To whole cents, upwards.
    let more = Micros((high.0 - limit.0).max(1).saturating_add(9_999) / 10_000 * 10_000);
    let command = format!("dash budget top-up {id} {more}");
    let percent = i128::from(room.0.max(0)) * 100 / i128::from(rest.0.max(1));
    let percent = u32::try_from(percent).unwrap_or(0);
    let mut choices = vec![Choice::TopUp { micros: more, command }];
    if percent > 0 {
        let model = cheaper(state, id, percent);
        choices.push(Choice::CheaperModel { at_most_percent: percent, model });
    }
    if unfinished > 0 {
        choices.push(Choice::Shrink { items: unfinished });
    }
    choices
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
