//! Search paths with links in them: what they open, and what they do not.

use crate::{tools::have, world::World};
use std::{fs, os::unix::fs::symlink, path::Path};

fn with_path(world: World, dir: &Path) -> World {
    let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap());
    world.with("PATH", &path)
}

/// What a script printed as an agent.
fn printed(world: &World, flags: &[&str], script: &str) -> String {
    let script = format!("exec >out 2>&1; {script}; true");
    let args = [&["--agents", "1"], flags, &["--", "sh", "-c", &script]].concat();
    world.create_and_wait(&args);
    fs::read_to_string(world.work.join("out")).unwrap()
}

#[test]
fn a_directory_on_the_path_that_an_agent_turns_into_a_link_opens_nothing() {
    let holders: &[&str] = if have("bwrap") { &["bubblewrap", "landlock"] } else { &["landlock"] };
    for holder in holders {
        // Ports are not addresses: without namespaces no network is closed.
        let flags: &[&str] = if *holder == "landlock" { &["--net", "any"] } else { &[] };
        let world = World::new();
        world.configure(&format!("[sandbox]\nholder = \"{holder}\"\n"));
        let (tools, secrets) = (world.work.join("tools"), world.path().join("secrets"));
        for dir in [tools.join("bin"), secrets.clone()] {
            fs::create_dir_all(dir).unwrap();
        }
        fs::write(secrets.join("key"), "s3cret").unwrap();
        let world = with_path(world, &tools.join("bin"));
        // In bubblewrap it cannot even be removed.
        printed(
            &world,
            flags,
            &format!("rm -r tools; mkdir -p tools; ln -s {} tools/bin", secrets.display()),
        );
        let read = format!("cat {}/key tools/bin/key", secrets.display());
        let seen = printed(&world, flags, &read);
        assert!(!seen.contains("s3cret"), "{holder}: {seen}");
        let control = printed(&world, &["--no-sandbox"], &read);
        assert!(control.contains("s3cret"), "{control}");
    }
}

#[test]
fn programs_behind_a_link_on_the_path_are_found() {
    let world = World::new();
    let bin = world.path().join("versions/bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join("greet"), "#!/bin/sh\necho hello\n").unwrap();
    crate::world::set_mode(&bin.join("greet"), 0o755);
    symlink(world.path().join("versions"), world.path().join("current")).unwrap();
    let dir = world.path().join("current/bin");
    let world = with_path(world, &dir);
    assert_eq!(printed(&world, &[], "greet"), "hello\n");
}
