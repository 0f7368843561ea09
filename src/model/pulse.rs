//! The swarm in a few tokens: what a primary model reads instead of polling lists.
//!
//! Its text is for models: one fact a line, what needs somebody first, ids that commands take.

use super::{
    AccountId, AgentCounts, AgentId, AgentState, ApprovalId, Forecast, ItemCounts, Micros,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Lines of one kind that are told; the rest is counted.
const MOST_LINES: usize = 6;
/// Stretches of ids in a line.
const MOST_STRETCHES: usize = 6;
/// Characters of what an agent asks or ended with.
const MOST_CHARS: usize = 48;

/// What there is to know now, or what is new since another one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Pulse {
    /// To be given as `since` next time.
    pub cursor: u64,
    /// The cursor it was asked with: `asks`, `attention` and `changed` hold only what is new.
    /// None: everything, asked for or because that cursor is too old.
    pub since: Option<u64>,
    /// Of the swarms that are not over, and of those whose end is told here.
    pub agents: AgentCounts,
    /// Open questions, oldest first.
    pub asks: Vec<PulseAsk>,
    /// Agents that need somebody and have asked nothing: waiting, failed, lost, paused.
    pub attention: Vec<PulseGroup>,
    /// Other agents whose state is new; empty without `since`.
    pub changed: Vec<PulseGroup>,
    /// Always: the swarms that are not over, and those whose end is told here. For an agent
    /// that asks: its own account alone.
    pub money: Vec<PulseMoney>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PulseAsk {
    pub id: ApprovalId,
    pub agent: AgentId,
    pub text: String,
}

/// Agents in the same state for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PulseGroup {
    pub state: AgentState,
    pub reason: String,
    pub agents: Vec<AgentId>,
}

/// What one account has spent and will come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PulseMoney {
    pub id: AccountId,
    pub name: String,
    /// How its swarm ended; none while it goes on.
    pub ended: Option<String>,
    /// Of a swarm.
    pub items: Option<ItemCounts>,
    pub spent_micros: Micros,
    pub limit_micros: Option<Micros>,
    #[serde(default)]
    pub spent_tokens: u64,
    #[serde(default)]
    pub limit_tokens: Option<u64>,
    /// Estimated.
    pub forecast: Option<Forecast>,
}

impl Pulse {
    /// True if it tells of a question, of an agent that needs somebody, or of an end.
    pub fn calls(&self) -> bool {
        let ended = self.money.iter().any(|money| money.ended.is_some());
        !self.asks.is_empty() || !self.attention.is_empty() || ended
    }

    /// True if all that it tells is money.
    pub fn is_quiet(&self) -> bool {
        self.since.is_some() && self.changed.is_empty() && !self.calls()
    }
}

impl fmt::Display for Pulse {
    /// Without a line's end after the last line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ask in self.asks.iter().take(MOST_LINES) {
            writeln!(f, "{} {} asks: {}", ask.id, ask.agent, short(&ask.text))?;
        }
        if let more @ 1.. = self.asks.len().saturating_sub(MOST_LINES) {
            writeln!(f, "{more} more: dash inbox")?;
        }
        for groups in [&self.attention, &self.changed] {
            for group in groups.iter().take(MOST_LINES) {
                writeln!(f, "{group}")?;
            }
            let rest = groups.iter().skip(MOST_LINES);
            if let more @ 1.. = rest.map(|group| group.agents.len()).sum::<usize>() {
                writeln!(f, "{more} more: dash agent list")?;
            }
        }
        if self.is_quiet() {
            writeln!(f, "nothing new")?;
        } else if self.agents.total > 0 {
            let states = self.agents.by_state.iter();
            let states: Vec<String> = states.map(|(state, n)| format!("{n} {state}")).collect();
            writeln!(f, "{} agents: {}", self.agents.total, states.join(", "))?;
        }
        // Of many accounts that say nothing new the sum will do.
        let (told, summed): (Vec<_>, Vec<_>) =
            self.money.iter().enumerate().partition(|(n, money)| match self.is_quiet() {
                true => self.money.len() == 1,
                false => *n < MOST_LINES || money.ended.is_some(),
            });
        for (_, money) in told {
            writeln!(f, "{money}")?;
        }
        if !summed.is_empty() {
            let spent = Micros(summed.iter().map(|(_, money)| money.spent_micros.0).sum());
            writeln!(f, "{} swarms: {spent} spent", summed.len())?;
        }
        write!(f, "cursor {}", self.cursor)
    }
}

impl fmt::Display for PulseGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.state, stretches(&self.agents))?;
        if !self.reason.is_empty() {
            write!(f, ": {}", short(&self.reason))?;
        }
        Ok(())
    }
}

impl fmt::Display for PulseMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        if let Some(ended) = &self.ended {
            write!(f, " {ended}")?;
        }
        if let Some(items) = self.items {
            write!(f, " {}/{} done", items.done, items.total)?;
            if items.failed > 0 {
                write!(f, " {} failed", items.failed)?;
            }
        }
        write!(f, " {}", self.spent_micros)?;
        if let Some(limit) = self.limit_micros {
            write!(f, " of {limit}")?;
        }
        if let Some(limit) = self.limit_tokens {
            write!(f, ", {} of {limit} tokens", self.spent_tokens)?;
        }
        let Some(forecast) = &self.forecast else { return Ok(()) };
        if let Some(end) = forecast.end_micros {
            write!(f, ", ends at about {end}")?;
        }
        if let Some(gone) = forecast.exhausted_words() {
            write!(f, ", {gone}")?;
        }
        match forecast.items_unfinished {
            0 => Ok(()),
            n => write!(f, ", {n} items will not finish"),
        }
    }
}

