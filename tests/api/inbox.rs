//! Approvals with the real binary: an agent asks on its own socket, somebody outside
//! answers; nobody's silence approves, and a core that dies forgets no question.

use crate::{
    by_hand::{Answer, ask, get},
    inside::agent,
    wait::eventually,
    world::{World, set_mode},
};
use serde_json::{Value, json};
use std::{fs, path::Path, path::PathBuf, thread};

/// An agent that stays, and the way to ask in its name.
struct Asker {
    agent: String,
    socket: PathBuf,
    bearer: String,
}

impl Asker {
    fn new(world: &World) -> Self {
        let (agent, socket, token) = agent(world);
        Self { agent, socket, bearer: format!("authorization: Bearer {token}\r\n") }
    }

    fn ask(&self, query: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let path = format!("/v1/approvals{query}");
        ask(&self.socket, "POST", &path, &self.bearer, body.as_bytes())
    }

    /// Asks, and is held until there is an answer.
    fn held(&self, body: &Value) -> thread::JoinHandle<Value> {
        let (socket, bearer, body) = (self.socket.clone(), self.bearer.clone(), body.to_string());
        thread::spawn(move || {
            let answer = ask(&socket, "POST", "/v1/approvals?wait=60", &bearer, body.as_bytes());
            assert_eq!(answer.status, 201, "{}", answer.body);
            answer.json()
        })
    }
}

fn push(key: &str) -> Value {
    json!({"kind": "command", "key": key, "argv": ["git", "push", "a b"], "why": "all is done"})
}

fn configure(world: &World, approvals: &str) {
    let file = world.path().join("config/dash/config.toml");
    let core = "[core]\nidle_exit_seconds = 5\n";
    fs::write(file, format!("{core}[approvals]\n{approvals}\n")).unwrap();
}

fn patch(socket: &Path, id: &str, headers: &str, body: &Value) -> Answer {
    ask(socket, "PATCH", &format!("/v1/approvals/{id}"), headers, body.to_string().as_bytes())
}

#[test]
fn a_question_holds_until_it_is_approved() {
    let world = World::new();
    let asker = Asker::new(&world);
    assert_eq!(world.ok(&["inbox"]).stderr.trim(), "nothing waits for an answer");
    let held = asker.held(&push("k"));
    let inbox = world.json(&["inbox", "--wait"]);
    assert_eq!(inbox.as_array().unwrap().len(), 1, "{inbox:#}");
    let row = &inbox[0];
    assert_eq!(
        (&row["id"], &row["kind"], &row["state"]),
        (&json!("ap-1"), &json!("command"), &json!("open"))
    );
    assert_eq!(row["argv"], json!(["git", "push", "a b"]));
    assert_eq!(row["cwd"], json!(world.work.canonicalize().unwrap()));
    assert_eq!(row["why"], "the agent asks: all is done");
    let waits = world.until_state(&asker.agent, &["waiting"]);
    assert_eq!(waits["reason"], "approval");
    let explained = world.ok(&["agent", "explain", &asker.agent]).text();
    assert!(explained.contains("ap-1 asks: git push 'a b'"), "{explained}");
    let table = world.ok(&["inbox"]).text();
    assert!(table.contains("ap-1") && table.contains("git push 'a b'"), "{table}");
    // By its agent, since it asks nothing else.
    let said = world.ok(&["approve", &asker.agent, "--note", "go on"]).text();
    assert!(said.starts_with("ap-1 approved"), "{said}");
    let answer = held.join().unwrap();
    assert_eq!((&answer["state"], &answer["note"]), (&json!("approved"), &json!("go on")));
    let row = world.until_state(&asker.agent, &["working", "idle"]);
    assert_eq!(row["reason"], "");
    // Asked again under the same key it has the same answer; answered again it is told.
    let again = asker.ask("?wait=60", &push("k"));
    assert_eq!(
        (again.json()["id"].clone(), again.json()["state"].clone()),
        (json!("ap-1"), json!("approved"))
    );
    let late = world.exits(&["deny", "ap-1"], 1);
    assert!(late.stderr.contains("ap-1 was approved by user"), "{late:?}");
    assert_eq!(patch(&world.socket, "ap-1", "", &json!({"verdict": "deny"})).problem(), 409);
    let all = world.json(&["inbox", "--all"]);
    assert_eq!(all[0]["answers"][0]["verdict"], "approve", "{all:#}");
    assert_eq!(world.json(&["inbox"]), json!([]));
}

