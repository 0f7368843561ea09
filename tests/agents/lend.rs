//! What of the user's own the real ones find where he lends it: his instructions, skills and the
//! tools of his servers reach the model, and his login goes out in place of a key.

use crate::{
    stage::{create_and_wait, results, stage_with, turn},
    upstream::{Asked, Play, Upstream},
    world::World,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::json;
use std::{
    fs,
    sync::{Arc, Mutex},
};

/// Speaks MCP over its standard input, as far as a list of tools needs it.
const SERVER: &str = r#"
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    result = {}
    if asked["method"] == "initialize":
        version = asked["params"]["protocolVersion"]
        result = {"protocolVersion": version, "capabilities": {"tools": {}},
                  "serverInfo": {"name": "harbour", "version": "1"}}
    elif asked["method"] == "tools/list":
        schema = {"type": "object", "properties": {}}
        tool = {"name": "tie_4711", "description": "ties", "inputSchema": schema}
        result = {"tools": [tool]}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"#;

/// The same for each of them, below the user's home.
struct Kind {
    name: &'static str,
    model: &'static str,
    memory: &'static str,
    skills: &'static str,
    /// Where tool servers stand, and how.
    servers: Option<(&'static str, &'static str)>,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "claude",
        model: "claude-sonnet-4-5",
        memory: ".claude/CLAUDE.md",
        skills: ".claude/skills",
        servers: Some((
            ".claude.json",
            r#"{"oauthAccount": {"name": "private-4711"},
                "mcpServers": {"harbour": {"command": "python3", "args": ["SERVER"]}}}"#,
        )),
    },
    Kind {
        name: "codex",
        model: "gpt-5",
        memory: ".codex/AGENTS.md",
        skills: ".codex/skills",
        servers: Some((
            ".codex/config.toml",
            "model = \"private-4711\"\n[mcp_servers.harbour]\ncommand = \"python3\"\nargs = [\"SERVER\"]\n",
        )),
    },
    Kind {
        name: "pi",
        model: "claude-sonnet-4-5",
        memory: ".pi/agent/AGENTS.md",
        skills: ".pi/agent/skills",
        servers: None,
    },
];

