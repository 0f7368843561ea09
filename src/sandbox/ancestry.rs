//! Who is an agent: whoever has a keeper among its ancestors. Holds also for what an agent
//! started in a session of its own, since a keeper (or the init of its namespace) adopts
//! what lost its parent.

use std::fs;

/// True if a keeper is among the ancestors of process `pid`. Keepers above ourselves do not
/// count: all of Dash may run inside an agent of another. Who cannot be resolved counts as
/// an agent.
pub fn is_agent(pid: i32) -> bool {
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let above_us = ancestors(own).unwrap_or_default();
    let Some(line) = ancestors(pid) else { return true };
    let above = |pid: &i32| above_us.iter().skip(1).any(|other| other == pid);
    line.iter().any(|pid| !above(pid) && is_keeper(*pid))
}

/// True if `above` is process `pid`, or one of its ancestors.
pub fn descends_from(pid: i32, above: i32) -> bool {
    ancestors(pid).is_some_and(|line| line.contains(&above))
}

/// The process and all above it; none if it is gone.
fn ancestors(mut pid: i32) -> Option<Vec<i32>> {
    if pid <= 0 {
        return None;
    }
    let mut line = Vec::new();
    while pid > 0 && line.len() < 1024 {
        line.push(pid);
        if pid == 1 {
            break;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        pid = rest.split_ascii_whitespace().nth(1)?.parse().ok()?;
    }
    Some(line)
}

fn is_keeper(pid: i32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.split(|&byte| byte == 0).nth(1) == Some(b"__keeper".as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_are_no_agent_and_nobody_is_one() {
        assert!(!is_agent(std::process::id() as i32));
        assert!(is_agent(0), "not resolved");
        assert!(is_agent(i32::MAX), "gone");
    }
}
