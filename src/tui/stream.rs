//! The event stream as it is read: a filter, where one stopped to read, and which events stand
//! on the screen for it.

use super::{nearest::nearest, ui::EventsPane};
use crate::model::{AgentId, AgentState, Event, EventRecord, Level, SwarmId};
use crate::store::Store;

/// What the full view shows, and how.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub filter: Sieve,
    /// Of this swarm alone, where the filter names none.
    pub swarm: Option<SwarmId>,
    /// The chosen event; none: the newest.
    pub cursor: Option<u64>,
    /// The lowest line while it stands still; none: it follows what happens.
    pub end: Option<u64>,
    /// Sequence numbers of the lines, oldest first; set once a frame.
    pub lines: Vec<u64>,
    /// So many that fit came since it stands still; and up to where they were counted.
    pub newer: usize,
    pub counted: u64,
    /// What the pane was before it got all the room.
    pub before: EventsPane,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// At least.
    Level(Level),
    Agent(String),
    Swarm(String),
    /// Any of these, from the front.
    Kind(Vec<String>),
    Text(String),
}

/// A filter of events: `level:warn agent:ag-03 swarm:auth kind:model push`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sieve {
    text: String,
    /// With whether it is turned round.
    terms: Vec<(bool, Test)>,
    problem: Option<String>,
}

pub const FIELDS: [&str; 4] = ["level", "agent", "swarm", "kind"];
pub const LEVELS: [(&str, Level); 4] = [
    ("debug", Level::Debug),
    ("info", Level::Info),
    ("warn", Level::Warn),
    ("error", Level::Error),
];

impl Sieve {
    pub fn parse(text: &str) -> Self {
        let mut sieve = Self { text: text.to_owned(), ..Self::default() };
        for word in text.split_whitespace() {
            match term(word) {
                Ok(Some(term)) => sieve.terms.push(term),
                Ok(None) => {}
                Err(problem) => sieve.problem = sieve.problem.or(Some(problem)),
            }
        }
        sieve
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The text with a field's value set, or without the field.
    pub fn with(&self, field: &str, value: Option<&str>) -> String {
        let of_field = |word: &&str| word.split_once(':').is_some_and(|(name, _)| name == field);
        let kept = self.text.split_whitespace().filter(|word| !of_field(word));
        let new = value.map(|value| format!("{field}:{value}"));
        kept.map(str::to_owned).chain(new).collect::<Vec<_>>().join(" ")
    }

    /// The value of a field, as it was typed.
    pub fn value(&self, field: &str) -> Option<&str> {
        let mut words = self.text.split_whitespace().filter_map(|word| word.split_once(':'));
        words.find(|(name, _)| *name == field).map(|(_, value)| value)
    }

    /// The least level that passes.
    fn level(&self) -> Level {
        let level = |(inverted, test): &(bool, Test)| match test {
            Test::Level(level) if !inverted => Some(*level),
            _ => None,
        };
        self.terms.iter().find_map(level).unwrap_or(Level::Info)
    }

    /// Names in it, looked up once for many events.
    fn runner<'a>(&'a self, store: &'a Store, only: Option<&'a SwarmId>) -> Runner<'a> {
        let agent = |name: &str| store.find_agent(name).map(|agent| &agent.id);
        let swarm = |name: &str| store.find_swarm(name).map(|swarm| &swarm.id);
        let terms = self.terms.iter().map(|(inverted, test)| match test {
            Test::Agent(name) => (*inverted, test, Known { agent: agent(name), swarm: None }),
            Test::Swarm(name) => (*inverted, test, Known { agent: None, swarm: swarm(name) }),
            Test::Level(_) | Test::Kind(_) | Test::Text(_) => (*inverted, test, Known::default()),
        });
        let only = only.filter(|_| self.value("swarm").is_none());
        Runner { store, only, least: self.level(), terms: terms.collect() }
    }
}

/// Whom a name means, if it is a whole one.
#[derive(Clone, Copy, Default)]
struct Known<'a> {
    agent: Option<&'a AgentId>,
    swarm: Option<&'a SwarmId>,
}

struct Runner<'a> {
    store: &'a Store,
    only: Option<&'a SwarmId>,
    least: Level,
    terms: Vec<(bool, &'a Test, Known<'a>)>,
}

