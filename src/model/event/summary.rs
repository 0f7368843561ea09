//! An event in a line, for people.

use super::Event;
use crate::model::{Breaker, Budget, Micros, Resolution};

impl Event {
    /// One line for people, without the names that stand beside it.
    pub fn summary(&self) -> String {
        match self {
            Self::SwarmCreated { name, spec } => {
                format!("swarm {name} created: {}", first_line(&spec.task))
            }
            Self::ItemAdded { item } => {
                format!("item {} added: {}", item.index, first_line(&item.text))
            }
            Self::AgentAdded { parent: Some(parent), adapter, .. } => {
                format!("spawned by {parent} ({adapter})")
            }
            Self::AgentAdded { adapter, model, .. } if model.is_empty() => {
                format!("added ({adapter})")
            }
            Self::AgentAdded { adapter, model, .. } => format!("added ({adapter}, {model})"),
            Self::AttemptPlanned { number, index, model, follows } => {
                let on = model.as_ref().map(|model| format!(" on {model}")).unwrap_or_default();
                let after = follows.map(|follows| format!(", after attempt {}", follows.attempt));
                format!("attempt {number} planned (item {index}){on}{}", after.unwrap_or_default())
            }
            Self::TookUp { from, session, .. } if !session.is_empty() => {
                format!("goes on with attempt {from}'s session {session}")
            }
            Self::TookUp { from, why, .. } if why.is_empty() => {
                format!("begins anew, told what attempt {from} did")
            }
            Self::TookUp { from, why, .. } => {
                format!("begins anew, told what attempt {from} did: {why}")
            }
            Self::WorktreeMade { branch, .. } => format!("works on branch {branch}"),
            Self::AttemptStarted { pid } => format!("started, pid {pid}"),
            Self::SessionNamed { session } => format!("session {session}"),
            Self::StateChanged { state, reason } if reason.is_empty() => state.to_string(),
            Self::StateChanged { state, reason } => format!("{state}: {reason}"),
            Self::Signalled { signal } => {
                format!("{:?} says {}: {}", signal.source, signal.state, signal.detail)
            }
            Self::ModelCalled { model, cost_micros, estimated: true, .. } => {
                format!("no usage of a call to {model} came: charged as reserved, {cost_micros}")
            }
            Self::CallReserved { model, amount_micros, amount_tokens, notional, .. } => {
                let label = if *notional { " notional" } else { "" };
                let dollars = *amount_micros != Micros::ZERO;
                let dollars = dollars.then(|| format!("{amount_micros}{label}"));
                let tokens = (*amount_tokens > 0).then(|| format!("{amount_tokens} tokens"));
                let parts: Vec<String> = dollars.into_iter().chain(tokens).collect();
                format!("{} set aside for a call to {model}", parts.join(" and "))
            }
            Self::CallRefused { why, .. } => format!("a model call was refused: {why}"),
            Self::BudgetSet { account, limit_micros: None, limit_tokens: None, by } => {
                format!("budget of {account} lifted by {by}")
            }
            Self::BudgetSet { account, limit_micros, limit_tokens, by } => {
                let limit = Budget { dollars: *limit_micros, tokens: *limit_tokens };
                format!("budget of {account} set to {limit} by {by}")
            }
            Self::BudgetWarned { account, percent: 100 } => {
                format!("the budget of {account} is spent")
            }
            Self::BudgetWarned { account, percent } => {
                format!("{percent} % of the budget of {account} are spent")
            }
            Self::PricesChanged => "prices were changed".to_owned(),
            Self::RequestNamed { named } => {
                format!("the request {} has its name: {}", named.once.key, named.made)
            }
            Self::BudgetPaused { index } => format!("item {index} waits for money"),
            Self::TurnDue => "there is money for the turn that was refused".to_owned(),
            Self::TurnAskedAgain => "told to go on with the turn that was refused".to_owned(),
            Self::ModelCalled { model, status, tokens, cost_micros, .. } => {
                format!("{model} answered {status}, {} tokens, {cost_micros}", tokens.total())
            }
            Self::NetConnected { host, port, allowed, reason, sent, received, count, .. } => {
                let times = if *count > 1 { format!(" ({count} times)") } else { String::new() };
                let place = if *port == 0 { host.clone() } else { format!("{host}:{port}") };
                let bytes = format!("{sent} B out, {received} B in");
                match (allowed, reason.as_deref()) {
                    (false, why) => {
                        let why = why.unwrap_or("not allowed");
                        format!("connection to {place} refused{times}: {why}")
                    }
                    (true, Some(why)) => {
                        format!("connection to {place} cut off{times}: {why} ({bytes})")
                    }
                    (true, None) => format!("connected to {place}{times}, {bytes}"),
                }
            }
            Self::FactTaken { n, offset } => format!("fact {n} taken at byte {offset}"),
            Self::InputSent { bytes } => format!("{bytes} bytes typed"),
            Self::StopAsked { why } => format!("asked to stop: {why}"),
            Self::AttemptEnded { result, exit } => {
                let words = if result.error.is_empty() { &result.text } else { &result.error };
                let (outcome, reason) = (result.outcome.word(), result.stop_reason.as_str());
                let mut line = outcome.to_owned();
                let code = exit.as_ref().and_then(|exit| exit.code).filter(|code| *code != 0);
                match (reason, code) {
                    ("exit", Some(code)) => line.push_str(&format!(" (exit {code})")),
                    // Says nothing that the outcome does not say.
                    ("" | "finished", _) => {}
                    (same, _) if same == outcome => {}
                    (reason, _) => line.push_str(&format!(" ({reason})")),
                }
                match first_line(words) {
                    "" => line,
                    // Many begin their report so.
                    words if words.to_lowercase().starts_with(&format!("{outcome}:")) => {
                        words.to_owned()
                    }
                    words => format!("{line}: {words}"),
                }
            }
            Self::RetryPlanned { number, .. } => format!("attempt {number} follows"),
            Self::RetryDue { number, .. } => format!("attempt {number} is due"),
            Self::ItemsDropped { items } => format!("taken out of the queue: {}", numbers(items)),
            Self::ItemsRestored { items } => format!("back in the queue: {}", numbers(items)),
            Self::ItemEnded { index, done: true } => format!("item {index} done"),
            Self::ItemEnded { index, done: false } => format!("item {index} not done"),
            Self::DiskFull => "disk full: held until there is room".to_owned(),
            Self::LimitReached { message, .. } => format!("limit reached: {message}"),
            Self::DiskBack => "disk has room again".to_owned(),
            Self::AttemptPaused { why } => format!("its processes are held: {why}"),
            Self::AttemptResumed => "its processes go on".to_owned(),
            Self::Held { paths, place } => {
                let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
                let place = place.display();
                format!("moved to {place}, since others would obey it: {}", paths.join(", "))
            }
            Self::RecordingCut { from, to } => format!("recording cut: bytes {from} to {to}"),
            Self::SwarmEnded { state, done, failed, .. } => {
                format!("swarm {state}: {failed} failed, {done} done")
            }
            Self::BranchHeld { failures, within_ms } => {
                let breaker = Breaker { failures: *failures, within_ms: *within_ms };
                format!("{}: its branch is held", breaker.tripped())
            }
            Self::AgentPaused => "paused".to_owned(),
            Self::AgentResumed => "goes on".to_owned(),
            Self::SwarmPaused => "swarm paused".to_owned(),
            Self::SwarmResumed => "the swarm goes on".to_owned(),
            Self::BranchResumed => "its branch goes on".to_owned(),
            Self::SwarmRemoved => "swarm removed".to_owned(),
            Self::ApprovalAsked { approval } => {
                format!("{} asks: {}", approval.id, first_line(&approval.question.text()))
            }
            Self::ApprovalJoined { approval, .. } => format!("{approval} is asked again"),
            Self::ApprovalAnswered { approval, by, verdict, note, .. } => {
                let word = match verdict {
                    Resolution::Approve => "approved",
                    Resolution::Deny => "denied",
                };
                match first_line(note) {
                    "" => format!("{approval} {word} by {by}"),
                    note => format!("{approval} {word} by {by}: {note}"),
                }
            }
            Self::ApprovalRecalled { approval, earlier, verdict } => {
                let word = match verdict {
                    Resolution::Approve => "approved",
                    Resolution::Deny => "denied",
                };
                format!("{approval} {word} as {earlier} was")
            }
            Self::ApprovalExpired { approval } => {
                format!("{approval} expired: nobody answered, so it is denied")
            }
            Self::ApprovalWithdrawn { approval, why } => format!("{approval} withdrawn: {why}"),
            Self::AnswerForgotten { number, by } => {
                format!("remembered answer {number} forgotten by {by}")
            }
            Self::CoreStarted { pid, version, .. } => {
                format!("core {version} took over, pid {pid}")
            }
        }
    }
}

/// `item 7`, `items 3 to 6, 9`.
fn numbers(items: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &item in items {
        match runs.last_mut() {
            Some((_, last)) if item == *last + 1 => *last = item,
            Some(_) | None => runs.push((item, item)),
        }
    }
    let run = |&(first, last): &(u32, u32)| match last - first {
        0 => first.to_string(),
        _ => format!("{first} to {last}"),
    };
    let runs: Vec<String> = runs.iter().map(run).collect();
    format!("{} {}", if items.len() == 1 { "item" } else { "items" }, runs.join(", "))
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("").trim()
}
