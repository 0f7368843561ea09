//! The scenario file: reading it, and finding the rule that answers.

use super::ask::Ask;
use super::pattern::{Pattern, Vars, fill};
use super::reply::{End, Reply};
use super::tools;
use crate::gateway::wire::Wire;
use crate::model::Tokens;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{path::Path, time::Duration};

/// Longest time a rule may wait, in milliseconds.
const MAX_WAIT_MS: u64 = 600_000;

/// A scenario that cannot be used: where, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct BadScenario {
    /// File and line, as far as known.
    pub place: String,
    pub reason: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    rule: Vec<Rule>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(default)]
    when: When,
    reply: Say,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct When {
    #[serde(deserialize_with = "patterns")]
    task: Vec<Pattern>,
    dialect: Option<Spoken>,
    model: Option<String>,
    turn: Option<Number>,
    call: Option<Number>,
    agent: Option<Number>,
    attempt: Option<Number>,
    tools: Option<bool>,
    /// Stands somewhere in the request, such as in an earlier answer.
    said: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Spoken {
    Anthropic,
    Chat,
    Responses,
    Gemini,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Say {
    say: String,
    shell: Option<String>,
    write: Option<WriteFile>,
    usage: Counts,
    #[serde(deserialize_with = "wait")]
    delay_ms: u64,
    #[serde(deserialize_with = "wait")]
    chunk_ms: u64,
    error: Option<u16>,
    message: Option<String>,
    retry_after: Option<u64>,
    cut_after: Option<usize>,
    hang: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteFile {
    path: String,
    content: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
}

/// A condition on a number.
#[derive(Clone, Debug, PartialEq)]
enum Number {
    One(u32),
    Any(Vec<u32>),
    From(u32),
    Remainder { of: u32, is: u32 },
}

impl Number {
    fn holds(&self, n: u32) -> bool {
        match self {
            Self::One(one) => n == *one,
            Self::Any(list) => list.contains(&n),
            Self::From(first) => n >= *first,
            Self::Remainder { of, is } => n % of == *is,
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            One(u32),
            Any(Vec<u32>),
            Text(String),
        }
        let bad = || D::Error::custom("a number matches as 3, [1, 4], \"3+\" or \"2/5\"");
        match Raw::deserialize(d).map_err(|_| bad())? {
            Raw::One(n) => Ok(Self::One(n)),
            Raw::Any(list) => Ok(Self::Any(list)),
            Raw::Text(text) => {
                let number = |text: &str| text.trim().parse::<u32>().map_err(|_| bad());
                if let Some(first) = text.strip_suffix('+') {
                    return Ok(Self::From(number(first)?));
                }
                let (is, of) = text.split_once('/').ok_or_else(bad)?;
                let (is, of) = (number(is)?, number(of)?);
                if is < of { Ok(Self::Remainder { of, is }) } else { Err(bad()) }
            }
        }
    }
}

fn patterns<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Pattern>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Raw {
        One(String),
        Many(Vec<String>),
    }
    let raw = Raw::deserialize(d).map_err(|_| D::Error::custom("task is a text or several"))?;
    let texts = match raw {
        Raw::One(text) => vec![text],
        Raw::Many(texts) => texts,
    };
    let parse = |text: &String| {
        Pattern::parse(text).map_err(|e| D::Error::custom(format!("pattern {text:?}: {e}")))
    };
    texts.iter().map(parse).collect()
}

fn wait<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
    match u64::deserialize(d)? {
        ms if ms <= MAX_WAIT_MS => Ok(ms),
        _ => Err(D::Error::custom(format!("at most {MAX_WAIT_MS} milliseconds"))),
    }
}

impl When {
    /// The captures, if all conditions hold.
    fn holds(&self, ask: &Ask) -> Option<Vars> {
        let spoken = match ask.wire {
            Wire::Messages | Wire::CountTokens | Wire::Models(_) => Spoken::Anthropic,
            Wire::Chat => Spoken::Chat,
            Wire::Responses => Spoken::Responses,
            Wire::Generate | Wire::StreamGenerate | Wire::CountGenerate => Spoken::Gemini,
        };
        let number = |want: &Option<Number>, n: u32| want.as_ref().is_none_or(|w| w.holds(n));
        let holds = self.dialect.is_none_or(|want| want == spoken)
            && self.model.as_ref().is_none_or(|part| ask.model.contains(part))
            && self.tools.is_none_or(|want| want != ask.tools.is_empty())
            && self.said.as_ref().is_none_or(|words| ask.says(words))
            && number(&self.turn, ask.turn)
            && number(&self.call, ask.call)
            && number(&self.agent, ask.agent_number())
            && number(&self.attempt, ask.attempt);
        match (holds, self.task.is_empty()) {
            (false, _) => None,
            (true, true) => Some(Vars::new()),
            (true, false) => self.task.iter().find_map(|pattern| pattern.find(&ask.task)),
        }
    }
}

impl Say {
    /// What makes no sense together.
    fn check(&self) -> Result<(), String> {
        if self.shell.is_some() && self.write.is_some() {
            return Err("a reply has `shell` or `write`, not both".to_owned());
        }
        if self.error.is_some_and(|status| !(400..600).contains(&status)) {
            return Err("`error` is a status from 400 to 599".to_owned());
        }
        if self.error.is_none() && (self.message.is_some() || self.retry_after.is_some()) {
            return Err("`message` and `retry_after` belong to an `error`".to_owned());
        }
        if self.error.is_some() && (self.cut_after.is_some() || self.hang) {
            return Err("an `error` is neither cut nor hangs".to_owned());
        }
        Ok(())
    }

    fn reply(&self, ask: &Ask, mut vars: Vars) -> Reply {
        let task: String = ask.task.lines().next().unwrap_or_default().chars().take(200).collect();
        for (name, value) in [
            ("task", task),
            ("turn", ask.turn.to_string()),
            ("call", ask.call.to_string()),
            ("agent", ask.agent.to_string()),
            ("model", ask.model.clone()),
        ] {
            // In front, so that a capture of the same name wins.
            vars.insert(0, (name.to_owned(), value));
        }
        let text = fill(&self.say, &vars, false);
        let tool = match (&self.shell, &self.write) {
            (Some(command), _) => tools::shell(ask, &fill(command, &vars, true)),
            (None, Some(file)) => {
                let path = fill(&file.path, &vars, false);
                tools::write(ask, &path, &fill(&file.content, &vars, false))
            }
            (None, None) => None,
        };
        let said = text.len() + tool.as_ref().map_or(0, |tool| tool.input.to_string().len());
        let usage = Tokens {
            input: self.usage.input.unwrap_or(ask.bytes.div_ceil(4) as u64),
            output: self.usage.output.unwrap_or(said.div_ceil(4).max(1) as u64),
            cache_read: self.usage.cache_read.unwrap_or(0),
            cache_write: self.usage.cache_write.unwrap_or(0),
        };
        let end = match (self.error, self.cut_after, self.hang) {
            (Some(status), _, _) => End::Error {
                status,
                message: self.message.clone().unwrap_or_else(|| {
                    format!("simulated error {status}, as the scenario wants it")
                }),
                retry_after: self.retry_after,
            },
            (None, after, true) => End::Hang(after.unwrap_or(0)),
            (None, Some(after), false) => End::Cut(after),
            (None, None, false) => End::Well,
        };
        Reply {
            text,
            tool,
            usage,
            delay: Duration::from_millis(self.delay_ms),
            chunk: Duration::from_millis(self.chunk_ms),
            end,
        }
    }
}

impl Scenario {
    pub fn read(path: &Path) -> Result<Self, BadScenario> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| BadScenario {
            place: place.clone(),
            reason: format!("cannot read the scenario: {e}"),
        })?;
        Self::parse(&text, &place)
    }

    pub fn parse(text: &str, place: &str) -> Result<Self, BadScenario> {
        let scenario: Self = toml::from_str(text).map_err(|e| {
            let line = e.span().map(|span| {
                1 + text.as_bytes()[..span.start.min(text.len())]
                    .iter()
                    .filter(|b| **b == b'\n')
                    .count()
            });
            BadScenario {
                place: line.map_or(place.to_owned(), |line| format!("{place}, line {line}")),
                reason: with_nearest(e.message()),
            }
        })?;
        for (index, rule) in scenario.rule.iter().enumerate() {
            rule.reply.check().map_err(|reason| BadScenario {
                place: format!("{place}, rule {}", index + 1),
                reason,
            })?;
        }
        Ok(scenario)
    }

    pub(super) fn reply(&self, ask: &Ask) -> Reply {
        for rule in &self.rule {
            if let Some(vars) = rule.when.holds(ask) {
                return rule.reply.reply(ask, vars);
            }
        }
        Say { say: "Simulated answer.".to_owned(), ..Say::default() }.reply(ask, Vars::new())
    }
}

