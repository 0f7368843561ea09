//! Rules on commands: the file, and the judge.

use crate::{fuzz, spoken};
use dash::{
    config::{PolicyFiles, built_in, check_policy},
    core::policy::{Judge, Where},
    model::{Hidden, Judgement, Policy, Scope, Verdict},
};
use std::path::Path;

const FILE: &[&str] = &[
    "[[rule]]\n",
    "name = ",
    "command = ",
    "with = ",
    "without = ",
    "touches = ",
    "into = ",
    "outside_scope = ",
    "verdict = ",
    "reason = ",
    "executable = ",
    "examples = ",
    "default = ",
    "\"git\"",
    "\"push\"",
    "\"*\"",
    "\"-f\"",
    "\"~/.ssh\"",
    "\"/bin/sh\"",
    "[",
    "]",
    ", ",
    "\n",
    "\"allow\"\n",
    "\"ask\"\n",
    "\"deny\"\n",
    "true\n",
    "false\n",
    "1\n",
    "{ match = ",
    "}\n",
    "not_match = ",
    "'''",
    "\"",
    "#",
    "\\",
    "=",
    "[rule]\n",
    "\"sh -c 'git push'\"",
];

const LINE: &[&str] = &[
    "git ",
    "push ",
    "-f ",
    "--force ",
    "+x ",
    "rm ",
    "-r ",
    "/ ",
    ".. ",
    "~ ",
    "sh ",
    "-c ",
    "bash ",
    "env ",
    "A=b ",
    "xargs ",
    "find ",
    "-exec ",
    "{} ",
    "; ",
    "curl ",
    "x",
    "eval ",
    "timeout 5 ",
    "if ",
    "then ",
    "fi ",
    "for ",
    "in ",
    "do ",
    "done ",
    "case ",
    "esac ",
    ") ",
    "( ",
    "{ ",
    "} ",
    "[[ ",
    "]] ",
    "(( ",
    ")) ",
    "$(",
    "`",
    "\"",
    "'",
    "\\",
    "| ",
    "|| ",
    "&& ",
    "& ",
    "\n",
    "<<E\n",
    "E\n",
    "< ",
    "> ",
    "<(",
    "<<<",
    "$x",
    "${",
    "$((",
    "$'",
    "# ",
    "*",
    "?",
    "[",
    "]",
    " ",
    "\t",
    "=",
    "- ",
    "-- ",
    "\u{1}",
    "é",
    "sudo ",
    "npm publish ",
    "cat ",
    "~/.ssh ",
    "${x:-",
    "${IFS}",
    "x=",
    "git,",
    ",",
    "}",
    "alias x=",
    "tmux new ",
    "screen -X stuff ",
    "sed ",
    "e ",
    "GIT_PAGER=",
    "3",
    "valgrind ",
];

fn scope() -> Scope {
    Scope { write: vec!["/scope".into()], ..Scope::default() }
}

fn of_line(judge: &Judge, line: &str) -> Judgement {
    judge.line(
        line,
        &Where {
            cwd: Path::new("/scope"),
            scope: &scope(),
            executable: None,
            hidden: Hidden::NOTHING,
        },
    )
}

fn of_argv(judge: &Judge, argv: &[String]) -> Judgement {
    judge.argv(
        argv,
        &Where {
            cwd: Path::new("/scope"),
            scope: &scope(),
            executable: None,
            hidden: Hidden::NOTHING,
        },
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Any text is a policy or an error that names a place; whatever a file allowed to be said,
/// it can be judged by.
#[test]
fn policy_files() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("policy.toml");
    let check = |text: &str, input: &[u8]| {
        let checked = check_policy(&file, text);
        std::fs::write(&file, text).unwrap();
        let files = PolicyFiles { user: Some(file.clone()), project: None };
        match (checked, files.load()) {
            (Ok(own), Ok(policy)) => {
                assert!(policy.rules.len() >= own.len());
                judged(policy, input);
            }
            (Err(error), Err(_)) => assert!(error.to_string().contains("policy.toml"), "{error}"),
            (checked, loaded) => panic!("{checked:?}, but {loaded:?}: {text:?}"),
        }
        let project = PolicyFiles { user: None, project: Some(file.clone()) };
        if let Ok(narrowed) = project.load() {
            let widened = |line: &str| {
                of_line(&Judge::new(narrowed.clone()), line).verdict
                    < of_line(&Judge::new(built_in().unwrap()), line).verdict
            };
            assert!(!widened(&spoken(input, LINE)), "a project's file widens: {text:?}");
        }
    };
    fuzz!("policy_files", 1500, |input: &[u8]| {
        check(&String::from_utf8_lossy(input), input);
        check(&spoken(input, FILE), input);
    });
}

fn judged(policy: Policy, input: &[u8]) {
    let judge = Judge::new(policy);
    let line = spoken(input, LINE);
    of_line(&judge, &line);
    let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
    of_argv(&judge, &argv);
}

/// What is denied is not allowed from within a shell.
#[test]
fn commands() {
    let judge = Judge::new(built_in().unwrap());
    let check = |line: &str| {
        let plain = of_line(&judge, line);
        let argv: Vec<String> = line.split([' ', '\n']).map(str::to_owned).collect();
        let direct = of_argv(&judge, &argv);
        // No argument of a program can hold it.
        if line.contains('\0') {
            return;
        }
        let words = argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        for shell in ["sh", "/bin/bash", "dash"] {
            let wrap = |line: &str| [shell, "-c", line].map(str::to_owned);
            let wrapped = of_argv(&judge, &wrap(line)).verdict;
            assert!(
                plain.verdict != Verdict::Deny || wrapped != Verdict::Allow,
                "{line:?} is denied ({}), and allowed to {shell}",
                plain.reason
            );
            let wrapped = of_argv(&judge, &wrap(&words)).verdict;
            assert!(
                direct.verdict != Verdict::Deny || wrapped != Verdict::Allow,
                "{argv:?} is denied ({}), and allowed to {shell}",
                direct.reason
            );
        }
        let again = format!("true; sh -c {}", quoted(line));
        assert!(
            plain.verdict != Verdict::Deny || of_line(&judge, &again).verdict != Verdict::Allow
        );
    };
    fuzz!("commands", 4000, |input: &[u8]| {
        check(&String::from_utf8_lossy(input));
        check(&spoken(input, LINE));
    });
}
