//! The table of operations: what each route takes and gives.

use super::{describe::Operation, examples};
use crate::{
    model::{
        AccountInfo, AgentInfo, AgentResult, AgentSpec, Approval, AuditReport, AuditRow, CostRow,
        Explanation, Item, Judgement, PriceRow, Pulse, Remembered, SwarmInfo, SwarmResults,
        SwarmSpec,
    },
    protocol::{
        keeper::ScreenDump,
        rest::{
            AdapterCheck, AdapterFile, Answer, BudgetBody, Change, DoctorReport, Health, InputBody,
            ItemsChange, NewApproval, NewItem, PolicyQuestion, PolicyRules, Removed, Shutdown,
            Ticket, TicketBody,
        },
        stream::ServerMessage,
    },
    server::{agents, approvals, audit, budgets, events, log, policy, pty, pulse, routes, swarms},
};
use serde_json::{Map, Value, json};

const ACTOR: [&str; 3] =
    ["Dash-Actor", "^[!-~]{1,64}$", "Who answers, on the user's own socket; its user if not said."];
const KEY: [&str; 3] = [
    "Idempotency-Key",
    "^[ -~]{1,200}$",
    "Asked again under the same key, nothing more is done, and the answer is about what the first \
     one made; another request under it is refused (409). The newest 4096 are known.",
];
const IF_MATCH: [&str; 3] = [
    "If-Match",
    "^(\\*|\"[!#-~]+\")$",
    "The `ETag` that `showBudget` gave: refused (412) where the limits are others by now.",
];
const TEXT: &str = "text/plain";

fn get(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new("get", path, id, summary)
}

fn post(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new("post", path, id, summary)
}

fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new("patch", path, id, summary)
}

fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new("delete", path, id, summary)
}

pub fn operations() -> Vec<Operation> {
    let all = [core(), swarms(), agents(), terminals(), money(), rules(), inbox(), history()];
    all.into_iter().flatten().collect()
}

fn core() -> Vec<Operation> {
    vec![
        get("/v1/health", "health", "The core itself")
            .gives::<Health>()
            .like::<Health>(examples::health()),
        get("/v1/openapi.json", "openapi", "This document").gives::<Map<String, Value>>(),
        get("/v1/doctor", "doctor", "What this machine and this instance can do")
            .query::<routes::ForAgents>()
            .gives::<DoctorReport>(),
        post("/v1/doctor/adapter", "checkAdapter", "What an adapter file says and would start")
            .takes::<AdapterFile>(json!({
                "file": "echo.toml", "text": "name = \"echo\"\n", "cwd": "/tmp",
            }))
            .gives::<AdapterCheck>(),
        post("/v1/shutdown", "shutdown", "The core leaves; agents run on unless they are to stop")
            .takes::<Shutdown>(json!({"agents": false}))
            .says(202)
            .refuses([409]),
    ]
}

fn swarms() -> Vec<Operation> {
    vec![
        get("/v1/swarms", "listSwarms", "All swarms").gives::<Vec<SwarmInfo>>(),
        post(
            "/v1/swarms",
            "createSwarm",
            "Makes a swarm; with `dry_run` says what would be made (200)",
        )
        .query::<swarms::Rehearsal>()
        .header(KEY)
        .takes::<SwarmSpec>(json!({
            "task": "say {item}", "items": ["one", "two"], "agents": 2, "cwd": "/tmp",
            "adapters": [{"adapter": "command"}], "command": ["echo", "{item}"], "budget": "$1",
        }))
        .creates::<SwarmInfo>()
        .gives::<SwarmSpec>()
        .refuses([404, 409, 410]),
        get("/v1/swarms/{id}", "showSwarm", "One swarm; with `wait`, once it is over")
            .query::<swarms::Wait>()
            .gives::<SwarmInfo>()
            .like::<SwarmInfo>(examples::swarm()),
        patch(
            "/v1/swarms/{id}",
            "changeSwarm",
            "Stops, pauses or resumes: `state` is `stopped`, `paused` or `working`",
        )
        .takes::<Change>(json!({"state": "paused"}))
        .gives::<SwarmInfo>(),
        delete("/v1/swarms/{id}", "removeSwarm", "Forgets a swarm that is over, with recordings")
            .query::<swarms::Removal>()
            .gives::<Removed>(),
        get("/v1/swarms/{id}/results", "swarmResults", "What its agents made; failures first")
            .query::<swarms::With>()
            .gives::<SwarmResults>(),
        get("/v1/items", "listItems", "A swarm's queue")
            .query::<swarms::OfSwarm>()
            .needs("swarm")
            .gives::<Vec<Item>>()
            .refuses([404, 409]),
        post("/v1/items", "addItem", "Adds to a swarm's queue")
            .header(KEY)
            .takes::<NewItem>(json!({"swarm": "sw-1", "text": "three"}))
            .creates::<Item>()
            .refuses([404, 409, 410]),
        patch("/v1/items", "changeItems", "Drops items, or puts them back; gives those changed")
            .takes::<ItemsChange>(json!({"swarm": "sw-1", "state": "dropped", "items": [2]}))
            .gives::<Vec<Item>>()
            .refuses([404, 409]),
    ]
}

