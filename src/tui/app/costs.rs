//! The costs: asking the ledger while they are shown, and moving through its rows.

use super::{App, SECOND};
use crate::model::{AgentId, Level, Stamp};
use crate::store::{By, Money};
use crate::tui::{
    actions::{Action, Place},
    link::Request,
    ui::{Costs, Hint},
    views,
};
use std::time::Duration;

/// The ledger is asked no more often.
const ASK_MS: u64 = 2_000;

impl App {
    pub(super) fn open_costs(&mut self) {
        if self.ui.focus.is_some() {
            self.detach();
        }
        self.ui.inbox = None;
        self.ui.costs = Some(Costs { stale: true, ..Costs::default() });
    }

    /// How often they change by themselves: while something is spent, or was asked for.
    pub(super) fn costs_pace(&self, costs: &Costs) -> Option<Duration> {
        let live = self.store.agents().any(|agent| !agent.state.is_final());
        (live || costs.stale).then_some(SECOND)
    }

    /// Something was told: sums may be others now.
    pub(super) fn costs_are_stale(&mut self) {
        if let Some(costs) = &mut self.ui.costs {
            costs.stale = true;
        }
    }

    pub(super) fn take_costs(&mut self, answer: Result<Box<Money>, String>) {
        let Some(costs) = &mut self.ui.costs else { return };
        costs.waits = false;
        match answer {
            Ok(money) => {
                costs.failed = None;
                self.store.set_money(*money);
            }
            Err(why) => {
                // It is asked again.
                costs.stale = true;
                costs.failed = Some(format!("the ledger does not answer: {why}"));
            }
        }
    }

    /// Asks, and scrolls, before a frame.
    pub(super) fn settle_costs(&mut self) {
        let area = views::layout(&self.ui, self.area).middle();
        let room = views::costs::capacity(&self.store, area);
        let now = self.ui.now;
        let ids = self.cost_ids();
        let Some(costs) = &mut self.ui.costs else { return };
        let due = costs.asked_at.is_none_or(|at: Stamp| now.ms_since(at) >= ASK_MS);
        if costs.stale && !costs.waits && due {
            (costs.stale, costs.waits, costs.asked_at) = (false, true, Some(now));
            self.requests.push(Request::Costs(costs.by));
        }
        let at = costs.cursor.as_ref().and_then(|id| ids.iter().position(|other| other == id));
        // One below the sum, which always stands.
        let shown = room.max(1);
        let most = ids.len().saturating_sub(shown);
        costs.top = match at {
            Some(at) => costs.top.min(at).max((at + 1).saturating_sub(shown)).min(most),
            None => 0,
        };
    }

    /// Of the ledger's rows, in the order shown.
    fn cost_ids(&self) -> Vec<String> {
        let (Some(costs), Some(money)) = (&self.ui.costs, self.store.money()) else {
            return Vec::new();
        };
        if money.by != costs.by {
            return Vec::new();
        }
        money.ordered(&costs.hold).into_iter().map(|row| row.id.clone()).collect()
    }

    /// True if the action was one of the costs'.
    pub(super) fn costs_action(&mut self, action: Action) -> bool {
        let area = views::layout(&self.ui, self.area).middle();
        let page = views::costs::capacity(&self.store, area).max(2) as isize;
        match action {
            Action::Down => self.move_in_costs(1),
            Action::Up => self.move_in_costs(-1),
            Action::HalfPageDown => self.move_in_costs(page / 2),
            Action::HalfPageUp => self.move_in_costs(-page / 2),
            Action::PageDown => self.move_in_costs(page),
            Action::PageUp => self.move_in_costs(-page),
            Action::Top => self.move_in_costs(isize::MIN / 2),
            Action::Bottom => self.move_in_costs(isize::MAX / 2),
            Action::By => {
                if let Some(costs) = &mut self.ui.costs {
                    let (by, long) = (costs.by.next(), costs.long);
                    *costs = Costs { by, long, stale: true, ..Costs::default() };
                }
            }
            Action::Span => {
                if let Some(costs) = &mut self.ui.costs {
                    costs.long = !costs.long;
                }
            }
            Action::Show => self.show_cost(),
            Action::Close | Action::Costs => self.ui.costs = None,
            _ => return false,
        }
        true
    }

    /// The sum stands above the rows, and lets them find their order.
    fn move_in_costs(&mut self, by: isize) {
        let ids = self.cost_ids();
        let Some(costs) = &mut self.ui.costs else { return };
        let at = costs.cursor.as_ref().and_then(|id| ids.iter().position(|other| other == id));
        let to = at.map_or(0, |at| at + 1).saturating_add_signed(by).min(ids.len());
        costs.cursor = to.checked_sub(1).map(|at| ids[at].clone());
        costs.hold = if costs.cursor.is_some() { ids } else { Vec::new() };
    }

    /// From what was spent to those who spent it.
    fn show_cost(&mut self) {
        let Some(costs) = &self.ui.costs else { return };
        let Some(id) = costs.cursor.clone() else {
            return self.say(Level::Info, "choose a row: it is shown in the grid");
        };
        match costs.by {
            By::Swarm if self.store.swarm(&id.as_str().into()).is_none() => {
                self.say(Level::Info, format!("{id} is not there any more"));
            }
            By::Swarm => self.only_swarm(Some(&id)),
            By::Model => {
                let name = id.split_once('/').map_or(id.as_str(), |(_, name)| name).to_owned();
                self.ui.costs = None;
                self.close_wall();
                self.set_filter(&format!("model:{name}"));
            }
            By::Agent => {
                let id: AgentId = id.as_str().into();
                if self.store.agent(&id).is_none() {
                    return self.say(Level::Info, format!("{id} is not there any more"));
                }
                self.ui.costs = None;
                self.close_wall();
                self.hold_here(id);
            }
        }
    }

    pub(super) fn costs_hints(&self) -> Vec<Hint> {
        let by = self.ui.costs.as_ref().map_or(By::Swarm, |costs| costs.by).next();
        let by = format!("by {}", by.word());
        let wanted = [
            (Action::By, by.as_str()),
            (Action::Show, ""),
            (Action::Span, ""),
            (Action::Close, ""),
            (Action::Palette, ""),
            (Action::Help, ""),
            (Action::Quit, ""),
        ];
        let hint = |(action, label)| self.hint(Place::Costs, action, label);
        self.both_ways(Place::Costs)
            .into_iter()
            .chain(wanted.into_iter().filter_map(hint))
            .collect()
    }
}