#[test]
fn a_value_that_is_no_reach_answers_nothing() {
    let world = World::new();
    let asker = Asker::new(&world);
    asker.ask("", &push("k"));
    asker.ask("", &json!({"kind": "command", "key": "l", "argv": ["ls"]}));
    for word in ["--remember=ap-2", "--remember=bogus"] {
        let refused = world.exits(&["approve", "ap-1", word], 2);
        assert!(refused.stderr.contains("once, agent, swarm or always"), "{refused:?}");
    }
    let mut command = world.command(&["inbox"]);
    command.env("DASH_ACTOR", "a\u{1b}[31mb");
    let refused = world.run(command, b"", crate::wait::LIMIT);
    assert!(refused.code == 2 && refused.stderr.contains("$DASH_ACTOR is 1 to 64"), "{refused:?}");
    assert_eq!(world.json(&["inbox"]).as_array().unwrap().len(), 2);
    // All at once, but not unasked.
    world.exits(&["deny", "--all"], 2);
    assert_eq!(world.exits(&["approve", "--all"], 2).code, 2);
    assert_eq!(world.json(&["inbox"]).as_array().unwrap().len(), 2);
    let denied = world.ok(&["deny", "--all", "--yes"]).text();
    assert!(denied.contains("ap-1 denied") && denied.contains("ap-2 denied"), "{denied}");
    assert_eq!(world.json(&["inbox"]), json!([]));
    let text = world.ok(&["audit", "--json"]).text();
    let answer = text.lines().find(|line| line.contains("approval.answer")).unwrap();
    let answer: Value = serde_json::from_str(answer).unwrap();
    assert_eq!(answer["detail"]["uid"], json!(rustix::process::getuid().as_raw()), "{answer}");
}

#[test]
fn what_is_approved_is_printed_whole() {
    let world = World::new();
    let asker = Asker::new(&world);
    let words: Vec<String> = (0..200).map(|n| format!("word-{n:03}")).collect();
    asker.ask("", &json!({"kind": "command", "key": "k", "argv": words}));
    let said = world.ok(&["approve", "ap-1"]).text();
    assert!(said.contains("word-000 word-001") && said.contains("word-199"), "{said}");
}

#[test]
fn silence_denies() {
    let world = World::new();
    configure(&world, "timeout = \"700ms\"");
    let asker = Asker::new(&world);
    let answer = asker.held(&push("k")).join().unwrap();
    assert_eq!(answer["state"], "expired", "{answer:#}");
    let late = world.exits(&["approve", "ap-1"], 1);
    assert!(late.stderr.contains("has expired, and so was denied"), "{late:?}");
}

#[test]
fn a_core_that_is_killed_keeps_what_was_asked_and_what_was_answered() {
    let world = World::new();
    let asker = Asker::new(&world);
    let first = asker.ask("", &push("k")).json();
    assert_eq!(first["state"], "open", "{first:#}");
    world.kill_core();
    let found = world.json(&["inbox"]);
    assert_eq!((&found[0]["id"], &found[0]["asked_at"]), (&first["id"], &first["asked_at"]));
    // Whoever was held asks again, of the successor.
    let held = asker.held(&push("k"));
    let event =
        || world.ok(&["events", "--since", "0", "--json"]).text().contains("approval_answered");
    world.ok(&["deny", "ap-1", "--note", "not today"]);
    assert_eq!(held.join().unwrap()["note"], "not today");
    assert!(event());
    world.kill_core();
    let again = asker.ask("?wait=60", &push("k")).json();
    assert_eq!((&again["id"], &again["state"]), (&json!("ap-1"), &json!("denied")));
}

#[test]
fn what_an_attempt_asked_ends_with_it() {
    let world = World::new();
    let asker = Asker::new(&world);
    asker.ask("", &push("k"));
    world.ok(&["agent", "stop", &asker.agent]);
    let all = world.json(&["inbox", "--all"]);
    assert_eq!(all[0]["state"], "withdrawn", "{all:#}");
    assert!(world.exits(&["approve", "ap-1"], 1).stderr.contains("was withdrawn already"));
}

#[test]
fn no_agent_reads_the_inbox_or_answers_from_it() {
    let world = World::new();
    let asker = Asker::new(&world);
    asker.ask("", &push("k"));
    let approve = json!({"verdict": "approve"});
    // Not even under a user's name.
    let named = format!("{}dash-actor: ann\r\n", asker.bearer);
    assert_eq!(patch(&asker.socket, "ap-1", &named, &approve).problem(), 403);
    for path in ["/v1/approvals", "/v1/approvals/ap-1", "/v1/remembered"] {
        assert_eq!(get(&asker.socket, path, &asker.bearer).problem(), 403, "{path}");
    }
    let delete = ask(&asker.socket, "DELETE", "/v1/remembered/1", &asker.bearer, b"");
    assert_eq!(delete.problem(), 403);
    assert_eq!(world.json(&["inbox"])[0]["state"], "open");
    // And the other way round: on the admin socket nobody asks.
    let body = push("k").to_string();
    assert_eq!(ask(&world.socket, "POST", "/v1/approvals", "", body.as_bytes()).problem(), 403);
    let inside = world.with("DASH_AGENT", "ag-01");
    for args in
        [&["inbox"][..], &["inbox", "--remembered"], &["approve", "ap-1"], &["deny", "ap-1"]]
    {
        let refused = inside.exits(args, 6);
        assert!(refused.stderr.contains("no agent reads the inbox"), "{refused:?}");
    }
}

