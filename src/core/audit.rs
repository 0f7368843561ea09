//! What of all that is decided goes into the audit. Every event says here whether it is
//! audited: a new one cannot be forgotten. What makes no event (a refused request, a
//! terminal that is opened) reaches the core as [`Input::Note`].

use super::{
    state::State,
    step::{Decision, Draft, Input, KeeperNews, Reply, Timer},
};
use crate::model::{
    Actor, AuditDraft, Caps, Command, Dropped, Event, Limits, Question, Scope, argv_digest, masked,
    masked_line,
};
use std::path::Path;

/// Whoever is behind an input, and by whose leave.
pub(super) struct Behind {
    who: Actor,
    leave: &'static str,
}

/// Consequences that follow from the state alone.
pub(super) const SCHEDULE: Behind = Behind { who: Actor::Core, leave: "schedule" };

impl Behind {
    pub(super) fn of(input: &Input) -> Self {
        let core = |leave| Self { who: Actor::Core, leave };
        match input {
            Input::Request { by, .. } | Input::Typed { by, .. } => {
                Self { who: by.clone(), leave: by.leave() }
            }
            Input::Due(Timer::Timeout { .. } | Timer::Approval { .. }) => core("timeout"),
            Input::Due(Timer::Retry { .. }) => core("retries"),
            Input::Keeper { news: KeeperNews::Cut { .. }, .. } => core("recording's cap"),
            Input::Keeper { news: KeeperNews::LimitReached { .. }, .. } => core("limits"),
            Input::Held { .. } => core("protected paths"),
            Input::Connected { .. } => core("--net"),
            Input::Keeper { .. } | Input::Ended { .. } => core("keeper"),
            Input::WorktreeMade { .. } => core("--worktree"),
            Input::PricesChanged => core("price files"),
            Input::Start { .. }
            | Input::Signal { .. }
            | Input::Prompted { .. }
            | Input::Asked { .. }
            | Input::Unasked { .. }
            | Input::GoOn { .. }
            | Input::Session { .. }
            | Input::TookUp { .. }
            | Input::ModelCall { .. }
            | Input::Reserve { .. }
            | Input::Note(_) => core("core"),
        }
    }
}

/// Adds what the decision's events are to the audit, and the request: to the row that says
/// what came of it, else as one of its own.
pub(super) fn record(decision: &mut Decision, behind: &Behind, asked: Option<AuditDraft>) {
    let mut rows: Vec<AuditDraft> =
        decision.events.iter().filter_map(|draft| of_event(draft, behind)).collect();
    if let Some(asked) = asked {
        // What a swarm's agents may use is what it was made with.
        if asked.action == "swarm.create" {
            for spawned in rows.iter_mut().filter(|row| row.action == "agent.spawn") {
                for key in ["limits", "timeout_ms"] {
                    if let Some(value) = asked.detail.get(key) {
                        spawned.detail.entry(key).or_insert_with(|| value.clone());
                    }
                }
            }
        }
        match rows.iter_mut().find(|row| row.action == asked.action) {
            Some(row) => {
                for (key, value) in asked.detail {
                    row.detail.entry(key).or_insert(value);
                }
            }
            None => rows.insert(0, asked),
        }
    }
    rows.append(&mut decision.audit);
    decision.audit = rows;
}

