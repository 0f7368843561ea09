use super::*;
use std::fs;
use std::io::Write as _;

fn at(ms: i64) -> Stamp {
    Stamp(1_700_000_000_000_000 + ms * 1000)
}

fn text(recording: &Recording) -> String {
    let mut out = Vec::new();
    write_text(recording, 0, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn raw(recording: &Recording) -> Vec<u8> {
    let mut out = Vec::new();
    write_raw(recording, 0, &mut out).unwrap();
    out
}

#[test]
fn what_is_written_is_read_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::open(dir.path(), 1 << 30).unwrap();
    recorder.resize(80, 24, at(0));
    let mut all = Vec::new();
    for n in 0..1000i64 {
        let bytes: Vec<u8> = (0..n % 97).map(|b| (b * 7 + n) as u8).collect();
        assert_eq!(recorder.write(&bytes, at(n)).unwrap(), None);
        all.extend(bytes);
    }
    assert_eq!(recorder.len(), all.len() as u64);
    let recording = Recording::open(dir.path()).unwrap();
    assert_eq!(raw(&recording), all);
    let outputs = recording.entries().iter().filter(|e| e.kind == EntryKind::Output).count();
    assert!((150..=250).contains(&outputs), "{outputs} records for a second");
    let mut buf = [0; 10];
    assert_eq!(recording.read_at(all.len() as u64 - 3, &mut buf).unwrap(), 3);
    assert_eq!(buf[..3], all[all.len() - 3..]);
}

#[test]
fn a_recorder_goes_on_after_a_crash_that_tore_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::open(dir.path(), 1 << 30).unwrap();
    recorder.write(b"one", at(0)).unwrap();
    recorder.write(b"two", at(50)).unwrap();
    drop(recorder);
    let index = dir.path().join(INDEX);
    let mut file = fs::OpenOptions::new().append(true).open(&index).unwrap();
    file.write_all(&[0; 31]).unwrap();
    let recording = Recording::open(dir.path()).unwrap();
    assert_eq!(recording.entries().len(), 2);
    let mut recorder = Recorder::open(dir.path(), 1 << 30).unwrap();
    recorder.write(b"three", at(99)).unwrap();
    let recording = Recording::open(dir.path()).unwrap();
    assert_eq!(recording.entries().len(), 3);
    assert_eq!(recording.entries()[2].offset, 6);
    assert_eq!(raw(&recording), b"onetwothree");
}

#[test]
fn any_damage_to_the_index_leaves_the_bytes() {
    let dir = tempfile::tempdir().unwrap();
    Recorder::open(dir.path(), 1 << 30).unwrap().write(b"kept", at(0)).unwrap();
    for damage in [b"".as_slice(), b"x", &[0xff; 100], &[0; 100]] {
        fs::write(dir.path().join(INDEX), damage).unwrap();
        assert_eq!(raw(&Recording::open(dir.path()).unwrap()), b"kept");
    }
    fs::remove_file(dir.path().join(INDEX)).unwrap();
    assert_eq!(raw(&Recording::open(dir.path()).unwrap()), b"kept");
}

#[test]
fn the_cap_cuts_the_oldest_middle() {
    let dir = tempfile::tempdir().unwrap();
    let cap = 1 << 20;
    let mut recorder = Recorder::open(dir.path(), cap).unwrap();
    let mut all = Vec::new();
    let mut cuts = Vec::new();
    for n in 0..4000u32 {
        let line = format!("{n:09} {}\r\n", "x".repeat(1000));
        match recorder.write(line.as_bytes(), at(i64::from(n))) {
            Ok(cut) => cuts.extend(cut),
            // A file system without holes: the cap is the end.
            Err(e) if e.is_full() => return,
            Err(e) => panic!("{e}"),
        }
        all.extend_from_slice(line.as_bytes());
    }
    assert!(cuts.len() > 2, "{cuts:?}");
    let recording = Recording::open(dir.path()).unwrap();
    let [cut] = recording.cuts() else { panic!("{:?}", recording.cuts()) };
    assert_eq!((cut.from, cut.to), (cuts[0].from, cuts[cuts.len() - 1].to));
    assert_eq!(recording.len(), all.len() as u64);
    let mark = format!("\r\n[dash: {} bytes of output were cut here]\r\n", cut.to - cut.from);
    let expected = [&all[..cut.from as usize], mark.as_bytes(), &all[cut.to as usize..]].concat();
    assert!(raw(&recording) == expected);
    assert!(text(&recording).contains("bytes of output were cut here"));
    let disk = {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(dir.path().join(RAW)).unwrap().blocks() * 512
    };
    assert!(disk <= cap + (64 << 10), "{disk} bytes on disk");
    // A recorder that goes on knows of the hole.
    let mut recorder = Recorder::open(dir.path(), cap).unwrap();
    for n in 0..200 {
        recorder.write(&[b'y'; 1000], at(5000 + n)).unwrap();
    }
    assert_eq!(Recording::open(dir.path()).unwrap().cuts()[0].from, cut.from);
}

