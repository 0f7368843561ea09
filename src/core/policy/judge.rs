//! The judge: walks through a command and all that it runs, and gathers what the rules say.

mod alias;
mod fed;
mod held;
mod perhaps;

use super::{
    fit::{Given, Output, fits},
    git,
    place::Dirs,
    script::{Item, Script, Simple},
    shell, told,
    unseen::{is_unseen, starts_others},
    unwrap::{self, Inner, What},
    word::{Likely, clean, is_mark, is_open, like, shown},
};
use crate::model::{Enforcement, Finding, Hidden, Judgement, Policy, Scope, Verdict};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

/// Bytes of a command line that are read.
pub const LONGEST: usize = 128 * 1024;
/// Commands that run one another.
const DEEPEST: usize = 24;
/// Findings that are told.
const FINDINGS: usize = 32;
/// Words looked at, times rules, before the judge gives up: some ten milliseconds' worth.
const WORK: usize = 2_000_000;

const TOO_MUCH: &str = "it is too long to be read in time";

/// Where, and by whom, a command is about to be run.
#[derive(Clone, Copy, Debug)]
pub struct Where<'a> {
    /// Absolute.
    pub cwd: &'a Path,
    /// Its `write` bounds what may be deleted; where it names nothing, `cwd` does.
    pub scope: &'a Scope,
    /// The canonical file of the program, where the caller knows it.
    pub executable: Option<&'a Path>,
    /// What whoever runs it cannot see.
    pub hidden: &'a Hidden,
}

/// A policy, made ready.
#[derive(Clone, Debug)]
pub struct Judge {
    policy: Policy,
    /// Rules by the name of their program.
    by_name: HashMap<String, Vec<usize>>,
    /// Rules for patterns of names, and for a file that may go by any name.
    any_name: Vec<usize>,
    /// One that does not allow speaks of git.
    on_git: bool,
}

impl Judge {
    pub fn new(policy: Policy) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        let mut any_name = Vec::new();
        for (i, rule) in policy.rules.iter().enumerate() {
            let names = rule.command.first().map_or(&[][..], Vec::as_slice);
            if rule.executable.is_some() || names.iter().any(|name| name.contains('*')) {
                any_name.push(i);
                continue;
            }
            for name in names {
                let rules = by_name.entry(name.clone()).or_default();
                if rules.last() != Some(&i) {
                    rules.push(i);
                }
            }
        }
        let on_git = policy.rules.iter().any(|rule| {
            let names = rule.command.first().map_or(&[][..], Vec::as_slice);
            rule.verdict > Verdict::Allow && names.iter().any(|name| like(name, "git"))
        });
        Self { policy, by_name, any_name, on_git }
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Judges a command as it is executed.
    pub fn argv(&self, argv: &[String], at: &Where<'_>) -> Judgement {
        let mut walk = Walk::new(self, at);
        if argv.iter().map(|word| word.len() + 1).sum::<usize>() > LONGEST {
            walk.doubt(TOO_MUCH, argv);
            return walk.judgement();
        }
        let words = argv.iter().map(|word| clean(word).into_owned()).collect();
        let mut script = Script::default();
        script.items.push(Item::Command(Simple { words, ..Simple::default() }));
        walk.first = at.executable;
        walk.script(&script, None, &Dirs::at(at.cwd), 0);
        walk.judgement()
    }

    /// Judges a line as a shell runs it.
    pub fn line(&self, line: &str, at: &Where<'_>) -> Judgement {
        let mut walk = Walk::new(self, at);
        if line.len() > LONGEST {
            walk.doubt(TOO_MUCH, &[line.to_owned()]);
            return walk.judgement();
        }
        let script = shell::parse(&clean(line));
        walk.script(&script, None, &Dirs::at(at.cwd), 0);
        walk.judgement()
    }
}

