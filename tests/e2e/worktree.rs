//! A clone and a branch for each agent; unmerged work is never deleted.

use crate::{tools, world::World};
use std::{path::Path, process::Command};

pub fn git(world: &World, dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=T", "-c", "user.email=t@localhost"]).args(args);
    command.env_clear().envs(world.environment()).current_dir(dir);
    let output = world.run(command, b"", crate::wait::LIMIT);
    assert_eq!(output.code, 0, "{output:?}");
    output.text()
}

pub fn repository(world: &World) {
    git(world, &world.work, &["init", "-q", "-b", "main"]);
    world.write("file", "one\n");
    git(world, &world.work, &["add", "."]);
    git(world, &world.work, &["commit", "-qm", "first"]);
}

pub const COMMIT: &str = "echo {index} > file && git -c user.name=A -c user.email=a@localhost \
                      commit -qam 'by {index}' && pwd";

#[test]
fn every_agent_has_a_place_of_its_own() {
    if !tools::have("git") {
        return;
    }
    let world = World::new();
    repository(&world);
    let (id, code) =
        world.create_and_wait(&["--agents", "3", "--worktree", "--", "sh", "-c", COMMIT]);
    let results = world.json(&["swarm", "results", &id]);
    assert_eq!(code, 0, "{results:#}");
    assert_eq!(git(&world, &world.work, &["show", "main:file"]), "one\n", "main is untouched");
    let mut places = std::collections::BTreeSet::new();
    for row in results["results"].as_array().unwrap() {
        let branch = row["branch"].as_str().unwrap();
        let tip = git(&world, &world.work, &["show", &format!("{branch}:file")]);
        assert_eq!(tip.trim(), row["index"].to_string());
        let files = row["files"].as_array().unwrap();
        assert_eq!((files.len(), &files[0]["path"]), (1, &"file".into()), "{row:#}");
        assert_eq!((&files[0]["added"], &files[0]["removed"]), (&1.into(), &1.into()));
        places.insert(row["worktree"].as_str().unwrap().to_owned());
    }
    assert_eq!(places.len(), 3);
}

#[test]
fn results_carry_what_is_in_the_worktrees_as_a_patch() {
    if !tools::have("git") {
        return;
    }
    let world = World::new();
    repository(&world);
    // Committed, written, and new; and a diff program that somebody planted.
    let script = "echo two >> file && git -c user.name=A -c user.email=a@localhost commit -qam x \
                  && git init -q sub && git -C sub -c user.name=A -c user.email=a@localhost \
                     commit -q --allow-empty -m s && git add sub \
                  && git -c user.name=A -c user.email=a@localhost commit -qm sub \
                  && echo three >> file && echo '```' > new && echo '* diff=evil' > .gitattributes \
                  && git config diff.evil.command 'touch ran' \
                  && git config diff.evil.textconv 'touch ran'";
    let (id, code) =
        world.create_and_wait(&["--worktree", "--no-sandbox", "--", "sh", "-c", script]);
    assert_eq!(code, 0, "{}", world.core_log());
    assert_eq!(world.json(&["swarm", "results", &id]).get("diffs"), None, "only where asked for");
    let results = world.json(&["swarm", "results", &id, "--diff"]);
    let agent = world.only_agent(&id);
    let diff = results["diffs"][&agent].as_str().unwrap();
    for part in
        ["\n one\n+two\n+three\n", "+++ b/new\n@@ -0,0 +1 @@\n+```\n", "\n+Subproject commit "]
    {
        assert!(diff.contains(part), "{diff}");
    }
    let tree = results["results"][0]["worktree"].as_str().unwrap().to_owned();
    assert!(!Path::new(&tree).join("ran").exists());
    let text = world.ok(&["swarm", "results", &id, "--diff", "--markdown"]).text();
    assert!(text.contains(&format!("## Diff of {agent}\n\n````diff\n")), "{text}");
    // Looked at, and left as it was.
    let status = git(&world, Path::new(&tree), &["status", "--porcelain"]);
    assert_eq!(status, " M file\n?? .gitattributes\n?? new\n");
}

