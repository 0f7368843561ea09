//! Killing what an attempt left where there is no pid namespace: the keeper is subreaper,
//! so all that descends from the agent descends from the keeper, whatever it did to its
//! sessions and parents. What slipped away carries `DASH_ATTEMPT` and `DASH_SOCKET` in
//! its environment or the agent's session.

use rustix::process::{Pid, Signal, kill_process};
use std::collections::{HashMap, HashSet};
use std::fs;

struct Process {
    parent: i32,
    session: i32,
    zombie: bool,
}

/// Kills all that is left of the attempt; returns how many were alive. `marks`: what its
/// processes have in their environment; an attempt of another instance may have its name.
pub fn sweep(marks: &[String; 2], agent: Option<Pid>) -> usize {
    let me = std::process::id() as i32;
    let all = processes();
    let mut family = HashSet::from([me]);
    // Parents can have higher numbers than their children: go on until nothing is added.
    loop {
        let before = family.len();
        family.extend(
            all.iter()
                .filter(|(_, p)| family.contains(&p.parent))
                .map(|(pid, _)| *pid)
                .collect::<Vec<_>>(),
        );
        if family.len() == before {
            break;
        }
    }
    let session = agent.map(|pid| pid.as_raw_nonzero().get());
    let mut alive = 0;
    for (pid, process) in &all {
        let ours = *pid != me
            && !process.zombie
            && (family.contains(pid) || session == Some(process.session) || carries(*pid, marks));
        if ours && let Some(pid) = Pid::from_raw(*pid) {
            alive += 1;
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    alive
}

fn processes() -> HashMap<i32, Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return HashMap::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name in parentheses may hold anything; the fields follow the last one.
            let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
            let zombie = matches!(fields.next()?, "Z" | "X");
            let parent = fields.next()?.parse().ok()?;
            let session = fields.nth(1)?.parse().ok()?;
            Some((pid, Process { parent, session, zombie }))
        })
        .collect()
}

fn carries(pid: i32, marks: &[String; 2]) -> bool {
    let Ok(environ) = fs::read(format!("/proc/{pid}/environ")) else { return false };
    let has = |mark: &String| environ.split(|&byte| byte == 0).any(|e| e == mark.as_bytes());
    marks.iter().all(has)
}