#[test]
fn a_question_that_is_none_is_refused() {
    let world = World::new();
    let asker = Asker::new(&world);
    let long = "x".repeat(20_000);
    for (body, says) in [
        (json!({"kind": "command", "key": "", "argv": ["ls"]}), "key"),
        (json!({"kind": "command", "key": "k", "argv": []}), "argv"),
        (json!({"kind": "command", "key": "k", "argv": [long]}), "argv"),
        (json!({"kind": "command", "key": "k", "argv": ["ls"], "covers": 0}), "covers"),
        (json!({"kind": "prompt", "key": "k", "text": "?"}), "prompt"),
        (json!({"kind": "network", "key": "k", "host": "h", "port": 99999}), "99999"),
        (json!({"kind": "escalation", "key": "k", "text": " "}), "text"),
        (json!({"kind": "escalation", "text": "help"}), "key"),
    ] {
        let answer = asker.ask("", &body);
        assert_eq!(answer.problem(), 400, "{body}");
        assert!(answer.body.contains(says), "{body}: {}", answer.body);
    }
    asker.ask("", &push("k"));
    let other = json!({"kind": "escalation", "key": "k", "text": "help"});
    assert_eq!(asker.ask("", &other).problem(), 409, "another question under its key");
    for (id, body, status) in [
        ("ap-9", json!({"verdict": "approve"}), 404),
        ("nobody", json!({"verdict": "approve"}), 404),
        ("ap-1", json!({"verdict": "perhaps"}), 400),
        ("ap-1", json!({"verdict": "approve", "remember": "forever"}), 400),
        ("ap-1", json!({"verdict": "approve", "reason": "x"}), 400),
        ("ap-1", json!({}), 400),
    ] {
        assert_eq!(patch(&world.socket, id, "", &body).problem(), status, "{id} {body}");
    }
    assert_eq!(
        asker.ask("", &json!({"kind": "escalation", "key": "l", "text": "help"})).status,
        201
    );
    let unclear = world.exits(&["approve", &asker.agent], 1);
    assert!(unclear.stderr.contains("choose: ap-1, ap-2"), "{unclear:?}");
    assert_eq!(world.exits(&["approve", "ap-2", "--remember"], 2).code, 2, "not this kind");
}

#[test]
fn an_answer_is_remembered_until_it_is_forgotten() {
    let world = World::new();
    let asker = Asker::new(&world);
    asker.ask("", &push("k"));
    let said = world.ok(&["approve", "--remember", "ap-1"]).text();
    assert!(said.contains("remembered (agent)"), "{said}");
    let next = asker.ask("", &push("l")).json();
    assert_eq!((&next["state"], &next["recalled"]), (&json!("approved"), &json!("ap-1")));
    let known = world.json(&["inbox", "--remembered"]);
    assert_eq!(known[0]["reach"], json!({"agent": asker.agent}));
    let table = world.ok(&["inbox", "--remembered"]).text();
    assert!(table.contains("git push 'a b'") && table.contains("approve"), "{table}");
    world.kill_core();
    world.ok(&["inbox", "forget", "1"]);
    assert!(world.exits(&["inbox", "forget", "1"], 1).stderr.contains("number 1"));
    assert_eq!(asker.ask("", &push("m")).json()["state"], "open");
}

#[test]
fn four_eyes_need_two_names() {
    let world = World::new();
    configure(&world, "four_eyes = true");
    let asker = Asker::new(&world);
    asker.ask("", &push("k"));
    let as_user = |name: &str, args: &[&str]| {
        let mut command = world.command(args);
        command.env("DASH_ACTOR", name);
        world.run(command, b"", crate::wait::LIMIT)
    };
    let first = as_user("ann", &["approve", "ap-1"]);
    assert!(first.code == 0 && first.text().contains("waits for 1 more"), "{first:?}");
    let same = as_user("ann", &["approve", "ap-1"]);
    assert!(same.code == 1 && same.stderr.contains("needs 2 users"), "{same:?}");
    let table = world.ok(&["inbox"]).text();
    assert!(table.contains("(1 of 2)"), "{table}");
    for name in ["two words", &"x".repeat(65)] {
        let bad = patch(
            &world.socket,
            "ap-1",
            &format!("dash-actor: {name}\r\n"),
            &json!({"verdict": "deny"}),
        );
        assert_eq!(bad.problem(), 400, "{name}");
    }
    let second = as_user("bob", &["approve", "ap-1"]);
    assert!(second.text().starts_with("ap-1 approved"), "{second:?}");
}

