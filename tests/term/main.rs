//! The screen against tmux's for the same bytes, cell by cell with attributes.
//!
//! tmux runs as a private server with an own socket. Without tmux the test says that it
//! skips, and fails on that where `CI` is set.

#![allow(clippy::unwrap_used)]

use dash::term::{Cell, Color, Screen};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const COLS: u16 = 80;
const ROWS: u16 = 24;

/// What differs from tmux and is meant to, or is known: the case's name, and why.
const KNOWN: &[(&str, &str)] = &[
    ("wide overwritten", "tmux keeps the first half of a wide character written over"),
    ("erase with a colour", "capture-pane leaves out cells that were only erased"),
    ("forward tabs", "tmux 3.3a ignores CHT"),
];

fn cases() -> Vec<(&'static str, Vec<u8>)> {
    let mut cases: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let mut add = |name, bytes: String| cases.push((name, bytes.into_bytes()));
    add("text", "one\r\ntwo\tthree\r\n\r\n  four".into());
    add("wrap at the right edge", format!("{}\r\n{}y\r\nz", "x".repeat(80), "w".repeat(80)));
    add(
        "pending wrap then move",
        format!("{}\x1b[1;10HA{}\x1b[DB", "x".repeat(80), "y".repeat(71)),
    );
    add("wide at the edge", format!("{}日本語\r\n日本", "a".repeat(79)));
    add("wide overwritten", "日本語\x1b[1;2HX\x1b[1;5HY".into());
    add("combining", "e\u{301}a\u{308}o\r\nx".into());
    add("scrolling", (0..60).map(|n| format!("line {n}\r\n")).collect());
    add(
        "region",
        format!(
            "{}\x1b[5;10r\x1b[10;1H\n\n\nin\x1b[5;1H\x1bM\x1bMup\x1b[r\x1b[24;1Hend\n",
            (1..=24).map(|n| format!("\x1b[{n};1Hrow {n}")).collect::<String>()
        ),
    );
    add("origin", "\x1b[5;10r\x1b[?6h\x1b[1;1Htop\x1b[99;1Hbottom\x1b[?6l\x1b[1;1Habs".into());
    add(
        "insert and delete lines",
        format!(
            "{}\x1b[5;1H\x1b[2L\x1b[10;1H\x1b[3M\x1b[20;1H\x1b[99L",
            (1..=24).map(|n| format!("\x1b[{n};1Hrow {n}")).collect::<String>()
        ),
    );
    add(
        "insert and delete characters",
        "abcdefgh\x1b[1;3H\x1b[2@\x1b[1;8H\x1b[2P\x1b[1;1H\x1b[X".into(),
    );
    add(
        "erase",
        format!(
            "{}\x1b[3;5H\x1b[K\x1b[4;5H\x1b[1K\x1b[5;5H\x1b[2K\x1b[20;5H\x1b[J\x1b[2;5H\x1b[1J",
            (1..=24).map(|n| format!("\x1b[{n};1Hrow row row {n}")).collect::<String>()
        ),
    );
    add("erase with a colour", "\x1b[44mab\x1b[K\r\n\x1b[0mx\x1b[42m\x1b[2;5H\x1b[3X".into());
    add("tabs", "a\tb\tc\x1b[2Zd\r\n\t\t\t\t\t\t\t\t\t\t\t\tend".into());
    add("forward tabs", "\x1b[3Ie".into());
    add("alternate and back", "main\x1b[?1049h\x1b[Hother\x1b[2;2Hx\x1b[?1049l more".into());
    add("alternate", "main\r\n\x1b[?1049h\x1b[3;3Hother".into());
    add(
        "line drawing",
        "\x1b(0lqqk\x1b(B\r\n\x1b(0x\x1b(B  \x1b(0x\x1b(B\r\n\x1b(0mqqj~`a\x1b(B".into(),
    );
    add("shift out", "\x1b)0a\x0elqk\x0fb".into());
    add("attributes", "\x1b[1mbold\x1b[22m \x1b[2mdim\x1b[0m \x1b[3mit\x1b[23m \x1b[4mul\x1b[24m \x1b[7minv\x1b[27m.".into());
    add(
        "colours",
        "\x1b[31mr\x1b[92mg\x1b[38;5;200mp\x1b[48;2;1;2;3mq\x1b[39;49m.\x1b[38:2::9:8:7mz\x1b[0m"
            .into(),
    );
    add("coloured underline", "\x1b[4:3;58;2;9;9;9mcurly\x1b[59;24m no".into());
    add("save and restore", "\x1b[3;3H\x1b[31m\x1b7\x1b[H\x1b[0mhome\x1b8red".into());
    add("save and restore by CSI", "\x1b[3;3H\x1b[s\x1b[Hhome\x1b[uback".into());
    add("index and next line", "a\x1bDb\x1bEc\x1bMd".into());
    add(
        "moves",
        "\x1b[10;10Hx\x1b[2Aa\x1b[3Bb\x1b[4Cc\x1b[9Dd\x1b[Ee\x1b[2Ff\x1b[5Gg\x1b[7dh\x1b[3`i"
            .into(),
    );
    add(
        "moves at the edges",
        "\x1b[99;99Hx\x1b[99Aa\x1b[99Db\x1b[99Bc\x08\x08d\x1b[99C\x1b[De".into(),
    );
    add("repeat", "ab\x1b[5bc".into());
    add(
        "scroll up and down",
        format!(
            "{}\x1b[2S\x1b[5;9r\x1b[T\x1b[r",
            (1..=24).map(|n| format!("\x1b[{n};1Hrow {n}")).collect::<String>()
        ),
    );
    add("no wrap", format!("\x1b[?7l{}END\x1b[?7h", "x".repeat(90)));
    add(
        "strings are nothing",
        "a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c\x1bPq#0\x1b\\d\x1b_x\x1b\\e\x1b^y\x1b\\f".into(),
    );
    add("controls inside a sequence", "abc\x1b[1\r;2HX\x1b[\x18Y".into());
    add("reset", "\x1b[31mred\x1b[2;5r\x1bcafter".into());
    cases
}

