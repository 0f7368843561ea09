//! Progress of a swarm for people: one live line on a terminal, a line per agent that came
//! to its end elsewhere.

use super::format::{self, duration};
use crate::model::{AgentId, AgentInfo, AgentState, SwarmId, SwarmInfo};
use std::{
    collections::HashMap,
    io::Write,
    time::{Duration, Instant},
};

/// After so long the same is news again.
const SAID_AGAIN: Duration = Duration::from_secs(30);

pub struct Progress {
    live: bool,
    swarm: Option<SwarmInfo>,
    /// Last state told of each agent.
    told: HashMap<AgentId, AgentState>,
    /// What was said of an agent that has not come to its end, and when.
    said: HashMap<AgentId, (String, Instant)>,
    began: Instant,
    drawn: Option<Instant>,
}

impl Progress {
    pub fn new(live: bool) -> Self {
        Self {
            live,
            swarm: None,
            told: HashMap::new(),
            said: HashMap::new(),
            began: Instant::now(),
            drawn: None,
        }
    }

    /// How often a live line wants to be drawn again though nothing happened: its clock runs.
    pub fn tick(&self) -> Option<Duration> {
        self.live.then_some(Duration::from_secs(1))
    }

    pub fn swarm(&mut self, swarm: &SwarmInfo, out: &mut dyn Write) {
        self.swarm = Some(swarm.clone());
        let fresh = self.drawn.is_some_and(|at| at.elapsed() < Duration::from_millis(50));
        if self.live && (!fresh || swarm.state.is_final()) {
            self.redraw(out);
        }
    }

    pub fn agents(&mut self, agents: &[AgentInfo], swarm: &SwarmId, out: &mut dyn Write) {
        for agent in agents.iter().filter(|agent| agent.swarm == *swarm) {
            let before = self.told.insert(agent.id.clone(), agent.state);
            let news = before != Some(agent.state) && is_news(agent.state);
            if news && !self.live && !self.says_again(agent) {
                let _ = writeln!(out, "{}", agent_line(agent));
            }
        }
    }

    /// True if the same was said of it just now: an agent may wait a hundred times a minute.
    fn says_again(&mut self, agent: &AgentInfo) -> bool {
        if agent.state.is_final() {
            return false;
        }
        let words = format::state_and_reason(agent.state, &agent.reason);
        let again = self
            .said
            .get(&agent.id)
            .is_some_and(|(said, at)| *said == words && at.elapsed() < SAID_AGAIN);
        if !again {
            self.said.insert(agent.id.clone(), (words, Instant::now()));
        }
        again
    }

    /// A remark between the lines.
    pub fn say(&mut self, text: &str, out: &mut dyn Write) {
        if self.live {
            let _ = write!(out, "\r\x1b[K");
        }
        let _ = writeln!(out, "{text}");
        self.redraw(out);
    }

    pub fn redraw(&mut self, out: &mut dyn Write) {
        let Some(swarm) = self.swarm.as_ref().filter(|_| self.live) else { return };
        let _ = write!(out, "\r\x1b[K{}", format::fit(&line(swarm, self.began.elapsed()), 78));
        let _ = out.flush();
        self.drawn = Some(Instant::now());
    }

    /// Takes the live line away.
    pub fn end(&mut self, out: &mut dyn Write) {
        if self.live && self.drawn.is_some() {
            let _ = write!(out, "\r\x1b[K");
        }
        let _ = out.flush();
    }
}

/// What a reader of lines wants to know: ends, and what may need somebody.
fn is_news(state: AgentState) -> bool {
    match state {
        AgentState::Waiting | AgentState::Retrying | AgentState::Paused => true,
        AgentState::Queued | AgentState::Starting | AgentState::Working | AgentState::Idle => false,
        AgentState::Done | AgentState::Failed | AgentState::Stopped | AgentState::Lost => true,
    }
}

fn line(swarm: &SwarmInfo, waited: Duration) -> String {
    let items = &swarm.items;
    let open = [AgentState::Working, AgentState::Waiting, AgentState::Retrying, AgentState::Queued]
        .into_iter()
        .filter_map(|state| Some((state, *swarm.agents.by_state.get(&state)?)))
        .filter(|(_, n)| *n > 0)
        .map(|(state, n)| format!(", {n} {state}"));
    let failed =
        if items.failed > 0 { format!(", {} failed", items.failed) } else { String::new() };
    format!(
        "{}  {} of {} done{failed}{}  {}  {}",
        swarm.id,
        items.done,
        items.total,
        open.collect::<String>(),
        duration(waited.as_millis() as u64),
        swarm.cost()
    )
}

fn agent_line(agent: &AgentInfo) -> String {
    let mut parts = vec![agent.id.to_string()];
    if agent.name != agent.id.as_str() {
        parts.push(format::one_line(&agent.name));
    }
    parts.push(format::state_and_reason(agent.state, &format::one_line(&agent.reason)));
    parts.extend(agent.item.as_deref().map(|item| format::fit(&format::one_line(item), 40)));
    if let (Some(start), Some(end)) = (agent.started_at, agent.ended_at) {
        parts.push(duration(end.ms_since(start)));
    }
    parts.push(agent.cost());
    parts.join("  ")
}
