//! The calls of `protocol::rest`, typed. A swarm or agent is named by its id or its name.

use super::{
    error::{ClientError, Result},
    http::{Body, Client, escape},
};
use crate::{
    model::{
        AccountInfo, AgentInfo, AgentResult, AgentSpec, AgentState, Approval, AuditReport, CostRow,
        Explanation, Item, Judgement, Pulse, Remembered, SwarmId, SwarmInfo, SwarmResults,
        SwarmSpec,
    },
    protocol::{
        keeper::ScreenDump,
        rest::{
            AdapterCheck, AdapterFile, Answer, BudgetBody, Change, DoctorReport, InputBody,
            ItemsChange, NewApproval, NewItem, PolicyQuestion, PolicyRules, Removed, Shutdown,
        },
    },
};
use hyper::Method;
use std::{path::Path, time::Duration};

/// A doctor asks every agent program for its version, and gives each 10 s.
const DOCTOR: Duration = Duration::from_secs(30);
/// A worktree is removed, or looked at, for each agent, one after the other.
const TREES: Duration = Duration::from_secs(300);

/// Every row of a long history is read and hashed.
const VERIFY: Duration = Duration::from_secs(600);

/// Longest that one look may take which waits for an end, in seconds.
const LOOK: u64 = 5;
/// The same of one that waits for somebody's answer.
const ANSWER: u64 = 300;

fn swarm_path(swarm: &str) -> String {
    format!("/v1/swarms/{}", escape(swarm))
}

fn agent_path(agent: &str) -> String {
    format!("/v1/agents/{}", escape(agent))
}

fn approval_path(approval: &str) -> String {
    format!("/v1/approvals/{}", escape(approval))
}

impl Client {
    pub async fn accounts(&self) -> Result<Vec<AccountInfo>> {
        self.get("/v1/budgets").await
    }

    /// The account of `core`, or of a swarm or agent by id or name.
    pub async fn account(&self, name: &str) -> Result<AccountInfo> {
        self.get(&format!("/v1/budgets/{}", escape(name))).await
    }

    pub async fn set_budget(&self, name: &str, body: &BudgetBody) -> Result<AccountInfo> {
        self.make(Method::PATCH, &format!("/v1/budgets/{}", escape(name)), body).await
    }

    /// By `agent`, `attempt`, `item`, `swarm`, `model`, `parent` or `day`.
    pub async fn costs(&self, by: &str) -> Result<Vec<CostRow>> {
        self.get(&format!("/v1/ledger?by={}", escape(by))).await
    }

    /// Everything, or what is new after the cursor of an earlier one.
    pub async fn pulse(&self, since: Option<u64>) -> Result<Pulse> {
        let since = since.map(|since| format!("?since={since}")).unwrap_or_default();
        self.get(&format!("/v1/pulse{since}")).await
    }

    /// What is new after `since`, once it needs somebody or tells an end, or after some seconds.
    pub async fn pulse_that_calls(&self, since: u64, seconds: u64) -> Result<Pulse> {
        let client = self.within(Duration::from_secs(seconds) + DOCTOR);
        client.get(&format!("/v1/pulse?since={since}&wait={seconds}")).await
    }

    /// `path`: of the agents that whoever asks would start; none: the core's own.
    pub async fn doctor(&self, path: Option<&str>) -> Result<DoctorReport> {
        let path = path.map(|path| format!("?path={}", escape(path))).unwrap_or_default();
        self.within(DOCTOR).get(&format!("/v1/doctor{path}")).await
    }

    pub async fn doctor_adapter(&self, file: &AdapterFile) -> Result<AdapterCheck> {
        self.within(DOCTOR).post("/v1/doctor/adapter", file).await
    }