fn agents() -> Vec<Operation> {
    vec![
        get("/v1/agents", "listAgents", "All agents, or those of a swarm")
            .query::<swarms::OfSwarm>()
            .gives::<Vec<AgentInfo>>()
            .refuses([404, 409]),
        post(
            "/v1/agents",
            "spawnAgent",
            "Spawns an agent; from inside an agent its child. With `dry_run` says what would be \
             made (200)",
        )
        .query::<swarms::Rehearsal>()
        .header(KEY)
        .takes::<AgentSpec>(json!({
            "name": "echo", "adapter": "command", "command": ["echo", "done"], "cwd": "/tmp",
        }))
        .creates::<AgentInfo>()
        .gives::<AgentSpec>()
        .refuses([404, 409, 410]),
        get("/v1/agents/{id}", "showAgent", "One agent; with `wait`, once it is over")
            .query::<swarms::Wait>()
            .gives::<AgentInfo>()
            .like::<AgentInfo>(examples::agent()),
        patch(
            "/v1/agents/{id}",
            "changeAgent",
            "Stops, pauses, resumes, tries again or resizes: `state` is `stopped`, `paused`, \
             `working` or `queued` (that one also with `model`); or `size`",
        )
        .takes::<Change>(json!({"state": "stopped"}))
        .gives::<AgentInfo>(),
        get("/v1/agents/{id}/explain", "explainAgent", "Which signal decided its state")
            .gives::<Explanation>(),
        get("/v1/agents/{id}/results", "agentResults", "What it made, one for each item tried")
            .gives::<Vec<AgentResult>>(),
        post("/v1/hooks", "tell", "What an agent's own hook tells of it; from inside alone")
            .takes::<Map<String, Value>>(json!({"hook_event_name": "Stop"}))
            .says(204)
            .refuses([409]),
    ]
}

fn terminals() -> Vec<Operation> {
    vec![
        get("/v1/agents/{id}/screen", "screen", "Its screen, as text and as what draws it")
            .query::<agents::OfAttempt>()
            .gives::<ScreenDump>(),
        get("/v1/agents/{id}/log", "log", "All that it printed, as a stream")
            .query::<log::Wish>()
            .gives_as::<String>(200, "application/octet-stream")
            .gives_as::<String>(200, TEXT)
            .gives_as::<String>(200, "application/x-asciicast"),
        post("/v1/agents/{id}/input", "type", "Types into its terminal: text, keys, then Enter")
            .takes::<InputBody>(json!({"text": "go on", "keys": ["C-c"], "enter": true}))
            .says(204),
        post("/v1/agents/{id}/ticket", "ticket", "A ticket for its keeper's own socket")
            .takes::<TicketBody>(json!({"read_only": true}))
            .gives::<Ticket>(),
        get(
            "/v1/agents/{id}/pty",
            "pty",
            "Its terminal as a WebSocket: binary messages are bytes, both ways; text is JSON, \
             `{\"resize\": {\"cols\", \"rows\"}}` to it, `{\"type\": \"size\" | \"ended\" | \
             \"refused\"}` from it",
        )
        .query::<pty::Wish>()
        .says(101)
        .refuses([426]),
    ]
}

