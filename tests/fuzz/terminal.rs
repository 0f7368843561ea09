//! What programs print: the scanner, the screen, and the follower that skips most of it.

use crate::{fuzz, pieces, spoken};
use dash::term::{CaughtUp, Follower, Scanner, Screen, Seen};
use std::{fs::File, io::Write, time::Duration};

const OUTPUT: &[&str] = &[
    "\x1b[",
    "\x1b]",
    "\x1bP",
    "\x1b_",
    "\x1b^",
    "\x1b\\",
    "\x07",
    "\x1b",
    "\x18",
    "\x1a",
    "\u{9b}",
    "\u{9d}",
    "?",
    ">",
    "=",
    "0",
    "1",
    "2",
    "7",
    "47",
    "1049",
    "2026",
    "9999999999",
    ";",
    ":",
    "h",
    "l",
    "m",
    "H",
    "J",
    "K",
    "L",
    "M",
    "P",
    "@",
    "X",
    "S",
    "T",
    "r",
    "s",
    "u",
    "n",
    "c",
    "t",
    "q",
    "A",
    "B",
    "C",
    "D",
    "E",
    "F",
    "G",
    "d",
    "b",
    "Z",
    "38;2;1;2;3",
    "4:3",
    "$p",
    "!p",
    " q",
    "(0",
    ")0",
    "\x0e",
    "\x0f",
    "7",
    "8",
    "c",
    "\r",
    "\n",
    "\t",
    "\x08",
    "\x0b",
    "word ",
    "日本",
    "e\u{301}",
    "👩\u{200d}👩",
    "x",
    "7501;state=working;message=",
    "9;4;1;50",
    "11;?",
    "0;title",
    "52;c;?",
    "\x1b[?1049h",
    "\x1b[?1049l",
    "\x1b[6n",
    "\x1b[5;9r",
    "\x1b[?6h",
    "\x1b7",
    "\x1b8",
    "\x1bM",
];

/// A reply or bells that came apart between two pieces, put together again.
fn joined(all: impl IntoIterator<Item = Seen>) -> Vec<Seen> {
    let mut joined: Vec<Seen> = Vec::new();
    for seen in all {
        match (joined.last_mut(), seen) {
            (Some(Seen::Reply(before)), Seen::Reply(bytes)) => before.extend(bytes),
            (Some(Seen::Bell(before)), Seen::Bell(more)) => *before += more,
            (_, seen) => joined.push(seen),
        }
    }
    joined
}

/// To the end, which is near: a step draws some thousand bytes at least.
fn catch_up(follower: &mut Follower, file: &File) {
    for _ in 0..5000 {
        if follower.catch_up(file, Duration::ZERO).unwrap() == CaughtUp::Exact {
            return;
        }
    }
    panic!("it does not catch up");
}

/// However they are split, the same bytes say and show the same.
fn check(bytes: &[u8]) {
    let (mut whole, mut parts) = (Scanner::new(40, 10), Scanner::new(40, 10));
    let seen = joined(whole.feed(bytes));
    assert_eq!(seen, joined(pieces(bytes).flat_map(|piece| parts.feed(piece))));
    assert_eq!((whole.offset(), parts.offset()), (bytes.len() as u64, bytes.len() as u64));

    let mut drawn = Screen::new(40, 10, 0);
    drawn.process(bytes);
    let mut split = Screen::new(40, 10, 0);
    pieces(bytes).for_each(|piece| split.process(piece));
    assert_eq!(drawn.dump(), split.dump());
    // What it holds beside what it shows.
    let mut restored = Screen::new(40, 10, 0);
    restored.process(&drawn.restore_bytes());
    if drawn.faults() == 0 {
        assert_eq!(restored.dump().lines, drawn.dump().lines, "restored");
    }

    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let (mut follower, mut scanner) = (Follower::new(40, 10, 0), Scanner::new(40, 10));
    let mut at = 0;
    let mut heard = Vec::new();
    for piece in pieces(bytes) {
        heard.extend(follower.wrote_seen(at, piece, &mut scanner));
        at += piece.len() as u64;
    }
    assert_eq!(joined(heard), seen);
    catch_up(&mut follower, &file);
    assert_eq!((follower.behind(), follower.screen().dump()), (0, drawn.dump()));
}

#[test]
fn terminal() {
    fuzz!("terminal", 1500, |input: &[u8]| {
        check(input);
        check(spoken(input, OUTPUT).as_bytes());
    });
}

/// The same input again and again, until there is so much of it that most is skipped.
#[test]
fn floods() {
    fuzz!("floods", 12, |input: &[u8]| {
        for unit in [input.to_vec(), spoken(input, OUTPUT).into_bytes()] {
            if unit.is_empty() {
                continue;
            }
            let bytes = unit.repeat(400_000 / unit.len() + 1);
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            let mut follower = Follower::new(40, 10, 0);
            follower.wrote(0, &bytes);
            catch_up(&mut follower, &file);
            let mut screen = Screen::new(40, 10, 0);
            screen.process(&bytes);
            assert_eq!(follower.screen().dump(), screen.dump());
        }
    });
}