struct Walk<'a> {
    judge: &'a Judge,
    scope: &'a Scope,
    hidden: &'a Hidden,
    roots: Vec<PathBuf>,
    /// Of the first command only: what others run is looked up by themselves.
    first: Option<&'a Path>,
    cwd: &'a Path,
    /// What the line gave another name, with what that stands for.
    aliases: HashMap<String, String>,
    /// What words stand for, as far as it was looked up.
    files: HashMap<String, Option<PathBuf>>,
    findings: Vec<Finding>,
    unseen: Vec<String>,
    verdict: Verdict,
    work: usize,
}

impl<'a> Walk<'a> {
    fn new(judge: &'a Judge, at: &Where<'a>) -> Self {
        let roots = if at.scope.write.is_empty() && !at.scope.is_strict() {
            vec![at.cwd.to_owned()]
        } else {
            at.scope.write.clone()
        };
        Self {
            judge,
            scope: at.scope,
            hidden: at.hidden,
            roots,
            first: None,
            cwd: at.cwd,
            aliases: HashMap::new(),
            files: HashMap::new(),
            findings: Vec::new(),
            unseen: Vec::new(),
            verdict: Verdict::Allow,
            work: 0,
        }
    }

    fn judgement(mut self) -> Judgement {
        // Stable: what came first in the line stays first among equals.
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
        let decides = self.findings.first().filter(|_| self.verdict > Verdict::Allow);
        let reason = match decides {
            Some(finding) => finding.reason.clone(),
            None => "no rule speaks against it".to_owned(),
        };
        Judgement {
            verdict: self.verdict,
            reason,
            enforced_by: decides.map(|finding| finding.enforced_by),
            findings: self.findings,
            unseen: self.unseen,
        }
    }

    fn find(&mut self, finding: Finding) {
        self.verdict = self.verdict.max(finding.verdict);
        let same = |old: &Finding| {
            (&old.rule, &old.source, old.verdict, &old.command, &old.reason)
                == (
                    &finding.rule,
                    &finding.source,
                    finding.verdict,
                    &finding.command,
                    &finding.reason,
                )
        };
        if self.findings.iter().any(same) {
            return;
        }
        if self.findings.len() < FINDINGS {
            self.findings.push(finding);
        } else if let Some(weaker) =
            self.findings.iter_mut().rev().find(|old| old.verdict < finding.verdict)
        {
            // The one that decides is always told.
            *weaker = finding;
        }
    }

    fn say(&mut self, source: &str, verdict: Verdict, words: &[String], reason: &str) {
        let enforced_by = match source {
            "scope" => Enforcement::Kernel,
            _ => Enforcement::Cooperates,
        };
        self.find(Finding {
            rule: String::new(),
            source: source.to_owned(),
            verdict,
            command: shown(words),
            reason: reason.to_owned(),
            enforced_by,
            not_held: String::new(),
        });
    }

    fn doubt(&mut self, why: &str, words: &[String]) {
        self.say("judge", Verdict::Ask, words, &format!("it cannot be read for sure: {why}"));
    }

    /// False when there is no more time.
    fn spend(&mut self, work: usize) -> bool {
        self.work = self.work.saturating_add(work);
        if self.work > WORK {
            self.doubt(TOO_MUCH, &[]);
        }
        self.work <= WORK
    }

    fn script(&mut self, script: &Script, outer: Option<&Output<'_>>, dirs: &Dirs, depth: usize) {
        let mut dirs = dirs.clone();
        let mut before = Vec::new();
        for why in &script.unread {
            self.doubt(why, &[]);
        }
        for (index, item) in script.items.iter().enumerate() {
            match item {
                Item::Enter => before.push(dirs.clone()),
                Item::Leave => dirs = before.pop().unwrap_or(dirs),
                Item::Command(simple) => {
                    let output = Output { script, index, outer };
                    self.simple(simple, &output, &mut dirs, depth);
                }
            }
        }
    }

