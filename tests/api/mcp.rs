//! `dash mcp`, as a client of the Model Context Protocol speaks to it.

use crate::world::World;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

struct Session {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    asked: u64,
    /// Methods and parameters of what came unasked.
    told: Vec<Value>,
}

impl Session {
    fn new(world: &World) -> Self {
        let mut command = world.command(&["mcp"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut session = Self { child, stdin, stdout, asked: 0, told: Vec::new() };
        let client = json!({"name": "test", "version": "1"});
        let hello =
            json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        let met = session.ask("initialize", &hello);
        assert_eq!(met["result"]["serverInfo"]["name"], "dash", "{met:#}");
        session.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        session
    }

    fn say(&mut self, message: &Value) {
        writeln!(self.stdin, "{message}").unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.stdout.read_line(&mut line).unwrap() > 0, "it hung up");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.hear();
            if message["id"] == id {
                return message;
            }
            self.told.push(message);
        }
    }

    /// What a tool says, and whether it failed.
    fn tool(&mut self, name: &str, arguments: &Value) -> (String, bool) {
        let answer = self.ask("tools/call", &json!({"name": name, "arguments": arguments}));
        let result = &answer["result"];
        let text = result["content"][0]["text"].as_str();
        (text.unwrap_or_else(|| panic!("{answer:#}")).to_owned(), result["isError"] == true)
    }
}

#[test]
fn a_model_runs_a_swarm_and_answers_what_it_asks() {
    let world = World::new();
    let mut session = Session::new(&world);
    let listed = session.ask("tools/list", &json!({}));
    let tools = listed["result"]["tools"].as_array().unwrap();
    for tool in tools {
        assert!(tool["description"].as_str().is_some_and(|text| text.len() > 20), "{tool:#}");
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool:#}");
    }
    assert!(tools.len() >= 18, "{}", tools.len());
    let wish = json!({"task": "say {item}", "items": ["a b", "--c"], "agent": "mini:2",
        "budget": "$1", "name": "first"});
    let (made, failed) = session.tool("swarm_create", &wish);
    assert!(!failed && made.starts_with("sw-1"), "{made}");
    let (end, _) = session.tool("pulse", &json!({"since": 0, "wait": "60s"}));
    let cursor: u64 = end.lines().last().unwrap().strip_prefix("cursor ").unwrap().parse().unwrap();
    let (added, failed) = session.tool("item_add", &json!({"swarm": "first", "items": ["late"]}));
    assert!(failed && added.contains("first"), "{added}");
    let (items, _) = session.tool("item_list", &json!({"swarm": "first"}));
    assert!(items.contains("--c") && items.contains("done"), "{items}");
    let (results, _) = session.tool("swarm_results", &json!({"swarm": "first"}));
    assert!(results.contains("- item: --c"), "{results}");
    let command = ["sh", "-c", "npm publish; echo got $?; sleep 606"];
    session.tool("agent_spawn", &json!({"command": command}));
    let (asks, _) = session.tool("pulse", &json!({"since": cursor, "wait": "60s"}));
    assert!(asks.contains("ap-1 ag-03 asks: npm publish"), "{asks}");
    let uri = "dash://agents/ag-03/screen";
    session.ask("resources/subscribe", &json!({"uri": uri}));
    let (said, failed) =
        session.tool("answer", &json!({"id": "ap-1", "verdict": "deny", "note": "--not today"}));
    assert!(!failed && said.contains("denied"), "{said}");
    while !session.told.iter().any(|told| told["params"]["uri"] == uri) {
        let told = session.hear();
        session.told.push(told);
    }
    world.until_shown("ag-03", "got 126");
    let read = session.ask("resources/read", &json!({"uri": uri}));
    let text = read["result"]["contents"][0]["text"].as_str().unwrap();
    assert!(text.contains("--not today") && text.contains("got 126"), "{text}");
    let (stopped, failed) = session.tool("stop", &json!({"ids": ["ag-03"]}));
    assert!(!failed && stopped.contains("ag-03 stopped"), "{stopped}");
    // Its client goes, and so does it.
    drop(session.stdin);
    assert!(session.child.wait().unwrap().success());
}

#[test]
fn a_wrong_call_is_told_what_is_right() {
    let world = World::new();
    let mut session = Session::new(&world);
    for (tool, arguments, says) in [
        ("agent_show", json!({"agent": "ag-99"}), "dash agent list"),
        ("agent_show", json!({"agent": "--help"}), "no agent is called \"--help\""),
        ("swarm_create", json!({"task": "x", "agent": "nope"}), "nope"),
        ("budget_top_up", json!({"account": "core", "sum": "much"}), "much"),
        ("pulse", json!({"since": 999_999}), "no event 999999 yet"),
        ("item_add", json!({"swarm": "nope", "items": ["--swarm=x"]}), "nope"),
        ("item_list", json!({"swarm": "nope"}), "nope"),
        ("item_drop", json!({"swarm": "nope", "last": 1}), "nope"),
        ("item_drop", json!({"swarm": "nope"}), "ITEM"),
    ] {
        let (text, failed) = session.tool(tool, &arguments);
        assert!(failed && text.contains(says), "{tool} {arguments}: {text}");
    }
    for (method, params) in [
        ("tools/call", json!({"name": "nope", "arguments": {}})),
        ("tools/call", json!({"name": "pulse", "arguments": {"since": "x"}})),
        // A limit with a typo is no limit.
        ("tools/call", json!({"name": "swarm_create", "arguments": {"task": "x", "budgt": "1"}})),
        ("resources/read", json!({"uri": "dash://nope"})),
        ("resources/read", json!({"uri": "dash://agents/ag-9/screen"})),
    ] {
        let answer = session.ask(method, &params);
        let failed = answer["error"]["message"].is_string() || answer["result"]["isError"] == true;
        assert!(failed, "{method} {params}: {answer:#}");
    }
    assert_eq!(world.json(&["swarm", "list"]), json!([]));
}

/// Whoever waits for an answer to what was no request hears so, and the line goes on.
#[test]
fn a_line_that_is_no_request_is_answered() {
    let world = World::new();
    let mut session = Session::new(&world);
    for (line, code) in [
        ("{\"jsonrpc\": \"2.0\", \"id\": 7, \"method\"", -32700),
        ("not json", -32700),
        ("[1, 2]", -32600),
        ("{\"id\": 7}", -32600),
    ] {
        writeln!(session.stdin, "{line}").unwrap();
        let answer = session.hear();
        assert_eq!(answer["error"]["code"], code, "{line}: {answer:#}");
        assert!(answer["id"].is_null(), "{line}: {answer:#}");
    }
    writeln!(session.stdin).unwrap();
    assert!(session.ask("tools/list", &json!({}))["result"]["tools"].is_array());
}
