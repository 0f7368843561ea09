//! Patterns for a title and for the bottom rows of a screen, and what a permission prompt that
//! stands there asks.

use super::{
    adapter::{regex, typed},
    event::{Wrong, compile},
    format::PatternRule,
    prompt::bare,
};
use regex_lite::Regex;

#[derive(Debug)]
pub(super) struct Pattern {
    pub rule: PatternRule,
    pub regex: Regex,
    screen: Option<Regex>,
    block: Option<Regex>,
    /// Keys of its own that approve and deny.
    pub answers: Option<(Vec<u8>, Vec<u8>)>,
}

pub(super) fn patterns(rules: Vec<PatternRule>) -> Result<Vec<Pattern>, Wrong> {
    rules.into_iter().map(Pattern::new).collect()
}

impl Pattern {
    fn new(rule: PatternRule) -> Result<Self, Wrong> {
        let screen = rule.screen.as_ref().map(|text| compile(text, regex)).transpose()?;
        let block = rule.block.as_ref().map(|text| compile(text, regex)).transpose()?;
        let (approve, deny) = (typed(&rule.approve)?, typed(&rule.deny)?);
        if approve.is_empty() != deny.is_empty() {
            let why = "a question has keys for both answers, approve and deny".to_owned();
            return Err((rule.pattern.span(), why));
        }
        let answers = (!approve.is_empty()).then_some((approve, deny));
        Ok(Self { regex: compile(&rule.pattern, regex)?, screen, block, answers, rule })
    }

    /// What is asked, else the rule's name; none where no row fits.
    pub fn on_screen(&self, bottom: &[String]) -> Option<String> {
        let asked = self.row(&self.regex, bottom)?;
        match &self.screen {
            Some(screen) => self.row(screen, bottom),
            None => Some(asked),
        }
    }

    /// The same of a title, and of the rows that must fit as well.
    pub fn on_title(&self, title: &str, bottom: &[String]) -> Option<String> {
        let asked = self.asked(&self.regex, title)?;
        match &self.screen {
            Some(screen) => self.row(screen, bottom),
            None => Some(asked),
        }
    }

    fn row(&self, regex: &Regex, bottom: &[String]) -> Option<String> {
        let seen = bottom.get(bottom.len().saturating_sub(self.rule.rows)..)?;
        let find = |(at, row): (usize, &String)| Some((at, self.asked(regex, row)?));
        let (at, asked) = seen.iter().enumerate().rev().find_map(find)?;
        match &self.block {
            Some(block) => Some(whole(block, seen, at, asked)),
            None => Some(asked),
        }
    }

    fn asked(&self, regex: &Regex, text: &str) -> Option<String> {
        let group = regex.captures(text)?.get(1).map(|group| group.as_str().trim());
        Some(group.unwrap_or(&self.rule.name).to_owned())
    }
}

/// `asked`, of the row `at`, with what the rows next to it add; a mark where it may begin above
/// all that is seen.
fn whole(block: &Regex, seen: &[String], at: usize, asked: String) -> String {
    let part = |row: &String| {
        let group = block.captures(row)?.get(1).map_or("", |group| group.as_str().trim());
        Some(group.to_owned())
    };
    let mut parts: Vec<String> = seen[..at].iter().rev().map_while(part).collect();
    if parts.len() == at && at > 0 {
        parts.push("…".to_owned());
    }
    parts.reverse();
    let below: Vec<String> = seen[at + 1..].iter().map_while(part).collect();
    let below = joined(below);
    // A row cut short after the name of a tool, and below it all that it begins to say.
    let (name, begun) = asked.split_once(' ').unwrap_or((&asked, ""));
    let begun = bare(begun.trim_end_matches('…'));
    let again = !begun.is_empty() && bare(&below).starts_with(&begun);
    parts.push(if again { name.to_owned() } else { asked });
    parts.push(below);
    joined(parts)
}

fn joined(mut parts: Vec<String>) -> String {
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}
