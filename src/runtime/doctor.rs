//! `dash doctor`: what this machine and this instance can do, each line measured now.

mod adapter;
mod lend;
mod version;

use super::{
    broker, limits,
    worktree::git::search_path,
    world::{Shared, World},
};
use crate::{
    agents::{Adapter, version::names},
    config::{Dialect, not_held, prices},
    model::{Holder, Verdict},
    protocol::rest::{AdapterReport, CheckStatus, DoctorCheck, DoctorReport},
    sandbox,
};
use futures_util::future::join_all;
use std::{fs, path::Path};
use version::Told;

/// For agents that are started with this `path`, as they are with their client's; none: with the
/// core's own. The rest of their environment is the core's, whoever asks.
pub async fn report(world: &Shared, path: Option<String>) -> DoctorReport {
    let path = path.unwrap_or_else(|| search_path(world));
    let catalog = world.read_adapters().await;
    let names = catalog.names();
    // At once: some take seconds to tell their version.
    let known = names.iter().filter_map(|name| catalog.get(name));
    let adapters = join_all(known.map(|adapter| adapter_report(adapter, &path))).await;
    let mut checks = vec![
        state_directory(world),
        namespaces(),
        peers(),
        // The core runs it, with its own PATH.
        program("git", &search_path(world), "worktrees (--worktree) need it"),
        open_files(),
    ];
    let tried = world.clone();
    let look = move || {
        let last = vec![rules(&tried, &path), price_table(&tried)];
        [vec![limits::check(&tried)], scope(&tried), last].concat()
    };
    checks.extend(tokio::task::spawn_blocking(look).await.unwrap_or_default());
    checks.extend(lend::checks(world, &catalog));
    checks.extend(providers(world));
    checks.extend(world.hosts.all_told().into_iter().map(|told| ok("shared process", told)));
    checks.extend(catalog.problems().iter().map(|problem| DoctorCheck {
        name: "adapter file".to_owned(),
        status: CheckStatus::Fail,
        detail: problem.clone(),
        remedy: "mend the file, or move it away".to_owned(),
    }));
    let scope = match world.holder() {
        Ok(Holder::Bubblewrap { .. } | Holder::Seatbelt) => "strict",
        Ok(Holder::Landlock) => "strict for files",
        Err(_) => "none",
    };
    DoctorReport { checks, adapters, scope: scope.to_owned() }
}

/// What to do about a key that a core lacks.
const KEYS: &str = "see [providers] in config.toml; a core that a keeper started has no keys from \
                    the environment: `dash core stop`, and the next command starts one that has";

fn ok(name: &str, detail: String) -> DoctorCheck {
    DoctorCheck { name: name.to_owned(), status: CheckStatus::Ok, detail, remedy: String::new() }
}

fn fail(name: &str, detail: String, remedy: &str) -> DoctorCheck {
    let remedy = remedy.to_owned();
    DoctorCheck { name: name.to_owned(), status: CheckStatus::Fail, detail, remedy }
}

fn warn(name: &str, detail: String, remedy: &str) -> DoctorCheck {
    let remedy = remedy.to_owned();
    DoctorCheck { name: name.to_owned(), status: CheckStatus::Warn, detail, remedy }
}

fn state_directory(world: &World) -> DoctorCheck {
    let dir = &world.instance.state;
    let name = "state directory";
    match rustix::fs::statvfs(dir) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize) >> 20;
            let detail = format!("{}, {free} MB free", dir.display());
            if free < 1024 {
                warn(name, detail, "recordings grow: free some space")
            } else {
                ok(name, detail)
            }
        }
        Err(error) => DoctorCheck {
            name: name.to_owned(),
            status: CheckStatus::Fail,
            detail: format!("{}: {error}", dir.display()),
            remedy: "make it a directory that this user may write".to_owned(),
        },
    }
}

fn namespaces() -> DoctorCheck {
    let name = "process namespaces";
    let limit = fs::read_to_string("/proc/sys/user/max_pid_namespaces").unwrap_or_default();
    let none = limit.trim() == "0" || !fs::exists("/proc/self/ns/pid").unwrap_or(false);
    if none {
        let detail = "not on this machine: leftovers are found by walking /proc".to_owned();
        warn(name, detail, "a kernel with pid namespaces ends an agent's whole tree at once")
    } else {
        ok(name, format!("this kernel has them, at most {}", limit.trim()))
    }
}

