//! `[notify]`: a program and a web address are told of what needs somebody, one after the other
//! and in order. How far they were told is written down, so that a core that takes over goes on
//! there: what happened as the last one died is told twice at worst, and never not at all, but
//! for an address that nobody answers at.

use super::{Handle, clock};
use crate::{
    gateway::{http_client, is_local},
    model::{EventRecord, Refusal},
};
use std::{path::Path, process::Stdio, time::Duration};
use tokio::{
    io::AsyncWriteExt,
    process::Command,
    sync::broadcast::error::RecvError,
    time::{sleep, timeout},
};

/// A program that runs longer is ended.
const PROGRAM_LIMIT: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Between two posts of the same event; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Posts of an event before it is given up: some half a minute.
const POSTS: u32 = 6;
/// Events read from the journal at once.
const PAGE: usize = 1000;
/// Older news is none any more.
const STALE_MS: u64 = 24 * 60 * 60 * 1000;

/// Tells whoever wants to be told until the core leaves; none waits for another.
pub fn begin(handle: &Handle) {
    let config = &handle.world.config.notify;
    let program = config.command.split_first();
    let program = program.map(|(program, args)| {
        ("told.command", To::Program { program: program.clone(), args: args.to_vec() })
    });
    let address = config.webhook.clone();
    let address = address.map(|address| ("told.webhook", To::Address { address, tries: POSTS }));
    for (file, to) in program.into_iter().chain(address) {
        let told = Told { handle: handle.clone(), file, to };
        tokio::spawn(async move {
            if let Err(refusal) = told.follow().await {
                tracing::debug!(%refusal, "notifications end");
            }
        });
    }
}

enum To {
    Program {
        program: String,
        args: Vec<String>,
    },
    Address {
        address: String,
        /// How often it is tried, once where it was not reached the last time.
        tries: u32,
    },
}

/// One of those who are told.
struct Told {
    handle: Handle,
    /// Where it is written down how far it was told.
    file: &'static str,
    to: To,
}

impl Told {
    async fn follow(mut self) -> Result<(), Refusal> {
        let handle = self.handle.clone();
        let file = handle.instance().state.join(self.file);
        let (now, mut commits) = handle.follow().await?;
        let mut last = match read(&file) {
            Some(told) if told <= now && handle.still_has(told).await.is_ok() => told,
            Some(_) | None => now,
        };
        loop {
            let (until, _) = handle.follow().await?;
            while last < until {
                let page = handle.events(last, PAGE).await?;
                let Some(newest) = page.last().map(|record| record.seq) else { break };
                for record in page.into_iter().filter(|record| record.event.needs_attention()) {
                    let seq = record.seq;
                    self.tell(record).await;
                    write(&file, seq);
                }
                last = newest;
            }
            write(&file, last);
            loop {
                match commits.recv().await {
                    Ok(commit) => {
                        if commit.events.iter().any(|record| record.event.needs_attention()) {
                            break;
                        }
                    }
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return Ok(()),
                }
            }
        }
    }

    async fn tell(&mut self, record: EventRecord) {
        if clock::now().ms_since(record.time) > STALE_MS {
            return;
        }
        let seq = record.seq;
        let (text, json) = news(&self.handle, record).await;
        match &mut self.to {
            To::Program { program, args } => {
                let args: Vec<_> = args.iter().map(|arg| arg.replace("{text}", &text)).collect();
                if let Err(why) = run(program, &args, &json).await {
                    tracing::warn!(seq, %program, "notify.command: {why}");
                }
            }
            To::Address { address, tries } => {
                let posted = post(address, &json, *tries).await;
                *tries = if posted.is_ok() { POSTS } else { 1 };
                if let Err(why) = posted {
                    tracing::warn!(seq, "notify.webhook: {why}");
                }
            }
        }
    }
}

fn read(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// A full disk costs a second telling at worst.
fn write(file: &Path, seq: u64) {
    let new = file.with_extension("new");
    let written = std::fs::write(&new, seq.to_string()).and_then(|()| std::fs::rename(&new, file));
    if let Err(error) = written {
        tracing::warn!(%error, "cannot write down who was told what");
    }
}

/// What happened in words, and the event with them and the names of those it is about.
async fn news(handle: &Handle, record: EventRecord) -> (String, Vec<u8>) {
    let agent = match &record.agent {
        Some(id) => handle.agent(id).await.ok(),
        None => None,
    };
    let swarm = match &record.swarm {
        Some(id) => handle.swarm(id).await.ok(),
        None => None,
    };
    let said = record.event.summary();
    let text = match (&agent, &swarm) {
        (Some(agent), _) if agent.name != agent.id.as_str() => {
            format!("{} ({}): {said}", agent.id, agent.name)
        }
        (Some(agent), _) => format!("{}: {said}", agent.id),
        (None, Some(swarm)) => format!("{}: {said}", swarm.name),
        (None, None) => said,
    };
    let mut json = serde_json::to_value(handle.with_results(record).await).unwrap_or_default();
    json["text"] = text.as_str().into();
    for (key, name) in
        [("swarm_name", swarm.map(|it| it.name)), ("agent_name", agent.map(|it| it.name))]
    {
        if let Some(name) = name {
            json[key] = name.into();
        }
    }
    (text, json.to_string().into_bytes())
}

/// Runs a program that gets `json` as its standard input.
///
/// # Errors
/// In words: it cannot be run, fails, or takes too long.
pub async fn run(program: &str, args: &[String], json: &[u8]) -> Result<(), String> {
    let ran = async {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read is none the worse for it.
            let _ = stdin.write_all(json).await;
        }
        child.wait().await
    };
    match timeout(PROGRAM_LIMIT, ran).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(status.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("not done in {} s", PROGRAM_LIMIT.as_secs())),
    }
}

/// Its address is in no error: people put secrets there.
async fn post(address: &str, json: &[u8], tries: u32) -> Result<(), String> {
    let url: reqwest::Url = address.parse().map_err(|_| "its address is none".to_owned())?;
    let client = http_client(is_local(&url))?;
    let mut pause = FIRST_PAUSE;
    let mut why = String::new();
    for post in 0..tries {
        if post > 0 {
            sleep(pause).await;
            pause *= 2;
        }
        let request = client
            .post(url.clone())
            .timeout(ANSWER_LIMIT)
            .header("content-type", "application/json")
            .body(json.to_vec());
        match request.send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            // What it does not take it will not take later.
            Ok(answer) if !is_passing(answer.status().as_u16()) => {
                return Err(format!("it answers {}", answer.status()));
            }
            Ok(answer) => why = format!("it answers {}", answer.status()),
            Err(error) => why = error.without_url().to_string(),
        }
    }
    Err(format!("given up after {tries} posts: {why}"))
}

fn is_passing(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 425 | 429)
}
