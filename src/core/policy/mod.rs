//! Command rules, pure: what a [`Policy`] says of a command. The judge sees through shells,
//! wrappers (`env`, `timeout`, `xargs` …) and git's aliases to every command in a line; the
//! strictest rule of all of them decides.
//!
//! What it cannot read for sure is asked about, never allowed: an `eval`, a program or an
//! option that a variable names, a quote that is not closed. Where the line itself tells what
//! an expansion becomes, that is judged as well, and the stricter verdict counts. It is bounded: a command line
//! of at most [`LONGEST`] bytes, a limited number of commands within each other, and time in
//! proportion to the length.
//!
//! What it cannot see at all is the inside of a program: a script, `python -c`, `make`. There
//! the kernel holds the scope, and nobody holds a rule; a judgement names such programs
//! ([`Judgement::unseen`]).

mod fit;
mod git;
mod git_own;
mod guess;
mod judge;
mod options;
mod place;
mod redirect;
mod ruled;
mod saved;
mod script;
mod settled;
mod shadow;
mod shell;
mod terminals;
#[cfg(test)]
mod tests;
mod told;
mod unseen;
mod unwrap;
mod word;
mod words;
mod wrappers;

pub use judge::{Judge, LONGEST, Where};
pub use ruled::ruled;
pub use shadow::is_shadowed;

use crate::model::{Enforcement, Finding, Hidden, Judgement, Policy, Rule, Scope, Verdict};
use std::path::Path;

/// Holds `argv`, about to be run in `cwd` by an agent with `scope`, against `policy`. Whoever
/// judges often keeps a [`Judge`].
pub fn judge(policy: &Policy, argv: &[String], cwd: &Path, scope: &Scope) -> Judgement {
    Judge::new(policy.clone())
        .argv(argv, &Where { cwd, scope, executable: None, hidden: Hidden::NOTHING })
}

/// Who holds a rule: the broker only where it alone has the program.
pub fn enforcement(rule: &Rule, hidden: &Hidden) -> Enforcement {
    let brokered = rule.executable.as_ref().is_some_and(|pin| hidden.executables.contains(pin));
    if brokered { Enforcement::Broker } else { Enforcement::Cooperates }
}

/// Whether `rule`, alone, says its verdict of the shell line `line`.
pub fn speaks_of(rule: &Rule, line: &str, at: &Where<'_>) -> bool {
    let alone = Policy { default: Verdict::Allow, rules: vec![rule.clone()] };
    let judgement = Judge::new(alone).line(line, at);
    let own = |finding: &Finding| {
        finding.source == rule.source
            && finding.rule == rule.name
            && finding.verdict == rule.verdict
    };
    judgement.findings.iter().any(own)
}
