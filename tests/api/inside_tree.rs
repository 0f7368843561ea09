//! Agents that spawn agents, with the command line inside them: who may what, who is within
//! whom, and who is left when one is stopped.

use crate::{
    by_hand::{ask, get},
    wait::eventually,
    world::{World, find_file},
};
use std::{fs, path::PathBuf};

fn read(world: &World, name: &str) -> String {
    fs::read_to_string(world.work.join(name)).unwrap_or_default()
}

/// A swarm of one agent that runs this script.
fn agent(world: &World, script: &str) -> String {
    let swarm = world.create(&["--agents", "1", "--", "sh", "-c", script]);
    let first = world.agents_of(&swarm).into_iter().find(|id| !id.contains('.'));
    first.unwrap()
}

/// As soon as the script has written it.
fn until_written(world: &World, name: &str) -> String {
    eventually(&format!("the file {name}"), || {
        Some(read(world, name)).filter(|text| text.ends_with('\n'))
    })
}

#[test]
fn an_agent_spawns_a_child_and_waits_for_it() {
    let world = World::new();
    let parent = agent(
        &world,
        "id=$(dash agent spawn -- sh -c 'echo from the child; exit 3' 2>said); echo $id >id; \
         dash agent wait $id >waited; echo $? >code; \
         dash agent log $id >log; dash agent list --json >list; dash agent tree >tree; \
         dash agent show $id --json >row; dash agent results $id >results; echo done >end",
    );
    world.until_state(&parent, &["done"]);
    let child = format!("{parent}.1");
    assert_eq!(read(&world, "id").trim(), child, "{}", read(&world, "said"));
    assert!(read(&world, "waited").contains(&format!("{child}  failed")));
    assert_eq!(read(&world, "code").trim(), "3");
    assert!(read(&world, "log").contains("from the child"));
    let results = read(&world, "results");
    assert!(results.contains("failed (exit)") && results.contains("from the child"), "{results}");
    let row: serde_json::Value = serde_json::from_str(&read(&world, "row")).unwrap();
    assert_eq!(row["parent"], parent.as_str());
    assert_eq!(row["swarm"], world.agent(&parent)["swarm"]);
    let list: Vec<serde_json::Value> = serde_json::from_str(&read(&world, "list")).unwrap();
    assert_eq!(list.len(), 2);
    let tree = read(&world, "tree");
    assert!(tree.contains(&format!("└─ {child}")) && tree.contains("2 agents: "), "{tree}");
    // The same for whoever stands outside.
    let trees = world.json(&["agent", "tree"]);
    assert_eq!(trees[0]["id"], parent.as_str());
    assert_eq!(trees[0]["total"]["agents"], 2);
    assert_eq!(trees[0]["children"][0]["id"], child.as_str());
    assert_eq!(trees[0]["children"][0]["children"], serde_json::json!([]));
    let branch = world.json(&["agent", "tree", &child]);
    assert_eq!((branch.as_array().unwrap().len(), &branch[0]["id"]), (1, &child.into()));
}