#[test]
fn the_user_is_told_by_a_command_of_their_own() {
    let world = World::new();
    let script = world.script("told", "cat > \"$1.part\" && mv \"$1.part\" \"$1\"");
    let file = world.work.join("approval.json");
    configure(&world, &format!("notify = [{script:?}, {file:?}]"));
    let asker = Asker::new(&world);
    asker.ask("", &push("k"));
    let told = eventually("a notification", || fs::read_to_string(&file).ok());
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["id"], &told["agent"]), (&json!("ap-1"), &json!(asker.agent)));
}

/// Shows a permission prompt as OSC 7501 tells it, takes one key, and says which.
const PROMPTS: &str = r#"
stty raw -echo
printf '\033]7501;state=blocked:kind=permission:msg=%s\007' "$(printf 'approve Bash: ls' | base64)"
key=$(dd bs=1 count=1 2>/dev/null)
printf '\033]7501;state=working\007got <%s>\r\n' "$key"
sleep 605"#;

const ADAPTER: &str = r#"
name = "asker"
summary = "asks"
[program]
name = "sh"
[launch]
args = ["{task}"]
"#;

fn prompting(world: &World, keys: &str) -> String {
    let adapters = world.path().join("config/dash/agents");
    fs::create_dir_all(&adapters).unwrap();
    fs::write(adapters.join("asker.toml"), format!("{ADAPTER}{keys}")).unwrap();
    let script = world.script("prompts", PROMPTS);
    set_mode(Path::new(&script), 0o755);
    let swarm = world.create(&["--agent", "asker", "--agents", "1", "--task", &script]);
    world.only_agent(&swarm)
}

#[test]
fn an_agents_own_prompt_is_answered_from_the_inbox() {
    for (verdict, key) in [("approve", "y"), ("deny", "n")] {
        let world = World::new();
        let agent = prompting(&world, "[prompt]\napprove = [\"y\"]\ndeny = [\"n\"]\n");
        let inbox = world.json(&["inbox", "--wait"]);
        let row = &inbox[0];
        assert_eq!((&row["kind"], &row["text"]), (&json!("prompt"), &json!("approve Bash: ls")));
        let waits = world.until_state(&agent, &["waiting"]);
        assert_eq!(waits["reason"], "permission");
        world.ok(&[verdict, &agent]);
        world.until_shown(&agent, &format!("got <{key}>"));
        world.until_state(&agent, &["working"]);
    }
}

#[test]
fn a_prompt_answered_in_its_terminal_leaves_the_inbox() {
    let world = World::new();
    let agent = prompting(&world, "");
    let inbox = world.json(&["inbox", "--wait"]);
    assert_eq!(inbox[0]["answerable"], false);
    let refused = world.exits(&["approve", "ap-1"], 1);
    assert!(refused.stderr.contains(&format!("dash attach {agent}")), "{refused:?}");
    world.ok(&["agent", "send", &agent, "--keys", "q"]);
    world.until_shown(&agent, "got <q>");
    eventually("an empty inbox", || (world.json(&["inbox"]) == json!([])).then_some(()));
    assert_eq!(world.json(&["inbox", "--all"])[0]["state"], "withdrawn");
}

#[test]
fn who_asked_and_who_answered_is_on_record() {
    let world = World::new();
    let asker = Asker::new(&world);
    asker.ask("", &push("k"));
    let mut command = world.command(&["approve", "ap-1", "--remember", "always", "--note", "go"]);
    command.env("DASH_ACTOR", "ann");
    assert_eq!(world.run(command, b"", crate::wait::LIMIT).code, 0);
    asker.ask("", &push("l"));
    let text = world.ok(&["audit", "--json"]).text();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |action: &str| -> Vec<&Value> {
        rows.iter().filter(|row| row["action"] == action).collect()
    };
    let asked = of("approval.ask");
    assert_eq!(asked.len(), 2, "{text}");
    assert_eq!(
        (&asked[0]["agent"], &asked[0]["detail"]["text"]),
        (&json!(asker.agent), &json!("git push 'a b'"))
    );
    let answers = of("approval.answer");
    assert_eq!(answers[0]["who"], "user ann", "{text}");
    assert_eq!(
        (&answers[0]["agent"], &answers[0]["detail"]["note"]),
        (&json!(asker.agent), &json!("go"))
    );
    assert_eq!(answers[1]["leave"], "ap-1", "by the earlier answer: {text}");
    assert_eq!(world.ok(&["audit", "--verify"]).code, 0);
}
