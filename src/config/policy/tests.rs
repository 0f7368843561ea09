//! The files: what is read, merged and refused.

mod evaded;
mod everyday;
mod judged;

use super::*;

fn refuse(text: &str) -> String {
    let refused = parse(Path::new("policy.toml"), text, Whose::User);
    refused.map(|_| ()).unwrap_err().to_string()
}

fn in_project(text: &str) -> Result<(), String> {
    let read = parse(Path::new("p.toml"), text, Whose::Project);
    read.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn the_built_in_rules_hold_their_examples() {
    let policy = built_in().unwrap_or_else(|error| panic!("{error}"));
    assert!(policy.rules.len() > 20);
    for rule in &policy.rules {
        assert!(!rule.name.is_empty() && rule.source == "built in", "{rule:?}");
        assert!(!rule.reason.contains("the rule at"), "{}: no reason", rule.name);
    }
    assert_eq!(BUILT_IN.matches("\nmatch = ").count(), policy.rules.len());
    assert_eq!(BUILT_IN.matches("\nnot_match = ").count(), policy.rules.len());
}

#[test]
fn errors_name_the_place_and_the_nearest_key() {
    let rule = "[[rule]]\ncommand = [\"a\"]\nverdict = \"deny\"\n";
    for (text, says) in [
        ("[[rule]]\ncommand = [\"a\"]\nverdikt = \"deny\"\n", "policy.toml:3:1: rule.verdikt: "),
        ("[[rule]]\ncommand = [\"a\"]\nverdikt = \"deny\"\n", "did you mean `verdict`?"),
        ("[[rule]]\ncommand = [\"a\"]\nverdict = \"maybe\"\n", "policy.toml:3:11: rule.verdict"),
        ("[[rule]]\ncommand = [\"a\"]\nverdict = \"aks\"\n", "did you mean `ask`?"),
        ("[[rule]]\ncommand = []\nverdict = \"deny\"\n", "policy.toml:1:1: rule.command"),
        ("[[rule]]\ncommand = [[]]\nverdict = \"deny\"\n", "names no program"),
        (
            "[[rule]]\ncommand = [1]\nverdict = \"deny\"\n",
            "policy.toml:2:11: rule.command: expected a word or a list",
        ),
        ("[[rule]]\nverdict = \"deny\"\n", "missing field `command`"),
        ("[[rule]]\ncommand = [\"/bin/a\"]\nverdict = \"deny\"\n", "executable"),
        (&format!("{rule}executable = \"a\"\n"), "policy.toml:4:14: rule.executable"),
        (&format!("{rule}with = [\"\"]\n"), "an empty word"),
        (
            &format!("{rule}[rule.examples]\nmatch = [\"a\",\n \"b\"]\n"),
            "policy.toml:6:2: rule.examples: the rule does not match \"b\"",
        ),
        (
            &format!("{rule}[rule.examples]\nnot_match = [\"a\"]\n"),
            "policy.toml:5:14: rule.examples: the rule matches \"a\"",
        ),
        (&format!("{rule}name = \"x\"\n{rule}name = \"x\"\n"), "policy.toml:5:1: rule.name"),
        ("default = \"no\"\n", "policy.toml:1:11: default"),
    ] {
        let error = refuse(text);
        assert!(error.contains(says), "{text}\n{error}\nwanted {says}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_project_narrows_only() {
    let rule = |verdict| format!("[[rule]]\ncommand = [\"a\"]\nverdict = \"{verdict}\"\n");
    assert_eq!(in_project(&rule("deny")), Ok(()));
    assert_eq!(in_project(&rule("ask")), Ok(()));
    assert!(
        in_project(&rule("allow")).unwrap_err().contains("p.toml:3:11: rule.verdict: a project")
    );
    assert!(in_project("default = \"allow\"").unwrap_err().contains("narrow only"));
    assert_eq!(in_project("default = \"ask\""), Ok(()));
}

#[test]
fn files_are_found_merged_and_refused_when_they_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let dirs = Dirs { config: dir.path().to_owned(), state: dir.path().to_owned() };
    let deep = dir.path().join("p/a/b");
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::create_dir(dir.path().join("p/.dash")).unwrap();
    let files = PolicyFiles::of(&dirs).at(&deep);
    assert_eq!((files.project.clone(), files.load().unwrap()), (None, built_in().unwrap()));
    let own = "default = \"ask\"\n\n[[rule]]\nname = \"force-push\"\ncommand = [\"git\"]\n\
               verdict = \"ask\"\n";
    std::fs::write(dir.path().join("policy.toml"), own).unwrap();
    let project =
        "default = \"ask\"\n[[rule]]\nname = \"mount\"\ncommand = [\"x\"]\nverdict = \"deny\"\n";
    std::fs::write(dir.path().join("p/.dash/policy.toml"), project).unwrap();
    let policy = PolicyFiles::of(&dirs).at(&deep).load().unwrap();
    assert_eq!(policy.default, Verdict::Ask);
    let of = |name: &str| policy.rules.iter().filter(|r| r.name == name).collect::<Vec<_>>();
    assert_eq!(of("force-push").len(), 1, "the user's stands in the place of the built-in one");
    assert!(of("force-push")[0].source.ends_with("policy.toml:3"), "{:?}", of("force-push"));
    assert!(of("force-push")[0].replaces && of("mount").iter().all(|rule| !rule.replaces));
    let checked = check_policy(Path::new("policy.toml"), own).unwrap();
    assert!(checked[0].replaces, "also of the file alone");
    assert_eq!(of("mount").len(), 2, "a project takes nothing away");
    std::fs::remove_file(dir.path().join("policy.toml")).unwrap();
    std::fs::create_dir(dir.path().join("policy.toml")).unwrap();
    let error = PolicyFiles::of(&dirs).load().unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
}

#[test]
fn what_a_rule_says_does_not_control_the_terminal() {
    let text = "[[rule]]\nname = \"a\\u001b[2Jb\"\ncommand = [\"a\"]\nverdict = \"deny\"\n\
                reason = \"red\\u001b[31m\\r\\u202eback\\nline\"\n";
    let (_, rules) = parse(Path::new("policy.toml"), text, Whose::User).unwrap();
    assert_eq!((&*rules[0].name, &*rules[0].reason), ("a [2Jb", "red [31m back line"));
}