/// The row of a request, as far as the request says it.
pub(super) fn asked(input: &Input) -> Option<AuditDraft> {
    let Input::Request { by, command, .. } = input else { return None };
    let row = |action| AuditDraft::new(by, action);
    Some(match command {
        Command::CreateSwarm { spec } => {
            let row = row("swarm.create");
            let row = row.with("check", masked_line(spec.check.as_deref().unwrap_or_default()));
            let row = to_do(row, &spec.task, &spec.command, &spec.cwd);
            let row = limited(row, spec.limits, spec.timeout_ms);
            scoped(row, spec.granted.as_ref(), spec.no_sandbox)
        }
        Command::SpawnAgent { spec } => {
            let row = to_do(row("agent.spawn"), &spec.task, &spec.command, &spec.cwd);
            let row = limited(row, spec.limits, spec.timeout_ms);
            let row = scoped(row, spec.granted.as_ref(), spec.no_sandbox);
            let row = capped(row, spec.caps);
            match spec.narrowed.as_slice() {
                [] => row,
                narrowed => row.with("narrowed", narrowed.to_vec()),
            }
        }
        Command::AddItem { swarm, text } => {
            row("item.add").on_swarm(swarm).with("text", masked_line(text))
        }
        Command::DropItems { swarm, which } => {
            let row = row("item.drop").on_swarm(swarm);
            match which {
                Dropped::Items(items) => row.with("items", items.clone()),
                Dropped::Last(count) => row.with("last", *count),
            }
        }
        Command::RestoreItems { swarm, items } => {
            row("item.restore").on_swarm(swarm).with("items", items.clone())
        }
        Command::StopSwarm { swarm } => row("swarm.stop").on_swarm(swarm),
        Command::StopAgent { agent } => row("agent.stop").on_agent(agent),
        Command::RetryAgent { agent, model } => {
            let model = model.as_deref().unwrap_or_default();
            row("agent.retry").on_agent(agent).with("model", model)
        }
        Command::PauseAgent { agent } => row("agent.pause").on_agent(agent),
        Command::PauseSwarm { swarm } => row("swarm.pause").on_swarm(swarm),
        Command::ResumeAgent { agent } => row("agent.resume").on_agent(agent),
        Command::ResumeSwarm { swarm } => row("swarm.resume").on_swarm(swarm),
        Command::Decide { approval, verdict, remember, note, uid } => {
            let row = row("approval.answer")
                .with("approval", approval.as_str())
                .with("verdict", verdict.word())
                .with("remember", remember.word())
                .with("note", masked_line(note));
            // Names are taken at their word, the account is not.
            uid.map_or(row.clone(), |uid| row.with("uid", uid))
        }
        Command::Forget { remembered } => row("approval.forget").with("number", *remembered),
        Command::RemoveSwarm { swarm } => row("swarm.remove").on_swarm(swarm),
        Command::SetBudget { account, .. } => {
            row("budget.set").with("account", account.to_string())
        }
        Command::StopAll => row("agents.stop"),
    })
}

/// The request's row with what came of it.
pub(super) fn answered(state: &State, mut asked: AuditDraft, decision: &Decision) -> AuditDraft {
    let makes = matches!(asked.action, "swarm.create" | "agent.spawn" | "item.add" | "budget.set");
    if makes && decision.events.is_empty() {
        asked = asked.with("again", true);
    }
    match &decision.reply {
        Some(Reply::Swarm(swarm)) => asked.swarm = Some(swarm.clone()),
        Some(Reply::Agent(agent)) => asked.agent = Some(agent.clone()),
        Some(Reply::Items(items)) => asked = asked.with("items", items.clone()),
        Some(Reply::Item(item)) => asked = asked.with("item", item.index),
        Some(Reply::Approval(_) | Reply::Leave(_) | Reply::Done) | None => {}
    }
    placed(state, asked)
}

/// With the swarm of its agent.
pub(super) fn placed(state: &State, mut row: AuditDraft) -> AuditDraft {
    if row.swarm.is_none() {
        let agent = row.agent.as_ref().and_then(|id| state.agents.get(id));
        row.swarm = agent.map(|agent| agent.swarm.clone());
    }
    row
}