/// The first line, cut.
fn short(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    match line.char_indices().nth(MOST_CHARS) {
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
        None => line.to_owned(),
    }
}

/// `ag-01..ag-05 ag-09`: ids that follow each other are told by the first and the last.
fn stretches(ids: &[AgentId]) -> String {
    let mut found: Vec<(&AgentId, &AgentId)> = Vec::new();
    for id in ids {
        match found.last_mut() {
            Some((_, last)) if follows(last, id) => *last = id,
            Some(_) | None => found.push((id, id)),
        }
    }
    let word = |(first, last): &(&AgentId, &AgentId)| match first == last {
        true => first.to_string(),
        false => format!("{first}..{last}"),
    };
    let words: Vec<String> = found.iter().take(MOST_STRETCHES).map(word).collect();
    match found.len().saturating_sub(MOST_STRETCHES) {
        0 => words.join(" "),
        more => format!("{} and {more} more", words.join(" ")),
    }
}

fn follows(before: &AgentId, id: &AgentId) -> bool {
    let parts = |id: &'_ AgentId| -> Option<(String, u64)> {
        let at = id.as_str().rfind(['-', '.'])? + 1;
        let (stem, number) = id.as_str().split_at(at);
        Some((stem.to_owned(), number.parse().ok()?))
    };
    match (parts(before), parts(id)) {
        (Some((stem, n)), Some((other, next))) => stem == other && n + 1 == next,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(state: AgentState, reason: &str, agents: &[u32]) -> PulseGroup {
        let agents = agents.iter().map(|n| AgentId::new(format!("ag-{n:02}"))).collect();
        PulseGroup { state, reason: reason.to_owned(), agents }
    }

    fn money() -> PulseMoney {
        PulseMoney {
            id: AccountId::Swarm("sw-1".into()),
            name: "refactor".to_owned(),
            ended: None,
            items: Some(ItemCounts { total: 50, done: 31, failed: 2, dropped: 0 }),
            spent_micros: Micros(3_210_000),
            limit_micros: Some(Micros(50_000_000)),
            spent_tokens: 1_200,
            limit_tokens: None,
            forecast: Some(Forecast { end_micros: Some(Micros(8_400_000)), ..Forecast::default() }),
        }
    }

    #[test]
    fn attention_comes_first_and_money_always() {
        let mut pulse = Pulse {
            cursor: 1234,
            asks: vec![PulseAsk {
                id: "ap-3".into(),
                agent: "ag-07".into(),
                text: "git push -f origin main".to_owned(),
            }],
            attention: vec![group(AgentState::Failed, "exit 1", &[12, 40])],
            money: vec![money()],
            ..Pulse::default()
        };
        pulse.agents.total = 50;
        for (state, n) in [(AgentState::Working, 12), (AgentState::Waiting, 1)] {
            pulse.agents.by_state.insert(state, n);
        }
        assert_eq!(
            pulse.to_string(),
            "ap-3 ag-07 asks: git push -f origin main\n\
             failed ag-12 ag-40: exit 1\n\
             50 agents: 12 working, 1 waiting\n\
             sw-1 31/50 done 2 failed $3.21 of $50.00, ends at about $8.40\n\
             cursor 1234"
        );
        let tokens = PulseMoney { limit_tokens: Some(5_000), ..money() };
        assert_eq!(
            tokens.to_string(),
            "sw-1 31/50 done 2 failed $3.21 of $50.00, 1200 of 5000 tokens, ends at about $8.40"
        );
        let quiet = Pulse { asks: vec![], attention: vec![], since: Some(1200), ..pulse };
        assert_eq!(
            quiet.to_string(),
            "nothing new\n\
             sw-1 31/50 done 2 failed $3.21 of $50.00, ends at about $8.40\n\
             cursor 1234"
        );
    }

    #[test]
    fn much_of_anything_is_counted() {
        let all: Vec<u32> = (1..=30).collect();
        let odd: Vec<u32> = all.iter().copied().filter(|n| n % 2 == 1).collect();
        assert_eq!(stretches(&group(AgentState::Done, "", &all).agents), "ag-01..ag-30");
        assert_eq!(
            stretches(&group(AgentState::Done, "", &odd).agents),
            "ag-01 ag-03 ag-05 ag-07 ag-09 ag-11 and 9 more"
        );
        let groups = all.iter().map(|n| group(AgentState::Failed, &format!("exit {n}"), &[*n]));
        let ask = |n: &u32| PulseAsk {
            id: ApprovalId::new(format!("ap-{n}")),
            agent: "ag-01".into(),
            text: format!("\n{}", "long ".repeat(40)),
        };
        let pulse = Pulse {
            attention: groups.collect(),
            asks: all.iter().map(ask).collect(),
            money: vec![money(); 9],
            ..Pulse::default()
        };
        let text = pulse.to_string();
        for line in ["24 more: dash inbox", "24 more: dash agent list", "3 swarms: $9.63 spent"] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(text.lines().all(|line| line.chars().count() < 80), "{text}");
    }

    #[test]
    fn only_neighbours_are_a_stretch() {
        let follow = |a: &str, b: &str| follows(&a.into(), &b.into());
        assert!(follow("ag-09", "ag-10") && follow("ag-01.1", "ag-01.2"));
        assert!(!follow("ag-01", "ag-01.2") && !follow("ag-02", "ag-01") && !follow("x", "y"));
    }
}
