//! The tools: from a model's arguments to a command line.
//!
//! Values are joined to their flags (`--task=…`) and names stand after `--`, so that nothing a
//! model writes is read as a flag.

use super::{Server, line};
use rmcp::{
    handler::server::wrapper::Parameters, model::CallToolResult, schemars, tool, tool_router,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::fmt::Display;

/// Lines of a log that are told where no number is named.
const LINES: usize = 100;

/// A command line in the making.
struct Words(Vec<String>);

impl Words {
    fn new(command: &str) -> Self {
        Self(command.split(' ').map(str::to_owned).collect())
    }

    fn flag(mut self, name: &str, wanted: Option<bool>) -> Self {
        if wanted == Some(true) {
            self.0.push(format!("--{name}"));
        }
        self
    }

    fn value(self, name: &str, value: Option<impl Display>) -> Self {
        self.values(name, value)
    }

    fn values<T: Display>(mut self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        self.0.extend(values.into_iter().map(|value| format!("--{name}={value}")));
        self
    }

    /// Ends the line.
    fn names(mut self, names: impl IntoIterator<Item = String>) -> Vec<String> {
        self.0.push("--".to_owned());
        self.0.extend(names);
        self.0
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PulseWish {
    /// The cursor of an earlier pulse: only what is new since then is told
    since: Option<u64>,
    /// With `since`: not before something asks, fails or ends, at most so long: "90s", "10m".
    /// Stay below the time that your client allows a tool
    wait: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SwarmWish {
    /// What each agent is to do; `{item}` and `{index}` are filled in where there are items
    task: Option<String>,
    /// How many agents; one without it
    agents: Option<u32>,
    /// Which kinds of agent, with counts: "claude:3,mini:2"; `doctor` knows which are installed
    agent: Option<String>,
    /// Models, dealt out in turn: "claude-sonnet-5,gpt-5"
    model: Option<String>,
    /// A queue: the agents take one after the other until none is left
    #[serde(default)]
    items: Vec<String>,
    /// An item for each file that fits this glob
    each: Option<String>,
    /// A command to run as the agent instead of a task, word by word
    #[serde(default)]
    command: Vec<String>,
    /// What all of them may spend together: "$50". A call that could exceed it is refused
    budget: Option<String>,
    /// What each agent may spend
    agent_budget: Option<String>,
    /// At most so many at once
    max: Option<u32>,
    /// At most so many model calls in flight, of all of them together
    calls: Option<u32>,
    /// Directories that may be written; the current one without it
    #[serde(default)]
    scope: Vec<String>,
    /// Directories that may be read beside that
    #[serde(default)]
    read: Vec<String>,
    /// Hosts that may be reached: "crates.example:443"; none without it
    #[serde(default)]
    net: Vec<String>,
    /// A git clone and branch for each agent
    worktree: Option<bool>,
    /// A shell command that must succeed after each agent: "cargo test"
    check: Option<String>,
    /// A JSON Schema that each agent's answer has to fit, else its attempt has failed
    schema: Option<serde_json::Map<String, serde_json::Value>>,
    /// For each attempt: "10m"
    timeout: Option<String>,
    /// Further attempts after a failed one
    retries: Option<u32>,
    /// A short name
    name: Option<String>,
    /// Say what would be created, in which scope and budget, and create nothing
    dry_run: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SpawnWish {
    /// What it is to do; without it the agent starts on its own screen and waits for `agent_send`
    task: Option<String>,
    /// Which kind of agent: "claude", "codex", "mini" …
    agent: Option<String>,
    /// Which model
    model: Option<String>,
    /// A command to run as the agent instead, word by word
    #[serde(default)]
    command: Vec<String>,
    /// What it and all that it spawns may spend: "$5"
    budget: Option<String>,
    /// Join this swarm instead of one of its own
    swarm: Option<String>,
    /// Directories that may be written
    #[serde(default)]
    scope: Vec<String>,
    /// A short name
    name: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneSwarm {
    /// Id or name: "sw-1"
    swarm: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneAgent {
    /// Id or name: "ag-07"
    agent: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListWish {
    /// Only those of this swarm
    swarm: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogWish {
    /// Id or name: "ag-07"
    agent: String,
    /// So many of the last lines; 100 without it
    lines: Option<usize>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SendWish {
    /// Id or name: "ag-07"
    agent: String,
    /// What to type; Enter follows unless `enter` is false
    text: Option<String>,
    /// Whether Enter follows the text
    enter: Option<bool>,
    /// Keys to press after the text: "C-c", "Up", "Escape"
    #[serde(default)]
    keys: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RetryWish {
    /// Id or name: "ag-07"
    agent: String,
    /// On this model from now on
    model: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StopWish {
    /// Ids or names of swarms ("sw-1") or agents ("ag-07"), one kind at a time
    ids: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AnswerWish {
    /// The question: "ap-3"
    id: String,
    /// Let it happen, or refuse it
    verdict: Verdict,
    /// For what the answer stands beside this question
    remember: Option<Reach>,
    /// A word for whoever asked
    note: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Approve,
    Deny,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Reach {
    Agent,
    Swarm,
    Always,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AccountWish {
    /// "core", or a swarm or agent by id or name; all without it
    account: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TopUpWish {
    /// "core", or a swarm or agent by id or name
    account: String,
    /// How much more: "$5"
    sum: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CostWish {
    /// A row for each agent, attempt, item, swarm, model, parent or day
    by: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AddWish {
    /// The swarm, by id or name: "sw-1"
    swarm: String,
    /// The items, one text each
    items: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DropWish {
    /// The swarm, by id or name: "sw-1"
    swarm: String,
    /// Numbers of items, as `item_list` shows them; or `last`
    #[serde(default)]
    items: Vec<u32>,
    /// So many of those that wait, from the end of the queue
    last: Option<u32>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ResultsWish {
    /// By id or name: "sw-1"
    swarm: String,
    /// With what is in each worktree, as a patch
    diff: Option<bool>,
}

#[tool_router(router = tool_router, vis = "pub(super)")]
impl Server {
    async fn line(&self, words: Vec<String>) -> CallToolResult {
        line::run(&self.target, words).await.into()
    }

    /// All swarms in a few tokens: what needs somebody first, then states, items and money. The
    /// last line is the cursor to give as `since` next time, which tells only what is new.
    #[tool(annotations(read_only_hint = true))]
    async fn pulse(&self, Parameters(wish): Parameters<PulseWish>) -> CallToolResult {
        let words = Words::new("pulse").value("since", wish.since).value("wait", wish.wait);
        self.line(words.0).await
    }

    /// Start a swarm: many agents on one task, or on a queue of items. Returns its id at once.
    #[tool]
    async fn swarm_create(&self, Parameters(wish): Parameters<SwarmWish>) -> CallToolResult {
        let words = Words::new("swarm create")
            .value("task", wish.task)
            .value("agents", wish.agents)
            .value("agent", wish.agent)
            .value("model", wish.model)
            .values("item", wish.items)
            .value("each", wish.each)
            .value("budget", wish.budget)
            .value("agent-budget", wish.agent_budget)
            .value("max", wish.max)
            .value("calls", wish.calls)
            .values("scope", wish.scope)
            .values("read", wish.read)
            .values("net", wish.net)
            .flag("worktree", wish.worktree)
            .value("check", wish.check)
            .value("schema", wish.schema.map(|schema| serde_json::Value::from(schema).to_string()))
            .value("timeout", wish.timeout)
            .value("retries", wish.retries)
            .value("name", wish.name)
            .flag("dry-run", wish.dry_run);
        let words = if wish.command.is_empty() { words.0 } else { words.names(wish.command) };
        self.line(words).await
    }

    /// All swarms, with states and items.
    #[tool(annotations(read_only_hint = true))]
    async fn swarm_list(&self) -> CallToolResult {
        self.line(Words::new("swarm list").0).await
    }

    /// How a swarm came out: every agent's final text, files, spend and stop reason, failures
    /// first.
    #[tool(annotations(read_only_hint = true))]
    async fn swarm_results(&self, Parameters(wish): Parameters<ResultsWish>) -> CallToolResult {
        let words = Words::new("swarm results --markdown").flag("diff", wish.diff);
        self.line(words.names([wish.swarm])).await
    }

    /// Add items to a swarm's queue.
    #[tool]
    async fn item_add(&self, Parameters(wish): Parameters<AddWish>) -> CallToolResult {
        let words = Words::new("item add").value("swarm", Some(wish.swarm));
        self.line(words.names(wish.items)).await
    }

    /// The items of a swarm: number, state, agent, attempts, text.
    #[tool(annotations(read_only_hint = true))]
    async fn item_list(&self, Parameters(wish): Parameters<OneSwarm>) -> CallToolResult {
        self.line(Words::new("item list").value("swarm", Some(wish.swarm)).0).await
    }

    /// Take items out of a swarm's queue that nobody has begun with, to save what they would cost.
    #[tool(annotations(destructive_hint = true))]
    async fn item_drop(&self, Parameters(wish): Parameters<DropWish>) -> CallToolResult {
        let words =
            Words::new("item drop").value("swarm", Some(wish.swarm)).value("last", wish.last);
        self.line(words.names(wish.items.iter().map(u32::to_string))).await
    }

    /// Start one agent on its own, or as one more of a swarm.
    #[tool]
    async fn agent_spawn(&self, Parameters(wish): Parameters<SpawnWish>) -> CallToolResult {
        let words = Words::new("agent spawn")
            .value("task", wish.task)
            .value("agent", wish.agent)
            .value("model", wish.model)
            .value("budget", wish.budget)
            .value("swarm", wish.swarm)
            .values("scope", wish.scope)
            .value("name", wish.name);
        let words = if wish.command.is_empty() { words.0 } else { words.names(wish.command) };
        self.line(words).await
    }

    /// A row for each agent: state, reason, model, cost, last line.
    #[tool(annotations(read_only_hint = true))]
    async fn agent_list(&self, Parameters(wish): Parameters<ListWish>) -> CallToolResult {
        self.line(Words::new("agent list").value("swarm", wish.swarm).0).await
    }

    /// One agent: state, attempts, scope, limits, usage.
    #[tool(annotations(read_only_hint = true))]
    async fn agent_show(&self, Parameters(wish): Parameters<OneAgent>) -> CallToolResult {
        self.line(Words::new("agent show").names([wish.agent])).await
    }

    /// Why an agent is in its state: the signals, their age, and the one that decided.
    #[tool(annotations(read_only_hint = true))]
    async fn agent_explain(&self, Parameters(wish): Parameters<OneAgent>) -> CallToolResult {
        self.line(Words::new("agent explain").names([wish.agent])).await
    }

    /// What an agent's terminal shows now.
    #[tool(annotations(read_only_hint = true))]
    async fn agent_screen(&self, Parameters(wish): Parameters<OneAgent>) -> CallToolResult {
        self.line(Words::new("agent screen").names([wish.agent])).await
    }

    /// The last lines that an agent printed, without control sequences.
    #[tool(annotations(read_only_hint = true))]
    async fn agent_log(&self, Parameters(wish): Parameters<LogWish>) -> CallToolResult {
        let mut printed =
            line::run(&self.target, Words::new("agent log").names([wish.agent])).await;
        if !printed.failed {
            let lines: Vec<&str> = printed.text.lines().collect();
            let from = lines.len().saturating_sub(wish.lines.unwrap_or(LINES));
            printed.text = lines[from..].join("\n");
        }
        printed.into()
    }

    /// Type into an agent's terminal. A permission prompt that it shows is answered by `answer`.
    #[tool]
    async fn agent_send(&self, Parameters(wish): Parameters<SendWish>) -> CallToolResult {
        let words = Words::new("agent send")
            .flag("no-enter", wish.enter.map(|enter| !enter))
            .flag("enter", wish.enter)
            .values("keys", wish.keys);
        self.line(words.names(std::iter::once(wish.agent).chain(wish.text))).await
    }

    /// Let a failed or stopped agent try again, in the same session where it can.
    #[tool]
    async fn agent_retry(&self, Parameters(wish): Parameters<RetryWish>) -> CallToolResult {
        self.line(Words::new("agent retry").value("model", wish.model).names([wish.agent])).await
    }

    /// Stop swarms or agents, with all that they started. Their work and records stay.
    #[tool(annotations(destructive_hint = true))]
    async fn stop(&self, Parameters(wish): Parameters<StopWish>) -> CallToolResult {
        let agents = wish.ids.iter().all(|id| id.starts_with("ag-"));
        let command = if agents { "agent stop" } else { "swarm stop" };
        self.line(Words::new(command).names(wish.ids)).await
    }

    /// What waits for an answer: commands, hosts, agents' own prompts, escalations.
    #[tool(annotations(read_only_hint = true))]
    async fn inbox(&self) -> CallToolResult {
        self.line(Words::new("inbox").0).await
    }

    /// Approve or deny what waits in the inbox.
    #[tool]
    async fn answer(&self, Parameters(wish): Parameters<AnswerWish>) -> CallToolResult {
        let command = match wish.verdict {
            Verdict::Approve => "approve",
            Verdict::Deny => "deny",
        };
        let reach = wish.remember.map(|reach| match reach {
            Reach::Agent => "agent",
            Reach::Swarm => "swarm",
            Reach::Always => "always",
        });
        let words = Words::new(command).value("remember", reach).value("note", wish.note);
        self.line(words.names([wish.id])).await
    }

    /// What may be spent, what is spent and reserved, and what it will come to (estimated).
    #[tool(annotations(read_only_hint = true))]
    async fn budget_show(&self, Parameters(wish): Parameters<AccountWish>) -> CallToolResult {
        self.line(Words::new("budget show").names(wish.account)).await
    }

    /// Let an account spend more; agents that were paused for it go on.
    #[tool]
    async fn budget_top_up(&self, Parameters(wish): Parameters<TopUpWish>) -> CallToolResult {
        self.line(Words::new("budget top-up").names([wish.account, wish.sum])).await
    }

    /// What was spent, with tokens.
    #[tool(annotations(read_only_hint = true))]
    async fn cost(&self, Parameters(wish): Parameters<CostWish>) -> CallToolResult {
        self.line(Words::new("cost").value("by", wish.by).0).await
    }
}