fn of_event(draft: &Draft, behind: &Behind) -> Option<AuditDraft> {
    let row = |action| AuditDraft {
        swarm: draft.swarm.clone(),
        agent: draft.agent.clone(),
        attempt: draft.attempt.clone(),
        ..AuditDraft::new(&behind.who, action).by_leave_of(behind.leave)
    };
    Some(match &draft.event {
        Event::SwarmCreated { name, .. } => row("swarm.create").with("name", name.as_str()),
        Event::AgentAdded { adapter, model, parent, grant, .. } => {
            let parent = parent.as_ref().map_or("", |id| id.as_str());
            let row = row("agent.spawn")
                .with("adapter", adapter.as_str())
                .with("model", model.as_str())
                .with("parent", parent);
            let own = grant.own.as_ref();
            let row =
                limited(row, own.and_then(|own| own.limits), own.and_then(|own| own.timeout_ms));
            scoped(capped(row, grant.caps), grant.scope.as_ref(), false)
        }
        Event::BranchHeld { failures, within_ms } => {
            row("branch.hold").with("failures", *failures).with("within_ms", *within_ms)
        }
        Event::BranchResumed => row("branch.resume"),
        Event::AgentPaused => row("agent.pause"),
        Event::AgentResumed => row("agent.resume"),
        Event::SwarmPaused => row("swarm.pause"),
        Event::SwarmResumed => row("swarm.resume"),
        Event::AttemptPaused { why } => row("attempt.pause").with("why", why.as_str()),
        Event::AttemptResumed => row("attempt.resume"),
        Event::AttemptPlanned { index, model, .. } => {
            let row = row("attempt.launch").with("item", *index);
            match model {
                Some(model) => row.with("model", model.as_str()),
                None => row,
            }
        }
        Event::TookUp { from, session, .. } => {
            row("attempt.resume").with("from", *from).with("session", session.as_str())
        }
        Event::WorktreeMade { path, branch, .. } => row("worktree.make")
            .with("path", path.display().to_string())
            .with("branch", branch.as_str()),
        Event::InputSent { bytes } => row("agent.input").with("bytes", *bytes),
        Event::StopAsked { why } if draft.attempt.is_some() => {
            row("attempt.stop").with("why", why.as_str())
        }
        // The request says so, or the rule of its stop does for each attempt.
        Event::StopAsked { .. } => return None,
        Event::AttemptEnded { exit, result } => {
            let ended = row("attempt.end")
                .with("result", result.outcome.word())
                .with("reason", result.stop_reason.as_str());
            match exit.and_then(|exit| exit.code) {
                Some(code) => ended.with("exit", code),
                None => ended,
            }
        }
        Event::RetryPlanned { number, .. } => row("attempt.retry").with("number", *number),
        Event::RecordingCut { from, to } => {
            row("recording.cut").with("from", *from).with("to", *to)
        }
        Event::Held { paths, place } => {
            let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            row("files.hold")
                .with("count", paths.len())
                .with("paths", paths.join(" "))
                .with("place", place.display().to_string())
        }
        Event::NetConnected { host, port, allowed, reason, sent, received, count, .. } => {
            let mut row = row("net.connect").with("host", host.as_str()).with("port", *port);
            // The agent did it, through the proxy.
            if let Some(agent) = &draft.agent {
                row.who = Actor::Agent(agent.clone());
            }
            if *count > 1 {
                row = row.with("count", *count);
            }
            let why = reason.as_deref().unwrap_or_default();
            if !allowed {
                return Some(row.refused(why));
            }
            row.with("sent", *sent).with("received", *received).with("cut_off", why)
        }
        Event::LimitReached { limit, message } => {
            row("limit.reach").with("limit", limit.as_str()).with("why", message.as_str())
        }
        Event::ApprovalAsked { approval } => {
            let row = row("approval.ask")
                .with("approval", approval.id.as_str())
                .with("kind", approval.question.kind())
                .with("why", approval.why.as_str());
            match &approval.question {
                Question::Command { argv, .. } => {
                    row.with("text", masked(argv)).with("argv_sha256", argv_digest(argv))
                }
                other => row.with("text", masked_line(&other.text())),
            }
        }
        Event::ApprovalAnswered { approval, verdict, remember, .. } => row("approval.answer")
            .with("approval", approval.as_str())
            .with("verdict", verdict.word())
            .with("remember", remember.word()),
        Event::ApprovalRecalled { approval, earlier, verdict } => row("approval.answer")
            .by_leave_of(earlier.as_str())
            .with("approval", approval.as_str())
            .with("verdict", verdict.word()),
        Event::ApprovalExpired { approval } => {
            row("approval.expire").with("approval", approval.as_str())
        }
        Event::ApprovalWithdrawn { approval, why } => {
            row("approval.withdraw").with("approval", approval.as_str()).with("why", why.as_str())
        }
        Event::AnswerForgotten { number, .. } => row("approval.forget").with("number", *number),
        Event::SwarmEnded { state, done, failed, .. } => row("swarm.end")
            .with("result", state.word())
            .with("done", *done)
            .with("failed", *failed),
        Event::SwarmRemoved => row("swarm.remove"),
        Event::CoreStarted { epoch, pid, version } => row("core.start")
            .with("epoch", *epoch)
            .with("pid", *pid)
            .with("version", version.as_str()),
        Event::BudgetSet { account, limit_micros, limit_tokens, .. } => {
            let mut row = row("budget.set").with("account", account.to_string());
            if let Some(limit) = limit_micros {
                row = row.with("limit_micros", limit.0);
            }
            match limit_tokens {
                Some(limit) => row.with("limit_tokens", *limit),
                None => row,
            }
        }
        Event::BudgetWarned { account, percent } => {
            row("budget.warn").with("account", account.to_string()).with("percent", *percent)
        }
        Event::CallRefused { account, why, .. } => {
            row("call.refuse").with("account", account.to_string()).with("why", why.as_str())
        }
        Event::PricesChanged => row("prices.change"),
        Event::BudgetPaused { index } => row("agent.pause").with("item", *index),
        // Part of a request that has a row, or of a launch or an end that has one.
        Event::ApprovalJoined { .. } | Event::RequestNamed { .. } => return None,
        Event::ItemAdded { .. }
        | Event::AttemptStarted { .. }
        | Event::RetryDue { .. }
        | Event::ItemsDropped { .. }
        | Event::ItemsRestored { .. }
        | Event::ItemEnded { .. } => return None,
        // What is typed has a row.
        Event::TurnDue | Event::TurnAskedAgain => return None,
        // What was seen, not what was done: the journal has it.
        Event::SessionNamed { .. }
        | Event::StateChanged { .. }
        | Event::Signalled { .. }
        | Event::ModelCalled { .. }
        | Event::CallReserved { .. }
        | Event::FactTaken { .. }
        | Event::DiskFull
        | Event::DiskBack => return None,
    })
}

