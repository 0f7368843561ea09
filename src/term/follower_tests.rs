use super::*;
use proptest::prelude::*;
use std::io::Write as _;

const NOW: Duration = Duration::ZERO;

/// The stream at once in the file, so that everything is behind at first.
fn flooded(stream: &[u8], sizes: &[(usize, u16, u16)]) -> Follower {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(stream).unwrap();
    let mut follower = Follower::new(40, 10, 0);
    let mut at = 0;
    for &(offset, cols, rows) in sizes {
        let offset = offset.min(stream.len()).max(at);
        follower.wrote(at as u64, &stream[at..offset]);
        follower.resize(cols, rows);
        at = offset;
    }
    follower.wrote(at as u64, &stream[at..]);
    while follower.catch_up(&file, NOW).unwrap() == CaughtUp::More {}
    assert_eq!(follower.behind(), 0);
    follower
}

fn plain(stream: &[u8], sizes: &[(usize, u16, u16)]) -> Screen {
    let mut screen = Screen::new(40, 10, 0);
    let mut at = 0;
    for &(offset, cols, rows) in sizes {
        let offset = offset.min(stream.len()).max(at);
        screen.process(&stream[at..offset]);
        screen.resize(cols, rows);
        at = offset;
    }
    screen.process(&stream[at..]);
    screen
}

fn check(stream: &[u8], sizes: &[(usize, u16, u16)]) -> u64 {
    let mut follower = flooded(stream, sizes);
    let mut screen = plain(stream, sizes);
    assert_eq!(follower.screen().dump(), screen.dump());
    // What is hidden shows in what comes next: saved cursor, regions, the main screen.
    for tail in [
        "\x1b8saved",
        "\x1b[?6hregion\r\n\n\n\n\n\n\n\n\n\n\n",
        "\x1b[2bpen",
        "\x1b[?1049lmain\x1b8x",
        "\n\n\n\n\n\n\n\n\n\n\n\x1b[?1049hother",
    ] {
        follower.screen_mut().process(tail.as_bytes());
        screen.process(tail.as_bytes());
        assert_eq!(follower.screen().dump(), screen.dump(), "after {tail:?}");
    }
    follower.skipped()
}

/// A little random source, the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn lines(dice: &mut Dice, colored: bool, out: &mut Vec<u8>) {
    for _ in 0..1 + dice.roll(30) {
        if colored {
            let (a, b) = (30 + dice.roll(8), dice.roll(256));
            let _ = write!(out, "\x1b[{a};1mname\x1b[0m \x1b[38;5;{b}m");
        }
        let n = dice.roll(90) as usize;
        let _ = write!(out, "{}{}\r\n", dice.roll(1 << 40), "ab cd ".repeat(n / 6));
    }
}

fn frame(dice: &mut Dice, out: &mut Vec<u8>) {
    for row in 1..=10 {
        let _ = write!(out, "\x1b[{row};1H\x1b[{}m{:<40}", 31 + dice.roll(7), dice.roll(1 << 50));
    }
    let _ = write!(out, "\x1b[{};{}H\x1b[0m", 1 + dice.roll(10), 1 + dice.roll(40));
}

