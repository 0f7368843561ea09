//! `dash doctor --adapter FILE`: one adapter file, in force or not: whether it reads, what it
//! says, whether its program is here in the version it was measured with, and what would be
//! started.

use super::{
    fail, ok,
    version::{self, Told},
    warn,
};
use crate::{
    agents::{Adapter, LaunchError, LaunchRequest, Part, meaning, version::names},
    model::{AgentId, AttemptId, SwarmId},
    protocol::rest::{AdapterCheck, AdapterFile, AdapterKey, DoctorCheck, DryFile, DryLaunch},
    runtime::{environment, handle::Handle, worktree::git::search_path, world::Shared},
};

/// Stand for what only a real launch has.
const TASK: &str = "TASK";
const SESSION: &str = "SESSION";
const TOKEN: &str = "TOKEN";

impl Handle {
    /// What is to be said of one adapter's file.
    pub async fn doctor_adapter(&self, file: AdapterFile) -> AdapterCheck {
        check(&self.world, file).await
    }
}

async fn check(world: &Shared, asked: AdapterFile) -> AdapterCheck {
    let file = asked.file.display().to_string();
    let keys = meaning(&asked.text).into_iter();
    let keys = keys.map(|said| AdapterKey { key: said.key, value: said.value, means: said.means });
    let mut report = AdapterCheck {
        file: file.clone(),
        name: None,
        checks: Vec::new(),
        keys: keys.collect(),
        launch: None,
    };
    let adapter = match Adapter::parse(&file, &asked.text) {
        Ok(adapter) => adapter,
        Err(problem) => {
            report.checks.push(fail("file", problem, "mend it: until then it is left out"));
            return report;
        }
    };
    report.name = Some(adapter.name().to_owned());
    report.checks.push(ok("file", format!("reads: the adapter {}", adapter.name())));
    report.checks.extend(called(&adapter, &asked));
    report.checks.extend(adapter.remarks().into_iter().map(|remark| match remark.fatal {
        true => fail("file", remark.text, "mend it: no attempt could end well"),
        false => warn("file", remark.text, "see assets/agents/README.md"),
    }));
    let path = asked.path.clone().unwrap_or_else(|| search_path(world));
    report.checks.extend(program(&adapter, &path).await);
    match dry(world, &adapter, &asked, &path) {
        Ok(launch) => report.launch = Some(launch),
        // Told already.
        Err(LaunchError::NotInstalled { .. }) => {}
        Err(error) => report.checks.push(fail("launch", error.to_string(), "mend the file")),
    }
    report
}

/// The name inside counts; one that differs is probably a copy whose name was forgotten.
fn called(adapter: &Adapter, asked: &AdapterFile) -> Option<DoctorCheck> {
    let stem = asked.file.file_stem()?.to_string_lossy();
    let name = adapter.name();
    let why = format!("its name is {name}, and the file's is {stem}");
    (stem != name).then(|| warn("name", why, "call both the same: --agent takes the name inside"))
}

async fn program(adapter: &Adapter, path: &str) -> Vec<DoctorCheck> {
    let Some(program) = adapter.program(path) else {
        let install = adapter.install();
        let remedy = if install.is_empty() { "install it, or mend program.name" } else { install };
        return vec![fail("program", "not on PATH".to_owned(), remedy)];
    };
    let mut checks = vec![ok("program", program.display().to_string())];
    let Some(argv) = adapter.version_command() else { return checks };
    let measured = adapter.measured();
    let told = version::ask(&argv, path).await;
    let silence = told.silence(&argv);
    checks.push(match told {
        Told::Nothing | Told::Late => {
            let why = silence.unwrap_or_else(|| format!("`{}` says none", argv.join(" ")));
            warn("version", why, "see program.version")
        }
        Told::Version(seen) if measured.is_empty() => {
            warn("version", seen, "say in `measured` with which version the file was tried")
        }
        Told::Version(seen) if names(&seen, measured) => {
            ok("version", format!("{seen}, as measured"))
        }
        Told::Version(seen) => {
            let why = format!("{seen}; the file was measured with {measured}");
            warn("version", why, "try it, and then say so in `measured`")
        }
    });
    checks
}

fn dry(
    world: &Shared,
    adapter: &Adapter,
    asked: &AdapterFile,
    path: &str,
) -> Result<DryLaunch, LaunchError> {
    let attempt = AttemptId::new("ag-00-1");
    let private = world.instance.attempt_dir(&attempt).join("private");
    let variables = environment::for_adapters(world);
    let launch = |session| {
        adapter.launch(&LaunchRequest {
            attempt: &attempt,
            agent: &AgentId::new("ag-00"),
            swarm: &SwarmId::new("sw-0"),
            task: TASK,
            model: asked.model.as_deref(),
            cwd: &asked.cwd,
            private: &private,
            command: &[],
            token: TOKEN,
            path,
            environment: &variables,
            agent_socket: &world.instance.agent_socket(&attempt),
            dash: &world.dash,
            confine: None,
            author: None,
            interactive: false,
            session,
            net: None,
            part: Part::Alone,
            loans: &[],
        })
    };
    let first = launch(None)?;
    let own = adapter.own_variables();
    let (set, passed): (Vec<_>, Vec<_>) =
        first.env.into_iter().partition(|(name, _)| own.contains(&name.as_str()));
    Ok(DryLaunch {
        argv: first.argv,
        resume: launch(Some(SESSION)).ok().map(|launch| launch.argv),
        set,
        passed: passed.into_iter().map(|(name, _)| name).collect(),
        files: first
            .files
            .into_iter()
            .map(|file| DryFile {
                path: file.path,
                mode: format!("{:o}", file.mode),
                protected: file.protected,
                content: file.content,
            })
            .collect(),
        stdin: match (first.stdin_file, first.stdin_null) {
            (Some(file), _) => file.display().to_string(),
            (None, true) => "nothing".to_owned(),
            (None, false) => "its terminal".to_owned(),
        },
    })
}
