//! Against the real git: every command is run, every answer read.

use super::*;
use std::{
    path::PathBuf,
    process::{Command, Output},
};

/// A repository with one commit of two files.
struct Repository {
    root: tempfile::TempDir,
}

impl Repository {
    fn new() -> Self {
        let repository = Self { root: tempfile::tempdir().unwrap() };
        std::fs::create_dir(repository.dir()).unwrap();
        repository.plain(&["init", "--quiet", "--initial-branch=main"]);
        repository.write("kept.txt", "one\ntwo\n");
        repository.write("gone.txt", "x\n");
        repository.commit(&repository.dir(), "first");
        repository
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("repository")
    }

    fn worktree(&self) -> PathBuf {
        self.root.path().join("work tree")
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.dir().join(name), content).unwrap();
    }

    fn plain(&self, args: &[&str]) -> Output {
        let dir = self.dir();
        let start = ["git", "-C", dir.to_str().unwrap()];
        let all = start.iter().chain(args).map(|a| (*a).to_owned());
        run(&all.collect::<Vec<_>>())
    }

    fn commit(&self, dir: &Path, message: &str) {
        let dir = dir.to_str().unwrap();
        good(&["git", "-C", dir, "add", "--all"].map(str::to_owned));
        let args = ["git", "-C", dir, "commit", "--quiet", "--no-verify", "-m", message];
        good(&args.map(str::to_owned));
    }
}

fn run(args: &[String]) -> Output {
    let path = std::env::var("PATH").unwrap();
    let (program, args) = args.split_first().unwrap();
    Command::new(program)
        .args(args)
        .env_clear()
        .env("PATH", path)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "T")))
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "t@example.org")))
        .envs(ENVIRONMENT)
        .output()
        .unwrap()
}

