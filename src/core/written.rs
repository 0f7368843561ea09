//! Where agents could write, those of removed swarms too: a link that lies there may be theirs,
//! and nothing that the user lends is followed by it out of there (the runtime's `follow`).
//!
//! Users link their dotfiles (`~/.claude/CLAUDE.md` to `~/dotfiles/claude/CLAUDE.md`), and who made
//! a link cannot be told: agents run as the user. So a link counts as the user's own where no
//! agent's scope was ever to be written, and is followed wherever it leads, into such a scope too;
//! one inside is followed to what lies inside. What agents without a sandbox or of another
//! instance did is not known here.

use super::state::{State, Swarm};
use std::path::{Path, PathBuf};

/// Of removed swarms. The oldest are forgotten first.
const MOST: usize = 1000;

/// Each once.
pub fn written(state: &State) -> Vec<PathBuf> {
    let swarms = state.swarms.values().flat_map(of_swarm);
    let agents = state.agents.values().filter_map(|agent| agent.grant.scope.as_ref());
    let agents = agents.flat_map(|scope| scope.write.iter());
    let mut written: Vec<PathBuf> = swarms.chain(agents).chain(&state.written).cloned().collect();
    written.sort();
    written.dedup();
    written
}

fn of_swarm(swarm: &Swarm) -> impl Iterator<Item = &PathBuf> {
    swarm.spec.granted.iter().flat_map(|scope| scope.write.iter())
}

/// `swarm` is removed, and its agents are to be.
pub(super) fn remember(state: &mut State, swarm: &Swarm) {
    let agents = state.agents.values().filter(|agent| agent.swarm == swarm.id);
    let scopes = agents.filter_map(|agent| agent.grant.scope.as_ref());
    let agents = scopes.flat_map(|scope| scope.write.iter());
    let places: Vec<PathBuf> = of_swarm(swarm).chain(agents).cloned().collect();
    for place in places {
        keep(&mut state.written, place);
    }
}

fn keep(written: &mut Vec<PathBuf>, place: PathBuf) {
    let covers = |above: &Path, below: &Path| below.starts_with(above);
    if written.iter().any(|known| covers(known, &place)) {
        return;
    }
    written.retain(|known| !covers(&place, known));
    written.push(place);
    if written.len() > MOST {
        written.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_kept_once_and_not_for_ever() {
        let mut written = Vec::new();
        for place in ["/a/b", "/c", "/a", "/a/d", "/c"] {
            keep(&mut written, place.into());
        }
        assert_eq!(written, [PathBuf::from("/c"), "/a".into()]);
        for n in 0..MOST {
            keep(&mut written, format!("/n/{n}").into());
        }
        assert_eq!((written.len(), written[0].as_path()), (MOST, Path::new("/n/0")));
    }
}