fn odd(dice: &mut Dice, out: &mut Vec<u8>) {
    let pieces: &[&str] = &[
        "\x1b7",
        "\x1b8",
        "\x1b[?1049h",
        "\x1b[?1049l",
        "\x1bc",
        "\x1b[2;7r",
        "\x1b[r",
        "\x1b(0lqk\x1b(B",
        "\x0ex\x0f",
        "\x1b)0",
        "\x1b[?25l",
        "\x1b[?25h",
        "\x1b[?2004h",
        "\x1b[?6h",
        "\x1b[?6l",
        "\x1b[L",
        "\x1b[3M",
        "\x1b[4P",
        "\x1b[5@",
        "\x1b[2J",
        "\x1b[K",
        "\x1b[1J",
        "日本語",
        "e\u{301}",
        "👩‍👩‍👧",
        "\u{fe0f}",
        "\x1b]0;title\x07",
        "\x1b[?7l",
        "\x1b[?7h",
        "\x1b[38:2::1:2:3mX",
        "\x1b[4:3mY",
        "\x1b[99",
        "\x1b]52;c;",
        "\x1bP",
        "\x18",
        "\t",
        "\x08",
        "\x1bM",
        "\x1bD",
        "\x1b[2S",
        "\x1b[3T",
        "\x1b[7b",
        "\x1b[?1000h",
        "\x1b[3Z",
        "\x1b[0m",
        "\x1b[?47h",
        "\x1b[?47l",
        "\x1b[!p",
        "\x1b[s",
        "\x1b[u",
    ];
    for _ in 0..1 + dice.roll(12) {
        out.extend_from_slice(pieces[dice.roll(pieces.len() as u64) as usize].as_bytes());
        if dice.roll(3) == 0 {
            let _ = write!(out, "\x1b[{};{}H", dice.roll(12), dice.roll(50));
        }
        if dice.roll(8) == 0 {
            out.extend((0..dice.roll(9)).map(|_| 0u8).map(|_| 0));
            out.push(dice.roll(256) as u8);
        }
    }
}

/// Changes here and there of a screen that mostly stays, from wherever the cursor is.
fn still(dice: &mut Dice, out: &mut Vec<u8>) {
    let pieces: &[&str] = &[
        "\x1b7",
        "\x1b8",
        "\x1b[s",
        "\x1b[u",
        "\x1b[K",
        "\x1b[1K",
        "\x1b[3X",
        "\x1b[2@",
        "\x1b[2P",
        "\x1b[4b",
        "\t",
        "\x08",
        "\r",
        "日本",
        "é",
        "▌",
        "\x1b(0lqk\x1b(B",
        "\x1b[33m",
        "\x1b[0m",
        "\x1b[?25l",
        "\x1b[6n",
        "\x1b[2A",
        "\x1b[B",
        "\x1b[3C",
        "\x1b[5D",
        "\x1b[E",
        "\x1b[F",
        "\x1b[12G",
        "\x1b[4d",
        "\x1b]0;t\x07",
        "\x1b[?7l",
        "\x1b[?7h",
    ];
    let _ = write!(out, "\x1b[{};{}H", 1 + dice.roll(4), 1 + dice.roll(42));
    for _ in 0..1 + dice.roll(5) {
        out.extend_from_slice(pieces[dice.roll(pieces.len() as u64) as usize].as_bytes());
        let _ = write!(out, "{}", dice.roll(1000));
    }
}

/// `mix` says how likely each kind is.
fn stream(seed: u64, len: usize, mix: [u64; 5]) -> Vec<u8> {
    let mut dice = Dice(seed | 1);
    let mut out = Vec::with_capacity(len + 4096);
    while out.len() < len {
        let mut roll = dice.roll(mix.iter().sum());
        let mut kind = 0;
        while roll >= mix[kind] {
            roll -= mix[kind];
            kind += 1;
        }
        match kind {
            0 => lines(&mut dice, false, &mut out),
            1 => lines(&mut dice, true, &mut out),
            2 => frame(&mut dice, &mut out),
            3 => odd(&mut dice, &mut out),
            _ => still(&mut dice, &mut out),
        }
    }
    out
}

#[test]
fn lines_and_frames_are_skipped_and_exact() {
    for (name, mix) in
        [("plain", [1, 0, 0, 0, 0]), ("coloured", [0, 1, 0, 0, 0]), ("frames", [0, 0, 1, 0, 0])]
    {
        let stream = stream(7, 1_500_000, mix);
        let skipped = check(&stream, &[]);
        assert!(skipped > 1_200_000, "{name}: only {skipped} bytes skipped");
    }
}

#[test]
fn a_cursor_saved_where_another_was_restored_is_not_known() {
    let mut bytes = b"\x1b[3;5H\x1b7".to_vec();
    bytes.extend(stream(15, 400_000, [40, 40, 0, 0, 0]));
    bytes.extend_from_slice(b"\x1b8\x1b7\x1b[10;40H");
    check(&bytes, &[]);
}

