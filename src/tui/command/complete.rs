//! What may stand where the cursor is in a command: the palette offers it.

/// A kind of word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    Agent,
    /// Agents that have not ended, and terms of a filter.
    Live,
    /// Agents that have ended.
    Over,
    Model,
    Swarm,
    /// Swarms that have not ended, and those that have.
    LiveSwarm,
    OverSwarm,
    Theme,
    Keymap,
    Sort,
    Column,
    /// Terms of the grid's filter.
    Term,
    /// Of `swarm create`, or the task itself.
    Flag,
    Adapter,
}

impl Slot {
    /// Nothing else can stand there: a part of a word means what it is completed to.
    pub fn is_closed(self) -> bool {
        match self {
            Self::Agent
            | Self::Live
            | Self::Over
            | Self::Swarm
            | Self::LiveSwarm
            | Self::OverSwarm
            | Self::Theme
            | Self::Keymap
            | Self::Sort => true,
            Self::Model | Self::Column | Self::Term | Self::Flag | Self::Adapter => false,
        }
    }
}

/// Where the last word of the line begins, and what it may be. None: it is the command itself,
/// or text.
pub fn slot(line: &str) -> Option<(usize, Slot)> {
    let at = line.rfind(char::is_whitespace).map(|at| at + 1)?;
    let before: Vec<&str> = line[..at].split_whitespace().collect();
    let slot = match before[..] {
        ["focus" | "attach"] => Slot::Agent,
        ["stop" | "pause" | "resume", ..] => Slot::Live,
        ["retry"] => Slot::Over,
        ["retry", _] => Slot::Model,
        ["theme"] => Slot::Theme,
        ["keymap"] => Slot::Keymap,
        ["sort"] => Slot::Sort,
        ["columns", ..] => Slot::Column,
        ["filter", ..] => Slot::Term,
        ["swarm", "show"] => Slot::Swarm,
        ["swarm", "stop" | "pause" | "resume"] => Slot::LiveSwarm,
        ["swarm", "rm" | "remove"] => Slot::OverSwarm,
        ["swarm", "create", .., "--agent"] => Slot::Adapter,
        ["swarm", "create", .., "--model"] => Slot::Model,
        ["swarm", "create", ..] if line[at..].starts_with('-') => Slot::Flag,
        ["swarm", "create"] => Slot::Flag,
        _ => return None,
    };
    Some((at, slot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_may_stand_at_the_end() {
        for (line, at, wanted) in [
            ("stop ", 5, Slot::Live),
            ("stop ag-01 st", 11, Slot::Live),
            ("theme n", 6, Slot::Theme),
            ("retry ag-01 op", 12, Slot::Model),
            ("swarm create --mod", 13, Slot::Flag),
            ("swarm create fix it --mo", 20, Slot::Flag),
            ("swarm create --agent cl", 21, Slot::Adapter),
            ("swarm rm ", 9, Slot::OverSwarm),
        ] {
            assert_eq!(slot(line), Some((at, wanted)), "{line}");
        }
        for line in ["", "stop", "send go on", "swarm create fix it", "theme nord x"] {
            assert_eq!(slot(line), None, "{line}");
        }
    }
}