#[test]
fn text_can_be_searched() {
    let dir = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::open(dir.path(), 1 << 30).unwrap();
    let bytes =
        "\x1b[1mbold\x1b[0m line\r\n\x1b]0;title\x0710%\r20%\rdone\r\n\x1b[2;5Hthere\x1b[3Cgap é";
    recorder.write(bytes.as_bytes(), at(0)).unwrap();
    let recording = Recording::open(dir.path()).unwrap();
    assert_eq!(text(&recording), "bold line\n10%\n20%\ndone\nthere gap é\n");
}

/// Controls that hide in UTF-8, marks of direction, and bytes that would become one of them
/// once what stands between them is gone.
#[test]
fn text_commands_no_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::open(dir.path(), 1 << 30).unwrap();
    let bytes = [
        "a\u{9b}31mb\u{85}\u{80}\u{9f}\u{7f}c\u{a0}d\r\n".as_bytes(),
        "\u{202a}e\u{202e}f\u{2066}g\u{2069}\u{200e}h\u{200f}\u{61c}\u{feff}i\r\n".as_bytes(),
        b"\xc2\x1b[m\x9bj\xe2\x80\x00\xaek\xc2\xc2\x9b\x9bl\xff\n\xe2\x80\x1b]0;t\x07\xae\n",
        "日本 naïve 👍🏽 e\u{301} \u{200d}é".as_bytes(),
    ]
    .concat();
    for piece in bytes.chunks(1) {
        recorder.write(piece, at(0)).unwrap();
    }
    recorder.write(b"\xc2", at(1)).unwrap();
    let recording = Recording::open(dir.path()).unwrap();
    assert_eq!(
        text(&recording),
        "a31mbc\u{a0}d\nefghi\n��j��k��l�\n��\n日本 naïve 👍🏽 e\u{301} \u{200d}é�\n"
    );
}

#[test]
fn a_cast_has_relative_times_and_whole_characters() {
    let dir = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::open(dir.path(), 1 << 30).unwrap();
    recorder.resize(100, 30, at(0));
    recorder.write(b"h\xc3", at(1500)).unwrap();
    recorder.write(b"\xa9llo \xff\"\x1b[0m", at(1600)).unwrap();
    recorder.resize(90, 20, at(1700));
    recorder.mark(3, at(1750));
    recorder.write(b"end\xe2\x82", at(1750)).unwrap();
    let mut out = Vec::new();
    write_cast(&Recording::open(dir.path()).unwrap(), &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    let mut lines = out.lines();
    let header: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(header["version"], 3);
    assert_eq!((&header["term"]["cols"], &header["term"]["rows"]), (&100.into(), &30.into()));
    assert_eq!(header["timestamp"], 1_700_000_000);
    let events: Vec<&str> = lines.collect();
    assert_eq!(
        events,
        [
            r#"[1.500000, "o", "h"]"#,
            r#"[0.100000, "o", "éllo �\"\u001b[0m"]"#,
            r#"[0.100000, "r", "90x20"]"#,
            r#"[0.050000, "m", "3"]"#,
            r#"[0.000000, "o", "end"]"#,
            r#"[0.000000, "o", "�"]"#,
        ]
    );
}

/// A child under a limit of file sizes stands for a full disk: it fails in the middle of a
/// write, and goes on when the limit is lifted.
#[test]
fn a_full_disk_loses_and_doubles_nothing() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const CHILD: &str = "DASH_TEST_FULL_DISK_DIR";
    let Some(dir) = std::env::var_os(CHILD) else {
        let dir = tempfile::tempdir().unwrap();
        let name = "term::recording::tests::a_full_disk_loses_and_doubles_nothing";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, dir.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    };
    // SAFETY: ignoring a signal that this process would else die of.
    #[allow(unsafe_code)]
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
    let limit = |bytes: u64| {
        let maximum = getrlimit(Resource::Fsize).maximum;
        setrlimit(Resource::Fsize, Rlimit { current: Some(bytes), maximum }).unwrap();
    };
    let dir = std::path::PathBuf::from(dir);
    let mut recorder = Recorder::open(&dir, 1 << 30).unwrap();
    let all: Vec<u8> = (0..40_000u32).map(|n| (n % 251) as u8).collect();
    limit(10_000);
    let mut rest = all.as_slice();
    let mut refusals = 0;
    while !rest.is_empty() {
        match recorder.write(&rest[..rest.len().min(3000)], at(0)) {
            Ok(_) => rest = &rest[rest.len().min(3000)..],
            Err(e) => {
                assert!(e.is_full(), "{e}");
                rest = &rest[e.written..];
                refusals += 1;
                limit(10_000 + refusals * 9_999);
            }
        }
    }
    assert!(refusals >= 3);
    assert!(raw(&Recording::open(&dir).unwrap()) == all);
}
