//! What agents may use of the machine, from the command line to the verdict.

use crate::world::World;

#[test]
fn who_takes_too_much_fails_for_it_and_the_others_go_on() {
    let world = World::new();
    let script = "if [ {index} = 1 ]; then head -c 900000000 /dev/zero | tail -n 1 >/dev/null; \
                  else sleep 1; echo well; fi";
    let args = ["--agents", "2", "--memory", "64M", "--", "sh", "-c", script];
    let (swarm, code) = world.create_and_wait(&args);
    assert_eq!(code, 3);
    let results = world.dash(&["swarm", "results", &swarm, "--json"]).json();
    let results = results["results"].as_array().unwrap();
    let (hog, other) = (&results[0], &results[1]);
    assert_eq!((&hog["outcome"], &hog["stop_reason"]), (&"failed".into(), &"limit".into()));
    assert!(hog["error"].as_str().unwrap().ends_with("at most 64 MB (--memory)"), "{hog}");
    assert_eq!(other["outcome"], "done", "{other}");
    let events = world.ok(&["events", "--since", "0", "--json"]).text();
    let reached: Vec<serde_json::Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|event: &serde_json::Value| event["kind"] == "limit_reached")
        .collect();
    assert_eq!(reached.len(), 1, "{events}");
    assert_eq!((&reached[0]["agent"], &reached[0]["limit"]), (&"ag-01".into(), &"memory".into()));
}

#[test]
fn endless_output_is_cut_in_its_own_recording() {
    let world = World::new();
    let script = "head -c 6000000 /dev/zero | tr '\\0' x; echo the end";
    let (swarm, code) =
        world.create_and_wait(&["--agents", "1", "--output", "1M", "--", "sh", "-c", script]);
    assert_eq!(code, 0);
    let agent = world.only_agent(&swarm);
    let log = world.raw_log(&agent);
    assert!(log.len() < 2 << 20 && log.ends_with(b"the end\r\n"), "{} bytes", log.len());
    let events = world.ok(&["events", "--since", "0"]).text();
    assert!(events.contains("recording cut"), "{events}");
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let world = World::new();
    for (flag, value, why) in [
        ("--memory", "2", "the unit is missing"),
        ("--memory", "1M", "too little"),
        ("--processes", "2", "less than 8"),
        ("--processes", "many", "invalid"),
        ("--output", "10K", "at least 1 MB"),
    ] {
        let output = world.dash(&["swarm", "create", "--agents", "1", flag, value, "--", "true"]);
        assert_eq!(output.code, 2, "{flag} {value}: {output:?}");
        assert!(output.stderr.contains(why), "{output:?}");
    }
    let doctor = world.dash(&["doctor", "--json"]).json();
    let checks = doctor["checks"].as_array().unwrap();
    let limits = checks.iter().find(|check| check["name"] == "limits").unwrap();
    assert!(limits["detail"].as_str().unwrap().contains("memory by watching"), "{limits}");
}
