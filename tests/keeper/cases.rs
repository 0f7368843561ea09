use crate::harness::{World, family, lines, until};
use dash::protocol::keeper::{
    FactKind, FromKeeper, GATEWAY_ADDRESS_MARK, GATEWAY_MARK, LaunchFile, ToKeeper,
};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt;

pub fn both(script: &str, check: impl Fn(&World)) {
    for plain in [false, true] {
        let mut world = World::sh(script);
        world.plain = plain;
        check(&world);
    }
}

#[test]
fn records_what_was_printed_and_how_it_ended() {
    both("printf 'hello\\n'; exit 7", |world| {
        let (mut keeper, mut core) = world.start();
        assert!(core.started() > 1);
        assert_eq!(core.exited().code, Some(7));
        keeper.wait();
        assert_eq!(world.read("out.raw"), b"hello\r\n");
        let record = world.exit_record();
        assert_eq!((record.exit.code, record.bytes), (Some(7), 7));
        assert_eq!(record.screen.lines[0], "hello");
        assert_eq!(core.facts.iter().map(|fact| fact.n).collect::<Vec<_>>(), [1, 2]);
        assert!(!world.spec.keeper_socket.exists() && !world.spec.agent_socket.exists());
    });
}

#[test]
fn tells_the_signal() {
    both("kill -USR1 $$", |world| {
        let (_keeper, mut core) = world.start();
        let exit = core.exited();
        assert_eq!((exit.code, exit.signal), (None, Some(10)));
    });
}

#[test]
fn says_why_a_launch_failed() {
    let script = |name: &'static str, text: &'static str, mode: u32| {
        move |world: &mut World| {
            let path = world.path(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            world.spec.argv = vec![format!("./{name}")];
        }
    };
    type Prepare = Box<dyn Fn(&mut World)>;
    let argv = |arg: &'static str| -> Prepare {
        Box::new(move |world| world.spec.argv = vec![arg.to_owned()])
    };
    let cases: Vec<(Prepare, &str, &str, i32)> = vec![
        (
            argv("no-such-command-here"),
            "exec",
            "command not found: no-such-command-here (PATH",
            127,
        ),
        (argv("./missing"), "exec", "no such program: ./missing", 127),
        (argv("/usr"), "exec", "is a directory", 126),
        (Box::new(script("plain", "x", 0o644)), "exec", "not executable (mode 644)", 126),
        (
            Box::new(script("bad", "#!/no/such/python\n", 0o755)),
            "interpreter",
            "/no/such/python",
            126,
        ),
        (
            Box::new(|world: &mut World| world.spec.cwd = "/no/such/directory".into()),
            "cwd",
            "/no/such/directory",
            126,
        ),
    ];
    for plain in [false, true] {
        for (prepare, step, text, code) in &cases {
            let mut world = World::sh("true");
            world.plain = plain;
            prepare(&mut world);
            let (_keeper, mut core) = world.start();
            let (got, message) = core.fact(|kind| match kind {
                FactKind::LaunchFailed { step, message } => Some((step.clone(), message.clone())),
                _ => None,
            });
            assert_eq!(&got, step, "{message}");
            assert!(message.contains(text), "{message}");
            assert_eq!(core.exited().code, Some(*code), "{message}");
            assert!(!core.facts.iter().any(|fact| matches!(fact.kind, FactKind::Started { .. })));
        }
    }
}

#[test]
fn a_killed_keeper_leaves_nothing() {
    let script = "setsid -f sleep 1000; (setsid sleep 1001 & ); nohup sleep 1002 >/dev/null & \
                  env -i setsid -f sleep 1003; echo ready; wait; sleep 1004";
    let world = World::sh(script);
    let (mut keeper, mut core) = world.start();
    let agent = core.started();
    until("all run", || family(&world.spec.attempt).len() >= 4);
    let namespace = fs::read_link(format!("/proc/{agent}/ns/pid")).unwrap();
    assert_ne!(namespace, fs::read_link("/proc/self/ns/pid").unwrap());
    keeper.0.kill().unwrap();
    keeper.0.wait().unwrap();
    until("nothing is left", || {
        family(&world.spec.attempt).is_empty() && in_namespace(&namespace) == 0
    });
}

