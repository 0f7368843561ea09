//! No more is spent than may be, by the log of the provider itself: whatever an answer says of
//! its usage, however it breaks off, and whenever the core is killed (`DASH_TEST_MONEY_KILLS`
//! says how often).

use crate::{
    caller::Door,
    dialects::Wire,
    tools::count,
    upstream::{End, Play, Told, Upstream, Usage},
    wait::eventually,
    world::World,
};
use rustix::process::Signal;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

const SEED: u64 = 0x5EED_0005;
const PATIENCE: Duration = Duration::from_secs(20);
/// What an answer may have at most, in tokens: with [`PROMPT`] less than a cent of the dearest.
const LIMIT: u64 = 300;
const PROMPT: &str = "say something that takes a while, in a few words";

/// SplitMix64: one number for each seed.
fn random(seed: u64) -> u64 {
    let z = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn account(world: &World, id: &str) -> [i64; 3] {
    let shown = world.json(&["budget", "show", id]);
    ["limit_micros", "spent_micros", "reserved_micros"].map(|name| shown[name].as_i64().unwrap())
}

/// A request whose prompt may be written to a cache for an hour, where there is such a thing.
fn cached(wire: Wire, stream: bool) -> (String, String) {
    let (path, body) = wire.request(stream, LIMIT, PROMPT);
    let text = format!("\"content\":\"{PROMPT}\"");
    let marked = format!(
        "\"content\":[{{\"type\":\"text\",\"text\":\"{PROMPT}\",\"cache_control\":\
         {{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}}}]"
    );
    match wire {
        Wire::Messages => (path, body.replace(&text, &marked)),
        Wire::Chat | Wire::Responses | Wire::Gemini | Wire::Count => (path, body),
    }
}

/// As much as a prompt of these bytes can have, wherever it is written to.
fn dearest(body: &str, output: u64) -> Usage {
    let tokens = body.len() as u64 / 2;
    let hour = body.contains("\"1h\"");
    let (input, write_1h) = if hour { (0, tokens) } else { (tokens, 0) };
    Usage { input, write_1h, output, ..Usage::default() }
}

/// The swarm's money by the journal: nothing is reserved or settled twice, and at no moment may
/// more be spent or set aside than the limit. Reservations, and how many are open.
fn books(world: &World, swarm: &str, mut limit: i64) -> (usize, usize) {
    let all = world.ok(&["events", "--since", "0", "--filter", "level=debug", "--json"]).text();
    let (mut open, mut seen, mut spent) = (BTreeMap::new(), 0, 0);
    for event in all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        match event["kind"].as_str().unwrap() {
            "budget_set" if event["account"] == swarm => {
                limit = event["limit_micros"].as_i64().unwrap();
            }
            "call_reserved" => {
                seen += 1;
                assert_eq!(event["number"].as_u64(), Some(seen), "each once, and none is left out");
                open.insert(seen, event["amount_micros"].as_i64().unwrap());
            }
            "model_called" => {
                spent += event["cost_micros"].as_i64().unwrap();
                if let Some(number) = event["reservation"].as_u64() {
                    assert!(open.remove(&number).is_some(), "settled twice: {event:#}");
                }
            }
            _ => {}
        }
        let set_aside: i64 = open.values().sum();
        assert!(spent + set_aside <= limit, "{spent} + {set_aside} > {limit}: {event:#}");
    }
    assert_eq!(spent, account(world, swarm)[1]);
    (seen as usize, open.len())
}

/// All kinds of answers, by their number.
fn mixed(number: usize, body: &str) -> Play {
    let n = random(SEED ^ number as u64);
    let (told, end) = match n % 12 {
        0 => (Told::Nothing, End::Well),
        1 => (Told::Right, End::Cut(2)),
        2 => (Told::Right, End::Error(3)),
        3 => (Told::Right, End::Hang(2)),
        4 => (Told::Nothing, End::Cut(0)),
        _ => (Told::Right, End::Well),
    };
    let usage = dearest(body, 40 + n / 16 % 400);
    let pause = Duration::from_millis(n / 8192 % 8);
    Play { usage, told, pieces: 4, pause, copies: 1, end }
}

