//! The `/` filter: words that match fuzzily, and `key:value` terms that match exactly.
//!
//! `state:failed swarm:auth model:opus adapter:claude tok` shows rows that fit all terms.
//! Values of a key match from anywhere in the field, ignoring case; `state:` matches from the
//! front (`state:wait`), with commas for alternatives. `cost>0.50` and `tokens<10k` compare
//! figures, with `>`, `<`, `>=` and `<=`. A leading `!` turns a term round.

use crate::model::{AgentInfo, Micros, SwarmInfo};
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
    /// Micro-dollars.
    Cost(Bound),
    Tokens(Bound),
    Words(Pattern),
}

/// More or less than a figure, or as much.
#[derive(Clone, Copy, Debug)]
struct Bound {
    above: bool,
    equal: bool,
    figure: i64,
}

impl Bound {
    fn holds(self, n: i64) -> bool {
        match self.above {
            _ if n == self.figure => self.equal,
            true => n > self.figure,
            false => n < self.figure,
        }
    }
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

    /// Whether a word is a term about a field rather than a name.
    pub fn is_term(word: &str) -> bool {
        let word = word.strip_prefix('!').unwrap_or(word);
        word.contains(':') || comparison(word).is_some()
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

/// `cost>0.50` in its parts: the field, whether more is meant and whether as much is, and the
/// figure as it was typed.
fn comparison(word: &str) -> Option<(&str, bool, bool, &str)> {
    let at = word.find(['>', '<'])?;
    let (field, rest) = word.split_at(at);
    if !["cost", "tokens"].contains(&field) {
        return None;
    }
    let above = rest.starts_with('>');
    let rest = &rest[1..];
    let equal = rest.starts_with('=');
    Some((field, above, equal, rest.strip_prefix('=').unwrap_or(rest)))
}

/// `800`, `12k`, `1.5M`.
fn count(text: &str) -> Option<i64> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1e3),
        None => text.strip_suffix(['m', 'M']).map_or((text, 1.0), |digits| (digits, 1e6)),
    };
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let n = digits.parse::<f64>().ok().filter(|_| plain)?;
    Some((n * unit) as i64)
}

fn figure(field: &str, text: &str) -> Option<i64> {
    match field {
        "cost" => text.parse::<Micros>().ok().map(|sum| sum.0),
        _ => count(text),
    }
}

fn problem(word: &str) -> Option<String> {
    let bare = word.strip_prefix('!').unwrap_or(word);
    if let Some((field, _, _, text)) = comparison(bare) {
        let like = if field == "cost" { "0.50" } else { "10k" };
        let wrong = !text.is_empty() && figure(field, text).is_none();
        return wrong.then(|| format!("{text} is no figure: {field}>{like}"));
    }
    let (field, _) = bare.split_once(':')?;
    let plain = !field.is_empty() && field.chars().all(char::is_alphabetic);
    let known = ["state", "swarm", "model", "adapter", "kind"].contains(&field);
    let fields = "state: swarm: model: adapter: cost> tokens>";
    (plain && !known).then(|| format!("no field is called {field}; there is {fields}"))
}

fn term(word: &str) -> Option<Term> {
    let (inverted, word) = match word.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    let lower = |value: &str| value.to_lowercase();
    if let Some((field, above, equal, text)) = comparison(word) {
        // One that is still being typed passes all.
        let bound = Bound { above, equal, figure: figure(field, text)? };
        let test = if field == "cost" { Test::Cost(bound) } else { Test::Tokens(bound) };
        return Some(Term { test, inverted });
    }
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
            Test::Cost(bound) => bound.holds(agent.cost_micros.0),
            Test::Tokens(bound) => {
                bound.holds(i64::try_from(agent.tokens.total()).unwrap_or(i64::MAX))
            }
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