#[test]
fn what_nothing_touched_is_taken_over() {
    for flood in [
        // One line of it changes.
        "\x1b[5;1H{n}",
        "\x1b[5;10H{n} ███▌\x1b[K",
        "\x1b[31m\r\x1b[2K\x1b[1A\x1b[2K{n}\r\n{n}",
        "\x1b7\x1b[2;38H{n}\x1b8",
        "\x1b[9;35H日本語{n}\x1b[7;3H",
        "\x1b[3;7H\x1b[4X{n}\x1b[3;1H\x1b[2C-\x1b[5b",
        "\x1b[8;1H\x1b[J{n}\tx\x08y",
    ] {
        let mut stream = "kept 日本 too\r\n\x1b[44m   \x1b[0m 語語\r\n\r\n\r\nlast".to_owned();
        for n in 0..60_000 {
            stream += &flood.replace("{n}", &n.to_string());
        }
        let skipped = check(stream.as_bytes(), &[]);
        assert!(skipped > 250_000, "{flood:?}: only {skipped} bytes skipped");
    }
}

#[test]
fn a_screen_that_keeps_old_cells_is_drawn_whole() {
    // The first line is never touched again, but lines are moved: no suffix can know it.
    let mut stream = b"kept\r\n".to_vec();
    for n in 0..60_000 {
        let _ = write!(stream, "\x1b[5;1H\x1b[M{n}");
    }
    assert_eq!(check(&stream, &[]), 0);
}

#[test]
fn barriers_do_not_stop_the_skipping() {
    let mut bytes = stream(3, 500_000, [0, 1, 0, 0, 0]);
    bytes.extend_from_slice(b"\x1b[3;5H\x1b[31m\x1b[?1049h");
    bytes.extend(stream(4, 600_000, [0, 0, 1, 0, 0]));
    bytes.extend_from_slice(b"\x1b7");
    bytes.extend(stream(5, 500_000, [0, 0, 1, 0, 0]));
    let skipped = check(&bytes, &[(300_000, 33, 8), (1_300_000, 50, 12)]);
    assert!(skipped > 700_000, "only {skipped} bytes skipped");
    let mut reset = stream(6, 400_000, [0, 0, 0, 1, 0]);
    reset.extend_from_slice(b"\x1bcafter");
    assert!(check(&reset, &[(100, 33, 8)]) > 300_000);
}

#[test]
fn it_follows_while_the_file_grows() {
    let bytes = stream(11, 900_000, [2, 5, 2, 0, 0]);
    let mut file = tempfile::tempfile().unwrap();
    let mut follower = Follower::new(40, 10, 0);
    for (n, chunk) in bytes.chunks(3000).enumerate() {
        file.write_all(chunk).unwrap();
        follower.wrote((n * 3000) as u64, chunk);
        if n % 5 == 0 {
            follower.catch_up(&file, NOW).unwrap();
        }
    }
    while follower.catch_up(&file, NOW).unwrap() == CaughtUp::More {}
    assert_eq!(follower.screen().dump(), plain(&bytes, &[]).dump());
}

/// In pieces of 50 kB, with one step of following for each; the drawn file and the follower.
fn followed(bytes: &[u8]) -> (File, Follower) {
    let mut file = tempfile::tempfile().unwrap();
    let mut follower = Follower::new(40, 10, 0);
    for (n, chunk) in bytes.chunks(50_000).enumerate() {
        file.write_all(chunk).unwrap();
        follower.wrote((n * 50_000) as u64, chunk);
        follower.catch_up(&file, NOW).unwrap();
    }
    (file, follower)
}

