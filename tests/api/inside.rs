//! What an agent can reach: its own socket, with its own token, and no core of its own.

use crate::{
    by_hand::get,
    world::{World, find_file},
};
use std::path::PathBuf;

/// An agent that stays, its socket and its token.
pub fn agent(world: &World) -> (String, PathBuf, String) {
    let swarm = world.create(&["--agents", "1", "--", "sleep", "607"]);
    let agent = world.only_agent(&swarm);
    let row = world.until_state(&agent, &["working", "idle"]);
    let attempt = row["attempt_id"].as_str().unwrap();
    let spec = find_file(&world.state().join("dash"), "spec.json").unwrap();
    let spec: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(spec).unwrap()).unwrap();
    let token = spec["token"].as_str().unwrap().to_owned();
    let socket = PathBuf::from(spec["agent_socket"].as_str().unwrap());
    assert!(socket.parent().unwrap().ends_with(attempt), "{socket:?}");
    (agent, socket, token)
}

#[test]
fn an_attempts_socket_asks_for_its_token() {
    let world = World::new();
    let (agent, socket, token) = agent(&world);
    for path in [format!("/v1/agents/{agent}"), "/v1/health".to_owned(), "/v1/swarms".to_owned()] {
        for headers in ["", "authorization: Bearer wrong\r\n", "authorization: Basic x\r\n"] {
            let answer = get(&socket, &path, headers);
            assert_eq!(answer.problem(), 401, "{path} with {headers:?}");
            assert!(answer.head.to_lowercase().contains("www-authenticate: bearer"));
        }
    }
    let bearer = format!("authorization: Bearer {token}\r\n");
    let answer = get(&socket, &format!("/v1/agents/{agent}"), &bearer);
    assert_eq!((answer.status, answer.json()["id"].as_str()), (200, Some(agent.as_str())));
    assert_eq!(get(&socket, "/v1/swarms", &bearer).problem(), 403);
}

#[test]
fn the_command_line_sends_an_agents_token_by_itself() {
    let world = World::new();
    let dash = env!("CARGO_BIN_EXE_dash");
    let script = format!(
        "{dash} agent show $DASH_AGENT --json >row; echo $? >code; {dash} core status >status; \
         DASH_TOKEN=wrong {dash} agent show $DASH_AGENT 2>refused; echo $? >refusal"
    );
    let (swarm, code) = world.create_and_wait(&["--agents", "1", "--", "sh", "-c", &script]);
    let agent = world.only_agent(&swarm);
    assert_eq!(code, 0);
    let read = |name: &str| std::fs::read_to_string(world.work.join(name)).unwrap();
    assert_eq!(read("code").trim(), "0");
    assert!(read("row").contains(&format!("\"{agent}\"")), "{}", read("row"));
    let state = world.journal().parent().unwrap().display().to_string();
    assert!(read("status").contains(&state), "{}", read("status"));
    assert_eq!(read("refusal").trim(), "6", "{}", read("refused"));
}

#[test]
fn no_core_is_started_inside_an_agent() {
    let world = World::new().with("DASH_AGENT", "ag-01");
    let socket = world.path().join("run/own.sock").display().to_string();
    for args in [&["demo", "--json"][..], &["--socket", &socket], &["__core", "--socket", &socket]]
    {
        let output = world.exits(args, 7);
        assert!(output.stderr.contains("inside an agent"), "{output:?}");
    }
    assert!(world.processes().is_empty());
}
