//! Runs that share one process which does not come up.

use crate::{wait::within, world::World};
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