#[test]
fn removing_a_swarm_keeps_what_nobody_merged() {
    if !tools::have("git") {
        return;
    }
    let world = World::new();
    repository(&world);
    let cases = [
        // Committed on its branch; only written; nothing at all.
        (COMMIT, true),
        ("echo draft > new", true),
        ("true", false),
    ];
    for (command, worth_keeping) in cases {
        let (id, code) =
            world.create_and_wait(&["--agents", "1", "--worktree", "--", "sh", "-c", command]);
        assert_eq!(code, 0);
        let results = world.json(&["swarm", "results", &id]);
        let row = &results["results"][0];
        let branch = row["branch"].as_str().unwrap().to_owned();
        let place = Path::new(row["worktree"].as_str().unwrap()).to_owned();
        world.dash(&["swarm", "rm", &id]);
        if worth_keeping {
            let committed = git(&world, &world.work, &["branch", "--list", &branch]);
            assert!(!committed.trim().is_empty(), "branch {branch} was deleted ({command})");
        }
        if command.contains("draft") {
            let draft = std::fs::read_to_string(place.join("new")).unwrap_or_default();
            assert_eq!(draft, "draft\n", "uncommitted work was deleted");
        }
        assert_eq!(place.exists(), worth_keeping, "{command}");
        if !worth_keeping {
            assert_eq!(git(&world, &world.work, &["branch", "--list", &branch]), "");
        }
    }
}