fn money() -> Vec<Operation> {
    vec![
        get("/v1/budgets", "listBudgets", "All accounts").gives::<Vec<AccountInfo>>(),
        get("/v1/budgets/{id}", "showBudget", "One account; its `ETag` is of its limits")
            .gives::<AccountInfo>(),
        patch("/v1/budgets/{id}", "changeBudget", "Sets a limit, or adds to it")
            .header(KEY)
            .header(IF_MATCH)
            .refuses([409, 410, 412])
            .takes::<BudgetBody>(json!({"top_up": "$5"}))
            .gives::<AccountInfo>(),
        get(
            "/v1/ledger",
            "costs",
            "What was spent, summed by `by`; by agent where nothing is said",
        )
        .query::<budgets::By>()
        .gives::<Vec<CostRow>>(),
        get("/v1/prices", "prices", "What models cost, in dollars per million tokens")
            .gives::<Vec<PriceRow>>(),
    ]
}

fn rules() -> Vec<Operation> {
    vec![
        get("/v1/policy", "policy", "The rules on commands in force in a directory")
            .query::<policy::In>()
            .gives::<PolicyRules>(),
        post("/v1/policy/check", "checkCommand", "May this be run?")
            .takes::<PolicyQuestion>(json!({"argv": ["git", "push"], "cwd": "/tmp"}))
            .gives::<Judgement>()
            .refuses([404, 409]),
    ]
}

fn inbox() -> Vec<Operation> {
    vec![
        get("/v1/approvals", "listApprovals", "The inbox; with `wait`, once something is in it")
            .query::<approvals::Wanted>()
            .gives::<Vec<Approval>>()
            .refuses([404, 409]),
        post("/v1/approvals", "ask", "Asks; from inside alone. With `wait`, once it is answered")
            .query::<swarms::Wait>()
            .takes::<NewApproval>(json!({
                "kind": "command", "key": "push-1", "argv": ["git", "push"], "why": "it is done",
            }))
            .creates::<Approval>()
            .refuses([409]),
        get("/v1/approvals/{id}", "showApproval", "One; with `wait`, once it is over")
            .query::<swarms::Wait>()
            .gives::<Approval>(),
        patch("/v1/approvals/{id}", "answer", "Answers it")
            .header(ACTOR)
            .takes::<Answer>(json!({"verdict": "approve", "remember": "once", "note": "go"}))
            .gives::<Approval>(),
        get("/v1/remembered", "listRemembered", "Answers that later questions get at once")
            .gives::<Vec<Remembered>>(),
        delete("/v1/remembered/{number}", "forget", "Forgets one").header(ACTOR).says(204),
    ]
}

fn history() -> Vec<Operation> {
    vec![
        get(
            "/v1/events",
            "events",
            "Events as they happen: a WebSocket where the client upgrades, else server-sent \
             events; each message is one JSON object, an event's `id` its `seq`",
        )
        .query::<events::Wish>()
        .header(["Last-Event-ID", "^[0-9]+$", "Stands for `since`."])
        .gives_as::<ServerMessage>(200, "text/event-stream")
        .says(101)
        .refuses([404, 409, 410]),
        get(
            "/v1/pulse",
            "pulse",
            "The swarms in a few words: JSON, or text for a model with `Accept: text/plain`",
        )
        .query::<pulse::Wish>()
        .gives::<Pulse>()
        .like::<Pulse>(examples::pulse())
        .gives_as::<String>(200, TEXT),
        get("/v1/audit", "audit", "Who did what, by whose leave: a row a line, the oldest first")
            .query::<audit::Wish>()
            .gives_as::<AuditRow>(200, "application/x-ndjson")
            .refuses([404, 409]),
        get("/v1/audit/verify", "verifyAudit", "Whether the chain of the audit is whole")
            .gives::<AuditReport>(),
    ]
}