/// The gist of what is to be done. Keys stand in what people write, too.
fn to_do(row: AuditDraft, task: &str, command: &[String], cwd: &Path) -> AuditDraft {
    row.with("task", masked_line(task))
        .with("command", masked(command))
        .with("cwd", cwd.display().to_string())
}

/// What each attempt may use of the machine.
fn limited(mut row: AuditDraft, limits: Option<Limits>, timeout_ms: Option<u64>) -> AuditDraft {
    let limits = limits.filter(|limits| *limits != Limits::default());
    if let Some(limits) = limits.and_then(|limits| serde_json::to_value(limits).ok()) {
        row.detail.insert("limits".to_owned(), limits);
    }
    match timeout_ms {
        Some(ms) => row.with("timeout_ms", ms),
        None => row,
    }
}

/// What it may spawn itself.
fn capped(mut row: AuditDraft, caps: Option<Caps>) -> AuditDraft {
    if let Some(caps) = caps.and_then(|caps| serde_json::to_value(caps).ok()) {
        row.detail.insert("caps".to_owned(), caps);
    }
    row
}

/// What may be touched, in full.
fn scoped(mut row: AuditDraft, granted: Option<&Scope>, no_sandbox: bool) -> AuditDraft {
    if let Some(scope) = granted.and_then(|scope| serde_json::to_value(scope).ok()) {
        row.detail.insert("scope".to_owned(), scope);
    }
    if no_sandbox { row.with("no_sandbox", true) } else { row }
}

#[cfg(test)]
mod tests {
    use super::super::{Limits as Bounds, Machine, apply, decide, settle};
    use super::*;
    use crate::model::{
        AgentId, AgentSpec, AttemptId, Breaker, EventRecord, RefusalCode, Stamp, SwarmId, SwarmSpec,
    };

    const ROOT: fn() -> Actor = || Actor::User("root".to_owned());

    fn words(decision: &Decision) -> Vec<String> {
        let word = |row: &AuditDraft| format!("{}/{}/{}", row.who, row.leave, row.action);
        decision.audit.iter().map(word).collect()
    }

    fn request(command: Command, agents: usize) -> Input {
        let crew = vec![("command".to_owned(), String::new()); agents];
        Input::Request { by: ROOT(), command, crew, once: None }
    }

    fn enact(state: &mut State, decision: &Decision) {
        for draft in decision.events.clone() {
            let Draft { swarm, agent, attempt, event } = draft;
            let seq = state.seq + 1;
            let record = EventRecord { seq, time: Stamp(0), swarm, agent, attempt, event };
            apply(state, &record);
        }
    }