impl Runner<'_> {
    fn takes(&self, record: &EventRecord) -> bool {
        let of_another = |only: &SwarmId| record.swarm.as_ref().is_some_and(|swarm| swarm != only);
        record.event.level() >= self.least
            && !self.only.is_some_and(of_another)
            && self
                .terms
                .iter()
                .all(|(inverted, test, known)| self.holds(test, *known, record) != *inverted)
    }

    fn holds(&self, test: &Test, known: Known, record: &EventRecord) -> bool {
        match test {
            Test::Level(least) => record.event.level() >= *least,
            Test::Kind(kinds) => kinds.iter().any(|kind| record.event.kind().starts_with(kind)),
            // Whole names mean one; parts of names all that have them.
            Test::Agent(name) => record.agent.as_ref().is_some_and(|id| match known.agent {
                Some(only) => only == id,
                None => self.agent_name(id).to_lowercase().contains(name),
            }),
            Test::Swarm(name) => record.swarm.as_ref().is_some_and(|id| match known.swarm {
                Some(only) => only == id,
                None => {
                    let name_of = self.store.swarm(id).map_or(id.as_str(), |s| s.name.as_str());
                    name_of.to_lowercase().contains(name)
                }
            }),
            Test::Text(text) => {
                record.event.summary().to_lowercase().contains(text)
                    || record
                        .agent
                        .as_ref()
                        .is_some_and(|id| self.agent_name(id).to_lowercase().contains(text))
            }
        }
    }

    fn agent_name<'a>(&'a self, id: &'a AgentId) -> &'a str {
        self.store.agent(id).map_or(id.as_str(), |agent| &agent.name)
    }
}

fn term(word: &str) -> Result<Option<(bool, Test)>, String> {
    let (inverted, word) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
    let Some((field, value)) = word.split_once(':') else {
        return Ok(Some((inverted, Test::Text(word.to_lowercase()))));
    };
    let lower = value.to_lowercase();
    let test = match field {
        // One that is still being typed passes all.
        "level" | "agent" | "swarm" | "kind" if value.is_empty() => return Ok(None),
        "level" => {
            let level = LEVELS.iter().find(|(name, _)| name.starts_with(&lower));
            let names = LEVELS.map(|(name, _)| name).join(", ");
            Test::Level(level.ok_or_else(|| format!("no level is called {value}: {names}"))?.1)
        }
        "agent" => Test::Agent(lower),
        "swarm" => Test::Swarm(lower),
        "kind" => {
            let kinds: Vec<String> =
                lower.split(',').filter(|k| !k.is_empty()).map(plain).collect();
            let known = |kind: &String| Event::KINDS.iter().any(|name| name.starts_with(kind));
            if let Some(unknown) = kinds.iter().find(|kind| !known(kind)) {
                let near = nearest(unknown, Event::KINDS).map(|near| format!("; nearest: {near}"));
                let near = near.unwrap_or_default();
                return Err(format!("no kind of event begins with {unknown}{near}"));
            }
            Test::Kind(kinds)
        }
        _ if !field.is_empty() && field.chars().all(char::is_alphabetic) => {
            let near = nearest(field, &FIELDS).map(|near| format!("nearest: {near}:"));
            let all = || format!("there is {}", FIELDS.map(|field| format!("{field}:")).join(" "));
            return Err(format!("no field is called {field}; {}", near.unwrap_or_else(all)));
        }
        _ => Test::Text(word.to_lowercase()),
    };
    Ok(Some((inverted, test)))
}

fn plain(kind: &str) -> String {
    kind.replace(['-', '.'], "_")
}

/// An attempt's end is told as a change of state, an end, an item's end and a change of
/// state again.
const EVENTS_OF_AN_END: usize = 4;
/// These follow one another as fast as the journal takes them.
const TOGETHER_MS: u64 = 1_000;

/// The newest that fit into so many lines of the pane below the grid, oldest first.
pub fn newest<'a>(store: &'a Store, swarm: Option<&SwarmId>, lines: usize) -> Vec<&'a EventRecord> {
    let told = store.events().rev().filter(|record| tells(&record.event)).filter(|record| {
        swarm.is_none_or(|only| record.swarm.as_ref().is_none_or(|swarm| only == swarm))
    });
    together(told, lines, true)
}

/// Takes from the newest on; where `joins`, what an end says already is left out.
fn together<'a>(
    records: impl Iterator<Item = &'a EventRecord>,
    lines: usize,
    joins: bool,
) -> Vec<&'a EventRecord> {
    let most = lines.saturating_mul(if joins { EVENTS_OF_AN_END } else { 1 });
    let mut shown: Vec<&EventRecord> = records.take(most).collect();
    if joins {
        let ended = |record: &&EventRecord| matches!(record.event, Event::AttemptEnded { .. });
        let ends: Vec<&EventRecord> = shown.iter().copied().filter(ended).collect();
        shown.retain(|record| !is_part_of(record, &ends));
        shown.truncate(lines);
    }
    shown.reverse();
    shown
}