#[test]
fn an_agent_sees_and_touches_its_own_branch_only() {
    let world = World::new();
    let other = world.create(&["--agents", "1", "--", "sleep", "611"]);
    let other = world.only_agent(&other);
    world.until_state(&other, &["working", "idle"]);
    let script = format!(
        "dash agent spawn --name kid -- sleep 612; \
         try() {{ name=$1; shift; dash \"$@\" >out.$name 2>&1; echo $? >>out.$name; }}; \
         try list agent list; try show agent show {other}; try log agent log {other}; \
         try stop agent stop {other}; try self agent stop $DASH_AGENT; try typed agent send {other} x; \
         try retry agent retry {other}; try resume agent resume kid; \
         try swarm swarm create --task t -- true; try swarms swarm list; try all core stop --agents; \
         try item item add sw-1 x; try attach attach kid; \
         try events events --json; try stopped agent stop kid; echo done >end; sleep 613"
    );
    let parent = agent(&world, &script);
    until_written(&world, "end");
    let said = |name: &str| read(&world, &format!("out.{name}"));
    let code = |name: &str| said(name).lines().last().unwrap_or_default().to_owned();
    for refused in ["show", "log", "stop", "self", "typed", "retry", "resume", "swarm", "swarms"] {
        assert_eq!(code(refused), "6", "{refused}: {}", said(refused));
    }
    for refused in ["all", "item", "attach"] {
        assert_ne!(code(refused), "0", "{refused}: {}", said(refused));
    }
    assert!(said("swarm").contains("dash agent spawn"), "{}", said("swarm"));
    assert!(said("show").contains("branch"), "{}", said("show"));
    assert!(said("self").contains("itself"), "{}", said("self"));
    assert!(!said("list").contains(&other), "{}", said("list"));
    assert!(said("list").contains(&format!("{parent}.1")), "{}", said("list"));
    assert!(said("events").contains(&format!("\"{parent}.1\"")), "{}", said("events"));
    assert!(!said("events").contains(&format!("\"{other}\"")), "{}", said("events"));
    assert_eq!(code("stopped"), "0", "{}", said("stopped"));
    assert_eq!(world.agent("kid")["state"], "stopped");
    assert_eq!(world.agent(&other)["ended_at"], serde_json::Value::Null, "it was left alone");
}

#[test]
fn stopping_a_parent_stops_all_below_it() {
    let world = World::new();
    let inner = "dash agent spawn -- sleep 614; sleep 615";
    let parent = agent(&world, &format!("dash agent spawn -- sh -c '{inner}'; sleep 616"));
    let (child, grandchild) = (format!("{parent}.1"), format!("{parent}.1.1"));
    eventually("a grandchild that works", || {
        let row = world.agents().into_iter().find(|row| row["id"] == grandchild.as_str())?;
        (row["pid"].is_number()).then_some(())
    });
    world.ok(&["agent", "stop", &parent]);
    for (id, reason) in
        [(&parent, ""), (&child, "its parent ended"), (&grandchild, "its parent ended")]
    {
        let row = world.until_state(id, &["stopped"]);
        assert_eq!(row["reason"], reason, "{row}");
    }
    eventually("the end of every process", || world.keepers().is_empty().then_some(()));
    let refused = world.dash(&["agent", "retry", &child]);
    assert!(refused.code != 0 && refused.stderr.contains("outlives"), "{refused:?}");
}

#[test]
fn a_child_ends_with_its_parents_attempt() {
    let world = World::new();
    let parent = agent(&world, "dash agent spawn -- sleep 617");
    world.until_state(&parent, &["done"]);
    let row = world.until_state(&format!("{parent}.1"), &["stopped"]);
    assert_eq!(row["reason"], "its parent ended");
    let swarm = row["swarm"].as_str().unwrap().to_owned();
    eventually("the swarm's end", || {
        let rows = world.json(&["swarm", "list"]);
        let row = rows.as_array()?.iter().find(|row| row["id"] == swarm.as_str())?.clone();
        (row["state"] == "done").then_some(())
    });
    // What it did not need keeps nobody from being done.
    world.ok(&["swarm", "wait", &swarm]);
}

