//! README's picture, drawn by the real program: `cargo test --test views -- --ignored portrait`
//! runs the rehearsal in a terminal, waits until a part of it is done, and writes
//! `assets/screen.svg`.

use crate::picture::svg;
use dash::{
    term::{Color as TermColor, Screen},
    tui::theme::{Appearance, Theme},
};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
};
use std::{
    io::{Read, Write},
    path::Path,
    sync::mpsc::sync_channel,
    time::{Duration, Instant},
};

const SIZE: (u16, u16) = (150, 34);
const LIMIT: Duration = Duration::from_secs(60);

#[test]
#[ignore = "writes assets/screen.svg"]
fn portrait() {
    let home = tempfile::tempdir().unwrap();
    let size = PtySize { rows: SIZE.1, cols: SIZE.0, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_dash"));
    command.arg("demo");
    command.env_clear();
    let home_path = home.path().to_str().unwrap();
    for (name, value) in [
        ("HOME", home_path),
        ("TMPDIR", home_path),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("TERM", "xterm-256color"),
        ("COLORTERM", "truecolor"),
        ("LANG", "C.UTF-8"),
        ("COLORFGBG", "15;0"),
    ] {
        command.env(name, value);
    }
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let mut keys = pair.master.take_writer().unwrap();
    let (sender, output) = sync_channel(256);
    std::thread::spawn(move || {
        let mut piece = [0; 16 << 10];
        while let Ok(n @ 1..) = reader.read(&mut piece) {
            if sender.send(piece[..n].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut screen = Screen::new(SIZE.0, SIZE.1, 0);
    let begun = Instant::now();
    // Worth a picture: some are done, most still work.
    while !(0..SIZE.1).any(|row| {
        let text = screen.row_text(row);
        row == 0 && (5..9).any(|done| text.contains(&format!("✔ {done} ")))
    }) {
        let left = LIMIT.saturating_sub(begun.elapsed());
        screen.process(&output.recv_timeout(left).unwrap());
    }
    // Out, and yes: its agents stop.
    keys.write_all(b"qy").unwrap();
    let drained = output.into_iter().count();
    child.wait().unwrap();
    assert!(drained > 0, "it said nothing on leaving");

    let theme = Theme::built_in(Appearance::Dark);
    let to = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/screen.svg");
    std::fs::write(to, svg(&buffer(&screen), &theme)).unwrap();
}

fn buffer(screen: &Screen) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
    for row in 0..SIZE.1 {
        for column in 0..SIZE.0 {
            let cell = screen.cell(row, column);
            let mut style = Style::new().fg(color(cell.fg)).bg(color(cell.bg));
            for (set, modifier) in [
                (cell.bold, Modifier::BOLD),
                (cell.dim, Modifier::DIM),
                (cell.italic, Modifier::ITALIC),
                (cell.underline, Modifier::UNDERLINED),
                (cell.inverse, Modifier::REVERSED),
            ] {
                if set {
                    style = style.add_modifier(modifier);
                }
            }
            let shown = if cell.text.is_empty() { " " } else { cell.text };
            buffer[(column, row)].set_symbol(shown).set_style(style);
        }
    }
    buffer
}

fn color(color: TermColor) -> Color {
    match color {
        TermColor::Default => Color::Reset,
        TermColor::Indexed(n) => Color::Indexed(n),
        TermColor::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}
