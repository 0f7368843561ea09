//! The rules as tables, and as properties of random histories: the bench they are tried on.

mod again;
mod attempts;
mod coins;
mod forecast;
mod histories;
mod limits;
mod money;
mod pauses;
mod pulse;
mod reach;
mod requests;
mod spending;
mod swarms;

use super::{Limits, *};
use crate::model::*;
use std::path::PathBuf;

/// A core without a world: what is decided is applied at once.
#[derive(Default)]
pub(super) struct Bench {
    pub(super) state: State,
    pub(super) journal: Vec<EventRecord>,
    pub(super) now: i64,
    pub(super) effects: Vec<Effect>,
    pub(super) audit: Vec<AuditDraft>,
    pub(super) limits: u32,
    /// That trip the breaker; 0: as configured by default.
    pub(super) failures: u32,
    pub(super) machine: Machine,
}

impl Bench {
    pub(super) fn feed(&mut self, input: Input) -> Result<Option<Reply>, Refusal> {
        self.now += 1_000_000;
        let decision = decide(&self.state, Stamp(self.now), input)?;
        let reply = decision.reply.clone();
        self.enact(decision);
        for round in 0.. {
            let decision = settle(&self.state, self.limits(), &self.machine);
            if decision.events.is_empty() {
                break;
            }
            assert!(round < 1000, "settle never comes to rest");
            self.enact(decision);
        }
        Ok(reply)
    }

    fn limits(&self) -> Limits {
        let failures = if self.failures == 0 { 5 } else { self.failures };
        let breaker = Breaker { failures, within_ms: 600_000 };
        Limits { attempts: self.limits, breaker }
    }

    pub(super) fn enact(&mut self, decision: Decision) {
        for draft in decision.events {
            let record = EventRecord {
                seq: self.state.seq + 1,
                time: Stamp(self.now),
                swarm: draft.swarm,
                agent: draft.agent,
                attempt: draft.attempt,
                event: draft.event,
            };
            apply(&mut self.state, &record);
            self.journal.push(record);
        }
        self.effects.extend(decision.effects);
        self.audit.extend(decision.audit);
    }

    pub(super) fn create(&mut self, spec: SwarmSpec, agents: usize) -> SwarmId {
        let crew = vec![("command".to_owned(), String::new()); agents];
        let command = Command::CreateSwarm { spec: Box::new(spec) };
        match self.feed(Input::Request { by: Actor::Core, command, crew, once: None }).unwrap() {
            Some(Reply::Swarm(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn ask(&mut self, command: Command) -> Result<Option<Reply>, Refusal> {
        self.feed(Input::Request { by: Actor::Core, command, crew: Vec::new(), once: None })
    }

    pub(super) fn started(&mut self, attempt: &str, n: u64) {
        let news = KeeperNews::Started { pid: 7 };
        let attempt = attempt.into();
        self.feed(Input::Keeper { attempt, n, offset: 0, news }).unwrap();
    }

    pub(super) fn ended(&mut self, attempt: &str, outcome: Outcome) {
        let result = Box::new(result(outcome));
        let exit = Some(Exit { code: Some(0), signal: None });
        self.feed(Input::Ended { attempt: attempt.into(), n: 9, bytes: 70, exit, result }).unwrap();
    }

    pub(super) fn launches(&mut self) -> Vec<String> {
        let launch = |effect: Effect| match effect {
            Effect::Launch { attempt } => Some(attempt.to_string()),
            _ => None,
        };
        std::mem::take(&mut self.effects).into_iter().filter_map(launch).collect()
    }

    pub(super) fn agent(&self, id: &str) -> &Agent {
        &self.state.agents[id]
    }
}

pub(super) fn result(outcome: Outcome) -> AttemptResult {
    AttemptResult {
        outcome,
        stop_reason: if outcome == Outcome::Done { "finished" } else { "exit" }.to_owned(),
        text: "text".to_owned(),
        data: None,
        error: String::new(),
        files: None,
        reported: None,
        session: None,
    }
}

pub(super) fn spec() -> SwarmSpec {
    SwarmSpec {
        task: "Refactor the auth code".to_owned(),
        cwd: PathBuf::from("/"),
        ..Default::default()
    }
}

pub(super) fn queue(items: usize) -> SwarmSpec {
    SwarmSpec { items: Some((0..items).map(|n| format!("item {n}")).collect()), ..spec() }
}
