//! Permission prompts on an agent's own screen: which rows show one, and what answers it.

use super::{
    Adapter,
    adapter::{regex, typed},
    event::{Wrong, compile},
    format::PromptPart,
    pointer::BREAK,
};
use crate::model::Resolution;
use regex_lite::Regex;
use std::ops::Range;

/// Rows by which a prompt is known from another one.
const PROMPT_ROWS: usize = 6;
/// Characters of what is asked that must be seen.
const GLANCE: usize = 60;
/// What is asked may be so long that its beginning is seen no more: then so many of its last ones.
const LAST_GLANCE: usize = 100;
const LONG: usize = 800;
/// Rows of a screen that the patterns of a file are about.
const BOTTOM: usize = 12;

/// What is typed to answer a permission prompt.
#[derive(Debug)]
pub(super) struct PromptKeys {
    approve: Vec<u8>,
    deny: Vec<u8>,
    shown: Option<Regex>,
}

impl PromptKeys {
    /// `at`: where its file is said to be wrong.
    pub fn new(part: &PromptPart, at: Range<usize>) -> Result<Self, Wrong> {
        let (approve, deny) = (typed(&part.approve)?, typed(&part.deny)?);
        if approve.is_empty() || deny.is_empty() {
            let why = "`prompt` names the keys of both answers, approve and deny";
            return Err((at, why.to_owned()));
        }
        let shown = part.shown.as_ref().map(|text| compile(text, regex)).transpose()?;
        Ok(Self { approve, deny, shown })
    }
}

impl Adapter {
    /// True if its file says how its permission prompts are answered.
    pub fn answers_prompts(&self) -> bool {
        self.prompt.is_some() || self.watch.screen.iter().any(|rule| rule.answers.is_some())
    }

    /// The rows of a screen that show the permission prompt which asks this, and the keys that
    /// answer it; none where it is not there. No rows where its file does not say how it looks.
    pub fn prompt_answer(
        &self,
        lines: &[String],
        asked: &str,
        verdict: Resolution,
    ) -> Option<(Vec<String>, &[u8])> {
        if let Some(found) = self.question_answer(lines, asked, verdict) {
            return Some(found);
        }
        let keys = self.prompt.as_ref()?;
        let rows = self.prompt_rows(lines, asked)?;
        Some((rows, pick(&keys.approve, &keys.deny, verdict)))
    }

    /// The same of a question that a `[[screen]]` rule with keys of its own knows.
    fn question_answer(
        &self,
        lines: &[String],
        asked: &str,
        verdict: Resolution,
    ) -> Option<(Vec<String>, &[u8])> {
        let filled = lines.iter().filter(|line| !line.trim().is_empty());
        let rows: Vec<String> = filled.rev().take(BOTTOM).cloned().collect();
        let bottom: Vec<String> = rows.iter().rev().cloned().collect();
        self.watch.screen.iter().find_map(|rule| {
            let (approve, deny) = rule.answers.as_ref()?;
            let stands = rule.on_screen(&bottom).is_some_and(|seen| seen == asked);
            stands.then(|| (rows.clone(), pick(approve, deny, verdict)))
        })
    }

    /// The rows of a screen that show its permission prompt, down to the one that takes keys;
    /// none where there is no such prompt. No rows where its file does not say how it looks.
    ///
    /// What a hook said is asked must stand there, too: a tool of the agent's could tell the
    /// same, and something else would be approved. What its terminal says does not begin so.
    pub fn prompt_rows(&self, lines: &[String], asked: &str) -> Option<Vec<String>> {
        let Some(shown) = self.prompt.as_ref().and_then(|prompt| prompt.shown.as_ref()) else {
            return Some(Vec::new());
        };
        let last = lines.iter().rposition(|line| shown.is_match(line))?;
        let mut prompts = self.watch.hook.iter().filter_map(|rule| rule.prompt.as_ref());
        let by_hook = prompts.any(|prompt| asked.starts_with(prompt.lead()));
        if by_hook && !shows(&lines[..=last], asked) {
            return None;
        }
        let rows = lines[..=last].iter().rev().filter(|line| !line.trim().is_empty());
        Some(rows.take(PROMPT_ROWS).cloned().collect())
    }
}

fn pick<'a>(approve: &'a [u8], deny: &'a [u8], verdict: Resolution) -> &'a [u8] {
    match verdict {
        Resolution::Approve => approve,
        Resolution::Deny => deny,
    }
}

/// Without blanks and marks of broken lines, and without what frames it.
pub(super) fn bare(text: &str) -> String {
    let framed = |c: char| c == BREAK || ('\u{2500}'..='\u{257f}').contains(&c);
    text.chars().filter(|c| !(c.is_whitespace() || framed(*c))).collect()
}

/// True if what `TOOL: TEXT` asks about stands in these rows, as far as one sees it at a
/// glance; where rows break, and what frames them, says nothing.
fn shows(lines: &[String], asked: &str) -> bool {
    let Some((_, text)) = asked.split_once(": ") else {
        return true;
    };
    let text: Vec<char> = bare(text).chars().collect();
    let rows = lines.iter().map(|line| bare(line)).collect::<String>();
    let begin: String = text.iter().take(GLANCE).collect();
    let end = || text[text.len() - LAST_GLANCE..].iter().collect::<String>();
    rows.contains(&begin) || text.len() > LONG && rows.contains(&end())
}
