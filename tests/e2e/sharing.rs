//! Runs that share one process: one that does not come up, and what it keeps for the next
//! attempts of its runs.

use crate::{
    tools,
    wait::{eventually, within},
    world::{World, find_file},
};
use serde_json::Value;
use std::{fs, time::Duration};

/// Each hears why, none waits for what another one left behind. All start at once, so that hosts
/// end while others are about to be made.
#[test]
fn a_shared_process_that_ends_at_once_fails_its_runs_by_its_own_words() {
    let world = World::new();
    let agents = world.path().join("config/dash/agents");
    fs::create_dir_all(&agents).unwrap();
    let text = "name = 'many'\nsummary = ''\n[program]\nname = 'sh'\n[launch]\n\
                args = ['-c', 'true {task}']\n\
                [shared]\nfrom = 2\nseats = 3\nat_once = 3\nready = 'it is ready'\n\
                [shared.host]\nargs = ['-c', 'echo its port is taken; exit 3']\n\
                [shared.guest]\nargs = ['-c', 'true {task}']\n";
    fs::write(agents.join("many.toml"), text).unwrap();
    let id = world.create(&["--agent", "many", "--agents", "20", "--task", "x"]);
    let over = within(Duration::from_secs(60), || {
        let swarm = world.json(&["swarm", "show", &id]);
        (swarm["state"] == "failed").then_some(())
    });
    assert!(over.is_some(), "{:#}", world.json(&["swarm", "show", &id]));
    let results = world.json(&["swarm", "results", &id]);
    for row in results["results"].as_array().unwrap() {
        let error = row["error"].as_str().unwrap();
        assert!(error.contains("exit 3") && error.contains("its port is taken"), "{row:#}");
    }
}

const KEEPS: &str = r#"
name = "keeps"
summary = "its host keeps what runs said"
[program]
name = "sh"
[launch]
args = ["-c", "true {task}"]
[shared]
from = 2
seats = 3
at_once = 3
ready = "it is ready"
[shared.host]
args = ["-c", "exec sh ./host {private}/kept"]
[shared.guest]
args = ["-c", "exec sh ./guest begins {seat} {attempt} {task}"]
resume = ["-c", "exec sh ./guest goes-on {seat} {session} {task}"]
"#;

/// With it, what guests said outlives it.
const SESSIONS: &str = "sessions = ['{private}/kept']\n";

const HOST: &str = r#"
[ -e "$1/said" ] && echo again >> hosts || echo anew >> hosts
mkdir -p "$1"; echo ag-01-1 ag-02-1 > "$1/said"
echo it is ready; exec sleep 613
"#;

const GUEST: &str = r#"
ask='{"model":"claude-haiku-4-5","max_tokens":300,"messages":[{"role":"user","content":"hi"}]}'
curl -sS "$ANTHROPIC_BASE_URL/v1/messages" -H "x-api-key: $ANTHROPIC_API_KEY" \
  -H 'content-type: application/json' -d "$ask" > /dev/null
echo "$1 $2 $3"
[ "$1" = goes-on ] || exec sleep 614
"#;

/// What the latest attempt says that it does: how, at which seat, in which session.
fn said(world: &World, agent: &str) -> [String; 3] {
    eventually(&format!("a word of {agent}"), || {
        let log = world.dash(&["agent", "log", agent]).text();
        let words: Vec<String> = log.split_whitespace().map(str::to_owned).collect();
        words.try_into().ok()
    })
}

fn took_up(world: &World, agent: &str) -> Value {
    let all = world.ok(&["events", "--since", "0", "--filter", "level=debug", "--json"]).text();
    let mut events = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of = |event: &Value| event["agent"] == agent && event["kind"] == "took_up";
    events.rfind(of).unwrap()
}

fn start(world: &World, adapter: &str) -> (String, Vec<String>) {
    let agents = world.path().join("config/dash/agents");
    fs::create_dir_all(&agents).unwrap();
    fs::write(agents.join("keeps.toml"), adapter).unwrap();
    world.script("guest", GUEST);
    world.script("host", HOST);
    let id = world.create(&["--agent", "keeps", "--agents", "2", "--task", "x"]);
    let agents = world.agents_of(&id);
    (id, agents)
}

/// The hosts so far, and whether each found what an earlier one had left.
fn hosts(world: &World) -> String {
    fs::read_to_string(world.work.join("hosts")).unwrap()
}

fn until_its_host_is_gone(world: &World) {
    eventually("the host's end", || {
        let all = world.processes();
        all.iter().all(|proc| proc.command != "sleep 613").then_some(())
    });
}

#[test]
fn the_next_attempt_takes_its_seat_again_and_goes_on_there() {
    if !tools::have("curl") {
        return;
    }
    let world = World::new();
    let (id, agents) = start(&world, KEEPS);
    let [one, other] = [&agents[0], &agents[1]];
    let (first, second) = (said(&world, one), said(&world, other));
    assert_eq!((first[0].as_str(), &first[2]), ("begins", &format!("{one}-1")));
    assert_ne!(first[1], second[1]);
    world.ok(&["agent", "stop", one]);
    world.ok(&["agent", "retry", one, "--model", "claude-opus-4-5"]);
    world.until_state(one, &["done", "failed"]);
    assert_eq!(said(&world, one), ["goes-on".to_owned(), first[1].clone(), first[2].clone()]);
    assert_eq!(took_up(&world, one)["session"], first[2].as_str());
    // What the other said is gone with its host.
    world.ok(&["agent", "stop", other]);
    until_its_host_is_gone(&world);
    world.ok(&["agent", "retry", other]);
    eventually("another attempt", || (world.agent(other)["attempt"] == 2).then_some(()));
    assert_eq!(
        (said(&world, other)[0].as_str(), hosts(&world).as_str()),
        ("begins", "anew\nanew\n")
    );
    let took = took_up(&world, other);
    assert_eq!(took["session"], "", "{took:#}");
    assert!(took["why"].as_str().unwrap().contains("has ended"), "{took:#}");
    world.ok(&["swarm", "stop", &id]);
}

#[test]
fn a_host_that_has_ended_is_started_again_on_what_it_left() {
    if !tools::have("curl") {
        return;
    }
    let world = World::new();
    let adapter = KEEPS.replace("[shared.guest]", &format!("{SESSIONS}[shared.guest]"));
    let (id, agents) = start(&world, &adapter);
    let [one, other] = [&agents[0], &agents[1]];
    let (_, second) = (said(&world, one), said(&world, other));
    world.ok(&["agent", "stop", one]);
    world.ok(&["agent", "stop", other]);
    until_its_host_is_gone(&world);
    world.ok(&["agent", "retry", other, "--model", "claude-opus-4-5"]);
    world.until_state(other, &["done", "failed"]);
    assert_eq!(said(&world, other), ["goes-on".to_owned(), second[1].clone(), second[2].clone()]);
    assert_eq!(hosts(&world), "anew\nagain\n");
    assert_eq!(took_up(&world, other)["session"], second[2].as_str());
    // It goes with the swarm.
    let kept = || find_file(&world.state(), "said");
    until_its_host_is_gone(&world);
    eventually("what is kept", || {
        kept().filter(|path| path.display().to_string().contains("/hosts/"))
    });
    world.ok(&["swarm", "rm", &id]);
    eventually("nothing is kept", || kept().is_none().then_some(()));
}
