//! Approvals, where they meet the world: [`World::ask`] holds its caller until somebody has
//! answered; notifications and the answers to agents' own prompts go out from here.

use super::{
    handle::Handle,
    lookup::find_agent,
    notify,
    policy::{Words, denied_by_now},
    world::{Shared, World, leaving},
};
use crate::{
    core::{self, Ask, Input, Reply, State},
    model::{
        Approval, ApprovalId, AttemptId, Command, Question, Refusal, RefusalCode, Remember,
        Remembered, Resolution,
    },
    protocol::rest::NewApproval,
};
use std::{path::PathBuf, time::Duration};
use tokio::sync::broadcast::error::RecvError;

/// Longest name of a question, in bytes.
const MAX_KEY: usize = 200;
/// Longest question, all its words together, and longest reason, in bytes.
const MAX_QUESTION: usize = 16 << 10;
const MAX_WHY: usize = 1 << 10;
/// Longest note to an answer, in bytes.
const MAX_NOTE: usize = 4 << 10;

/// What somebody who holds something of an attempt's wants to know.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Names the question within its attempt, by what is held: a call's number, a
    /// connection's. Whoever asks again after the core died asks under the same key.
    pub key: String,
    pub question: Question,
    /// The rule that asks, or the reason: `builtin.push: publishes work`.
    pub why: String,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    pub approval: ApprovalId,
    pub verdict: Resolution,
    /// For whoever asked: the note of who answered, or what happened in place of an answer.
    pub why: String,
}

impl World {
    /// Holds the caller until `asking` is answered, from memory, by a user, or by its time
    /// running out, which denies.
    ///
    /// Idempotent by attempt and key: asked again under the same key, also of a later core,
    /// it is the same question with the same answer, and raises no second approval. The same
    /// question under another key joins one that is open. Dropping the future leaves the
    /// approval open; it is withdrawn (denied) when its attempt ends.
    ///
    /// # Errors
    /// There is no answer, and nothing may go ahead: the attempt is over or being stopped, or
    /// asks too much (`Conflict`), or this core is leaving (`Internal`: ask again).
    pub async fn ask(&self, attempt: &AttemptId, asking: Asking) -> Result<Ruling, Refusal> {
        // From before the question, so that no answer falls between the two.
        let mut commits = self.commits.subscribe();
        let id = self.raise(attempt, asking).await?;
        loop {
            let of = id.clone();
            let now = self.read(move |state| state.approvals.get(&of).cloned()).await?;
            let Some(now) = now else {
                let why = "it is not known any more".to_owned();
                return Ok(Ruling { approval: id, verdict: Resolution::Deny, why });
            };
            if let Some(verdict) = now.state.verdict() {
                let why = if now.note.is_empty() { now.state.to_string() } else { now.note };
                return Ok(Ruling { approval: id, verdict, why });
            }
            // A lag is as good as a commit: something happened.
            if let Err(RecvError::Closed) = commits.recv().await {
                return Err(leaving());
            }
        }
    }

    /// The approval that `asking` is, open or answered.
    async fn raise(&self, attempt: &AttemptId, asking: Asking) -> Result<ApprovalId, Refusal> {
        let Asking { key, question, why } = asking;
        let timeout_ms = Some(self.config.approvals.timeout_ms());
        let ask = Box::new(Ask { key, question, why, needs: self.approvers(), timeout_ms });
        match self.feed(Input::Asked { attempt: attempt.clone(), ask }).await? {
            Some(Reply::Approval(id)) => Ok(id),
            Some(
                Reply::Swarm(_)
                | Reply::Agent(_)
                | Reply::Item(_)
                | Reply::Items(_)
                | Reply::Leave(_)
                | Reply::Done,
            )
            | None => Err(leaving()),
        }
    }

    /// How many users an approval needs.
    pub fn approvers(&self) -> u32 {
        if self.config.approvals.four_eyes { 2 } else { 1 }
    }
}