#[test]
fn a_glimpse_shows_the_end_of_what_cannot_be_skipped() {
    // The first line is never touched again, and lines are moved: so the flood leaves the
    // exact screen behind.
    let mut bytes = b"kept\r\n".to_vec();
    for n in 0..200_000 {
        let _ = write!(bytes, "\x1b[5;1H\x1b[M\x1b[3{}m{n}\x1b[0m\r\n", n % 8);
    }
    let (file, mut follower) = followed(&bytes);
    assert!(follower.behind() > 1_000_000, "{} bytes behind", follower.behind());
    let exact = plain(&bytes, &[]).dump();
    assert_eq!(follower.glimpse(&file).unwrap().dump(), exact);
    while follower.catch_up(&file, NOW).unwrap() == CaughtUp::More {}
    assert_eq!(follower.screen().dump(), exact);
    assert_eq!(follower.glimpse(&file).unwrap().dump(), exact);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn following_a_flood_ends_exact(
        seed in any::<u64>(),
        mix in prop_oneof![Just([1, 1, 1, 1, 0]), Just([0, 0, 40, 1, 0]), Just([0, 0, 0, 1, 0])],
        len in 300_000usize..900_000,
    ) {
        let bytes = stream(seed, len, mix);
        let (file, mut follower) = followed(&bytes);
        follower.glimpse(&file).unwrap();
        while follower.catch_up(&file, NOW).unwrap() == CaughtUp::More {}
        prop_assert_eq!(follower.screen().dump(), plain(&bytes, &[]).dump());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn skipping_equals_drawing_everything(
        seed in any::<u64>(),
        mix in prop_oneof![
            Just([1, 0, 0, 0, 0]), Just([1, 4, 0, 0, 0]), Just([0, 0, 1, 0, 0]), Just([1, 1, 1, 1, 0]),
            Just([0, 0, 40, 1, 0]), Just([40, 40, 0, 1, 0]), Just([0, 0, 0, 1, 0]),
            Just([0, 0, 0, 0, 1]), Just([0, 0, 1, 0, 9]),
        ],
        len in 300_000usize..700_000,
        resizes in prop::collection::vec((0usize..700_000, 1u16..60, 1u16..15), 0..3),
    ) {
        // A stale mark of a row that goes on shows when a window becomes narrower.
        let mut sizes = if mix[4] > 0 { Vec::new() } else { resizes };
        sizes.sort_unstable();
        check(&stream(seed, len, mix), &sizes);
    }
}

/// `cargo test --release --lib term:: -- --ignored --nocapture`
#[test]
#[ignore = "prints figures"]
fn figures() {
    use crate::term::Scanner;
    let full = |bytes: &mut Vec<u8>| {
        let mut dice = Dice(99);
        while bytes.len() < 64 << 20 {
            for row in 1..=50 {
                let _ = write!(bytes, "\x1b[{row};1H\x1b[{}m{:0>200}", 31 + dice.roll(7), row);
            }
        }
    };
    let kinds: [(&str, Vec<u8>); 3] = [
        ("plain", b"The quick brown fox jumps over the lazy dog, again and again and again.\r\n"
            .repeat(900_000)),
        ("coloured", b"\x1b[32mok\x1b[0m   \x1b[1;34msrc/term/follower.rs\x1b[0m \x1b[38;5;244m12 ms\x1b[0m and some text\r\n"
            .repeat(700_000)),
        ("full screen", { let mut bytes = Vec::new(); full(&mut bytes); bytes }),
    ];
    for (name, bytes) in kinds {
        let mb = bytes.len() as f64 / 1e6;
        let rate = |from: Instant| mb / from.elapsed().as_secs_f64();
        let start = Instant::now();
        let mut scanner = Scanner::new(200, 50);
        bytes.chunks(4096).for_each(|c| {
            scanner.feed(c);
        });
        let scan = rate(start);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let mut follower = Follower::new(200, 50, 100);
        let start = Instant::now();
        let mut at = 0;
        for c in bytes.chunks(4096) {
            follower.wrote(at, c);
            at += c.len() as u64;
        }
        let track = rate(start);
        let start = Instant::now();
        while follower.catch_up(&file, Duration::from_millis(10)).unwrap() == CaughtUp::More {}
        let end = start.elapsed();
        let mut screen = Screen::new(200, 50, 100);
        let start = Instant::now();
        let some = &bytes[..16 << 20];
        some.chunks(4096).for_each(|c| screen.process(c));
        let draw = some.len() as f64 / 1e6 / start.elapsed().as_secs_f64();
        println!(
            "{name}: scanner {scan:.0} MB/s, follower's look {track:.0} MB/s, drawing {draw:.0} \
             MB/s, exact {} ms after {mb:.0} MB at once",
            end.as_millis()
        );
    }
}
