//! The flags that say what an agent may use of the machine; the same for a swarm and for one
//! agent.

use super::context::Context;
use super::format::{duration, one_line};
use crate::model::{Cores, Limits, Scope};
use clap::Args;

#[derive(Clone, Copy, Debug, Default, Args)]
pub struct LimitArgs {
    /// Memory of each agent and all that it starts, such as 500M or 2G; one that takes more
    /// is ended
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Limits")]
    pub memory: Option<u64>,
    /// Processor time of each agent, in cores, such as 2 or 0.5
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub cpu: Option<Cores>,
    /// Processes and threads of each agent at once; in a sandbox 4096, unless configured
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub processes: Option<u64>,
    /// What each agent and all that it starts write to disks, such as 5G; one that writes more
    /// is ended
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Limits")]
    pub disk: Option<u64>,
    /// Output of each agent that is kept, such as 100M; beyond it the oldest middle is cut
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Limits")]
    pub output: Option<u64>,
}

impl LimitArgs {
    /// Puts what was said over what a file says.
    pub fn apply(self, limits: &mut Option<Limits>) {
        let said = Limits {
            memory_bytes: self.memory,
            cpu: self.cpu,
            processes: self.processes,
            disk_bytes: self.disk,
            output_bytes: self.output,
        };
        if said != Limits::default() {
            *limits = Some(said.or(limits.unwrap_or_default()));
        }
    }
}

/// What a dry run prints beside the scope: what may be spent and used and what needs no
/// asking, each if there is any.
pub fn further(
    budgets: &[String],
    limits: Option<Limits>,
    timeout_ms: Option<u64>,
    granted: Option<&Scope>,
) -> Vec<String> {
    let parts = words(limits.unwrap_or_default(), timeout_ms);
    let mut lines = Vec::new();
    if !budgets.is_empty() {
        lines.push(format!("budget    {}", budgets.join(", ")));
    }
    if !parts.is_empty() {
        lines.push(format!("limits    {}", parts.join(", ")));
    }
    let allowed = granted.map(|scope| &scope.allow).into_iter().flatten();
    lines.extend(allowed.map(|words| format!("allowed   {}", one_line(&words.join(" ")))));
    lines
}

/// Says so where more cores are asked for than this machine has, which is nothing to refuse:
/// another may run the same command.
pub fn warn_cores(limits: Option<Limits>, context: &mut Context<'_>) {
    let has = std::thread::available_parallelism().map_or(1, usize::from);
    if let Some(said) = limits.and_then(|limits| too_many_cores(limits.cpu?, has)) {
        context.note(said);
    }
}

fn too_many_cores(cpu: Cores, has: usize) -> Option<String> {
    let held = cpu.at_most(has);
    (held < cpu).then(|| format!("--cpu {cpu}: this machine has {has}, so it is held to {held}"))
}

/// Each limit that there is.
pub fn words(limits: Limits, timeout_ms: Option<u64>) -> Vec<String> {
    let Limits { memory_bytes, cpu, processes, disk_bytes, output_bytes } = limits;
    let mb = |what, bytes: Option<u64>| bytes.map(|bytes| format!("{what} {} MB", bytes >> 20));
    let parts = [
        mb("memory", memory_bytes),
        cpu.map(|cores| format!("cpu {cores}")),
        processes.map(|most| format!("processes {most}")),
        mb("disk", disk_bytes),
        mb("output", output_bytes),
        timeout_ms.map(|ms| format!("timeout {}", duration(ms))),
    ];
    parts.into_iter().flatten().collect()
}

/// Bytes, for clap: a number with K, M, G or T, of 1024 each; a B after it says nothing.
fn size(text: &str) -> Result<u64, String> {
    let bad = || format!("{text:?} is no size; write it like 500M or 2G");
    let upper = text.trim().to_ascii_uppercase();
    let text = upper.strip_suffix("IB").or(upper.strip_suffix('B')).unwrap_or(&upper);
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        "" => return Err(format!("{}: the unit is missing", bad())),
        _ => return Err(bad()),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().map_err(|_| bad())?;
    let tenths = match part {
        "" if !number.ends_with('.') => 0,
        digit if digit.len() == 1 => digit.parse::<u64>().map_err(|_| bad())?,
        _ => return Err(format!("{}, with one digit after the point at most", bad())),
    };
    let bytes = whole.checked_mul(10).and_then(|all| all.checked_add(tenths));
    bytes.and_then(|all| all.checked_mul(1 << shift)).map(|all| all / 10).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("500M", 500 << 20),
            ("2G", 2 << 30),
            ("1.5g", 3 << 29),
            ("64 KiB", 64 << 10),
            ("1TB", 1 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "2", "-1G", "1.25G", "1.G", ".5G", "2X", "1e3M", "99999999999999999T"]
        {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn more_cores_than_there_are_are_worth_a_word() {
        let say = |cpu: &str| too_many_cores(cpu.parse().unwrap(), 2);
        let said = "--cpu 99: this machine has 2, so it is held to 2";
        assert_eq!((say("2"), say("0.5"), say("99").as_deref()), (None, None, Some(said)));
    }

    #[test]
    fn flags_go_over_the_file() {
        let mut limits =
            Some(Limits { memory_bytes: Some(1), processes: Some(2), ..Limits::default() });
        LimitArgs::default().apply(&mut limits);
        LimitArgs { processes: Some(9), ..LimitArgs::default() }.apply(&mut limits);
        let expected = Limits { memory_bytes: Some(1), processes: Some(9), ..Limits::default() };
        assert_eq!(limits, Some(expected));
        let mut none = None;
        LimitArgs::default().apply(&mut none);
        assert_eq!(none, None);
    }
}