/// How agents are kept from the sockets that are not theirs.
fn peers() -> DoctorCheck {
    let name = "peers";
    if sandbox::holds_peers() {
        ok(name, "who connects is held by a pidfd (SO_PEERPIDFD)".to_owned())
    } else {
        let detail = "who connects is known by a pid, which another may come to have".to_owned();
        warn(name, detail, "a kernel of 6.5 or later holds it by a pidfd")
    }
}

fn program(program: &str, path: &str, needed: &str) -> DoctorCheck {
    let found =
        std::env::split_paths(path).map(|dir| dir.join(program)).find(|file| file.is_file());
    match found {
        Some(file) => ok(program, file.display().to_string()),
        None => warn(program, "not on PATH".to_owned(), needed),
    }
}

fn open_files() -> DoctorCheck {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let most = limit.current.unwrap_or(u64::MAX);
    // A connection, two listeners and a log for each attempt.
    let agents = most / 8;
    if agents < 500 {
        let detail = format!("{most}: enough for about {agents} agents");
        warn("open files", detail, "raise the hard limit (ulimit -Hn)")
    } else {
        ok("open files", format!("{most}"))
    }
}

/// What holds scopes here, each part tried out.
fn scope(world: &World) -> Vec<DoctorCheck> {
    let abilities = world.abilities();
    let bubblewrap = match &abilities.bubblewrap {
        Ok(Holder::Bubblewrap { program, .. }) => {
            let detail = "mount, pid, ipc, net and user namespaces, tried out";
            ok("bubblewrap", format!("{}: {detail}", program.display()))
        }
        Ok(Holder::Landlock | Holder::Seatbelt) | Err(_) => {
            let why = abilities.bubblewrap.as_ref().err().cloned().unwrap_or_default();
            warn("bubblewrap", why, "install the package bubblewrap, and allow user namespaces")
        }
    };
    let landlock = match abilities.landlock {
        0 => warn("landlock", "not in this kernel".to_owned(), "a kernel of 5.13 or later"),
        version => ok("landlock", format!("version {version}")),
    };
    let seccomp = if abilities.seccomp {
        ok("seccomp", "system calls are filtered".to_owned())
    } else {
        warn("seccomp", "not in this kernel".to_owned(), "a kernel with seccomp filters")
    };
    let scope = match world.holder() {
        Ok(Holder::Bubblewrap { .. }) => {
            ok("scope", "strict: files, network and processes, by bubblewrap".to_owned())
        }
        Ok(Holder::Seatbelt) => warn(
            "scope",
            "strict for files and network, by a seatbelt profile".to_owned(),
            "the profile was checked as text only: try what it refuses before you rely on it",
        ),
        Ok(Holder::Landlock) => warn(
            "scope",
            "strict for what files hold, by Landlock alone: the network needs --net any, modes \
             and times of files outside can be changed, names of processes are seen"
                .to_owned(),
            "with bubblewrap the network is limited too",
        ),
        Err(why) => warn(
            "scope",
            format!("none can be enforced: {why}"),
            "agents start with --no-sandbox only",
        ),
    };
    vec![bubblewrap, landlock, seccomp, scope]
}

/// Whether the user's own rules are held here. What pins no file holds those that ask, which
/// is what it says.
fn rules(world: &World, path: &str) -> DoctorCheck {
    let name = "rules";
    let judge = match world.policies.judge(Path::new("/")) {
        Ok(judge) => judge,
        Err(error) => {
            return DoctorCheck {
                name: name.to_owned(),
                status: CheckStatus::Fail,
                detail: error.to_string(),
                remedy: "mend it: until then no agent starts".to_owned(),
            };
        }
    };
    let policy = judge.policy();
    let sorted =
        world.holder().map(|holder| broker::sorted(policy, &holder, path, &[], &[&world.dash]));
    let own = policy.rules.iter().filter(|rule| rule.source != "built in");
    let unheld = own.clone().filter(|rule| rule.verdict > Verdict::Allow).filter_map(|rule| {
        let pin = rule.executable.as_ref()?;
        let why = match &sorted {
            Ok(sorted) => sorted.seen.get(pin).cloned().or_else(|| not_held(rule, path)),
            Err(_) => Some("there is no sandbox here that could hide a program".to_owned()),
        };
        let called = if rule.name.is_empty() { &rule.source } else { &rule.name };
        why.map(|why| format!("{called} is not held: {why}"))
    });
    let unheld: Vec<String> = unheld.collect();
    if unheld.is_empty() {
        ok(name, format!("{}, of them {} of your own", policy.rules.len(), own.count()))
    } else {
        warn(name, unheld.join("; "), "`dash policy check` says who holds a rule, and why")
    }
}