    fn simple(&mut self, simple: &Simple, output: &Output<'_>, dirs: &mut Dirs, depth: usize) {
        for (name, value) in &simple.assigned {
            for inner in told::assigned(name, value) {
                self.inner(inner, simple, output, dirs, depth);
            }
        }
        self.command(&simple.words, simple, output, dirs, depth);
        self.alias(simple, output, dirs, depth);
        if let Some(words) = &simple.guess {
            let likely = Simple { words: words.clone(), guess: None, ..simple.clone() };
            self.command(words, &likely, output, dirs, depth);
            self.alias(&likely, output, dirs, depth);
        }
        let plain = |word: &&String| matches!(word.as_str(), "builtin" | "command");
        let words = &simple.words[simple.words.iter().take_while(plain).count()..];
        match words.first().map(String::as_str) {
            Some("cd" | "pushd" | "chdir") => {
                let to = words.iter().skip(1).find(|word| *word == "-" || !word.starts_with('-'));
                // Home, where nothing is named.
                dirs.change(to.map_or("-", String::as_str));
            }
            Some("popd") => dirs.change("-"),
            _ => {}
        }
    }

    /// One command, and what it runs.
    fn command(
        &mut self,
        words: &[String],
        simple: &Simple,
        output: &Output<'_>,
        dirs: &Dirs,
        depth: usize,
    ) {
        if depth > DEEPEST {
            return self.doubt(shell::DEEP, words);
        }
        let first = self.first.take();
        let Some(name) = unwrap::program(words.first().map_or("", String::as_str)) else {
            return self.doubt("which program it runs is known only when it runs", words);
        };
        // Where the disk does not tell large letters from small ones they are the same program.
        let small = name.to_ascii_lowercase();
        let rules = &self.judge.by_name;
        let same = rules.contains_key(name) || !rules.contains_key(&small);
        let name = if same { name } else { small.as_str() };
        let mut inner = unwrap::inner(name, words);
        if name == "xargs" {
            inner = fed::fed(inner, &words[1..], simple, output);
        }
        let given = Given {
            name,
            words,
            files: &simple.files,
            executable: first,
            dirs: &match git_dir(name, words) {
                Some(dir) => dirs.inside(&dir),
                None => dirs.clone(),
            },
            roots: &self.roots.clone(),
            output,
        };
        self.hold(&given, inner.is_empty());
        if name == "git" && self.judge.on_git {
            self.stranger(&given);
        }
        let unseen = is_unseen(name, words, inner.is_empty())
            || (starts_others(name) && self.verdict < Verdict::Deny && self.is_brokered(&given));
        if unseen && self.unseen.len() < FINDINGS && !self.unseen.iter().any(|known| known == name)
        {
            self.unseen.push(name.to_owned());
        }
        self.only(&given);
        if !inner.iter().any(|inner| matches!(inner.what, What::Command(_))) {
            self.perhaps(&given);
        }
        for inner in inner {
            self.inner(inner, simple, output, dirs, depth);
        }
    }

    fn inner(
        &mut self,
        inner: Inner<'_>,
        simple: &Simple,
        output: &Output<'_>,
        dirs: &Dirs,
        depth: usize,
    ) {
        let moved = inner.dir.map(|dir| dirs.inside(&dir));
        let dirs = moved.as_ref().unwrap_or(dirs);
        match inner.what {
            What::Command(words) => self.command(&words, simple, output, dirs, depth + 1),
            What::Line(line) => self.inner_line(&line, simple, output, dirs, depth),
            What::Input => self.input(simple, output, dirs, depth),
            What::Unread(why) => self.doubt(why, &simple.words),
        }
    }

    fn inner_line(
        &mut self,
        line: &str,
        simple: &Simple,
        output: &Output<'_>,
        dirs: &Dirs,
        depth: usize,
    ) {
        if depth > DEEPEST || !self.spend(line.len()) {
            return self.doubt(shell::DEEP, &simple.words);
        }
        if line.contains(is_mark) {
            self.doubt("a shell line is put together only when it runs", &simple.words);
        }
        self.script(&shell::parse(line), Some(output), dirs, depth + 1);
    }

