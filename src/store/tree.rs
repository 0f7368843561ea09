//! The rows of the tree: every agent below the one that spawned it, in the order of their
//! making, without what is folded away.

use super::{GridOptions, Row, order};
use crate::model::AgentInfo;

/// `shown` as a tree; whose parent is not among them stands at the top.
pub fn rows<'a>(mut shown: Vec<&'a AgentInfo>, options: &GridOptions) -> Vec<Row<'a>> {
    shown.sort_by(|a, b| order::natural(a.id.as_str(), b.id.as_str()));
    let mut folded: Option<u8> = None;
    let mut rows = Vec::with_capacity(shown.len());
    for (agent, depth) in order::families(shown) {
        if folded.is_some_and(|above| depth > above) {
            continue;
        }
        folded = options.folded.contains(&agent.id).then_some(depth);
        rows.push(Row::Agent { agent, depth });
    }
    rows
}