/// "unknown field `x`, expected one of `a`, `b`" with the nearest of them.
fn with_nearest(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let Some((wrong, known)) = quoted.split_first() else { return message.to_owned() };
    let near = known.iter().min_by_key(|key| strsim::damerau_levenshtein(wrong, key));
    match near.filter(|_| message.starts_with("unknown")) {
        Some(near) => format!("unknown key `{wrong}`: the nearest is `{near}`"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ask(task: &str, turn: u32, tools: serde_json::Value) -> Ask {
        let mut messages = vec![json!({"role": "user", "content": task})];
        for _ in 1..turn {
            messages.push(json!({"role": "assistant", "content": "x"}));
        }
        let body = json!({"model": "m", "messages": messages, "tools": tools}).to_string();
        Ask::read(Wire::Messages, &"ag-07-1".into(), &"ag-07".into(), turn, body.as_bytes())
            .unwrap()
    }

    fn bash() -> serde_json::Value {
        json!([{"name": "bash", "input_schema": {"properties": {"command": {"type": "string"}}}}])
    }

    #[test]
    fn built_in_scenarios_are_valid() {
        for text in [super::super::DEFAULT, super::super::DEMO] {
            assert!(!Scenario::parse(text, "built in").unwrap().name.is_empty());
        }
    }

    #[test]
    fn mistakes_are_shown_with_line_and_nearest_key() {
        let error = |text: &str| Scenario::parse(text, "s.toml").unwrap_err().to_string();
        assert_eq!(
            error("name = \"x\"\n[[rule]]\nreply = { sya = \"a\" }\n"),
            "s.toml, line 3: unknown key `sya`: the nearest is `say`"
        );
        for (rule, part) in [
            ("when.turn = \"x\"\nreply.say = \"\"", "line 2: a number matches as"),
            ("when.agent = \"5/5\"\nreply.say = \"\"", "a number matches as"),
            ("when.task = \"{a}\"\nreply.say = \"\"", "a pattern begins with text"),
            (
                "reply = { shell = \"a\", write = { path = \"a\", content = \"\" } }",
                "rule 1: a reply has",
            ),
            ("reply.error = 200", "status from 400"),
            ("reply.retry_after = 1", "belong to an `error`"),
            ("reply = { error = 500, hang = true }", "neither"),
            ("reply.delay_ms = 9000000", "at most 600000"),
            ("when = {}", "missing field `reply`"),
        ] {
            let message = error(&format!("[[rule]]\n{rule}\n"));
            assert!(message.contains(part), "{rule}: {message}");
        }
        let missing = Scenario::read(Path::new("/nonexistent/s.toml")).unwrap_err().to_string();
        assert!(missing.contains("/nonexistent/s.toml: cannot read"), "{missing}");
    }

    #[test]
    fn the_default_writes_the_file_that_is_asked_for() {
        let scenario = Scenario::parse(super::super::DEFAULT, "").unwrap();
        let reply = scenario.reply(&ask("please write a.txt: hello there", 1, bash()));
        let tool = reply.tool.unwrap();
        assert_eq!(tool.name, "bash");
        assert_eq!(tool.input["command"], "printf '%s\\n' 'hello there' > 'a.txt'");
        let reply = scenario.reply(&ask("please write a.txt: hello there", 2, bash()));
        assert!(reply.tool.is_none() && !reply.text.is_empty());
        assert_eq!(reply.end, End::Well);
        for status in [402, 429, 500, 529] {
            let reply = scenario.reply(&ask(&format!("simulate-{status}"), 1, bash()));
            assert!(matches!(reply.end, End::Error { status: s, .. } if s == status));
        }
        let reply = scenario.reply(&ask("simulate-cut", 1, bash()));
        assert!(matches!(reply.end, End::Cut(_)));
        let reply = scenario.reply(&ask("anything", 1, json!([])));
        assert!(reply.tool.is_none() && reply.end == End::Well);
    }

    #[test]
    fn numbers() {
        let holds = |text: &str, n: u32| {
            let value: toml::Value = toml::from_str(&format!("n = {text}")).unwrap();
            value["n"].clone().try_into::<Number>().unwrap().holds(n)
        };
        assert!(holds("3", 3) && !holds("3", 4));
        assert!(holds("[1, 4]", 4) && !holds("[1, 4]", 2));
        assert!(holds("\"3+\"", 9) && !holds("\"3+\"", 2));
        assert!(holds("\"2/5\"", 7) && !holds("\"2/5\"", 8));
    }
}
