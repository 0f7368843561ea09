//! The command line against its own promise: the commands of DESIGN.md 6 that this build
//! has, and what a wrong line gets for an answer.

use super::{Next, args::Cli, context::Context, context::Terminal, run_with};
use clap::CommandFactory;
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

/// The built subset of the list in DESIGN.md section 6.
const BUILT: &str = "
    demo
    swarm create|list|show|wait|results|pause|resume|stop|rm
    agent spawn|list|tree|show|screen|log|results|send|wait|retry|pause|resume|stop|explain
    attach
    item add|list|drop|restore
    events
    pulse
    audit
    policy check|show
    budget show|set|top-up
    cost
    prices list|set|update
    inbox forget
    approve
    deny
    core status|stop
    health
    doctor
    config show|check|schema
    mcp
    serve
    completions";

fn run(words: &[&str]) -> (ExitCode, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut context = Context {
        out: &mut out,
        err: &mut err,
        term: Terminal::default(),
        socket: Some(PathBuf::from("/dev/null/d.sock")),
        target: None,
    };
    let args: Vec<OsString> =
        ["dash"].iter().chain(words).map(|word| OsString::from(*word)).collect();
    let code = match run_with(args, &mut context) {
        Next::Exit(code) => code,
        Next::Core(wish) => panic!("{words:?} became a core: {wish:?}"),
    };
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn clap_has_the_commands_that_are_built_and_no_other() {
    // `help` is clap's own, at every level.
    let ours = |sub: &&clap::Command| !sub.is_hide_set() && sub.get_name() != "help";
    let visible = |command: &clap::Command| -> Vec<String> {
        let subs = command.get_subcommands().filter(ours);
        subs.map(|sub| sub.get_name().to_owned()).collect()
    };
    let mut cli = Cli::command();
    cli.build();
    let mut real: Vec<String> = Vec::new();
    for sub in cli.get_subcommands().filter(ours) {
        let below = visible(sub).join("|");
        real.push(format!("{} {below}", sub.get_name()).trim().to_owned());
    }
    let mut built: Vec<String> =
        BUILT.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
    real.sort();
    built.sort();
    assert_eq!(real, built);
    cli.debug_assert();
}

#[test]
fn a_wrong_line_exits_2_and_says_what_is_wrong() {
    for (line, says) in [
        ("swarm create --task t --agents 0", "0"),
        ("swarm create", "nothing to do"),
        ("swarm create --task t --agents many", "many"),
        ("swarm create --task t --agent a:3,b:2 --agents 6", "--agents"),
        ("swarm create --task t --budget five", "not a sum of money"),
        ("agent spawn --task t --budget $x", "not a sum of money"),
        ("swarm create --task t --strategy tree", "parallel"),
        ("swarm create --task t --timeout 10", "unit"),
        ("swarm create --task t --each *.rs --items -", "--items"),
        ("swarm stop", "--all"),
        ("swarm stop sw-1 --all", "--all"),
        ("swarm merge sw-1", "merge"),
        ("agent send ag-01", "nothing to send"),
        ("agent log ag-01 --raw --cast", "--cast"),
        ("agent spawn", "nothing to do"),
        ("attach ag-01 --prefix b", "control key"),
        ("events --filter foo", "filter"),
        ("audit --since yesterday", "--since"),
        ("audit --verify --agent ag-01", "--agent"),
        ("policy check", "CMD"),
        ("policy check ls", "ls"),
        ("policy check --agent a --swarm b -- ls", "--swarm"),
        ("approve", "which approval"),
        ("deny --remember always", "which approval"),
        ("inbox --wait --all", "--all"),
        ("inbox forget one", "one"),
        ("budget top-up sw-1 lots", "not a sum of money"),
        ("cost --by weather", "weather"),
        ("prices set m input", "input=3"),
        ("prices set m", "KEY=DOLLARS"),
        ("prices update", "--from"),
        ("serve", "--listen"),
        ("serve --listen 0.0.0.0:80", "elsewhere"),
        ("--socket swarm list", "takes no command"),
        ("--socket ./d.sock swarm list", "takes no command"),
        ("-S ./x --socket ./d.sock", "choose"),
        ("-S foo swarm list", "no socket's path"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let (code, out, err) = run(&words);
        assert_eq!(code, ExitCode::from(2), "{line}: {err}");
        assert!(err.starts_with("dash: ") && err.contains(says), "{line}: {err}");
        assert_eq!(out, "", "{line}");
    }
}

#[test]
fn what_needs_no_core_asks_none() {
    for (line, says) in [
        ("--help", "swarm"),
        ("--version", env!("CARGO_PKG_VERSION")),
        ("completions bash", "_dash"),
        ("man", ".TH"),
        ("config schema adapter", "json-schema.org"),
        ("config schema keymap", "half-page-down"),
        ("config schema theme", "border_focus"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let (code, out, err) = run(&words);
        assert_eq!(code, ExitCode::SUCCESS, "{line}: {err}");
        assert!(out.contains(says), "{line}: {out}");
    }
}

#[test]
fn a_socket_without_a_directory_is_a_clear_error() {
    let (code, _, err) = run(&["swarm", "list"]);
    assert_eq!(code, ExitCode::from(1));
    assert!(err.contains("/dev/null/d.sock"), "{err}");
}
