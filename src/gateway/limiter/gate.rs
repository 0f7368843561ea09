//! The gate before one model of one provider: who may start a call, and when. Time and chance
//! come in, so that it can be tried without waiting.
//!
//! As long as nobody complains all pass. A refusal for the rate closes the gate for as long as
//! the provider asks, else longer each time; then calls start one after the other, as many at
//! once as half of those that were too many, and one more for each that goes well. Whoever
//! waits does so by agent, each agent in turn, whatever the number of its calls.

use super::headers::Said;
use crate::model::AgentId;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Closed so long where the provider does not say; doubled each time, up to the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// Between two starts after the gate was closed, at most; half of it at least.
const APART: Duration = Duration::from_millis(50);
/// So many at once are as good as any number.
const MANY: u32 = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

#[derive(Debug, Default)]
pub struct Gate {
    /// So many at once, whatever a provider says; none: as it is learnt.
    most: Option<u32>,
    closed_until: Option<Instant>,
    /// Refusals since a call went well.
    refusals: u32,
    /// Calls at once; none: as many as come.
    window: Option<u32>,
    in_flight: u32,
    /// Requests that are left, and until when that holds.
    left: Option<(u32, Instant)>,
    /// After a closure starts lie apart.
    next_start: Option<Instant>,
    /// By agent, whose turn is first.
    waiting: VecDeque<(AgentId, VecDeque<Ticket>)>,
    tickets: u64,
}

/// Whether a call may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Go,
    /// Not before this; none: not before others are answered or have gone.
    Wait(Option<Instant>),
}

impl Gate {
    /// One that lets through so many at once.
    pub fn of(most: u32) -> Self {
        Self { most: Some(most), ..Self::default() }
    }