fn put(world: &World, path: &str, text: &str) {
    let path = world.path().join("home").join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// An upstream, and what it was asked.
fn listen() -> (Upstream, Arc<Mutex<Vec<Asked>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let upstream = Upstream::new(move |asked| {
        seen.lock().unwrap().push(asked.clone());
        Play::default()
    });
    (upstream, asked)
}

#[test]
fn what_is_lent_reaches_the_model() {
    let Some(world) = stage_with(&["claude", "codex", "pi"]) else { return };
    let (upstream, asked) = listen();
    let names = ["memory", "skills", "mcp"];
    let mut lend = String::from("[lend]\n");
    let server = world.write("server.py", SERVER).display().to_string();
    for kind in &KINDS {
        let wanted = &names[..if kind.servers.is_some() { 3 } else { 2 }];
        lend += &format!("{} = {}\n", kind.name, json!(wanted));
        put(&world, kind.memory, "Say memory-4711 first.");
        let skill = "---\nname: moor\ndescription: moors by skill-4711\n---\nMind the wind.\n";
        put(&world, &format!("{}/moor/SKILL.md", kind.skills), skill);
        if let Some((path, text)) = kind.servers {
            put(&world, path, &text.replace("SERVER", &server));
        }
    }
    world.configure(&(upstream.configuration() + &lend));
    for kind in &KINDS {
        let _turn = turn();
        asked.lock().unwrap().clear();
        let args = ["--agent", kind.name, "--model", kind.model, "--agents", "1", "--task", "moor"];
        let (swarm, code) = create_and_wait(&world, &args);
        let row = results(&world, &swarm).remove(0);
        assert_eq!(code, 0, "{row:#}");
        let agent = world.agent(row["agent"].as_str().unwrap());
        let told = agent["lent"].as_array().unwrap();
        assert!(told.iter().all(|lent| lent["lack"].is_null()), "{agent:#}");
        let asked = asked.lock().unwrap();
        let has = |mark: &str| asked.iter().any(|asked| asked.body.contains(mark));
        assert!(has("memory-4711") && has("skill-4711"), "{}: {asked:#?}", kind.name);
        assert!(kind.servers.is_none() || has("tie_4711"), "{}: {asked:#?}", kind.name);
        assert!(!has("private-4711"), "{}: {asked:#?}", kind.name);
    }
}

/// One of them does not start with such settings, the other not with one wrong field.
#[test]
fn an_agent_starts_without_tool_servers_that_are_none() {
    let Some(world) = stage_with(&["claude", "codex"]) else { return };
    world.configure("[lend]\nclaude = [\"mcp\"]\ncodex = [\"mcp\"]\n");
    put(&world, ".claude.json", r#"{"mcpServers": 5}"#);
    put(&world, ".codex/config.toml", "[mcp_servers.harbour]\ncommand = 5\n");
    for (kind, why) in [("claude", "no table of tool servers"), ("codex", "command is no text")] {
        let _turn = turn();
        let (swarm, code) = create_and_wait(&world, &["--agent", kind, "--task", "moor"]);
        let row = results(&world, &swarm).remove(0);
        assert_eq!(code, 0, "{row:#}");
        let agent = world.ok(&["agent", "show", row["agent"].as_str().unwrap()]).text();
        assert!(agent.contains(why), "{kind}: {agent}");
    }
}

#[test]
fn a_lent_login_goes_out_in_place_of_a_key() {
    let Some(world) = stage_with(&["claude", "codex"]) else { return };
    let (upstream, asked) = listen();
    let own = upstream.configuration().replace("\ndialect", "\nlogin = \"passthrough\"\ndialect");
    world.configure(&(own + "[lend]\nclaude = [\"login\"]\ncodex = [\"login\"]\n"));
    // As each of them writes it; nobody has such an account.
    let hour = 3600;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let until = now.as_secs() + hour;
    let claude = json!({"claudeAiOauth": {
        "accessToken": "sk-ant-oat01-login-4711", "refreshToken": "none",
        "expiresAt": until * 1000, "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
    }});
    put(&world, ".claude/.credentials.json", &claude.to_string());
    let claims = json!({"email": "a@example.com", "exp": until, "https://api.openai.com/auth": {
        "chatgpt_plan_type": "pro", "chatgpt_account_id": "login-4711", "chatgpt_user_id": "a",
    }});
    let coded = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let token = format!("{}.{}.none", coded(r#"{"alg":"none"}"#), coded(&claims.to_string()));
    let codex = json!({"OPENAI_API_KEY": null, "last_refresh": jiff::Timestamp::now().to_string(),
        "tokens": {"id_token": token, "access_token": token, "refresh_token": "none",
                   "account_id": "login-4711"}});
    put(&world, ".codex/auth.json", &codex.to_string());
    for kind in &KINDS[..2] {
        let _turn = turn();
        asked.lock().unwrap().clear();
        let args = ["--agent", kind.name, "--model", kind.model, "--agents", "1", "--task", "moor"];
        let (swarm, code) = create_and_wait(&world, &args);
        let row = results(&world, &swarm).remove(0);
        assert_eq!(code, 0, "{row:#}");
        let agent = world.agent(row["agent"].as_str().unwrap());
        let asked = asked.lock().unwrap();
        assert!(!asked.is_empty());
        for asked in asked.iter() {
            assert!(asked.headers.contains("login-4711"), "{}: {asked:#?}", kind.name);
            assert!(!asked.headers.contains("x-dash-token"), "{}: {asked:#?}", kind.name);
        }
        assert_eq!(agent["cost_micros"], 0, "{agent:#}");
        assert!(agent["notional_micros"].as_i64().unwrap() > 0, "{agent:#}");
    }
}
