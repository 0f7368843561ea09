//! `dash demo`: a rehearsal swarm on an instance of its own, in a temporary directory. It
//! needs no key, no agent program and no network, and leaves nothing behind: core, agents
//! and directory are gone at the end, also after Ctrl-C or SIGTERM.

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done, Failure},
    format,
    gone::Process,
    open,
    progress::Progress,
    swarm::wait::{Report, finish, until_over},
};
use crate::{
    client::{Client, ClientError, Target},
    config::Instance,
    model::{AdapterShare, RefusalCode, SwarmSpec},
    tui::TuiOptions,
};
use clap::Args;
use futures_util::future::select_all;
use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Debug, Args)]
pub struct Demo {
    /// How many agents
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=500))]
    agents: u32,
    /// No screen: the results as JSON
    #[command(flatten)]
    json: Json,
}

/// How long core and agents may take to leave: what a core gives its agents, and a little.
const PATIENCE: Duration = Duration::from_secs(65);
/// After so long a person is told what is waited for.
const SILENCE: Duration = Duration::from_secs(1);

/// The queue: files of a small project that does not exist.
const ITEMS: [&str; 20] = [
    "src/auth/mod.rs",
    "src/auth/cookie.rs",
    "src/auth/pass.rs",
    "src/auth/scope.rs",
    "src/auth/session.rs",
    "src/auth/login.rs",
    "src/auth/token.rs",
    "src/auth/refresh.rs",
    "src/auth/second.rs",
    "src/auth/audit.rs",
    "src/auth/oauth.rs",
    "src/http/router.rs",
    "src/http/limits.rs",
    "src/http/headers.rs",
    "src/http/errors.rs",
    "src/store/users.rs",
    "src/store/keys.rs",
    "src/store/rows.rs",
    "tests/login.rs",
    "tests/token.rs",
];
const TASK: &str = "Refactor {item}: read it and its callers, keep the tests green, and report";
/// Dealt out in turn; the simulated provider answers for all of them.
const MODELS: [&str; 3] = ["claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5"];

impl Demo {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        context.may_run_a_core()?;
        // Before anything exists that a signal could leave behind.
        let mut signals = Signals::watch()?;
        let home = Home::make()?;
        let target = home.target()?;
        let work = home.0.join("work");
        // A start is never left half way: its core would be nobody's.
        let done = match Client::connect(&target).await {
            Ok(client) => tokio::select! {
                done = self.play(context, &client, &target, &work) => done,
                () = signals.next() => {
                    Err(Failure::error("interrupted; the rehearsal is cleared away"))
                }
            },
            Err(error) => Err(error.into()),
        };
        let cleared = clear(context, &target).await;
        match (done, cleared.and_then(|()| home.remove())) {
            (Ok(_), Err(failure)) => Err(failure),
            (done, _) => done,
        }
    }

    async fn play(
        &self,
        context: &mut Context<'_>,
        client: &Client,
        target: &Target,
        work: &Path,
    ) -> Done {
        let mut spec = self.spec(work);
        let swarm = match client.create_swarm(&spec).await {
            // A rehearsal runs nothing but this program, in a directory of its own.
            Err(ClientError::Refused(refusal)) if refusal.code == RefusalCode::NotEnforced => {
                context.note(format!("without a sandbox: {}", refusal.message));
                spec.no_sandbox = true;
                client.create_swarm(&spec).await?
            }
            created => created?,
        };
        let id = swarm.id.as_str();
        if self.json.json {
            let results =
                until_over(client, id, &mut Progress::new(false), &mut io::sink()).await?;
            finish(context, &results, Report::Json)?;
            return Ok(Code::Ok);
        }
        if context.term.stdin && context.term.stdout {
            return self.screen(context, client, target, id).await;
        }
        let items = swarm.items.total;
        context.line(format!(
            "{} rehearses: {} agents, {items} items, simulated models (no money is spent)",
            swarm.name, self.agents
        ))?;
        context.out.flush()?;
        let mut progress = Progress::new(false);
        let results = until_over(client, id, &mut progress, &mut *context.out).await?;
        context.line("")?;
        // A rehearsed failure is a rehearsal that went well.
        finish(context, &results, Report::Table)?;
        Ok(Code::Ok)
    }

    async fn screen(
        &self,
        context: &mut Context<'_>,
        client: &Client,
        target: &Target,
        id: &str,
    ) -> Done {
        let title = "rehearsal".to_owned();
        let options = TuiOptions { title, rehearsal: true, ..TuiOptions::default() };
        open::open(context, target, options).await?;
        let swarm = client.swarm(id).await?;
        let items = &swarm.items;
        let line = if swarm.state.is_final() {
            let took = swarm.ended_at.zip(swarm.started_at);
            let took = took.map_or(String::new(), |(end, start)| {
                format!(" in {}", format::duration(end.ms_since(start)))
            });
            format!(
                "the rehearsal is over: {} of {} items done{took}, {} simulated",
                items.done,
                items.total,
                swarm.cost()
            )
        } else {
            format!(
                "the rehearsal is stopped with {} of {} items done; nothing of it is left running",
                items.done, items.total
            )
        };
        context.line(line)?;
        Ok(Code::Ok)
    }

    fn spec(&self, work: &Path) -> SwarmSpec {
        SwarmSpec {
            name: "refactor-auth".to_owned(),
            task: TASK.to_owned(),
            agents: self.agents,
            adapters: vec![AdapterShare { adapter: "mini".to_owned(), count: Some(self.agents) }],
            models: MODELS.map(str::to_owned).into(),
            items: Some(items(self.agents)),
            retries: 1,
            cwd: work.to_owned(),
            path: std::env::var("PATH").ok(),
            ..SwarmSpec::default()
        }
    }
}

