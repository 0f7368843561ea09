//! Which programs are asked about by name.

use crate::model::{Policy, Verdict};
use std::collections::BTreeSet;

/// Names of programs that a rule may deny or ask about.
///
/// Not those of the rules that come with Dash which speak of files, or of what a command's
/// output goes to: the sandbox holds the one, and one command's own words do not show the
/// other, while builds call such programs (`rm`, `cat`, `find`) by the thousand.
pub fn ruled(policy: &Policy) -> BTreeSet<&str> {
    let asked = policy.rules.iter().filter(|rule| {
        let of_files = rule.outside_scope || !rule.touches.is_empty() || !rule.into.is_empty();
        rule.verdict > Verdict::Allow && !(of_files && rule.source == "built in")
    });
    let names = asked.flat_map(|rule| rule.command.first().into_iter().flatten());
    names.map(String::as_str).filter(|name| !name.is_empty() && !name.contains('*')).collect()
}