fn in_namespace(namespace: &std::path::Path) -> usize {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| fs::read_link(entry.path().join("ns/pid")).is_ok_and(|ns| ns == namespace))
        .count()
}

#[test]
fn a_stop_reaches_those_that_do_not_listen() {
    let script = "trap '' TERM HUP; setsid -f sh -c 'trap \"\" TERM; sleep 1000'; \
                  (setsid sh -c 'trap \"\" TERM; sleep 1001' & ); echo ready; \
                  while :; do sleep 1000; done";
    both(script, |world| {
        let (mut keeper, mut core) = world.start();
        core.started();
        until("all run", || family(&world.spec.attempt).len() >= 6);
        core.say(&ToKeeper::Stop { grace_ms: 100 });
        assert_eq!(core.exited().signal, Some(9));
        keeper.wait();
        assert_eq!(family(&world.spec.attempt), Vec::<u32>::new());
    });
}

#[test]
fn a_stop_lets_the_agent_say_its_last_words() {
    both("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done", |world| {
        let (_keeper, mut core) = world.start();
        until("the trap stands", || world.read("out.raw").starts_with(b"ready"));
        core.say(&ToKeeper::Stop { grace_ms: 30_000 });
        assert_eq!(core.exited().code, Some(3));
        // The tool in the terminal's group heard it too; what the shell says of that is its own.
        assert!(world.read("out.raw").ends_with(b"bye\r\n"));
    });
}

#[test]
fn what_the_agent_leaves_running_ends_with_it() {
    both("setsid -f sleep 1000; (sleep 1001 &); exit 4", |world| {
        let (mut keeper, mut core) = world.start();
        assert_eq!(core.exited().code, Some(4));
        keeper.wait();
        assert_eq!(family(&world.spec.attempt), Vec::<u32>::new());
    });
}

#[test]
fn a_second_core_takes_over_where_the_first_was() {
    let world = World::sh("read line; echo got $line");
    let (_keeper, mut first) = world.start();
    let pid = first.started();
    let mut second = world.connect();
    second.hello(2, 1);
    assert_eq!(second.fds.len(), 2);
    assert!(first.find(|message| match message {
        FromKeeper::Refused { message } => Some(message.contains("epoch 2")),
        _ => None,
    }));
    assert!(first.next().is_none());
    let mut old = world.connect();
    old.say(&ToKeeper::Core {
        version: 1,
        epoch: 1,
        facts_after: 0,
        judges: false,
        looks: false,
        paused: false,
    });
    assert!(matches!(old.next(), Some(FromKeeper::Refused { .. })));
    let mut third = world.connect();
    third.hello(2, 0);
    assert_eq!(third.started(), pid);
    third.input(b"word\n");
    assert_eq!(third.exited().code, Some(0));
    assert_eq!(world.read("out.raw"), b"word\r\ngot word\r\n");
    assert_eq!(lines(&world.path("facts")), 2);
}

