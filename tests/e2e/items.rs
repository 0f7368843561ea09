//! A queue of items that N agents work through.

use crate::world::World;
use std::collections::BTreeSet;

fn lines(world: &World, file: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(world.work.join(file)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn set(lines: &[&str]) -> BTreeSet<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn a_glob_makes_the_queue() {
    let world = World::new();
    for name in ["src/a.rs", "src/deep/b.rs", "src/c d.rs", "src/no.txt"] {
        world.write(name, "x");
    }
    let (id, code) = world.create_and_wait(&[
        "--agents",
        "2",
        "--each",
        "src/**/*.rs",
        "--",
        "sh",
        "-c",
        "echo \"$1\" >> seen",
        "-",
        "{item}",
    ]);
    assert_eq!(code, 0);
    assert_eq!(lines(&world, "seen"), set(&["src/a.rs", "src/deep/b.rs", "src/c d.rs"]));
    let swarm = world.json(&["swarm", "show", &id]);
    assert_eq!((&swarm["items"]["total"], &swarm["items"]["done"]), (&3.into(), &3.into()));
    assert_eq!(world.agents_of(&id).len(), 2);
}

#[test]
fn a_file_or_standard_input_makes_the_queue() {
    let world = World::new();
    world.write("list", "one\ntwo\n\nthree\n");
    let args = ["swarm", "create", "--wait", "--agents", "2", "--items"];
    let command = ["--", "sh", "-c", "echo {index} $0 >> seen", "{item}"];
    world.exits(&[&args[..], &["list"], &command].concat(), 0);
    assert_eq!(lines(&world, "seen"), set(&["1 one", "2 two", "3 three"]));

    std::fs::remove_file(world.work.join("seen")).unwrap();
    let output = world.dash_with_input(&[&args[..], &["-"], &command].concat(), b"four\nfive");
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(lines(&world, "seen"), set(&["1 four", "2 five"]));
}

#[test]
fn one_failed_item_does_not_stop_the_others() {
    let world = World::new();
    world.write("list", "0\n1\n0\n2\n");
    let (id, code) = world.create_and_wait(&[
        "--agents",
        "2",
        "--items",
        "list",
        "--",
        "sh",
        "-c",
        "exit {item}",
    ]);
    assert_eq!(code, 3);
    let swarm = world.json(&["swarm", "show", &id]);
    let items = &swarm["items"];
    assert_eq!(
        (&items["total"], &items["done"], &items["failed"]),
        (&4.into(), &2.into(), &2.into()),
        "{swarm}"
    );
}

#[test]
fn items_can_be_added_while_it_runs() {
    let world = World::new();
    world.write("list", "first\n");
    let script = world.script("work", "echo $1 >> seen; [ $1 = last ] || read line");
    let id = world.create(&["--agents", "1", "--items", "list", "--", &script, "{item}"]);
    let agent = world.only_agent(&id);
    world.until_state(&agent, &["working", "idle", "waiting"]);
    world.ok(&["item", "add", "--swarm", &id, "last"]);
    let items = world.json(&["item", "list", "--swarm", &id]);
    assert_eq!(items.as_array().map(Vec::len), Some(2), "{items}");
    world.ok(&["agent", "send", &agent, "go on"]);
    assert_eq!(world.dash(&["swarm", "wait", &id]).code, 0);
    assert_eq!(lines(&world, "seen"), set(&["first", "last"]));
}

#[test]
fn an_item_is_one_word_of_a_task_for_the_shell() {
    let world = World::new();
    world.write("list", "$(touch planted)\nit's \"two\"  words\n");
    let args = ["--agent", "command", "--items", "list", "--task", "printf '%s\\n' {item} >> seen"];
    let (_, code) = world.create_and_wait(&args);
    assert_eq!(code, 0);
    assert_eq!(lines(&world, "seen"), set(&["$(touch planted)", "it's \"two\"  words"]));
    assert!(!world.work.join("planted").exists());
}

#[test]
fn without_a_queue_nothing_stands_for_an_item() {
    let world = World::new();
    let (id, _) = world.create_and_wait(&["--", "printf", "[%s] [%s]", "{item}", "{index}"]);
    let results = world.json(&["swarm", "results", &id]);
    assert_eq!(results["results"][0]["text"], "[{item}] [1]");
}