/// Twenty-four callers, and money for a few of them at once. Killed after any number of steps
/// of the provider: between two calls, before the first byte of one, in the middle of a stream.
#[test]
fn a_core_killed_at_any_moment_spends_no_more_than_the_budget() {
    let upstream = Upstream::new(|asked| mixed(asked.number, &asked.body));
    let world = World::new();
    world.configure(&upstream.configuration());
    const FIRST: i64 = 60_000;
    let (swarm, doors) = Door::open(&world, 6, &["--budget", "$0.06"]);
    let (stop, done, refused, broken) =
        (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let calls = |first: usize, door: &Door| {
        let mut n = first;
        while !stop.load(Ordering::SeqCst) {
            let wire = Wire::ALL[n % 4];
            let (path, body) = match (n % 3, !n.is_multiple_of(5)) {
                (0, stream) => cached(wire, stream),
                (_, stream) => wire.request(stream, LIMIT, PROMPT),
            };
            // Hanging ones are given up.
            let patience = Duration::from_millis(400);
            let (count, pause) = match door.ask(wire, &path, &body, patience) {
                Ok(answer) if answer.status == 200 => (&done, 0),
                Ok(answer) if answer.status == 402 => (&refused, 30),
                Ok(_) | Err(_) => (&broken, 5),
            };
            count.fetch_add(1, Ordering::SeqCst);
            thread::park_timeout(Duration::from_millis(pause));
            n += 1;
        }
    };
    let kills = count("DASH_TEST_MONEY_KILLS", 10);
    thread::scope(|scope| {
        for n in 0..24 {
            let (calls, door) = (&calls, &doors[n % doors.len()]);
            scope.spawn(move || calls(n, door));
        }
        for kill in 0..kills {
            let point = random(!SEED ^ kill as u64) as usize % 60;
            world.ok(&["budget", "top-up", &swarm, "$0.05"]);
            let core = world.core();
            upstream.after_steps(point, Duration::from_secs(1));
            core.signal(Signal::KILL);
            eventually("the core's end", || {
                world.processes().iter().all(|proc| proc.pid != core.pid).then_some(())
            });
        }
        let [limit, spent, _] = account(&world, &swarm);
        assert!(spent <= limit && upstream.billed_micros() <= limit, "{spent} of {limit}");
        stop.store(true, Ordering::SeqCst);
    });
    // Those that hang are still waited for; the next core charges them.
    world.kill_core();
    let [limit, spent, reserved] = account(&world, &swarm);
    let billed = upstream.billed_micros();
    let (reservations, open) = books(&world, &swarm, FIRST);
    let calls = upstream.log().len();
    eprintln!(
        "{kills} kills: {calls} calls of {reservations} reservations, {done:?} answered, \
         {refused:?} refused, {broken:?} broken; billed {billed}, spent {spent}, limit {limit}"
    );
    assert_eq!((reserved, open), (0, 0), "nothing is lost");
    assert!(calls <= reservations, "{calls} calls left for {reservations} reservations");
    assert!(billed <= spent && spent <= limit, "{billed} billed, {spent} spent, {limit} allowed");
    assert!(done.into_inner() > kills && refused.into_inner() > 0, "a nearly empty budget");
}

#[test]
fn five_hundred_callers_spend_a_small_budget_and_no_more() {
    let upstream =
        Upstream::new(|asked| Play { end: End::Well, ..mixed(asked.number, &asked.body) });
    let world = World::new();
    world.configure(&upstream.configuration());
    let (swarm, doors) = Door::open(&world, 4, &["--budget", "$0.30"]);
    let (done, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for n in 0..500 {
            let (door, done, refused) = (&doors[n % doors.len()], &done, &refused);
            let small = thread::Builder::new().stack_size(128 << 10);
            let call = move || {
                let wire = Wire::ALL[n / 4 % 4];
                let (path, body) = wire.request(!n.is_multiple_of(3), LIMIT, PROMPT);
                let answer = door.ask(wire, &path, &body, PATIENCE * 5).unwrap();
                match answer.status {
                    200 => done.fetch_add(1, Ordering::SeqCst),
                    402 => refused.fetch_add(1, Ordering::SeqCst),
                    _ => panic!("{answer:?}"),
                }
            };
            small.spawn_scoped(scope, call).unwrap();
        }
    });
    let ([limit, spent, reserved], billed) = (account(&world, &swarm), upstream.billed_micros());
    let (reservations, open) = books(&world, &swarm, 300_000);
    eprintln!("{done:?} answered, {refused:?} refused; billed {billed}, spent {spent}, of {limit}");
    assert_eq!((reserved, open), (0, 0));
    assert_eq!((upstream.log().len(), done.into_inner()), (reservations, reservations));
    assert!(refused.into_inner() > 0, "it was enough for all");
    assert!(billed <= spent && spent <= limit, "{billed} billed, {spent} spent, {limit} allowed");
    assert!(spent * 10 >= limit * 9, "only {spent} of {limit} could be spent");
}