    /// A shell that reads its lines.
    fn input(&mut self, simple: &Simple, output: &Output<'_>, dirs: &Dirs, depth: usize) {
        let document = simple.document.and_then(|n| output.script.documents.get(n));
        // Of several the last counts.
        for text in simple.input.iter().chain(document) {
            self.inner_line(text, simple, output, dirs, depth);
        }
        let told = simple.input.is_some() || document.is_some();
        let links = output.script.links.len();
        let printed = match &simple.stdin {
            // A process, or what another descriptor leads to.
            Some(file) => is_open(file) || file.bytes().all(|b| b.is_ascii_digit()),
            None => !told && self.spend(links) && output.has_piped_input(),
        };
        if printed {
            self.doubt("a shell runs what another program prints", &simple.words);
        }
    }

    /// Holds one command against the rules.
    fn hold(&mut self, given: &Given<'_>, is_leaf: bool) {
        let judge = self.judge;
        let named = judge.by_name.get(given.name).map_or(&[][..], Vec::as_slice);
        let mut allowed = false;
        let mut spoken = false;
        for &i in named.iter().chain(&judge.any_name) {
            let Some(rule) = judge.policy.rules.get(i) else { continue };
            let script = given.output.script;
            let far = script.links.len() * 8 + script.items.len();
            let far = if rule.into.is_empty() { 0 } else { far };
            let each = 1 + rule.with.len() + rule.touches.len();
            if !self.spend(given.words.len() * each + far) {
                return;
            }
            let verdict = match fits(rule, given) {
                Likely::No => continue,
                Likely::Yes if rule.verdict == Verdict::Ask && self.is_allowed(given) => {
                    spoken = true;
                    Verdict::Allow
                }
                Likely::Yes => rule.verdict,
                Likely::Maybe if rule.verdict == Verdict::Ask && self.is_allowed(given) => continue,
                Likely::Maybe if rule.verdict == Verdict::Allow => continue,
                Likely::Maybe => Verdict::Ask,
            };
            allowed |= verdict == Verdict::Allow;
            spoken |= verdict > Verdict::Allow;
            let reason = if verdict == rule.verdict {
                rule.reason.clone()
            } else if verdict == Verdict::Allow {
                format!("{} (allowed by --allow)", rule.reason)
            } else {
                format!("{} (perhaps: it cannot be told before it runs)", rule.reason)
            };
            let (enforced_by, not_held) = self.held(rule, given);
            self.find(Finding {
                rule: rule.name.clone(),
                source: rule.source.clone(),
                verdict,
                command: shown(given.words),
                reason,
                enforced_by,
                not_held,
            });
        }
        let default = judge.policy.default;
        let neutral = !is_leaf || unwrap::is_builtin(given.name);
        if default == Verdict::Allow || allowed || spoken || neutral {
            return;
        }
        if default == Verdict::Ask && self.is_allowed(given) {
            return;
        }
        self.say("default", default, given.words, "no rule allows it, and that is the default");
    }

    /// True if `--allow` named the beginning of this command, to the letter.
    fn is_allowed(&self, given: &Given<'_>) -> bool {
        self.scope.allow.iter().any(|prefix| {
            let (Some(program), Some(first)) = (prefix.first(), given.words.first()) else {
                return false;
            };
            let same = program == first || (!program.contains('/') && program == given.name);
            same && given.words.len() >= prefix.len()
                && prefix[1..].iter().zip(&given.words[1..]).all(|(a, b)| a == b)
        })
    }

    /// What `--allow-only` leaves out cannot be executed.
    fn only(&mut self, given: &Given<'_>) {
        let Some(only) = self.scope.only.as_ref().filter(|_| self.scope.is_strict()) else {
            return;
        };
        let first = given.words.first().map_or("", String::as_str);
        let is = |name: &String| name == given.name || name == first;
        if given.name.is_empty() || unwrap::is_builtin(given.name) || only.iter().any(is) {
            return;
        }
        let why = format!("{} is not among the programs of --allow-only", given.name);
        self.say("scope", Verdict::Deny, given.words, &why);
    }
}

/// The directory that `git -C` means.
fn git_dir(name: &str, words: &[String]) -> Option<String> {
    if name != "git" {
        return None;
    }
    git::call(words.get(1..)?).dir
}
