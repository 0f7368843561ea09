//! Agents that print strange things, much, or nothing; and the screen beside tmux's.

use crate::{
    tools,
    world::{World, heavy},
};
use std::process::Command;

#[test]
fn one_that_exits_at_once_loses_no_word() {
    let world = World::new();
    let (id, code) = world.create_and_wait(&["--agents", "8", "--", "printf", "last words"]);
    assert_eq!(code, 0);
    for agent in world.agents_of(&id) {
        assert_eq!(world.raw_log(&agent), b"last words");
        assert_eq!(world.ok(&["agent", "screen", &agent]).text().trim(), "last words");
    }
    let (id, code) = world.create_and_wait(&["--agents", "1", "--", "true"]);
    assert_eq!((code, world.raw_log(&world.only_agent(&id))), (0, Vec::new()));
}

/// Every byte value in every neighbourhood that a short period gives, escape sequences cut
/// short among them. The same bytes each time, so that a failure can be looked at.
fn garbage(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut out = Vec::with_capacity(bytes);
    while out.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
        if state.is_multiple_of(64) {
            out.extend_from_slice(b"\x1b]0;\x1b[38;5;\x1bP\x1b[999999999999C\x9d");
        }
    }
    out.truncate(bytes);
    out
}

#[test]
fn heavy_binary_garbage_is_recorded_and_harms_nobody() {
    let _alone = heavy();
    let world = World::new();
    let bytes = garbage(8 << 20);
    world.write("garbage", &bytes);
    let neighbour = world.create(&["--agents", "1", "--", "sh", "-c", "read x; echo fine"]);
    let (id, code) =
        world.create_and_wait(&["--agents", "2", "--", "sh", "-c", "stty raw -echo; cat garbage"]);
    assert_eq!(code, 0);
    for agent in world.agents_of(&id) {
        assert!(world.raw_log(&agent) == bytes, "{agent}: the recording differs");
        // Lists stay printable whatever an agent prints.
        let row = world.agent(&agent);
        let line = row["last_line"].as_str().unwrap();
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    let shown = world.ok(&["agent", "list"]).text();
    assert!(!shown.contains('\x1b') && !shown.contains('\u{7}'), "{shown:?}");
    let agent = world.only_agent(&neighbour);
    world.ok(&["agent", "send", &agent, "x"]);
    world.exits(&["agent", "wait", &agent], 0);
}

#[test]
fn a_line_without_an_end_and_an_endless_title() {
    let world = World::new();
    let (id, code) = world.create_and_wait(&[
        "--agents",
        "1",
        "--",
        "sh",
        "-c",
        "stty -opost; printf '\\033]0;'; head -c 3000000 /dev/zero | tr '\\0' x; printf '\\007end'",
    ]);
    assert_eq!(code, 0);
    let agent = world.only_agent(&id);
    assert_eq!(world.raw_log(&agent).len(), 4 + 3_000_000 + 4);
    let row = world.agent(&agent);
    assert!(row["last_line"].as_str().unwrap().len() < 4096, "{}", row["last_line"]);
}

/// What a program may draw: name and bytes.
fn drawings() -> Vec<(&'static str, Vec<u8>)> {
    let plain: String = (0..200).map(|i| format!("line {i} of plain text\r\n")).collect();
    let coloured: String = (0..120)
        .map(|i| {
            format!("\x1b[{};4{}mword {i}\x1b[0m and \x1b[1mmore\x1b[m\r\n", 30 + i % 8, i % 7)
        })
        .collect();
    let wide = "日本語 ｗｉｄｅ e\u{301}té 🙂 end\r\n".repeat(30);
    let full: String = (0..400)
        .map(|i| format!("\x1b[{};{}H\x1b[3{}m#{i}\x1b[K", i * 7 % 24 + 1, i * 13 % 70 + 1, i % 8))
        .collect();
    let regions = "\x1b[5;15r\x1b[15;1H\n\n\nscrolled\x1b[r\x1b[20;3H\x1b[2Lin\x1b[3Mserted\x1b[4@gap\x1b[2P\
        \x1b[10;10H\x1b[1J\x1b[12;1Htabs\tand\tmore\x1b[5X\x1bM\x1bD\x1bE\x1b7\x1b[1;1Hhome\x1b8back";
    let alternate = "main\r\n\x1b[?1049hthere\x1b[5;5Hmiddle\x1b[?1049lhere again";
    vec![
        ("plain", plain.into()),
        ("coloured", coloured.into()),
        ("wide", wide.into()),
        ("full screen", full.into()),
        ("regions", regions.into()),
        ("alternate", alternate.into()),
        ("wrapped", "0123456789".repeat(50).into()),
        ("overwritten", "a\rb\x08c\r\nxy\x1b[Az\x1b[1;80Hedge!".into()),
    ]
}

fn trimmed(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

#[test]
fn the_screen_is_what_tmux_shows_for_the_same_bytes() {
    if !tools::have("tmux") {
        return;
    }
    let world = World::new();
    std::fs::write(
        world.path().join("config/dash/config.toml"),
        "[core]\nidle_exit_seconds = 5\ncols = 80\nrows = 24\n",
    )
    .unwrap();
    let label = world.path().join("tmux").display().to_string();
    let tmux = |args: &[&str]| {
        let mut command = Command::new("tmux");
        command.args(["-u", "-S", &label, "-f", "/dev/null"]).args(args);
        command.env_clear().envs(world.environment()).current_dir(&world.work);
        world.run(command, b"", crate::wait::LIMIT)
    };
    // A server without a session leaves, and a new session may meet it on its way out.
    let base = tmux(&["new-session", "-d", "-s", "base", "sleep", "600"]);
    assert_eq!(base.code, 0, "{base:?}");
    let mut wrong = Vec::new();
    for (i, (name, bytes)) in drawings().into_iter().enumerate() {
        let file = world.write(&format!("drawing{i}"), bytes);
        let script =
            format!("stty raw -echo; cat {}; touch drawn{i}; exec sleep 600", file.display());
        let session = format!("s{i}");
        let made = tmux(&[
            "new-session",
            "-d",
            "-s",
            &session,
            "-x",
            "80",
            "-y",
            "24",
            "sh",
            "-c",
            &script,
        ]);
        assert_eq!(made.code, 0, "{made:?}");
        crate::wait::eventually("tmux's drawing", || {
            world.work.join(format!("drawn{i}")).exists().then_some(())
        });
        std::fs::remove_file(world.work.join(format!("drawn{i}"))).unwrap();
        let id = world.create(&["--agents", "1", "--", "sh", "-c", &script]);
        let agent = world.only_agent(&id);
        crate::wait::eventually("the agent's drawing", || {
            world.work.join(format!("drawn{i}")).exists().then_some(())
        });
        // Written is not yet parsed, by neither: equal in the end is what counts.
        let both = || {
            let theirs = tmux(&["capture-pane", "-p", "-t", &session]).text();
            let ours = world.ok(&["agent", "screen", &agent]).text();
            (trimmed(&theirs), trimmed(&ours))
        };
        let equal = crate::wait::within(std::time::Duration::from_secs(10), || {
            let (theirs, ours) = both();
            (theirs == ours).then_some(())
        });
        if equal.is_none() {
            let (theirs, ours) = both();
            wrong.push(format!("{name}:\ntmux {theirs:#?}\ndash {ours:#?}"));
        }
        tmux(&["kill-session", "-t", &session]);
    }
    tmux(&["kill-server"]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What it prints is for programs: its last line is what it says in it, also while another attempt
/// is to follow.
#[test]
fn the_last_line_of_one_that_prints_json_is_its_error_in_words() {
    let world = World::new();
    let agents = world.path().join("config/dash/agents");
    std::fs::create_dir_all(&agents).unwrap();
    let text = "name = 'jay'\nsummary = ''\n[program]\nname = 'sh'\n[launch]\n\
                args = ['-c', 'sh ./jay # {task}']\n\
                [watch]\noutput = 'json-lines'\njudge = 'output'\n\
                [[output]]\nwhen = { result = '*' }\nerror = ['/result']\noutcome = 'failed'\n";
    std::fs::write(agents.join("jay.toml"), text).unwrap();
    world.script("jay", "echo '{\"result\": \"no credit left\"}'; exit 1");
    let swarm = world.create(&["--agent", "jay", "--agents", "1", "--retries", "5", "--task", "x"]);
    let agent = world.only_agent(&swarm);
    let row = world.until_state(&agent, &["retrying"]);
    assert_eq!(row["last_line"], "no credit left", "{row:#}");
    world.ok(&["swarm", "stop", &swarm]);
    assert_eq!(world.until_state(&agent, &["failed", "stopped"])["last_line"], "no credit left");
}

/// The same while it works: what its adapter knows of it, and nothing of the JSON.
#[test]
fn the_last_line_of_one_that_prints_json_is_what_it_does() {
    let world = World::new();
    let agents = world.path().join("config/dash/agents");
    std::fs::create_dir_all(&agents).unwrap();
    let text = "name = 'jay'\nsummary = ''\n[program]\nname = 'sh'\n[launch]\n\
                args = ['-c', 'sh ./jay # {task}']\n\
                [watch]\noutput = 'json-lines'\njudge = 'output'\n\
                [[output]]\nwhen = { tool = '*' }\nsays = ['{/tool}: {/file}', '{/tool}']\n\
                [[output]]\nwhen = { result = '*' }\ntext = ['/result']\noutcome = 'done'\n";
    std::fs::write(agents.join("jay.toml"), text).unwrap();
    world.script(
        "jay",
        "echo '{\"tool\": \"read\", \"file\": \"notes\"}'; read x; \
         echo '{\"tool\": \"write\"}'; echo '{\"other\": 1}'; read x; echo '{\"result\": \"fine\"}'",
    );
    let swarm = world.create(&["--agent", "jay", "--agents", "1", "--task", "x"]);
    let agent = world.only_agent(&swarm);
    for words in ["read: notes", "write"] {
        crate::wait::eventually(words, || {
            let said = world.agent(&agent)["last_line"].as_str().unwrap_or_default().to_owned();
            assert!(!said.contains('{'), "{said}");
            (said == words).then_some(())
        });
        world.ok(&["agent", "send", &agent, "go"]);
    }
    world.exits(&["agent", "wait", &agent], 0);
    assert_eq!(world.agent(&agent)["last_line"], "fine");
}
