//! Which socket a core takes, and whose it leaves alone.

use crate::{
    tools,
    wait::{LIMIT, eventually, exit_within},
    world::{World, find_file, set_mode},
};
use std::{
    os::unix::{fs::symlink, net::UnixListener},
    process::Stdio,
};

#[test]
fn another_programs_socket_is_left_alone() {
    let world = World::new();
    let listener = UnixListener::bind(&world.socket).unwrap();
    let socket = world.socket.display().to_string();
    let output = world.exits(&["--socket", &socket], 1);
    assert!(output.stderr.contains(&socket) && output.stderr.contains("another program"));
    std::os::unix::net::UnixStream::connect(&world.socket).expect("still its own");
    // Stale, it is nobody's.
    drop(listener);
    world.ok(&["swarm", "list"]);
}

#[test]
fn a_core_that_leaves_takes_only_its_own_socket() {
    let world = World::new();
    let mut core = world.headless();
    std::fs::remove_file(&world.socket).unwrap();
    let _other = UnixListener::bind(&world.socket).unwrap();
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&core),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert!(exit_within(&mut core, LIMIT).unwrap().success(), "{}", world.headless_log());
    assert!(world.socket.exists());
}

#[test]
fn a_directory_that_others_write_to_is_refused() {
    let world = World::new();
    let open = world.path().join("open");
    std::fs::create_dir(&open).unwrap();
    set_mode(&open, 0o777);
    let socket = open.join("d.sock").display().to_string();
    for args in [&["--socket", &socket][..], &["-S", &socket, "swarm", "list"]] {
        let output = world.exits(args, 1);
        assert!(output.stderr.contains("chmod 700"), "{output:?}");
    }
    assert_eq!(std::fs::read_dir(&open).unwrap().count(), 0);
}

#[test]
fn a_link_and_a_bare_word() {
    let world = World::new();
    symlink(&world.socket, world.work.join("link.sock")).unwrap();
    let here = world.json(&["swarm", "list"]);
    assert!(here.is_array());
    let by_link = world.json(&["-S", "link.sock", "health"]);
    assert_eq!(by_link["pid"], world.json(&["health"])["pid"]);
    let output = world.exits(&["-S", "foo", "swarm", "list"], 2);
    assert!(output.stderr.contains("no socket's path"), "{output:?}");
    let mut command = world.command(&["swarm", "list"]);
    command.env("DASH_SOCKET", "foo");
    assert_eq!(world.run(command, b"", LIMIT).code, 2);
    assert!(!world.work.join("foo.lock").exists());
}

#[test]
fn the_temporary_directory_is_the_users() {
    let world = World::new();
    let mut command = world.command(&["swarm", "list"]);
    command.env_remove("XDG_RUNTIME_DIR").env_remove("DASH_SOCKET");
    assert_eq!(world.run(command, b"", LIMIT).code, 0);
    let uid = rustix::process::getuid().as_raw();
    assert!(world.path().join(format!("tmp/dash-{uid}/dash.sock")).exists());
}

/// Every core of several that become idle at their own moments.
#[test]
fn idle_cores_leave() {
    let world = World::new();
    let config = world.path().join("config/dash/config.toml");
    std::fs::write(config, "[core]\nidle_exit_seconds = 1\n").unwrap();
    let sockets: Vec<String> =
        (0..8).map(|n| world.path().join(format!("run/{n}.sock")).display().to_string()).collect();
    let children: Vec<_> = sockets
        .iter()
        .map(|socket| {
            let args = ["-S", socket, "swarm", "create", "--agents", "2", "--", "sleep", "0.3"];
            let mut command = world.command(&args);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(exit_within(&mut child, LIMIT).unwrap().success());
    }
    eventually("the cores to leave by themselves", || world.processes().is_empty().then_some(()));
}

#[test]
fn an_output_that_cannot_be_written_is_told_once() {
    let world = World::new();
    world.create_and_wait(&["--agents", "1", "--", "true"]);
    for args in [&["agent", "list", "--json"][..], &["events"], &["swarm", "list"], &["--help"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = world.command(args);
        let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert_eq!(said.matches("cannot write the output").count(), 1, "{args:?}: {said}");
    }
}

/// Asks the core and a keeper, from a process with neither parent nor session of before, and
/// writes down what they said. Its first process waits for that.
const ASKS: &str = r#"
import json, os, socket, struct, sys

def ask(path, question):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(50)
        connection.connect(path)
        try:
            connection.sendall(question)
        except OSError:
            pass  # Refused before it was asked.
        answer = b""
        while True:
            try:
                part = connection.recv(65536)
            except ConnectionResetError:
                part = b""
            if not part:
                return answer.decode("latin-1")
            answer += part

admin, keeper, out = sys.argv[1:]
done, hold = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    view = json.dumps({"type": "view", "version": VERSION, "ticket": "x", "cols": 0, "rows": 0})
    frame = struct.pack("<IB", len(view) + 1, CONTROL) + view.encode()
    core = ask(admin, b"GET /v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    with open(out + ".new", "w") as file:
        json.dump({"core": core, "keeper": ask(keeper, frame)}, file)
    os.rename(out + ".new", out)
    os._exit(0)
os.close(hold)
os.wait()
os.read(done, 1)
"#;

/// Without a namespace, so that nothing but its ancestry tells who asks.
#[test]
fn what_an_agent_left_alone_is_still_an_agents() {
    if !tools::have("python3") {
        return;
    }
    let world = World::new().with("DASH_NO_PIDNS", "1");
    let python = tools::find("python3").unwrap().display().to_string();
    let script = ASKS
        .replace("VERSION", &dash::protocol::keeper::VERSION.to_string())
        .replace("CONTROL", &dash::protocol::keeper::KIND_CONTROL.to_string());
    std::fs::write(world.work.join("asks.py"), script).unwrap();
    let other = world.create(&["--no-sandbox", "--agents", "1", "--", "sleep", "614"]);
    world.until_state(&world.only_agent(&other), &["working", "idle"]);
    let spec = std::fs::read(find_file(&world.state().join("dash"), "spec.json").unwrap()).unwrap();
    let spec: serde_json::Value = serde_json::from_slice(&spec).unwrap();
    let admin = world.socket.display().to_string();
    let keeper = spec["keeper_socket"].as_str().unwrap();
    let heard = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(world.work.join(name)).unwrap()).unwrap()
    };

    let mut command = std::process::Command::new(&python);
    command.args(["asks.py", &admin, keeper, "ours"]).current_dir(&world.work);
    assert!(command.status().unwrap().success());
    let ours = heard("ours");
    assert!(ours["core"].as_str().unwrap().starts_with("HTTP/1.1 200"), "{ours}");
    assert!(ours["keeper"].as_str().unwrap().contains("ticket"), "{ours}");

    let line = [&python, "asks.py", &admin, keeper, "theirs"];
    let args = ["--no-sandbox", "--agents", "1", "--"].into_iter().chain(line);
    let (_, code) = world.create_and_wait(&args.collect::<Vec<_>>());
    assert_eq!(code, 0);
    let theirs = heard("theirs");
    assert!(theirs["core"].as_str().unwrap().starts_with("HTTP/1.1 403"), "{theirs}");
    let said = theirs["keeper"].as_str().unwrap();
    assert!(said.contains("does not take this connection"), "{theirs}");
}
