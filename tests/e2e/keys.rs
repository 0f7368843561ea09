//! Real keys: in the core that was given them, and nowhere else.

use crate::{
    wait::{LIMIT, eventually},
    world::{Output, World},
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

const KEY: &str = "the-real-key";

/// A provider on loopback that never answers its first request and refuses all others with
/// 402. Its address, and the keys it was shown.
fn provider() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (shown, keys) = sync_channel(16);
    thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            let key = request(&stream);
            if silent.is_empty() {
                silent.push(stream);
            } else {
                let body = r#"{"type":"error","error":{"type":"billing","message":"no credit"}}"#;
                let head = "HTTP/1.1 402 Payment Required\r\nconnection: close\r\n";
                let kind = "content-type: application/json\r\n";
                let _ = write!(&stream, "{head}{kind}content-length: {}\r\n\r\n{body}", body.len());
            }
            if shown.send(key).is_err() {
                return;
            }
        }
    });
    (url, keys)
}

/// Reads a whole request; the key it brought.
fn request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut key, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim().split_once(": ") {
            Some(("x-api-key", value)) => key = value.to_owned(),
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None if line.trim().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    key
}

fn with_key(world: &World, args: &[&str]) -> Output {
    let mut command = world.command(args);
    command.env("ANTHROPIC_API_KEY", KEY);
    let output = world.run(command, b"", LIMIT);
    assert_eq!(output.code, 0, "{output:?}");
    output
}

#[test]
fn a_core_that_came_back_without_a_key_holds_the_calls() {
    let (url, keys) = provider();
    let world = World::new().with("ANTHROPIC_BASE_URL", &url);
    let made = with_key(
        &world,
        &["swarm", "create", "--json", "--agent", "mini", "--agents", "1", "--task", "x"],
    );
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(keys.recv_timeout(LIMIT).unwrap(), KEY);
    let core = world.core().pid;
    for process in world.processes().iter().filter(|process| process.pid != core) {
        assert_ne!(process.variable("ANTHROPIC_API_KEY").as_deref(), Some(KEY), "{process:?}");
    }

    world.kill_core();
    let agent = eventually("a core that a keeper started", || {
        let mut command = world.command(&["agent", "list", "--json"]);
        command.env("DASH_AGENT", "ag-01");
        let output = world.run(command, b"", LIMIT);
        (output.code == 0).then(|| output.json()[0]["id"].as_str().unwrap().to_owned())
    });
    eventually("a call that is held", || {
        let row = world.agent(&agent);
        (row["state"] == "waiting" && row["reason"] == "key missing").then_some(())
    });
    assert!(keys.try_recv().is_err(), "a call went out without a key");
    let asked = world.ok(&["inbox", "--wait", "--json"]).json();
    assert_eq!((&asked[0]["kind"], &asked[0]["agent"]), (&"key".into(), &agent.as_str().into()));
    assert!(asked[0].to_string().contains("ANTHROPIC_API_KEY"), "{asked}");
    let listed = world.ok(&["inbox"]).text();
    assert!(listed.contains("no answer brings a key"), "{listed}");
    assert_eq!(world.dash(&["approve", "ap-1"]).code, 1);
    let doctor = world.dash(&["doctor"]).all();
    assert!(doctor.contains("key missing") && doctor.contains("ANTHROPIC_API_KEY"), "{doctor}");
    assert!(world.core_log().contains("key missing"), "{}", world.core_log());

    // A core that has it again: the call goes out, to the same provider.
    world.ok(&["core", "stop"]);
    with_key(&world, &["swarm", "list"]);
    assert_eq!(keys.recv_timeout(LIMIT).unwrap(), KEY);
    eventually("the inbox without it", || {
        world.json(&["inbox"]).as_array().unwrap().is_empty().then_some(())
    });
    assert_eq!(world.dash(&["swarm", "wait", &id]).code, 4);
    assert_eq!(world.agent(&agent)["attempt"], 1, "it was not started again");
    // Nothing of it is on the disk.
    let mut command = std::process::Command::new("grep");
    command.args(["-rl", KEY]).arg(world.path());
    assert_eq!(world.run(command, b"", LIMIT).text(), "");
}
