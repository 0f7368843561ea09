//! What an agent's clone shares with others, and what it cannot reach.

use crate::{
    tools,
    wait::{LIMIT, eventually, exit_within},
    worktree::{COMMIT, git, repository},
    world::{World, set_mode},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

fn ready() -> Option<World> {
    if !tools::have("git") || !tools::have("bwrap") {
        return None;
    }
    let world = World::new();
    repository(&world);
    Some(world)
}

fn only_row(world: &World, id: &str) -> Value {
    let results = world.json(&["swarm", "results", id]);
    let rows = results["results"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{results:#}");
    rows[0].clone()
}

fn place_of(row: &Value) -> PathBuf {
    row["worktree"].as_str().unwrap().into()
}

#[test]
fn an_agent_reaches_nothing_but_its_own_clone() {
    let Some(world) = ready() else { return };
    let repository = world.work.display();
    let attempts = [
        ("file", format!("echo x >> {repository}/file")),
        ("see", format!("grep one {repository}/file")),
        ("ref", format!("cp .git/refs/heads/main {repository}/.git/refs/heads/planted")),
        ("object", format!("touch {repository}/.git/objects/planted")),
        ("git", format!("git -C {repository} rev-parse HEAD")),
        ("push", "git push -q origin HEAD:refs/heads/pushed".to_owned()),
        // Around the shim, which would ask.
        ("config", "command -p git config core.fsmonitor true".to_owned()),
        ("hook", "touch .git/hooks/post-checkout".to_owned()),
        ("move", "mv .git/hooks .git/old".to_owned()),
        ("others", "test $(ls -d ../ag-*/.git | wc -l) -gt 1".to_owned()),
    ];
    let words: Vec<String> = attempts
        .iter()
        .map(|(name, command)| format!("if {command} >/dev/null 2>&1; then echo {name}; fi"))
        .collect();
    let script = format!("echo ready; until [ -e go ]; do sleep 0.02; done; {}", words.join("; "));
    let refs = || git(&world, &world.work, &["for-each-ref", "--format=%(refname)"]);
    for (mode, sandboxed) in [(&[][..], true), (&["--no-sandbox"], false)] {
        let start = [&["--agents", "2", "--worktree"], mode].concat();
        let id = world.create(&[&start[..], &["--", "sh", "-c", &script]].concat());
        // Both are there before either looks for the other.
        let agents = world.agents_of(&id);
        let places = agents.iter().map(|agent| {
            world.until_shown(agent, "ready");
            PathBuf::from(world.agent(agent)["cwd"].as_str().unwrap())
        });
        let places: Vec<PathBuf> = places.collect();
        for place in &places {
            fs::write(place.join("go"), "").unwrap();
        }
        world.dash(&["swarm", "wait", &id]);
        let results = world.json(&["swarm", "results", &id]);
        let texts: Vec<&str> = results["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["text"].as_str().unwrap())
            .collect();
        if sandboxed {
            // (There is a /tmp inside, too: what is written there is seen by nobody.)
            let said = |text: &&str| text.lines().filter(|line| *line != "file").count();
            assert_eq!(texts.iter().map(said).collect::<Vec<_>>(), [1, 1], "{texts:?}");
            assert!(!refs().contains("planted") && !refs().contains("pushed"), "{}", refs());
            assert_eq!(fs::read_to_string(world.work.join("file")).unwrap(), "one\n");
        } else {
            for (name, command) in &attempts {
                let done = texts.iter().any(|text| text.lines().any(|line| line == *name));
                assert!(done, "{name} proves nothing: {command} {texts:?}");
            }
        }
    }
}

#[test]
fn what_an_agent_planted_never_runs_outside() {
    let Some(world) = ready() else { return };
    let ran = world.path().join("ran");
    let planted = world.script("planted", &format!("touch {}\ncat", ran.display()));
    let script = format!(
        "{COMMIT}; echo '* filter=x diff=x' > .gitattributes; echo draft > file; mkdir -p .git/hooks; \
         for hook in post-checkout post-index-change reference-transaction pre-auto-gc; do \
         cp {planted} .git/hooks/$hook; done; \
         for key in core.fsmonitor filter.x.clean filter.x.smudge filter.x.process diff.external \
         diff.x.textconv uploadpack.packObjectsHook core.alternateRefsCommand core.sshCommand \
         core.pager core.gitProxy gpg.program; do git config $key {planted}; done; \
         git config remote.origin.promisor true; git config extensions.partialClone origin; \
         git config remote.origin.uploadpack {planted}"
    );
    let (id, _) = world.create_and_wait(&["--worktree", "--no-sandbox", "--", "sh", "-c", &script]);
    let row = only_row(&world, &id);
    assert_eq!(row["outcome"], "done", "{row:#}");
    let branch = row["branch"].as_str().unwrap();
    assert_ne!(git(&world, &world.work, &["show", &format!("{branch}:file")]), "one\n", "{row:#}");
    let said = world.ok(&["swarm", "rm", &id]).all();
    assert!(said.contains("kept"), "{said}");
    git(&world, &world.work, &["merge", "-q", "--no-edit", branch]);
    assert!(!ran.exists(), "it ran outside");
    // It would have: this is what git does for whoever stands in there.
    git(&world, &place_of(&row), &["status"]);
    assert!(ran.exists(), "the case proves nothing");
}

#[test]
fn objects_are_borrowed() {
    let Some(world) = ready() else { return };
    let mut state = 1u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(2 << 20)
    .collect();
    world.write("noise", &noise);
    git(&world, &world.work, &["add", "."]);
    git(&world, &world.work, &["commit", "-qm", "noise"]);
    // `commit --all` would write anew what was made in this very second.
    let commit = COMMIT.replace("commit -qam", "commit file -qm");
    let (id, code) = world.create_and_wait(&["--worktree", "--", "sh", "-c", &commit]);
    let row = only_row(&world, &id);
    assert_eq!(code, 0, "{row:#}");
    let place = place_of(&row);
    assert!(fs::read(place.join("noise")).unwrap() == noise, "its files are whole");
    let own = size(&place.join(".git"));
    assert!(own < 200 << 10, "{own} bytes");
}

fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => size(&entry.path()),
            false => entry.metadata().unwrap().len(),
        })
        .sum()
}

#[test]
fn a_branch_that_the_user_holds_is_not_moved() {
    let Some(world) = ready() else { return };
    let script = format!("echo ready; until [ -e go ]; do sleep 0.02; done; rm go; {COMMIT}");
    let commit = ["commit", "-q", "--allow-empty", "-m", "mine"];
    let cases =
        [("is checked out", false), ("was moved by somebody else", true), ("is gone", true)];
    for (why, leave) in cases {
        let id = world.create(&["--worktree", "--", "sh", "-c", &script]);
        let agent = world.only_agent(&id);
        world.until_shown(&agent, "ready");
        let info = world.agent(&agent);
        let branch = info["branch"].as_str().unwrap();
        git(&world, &world.work, &["checkout", "-q", branch]);
        if leave {
            git(&world, &world.work, &commit);
            git(&world, &world.work, &["checkout", "-q", "main"]);
        }
        if why == "is gone" {
            git(&world, &world.work, &["branch", "-q", "-D", branch]);
        }
        let head = format!("refs/heads/{branch}");
        let stood = || git(&world, &world.work, &["for-each-ref", "--format=%(objectname)", &head]);
        let before = stood();
        fs::write(Path::new(info["cwd"].as_str().unwrap()).join("go"), "").unwrap();
        world.dash(&["swarm", "wait", &id]);
        let row = only_row(&world, &id);
        assert_eq!(row["outcome"], "done", "{row:#}");
        let said = row["error"].as_str().unwrap();
        assert!(said.contains(why) && said.contains("refs/dash/"), "{row:#}");
        assert_eq!(stood(), before, "{why}");
        let shown = git(&world, &world.work, &["show", &format!("refs/dash/{branch}:file")]);
        assert_ne!(shown, "one\n", "{why}");
        git(&world, &world.work, &["checkout", "-q", "main"]);
        let said = world.ok(&["swarm", "rm", &id]).all();
        assert!(said.contains("not merged"), "{why}: {said}");
    }
}

#[test]
fn a_repository_that_an_agent_broke_is_no_failure_and_stays() {
    let Some(world) = ready() else { return };
    let script = format!("{COMMIT}; rm -r .git/refs/heads; echo junk > .git/packed-refs");
    let (id, code) = world.create_and_wait(&["--worktree", "--", "sh", "-c", &script]);
    let row = only_row(&world, &id);
    assert_eq!((code, &row["outcome"]), (0, &"done".into()), "{row:#}");
    assert!(row["error"].as_str().unwrap().contains("the fetch failed"), "{row:#}");
    let said = world.ok(&["swarm", "rm", &id]).all();
    assert!(said.contains("kept") && place_of(&row).exists(), "{said}");
}

#[test]
fn a_scope_in_the_repository_is_one_in_the_clone() {
    let Some(world) = ready() else { return };
    world.write("part/x", "1\n");
    git(&world, &world.work, &["add", "."]);
    git(&world, &world.work, &["commit", "-qm", "second"]);
    let script = format!(
        "touch outside 2>/dev/null && echo outside; touch {}/part/y 2>/dev/null && echo theirs; \
         echo 2 > part/x && git -c user.name=A -c user.email=a@localhost commit -qam two && echo ok",
        world.work.display()
    );
    let (id, _) =
        world.create_and_wait(&["--worktree", "--scope", "part", "--", "sh", "-c", &script]);
    let row = only_row(&world, &id);
    assert_eq!(row["text"], "ok", "{row:#}");
    let branch = row["branch"].as_str().unwrap();
    assert_eq!(git(&world, &world.work, &["show", &format!("{branch}:part/x")]), "2\n");
    assert_eq!(fs::read_to_string(world.work.join("part/x")).unwrap(), "1\n");
}

#[test]
fn a_check_can_do_no_more_than_the_agent() {
    let Some(world) = ready() else { return };
    // The agent writes what the check runs.
    let outside = world.path().join("outside");
    fs::write(world.path().join("secret"), "x").unwrap();
    // (There is a /tmp inside, too.)
    let (root, made) = (world.path().display(), outside.display());
    let program = format!("#!/bin/sh\ntouch {made}; cat {root}/secret\n");
    let script = format!("printf '%s' '{program}' > test.sh; chmod +x test.sh");
    for worktree in [&[][..], &["--worktree"]] {
        let run = |mode: &[&str]| {
            let args = [worktree, mode, &["--check", "./test.sh"], &["--", "sh", "-c", &script]];
            let (id, _) = world.create_and_wait(&args.concat());
            only_row(&world, &id)
        };
        let row = run(&[]);
        assert_eq!((&row["outcome"], &row["stop_reason"]), (&"failed".into(), &"check".into()));
        assert!(!outside.exists(), "{row:#}");
        let row = run(&["--no-sandbox"]);
        assert_eq!(row["outcome"], "done", "{row:#}");
        fs::remove_file(&outside).unwrap();
    }
    // It works in the tree, with the agent's own home.
    let home = "[ -w \"$HOME\" ] && [ -w \"$TMPDIR\" ] && echo x > \"$HOME/x\" && ./test.sh";
    let script = "printf '#!/bin/sh\\nexit 0\\n' > test.sh; chmod +x test.sh";
    let (id, code) =
        world.create_and_wait(&["--worktree", "--check", home, "--", "sh", "-c", script]);
    assert_eq!(code, 0, "{:#}", only_row(&world, &id));
}

#[test]
fn the_users_own_filters_count() {
    if !tools::have("git") || !tools::have("bwrap") {
        return;
    }
    // As large files are kept by some: what is committed is not what lies in the tree. The
    // program lies on PATH, as it must to be found in a sandbox.
    let world = World::new();
    let bin = world.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let world = world.with("PATH", &path);
    repository(&world);
    let filter = bin.join("big-filter");
    fs::write(&filter, "#!/bin/sh\ncat >/dev/null\necho $1\n").unwrap();
    set_mode(&filter, 0o755);
    let home = world.path().join("home");
    for (key, value) in [("clean", "big-filter pointer"), ("smudge", "big-filter content")] {
        git(&world, &home, &["config", "--global", &format!("filter.big.{key}"), value]);
    }
    world.write(".gitattributes", "*.big filter=big\n");
    world.write("a.big", "content\n");
    git(&world, &world.work, &["add", "."]);
    git(&world, &world.work, &["commit", "-qm", "big"]);
    assert_eq!(git(&world, &world.work, &["show", "HEAD:a.big"]), "pointer\n");
    let (id, _) = world.create_and_wait(&["--worktree", "--", "cat", "a.big"]);
    let row = only_row(&world, &id);
    assert_eq!(row["text"], "content", "{row:#}");
    assert_eq!(row["files"], serde_json::json!([]), "{row:#}");
    let said = world.ok(&["swarm", "rm", &id]).all();
    assert!(!said.contains("kept"), "{said}");
}

/// A core that dies between making a clone and journaling it leaves one that no agent saw.
#[test]
fn a_clone_that_nobody_knows_of_goes() {
    let Some(world) = ready() else { return };
    let socket = world.socket.display().to_string();
    let mut command = world.command(&["--socket", &socket]);
    command.env("DASH_FAILPOINT", "after-worktree-before-journal");
    let mut core = world.headless_as(command);
    let made = world.dash(&["swarm", "create", "--worktree", "--", "sh", "-c", COMMIT]);
    let status = exit_within(&mut core, LIMIT).expect("the core's end");
    assert_eq!(status.code(), None, "{made:?}\n{}", world.headless_log());
    assert_eq!(world.dash(&["swarm", "wait", "sw-1"]).code, 0);
    let row = only_row(&world, "sw-1");
    let place = place_of(&row);
    let left = fs::read_dir(place.parent().unwrap()).unwrap();
    let trees = left.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    assert_eq!((trees, place.file_name().unwrap().to_str()), (1, Some("ag-01")), "{row:#}");
    let branch = row["branch"].as_str().unwrap();
    assert_ne!(git(&world, &world.work, &["show", &format!("{branch}:file")]), "one\n");
}

#[test]
fn without_namespaces_there_are_no_clones_in_a_scope() {
    let Some(world) = ready() else { return };
    world.configure("[sandbox]\nholder = \"landlock\"\n");
    let command = ["--", "sh", "-c", COMMIT];
    let strict = ["swarm", "create", "--worktree", "--net", "any"];
    let output = world.dash(&[&strict[..], &command].concat());
    assert_ne!(output.code, 0, "{output:?}");
    assert!(
        output.stderr.contains("enforced") || output.stderr.contains("namespaces"),
        "{output:?}"
    );
    // Without a scope there are, and git is held by what there is.
    let (id, code) =
        world.create_and_wait(&[&["--worktree", "--no-sandbox"], &command[..]].concat());
    let row = only_row(&world, &id);
    assert_eq!((code, &row["error"]), (0, &"".into()), "{row:#}");
    let branch = row["branch"].as_str().unwrap();
    assert_ne!(git(&world, &world.work, &["show", &format!("{branch}:file")]), "one\n");
    git(&world, &world.work, &["merge", "-q", "--no-edit", branch]);
    let said = world.ok(&["swarm", "rm", &id]).all();
    assert!(!said.contains("kept"), "{said}");
}

#[test]
fn another_directory_does_not_pass_for_its_repository() {
    let Some(world) = ready() else { return };
    // Settings that name programs, in what is no repository by itself, reached by a file that
    // no mount holds.
    let script = "cp -r .git evil && rm evil/HEAD && \
                  command -p git config -f evil/config alias.x '!true' && \
                  echo ../evil > .git/commondir";
    let (id, code) = world.create_and_wait(&["--worktree", "--", "sh", "-c", script]);
    let row = only_row(&world, &id);
    assert_eq!(code, 0, "{row:#}");
    assert!(place_of(&row).join("evil/config").exists(), "{row:#}");
    assert!(!place_of(&row).join(".git/commondir").exists());
}

#[test]
fn repositories_of_other_shapes() {
    let Some(world) = ready() else { return };
    world.write("file", "two\n");
    git(&world, &world.work, &["commit", "-qam", "second"]);
    let at = |name: &str| world.path().join(name);
    let source = format!("file://{}", world.work.display());
    let shallow = at("shallow").display().to_string();
    git(&world, &world.work, &["clone", "-q", "--depth", "1", &source, &shallow]);
    let borrowing = at("borrowing").display().to_string();
    let own = world.work.display().to_string();
    git(&world, &world.work, &["clone", "-q", "--shared", &own, &borrowing]);
    let linked = at("linked").display().to_string();
    git(&world, &world.work, &["worktree", "add", "-q", "-b", "side", &linked]);
    let bare = at("bare.git").display().to_string();
    git(&world, &world.work, &["clone", "-q", "--bare", &own, &bare]);
    git(&world, &at("bare.git"), &["worktree", "add", "-q", &at("of-bare").display().to_string()]);
    std::os::unix::fs::symlink(&world.work, at("link")).unwrap();
    for name in ["shallow", "borrowing", "linked", "of-bare", "link"] {
        let script = format!("cat file; git log --oneline >/dev/null && {{ {COMMIT}; }}");
        let args = ["swarm", "create", "--name", name, "--wait", "--worktree", "--"];
        let mut command = world.command(&[&args[..], &["sh", "-c", &script]].concat());
        command.current_dir(at(name));
        let output = world.run(command, b"", LIMIT);
        assert_eq!(output.code, 0, "{name}: {output:?}");
        let row = only_row(&world, name);
        assert!(row["text"].as_str().unwrap().starts_with("two\n"), "{name}: {row:#}");
        assert_eq!(row["error"], "", "{name}: {row:#}");
        let branch = row["branch"].as_str().unwrap();
        let got = git(&world, &at(name), &["show", &format!("{branch}:file")]);
        assert_eq!(got.trim(), row["index"].to_string(), "{name}");
        // Merged into what the repository itself has checked out, it goes.
        let main = if name == "linked" { world.work.clone() } else { at(name) };
        if name != "of-bare" {
            git(&world, &main, &["merge", "-q", "--ff-only", branch]);
            let said = world.ok(&["swarm", "rm", name]).all();
            assert!(!said.contains("kept"), "{name}: {said}");
            git(&world, &main, &["reset", "-q", "--hard", "HEAD^"]);
        }
    }
}

#[test]
fn nothing_of_a_check_stays() {
    let Some(world) = ready() else { return };
    for (check, mode, outcome) in [
        ("sleep 604.1 >/dev/null 2>&1 & exit 0", &[][..], "done"),
        ("sleep 604.2", &["--timeout", "2s"], "failed"),
    ] {
        let args = [mode, &["--worktree", "--check", check, "--", "true"]].concat();
        let (id, _) = world.create_and_wait(&args);
        let row = only_row(&world, &id);
        assert_eq!(row["outcome"], outcome, "{check}: {row:#}");
        eventually("no process of a check", || {
            let left = world.processes();
            left.iter().all(|process| !process.command.contains("sleep 604")).then_some(())
        });
    }
}
