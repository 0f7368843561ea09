//! The `/` filter: words that match fuzzily, and `key:value` terms that match exactly.
//!
//! `state:failed swarm:auth model:opus adapter:claude tok` shows rows that fit all terms.
//! Values of a key match from anywhere in the field, ignoring case; `state:` matches from the
//! front (`state:wait`), with commas for alternatives. A leading `!` turns a term round.

use crate::model::{AgentInfo, SwarmInfo};
use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};

#[derive(Clone, Debug)]
enum Test {
    State(Vec<String>),
    Swarm(String),
    Model(String),
    Adapter(String),
    Words(Pattern),
}

#[derive(Clone, Debug)]
struct Term {
    test: Test,
    inverted: bool,
}

/// A parsed filter; empty passes all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
    problem: Option<String>,
}

impl Filter {
    pub fn parse(text: &str) -> Self {
        let terms = text.split_whitespace().filter_map(term).collect();
        let problem = text.split_whitespace().find_map(problem);
        Self { text: text.to_owned(), terms, problem }
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A field that there is none of; such a term is taken as plain words.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// A matcher for a run over many rows; it holds the buffers.
    pub(super) fn runner(&self) -> Runner<'_> {
        Runner { filter: self, matcher: None, chars: Vec::new(), hay: String::new() }
    }
}

fn problem(word: &str) -> Option<String> {
    let (field, _) = word.strip_prefix('!').unwrap_or(word).split_once(':')?;
    let plain = !field.is_empty() && field.chars().all(char::is_alphabetic);
    let known = ["state", "swarm", "model", "adapter", "kind"].contains(&field);
    (plain && !known).then(|| format!("no field is called {field}: state swarm model adapter are"))
}

fn term(word: &str) -> Option<Term> {
    let (inverted, word) = match word.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    let lower = |value: &str| value.to_lowercase();
    let test = match word.split_once(':') {
        Some((_, "")) => return None,
        Some(("state", value)) => {
            Test::State(value.split(',').filter(|v| !v.is_empty()).map(lower).collect())
        }
        Some(("swarm", value)) => Test::Swarm(lower(value)),
        Some(("model", value)) => Test::Model(lower(value)),
        Some(("adapter" | "kind", value)) => Test::Adapter(lower(value)),
        _ if word.is_empty() => return None,
        _ => Test::Words(Pattern::parse(word, CaseMatching::Smart, Normalization::Smart)),
    };
    Some(Term { test, inverted })
}

pub(super) struct Runner<'a> {
    filter: &'a Filter,
    matcher: Option<Matcher>,
    chars: Vec<char>,
    hay: String,
}

impl Runner<'_> {
    pub(super) fn passes(&mut self, agent: &AgentInfo, swarm: Option<&SwarmInfo>) -> bool {
        let filter = self.filter;
        filter.terms.iter().all(|term| self.test(&term.test, agent, swarm) != term.inverted)
    }

    fn test(&mut self, test: &Test, agent: &AgentInfo, swarm: Option<&SwarmInfo>) -> bool {
        let has = |field: &str, value: &str| field.to_lowercase().contains(value);
        match test {
            Test::State(words) => words.iter().any(|w| agent.state.word().starts_with(w.as_str())),
            Test::Swarm(value) => {
                agent.swarm.as_str() == value || swarm.is_some_and(|s| has(&s.name, value))
            }
            Test::Model(value) => has(&agent.model, value),
            Test::Adapter(value) => has(&agent.adapter, value),
            Test::Words(pattern) => {
                let swarm = swarm.map_or("", |swarm| swarm.name.as_str());
                self.fuzzy(pattern, agent, swarm)
            }
        }
    }

    fn fuzzy(&mut self, pattern: &Pattern, agent: &AgentInfo, swarm: &str) -> bool {
        let item = agent.item.as_deref().unwrap_or("");
        let matcher = self.matcher.get_or_insert_with(|| Matcher::new(Config::DEFAULT));
        // Field by field: a match never begins in one field and ends in another.
        for field in [
            agent.id.as_str(),
            &agent.name,
            swarm,
            item,
            &agent.adapter,
            &agent.model,
            &agent.last_line,
        ] {
            self.hay.clear();
            self.hay.push_str(field);
            let hay = Utf32Str::new(&self.hay, &mut self.chars);
            if pattern.score(hay, matcher).is_some() {
                return true;
            }
        }
        false
    }
}
