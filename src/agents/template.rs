//! Placeholders in the texts of `[launch]`.
//!
//! `{name}` or `{name|filter}`, with lower-case letters and `_` only, so that JSON and TOML
//! in a text keep their own braces. Filters: `json` (a quoted string, good in TOML too),
//! `in_json` (the same without its quotes, for a part of a string), `shell` (one word of a
//! shell's command line), `last20` (the last 20 characters). The left one comes first.

use super::problem::nearest;

/// Every placeholder, and what it stands for.
pub const NAMES: &[(&str, Slot)] = &[
    ("task", Slot::Task),
    ("model", Slot::Model),
    ("dialect", Slot::Dialect),
    ("cwd", Slot::Cwd),
    ("private", Slot::Private),
    ("home", Slot::Home),
    ("tmp", Slot::Tmp),
    ("token", Slot::Token),
    ("gateway", Slot::Gateway),
    ("attempt", Slot::Attempt),
    ("agent", Slot::Agent),
    ("swarm", Slot::Swarm),
    ("session", Slot::Session),
    ("dash", Slot::Dash),
    ("meeting", Slot::Meeting),
    ("key", Slot::Key),
    ("seat", Slot::Seat),
    ("seat_token", Slot::SeatToken),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    Task,
    /// Empty where none was asked for and there is no default.
    Model,
    Dialect,
    Cwd,
    /// The attempt's own directory.
    Private,
    /// `{private}/home`
    Home,
    /// `{private}/tmp`
    Tmp,
    /// What the agent shows the gateway as its key.
    Token,
    /// `http://127.0.0.1:PORT`, without a path.
    Gateway,
    Attempt,
    Agent,
    Swarm,
    Session,
    /// This executable.
    Dash,
    /// Of `[shared]`, as the next three: the directory that a host and its guests see.
    Meeting,
    /// What guests show their host.
    Key,
    /// A guest's place at its host; of a host that of the part for each seat.
    Seat,
    /// What the host shows the gateway as the key of that seat's calls.
    SeatToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    Json,
    InJson,
    Shell,
    Last20,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Slot(Slot, Vec<Filter>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Vec<Part>);

impl Template {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let inside = &rest[open + 1..];
            let end =
                inside.find(|c: char| !(c.is_ascii_lowercase() || "_|0123456789".contains(c)));
            match end {
                Some(end) if end > 0 && inside[end..].starts_with('}') => {
                    plain.push_str(&rest[..open]);
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(slot(&inside[..end])?);
                    rest = &inside[end + 1..];
                }
                Some(_) | None => {
                    plain.push_str(&rest[..=open]);
                    rest = inside;
                }
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    pub fn uses(&self, slot: Slot) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Slot(used, _) if *used == slot))
    }

    pub fn fill<'a>(&self, value: impl Fn(Slot) -> &'a str) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Slot(slot, filters) => {
                    let mut text = value(*slot).to_owned();
                    for filter in filters {
                        text = filter.apply(&text);
                    }
                    out.push_str(&text);
                }
            }
        }
        out
    }
}

impl Filter {
    fn apply(self, text: &str) -> String {
        match self {
            Self::Json => serde_json::Value::from(text).to_string(),
            Self::InJson => {
                let quoted = serde_json::Value::from(text).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
            Self::Shell => format!("'{}'", text.replace('\'', "'\\''")),
            Self::Last20 => {
                let skip = text.chars().count().saturating_sub(20);
                text.chars().skip(skip).collect()
            }
        }
    }
}

fn slot(text: &str) -> Result<Part, String> {
    let mut words = text.split('|');
    let name = words.next().unwrap_or_default();
    let Some((_, slot)) = NAMES.iter().find(|(known, _)| *known == name) else {
        let meant = nearest(name, NAMES.iter().map(|(known, _)| *known))
            .map(|known| format!(", did you mean `{{{known}}}`?"));
        return Err(format!("unknown placeholder `{{{name}}}`{}", meant.unwrap_or_default()));
    };
    let filters = words.map(|word| match word {
        "json" => Ok(Filter::Json),
        "in_json" => Ok(Filter::InJson),
        "shell" => Ok(Filter::Shell),
        "last20" => Ok(Filter::Last20),
        _ => Err(format!(
            "unknown filter `{word}` in `{{{text}}}`; known are json, in_json, shell, last20"
        )),
    });
    Ok(Part::Slot(*slot, filters.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> String {
        Template::parse(text).unwrap().fill(|slot| match slot {
            Slot::Task => "say \"hi\"\n",
            Slot::Cwd => "/w",
            Slot::Token => "0123456789abcdefghijklmnop",
            _ => "?",
        })
    }

    #[test]
    fn fills_what_it_knows_and_leaves_other_braces() {
        assert_eq!(fill("{cwd}/x"), "/w/x");
        assert_eq!(fill("{task|json}"), r#""say \"hi\"\n""#);
        assert_eq!(fill(r#"{"a":{"b":{cwd|json}}}"#), r#"{"a":{"b":"/w"}}"#);
        assert_eq!(fill("{token|last20}"), "6789abcdefghijklmnop"[..].to_owned());
        assert_eq!(fill("\"{task|in_json}\""), fill("{task|json}"));
        assert_eq!(fill("{cwd|shell} x"), "'/w' x");
        let odd = |_| "it's \"a\"";
        let both = Template::parse(r#""{dash|shell|in_json} x""#).unwrap().fill(odd);
        assert_eq!(both, r#""'it'\\''s \"a\"' x""#);
        assert_eq!(fill("{}{ {A} {"), "{}{ {A} {");
        assert_eq!(fill(r#"p={name="dash"}"#), r#"p={name="dash"}"#);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert_eq!(
            Template::parse("{taks}"),
            Err("unknown placeholder `{taks}`, did you mean `{task}`?".to_owned())
        );
        assert!(Template::parse("{task|upper}").is_err());
    }
}
