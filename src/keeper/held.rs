//! What of the system holds an attempt to its limits, made before its first process.

use crate::model::Limits;
use crate::protocol::keeper::KeeperSpec;
use crate::sandbox::cgroup::Group;
use crate::sandbox::cores;

#[derive(Debug, Default)]
pub struct Held {
    /// What it is to be held to, by whatever.
    pub limits: Limits,
    pub group: Option<Group>,
    /// The cores that are left to it; empty: all.
    pub cores: Vec<usize>,
}

impl Held {
    /// # Errors
    /// What cannot be held on this machine.
    pub fn new(spec: &KeeperSpec) -> Result<Self, String> {
        let (limits, attempt) = (spec.limits, spec.attempt.as_str());
        let group = spec.ground.as_ref().and_then(|at| Group::make(at, attempt, limits));
        let by_group = group.as_ref().is_some_and(|group| group.held.cpu.is_some());
        let own = cores::own();
        let pinned = limits.cpu.filter(|cores| !by_group && !cores.covers(own.len()));
        let cores = match pinned.map(|cores| (cores, cores.whole())) {
            None => Vec::new(),
            Some((_, Some(count))) => cores::choose(&own, count as usize, attempt),
            Some((cores, None)) => {
                if let Some(group) = &group {
                    group.remove();
                }
                return Err(format!("cpu: nothing here holds a fraction of a core ({cores})"));
            }
        };
        Ok(Self { limits, group, cores })
    }

    /// Kills all in the group, as far as there is one.
    pub fn kill(&self) {
        if let Some(group) = &self.group {
            group.kill();
        }
    }

    /// Gives the group back; false while something of the attempt is in it.
    pub fn let_go(&mut self) -> bool {
        let gone = self.group.as_ref().is_none_or(Group::remove);
        if gone {
            self.group = None;
        }
        gone
    }
}
