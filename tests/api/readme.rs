//! README's examples of the API, run as they stand there.

use crate::{
    tools::{have, missing},
    wait::LIMIT,
    world::World,
};
use serde_json::Value;
use std::{
    fs::{File, read_to_string},
    path::Path,
    process::Command,
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The fenced block of README that begins with `begin`.
fn block(begin: &str) -> String {
    let readme = read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let mut blocks = readme.split("```").skip(1).step_by(2);
    let block = blocks.find_map(|block| {
        let code = block.split_once('\n')?.1;
        code.starts_with(begin).then(|| code.to_owned())
    });
    block.unwrap_or_else(|| panic!("README has no example that begins with {begin}"))
}

#[test]
fn the_example_of_a_headless_core() {
    if !have("curl") || !have("bash") {
        return;
    }
    let world = World::new();
    let dash = Path::new(env!("CARGO_BIN_EXE_dash")).parent().unwrap();
    let mut shell = Command::new("bash");
    // A reader copies line for line, while the core comes up.
    let until = "until [ -S \"$S\" ]; do sleep 0.02; done";
    let script = block("S=$XDG_RUNTIME_DIR").replacen(" &  ", &format!(" & {until}  "), 1);
    shell.args(["-ec", &(script + "wait\n")]);
    shell.env_clear().envs(world.environment()).env_remove("DASH_SOCKET").current_dir(&world.work);
    let path = world.environment().into_iter().find(|(name, _)| name == "PATH").unwrap().1;
    shell.env("PATH", format!("{}:{path}", dash.display()));
    let output = world.run(shell, b"", LIMIT);
    assert_eq!(output.code, 0, "{output:#?}");
    let told = output.text();
    for part in ["\"name\":\"first\"", "\"state\":\"done\"", "\"kind\":\"swarm_ended\"", "cursor "]
    {
        assert!(told.contains(part), "no {part}: {told}");
    }
}

#[test]
fn the_example_of_a_web_socket() {
    let node = Path::new(ROOT).join("tests/agents/node_modules/node/bin/node");
    if !node.is_file() {
        return missing("node 24 is not installed (npm ci --prefix tests/agents)");
    }
    let world = World::new();
    world.create_and_wait(&["--name", "first", "--", "true"]);
    let mut serve = world.command(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    let mut serve = serve.stdout(File::create(world.work.join("door")).unwrap()).spawn().unwrap();
    crate::wait::eventually("the door", || {
        read_to_string(world.work.join("door")).ok().filter(|text| text.ends_with('\n'))
    });
    let mut command = Command::new(node);
    command.args(["-e", &block("const { url, token }")]);
    command.env_clear().envs(world.environment()).current_dir(&world.work);
    let output = world.run(command, b"", LIMIT);
    serve.kill().unwrap();
    serve.wait().unwrap();
    let told: Value = serde_json::from_str(&output.text()).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!((&told["kind"], &told["results"]["done"]), (&"swarm_ended".into(), &1.into()));
}