#[test]
fn caps_and_the_breaker_of_the_configuration_hold() {
    let world = World::new();
    let config = "[core]\nidle_exit_seconds = 5\n[delegation]\ndepth = 1\nchildren = 2\ntotal = 4\n\
                  breaker = { failures = 2, within = \"1h\" }\n";
    fs::write(world.path().join("config/dash/config.toml"), config).unwrap();
    let parent = agent(
        &world,
        "dash agent spawn -- sh -c 'dash agent spawn -- true 2>deep; echo $? >>deep; sleep 618'; \
         dash agent spawn --timeout 1h --depth 9 -- sleep 619; \
         dash agent spawn -- true 2>many; echo $? >>many; \
         while [ ! -e next ]; do sleep 0.1; done; dash agent stop $DASH_AGENT.2; \
         for n in 1 2; do id=$(dash agent spawn -- false); dash agent wait $id; \
         dash agent stop $DASH_AGENT.1; done; \
         dash agent spawn -- true 2>held; echo $? >>held; \
         while [ ! -e resumed ]; do sleep 0.1; done; \
         dash agent spawn -- true 2>total; echo $? >>total; echo end >end; sleep 620",
    );
    let deep = until_written(&world, "deep");
    eventually("its code", || read(&world, "deep").trim().ends_with('6').then_some(()));
    assert!(deep.contains("cap on depth"), "{deep}");
    eventually("its code", || read(&world, "many").trim().ends_with('6').then_some(()));
    assert!(read(&world, "many").contains("2 of at most 2 children"), "{}", read(&world, "many"));
    world.write("next", "");
    eventually("a refusal", || read(&world, "held").trim().ends_with('1').then_some(()));
    let held = read(&world, "held");
    assert!(held.contains("held") && held.contains("dash agent resume"), "{held}");
    let told = world.ok(&["events", "--filter", &format!("agent={parent}")]).text();
    assert!(told.contains("2 children failed within"), "{told}");
    assert_eq!(world.agent(&parent)["reason"], "its branch is held");
    world.ok(&["agent", "resume", &parent]);
    world.exits(&["agent", "resume", &parent], 1);
    world.write("resumed", "");
    until_written(&world, "end");
    assert!(read(&world, "total").contains("4 of at most 4"), "{}", read(&world, "total"));
}

/// The body of a request says nothing of whose child it is, nor of what it was granted.
#[test]
fn a_body_decides_neither_parent_nor_grant() {
    let world = World::new();
    let parent = agent(&world, "sleep 621");
    world.until_state(&parent, &["working", "idle"]);
    let spec = find_file(&world.state().join("dash"), "spec.json").unwrap();
    let spec: serde_json::Value = serde_json::from_str(&fs::read_to_string(spec).unwrap()).unwrap();
    let socket = PathBuf::from(spec["agent_socket"].as_str().unwrap());
    let bearer = format!("authorization: Bearer {}\r\n", spec["token"].as_str().unwrap());
    let cwd = world.work.display().to_string();
    for (body, status) in [
        (serde_json::json!({ "parent": "ag-77", "task": "true", "cwd": cwd }), 400),
        (
            serde_json::json!({ "worktree": true, "adapter": "command", "task": "true", "cwd": cwd }),
            400,
        ),
        (
            serde_json::json!({ "swarm": "sw-1", "adapter": "command", "task": "true", "cwd": cwd,
            "granted": { "sandbox": "none", "net": "any" },
            "caps": { "depth": 99, "children": 99, "total": 999 } }),
            201,
        ),
    ] {
        let answer = ask(&socket, "POST", "/v1/agents", &bearer, body.to_string().as_bytes());
        assert_eq!(answer.status, status, "{body}: {}", answer.head);
    }
    let events = world.ok(&["events", "--json", "--filter", "level=debug"]).text();
    let added = events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let added = added.into_iter().find(|event| event["parent"] == parent.as_str()).unwrap();
    assert_eq!(added["grant"]["caps"]["depth"], 2, "{added}");
    assert_eq!(added["grant"]["caps"]["total"], 100, "{added}");
    let answer = get(&socket, &format!("/v1/agents/{parent}.1"), &bearer);
    assert_eq!(answer.status, 200);
}

