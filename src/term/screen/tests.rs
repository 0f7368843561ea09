use super::*;
use proptest::prelude::*;

fn screen(bytes: &str) -> Screen {
    let mut screen = Screen::new(20, 6, 10);
    screen.process(bytes.as_bytes());
    screen
}

#[test]
fn what_the_emulator_lacks_is_filled_in() {
    for (bytes, row, text) in [
        ("\x1b(0lqk\x1b(Bx", 0, "┌─┐x"),
        ("\x1b)0a\x0eq\x0fb", 0, "a─b"),
        ("\x0e\x1bc\x1b)0a\x0eq\x0fb", 0, "a─b"),
        ("\x0e\x1b[!p\x1b)0a\x0eq\x0fb", 0, "a─b"),
        ("a\x1bDb", 1, " b"),
        ("a\x1bEb", 1, "b"),
        ("a\x1b[sbc\x1b[uX", 0, "aXc"),
        ("ab\t\t\x1b[ZX", 0, "ab      X"),
        ("abc\x1b[2ZX", 0, "Xbc"),
        ("a\x1b[2IX", 0, "a               X"),
        ("a\x1b[3ab", 0, "a   b"),
        ("a\x1b[4b", 0, "aaaaa"),
        ("\x1b[?7l12345678901234567890123\x1b[?7h", 0, "12345678901234567893"),
        ("one\x1b[?1047htwo\x1b[?1047l", 0, "one"),
        ("one\x1b]52;c;never ends", 0, "one"),
    ] {
        assert_eq!(screen(bytes).row_text(row), text, "{bytes:?}");
    }
    let colons = screen("\x1b[38:2::1:2:3;4:3mx\x1b[58;2;2;3;4my");
    assert_eq!(colons.cell(0, 0).fg, Color::Rgb(1, 2, 3));
    assert!(colons.cell(0, 0).underline && !colons.cell(0, 1).dim && !colons.cell(0, 1).italic);
}

#[test]
fn a_dump_has_text_and_colours() {
    let dump = screen("\x1b]0;hi\x07a \x1b[31mred\x1b[0m b  \r\n\x1b[44m  \x1b[0m\x1b[?25l").dump();
    assert_eq!(dump.lines[..2], ["a red b", ""]);
    assert_eq!(dump.ansi[0], "a \x1b[0;31mred\x1b[0m b");
    assert_eq!(dump.ansi[1], "\x1b[0;44m  \x1b[0m");
    assert_eq!((dump.cursor_row, dump.cursor_col, dump.cursor_visible), (1, 2, false));
    assert_eq!(dump.title, "hi");
}

#[test]
fn the_bottom_and_the_last_line() {
    let screen = screen("one\r\n\r\ntwo\r\nthree\r\n\r\n");
    assert_eq!(screen.bottom(2), ["two", "three"]);
    assert_eq!(screen.last_line(4), "thr…");
}

#[test]
fn a_size_of_zero_is_one() {
    let mut screen = Screen::new(0, 0, 0);
    assert_eq!(screen.size(), (1, 1));
    screen.process("日x\u{fe0f}☺\u{fe0f}".as_bytes());
    screen.resize(5, 0);
    assert_eq!(screen.size(), (5, 1));
}

#[test]
fn a_restored_terminal_goes_on_the_same() {
    let long = "x".repeat(20);
    for bytes in [
        "plain\r\ntext".to_owned(),
        long.clone(),
        format!("{long}y\r\n\x1b[6;1H{long}"),
        "main\x1b[2;3H\x1b[31m\x1b[?1049h\x1b[Hother\x1b[44m".to_owned(),
        "\x1b[2;4rregion\x1b[3;2H\x1b[?6h\x1b[2;5H".to_owned(),
        "\x1b[2;4r\x1b[4;1H\x1b[?25l\x1b[?1h\x1b=\x1b[?2004h\x1b[?1002h\x1b[?1006h".to_owned(),
        "a\x1b[32m\x1b[4;5H\x1b7\x1b[0m\x1b[H\x1b(0".to_owned(),
        "\x1b[?7l\x1b]0;title\x07\x1b[7mwide 日本\x1b[0m e\u{301}".to_owned(),
    ] {
        let mut before = screen(&bytes);
        let mut after = screen("");
        after.process(&before.restore_bytes());
        assert_eq!(after.dump(), before.dump(), "{bytes:?}");
        for tail in ["A\r\nB\n\n\n\n\nC", "\x1b8D", "q\x1b[?1049lE", "\r\n\r\n\r\n\r\n\r\nF"] {
            before.process(tail.as_bytes());
            after.process(tail.as_bytes());
            assert_eq!(after.dump(), before.dump(), "{bytes:?} then {tail:?}");
        }
        assert_eq!(after.core.modes.input_bytes(), before.core.modes.input_bytes(), "{bytes:?}");
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let last: Vec<char> = "@ABCDEFGHJKLMPSTXZI`abdefghlmrsutc".chars().collect();
    let piece = prop_oneof![
        any::<u8>().prop_map(|b| vec![b]),
        (prop::sample::select(last), prop::collection::vec(0u32..70_000, 0..4), any::<bool>())
            .prop_map(|(last, list, private)| {
                let list: Vec<String> = list.iter().map(|n| (n % 99).to_string()).collect();
                let mark = if private { "?" } else { "" };
                format!("\x1b[{mark}{}{last}", list.join(";")).into_bytes()
            }),
        prop::sample::select(vec![
            "日本",
            "e\u{301}",
            "☺\u{fe0f}",
            "\x1b[?1049h",
            "\x1b[?1049l",
            "\x1b[?47h",
            "\x1bc",
            "\x1b7",
            "\x1b8",
            "\x1bM",
            "\n",
            "\r",
            "\t",
            "\x08",
            "\x1b[65535b",
            "\x1b(0",
            "\x0e",
            "\x1b[?7l",
            "\x1b[?6h",
            "xxxxxxxxxx",
            "\x1b[65535;65535H",
            "\x1b[2;3r",
        ])
        .prop_map(|s| s.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|p| p.concat())
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_or_lose_its_size(
        steps in prop::collection::vec((bytes(), 0u16..12, 0u16..8), 1..8),
    ) {
        let mut screen = Screen::new(8, 4, 5);
        for (bytes, cols, rows) in steps {
            screen.process(&bytes);
            screen.resize(cols, rows);
            screen.set_scrollback(3);
            screen.dump();
            screen.restore_bytes();
            prop_assert_eq!(screen.size(), (cols.max(1), rows.max(1)));
        }
    }

    #[test]
    fn chunk_borders_change_nothing(bytes in bytes(), cut in 1usize..7) {
        let mut whole = Screen::new(8, 4, 5);
        whole.process(&bytes);
        let mut parts = Screen::new(8, 4, 5);
        bytes.chunks(cut).for_each(|chunk| parts.process(chunk));
        // A fault of the emulator costs what was given to it in one go.
        prop_assert!(parts.same(&whole, true) || whole.faults() + parts.faults() > 0);
    }
}
