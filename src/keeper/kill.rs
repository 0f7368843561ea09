//! Finding and killing what an attempt left where there is no pid namespace: the keeper is subreaper,
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

/// Kills all that is left of the attempt; returns how many were alive.
pub fn sweep(marks: &[String; 2], agent: Option<Pid>) -> usize {
    let all = all(marks, agent);
    for pid in &all {
        let _ = kill_process(*pid, Signal::KILL);
    }
    all.len()
}

/// All of the attempt that live, in the family parents before their children. `marks`: what
/// its processes have in their environment; an attempt of another instance may have its name.
pub fn all(marks: &[String; 2], agent: Option<Pid>) -> Vec<Pid> {
    let me = std::process::id() as i32;
    let all = processes();
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for (pid, process) in &all {
        children.entry(process.parent).or_default().push(*pid);
    }
    let mut family = children.remove(&me).unwrap_or_default();
    let mut at = 0;
    while let Some(pid) = family.get(at) {
        // Each has one parent: none comes twice.
        family.extend(children.remove(pid).unwrap_or_default());
        at += 1;
    }
    let known: HashSet<i32> = family.iter().copied().chain([me]).collect();
    let session = agent.map(|pid| pid.as_raw_nonzero().get());
    let strays = all.iter().filter(|(pid, process)| {
        !known.contains(pid) && (session == Some(process.session) || carries(**pid, marks))
    });
    let strays: Vec<i32> = strays.map(|(pid, _)| *pid).collect();
    let lives = |pid: &i32| all.get(pid).is_some_and(|process| !process.zombie);
    family.into_iter().chain(strays).filter(lives).filter_map(Pid::from_raw).collect()
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