/// How old prices are, and whether a changed file of them is in force.
fn price_table(world: &World) -> DoctorCheck {
    let name = "prices";
    let fail = |detail: String| DoctorCheck {
        name: name.to_owned(),
        status: CheckStatus::Fail,
        detail: format!("{detail}; the prices are as they were before"),
        remedy: "mend the file, or move it away".to_owned(),
    };
    if let Some(problem) = world.gateway.get().and_then(|gateway| gateway.price_problem()) {
        return fail(problem);
    }
    match world.prices.load() {
        Ok(data) => match data.warnings(prices::today()).join("; ") {
            old if !old.is_empty() => warn(name, old, "what calls cost may have changed since"),
            _ => {
                let own = match data.own.len() {
                    0 => String::new(),
                    n => format!(", {n} of your own before them"),
                };
                ok(name, format!("of {} ({}){own}", data.table.date, data.table.source))
            }
        },
        Err(error) => fail(error.to_string()),
    }
}

fn providers(world: &World) -> Vec<DoctorCheck> {
    let Some(gateway) = world.gateway.get() else { return Vec::new() };
    let by_dialect = [
        (Dialect::Anthropic, "anthropic"),
        (Dialect::Openai, "openai"),
        (Dialect::Gemini, "gemini"),
    ];
    let mut checks: Vec<DoctorCheck> = by_dialect
        .into_iter()
        .map(|(dialect, word)| {
            let name = format!("provider ({word})");
            let provider = gateway.provider_name(dialect);
            if provider == "simulated" {
                let why = "simulated: answers come from a scenario, no model is asked".to_owned();
                let remedy = format!(
                    "set {}_API_KEY in the core's environment: `dash core stop`, and the \
                             next command with it starts one",
                    word.to_uppercase()
                );
                DoctorCheck { name, status: CheckStatus::Warn, detail: why, remedy }
            } else {
                let terms = gateway.provider_terms(dialect).into_iter().map(str::to_owned);
                let parts: Vec<String> = std::iter::once(provider).chain(terms).collect();
                ok(&name, parts.join(", "))
            }
        })
        .collect();
    checks.extend(
        gateway.problems().iter().map(|problem| warn("provider", problem.to_string(), KEYS)),
    );
    let meanwhile = "calls are refused till then; another model may take them";
    checks.extend(gateway.waits().into_iter().map(|wait| warn("provider", wait, meanwhile)));
    checks
}

async fn adapter_report(adapter: &Adapter, path: &str) -> AdapterReport {
    let program = adapter.program(path);
    let argv = adapter.version_command().filter(|_| program.is_some());
    let told = match &argv {
        Some(argv) => version::ask(argv, path).await,
        None => Told::Nothing,
    };
    let usable = program.is_some();
    let measured = adapter.measured();
    let silence = argv.and_then(|argv| told.silence(&argv));
    let version = match told {
        Told::Version(version) => Some(version),
        Told::Nothing | Told::Late => None,
    };
    let detail = match &version {
        _ if !usable => "its program is not on PATH".to_owned(),
        Some(seen) if !measured.is_empty() && !names(seen, measured) => {
            format!(
                "{}; measured with {measured}: other versions may be read wrongly",
                adapter.summary()
            )
        }
        Some(_) => String::new(),
        None => silence.unwrap_or_default(),
    };
    AdapterReport {
        name: adapter.name().to_owned(),
        summary: adapter.summary().to_owned(),
        source: adapter.source().to_owned(),
        program,
        version,
        usable,
        detail,
    }
}
