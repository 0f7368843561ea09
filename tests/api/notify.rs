//! `[notify]`, and the filter of events that it has in common with other programs.

use crate::{
    by_hand::get,
    wait::{LIMIT, eventually},
    world::World,
};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::net::UnixStream,
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

/// A server that answers the first post with an error, and tells what is posted.
fn hook() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook?secret=s3cret", listener.local_addr().unwrap());
    let (tell, told) = sync_channel(100);
    thread::spawn(move || {
        for (n, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let mut reader = BufReader::new(stream);
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim().to_lowercase();
                if line.is_empty() {
                    break;
                }
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let status = if n == 0 { "500 Later" } else { "204 No Content" };
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            reader.get_mut().write_all(head.as_bytes()).unwrap();
            if n > 0 && tell.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (address, told)
}

#[test]
fn failures_and_ends_are_told_to_a_program_and_to_a_web_hook_and_nothing_else() {
    let world = World::new();
    let (address, told) = hook();
    let script = world.script("tell", "cat >> \"$1\"; printf '\\n%s\\n' \"$2\" >> \"$1\"");
    let file = world.work.join("told");
    let command = format!("[{script:?}, {file:?}, \"it says: {{text}}\"]");
    world.configure(&format!("[notify]\nwebhook = {address:?}\ncommand = {command}\n"));
    // It fails once and then not: that is seen to.
    let once = "[ -e tried ] || { touch tried; exit 1; }";
    world.create_and_wait(&["--name", "fine", "--retries", "1", "--", "sh", "-c", once]);
    let (_, code) = world.create_and_wait(&["--name", "bad", "--", "sh", "-c", "exit 3"]);
    assert_eq!(code, 3);
    let next = || told.recv_timeout(LIMIT).unwrap();
    let posted = [next(), next(), next()];
    let kinds: Vec<_> = posted.iter().map(|news| news["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["swarm_ended", "state_changed", "swarm_ended"], "{posted:#?}");
    let [fine, failed, bad] = &posted;
    assert_eq!((&fine["swarm_name"], &fine["state"]), (&"fine".into(), &"done".into()));
    assert_eq!((&failed["state"], &failed["agent"]), (&"failed".into(), &"ag-02".into()));
    assert_eq!(bad["results"]["results"][0]["exit"], 3, "{bad:#}");
    assert!(bad["text"].as_str().unwrap().starts_with("bad: swarm failed"), "{bad:#}");
    let shown = eventually("the program's notes", || {
        fs::read_to_string(&file).ok().filter(|text| text.matches("it says: ").count() == 3)
    });
    assert!(shown.contains("\nit says: bad: swarm failed: 1 failed, 0 done\n"), "{shown}");
    assert!(!world.core_log().contains("s3cret"), "{}", world.core_log());
}

#[test]
fn a_web_hook_that_never_answers_keeps_nobody_else_waiting() {
    let world = World::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let script = world.script("tell", "cat >> \"$1\"; echo >> \"$1\"");
    let file = world.work.join("told");
    world
        .configure(&format!("[notify]\nwebhook = {address:?}\ncommand = [{script:?}, {file:?}]\n"));
    for name in ["one", "two", "three"] {
        world.create_and_wait(&["--name", name, "--", "false"]);
    }
    eventually("all three ends", || {
        let told = fs::read_to_string(&file).unwrap_or_default();
        (told.matches("\"swarm_ended\"").count() == 3).then_some(())
    });
}

#[test]
fn a_core_that_takes_over_goes_on_telling_where_the_last_one_was() {
    let world = World::new();
    let script = world.script("tell", "cat >> \"$1\"; echo >> \"$1\"");
    let file = world.work.join("told");
    world.configure(&format!("[notify]\ncommand = [{script:?}, {file:?}]\n"));
    let count = || fs::read_to_string(&file).unwrap_or_default().lines().count();
    let lines = |n: usize| eventually("what is told", || (count() == n).then_some(()));
    world.create_and_wait(&["--", "true"]);
    lines(1);
    let go = world.work.join("go");
    let agent = world.create(&["--", "sh", "-c", "until [ -e go ]; do sleep 0.02; done"]);
    world.kill_core();
    // It ends while nobody looks.
    fs::write(&go, "").unwrap();
    eventually("the end of all keepers", || world.keepers().is_empty().then_some(()));
    world.ok(&["swarm", "wait", &agent]);
    lines(2);
    world.kill_core();
    world.create_and_wait(&["--", "true"]);
    lines(3);
}

#[test]
fn events_are_had_by_kind_and_by_need_with_the_results_at_an_end() {
    let world = World::new();
    let (swarm, _) = world.create_and_wait(&["--name", "bad", "--", "sh", "-c", "echo no; exit 3"]);
    let kinds = |filter: &str| -> Vec<String> {
        let told = world.ok(&["events", "--json", "--filter", filter]).text();
        let kind = |line: &str| {
            let event: Value = serde_json::from_str(line).unwrap();
            event["kind"].as_str().unwrap().to_owned()
        };
        told.lines().map(kind).collect()
    };
    assert_eq!(kinds("attention"), ["state_changed", "swarm_ended"]);
    assert_eq!(
        kinds("kind=attempt_planned"),
        ["attempt_planned"],
        "also what is only for debugging"
    );
    assert_eq!(kinds("kind=swarm_ended,kind=swarm_created"), ["swarm_created", "swarm_ended"]);
    assert_eq!(kinds("attention,kind=swarm_ended"), ["swarm_ended"]);
    let wrong = world.exits(&["events", "--filter", "kind=swarm_ende"], 2).all();
    assert!(wrong.contains("did you mean kind=swarm_ended?"), "{wrong}");
    let wrong = get(&world.socket, "/v1/events?kind=swarm_ende&follow=0", "");
    assert_eq!(
        (wrong.problem(), &wrong.json()["hint"]),
        (400, &"did you mean swarm_ended?".into())
    );
    let told = world.ok(&["events", "--json", "--filter", "kind=swarm_ended"]).text();
    let told: Value = serde_json::from_str(&told).unwrap();
    let results = world.json(&["swarm", "results", &swarm]);
    assert_eq!(told["results"], results, "{told:#}");
}

#[test]
fn a_stream_without_news_says_that_it_lives() {
    let world = World::new();
    world.ok(&["swarm", "list"]);
    let read = |headers: &str, sign: &[u8]| {
        let mut stream = UnixStream::connect(&world.socket).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let head = format!("GET /v1/events HTTP/1.1\r\nhost: dash\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut all = Vec::new();
        let mut part = [0; 1024];
        while !all.windows(sign.len()).any(|window| window == sign) {
            let n = stream.read(&mut part).unwrap();
            assert!(n > 0, "it ended: {}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&part[..n]);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| read("", b": beat\n\n"));
        let upgrade = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
        // A ping without anything in it.
        read(upgrade, &[0x89, 0x00]);
    });
}