/// An item for each agent at least.
fn items(agents: u32) -> Vec<String> {
    let names = |round: usize| {
        ITEMS.iter().map(move |item| match round {
            0 => (*item).to_owned(),
            n => format!("part{}/{item}", n + 1),
        })
    };
    (0..).flat_map(names).take(ITEMS.len().max(agents as usize)).collect()
}

/// What ends a rehearsal early. Once watched, none of them ends the process by itself.
struct Signals(Vec<Signal>);

impl Signals {
    fn watch() -> Result<Self, Failure> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let watched: io::Result<Vec<Signal>> = kinds.into_iter().map(signal).collect();
        watched.map(Self).map_err(|error| Failure::error(format!("cannot watch signals: {error}")))
    }

    async fn next(&mut self) {
        let signals = self.0.iter_mut().map(|signal| Box::pin(signal.recv()));
        select_all(signals).await;
    }
}

/// Stops agents and core.
async fn clear(context: &mut Context<'_>, target: &Target) -> Result<(), Failure> {
    let target = target.clone().never_start();
    // A core that never came up leaves nobody to stop.
    let Ok(client) = Client::connect(&target).await else { return Ok(()) };
    let Ok(health) = client.health().await else { return Ok(()) };
    let process = Process::open(health.pid);
    let asked = client.shutdown(true).await;
    if asked.is_ok() && process.wait(SILENCE).await {
        return Ok(());
    }
    context.note("stopping the agents of the rehearsal");
    if asked.is_err() || !process.wait(PATIENCE).await {
        process.kill();
        return Err(Failure::error(format!(
            "the rehearsal's core (pid {}) had to be killed; agents of it may be left ({})",
            health.pid,
            target.instance.state.display()
        )));
    }
    Ok(())
}

/// The demo's own directory, removed at the end, and also when something fails.
struct Home(PathBuf);

impl Home {
    fn make() -> Result<Self, Failure> {
        let mut random = [0u8; 4];
        getrandom::fill(&mut random)
            .map_err(|error| Failure::error(format!("no random name can be made: {error}")))?;
        let name = format!("dash-demo-{:08x}", u32::from_le_bytes(random));
        let make = |dir: &Path| {
            DirBuilder::new().mode(0o700).create(dir)?;
            DirBuilder::new().mode(0o700).create(dir.join("state"))?;
            DirBuilder::new().mode(0o700).create(dir.join("work"))
        };
        let dir = std::env::temp_dir().join(name);
        make(&dir).map_err(|error| {
            Failure::error(format!("{} cannot be made: {error}", dir.display()))
        })?;
        Ok(Self(dir))
    }

    /// Tries again for a while: a keeper may write its last words yet.
    fn remove(self) -> Result<(), Failure> {
        let mut tries = 0;
        loop {
            match std::fs::remove_dir_all(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) if tries == 20 => {
                    let dir = self.0.display();
                    return Err(Failure::error(format!("{dir} stays behind: {error}")));
                }
                Ok(()) => return Ok(()),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
            tries += 1;
        }
    }

    fn target(&self) -> Result<Target, Failure> {
        let state = self.0.join("state");
        let instance = Instance::with_state(&self.0.join("d.sock"), &state.join("dash"))?;
        Ok(Target {
            rehearsal: true,
            may_start: true,
            // Also for a core that a keeper starts anew: it inherits this one's environment.
            env: vec![
                ("XDG_STATE_HOME".into(), state.into()),
                (super::REHEARSAL.into(), "1".into()),
            ],
            ..Target::new(instance)
        })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
