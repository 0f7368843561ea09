//! The core's part in brokered commands: which programs are hidden from an agent, and the
//! verdict on what its keeper holds. The core judges its own copy; what the keeper runs is
//! the keeper's.

use super::{
    approval::Asking,
    launch::Plan,
    policy::{Asker, Words, denied_by_now, judged},
    world::{Order, Shared},
};
use crate::{
    config::{Instance, names_of},
    core::Input,
    model::{
        Actor, AttemptId, AuditDraft, Brokered, Confine, Finding, Holder, Judgement, Policy,
        Question, RefusalCode, Resolution, Verdict,
    },
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What a keeper holds.
pub struct Asked {
    /// Of the run, within its attempt.
    pub id: u64,
    /// Canonical.
    pub program: PathBuf,
    pub argv: Vec<String>,
    pub cwd: PathBuf,
    /// A shim asks, and runs it itself.
    pub shim: bool,
}

/// Files that rules pin: those that are hidden, and of the others why not.
#[derive(Default)]
pub struct Sorted {
    pub hidden: Vec<Brokered>,
    pub seen: BTreeMap<PathBuf, String>,
}

/// The programs that are hidden from an agent which may write `writable` and has `path` as its
/// PATH: those that a rule pins which does not allow, as far as they can be hidden. `never`:
/// programs that the launch itself needs.
///
/// Not hidden, so that the rule is only as good as the agent's cooperation: what the agent may
/// write, which is whatever it makes of it; and a file with further names that are not found.
pub fn sorted(
    policy: &Policy,
    holder: &Holder,
    path: &str,
    writable: &[PathBuf],
    never: &[&Path],
) -> Sorted {
    let no_broker = match holder {
        Holder::Bubblewrap { by_fd: true, .. } => None,
        Holder::Bubblewrap { .. } => Some("the bubblewrap here is too old to hide a program"),
        Holder::Landlock | Holder::Seatbelt => Some("only bubblewrap hides programs"),
    };
    let mut sorted = Sorted::default();
    let mut found: Vec<Brokered> = Vec::new();
    for rule in policy.rules.iter().filter(|rule| rule.verdict > Verdict::Allow) {
        let Some(file) = &rule.executable else { continue };
        if let Some(why) = no_broker {
            sorted.seen.insert(file.clone(), why.to_owned());
            continue;
        }
        let named = rule.command.first().into_iter().flatten();
        let named: Vec<String> = named.filter(|name| !name.contains('*')).cloned().collect();
        match found.iter_mut().find(|known| known.file == *file) {
            Some(known) => known.names.extend(named),
            None => {
                let own = file.file_name().and_then(|name| name.to_str()).map(str::to_owned);
                let names = own.into_iter().chain(named).collect();
                found.push(Brokered { file: file.clone(), places: Vec::new(), names });
            }
        }
    }
    for mut program in found {
        let mut names: Vec<String> = Vec::new();
        for name in std::mem::take(&mut program.names) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        program.names = names;
        match places(&program.file, path, writable, never) {
            Ok(places) => sorted.hidden.push(Brokered { places, ..program }),
            Err(why) => _ = sorted.seen.insert(program.file, why),
        }
    }
    sorted
}

/// What is to be hidden of `file`, or why it cannot be.
fn places(
    file: &Path,
    path: &str,
    writable: &[PathBuf],
    never: &[&Path],
) -> Result<Vec<PathBuf>, String> {
    if never.iter().any(|other| fs::canonicalize(other).is_ok_and(|it| it == *file)) {
        return Err(format!("{} is what the agent itself is started with", file.display()));
    }
    if let Some(root) = writable.iter().find(|root| file.starts_with(root)) {
        let (file, root) = (file.display(), root.display());
        return Err(format!("{file} lies in the agent's scope ({root}), which it may change"));
    }
    names_of(file, path)
}

/// Those that are hidden from `attempt`, as it was launched.
pub fn launched_with(instance: &Instance, attempt: &AttemptId) -> Vec<Brokered> {
    #[derive(serde::Deserialize)]
    struct Spec {
        confine: Option<Confine>,
    }
    let text = fs::read(instance.attempt_dir(attempt).join("spec.json")).ok();
    let spec = text.and_then(|text| serde_json::from_slice::<Spec>(&text).ok());
    spec.and_then(|spec| spec.confine).map_or_else(Vec::new, |confine| confine.brokered)
}

/// On whose behalf a run is held.
#[derive(Clone, Copy, PartialEq)]
pub enum For {
    Attempt,
    /// Of several: whose run it is cannot be told, so that nobody is asked about it.
    Host,
}

/// Finds the verdict, by asking somebody if need be, and sends it to the attempt's keeper,
/// without keeping the caller. A core that leaves sends nothing: the keeper asks the next.
pub fn answer(world: &Shared, plan: &Plan, asked: Asked, on_behalf: For) {
    let (world, plan) = (world.clone(), plan.clone());
    tokio::spawn(async move {
        let id = asked.id;
        let Some((allow, why)) = verdict(&world, &plan, asked, on_behalf).await else { return };
        if let Some(keeper) = world.keeper(&plan.attempt.id) {
            // One that has ended holds nothing any more.
            let _ = keeper.send(Order::Verdict { id, allow, why }).await;
        }
    });
}

async fn verdict(
    world: &Shared,
    plan: &Plan,
    asked: Asked,
    on_behalf: For,
) -> Option<(bool, String)> {
    let Asked { id, program, argv, cwd, shim } = asked;
    let mut scope = plan.scope.clone();
    scope.write = plan.writable();
    let asker = Asker {
        cwd: plan.workplace(),
        scope,
        path: plan.spec.path.clone(),
        attempt: Some(plan.attempt.id.clone()),
        confined: true,
    };
    let words = Words::Argv(argv.clone(), Some(program.clone()));
    let judgement = match judged(world, asker.clone(), Some(cwd.clone()), words.clone()).await {
        Ok(judgement) => judgement,
        Err(refusal) if refusal.code == RefusalCode::Internal => return None,
        Err(refusal) => return Some((false, refusal.to_string())),
    };
    let row = match on_behalf {
        For::Attempt => {
            let agent = &plan.attempt.agent;
            AuditDraft::new(&Actor::Agent(agent.clone()), "policy.allow").on_agent(agent)
        }
        For::Host => AuditDraft::new(&Actor::Core, "policy.allow").on_swarm(&plan.attempt.swarm),
    };
    let what = row
        .on_attempt(&plan.attempt.id)
        .of_command(&argv, &cwd)
        .with("program", program.display().to_string())
        .with("by", if shim { "shim" } else { "broker" });
    // What no rule speaks of is no news where the agent could run it anyway.
    if !shim || !judgement.findings.is_empty() {
        note(world, what.clone(), &judgement).await;
    }
    let why = told(&judgement);
    match judgement.verdict {
        Verdict::Allow => Some((true, why)),
        Verdict::Deny => Some((false, why)),
        Verdict::Ask if on_behalf == For::Host => {
            Some((false, format!("{why} (in a process that runs share nobody is asked)")))
        }
        Verdict::Ask => {
            let key = key(id);
            let question = Question::Command { argv, cwd: cwd.clone(), covers: None };
            match world.ask(&plan.attempt.id, Asking { key, question, why: why.clone() }).await {
                // It runs unless the rules have come to deny it since.
                Ok(ruling) if ruling.verdict == Resolution::Approve => {
                    match denied_by_now(world, asker, Some(cwd), words).await {
                        Ok(None) => Some((true, ruling.why)),
                        Ok(Some(now)) => {
                            note(world, what, &now).await;
                            Some((false, told(&now)))
                        }
                        Err(refusal) if refusal.code == RefusalCode::Internal => None,
                        Err(refusal) => Some((false, refusal.to_string())),
                    }
                }
                Ok(ruling) => Some((false, format!("{why} ({}: {})", ruling.approval, ruling.why))),
                Err(refusal) if refusal.code == RefusalCode::Internal => None,
                Err(refusal) => Some((false, format!("{why} ({refusal})"))),
            }
        }
    }
}

/// Names a question by the run that is held.
fn key(id: u64) -> String {
    format!("broker-{id}")
}

/// The front has gone: its question, if it became one, is nobody's.
pub async fn unasked(world: &Shared, attempt: &AttemptId, id: u64) {
    world.tell(Input::Unasked { attempt: attempt.clone(), key: key(id) }).await;
}

/// `RULE: reason`
fn told(judgement: &Judgement) -> String {
    match judgement.findings.first() {
        Some(finding) => format!("{}: {}", called(finding), judgement.reason),
        None => judgement.reason.clone(),
    }
}

/// The rule's name, or where it stands.
fn called(finding: &Finding) -> &str {
    if finding.rule.is_empty() { &finding.source } else { &finding.rule }
}

/// Puts the verdict on record: by which rule, on which command. Keys stand in command lines:
/// they are masked there.
async fn note(world: &Shared, mut row: AuditDraft, judgement: &Judgement) {
    row.action = match judgement.verdict {
        Verdict::Allow => "policy.allow",
        Verdict::Ask => "policy.ask",
        Verdict::Deny => "policy.deny",
    };
    row = row.with("reason", judgement.reason.as_str());
    if let Some(finding) = judgement.findings.first() {
        row = row.by_leave_of(called(finding)).with("source", finding.source.as_str());
    }
    world.tell(Input::Note(Box::new(row))).await;
}