    #[test]
    fn connections_are_the_agents_and_limits_the_rules() {
        let mut state = State::default();
        let spec = SwarmSpec { task: "t".to_owned(), ..SwarmSpec::default() };
        let create = Command::CreateSwarm { spec: Box::new(spec) };
        let made = decide(&state, Stamp(1), request(create, 1)).unwrap();
        enact(&mut state, &made);
        let follows = settle(
            &state,
            Bounds { attempts: 0, breaker: Breaker { failures: 0, within_ms: 0 } },
            &Machine::default(),
        );
        enact(&mut state, &follows);
        let (attempt, reason) = (AttemptId::new("ag-01-1"), Some("outside".to_owned()));
        let (host, port, allowed) = ("a.com".to_owned(), 443, false);
        let (sent, received, duration_ms, count) = (0, 0, 0, 9);
        let what =
            Event::NetConnected { host, port, allowed, reason, sent, received, duration_ms, count };
        let told = Input::Connected { attempt: attempt.clone(), what };
        let told = decide(&state, Stamp(2), told).unwrap();
        assert_eq!(words(&told), ["agent ag-01/--net/net.connect"]);
        assert_eq!(told.audit[0].outcome, "refused: outside");
        assert_eq!(told.audit[0].detail["count"], 9);
        let (limit, message) = ("memory".to_owned(), "65 MB".to_owned());
        let news = KeeperNews::LimitReached { limit, message };
        let reached = Input::Keeper { attempt, n: 1, offset: 0, news };
        let reached = decide(&state, Stamp(3), reached).unwrap();
        assert_eq!(words(&reached), ["core/limits/limit.reach"]);
    }

    #[test]
    fn a_swarm_and_its_end_are_on_record_by_who_asked_and_by_what_rule() {
        let mut state = State::default();
        let limits = Limits { processes: Some(9), ..Limits::default() };
        let spec = SwarmSpec {
            task: "t".repeat(900),
            no_sandbox: true,
            limits: Some(limits),
            timeout_ms: Some(700),
            ..SwarmSpec::default()
        };
        let create = Command::CreateSwarm { spec: Box::new(spec) };
        let made = decide(&state, Stamp(1), request(create, 2)).unwrap();
        let by_root = |action: &str| format!("user root/admin socket/{action}");
        let spawn = by_root("agent.spawn");
        assert_eq!(words(&made), [by_root("swarm.create"), spawn.clone(), spawn]);
        assert_eq!(made.audit[0].detail["no_sandbox"], true);
        assert!(made.audit[0].detail["task"].as_str().unwrap().chars().count() <= 201);
        assert_eq!(made.audit[2].agent, Some(AgentId::new("ag-02")));
        assert_eq!(made.audit[2].detail["limits"]["processes"], 9);
        assert_eq!(made.audit[2].detail["timeout_ms"], 700);
        enact(&mut state, &made);

        let follows = settle(&state, Bounds::default(), &Machine::default());
        let launch = "core/schedule/attempt.launch";
        assert_eq!(words(&follows), [launch, launch]);
        assert_eq!(follows.audit[0].attempt.as_ref().unwrap().as_str(), "ag-01-1");
        enact(&mut state, &follows);

        let timer = Timer::Timeout { attempt: "ag-01-1".into() };
        let due = decide(&state, Stamp(700_000), Input::Due(timer)).unwrap();
        assert_eq!(words(&due), ["core/timeout/attempt.stop"]);

        let typed =
            Input::Typed { by: Actor::Agent("ag-01".into()), agent: "ag-02".into(), bytes: 7 };
        let typed = decide(&state, Stamp(3), typed).unwrap();
        assert_eq!(words(&typed), ["agent ag-01/agent's own socket/agent.input"]);
        assert_eq!(typed.audit[0].detail["bytes"], 7);

        let stop = request(Command::StopSwarm { swarm: "sw-1".into() }, 0);
        let stop = decide(&state, Stamp(4), stop).unwrap();
        let each = by_root("attempt.stop");
        assert_eq!(words(&stop), [by_root("swarm.stop"), each.clone(), each]);
    }