#[test]
fn listeners_are_handed_over_and_stay() {
    let mut world = World::sh("cat file; echo $URL; echo $PROXY; read x");
    world.spec.env.push(("URL".into(), format!("{GATEWAY_MARK}/v1")));
    world.spec.env.push(("PROXY".into(), format!("http://dash:x@{GATEWAY_ADDRESS_MARK}")));
    world.spec.files.push(LaunchFile {
        path: world.path("file"),
        content: format!("{GATEWAY_MARK}\n"),
        mode: 0o640,
        protected: false,
    });
    let (_keeper, mut core) = world.start();
    let agent = std::os::unix::net::UnixListener::from(core.fds.remove(1));
    let gateway = std::net::TcpListener::from(core.fds.remove(0));
    let place = gateway.local_addr().unwrap();
    let url = format!("http://{place}");
    let text = format!("{url}\r\n{url}/v1\r\nhttp://dash:x@{place}\r\n");
    until("the text", || world.read("out.raw") == text.as_bytes());
    assert_eq!(world.path("file").metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(std::net::TcpStream::connect(gateway.local_addr().unwrap()).is_ok());
    let address = gateway.local_addr().unwrap();
    drop((gateway, agent));
    // While no core holds it the keeper does: a connection waits instead of being refused.
    assert!(std::net::TcpStream::connect(address).is_ok());
    assert!(std::os::unix::net::UnixStream::connect(&world.spec.agent_socket).is_ok());
    core.input(b"\n");
    core.exited();
}

#[test]
fn fifty_megabytes_are_recorded_exactly() {
    let world = World::sh(
        "stty raw -echo; head -c 50000000 /dev/urandom | tee copy | sha256sum > sum & wait; cat copy",
    );
    let (_keeper, mut core) = world.start();
    assert_eq!(core.exited().code, Some(0));
    let recorded = world.read("out.raw");
    assert_eq!(recorded.len(), 50_000_000);
    let sum =
        Sha256::digest(&recorded).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(String::from_utf8(world.read("sum")).unwrap().starts_with(&sum));
}

#[test]
fn a_viewer_sees_the_screen_and_types() {
    let world = World::sh("stty -echo; echo here I am; read x; echo you said $x; read y");
    let (_keeper, mut core) = world.start();
    until("printed", || world.read("out.raw").ends_with(b"am\r\n"));
    let mut viewer = world.view(&mut core, "t1", false, (100, 30));
    let size = viewer.find(|message| match message {
        FromKeeper::Size { cols, rows } => Some((*cols, *rows)),
        _ => None,
    });
    assert_eq!(size, (100, 30));
    viewer.sees("here I am");
    viewer.input(b"word\n");
    viewer.sees("you said word");
    let mut looker = world.view(&mut core, "t2", true, (50, 10));
    looker.sees("you said word");
    looker.input(b"not heard\n");
    assert_eq!((core.screen().cols, core.screen().rows), (100, 30));
    let mut thief = world.connect();
    thief.say(&ToKeeper::View { version: 1, ticket: "t1".into(), cols: 0, rows: 0 });
    assert!(matches!(thief.next(), Some(FromKeeper::Refused { .. })));
    core.input(b"\n");
    assert_eq!(core.exited().code, Some(0));
    assert!(viewer.find(|m| matches!(m, FromKeeper::Ended { .. }).then_some(true)));
}

#[test]
fn a_slow_viewer_gets_a_fresh_screen_and_slows_nobody() {
    let world = World::sh("read x; seq 1 400000; echo the end; read y");
    let (_keeper, mut core) = world.start();
    core.started();
    let mut viewer = world.view(&mut core, "t", false, (0, 0));
    viewer.sees("\x1b");
    core.input(b"\n");
    // The viewer reads nothing, and all is recorded.
    until("the flood is over", || world.read("out.raw").ends_with(b"the end\r\n"));
    viewer.sees("the end");
    assert!(viewer.bytes.len() < 2_000_000, "{} bytes", viewer.bytes.len());
    core.input(b"\n");
    core.exited();
}

#[test]
fn nonsense_closes_its_own_connection_only() {
    use std::io::Write;
    let world = World::sh("read x");
    let (_keeper, mut core) = world.start();
    for wire in [
        &b"\xff\xff\xff\xff\x00"[..],
        b"\x00\x00\x00\x00",
        b"\x03\x00\x00\x00\x00{}",
        b"\x02\x00\x00\x00\x01x",
    ] {
        let mut peer = world.connect();
        peer.stream.write_all(wire).unwrap();
        assert!(matches!(peer.next(), Some(FromKeeper::Refused { .. })));
        assert!(peer.next().is_none());
    }
    core.input(b"\n");
    assert_eq!(core.exited().code, Some(0));
}

#[test]
fn an_agent_may_not_speak_to_a_keeper() {
    let world = World::sh(
        "python3 -c \"import socket;s=socket.socket(socket.AF_UNIX);s.connect('k.sock');print(s.recv(200))\"",
    );
    let (_keeper, mut core) = world.start();
    core.exited();
    let text = String::from_utf8(world.read("out.raw")).unwrap();
    assert!(text.contains("refused"), "{text}");
}

#[test]
fn gauges_tell_the_bottom_rows() {
    let world = World::sh("echo one; echo two; read x");
    let (_keeper, mut core) = world.start();
    let gauge = core.find(|message| match message {
        FromKeeper::Gauge { gauge } if !gauge.bottom.is_empty() => Some(gauge.clone()),
        _ => None,
    });
    assert_eq!(gauge.bottom, ["one", "two"]);
    assert_eq!((gauge.last_line.as_str(), gauge.bytes), ("two", 10));
}

#[test]
fn a_core_that_vanishes_does_not_end_the_agent() {
    let world = World::sh("read x; exit 5");
    // The flock of a living core: no other is started.
    let lock = fs::File::create(world.path("core.sock.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let (mut keeper, mut core) = world.start();
    core.started();
    drop(core);
    let mut next = world.connect();
    next.hello(2, 0);
    next.started();
    next.say(&ToKeeper::Goodbye);
    assert!(next.next().is_none());
    let mut last = world.connect();
    last.hello(3, 0);
    last.input(b"\n");
    assert_eq!(last.exited().code, Some(5));
    keeper.wait();
}

#[test]
fn a_full_disk_blocks_the_agent_and_loses_nothing() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let mut world = World::sh("stty -opost; head -c 1000000 copy; exit 6");
    let text: Vec<u8> = (0..1_000_000u32).map(|n| b'a' + (n % 26) as u8).collect();
    fs::write(world.path("copy"), &text).unwrap();
    world.file_limit = Some(100_000);
    let (mut keeper, mut core) = world.start();
    core.fact(|kind| matches!(kind, FactKind::DiskFull).then_some(()));
    assert_eq!(world.read("out.raw").len(), 100_000);
    let pid = Pid::from_raw(keeper.pid() as i32);
    prlimit(pid, Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    core.fact(|kind| matches!(kind, FactKind::DiskBack).then_some(()));
    assert_eq!(core.exited().code, Some(6));
    keeper.wait();
    assert!(world.read("out.raw") == text);
    let full = core.facts.iter().filter(|fact| fact.kind == FactKind::DiskFull).count();
    assert_eq!(full, 1);
}

#[test]
fn questions_to_the_terminal_are_answered_and_states_become_facts() {
    let script = "stty -echo -icanon min 6 time 50; printf 'ab\\033[6nc'; head -c 6 > answer; \
                  printf '\\033]7501;state=blocked:kind=permission\\033\\\\\\033]0;the title\\007'; \
                  read x";
    let world = World::sh(script);
    let (_keeper, mut core) = world.start();
    let state = core.fact(|kind| match kind {
        FactKind::Status { state, .. } => Some(state.clone()),
        _ => None,
    });
    assert_eq!(state, "blocked");
    assert_eq!(world.read("answer"), b"\x1b[1;3R");
    let title = core.find(|message| match message {
        FromKeeper::Gauge { gauge } if !gauge.title.is_empty() => Some(gauge.title.clone()),
        _ => None,
    });
    assert_eq!(title, "the title");
    core.say(&ToKeeper::Stop { grace_ms: 1000 });
    core.exited();
}

#[test]
fn an_attempt_has_one_keeper_ever() {
    both("echo run >> runs; read x", |world| {
        let (mut first, mut core) = world.start();
        core.started();
        until("it ran", || world.path("runs").exists() && lines(&world.path("runs")) == 1);
        // While the first lives, and after it: the second leaves, and touches nothing.
        let (mut second, _theirs) = world.keep();
        second.wait();
        core.say(&ToKeeper::Stop { grace_ms: 0 });
        core.exited();
        first.wait();
        let (mut third, _theirs) = world.keep();
        third.wait();
        assert_eq!(lines(&world.path("runs")), 1);
    });
}

/// Without a namespace processes are found by what their environment says, and attempts of
/// two instances have the same names.
#[test]
fn an_end_harms_no_other_instance() {
    let mut one = World::sh("exit 0");
    let mut other = World::sh("read x; exit 3");
    for world in [&mut one, &mut other] {
        world.plain = true;
        world.spec.attempt = dash::model::AttemptId::new("ag-01-1");
        let socket = world.spec.agent_socket.display().to_string();
        world.spec.env.push(("DASH_ATTEMPT".into(), "ag-01-1".into()));
        world.spec.env.push(("DASH_SOCKET".into(), socket));
    }
    let (mut keeper, mut bystander) = other.start();
    bystander.started();
    let (mut gone, mut core) = one.start();
    assert_eq!(core.exited().code, Some(0));
    gone.wait();
    bystander.input(b"go\n");
    assert_eq!(bystander.exited().code, Some(3));
    keeper.wait();
}
