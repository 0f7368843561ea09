//! One process for many runs: an agent whose own server serves several at once, where a
//! process for each would take too much memory.
//!
//! The *host* is that process, a run a *guest*. They meet in a directory that both see, the
//! only thing that their sandboxes have in common beside the scope. A guest has a *seat* at
//! its host: a name, and a key by which its model calls are known as its own.

use super::{
    adapter::{LaunchRules, places},
    event::Wrong,
    event::compile,
    format::SharedPart,
    lines::Lines,
    template::{Slot, Template},
};
use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Where a host and its guests find each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meeting {
    /// Written by the host, read by its guests.
    pub dir: PathBuf,
    /// What guests show their host.
    pub key: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seat {
    pub name: String,
    /// What the host shows Dash's gateway in the calls that it makes for this guest.
    pub token: String,
}

/// What a launch is of the whole.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// A run in a process of its own.
    Alone,
    Guest(&'a Meeting, &'a Seat),
    Host(&'a Meeting, &'a [Seat]),
}

#[derive(Debug)]
pub struct SharedRules {
    /// Agents of its kind in a swarm from which on they share.
    pub from: usize,
    /// Guests of one host.
    pub seats: usize,
    /// Of those, how many are on their way to their first model call at once.
    pub at_once: usize,
    ready: Regex,
    pub(super) host: LaunchRules,
    pub(super) guest: LaunchRules,
}

impl SharedRules {
    pub(super) fn new(part: SharedPart) -> Result<Self, Wrong> {
        Ok(Self {
            from: part.from,
            seats: part.seats,
            at_once: part.at_once.max(1),
            ready: compile(&part.ready, super::adapter::regex)?,
            host: LaunchRules::new(part.host)?,
            guest: LaunchRules::new(part.guest)?,
        })
    }

    /// Where a host keeps the sessions of its guests, with `private` for its own directory; none
    /// where no guest goes on with one.
    pub fn sessions(&self, private: &Path) -> Vec<PathBuf> {
        if self.resumes() { places(&self.host.sessions, private) } else { Vec::new() }
    }

    /// True if a guest can go on with what an earlier one said at its host.
    pub fn resumes(&self) -> bool {
        !self.guest.resume.is_empty()
    }

    pub fn readiness(&self) -> Readiness {
        Readiness { pattern: self.ready.clone(), lines: Lines::default(), last: String::new() }
    }
}

/// Waits for a host's word that it takes guests.
pub struct Readiness {
    pattern: Regex,
    lines: Lines,
    last: String,
}

impl Readiness {
    /// Its output, in order, in pieces of any size; true once the word is among it.
    pub fn output(&mut self, bytes: &[u8]) -> bool {
        let Self { pattern, lines, last } = self;
        let mut ready = false;
        lines.feed(bytes, |line| {
            ready |= pattern.is_match(line);
            if !line.trim().is_empty() {
                *last = line.trim().to_owned();
            }
        });
        ready
    }

    /// The last line with text.
    pub fn last_line(&self) -> &str {
        &self.last
    }
}

/// Where the text between two such lines begins that stands once for every seat, and ends.
const EACH: (&str, &str) = ("{each_seat}\n", "{end_seat}\n");

/// A file's text, in which parts may stand once for every seat, with commas between them.
#[derive(Clone, Debug)]
pub(super) struct Content(Vec<(bool, Template)>);

impl Content {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(EACH.0) {
            let Some((each, after)) = after.split_once(EACH.1) else {
                return Err(format!("`{}` without `{}`", EACH.0.trim(), EACH.1.trim()));
            };
            parts.push((false, Template::parse(before)?));
            parts.push((true, Template::parse(each.trim_end())?));
            rest = after;
        }
        parts.push((false, Template::parse(rest)?));
        Ok(Self(parts))
    }

    pub fn uses(&self, slot: Slot) -> bool {
        self.0.iter().any(|(_, template)| template.uses(slot))
    }

    /// `fill` puts a template's values in, those of a seat where it is of one.
    pub fn fill(
        &self,
        seats: &[Seat],
        fill: impl Fn(&Template, Option<&Seat>) -> String,
    ) -> String {
        let mut text = String::new();
        for (each, template) in &self.0 {
            if *each {
                let all: Vec<String> =
                    seats.iter().map(|seat| fill(template, Some(seat))).collect();
                text.push_str(&all.join(",\n"));
                text.push('\n');
            } else {
                text.push_str(&fill(template, None));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stands_once_for_every_seat() {
        let content = Content::parse(
            "{ \"all\": {\n{each_seat}\n  {seat|json}: {seat_token|json}\n{end_seat}\n} } {key}",
        )
        .unwrap();
        let seats = ["a", "b"].map(|name| Seat { name: name.into(), token: format!("t-{name}") });
        let fill = |template: &Template, seat: Option<&Seat>| {
            template.fill(|slot| match (slot, seat) {
                (Slot::Seat, Some(seat)) => &seat.name,
                (Slot::SeatToken, Some(seat)) => &seat.token,
                _ => "k",
            })
        };
        let filled = content.fill(&seats, fill);
        assert_eq!(filled, "{ \"all\": {\n  \"a\": \"t-a\",\n  \"b\": \"t-b\"\n} } k");
        assert_eq!(Content::parse("{x}").unwrap_err(), "unknown placeholder `{x}`");
        assert_eq!(
            Content::parse("{each_seat}\nx").unwrap_err(),
            "`{each_seat}` without `{end_seat}`"
        );
    }
}