    #[test]
    fn a_request_that_changes_nothing_is_on_record_too() {
        let mut state = State::default();
        let spec = SwarmSpec { idempotency_key: Some("k".to_owned()), ..SwarmSpec::default() };
        let create = Command::CreateSwarm { spec: Box::new(spec) };
        let made = decide(&state, Stamp(1), request(create.clone(), 1)).unwrap();
        assert_eq!(made.audit[0].detail.get("again"), None);
        enact(&mut state, &made);
        let again = decide(&state, Stamp(2), request(create, 1)).unwrap();
        assert_eq!(words(&again), ["user root/admin socket/swarm.create"]);
        assert_eq!(again.audit[0].detail["again"], true);
        assert_eq!(again.audit[0].swarm, Some(SwarmId::new("sw-1")));
        let stop = request(Command::StopAll, 0);
        assert_eq!(words(&decide(&State::default(), Stamp(3), stop).unwrap()).len(), 1);
    }

    #[test]
    fn what_an_agent_may_touch_is_on_record_in_full() {
        let write = (0..99).map(|i| format!("/a/long/way/to/{i}").into()).collect();
        let granted = Some(Scope { write, ..Scope::default() });
        let spec = AgentSpec { task: "t".to_owned(), granted, ..AgentSpec::default() };
        let spawn = Command::SpawnAgent { spec: Box::new(spec) };
        let made = decide(&State::default(), Stamp(1), request(spawn, 1)).unwrap();
        let row = made.audit.iter().find(|row| row.action == "agent.spawn").unwrap();
        assert_eq!(row.agent, Some(AgentId::new("ag-01")));
        assert_eq!(row.detail["scope"]["write"].as_array().unwrap().len(), 99);
        assert_eq!((&row.detail["task"], &row.detail["adapter"]), (&"t".into(), &"command".into()));
    }

    #[test]
    fn keys_in_what_people_write_are_masked() {
        let key = "sk-ant-0123456789abcdef";
        let text = format!("log in with {key}, password: hunter2, then test");
        let spec = SwarmSpec {
            task: text.clone(),
            check: Some(format!("API_KEY={key} ./check")),
            ..SwarmSpec::default()
        };
        let create = Command::CreateSwarm { spec: Box::new(spec) };
        let mut state = State::default();
        let made = decide(&state, Stamp(1), request(create, 1)).unwrap();
        assert_eq!(made.audit[0].detail["task"], "log in with ***, password: *** then test");
        assert_eq!(made.audit[0].detail["check"], "API_KEY=*** ./check");
        enact(&mut state, &made);
        let spec = AgentSpec { task: text.clone(), ..AgentSpec::default() };
        let spawn = Command::SpawnAgent { spec: Box::new(spec) };
        let spawned = decide(&state, Stamp(2), request(spawn, 1)).unwrap();
        let question = Question::Escalation { text: text.clone() };
        let ask = Box::new(super::super::Ask {
            key: "k".to_owned(),
            question,
            why: "w".to_owned(),
            needs: 1,
            timeout_ms: None,
        });
        let follows = settle(&state, Bounds::default(), &Default::default());
        enact(&mut state, &follows);
        let asked = Input::Asked { attempt: "ag-01-1".into(), ask };
        let asked = decide(&state, Stamp(3), asked).unwrap();
        let item = Command::AddItem { swarm: "sw-1".into(), text };
        let item = asked_row(item);
        for rows in [made.audit, spawned.audit, asked.audit, vec![item]] {
            let shown = format!("{rows:?}");
            assert!(!shown.contains(key) && !shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("***"), "{shown}");
        }
    }

    fn asked_row(command: Command) -> AuditDraft {
        super::asked(&request(command, 0)).unwrap()
    }

    #[test]
    fn a_note_takes_its_agents_swarm_and_makes_no_event() {
        let mut state = State::default();
        let create = Command::CreateSwarm { spec: Box::default() };
        let made = decide(&state, Stamp(1), request(create, 1)).unwrap();
        enact(&mut state, &made);
        let note = AuditDraft::new(&ROOT(), "agent.attach").on_agent(&"ag-01".into());
        let noted = decide(&state, Stamp(2), Input::Note(Box::new(note))).unwrap();
        assert_eq!((noted.events.len(), noted.audit.len()), (0, 1));
        assert_eq!(noted.audit[0].swarm, Some(SwarmId::new("sw-1")));
        let refused =
            decide(&state, Stamp(3), request(Command::RemoveSwarm { swarm: "x".into() }, 0));
        assert_eq!(refused.unwrap_err().code, RefusalCode::NotFound);
    }
}