    /// Asks the core to leave; with `agents` it stops them first. A core that is gone before
    /// it could answer did what was asked.
    pub async fn shutdown(&self, agents: bool) -> Result<()> {
        match self.post("/v1/shutdown", &Shutdown { agents }).await {
            Ok(serde_json::Value::Null | _) | Err(ClientError::Lost(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub async fn swarms(&self) -> Result<Vec<SwarmInfo>> {
        self.get("/v1/swarms").await
    }

    pub async fn create_swarm(&self, spec: &SwarmSpec) -> Result<SwarmInfo> {
        self.make(Method::POST, "/v1/swarms", spec).await
    }

    /// What would come of it, with `granted` filled in; refused as the real thing would be.
    pub async fn rehearse_swarm(&self, spec: &SwarmSpec) -> Result<SwarmSpec> {
        self.post("/v1/swarms?dry_run=true", spec).await
    }

    pub async fn swarm(&self, swarm: &str) -> Result<SwarmInfo> {
        self.get(&swarm_path(swarm)).await
    }

    /// As it is once it is over, or after some seconds.
    pub async fn swarm_over(&self, swarm: &str) -> Result<SwarmInfo> {
        self.get(&format!("{}?wait={LOOK}", swarm_path(swarm))).await
    }

    pub async fn stop_swarm(&self, swarm: &str) -> Result<SwarmInfo> {
        let change = Change { state: Some(AgentState::Stopped), ..Change::default() };
        self.patch(&swarm_path(swarm), &change).await
    }

    pub async fn pause_swarm(&self, swarm: &str) -> Result<SwarmInfo> {
        let change = Change { state: Some(AgentState::Paused), ..Change::default() };
        self.patch(&swarm_path(swarm), &change).await
    }

    pub async fn resume_swarm(&self, swarm: &str) -> Result<SwarmInfo> {
        let change = Change { state: Some(AgentState::Working), ..Change::default() };
        self.patch(&swarm_path(swarm), &change).await
    }

    /// With `force` also one whose agents left files that are held.
    pub async fn remove_swarm(&self, swarm: &str, force: bool) -> Result<Removed> {
        let asked = if force { "?force=true" } else { "" };
        self.within(TREES).delete(&format!("{}{asked}", swarm_path(swarm))).await
    }

    pub async fn results(&self, swarm: &str) -> Result<SwarmResults> {
        self.get(&format!("{}/results", swarm_path(swarm))).await
    }

    /// The same with what is in its agents' worktrees.
    pub async fn results_with_diffs(&self, swarm: &str) -> Result<SwarmResults> {
        self.within(TREES).get(&format!("{}/results?diff=true", swarm_path(swarm))).await
    }

    pub async fn agents(&self, swarm: Option<&str>) -> Result<Vec<AgentInfo>> {
        match swarm {
            Some(swarm) => self.get(&format!("/v1/agents?swarm={}", escape(swarm))).await,
            None => self.get("/v1/agents").await,
        }
    }

    pub async fn spawn_agent(&self, spec: &AgentSpec) -> Result<AgentInfo> {
        self.make(Method::POST, "/v1/agents", spec).await
    }

    /// As [`Self::rehearse_swarm`].
    pub async fn rehearse_agent(&self, spec: &AgentSpec) -> Result<AgentSpec> {
        self.post("/v1/agents?dry_run=true", spec).await
    }

    pub async fn agent(&self, agent: &str) -> Result<AgentInfo> {
        self.get(&agent_path(agent)).await
    }

    /// As it is once it is over, or after some seconds.
    pub async fn agent_over(&self, agent: &str) -> Result<AgentInfo> {
        self.get(&format!("{}?wait={LOOK}", agent_path(agent))).await
    }

    pub async fn stop_agent(&self, agent: &str) -> Result<AgentInfo> {
        let change = Change { state: Some(AgentState::Stopped), ..Change::default() };
        self.patch(&agent_path(agent), &change).await
    }

    /// Another attempt at the last item of an agent that is over.
    pub async fn retry_agent(&self, agent: &str, model: Option<String>) -> Result<AgentInfo> {
        let change = Change { state: Some(AgentState::Queued), model, ..Change::default() };
        self.patch(&agent_path(agent), &change).await
    }

    /// Holds it and its calls until it is resumed.
    pub async fn pause_agent(&self, agent: &str) -> Result<AgentInfo> {
        let change = Change { state: Some(AgentState::Paused), ..Change::default() };
        self.patch(&agent_path(agent), &change).await
    }

    /// Also a branch that was held because children of the agent failed too often.
    pub async fn resume_agent(&self, agent: &str) -> Result<AgentInfo> {
        let change = Change { state: Some(AgentState::Working), ..Change::default() };
        self.patch(&agent_path(agent), &change).await
    }

    pub async fn explain(&self, agent: &str) -> Result<Explanation> {
        self.get(&format!("{}/explain", agent_path(agent))).await
    }

    pub async fn agent_results(&self, agent: &str) -> Result<Vec<AgentResult>> {
        self.get(&format!("{}/results", agent_path(agent))).await
    }

    pub async fn screen(&self, agent: &str, attempt: Option<u32>) -> Result<ScreenDump> {
        let query = attempt.map(|n| format!("?attempt={n}")).unwrap_or_default();
        self.get(&format!("{}/screen{query}", agent_path(agent))).await
    }

    /// `format` is `raw`, `text` or `cast`; with `follow` the stream ends with the attempt.
    pub async fn log(
        &self,
        agent: &str,
        attempt: Option<u32>,
        format: &str,
        follow: bool,
    ) -> Result<Body> {
        let mut path = format!("{}/log?format={format}", agent_path(agent));
        if let Some(attempt) = attempt {
            path.push_str(&format!("&attempt={attempt}"));
        }
        if follow {
            path.push_str("&follow=1");
        }
        self.stream(&path).await
    }

    /// The last bytes of what an agent has printed, at most so many.
    pub async fn log_end(&self, agent: &str, bytes: u64) -> Result<Vec<u8>> {
        let path = format!("{}/log?format=raw&last={bytes}", agent_path(agent));
        let mut log = self.stream(&path).await?;
        let mut end = Vec::new();
        while let Some(piece) = log.next().await? {
            end.extend_from_slice(&piece);
        }
        Ok(end)
    }

    pub async fn send_input(&self, agent: &str, input: &InputBody) -> Result<()> {
        // An agent may have to draw its first screen before.
        self.within(DOCTOR).post(&format!("{}/input", agent_path(agent)), input).await
    }

    /// Audit rows as NDJSON, oldest first; `since` is a row's number or RFC 3339.
    pub async fn audit(
        &self,
        since: Option<&str>,
        agent: Option<&str>,
        swarm: Option<&str>,
    ) -> Result<Body> {
        let given = [("since", since), ("agent", agent), ("swarm", swarm)];
        let query: Vec<String> = given
            .into_iter()
            .filter_map(|(key, value)| Some(format!("{key}={}", escape(value?))))
            .collect();
        self.stream(&format!("/v1/audit?{}", query.join("&"))).await
    }

    pub async fn verify_audit(&self) -> Result<AuditReport> {
        self.within(VERIFY).get("/v1/audit/verify").await
    }

    /// Tells what one of the agent's own hooks was told, at its own socket.
    pub async fn tell_hook(&self, event: &serde_json::Value) -> Result<()> {
        self.post("/v1/hooks", event).await
    }

    /// What the rules say of a command.
    pub async fn judge(&self, question: &PolicyQuestion) -> Result<Judgement> {
        self.post("/v1/policy/check", question).await
    }

    /// The rules in force for what runs in `cwd`.
    pub async fn policy(&self, cwd: &Path, path: Option<&str>) -> Result<PolicyRules> {
        let path = path.map(|path| format!("&path={}", escape(path))).unwrap_or_default();
        self.get(&format!("/v1/policy?cwd={}{path}", escape(&cwd.to_string_lossy()))).await
    }

    /// What waits for an answer; with `all` also what does not any more.
    pub async fn approvals(&self, all: bool) -> Result<Vec<Approval>> {
        self.get(if all { "/v1/approvals?state=all" } else { "/v1/approvals" }).await
    }

    /// What waits for an answer, as soon as something does; empty after some seconds.
    pub async fn some_approvals(&self) -> Result<Vec<Approval>> {
        self.get(&format!("/v1/approvals?wait={LOOK}")).await
    }

    /// By id, or by the agent whose only open one it is.
    pub async fn approval(&self, approval: &str) -> Result<Approval> {
        self.get(&approval_path(approval)).await
    }

    /// Asks on an attempt's own behalf, at its own socket; as it is once it is answered, or
    /// after some minutes. The same question again under the same key is the same approval.
    pub async fn raise(&self, new: &NewApproval) -> Result<Approval> {
        let limit = Duration::from_secs(ANSWER + 2 * LOOK);
        self.within(limit).post(&format!("/v1/approvals?wait={ANSWER}"), new).await
    }

    pub async fn answer(&self, approval: &str, answer: &Answer) -> Result<Approval> {
        self.patch(&approval_path(approval), answer).await
    }

    pub async fn remembered(&self) -> Result<Vec<Remembered>> {
        self.get("/v1/remembered").await
    }

    pub async fn forget_answer(&self, number: u64) -> Result<()> {
        self.delete(&format!("/v1/remembered/{number}")).await
    }

    pub async fn items(&self, swarm: &str) -> Result<Vec<Item>> {
        self.get(&format!("/v1/items?swarm={}", escape(swarm))).await
    }

    /// Takes items out of a queue, or puts them back: those that were changed.
    pub async fn change_items(&self, change: &ItemsChange) -> Result<Vec<Item>> {
        self.patch("/v1/items", change).await
    }

    pub async fn add_item(&self, swarm: &str, text: String) -> Result<Item> {
        let item = NewItem { swarm: SwarmId::new(swarm), text };
        self.make(Method::POST, "/v1/items", &item).await
    }
}
