//! Against the real git: every command is run, every answer read.

use super::{parse::StatusEntry, *};
use crate::model::FileChange;
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
    command(args).output().unwrap()
}

fn command(args: &[String]) -> Command {
    let path = std::env::var("PATH").unwrap();
    let (program, args) = args.split_first().unwrap();
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .env("PATH", path)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "T")))
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "t@example.org")))
        .envs(ENVIRONMENT);
    command
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

impl Repository {
    /// A clone with files on `branch`, as an agent gets it; and what it started from.
    fn cloned(&self, branch: &str) -> String {
        let (dir, tree) = (self.dir(), self.worktree());
        let start = line(&good(&base(&dir)));
        good(&reserve(&self.common(), &head(branch), &start));
        good(&clone(&dir, &tree, &[("user.name".to_owned(), "A = \"B\"".to_owned())]));
        good(&check_out(&tree, branch, &start));
        start
    }

    fn common(&self) -> PathBuf {
        line(&good(&common_dir(&self.dir()))).into()
    }
}

#[test]
fn a_life_of_a_clone() {
    let repository = Repository::new();
    let (dir, tree) = (repository.dir(), repository.worktree());
    let common = repository.common();
    assert_eq!(common, dir_of(&dir).join(".git"));
    let [name, ..] = branches(&SwarmId::new("sw-1"), &AgentId::new("ag-01.2"));
    assert_eq!(name, "dash/sw-1/ag-01.2");
    assert_eq!(Path::new(&line(&good(&top(&dir)))), dir_of(&dir));
    let start = repository.cloned(&name);
    assert!(!run(&reserve(&common, &head(&name), &start)).status.success(), "it is taken");
    assert!(!run(&clone(&dir, &tree, &[])).status.success(), "it is there already");
    let user = ["git", "-C", tree.to_str().unwrap(), "config", "user.name"].map(str::to_owned);
    assert_eq!(line(&good(&user)), "A = \"B\"");
    let packs = std::fs::read_dir(tree.join(".git/objects/pack")).unwrap().count();
    assert_eq!(packs, 0, "objects are borrowed");

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

    // What is committed comes back, and nothing moves but what is asked to.
    let plain = quoted(&upload_pack(&tree));
    good(&fetch(&common, &tree, &name, &plain));
    let at = line(&good(&tip(&common, &fetched(&name))));
    assert_eq!(line(&good(&tip(&common, &head(&name)))), start);
    assert!(!dir.join(".git/FETCH_HEAD").exists());
    good(&is_ancestor(&common, &start, &at));
    assert_eq!(run(&is_ancestor(&common, &at, "HEAD")).status.code(), Some(1));
    assert!(!run(&advance(&common, &head(&name), &at, &at)).status.success(), "it is elsewhere");
    good(&advance(&common, &head(&name), &at, &start));
    assert!(!is_checked_out(&line(&good(&worktrees(&common))), &name));
    assert!(is_checked_out(&line(&good(&worktrees(&common))), "main"));

    // What nobody holds is seen.
    repository.commit(&tree, "the rest");
    assert_eq!(parse_status(&good(&status(&tree))), []);
    good(&has_log(&tree));
    let ids = |printed: Vec<u8>| parse_ids(&printed).collect::<Vec<_>>();
    let logged = ids(good(&logged(&tree)));
    assert!(logged.contains(&at) && logged.contains(&start), "{logged:?}");
    let refs = ids(good(&refs(&tree)));
    assert!(refs.contains(&start) && !refs.contains(&at), "{refs:?}");
    let asked = |input: &str| {
        let argv = unreachable(&common);
        let mut child = command(&argv)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let known = asked(&format!("{at}\n{start}\n"));
    assert!(known.status.success() && known.stdout.is_empty(), "{known:?}");
    good(&delete(&common, &head(&name), &at));
    assert_eq!(line(&asked(&format!("{at}\n{start}\n")).stdout), at, "no branch holds it");
    let strange = "1".repeat(40);
    assert!(!asked(&format!("{strange}\n")).status.success(), "it is not even there");
    assert!(!run(&delete(&common, &fetched(&name), &start)).status.success(), "it moved on");
    good(&delete(&common, &fetched(&name), &at));
    assert!(!run(&tip(&common, &fetched(&name))).status.success());
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|word| format!("'{word}' ")).collect()
}

#[test]
fn a_planted_program_does_not_run() {
    let repository = Repository::new();
    let (dir, tree) = (repository.dir(), repository.worktree());
    let planted = repository.root.path().join("planted");
    let ran = repository.root.path().join("ran");
    let program = format!("#!/bin/sh\ntouch '{}'\n", ran.display());
    let executable = |path: &Path| {
        std::fs::write(path, &program).unwrap();
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
    };
    executable(&planted);
    let planted = planted.to_str().unwrap();
    repository.write(".gitattributes", "*.txt diff=x\n");
    let keys = [
        "core.fsmonitor",
        "diff.external",
        "diff.x.textconv",
        "core.pager",
        "uploadpack.packObjectsHook",
        "core.alternateRefsCommand",
    ];
    // In the user's own repository first, then in what an agent got.
    executable(&dir.join(".git/hooks/post-checkout"));
    executable(&dir.join(".git/hooks/reference-transaction"));
    let plant = |dir: &Path| {
        let dir = dir.to_str().unwrap();
        for key in keys {
            good(&["git", "-C", dir, "config", key, planted].map(str::to_owned));
        }
    };
    plant(&dir);
    let start = repository.cloned("dash/sw-1/ag-01");
    assert!(!ran.exists());
    std::fs::create_dir(tree.join(".git/hooks")).unwrap();
    executable(&tree.join(".git/hooks/post-checkout"));
    executable(&tree.join(".git/hooks/post-index-change"));
    plant(&tree);
    std::fs::write(tree.join("kept.txt"), "else\n").unwrap();
    good(&diff(&tree, &start));
    good(&status(&tree));
    good(&read_head(&tree));
    let common = repository.common();
    good(&fetch(&common, &tree, "dash/sw-1/ag-01", &quoted(&upload_pack(&tree))));
    assert!(!ran.exists());
    // They would have, without the options.
    good(&["git", "-C", tree.to_str().unwrap(), "status"].map(str::to_owned));
    assert!(ran.exists());
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
        b"global\0filter.lfs.clean\0local\0filter.a=b.clean\0command\0filter.lfs.smudge\0\
        worktree\0filter.x.required\0";
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let off = [pair("filter.a=b.clean", ""), pair("filter.x.required", "false")];
    assert_eq!(unfiltered(printed), off);
    assert_eq!(unfiltered(b""), []);
    let expected = [
        ("GIT_CONFIG_COUNT", "2"),
        ("GIT_CONFIG_KEY_0", "filter.a=b.clean"),
        ("GIT_CONFIG_VALUE_0", ""),
        ("GIT_CONFIG_KEY_1", "filter.x.required"),
        ("GIT_CONFIG_VALUE_1", "false"),
    ]
    .map(|(name, value)| pair(name, value));
    assert_eq!(settings(&off), expected);
    assert_eq!(
        parse_settings(b"filter.lfs.clean\ngit-lfs clean -- %f\0filter.lfs.required\0"),
        [pair("filter.lfs.clean", "git-lfs clean -- %f"), pair("filter.lfs.required", "true")]
    );
}