impl Handle {
    /// By id, the oldest first; only those that `wanted` lets through.
    ///
    /// # Errors
    /// When the core is leaving.
    pub async fn approvals(
        &self,
        wanted: impl Fn(&Approval) -> bool + Send + 'static,
    ) -> Result<Vec<Approval>, Refusal> {
        self.world.read(move |state| approvals(state, wanted)).await
    }

    /// The id of an approval by its id, or by the agent whose only open one it is.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub async fn approval_id(&self, name: &str) -> Result<ApprovalId, Refusal> {
        let wanted = name.to_owned();
        let found = self.world.read(move |state| {
            let id = ApprovalId::new(wanted.as_str());
            if state.approvals.contains_key(&id) {
                return Some(vec![id]);
            }
            let agent = find_agent(state, &wanted)?;
            let open = approvals(state, |open| open.is_open() && open.agent == agent);
            Some(open.into_iter().map(|open| open.id).collect())
        });
        let found: Option<Vec<ApprovalId>> = found.await?;
        let (code, why, hint) = match found.as_deref() {
            Some([id]) => return Ok(id.clone()),
            Some([]) => (
                RefusalCode::NotFound,
                format!("agent {name} asks nothing"),
                "dash inbox".to_owned(),
            ),
            Some(several) => {
                let ids: Vec<&str> = several.iter().map(ApprovalId::as_str).collect();
                let why = format!("agent {name} asks {} questions", ids.len());
                (RefusalCode::Ambiguous, why, format!("choose: {}", ids.join(", ")))
            }
            None => {
                let why = format!("no approval and no agent is called {name:?}");
                (RefusalCode::NotFound, why, "dash inbox --all".to_owned())
            }
        };
        Err(Refusal::new(code, why).hinted(hint))
    }

    /// # Errors
    /// When there is no such approval.
    pub async fn approval(&self, id: &ApprovalId) -> Result<Approval, Refusal> {
        let of = id.clone();
        let found = self.world.read(move |state| state.approvals.get(&of).cloned()).await?;
        let none = || Refusal::new(RefusalCode::NotFound, format!("no approval {id}"));
        found.ok_or_else(|| none().hinted("dash inbox --all"))
    }

    /// Answers for whoever this handle acts for.
    ///
    /// # Errors
    /// When they may not, or it is answered already.
    pub async fn answer(
        &self,
        id: &ApprovalId,
        verdict: Resolution,
        remember: Remember,
        note: String,
        uid: Option<u32>,
    ) -> Result<Approval, Refusal> {
        if note.len() > MAX_NOTE {
            let why = format!("a note has at most {MAX_NOTE} bytes");
            return Err(Refusal::new(RefusalCode::Invalid, why));
        }
        let approval = id.clone();
        self.change(Command::Decide { approval, verdict, remember, note, uid }).await?;
        self.approval(id).await
    }

    /// # Errors
    /// When the core is leaving.
    pub async fn remembered_answers(&self) -> Result<Vec<Remembered>, Refusal> {
        self.world.read(|state| state.remembered.clone()).await
    }

    /// What an attempt asks on its own behalf; as it is once it is over, or after `wait`.
    ///
    /// # Errors
    /// When it is no question, or the attempt may not ask any more.
    pub async fn raise(
        &self,
        attempt: &AttemptId,
        new: NewApproval,
        wait: Duration,
    ) -> Result<Approval, Refusal> {
        let of = attempt.clone();
        let home = self.world.read(move |state| {
            let agent = &state.attempts.get(&of)?.agent;
            Some(core::agent_info(state, agent)?.cwd)
        });
        let asking = asking(new, home.await?.unwrap_or_default())?;
        let ruled = self.world.ask(attempt, asking.clone());
        let id = match tokio::time::timeout(wait, ruled).await {
            Ok(ruling) => ruling?.approval,
            // Asked again it is the same.
            Err(_) => self.world.raise(attempt, asking).await?,
        };
        let approval = self.approval(&id).await?;
        match &approval.question {
            Question::Command { argv, cwd, .. }
                if approval.state.verdict() == Some(Resolution::Approve) =>
            {
                self.still(&approval, argv.clone(), cwd.clone()).await?;
            }
            _ => {}
        }
        Ok(approval)
    }

    /// Refuses a command that is approved and that the rules have come to deny.
    async fn still(
        &self,
        approval: &Approval,
        argv: Vec<String>,
        cwd: PathBuf,
    ) -> Result<(), Refusal> {
        let asker = self.asker(Some(approval.agent.as_str().to_owned()), None, None).await?;
        // A hook asks about a line as a shell's.
        let words = match argv.as_slice() {
            [sh, c, line] if sh == "sh" && c == "-c" => Words::Line(line.clone()),
            _ => Words::Argv(argv, None),
        };
        match denied_by_now(&self.world, asker, Some(cwd), words).await? {
            None => Ok(()),
            Some(now) => {
                let why = format!("{} is approved, but: {}", approval.id, now.reason);
                Err(Refusal::new(RefusalCode::Forbidden, why))
            }
        }
    }
}

