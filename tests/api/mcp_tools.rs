//! `dash mcp` under the protocol's own tools: its conformance suite and its inspector.

use crate::{
    tools::missing,
    wait::LIMIT,
    world::{Output, World},
};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/agents");

/// Node and one of the installed tools; none where they are not.
fn tool(name: &str) -> Option<Command> {
    let node = Path::new(HERE).join("node_modules/node/bin/node");
    let tool = Path::new(HERE).join("mcp/node_modules/.bin").join(name);
    if !node.is_file() || !tool.exists() {
        missing(&format!("{name} is not installed (npm ci --prefix tests/agents/mcp)"));
        return None;
    }
    let mut command = Command::new(node);
    command.arg(tool.canonicalize().unwrap());
    Some(command)
}

fn dash() -> PathBuf {
    env!("CARGO_BIN_EXE_dash").into()
}

struct Bridge(Child, String);

impl Bridge {
    fn open(world: &World) -> Self {
        let mut command = Command::new(Path::new(HERE).join("node_modules/node/bin/node"));
        command.arg(Path::new(HERE).join("mcp/bridge.mjs")).arg(dash()).arg("mcp");
        command.env_clear().envs(world.environment()).current_dir(&world.work);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self(child, address.trim().to_owned())
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_conformance_suite_finds_what_it_can_find_without_a_server_of_its_own() {
    let Some(mut suite) = tool("conformance") else { return };
    let world = World::new();
    let bridge = Bridge::open(&world);
    suite.args(["server", "--suite", "all", "--url", &bridge.1, "--expected-failures"]);
    suite.arg(Path::new(HERE).join("mcp/expected.yml")).current_dir(&world.work);
    let output = world.run(suite, b"", LIMIT);
    assert_eq!(output.code, 0, "{}", output.all());
    for scenario in ["server-initialize", "ping", "tools-list", "resources-list"] {
        let passed = format!("✓ {scenario}: 1 passed, 0 failed");
        assert!(output.all().contains(&passed), "{}", output.all());
    }
}

fn inspect(world: &World, args: &[&str]) -> Option<Output> {
    let mut inspector = tool("mcp-inspector")?;
    inspector.arg("--cli").arg(dash()).arg("mcp").args(args);
    // It passes on nothing else of its environment.
    for (name, value) in world.environment() {
        inspector.arg("-e").arg(format!("{name}={value}"));
    }
    inspector.env_clear().envs(world.environment()).current_dir(&world.work);
    let node = Path::new(HERE).join("node_modules/node/bin");
    inspector.env("PATH", format!("{}:/usr/bin:/bin", node.display()));
    Some(world.run(inspector, b"", LIMIT))
}

#[test]
fn the_inspector_uses_tools_and_resources() {
    let world = World::new();
    let Some(listed) = inspect(&world, &["--method", "tools/list"]) else { return };
    let listed: Value = listed.json();
    let tools = listed["tools"].as_array().unwrap_or_else(|| panic!("{listed:#}"));
    let named = |tool: &&Value| tool["name"] == "swarm_create";
    let create = tools.iter().find(named).unwrap();
    assert_eq!(create["inputSchema"]["properties"]["schema"]["type"][0], "object", "{create:#}");
    let call = ["--method", "tools/call", "--tool-name"];
    let with = |tool: &'static str, given: &[&'static str]| {
        let given = given.iter().flat_map(|arg| ["--tool-arg", arg]);
        let args: Vec<&str> = call.into_iter().chain([tool]).chain(given).collect();
        inspect(&world, &args).unwrap()
    };
    let made = with("swarm_create", &["task=say hello", "agent=mini", "name=seen"]);
    assert_eq!(made.json()["isError"], false, "{}", made.all());
    world.ok(&["swarm", "wait", "seen"]);
    let results = with("swarm_results", &["swarm=seen"]).all();
    assert!(results.contains("# seen: 0 failed, 1 done, 0 open"), "{results}");
    let wrong = with("swarm_results", &["swarm=nobody"]);
    assert_eq!(wrong.json()["isError"], true, "{}", wrong.all());
    let read = ["--method", "resources/read", "--uri", "dash://pulse"];
    let read = inspect(&world, &read).unwrap();
    assert_eq!(read.json()["contents"][0]["uri"], "dash://pulse", "{}", read.all());
}