#[test]
fn a_child_that_asks_for_more_gets_no_more() {
    let world = World::new();
    let root = world.path().canonicalize().unwrap().display().to_string();
    world.write("sub/keep", "");
    fs::write(world.path().join("data/secret"), "a secret").unwrap();
    let script = format!(
        "dash agent spawn --name free --no-sandbox -- touch by-free >free 2>&1; echo $? >>free; \
         dash agent spawn --dry-run --no-sandbox -- true >dry 2>&1; echo $? >>dry; \
         dash agent spawn --name wide --scope {root} --net any -- \
           sh -c 'touch {root}/data/escaped; touch by-wide' >>said 2>&1; \
         dash agent wait wide; \
         PATH=$PATH:{root}/data dash agent spawn --name path -- cat {root}/data/secret >>said 2>&1; \
         dash agent wait path; \
         dash agent spawn --name narrow --scope sub -- \
           sh -c 'touch sub/by-narrow; touch by-narrow' >>said 2>&1; dash agent wait narrow; \
         dash agent spawn --name hooks --scope .git/hooks --read . -- true >hooks 2>&1; echo $? >>hooks; \
         dash agent spawn --name git --scope .git -- sh -c 'touch .git/hooks/pre-commit .git/by-git' >>said 2>&1; \
         dash agent wait git; \
         (cd /usr; dash agent spawn --name away -- true) >away 2>&1; echo $? >>away; \
         dash agent spawn --name tree --worktree -- true >tree 2>&1; echo $? >>tree; \
         echo end >end"
    );
    // A repository, as far as it is to be told from other directories.
    for path in [".git/HEAD", ".git/config", ".git/objects/x", ".git/hooks/x"] {
        world.write(path, "");
    }
    let parent = agent(&world, &script);
    until_written(&world, "end");
    let scope = world.agent(&parent)["scope"].clone();
    assert!(scope.as_str().unwrap().starts_with("strict: write "), "{scope}");
    for (name, scope) in [
        ("wide", scope.as_str().unwrap().to_owned()),
        ("path", scope.as_str().unwrap().to_owned()),
        ("narrow", format!("strict: write {root}/work/sub; read {root}/work; net none")),
    ] {
        let row = world.json(&["agent", "show", name]);
        assert_eq!(row["scope"], scope, "{name}: {}", read(&world, "said"));
        let said = world.raw_log(name);
        assert!(!String::from_utf8_lossy(&said).contains("a secret"), "{name} read it");
    }
    assert!(!world.path().join("data/escaped").exists());
    for (file, there) in [
        ("by-free", false),
        ("by-wide", true),
        ("sub/by-narrow", true),
        ("by-narrow", false),
        (".git/by-git", true),
        (".git/hooks/pre-commit", false),
    ] {
        assert_eq!(world.work.join(file).exists(), there, "{file}");
    }
    for file in ["free", "dry"] {
        let free = read(&world, file);
        assert!(free.trim().ends_with('6') && free.contains("is held by a sandbox"), "{free}");
    }
    // What was asked for and not granted is told at once, afterwards, and in the audit.
    let asked = [format!("scope {root}: a part of it only"), "net any: none is granted".to_owned()];
    let said = read(&world, "said");
    assert!(asked.iter().all(|wish| said.contains(&format!("not granted: {wish}"))), "{said}");
    let wide = world.json(&["agent", "show", "wide"]);
    assert_eq!(wide["narrowed"], serde_json::json!(asked), "{wide}");
    assert_eq!(world.json(&["agent", "explain", "wide"])["narrowed"], wide["narrowed"]);
    let audit = world.ok(&["audit", "--json"]).text();
    assert!(audit.contains("\"narrowed\":["), "{audit}");
    let hooks = read(&world, "hooks");
    assert!(hooks.trim().ends_with('6') && hooks.contains("may not touch"), "{hooks}");
    let away = read(&world, "away");
    assert!(away.trim().ends_with('6') && away.contains("cannot work in /usr"), "{away}");
    let tree = read(&world, "tree");
    assert!(tree.trim().ends_with('2') || tree.trim().ends_with('1'), "{tree}");
    assert!(tree.contains("not enforced in this build"), "{tree}");
}

#[test]
fn without_a_sandbox_children_get_what_they_ask_for() {
    let world = World::new();
    world.write("sub/keep", "");
    let dash = env!("CARGO_BIN_EXE_dash");
    let script = format!(
        "{dash} agent spawn --name same -- true; {dash} agent spawn --name less --scope sub -- true; \
         {dash} agent wait same; {dash} agent wait less; echo end >end"
    );
    world.create(&["--no-sandbox", "--agents", "1", "--", "sh", "-c", &script]);
    until_written(&world, "end");
    assert_eq!(world.json(&["agent", "show", "same"])["scope"], "none");
    let less = world.json(&["agent", "show", "less"])["scope"].clone();
    assert!(less.as_str().unwrap().starts_with("strict: write "), "{less}");
}
