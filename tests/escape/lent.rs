//! What of the user's own agents are lent: they read it, cannot change it, and see nothing else
//! of his home.

use crate::{tools::have, world::World};
use std::{fs, os::unix::fs::symlink, path::PathBuf};

/// Takes a shell's lines as its task.
fn adapter(name: &str) -> String {
    format!(
        r#"
name = "{name}"
summary = "a shell"
[program]
name = "sh"
[launch]
args = ["-c", "{{task}}", "sh", "{{lend_args}}"]
[[lend]]
name = "memory"
from = ["~/.notes/NOTES.md"]
to = "{{home}}/.notes/NOTES.md"
[[lend]]
name = "skills"
from = ["~/.notes/skills"]
to = "{{home}}/.notes/skills"
args = ["skilled"]
[[lend]]
name = "mcp"
from = ["~/.notes/settings.json"]
to = "{{home}}/.notes/settings.json"
keys = ["servers"]
"#
    )
}

struct Stage {
    world: World,
    notes: PathBuf,
}

impl Stage {
    fn new(config: &str) -> Self {
        let world = World::new();
        world.configure(config);
        for name in ["shell", "other"] {
            let dir = world.path().join("config/dash/agents");
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join(format!("{name}.toml")), adapter(name)).unwrap();
        }
        let notes = world.path().join("home/.notes");
        fs::create_dir_all(notes.join("skills/sail")).unwrap();
        fs::write(notes.join("NOTES.md"), "be brief").unwrap();
        fs::write(notes.join("skills/sail/SKILL.md"), "mind the boom").unwrap();
        fs::write(notes.join("key"), "s3cret").unwrap();
        let settings = r#"{"token": "s3cret", "servers": {"db": {"command": "db"}}}"#;
        fs::write(notes.join("settings.json"), settings).unwrap();
        Self { world, notes }
    }

    /// What a script printed as an agent, and the agent.
    fn printed(&self, flags: &[&str], script: &str) -> (String, String) {
        let script = format!("exec >out 2>&1; {script}; true");
        let args = [&["--agent", "shell", "--task", &script], flags].concat();
        let (swarm, code) = self.world.create_and_wait(&args);
        let agent = self.world.only_agent(&swarm);
        assert_eq!(code, 0, "{:#}", self.world.agent(&agent));
        (fs::read_to_string(self.world.work.join("out")).unwrap(), agent)
    }
}

const READ: &str = "cd ~/.notes; cat NOTES.md skills/sail/SKILL.md settings.json key; cd - >&2";