#[test]
fn what_is_merged_goes_without_a_trace() {
    if !tools::have("git") {
        return;
    }
    let world = World::new();
    repository(&world);
    let (id, code) =
        world.create_and_wait(&["--agents", "1", "--worktree", "--", "sh", "-c", COMMIT]);
    let results = world.json(&["swarm", "results", &id]);
    assert_eq!(code, 0, "{results:#}");
    let row = &results["results"][0];
    let place = Path::new(row["worktree"].as_str().unwrap()).to_owned();
    assert!(place.join(".git").is_dir());
    git(&world, &world.work, &["merge", "-q", "--no-edit", row["branch"].as_str().unwrap()]);
    let said = world.ok(&["swarm", "rm", &id]).all();
    assert!(!said.contains("kept"), "{said}");
    let left: Vec<_> = std::fs::read_dir(place.parent().unwrap()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let refs = git(&world, &world.work, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/heads/main\n");
    assert_ne!(git(&world, &world.work, &["show", "main:file"]), "one\n");
}

#[test]
fn commits_that_no_branch_holds_are_kept() {
    if !tools::have("git") {
        return;
    }
    let world = World::new();
    repository(&world);
    let commit = "git -c user.name=A -c user.email=a@localhost commit -q --allow-empty -m x";
    let cases = [
        format!("git checkout -q --detach; {commit}; git checkout -q -"),
        format!("git checkout -q -b other; {commit}; git checkout -q -"),
        "echo x > file; git -c user.name=A -c user.email=a@localhost stash -q".to_owned(),
        format!("{commit}; git reset -q --hard HEAD^"),
        "git -c user.name=A -c user.email=a@localhost tag -a -m x mine".to_owned(),
    ];
    for command in cases {
        let (id, code) =
            world.create_and_wait(&["--agents", "1", "--worktree", "--", "sh", "-c", &command]);
        assert_eq!(code, 0, "{command}");
        let said = world.ok(&["swarm", "rm", &id]).all();
        assert!(said.contains("it holds commits that no branch holds"), "{command}: {said}");
    }
}

#[test]
fn worktrees_need_a_repository() {
    let world = World::new();
    let output = world.dash(&["swarm", "create", "--worktree", "--agents", "1", "--", "true"]);
    assert_ne!(output.code, 0, "{output:?}");
    assert!(output.stderr.contains("git"), "{output:?}");
}

#[test]
fn work_that_git_is_told_to_overlook_is_kept() {
    if !tools::have("git") {
        return;
    }
    let world = World::new();
    repository(&world);
    let cases = [
        ("git config status.showUntrackedFiles no; echo draft > new", "new"),
        ("echo draft > file; git update-index --assume-unchanged file", "file"),
        ("echo draft > file; git update-index --skip-worktree file", "file"),
        (
            "echo draft > new; echo new > .git-ignore; git config core.excludesFile $PWD/.git-ignore",
            "new",
        ),
        (
            "echo '* filter=x' > .gitattributes; git add .gitattributes; git config filter.x.clean 'touch ../ran ran; git show HEAD:%f'; echo draft > file",
            "file",
        ),
    ];
    for (command, file) in cases {
        // In its sandbox no agent changes its clone's settings.
        let create = ["--agents", "1", "--worktree", "--no-sandbox", "--", "sh", "-c", command];
        let (id, code) = world.create_and_wait(&create);
        let results = world.json(&["swarm", "results", &id]);
        let row = &results["results"][0];
        assert_eq!(code, 0, "{results:#}");
        let place = Path::new(row["worktree"].as_str().unwrap()).to_owned();
        let files = row["files"].as_array().unwrap();
        // What is ignored is no change, and kept all the same.
        let listed = files.iter().any(|change| change["path"] == file);
        assert_eq!(listed, !command.contains("excludesFile $PWD"), "{row:#}");
        for marker in [place.join("ran"), place.parent().unwrap().join("ran")] {
            assert!(!marker.exists(), "a planted filter ran");
        }
        let said = world.ok(&["swarm", "rm", &id]).all();
        assert!(said.contains("kept"), "{command}: {said}");
        let draft = std::fs::read_to_string(place.join(file)).unwrap_or_default();
        assert_eq!(draft, "draft\n", "{command}");
    }
}

#[test]
fn a_worktree_whose_log_is_gone_is_kept() {
    if !tools::have("git") {
        return;
    }
    let world = World::new();
    repository(&world);
    let command = "rm -r \"$(git rev-parse --git-dir)/logs\"";
    let (id, _) =
        world.create_and_wait(&["--agents", "1", "--worktree", "--", "sh", "-c", command]);
    let said = world.ok(&["swarm", "rm", &id]).all();
    assert!(said.contains("its log is gone"), "{said}");
}

#[test]
fn an_agent_works_where_its_caller_stood() {
    if !tools::have("git") {
        return;
    }
    let world = World::new();
    repository(&world);
    world.write("part/deep/x", "1\n");
    git(&world, &world.work, &["add", "."]);
    git(&world, &world.work, &["commit", "-qm", "second"]);
    for (name, dir) in [("committed", "part"), ("new", "not/yet")] {
        let place = world.work.join(dir);
        std::fs::create_dir_all(&place).unwrap();
        let args = ["swarm", "create", "--json", "--wait", "--name", name, "--worktree"];
        let command = ["--", "sh", "-c", "ls deep; pwd; touch made"];
        let mut command = world.command(&[&args[..], &command].concat());
        command.current_dir(&place);
        let output = world.run(command, b"", crate::wait::LIMIT);
        assert_eq!(output.code, 0, "{output:?}");
        let results = world.json(&["swarm", "results", name]);
        let row = &results["results"][0];
        let tree = row["worktree"].as_str().unwrap();
        let text = row["text"].as_str().unwrap();
        assert!(text.ends_with(&format!("{tree}/{dir}")), "{row:#}");
        assert_eq!(text.starts_with('x'), dir == "part", "{row:#}");
        assert_eq!(row["files"][0]["path"], format!("{dir}/made"));
        let agent = world.agent(row["agent"].as_str().unwrap());
        assert_eq!(agent["cwd"], format!("{tree}/{dir}"));
    }
}

#[test]
fn a_branch_called_dash_is_no_obstacle() {
    if !tools::have("git") {
        return;
    }
    let world = World::new();
    repository(&world);
    git(&world, &world.work, &["branch", "dash"]);
    let (id, code) = world.create_and_wait(&["--name", "s", "--worktree", "--", "true"]);
    let results = world.json(&["swarm", "results", &id]);
    assert_eq!(code, 0, "{results:#}");
    assert_eq!(results["results"][0]["branch"], "dash-s/ag-01");
}
