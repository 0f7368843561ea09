//! Properties of the judge; what the built-in rules say is tested beside them, in `config`.

use super::*;
use crate::model::{Lookup, Rule};
use proptest::prelude::*;

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn rule(command: &str, verdict: Verdict) -> Rule {
    Rule {
        name: command.to_owned(),
        source: "test".to_owned(),
        verdict,
        command: words(command).into_iter().map(|word| vec![word]).collect(),
        reason: "because".to_owned(),
        ..Rule::default()
    }
}

fn force_push() -> Rule {
    Rule { with: words("-f --force +*"), ..rule("git push", Verdict::Deny) }
}

fn policy() -> Policy {
    let delete = Rule { with: words("-r"), outside_scope: true, ..rule("rm", Verdict::Deny) };
    let into = Rule { into: words("sh bash eval"), ..rule("curl", Verdict::Deny) };
    let keys = Rule { touches: words("~/.ssh /etc/shadow"), ..rule("*", Verdict::Deny) };
    let rules = vec![force_push(), delete, into, keys, rule("npm publish", Verdict::Ask)];
    Policy { default: Verdict::Allow, rules }
}

fn scope() -> Scope {
    Scope { write: vec!["/scope".into()], ..Scope::default() }
}

fn of_line(policy: &Policy, line: &str) -> Judgement {
    let at = Where {
        cwd: Path::new("/scope"),
        scope: &scope(),
        executable: None,
        hidden: Hidden::NOTHING,
    };
    Judge::new(policy.clone()).line(line, &at)
}

fn of_argv(policy: &Policy, argv: &[String]) -> Judgement {
    judge(policy, argv, Path::new("/scope"), &scope())
}

/// Pieces that mean something to a shell, in any order.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "git", "push", "-f", "--force", "+x", "rm", "-r", "/", "..", "~", "sh", "-c", "bash",
        "env", "A=b", "xargs", "find", "-exec", "{}", ";", "curl", "x", "eval", "timeout", "5",
        "if", "then", "fi", "for", "in", "do", "done", "case", "esac", ")", "(", "{", "}", "[[",
        "]]", "((", "))", "$(", "`", "\"", "'", "\\", "|", "||", "&&", "&", "\n", "<<E", "E", "<",
        ">", "<(", "<<<", "$x", "${", "$((", "$'", "#", "*", "?", "[", "]", " ", " ", " ", "\t",
        "=", "-", "--", "\u{0}", "\u{1}", "é", "😀",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

fn line() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

fn argv() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(piece(), 0..12)
}