#[test]
fn what_is_lent_is_read_and_not_changed() {
    let holders: &[&str] = if have("bwrap") { &["bubblewrap", "landlock"] } else { &["landlock"] };
    for holder in holders {
        let flags: &[&str] = if *holder == "landlock" { &["--net", "any"] } else { &[] };
        let stage = Stage::new(&format!(
            "[sandbox]\nholder = \"{holder}\"\n[lend]\nshell = [\"memory\", \"skills\", \"mcp\"]\n"
        ));
        let own = stage.notes.display();
        let script = format!(
            "{READ}; cat {own}/key; echo $1; echo x >> ~/.notes/NOTES.md; \
             echo x > ~/.notes/skills/new; rm {own}/NOTES.md"
        );
        let (seen, agent) = stage.printed(flags, &script);
        for lent in ["be brief", "mind the boom", "\"db\"", "skilled"] {
            assert!(seen.contains(lent), "{holder}, {lent}: {seen}");
        }
        assert!(!seen.contains("s3cret"), "{holder}: {seen}");
        assert_eq!(fs::read_to_string(stage.notes.join("NOTES.md")).unwrap(), "be brief");
        assert!(!stage.notes.join("skills/new").exists());
        let text = stage.world.ok(&["agent", "show", &agent]).text();
        let line = text.lines().find(|line| line.starts_with("lent ")).unwrap_or(&text);
        for name in ["memory", "skills", "mcp"] {
            assert!(line.contains(&format!("{name} ({own}/")), "{line}");
        }
        assert_eq!(stage.world.agent(&agent)["lent"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn nothing_is_lent_that_nobody_asked_for_or_that_is_not_there() {
    let stage = Stage::new("");
    let (seen, agent) = stage.printed(&[], READ);
    assert!(!seen.contains("be brief"), "{seen}");
    assert!(stage.world.agent(&agent)["lent"].is_null());

    let stage = Stage::new("[lend]\nshell = [\"memory\"]\nother = [\"skils\"]\nshel = []\n");
    fs::remove_file(stage.notes.join("NOTES.md")).unwrap();
    let (seen, agent) = stage.printed(&[], "ls -a ~");
    assert!(!seen.contains(".notes"), "{seen}");
    let lent = stage.world.agent(&agent)["lent"].clone();
    assert_eq!(lent[0]["lack"], "nothing there", "{lent}");
    let refused = stage.world.exits(&["agent", "spawn", "--agent", "other", "--task", "x"], 2);
    assert!(refused.all().contains("did you mean `skills`?"), "{}", refused.all());
    let doctor = stage.world.dash(&["doctor"]).all();
    let check = stage.world.exits(&["config", "check"], 1).all();
    let file = stage.world.path().join("config/dash/config.toml");
    let text = fs::read_to_string(&file).unwrap();
    let line = 1 + text.lines().position(|line| line == "[lend]").unwrap();
    for told in [
        &format!("config.toml:{}:10: lend.other: unknown `skils`", line + 2),
        "did you mean `skills`?",
        &format!("config.toml:{}:1: lend.shel: no adapter is called", line + 3),
        "did you mean `shell`?",
    ] {
        assert!(check.contains(told), "{told}: {check}");
    }
    // A change counts at once.
    fs::write(&file, text.replace("skils", "skills")).unwrap();
    let (swarm, _) = stage.world.create_and_wait(&["--agent", "other", "--task", "true"]);
    let agent = stage.world.only_agent(&swarm);
    assert_eq!(stage.world.agent(&agent)["lent"][0]["name"], "skills");
    for told in ["nothing there", "did you mean `skills`?", "did you mean `shell`?"] {
        assert!(doctor.contains(told), "{told}: {doctor}");
    }
}

#[test]
fn what_an_agent_leads_elsewhere_is_not_lent() {
    let stage = Stage::new("[lend]\nshell = [\"skills\"]\n");
    // The user keeps his skills where agents work.
    let work = stage.world.work.join("skills");
    fs::rename(stage.notes.join("skills"), &work).unwrap();
    symlink(&work, stage.notes.join("skills")).unwrap();
    let (seen, _) = stage.printed(&[], "cat ~/.notes/skills/sail/SKILL.md");
    assert!(seen.contains("mind the boom"), "{seen}");
    let own = stage.notes.display();
    stage.printed(&[], &format!("rm -r skills; ln -s {own} skills"));
    let (seen, agent) = stage.printed(&[], "cat ~/.notes/skills/key");
    assert!(!seen.contains("s3cret"), "{seen}");
    let lent = stage.world.agent(&agent)["lent"].clone();
    assert!(lent[0]["lack"].as_str().unwrap_or_default().contains("agents have a say"), "{lent}");
}

#[test]
fn a_child_is_lent_no_more_than_its_parent() {
    let stage = Stage::new("[lend]\nshell = [\"memory\"]\n");
    for (parent, lent) in [("shell", true), ("other", false)] {
        let spawn = "id=$(dash agent spawn --agent shell --task 'cat ~/.notes/NOTES.md > out') && \
                     dash agent wait $id";
        fs::write(stage.world.work.join("out"), "").unwrap();
        let args = ["--agent", parent, "--task", spawn];
        let (swarm, code) = stage.world.create_and_wait(&args);
        let told = || stage.world.ok(&["swarm", "results", &swarm]).all();
        assert_eq!(code == 0, lent, "{parent}: {code}, {}", told());
        let seen = fs::read_to_string(stage.world.work.join("out")).unwrap();
        assert_eq!(seen.contains("be brief"), lent, "{parent}: {seen}");
    }
}

/// A directory of the user's, with links of his own: his skills lie in it.
fn dotfiles(stage: &Stage) -> PathBuf {
    let dot = stage.world.path().join("home/dot");
    fs::create_dir_all(&dot).unwrap();
    fs::rename(stage.notes.join("skills"), dot.join("skills")).unwrap();
    symlink("../dot/skills", stage.notes.join("skills")).unwrap();
    dot
}

#[test]
fn what_an_agent_of_another_scope_leads_elsewhere_is_not_lent() {
    let stage = Stage::new("[lend]\nshell = [\"skills\"]\n");
    let dot = dotfiles(&stage);
    let (seen, agent) = stage.printed(&[], "cat ~/.notes/skills/sail/SKILL.md");
    assert!(seen.contains("mind the boom"), "{seen}");
    let lent = stage.world.agent(&agent)["lent"].clone();
    assert_eq!(lent[0]["leads_to"], dot.join("skills").canonicalize().unwrap().to_str().unwrap());
    let script = format!("mv skills s; ln -s {} skills", stage.notes.display());
    let scope = ["--agents", "1", "--scope", dot.to_str().unwrap(), "--", "sh", "-c"];
    let script = format!("cd {}; {script}", dot.display());
    let args: Vec<&str> = scope.into_iter().chain([script.as_str()]).collect();
    let (swarm, code) = stage.world.create_and_wait(&args);
    assert_eq!(code, 0);
    assert!(dot.join("skills").is_symlink());
    let not_lent = || {
        let (seen, agent) = stage.printed(&[], "cat ~/.notes/skills/key");
        assert!(!seen.contains("s3cret"), "{seen}");
        let lent = stage.world.agent(&agent)["lent"].clone();
        assert!(lent[0]["lack"].as_str().unwrap_or_default().contains("have a say"), "{lent}");
    };
    not_lent();
    // Nobody knows the agent any more, and its link is there.
    stage.world.ok(&["swarm", "rm", &swarm]);
    not_lent();
    stage.world.kill_core();
    not_lent();
    // A link of the user's own, where no agent could write, leads where it likes.
    fs::remove_file(stage.notes.join("skills")).unwrap();
    let elsewhere = stage.world.path().join("home/elsewhere");
    fs::create_dir_all(elsewhere.join("sail")).unwrap();
    fs::write(elsewhere.join("sail/SKILL.md"), "mind the wind").unwrap();
    symlink(&elsewhere, stage.notes.join("skills")).unwrap();
    let (seen, _) = stage.printed(&[], "cat ~/.notes/skills/sail/SKILL.md");
    assert!(seen.contains("mind the wind"), "{seen}");
}

#[test]
fn what_nobody_is_to_see_is_not_lent_by_a_link() {
    let stage = Stage::new("[lend]\nshell = [\"skills\"]\n");
    let home = stage.world.path().join("home");
    fs::create_dir(home.join(".ssh")).unwrap();
    fs::write(home.join(".ssh/key"), "s3cret").unwrap();
    fs::rename(stage.notes.join("skills"), home.join("before")).unwrap();
    let state = stage.world.state();
    for to in [home.join(".ssh"), home.clone(), state, PathBuf::from("/"), PathBuf::from("/proc")] {
        symlink(&to, stage.notes.join("skills")).unwrap();
        let (seen, agent) = stage.printed(&[], "cat ~/.notes/skills/key ~/.notes/skills/.ssh/key");
        assert!(!seen.contains("s3cret"), "{to:?}: {seen}");
        let lent = stage.world.agent(&agent)["lent"].clone();
        assert!(lent[0]["lack"].is_string(), "{to:?}: {lent}");
        fs::remove_file(stage.notes.join("skills")).unwrap();
    }
}