/// Whether an end that is shown says it already.
fn is_part_of(record: &EventRecord, ends: &[&EventRecord]) -> bool {
    let repeats = match &record.event {
        Event::ItemEnded { .. } => true,
        Event::StateChanged { state, .. } => state.is_final() || *state == AgentState::Idle,
        _ => false,
    };
    let near = |end: &&EventRecord| {
        end.time.ms_since(record.time) < TOGETHER_MS && record.time.ms_since(end.time) < TOGETHER_MS
    };
    repeats && ends.iter().filter(|end| end.agent == record.agent).any(near)
}

/// In little room, what comes by the thousand (calls and connections that went well, keys
/// typed) would push out what matters.
fn tells(event: &Event) -> bool {
    let common = matches!(
        event,
        Event::ModelCalled { .. } | Event::NetConnected { .. } | Event::InputSent { .. }
    );
    event.level() > if common { Level::Info } else { Level::Debug }
}

impl Stream {
    /// Joined where nothing was asked for in particular.
    fn joins(&self) -> bool {
        self.filter.value("kind").is_none() && self.filter.level() > Level::Debug
    }

    /// All that pass, oldest first.
    pub fn all<'a>(&self, store: &'a Store) -> Vec<&'a EventRecord> {
        let runner = self.filter.runner(store, self.swarm.as_ref());
        let passing = store.events().rev().filter(|record| runner.takes(record));
        together(passing, usize::MAX, self.joins())
    }

    /// Finds the lines of this frame.
    pub fn settle(&mut self, store: &Store, lines: usize) {
        if self.end.is_some_and(|end| store.events().next().is_none_or(|oldest| oldest.seq > end)) {
            // What it stood at is not kept any more.
            self.follow();
        }
        let runner = self.filter.runner(store, self.swarm.as_ref());
        let end = self.end.unwrap_or(u64::MAX);
        if self.end.is_some() {
            let from = self.counted.max(end);
            let newer = store.events().rev().take_while(|record| record.seq > from);
            self.newer += newer.filter(|record| runner.takes(record)).count();
            self.counted = store.events().next_back().map_or(from, |newest| newest.seq.max(from));
        }
        let passing = store
            .events()
            .rev()
            .skip_while(|record| record.seq > end)
            .filter(|record| runner.takes(record));
        let shown = together(passing, lines, self.joins());
        self.lines = shown.into_iter().map(|record| record.seq).collect();
    }

    /// Goes on with what happens.
    pub fn follow(&mut self) {
        (self.cursor, self.end, self.newer, self.counted) = (None, None, 0, 0);
    }

    /// Stands still where it is.
    pub fn pause(&mut self) {
        if self.end.is_none() {
            self.end = self.lines.last().copied();
            (self.newer, self.counted) = (0, 0);
        }
        self.cursor = self.chosen();
    }

    /// The event under the cursor.
    pub fn chosen(&self) -> Option<u64> {
        self.cursor.or(self.lines.last().copied())
    }

    /// Moves the cursor, and the lines with it; below the last one it follows again.
    pub fn step(&mut self, store: &Store, by: isize, lines: usize) {
        let all: Vec<u64> = self.all(store).into_iter().map(|record| record.seq).collect();
        let Some(last) = all.len().checked_sub(1) else { return };
        self.pause();
        let near = |seq: u64| all.partition_point(|other| *other < seq).min(last);
        let at = self.cursor.map_or(last, near);
        if by > 0 && at == last {
            return self.follow();
        }
        let to = at.saturating_add_signed(by).min(last);
        self.cursor = all.get(to).copied();
        let bottom = self.end.map_or(last, near);
        let end = bottom.max(to).min(to + lines.max(1) - 1).min(last);
        if self.end != all.get(end).copied() {
            self.end = all.get(end).copied();
            (self.newer, self.counted) = (0, 0);
        }
    }

    /// Takes another filter; the cursor stays where it passes.
    pub fn sift(&mut self, text: &str) {
        self.filter = Sieve::parse(text);
        (self.newer, self.counted) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_filters_and_says_what_is_wrong() {
        let sieve = Sieve::parse("level:warn agent:ag-03 push");
        assert_eq!(sieve.terms.len(), 3);
        assert_eq!(sieve.level(), Level::Warn);
        assert_eq!(sieve.value("agent"), Some("ag-03"));
        assert_eq!(sieve.with("agent", None), "level:warn push");
        assert_eq!(sieve.with("level", Some("error")), "agent:ag-03 push level:error");
        assert_eq!(Sieve::parse("kind:").problem(), None);
        for (text, says) in [
            ("levle:warn", "nearest: level:"),
            ("level:loud", "debug, info, warn, error"),
            ("kind:modle_called", "nearest: model_called"),
        ] {
            let sieve = Sieve::parse(text);
            assert!(sieve.problem().unwrap().contains(says), "{text}: {sieve:?}");
        }
        assert_eq!(Sieve::parse("12:30").problem(), None);
        assert!(Sieve::default().is_empty());
    }
}
