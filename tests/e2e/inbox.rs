//! The inbox on the screen: an agent's own prompt is seen, read and answered there.

use crate::{tui::Tui, wait::open_pipe, world::World};
use std::{fs, io::Write};

/// Waits until the file `go` is there, shows a permission prompt as OSC 7501 tells it, takes
/// one key, and says which.
const PROMPTS: &str = r#"
stty raw -echo
mkfifo go
read -r go < go
printf '\033]7501;state=blocked:kind=permission:msg=%s\007' "$(printf 'approve Bash: make all' | base64)"
key=$(dd bs=1 count=1 2>/dev/null)
printf '\033]7501;state=working\007got <%s>\r\n' "$key"
sleep 604"#;

const ADAPTER: &str = r#"
name = "asker"
summary = "asks"
[program]
name = "sh"
[launch]
args = ["{task}"]
[prompt]
approve = ["y"]
deny = ["Escape"]
"#;

#[test]
fn a_question_rings_and_one_key_answers_it() {
    let world = World::new();
    let adapters = world.path().join("config/dash/agents");
    fs::create_dir_all(&adapters).unwrap();
    fs::write(adapters.join("asker.toml"), ADAPTER).unwrap();
    let script = world.script("prompts", PROMPTS);
    let swarm = world.create(&["--agent", "asker", "--agents", "1", "--task", &script]);
    let agent = world.only_agent(&swarm);
    world.until_state(&agent, &["working", "idle"]);
    let tui = Tui::start(&world, &[], 140, 30);
    tui.wait_for_text(&agent);
    let rung = || tui.raw().contains(&0x07);
    assert!(!rung(), "nothing has rung yet");
    writeln!(open_pipe(&world.work.join("go")), "go").unwrap();
    tui.wait_for_text(&format!("{agent} asks: approve Bash: make all"));
    assert!(rung());
    tui.send("i");
    let shown = tui.wait_for_text("asks for permission");
    assert!(shown.contains("inbox 1") && shown.contains("the agent's own prompt"), "{shown}");
    tui.send("a");
    tui.wait_for_text("Nothing waits for an answer.");
    world.until_shown(&agent, "got <y>");
    // Out of the inbox, then out of the screen.
    tui.send("i");
    tui.wait_for_text("STATE");
    tui.send("q");
    assert_eq!(tui.wait_exit(), 0);
    tui.assert_restored();
}

/// Shows what would be a notification of the terminal, if it reached it; then asks as above.
const SHOUTS: &str = r#"
stty raw -echo
mkfifo go on
read -r go < go
printf '\033]9;mine\007\033]777;notify;mine;mine\007\007shouted\r\n'
read -r go < on
printf '\033]7501;state=blocked:kind=permission:msg=%s\007' "$(printf 'approve Bash: make; all' | base64)"
sleep 604"#;

#[test]
fn a_question_is_a_notification_and_nothing_of_an_agents_is() {
    let world = World::new();
    world.configure("[ui]\nnotify = \"osc777\"\n");
    let adapters = world.path().join("config/dash/agents");
    fs::create_dir_all(&adapters).unwrap();
    fs::write(adapters.join("asker.toml"), ADAPTER).unwrap();
    let script = world.script("shouts", SHOUTS);
    let swarm = world.create(&["--agent", "asker", "--agents", "1", "--task", &script]);
    let agent = world.only_agent(&swarm);
    world.until_state(&agent, &["working", "idle"]);
    let tui = Tui::start(&world, &[], 140, 30);
    tui.wait_for_text(&agent);
    // In its terminal, where its bytes are drawn.
    tui.send("\r");
    writeln!(open_pipe(&world.work.join("go")), "go").unwrap();
    tui.wait_for_text("shouted");
    writeln!(open_pipe(&world.work.join("on")), "go").unwrap();
    let told = format!("\x1b]777;notify;Dash;{agent} asks: approve Bash: make, all\x1b\\");
    let has = |bytes: &str| tui.raw().windows(bytes.len()).any(|window| window == bytes.as_bytes());
    tui.wait_for("the notification", |_| has(&told));
    assert!(!has("]9;mine") && !has(";mine") && !has("\x07"), "an agent's own came through");
    tui.send("\x02dq");
    assert_eq!(tui.wait_exit(), 0);
    tui.assert_restored();
}

/// Asks on its own socket, from inside its scope, and prints what it is told.
const ASKS: &str = r#"
curl -sS --unix-socket "$DASH_SOCKET" -H "Authorization: Bearer $DASH_TOKEN" \
  -H 'Content-Type: application/json' \
  -d '{"kind":"command","key":"1","argv":["git","push"],"why":"all is done"}' \
  'http://dash/v1/approvals?wait=60' | grep -o '"state":"[a-z]*"'"#;

#[test]
fn an_agent_asks_from_inside_its_scope() {
    if !crate::tools::have("curl") {
        return;
    }
    let world = World::new();
    let swarm = world.create(&["--agents", "1", "--", "sh", "-c", ASKS]);
    let agent = world.only_agent(&swarm);
    let inbox = world.ok(&["inbox", "--wait", "--json"]).json();
    assert_eq!((&inbox[0]["agent"], &inbox[0]["state"]), (&agent.as_str().into(), &"open".into()));
    assert_eq!(world.until_state(&agent, &["waiting"])["reason"], "approval");
    world.ok(&["approve", "ap-1"]);
    assert_eq!(world.dash(&["swarm", "wait", &swarm]).code, 0);
    let log = String::from_utf8_lossy(&world.raw_log(&agent)).into_owned();
    assert!(log.contains("\"state\":\"approved\""), "{log}");
}