    /// Nobody stands before it, and none that it let through is under way.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.in_flight == 0
    }

    pub fn join(&mut self, agent: &AgentId) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        match self.waiting.iter_mut().find(|(known, _)| known == agent) {
            Some((_, tickets)) => tickets.push_back(ticket),
            None => self.waiting.push_back((agent.clone(), [ticket].into())),
        }
        ticket
    }

    /// Whoever gives up.
    pub fn leave(&mut self, ticket: Ticket) {
        for (_, tickets) in &mut self.waiting {
            tickets.retain(|other| *other != ticket);
        }
        self.waiting.retain(|(_, tickets)| !tickets.is_empty());
    }

    /// Takes the ticket where the call may start. `chance` is below one.
    pub fn turn(&mut self, ticket: Ticket, now: Instant, chance: f64) -> Turn {
        let first = self.waiting.front().and_then(|(_, tickets)| tickets.front());
        if first != Some(&ticket) {
            return Turn::Wait(None);
        }
        if let Some(at) = self.not_before(now) {
            return Turn::Wait(Some(at));
        }
        if [self.window, self.most].into_iter().flatten().any(|most| self.in_flight >= most) {
            return Turn::Wait(None);
        }
        if let Some((agent, mut tickets)) = self.waiting.pop_front() {
            tickets.pop_front();
            if !tickets.is_empty() {
                self.waiting.push_back((agent, tickets));
            }
        }
        self.in_flight += 1;
        if let Some((left, _)) = &mut self.left {
            *left = left.saturating_sub(1);
        }
        self.next_start = self.window.map(|_| now + APART.mul_f64(0.5 + chance / 2.0));
        Turn::Go
    }

    /// When the next call may start at the earliest, if that is not now.
    pub fn not_before(&mut self, now: Instant) -> Option<Instant> {
        let passed = |at: &Instant| *at > now;
        self.closed_until = self.closed_until.filter(passed);
        self.next_start = self.next_start.filter(passed);
        self.left = self.left.filter(|(_, until)| *until > now);
        let spent = self.left.filter(|(left, _)| *left == 0).map(|(_, until)| until);
        [self.closed_until, self.next_start, spent].into_iter().flatten().max()
    }

    /// It knows of no limit.
    pub fn is_open(&mut self, now: Instant) -> bool {
        self.not_before(now).is_none() && self.window.is_none()
    }

    /// A call that started got no answer, or was never sent.
    pub fn gone(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// A call that started was answered. `chance` is below one.
    pub fn answered(&mut self, said: Said, now: Instant, chance: f64) {
        if said.refused {
            // Those that are in flight by now learn nothing new.
            let known = self.closed_until.is_some_and(|until| until > now);
            if !known {
                self.refusals = self.refusals.saturating_add(1);
                let most = self.window.unwrap_or(MANY).min(self.in_flight.max(1));
                self.window = Some((most / 2).max(1));
            }
            let own = FIRST.saturating_mul(1 << self.refusals.clamp(1, 7).saturating_sub(1));
            self.close(said.wait.unwrap_or(own.min(LONGEST)), now, chance);
        } else {
            self.refusals = 0;
            self.window = self.window.map(|window| window + 1).filter(|window| *window < MANY);
            if let Some(wait) = said.wait {
                self.close(wait, now, chance);
            }
        }
        self.gone();
        if let Some((left, until)) = said.requests {
            // It may not have counted those that are on their way.
            self.left = Some((left.saturating_sub(self.in_flight), now + until));
        }
    }

    /// A little longer than asked for, by chance: other programs wait for the same moment.
    fn close(&mut self, wait: Duration, now: Instant, chance: f64) {
        let until = now.checked_add(wait + wait.mul_f64(chance / 20.0));
        self.closed_until = self.closed_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn refused(wait: Option<Duration>) -> Said {
        Said { refused: true, wait, requests: None }
    }

    struct Hall {
        gate: Gate,
        now: Instant,
        waiting: Vec<(AgentId, Ticket)>,
        started: Vec<(String, Duration)>,
        begun: Instant,
    }

    impl Hall {
        fn new() -> Self {
            let now = Instant::now();
            let (waiting, started) = (Vec::new(), Vec::new());
            Self { gate: Gate::default(), now, waiting, started, begun: now }
        }

        fn join(&mut self, agent: &str) {
            let agent = AgentId::from(agent);
            let ticket = self.gate.join(&agent);
            self.waiting.push((agent, ticket));
        }

        /// Lets start whoever may now.
        fn look(&mut self) -> usize {
            let before = self.started.len();
            loop {
                let (gate, now) = (&mut self.gate, self.now);
                let at = self
                    .waiting
                    .iter()
                    .position(|(_, ticket)| gate.turn(*ticket, now, 0.5) == Turn::Go);
                let Some(at) = at else { return self.started.len() - before };
                let (agent, _) = self.waiting.remove(at);
                self.started.push((agent.to_string(), self.now - self.begun));
            }
        }

        /// Time goes on by milliseconds, and each call is answered after `takes` of them.
        fn run(&mut self, ms: u64, takes: u64, said: Said) {
            let mut due: VecDeque<u64> = VecDeque::new();
            for tick in 0..ms {
                self.now += Duration::from_millis(1);
                due.extend(std::iter::repeat_n(tick + takes, self.look()));
                while due.front().is_some_and(|at| *at <= tick) {
                    due.pop_front();
                    self.gate.answered(said, self.now, 0.5);
                }
            }
        }
    }

    #[test]
    fn all_pass_as_long_as_nobody_complains() {
        let mut hall = Hall::new();
        (0..50).for_each(|n| hall.join(&format!("ag-{n}")));
        assert_eq!(hall.look(), 50);
        hall.gate.answered(Said::default(), hall.now, 0.0);
        hall.join("ag-1");
        assert_eq!(hall.look(), 1);
    }

    #[test]
    fn after_a_refusal_fifty_agents_do_not_come_at_once() {
        let mut hall = Hall::new();
        hall.join("ag-0");
        hall.look();
        hall.gate.answered(refused(Some(10 * SECOND)), hall.now, 0.5);
        (0..50).for_each(|n| hall.join(&format!("ag-{n}")));
        hall.started.clear();
        hall.run(10_000, 200, Said::default());
        assert_eq!(hall.started, [], "closed as long as was asked for");
        hall.run(60_000, 200, Said::default());
        assert_eq!(hall.started.len(), 50);
        let times: Vec<u128> = hall.started.iter().map(|(_, at)| at.as_millis()).collect();
        let within = |from: u128| times.iter().filter(|at| (from..from + 100).contains(at)).count();
        let densest = times.iter().map(|at| within(*at)).max().unwrap();
        assert!(densest <= 4, "{times:?}");
        assert!(times[49] - times[0] < 5_000, "nor one by one for ever: {times:?}");
        let agents: std::collections::BTreeSet<&String> =
            hall.started.iter().map(|s| &s.0).collect();
        assert_eq!(agents.len(), 50);
    }

    #[test]
    fn turns_go_by_agent() {
        let mut hall = Hall::new();
        hall.join("ag-0");
        hall.look();
        hall.gate.answered(refused(None), hall.now, 0.0);
        (0..5).for_each(|_| hall.join("ag-greedy"));
        (1..4).for_each(|n| hall.join(&format!("ag-{n}")));
        hall.started.clear();
        hall.run(5_000, 1, Said::default());
        let order: Vec<&str> = hall.started.iter().map(|(agent, _)| agent.as_str()).collect();
        assert_eq!(order[..5], ["ag-greedy", "ag-1", "ag-2", "ag-3", "ag-greedy"], "{order:?}");
        assert_eq!(order.len(), 8);
    }

    #[test]
    fn whoever_is_refused_again_waits_longer_and_one_refusal_counts_once() {
        let mut hall = Hall::new();
        (0..8).for_each(|n| hall.join(&format!("ag-{n}")));
        assert_eq!(hall.look(), 8);
        let closed = |hall: &mut Hall| {
            hall.gate.answered(refused(None), hall.now, 0.0);
            hall.gate.not_before(hall.now).map(|at| at - hall.now)
        };
        assert_eq!(closed(&mut hall), Some(SECOND));
        assert_eq!(closed(&mut hall), Some(SECOND), "of the same moment");
        assert_eq!(hall.gate.window, Some(4));
        hall.now += 2 * SECOND;
        assert_eq!(closed(&mut hall), Some(2 * SECOND));
        hall.now += 3 * SECOND;
        assert_eq!(closed(&mut hall), Some(4 * SECOND));
        hall.now += 5 * SECOND;
        hall.gate.answered(Said::default(), hall.now, 0.0);
        assert_eq!(closed(&mut hall), Some(SECOND), "one went well");
        for _ in 0..20 {
            hall.now += 100 * SECOND;
            assert!(closed(&mut hall) <= Some(LONGEST));
        }
    }

    #[test]
    fn what_is_left_is_not_overdrawn() {
        let mut hall = Hall::new();
        (0..3).for_each(|n| hall.join(&format!("ag-{n}")));
        hall.look();
        let said = Said { requests: Some((4, 10 * SECOND)), ..Said::default() };
        hall.gate.answered(said, hall.now, 0.0);
        (0..9).for_each(|n| hall.join(&format!("ag-{n}")));
        assert_eq!(hall.look(), 2, "four are left, and two are on their way");
        hall.now += 9 * SECOND;
        assert_eq!(hall.look(), 0);
        hall.now += SECOND;
        assert_eq!(hall.look(), 7);
    }

    #[test]
    fn one_of_so_many_lets_through_no_more_and_each_agent_in_turn() {
        let mut hall = Hall { gate: Gate::of(2), ..Hall::new() };
        (0..4).for_each(|_| hall.join("ag-greedy"));
        (1..4).for_each(|n| hall.join(&format!("ag-{n}")));
        let most = (0..7).map(|_| {
            let started = hall.look();
            let under_way = hall.gate.in_flight;
            hall.gate.gone();
            (started, under_way)
        });
        let most: Vec<(usize, u32)> = most.collect();
        assert_eq!(most, [(2, 2), (1, 2), (1, 2), (1, 2), (1, 2), (1, 2), (0, 1)]);
        let order: Vec<&str> = hall.started.iter().map(|(agent, _)| agent.as_str()).collect();
        let turns = ["ag-greedy", "ag-1", "ag-2", "ag-3", "ag-greedy", "ag-greedy", "ag-greedy"];
        assert_eq!(order, turns);
        assert!(hall.gate.is_idle());
    }

    #[test]
    fn whoever_gives_up_holds_up_nobody() {
        let mut hall = Hall::new();
        hall.join("ag-0");
        hall.look();
        hall.gate.answered(refused(Some(SECOND)), hall.now, 0.0);
        hall.join("ag-1");
        hall.join("ag-2");
        let (_, gone) = hall.waiting.remove(0);
        hall.gate.leave(gone);
        hall.now += 2 * SECOND;
        assert_eq!(hall.look(), 1);
        hall.gate.gone();
        assert_eq!(hall.gate.in_flight, 0);
    }
}
