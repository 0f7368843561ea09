//! The chain against everything that may be done to it, and its format by a second hand.

use super::*;
use proptest::{prelude::*, sample::Index};

/// The format as its documentation says it, from an exported line alone.
fn by_the_book(line: &str) -> String {
    let row: Value = serde_json::from_str(line).unwrap();
    let mut text = "dash audit 1\n".to_owned();
    for key in "n at who leave action swarm agent attempt outcome detail prev".split(' ') {
        match &row[key] {
            Value::Null => text += "-",
            Value::String(field) => text += &format!("{}:{field},", field.len()),
            // A number or an object: its compact JSON, with the keys in order.
            other => text += &format!("{}:{other},", other.to_string().len()),
        }
    }
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn draft(i: u64) -> AuditDraft {
    let who = match i % 3 {
        0 => Actor::Core,
        1 => Actor::User("rööt, \"x\"".to_owned()),
        _ => Actor::Agent("ag-07".into()),
    };
    let row = AuditDraft::new(&who, "agent.spawn").with("n", i).with("task", "a\n\u{1}\u{7f}é");
    match i % 4 {
        0 => row,
        1 => row.on_swarm(&"sw-1".into()),
        2 => row.on_swarm(&"sw-1".into()).on_agent(&"ag-02".into()).refused("no"),
        _ => row.on_agent(&"ag-02".into()).on_attempt(&"ag-02-1".into()),
    }
}

fn rows(count: u64) -> (Vec<AuditRow>, Head) {
    let mut head = Head::default();
    let rows = (0..count).map(|i| head.seal(draft(i), Stamp(i as i64 * 1_000_000))).collect();
    (rows, head)
}

fn check(rows: impl IntoIterator<Item = AuditRow>, head: &Head) -> AuditReport {
    let mut chain = Chain::whole(head.clone());
    rows.into_iter().for_each(|row| chain.row(row));
    chain.finish(Some(head.n))
}

fn found(report: &AuditReport) -> Vec<(BreakKind, u64, u64)> {
    report.breaks.iter().map(|found| (found.kind, found.from, found.to)).collect()
}

#[test]
fn an_exported_line_verifies_by_the_documentation_alone() {
    let (rows, _) = rows(12);
    for row in &rows {
        let line = serde_json::to_string(row).unwrap();
        assert_eq!(by_the_book(&line), row.hash, "{line}");
        assert_eq!(&serde_json::from_str::<AuditRow>(&line).unwrap(), row);
    }
    // Computed with Python's hashlib from the documentation: the format does not drift.
    assert_eq!(rows[0].hash, "f7fcae3c58aaf8c4cf6bec6e9ce0344ba133b756cbad57ecfa568e048493f76f");
    assert_eq!(rows[3].hash, "8fdabe425019c1a0fe75967a7ccc01abfc69e8296c40e6a78674ea84a9bf2dd8");
}

#[test]
fn fields_cannot_be_shifted_into_each_other() {
    let mut row = rows(2).0.remove(1);
    let before = row.digest();
    (row.who, row.leave) = (format!("{}a", row.who), row.leave.split_off(1));
    assert_ne!(row.digest(), before);
    let mut row = rows(1).0.remove(0);
    let before = row.digest();
    row.swarm = Some(String::new());
    assert_ne!(row.digest(), before, "absent is not empty");
}

#[test]
fn what_was_done_is_named() {
    let (all, head) = rows(8);
    assert_eq!(found(&check(all.clone(), &head)), []);

    let mut changed = all.clone();
    changed[4].outcome = "ok ".to_owned();
    assert_eq!(found(&check(changed.clone(), &head)), [(BreakKind::Changed, 5, 5)]);
    changed[4].hash = changed[4].digest();
    assert_eq!(found(&check(changed, &head)), [(BreakKind::Replaced, 5, 5)]);

    let mut removed = all.clone();
    removed.drain(2..4);
    assert_eq!(found(&check(removed, &head)), [(BreakKind::Removed, 3, 4)]);
    let mut removed = all.clone();
    removed.remove(0);
    assert_eq!(found(&check(removed, &head)), [(BreakKind::Removed, 1, 1)]);

    // As lines of an export, and as numbers in a table.
    let mut swapped = all.clone();
    swapped.swap(2, 5);
    let report = check(swapped, &head);
    assert!(found(&report).iter().all(|(kind, ..)| *kind == BreakKind::Reordered), "{report:?}");
    let mut swapped = all.clone();
    (swapped[2].n, swapped[5].n) = (6, 3);
    swapped.swap(2, 5);
    let moved = [(BreakKind::Reordered, 3, 3), (BreakKind::Reordered, 6, 6)];
    assert_eq!(found(&check(swapped, &head)), moved);

    assert_eq!(found(&check(all[..6].to_vec(), &head)), [(BreakKind::Cut, 7, 8)]);
    assert_eq!(found(&check([], &head)), [(BreakKind::Cut, 1, 8)]);
    // One who can hash can go on with the chain; not past what the core knows.
    let mut forged = head.clone();
    let more = forged.seal(draft(0), Stamp(0));
    let longer = all.iter().cloned().chain([more]);
    assert_eq!(found(&check(longer, &head)), [(BreakKind::Inserted, 9, 9)]);
    // Or make up all of it anew.
    let mut other = Head::default();
    let anew: Vec<_> = (0..8).map(|i| other.seal(draft(i + 1), Stamp(0))).collect();
    assert_eq!(found(&check(anew, &head)), [(BreakKind::Replaced, 8, 8)]);

    let twice = all.iter().cloned().chain([all[3].clone()]);
    assert_eq!(found(&check(twice, &head)), [(BreakKind::Inserted, 4, 4)]);
}

#[test]
fn a_piece_is_checked_for_itself() {
    let (all, _) = rows(8);
    let piece = |rows: &[AuditRow]| {
        let mut chain = Chain::piece();
        rows.iter().cloned().for_each(|row| chain.row(row));
        chain.finish(None)
    };
    assert!(piece(&all[3..6]).sound && piece(&[]).sound);
    assert_eq!((piece(&all[3..6]).from, piece(&all[3..6]).to), (4, 6));
    assert!(!piece(&[all[3].clone(), all[5].clone()]).sound);
    let mut first = all[0].clone();
    first.prev = "1".repeat(64);
    first.hash = first.digest();
    assert_eq!(found(&piece(&[first])), [(BreakKind::Replaced, 1, 1)]);
}

/// Rows 1 to 5, then one of number 8 that says that 6 and 7 are missing.
fn with_gap(boot: &str, edit: impl FnOnce(&mut AuditRow)) -> AuditReport {
    let (mut all, mut head) = rows(5);
    head.n = 7;
    let gap = AuditDraft::new(&Actor::Core, "audit.gap");
    let gap = gap.with("from", 6u64).with("to", 7u64).with("boot", boot);
    let mut gap = head.seal(gap, Stamp(0));
    edit(&mut gap);
    gap.hash = gap.digest();
    all.push(gap);
    all.push(head.seal(draft(0), Stamp(0)));
    check(all, &head)
}

#[test]
fn only_a_gap_that_is_recorded_in_its_place_is_none() {
    let report = with_gap("another", |_| {});
    assert!(report.sound && report.gaps.len() == 1, "{report:?}");
    assert_eq!(found(&with_gap("same", |_| {})), [(BreakKind::Cut, 6, 7)]);
    for edit in [
        (|gap| gap.detail = gap.detail.replace('6', "5")) as fn(&mut AuditRow),
        |gap| gap.who = "user root".to_owned(),
        |gap| gap.prev = "0".repeat(64),
        |gap| gap.action = "core.start".to_owned(),
        |gap| gap.detail = "not json".to_owned(),
    ] {
        let report = with_gap("another", edit);
        assert!(report.gaps.is_empty() && !report.sound, "{report:?}");
    }
}

#[test]
fn many_breaks_are_counted_and_some_named() {
    let (mut all, head) = rows(500);
    all.iter_mut().for_each(|row| row.leave.push('x'));
    let report = check(all, &head);
    assert_eq!((report.broken, report.breaks.len()), (500, 100));
}

#[test]
fn texts_are_cut_and_a_detail_that_is_no_json_still_goes_out() {
    let long = AuditDraft::new(&Actor::Core, "x").with("t", "é".repeat(999)).with("e", "");
    assert_eq!(long.detail["t"].as_str().unwrap().chars().count(), SHORT + 1);
    assert_eq!(long.detail.get("e"), None);
    assert!(long.refused(&"w".repeat(999)).outcome.chars().count() <= SHORT + 1);
    for odd in ["no json", "{\"a\":1\n}", "", "{} {}", " {}"] {
        let row = AuditRow { detail: odd.to_owned(), ..AuditRow::default() };
        let line = serde_json::to_string(&row).unwrap();
        assert!(!line.contains('\n'), "{line}");
        serde_json::from_str::<AuditRow>(&line).unwrap();
    }
}

/// Something done to one row; false where it happens to leave it as it was.
fn edit(row: &mut AuditRow, field: usize, text: &str) -> bool {
    let before = row.clone();
    match field {
        0 => row.n = row.n.wrapping_add(text.len() as u64 + 1),
        1 => row.at.push_str(text),
        2 => row.who = text.to_owned(),
        3 => row.leave.insert_str(0, text),
        4 => row.action = text.to_owned(),
        5 => row.swarm = Some(text.to_owned()).filter(|_| row.swarm.is_none()),
        6 => row.agent = Some(text.to_owned()),
        7 => row.attempt = Some(text.to_owned()),
        8 => row.outcome = text.to_owned(),
        9 => row.detail.push_str(text),
        10 => row.prev = text.to_owned(),
        _ => row.hash = text.to_owned(),
    }
    *row != before
}

proptest! {
    #[test]
    fn any_change_of_any_field_is_found(
        count in 1u64..30, at: Index, field in 0usize..12, text in ".{0,6}",
    ) {
        let (mut all, head) = rows(count);
        let at = at.index(all.len());
        prop_assume!(edit(&mut all[at], field, &text));
        all.sort_by_key(|row| row.n);
        prop_assert!(!check(all, &head).sound);
    }

    #[test]
    fn any_rows_removed_repeated_or_moved_are_found(
        count in 2u64..30, one: Index, other: Index, what in 0usize..4,
    ) {
        let (all, head) = rows(count);
        let (one, other) = (one.index(all.len()), other.index(all.len()));
        let mut edited = all.clone();
        match what {
            0 => drop(edited.remove(one)),
            1 => edited.insert(other, all[one].clone()),
            2 => edited.swap(one, other),
            _ => edited.truncate(one),
        }
        prop_assume!(edited != all);
        prop_assert!(!check(edited.clone(), &head).sound);
        // Without the core's knowledge of the end, all but a cut.
        let mut piece = Chain::piece();
        edited.iter().cloned().for_each(|row| piece.row(row));
        let ends = all.ends_with(&edited) || all.starts_with(&edited);
        prop_assert_eq!(piece.finish(None).sound, ends);
    }

    #[test]
    fn a_row_put_in_between_is_found(count in 1u64..30, at: Index, rehash: bool) {
        let (mut all, head) = rows(count);
        let at = at.index(all.len());
        let mut before = match at {
            0 => Head::default(),
            at => Head { n: all[at - 1].n, hash: all[at - 1].hash.clone() },
        };
        // It fits the one before; the later ones make room for it.
        let forged = before.seal(draft(99), Stamp(0));
        for row in &mut all[at..] {
            row.n += 1;
            if rehash {
                row.hash = row.digest();
            }
        }
        all.insert(at, forged);
        prop_assert!(!check(all, &head).sound);
    }
}