/// The oldest first.
pub fn approvals(state: &State, wanted: impl Fn(&Approval) -> bool) -> Vec<Approval> {
    let mut found: Vec<Approval> =
        state.approvals.values().filter(|approval| wanted(approval)).cloned().collect();
    found.sort_by_key(|approval| approval.id.number());
    found
}

/// An agent's own question, checked. That the agent itself asks stands before its reason, so
/// that it cannot pass for a rule's.
fn asking(new: NewApproval, home: PathBuf) -> Result<Asking, Refusal> {
    let bad = |why: String| Err(Refusal::new(RefusalCode::Invalid, why));
    let (key, question, why) = match new {
        NewApproval::Command { key, argv, cwd, why } => {
            let cwd = cwd.unwrap_or(home);
            (key, Question::Command { argv, cwd, covers: None }, why)
        }
        NewApproval::Network { key, host, port, why } => {
            (key, Question::Network { host: host.to_lowercase(), port }, why)
        }
        NewApproval::Escalation { key, text, why } => (key, Question::Escalation { text }, why),
    };
    if key.is_empty() || key.len() > MAX_KEY {
        return bad(format!("key: it names the question, with 1 to {MAX_KEY} bytes"));
    }
    let (field, size) = match &question {
        Question::Command { argv, cwd, .. } => {
            let words: usize = argv.iter().map(|word| word.len() + 1).sum();
            let empty = argv.first().is_none_or(String::is_empty);
            ("argv", if empty { 0 } else { words + cwd.as_os_str().len() })
        }
        Question::Network { host, .. } => ("host", host.len()),
        Question::Prompt { text, .. }
        | Question::Escalation { text }
        | Question::Branch { text }
        | Question::Key { text } => ("text", text.trim().len()),
    };
    match size {
        0 => return bad(format!("{field}: there is nothing in it to ask about")),
        1..=MAX_QUESTION => {}
        _ => return bad(format!("{field}: a question has at most {MAX_QUESTION} bytes")),
    }
    if why.len() > MAX_WHY {
        return bad(format!("why: a reason has at most {MAX_WHY} bytes"));
    }
    let why =
        if why.is_empty() { "the agent asks".to_owned() } else { format!("the agent asks: {why}") };
    Ok(Asking { key, question, why })
}

/// Runs the user's notification command, the approval as JSON on its standard input.
pub async fn notify(world: &Shared, id: ApprovalId) {
    let Some((program, args)) = world.config.approvals.notify.split_first() else { return };
    let of = id.clone();
    let open = world.read(move |state| state.approvals.get(&of).filter(|a| a.is_open()).cloned());
    let Ok(Some(approval)) = open.await else { return };
    let Ok(json) = serde_json::to_vec(&approval) else { return };
    if let Err(why) = notify::run(program, args, &json).await {
        tracing::warn!(approval = %id, %program, "approvals.notify: {why}");
    }
}