/// One cell as both sides show it: text, then the pen.
#[derive(Clone, Debug, PartialEq)]
struct Shown(String, [bool; 5], Color, Color);

fn shown(cell: Cell<'_>) -> Shown {
    let text = if cell.text.is_empty() && !cell.continuation { " " } else { cell.text };
    let flags = [cell.bold, cell.dim, cell.italic, cell.underline, cell.inverse];
    Shown(text.to_owned(), flags, cell.fg, cell.bg)
}

fn row(screen: &Screen, row: u16) -> Vec<Shown> {
    (0..COLS).map(|col| shown(screen.cell(row, col))).collect()
}

struct Tmux<'a> {
    socket: &'a Path,
}

impl Tmux<'_> {
    fn run(&self, args: &[&str]) -> Output {
        let output = Command::new("tmux")
            .arg("-S")
            .arg(self.socket)
            .args(["-u", "-f", "/dev/null"])
            .args(args)
            .env_remove("TMUX")
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "tmux {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    fn text(&self, args: &[&str]) -> String {
        String::from_utf8(self.run(args).stdout).unwrap()
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        let _ = Command::new("tmux").arg("-S").arg(self.socket).arg("kill-server").output();
    }
}

#[test]
fn the_screen_is_what_tmux_shows() {
    if Command::new("tmux").arg("-V").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "tmux is missing");
        println!("skipped: tmux is missing");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let tmux = Tmux { socket: &socket };
    let (cols, rows) = (COLS.to_string(), ROWS.to_string());
    tmux.run(&[
        "new-session",
        "-d",
        "-x",
        &cols,
        "-y",
        &rows,
        "cat",
        ";",
        "set",
        "-g",
        "remain-on-exit",
        "on",
        ";",
        "set",
        "-g",
        "remain-on-exit-format",
        "",
        ";",
        "set",
        "-g",
        "status",
        "off",
        ";",
        "resize-window",
        "-x",
        &cols,
        "-y",
        &rows,
    ]);
    let mut failures = Vec::new();
    for (n, (name, bytes)) in cases().into_iter().enumerate() {
        let file = dir.path().join(format!("{n}"));
        fs::write(&file, &bytes).unwrap();
        // The pane is dead once tmux has read the last byte.
        let script = format!("stty -opost; cat {}; exec true", file.display());
        let id = tmux.text(&["new-window", "-dP", "-F", "#{pane_id}", "sh", "-c", &script]);
        let id = id.trim();
        let dead = |_: &u32| tmux.text(&["display", "-p", "-t", id, "#{pane_dead}"]).trim() == "1";
        assert!((0..5000).any(|n| dead(&n)), "{name}: the pane goes on");
        let size = tmux.text(&["display", "-p", "-t", id, "#{pane_width}x#{pane_height}"]);
        assert_eq!(size.trim(), format!("{COLS}x{ROWS}"));
        let captured = tmux.text(&["capture-pane", "-p", "-e", "-N", "-t", id]);
        let place = tmux.text(&["display", "-p", "-t", id, "#{cursor_y},#{cursor_x}"]);
        tmux.run(&["kill-window", "-t", id]);

        let mut ours = Screen::new(COLS, ROWS, 0);
        ours.process(&bytes);
        // tmux's picture, which has only text and SGR, is read by drawing it.
        let mut theirs = Screen::new(COLS, ROWS, 0);
        theirs.process(b"\x1b[?7l\x1b)0");
        for (at, line) in captured.lines().enumerate() {
            theirs.process(format!("\x1b[{};1H{line}", at + 1).as_bytes());
        }
        let mut differs = String::new();
        for at in 0..ROWS {
            let (a, b) = (row(&ours, at), row(&theirs, at));
            if let Some(col) = (0..a.len()).find(|&col| a[col] != b[col]) {
                differs += &format!(
                    "\n  row {at} col {col}: ours {:?}, tmux {:?}\n    ours {:?}\n    tmux {:?}",
                    a[col],
                    b[col],
                    ours.row_text(at),
                    theirs.row_text(at)
                );
                break;
            }
        }
        let cursor = format!("{},{}", ours.cursor().0, ours.cursor().1);
        // tmux counts one further while a wrap is pending.
        let theirs = place.trim().replace(&format!(",{COLS}"), &format!(",{}", COLS - 1));
        if cursor != theirs {
            differs += &format!("\n  cursor: ours {cursor}, tmux {theirs}");
        }
        let known = KNOWN.iter().find(|(known, _)| *known == name);
        match (differs.is_empty(), known) {
            (false, None) => failures.push(format!("{name}: {differs}")),
            (true, Some((_, why))) => failures.push(format!("{name}: no longer differs ({why})")),
            (true, None) | (false, Some(_)) => {}
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