fn good(args: &[String]) -> Vec<u8> {
    let output = run(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {}: {said}", args.join(" "));
    output.stdout
}

fn dir_of(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap()
}

fn line(output: &[u8]) -> String {
    String::from_utf8_lossy(output).trim().to_owned()
}

#[test]
fn a_life_of_a_worktree() {
    let repository = Repository::new();
    let (dir, tree) = (repository.dir(), repository.worktree());
    let [name, ..] = branches(&SwarmId::new("sw-1"), &AgentId::new("ag-01.2"));
    assert_eq!(name, "dash/sw-1/ag-01.2");
    assert_eq!(Path::new(&line(&good(&top(&dir)))), dir_of(&dir));
    let start = line(&good(&base(&dir)));
    good(&add(&dir, &tree, &name, &start));
    assert!(!run(&add(&dir, &tree, &name, &start)).status.success(), "it is there already");

    // Committed, changed, deleted, untracked with a newline in its name, binary.
    std::fs::write(tree.join("kept.txt"), "one\n2\nthree\n").unwrap();
    repository.commit(&tree, "agent's own commit");
    std::fs::remove_file(tree.join("gone.txt")).unwrap();
    std::fs::create_dir(tree.join("new")).unwrap();
    std::fs::write(tree.join("new/a\nb ü.txt"), "1\n2\n").unwrap();
    std::fs::write(tree.join("bin"), b"\0\x01").unwrap();
    good(&["git", "-C", tree.to_str().unwrap(), "add", "bin"].map(str::to_owned));
    let counted = parse_numstat(&good(&diff(&tree, &start)));
    let seen = parse_status(&good(&status(&tree)));
    let all = changes(counted, &seen, |path| {
        std::fs::read_to_string(tree.join(path)).unwrap().lines().count() as u32
    });
    let change = |path: &str, added, removed| FileChange { path: path.to_owned(), added, removed };
    assert_eq!(
        all,
        [
            change("bin", 0, 0),
            change("gone.txt", 0, 1),
            change("kept.txt", 2, 1),
            change("new/a\nb ü.txt", 2, 0),
        ]
    );

    // Neither unmerged nor uncommitted work goes away.
    assert_eq!(run(&is_merged(&dir, &name)).status.code(), Some(1));
    assert!(!run(&remove(&dir, &tree)).status.success(), "it holds uncommitted work");
    repository.commit(&tree, "the rest");
    assert_eq!(parse_status(&good(&status(&tree))), []);
    good(&remove(&dir, &tree));
    good(&add_existing(&dir, &tree, &name));
    assert!(tree.join("bin").exists(), "the branch held it");
    assert_eq!(Path::new(&line(&good(&common_dir(&tree)))), dir_of(&dir).join(".git"));
    good(&["git", "-C", dir.to_str().unwrap(), "merge", "--quiet", &name].map(str::to_owned));
    assert_eq!(run(&is_merged(&dir, &name)).status.code(), Some(0));
    let at = line(&good(&tip(&dir, &name)));
    good(&remove(&dir, &tree));
    assert!(!run(&delete_branch(&dir, &name, &start)).status.success(), "it moved on");
    good(&delete_branch(&dir, &name, &at));
    assert!(!run(&tip(&dir, &name)).status.success());
    good(&prune(&dir));
}

#[test]
fn a_planted_program_does_not_run() {
    let repository = Repository::new();
    let (dir, tree) = (repository.dir(), repository.worktree());
    let planted = repository.root.path().join("planted");
    let ran = repository.root.path().join("ran");
    std::fs::write(&planted, format!("#!/bin/sh\ntouch '{}'\n", ran.display())).unwrap();
    std::fs::set_permissions(&planted, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let planted = planted.to_str().unwrap();
    for key in ["core.fsmonitor", "diff.external", "diff.x.textconv", "core.pager"] {
        repository.plain(&["config", key, planted]);
    }
    std::fs::write(dir.join(".git/hooks/post-checkout"), format!("#!/bin/sh\n{planted}\n"))
        .unwrap();
    std::fs::set_permissions(
        dir.join(".git/hooks/post-checkout"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    repository.write(".gitattributes", "*.txt diff=x\n");
    let start = line(&good(&base(&dir)));
    good(&add(&dir, &tree, "dash/sw-1/ag-01", &start));
    std::fs::write(tree.join("kept.txt"), "else\n").unwrap();
    good(&diff(&tree, &start));
    good(&status(&tree));
    assert!(!ran.exists());
}

#[test]
fn outside_a_repository_and_before_a_first_commit() {
    let outside = tempfile::tempdir().unwrap();
    assert!(!run(&top(outside.path())).status.success());
    good(&["git", "-C", outside.path().to_str().unwrap(), "init", "--quiet"].map(str::to_owned));
    assert!(!run(&base(outside.path())).status.success());
}

#[test]
fn reads_what_git_prints() {
    let change = |path: &str, added, removed| FileChange { path: path.to_owned(), added, removed };
    assert_eq!(
        parse_numstat(b"3\t1\ta b\n\0-\t-\tbin\0broken\0"),
        [change("a b\n", 3, 1), change("bin", 0, 0)]
    );
    let entry = |path: &str, untracked| StatusEntry { path: path.to_owned(), untracked };
    assert_eq!(
        parse_status(b" M a\0R  new\0old\0?? b c\0!! ignored\0x\0"),
        [entry("a", false), entry("new", false), entry("b c", true)]
    );
}

#[test]
fn any_name_makes_a_branch() {
    for (swarm, agent, expected) in [
        ("sw-1", "ag-01", "dash/sw-1/ag-01"),
        ("..", "a..b", "dash/unnamed/a.b"),
        ("x y~^:", "é.lock", "dash/x-y/lock"),
        ("-a", "b.lock", "dash/a/b.lock-"),
    ] {
        let names = branches(&SwarmId::new(swarm), &AgentId::new(agent));
        assert_eq!(names[0], expected);
        for name in names {
            good(&["git", "check-ref-format", "--branch", &name].map(str::to_owned));
        }
    }
}

#[test]
fn a_branch_needs_room() {
    let of = |branch: &str| in_the_way(branch).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(of("dash/s/a"), ["dash", "dash/s"]);
    assert_eq!(of("dash-s-a"), Vec::<String>::new());
}

#[test]
fn only_the_users_own_filters_stay() {
    let printed =
        b"global\0filter.lfs.clean\0local\0filter.a=b.clean\0worktree\0filter.x.required\0";
    let expected = [
        ("GIT_CONFIG_KEY_0", "filter.a=b.clean"),
        ("GIT_CONFIG_VALUE_0", ""),
        ("GIT_CONFIG_KEY_1", "filter.x.required"),
        ("GIT_CONFIG_VALUE_1", "false"),
        ("GIT_CONFIG_COUNT", "2"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(unfiltered(printed), expected);
    assert_eq!(unfiltered(b""), [("GIT_CONFIG_COUNT".to_owned(), "0".to_owned())]);
}
