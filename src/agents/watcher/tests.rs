use super::*;
use crate::{
    agents::{Adapter, Catalog},
    model::Resolution,
    protocol::keeper::KeeperGauge,
};

const OK: Exit = Exit { code: Some(0), signal: None };
const FAILED: Exit = Exit { code: Some(1), signal: None };
const KILLED: Exit = Exit { code: None, signal: Some(9) };

fn built_in(name: &str) -> Watcher {
    Catalog::load(None).get(name).unwrap().watcher(false)
}

fn with_rules(rules: &str) -> Watcher {
    let head = "name = 'x'\nsummary = ''\n[program]\nname = 'x'\n[launch]\n";
    Adapter::parse("test", &format!("{head}{rules}")).unwrap().watcher(false)
}

fn screen(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// `source state reason detail` of each signal, `session ID` of a session.
fn told(seen: &[Observation]) -> Vec<String> {
    seen.iter()
        .map(|one| match one {
            Observation::Signal(s) => {
                format!("{:?} {} [{}] {}", s.source, s.state, s.reason, s.detail)
            }
            Observation::Session(session) => format!("session {session}"),
        })
        .collect()
}

#[test]
fn a_command_is_judged_by_its_exit() {
    let shown = screen(&["$ make", "", "error: no rule", ""]);
    let mut watcher = built_in("command");
    assert_eq!(watcher.output(b"{\"type\":\"result\"}\r\n"), []);
    let done = watcher.finish(OK, &shown);
    assert_eq!((done.outcome, done.stop_reason.as_str()), (Outcome::Done, "finished"));
    assert_eq!((done.text.as_str(), done.error.as_str()), ("$ make\nerror: no rule", ""));
    let failed = built_in("command").finish(FAILED, &shown);
    assert_eq!((failed.outcome, failed.stop_reason.as_str()), (Outcome::Failed, "exit"));
    assert_eq!(failed.error, "exit 1: error: no rule");
    let killed = built_in("command").finish(KILLED, &screen(&[]));
    assert_eq!((killed.stop_reason.as_str(), killed.error.as_str()), ("signal", "signal 9"));
    let long: Vec<String> = (0..60).map(|n| format!("line {n}")).collect();
    let text = built_in("command").finish(OK, &long).text;
    assert_eq!(text.lines().count(), 40);
    assert!(text.starts_with("line 20\n") && text.ends_with("line 59"));
}

#[test]
fn an_answer_in_pieces_is_put_together() {
    let rules = "[watch]\noutput = 'json-lines'\njudge = 'output'\n\
                 status_pattern = '\"code\":(\\d{3})'\n\
                 [[output]]\nwhen = { type = 'piece' }\ntext = ['/text']\ntext_goes_on = true\n\
                 [[output]]\nwhen = { type = 'tool' }\ntext_ends = true\n\
                 [[output]]\nwhen = { type = 'end' }\nerror = ['/error']\noutcome = 'failed'\n";
    let mut watcher = with_rules(rules);
    for line in [
        r#"{"type":"piece","text":"I will"}"#,
        r#"{"type":"piece","text":" try."}"#,
        r#"{"type":"tool"}"#,
        r#"{"type":"piece","text":"Done:"}"#,
        r#"{"type":"piece","text":"\n"}"#,
        r#"{"type":"piece","text":"all."}"#,
        r#"{"type":"end","error":"[API Error: {\"error\":{\"code\":402,\"message\":\"spent\"}}]"}"#,
    ] {
        watcher.output(format!("{line}\r\n").as_bytes());
    }
    let result = watcher.finish(FAILED, &[]);
    assert_eq!(result.text, "Done:\nall.");
    // The status is in the answer that the error passes on, of which the message is told.
    assert_eq!(
        (result.stop_reason.as_str(), result.error.as_str()),
        ("budget", "[API Error: spent]")
    );
}

#[test]
fn mini_is_judged_by_its_last_word_and_its_exit() {
    let done = br#"{"type":"result","outcome":"done","text":"made it","usage":{"input":10,"output":2,"cache_read":3,"cache_write":4},"turns":2}"#;
    let refused = br#"{"type":"result","outcome":"failed","text":"","error":"HTTP 402: spent","api_error_status":402,"usage":{"input":1,"output":0}}"#;
    let mut watcher = built_in("mini");
    watcher.output(b"\x1b[1m$ ls\x1b[0m\r\nfile\r\n");
    watcher.output(done);
    watcher.output(b"\r\n");
    let result = watcher.finish(OK, &screen(&[]));
    assert_eq!((result.outcome, result.text.as_str()), (Outcome::Done, "made it"));
    let usage = Tokens { input: 10, output: 2, cache_read: 3, cache_write: 4 };
    assert_eq!(result.reported, Some(usage));

    // Without the newline that should end it, and with an exit code that contradicts it.
    let mut watcher = built_in("mini");
    watcher.output(done);
    let result = watcher.finish(KILLED, &screen(&[]));
    assert_eq!((result.outcome, result.stop_reason.as_str()), (Outcome::Failed, "signal"));

    let mut watcher = built_in("mini");
    watcher.output(refused);
    let result = watcher.finish(FAILED, &screen(&[]));
    assert_eq!((result.outcome, result.stop_reason.as_str()), (Outcome::Failed, "budget"));
    assert_eq!(result.error, "HTTP 402: spent");
}

#[test]
fn no_verdict_is_a_failure_whatever_the_code() {
    let mut watcher = built_in("claude");
    watcher
        .output(b"{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"s\"}\r\nsegfault\r\n");
    let result = watcher.finish(OK, &screen(&["on screen"]));
    assert_eq!((result.outcome, result.stop_reason.as_str()), (Outcome::Failed, "error"));
    assert_eq!(result.error, "it ended without a result: segfault");
    assert_eq!(result.session.as_deref(), Some("s"));
    let result = built_in("claude").finish(KILLED, &screen(&["on screen"]));
    assert_eq!(
        (result.stop_reason.as_str(), result.error.as_str()),
        ("signal", "signal 9: on screen")
    );
}

#[test]
fn status_sequences_are_understood() {
    let mut watcher = built_in("command");
    let mut seen = Vec::new();
    for (state, kind, message) in [
        ("idle", "", ""),
        ("working", "", ""),
        ("working", "", ""),
        ("working", "", "reading"),
        ("blocked", "permission", "approve Bash: rm x"),
        ("blocked", "", ""),
        ("done", "", ""),
        ("clear", "", ""),
        ("a later word", "", ""),
    ] {
        seen.extend(watcher.status(state, kind, message, None));
    }
    assert_eq!(
        told(&seen),
        [
            "Osc7501 idle [] idle",
            "Osc7501 working [] working",
            "Osc7501 working [] working: reading",
            "Osc7501 waiting [permission] blocked: approve Bash: rm x",
            "Osc7501 waiting [input] blocked",
            "Osc7501 idle [] done",
            "Osc7501 idle [] clear",
        ]
    );
}

#[test]
fn gauges_speak_by_progress_title_and_rows() {
    let rules = "[watch]\nprogress_off_is_idle = true\n\
        [[title]]\nname = 'busy'\npattern = '^✦'\nstate = 'working'\n\
        [[screen]]\nname = 'asks'\npattern = '\\[y/n\\]$'\nrows = 2\nstate = 'waiting'\nreason = 'permission'\n\
        [[screen]]\nname = 'else'\npattern = ''\nstate = 'working'\n";
    let mut watcher = with_rules(rules);
    let gauge = |busy: bool, progress, title: &str, bottom: &[&str]| KeeperGauge {
        busy,
        progress,
        title: title.to_owned(),
        bottom: bottom.iter().map(|row| (*row).to_owned()).collect(),
        ..KeeperGauge::default()
    };
    let mut seen = Vec::new();
    for one in [
        gauge(false, None, "", &[]),
        gauge(true, Some(40), "", &["go on? [y/n]", "old", "new"]),
        gauge(true, Some(40), "", &["old", "go on? [y/n]", "hint"]),
        gauge(false, None, "✦ Working", &["go on"]),
        gauge(false, None, "✦ Working", &["go on"]),
    ] {
        seen.extend(watcher.gauge(&one));
    }
    assert_eq!(
        told(&seen),
        [
            "Terminal working [] OSC 9;4",
            "Screen working [] screen: else",
            "Screen waiting [permission] screen: asks",
            "Terminal working [] title: busy",
            "Screen working [] screen: else",
        ]
    );
    let Some(Observation::Signal(first)) = seen.first() else { panic!("no signal") };
    assert_eq!(first.progress, Some(40));
}

/// The shape of OpenClaw's envelope: one object over several lines, at the end.
#[test]
fn reads_one_object_over_several_lines() {
    let rules = "[watch]\noutput = 'json'\njudge = 'output'\n\
        [[output]]\nwhen = { ok = true }\ntext = ['/payloads/*/text']\nsession = '/sessionId'\noutcome = 'done'\n\
        usage = { input = '/usage/input', output = '/usage/output', cache_read = '/usage/cacheRead' }\n";
    let envelope = serde_json::json!({"ok": true, "payloads": [{"text": "a"}, {"text": "b"}],
        "usage": {"input": 5, "output": 1, "cacheRead": 2}, "sessionId": "s"});
    let pretty = serde_json::to_string_pretty(&envelope).unwrap().replace('\n', "\r\n");
    for chunk in [1, 7, 4096] {
        let mut watcher = with_rules(rules);
        for part in
            format!("starting\r\n{{odd\r\n}}\r\n{pretty}\r\nbye\r\n").as_bytes().chunks(chunk)
        {
            watcher.output(part);
        }
        let result = watcher.finish(FAILED, &screen(&[]));
        assert_eq!((result.outcome, result.text.as_str()), (Outcome::Done, "a\nb"));
        assert_eq!(result.session.as_deref(), Some("s"));
        assert_eq!(result.reported.unwrap().cache_read, 2);
    }
}

/// opencode reports each step's usage, pi the stop reason of its last turn.
#[test]
fn adds_up_and_takes_the_last_verdict() {
    let rules = "[watch]\noutput = 'json-lines'\njudge = 'output'\n[stop_reasons]\n418 = 'timeout'\n\
        [[output]]\nwhen = { type = 'step' }\nusage = { input = '/t/in', output = '/t/out', add = true, input_includes_cache = true, cache_read = '/t/c' }\noutcome = 'done'\n\
        [[output]]\nwhen = { type = 'error', code = [418, 419] }\nerror = ['/data/message', '/name']\nstatus = '/code'\noutcome = 'failed'\n\
        [[output]]\nwhen = { type = 'error', code = 'odd' }\nstop_reason = 'overloaded'\noutcome = 'failed'\n";
    let mut watcher = with_rules(rules);
    watcher.output(b"{\"type\":\"step\",\"t\":{\"in\":10,\"out\":1,\"c\":4}}\n");
    watcher.output(b"{\"type\":\"step\",\"t\":{\"in\":5,\"out\":1}}\n");
    watcher.output(b"{\"type\":\"error\",\"code\":418,\"name\":\"Teapot\"}\n");
    let result = watcher.finish(OK, &screen(&[]));
    assert_eq!(
        result.reported,
        Some(Tokens { input: 11, output: 2, cache_read: 4, cache_write: 0 })
    );
    assert_eq!((result.outcome, result.stop_reason.as_str()), (Outcome::Failed, "timeout"));
    assert_eq!(result.error, "Teapot");
    let mut watcher = with_rules(rules);
    watcher.output(b"{\"type\":\"error\",\"code\":\"odd\"}\n");
    assert_eq!(watcher.finish(OK, &screen(&[])).stop_reason, "overloaded");
}

#[test]
fn long_texts_are_cut_between_characters() {
    let text = "ü".repeat(MAX_TEXT);
    let line = serde_json::json!({"type": "result", "outcome": "done", "text": text}).to_string();
    let mut watcher = built_in("mini");
    watcher.output(line.as_bytes());
    let result = watcher.finish(OK, &screen(&[]));
    assert!(result.text.len() <= MAX_TEXT && result.text.ends_with('…'));
}

#[test]
fn hooks_tell_turns_and_what_the_next_prompt_asks() {
    let rules = "[watch]\noutput = 'json-lines'\njudge = 'output'\n\
                 [[hook]]\nwhen = { name = 'Start' }\nsession = '/id'\nstate = 'working'\n\
                 [[hook]]\nwhen = { name = 'Ask' }\nprompt = '{/tool}: {/command}'\n\
                 [[hook]]\nwhen = { name = 'Stop' }\nstate = 'idle'\ntext = ['/last']\n";
    let head = "name = 'x'\nsummary = ''\n[program]\nname = 'x'\n[launch]\n";
    let mut watcher = Adapter::parse("test", &format!("{head}{rules}")).unwrap().watcher(true);
    let start = serde_json::json!({"name": "Start", "id": "s1"});
    assert_eq!(told(&watcher.hook(&start)), ["session s1", "Hook working [] output"]);
    let ask = |command| serde_json::json!({"name": "Ask", "tool": "Bash", "command": command});
    assert_eq!(watcher.hook(&ask("ls")), []);
    assert_eq!(watcher.hook(&ask("rm x")), [], "another waits behind it");
    let blocked = ["Osc7501 waiting [permission] blocked: Bash: ls"];
    assert_eq!(told(&watcher.status("blocked", "permission", "", None)), blocked);
    let next = ["Osc7501 waiting [permission] blocked: Bash: rm x"];
    assert_eq!(told(&watcher.next_prompt()), next);
    assert_eq!(watcher.next_prompt(), []);
    // The agent's own word for it goes before, if it is one.
    let says = |asked: &str| [format!("Osc7501 waiting [permission] blocked: {asked}")];
    watcher.hook(&ask("ls"));
    watcher.hook(&ask("mv x"));
    for (message, asked) in [
        ("approve Bash: ls", "approve Bash: ls"),
        ("permission prompt", "Bash: mv x"),
        ("approve ls", "approve ls"),
        ("permission prompt", "permission prompt"),
    ] {
        assert_eq!(told(&watcher.status("blocked", "permission", message, None)), says(asked));
    }
    assert!(watcher.awaits_hook("blocked", "permission", "permission prompt"));
    assert!(!watcher.awaits_hook("blocked", "permission", "approve plan"));
    assert_eq!(told(&watcher.hook(&ask("cp x"))), says("Bash: cp x"), "later than its prompt");
    assert_eq!(watcher.hook(&ask("rm y")), [], "that is not its prompt's");
    assert!(!watcher.awaits_hook("blocked", "permission", "permission prompt"), "it has told");
    assert_eq!(
        told(&watcher.status("blocked", "form", "", None)),
        ["Osc7501 waiting [input] blocked"]
    );
    assert_eq!(told(&watcher.status("error", "", "", None)), ["Osc7501 idle [failed] error"]);
    // What is printed is for eyes, and the exit judges.
    assert_eq!(watcher.output(b"{\"name\":\"Stop\",\"last\":\"no\"}\n"), []);
    let stop = serde_json::json!({"name": "Stop", "last": "all done"});
    assert_eq!(told(&watcher.hook(&stop)), ["Hook idle [] output"]);
    let result = watcher.finish(OK, &screen(&["│ > │"]));
    assert_eq!((result.outcome, result.text.as_str()), (Outcome::Done, "all done"));
    assert_eq!(result.session.as_deref(), Some("s1"));
}

#[test]
fn a_later_core_knows_what_hooks_told_and_tells_it_not_again() {
    let mut watcher = Catalog::load(None).get("codex").unwrap().watcher(true);
    let stop = serde_json::json!({"hook_event_name": "Stop", "last_assistant_message": "so"});
    let ask = serde_json::json!({"hook_event_name": "PermissionRequest", "tool_name": "Bash",
        "tool_input": {"command": "ls"}});
    watcher.remember_hooks([&stop, &ask].into_iter());
    let blocked = ["Osc7501 waiting [permission] blocked"];
    assert_eq!(told(&watcher.status("blocked", "permission", "", None)), blocked);
    assert_eq!(watcher.finish(OK, &[]).text, "so");
}

#[test]
fn a_prompt_is_known_by_its_rows() {
    let rules = "[prompt]\napprove = ['y']\ndeny = ['n']\nshown = '^ *esc to cancel'\n";
    let head = "name = 'x'\nsummary = ''\n[program]\nname = 'x'\n[launch]\n";
    let adapter = Adapter::parse("test", &format!("{head}{rules}")).unwrap();
    let lines = screen(&["old", "", "run ls?", " 1. Yes", " esc to cancel · tab", "status"]);
    let rows = adapter.prompt_rows(&lines, "Bash: ls").unwrap();
    assert_eq!(rows, [" esc to cancel · tab", " 1. Yes", "run ls?", "old"]);
    // A quotation of it in the text, or none of it.
    assert_eq!(adapter.prompt_rows(&screen(&["it says: esc to cancel", "> "]), "ls"), None);
    let without = Adapter::parse("test", head).unwrap();
    assert_eq!(without.prompt_rows(&lines, "ls"), Some(Vec::new()));
    // Told by a hook, it must be what stands there, wherever rows break.
    let codex = Catalog::load(None).get("codex").unwrap().clone();
    let end = "  Press enter to confirm or esc to cancel";
    let lines = screen(&["  $ rm -rf one two", "    three", "› 1. Yes, proceed (y)", end]);
    assert_eq!(codex.prompt_rows(&lines, "Bash: rm -rf one two three").map(|r| r.len()), Some(4));
    assert_eq!(codex.prompt_rows(&lines, "Bash: ls"), None);
    // In a frame; and what its terminal said need not stand there.
    let claude = Catalog::load(None).get("claude").unwrap().clone();
    let lines = screen(&[" │ rm -rf one two", " │ three", " ❯ 1. Yes", " Esc to cancel · Tab"]);
    let shown = |asked| claude.prompt_rows(&lines, asked).is_some();
    assert!(shown("Bash: rm -rf one two three") && shown("approve Edit: /w/x"));
    assert!(!shown("Bash: rm -rf two"));
}

#[test]
fn a_title_may_need_a_row_that_says_what_is_asked() {
    let rules = "[[title]]\nname = 'asks'\npattern = '^!'\nscreen = '^run (.*)[?]'\n\
                 state = 'waiting'\nreason = 'permission'\n\
                 [[title]]\nname = 'ready'\npattern = '^='\nstate = 'idle'\n\
                 [[screen]]\nname = 'box'\npattern = '^Allow'\nscreen = '^[$] (.*)'\n\
                 state = 'waiting'\nreason = 'permission'\n";
    let mut watcher = with_rules(rules);
    let gauge = |title: &str, busy, bottom: &[&str]| KeeperGauge {
        title: title.to_owned(),
        busy,
        bottom: screen(bottom),
        ..KeeperGauge::default()
    };
    assert_eq!(told(&watcher.gauge(&gauge("! x", false, &["> "]))), [""; 0], "not drawn yet");
    let asked = ["Terminal waiting [permission] title: ls"];
    assert_eq!(told(&watcher.gauge(&gauge("! x", true, &["run ls?", "1. Yes"]))), asked);
    assert_eq!(told(&watcher.gauge(&gauge("= x", true, &[]))), ["Terminal working [] OSC 9;4"]);
    assert_eq!(told(&watcher.gauge(&gauge("= x", false, &[]))), ["Terminal idle [] title: ready"]);
    assert_eq!(told(&watcher.gauge(&gauge("= x", false, &["Allow", "it"]))), [""; 0]);
    let asked = ["Screen waiting [permission] screen: rm x"];
    assert_eq!(told(&watcher.gauge(&gauge("= x", false, &["$ rm x", "Allow"]))), asked);
}

#[test]
fn a_last_word_does_not_take_the_place_of_the_reason() {
    let rules = "[watch]\noutput = 'json-lines'\njudge = 'output'\n\
                 status_pattern = 'API (\\d{3})'\nbudget_pattern = 'billing error'\n\
                 [[output]]\nwhen = { type = 'why' }\nerror = ['/error']\n\
                 [[output]]\nwhen = { type = 'end' }\nerror = ['/error']\nerror_fills = true\n";
    let why = r#"{"type":"why","error":"API 429: slow down"}"#;
    let end = r#"{"type":"end","error":"a billing error"}"#;
    for (lines, reason, error) in [
        (vec![why, end], "overloaded", "API 429: slow down"),
        (vec![end], "budget", "a billing error"),
        (
            vec![r#"{"type":"end","error":"API 500: billing error"}"#],
            "error",
            "API 500: billing error",
        ),
    ] {
        let mut watcher = with_rules(rules);
        for line in lines {
            watcher.output(format!("{line}\r\n").as_bytes());
        }
        let result = watcher.finish(FAILED, &[]);
        assert_eq!((result.stop_reason.as_str(), result.error.as_str()), (reason, error));
    }
}

#[test]
fn what_one_that_prints_json_says_or_does_is_told_in_words() {
    let cases: [(&str, &[(&str, &str)]); 6] = [
        (
            "claude",
            &[
                (r#"{"type":"system","subtype":"init","model":"m"}"#, "started, model m"),
                (
                    r#"{"type":"assistant","message":{"content":[{"type":"text","text":"So.\nI look.\n"}]}}"#,
                    "I look.",
                ),
                (
                    r#"{"type":"assistant","message":{"content":[{"name":"Bash","input":{"command":"ls\n-l"}}]}}"#,
                    "Bash: ls -l",
                ),
                (r#"{"type":"user","message":{"content":[]}}"#, "Bash: ls -l"),
                (
                    r#"{"type":"assistant","message":{"content":[{"name":"Glob","input":{}}]}}"#,
                    "Glob",
                ),
                ("warning: slow", "warning: slow"),
                (r#"{"type":"result","is_error":false,"result":"a\nb"}"#, "b"),
            ],
        ),
        (
            "codex",
            &[
                (r#"{"type":"turn.started"}"#, "turn.started"),
                (r#"{"type":"item.started","item":{"command":"make"}}"#, "$ make"),
                (
                    r#"{"type":"item.completed","item":{"changes":[{"path":"a"},{"path":"b"}]}}"#,
                    "changes a b",
                ),
                (r#"{"type":"item.completed","item":{"type":"agent_message","text":"x\ny"}}"#, "y"),
                (r#"{"type":"error","message":"again"}"#, "again"),
            ],
        ),
        (
            "gemini",
            &[
                (r#"{"type":"message","role":"assistant","content":"I w"}"#, "I w"),
                (r#"{"type":"message","role":"assistant","content":"ill"}"#, "I will"),
                (r#"{"type":"tool_use","tool_name":"t","parameters":{"command":"c"}}"#, "t: c"),
            ],
        ),
        (
            "pi",
            &[(
                r#"{"type":"tool_execution_start","toolName":"read","args":{"path":"p"}}"#,
                "read: p",
            )],
        ),
        (
            "opencode",
            &[(
                r#"{"type":"tool_use","part":{"tool":"bash","state":{"input":{"command":"c"}}}}"#,
                "bash: c",
            )],
        ),
        (
            "qwen",
            &[(
                r#"{"type":"assistant","message":{"content":[{"name":"write_file","input":{"file_path":"f"}}]}}"#,
                "write_file: f",
            )],
        ),
    ];
    for (name, lines) in cases {
        let mut watcher = built_in(name);
        for (line, words) in lines {
            // As far as it is written it is no word yet.
            let before = watcher.words("{").to_owned();
            watcher.output(line.as_bytes());
            assert!(!line.starts_with('{') || watcher.words("{") == before);
            watcher.output(b"\r\n");
            assert_eq!(watcher.words("{"), *words, "{name}: {line}");
        }
        // A question has no end of its line.
        watcher.output(b"Go on? ");
        assert_eq!(watcher.words("Go on?"), "Go on?");
    }
}

/// Rows of real screens.
const NEWER_MODEL: [&str; 6] = [
    "  Meet GPT-6 Sol",
    "  Our latest Sol is more intelligent and more efficient. This model is a great daily",
    "  driver for complex tasks, especially coding.",
    "› 1. Try new model",
    "  2. Use existing model",
    "  enter/esc confirm · ^c quit",
];
const TRUST: [&str; 8] = [
    "  Folder access",
    "  /work",
    "  Trust this folder? Codex can read, edit, and run files here. Folder settings",
    "  can run code automatically.",
    "  decision will be saved.",
    "› 1. Trust and continue",
    "  2. Back to Agent Command Center",
    "  enter continue · esc back",
];

#[test]
fn what_it_asks_before_its_first_screen_is_a_question_with_keys_of_its_own() {
    let codex = Catalog::load(None).get("codex").unwrap().clone();
    for (rows, asked, approve, deny) in [
        (
            &NEWER_MODEL[..],
            "… Meet GPT-6 Sol Our latest Sol is more intelligent and more efficient. This model is a \
             great daily driver for complex tasks, especially coding. Try new model",
            &b"1"[..],
            &b"2"[..],
        ),
        (
            &TRUST[..],
            "Trust this folder? Codex can read, edit, and run files here. Folder settings",
            b"\r",
            b"\x1b",
        ),
    ] {
        let lines = screen(rows);
        let gauge = KeeperGauge { bottom: lines.clone(), ..KeeperGauge::default() };
        let seen = codex.watcher(true).gauge(&gauge);
        assert_eq!(told(&seen), [format!("Screen waiting [permission] screen: {asked}")]);
        let answer = |asked, verdict| codex.prompt_answer(&lines, asked, verdict);
        let (shown, keys) = answer(asked, Resolution::Approve).unwrap();
        assert_eq!((shown.len(), keys), (rows.len(), approve));
        assert_eq!(answer(asked, Resolution::Deny).unwrap().1, deny);
        // What is asked by now is something else.
        assert_eq!(answer("Bash: ls", Resolution::Approve), None);
    }
    let other = KeeperGauge {
        bottom: screen(&["  Take part?", "  enter confirm · esc"]),
        ..KeeperGauge::default()
    };
    let seen = ["Screen waiting [input] screen: asks something"];
    assert_eq!(told(&codex.watcher(true).gauge(&other)), seen);
}

fn titled(title: &str, bottom: &[&str]) -> KeeperGauge {
    KeeperGauge { title: title.to_owned(), bottom: screen(bottom), ..KeeperGauge::default() }
}

const LONG: &str = "true && false || rm -rf important > /dev/null; echo aaaaaaaaaaaaaaaaaaaaaaaaaaa \
    bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb ccccccccccccccccccccccccccc; touch evil";
const GEMINI: [&str; 7] = [
    "│ ? Shell true && false || rm -rf important > /dev/null; echo aaaaaaaaaaaaaaaaaaaaaaaaaaa bb… │",
    "│ ╭─────────────────────────────────────────────────────────────────────────────────────╮ │",
    "│ │ true && false || rm -rf important > /dev/null; echo aaaaaaaaaaaaaaaaaaaaaaaaaaa     │ │",
    "│ │ bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb ccccccccccccccccccccccccccc; touch evil         │ │",
    "│ ╰─────────────────────────────────────────────────────────────────────────────────────╯ │",
    "│ Allow execution of [Shell]?                                                             │",
    "│ ● 1. Allow once                                                                         │",
];
const QWEN: [&str; 6] = [
    "  ? Shell true && false || rm -rf important > /dev/null; echo aaaaaaaaaaaaaaaaaaaaaaaaaaa       ←",
    "    bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb ccccccccccccccccccccccccccc; touch evil",
    "     true && false || rm -rf important > /dev/null; echo aaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "     bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb ccccccccccccccccccccccccccc; touch evi",
    "   Allow execution of: 'true, false, rm, touch'?",
    "   › 1. Yes, allow once",
];

#[test]
fn a_prompt_on_a_screen_is_told_with_all_its_rows() {
    for (name, title, rows, asked) in [
        ("qwen", "✳ Qwen - w", &QWEN[..], format!("title: Shell {LONG}")),
        (
            "qwen",
            "✳ Qwen - w",
            &QWEN[2..],
            format!(
                "title: … {} Allow execution of: 'true, false, rm, touch'?",
                LONG.trim_end_matches('l')
            ),
        ),
        ("gemini", "✋  Action", &GEMINI[..], format!("title: Shell {LONG}")),
        (
            "gemini",
            "✋  Action",
            &GEMINI[3..],
            format!("title: … {} Allow execution of [Shell]?", &LONG[LONG.find("bbb").unwrap()..]),
        ),
    ] {
        let mut watcher = Catalog::load(None).get(name).unwrap().watcher(true);
        let seen = told(&watcher.gauge(&titled(title, rows)));
        assert_eq!(seen, [format!("Terminal waiting [permission] {asked}")], "{name}");
    }
    let mut watcher = Catalog::load(None).get("opencode").unwrap().watcher(true);
    let rows = [
        "  ┃    # Shell command",
        "  ┃  $ true && false || rm -rf important > /dev/null; touch",
        "  ┃  evil",
        "  ┃   Allow once   Allow always   Reject           ctrl+f fullscreen  ⇆ select",
    ];
    let asked = "true && false || rm -rf important > /dev/null; touch evil";
    let seen = told(&watcher.gauge(&titled("", &rows)));
    assert_eq!(seen, [format!("Screen waiting [permission] screen: {asked}")]);
}

#[test]
fn a_hook_tells_the_whole_of_what_a_screen_shows_in_part() {
    let says = |asked: &str| [format!("Terminal waiting [permission] title: {asked}")];
    let hook = |name: &str, command: &str| match name {
        "qwen" => serde_json::json!({"hook_event_name": "PermissionRequest",
            "tool_name": "run_shell_command", "tool_input": {"command": command}}),
        _ => serde_json::json!({"hook_event_name": "Notification",
            "notification_type": "ToolPermission", "details": {"type": "exec", "command": command}}),
    };
    let end = "; touch evil";
    let more = LONG.replace(end, &format!("{}{end}", "; echo more".repeat(60)));
    for (name, title, rows, ready) in [
        ("qwen", "✳ Qwen - w", &QWEN[..], "Qwen - w"),
        ("gemini", "✋  Action", &GEMINI[..], "◇  Ready"),
    ] {
        let asks = titled(title, rows);
        let mut watcher = Catalog::load(None).get(name).unwrap().watcher(true);
        // Told before it is drawn; another waits behind it, an older one was not shown.
        for command in ["cat an/older/one that/nobody/showed to/anybody", &more, "ls -l"] {
            assert_eq!(told(&watcher.hook(&hook(name, command))), [""; 0], "{name}");
        }
        let whole = format!("Shell: {more}");
        assert_eq!(told(&watcher.gauge(&asks)), says(&whole), "{name}");
        assert_eq!(told(&watcher.gauge(&asks)), [""; 0], "{name}");
        // Of the next its rows say all.
        let next = match name {
            "qwen" => vec!["  ? Shell ls -l ←", "   Allow execution of: 'ls'?"],
            _ => vec!["│ ? Shell ls -l │", "│ Allow execution of [Shell]? │"],
        };
        assert_eq!(told(&watcher.gauge(&titled(title, &next))), says("Shell ls -l"), "{name}");
        // Nothing of a turn stands for a prompt of the next.
        watcher.gauge(&titled(ready, &[">   Type your message"]));
        let shown = told(&watcher.gauge(&asks));
        assert_ne!(shown, says(&whole), "{name}");
        // Told late.
        assert_eq!(told(&watcher.hook(&hook(name, &more))), says(&whole), "{name}");
        // Lines are kept apart.
        watcher.gauge(&titled(ready, &[">   Type your message"]));
        watcher.hook(&hook(name, "ls\nrm -rf x"));
        let first = match name {
            "qwen" => vec!["  ? Shell ls ←", "   Allow execution of: 'ls'?"],
            _ => vec!["│ ? Shell ls │", "│ Allow execution of [Shell]? │"],
        };
        assert_eq!(told(&watcher.gauge(&titled(title, &first))), says("Shell: ls ⏎ rm -rf x"));
    }
    let mut opencode = Catalog::load(None).get("opencode").unwrap().watcher(true);
    let text = format!("bash {more}");
    let asked = serde_json::json!({"hook_event_name": "permission_asked", "text": text});
    let seen = ["Hook waiting [permission] permission.asked: ".to_owned() + &text];
    assert_eq!(told(&opencode.hook(&asked)), seen);
}

#[test]
fn what_is_very_long_is_known_on_a_screen_by_its_end() {
    let codex = Catalog::load(None).get("codex").unwrap().clone();
    let long = format!("cat {} end-of-it-all-and-more", "some/file ".repeat(120));
    let end = "  Press enter to confirm or esc to cancel";
    let many = format!("  {}", "some/file ".repeat(10));
    let lines = screen(&[&many, "  some/file some/file end-of-it-all-and-more", end]);
    assert!(codex.prompt_rows(&lines, &format!("Bash: {long}")).is_some());
    // Others may end so, too.
    let short = screen(&["  some/file some/file end-of-it-all-and-more", end]);
    assert_eq!(codex.prompt_rows(&short, &format!("Bash: {long}")), None);
    assert_eq!(codex.prompt_rows(&lines, "Bash: cat end-of-it-all-and-more"), None);
}

#[test]
fn other_rules_count_at_once() {
    let head = "name = 'x'\nsummary = ''\n[program]\nname = 'x'\n[launch]\n";
    let rule = |pattern: &str| {
        let rule = format!(
            "[[screen]]\nname = 'asks'\npattern = '{pattern}'\nstate = 'waiting'\nreason = 'input'\n"
        );
        Adapter::parse("test", &format!("{head}{rule}")).unwrap()
    };
    let mut watcher = Adapter::parse("test", head).unwrap().watcher(true);
    let gauge = KeeperGauge { bottom: screen(&["Go on?"]), ..KeeperGauge::default() };
    assert_eq!(told(&watcher.gauge(&gauge)), [""; 0]);
    let asks = ["Screen waiting [input] screen: asks"];
    assert_eq!(told(&watcher.go_by(&rule("Go on"), &gauge)), asks);
    assert_eq!(told(&watcher.go_by(&rule("^Go on"), &gauge)), [""; 0]);
    let gone = ["Screen working [] no rule of its file fits"];
    assert_eq!(told(&watcher.go_by(&rule("Stay"), &gauge)), gone);
}

#[test]
fn what_it_prints_for_programs_is_no_word_of_its_end() {
    let init = r#"{"type":"system","subtype":"init","session_id":"s","model":"m"}"#;
    let run = r#"{"type":"assistant","message":{"content":[{"name":"Bash","input":{"command":"make"}}]}}"#;
    let stopped = Exit { code: Some(143), signal: None };
    for (lines, error) in
        [(vec![init], "exit 143: started, model m"), (vec![init, run], "exit 143: Bash: make")]
    {
        let mut watcher = built_in("claude");
        watcher.output(format!("{}\r\n", lines.join("\r\n")).as_bytes());
        assert_eq!(watcher.finish(stopped, &screen(&lines)).error, error);
    }
    let cut = &run[..30];
    assert_eq!(built_in("claude").finish(stopped, &screen(&[cut])).error, "exit 143");
}
