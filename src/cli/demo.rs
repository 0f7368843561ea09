//! `dash demo`: a rehearsal swarm on an instance of its own, in a temporary directory. It
//! needs no key, no agent program and no network, and leaves nothing behind: core, agents
//! and directory are gone at the end, also after Ctrl-C or SIGTERM.

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done, Failure},
    gone::Process,
    open,
    progress::Progress,
    swarm::wait::{Report, finish, until_over},
};
use crate::{
    client::{Client, Target},
    config::Instance,
    model::{AdapterShare, SwarmResults, SwarmSpec},
    tui::TuiOptions,
};
use clap::Args;
use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};

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

/// How long core and agents may take to leave before they are made to.
const PATIENCE: Duration = Duration::from_secs(10);

impl Demo {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let home = Home::make()?;
        let target = home.target()?;
        // From here on nothing returns before the house is empty again.
        let work = home.0.join("work");
        let done = tokio::select! {
            done = self.play(context, &target, &work) => done,
            code = interrupted() => code,
        };
        let cleared = clear(&target, &home).await;
        match (done, cleared) {
            (Ok(_), Err(failure)) => Err(failure),
            (done, _) => done,
        }
    }

    async fn play(&self, context: &mut Context<'_>, target: &Target, work: &Path) -> Done {
        let client = Client::connect(target).await?;
        let swarm = client.create_swarm(&self.spec(work)).await?;
        let id = swarm.id.as_str();
        if self.json.json {
            let results = watch(&client, id, &mut Progress::new(false), &mut io::sink()).await?;
            return rehearsed(finish(context, &results, Report::Json));
        }
        if context.term.stdin && context.term.stdout {
            let title = "rehearsal".to_owned();
            let options = TuiOptions { title, ..TuiOptions::default() };
            return open::open(context, target, options).await;
        }
        context.line(format!("{id}: {} agents rehearse on simulated models", self.agents))?;
        let mut progress = Progress::new(false);
        let results = watch(&client, id, &mut progress, &mut *context.out).await?;
        context.line("")?;
        rehearsed(finish(context, &results, Report::Table))
    }

    fn spec(&self, work: &Path) -> SwarmSpec {
        SwarmSpec {
            name: "rehearsal".to_owned(),
            task: "Rehearse part {index}: look around, write a note, report".to_owned(),
            agents: self.agents,
            adapters: vec![AdapterShare { adapter: "mini".to_owned(), count: Some(self.agents) }],
            cwd: work.to_owned(),
            path: std::env::var("PATH").ok(),
            ..SwarmSpec::default()
        }
    }
}

/// The scenario has failures in it, to show them: a rehearsal that came to its end went well.
fn rehearsed(done: Done) -> Done {
    done.map(|code| if code == Code::SomeFailed { Code::Ok } else { code })
}

async fn watch(
    client: &Client,
    swarm: &str,
    progress: &mut Progress,
    out: &mut dyn io::Write,
) -> Result<SwarmResults, Failure> {
    until_over(client, swarm, progress, out).await
}

/// Resolves on Ctrl-C or SIGTERM, with the code that a shell expects less than the clean
/// house it wants.
async fn interrupted() -> Done {
    let cannot = |error: io::Error| Failure::error(format!("cannot watch signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(cannot)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Err(Failure::error("interrupted; the rehearsal was cleared away"))
}

/// Stops core and agents.
async fn clear(target: &Target, home: &Home) -> Result<(), Failure> {
    let target = target.clone().never_start();
    // A core that never came up leaves nobody to stop.
    let Ok(client) = Client::connect(&target).await else { return Ok(()) };
    let Ok(health) = client.health().await else { return Ok(()) };
    let process = Process::open(health.pid);
    let asked = client.shutdown(true).await;
    if asked.is_err() || !process.wait(PATIENCE).await {
        process.kill();
        return Err(Failure::error(format!(
            "the rehearsal's core (pid {}) had to be killed; agents of it may be left ({})",
            health.pid,
            home.0.display()
        )));
    }
    Ok(())
}

/// The demo's own directory, removed when dropped.
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