/// What was billed is what is charged, where the answer says so; what was set aside, and so no
/// less than what was billed, where it does not; nothing where the provider refused.
#[test]
fn whatever_goes_wrong_is_charged() {
    let plays = [
        ("well", Told::Right, End::Well),
        ("no usage", Told::Nothing, End::Well),
        ("wrong", Told::Wrong(Usage { input: 400, output: 70, ..Usage::default() }), End::Well),
        ("cut", Told::Right, End::Cut(1)),
        ("cut before its first piece", Told::Nothing, End::Cut(0)),
        ("an error in the middle", Told::Right, End::Error(1)),
        ("busy", Told::Right, End::Refused(529, "retry-after-ms: 1\r\n")),
        ("too many", Told::Right, End::Refused(429, "retry-after: 1\r\n")),
        ("too many, nobody knows for how long", Told::Right, End::Refused(429, "")),
    ];
    let now = Arc::new(Mutex::new((Told::Right, End::Well)));
    let played = now.clone();
    let upstream = Upstream::new(move |asked| {
        let (told, end) = *played.lock().unwrap();
        Play { usage: dearest(&asked.body, 1_000), told, end, ..Play::default() }
    });
    let world = World::new();
    world.configure(&upstream.configuration());
    let (swarm, doors) = Door::open(&world, 1, &["--budget", "$1000"]);
    let call = |what: &str, told, end, wire: Wire, stream| {
        *now.lock().unwrap() = (told, end);
        let ([_, before, _], billed) = (account(&world, &swarm), upstream.billed_micros());
        let (path, body) = cached(wire, stream);
        let answer = doors[0].ask(wire, &path, &body, PATIENCE);
        let [_, after, reserved] = account(&world, &swarm);
        let (charged, due) = (after - before, upstream.billed_micros() - billed);
        let words = format!("{what}, {wire:?}, {stream}: {charged} for {due}: {answer:?}");
        assert_eq!(reserved, 0, "{words}");
        match (told, end) {
            (_, End::Refused(status, _)) => {
                assert_eq!((charged, answer.unwrap().status), (0, status), "{words}");
            }
            // Each sum is rounded up by itself.
            (Told::Right, End::Well) => assert!((charged - due).abs() <= 1, "{words}"),
            // Whom it lies to is not known: it is taken at its word.
            (Told::Wrong(_), _) => assert!(charged > 0, "{words}"),
            _ => assert!(charged > due, "{words}"),
        }
    };
    for (what, told, end) in plays {
        let refuses = matches!(end, End::Refused(..));
        for wire in Wire::ALL {
            // Refused again and again, calls to a model are let through more and more seldom.
            for stream in [false, true].into_iter().filter(|stream| *stream || !refuses) {
                call(what, told, end, wire, stream);
                if refuses {
                    call("and well again", Told::Right, End::Well, wire, stream);
                }
            }
        }
    }
    books(&world, &swarm, 1_000_000_000);
}