/// Commands that are denied, to be wrapped.
fn denied() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "git push -f",
        "git push origin main --force",
        "git -C sub push origin +main",
        "rm -r /etc",
        "rm -vfr ../../x y",
        "cat /etc/shadow",
        "/usr/bin/env git push -f",
    ])
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn wrapped(line: &str, wrapper: usize) -> String {
    match wrapper {
        0 => format!("sh -c {}", quoted(line)),
        1 => format!("bash -lc {}", quoted(line)),
        2 => format!("env A=b {line}"),
        3 => format!("nohup {line}"),
        4 => format!("timeout 5 {line}"),
        5 => format!("nice -n 3 {line}"),
        6 => format!("true; {line} &"),
        // With a blank, or a line in parentheses would be arithmetic.
        7 => format!("echo \"$( {line})\""),
        8 => format!("( {line} )"),
        9 => format!("xargs {line}"),
        10 => format!("find . -exec {line} \\;"),
        11 => format!("if true; then {line}; fi"),
        12 => format!("eval {}", quoted(line)),
        13 => format!("bash <<'END'\n{line}\nEND"),
        14 => format!("cat x | {line}"),
        _ => format!("busybox sh -c {}", quoted(line)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_makes_it_panic(line in line(), argv in argv()) {
        of_line(&policy(), &line);
        of_argv(&policy(), &argv);
        for head in ["sh", "env", "git", "find", "xargs", "timeout", "sudo", "flock"] {
            let mut argv = argv.clone();
            argv.insert(0, head.to_owned());
            of_argv(&policy(), &argv);
        }
    }

    #[test]
    fn a_stricter_rule_never_weakens(line in line(), argv in argv(), at in 0usize..6) {
        let less = policy();
        for extra in [rule("git", Verdict::Deny), rule("*", Verdict::Ask), force_push()] {
            let mut more = less.clone();
            more.rules.insert(at.min(more.rules.len()), extra);
            prop_assert!(of_line(&more, &line).verdict >= of_line(&less, &line).verdict);
            prop_assert!(of_argv(&more, &argv).verdict >= of_argv(&less, &argv).verdict);
        }
    }

    #[test]
    fn a_wrapped_denied_command_is_never_allowed(
        line in denied(),
        wrappers in prop::collection::vec(0usize..16, 0..5),
    ) {
        prop_assert_eq!(of_line(&policy(), line).verdict, Verdict::Deny);
        let wrapped = wrappers.iter().fold(line.to_owned(), |line, &with| wrapped(&line, with));
        let said = of_line(&policy(), &wrapped);
        prop_assert!(said.verdict > Verdict::Allow, "{}: {:?}", wrapped, said);
    }

    #[test]
    fn in_quotes_a_line_is_what_it_was(argv in argv()) {
        let line = argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        let first = argv.first().map_or("", String::as_str);
        // `A=b` in quotes is a program to a shell; so is a word with a NUL to nobody.
        prop_assume!(!first.contains('=') && !argv.iter().any(|word| word.contains('\u{0}')));
        prop_assert!(of_line(&policy(), &line).verdict >= of_argv(&policy(), &argv).verdict);
    }
}

#[test]
fn findings_name_the_rule_and_the_command() {
    let said = of_line(&policy(), "true && npm publish; sh -c 'git push -f'");
    assert_eq!((said.verdict, said.enforced_by), (Verdict::Deny, Some(Enforcement::Cooperates)));
    assert_eq!(said.reason, "because");
    let told: Vec<_> =
        said.findings.iter().map(|f| (f.rule.as_str(), f.command.as_str())).collect();
    assert_eq!(told, [("git push", "git push -f"), ("npm publish", "npm publish")]);
    let said = of_line(&policy(), "true");
    assert_eq!((said.verdict, said.enforced_by, said.findings.len()), (Verdict::Allow, None, 0));
}

#[test]
fn the_default_holds_for_what_no_rule_speaks_of() {
    for default in [Verdict::Ask, Verdict::Deny] {
        let policy =
            Policy { default, rules: vec![rule("git status", Verdict::Allow), force_push()] };
        for (line, wanted) in [
            ("git status", Verdict::Allow),
            ("cd x && timeout 5 git status -s", Verdict::Allow),
            ("git -C x status", default),
            ("ls", default),
            ("git status; ls", default),
            ("sh script", default),
            ("git push -f", Verdict::Deny),
        ] {
            assert_eq!(of_line(&policy, line).verdict, wanted, "{default}: {line}");
        }
    }
}

#[test]
fn a_pin_denies_by_name_and_by_file_and_allows_by_file_alone() {
    let pin = |verdict| Rule { executable: Some("/usr/bin/git".into()), ..rule("git", verdict) };
    let scope = scope();
    let at = |file: Option<&'static str>| Where {
        cwd: Path::new("/scope"),
        scope: &scope,
        executable: file.map(Path::new),
        hidden: Hidden::NOTHING,
    };
    let deny = Judge::new(Policy { default: Verdict::Allow, rules: vec![pin(Verdict::Deny)] });
    let allow = Judge::new(Policy { default: Verdict::Deny, rules: vec![pin(Verdict::Allow)] });
    for (program, file, denied, allowed) in [
        ("git", None, true, false),
        ("git", Some("/usr/bin/git"), true, true),
        ("/usr/bin/git", None, true, true),
        ("git", Some("/tmp/git"), true, false),
        ("/tmp/git", None, true, false),
        ("other", Some("/usr/bin/git"), true, true),
        ("other", None, false, false),
    ] {
        let argv = words(program);
        let is = |judge: &Judge, verdict| judge.argv(&argv, &at(file)).verdict == verdict;
        assert_eq!(is(&deny, Verdict::Deny), denied, "{program} {file:?}");
        assert_eq!(is(&allow, Verdict::Allow), allowed, "{program} {file:?}");
    }
    let rule = pin(Verdict::Deny);
    let hidden = Hidden { executables: ["/usr/bin/git".into()].into(), ..Hidden::default() };
    assert_eq!(enforcement(&rule, &Hidden::default()), Enforcement::Cooperates);
    assert_eq!(enforcement(&rule, &hidden), Enforcement::Broker);
}

/// The broker holds what it hides, and a program of the same name before it is not hidden.
#[test]
fn a_broker_holds_only_what_would_run() {
    let pinned =
        Rule { executable: Some("/usr/bin/git".into()), ..rule("git push", Verdict::Deny) };
    let judge = Judge::new(Policy { default: Verdict::Allow, rules: vec![pinned] });
    let scope = scope();
    let find = |word: &str, path: &str, _: &Path| match word {
        "git" => Some(Path::new(path).join("git")),
        "/bin/git" => Some("/usr/bin/git".into()),
        _ => word.contains('/').then(|| word.into()),
    };
    for (path, line, by, why) in [
        ("/usr/bin", "git push", Enforcement::Broker, ""),
        ("/usr/bin", "sh -c 'git push'", Enforcement::Broker, ""),
        ("/opt", "/bin/git push", Enforcement::Broker, ""),
        (
            "/opt",
            "git push",
            Enforcement::Cooperates,
            "`git` is /opt/git here, which this rule does not pin",
        ),
        ("/opt", "env git push", Enforcement::Cooperates, "`git` is /opt/git"),
        ("/usr/bin", "/opt/git push", Enforcement::Cooperates, "`/opt/git` is /opt/git"),
    ] {
        let lookup = Some(Lookup { path: path.to_owned(), find });
        let executables = ["/usr/bin/git".into()].into();
        let hidden = Hidden { executables, lookup, ..Hidden::default() };
        let at =
            Where { cwd: Path::new("/scope"), scope: &scope, executable: None, hidden: &hidden };
        let said = judge.line(line, &at);
        assert_eq!((said.verdict, said.enforced_by), (Verdict::Deny, Some(by)), "{path} {line}");
        assert!(said.findings[0].not_held.starts_with(why), "{said:?}");
        assert_eq!(said.findings[0].not_held.is_empty(), why.is_empty(), "{said:?}");
        // What the broker runs starts others, which nobody judges.
        let alias = judge.line(&line.replace("push", "p"), &at);
        assert_eq!((alias.verdict, alias.enforced_by), (Verdict::Ask, Some(by)), "{path} {line}");
        let unseen = judge.line(&line.replace("push", "status"), &at).unseen;
        assert_eq!(unseen.iter().any(|name| name == "git"), by == Enforcement::Broker, "{line}");
    }
    let seen = [("/usr/bin/git".into(), "a reason".to_owned())].into();
    let hidden = Hidden { seen, ..Hidden::default() };
    let at = Where { cwd: Path::new("/scope"), scope: &scope, executable: None, hidden: &hidden };
    assert_eq!(judge.line("git push", &at).findings[0].not_held, "a reason");
}

/// What is long, deep or made to take long ends soon, and is never allowed for it.
#[test]
fn it_is_bounded() {
    let n = LONGEST / 2;
    let lines = [
        "(".repeat(n),
        "$(".repeat(n),
        "`".repeat(n),
        "\"$(".repeat(n / 2),
        "{".repeat(n),
        "${".repeat(n),
        "$((".repeat(n / 2),
        "[".repeat(n),
        "if ".repeat(n / 2),
        "env ".repeat(n / 4),
        "a;".repeat(n),
        "curl|".repeat(n / 8),
        "sh|".repeat(n / 4),
        "a|".repeat(n),
        "<<a;".repeat(n / 4),
        "<(".repeat(n),
        "git push a ".repeat(n / 16),
        format!("rm {}", "/x ".repeat(n / 3)),
        format!("cat {}", ".s*".repeat(n / 4)),
        format!("find . {}", "-exec ls ; ".repeat(n / 8)),
        format!("cat {}", "a/".repeat(n / 2)),
        "{a,b}".repeat(n / 5),
        "{a,".repeat(n / 3),
        "${x:-".repeat(n / 5),
        format!("g=git; {}", "$g ".repeat(n / 3)),
        format!("g={}; {}", "x ".repeat(500), "\"$g\"".repeat(n / 8)),
        format!("alias a='a b' b='b a'; {}", "a;b;".repeat(n / 8)),
        format!("tmux {}", "new git \\; ".repeat(n / 16)),
        format!("valgrind {}", "git ".repeat(n / 4)),
        format!("sed {}", "e;".repeat(n / 2)),
    ];
    let started = std::time::Instant::now();
    for line in &lines {
        let before = std::time::Instant::now();
        of_line(&policy(), line);
        let took = before.elapsed();
        // Without optimisation and on a busy machine; what is quadratic takes minutes.
        assert!(took.as_secs() < 5, "{:.20}: {took:?}", line);
    }
    assert!(started.elapsed().as_secs() < 60);
    let mut deep = "git push -f".to_owned();
    for _ in 0..12 {
        deep = format!("sh -c {}", quoted(&deep));
    }
    assert!(of_line(&policy(), &deep).verdict > Verdict::Allow);
    assert!(
        of_line(&policy(), &format!("{}git push -f", "env ".repeat(1000))).verdict > Verdict::Allow
    );
    assert_eq!(of_argv(&policy(), &[" ".repeat(LONGEST + 1)]).verdict, Verdict::Ask);
    let long = format!("{}; git push -f", "true;".repeat(LONGEST / 6));
    assert_eq!(of_line(&policy(), &long).verdict, Verdict::Deny);
}
