//! A full disk under the state: agents are held, nothing is lost, all goes on by itself.

use crate::{
    tools,
    wait::eventually,
    world::{World, heavy},
};
use sha2::{Digest, Sha256};
use std::{fs, path::PathBuf, process::Command};

/// A small disk of its own under the world's state directory. Made after the world, it is
/// dropped before it: detached at once, gone with the last process that uses it.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn under(world: &World, megabytes: u32) -> Option<Self> {
        let state = world.state();
        let size = format!("size={megabytes}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "dash-test"]).arg(&state);
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self(state)),
            _ => {
                tools::missing("no small disk: mounting needs root");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn heavy_a_full_disk_holds_the_agent_and_loses_nothing() {
    let _alone = heavy();
    let world = World::new();
    let Some(_disk) = SmallDisk::under(&world, 24) else { return };
    let script = world.script(
        "writer",
        "stty raw -echo; mkfifo sum; sha256sum < sum > hash & seq 1 2000000 | tee sum; wait",
    );
    let ballast = world.state().join("ballast");
    // 12 MB are taken by somebody else; the 14 MB of output do not fit beside them.
    fs::write(&ballast, vec![0; 12 << 20]).unwrap();
    let id = world.create(&["--agents", "1", "--", &script]);
    let agent = world.only_agent(&id);
    let row = eventually("paused: disk full", || {
        let output = world.dash(&["agent", "show", &agent, "--json"]);
        let row = (output.code == 0).then(|| output.json())?;
        (row["state"] == "paused").then_some(row)
    });
    assert!(row["reason"].as_str().unwrap().contains("disk full"), "{row:#}");
    fs::remove_file(&ballast).unwrap();
    assert_eq!(world.dash(&["swarm", "wait", &id]).code, 0, "it goes on by itself");
    let hash = fs::read_to_string(world.work.join("hash")).unwrap();
    let found = dash::model::hex(Sha256::digest(world.raw_log(&agent)));
    assert_eq!(hash.split_whitespace().next(), Some(found.as_str()));
}

#[test]
fn heavy_a_full_journal_refuses_and_still_reads() {
    let _alone = heavy();
    let world = World::new();
    let Some(_disk) = SmallDisk::under(&world, 8) else { return };
    let (id, code) = world.create_and_wait(&["--agents", "1", "--", "true"]);
    assert_eq!(code, 0);
    let ballast = world.state().join("ballast");
    // Fills what is left, to the last block.
    let _ = fs::write(&ballast, vec![0; 8 << 20]);
    let refused = eventually("a refusal", || {
        let output = world.dash(&["swarm", "create", "--agents", "1", "--", "true"]);
        (output.code != 0).then_some(output)
    });
    assert_eq!(refused.code, 1, "{refused:?}");
    let said = refused.stderr.to_lowercase();
    assert!(said.contains("disk") || said.contains("journal"), "{refused:?}");
    assert_eq!(world.json(&["swarm", "show", &id])["state"], "done", "reads still work");
    fs::remove_file(&ballast).unwrap();
    eventually("room again", || {
        let output = world.dash(&["swarm", "create", "--wait", "--agents", "1", "--", "true"]);
        (output.code == 0).then_some(())
    });
}
